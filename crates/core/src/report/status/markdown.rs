//! A status as Markdown: one table, for issues, wikis and job summaries.

use std::fmt::Write as _;

use super::Status;
use super::advice;
use super::human::{StatusView, counts, unacknowledged};
use super::rows::{Row, left, rows};
use crate::report::markdown::cell;
use crate::report::text::{plural, short};

/// The counts, then one table, most urgent first: what needs attention, or with `all` everything.
pub fn status_markdown(status: &Status, view: StatusView) -> String {
    let mut out = String::from("<!-- applecart:status -->\n");
    let rev = status.rev.as_deref().map_or("the worktree", short);
    let _ = writeln!(out, "### Applecart status at `{rev}`, {}\n", status.generated_at);
    let summary = &status.summary;
    let _ = writeln!(
        out,
        "{} with {}{}.\n",
        plural(summary.tenants, "tenant"),
        plural(summary.tokens, "token"),
        match &status.within {
            Some(within) => format!(" that lapse within {}, or may", cell(within)),
            None => String::new(),
        }
    );
    for (axis, counts) in counts(status) {
        let counts: Vec<String> =
            counts.iter().map(|(value, count)| format!("{count} {value}")).collect();
        let _ = writeln!(out, "- {axis}: {}", counts.join(", "));
    }
    out.push('\n');
    let rows = rows(status);
    let waiting = unacknowledged(&rows);
    if !waiting.is_empty() {
        let names: Vec<String> = waiting.iter().map(|(name, _)| cell(name)).collect();
        let _ = writeln!(out, "Not yet confirmed by the customer: {}.\n", names.join(", "));
    }
    let shown: Vec<&Row<'_>> =
        rows.iter().filter(|row| view.all || row.urgency.needs_attention()).collect();
    if shown.is_empty() {
        out.push_str("Nothing needs attention.\n");
        return out;
    }
    out.push_str(
        "| tenant | token | expiry | expires | left | sync | health | Apple Account | last upload | what to do |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in &shown {
        let state = row.token.map(|token| &token.state);
        let upload = row.token.and_then(|token| token.last_upload.as_ref());
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            cell(&row.tenant.name),
            cell(&row.label()),
            state.map_or("unknown", |state| state.expiry.as_str()),
            row.expires().map(|at| at.to_string()).unwrap_or_default(),
            row.expires().map(|at| left(at, status.generated_at)).unwrap_or_default(),
            state.map_or("unobserved", |state| state.sync.as_str()),
            state.map_or("unknown", |state| state.health.as_str()),
            cell(row.token.and_then(|token| token.apple_id.as_deref()).unwrap_or_default()),
            upload.map(|upload| upload.at.to_string()).unwrap_or_default(),
            cell(&advice::of(row).join(" "))
        );
    }
    let more = rows.len() - shown.len();
    if more > 0 {
        let _ = writeln!(out, "\n{more} more need no attention.");
    }
    out
}
