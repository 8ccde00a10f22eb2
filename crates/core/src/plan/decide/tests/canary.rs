//! The first upload of a kind proves its wire encoding, alone.

use std::collections::BTreeSet;

use crate::fleet::{Desired, VppTokenWire};
use crate::ledger::LedgerView;
use crate::model::{
    EntryBody, Event, FailureCode, Kind, LiveTenant, Reading, Sha256, TenantId, Timestamp,
};
use crate::plan::world::{NEXT_YEAR, THIS_YEAR, World, at, live_vpp, tenant, vpp_entry};
use crate::plan::{
    Canary, Input, Known, Planned, Reason, Selection, Source, Warning, make, overtaken,
};

/// Contoso (tenant 1) and Adatum (tenant 0) both have a VPP renewal due.
struct Two {
    contoso: World,
    adatum: World,
}

impl Two {
    fn new() -> Self {
        let contoso = World::vpp_renewal();
        let mut adatum = World::vpp_renewal();
        adatum.tenant = tenant("adatum", 0);
        adatum.tenant.watch = [Kind::Vpp].into();
        adatum.tenant.vpp = vec![vpp_entry("Lyon", Some("vpp-7"), "LL", NEXT_YEAR)];
        adatum.live = LiveTenant {
            vpp: Reading::Present(vec![live_vpp("Lyon", "vpp-7", THIS_YEAR)]),
            ..LiveTenant::not_asked()
        };
        let mut two = Self { contoso, adatum };
        // Nothing is known of the past but what a test writes down.
        two.contoso.forget();
        two
    }

    fn planned(&self) -> Planned {
        self.planned_with(&[&self.adatum, &self.contoso])
    }

    fn planned_with(&self, worlds: &[&World]) -> Planned {
        let fleet: Vec<Desired> =
            worlds.iter().map(|world| Desired::Valid(world.tenant.clone())).collect();
        let live =
            worlds.iter().map(|world| (world.tenant.name.clone(), world.live.clone())).collect();
        make(&Input {
            now: self.now(),
            real_now: self.now(),
            rev: None,
            policy_rev: None,
            policy: &self.contoso.policy,
            fleet: &fleet,
            downloads: &crate::rules::downloads::Downloads::default(),
            selection: &Selection::default(),
            live: &live,
            base: None,
            history: &crate::rules::bindings::History::default(),
            known: Known::Read(self.contoso.ledger.as_ref().unwrap()),
            readings: &crate::rules::last_known::Readings::new(),
            source: Source::Live,
            dead_runs: &self.contoso.dead_runs,
            retry: false,
        })
    }

    fn now(&self) -> Timestamp {
        self.contoso.now
    }

    /// Adatum's file was refused, by the ledger that Contoso's world holds.
    fn adatum_failed(&mut self, code: FailureCode) {
        let id = self.adatum.tenant.tenant_id;
        let token = self.adatum.tenant.vpp[0].token.clone();
        for event in [Event::Intended, Event::Failed] {
            let line = self.contoso.recorded_for(id, event, "LL", "run-1", "2026-11-20T10:00:00Z");
            line.token = Some(token.clone());
            if let EntryBody::Failed { cause, .. } = &mut line.body {
                cause.code = code;
            }
        }
    }

    /// What the kind goes by with one more customer's upload due.
    fn canary_with_a_third(&self) -> Canary {
        let mut third = World::vpp_renewal();
        third.tenant = tenant("fabrikam", 2);
        third.tenant.watch = [Kind::Vpp].into();
        third.tenant.vpp = vec![vpp_entry("Oslo", Some("vpp-9"), "OO", NEXT_YEAR)];
        third.live = LiveTenant {
            vpp: Reading::Present(vec![live_vpp("Oslo", "vpp-9", THIS_YEAR)]),
            ..LiveTenant::not_asked()
        };
        self.planned_with(&[&self.adatum, &self.contoso, &third]).canaries[&Kind::Vpp].clone()
    }

    fn canary(&self) -> Canary {
        self.planned().canaries[&Kind::Vpp].clone()
    }

    /// The warnings of Adatum's and Contoso's token.
    fn warnings(&self) -> [Vec<Warning>; 2] {
        let plan = self.planned().plan;
        [0, 1].map(|at: usize| plan.tenants[at].tokens[0].state.warnings.clone())
    }

