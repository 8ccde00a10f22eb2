//! Lines that have no effect: what no run can have written.
//!
//! A clock that was days ahead, or a forged line, must not lease a token until next year or prove an
//! upload that is still to come; and no run confirms a file that none has announced. Such a line stays
//! in its chain and binds nothing.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;

use chrono::Duration;

use super::view::{LedgerView, TenantLedger};
use crate::model::{Event, Kind, Record, TenantId, Timestamp};

/// How long a run may write after it recorded its intent: long enough for a slow fleet, short enough
/// that a run that died elsewhere soon frees the token.
pub const LEASE: Duration = Duration::minutes(15);
/// How far two right clocks may be apart.
const MAX_AHEAD: Duration = Duration::minutes(10);

impl Record {
    /// Whether it asks for a longer lease than a run may have.
    pub fn has_endless_lease(&self) -> bool {
        self.lease_until().is_some_and(|until| until > self.at.plus(LEASE))
    }

    /// Whether it is dated in the future, or asks for a longer lease than a run may have.
    pub fn is_out_of_bounds(&self, now: Timestamp) -> bool {
        self.at > now.plus(MAX_AHEAD) || self.has_endless_lease()
    }
}

impl Record {
    /// Whether it says that the run worked from something that is no commit.
    pub fn names_no_commit(&self) -> bool {
        let is_digit = |digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        self.rev.as_deref().is_some_and(|rev| rev.len() != 40 || !rev.bytes().all(is_digit))
    }

    /// Whether it says that Intune has a file that no line before it announced or says was sent. Of
    /// a push certificate or a VPP token a run may find that by looking; an enrollment token shows
    /// nothing of its file.
    pub fn confirms_unannounced(&self, before: &[Record]) -> bool {
        let announces = |earlier: &Record| {
            matches!(earlier.event(), Event::Intended | Event::Applied)
                && earlier.sha256() == self.sha256()
                && earlier.is_of_token_of(self)
        };
        let needs_sending = match self.event() {
            Event::Confirmed => self.sha256().is_some(),
            Event::Verified => self.kind() == Some(Kind::Enrollment),
            _ => false,
        };
        needs_sending && !before.iter().any(announces)
    }
}

fn binds(record: &Record, before: &[Record], now: Timestamp) -> bool {
    !record.is_out_of_bounds(now)
        && !record.names_no_commit()
        && !record.confirms_unannounced(before)
}

/// Whether a line of this tenant's notes tells that somebody was told. One that names another tenant's
/// matter would end that at a receiver.
pub fn tells(tenant: TenantId, record: &Record, now: Timestamp) -> bool {
    !record.is_out_of_bounds(now)
        && !record.names_no_commit()
        && record.notice().is_none_or(|(_, notice)| {
            let folder = notice.folder();
            notice.is_at_home(tenant) && folder.is_none_or(|folder| folder == record.name.as_str())
        })
}

/// The records that bind, and those that do not.
fn split(records: Vec<Record>, now: Timestamp) -> (Vec<Record>, Vec<Record>) {
    let (mut binding, mut aside) = (Vec::with_capacity(records.len()), Vec::new());
    for record in records {
        let binds = binds(&record, &binding, now);
        if binds { &mut binding } else { &mut aside }.push(record);
    }
    (binding, aside)
}

impl TenantLedger {
    /// The records that bind.
    pub fn within(&self, now: Timestamp) -> Cow<'_, Self> {
        let binds = |(place, record): (usize, &Record)| {
            binds(record, self.records.get(..place).unwrap_or_default(), now)
        };
        if self.records.iter().enumerate().all(binds) {
            return Cow::Borrowed(self);
        }
        let (binding, _) = split(self.records.clone(), now);
        Cow::Owned(Self { records: binding, ..self.clone() })
    }
}

