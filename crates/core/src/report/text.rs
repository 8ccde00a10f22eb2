//! Small pieces of text.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};

use chrono::Duration;

pub(super) use crate::model::short;
use crate::model::{Kind, Timestamp, closing_command, is_hostile};

/// What is well, or was done: green.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What needs a look soon, and stops nothing: yellow.
pub(super) const LOOK: Style = AnsiColor::Yellow.on_default();
/// Something to act on.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Headings and names of tenants: bold.
pub(super) const HEAD: Style = Style::new().bold();
/// Less important than its surroundings.
pub(super) const DIM: Style = Style::new().dimmed();

pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The text with control and direction-changing characters escaped, on one line, and without
/// what pipelines take for commands in a job's log: `##[…]` and `##vso[…]` anywhere, `::…::` at the
/// beginning of a line, where a wrapped word may come to stand.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut before = [' ', ' '];
    for character in text.chars() {
        let command = match (before, character) {
            ([_, '#'], '#') => true,
            ([start, ':'], ':') => start.is_whitespace(),
            _ => false,
        };
        before = [before[1], character];
        if command || is_hostile(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A whole output without what a pipeline's runner takes for a command: `##vso[…]` and `##[…]`
/// anywhere, `::…` at the beginning of a line. Whatever wrote it, nothing of it is obeyed; only what
/// the program itself says to a runner goes around this.
pub fn without_commands(text: &str) -> Cow<'_, str> {
    if !text.contains("##") && !text.contains("::") {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        if let Some(command) = line.trim_start().strip_prefix("::") {
            let blanks = line.len() - line.trim_start().len();
            safe.push_str(line.get(..blanks).unwrap_or_default());
            safe.push_str(":\\u{3a}");
            rest = command;
        }
        while let Some(at) = rest.find("##") {
            let (before, from) = rest.split_at(at + 1);
            safe.push_str(before);
            let after = from.get(1..).unwrap_or_default();
            let word = after.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("vso["));
            if after.starts_with('[') || word {
                safe.push_str("\\u{23}");
                rest = after;
            } else {
                rest = from;
            }
        }
        safe.push_str(rest);
    }
    Cow::Owned(safe)
}

/// `1 tenant`, `2 tenants`, `2 entries`.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        return format!("1 {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        _ => format!("{count} {noun}s"),
    }
}

/// `1 matter needs attention`, `3 matters need attention`.
pub(super) fn needs(count: usize) -> String {
    let need = if count == 1 { "needs" } else { "need" };
    format!("{} {need} attention", plural(count, "matter"))
}

/// A token as people name it: `vpp London`, `push`.
pub(super) fn label(kind: Kind, name: Option<&str>) -> String {
    name.map_or_else(|| kind.to_string(), |name| format!("{kind} {name}"))
}

/// Codes and other words in one line.
pub(super) fn joined<T: ToString>(words: &[T], separator: &str) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}

/// Names in one line, escaped, and of more than `limit` the rest as a count.
pub fn names<T: AsRef<str>>(all: &[T], limit: usize) -> String {
    let mut text =
        all.iter().take(limit).map(|name| escape(name.as_ref())).collect::<Vec<_>>().join(", ");
    if all.len() > limit {
        text.push_str(&format!(" and {} more", all.len() - limit));
    }
    text
}

/// The date, for narrow places.
pub(super) fn day(at: Timestamp) -> String {
    crate::attention::advice::day(at)
}

/// How long until then, in the largest fitting unit.
pub(super) fn left(expires: Timestamp, now: Timestamp) -> String {
    let left = expires.since(now);
    let (sign, left) = if left < Duration::zero() { ("-", -left) } else { ("", left) };
    if left.num_days() >= 2 {
        format!("{sign}{}d", left.num_days())
    } else if left.num_hours() >= 2 {
        format!("{sign}{}h", left.num_hours())
    } else {
        format!("{sign}{}m", left.num_minutes())
    }
}

/// A length of time in words: `14 days`, `36 hours`.
pub(super) fn period(time: Duration) -> String {
    let count = |count: i64, noun| plural(usize::try_from(count).unwrap_or_default(), noun);
    match (time.num_days(), time.num_hours()) {
        (days, hours) if days > 0 && hours == days * 24 => count(days, "day"),
        (_, hours) => count(hours, "hour"),
    }
}

/// A length of time that is no shorter than this one, in words: `3 hours`, `2 days`.
pub(crate) fn at_most(time: Duration) -> String {
    let up = |unit: i64| usize::try_from((time.num_seconds() + unit - 1) / unit).unwrap_or(0);
    match time.num_seconds() {
        ..3_600 => plural(up(60), "minute"),
        3_600..172_801 => plural(up(3_600), "hour"),
        _ => plural(up(86_400), "day"),
    }
}

