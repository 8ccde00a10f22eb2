//! What holds for whole plans.

use proptest::prelude::*;

use crate::fleet::Desired;
use crate::ledger::LedgerView;
use crate::model::{EntryBody, Event, FailureCode, LiveTenant, Problem, ProblemCode, Reading};
use crate::plan::world::{OTHER_TOPIC, World, push_entry, tenant};
use crate::plan::{CheckedPlan, Known, Limits, Plan, Refusal, Selection, Warning};
use crate::report::{ApplyReport, Happened};

#[test]
fn when_the_upload_has_landed_there_is_nothing_left_to_do() {
    let mut world = World::renewal();
    let due = world.planned().due.remove(0);
    world.live_push(|live| {
        live.serial = due.after.serial.clone().unwrap();
        live.expires = due.after.expires.unwrap();
    });
    assert!(!world.plan().has_changes());
}

#[test]
fn a_clock_that_is_ten_minutes_off_announces_nothing_and_less_is_only_told() {
    let skews = |seconds: i64| {
        let mut world = World::renewal();
        world.live.clock_skew = Some(seconds);
        let warned = world.first().state.warnings.contains(&Warning::ClockSkew);
        (world.planned().skews.values().copied().collect::<Vec<_>>(), warned)
    };
    for sign in [1, -1] {
        assert_eq!(skews(sign * 299), (vec![], false));
        assert_eq!(skews(sign * 301), (vec![], true));
        assert_eq!(skews(sign * 600), (vec![], true));
        assert_eq!(skews(sign * 601), (vec![sign * 601], true));
    }
}

