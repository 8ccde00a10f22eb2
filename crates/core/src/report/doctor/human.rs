//! The findings on one screen.

use std::fmt::Write as _;

use super::{Check, CheckState, Doctor, Trouble};
use crate::report::text::{BAD, DIM, GOOD, HEAD, LOOK, escape, names, plural, styled, wrap};

/// As many names as a line has room for.
const MAX_NAMES: usize = 5;
const INDENT: usize = 15;

/// One line a check, and below it what is wrong with the next step.
pub fn doctor_human(doctor: &Doctor, width: usize) -> String {
    let mut out = String::new();
    for check in &doctor.checks {
        out.push_str(&line(check, width));
    }
    let summary = &doctor.summary;
    let mut parts = vec![format!("{} passed", summary.ok)];
    for (count, word) in [
        (summary.warnings, "with warnings"),
        (summary.failed, "failed"),
        (summary.not_checked, "not checked"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let style = match (summary.failed, summary.warnings + summary.not_checked) {
        (0, 0) => GOOD,
        (0, _) => LOOK,
        _ => BAD,
    };
    let checks = plural(doctor.checks.len(), "check");
    let _ = writeln!(out, "\n{}", styled(style, &format!("{checks}: {}", parts.join(", "))));
    out
}

fn line(check: &Check, width: usize) -> String {
    let (sign, style) = match check.state {
        CheckState::Ok => ("✓", GOOD),
        CheckState::Warning => ("!", LOOK),
        CheckState::Failed => ("✗", BAD),
        CheckState::NotChecked => ("-", DIM),
    };
    let text = wrap(&escape(&check.text), INDENT, width);
    let area = format!("{:<12}", check.area.as_str());
    let mut out = format!(
        "{} {} {}",
        styled(style, sign),
        styled(HEAD, &area),
        text.get(INDENT..).unwrap_or(&text)
    );
    for next in &check.next {
        out.push_str(&wrap(&format!("next: {}", escape(next)), INDENT, width));
    }
    for trouble in &check.troubles {
        out.push_str(&one(trouble, width));
    }
    out
}

fn one(trouble: &Trouble, width: usize) -> String {
    let names = names(&trouble.tenants, MAX_NAMES);
    let many = plural(trouble.tenants.len(), "tenant");
    let head = wrap(&format!("{}, {many}: {names}", trouble.code), INDENT, width);
    let mut out = styled(BAD, head.trim_end());
    out.push('\n');
    if let Some(detail) = &trouble.detail {
        out.push_str(&wrap(&escape(detail), INDENT + 2, width));
    }
    for next in &trouble.next {
        out.push_str(&wrap(&format!("next: {}", escape(next)), INDENT + 2, width));
    }
    out
}
