//! What an apply did, for people.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::applied::{ApplyReport, ApplyResult, ApplySummary, Happened};
use super::text::{BAD, DIM, GOOD, LOOK, escape, plural, styled, wrap};

/// One line a token, then the sentence that counts. What stopped several tokens for the same reason is
/// told once, below them.
///
/// What was only looked at is counted, unless `all` is asked for.
pub fn apply_human(report: &ApplyReport, all: bool, width: usize) -> String {
    let shown = report.results.iter().filter(|one| all || one.result != Happened::Observed);
    let mut out: String = together(shown).iter().map(|group| told(group, width)).collect();
    if !out.is_empty() {
        out.push('\n');
    }
    let summary = &report.summary;
    let bad = summary.failed
        + summary.refused
        + summary.superseded
        + summary.unobserved
        + summary.holds
        + summary.retry_later
        > 0;
    let style = match (bad, summary.unsettled + summary.elsewhere + summary.waiting) {
        (true, _) => BAD,
        (false, 0) => GOOD,
        (false, _) => LOOK,
    };
    let _ = writeln!(out, "{}", styled(style, &counted(summary)));
    if let Some(kept) = &report.not_pushed {
        let text = format!(
            "{} of the ledger could not be pushed: {}. Until they are, other clones do not know what was uploaded. They are saved. Push them where the remote can be reached: `applecart ledger append {}`",
            plural(kept.entries, "line"),
            escape(kept.why.trim_end_matches('.')),
            escape(&kept.file)
        );
        out.push_str(&styled(BAD, wrap(&text, 0, width).trim_end()));
        out.push('\n');
    }
    if let Some(head) = &report.ledger_head {
        let _ = writeln!(out, "{}", styled(DIM, &format!("ledger {head}")));
    }
    out
}

/// The results, those that ended alike for the same reason at the place of their first.
fn together<'r>(results: impl Iterator<Item = &'r ApplyResult>) -> Vec<Vec<&'r ApplyResult>> {
    let mut groups: Vec<Vec<&ApplyResult>> = Vec::new();
    let mut known: HashMap<(Happened, &[String]), usize> = HashMap::new();
    for one in results {
        let is_own = one.details.is_empty() || one.live.is_some() || request_id(one).is_some();
        let place = match is_own {
            true => groups.len(),
            false => *known.entry((one.result, &one.details)).or_insert(groups.len()),
        };
        match groups.get_mut(place) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// What became of tokens that ended alike.
fn told(group: &[&ApplyResult], width: usize) -> String {
    let mut out: String = group.iter().map(|one| line(one)).collect();
    let Some(first) = group.first() else { return out };
    if group.len() > 1 {
        let _ = writeln!(out, "    All {} for the same reason:", group.len());
    }
    for detail in &first.details {
        out.push_str(&wrap(&escape(detail), 4, width));
    }
    if let Some(request) = request_id(first) {
        let _ = writeln!(out, "    {}", styled(DIM, &format!("request id {}", escape(request))));
    }
    out
}

fn request_id(result: &ApplyResult) -> Option<&str> {
    result.cause.as_ref().and_then(|cause| cause.request_id.as_deref())
}

/// The end of one token.
fn line(result: &ApplyResult) -> String {
    let (sign, style) = sign(result.result);
    let name = result.name.as_deref().map(|name| format!(" {}", escape(name)));
    let expires = result.live.as_ref().and_then(|live| live.expires);
    format!(
        "{} {} {}{}  {}{}\n",
        styled(style, sign),
        escape(&result.tenant),
        result.kind,
        name.unwrap_or_default(),
        styled(style, result.result.as_str()),
        expires.map(|at| format!("  until {at}")).unwrap_or_default()
    )
}

fn sign(happened: Happened) -> (&'static str, anstyle::Style) {
    match happened {
        Happened::Uploaded
        | Happened::Created
        | Happened::Configured
        | Happened::Confirmed
        | Happened::Verified
        | Happened::Adopted => ("✓", GOOD),
        Happened::Progressing
        | Happened::ChangedOutsideGit
        | Happened::Observed
        | Happened::NotLanded
        | Happened::NotShown
        | Happened::OutcomeUnknown
        | Happened::InProgressElsewhere
        | Happened::CanaryPending
        | Happened::NotReviewed => ("…", LOOK),
        Happened::Refused
        | Happened::Stale
        | Happened::Superseded
        | Happened::Failed
        | Happened::Unknown
        | Happened::NotStarted
        | Happened::CanaryFailed => ("✗", BAD),
    }
}

/// How many came to which end.
fn counted(summary: &ApplySummary) -> String {
    let counts = [
        (summary.uploaded, plural(summary.uploaded, "upload")),
        (summary.created, plural(summary.created, "creation")),
        (summary.configured, plural(summary.configured, "settings change")),
        (summary.verified, plural(summary.verified, "verification")),
        (summary.confirmed, format!("{} recorded", plural(summary.confirmed, "earlier upload"))),
        (summary.progressing, format!("{} in progress", summary.progressing)),
        (summary.elsewhere, format!("{} in progress elsewhere", summary.elsewhere)),
        (
            summary.waiting,
            format!("{} not sent before the first of its kind shows", summary.waiting),
        ),
        (summary.refused, format!("{} refused", summary.refused)),
        (summary.superseded, format!("{} not in force any more", summary.superseded)),
        (summary.failed, format!("{} failed", summary.failed)),
        (summary.not_reviewed, format!("{} not in the reviewed plan", summary.not_reviewed)),
        (
            summary.retry_later,
            format!("{} tried again later (--retry tries at once)", summary.retry_later),
        ),
        (
            summary.unsettled,
            format!(
                "{} not visible in Intune yet: the plan above says when to run again",
                plural(summary.unsettled, "earlier upload")
            ),
        ),
        (summary.holds, plural(summary.holds, "hold")),
        (
            summary.unobserved,
            format!("{} could not be read completely", plural(summary.unobserved, "tenant")),
        ),
    ];
    let mut parts: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    if parts.is_empty() {
        parts.push("nothing to upload".to_owned());
    }
    if summary.observed > 0 {
        parts.push(format!("{} recorded", plural(summary.observed, "watched token")));
    }
    parts.join(", ")
}
