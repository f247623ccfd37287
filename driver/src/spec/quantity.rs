//! Numbers with a unit: percentages, times, counts.

use std::fmt;
use std::str::FromStr;

/// A share, written `5%`, `-70%` or `+15%`; kept as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is not a percentage; write a number and `%`, such as `5%` or `-70%`");
        let digits = text.trim().strip_suffix('%').ok_or_else(expected)?.trim_end();
        let number = digits.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(expected)?;
        Ok(Self(number / 100.0))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nine digits hide that 0.07 × 100 is 7.000000000000001.
        write!(f, "{}%", (self.0 * 1e11).round() / 1e9)
    }
}

/// A number of bytes, written `500MB`, `2 GiB` or `4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Units from the largest down; `MB` counts in thousands, `MiB` in 1024s.
const UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl FromStr for Bytes {
    type Err = String;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be between 0 and 2^53")]
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is not a size; write a number and a unit, such as `500MB` or `2GiB`");
        let trimmed = text.trim();
        let lower = trimmed.to_ascii_lowercase();
        let unit = UNITS.iter().find(|(unit, _)| lower.ends_with(&unit.to_ascii_lowercase()));
        let (digits, factor) = unit.map_or((trimmed, 1), |(unit, factor)| {
            (trimmed.get(..trimmed.len() - unit.len()).unwrap_or_default().trim_end(), *factor)
        });
        #[expect(clippy::cast_precision_loss, reason = "the factors are at most 2^30")]
        let bytes = digits.parse::<f64>().map_err(|_| expected())? * factor as f64;
        if bytes.is_finite() && (0.0..9e15).contains(&bytes) { Ok(Self(bytes.round() as u64)) } else { Err(expected()) }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        let (unit, factor) = unit.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_read_and_write() {
        for (text, fraction) in [("5%", 0.05), ("-70%", -0.7), ("+15 %", 0.15), ("0%", 0.0), ("7%", 0.07)] {
            let percent = text.parse::<Percent>().expect("a percentage");
            assert!((percent.0 - fraction).abs() < 1e-12, "{text}");
        }
        assert_eq!(Percent(0.07).to_string(), "7%");
        for text in ["5", "%", "a%", "inf%", "NaN%", ""] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_read_and_write() {
        for (text, bytes) in [("4096", 4096), ("1.5 MB", 1_500_000), ("2gib", 2 << 30), ("10B", 10)] {
            assert_eq!(text.parse::<Bytes>(), Ok(Bytes(bytes)), "{text}");
        }
        assert_eq!(Bytes(2 << 30).to_string(), "2GiB");
        assert_eq!(Bytes(0).to_string(), "0B");
        for text in ["MB", "-1MB", "1XB", "é", "1e300GB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
