//! When a reviewed plan may be applied: equal worlds, change one thing, expect one thing.

use chrono::Duration;

use crate::fleet::Desired;
use crate::model::{Event, FailureCode, Kind, Problem, ProblemCode, Reading, Sha256, TokenRef};
use crate::plan::world::{NOW, World, at, push_entry, tenant};
use crate::plan::{
    Action, CheckedPlan, Known, Limits, Plan, Planned, Reason, Reviewed, Selection, Stale, Sync,
    Warning, fresh,
};

/// A plan file, and the world in which it was made.
struct File {
    plan: Plan,
    world: World,
}

impl File {
    /// A renewal was reviewed.
    fn new() -> Self {
        Self::of(World::renewal())
    }

    fn of(mut world: World) -> Self {
        world.selection = Selection::default();
        Self { plan: world.plan(), world }
    }

    fn check(&self) -> Result<Reviewed, Stale> {
        fresh(&self.plan, &self.world.planned())
    }

    #[track_caller]
    fn applied(&self) -> Planned {
        self.world.planned().keep_only(&self.check().unwrap())
    }
}

fn push() -> TokenRef {
    TokenRef::push()
}

fn contoso() -> String {
    "contoso".to_owned()
}

#[track_caller]
fn stale(change: impl FnOnce(&mut World)) -> Stale {
    let mut file = File::new();
    change(&mut file.world);
    file.check().unwrap_err()
}

#[test]
fn in_the_world_it_was_made_in_a_plan_is_applied_as_it_is() {
    let file = File::new();
    assert_eq!(file.applied(), file.world.planned());
    assert_eq!(file.check().unwrap().digest(), file.plan.digest);
}

#[test]
fn a_plan_lives_for_a_day() {
    let mut file = File::new();
    file.world.now = at(NOW).plus(Duration::hours(24));
    file.check().unwrap();
    file.world.now = at(NOW).plus(Duration::hours(24) + Duration::seconds(1));
    assert_eq!(file.check().unwrap_err(), Stale::Old { made: at(NOW) });
}

#[test]
fn a_plan_from_the_future_is_refused_where_no_clock_is_that_wrong() {
    let mut file = File::new();
    file.plan.generated_at = at(NOW).plus(Duration::minutes(10));
    file.check().unwrap();
    file.plan.generated_at = at(NOW).plus(Duration::minutes(10) + Duration::seconds(1));
    assert_eq!(file.check().unwrap_err(), Stale::Future { made: file.plan.generated_at });
}

#[test]
fn another_policy_makes_it_stale() {
    assert_eq!(stale(|world| world.policy.sha256 = Sha256::of(b"other")), Stale::Policy);
}

#[test]
fn a_tenant_that_left_makes_it_stale() {
    let found = stale(|world| world.tenant.name = "contoso-ltd".parse().unwrap());
    assert_eq!(found, Stale::TenantGone { tenant: contoso() });
}

#[test]
fn another_tree_of_the_folder_makes_it_stale() {
    let found = stale(|world| world.tenant.tree = "tree-2".into());
    assert_eq!(found, Stale::Tree { tenant: contoso() });
}

#[test]
fn another_tenant_id_makes_it_stale() {
    let found = stale(|world| world.tenant.tenant_id = tenant("x", 7).tenant_id);
    assert_eq!(found, Stale::Tree { tenant: contoso() });
}

#[test]
fn another_file_makes_it_stale() {
    let found = stale(|world| world.entry().file.as_mut().unwrap().sha256 = Sha256::of(b"BB"));
    assert_eq!(found, Stale::File { tenant: contoso(), token: push() });
}

#[test]
fn a_token_that_is_not_watched_any_more_makes_it_stale() {
    let found = stale(|world| {
        world.tenant.watch = [Kind::Vpp].into();
    });
    assert_eq!(found, Stale::TokenGone { tenant: contoso(), token: push() });
}

#[test]
fn other_live_facts_make_it_stale() {
    let found = stale(|world| world.live_push(|live| live.serial = "98".parse().unwrap()));
    assert_eq!(found, Stale::Live { tenant: contoso(), token: push() });
}

#[test]
fn a_certificate_that_vanished_makes_it_stale() {
    let found = stale(|world| world.live.push = Reading::Absent);
    assert_eq!(found, Stale::Live { tenant: contoso(), token: push() });
}

#[test]
fn an_upload_that_live_shows_already_makes_it_stale() {
    let found = stale(|world| {
        world.live_push(|live| {
            live.serial = "AA".parse().unwrap();
            live.expires = at("2027-11-20T10:00:00Z");
        });
    });
    assert_eq!(found, Stale::Live { tenant: contoso(), token: push() });
}

#[test]
fn a_file_that_was_refused_since_then_makes_it_stale() {
    let found = stale(|world| world.failed("AA", FailureCode::Rejected));
    let Stale::Decision { planned, now, reasons, .. } = found else { panic!("{found}") };
    assert_eq!((planned, now, reasons.as_str()), (Action::Upload, Action::Hold, ", rejected"));
}

#[test]
fn a_file_that_lapsed_since_then_makes_it_stale() {
    let mut world = World::renewal();
    world.entry().facts.expires = Some(at("2026-12-21T10:00:00Z"));
    world.now = at("2026-12-21T09:00:00Z");
    let mut file = File::of(world);
    assert_eq!(file.plan.summary.uploads, 1);
    file.world.now = at("2026-12-21T11:00:00Z");
    assert!(matches!(file.check().unwrap_err(), Stale::Decision { .. }));
}

