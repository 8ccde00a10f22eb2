//! Test help: equal worlds, in which a test changes one thing and expects one thing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "for tests"
)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{
    Action, Base, Input, Known, Plan, Planned, PlannedToken, Reason, Selection, Source, Sync, make,
};
use crate::fleet::{Allow, Desired, Policy, Suspension, Tenant, Token};
use crate::ledger::{FirstTopic, LedgerView};
use crate::model::{
    Actor, Author, Cause, EntryBody, Event, Evidence, Facts, FailureCode, Kind, LedgerEntry,
    LiveEnrollment, LivePush, LiveTenant, LiveVpp, Reading, Revocation, Sha256, TenantId,
    TenantName, Timestamp,
};
use crate::rules::bindings::History;
use crate::rules::downloads::Downloads;
use crate::rules::last_known::Readings;

mod entries;

pub use entries::*;

/// What the base revision holds, where it is not the planned one.
#[derive(Clone, Default)]
pub struct BaseWorld {
    pub tenants: Vec<Desired>,
    pub fork: Option<Vec<Desired>>,
    /// The folders that the base changed since the planned revision left it.
    pub behind: BTreeSet<String>,
    /// The settings of the planned revision, where they are not the base's.
    pub proposed: Option<Policy>,
}

/// One tenant, in Git, in Intune and in the ledger.
pub struct World {
    /// Which of the tenant's tokens the test is about.
    pub kind: Kind,
    pub now: Timestamp,
    pub policy: Policy,
    pub tenant: Tenant,
    pub others: Vec<Desired>,
    pub others_live: BTreeMap<TenantName, LiveTenant>,
    pub base: Option<BaseWorld>,
    pub downloads: Downloads,
    pub selection: Selection,
    pub live: LiveTenant,
    pub ledger: Result<LedgerView, String>,
    /// What the clone read before.
    pub readings: Readings,
    pub dead_runs: BTreeSet<String>,
    pub retry: bool,
    /// What the base's history says belongs to whom.
    pub history: History,
    pub rev: String,
}

impl World {
    /// Intune has the certificate in Git (serial AA, until autumn 2027), and it was verified.
    pub fn equal() -> Self {
        let mut world = Self::unrecorded();
        world.recorded(Event::Verified, "AA", "run-0", "2026-11-20T11:00:00Z");
        world
    }

    /// The same, and nothing is recorded.
    pub fn unrecorded() -> Self {
        let mut tenant = tenant("contoso", 1);
        tenant.push = Some(push_entry("AA", TOPIC, "2027-11-20T10:00:00Z"));
        let live = live_push();
        Self {
            kind: Kind::Push,
            now: at(NOW),
            policy: policy(),
            tenant,
            others: Vec::new(),
            others_live: BTreeMap::new(),
            base: None,
            downloads: Downloads::default(),
            selection: Selection::parse(&["contoso".to_owned()]).unwrap(),
            live: LiveTenant { push: Reading::Present(live), ..LiveTenant::not_asked() },
            ledger: Ok(LedgerView::default()),
            readings: Readings::new(),
            dead_runs: BTreeSet::new(),
            retry: false,
            history: History::default(),
            rev: "1111111111111111111111111111111111111111".into(),
        }
    }

    /// An ordinary renewal: Intune has last year's certificate (serial 99, one month left).
    pub fn renewal() -> Self {
        let mut world = Self::unrecorded();
        world.live_push(|live| {
            live.serial = "99".parse().unwrap();
            live.expires = at("2026-12-20T10:00:00Z");
        });
        world
    }

    /// Intune has no certificate yet, and no consent.
    pub fn first_upload() -> Self {
        let mut world = Self::unrecorded();
        world.live.push = Reading::Absent;
        world.live.consent = Reading::Present(false);
        world
    }

    /// Contoso's VPP token for London: Intune has the file in Git (AA), and it was confirmed.
    pub fn vpp() -> Self {
        let mut world = Self { kind: Kind::Vpp, ..Self::unrecorded() };
        world.tenant.push = None;
        world.tenant.watch = [Kind::Vpp].into();
        world.tenant.vpp = vec![vpp_entry("London", Some("vpp-1"), "AA", NEXT_YEAR)];
        world.live = LiveTenant {
            vpp: Reading::Present(vec![live_vpp("London", "vpp-1", NEXT_YEAR)]),
            ..LiveTenant::not_asked()
        };
        world.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
        world
    }

