//! Sendings: what a tenant's lines say about digests that were, or may have been, sent.
//!
//! The rules, which the tests name one by one:
//!
//! * `intended` opens a sending of its (run, token, digest). A further `intended` of the same run
//!   extends the lease while the sending has no `applied` and its lease has not run out; otherwise
//!   it opens another sending, because then the first one's chance to write is over.
//! * `applied` belongs to the newest open sending of its run, token and digest; without one it
//!   opens one by itself: a line that says "sent" is never dropped.
//! * `confirmed`, `verified`, `outcome-unknown`, and a failure that was found by *reading Intune*
//!   (`never-visible`, `wrong-location`), by whatever run, finish every open sending of the token
//!   and digest.
//! * `not-landed` finishes those that Intune never accepted, `not-shown` those that it did: an
//!   intent is not a sending, and the two are counted apart.
//! * Any other failure (`rejected`, `not-permitted`, `not-sent`, …) is the answer to one request
//!   and finishes only the newest open sending of the run that writes it. Otherwise a run that
//!   stands back (`not-sent`) would make another run's sending look finished while it is under
//!   way.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use crate::model::{Event, Facts, FailureCode, FileRef, Kind, Record, Sha256, Timestamp, TokenRef};

/// What became of one announcement: every line about it, and the one that finished it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending<'a> {
    /// Which token, by the line of it that knows most.
    pub token: &'a TokenRef,
    /// The SHA-256 of the opened token file that was announced.
    pub sha256: Sha256,
    /// The line that opened it.
    pub opened: &'a Record,
    pub last: &'a Record,
    /// Until when its run may still write, by the furthest of its lines.
    pub lease_until: Option<Timestamp>,
    /// The line that says that Intune accepted it.
    pub applied: Option<&'a Record>,
    /// The line that finished it.
    pub end: Option<&'a Record>,
}

impl<'a> Sending<'a> {
    fn open(record: &'a Record, token: &'a TokenRef, sha256: Sha256) -> Self {
        Self {
            token,
            sha256,
            opened: record,
            last: record,
            lease_until: record.lease_until(),
            applied: None,
            end: None,
        }
    }

    /// The file, as the ledger names it.
    pub fn file(&self) -> FileRef {
        self.opened.file().unwrap_or(self.sha256.into())
    }

    /// The run that sends.
    pub fn run(&self) -> &'a str {
        &self.opened.run
    }

    /// The clone whose OS lock proves that run dead.
    pub fn clone_id(&self) -> &'a str {
        &self.opened.clone
    }

    /// When it was first intended: nothing was sent before.
    pub fn intended_at(&self) -> Timestamp {
        self.opened.at
    }

    /// When its newest line was written, from which the settling time counts.
    pub(crate) fn last_at(&self) -> Timestamp {
        self.last.at
    }

    /// When its file was downloaded at Apple; enrollment only.
    pub fn downloaded(&self) -> Option<Timestamp> {
        self.opened.file()?.downloaded
    }

    /// Facts in Intune before it.
    pub fn before(&self) -> Option<&'a Facts> {
        self.opened.before.as_ref()
    }

    /// Whether it makes a VPP token: Intune had none, and the request names no id.
    pub(crate) fn is_creation(&self) -> bool {
        self.opened.kind() == Some(Kind::Vpp)
            && self.opened.before.is_none()
            && self.opened.event() == Event::Intended
    }

    /// The facts that were sent.
    pub fn after(&self) -> Option<&'a Facts> {
        self.applied.and_then(|record| record.after.as_ref()).or(self.opened.after.as_ref())
    }

    /// Whether its run may still be writing: the lease has not run out, and the run is not among
    /// those proved dead.
    pub(crate) fn is_leased(&self, now: Timestamp, dead: &BTreeSet<String>) -> bool {
        !dead.contains(self.run()) && self.lease_until.is_some_and(|until| now < until)
    }

    /// Whether nothing came of it that its own run recorded: at most a later run closed it, because
    /// Intune did not have it.
    pub(crate) fn has_no_outcome(&self) -> bool {
        let closed_by_another = |end: &Record| {
            end.run != self.run() && matches!(end.event(), Event::NotLanded | Event::OutcomeUnknown)
        };
        self.applied.is_none() && self.end.is_none_or(closed_by_another)
    }

    fn is_of(&self, record: &Record, sha256: Sha256) -> bool {
        self.sha256 == sha256 && record.is_of(self.token)
    }

    fn is_extended_by(&self, intent: &Record) -> bool {
        self.run() == intent.run
            && self.applied.is_none()
            && self.lease_until.is_none_or(|until| intent.at <= until)
    }

    fn add(&mut self, record: &'a Record) {
        self.last = record;
        self.lease_until = self.lease_until.max(record.lease_until());
        if let Some(token) = record.token.as_ref().filter(|token| token.id.is_some()) {
            self.token = token;
        }
        if record.event() == Event::Applied {
            self.applied = Some(record);
        }
    }
}

