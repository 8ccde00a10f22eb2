//! The decision table for the push certificate: first match wins. Rows are numbered as in the
//! README's table; every row and every hold is a test in `decide/tests.rs`.
//!
//! The other two kinds are watched: they go through rows 1 and 2 only (see [`super::make`]).

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::bindings::Bindings;
use super::planned::Note;
use super::types::{Action, Reason, Sync, Warning};
use crate::fleet::{Allow, Policy, Tenant, Token, TokenFile};
use crate::ledger::{Sending, TenantLedger};
use crate::model::{FailureCode, LivePush, Timestamp};

/// What one token's decision rests on.
pub(super) struct Facts<'a> {
    pub(super) now: Timestamp,
    pub(super) policy: &'a Policy,
    pub(super) tenant: &'a Tenant,
    pub(super) token: &'a Token,
    pub(super) file: &'a TokenFile,
    pub(super) live: Option<&'a LivePush>,
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
}

impl Decision {
    fn of(sync: Sync, action: Action) -> Self {
        Self { sync: Some(sync), action: Some(action), ..Self::default() }
    }
}

/// A hold class with the change it stands for, and what a person should know.
#[derive(Clone)]
struct Hold {
    reason: Reason,
    /// The live value that an `allow` line must name, and the file's, where it may be released.
    release: Option<(String, String)>,
    detail: String,
}

/// Rows 3 to 8 for a push certificate with a file. Rows 1 and 2 are decided by the caller.
pub(super) fn push(facts: &Facts<'_>) -> Decision {
    let Facts { token, file, live, past, .. } = facts;
    let unfinished = past.unfinished(&token.token);
    let mine: Vec<&Sending<'_>> =
        unfinished.iter().filter(|sending| sending.sha256 == file.sha256).collect();
    let same = live.is_some_and(|live| is_same(token, live));

    // Row 3: an upload landed and its end was not recorded.
    if same && !mine.is_empty() {
        let mut decision = Decision::of(Sync::InSync, Action::None);
        decision.warnings.push(Warning::UnrecordedUpload);
        decision.notes.push(Note::Confirmed);
        return decision;
    }

    // Row 4, and row 5's end: this very file was refused, or never showed. When live shows it all
    // the same (somebody uploaded it by hand), no write would be due, so row 6 is the truth.
    let rejected = if same { None } else { rejected(facts, &mine) };
    if let Some(rejected) = &rejected
        && !releases(&token.allow, &rejected.hold, file, today(facts.now))
    {
        let mut held = Decision::default();
        add_holds(&mut held, facts, vec![rejected.hold.clone()]);
        held.notes.extend(rejected.note.clone());
        return held;
    }
    rows_5_to_8(facts, &unfinished, &mine, same, rejected.map(|rejected| rejected.hold))
}

struct Rejected {
    hold: Hold,
    note: Option<Note>,
}

fn rejected(facts: &Facts<'_>, mine: &[&Sending<'_>]) -> Option<Rejected> {
    let release = Some((live_serial(facts), file_serial(facts)));
    let hold = |detail| Hold { reason: Reason::Rejected, release, detail };
    if let Some(failed) = facts.past.definite_failure(&facts.token.token, facts.file.sha256) {
        let cause = failed.cause.as_ref();
        let what = match cause.map(|cause| cause.code) {
            Some(FailureCode::NeverVisible) => "was sent twice and never showed",
            Some(FailureCode::WrongLocation) => "turned out to belong to another location",
            _ => "was refused by Intune",
        };
        let why = cause.and_then(|cause| cause.detail.as_deref()).unwrap_or("no reason was given");
        return Some(Rejected {
            hold: hold(format!(
                "this file {what} on {} ({why}). Renew again at Apple and seal the new file, or release it with an `allow` line",
                failed.at
            )),
            note: None,
        });
    }
    let twice = mine.len() >= 2 && !mine.iter().any(|sending| is_pending(facts, sending));
    twice.then(|| Rejected {
        hold: hold(format!(
            "this file was sent {} times and never showed in Intune. Look at the tenant's push certificate in the portal; renew again at Apple, or release it with an `allow` line",
            mine.len()
        )),
        note: Some(Note::NeverVisible),
    })
}

