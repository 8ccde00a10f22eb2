//! Facts, and what changes in them.

use similar::{ChangeTag, TextDiff};

use super::text::{DIM, GOOD, escape, styled};
use crate::model::Facts;

/// Facts as `name: value` lines.
fn lines(facts: Option<&Facts>) -> String {
    let pairs = facts.map(Facts::pairs).unwrap_or_default();
    pairs.iter().map(|(name, value)| format!("{name}: {}\n", escape(value))).collect()
}

/// One line of a difference: its sign and its text.
pub(super) fn changes(before: Option<&Facts>, after: Option<&Facts>) -> Vec<(char, String)> {
    let (old, new) = (lines(before), lines(after));
    TextDiff::from_lines(old.as_str(), new.as_str())
        .iter_all_changes()
        .map(|change| {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            (sign, change.value().trim_end().to_owned())
        })
        .collect()
}

/// The difference for a terminal, indented.
pub(super) fn diff_human(before: Option<&Facts>, after: Option<&Facts>, indent: usize) -> String {
    let mut out = String::new();
    for (sign, line) in changes(before, after) {
        let text = format!("{sign} {line}");
        let text = match sign {
            '+' => styled(GOOD, &text),
            '-' => styled(super::text::BAD, &text),
            _ => styled(DIM, &text),
        };
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(&text);
        out.push('\n');
    }
    out
}
