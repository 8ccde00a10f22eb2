//! The decision table for a token with a file: first match wins. Rows are numbered as in the
//! README's table; every row and every hold is a test in `decide/tests`.
//!
//! Rows 1 and 2 (unobserved, no file) are decided by the caller. What the rows ask of a live token
//! is in [`super::subject`], what forbids a write in [`super::holds`], and what
//! releases it again in [`release`](super::release).

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::bindings::Bindings;
use super::holds;
use super::planned::Note;
use super::release::Hold;
use super::settings::Settings;
use super::subject::{self, ABSENT, Sent, Subject, noun, renew_at_apple};
use super::types::{Action, Reason, Sync, Warning};
use crate::fleet::{Policy, Tenant, Token, TokenFile};
use crate::ledger::{Sending, TenantLedger};
use crate::model::{FailureCode, Kind, LiveVpp, Timestamp, TokenRef};

/// What one token's decision rests on.
pub(super) struct Case<'a> {
    pub(super) now: Timestamp,
    pub(super) policy: &'a Policy,
    pub(super) tenant: &'a Tenant,
    /// The entry in Git.
    pub(super) token: &'a Token,
    pub(super) file: &'a TokenFile,
    /// Which token it is, with the id that Git, the ledger or live knows.
    pub(super) of: &'a TokenRef,
    /// The live token that the entry means; `None` when it is proved absent.
    pub(super) live: Option<Subject<'a>>,
    /// Which live token is meant cannot be told.
    pub(super) ambiguous: bool,
    /// Every live VPP token of the tenant.
    pub(super) all_vpp: &'a [LiveVpp],
    /// Data sharing was consented to, by Git or live.
    pub(super) consented: bool,
    pub(super) past: &'a TenantLedger,
    pub(super) bindings: &'a Bindings,
    /// Runs that are proved to have ended.
    pub(super) dead_runs: &'a BTreeSet<String>,
}

/// What to do, and why.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) sync: Option<Sync>,
    pub(super) action: Option<Action>,
    pub(super) reasons: Vec<Reason>,
    pub(super) allows: Vec<Reason>,
    pub(super) warnings: Vec<Warning>,
    pub(super) details: Vec<String>,
    pub(super) notes: Vec<Note>,
    /// The settings that a write carries.
    pub(super) settings: Settings,
    pub(super) urgent: bool,
}

impl Decision {
    fn of(sync: Sync, action: Action) -> Self {
        Self { sync: Some(sync), action: Some(action), ..Self::default() }
    }
}

impl Case<'_> {
    pub(super) fn kind(&self) -> Kind {
        self.of.kind
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.now.date_time().date_naive()
    }

    /// What an `allow` line has to name where the reason is not about one attribute.
    pub(super) fn values(&self) -> (String, String) {
        let from = self.live.map_or_else(|| ABSENT.to_owned(), Subject::release_value);
        let stated = match self.kind() {
            Kind::Push => self.token.serial().map(ToString::to_string),
            Kind::Vpp => self.token.facts.expires.map(|at| at.to_string()),
            Kind::Enrollment => None,
        };
        (from, stated.unwrap_or_else(|| self.file.sha256.to_string()))
    }

    /// Whether live proves that this sending landed.
    fn is_shown(&self, sending: &Sending<'_>) -> bool {
        self.live.is_some_and(|live| {
            live.shows(&Sent {
                stated: &self.token.facts,
                before: sending.before(),
                from: sending.intended_at(),
                to: sending.last_at(),
                settle: self.policy.settle_of(self.kind()),
            })
        })
    }

    /// Whether a sending may still show: its run may yet write, or Intune has not settled.
    fn is_pending(&self, sending: &Sending<'_>) -> bool {
        self.is_alive(sending)
            || self.now.since(sending.last_at()) < self.policy.settle_of(self.kind())
    }

    /// Whether the run behind a sending may still write.
    fn is_alive(&self, sending: &Sending<'_>) -> bool {
        sending.is_leased(self.now, self.dead_runs)
    }
}