/// All sendings that `records` leave open, oldest first.
pub(super) fn open(records: &[Record]) -> Vec<Sending<'_>> {
    let mut open = all(records);
    open.retain(|sending| sending.end.is_none());
    open
}

/// All sendings in `records`, oldest first.
pub(super) fn all(records: &[Record]) -> Vec<Sending<'_>> {
    let mut all: Vec<Sending<'_>> = Vec::new();
    for record in records {
        let (Some(sha256), Some(token)) = (record.sha256(), &record.token) else { continue };
        let newest_of_run = all
            .iter_mut()
            .rfind(|one| one.end.is_none() && one.is_of(record, sha256) && one.run() == record.run);
        match record.event() {
            Event::Intended => match newest_of_run.filter(|one| one.is_extended_by(record)) {
                Some(sending) => sending.add(record),
                None => all.push(Sending::open(record, token, sha256)),
            },
            Event::Applied => match newest_of_run {
                Some(sending) => sending.add(record),
                None => {
                    let mut sending = Sending::open(record, token, sha256);
                    sending.add(record);
                    all.push(sending);
                }
            },
            _ => match Finishes::by(record) {
                Some(Finishes::NewestOfRun) => {
                    if let Some(sending) = newest_of_run {
                        sending.end = Some(record);
                    }
                }
                Some(finishes) => all
                    .iter_mut()
                    .filter(|one| one.end.is_none() && one.is_of(record, sha256))
                    .filter(|one| finishes != Finishes::Announced || one.applied.is_none())
                    .filter(|one| finishes != Finishes::Accepted || one.applied.is_some())
                    .for_each(|one| one.end = Some(record)),
                None => {}
            },
        }
    }
    all
}

/// Which open sendings of its token and digest a line finishes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finishes {
    /// The answer to one request.
    NewestOfRun,
    /// Those that Intune never accepted.
    Announced,
    /// Those that Intune accepted.
    Accepted,
    All,
}

impl Finishes {
    fn by(record: &Record) -> Option<Self> {
        match record.event() {
            Event::Confirmed | Event::Verified | Event::OutcomeUnknown => Some(Self::All),
            Event::NotLanded => Some(Self::Announced),
            Event::NotShown => Some(Self::Accepted),
            Event::Failed if was_read_live(record) => Some(Self::All),
            Event::Failed => Some(Self::NewestOfRun),
            _ => None,
        }
    }
}

