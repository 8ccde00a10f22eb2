//! A history as comma-separated values: one line an entry.

use super::words::cause;
use super::{History, Origin};
use crate::report::csv::{line, text};

/// The columns, in order. New ones are added at the end.
const HEADER: [&str; 34] = [
    "tenant",
    "tenantId",
    "kind",
    "name",
    "id",
    "at",
    "origin",
    "event",
    "sha256",
    "changes",
    "commit",
    "author",
    "authorEmail",
    "committer",
    "committerEmail",
    "subject",
    "merge",
    "review",
    "signatureKey",
    "signatureVerified",
    "seq",
    "run",
    "by",
    "pipeline",
    "rev",
    "merged",
    "mergedBy",
    "mergedByEmail",
    "reviewers",
    "cause",
    "note",
    "user",
    "host",
    "planDigest",
];

/// One line an entry, oldest first within each token.
pub fn history_csv(history: &History) -> String {
    let mut out = String::new();
    line(&mut out, &HEADER.map(str::to_owned));
    for token in &history.tokens {
        for entry in &token.entries {
            let commit = entry.commit.as_ref();
            let merge = entry.merge.as_ref();
            let record = entry.record.as_ref();
            let signature = commit.and_then(|commit| commit.signature.as_ref());
            let changes: Vec<String> = entry
                .changes
                .iter()
                .map(|change| {
                    format!(
                        "{}: {} -> {}",
                        change.fact,
                        change.from.as_deref().unwrap_or("-"),
                        change.to.as_deref().unwrap_or("-")
                    )
                })
                .collect();
            let optional = |value: Option<&str>| text(value.unwrap_or_default());
            line(
                &mut out,
                &[
                    text(&token.tenant),
                    token.tenant_id.map(|id| id.to_string()).unwrap_or_default(),
                    token.kind.to_string(),
                    optional(token.name.as_deref()),
                    optional(token.id.as_deref()),
                    entry.at.to_string(),
                    match entry.origin {
                        Origin::Git => "git".to_owned(),
                        Origin::Ledger => "ledger".to_owned(),
                    },
                    entry.event.as_str().to_owned(),
                    entry.sha256.map(|sha| sha.to_string()).unwrap_or_default(),
                    text(&changes.join("; ")),
                    optional(commit.map(|commit| commit.id.as_str())),
                    optional(commit.map(|commit| commit.author.name.as_str())),
                    optional(commit.map(|commit| commit.author.email.as_str())),
                    optional(commit.map(|commit| commit.committer.name.as_str())),
                    optional(commit.map(|commit| commit.committer.email.as_str())),
                    optional(commit.map(|commit| commit.subject.as_str())),
                    optional(merge.map(|merge| merge.id.as_str())),
                    text(&entry.review.as_ref().map(|one| one.label()).unwrap_or_default()),
                    optional(signature.and_then(|one| one.key.as_deref())),
                    signature.map(|_| "unknown".to_owned()).unwrap_or_default(),
                    record.map(|record| record.seq.to_string()).unwrap_or_default(),
                    optional(record.map(|record| record.run.as_str())),
                    optional(record.and_then(|record| record.by.as_deref().or(record.who()))),
                    optional(record.and_then(|record| record.pipeline.as_deref())),
                    optional(record.and_then(|record| record.rev.as_deref())),
                    merge.map(|merge| merge.committed.to_string()).unwrap_or_default(),
                    optional(merge.map(|merge| merge.author.name.as_str())),
                    optional(merge.map(|merge| merge.author.email.as_str())),
                    text(&entry.reviewers.join("; ")),
                    text(
                        &record
                            .and_then(|record| record.cause.as_ref())
                            .map_or(String::new(), cause),
                    ),
                    optional(record.and_then(|record| record.note.as_deref())),
                    optional(record.and_then(|record| record.user.as_deref())),
                    optional(record.and_then(|record| record.host.as_deref())),
                    optional(record.and_then(|record| record.plan_digest.as_deref())),
                ],
            );
        }
    }
    out
}
