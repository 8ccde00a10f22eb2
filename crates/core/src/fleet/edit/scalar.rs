//! A text → a YAML scalar that every reader takes for that text.

/// Writes a text in the style of what stood there: `'`, `"`, or plain where it had no quotes and
/// may do without. `between_brackets` forbids what ends a plain text there.
pub(super) fn render(text: &str, quotes: Option<char>, between_brackets: bool) -> String {
    match quotes {
        Some('"') => double(text),
        Some(_) if is_printable(text) => single(text),
        None if is_plain(text, between_brackets) => text.to_owned(),
        None if is_printable(text) => single(text),
        _ => double(text),
    }
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if !is_harmless(c) => {
                let code = u32::from(c);
                // Pairs of surrogates would be JSON's way; YAML has eight digits, JSON files have
                // no such characters here.
                out.push_str(&if code > 0xffff {
                    format!("\\U{code:08x}")
                } else {
                    format!("\\u{code:04x}")
                });
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn is_printable(text: &str) -> bool {
    text.chars().all(is_harmless)
}

/// Not a control character, a line break in anyone's eyes, a byte order mark, or one of the two that
/// YAML has in no form but escaped.
fn is_harmless(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether a text can do without quotes: for this reader, and for others that take some plain
/// words for numbers, dates without time, booleans or nothing.
fn is_plain(text: &str, between_brackets: bool) -> bool {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '/' | '+' | '-' | '@');
    let first = text.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '/');
    let last = text.chars().next_back().is_some_and(|c| word(c) || matches!(c, ')' | '='));
    let mut before = ' ';
    let inside = text.chars().all(|c| {
        let fits = word(c)
            || matches!(c, '(' | ')' | '=')
            || (c == ' ' && before != ' ')
            || (c == ':' && !between_brackets)
            || (c == ',' && !between_brackets);
        let fits = fits && !(before == ':' && c == ' ');
        before = c;
        fits
    });
    first && last && inside && !means_something_else(text)
}

fn means_something_else(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let bare = lower.replace('_', "");
    matches!(lower.as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null")
        || bare.parse::<f64>().is_ok()
        || ["0x", "0o", "0b"].iter().any(|prefix| bare.starts_with(prefix))
        // YAML 1.1: 1:30 is ninety, 2026-12-31 a date.
        || (text.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | '-' | '_'))
            && text.chars().any(|c| matches!(c, ':' | '-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_reader_takes_for_a_text_stands_without_quotes() {
        for plain in ["push.pem.age", "21AE703EB7C7B433", "2027-11-20T10:11:12Z", "Contoso Ltd"] {
            assert_eq!(render(plain, None, false), plain);
        }
        for quoted in
            ["5050", "21E7", "0x1F", "no", "a: b", "a #b", "", " a", "- a", "1:30", "*a", "a,"]
        {
            assert_eq!(render(quoted, None, false), format!("'{quoted}'"), "{quoted}");
        }
        assert_eq!(render("a, b", None, true), "'a, b'");
        assert_eq!(render("O'Neill", Some('\''), false), "'O''Neill'");
        assert_eq!(render("a\"\\\n", Some('"'), false), r#""a\"\\\n""#);
        assert_eq!(render("a\u{2028}b", None, false), r#""a\u2028b""#);
        assert_eq!(render("\u{ffff}", None, false), r#""\uffff""#);
    }
}
