//! Facts, and what changes in them.

use similar::{ChangeTag, TextDiff};

use super::text::{DIM, GOOD, escape, styled};
use crate::model::Facts;

/// Facts as `name: value` lines, in a fixed order.
fn lines(facts: Option<&Facts>) -> String {
    let Some(facts) = facts else { return String::new() };
    // Opened field by field, so that a new fact must be given its place here.
    let Facts {
        topic,
        serial,
        name,
        organization,
        location,
        apple_id,
        expires,
        state,
        display_name,
        country_or_region,
        automatically_update_apps,
        role_scope_tag_ids,
    } = facts;
    let mut out = String::new();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            out.push_str(name);
            out.push_str(": ");
            out.push_str(&escape(&value));
            out.push('\n');
        }
    };
    line("topic", topic.as_ref().map(ToString::to_string));
    line("serial", serial.as_ref().map(ToString::to_string));
    line("name", name.clone());
    line("organization", organization.clone());
    line("location", location.clone());
    line("appleId", apple_id.clone());
    line("expires", expires.map(|at| at.to_string()));
    line("state", state.clone());
    line("displayName", display_name.clone());
    line("countryOrRegion", country_or_region.clone());
    line("automaticallyUpdateApps", automatically_update_apps.map(|on| on.to_string()));
    line("roleScopeTagIds", role_scope_tag_ids.as_ref().map(|ids| ids.join(", ")));
    out
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
