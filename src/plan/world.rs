//! Test help: equal worlds, in which a test changes one thing and expects one thing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};

use super::{
    Action, Base, Input, Known, Plan, Planned, PlannedToken, Reason, Selection, Source, Sync, make,
};
use crate::fleet::{
    Allow, Auth, Cloud, CredentialKind, Desired, Policy, Signing, Suspension, Tenant, Token,
    TokenFile, Wire,
};
use crate::ledger::LedgerView;
use crate::model::{
    Actor, Cause, Event, Facts, FailureCode, Kind, LivePush, LiveTenant, Reading, Record, Sha256,
    TenantId, TenantName, Timestamp, TokenRef,
};

pub(crate) const NOW: &str = "2026-11-22T12:00:00Z";
pub(crate) const TOPIC: &str = "com.apple.mgmt.External.11111111-1111-4111-8111-111111111111";
pub(crate) const OTHER_TOPIC: &str = "com.apple.mgmt.External.22222222-2222-4222-8222-222222222222";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn policy() -> Policy {
    let auth = Auth {
        client_id: "app".into(),
        credential: CredentialKind::ClientSecret,
        cloud: Cloud::Public,
    };
    Policy {
        auth,
        profiles: BTreeMap::new(),
        recipients: Vec::new(),
        renew_before: Duration::days(45),
        critical: Duration::days(14),
        max_share_percent: 30,
        max_tenants: 50,
        ledger_branch: "applecart/ledger".into(),
        settle: Duration::minutes(30),
        moves: Vec::new(),
        signing: Signing::default(),
        wire: Wire::default(),
        sha256: Sha256::of(b"policy"),
    }
}

pub(crate) fn push_entry(serial: &str, topic: &str, expires: &str) -> Token {
    Token {
        facts: Facts {
            topic: Some(topic.parse().unwrap()),
            serial: Some(serial.parse().unwrap()),
            expires: Some(at(expires)),
            apple_id: Some("mdm@contoso.example".into()),
            ..Facts::default()
        },
        file: Some(TokenFile {
            name: "push.pem.age".into(),
            sha256: Sha256::of(serial.as_bytes()),
            blob: format!("blob-{serial}"),
        }),
        ..Token::tracked(TokenRef::push())
    }
}

pub(crate) fn tenant(name: &str, number: u8) -> Tenant {
    Tenant {
        name: name.parse().unwrap(),
        display_name: None,
        tenant_id: format!("{number:08x}-0000-4000-8000-000000000000").parse().unwrap(),
        tree: format!("tree-{name}"),
        labels: BTreeMap::new(),
        contacts: Vec::new(),
        watch: [Kind::Push].into(),
        auth: None,
        consent_data_sharing: true,
        push: None,
        enrollment: Vec::new(),
        vpp: Vec::new(),
        suspend: None,
    }
}

/// What the base revision holds, where it is not the planned one.
#[derive(Clone, Default)]
pub(crate) struct BaseWorld {
    pub(crate) tenants: Vec<Desired>,
    pub(crate) fork: Option<Vec<Desired>>,
    /// The settings of the planned revision, where they are not the base's.
    pub(crate) proposed: Option<Policy>,
}

/// One tenant, in Git and live and in the ledger.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) policy: Policy,
    pub(crate) tenant: Tenant,
    pub(crate) others: Vec<Desired>,
    pub(crate) others_live: BTreeMap<TenantName, LiveTenant>,
    pub(crate) base: Option<BaseWorld>,
    pub(crate) selection: Selection,
    pub(crate) live: LiveTenant,
    pub(crate) ledger: Result<LedgerView, String>,
    pub(crate) dead_runs: BTreeSet<String>,
    pub(crate) rev: String,
}

impl World {
    /// Git's certificate (serial AA, until autumn 2027) is live; nothing is recorded.
    pub(crate) fn equal() -> Self {
        let mut tenant = tenant("contoso", 1);
        tenant.push = Some(push_entry("AA", TOPIC, "2027-11-20T10:00:00Z"));
        let live = LivePush {
            topic: TOPIC.parse().unwrap(),
            serial: "AA".parse().unwrap(),
            expires: at("2027-11-20T10:00:00Z"),
            apple_id: Some("mdm@contoso.example".into()),
            failure: None,
        };
        Self {
            now: at(NOW),
            policy: policy(),
            tenant,
            others: Vec::new(),
            others_live: BTreeMap::new(),
            base: None,
            selection: Selection::parse(&["contoso".to_owned()]).unwrap(),
            live: LiveTenant { push: Reading::Present(live), ..LiveTenant::not_asked() },
            ledger: Ok(LedgerView::default()),
            dead_runs: BTreeSet::new(),
            rev: "1111111111111111111111111111111111111111".into(),
        }
    }

    /// An ordinary renewal: live is last year's certificate (serial 99, one month left).
    pub(crate) fn renewal() -> Self {
        let mut world = Self::equal();
        world.live_push(|live| {
            live.serial = "99".parse().unwrap();
            live.expires = at("2026-12-20T10:00:00Z");
        });
        world
    }

    /// No certificate is live yet, and consent was not given live.
    pub(crate) fn first_upload() -> Self {
        let mut world = Self::equal();
        world.live.push = Reading::Absent;
        world.live.consent = Reading::Present(false);
        world
    }