impl LedgerView {
    /// The same, with the lines that have no effect set aside.
    #[must_use]
    pub fn within(mut self, now: Timestamp) -> Self {
        for (&tenant, ledger) in &mut self.tenants {
            let (binding, aside) = split(std::mem::take(&mut ledger.records), now);
            ledger.records = binding;
            if !aside.is_empty() {
                self.set_aside.entry(tenant).or_default().extend(aside);
            }
        }
        for (&tenant, told) in &mut self.told {
            let aside =
                told.extract_if(.., |record| !tells(tenant, record, now)).collect::<Vec<_>>();
            if !aside.is_empty() {
                self.set_aside.entry(tenant).or_default().extend(aside);
            }
        }
        self
    }

    /// The same, with what the notes tell of tenants set aside that the fleet never had. Whoever may push
    /// the notes would otherwise write to every sink, of customers whom they make up.
    #[must_use]
    pub fn told_only_of(mut self, is_known: impl Fn(TenantId) -> bool) -> Self {
        let strangers = self.told.extract_if(.., |id, _| *id != TenantId::FLEET && !is_known(*id));
        for (id, told) in strangers.filter(|(_, told)| !told.is_empty()) {
            self.set_aside.entry(id).or_default().extend(told);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{at, draft, intent, sha, tenant, vpp};
    use crate::model::{EntryBody, Event, LedgerEntry, Notice, Phase, Telling, TokenRef};

    fn view(entries: Vec<LedgerEntry>) -> LedgerView {
        let mut view = LedgerView::default();
        view.tenants.insert(tenant(1), TenantLedger::from_entries(entries));
        view
    }

    #[test]
    fn what_the_notes_tell_of_tenants_that_the_fleet_never_had_is_set_aside() {
        let mut notes = LedgerView::default();
        for file in [tenant(1), tenant(2), TenantId::FLEET] {
            let told = view(vec![intent(1, "run-1", sha("a"))]).tenants.remove(&tenant(1)).unwrap();
            notes.told.insert(file, told.records);
        }
        let view = notes.told_only_of(|id| id == tenant(1));
        let kept: Vec<_> = view.told.keys().copied().collect();
        assert_eq!(kept.len(), 2);
        assert!(kept.contains(&tenant(1)) && kept.contains(&TenantId::FLEET));
        assert_eq!(view.set_aside.keys().collect::<Vec<_>>(), [&tenant(2)]);
    }

    #[test]
    fn lines_of_the_notes_from_the_future_tell_of_nothing() {
        let mut notes = view(vec![intent(60, "run-1", sha("a"))]);
        let records = std::mem::take(&mut notes.tenants).remove(&tenant(1)).unwrap().records;
        notes.told.insert(tenant(1), records);
        let early = notes.clone().within(at(49));
        assert!(early.told[&tenant(1)].is_empty());
        assert_eq!(early.set_aside[&tenant(1)].len(), 1);
        assert_eq!(notes.within(at(50)).told[&tenant(1)].len(), 1);
    }

    #[test]
    fn a_line_of_the_notes_tells_only_of_its_own_tenants_matters() {
        let (own, other) = (tenant(1), tenant(2));
        let told = |file, key: &str| {
            let notice = Notice {
                key: key.to_owned(),
                sink: "hub".into(),
                step: "raised-1".into(),
                delivery: sha("a"),
                on: at(1),
                phase: Phase::Sent,
                client: None,
                matter: None,
            };
            let body = EntryBody::Told { event: Telling::Notified, notice };
            let line = LedgerEntry { body, ..draft(Event::Observed, 1, "run-1", None) };
            let mut view = LedgerView::default();
            view.told.insert(file, TenantLedger::from_entries(vec![line]).records);
            let view = view.within(at(9));
            assert_eq!(view.told[&file].is_empty(), view.set_aside.contains_key(&file));
            !view.told[&file].is_empty()
        };
        let of = |id: TenantId| format!("{id}/push/-/critical/2026-11-27");
        assert!(told(own, &of(own)));
        assert!(told(TenantId::FLEET, "fleet/-/-/ledger-moved/-"));
        assert!(told(TenantId::FLEET, "folder:contoso/-/-/invalid-file/-"));
        assert!(!told(own, &of(other)), "another tenant's");
        assert!(!told(TenantId::FLEET, &of(own)), "a tenant's in the fleet's file");
        assert!(!told(own, "fleet/-/-/ledger-moved/-"), "the fleet's in a tenant's file");
        assert!(!told(own, &of(TenantId::FLEET)) && !told(own, "") && !told(TenantId::FLEET, ""));
    }

    #[test]
    fn a_line_of_a_run_that_worked_from_no_commit_binds_nothing() {
        let of = |rev: &str| {
            let entry = LedgerEntry { rev: Some(rev.to_owned()), ..intent(0, "run-1", sha("a")) };
            view(vec![entry]).within(at(1))
        };
        for rev in ["main", "", "HEAD~1", &"c".repeat(39), &"C".repeat(40), &"g".repeat(40)] {
            let view = of(rev);
            assert_eq!(view.set_aside[&tenant(1)].len(), 1, "{rev}");
            assert!(view.tenants[&tenant(1)].records.is_empty(), "{rev}");
        }
        assert!(of(&"c".repeat(40)).set_aside.is_empty());
    }

    #[test]
    fn a_line_from_the_future_leases_and_confirms_nothing() {
        let lines = vec![
            intent(0, "run-1", sha("a")),
            draft(Event::Confirmed, 60, "run-2", Some(sha("b"))),
        ];
        let view = view(lines).within(at(49));
        let ledger = view.tenant(tenant(1));
        assert_eq!(ledger.proof(&TokenRef::push(), sha("b")), None);
        assert_eq!(ledger.unfinished(&TokenRef::push()).len(), 1, "the other line binds");
        assert_eq!(view.set_aside[&tenant(1)].len(), 1);
        assert!(view.within(at(50)).set_aside.contains_key(&tenant(1)), "they stay aside");
    }

    #[test]
    fn a_confirmation_of_a_file_that_no_line_announced_binds_nobody() {
        let confirmed = draft(Event::Confirmed, 2, "run-1", Some(sha("a")));
        let alone = view(vec![confirmed.clone()]).within(at(9));
        assert_eq!(alone.tenant(tenant(1)).proof(&TokenRef::push(), sha("a")), None);
        assert_eq!(alone.set_aside[&tenant(1)].len(), 1);
        let other = view(vec![intent(0, "run-1", sha("b")), confirmed.clone()]).within(at(9));
        assert_eq!(other.tenant(tenant(1)).proof(&TokenRef::push(), sha("a")), None);
        let announced = view(vec![intent(0, "run-1", sha("a")), confirmed]).within(at(9));
        assert!(announced.tenant(tenant(1)).proof(&TokenRef::push(), sha("a")).is_some());
        assert!(announced.set_aside.is_empty());
    }

    #[test]
    fn only_a_sending_shows_which_enrollment_file_intune_has() {
        let token = TokenRef { kind: Kind::Enrollment, ..vpp("ABM") };
        let of = |event| {
            let entry = draft(event, 2, "run-1", Some(sha("a")));
            crate::model::LedgerEntry { token: Some(token.clone()), ..entry }
        };
        let alone = view(vec![of(Event::Verified)]).within(at(9));
        assert_eq!(alone.tenant(tenant(1)).proof(&token, sha("a")), None);
        assert_eq!(alone.set_aside[&tenant(1)].len(), 1);
        // Encrypted again since it was sent.
        let again = view(vec![of(Event::Applied), of(Event::Verified)]).within(at(9));
        assert!(again.tenant(tenant(1)).proof(&token, sha("a")).is_some());
        // A certificate shows its own serial.
        let push = view(vec![draft(Event::Verified, 2, "run-1", Some(sha("a")))]).within(at(9));
        assert!(push.set_aside.is_empty());
    }

    #[test]
    fn a_lease_that_is_longer_than_a_run_may_ask_for_binds_nobody() {
        let mut endless = intent(0, "run-1", sha("a"));
        if let EntryBody::Intended { lease_until, .. } = &mut endless.body {
            *lease_until = at(16);
        }
        let ledger = TenantLedger::from_entries(vec![endless]);
        assert!(ledger.within(at(1)).unfinished(&TokenRef::push()).is_empty());
        let ledger = TenantLedger::from_entries(vec![intent(0, "run-1", sha("a"))]);
        assert!(matches!(ledger.within(at(1)), Cow::Borrowed(_)), "15 minutes are a run's right");
    }
}
