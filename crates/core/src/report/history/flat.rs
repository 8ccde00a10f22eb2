//! A history as Markdown, for issues, wikis and reports, and as comma-separated values.

use std::fmt::Write as _;

use super::human::{headline, standing, warnings};
use super::words::{cause, force, label, particulars};
use super::{FactChange, History, TimelineEntry, TokenHistory};
use crate::report::cell::cell;
use crate::report::csv::{self, optional, or_empty, text};
use crate::report::text::{plural, short};

/// What was in force, and one table a token.
pub fn history_markdown(history: &History) -> String {
    let mut out = String::from("<!-- applecart:history -->\n");
    let _ = writeln!(
        out,
        "### Applecart history up to `{}`, {}\n",
        short(&history.rev),
        history.generated_at
    );
    for text in warnings(history) {
        let _ = writeln!(out, "> **Incomplete.** {}\n", cell(&text));
    }
    let _ = writeln!(out, "{}.", cell(&headline(history)));
    for token in &history.tokens {
        let _ = writeln!(out, "\n#### {} {}\n", cell(&token.tenant), cell(&label(token)));
        let _ = writeln!(out, "{}\n", cell(&standing(token)));
        let (head, lines) = force(&token.in_force);
        let _ = writeln!(out, "In force at {}: **{}**\n", token.in_force.at, cell(&head));
        for line in lines {
            let _ = writeln!(out, "- {}", cell(&line));
        }
        out.push_str("\n| when | what | who and why | changes |\n|---|---|---|---|\n");
        for entry in &token.entries {
            let lines: Vec<String> = particulars(entry).iter().map(|line| cell(line)).collect();
            let changes: Vec<String> = entry
                .changes
                .iter()
                .map(|change| {
                    let of = |value: &Option<String>| value.as_deref().map_or("–".to_owned(), cell);
                    format!("{}: {} → {}", cell(&change.fact), of(&change.from), of(&change.to))
                })
                .collect();
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} |",
                entry.at,
                cell(entry.event.words()),
                lines.join("<br>"),
                changes.join("<br>")
            );
        }
        if token.left_out > 0 {
            let _ = writeln!(
                out,
                "\n{} outside the period asked about.",
                plural(token.left_out, "entry")
            );
        }
    }
    out
}

/// One line an entry, oldest first within each token.
pub fn history_csv(history: &History) -> String {
    let rows = history
        .tokens
        .iter()
        .flat_map(|token| token.entries.iter().map(move |entry| columns(Some(token), Some(entry))));
    csv::table(columns(None, None), rows)
}

/// New columns are added at the end.
fn columns(
    token: Option<&TokenHistory>,
    entry: Option<&TimelineEntry>,
) -> [(&'static str, String); 34] {
    let commit = entry.and_then(|entry| entry.commit.as_ref());
    let merge = entry.and_then(|entry| entry.merge.as_ref());
    let record = entry.and_then(|entry| entry.record.as_ref());
    let signature = commit.and_then(|commit| commit.signature.as_ref());
    let change = |one: &FactChange| {
        let of = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        format!("{}: {} -> {}", one.fact, of(&one.from), of(&one.to))
    };
    let changes: Vec<String> =
        entry.into_iter().flat_map(|entry| &entry.changes).map(change).collect();
    let reviewers = entry.map(|entry| entry.reviewers.join("; ")).unwrap_or_default();
    let review = entry.and_then(|entry| entry.review.as_ref()).map(|one| one.label());
    let cause = record.and_then(|record| record.cause.as_ref()).map(cause);
    [
        ("tenant", optional(token.map(|token| token.tenant.as_str()))),
        ("tenantId", or_empty(token.and_then(|token| token.tenant_id))),
        ("kind", or_empty(token.map(|token| token.kind))),
        ("name", optional(token.and_then(|token| token.name.as_deref()))),
        ("id", optional(token.and_then(|token| token.id.as_deref()))),
        ("at", or_empty(entry.map(|entry| entry.at))),
        ("origin", or_empty(entry.map(|entry| entry.origin))),
        ("event", or_empty(entry.map(|entry| entry.event.as_str()))),
        ("sha256", or_empty(entry.and_then(|entry| entry.sha256))),
        ("changes", text(&changes.join("; "))),
        ("commit", optional(commit.map(|commit| commit.id.as_str()))),
        ("author", optional(commit.map(|commit| commit.author.name.as_str()))),
        ("authorEmail", optional(commit.map(|commit| commit.author.email.as_str()))),
        ("committer", optional(commit.map(|commit| commit.committer.name.as_str()))),
        ("committerEmail", optional(commit.map(|commit| commit.committer.email.as_str()))),
        ("subject", optional(commit.map(|commit| commit.subject.as_str()))),
        ("merge", optional(merge.map(|merge| merge.id.as_str()))),
        ("review", optional(review.as_deref())),
        ("signatureKey", optional(signature.and_then(|one| one.key.as_deref()))),
        ("signatureVerified", or_empty(signature.map(|_| "unknown"))),
        ("seq", or_empty(record.map(|record| record.seq))),
        ("run", optional(record.map(|record| record.run.as_str()))),
        ("by", optional(record.and_then(|record| record.by.as_deref().or(record.who())))),
        ("pipeline", optional(record.and_then(|record| record.pipeline.as_deref()))),
        ("rev", optional(record.and_then(|record| record.rev.as_deref()))),
        ("merged", or_empty(merge.map(|merge| merge.committed))),
        ("mergedBy", optional(merge.map(|merge| merge.author.name.as_str()))),
        ("mergedByEmail", optional(merge.map(|merge| merge.author.email.as_str()))),
        ("reviewers", text(&reviewers)),
        ("cause", optional(cause.as_deref())),
        ("note", optional(record.and_then(|record| record.note.as_deref()))),
        ("user", optional(record.and_then(|record| record.user.as_deref()))),
        ("host", optional(record.and_then(|record| record.host.as_deref()))),
        ("planDigest", optional(record.and_then(|record| record.plan_digest.as_deref()))),
    ]
}
