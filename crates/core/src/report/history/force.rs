//! Which credential was in force at an instant, and how it came to be.
//!
//! The ledger decides: what Intune accepted or a read showed. Git only says who brought the file in,
//! and what was wanted. Where the ledger says nothing, nothing is known to be in force.
//!
//! A change outside Git is recorded when a run sees it, not when it is made. From the moment at which
//! the other credential can have existed until it was seen, it is unknown which of the two was in Intune.

use super::{ForceState, InForce, RecordEntry, Replaced, TimelineEntry};
use crate::model::{Event, Facts, FailureCode, Record, Sha256, TenantId, Timestamp};

/// A commit's entry in a timeline, with what it made of the token.
pub(super) struct GitStep {
    pub(super) entry: TimelineEntry,
    /// The digest that Git names since; `None` where the token has no file or is gone.
    pub(super) sha256: Option<Sha256>,
    pub(super) before: Option<Sha256>,
    /// The facts of a token that Git watches without a file.
    pub(super) tracked: Option<Facts>,
    /// Whether it is of the mainline, and not of a branch that a merge brought.
    pub(super) mainline: bool,
    /// Whether it is a merge that did to the token what the commits that it brought had done: their
    /// entries tell of the merge, and another one would tell the same change twice.
    pub(super) told: bool,
}

/// One token's past, each part in its own order, oldest first.
pub(super) struct Past<'a> {
    pub(super) steps: &'a [GitStep],
    pub(super) records: &'a [(TenantId, &'a Record)],
    pub(super) problem: Option<&'a str>,
}

pub(super) fn in_force(past: &Past<'_>, at: Timestamp) -> InForce {
    let state = match past.problem {
        Some(_) => ForceState::Unknown,
        None => ForceState::NotRecorded,
    };
    let mut answer = nothing_known(at, state);
    wanted(past, at, &mut answer);
    if past.problem.is_some() {
        return answer;
    }
    // What was sent and never came to be seen was never in Intune.
    let lines: Vec<&(TenantId, &Record)> = past
        .records
        .iter()
        .enumerate()
        .filter(|(index, (_, record))| !never_landed(record, past.records.get(index + 1..)))
        .map(|(_, line)| line)
        .collect();
    let is_until = |line: &&&(TenantId, &Record)| line.1.at <= at;
    let until: Vec<&(TenantId, &Record)> = lines.iter().filter(is_until).copied().collect();
    let Some(last) = until.iter().rposition(|(_, record)| decides(record)) else { return answer };
    let Some((_, record)) = until.get(last) else { return answer };
    (answer.tracked, answer.tracked_since) = (None, None);
    answer.sha256 = record.sha256();
    answer.state = match record.event() {
        Event::ChangedOutsideGit | Event::Observed if record.saw_none() => ForceState::Gone,
        Event::Confirmed | Event::Verified => ForceState::Confirmed,
        Event::ChangedOutsideGit => ForceState::OutsideGit,
        Event::Observed => ForceState::Observed,
        Event::Adopted => ForceState::Adopted,
        _ => ForceState::Applied,
    };
    reached(past, until.get(..=last).unwrap_or_default(), at, &mut answer);
    let expires = answer.facts.as_ref().and_then(|facts| facts.expires);
    answer.lapsed = expires.map(|expires| expires <= at);
    if let Some(replaced) = replaced(&lines, record, at) {
        answer.state = ForceState::Uncertain;
        answer.replaced = Some(replaced);
    }
    answer
}

/// How the credential of the last of these lines reached Intune, and what a read showed of it.
fn reached(past: &Past<'_>, lines: &[&(TenantId, &Record)], at: Timestamp, answer: &mut InForce) {
    let Some(&&(tenant, record)) = lines.last() else { return };
    // The life of this digest up to here, newest first, as far as no other credential came between.
    let life: Vec<&(TenantId, &Record)> = lines
        .iter()
        .rev()
        .take_while(|(_, one)| !decides(one) || one.sha256() == record.sha256())
        .filter(|(_, one)| one.sha256() == record.sha256())
        .copied()
        .collect();
    let newest_facts = life.iter().find_map(|(_, one)| one.after.clone());
    answer.facts = newest_facts.or_else(|| record.after.clone());
    let first = |event| life.iter().rev().find(|(_, one)| one.event() == event);
    let line = |found: Option<&&(TenantId, &Record)>| {
        found.map(|(tenant, one)| RecordEntry::of(*tenant, one))
    };
    match answer.state {
        ForceState::OutsideGit | ForceState::Observed | ForceState::Gone => {
            // The first read that saw it; a digest in the line is the one that it replaced.
            answer.sha256 = None;
            answer.reached = Some(RecordEntry::of(tenant, record));
        }
        ForceState::Adopted => {
            answer.sha256 = None;
            let seen = lines.iter().rev().skip(1).take_while(|(_, one)| {
                !decides(one) || matches!(one.event(), Event::ChangedOutsideGit | Event::Adopted)
            });
            let seen = seen.into_iter().find(|(_, one)| one.event() == Event::ChangedOutsideGit);
            answer.reached = line(seen).or_else(|| Some(RecordEntry::of(tenant, record)));
            adopted_by(past, record.at, answer);
        }
        _ => {
            answer.reached = line(first(Event::Applied).or_else(|| first(Event::Intended)))
                .or_else(|| line(first(Event::Confirmed)))
                .or_else(|| line(first(Event::Verified)));
            answer.confirmed =
                line(first(Event::Confirmed)).or_else(|| line(first(Event::Verified)));
            if let Some(sha256) = record.sha256() {
                let reached = answer.reached.as_ref().map_or(at, |reached| reached.at);
                brought_in(past, sha256, reached, answer);
            }
        }
    }
}

