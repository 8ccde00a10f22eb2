//! Facts, and what changes in them.

use similar::{ChangeTag, TextDiff};

use super::text::{DIM, GOOD, escape, styled};
use crate::model::Facts;

/// Facts as name and value, in a fixed order.
pub(super) fn pairs(facts: &Facts) -> Vec<(&'static str, String)> {
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
    let mut pairs = Vec::new();
    let mut add = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
    add("topic", topic.as_ref().map(ToString::to_string));
    add("serial", serial.as_ref().map(ToString::to_string));
    add("name", name.clone());
    add("organization", organization.clone());
    add("location", location.clone());
    add("appleId", apple_id.clone());
    add("expires", expires.map(|at| at.to_string()));
    add("state", state.clone());
    add("displayName", display_name.clone());
    add("countryOrRegion", country_or_region.clone());
    add("automaticallyUpdateApps", automatically_update_apps.map(|on| on.to_string()));
    add("roleScopeTagIds", role_scope_tag_ids.as_ref().map(|ids| ids.join(", ")));
    pairs
}

/// Facts as `name: value` lines.
fn lines(facts: Option<&Facts>) -> String {
    let pairs = facts.map(pairs).unwrap_or_default();
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