    /// The base revision has the fleet as it is now; what a test changes after this is new.
    pub(crate) fn reviewed(&mut self) {
        let mut tenants = self.others.clone();
        tenants.push(Desired::Valid(self.tenant.clone()));
        self.base = Some(BaseWorld { tenants, ..BaseWorld::default() });
    }

    pub(crate) fn live_push(&mut self, change: impl FnOnce(&mut LivePush)) {
        if let Reading::Present(push) = &mut self.live.push {
            change(push);
        }
    }

    pub(crate) fn entry(&mut self) -> &mut Token {
        self.tenant.push.as_mut().unwrap()
    }

    pub(crate) fn allow(&mut self, hold: &str, from: &str, to: &str) {
        let until = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        let allow = Allow {
            hold: hold.into(),
            from: from.into(),
            to: to.into(),
            reason: "reviewed".into(),
            until,
        };
        self.entry().allow.push(allow);
    }

    pub(crate) fn suspend(&mut self, until: &str) {
        let until = until.parse().unwrap();
        self.tenant.suspend = Some(Suspension { reason: "migration".into(), until });
    }

    /// Appends a line about the tenant's push certificate with this serial.
    pub(crate) fn recorded(
        &mut self,
        event: Event,
        serial: &str,
        run: &str,
        at_text: &str,
    ) -> &mut Record {
        let id = self.tenant.tenant_id;
        self.recorded_for(id, event, serial, run, at_text)
    }

    pub(crate) fn recorded_for(
        &mut self,
        tenant_id: TenantId,
        event: Event,
        serial: &str,
        run: &str,
        at_text: &str,
    ) -> &mut Record {
        let view = self.ledger.as_mut().unwrap();
        let records = &mut view.tenants.entry(tenant_id).or_default().records;
        let expires = if serial == "99" { "2026-12-20T10:00:00Z" } else { "2027-11-20T10:00:00Z" };
        let sending = event == Event::Intended;
        records.push(Record {
            seq: records.len() as u64 + 1,
            prev: Sha256::ZERO,
            at: at(at_text),
            event,
            name: "contoso".parse().unwrap(),
            token: TokenRef::push(),
            sha256: Some(Sha256::of(serial.as_bytes())),
            rev: Some(self.rev.clone()),
            before: None,
            after: Some(Facts {
                topic: Some(TOPIC.parse().unwrap()),
                serial: Some(serial.parse().unwrap()),
                expires: Some(at(expires)),
                ..Facts::default()
            }),
            run: run.into(),
            clone: "clone-1".into(),
            actor: Actor::default(),
            wire: sending.then(|| "pem".to_owned()),
            plan_digest: None,
            lease_until: sending.then(|| at(at_text).plus(Duration::minutes(15))),
            cause: None,
            csr: None,
            public_key_sha256: None,
        });
        records.last_mut().unwrap()
    }

    pub(crate) fn failed(&mut self, serial: &str, code: FailureCode) {
        let line = self.recorded(Event::Failed, serial, "run-1", "2026-11-20T10:01:00Z");
        line.cause =
            Some(Cause { code, status: Some(400), request_id: None, detail: Some("no".into()) });
    }

    pub(crate) fn planned(&self) -> Planned {
        let mut fleet = self.others.clone();
        fleet.push(Desired::Valid(self.tenant.clone()));
        let mut live = self.others_live.clone();
        live.insert(self.tenant.name.clone(), self.live.clone());
        make(&Input {
            now: self.now,
            rev: Some(&self.rev),
            policy_rev: Some(&self.rev),
            policy: &self.policy,
            base: self.base.as_ref().map(|base| Base {
                tenants: &base.tenants,
                fork: base.fork.as_deref(),
                policy_changed: base.proposed.is_some(),
                proposed: base.proposed.as_ref(),
            }),
            fleet: &fleet,
            selection: &self.selection,
            live: &live,
            known: match &self.ledger {
                Ok(view) => Known::Read(view),
                Err(why) => Known::Unknown(why),
            },
            source: Source::Live,
            dead_runs: &self.dead_runs,
        })
    }

    pub(crate) fn plan(&self) -> Plan {
        self.planned().plan
    }

    /// The push token of the plan, which every test is about.
    pub(crate) fn push(&self) -> PlannedToken {
        let plan = self.plan();
        plan.tenants[0].tokens[0].clone()
    }

    #[track_caller]
    pub(crate) fn expect(&self, sync: Sync, action: Action, reasons: &[Reason]) -> PlannedToken {
        let token = self.push();
        assert_eq!(
            (token.state.sync, token.action, token.state.reasons.as_slice()),
            (sync, action, reasons),
            "{token:#?}"
        );
        token
    }

    #[track_caller]
    pub(crate) fn expect_held(&self, reasons: &[Reason]) -> PlannedToken {
        let token = self.expect(Sync::Held, Action::Hold, reasons);
        assert!(self.planned().due.is_empty());
        assert!(!token.state.details.is_empty(), "a hold tells the way out");
        token
    }

    #[track_caller]
    pub(crate) fn expect_upload(&self) -> PlannedToken {
        let token = self.expect(Sync::OutOfSync, Action::Upload, &[]);
        assert_eq!(self.planned().due.len(), 1);
        token
    }
}
