//! Foreign text made safe to show: capped, on one line, without characters that move the cursor
//! or reorder what stands beside them.

use std::borrow::Cow;

pub(super) use crate::model::nearest;
use crate::model::{TenantName, looks_secret, push_safe, without_secrets};

/// Longest piece of a file that a message quotes, in characters.
const MAX_QUOTE: usize = 60;

/// What stands for a source line that must not travel further.
pub(super) const NOT_SHOWN: &str = "(not shown: it may hold a secret)";

/// Characters kept on each side of a mistake in a long source line.
const BEFORE: usize = 60;
const AFTER: usize = 90;

/// Whether the text looks as if it held a secret that was put into the wrong file. Such a
/// line must not travel further, into logs and pull requests.
fn may_hold_secret(text: &str) -> bool {
    const SIGNS: [&str; 12] = [
        "token:",
        "token\":",
        "apikey:",
        "authorization:",
        "age-secret-key-",
        "private key",
        "secret:",
        "secret\":",
        "password:",
        "password\":",
        "passphrase:",
        "passphrase\":",
    ];
    // How an enrollment token goes over the wire is a word of the settings, and no token.
    let lower = text.to_ascii_lowercase().replace("deptoken:", "");
    looks_secret(text) || SIGNS.iter().any(|sign| lower.contains(sign)) || is_secret_address(text)
}

/// Whether the text holds an address that lets in whoever has it: one with a password before its host,
/// or with a signature after its path. A password may hold any sign, so what is behind a scheme counts
/// as a whole.
fn is_secret_address(text: &str) -> bool {
    let is_login = |word: &str| word.split_once('@').is_some_and(|(user, _)| user.contains(':'));
    let is_url = text.split_once("://").is_some_and(|(_, rest)| {
        let address = rest.split_whitespace().next().unwrap_or_default();
        let lower = rest.to_ascii_lowercase();
        let is_encoded = ["%40", "%3f"].iter().any(|sign| lower.contains(sign));
        rest.contains(['@', '?']) || address.contains('#') || is_encoded
    });
    is_url || text.split_whitespace().any(is_login)
}

/// The text in backticks, escaped and capped.
pub(super) fn quote(text: &str) -> String {
    // A cut one may look like none.
    let start: String = text.chars().take(MAX_QUOTE + AFTER).collect();
    if may_hold_secret(&start) {
        return "(not shown)".to_owned();
    }
    let mut out = String::from("`");
    for (n, c) in text.chars().enumerate() {
        if n == MAX_QUOTE {
            out.push('…');
            break;
        }
        push_safe(&mut out, c);
    }
    out.push('`');
    out
}

/// A folder's name as every outlet shows it. What no tenant can be called may be a secret that was
/// pasted in the wrong place.
pub fn shown_folder(name: &str) -> Cow<'_, str> {
    match name.parse::<TenantName>() {
        Ok(_) => Cow::Borrowed(name),
        Err(_) => without_secrets(name),
    }
}