fn rows_5_to_8(
    facts: &Facts<'_>,
    unfinished: &[Sending<'_>],
    mine: &[&Sending<'_>],
    same: bool,
    rejected: Option<Hold>,
) -> Decision {
    // Row 5: another run may be about to write, or has just written.
    if let Some(sending) = unfinished.iter().find(|sending| is_pending(facts, sending)) {
        let mut decision = Decision::of(Sync::Progressing, Action::None);
        if is_alive(facts, sending) {
            decision.warnings.push(Warning::InProgressElsewhere);
        }
        decision.details.push(match sending.lease_until {
            Some(until) if is_alive(facts, sending) => format!(
                "another run ({}) may still write until {until}; wait for it, or run again after that",
                sending.run()
            ),
            _ => "sent, not yet visible in Intune; run again later".to_owned(),
        });
        return decision;
    }

    // Row 6: live is this file.
    if same {
        return Decision::of(Sync::InSync, Action::None);
    }

    // Row 7: something forbids it.
    let mut decision = Decision::default();
    add_holds(&mut decision, facts, rejected.into_iter().chain(hold_classes(facts)).collect());
    decision.notes.extend(outside_change(facts));
    if decision.action == Some(Action::Hold) {
        return decision;
    }

    // Row 8.
    decision.sync = Some(Sync::OutOfSync);
    decision.action = Some(Action::Upload);
    if !mine.is_empty() {
        decision.warnings.push(Warning::SentAgain);
        decision.details.push(
            "an earlier run was about to send this file and live does not show it; it is sent once more"
                .to_owned(),
        );
    }
    if facts.past.renewal_opened(&facts.token.token).is_none() {
        decision.warnings.push(Warning::CsrUnknown);
    }
    decision
}

/// Every hold class that applies to a push upload.
fn hold_classes(facts: &Facts<'_>) -> Vec<Hold> {
    let Facts { now, tenant, token, file, live, past, .. } = facts;
    let mut holds = Vec::new();
    let mut add = |reason: Reason, release: Option<(String, String)>, detail: String| {
        holds.push(Hold { reason, release, detail });
    };
    let serials = || Some((live_serial(facts), file_serial(facts)));
    let confirmed = past.confirmed(&token.token, file.sha256);
    let expires = token.facts.expires;

    if let (Some(live), Some(topic)) = (live, token.topic())
        && live.topic != *topic
    {
        add(
            Reason::TopicChange,
            Some((live.topic.to_string(), topic.to_string())),
            format!(
                "Git's certificate has topic {topic}, {} is live: every Apple device enrolled under the live topic would stop answering and have to be enrolled again. At Apple's portal press Renew on the old certificate, not Create{}",
                live.topic,
                live.apple_id.as_ref().map(|id| format!(", signed in as {id}")).unwrap_or_default()
            ),
        );
    }
    for detail in facts.bindings.conflicts(tenant, token, &facts.policy.moves) {
        add(Reason::WrongDestination, None, detail);
    }
    for detail in facts.bindings.duplicates(tenant, token) {
        add(Reason::Duplicate, None, detail);
    }
    if let (Some(live), Some(expires)) = (live, expires) {
        let later = live.expires > expires;
        if confirmed && later {
            add(
                Reason::RenewedOutsideGit,
                None,
                format!(
                    "live was renewed by hand: serial {} until {}, Git's file ends {expires}. Nothing is uploaded over it. Adopt it by removing `file` and `sha256` from the token in the tenant file, or seal a newer renewal",
                    live.serial, live.expires
                ),
            );
        } else if confirmed {
            add(
                Reason::ChangedOutsideGit,
                (!later).then(serials).flatten(),
                format!(
                    "live was changed by hand: serial {} until {}. Find out who did it; then adopt it by removing `file` and `sha256`, or release this upload with an `allow` line",
                    live.serial, live.expires
                ),
            );
        } else if later {
            // For a confirmed file this is already said, with its cause, by renewed-outside-git.
            add(
                Reason::OlderThanLive,
                None,
                format!(
                    "Git's file ends {expires}, the live certificate (serial {}) {}: uploading it would shorten the tenant's time. Seal the newest download",
                    live.serial, live.expires
                ),
            );
        }
    }
    if live.is_none() && confirmed {
        add(
            Reason::Vanished,
            serials(),
            "this certificate was live before and Intune has none now. Find out who removed it; then release this upload with an `allow` line".to_owned(),
        );
    }
    if let Some(expires) = expires.filter(|expires| expires <= now) {
        add(
            Reason::Expired,
            None,
            format!(
                "Git's file lapsed on {expires}; a dead certificate is never uploaded. Renew it at Apple and seal the new file"
            ),
        );
    }
    if live.is_none() && !facts.consented {
        add(
            Reason::ConsentMissing,
            None,
            "a first push certificate needs the customer's consent to share data with Apple. When the customer has agreed, add `consent: {dataSharing: true}` to the tenant file".to_owned(),
        );
    }
    if let Some(suspension) = &tenant.suspend {
        let (reason, detail) = if today(*now) <= suspension.until {
            (
                Reason::Suspended,
                format!("suspended until {}: {}", suspension.until, suspension.reason),
            )
        } else {
            (
                Reason::SuspensionEnded,
                format!(
                    "the suspension ({}) ended on {}. Remove the `suspend` line, or move its date",
                    suspension.reason, suspension.until
                ),
            )
        };
        add(reason, None, detail);
    }
    holds
}

/// Adds holds to a decision: those that an `allow` line releases as allows, the rest as reasons.
fn add_holds(decision: &mut Decision, facts: &Facts<'_>, mut holds: Vec<Hold>) {
    holds.sort_by_key(|hold| hold.reason);
    let today = today(facts.now);
    for hold in holds {
        if releases(&facts.token.allow, &hold, facts.file, today) {
            decision.allows.push(hold.reason);
            continue;
        }
        if !decision.reasons.contains(&hold.reason) {
            decision.reasons.push(hold.reason);
        }
        decision.details.push(hold.detail);
        if let Some(near) =
            facts.token.allow.iter().find(|allow| allow.hold == hold.reason.as_str())
        {
            decision.details.push(near_miss(near, hold.release.as_ref(), today));
        }
    }
    if !decision.reasons.is_empty() {
        decision.sync = Some(Sync::Held);
        decision.action = Some(Action::Hold);
    }
}

fn releases(allows: &[Allow], hold: &Hold, file: &TokenFile, today: NaiveDate) -> bool {
    let Some((from, to)) = &hold.release else { return false };
    allows.iter().any(|allow| {
        allow.hold == hold.reason.as_str()
            && allow.until >= today
            && allow.from == *from
            && (allow.to == *to || allow.to == file.sha256.to_string())
    })
}

/// Why an `allow` line of the right class did not release the hold.
fn near_miss(allow: &Allow, release: Option<&(String, String)>, today: NaiveDate) -> String {
    match release {
        None => {
            format!("the `allow` line for {} does not help: here it cannot be released", allow.hold)
        }
        Some(_) if allow.until < today => {
            format!("the `allow` line for {} ended on {}", allow.hold, allow.until)
        }
        Some((from, to)) => format!(
            "the `allow` line for {} does not fit: it must say `from: {from}` and `to: {to}`",
            allow.hold
        ),
    }
}

/// A change of the live certificate that no run made, for the ledger.
fn outside_change(facts: &Facts<'_>) -> Option<Note> {
    let (recorded, _) = facts.past.last_live_facts(&facts.token.token)?;
    let now_live = facts.live.map(LivePush::facts);
    let differs = match &now_live {
        Some(live) => recorded.serial != live.serial || recorded.topic != live.topic,
        None => recorded.serial.is_some(),
    };
    differs.then_some(Note::ChangedOutsideGit)
}

/// Whether live is this file: the serial is unique per issuer, the topic binds the devices.
fn is_same(token: &Token, live: &LivePush) -> bool {
    token.serial() == Some(&live.serial) && token.topic() == Some(&live.topic)
}

/// Whether a sending may still show: its run may yet write, or Intune has not settled.
fn is_pending(facts: &Facts<'_>, sending: &Sending<'_>) -> bool {
    let settle = facts.policy.settle_of(facts.token.token.kind);
    is_alive(facts, sending) || facts.now.since(sending.last_at()) < settle
}

/// Whether the run behind a sending may still write.
fn is_alive(facts: &Facts<'_>, sending: &Sending<'_>) -> bool {
    sending.is_leased(facts.now, facts.dead_runs)
}

fn today(now: Timestamp) -> NaiveDate {
    now.date_time().date_naive()
}

fn live_serial(facts: &Facts<'_>) -> String {
    facts.live.map_or_else(|| "absent".to_owned(), |live| live.serial.to_string())
}

fn file_serial(facts: &Facts<'_>) -> String {
    facts.token.serial().map_or_else(|| facts.file.sha256.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests;