#[test]
fn a_held_tenant_is_judged_as_it_was_reviewed_too() {
    let mut world = World::renewal();
    world.suspend("2026-12-31");
    let mut file = File::of(world);
    assert_eq!(file.plan.summary.holds, 1);
    file.check().unwrap();
    file.world.tenant.tree = "tree-2".into();
    assert_eq!(file.check().unwrap_err(), Stale::Tree { tenant: contoso() });
}

#[test]
fn a_tenant_without_an_action_may_change() {
    let mut file = File::of(World::equal());
    file.world.tenant.tree = "tree-2".into();
    file.world.live_push(|live| live.apple_id = Some("other@contoso.example".into()));
    file.check().unwrap();
}

#[test]
fn another_commit_alone_does_not_make_it_stale() {
    let mut file = File::new();
    file.world.rev = "2222222222222222222222222222222222222222".into();
    file.world.now = at(NOW).plus(Duration::hours(1));
    assert_eq!(file.applied().due.len(), 1);
}

#[test]
fn what_cannot_be_read_now_is_not_written_and_nothing_is_stale() {
    let mut file = File::new();
    file.world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
    let applied = file.applied();
    assert!(applied.due.is_empty());
    assert_eq!(applied.plan.summary.unobserved, 1);
}

#[test]
fn what_another_run_sends_at_this_moment_is_not_sent_and_nothing_is_stale() {
    let mut file = File::new();
    file.world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:55:00Z");
    let applied = file.applied();
    assert!(applied.due.is_empty());
    assert_eq!(applied.plan.tenants[0].tokens[0].state.sync, Sync::Progressing);
}

/// Another tenant whose first certificate is due.
fn second(world: &mut World) {
    let mut other = tenant("fabrikam", 2);
    let topic = "com.apple.mgmt.External.2";
    other.push = Some(push_entry("BB", topic, "2027-11-20T10:00:00Z"));
    let absent =
        crate::model::LiveTenant { push: Reading::Absent, ..crate::model::LiveTenant::not_asked() };
    world.others_live.insert(other.name.clone(), absent);
    world.others.push(Desired::Valid(other));
}

#[test]
fn a_write_that_was_not_reviewed_is_left_out_and_told() {
    let mut file = File::new();
    second(&mut file.world);
    assert_eq!(file.world.planned().due.len(), 2);
    let applied = file.applied();
    let names = |dues: &[crate::plan::Due]| -> Vec<String> {
        dues.iter().map(|due| due.tenant.name.to_string()).collect()
    };
    assert_eq!(
        (names(&applied.due), names(&applied.left_out)),
        (vec!["contoso".to_owned()], vec!["fabrikam".to_owned()])
    );
    assert_eq!(applied.plan.summary.uploads, 1);
    let left = applied.plan.tokens().find(|(tenant, _)| tenant.name == "fabrikam").unwrap().1;
    assert_eq!((left.action, left.state.sync), (Action::None, Sync::OutOfSync));
    assert_eq!(left.state.warnings.last(), Some(&Warning::NotReviewed));
    assert_eq!((&left.before, &left.after), (&None, &None));
    assert_eq!(applied.plan.digest, file.plan.digest, "what happens is what was reviewed");
}

#[test]
fn what_is_left_passes_the_lint_and_the_limits_are_counted_over_it() {
    let mut file = File::new();
    second(&mut file.world);
    file.world.policy.max_tenants = 1;
    let limits = Limits::of(&file.world.policy, 2);
    let view = file.world.ledger.clone().unwrap();
    let check = |planned| CheckedPlan::check(planned, limits, Known::Read(&view), None);
    assert!(check(file.world.planned()).is_err(), "two are over the limit");
    check(file.applied()).unwrap();
}

#[test]
fn a_hold_that_was_not_reviewed_stays_a_hold() {
    let mut file = File::new();
    second(&mut file.world);
    let Desired::Valid(other) = &mut file.world.others[0] else { panic!() };
    other.consent_data_sharing = false;
    let applied = file.applied();
    assert_eq!(applied.plan.summary.holds, 1);
    let held = applied.plan.tokens().find(|(tenant, _)| tenant.name == "fabrikam").unwrap().1;
    assert_eq!(held.state.reasons, [Reason::ConsentMissing]);
}

#[test]
fn a_plan_that_was_edited_is_not_intact() {
    let plan = File::new().plan;
    assert!(plan.is_intact());
    let edits: [fn(&mut Plan); 4] = [
        |plan| plan.digest = "sha256:00".into(),
        |plan| plan.tenants[0].tokens[0].action = Action::None,
        |plan| plan.tenants[0].tokens[0].state.sha256 = Some(Sha256::of(b"BB")),
        |plan| plan.tenants[0].tenant_id = Some(tenant("x", 7).tenant_id),
    ];
    for edit in edits {
        let mut edited = plan.clone();
        edit(&mut edited);
        assert!(!edited.is_intact());
    }
}

#[test]
fn every_reason_says_who_and_what() {
    let mut file = File::new();
    file.world.tenant.tree = "tree-2".into();
    let said = file.check().unwrap_err().to_string();
    assert_eq!(said, "the folder of contoso changed since it was made");
}
