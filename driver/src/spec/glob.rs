//! Names with `*` (any characters) and `?` (one character).

/// Whether the whole of `text` matches `pattern`.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stood, and how far the text had been read then.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, read)) = star else { return false };
                star = Some((at, read + 1));
                p = at + 1;
                t = read + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in
            [("bert-*", "bert-tiny"), ("*", ""), ("a?c", "abc"), ("*embed*", "x.embeddings.w"), ("a*b*c", "a1b2b3c")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("bert", "bert-tiny"), ("a?c", "ac"), ("*x", "xy"), ("", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_stay_quick() {
        assert!(!matches(&"*a".repeat(50), &"a".repeat(49)));
    }
}