/// A list in words: `a`, `b` or `c`.
pub(super) fn alternatives<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// How many columns a terminal uses for the character. Close enough for a caret: the wide blocks
/// of East Asian Width and emoji count two, combining marks none.
fn width(c: char) -> usize {
    match c as u32 {
        0x300..=0x36f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// One source line as it is shown, and where in it the caret goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The line: tabs widened, hostile characters escaped, cut to a window around the mistake.
    pub(super) line: String,
    /// Display columns before the caret.
    pub(super) indent: usize,
    /// Display columns under the caret; none when the line itself is not shown.
    pub(super) width: usize,
}

/// The line of `text` around byte offset `start`, with `length` characters marked.
///
/// Looks only at a window around the mistake: files of one long line with a mistake in every
/// word would else cost the square of their size.
pub(super) fn excerpt(text: &str, start: usize, length: usize) -> Excerpt {
    let (Some(before), Some(after)) = (text.get(..start), text.get(start..)) else {
        return Excerpt::default();
    };
    let is_break = |c: &char| matches!(c, '\n' | '\r');
    let mut head: Vec<char> =
        before.chars().rev().take(BEFORE + 1).take_while(|c| !is_break(c)).collect();
    let cut_head = head.len() > BEFORE;
    head.truncate(BEFORE);
    let mut tail: Vec<char> = after.chars().take(AFTER + 1).take_while(|c| !is_break(c)).collect();
    let cut_tail = tail.len() > AFTER;
    tail.truncate(AFTER);

    let whole: String = head.iter().rev().chain(&tail).collect();
    if may_hold_secret(&whole) {
        return Excerpt { line: NOT_SHOWN.to_owned(), indent: 0, width: 0 };
    }
    let mut out = Excerpt::default();
    let show = |line: &mut String, c: char| -> usize {
        let from = line.len();
        match c {
            '\t' => line.push_str("    "),
            c => push_safe(line, c),
        }
        line.get(from..).unwrap_or_default().chars().map(width).sum()
    };
    if cut_head {
        out.line.push('…');
        out.indent += 1;
    }
    for &c in head.iter().rev() {
        out.indent += show(&mut out.line, c);
    }
    for (n, &c) in tail.iter().enumerate() {
        let shown = show(&mut out.line, c);
        if n < length {
            out.width += shown;
        }
    }
    if cut_tail {
        out.line.push('…');
    }
    out.width = out.width.max(1);
    out.line.truncate(out.line.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_spelt_out() {
        assert_eq!(quote("a\u{202e}b\n\u{1b}[31m"), "`a\\u{202e}b\\u{a}\\u{1b}[31m`");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), 63);
    }

    #[test]
    fn the_nearest_word_is_near() {
        let words = ["topic", "serial", "tenantId"];
        assert_eq!(nearest("topik", words), Some("topic"));
        assert_eq!(nearest("TENANTID", words), Some("tenantId"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(nearest(&"topic".repeat(10_000), words), None);
    }

    #[test]
    fn carets_stand_under_wide_characters_and_tabs() {
        let text = "a: b\n\tname: 東京x\n";
        let at = text.find('x').unwrap();
        let excerpt = excerpt(text, at, 1);
        assert_eq!(excerpt, Excerpt { line: "    name: 東京x".into(), indent: 14, width: 1 });
    }

    #[test]
    fn lines_that_may_hold_a_secret_are_not_shown() {
        for line in
            ["auth: {clientSecret: hunter2, x: 1}", "- AGE-SECRET-KEY-1QQ", "{\"password\": \"x\"}"]
        {
            assert!(!excerpt(line, 2, 1).line.contains(['1', 'x', 'Q']), "{line}");
        }
        assert_eq!(quote("AGE-SECRET-KEY-1QQ"), "(not shown)");
        for address in [
            "https://a:hunter2@hooks.msp.example/",
            "ftp://a:hun/ter2@hooks.msp.example",
            "https://a:hun ter,2@hooks.msp.example",
            "https://a%3ahunter2%40hooks.msp.example/x",
            "https://hooks.msp.example/%3Fsig=hunter2",
            "smtp.a:hunter2@smtp.msp.example:587",
            "https://prod.logic.azure.example/workflows?sig=hunter2",
        ] {
            assert_eq!(quote(address), "(not shown)");
            let line =
                excerpt(&format!("    webhook: {{url: '{address}', auth: hmac}}"), 20, 3).line;
            assert_eq!(line, "(not shown: it may hold a secret)");
        }
        let open = "    webhook: {url: 'https://hooks.msp.example:8443/a', auth: hmac}";
        assert_eq!(excerpt(open, 20, 3).line, open);
        let mail = "    email: {from: a@msp.example, to: [b@msp.example,c@msp.example]}";
        assert_eq!(excerpt(mail, 20, 3).line, mail);
        let secret = "wxy7Q~Lm3k.Rt9_Pz2v-Bn6cQd8fHs4jYg1aUe5";
        assert_eq!(quote(secret), "(not shown)");
        let line = excerpt(&format!("  clientId: {secret}"), 12, 40).line;
        assert_eq!(line, "(not shown: it may hold a secret)");
        assert_eq!(excerpt("credential: client-secret", 0, 1).line, "credential: client-secret");
    }

    #[test]
    fn long_lines_are_cut_around_the_mistake() {
        let text = format!("{}HERE{}", "a".repeat(5000), "b".repeat(5000));
        let excerpt = excerpt(&text, 5000, 4);
        assert_eq!(excerpt.line.chars().count(), 1 + BEFORE + AFTER + 1);
        let marked: String =
            excerpt.line.chars().skip(excerpt.indent).take(excerpt.width).collect();
        assert_eq!(marked, "HERE");
    }
}
