//! The shaders of linear layers: what reads x and the weights, and how the product is cut up.

use super::{Access, Access::*, EXCHANGES, MOST_STEPS, Tiling, extensions, product};
use crate::kernel::weight::{self, Reads, WeightFormat};

/// How a linear layer reads x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// As floats, one at a time.
    Scalar,
    /// As vectors of four floats: the inner length is a multiple of four.
    Vector,
    /// As signed bytes, made by [`super::Kernel::Pack`]; the weights are integers.
    Packed,
    /// As 16-bit floats, made by [`super::Kernel::Halve`].
    Halves,
}

/// Rows of x, and of weights, that a team takes.
const ROWS: [(u32, &str); 2] = [(1, "const ROWS = 1u;\n"), (4, "const ROWS = 4u;\n")];
const COLUMNS: [(u32, &str); 3] =
    [(1, "const COLUMNS = 1u;\n"), (2, "const COLUMNS = 2u;\n"), (4, "const COLUMNS = 4u;\n")];

/// Units that a thread of a team has on their way at once.
const STEPS: [(u32, &str); MOST_STEPS as usize] = [(1, "const STEPS = 1u;\n"), (2, "const STEPS = 2u;\n")];

/// Subgroups below each other in a workgroup that multiplies on matrix units.
const DOWN: [(u32, &str); 2] = [(2, "const DOWN = 2u;\n"), (4, "const DOWN = 4u;\n")];
/// Matrix units have no standard yet; Chrome has them behind a flag, and naga not at all.
const MATRIX_EXTENSIONS: &str = "enable f16;\nenable subgroups;\nenable chromium_experimental_subgroup_matrix;\n";

fn number(known: &[(u32, &'static str)], wanted: u32) -> Option<&'static str> {
    known.iter().find(|(n, _)| *n == wanted).map(|row| row.1)
}

/// The parts of a shader, in order.
pub fn parts(tiling: Tiling, format: WeightFormat, input: Input) -> Vec<&'static str> {
    let mut parts = vec![match tiling {
        Tiling::Matrix { .. } => MATRIX_EXTENSIONS,
        _ => extensions(matches!(tiling, Tiling::Team { exchange: 1.., .. })),
    }];
    parts.extend([include_str!("../activation/activation.wgsl"), include_str!("../linear/operands.wgsl")]);
    parts.push(match input {
        Input::Scalar => include_str!("../linear/input_scalar.wgsl"),
        Input::Vector => include_str!("../linear/input_vector.wgsl"),
        Input::Packed => include_str!("../linear/packed_product.wgsl"),
        Input::Halves => include_str!("../linear/input_halves.wgsl"),
    });
    parts.extend(format.parts(match (tiling, input) {
        (Tiling::Matrix { .. }, _) => Reads::Eight,
        (_, Input::Packed) => Reads::Block,
        (Tiling::Team { .. }, _) => Reads::Unit,
        (_, Input::Vector | Input::Halves) => Reads::Vector,
        (_, Input::Scalar) => Reads::Scalar,
    }));
    match (tiling, input) {
        (Tiling::Team { rows, columns, exchange, steps, .. }, _) => {
            // Integers and floats differ most in how many values sixteen bytes hold.
            let staged = input != Input::Packed && matches!(format, WeightFormat::Integer { .. });
            if !staged && input != Input::Packed {
                parts.push(include_str!("../linear/float_product.wgsl"));
            }
            parts.extend(team(rows, columns, exchange));
            if staged {
                parts.push(include_str!("../linear/team_staged.wgsl"));
            } else {
                parts.extend(direct(steps));
            }
        }
        (Tiling::Matrix { down }, _) => {
            parts.extend(number(&DOWN, down));
            parts.push(include_str!("../matmul/matrix.wgsl"));
        }
        (_, Input::Packed) => parts.push(include_str!("../linear/packed_tile.wgsl")),
        _ => parts.push(product(tiling)),
    }
    parts
}

/// Where a kernel that makes x ready finds an input of the weights.
pub fn places(ordered: bool) -> &'static str {
    if ordered { include_str!("../linear/in_order.wgsl") } else { include_str!("../linear/as_they_lie.wgsl") }
}

/// The parts of a shader that computes some layers of one row, in order.
pub fn stacked(layers: usize, tiling: Tiling, bits: u32) -> Vec<&'static str> {
    let Tiling::Team { rows, columns, exchange, steps, .. } = tiling else { return Vec::new() };
    let mut parts = vec![extensions(exchange > 0), include_str!("../activation/activation.wgsl")];
    parts.extend([include_str!("../linear/operands_stacked.wgsl"), include_str!("../linear/packed_product.wgsl")]);
    parts.push(if layers == 3 { include_str!("../linear/three.wgsl") } else { include_str!("../linear/two.wgsl") });
    parts.extend(weight::stacked_parts(bits));
    parts.extend(team(rows, columns, exchange));
    parts.extend(direct(steps));
    parts
}

