//! The first upload of a kind proves its wire encoding, alone.

use crate::fleet::{Desired, VppTokenWire};
use crate::model::{Event, FailureCode, Kind, LiveTenant, Reading, Sha256, Timestamp};
use crate::plan::world::{NEXT_YEAR, THIS_YEAR, World, at, live_vpp, tenant, vpp_entry};
use crate::plan::{Canary, Input, Known, Planned, Reason, Selection, Source, Warning, make};

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
        let fleet = [&self.adatum, &self.contoso].map(|world| Desired::Valid(world.tenant.clone()));
        let live = [&self.adatum, &self.contoso]
            .map(|world| (world.tenant.name.clone(), world.live.clone()))
            .into();
        make(&Input {
            now: self.now(),
            rev: None,
            policy_rev: None,
            policy: &self.contoso.policy,
            fleet: &fleet,
            selection: &Selection::default(),
            live: &live,
            base: None,
            known: Known::Read(self.contoso.ledger.as_ref().unwrap()),
            source: Source::Live,
            dead_runs: &self.contoso.dead_runs,
        })
    }

    fn now(&self) -> Timestamp {
        self.contoso.now
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
fn an_unfinished_sending_keeps_everybody_waiting_until_it_settles_and_then_goes_first() {
    let mut two = Two::new();
    two.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:40:00Z");
    let Canary::Pending(why) = two.canary() else { panic!("{:?}", two.canary()) };
    assert!(why.contains("Run again after 2026-11-22T12:10:00Z"), "{why}");
    two.contoso.now = at("2026-11-22T12:10:00Z");
    two.expect_first(&two.contoso);
}

#[test]
fn a_canary_that_failed_for_good_stops_the_kind_until_the_encoding_or_the_token_changes() {
    let mut two = Two::new();
    two.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    two.contoso.failed("AA", FailureCode::Rejected);
    let Canary::Failed(why) = two.canary() else { panic!("{:?}", two.canary()) };
    assert!(why.contains("contoso") && why.contains("applecart.yaml"), "{why}");
    assert_eq!(two.warnings()[0], [Warning::CanaryFailed]);

    let mut encoding = Two::new();
    encoding.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    encoding.contoso.failed("AA", FailureCode::Rejected);
    encoding.contoso.policy.wire.vpp_token = VppTokenWire::Base64;
    encoding.expect_first(&encoding.adatum);

    two.contoso.allow("rejected", THIS_YEAR, NEXT_YEAR);
    two.expect_first(&two.adatum);

    let mut replaced = Two::new();
    replaced.contoso.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    replaced.contoso.failed("AA", FailureCode::Rejected);
    replaced.contoso.entry().file.as_mut().unwrap().sha256 = Sha256::of(b"BB");
    replaced.expect_first(&replaced.adatum);
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