    /// The same a year later: Intune has last year's file (99), and that was confirmed.
    pub fn vpp_renewal() -> Self {
        let mut world = Self::vpp();
        world.live_vpp(|live| live.expires = Some(at(THIS_YEAR)));
        world.forget();
        world.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T11:00:00Z");
        world
    }

    /// Contoso's enrollment token: Intune has the file in Git (AA), and it was confirmed.
    pub fn enrollment() -> Self {
        let mut world = Self { kind: Kind::Enrollment, ..Self::unrecorded() };
        world.tenant.push = None;
        world.tenant.watch = [Kind::Enrollment].into();
        world.tenant.enrollment = vec![enrollment_entry("AA")];
        let live = live_enrollment();
        world.live =
            LiveTenant { enrollment: Reading::Present(vec![live]), ..LiveTenant::not_asked() };
        world.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
        world
    }

    /// The same a year later: Intune has last year's token (99), and that was confirmed.
    pub fn enrollment_renewal() -> Self {
        let mut world = Self::enrollment();
        world.live_enrollment(|live| {
            live.expires = Some(at(THIS_YEAR));
            live.last_modified = Some(at("2025-12-20T10:30:00Z"));
        });
        world.forget();
        world.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T11:00:00Z");
        world
    }

    /// The ledger is empty again.
    pub fn forget(&mut self) {
        self.ledger = Ok(LedgerView::default());
    }

    /// The base's history has this topic in the oldest revision of the push entry.
    pub fn first_in_git(&mut self, topic: &str) {
        let view = self.ledger.as_mut().unwrap();
        let ledger = view.tenants.entry(self.tenant.tenant_id).or_default();
        ledger.first_topic = FirstTopic::Named(topic.parse().unwrap());
    }

    /// The base's history has this location in the oldest revision of the entry that has one.
    pub fn first_location(&mut self, id: &str) {
        let token = self.entry().token.clone();
        let view = self.ledger.as_mut().unwrap();
        let ledger = view.tenants.entry(self.tenant.tenant_id).or_default();
        ledger.first_locations.insert(token, id.parse().unwrap());
    }

    /// The file that Intune was last seen to have is of this location, by Apple's answer.
    pub fn seen_at(&mut self, id: &str) {
        let view = self.ledger.as_mut().unwrap();
        let records = &mut view.tenants.entry(self.tenant.tenant_id).or_default().records;
        for record in records.iter_mut().filter(|record| record.is_proof()) {
            record.entry.location_id = Some(id.parse().unwrap());
        }
    }

    /// A run asked Apple about the file in Git, and refused it with this answer.
    pub fn refused_at_apple(&mut self, told: &str) {
        let sha256 = self.entry().file.as_ref().unwrap().sha256;
        let entry = self.recorded(Event::Failed, "AA", "run-1", "2026-11-21T10:00:00Z");
        entry.body = EntryBody::Failed {
            file: Some(sha256.into()),
            cause: Cause {
                code: FailureCode::Refused,
                status: None,
                request_id: None,
                detail: Some(told.to_owned()),
            },
        };
    }

    /// Two histories that were merged have these topics in the oldest revisions of the push entry.
    pub fn disputed_in_git(&mut self, topics: [&str; 2]) {
        let view = self.ledger.as_mut().unwrap();
        let ledger = view.tenants.entry(self.tenant.tenant_id).or_default();
        ledger.first_topic = FirstTopic::Disputed(topics.map(|one| one.parse().unwrap()).to_vec());
    }

    pub fn live_vpp(&mut self, change: impl FnOnce(&mut LiveVpp)) {
        change(&mut self.live_vpps()[0]);
    }

    pub fn live_vpps(&mut self) -> &mut Vec<LiveVpp> {
        match &mut self.live.vpp {
            Reading::Present(all) => all,
            other => panic!("{other:?}"),
        }
    }

    pub fn live_enrollment(&mut self, change: impl FnOnce(&mut LiveEnrollment)) {
        change(&mut self.live_enrollments()[0]);
    }

