//! Text from a browser, made harmless to look at.

use std::borrow::Cow;

/// Most characters of one text in a report.
const LONGEST: usize = 2000;

/// The text without what moves a cursor, hides or reorders characters, and cut where it is very long.
///
/// Line breaks become spaces. What is left may still mean something in HTML or Markdown; templates escape that.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) && text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let mut clean: String = text
        .chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            c => is_plain(c).then_some(c),
        })
        .take(LONGEST)
        .collect();
    if text.chars().count() > LONGEST {
        clean.push('…');
    }
    Cow::Owned(clean)
}

/// JSON in which what a terminal would obey is written as escapes; it means the same.
#[must_use]
pub fn printable_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_plain(c) || c == '\n' {
            text.push(c);
        } else {
            // Only strings hold such characters; all of them have one unit in UTF-16.
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    text
}

/// Whether a terminal shows a character, and does nothing else with it.
pub(crate) fn is_plain(c: char) -> bool {
    let reorders =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !reorders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_and_reordering_are_removed() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}\nc\u{202e}d\u{9b}e"), "a[31mb cde");
        assert!(matches!(printable("plain – ünï"), Cow::Borrowed(_)));
    }

    #[test]
    fn endless_text_is_cut() {
        assert_eq!(printable(&"x".repeat(5000)).chars().count(), LONGEST + 1);
    }
}
