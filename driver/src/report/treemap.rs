//! Which weights take the memory: a treemap of tensors. Those that differ by the number of their layer only lie in one
//! area, which is divided among them.

use std::fmt::Write as _;

use matrix_engine::protocol::StoredWeight;

use super::plot::escape;
use crate::measure::Metric;
use crate::printable::printable;
use crate::run::event::Arm;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 200.0;
const TOP: f64 = 22.0;
/// Colours of the style sheet.
const COLOURS: usize = 8;
/// Beyond so many tensors, areas are not divided any more.
const DIVIDED: usize = 600;
/// Areas that are drawn; what is left is one area.
const AREAS: usize = 40;
/// Width of a character, about.
const CHARACTER: f64 = 6.0;

/// Tensors of one kind.
#[derive(Debug, PartialEq)]
struct Area {
    /// Their name, with `*` for numbers.
    name: String,
    component: String,
    format: String,
    /// Bytes of each, the largest first.
    each: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Rectangle {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl Area {
    fn bytes(&self) -> u64 {
        self.each.iter().sum()
    }
}

/// The weights of an arm; nothing, if it told none.
pub(super) fn draw(arm: Arm, weights: &[StoredWeight]) -> String {
    // A page said it, and may say anything.
    if weights.is_empty() || weights.len() > 100_000 || weights.iter().any(|weight| weight.bytes >= 1 << 40) {
        return String::new();
    }
    let areas = areas(weights);
    let total: u64 = areas.iter().map(Area::bytes).sum();
    if total == 0 {
        return String::new();
    }
    let mut components: Vec<&str> = Vec::new();
    for area in &areas {
        if !components.contains(&area.component.as_str()) {
            components.push(&area.component);
        }
    }
    let title = format!("Weights of the {}", arm.name());
    let said = format!("{}, {} tensors", show(total), weights.len());
    let mut svg = format!(
        "<svg class=\"p\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\"><text class=\"name\" y=\"12\">{}</text>\
         <text x=\"{WIDTH}\" y=\"12\" text-anchor=\"end\">{}</text>",
        escape(&format!("{title}: {said}, most of it {}", areas[0].name)),
        escape(&title),
        escape(&said),
    );
    let whole = Rectangle { x: 0.0, y: TOP, width: WIDTH, height: HEIGHT - TOP };
    let sizes: Vec<u64> = areas.iter().map(Area::bytes).collect();
    for (area, at) in areas.iter().zip(squarify(&sizes, whole)) {
        let colour = components.iter().position(|known| *known == area.component).unwrap_or(0) % COLOURS;
        draw_area(&mut svg, area, at, total, colour, weights.len() <= DIVIDED);
    }
    svg.push_str("</svg>");
    svg
}

fn draw_area(svg: &mut String, area: &Area, at: Rectangle, total: u64, colour: usize, divided: bool) {
    let bytes = area.bytes();
    let tensors = if area.each.len() == 1 { String::new() } else { format!("{} × ", area.each.len()) };
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    let share = 100.0 * bytes as f64 / total as f64;
    let about = format!("{tensors}{}: {}, {} ({share:.1} %)", area.name, area.format, show(bytes));
    let mut path = String::new();
    let parts = if divided { squarify(&area.each, at) } else { vec![at] };
    for Rectangle { x, y, width, height } in parts {
        // Writing to a string cannot fail.
        let _ = write!(path, "M{x:.1} {y:.1}h{width:.1}v{height:.1}h{:.1}z", -width);
    }
    let Rectangle { x, y, width, height } = at;
    let _ = write!(
        svg,
        "<g><title>{}</title><path class=\"w s{colour}\" d=\"{path}\"/><path class=\"k\" d=\"M{x:.1} {y:.1}h{width:.1}v{height:.1}h{:.1}z\"/>",
        escape(&about),
        -width,
    );
    let lines = [short(&area.name), format!("{} {}", area.format, show(bytes))];
    #[expect(clippy::cast_precision_loss, reason = "lengths of short texts")]
    let fits = |line: &str| line.chars().count() as f64 * CHARACTER < width - 6.0;
    for (index, line) in (0_u8..).zip(lines.iter().take_while(|line| fits(line))) {
        let below = 13.0 * f64::from(index) + 13.0;
        if below + 3.0 < height {
            let _ =
                write!(svg, "<text class=\"in\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 4.0, y + below, escape(line));
        }
    }
    svg.push_str("</g>");
}

/// Kinds of tensors, the largest first.
fn areas(weights: &[StoredWeight]) -> Vec<Area> {
    let mut areas: Vec<Area> = Vec::new();
    let text = |text: &str| printable(text).chars().take(120).collect::<String>();
    for StoredWeight { name, component, format, bytes } in weights {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts = name.split('.').map(|part| if is_number(part) { "*" } else { part });
        let name = text(&parts.collect::<Vec<_>>().join("."));
        match areas.iter_mut().find(|area| area.name == name && area.format == *format) {
            Some(area) => area.each.push(*bytes),
            None => areas.push(Area { name, component: text(component), format: text(format), each: vec![*bytes] }),
        }
    }
    areas.sort_by_key(|area| std::cmp::Reverse(area.bytes()));
    if areas.len() > AREAS {
        let rest = areas.split_off(AREAS);
        let mut each: Vec<u64> = rest.into_iter().flat_map(|area| area.each).collect();
        each.sort_unstable_by(|a, b| b.cmp(a));
        areas.push(Area { name: "others".into(), component: String::new(), format: "smaller".into(), each });
        areas.sort_by_key(|area| std::cmp::Reverse(area.bytes()));
    }
    for area in &mut areas {
        area.each.sort_unstable_by(|a, b| b.cmp(a));
    }
    areas
}

/// A name without what all names have.
fn short(name: &str) -> String {
    let name = name.strip_suffix(".weight").unwrap_or(name);
    name.rsplit_once("*.").map_or_else(|| name.rsplit('.').next().unwrap_or(name), |(_, rest)| rest).to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "bytes below 2^50")]
fn show(bytes: u64) -> String {
    Metric::named("whole_peak").show(bytes as f64)
}

/// Rectangles whose areas are as `sizes`, which come largest first, as square as can be (Bruls, Huizing, van Wijk 2000).
#[expect(clippy::cast_precision_loss, reason = "pixels in the end")]
fn squarify(sizes: &[u64], whole: Rectangle) -> Vec<Rectangle> {
    let total: u64 = sizes.iter().sum();
    let scale = whole.width * whole.height / (total as f64).max(1.0);
    let areas: Vec<f64> = sizes.iter().map(|&size| size as f64 * scale).collect();
    let mut rectangles = Vec::with_capacity(areas.len());
    let (mut left, mut first) = (whole, 0);
    while first < areas.len() {
        let side = left.width.min(left.height).max(1e-9);
        // The row grows as long as its worst rectangle gets no longer.
        let worst = |row: &[f64]| {
            let sum: f64 = row.iter().sum();
            let depth = sum / side;
            row.iter()
                .map(|area| {
                    let along = area / depth.max(1e-9);
                    (along / depth).max(depth / along.max(1e-9))
                })
                .fold(0.0, f64::max)
        };
        let mut end = first + 1;
        while end < areas.len() && worst(&areas[first..=end]) <= worst(&areas[first..end]) {
            end += 1;
        }
        let depth = areas[first..end].iter().sum::<f64>() / side;
        let mut along = 0.0;
        for area in &areas[first..end] {
            let length = area / depth.max(1e-9);
            rectangles.push(if left.width >= left.height {
                Rectangle { x: left.x, y: left.y + along, width: depth, height: length }
            } else {
                Rectangle { x: left.x + along, y: left.y, width: length, height: depth }
            });
            along += length;
        }
        if left.width >= left.height {
            (left.x, left.width) = (left.x + depth, left.width - depth);
        } else {
            (left.y, left.height) = (left.y + depth, left.height - depth);
        }
        first = end;
    }
    rectangles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(name: &str, component: &str, format: &str, bytes: u64) -> StoredWeight {
        StoredWeight { name: name.into(), component: component.into(), format: format.into(), bytes }
    }

    #[test]
    fn rectangles_have_the_areas_of_their_sizes() {
        // The example of the paper: 6 × 4, of which the largest two share the first column.
        let whole = Rectangle { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };
        let sizes = [6, 6, 4, 3, 2, 2, 1];
        let rectangles = squarify(&sizes, whole);
        for (size, at) in sizes.iter().zip(&rectangles) {
            assert!((at.width * at.height - f64::from(u32::try_from(*size).expect("small"))).abs() < 1e-9, "{at:?}");
            assert!(at.x >= 0.0 && at.x + at.width < 6.0 + 1e-9 && at.y + at.height < 4.0 + 1e-9, "{at:?}");
        }
        assert_eq!(rectangles[0], Rectangle { x: 0.0, y: 0.0, width: 3.0, height: 2.0 });
        assert_eq!(rectangles[1], Rectangle { x: 0.0, y: 2.0, width: 3.0, height: 2.0 });
        assert!(squarify(&[], whole).is_empty());
    }

    #[test]
    fn layers_share_an_area_and_nothing_a_page_says_is_markup() {
        let weights = [
            weight("model.embed.weight", "text", "f32", 4000),
            weight("model.layers.0.up.weight", "text", "int4", 900),
            weight("model.layers.1.up.weight", "text", "int4", 1100),
            weight("tower.<b>.weight", "vision", "f32", 500),
        ];
        let found = areas(&weights);
        let names: Vec<_> = found.iter().map(|area| (area.name.as_str(), area.each.as_slice())).collect();
        assert_eq!(
            names,
            [
                ("model.embed.weight", &[4000][..]),
                ("model.layers.*.up.weight", &[1100, 900]),
                ("tower.<b>.weight", &[500])
            ]
        );
        insta::assert_snapshot!(draw(Arm::Treatment, &weights).replace("><", ">\n<"));
    }

    #[test]
    fn many_kinds_are_few_areas_and_nonsense_is_none() {
        let many: Vec<_> = (0..300).map(|kind| weight(&format!("a{kind}.b"), "rest", "f32", 100 + kind)).collect();
        assert_eq!(areas(&many).len(), AREAS + 1);
        assert_eq!(
            areas(&many).iter().map(Area::bytes).sum::<u64>(),
            many.iter().map(|weight| weight.bytes).sum::<u64>()
        );
        assert_eq!(draw(Arm::Baseline, &[]), "");
        assert_eq!(draw(Arm::Baseline, &[weight("a", "rest", "f32", 0)]), "");
        assert_eq!(draw(Arm::Baseline, &[weight("a", "rest", "f32", u64::MAX)]), "");
    }
}