#[test]
fn a_plan_survives_its_own_json() {
    let plan = World::renewal().plan();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn no_summary_counts_a_tenant_as_clean_that_was_not_read() {
    let mut world = World::renewal();
    world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
    assert_eq!(world.plan().summary.unobserved, 1);
    assert_eq!(world.plan().summary.uploads, 0);
}

#[test]
fn a_small_fleet_is_limited_by_number_and_a_large_one_by_share_too() {
    let policy = crate::plan::world::policy();
    assert_eq!(Limits::of(&policy, 9).share, None);
    assert_eq!(Limits::of(&policy, 10).share, Some(3));
    assert_eq!(Limits::of(&policy, 19).share, Some(5));
}

#[test]
fn over_the_limit_only_the_reviewed_digest_helps() {
    let mut world = World::renewal();
    world.policy.max_tenants = 0;
    let limits = Limits::of(&world.policy, 1);
    let view = world.ledger.clone().unwrap();
    let check = |approve: Option<&str>| {
        CheckedPlan::check(world.planned(), limits, Known::Read(&view), approve)
    };
    let digest = world.plan().digest;
    assert!(check(None).is_err());
    assert!(check(Some("sha256:other")).is_err());
    assert!(check(Some(&digest)).is_ok());
}

#[test]
fn earlier_runs_of_the_same_commit_count() {
    let mut world = World::renewal();
    world.policy.max_tenants = 1;
    let other = tenant("fabrikam", 2).tenant_id;
    let intent = world.recorded_for(other, Event::Intended, "55", "run-0", "2026-11-22T10:00:00Z");
    // Another customer's certificate: its topic is its own.
    intent.after = None;
    let limits = Limits::of(&world.policy, 2);
    let view = world.ledger.clone().unwrap();
    let refused = CheckedPlan::check(world.planned(), limits, Known::Read(&view), None);
    assert!(refused.is_err());
    world.rev = "2222222222222222222222222222222222222222".into();
    assert!(CheckedPlan::check(world.planned(), limits, Known::Read(&view), None).is_ok());
}

#[test]
fn an_upload_that_another_run_may_be_making_is_named_in_the_result_and_ends_with_6() {
    let mut world = World::renewal();
    world.recorded(Event::Intended, "AA", "run-9", "2026-11-22T11:59:00Z");
    let report = ApplyReport::new(&world.plan());
    assert_eq!(report.results.len(), 1);
    assert_eq!(report.results[0].result, Happened::InProgressElsewhere);
    assert!(report.results[0].details[0].contains("run-9"), "{:?}", report.results);
    assert_eq!((report.summary.elsewhere, report.exits.as_slice()), (1, &[6][..]));
}

#[test]
fn what_runs_beside_each_other_announced_counts_together_and_what_they_handed_back_does_not() {
    let mut world = World::renewal();
    world.policy.max_tenants = 1;
    let limits = Limits::of(&world.policy, 2);
    let known = LedgerView::default();
    let checked = CheckedPlan::check(world.planned(), limits, Known::Read(&known), None).unwrap();
    let digest = world.plan().digest;
    let approved =
        CheckedPlan::check(world.planned(), limits, Known::Read(&known), Some(&digest)).unwrap();
    world.forget();
    let other = tenant("fabrikam", 2).tenant_id;
    world.recorded_for(other, Event::Intended, "55", "run-9", "2026-11-22T10:00:00Z");
    let news = world.ledger.clone().unwrap();
    assert_eq!(checked.exceeds(&known, &news).map(|excess| excess.writes), Some(2));
    assert_eq!(checked.exceeds(&known, &known), None);
    assert_eq!(approved.exceeds(&known, &news), None, "a person approved it");

    let line = world.recorded_for(other, Event::Failed, "55", "run-9", "2026-11-22T10:00:01Z");
    if let EntryBody::Failed { cause, .. } = &mut line.body {
        cause.code = FailureCode::NotSent;
    }
    let handed_back = world.ledger.unwrap();
    assert_eq!(checked.exceeds(&known, &handed_back), None);
}

proptest! {
    /// Whoever stands where in the fleet, the plan of a tenant is the same.
    #[test]
    fn other_tenants_change_nothing(order in Just((2_u8..30).collect::<Vec<_>>()).prop_shuffle(), take in 0_usize..28) {
        let alone = World::renewal().first();
        let mut world = World::renewal();
        for number in order.into_iter().take(take) {
            let mut other = tenant(&format!("tenant-{number}"), number);
            let topic = format!("com.apple.mgmt.External.{number}");
            other.push = Some(push_entry(&format!("{number:02}{number:02}"), &topic, "2027-01-01T00:00:00Z"));
            world.others.push(Desired::Valid(other));
        }
        prop_assert_eq!(world.first(), alone);
    }

    /// Whatever Intune has, no plan moves an expiry backwards or changes a topic by itself.
    #[test]
    fn no_plan_goes_backwards(days in -800_i64..800, other_topic: bool, confirmed: bool) {
        let mut world = World::renewal();
        world.live_push(|live| {
            live.expires = live.expires.plus(chrono::Duration::days(days));
            if other_topic {
                live.topic = crate::plan::world::OTHER_TOPIC.parse().unwrap();
            }
        });
        if confirmed {
            world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-01T10:00:00Z");
        }
        for due in world.planned().due {
            let before = due.before.unwrap();
            prop_assert!(due.after.expires >= before.expires);
            prop_assert_eq!(due.after.topic, before.topic);
        }
    }
}

#[test]
fn a_selection_leaves_the_rest_out() {
    let world = World::renewal();
    assert!(Selection::parse(&["fabrikam".into()]).unwrap().may_match_invalid("fabrikam"));
    assert_eq!(world.plan().selection.select, ["contoso"]);
    assert_eq!(world.plan().tenants.len(), 1);
}

#[test]
fn an_invariant_that_one_token_breaks_stops_that_token_only() {
    let mut world = World::renewal();
    let mut other = tenant("fabrikam", 2);
    other.push = Some(push_entry("BB", OTHER_TOPIC, "2027-11-20T10:00:00Z"));
    let live = LiveTenant { push: Reading::Absent, ..LiveTenant::not_asked() };
    world.others_live.insert(other.name.clone(), live);
    world.others.push(Desired::Valid(other));
    world.selection = Selection::parse(&[]).unwrap();
    let limits = Limits::of(&world.policy, 2);
    let view = world.ledger.clone().unwrap();
    let mut planned = world.planned();
    assert_eq!(planned.due.len(), 2);
    let broken = planned.plan.tenants.iter_mut().find(|one| one.name == "fabrikam").unwrap();
    broken.tokens[0].after.as_mut().unwrap().topic = None;
    planned.plan.digest = crate::plan::digest::digest(&planned.plan.tenants).unwrap();
    let checked = CheckedPlan::check(planned, limits, Known::Read(&view), None).unwrap();
    let due: Vec<&str> = checked.planned().due.iter().map(|due| due.tenant.name.as_str()).collect();
    assert_eq!(due, ["contoso"]);
    let mut report = ApplyReport::new(&checked.planned().plan);
    report.broken(&checked.planned().plan, checked.faults());
    let told: Vec<(&str, Happened)> =
        report.results.iter().map(|one| (one.tenant.as_str(), one.result)).collect();
    assert_eq!(told, [("fabrikam", Happened::Refused)]);
    assert!(report.results[0].details[0].contains("a push upload without identity"));
    assert_eq!(report.exits, [4]);
}

#[test]
fn a_plan_with_another_digest_than_its_own_is_refused_as_a_whole() {
    let world = World::renewal();
    let view = world.ledger.clone().unwrap();
    let mut planned = world.planned();
    planned.plan.digest = "sha256:00".to_owned();
    let refused =
        CheckedPlan::check(planned, Limits::of(&world.policy, 1), Known::Read(&view), None);
    assert!(matches!(refused, Err(Refusal::Lint(_))), "{refused:?}");
}