/// Rows 3 to 8 for a token with a file.
pub(super) fn decide(case: &Case<'_>) -> Decision {
    if case.ambiguous {
        let mut decision = Decision::default();
        let mut all = vec![holds::ambiguous(case)];
        all.extend(holds::without_file(case));
        add_holds(&mut decision, case, all);
        return decision;
    }
    let unfinished = case.past.unfinished(case.of);
    let mine: Vec<&Sending<'_>> =
        unfinished.iter().filter(|sending| sending.sha256 == case.file.sha256).collect();

    // Row 3: a sending landed and its end was not recorded.
    if let Some(shown) = mine.iter().find(|sending| case.is_shown(sending)) {
        return landed(case, shown);
    }

    // Row 4, and row 5's end: this very file was refused, or never showed. When live shows it all
    // the same (somebody uploaded it by hand), no write would be due, so row 6 is the truth; but a
    // file that landed in another location is live, and wrong.
    let last = case.past.last_confirmed(case.of);
    let same =
        case.live.is_some_and(|live| live.is_file(&case.token.facts, case.file.sha256, last));
    let rejected = rejected(case, &mine).filter(|rejected| !same || rejected.landed);
    if let Some(rejected) = &rejected
        && !rejected.hold.is_released(&case.token.allow, case.file, case.today())
    {
        let mut held = Decision::default();
        add_holds(&mut held, case, vec![rejected.hold.clone()]);
        held.notes.extend(rejected.note.clone());
        mark_urgent(&mut held, case);
        return held;
    }
    let rejected = rejected.map(|rejected| rejected.hold);
    let mut decision = rows_5_to_8(case, &unfinished, &mine, same, rejected);
    mark_urgent(&mut decision, case);
    decision
}

/// Row 3. A VPP token that landed in another location than it was meant for is no success.
fn landed(case: &Case<'_>, sending: &Sending<'_>) -> Decision {
    if let Some(detail) = holds::landed_elsewhere(case, sending) {
        let mut decision = Decision::default();
        let hold = Hold { reason: Reason::Rejected, release: Some(case.values()), detail };
        add_holds(&mut decision, case, vec![hold]);
        decision.notes.push(Note::WrongLocation);
        return decision;
    }
    let mut decision = Decision::of(Sync::InSync, Action::None);
    decision.warnings.push(Warning::UnrecordedUpload);
    decision.notes.push(Note::Confirmed);
    decision
}

struct Rejected {
    hold: Hold,
    note: Option<Note>,
    /// It is live, where it must not be.
    landed: bool,
}

fn rejected(case: &Case<'_>, mine: &[&Sending<'_>]) -> Option<Rejected> {
    let release = Some(case.values());
    let hold = |detail| Hold { reason: Reason::Rejected, release, detail };
    let again = format!("{} and seal the new file", renew_at_apple(case.kind()));
    if let Some(failed) = case.past.definite_failure(case.of, case.file.sha256) {
        let cause = failed.cause();
        let what = match cause.map(|cause| cause.code) {
            Some(FailureCode::NeverVisible) => "was sent twice and never showed",
            Some(FailureCode::WrongLocation) => "turned out to belong to another location",
            _ => "was refused by Intune",
        };
        let why = cause.and_then(|cause| cause.detail.as_deref()).unwrap_or("no reason was given");
        return Some(Rejected {
            hold: hold(format!(
                "this file {what} on {} ({why}). {again}, or release it with an `allow` line",
                failed.at
            )),
            note: None,
            landed: cause.is_some_and(|cause| cause.code == FailureCode::WrongLocation),
        });
    }
    let twice = mine.len() >= 2 && !mine.iter().any(|sending| case.is_pending(sending));
    twice.then(|| Rejected {
        hold: hold(format!(
            "this file was sent {} times and never showed in Intune. Look at the tenant's {} {} in the portal. {again}, or release it with an `allow` line",
            mine.len(),
            case.kind(),
            noun(case.kind())
        )),
        note: Some(Note::NeverVisible),
        landed: false,
    })
}

