//! What is timed.

use matrix_engine::protocol::{Activations, BenchAttention, BenchForm, BenchWeights, BenchWork};

/// Matrices `[outputs, inputs]` of models with one to eight billion parameters; the last is a vocabulary.
const LARGE: [[u32; 2]; 6] = [[4096, 4096], [11008, 4096], [4096, 11008], [2048, 2048], [8192, 2048], [128_256, 2048]];
/// Matrices whose product with a whole prompt is timed.
const LARGE_PROMPT: [[u32; 2]; 2] = [[4096, 4096], [11008, 4096]];
/// What a CPU, or one that stands in for a GPU, does in a moment.
const SMALL: [[u32; 2]; 3] = [[1024, 1024], [2816, 1024], [1024, 2816]];
/// Rows of a prompt.
const PROMPT: u32 = 512;
const SMALL_PROMPT: u32 = 64;
/// A token of its own, and a few together.
const FEW: [u32; 2] = [1, 4];

/// Heads of queries, and of keys and values.
const HEADS: [u32; 2] = [32, 8];
const HEAD_WIDTHS: [u32; 2] = [64, 128];
/// Tokens of a sequence.
const LENGTHS: [u32; 4] = [512, 2048, 4096, 8192];
const SMALL_LENGTHS: [u32; 2] = [64, 256];

/// The copy that everything is compared with, as a name.
pub const COPY: &str = "copy";

/// One piece of work with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// `gemv 11008x4096 int4 g128 dot+subgroups`
    pub name: String,
    /// What is computed.
    pub work: BenchWork,
}

/// Every case for a device, the copy first; `small` for one that computes on a CPU, which `gpu` tells apart
/// from one without kernels.
#[must_use]
pub fn cases(small: bool, gpu: bool) -> Vec<Case> {
    let bytes = if small { 64 << 20 } else { 512 << 20 };
    let mut all = vec![Case { name: COPY.into(), work: BenchWork::Copy { bytes } }];
    let (shapes, prompts) = if small { (&SMALL[..], &SMALL[..1]) } else { (&LARGE[..], &LARGE_PROMPT[..]) };
    for shape in shapes {
        // More than one row at the shape of a feed-forward layer only.
        let rows = if *shape == shapes[1] { &FEW[..] } else { &FEW[..1] };
        for &rows in rows {
            all.extend(products(rows, *shape, gpu));
        }
    }
    if gpu {
        all.extend(pairs(shapes[1]));
    }
    for shape in prompts {
        all.extend(products(if small { SMALL_PROMPT } else { PROMPT }, *shape, gpu));
    }
    for width in HEAD_WIDTHS {
        for &keys in if small { &SMALL_LENGTHS[..] } else { &LENGTHS[..] } {
            all.extend([keys, 1].into_iter().flat_map(|queries| attentions([queries, keys, width], gpu)));
        }
    }
    all
}

/// Attention, plain and without a matrix of scores, with what kernels of it may use.
fn attentions([queries, keys, width]: [u32; 3], gpu: bool) -> Vec<Case> {
    let (exact, half) = (Activations::Auto, Activations::F16);
    let forms = [
        ("flash+subgroups", true, true, exact),
        ("flash+half", true, false, half),
        ("flash", true, false, exact),
        ("plain", false, false, exact),
    ];
    // Only a token of its own is answered by subgroups, and only a prompt by tiles.
    let exists = |subgroups: bool, activations| {
        (!subgroups || (gpu && queries == 1)) && (activations == exact || (gpu && queries > 1))
    };
    let case = |(form, flash, subgroups, activations)| {
        let title = if queries == 1 { "decode" } else { "prefill" };
        let form_used = BenchForm { subgroups, activations, ..BenchForm::default() };
        let [heads, kv_heads] = HEADS;
        let work = BenchAttention { queries, keys, heads, kv_heads, width, flash, form: form_used };
        Case { name: format!("attention {title} {keys} d{width} {form}"), work: BenchWork::Attention(work) }
    };
    forms.into_iter().filter(|(_, _, subgroups, way)| exists(*subgroups, *way)).map(case).collect()
}