    pub fn live_enrollments(&mut self) -> &mut Vec<LiveEnrollment> {
        match &mut self.live.enrollment {
            Reading::Present(all) => all,
            other => panic!("{other:?}"),
        }
    }

    /// The base revision has the fleet as it is now; what a test changes after this is new.
    pub fn reviewed(&mut self) {
        let mut tenants = self.others.clone();
        tenants.push(Desired::Valid(self.tenant.clone()));
        self.base = Some(BaseWorld { tenants, ..BaseWorld::default() });
    }

    pub fn live_push(&mut self, change: impl FnOnce(&mut LivePush)) {
        if let Reading::Present(push) = &mut self.live.push {
            change(push);
        }
    }

    /// What Apple's list says of the push certificate in Git.
    pub fn revoked_in_git(&mut self, of_list: Revocation) {
        let serial = self.tenant.push.as_ref().and_then(|push| push.facts.serial.clone());
        self.live.push_in_git = serial.map(|serial| (serial, of_list));
    }

    pub fn entry(&mut self) -> &mut Token {
        let all = match self.kind {
            Kind::Push => return self.tenant.push.as_mut().unwrap(),
            Kind::Enrollment => &mut self.tenant.enrollment,
            Kind::Vpp => &mut self.tenant.vpp,
        };
        &mut all[0]
    }

    pub fn allow(&mut self, hold: &str, from: &str, to: &str) {
        let until = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        let allow = Allow {
            hold: Reason::of(hold).unwrap(),
            from: from.into(),
            to: to.into(),
            reason: "reviewed".into(),
            until,
        };
        self.entry().allow.push(allow);
    }

    pub fn suspend(&mut self, until: &str) {
        let until = until.parse().unwrap();
        self.tenant.suspend = Some(Suspension { reason: "migration".into(), until });
    }

    /// Appends a line about the world's token with this file.
    pub fn recorded(
        &mut self,
        event: Event,
        serial: &str,
        run: &str,
        at_text: &str,
    ) -> &mut LedgerEntry {
        let id = self.tenant.tenant_id;
        self.recorded_for(id, event, serial, run, at_text)
    }

    pub fn recorded_for(
        &mut self,
        tenant_id: TenantId,
        event: Event,
        serial: &str,
        run: &str,
        at_text: &str,
    ) -> &mut LedgerEntry {
        let token = self.entry().token.clone();
        let expires = at(if serial == "99" { THIS_YEAR } else { NEXT_YEAR });
        let entry = self.entry().clone();
        let after = match self.kind {
            Kind::Push => Facts {
                topic: Some(TOPIC.parse().unwrap()),
                serial: Some(serial.parse().unwrap()),
                expires: Some(expires),
                ..Facts::default()
            },
            Kind::Enrollment | Kind::Vpp => Facts { expires: Some(expires), ..entry.facts },
        };
        let wire = super::wire(&self.policy, self.kind).to_owned();
        let is_own = tenant_id == self.tenant.tenant_id;
        let name = if is_own { self.tenant.name.clone() } else { "other".parse().unwrap() };
        let view = self.ledger.as_mut().unwrap();
        let records = &mut view.tenants.entry(tenant_id).or_default().records;
        let mut body =
            crate::ledger::testing::body(event, at(at_text), Some(Sha256::of(serial.as_bytes())));
        if let EntryBody::Failed { cause, .. } = &mut body {
            cause.detail = Some("no".into());
        }
        // What a run announces names what Intune had then.
        let before = match self.kind {
            _ if !matches!(event, Event::Intended | Event::Applied) => None,
            Kind::Push => self.live.push.present().map(LivePush::facts),
            Kind::Enrollment => first(&self.live.enrollment).map(LiveEnrollment::facts),
            Kind::Vpp => first(&self.live.vpp).map(LiveVpp::facts),
        };
        let author = Author { run: run.into(), clone: "clone-1".into(), actor: Actor::default() };
        let entry = LedgerEntry {
            rev: Some(self.rev.clone()),
            before,
            after: Some(after),
            ..LedgerEntry::new(at(at_text), name, token, &author, body)
        };
        let place = records.len() as u64 + 1;
        records.push(entry.in_wire(&wire).at_place(place, Sha256::ZERO));
        &mut records.last_mut().unwrap().entry
    }