/// Whether a failure was found by reading Intune, so that it speaks about every sending so far.
/// (`not-landed` as the cause of a failure is of older ledgers; now it is an event.)
fn was_read_live(failed: &Record) -> bool {
    failed.cause().is_some_and(|cause| {
        matches!(
            cause.code,
            FailureCode::NotLanded | FailureCode::NeverVisible | FailureCode::WrongLocation
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::TenantLedger;
    use crate::ledger::testing::{at, draft, failure, intent, sha, vpp};
    use crate::model::LedgerEntry;

    fn ledger(drafts: Vec<LedgerEntry>) -> TenantLedger {
        TenantLedger::from_entries(drafts)
    }

    fn push(ledger: &TenantLedger) -> Vec<Sending<'_>> {
        ledger.unfinished(&TokenRef::push())
    }

    fn nobody() -> BTreeSet<String> {
        BTreeSet::new()
    }

    #[test]
    fn a_crash_after_the_intent_leaves_one_sending_that_may_have_gone_out() {
        let ledger = ledger(vec![intent(0, "run-1", sha("a"))]);
        let open = push(&ledger);
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].run(), open[0].clone_id()), ("run-1", "clone-1"));
        assert_eq!(open[0].intended_at(), at(0));
        assert_eq!(open[0].lease_until, Some(at(15)));
        assert_eq!(open[0].applied, None);
    }

    #[test]
    fn a_crash_after_the_upload_leaves_the_sending_open_as_applied() {
        let ledger = ledger(vec![
            intent(0, "run-1", sha("a")),
            draft(Event::Applied, 1, "run-1", Some(sha("a"))),
        ]);
        let open = push(&ledger);
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].applied.map(|record| record.seq), Some(2));
        assert_eq!((open[0].intended_at(), open[0].last_at()), (at(0), at(1)));
    }

    #[test]
    fn further_intents_of_the_run_extend_the_lease_of_one_sending() {
        let ledger = ledger(vec![
            intent(0, "run-1", sha("a")),
            intent(10, "run-1", sha("a")),
            intent(20, "run-1", sha("a")),
        ]);
        let open = push(&ledger);
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].intended_at(), open[0].lease_until), (at(0), Some(at(35))));
        assert!(open[0].is_leased(at(34), &nobody()));
        assert!(!open[0].is_leased(at(35), &nobody()));
    }

    #[test]
    fn an_intent_after_the_lease_ran_out_is_another_sending() {
        let ledger = ledger(vec![intent(0, "run-1", sha("a")), intent(16, "run-1", sha("a"))]);
        assert_eq!(push(&ledger).len(), 2);
    }

    #[test]
    fn an_intent_after_applied_is_another_sending_of_the_same_run() {
        let ledger = ledger(vec![
            intent(0, "run-1", sha("a")),
            draft(Event::Applied, 1, "run-1", Some(sha("a"))),
            intent(2, "run-1", sha("a")),
        ]);
        assert_eq!(push(&ledger).len(), 2);
    }

    #[test]
    fn two_runs_that_sent_and_were_never_confirmed_are_two_sendings() {
        let ledger = ledger(vec![
            intent(0, "run-1", sha("a")),
            draft(Event::Applied, 1, "run-1", Some(sha("a"))),
            intent(40, "run-2", sha("a")),
            draft(Event::Applied, 41, "run-2", Some(sha("a"))),
        ]);
        assert_eq!(push(&ledger).len(), 2);
    }

    #[test]
    fn confirmed_by_any_later_run_finishes_every_sending_of_the_digest_only() {
        let ledger = ledger(vec![
            intent(0, "run-1", sha("a")),
            intent(1, "run-1", sha("b")),
            intent(40, "run-2", sha("a")),
            draft(Event::Confirmed, 50, "run-3", Some(sha("a"))),
        ]);
        let open = push(&ledger);
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].sha256, sha("b"));
    }

    #[test]
    fn a_failure_read_from_live_finishes_every_sending_of_the_digest() {
        for code in [FailureCode::NotLanded, FailureCode::NeverVisible, FailureCode::WrongLocation]
        {
            let ledger = ledger(vec![
                intent(0, "run-1", sha("a")),
                intent(40, "run-2", sha("a")),
                failure(50, "run-2", sha("a"), code),
            ]);
            assert_eq!(push(&ledger), [], "{code:?}");
        }
    }

    #[test]
    fn not_landed_finishes_what_intune_never_accepted_and_not_shown_what_it_did() {
        let lines = || {
            vec![
                intent(0, "run-1", sha("a")),
                draft(Event::Applied, 1, "run-1", Some(sha("a"))),
                intent(40, "run-2", sha("a")),
            ]
        };
        for (event, left) in [(Event::NotLanded, "run-1"), (Event::NotShown, "run-2")] {
            let mut lines = lines();
            lines.push(draft(event, 80, "run-3", Some(sha("a"))));
            let ledger = ledger(lines);
            let open = push(&ledger);
            assert_eq!(open.iter().map(Sending::run).collect::<Vec<_>>(), [left], "{event}");
            let all = ledger.every_sending(&TokenRef::push(), sha("a"));
            assert_eq!(all.iter().filter(|one| one.end.is_some()).count(), 1, "{event}");
        }
        for event in [Event::OutcomeUnknown, Event::Verified, Event::Confirmed] {
            let mut lines = lines();
            lines.push(draft(event, 80, "run-3", Some(sha("a"))));
            assert_eq!(push(&ledger(lines)), [], "{event}");
        }
    }

    #[test]
    fn a_run_that_stands_back_does_not_finish_the_run_that_is_sending() {
        let ledger = ledger(vec![
            intent(0, "run-1", sha("a")),
            intent(1, "run-2", sha("a")),
            failure(2, "run-2", sha("a"), FailureCode::NotSent),
        ]);
        let open = push(&ledger);
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].run(), "run-1");
    }

    #[test]
    fn a_refused_second_request_leaves_the_runs_first_sending_open() {
        let ledger = ledger(vec![
            intent(0, "run-1", sha("a")),
            draft(Event::Applied, 1, "run-1", Some(sha("a"))),
            intent(40, "run-1", sha("a")),
            failure(41, "run-1", sha("a"), FailureCode::Throttled),
        ]);
        let open = push(&ledger);
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].intended_at(), at(0));
    }

    #[test]
    fn a_failed_sending_that_is_tried_again_is_open_once() {
        let ledger = ledger(vec![
            intent(0, "run-1", sha("a")),
            failure(1, "run-1", sha("a"), FailureCode::NotPermitted),
            intent(60, "run-2", sha("a")),
        ]);
        let open = push(&ledger);
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].run(), "run-2");
    }

    #[test]
    fn applied_without_an_intent_is_not_dropped() {
        let ledger = ledger(vec![draft(Event::Applied, 1, "run-1", Some(sha("a")))]);
        let open = push(&ledger);
        assert_eq!(open.len(), 1);
        assert!(open[0].applied.is_some());
        assert!(!open[0].is_leased(at(1), &nobody()), "it has no lease");
    }

    #[test]
    fn a_created_token_is_followed_from_its_name_to_its_id() {
        let with_id = TokenRef { id: Some("1".into()), ..vpp("London") };
        let renamed = TokenRef { name: Some("Paris".into()), ..with_id.clone() };
        let named = LedgerEntry { token: Some(vpp("London")), ..intent(0, "run-1", sha("a")) };
        let applied = LedgerEntry {
            token: Some(with_id.clone()),
            ..draft(Event::Applied, 1, "run-1", Some(sha("a")))
        };
        let ledger = ledger(vec![named.clone(), applied.clone()]);
        let open = ledger.unfinished(&renamed);
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].token, open[0].opened.seq), (&with_id, 1));

        let confirmed = LedgerEntry {
            token: Some(renamed),
            ..draft(Event::Confirmed, 2, "run-1", Some(sha("a")))
        };
        let ledger = TenantLedger::from_entries(vec![named, applied, confirmed]);
        assert_eq!(ledger.unfinished(&with_id), []);
    }

    #[test]
    fn tokens_of_one_tenant_do_not_touch_each_others_sendings() {
        let london = LedgerEntry { token: Some(vpp("London")), ..intent(0, "run-1", sha("a")) };
        let paris = LedgerEntry {
            token: Some(vpp("Paris")),
            ..draft(Event::Confirmed, 1, "run-1", Some(sha("a")))
        };
        let ledger = ledger(vec![london, paris]);
        assert_eq!(ledger.unfinished(&vpp("London")).len(), 1);
        assert_eq!(ledger.unfinished(&vpp("Paris")).len(), 0);
    }

    #[test]
    fn a_run_proved_dead_holds_no_lease() {
        let ledger = ledger(vec![intent(0, "run-1", sha("a"))]);
        let dead = BTreeSet::from(["run-1".to_owned()]);
        assert!(push(&ledger)[0].is_leased(at(1), &nobody()));
        assert!(!push(&ledger)[0].is_leased(at(1), &dead));
    }
}
