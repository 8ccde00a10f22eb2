//! A status as comma-separated values, for spreadsheets and scripts.

use super::advice;
use super::past::Recorded;
use super::rows::rows;
use super::{Status, StatusToken};
use crate::report::csv::{line, text};

/// The columns, in order. New ones are added at the end.
const HEADER: [&str; 25] = [
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
];

/// One line a token, most urgent first, and one for every tenant of which no token is known.
pub fn status_csv(status: &Status) -> String {
    let mut out = String::new();
    line(&mut out, &HEADER.map(str::to_owned));
    for row in rows(status) {
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
        let problems: Vec<&str> =
            row.tenant.problems.iter().map(|problem| problem.code.as_str()).collect();
        let expires = row.expires();
        line(
            &mut out,
            &[
                text(&row.tenant.name),
                row.tenant.tenant_id.map(|id| id.to_string()).unwrap_or_default(),
                text(row.tenant.display_name.as_deref().unwrap_or_default()),
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
                of(|token| words(token.state.health_reasons.iter().map(|one| one.as_str()))),
                of(|token| words(token.state.reasons.iter().map(|one| one.as_str()))),
                of(|token| words(token.state.warnings.iter().map(|one| one.as_str()))),
                of(|token| text(token.apple_id.as_deref().unwrap_or_default())),
                uploaded,
                uploaded_by,
                uploaded_run,
                confirmed,
                confirmed_by,
                confirmed_run,
                of(|token| token.state.sha256.map(|sha| sha.to_string()).unwrap_or_default()),
                words(problems.into_iter()),
                text(&advice::of(&row).join(" ")),
                token
                    .and_then(|token| token.unacknowledged.as_ref())
                    .map(|upload| upload.at.to_string())
                    .unwrap_or_default(),
            ],
        );
    }
    out
}

/// Several words in one cell.
fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}
