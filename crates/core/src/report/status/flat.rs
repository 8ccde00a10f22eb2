//! A status as Markdown, for issues, wikis and job summaries, and as comma-separated values, for
//! spreadsheets and scripts.

use std::fmt::Write as _;

use super::human::{StatusView, counts};
use super::{Recorded, Row, Status};
use crate::attention::Severity;
use crate::report::attention;
use crate::report::cell::cell;
use crate::report::csv::{self, optional, or_empty, text};
use crate::report::text::{joined, plural, short};

/// The counts, what needs attention, then one table, most urgent first: the tokens that need
/// attention, or with `all` every one.
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
            Some(within) => format!(" that expire within {}, or may", cell(within)),
            None => String::new(),
        }
    );
    for (axis, counts) in counts(status) {
        let counts: Vec<String> =
            counts.iter().map(|(value, count)| format!("{count} {value}")).collect();
        let _ = writeln!(out, "- {axis}: {}", counts.join(", "));
    }
    if let Some(text) = status.freshness() {
        let _ = writeln!(out, "\n{text}");
    }
    out.push('\n');
    out.push_str(&attention::markdown(&status.attention));
    let rows = status.rows();
    // What concerns the whole fleet stands above, and is no token.
    let rows: Vec<&Row<'_>> = rows.iter().filter(|row| row.tenant.is_some()).collect();
    let shown: Vec<&Row<'_>> =
        rows.iter().copied().filter(|row| view.all || !row.matters.is_empty()).collect();
    if status.attention.is_empty() && shown.is_empty() {
        out.push_str("Nothing needs attention.\n");
    }
    if shown.is_empty() {
        return out;
    }
    out.push_str(
        "| tenant | token | expiry | expires | left | sync | health | Apple Account | last upload | what to do |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in &shown {
        let [tenant, token, expiry, left, sync, health, apple_id, upload] =
            row.cells(status.generated_at).map(|text| cell(&text));
        let expires = row.expires().map(|at| at.to_string()).unwrap_or_default();
        let advice = cell(&row.advice());
        let _ = writeln!(
            out,
            "| {tenant} | {token} | {expiry} | {expires} | {left} | {sync} | {health} | {apple_id} | {upload} | {advice} |"
        );
    }
    let more = rows.len() - shown.len();
    if more > 0 {
        let _ = writeln!(out, "\n{more} more are not shown.");
    }
    out
}

/// One line a token, most urgent first, one for every tenant of which no token is known, and one for
/// what concerns the whole fleet.
pub fn status_csv(status: &Status) -> String {
    let rows = status.rows();
    let head = columns(status, &Row::new(None, None, Vec::new()));
    csv::table(head, rows.iter().map(|row| columns(status, row)))
}

/// New columns are added at the end.
fn columns(status: &Status, row: &Row<'_>) -> [(&'static str, String); 30] {
    let (tenant, token) = (row.tenant, row.token);
    let state = token.map(|token| &token.state);
    let problems = tenant.map(|tenant| tenant.problems.as_slice()).unwrap_or_default();
    let problems: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    let codes: Vec<_> = row.matters.iter().map(|matter| matter.code).collect();
    let severity = row.matters.iter().map(|matter| matter.severity).min();
    let uploaded = token.and_then(|token| token.last_upload.as_ref());
    let confirmed = token.and_then(|token| token.last_confirmed.as_ref());
    let waiting = token.and_then(|token| token.unacknowledged.as_ref());
    let at = |one: Option<&Recorded>| or_empty(one.map(|one| one.at));
    let by = |one: Option<&Recorded>| optional(one.and_then(|one| one.by.as_deref()));
    let run = |one: Option<&Recorded>| optional(one.map(|one| one.run.as_str()));
    let days_left = row.expires().map(|at| at.since(status.generated_at).num_days());
    [
        ("tenant", optional(tenant.map(|tenant| tenant.name.as_str()))),
        ("tenantId", or_empty(tenant.and_then(|tenant| tenant.tenant_id))),
        ("displayName", optional(tenant.and_then(|tenant| tenant.display_name.as_deref()))),
        ("kind", or_empty(state.map(|state| state.kind))),
        ("name", optional(state.and_then(|state| state.name.as_deref()))),
        ("id", optional(state.and_then(|state| state.id.as_deref()))),
        ("expiry", or_empty(state.map(|state| state.expiry))),
        ("expires", or_empty(row.expires())),
        ("daysLeft", or_empty(days_left)),
        ("sync", or_empty(state.map(|state| state.sync))),
        ("health", or_empty(state.map(|state| state.health))),
        ("healthReasons", or_empty(state.map(|state| joined(&state.health_reasons, " ")))),
        ("reasons", or_empty(state.map(|state| joined(&state.reasons, " ")))),
        ("warnings", or_empty(state.map(|state| joined(&state.warnings, " ")))),
        ("appleId", optional(token.and_then(|token| token.apple_id.as_deref()))),
        ("lastUpload", at(uploaded)),
        ("lastUploadBy", by(uploaded)),
        ("lastUploadRun", run(uploaded)),
        ("lastConfirmed", at(confirmed)),
        ("lastConfirmedBy", by(confirmed)),
        ("lastConfirmedRun", run(confirmed)),
        ("sha256", or_empty(state.and_then(|state| state.sha256))),
        ("problems", joined(&problems, " ")),
        ("next", text(&row.advice())),
        ("unacknowledgedSince", at(waiting)),
        ("attention", joined(&codes, " ")),
        ("severity", or_empty(severity.map(Severity::as_str))),
        ("readAt", or_empty(tenant.and_then(|tenant| tenant.read_at))),
        ("renewBy", or_empty(token.and_then(|token| token.renew_by))),
        ("devices", or_empty(state.and_then(|state| state.devices))),
    ]
}