/// The products of a row with gate and up of a feed-forward layer, at once.
fn pairs([outputs, inputs]: [u32; 2]) -> impl Iterator<Item = Case> {
    [4, 8].into_iter().flat_map(move |bits| {
        [("dot+subgroups+packed", true), ("dot+packed", false)].map(|(title, subgroups)| {
            let form = BenchForm {
                activations: Activations::Int8,
                shared: true,
                pairs: true,
                subgroups,
                ..BenchForm::default()
            };
            let weights = BenchWeights::Integer { bits, group: 128, zeros: false };
            let name = format!("gemv 2x{outputs}x{inputs} int{bits} g128 {title}");
            Case { name, work: BenchWork::Linear { rows: 1, outputs, inputs, weights, form } }
        })
    })
}

/// A product with weights in every format, by every kind of kernel that suits it.
fn products(rows: u32, [outputs, inputs]: [u32; 2], gpu: bool) -> Vec<Case> {
    let integer = |bits, zeros| BenchWeights::Integer { bits, group: 128, zeros };
    let formats = [
        ("int4 g128", integer(4, false)),
        ("int4 g128 zeros", integer(4, true)),
        ("int8 g128", integer(8, false)),
        ("f16", BenchWeights::F16),
        ("f32", BenchWeights::F32),
    ];
    let form = |activations, subgroups| BenchForm { activations, subgroups, ..BenchForm::default() };
    let (dot, half, float) = (Activations::Int8, Activations::F16, Activations::F32);
    let forms = [
        ("dot+subgroups+packed", BenchForm { shared: true, ..form(dot, true) }),
        ("dot+subgroups", form(dot, true)),
        ("dot", form(dot, false)),
        ("half+subgroups", form(half, true)),
        ("half", form(half, false)),
        ("float+subgroups", form(float, true)),
        ("float", form(float, false)),
        ("matrix", BenchForm { matrices: true, ..form(half, false) }),
    ];
    let title = match rows {
        1 => "gemv".to_owned(),
        rows if rows <= 8 => format!("gemv m{rows}"),
        rows => format!("gemm m{rows}"),
    };
    let mut all = Vec::new();
    for (format, weights) in formats {
        for (name, form) in forms {
            let is_integer = matches!(weights, BenchWeights::Integer { .. });
            let rounds = form.activations != float && !form.matrices;
            // Floats are multiplied with floats as they are, tiles have no subgroups, and a CPU has one form.
            let suits = !form.matrices || (rows > 8 && gpu && weights != BenchWeights::F32);
            if (is_integer || !rounds) && (rows <= 8 || !form.subgroups) && (gpu || name == "float") && suits {
                let name = format!("{title} {outputs}x{inputs} {format} {name}");
                all.push(Case { name, work: BenchWork::Linear { rows, outputs, inputs, weights, form } });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_cases_apart() {
        for (small, gpu) in [(false, true), (true, true), (true, false)] {
            let all = cases(small, gpu);
            let mut names: Vec<_> = all.iter().map(|case| case.name.clone()).collect();
            assert_eq!(names[0], COPY);
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all.len());
        }
        let names: Vec<_> = cases(false, true).into_iter().map(|case| case.name).collect();
        assert!(names.contains(&"gemv 128256x2048 int4 g128 dot+subgroups".to_owned()));
        assert!(names.contains(&"attention decode 8192 d128 flash+subgroups".to_owned()));
        assert!(names.contains(&"gemv 2x11008x4096 int4 g128 dot+subgroups+packed".to_owned()));
        assert!(names.contains(&"gemm m512 11008x4096 int4 g128 zeros dot".to_owned()));
        assert!(!names.iter().any(|name| name.contains("f16 dot")));
    }
}
