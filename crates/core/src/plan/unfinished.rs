//! Row 5 of the decision table: what became of uploads that no line of the ledger finished, and when
//! one that failed is tried again.
//!
//! An intent is not a sending. A run that announced an upload and was killed, or to which Graph gave
//! no usable answer, has sent nothing as long as Intune has what it had before.

use chrono::Duration;

use super::holds::Case;
use super::planned::{Closing, Note};
use crate::ledger::Sending;
use crate::model::{Event, Kind, Record, Timestamp};

/// The shortest wait after a failure, where Intune shows an upload at once.
const SHORTEST: Duration = Duration::minutes(5);
const LONGEST: Duration = Duration::hours(24);
/// While device sync is down, an hour is long.
const URGENT: Duration = Duration::hours(1);
/// From so many failures in a row on, a person has to look.
pub const CANNOT_LAND: usize = 3;

/// An unfinished upload, and what Intune tells of it.
pub(super) struct Closed<'a> {
    pub(super) sending: &'a Sending<'a>,
    pub(super) closing: Closing,
}

impl Closed<'_> {
    pub(super) fn note(&self) -> Note {
        Note::Closed(self.closing, self.sending.file())
    }
}

/// The end of every unfinished upload, of whatever file; none while one of them may still show.
pub(super) fn closed<'a>(case: &Case<'_>, unfinished: &'a [Sending<'a>]) -> Vec<Closed<'a>> {
    if unfinished.iter().any(|sending| case.is_pending(sending)) {
        return Vec::new();
    }
    unfinished.iter().map(|sending| Closed { sending, closing: closing(case, sending) }).collect()
}

fn closing(case: &Case<'_>, sending: &Sending<'_>) -> Closing {
    let live = case.one.live;
    let is_shown = sending.after().is_some_and(|stated| case.shows(sending, stated, None));
    if is_shown && sending.sha256 != case.file.sha256 {
        return Closing::Shown;
    }
    let is_as_before = match (sending.before(), live) {
        (None, None) => true,
        (Some(before), Some(live)) => !live.differs_from(before),
        (None, Some(_)) | (Some(_), None) => false,
    };
    match (is_as_before, sending.applied) {
        (true, None) => Closing::NotLanded,
        (true, Some(_)) => Closing::NotShown,
        (false, _) => Closing::OutcomeUnknown,
    }
}

/// The failures in a row of the file in Git, and when it is tried again.
pub(super) struct Retry {
    pub(super) failures: usize,
    /// When the newest of them happened, and what Graph answered.
    last: Timestamp,
    cause: Option<String>,
    /// `None` where the next run tries again at once.
    pub(super) after: Option<Timestamp>,
}

impl Retry {
    /// What happened so far, in a sentence.
    pub(super) fn told(&self) -> String {
        let why = match &self.cause {
            Some(cause) => cause.trim_end_matches('.'),
            None => "the run ended before Graph had answered",
        };
        match self.failures {
            1 => format!("The last upload of this file, on {}, did not arrive: {why}", self.last),
            times => format!(
                "The last {times} uploads of this file did not arrive; the newest, on {}: {why}",
                self.last
            ),
        }
    }
}

/// What the ledger tells of failed uploads of the file in Git; `None` where the last one did not
/// fail.
pub(super) fn retry(case: &Case<'_>, closed: &[Closed<'_>]) -> Option<Retry> {
    let recorded: Vec<&Record> =
        case.one.past.failures_in_a_row(case.one.of, case.file.sha256).collect();
    let lost = closed
        .iter()
        .filter(|one| one.closing == Closing::NotLanded && one.sending.sha256 == case.file.sha256)
        .map(|one| one.sending.last_at())
        .max();
    if recorded.is_empty() && lost.is_none() {
        return unseen(case, closed);
    }
    let failures = recorded.len() + usize::from(lost.is_some());
    let last = lost.or(recorded.first().map(|record| record.at))?;
    let cause = match lost {
        Some(_) => None,
        None => recorded.first().and_then(|record| record.cause()),
    };
    // One killed run says nothing about Graph: there is nothing to wait for.
    let is_death = failures == 1 && cause.is_none();
    let wait = wait(case, failures, last);
    let due = last.plus(wait);
    let waits = !is_death && !case.retry && case.one.now < due;
    Some(Retry {
        failures,
        last,
        cause: cause.map(|cause| cause.detail.clone().unwrap_or_else(|| cause.code.to_string())),
        after: waits.then_some(due),
    })
}

/// An upload that Intune accepted and does not show, where it shows one at once: a read may have come
/// from a replica that lags behind, so the file is not sent again seconds later.
fn unseen(case: &Case<'_>, closed: &[Closed<'_>]) -> Option<Retry> {
    let is_closed = |one: &Closed<'_>| {
        one.closing == Closing::NotShown && one.sending.sha256 == case.file.sha256
    };
    let sendings = case.one.past.every_sending(case.one.of, case.file.sha256);
    let last = sendings.last().filter(|last| match last.end {
        Some(end) => end.event() == Event::NotShown,
        None => closed.iter().any(is_closed),
    })?;
    let last = last.last_at();
    let due = last.plus(wait(case, 1, last));
    let waits =
        case.policy.settle_of(case.one.kind()).is_zero() && !case.retry && case.one.now < due;
    waits.then(|| Retry {
        failures: 1,
        last,
        cause: Some("Intune accepted it and does not show it".to_owned()),
        after: Some(due),
    })
}

/// Twice as long after each failure, never over a quarter of the time to the expiry in Intune.
fn wait(case: &Case<'_>, failures: usize, last: Timestamp) -> Duration {
    let first = case.policy.settle_of(case.one.kind()).max(SHORTEST);
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let factor = 2i32.checked_pow(doublings).unwrap_or(i32::MAX);
    let mut wait = first.checked_mul(factor).unwrap_or(LONGEST).min(LONGEST);
    if let Some(expires) = case.one.live.and_then(|live| live.expires()) {
        wait = wait.min((expires.since(last) / 4).max(Duration::zero()));
    }
    match case.one.kind() {
        Kind::Enrollment => wait.min(URGENT),
        Kind::Push | Kind::Vpp => wait,
    }
}
