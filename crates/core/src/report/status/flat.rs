//! A status as Markdown, for issues, wikis and job summaries, and as comma-separated values, for
//! spreadsheets and scripts.

use std::fmt::Write as _;

use super::human::{StatusView, counts};
use super::{Recorded, Row, Status, StatusToken};
use crate::report::attention;
use crate::report::csv::{line, text};
use crate::report::markdown::cell;
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
    out.push('\n');
    out.push_str(&attention::markdown(&status.attention));
    let rows = status.rows();
    let shown: Vec<&Row<'_>> =
        rows.iter().filter(|row| view.all || !row.matters.is_empty()).collect();
    if shown.is_empty() {
        out.push_str("Nothing needs attention.\n");
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

/// The columns, in order. New ones are added at the end.
const HEADER: [&str; 27] = [
    "tenant",
    "tenantId",
    "displayName",
    "kind",
    "name",
    "id",
    "expiry",
    "expires",
    "daysLeft",
    "sync",
    "health",
    "healthReasons",
    "reasons",
    "warnings",
    "appleId",
    "lastUpload",
    "lastUploadBy",
    "lastUploadRun",
    "lastConfirmed",
    "lastConfirmedBy",
    "lastConfirmedRun",
    "sha256",
    "problems",
    "next",
    "unacknowledgedSince",
    "attention",
    "severity",
];

/// One line a token, most urgent first, one for every tenant of which no token is known, and one for
/// what concerns the whole fleet.
pub fn status_csv(status: &Status) -> String {
    let mut out = String::new();
    line(&mut out, &HEADER.map(str::to_owned));
    for row in status.rows() {
        let token = row.token;
        let of = |get: fn(&StatusToken) -> String| token.map(get).unwrap_or_default();
        let recorded = |get: fn(&StatusToken) -> &Option<Recorded>| {
            let recorded = token.and_then(|token| get(token).as_ref());
            [
                recorded.map(|one| one.at.to_string()).unwrap_or_default(),
                text(recorded.and_then(|one| one.by.as_deref()).unwrap_or_default()),
                text(recorded.map(|one| one.run.as_str()).unwrap_or_default()),
            ]
        };
        let [uploaded, uploaded_by, uploaded_run] = recorded(|token| &token.last_upload);
        let [confirmed, confirmed_by, confirmed_run] = recorded(|token| &token.last_confirmed);
        let tenant = row.tenant;
        let problems: Vec<_> = tenant
            .into_iter()
            .flat_map(|tenant| tenant.problems.iter().map(|problem| problem.code))
            .collect();
        let codes: Vec<_> = row.matters.iter().map(|matter| matter.code).collect();
        let severity = row.matters.iter().map(|matter| matter.severity).min();
        let expires = row.expires();
        line(
            &mut out,
            &[
                text(tenant.map(|tenant| tenant.name.as_str()).unwrap_or_default()),
                tenant
                    .and_then(|tenant| tenant.tenant_id)
                    .map(|id| id.to_string())
                    .unwrap_or_default(),
                text(tenant.and_then(|tenant| tenant.display_name.as_deref()).unwrap_or_default()),
                of(|token| token.state.kind.to_string()),
                of(|token| text(token.state.name.as_deref().unwrap_or_default())),
                of(|token| text(token.state.id.as_deref().unwrap_or_default())),
                of(|token| token.state.expiry.to_string()),
                expires.map(|at| at.to_string()).unwrap_or_default(),
                expires
                    .map(|at| at.since(status.generated_at).num_days().to_string())
                    .unwrap_or_default(),
                of(|token| token.state.sync.to_string()),
                of(|token| token.state.health.to_string()),
                of(|token| joined(&token.state.health_reasons, " ")),
                of(|token| joined(&token.state.reasons, " ")),
                of(|token| joined(&token.state.warnings, " ")),
                of(|token| text(token.apple_id.as_deref().unwrap_or_default())),
                uploaded,
                uploaded_by,
                uploaded_run,
                confirmed,
                confirmed_by,
                confirmed_run,
                of(|token| token.state.sha256.map(|sha| sha.to_string()).unwrap_or_default()),
                joined(&problems, " "),
                text(&row.advice()),
                token
                    .and_then(|token| token.unacknowledged.as_ref())
                    .map(|upload| upload.at.to_string())
                    .unwrap_or_default(),
                joined(&codes, " "),
                severity.map(|one| one.as_str().to_owned()).unwrap_or_default(),
            ],
        );
    }
    out
}
