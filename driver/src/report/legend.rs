//! What the colours of a small drawing mean: a few names below it, in rows.

use std::fmt::Write as _;

use super::plot::escape;
use crate::printable::printable;

/// Names in a row.
const COLUMNS: usize = 4;
const ROW: f64 = 14.0;

/// Adds the names, each with the number of its colour, below `top` of a drawing that is `width` wide. A page may have
/// made them up.
#[expect(clippy::cast_precision_loss, reason = "a few names")]
pub(super) fn draw(svg: &mut String, names: &[(&str, usize)], top: f64, width: f64) {
    for (index, (name, colour)) in names.iter().enumerate() {
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        let (x, y) = (width / COLUMNS as f64 * column as f64, top + 8.0 + ROW * row as f64);
        let name: String = printable(name).chars().take(12).collect();
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<rect class=\"s{colour}\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"8\" height=\"8\"/><text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
            x + 11.0,
            y + 8.0,
            escape(&name),
        );
    }
}

/// The height of so many names.
#[expect(clippy::cast_precision_loss, reason = "a few names")]
pub(super) fn height(names: usize) -> f64 {
    if names == 0 { 0.0 } else { 4.0 + ROW * names.div_ceil(COLUMNS) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_rows_of_four() {
        let mut svg = String::new();
        draw(&mut svg, &[("a", 0), ("b", 1), ("c", 2), ("d", 3), ("<e> is too long", 4)], 100.0, 360.0);
        assert!(svg.contains("class=\"s3\" x=\"270\" y=\"108\""), "{svg}");
        assert!(svg.contains("class=\"s4\" x=\"0\" y=\"122\""), "{svg}");
        assert!(svg.ends_with("<text x=\"11\" y=\"130\">&lt;e&gt; is too l</text>"), "{svg}");
        assert_eq!([0, 1, 4, 5].map(height), [0.0, 18.0, 18.0, 32.0]);
    }
}
