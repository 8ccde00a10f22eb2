//! The audit for people.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::{Audit, AuditAcceptance, AuditFinding, AuditLevel, AuditPlace};
use crate::report::text::{BAD, DIM, GOOD, HEAD, LOOK, escape, plural, short, styled, wrap};

/// As many of one code are told; JSON has all of them.
const MAX_OF_A_CODE: usize = 20;
const INDENT: usize = 4;

/// What was audited, everything that was found, and the ledger's head for the next time.
pub fn audit_human(audit: &Audit, width: usize) -> String {
    let mut out = String::new();
    let mut told: HashMap<&str, usize> = HashMap::new();
    for one in &audit.findings {
        let count = told.entry(one.code.as_str()).or_default();
        *count += 1;
        if *count <= MAX_OF_A_CODE {
            out.push_str(&finding(one, width));
        }
    }
    let mut more: Vec<_> = told.into_iter().filter(|(_, count)| *count > MAX_OF_A_CODE).collect();
    more.sort_unstable();
    for (code, count) in more {
        let _ =
            writeln!(out, "and {} more of {code}; --format json has all\n", count - MAX_OF_A_CODE);
    }
    let line = |out: &mut String, name: &str, text: &str| {
        let _ = writeln!(out, "{}{}", styled(HEAD, &format!("{name:<10}")), escape(text));
    };
    let policy = format!("{} at {}", audit.policy_name, short(&audit.policy_rev));
    line(&mut out, "revision", &format!("{}, policy of {policy}", short(&audit.rev)));
    if audit.since.is_none() {
        line(&mut out, "ledger", &ledger(audit));
    }
    let (blobs, messages) = (audit.objects.blobs, audit.objects.messages);
    let since = match &audit.since {
        None => String::new(),
        Some(since) => format!(", which are new since {}; nothing else was", short(since)),
    };
    let (blobs, messages) = (plural(blobs, "blob"), plural(messages, "message"));
    line(&mut out, "objects", &format!("{blobs} and {messages} looked at{since}"));
    if let Some(head) = &audit.ledger.head {
        line(&mut out, "head", head);
        let hint = format!("keep it outside the forge; next time: --expect-head {head}");
        let _ = writeln!(out, "{:<10}{}", "", styled(DIM, &hint));
    }
    let summary = &audit.summary;
    let (style, text) = match (summary.findings, summary.unknown) {
        (0, 0) => (GOOD, "audit passed".to_owned()),
        (0, unknown) => (LOOK, format!("{unknown} unknown")),
        (findings, 0) => (BAD, plural(findings, "finding")),
        (findings, unknown) => (BAD, format!("{}, {unknown} unknown", plural(findings, "finding"))),
    };
    let accepted = match summary.accepted {
        0 => String::new(),
        accepted => format!(", {accepted} accepted"),
    };
    let notes = match summary.notes {
        0 => String::new(),
        notes => format!(", {}", plural(notes, "note")),
    };
    let _ = writeln!(out, "\n{}", styled(style, &format!("{text}{accepted}{notes}")));
    out.push_str(&how_to_accept(audit));
    out
}

/// Which ledger was looked at, and how much is in it.
fn ledger(audit: &Audit) -> String {
    let ledger = &audit.ledger;
    let asked = ledger
        .remote
        .as_deref()
        .map_or_else(|| "in this clone".to_owned(), |remote| format!("of {remote}"));
    match &ledger.head {
        None => format!("{} {asked}: none yet", ledger.branch),
        Some(_) => format!(
            "{} {asked}: {}, {}, {}; {} traced",
            ledger.branch,
            plural(ledger.tenants, "tenant"),
            plural(ledger.entries, "entry"),
            plural(ledger.commits, "commit"),
            plural(audit.uploads, "upload"),
        ),
    }
}

/// The entry by which the policy agrees to the first finding that it can name.
fn how_to_accept(audit: &Audit) -> String {
    let failing = |one: &&AuditFinding| one.level == AuditLevel::Finding;
    let first = audit.findings.iter().filter(failing).find_map(|one| Some((one, one.named()?)));
    let Some((one, (kind, of))) = first else { return String::new() };
    format!(
        "\nA finding that was looked into can be accepted. It stays in every report. Have such an entry merged into applecart.yaml:\naudit: {{accepted: [{{finding: {}, {kind}: {}, reason: …, by: …, until: YYYY-MM-DD}}]}}\n",
        one.code,
        escape(of)
    )
}

fn finding(one: &AuditFinding, width: usize) -> String {
    let (sign, style) = match one.level {
        AuditLevel::Finding => ("✗", BAD),
        AuditLevel::Unknown => ("?", LOOK),
        AuditLevel::Accepted | AuditLevel::Note => ("·", DIM),
    };
    let mut out = format!("{} {}", styled(style, sign), styled(HEAD, &one.code));
    if let Some(place) = place(&one.place) {
        let _ = write!(out, " {}", escape(&place));
    }
    out.push('\n');
    out.push_str(&wrap(&escape(&one.message), INDENT, width));
    if let Some(accepted) = &one.accepted {
        let AuditAcceptance { reason, by, until } = accepted;
        let text = format!("accepted until {until} by {by}: {reason}");
        out.push_str(&wrap(&escape(&text), INDENT, width));
    } else if !one.advice.is_empty() {
        out.push_str(&wrap(&format!("next: {}", escape(&one.advice)), INDENT, width));
    }
    out.push('\n');
    out
}

/// `ref:file:line (commit 0123456789ab)`, as much of it as there is.
pub(super) fn place(place: &AuditPlace) -> Option<String> {
    let mut text = String::new();
    if let Some(file) = &place.file {
        if let Some(refname) = &place.refname {
            let _ = write!(text, "{refname}:");
        }
        text.push_str(file);
        if let Some(line) = place.line {
            let _ = write!(text, ":{line}");
        }
    } else if let Some(refname) = &place.refname {
        text.push_str(refname);
    }
    if let Some(commit) = &place.commit {
        let gap = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{gap}(commit {})", short(commit));
    }
    (!text.is_empty()).then_some(text)
}