    /// A run sent the enrollment file that was downloaded then, and saw Intune with this expiry.
    pub fn confirmed_download(&mut self, label: &str, downloaded: &str, expires: &str) {
        let line = self.recorded(Event::Confirmed, label, "run-0", "2026-11-20T16:00:00Z");
        line.after.as_mut().unwrap().expires = Some(at(expires));
        if let EntryBody::Confirmed { file: Some(file), .. } = &mut line.body {
            file.downloaded = Some(at(downloaded));
        }
    }

    /// The newest line's confirmation was only inferred.
    pub fn inferred(&mut self) {
        let lines = self.ledger.as_mut().unwrap().tenants.values_mut();
        let last = lines.filter_map(|ledger| ledger.records.last_mut()).next_back();
        if let EntryBody::Confirmed { evidence, .. } = &mut last.unwrap().entry.body {
            *evidence = Some(Evidence::Inferred);
        }
    }

    pub fn failed(&mut self, serial: &str, code: FailureCode) {
        self.failed_at(serial, code, "2026-11-20T10:01:00Z");
    }

    pub fn failed_at(&mut self, serial: &str, code: FailureCode, at_text: &str) {
        let line = self.recorded(Event::Failed, serial, "run-1", at_text);
        if let EntryBody::Failed { cause, .. } = &mut line.body {
            cause.code = code;
        }
    }

    pub fn planned(&self) -> Planned {
        let mut fleet = self.others.clone();
        fleet.push(Desired::Valid(self.tenant.clone()));
        let mut live = self.others_live.clone();
        live.insert(self.tenant.name.clone(), self.live.clone());
        make(&Input {
            now: self.now,
            real_now: self.now,
            rev: Some(&self.rev),
            policy_rev: Some(&self.rev),
            policy: &self.policy,
            base: self.base.as_ref().map(|base| Base {
                tenants: &base.tenants,
                fork: base.fork.as_deref(),
                behind: &base.behind,
                policy_changed: base.proposed.is_some(),
                proposed: base.proposed.as_ref(),
            }),
            history: &self.history,
            fleet: &fleet,
            downloads: &self.downloads,
            selection: &self.selection,
            live: &live,
            known: match &self.ledger {
                Ok(view) => Known::Read(view),
                Err(why) => Known::Unknown(crate::model::ProblemCode::LedgerUnknown, why),
            },
            readings: &self.readings,
            source: Source::Live,
            dead_runs: &self.dead_runs,
            retry: self.retry,
        })
    }

    pub fn plan(&self) -> Plan {
        self.planned().plan
    }

    /// The first token of the plan, which most tests are about.
    pub fn first(&self) -> PlannedToken {
        let plan = self.plan();
        plan.tenants[0].tokens[0].clone()
    }

    #[track_caller]
    pub fn expect(&self, sync: Sync, action: Action, reasons: &[Reason]) -> PlannedToken {
        let token = self.first();
        assert_eq!(
            (token.state.sync, token.action, token.state.reasons.as_slice()),
            (sync, action, reasons),
            "{token:#?}"
        );
        token
    }

    #[track_caller]
    pub fn expect_held(&self, reasons: &[Reason]) -> PlannedToken {
        let token = self.expect(Sync::Held, Action::Hold, reasons);
        assert!(self.planned().due.is_empty());
        assert!(!token.state.details.is_empty(), "a hold tells the way out");
        token
    }

    #[track_caller]
    pub fn expect_configure(&self) -> PlannedToken {
        let token = self.expect(Sync::OutOfSync, Action::Configure, &[]);
        assert_eq!(self.planned().due.len(), 1);
        token
    }

    #[track_caller]
    pub fn expect_create(&self) -> PlannedToken {
        let token = self.expect(Sync::OutOfSync, Action::Create, &[]);
        assert_eq!(self.planned().due.len(), 1);
        token
    }

    #[track_caller]
    pub fn expect_upload(&self) -> PlannedToken {
        let token = self.expect(Sync::OutOfSync, Action::Upload, &[]);
        assert_eq!(self.planned().due.len(), 1);
        token
    }
}

fn first<T>(reading: &Reading<Vec<T>>) -> Option<&T> {
    reading.present()?.first()
}