fn nothing_known(at: Timestamp, state: ForceState) -> InForce {
    InForce {
        at,
        state,
        sha256: None,
        facts: None,
        lapsed: None,
        reached: None,
        confirmed: None,
        replaced: None,
        brought_in: None,
        merge: None,
        review: None,
        reviewers: Vec::new(),
        tracked: None,
        tracked_since: None,
        desired: None,
        desired_since: None,
    }
}

/// What a run found in the place of what the line says, and what may have been there already.
fn replaced(lines: &[&(TenantId, &Record)], record: &Record, at: Timestamp) -> Option<Replaced> {
    let later = lines.iter().skip_while(|(_, one)| !std::ptr::eq(*one, record)).skip(1);
    let (tenant, next) = later.into_iter().find(|(_, one)| decides(one) && one.at > at)?;
    let is_outside = matches!(next.event(), Event::ChangedOutsideGit | Event::Observed);
    let is_other = is_outside && can_exist(next, at);
    is_other.then(|| Replaced {
        seen: RecordEntry::of(*tenant, next),
        facts: next.after.clone(),
        last_known: record.at,
    })
}

/// The longest that Apple makes any of the three valid, and a day for clocks: push certificates and
/// server tokens 365 days, content tokens a year.
const LONGEST_LIFE: chrono::Duration = chrono::Duration::days(367);

/// Whether the credential that a line names may have been made by then. Without its expiry
/// that is unknown.
fn can_exist(record: &Record, at: Timestamp) -> bool {
    let expires = record.after.as_ref().and_then(|facts| facts.expires);
    expires.is_none_or(|expires| expires.since(at) <= LONGEST_LIFE)
}

/// Whether an upload was accepted and then given up, because no read ever showed it.
fn never_landed(record: &Record, later: Option<&[(TenantId, &Record)]>) -> bool {
    let is_end = |one: &Record| match one.event() {
        Event::Confirmed | Event::Verified | Event::NotShown => true,
        Event::Failed => one.cause().is_some_and(|cause| cause.code == FailureCode::NeverVisible),
        _ => false,
    };
    let mut later = later.unwrap_or_default().iter().map(|(_, one)| *one);
    record.event() == Event::Applied
        && record.sha256().is_some()
        && later
            .find(|one| one.sha256() == record.sha256() && is_end(one))
            .is_some_and(|end| matches!(end.event(), Event::Failed | Event::NotShown))
}

/// Whether a line says which credential is in Intune. A change of settings carries no digest.
fn decides(record: &Record) -> bool {
    match record.event() {
        Event::Applied | Event::Confirmed | Event::Verified => record.sha256().is_some(),
        Event::ChangedOutsideGit | Event::Adopted | Event::Observed => true,
        _ => false,
    }
}

/// What the mainline named at `at`.
fn wanted(past: &Past<'_>, at: Timestamp, answer: &mut InForce) {
    let mainline = || past.steps.iter().filter(|step| step.mainline);
    let Some(last) = mainline().take_while(|step| step.entry.at <= at).last() else { return };
    answer.desired = last.sha256;
    answer.tracked = last.tracked.clone();
    if last.tracked.is_some() {
        answer.tracked_since = last.entry.commit.clone();
    }
    let since = mainline()
        .take_while(|step| step.entry.at <= at)
        .filter(|step| step.sha256 == last.sha256 && step.before != last.sha256)
        .last();
    if last.sha256.is_some() {
        answer.desired_since = since.and_then(|step| step.entry.commit.clone());
    }
}

/// The commit that brought the digest into Git: the newest one before it reached Intune.
fn brought_in(past: &Past<'_>, sha256: Sha256, reached: Timestamp, answer: &mut InForce) {
    let brings = |step: &&GitStep| step.sha256 == Some(sha256) && step.before != Some(sha256);
    let mut mainline = past.steps.iter().filter(|step| step.mainline).filter(brings);
    let step = mainline
        .clone()
        .rfind(|step| step.entry.at <= reached)
        // Clocks differ between machines; with one commit there is nothing to choose.
        .or_else(|| mainline.next());
    let Some(step) = step else { return };
    let id = step.entry.commit.as_ref().map(|commit| &commit.id);
    let written = past
        .steps
        .iter()
        .filter(|one| !one.mainline)
        .filter(brings)
        .find(|one| one.entry.merge.as_ref().map(|merge| &merge.id) == id);
    let of = written.unwrap_or(step);
    answer.brought_in = of.entry.commit.clone();
    answer.merge = written.and(step.entry.commit.clone());
    answer.review = of.entry.review.clone();
    answer.reviewers = of.entry.reviewers.clone();
}

/// The commit from which Git watches what came from outside: the newest one before the run that took
/// note of it.
fn adopted_by(past: &Past<'_>, noted: Timestamp, answer: &mut InForce) {
    let tracks = |step: &&GitStep| step.mainline && step.tracked.is_some();
    let Some(step) = past.steps.iter().filter(tracks).rfind(|step| step.entry.at <= noted) else {
        return;
    };
    answer.brought_in = step.entry.commit.clone();
    answer.review = step.entry.review.clone();
    answer.reviewers = step.entry.reviewers.clone();
}
