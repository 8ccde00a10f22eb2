//! Which credential was in force at an instant, and how it came to be.
//!
//! The ledger decides: what Intune accepted or a read showed. Git only says who brought the file in,
//! and what was wanted. Where the ledger says nothing, nothing is in force as far as anybody knows.

use super::join::GitStep;
use super::{ForceState, InForce, RecordEntry};
use crate::model::{Event, Record, Sha256, TenantId, Timestamp};

/// One token's past, each part in its own order, oldest first.
pub(super) struct Past<'a> {
    pub(super) steps: &'a [GitStep],
    pub(super) records: &'a [(TenantId, &'a Record)],
    pub(super) problem: Option<&'a str>,
}

/// What was in force at `at`.
pub(super) fn in_force(past: &Past<'_>, at: Timestamp) -> InForce {
    let mut answer = InForce {
        at,
        state: if past.problem.is_some() { ForceState::Unknown } else { ForceState::NotRecorded },
        sha256: None,
        facts: None,
        lapsed: None,
        reached: None,
        confirmed: None,
        brought_in: None,
        merge: None,
        review: None,
        desired: None,
        desired_since: None,
    };
    wanted(past, at, &mut answer);
    if past.problem.is_some() {
        return answer;
    }
    let until: Vec<&(TenantId, &Record)> =
        past.records.iter().filter(|(_, record)| record.at <= at).collect();
    let Some(last) = until.iter().rposition(|(_, record)| decides(record)) else { return answer };
    let Some(&&(tenant, record)) = until.get(last) else { return answer };
    answer.sha256 = record.sha256;
    answer.state = match record.event {
        Event::Confirmed => ForceState::Confirmed,
        Event::ChangedOutsideGit => ForceState::OutsideGit,
        Event::Adopted => ForceState::Adopted,
        _ => ForceState::Applied,
    };
    // The life of this digest up to here, newest first, as far as no other credential came between.
    let life: Vec<&(TenantId, &Record)> = until
        .iter()
        .take(last + 1)
        .rev()
        .take_while(|(_, one)| !decides(one) || one.sha256 == record.sha256)
        .filter(|(_, one)| one.sha256 == record.sha256)
        .copied()
        .collect();
    let newest_facts = life.iter().find_map(|(_, one)| one.after.clone());
    answer.facts = newest_facts.or_else(|| record.after.clone());
    let first = |event| life.iter().rev().find(|(_, one)| one.event == event);
    let line = |found: Option<&&(TenantId, &Record)>| {
        found.map(|(tenant, one)| RecordEntry::of(*tenant, one))
    };
    match answer.state {
        ForceState::OutsideGit | ForceState::Adopted => {
            // The first read that saw it; a digest in the line is the one that it replaced.
            answer.sha256 = None;
            answer.reached = Some(RecordEntry::of(tenant, record));
        }
        _ => {
            answer.reached = line(first(Event::Applied).or_else(|| first(Event::Intended)))
                .or_else(|| line(first(Event::Confirmed)));
            answer.confirmed = line(first(Event::Confirmed));
            if let Some(sha256) = record.sha256 {
                let reached = answer.reached.as_ref().map_or(at, |reached| reached.at);
                brought_in(past, sha256, reached, &mut answer);
            }
        }
    }
    let expires = answer.facts.as_ref().and_then(|facts| facts.expires);
    answer.lapsed = expires.map(|expires| expires <= at);
    answer
}

/// Whether a line says which credential is live. A change of settings carries no digest.
fn decides(record: &Record) -> bool {
    match record.event {
        Event::Applied | Event::Confirmed => record.sha256.is_some(),
        Event::ChangedOutsideGit | Event::Adopted => true,
        _ => false,
    }
}

/// What the mainline named at `at`.
fn wanted(past: &Past<'_>, at: Timestamp, answer: &mut InForce) {
    let mainline = || past.steps.iter().filter(|step| step.mainline);
    let Some(last) = mainline().take_while(|step| step.entry.at <= at).last() else { return };
    answer.desired = last.sha256;
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
    answer.brought_in = written.unwrap_or(step).entry.commit.clone();
    answer.merge = written.and(step.entry.commit.clone());
    answer.review = written.unwrap_or(step).entry.review.clone();
}