    #[track_caller]
    fn expect_first(&self, tenant: &World) {
        match self.canary() {
            Canary::First { tenant_id, .. } => assert_eq!(tenant_id, tenant.tenant.tenant_id),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_lowest_tenant_goes_first_and_the_other_waits() {
    let two = Two::new();
    two.expect_first(&two.adatum);
    assert_eq!(two.warnings(), [vec![Warning::Canary], vec![Warning::CanaryPending]]);
}

#[test]
fn a_single_due_token_is_its_own_canary_and_nobody_needs_to_know() {
    let mut world = World::vpp_renewal();
    world.forget();
    let planned = world.planned();
    assert!(matches!(planned.canaries[&Kind::Vpp], Canary::First { .. }));
    assert_eq!(world.first().state.warnings, []);
}

#[test]
fn an_upload_that_was_applied_and_confirmed_proves_its_encoding() {
    let mut two = Two::new();
    two.contoso.recorded(Event::Applied, "99", "run-0", "2025-12-20T10:00:00Z");
    two.expect_first(&two.adatum);
    two.contoso.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T10:01:00Z");
    assert_eq!(two.canary(), Canary::Proved);
    assert_eq!(two.warnings(), [vec![], vec![]]);
}

#[test]
fn another_encoding_has_to_be_proved_anew() {
    let mut two = Two::new();
    two.contoso.recorded(Event::Applied, "99", "run-0", "2025-12-20T10:00:00Z");
    two.contoso.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T10:01:00Z");
    two.contoso.policy.wire.vpp_token = VppTokenWire::Base64;
    two.expect_first(&two.adatum);
}

#[test]
fn a_sending_that_shows_now_proves_its_encoding_in_this_very_run() {
    let mut two = Two::new();
    let line = two.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:40:00Z");
    line.before.clone_from(&line.after);
    line.before.as_mut().unwrap().expires = Some(at(THIS_YEAR));
    two.contoso.recorded(Event::Applied, "AA", "run-1", "2026-11-22T11:41:00Z");
    assert!(matches!(two.canary(), Canary::Pending(_)));
    two.contoso.live_vpp(|live| live.expires = Some(at(NEXT_YEAR)));
    assert_eq!(two.canary(), Canary::Proved);
}

#[test]
fn an_unfinished_sending_keeps_everybody_waiting_until_it_settles_and_goes_first_if_it_was_accepted()
 {
    let mut two = Two::new();
    two.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:40:00Z");
    let Canary::Pending(why) = two.canary() else { panic!("{:?}", two.canary()) };
    assert!(why.contains("Run again after 2026-11-22T12:10:00Z"), "{why}");
    two.contoso.now = at("2026-11-22T12:10:00Z");
    two.expect_first(&two.adatum);

    let mut accepted = Two::new();
    accepted.contoso.recorded(Event::Applied, "AA", "run-1", "2026-11-22T11:40:00Z");
    accepted.contoso.now = at("2026-11-22T12:10:00Z");
    accepted.expect_first(&accepted.contoso);
}

#[test]
fn one_customers_refused_file_delays_the_others_and_a_second_customers_stops_the_kind() {
    let mut two = Two::new();
    two.adatum.tenant.tenant_id = tenant("adatum", 0).tenant_id;
    two.adatum_failed(FailureCode::Rejected);
    let later = std::mem::replace(&mut two.contoso.now, at("2026-11-20T10:20:00Z"));
    let Canary::Pending(why) = two.canary() else { panic!("nobody could look at the refusal yet") };
    assert!(why.contains("adatum") && why.contains("after 2026-11-20T10:30:00Z"), "{why}");
    two.contoso.now = later;
    match two.canary() {
        Canary::First { tenant_id, refused, .. } => {
            assert_eq!(tenant_id, two.contoso.tenant.tenant_id);
            assert_eq!(refused, [two.adatum.tenant.tenant_id].into());
        }
        other => panic!("{other:?}"),
    }
    two.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    two.contoso.failed("AA", FailureCode::Rejected);
    // A third customer's upload would be due.
    assert!(matches!(two.canary_with_a_third(), Canary::Failed(_)));
}

#[test]
fn a_wrong_file_that_was_seen_in_intune_proves_the_encoding() {
    let mut two = Two::new();
    two.contoso.recorded(Event::Applied, "AA", "run-1", "2026-11-20T10:00:00Z");
    two.contoso.failed("AA", FailureCode::WrongLocation);
    assert_eq!(two.canary(), Canary::Proved);
}

#[test]
fn refused_files_stop_the_kind_until_the_encoding_or_those_files_change() {
    let stopped = || {
        let mut two = Two::new();
        two.adatum_failed(FailureCode::Rejected);
        two.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
        two.contoso.failed("AA", FailureCode::Rejected);
        two
    };
    let Canary::Failed(why) = stopped().canary_with_a_third() else { panic!("not stopped") };
    assert!(why.contains("contoso") && why.contains("adatum"), "{why}");
    assert!(why.contains("applecart.yaml"), "{why}");

    let mut encoding = stopped();
    encoding.contoso.policy.wire.vpp_token = VppTokenWire::Base64;
    assert!(matches!(encoding.canary_with_a_third(), Canary::First { .. }));

    let mut released = stopped();
    released.contoso.allow("rejected", THIS_YEAR, NEXT_YEAR);
    assert!(matches!(released.canary_with_a_third(), Canary::First { .. }));

    let mut replaced = stopped();
    replaced.contoso.entry().file.as_mut().unwrap().sha256 = Sha256::of(b"BB");
    assert!(matches!(replaced.canary_with_a_third(), Canary::First { .. }));
}

#[test]
fn a_customer_who_lacks_a_permission_proves_nothing() {
    let mut two = Two::new();
    two.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    two.contoso.failed("AA", FailureCode::NotPermitted);
    two.expect_first(&two.adatum);
}

#[test]
fn a_proved_encoding_is_not_unproved_by_one_bad_file() {
    let mut two = Two::new();
    two.contoso.recorded(Event::Applied, "99", "run-0", "2025-12-20T10:00:00Z");
    two.contoso.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T10:01:00Z");
    two.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    two.contoso.failed("AA", FailureCode::Rejected);
    assert_eq!(two.canary(), Canary::Proved);
    let plan = two.planned().plan;
    assert_eq!(plan.tenants[1].tokens[0].state.reasons, [Reason::Rejected]);
}

/// What another run recorded of a tenant's file since the plan was made.
fn news(events: &[Event]) -> LedgerView {
    let mut world = World::vpp_renewal();
    world.forget();
    for event in events {
        world.recorded(*event, "BB", "run-2", "2026-11-22T11:59:00Z");
    }
    world.ledger.unwrap()
}

#[test]
fn of_runs_beside_each_other_the_one_that_announced_first_proves_the_encoding() {
    let policy = World::vpp().policy;
    let by = |events: &[Event], run: &str| {
        overtaken(&news(events), &policy, Kind::Vpp, &BTreeSet::new(), run)
    };
    assert_eq!(by(&[], "run-1"), None);
    let pending = by(&[Event::Intended], "run-1");
    assert!(matches!(pending, Some(Canary::Pending(_))), "{pending:?}");
    let pending = by(&[Event::Intended, Event::Applied], "run-1");
    assert!(matches!(pending, Some(Canary::Pending(_))), "{pending:?}");
    assert_eq!(by(&[Event::Intended], "run-2"), None, "its own");
    assert_eq!(by(&[Event::Intended, Event::Applied, Event::Confirmed], "run-1"), None);
}

#[test]
fn a_refusal_of_another_run_meanwhile_counts_before_the_first_of_a_kind_is_sent() {
    let policy = World::vpp().policy;
    let mut world = World::vpp_renewal();
    world.forget();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:59:00Z");
    world.failed("AA", FailureCode::Rejected);
    let news = world.ledger.unwrap();
    let after =
        |refused: &BTreeSet<TenantId>| overtaken(&news, &policy, Kind::Vpp, refused, "run-9");
    assert!(matches!(after(&BTreeSet::new()), Some(Canary::Pending(_))));
    let earlier = BTreeSet::from([tenant("adatum", 7).tenant_id]);
    assert!(matches!(after(&earlier), Some(Canary::Failed(_))), "it is the second");
}