fn rows_5_to_8(
    case: &Case<'_>,
    unfinished: &[Sending<'_>],
    mine: &[&Sending<'_>],
    same: bool,
    rejected: Option<Hold>,
) -> Decision {
    // Row 5: another run may be about to write, or has just written.
    if let Some(sending) = unfinished.iter().find(|sending| case.is_pending(sending)) {
        return progressing(case, sending);
    }

    // Row 6: live is this file.
    if same && let Some(live) = case.live {
        return configured(case, live);
    }

    // Row 7: something forbids it.
    let mut decision = Decision::default();
    let mut all: Vec<Hold> = rejected.into_iter().collect();
    all.extend(holds::all(case));
    add_holds(&mut decision, case, all);
    decision.notes.extend(outside_change(case));
    let recipient = holds::recipient(case);
    decision.warnings.extend(recipient.warning());
    if decision.action == Some(Action::Hold) {
        return decision;
    }

    // Row 8.
    decision.sync = Some(Sync::OutOfSync);
    decision.action = Some(match (case.kind(), case.live) {
        (Kind::Vpp, None) => Action::Create,
        _ => Action::Upload,
    });
    if let Some(live) = case.live {
        decision.settings = Settings::due(&case.token.facts, live);
    }
    if !mine.is_empty() {
        decision.warnings.push(Warning::SentAgain);
        decision.details.push(
            "an earlier run was about to send this file and live does not show it; it is sent once more"
                .to_owned(),
        );
    }
    let live = case.live.map(Subject::facts);
    if case.kind() == Kind::Push && case.past.renewal_opened(case.of, live.as_ref()).is_none() {
        decision.warnings.push(Warning::CsrUnknown);
    }
    decision
}

/// Row 5.
fn progressing(case: &Case<'_>, sending: &Sending<'_>) -> Decision {
    let mut decision = Decision::of(Sync::Progressing, Action::None);
    if case.is_alive(sending) {
        decision.warnings.push(Warning::InProgressElsewhere);
    }
    let settled = sending.last_at().plus(case.policy.settle_of(case.kind()));
    decision.details.push(match sending.lease_until {
        Some(until) if case.is_alive(sending) => format!(
            "another run ({}) may still write until {until}; wait for it, or run again after that",
            sending.run()
        ),
        _ => format!("sent, not yet visible in Intune; run again after {settled}"),
    });
    decision
}

/// Row 6: only settings may still be due.
fn configured(case: &Case<'_>, live: Subject<'_>) -> Decision {
    let settings = Settings::due(&case.token.facts, live);
    if settings.is_empty() {
        return Decision::of(Sync::InSync, Action::None);
    }
    let mut decision = Decision::default();
    add_holds(&mut decision, case, holds::without_file(case));
    decision.settings = settings;
    if decision.action.is_none() {
        decision.sync = Some(Sync::OutOfSync);
        decision.action = Some(Action::Configure);
    }
    decision
}

/// Adds holds to a decision: those that an `allow` line releases as allows, the rest as reasons.
fn add_holds(decision: &mut Decision, case: &Case<'_>, mut holds: Vec<Hold>) {
    holds.sort_by_key(|hold| hold.reason);
    for hold in holds {
        if hold.is_released(&case.token.allow, case.file, case.today()) {
            decision.allows.push(hold.reason);
            continue;
        }
        if !decision.reasons.contains(&hold.reason) {
            decision.reasons.push(hold.reason);
        }
        let near_miss = hold.near_miss(&case.token.allow, case.today());
        decision.details.push(hold.detail);
        decision.details.extend(near_miss);
    }
    if !decision.reasons.is_empty() {
        decision.sync = Some(Sync::Held);
        decision.action = Some(Action::Hold);
    }
}

/// Downloading an enrollment token at Apple ended the one in use, so until it is uploaded no
/// device syncs. That holds for a file that may not be uploaded just as much, unless it is an old
/// one.
fn mark_urgent(decision: &mut Decision, case: &Case<'_>) {
    const OLD: [Reason; 5] = [
        Reason::RenewedOutsideGit,
        Reason::ChangedOutsideGit,
        Reason::OlderThanLive,
        Reason::Vanished,
        Reason::Expired,
    ];
    let due = matches!(decision.action, Some(Action::Upload | Action::Hold));
    let old = decision.reasons.iter().any(|reason| OLD.contains(reason));
    if case.kind() != Kind::Enrollment || !due || old || case.live.is_none() {
        return;
    }
    // A hold of settings alone is not about a new file.
    let last = case.past.last_confirmed(case.of);
    if last.is_some_and(|record| record.sha256() == Some(case.file.sha256)) {
        return;
    }
    decision.urgent = true;
    decision.details.insert(
        0,
        match case.token.downloaded {
            Some(at) => format!(
                "device sync is down since {at}: downloading this token at Apple ended the one in use. Every hour counts"
            ),
            None => "device sync is down since this token was downloaded at Apple: the download ended the one in use. Every hour counts".to_owned(),
        },
    );
}

/// A change of the live credential that no run made, for the ledger.
fn outside_change(case: &Case<'_>) -> Option<Note> {
    let (recorded, _) = case.past.last_live_facts(case.of)?;
    let differs = match case.live {
        None => recorded.expires.is_some(),
        Some(live) => live.differs_from(recorded),
    };
    differs.then_some(Note::ChangedOutsideGit)
}

/// Whether this very file was ever read to be live.
pub(super) fn was_confirmed(case: &Case<'_>) -> bool {
    subject::confirmation(case.past, case.of, case.file.sha256).is_some()
}

#[cfg(test)]
mod tests;