/// How many columns of a terminal a text takes.
pub(super) fn columns_of(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// Wrapped prose in a style, which has no width.
pub(super) fn prose(style: Style, text: &str, indent: usize, width: usize) -> String {
    format!("{}\n", styled(style, wrap(text, indent, width).trim_end()))
}

/// A command to copy: on a line of its own, never wrapped.
pub(super) fn command(text: &str, indent: usize) -> String {
    format!("{:indent$}{}\n", "", escape(text))
}

/// Breaks a sentence into lines of at most `width` columns, each with this indent. A link stands
/// alone on its line, so that it can be clicked and copied; so do an `allow` line and the command that
/// a sentence closes with, unbroken.
pub(crate) fn wrap(text: &str, indent: usize, width: usize) -> String {
    match allow_line(text) {
        None => match closing_command(text) {
            None => wrap_words(text, indent, width),
            Some((before, line)) => {
                format!("{}{:indent$}{line}\n", wrap_words(before, indent, width), "")
            }
        },
        Some((before, line, after)) => {
            let mut out = wrap_words(before, indent, width);
            out.push_str(&format!("{:indent$}{line}\n", ""));
            if !after.is_empty() {
                out.push_str(&wrap(after, indent, width));
            }
            out
        }
    }
}

/// The `allow` line that a sentence ends with, what is before it and what follows.
fn allow_line(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find(" allow: [{")?;
    let (before, rest) = text.split_at_checked(start)?;
    let end = rest.find("}]")? + 2;
    let (line, after) = rest.split_at_checked(end)?;
    Some((before, line.trim_start(), after.trim_start_matches(['.', ' '])))
}

fn wrap_words(text: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(24);
    let mut out = String::new();
    let mut used = 0;
    let mut after_link = false;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let is_link = word.starts_with("https://");
        if used > 0 && (used + 1 + length > room || is_link || after_link) {
            out.push('\n');
            used = 0;
        }
        after_link = is_link;
        if used == 0 {
            out.extend(std::iter::repeat_n(' ', indent));
        } else {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_rewrite_the_terminal() {
        assert_eq!(escape("Con\u{1b}[2Jtoso\n\u{202e}x"), "Con\\u{1b}[2Jtoso\\u{a}\\u{202e}x");
        assert_eq!(escape("Ströer GmbH"), "Ströer GmbH");
    }

    #[test]
    fn a_line_to_paste_is_not_broken() {
        let text =
            "Have this line reviewed: allow: [{hold: rejected, from: \"a b\", to: \"c\"}]. More.";
        assert_eq!(
            wrap(text, 2, 30),
            "  Have this line reviewed:\n  allow: [{hold: rejected, from: \"a b\", to: \"c\"}]\n  More.\n"
        );
    }

    #[test]
    fn a_command_that_closes_a_sentence_is_not_broken() {
        let text = "It is behind. Push what is here: `git push origin 0123456789ab:refs/heads/a`.";
        assert_eq!(
            wrap(text, 2, 30),
            "  It is behind. Push what is\n  here:\n  git push origin 0123456789ab:refs/heads/a\n"
        );
    }

    #[test]
    fn nouns_have_their_plurals() {
        assert_eq!(plural(1, "entry"), "1 entry");
        assert_eq!(plural(2, "entry"), "2 entries");
        assert_eq!(plural(0, "key"), "0 keys");
        assert_eq!(plural(3, "tenant"), "3 tenants");
    }

    #[test]
    fn a_name_is_no_command_of_a_pipeline() {
        assert_eq!(escape("::add-mask::x ::y"), ":\\u{3a}add-mask::x :\\u{3a}y");
        assert_eq!(escape("a##vso[task.x]##[y]"), "a#\\u{23}vso[task.x]#\\u{23}[y]");
        assert_eq!(escape("http://[::1]:80 C# a:b"), "http://[::1]:80 C# a:b");
    }

    #[test]
    fn no_output_commands_a_runner() {
        for (text, safe) in [
            ("### Plan\n  ##vso[task.x]y\n", "### Plan\n  #\\u{23}vso[task.x]y\n"),
            ("####vso[x] ##[group]", "###\\u{23}vso[x] #\\u{23}[group]"),
            ("a\n \t::set-env name=x::y\nb ::c", "a\n \t:\\u{3a}set-env name=x::y\nb ::c"),
            ("::stop-commands::x", ":\\u{3a}stop-commands::x"),
            ("##VSO[x]", "#\\u{23}VSO[x]"),
        ] {
            assert_eq!(without_commands(text), safe);
        }
        assert!(matches!(without_commands("# a\nb"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_link_stands_alone_on_its_line() {
        let text = "consent at https://a.example/b?c=d or correct it";
        assert_eq!(wrap(text, 2, 80), "  consent at\n  https://a.example/b?c=d\n  or correct it\n");
    }

    #[test]
    fn sentences_wrap_at_words() {
        assert_eq!(
            wrap("aaaaaaaaaa bbbbbbbbbb cccccccccc", 2, 26),
            "  aaaaaaaaaa bbbbbbbbbb\n  cccccccccc\n"
        );
    }
}