/// How the threads of a team take what they read themselves.
fn direct(steps: u32) -> Vec<&'static str> {
    match number(&STEPS, steps) {
        Some(steps) => vec![steps, include_str!("../linear/team_ahead.wgsl")],
        None => vec![include_str!("../linear/team_direct.wgsl")],
    }
}

/// What all teams have.
fn team(rows: u32, columns: u32, exchange: u32) -> Vec<&'static str> {
    let mut parts: Vec<_> = number(&ROWS, rows).into_iter().chain(number(&COLUMNS, columns)).collect();
    parts.push(include_str!("../linear/team.wgsl"));
    if exchange > 0 {
        parts.extend([EXCHANGES, include_str!("../linear/total_subgroup.wgsl")]);
    } else {
        parts.push(include_str!("../linear/total_memory.wgsl"));
    }
    parts
}

/// What is bound where.
pub fn bindings(format: WeightFormat, input: Input) -> Vec<Access> {
    let factors: &[Access] = if input == Input::Packed { &[Read] } else { &[] };
    [&[Read, Read, Write, Uniform], factors, format.bindings()].concat()
}

/// Every way there is, without the activation.
pub fn all() -> Vec<(Tiling, WeightFormat, Input)> {
    let mut all = Vec::new();
    let tiles = [16, 8].map(|side| Tiling::Tile { side });
    let teams = [(1, 1), (1, 2), (1, 4), (4, 2)].into_iter().flat_map(|(rows, columns)| {
        let team = move |lanes, exchange| Tiling::Team { rows, columns, lanes, exchange, whole: false, steps: 0 };
        [team(32, 0), team(4, 4), team(32, 32)]
    });
    let teams: Vec<_> = teams.collect();
    for format in WeightFormat::ALL {
        let is_integer = matches!(format, WeightFormat::Integer { .. });
        // Whether there are zero points is nothing to what x is read as.
        let rounds = matches!(format, WeightFormat::Integer { zeros: false, .. });
        for tiling in tiles.into_iter().chain([Tiling::Wide, Tiling::Direct, Tiling::Single]) {
            all.extend([Input::Scalar, Input::Vector].map(|input| (tiling, format, input)));
            all.extend(rounds.then_some((tiling, format, Input::Halves)));
        }
        for &tiling in &teams {
            all.push((tiling, format, Input::Vector));
            if format != WeightFormat::F32 {
                all.push((tiling, format, Input::Scalar));
            }
            if is_integer {
                all.push((tiling, format, Input::Packed));
                all.extend(rounds.then_some((tiling, format, Input::Halves)));
            }
        }
        if is_integer {
            let two = |exchange, whole, steps| Tiling::Team {
                rows: 1,
                columns: 1,
                lanes: 2 * exchange,
                exchange,
                whole,
                steps,
            };
            let twos = [two(4, false, 0), two(4, true, 2), two(32, false, 1), two(32, true, 0), two(32, true, 2)];
            let tilings = twos.into_iter().chain([Tiling::Wide]);
            all.extend(tilings.map(|tiling| (tiling, format, Input::Packed)));
        }
        if format != WeightFormat::F32 {
            all.extend(DOWN.iter().map(|&(down, _)| (Tiling::Matrix { down }, format, Input::Halves)));
        }
    }
    all
}

/// Every way to compute some layers of one row: how many, how they are cut up, and bits.
pub fn all_stacked() -> Vec<(usize, Tiling, u32)> {
    let team =
        |columns, lanes, exchange, whole, steps| Tiling::Team { rows: 1, columns, lanes, exchange, whole, steps };
    let teams = [1, 2].into_iter().flat_map(|columns| [0, 32].map(|exchange| team(columns, 32, exchange, false, 0)));
    let tilings: Vec<_> = teams.chain([team(1, 8, 4, false, 0), team(1, 64, 32, true, 1)]).collect();
    let ways = [(2, 4), (2, 8), (3, 4), (3, 8)].into_iter();
    ways.flat_map(|(layers, bits)| tilings.iter().map(move |&tiling| (layers, tiling, bits))).collect()
}
