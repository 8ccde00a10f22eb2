//! What the list holds, and that every outlet shows all of it.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::*;
use crate::fleet::{Suspension, Tenant};
use crate::ledger::TenantLedger;
use crate::model::{Event, Problem, ProblemCode, Reading};
use crate::plan::world::{OTHER_TOPIC, World, push_entry, tenant};
use crate::plan::{Action, Expiry, PlannedTenant, Reason, Selection, Warning};
use crate::report;

/// The list for a plan of a world, or for what a test made of it.
pub(crate) fn attention_of(world: &World, plan: &Plan) -> Attention {
    let mut fleet = world.others.clone();
    fleet.push(Desired::Valid(world.tenant.clone()));
    list(&Input {
        plan,
        fleet: &fleet,
        ledger: world.ledger.as_ref().ok(),
        policy: &world.policy,
        clone: &CloneState::default(),
        earlier: None,
    })
}

/// The list for a plan alone, with an empty ledger and nothing known of Git.
pub(crate) fn attention_of_plan(plan: &Plan) -> Attention {
    let world = World::equal();
    list(&Input {
        plan,
        fleet: &[],
        ledger: world.ledger.as_ref().ok(),
        policy: &world.policy,
        clone: &CloneState::default(),
        earlier: None,
    })
}

fn attention(world: &World) -> Vec<Matter> {
    attention_of(world, &world.plan()).matters
}

fn codes(matters: &[Matter]) -> Vec<&str> {
    matters.iter().map(|matter| matter.code.as_str()).collect()
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

/// A fleet in the making, one tenant for each cause.
struct Fleet {
    plan: Plan,
    git: Vec<Desired>,
    ledger: LedgerView,
    clone: CloneState,
}

impl Fleet {
    /// A tenant that raises the cause. A new cause is asked for its example by the compiler.
    fn add(&mut self, cause: Cause) {
        let number = u8::try_from(self.git.len()).unwrap() + 10;
        let mut world = World::equal();
        let mut planned: PlannedTenant = world.plan().tenants.remove(0);
        let mut git: Tenant = tenant(&format!("tenant-{number}"), number);
        git.push = Some(push_entry("AA", "com.apple.mgmt.External.1", "2027-11-20T10:00:00Z"));
        planned.name = git.name.to_string();
        planned.tenant_id = Some(git.tenant_id);
        let token = &mut planned.tokens[0];
        let state = &mut token.state;
        let until = |until| Some(Suspension { reason: "migration".into(), until });
        match cause {
            Cause::TopicChanged => {
                let push = git.push.as_mut().unwrap();
                push.file = None;
                push.facts.topic = Some(OTHER_TOPIC.parse().unwrap());
            }
            Cause::DeviceSyncDown => token.urgent = true,
            Cause::Expired => state.expiry = Expiry::Expired,
            Cause::Critical => state.expiry = Expiry::Critical,
            Cause::RenewalDue => state.expiry = Expiry::RenewalDue,
            Cause::Held(reason) => {
                token.action = Action::Hold;
                state.sync = Sync::Held;
                state.reasons = vec![reason];
                state.details = vec!["why it is held".into()];
            }
            Cause::CanaryFailed => state.warnings.push(Warning::CanaryFailed),
            Cause::Missing => state.sync = Sync::Missing,
            Cause::Failing(reason) => state.health_reasons.push(reason),
            Cause::Unobserved(code) => planned.problems.push(Problem::new(code, "no answer")),
            Cause::ExpiryUnknown => {
                state.sync = Sync::Unobserved;
                state.expiry = Expiry::Unknown;
            }
            Cause::OutOfSync => state.sync = Sync::OutOfSync,
            Cause::Ambiguous => state.warnings.push(Warning::Ambiguous),
            Cause::AwaitingConfirmation => {
                world.recorded(Event::Applied, "AA", "run-1", "2026-11-20T11:00:00Z");
                let view = world.ledger.unwrap();
                let past: TenantLedger = view.tenants.into_values().next().unwrap();
                self.ledger.tenants.insert(git.tenant_id, past);
            }
            Cause::Suspended => git.suspend = until(date(2999, 1, 1)),
            Cause::SuspensionOver => git.suspend = until(date(2000, 1, 1)),
            Cause::CloneBehind => self.clone.behind = 2,
            Cause::CloneDirty => self.clone.dirty = true,
        }
        self.git.push(Desired::Valid(git));
        self.plan.tenants.push(planned);
    }

    fn list(&self) -> Attention {
        list(&Input {
            plan: &self.plan,
            fleet: &self.git,
            ledger: Some(&self.ledger),
            policy: &World::equal().policy,
            clone: &self.clone,
            earlier: None,
        })
    }

    fn status(&self) -> report::Status {
        let matters = self.list().matters;
        report::status_of(&self.plan, &self.git, Some(&self.ledger), matters, false)
    }
}

fn every_cause() -> Fleet {
    let mut plan = World::equal().plan();
    plan.tenants.clear();
    let (ledger, clone) = (LedgerView::default(), CloneState::default());
    let mut fleet = Fleet { plan, git: Vec::new(), ledger, clone };
    for cause in Cause::all() {
        fleet.add(cause);
    }
    fleet
}

type Outlet = (&'static str, fn(&Fleet) -> String);

/// Every outlet that shows the list; a new one stands here.
const OUTLETS: &[Outlet] = &[
    ("status for people", |fleet| {
        let view = report::StatusView { width: 100, ..report::StatusView::default() };
        report::status_human(&fleet.status(), view)
    }),
    ("status as JSON", |fleet| report::json(&fleet.status()).unwrap()),
    ("status as Markdown", |fleet| {
        report::status_markdown(&fleet.status(), report::StatusView::default())
    }),
    ("status as CSV", |fleet| report::status_csv(&fleet.status())),
    ("plan for people", |fleet| report::plan_human(&fleet.plan, &fleet.list(), false, 100)),
    ("plan as JSON", |fleet| {
        let attention = &fleet.list().matters;
        report::json(&report::PlanOutput { plan: &fleet.plan, attention }).unwrap()
    }),
    ("plan as Markdown", |fleet| report::plan_markdown(&fleet.plan, &fleet.list(), 60_000)),
];

#[test]
fn every_outlet_shows_every_code() {
    let fleet = every_cause();
    let listed: BTreeSet<&str> = fleet.list().matters.iter().map(|one| one.code.as_str()).collect();
    let mut forgotten = Vec::new();
    let mut shown = 0;
    for code in Code::all() {
        assert!(listed.contains(code.as_str()), "nothing raises {code}");
        for (outlet, render) in OUTLETS {
            let text = anstream::adapter::strip_str(&render(&fleet)).to_string();
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
            // A plan shows what is due as its own rows.
            let own = code == Cause::OutOfSync.code() && outlet.starts_with("plan");
            if own || text.split(|c| !is_word(c)).any(|word| word == code.as_str()) {
                shown += 1;
            } else {
                forgotten.push(format!("{code}: {outlet}"));
            }
        }
    }
    assert_eq!(forgotten, Vec::<String>::new());
    assert_eq!(shown, Code::all().len() * OUTLETS.len());
}

#[test]
fn no_outlet_calls_a_fleet_fine_while_the_list_has_something() {
    for cause in Cause::all() {
        let mut fleet = every_cause();
        fleet.git.clear();
        fleet.plan.tenants.clear();
        fleet.clone = CloneState::default();
        fleet.add(cause);
        assert!(!fleet.list().matters.is_empty(), "{cause:?}");
        for (outlet, render) in OUTLETS {
            let text = render(&fleet).to_lowercase();
            for calm in ["nothing to do", "in order", "nothing needs attention"] {
                assert!(!text.contains(calm), "{cause:?}, {outlet}: {text}");
            }
        }
    }
}

#[test]
fn every_matter_says_what_happened_and_what_to_do() {
    for matter in every_cause().list().matters {
        assert!(!matter.message.is_empty() && !matter.next.is_empty(), "{matter:?}");
        let needs_command = matter.next.ends_with(':');
        assert_eq!(matter.command.is_some(), needs_command, "{matter:?}");
    }
}

#[test]
fn the_most_urgent_comes_first() {
    let matters = every_cause().list().matters;
    assert_eq!(matters[0].code, Cause::TopicChanged.code());
    assert!(matters.is_sorted_by_key(|matter| matter.severity));
}

#[test]
fn the_key_is_the_matter_and_not_its_text() {
    let mut world = World::renewal();
    world.live_push(|push| push.expires = "2026-12-05T10:00:00Z".parse().unwrap());
    world.entry().file = None;
    let today = attention(&world);
    world.now = world.now.plus(Duration::days(2));
    world.tenant.display_name = Some("Another name".into());
    let later = attention(&world);
    assert_eq!(codes(&today), ["critical"]);
    assert_eq!(today[0].key, later[0].key);
    let id = world.tenant.tenant_id;
    assert_eq!(today[0].key, format!("{id}/push/-/critical/2026-12-05"));
    // Next year's expiry is another matter.
    world.live_push(|push| push.expires = "2026-12-06T10:00:00Z".parse().unwrap());
    assert_ne!(attention(&world)[0].key, later[0].key);
}

#[test]
fn an_unobserved_token_keeps_what_was_last_known_of_it() {
    let mut world = World::renewal();
    world.recorded(Event::Confirmed, "AA", "run-1", "2026-10-01T11:00:00Z");
    world.recorded(Event::ChangedOutsideGit, "BB", "run-2", "2026-11-01T11:00:00Z");
    world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer in time"));
    let matters = attention(&world);
    let changed = matters.iter().find(|one| one.code.as_str() == "changed-outside-git").unwrap();
    assert_eq!(changed.as_of.unwrap().to_string(), "2026-11-01T11:00:00Z");
    assert!(codes(&matters).contains(&"timeout"));
}

#[test]
fn what_was_on_the_list_stays_until_a_reading_disproves_it() {
    let mut world = World::renewal();
    world.live_push(|push| push.failure = Some("invalid".into()));
    let before = attention(&world);
    assert!(codes(&before).contains(&"token-invalid"));
    let at = world.now;
    let again = |world: &World, selection: &str| {
        let mut world_plan = world.plan();
        if !selection.is_empty() {
            let selection = Selection::parse(&[selection.to_owned()]).unwrap();
            world_plan.tenants.retain(|_| !selection.matches(&world.tenant));
        }
        let fleet = [Desired::Valid(world.tenant.clone())];
        list(&Input {
            plan: &world_plan,
            fleet: &fleet,
            ledger: world.ledger.as_ref().ok(),
            policy: &world.policy,
            clone: &CloneState::default(),
            earlier: Some(Earlier { at, matters: &before }),
        })
        .matters
    };
    // Outside the selection.
    let kept = again(&world, "contoso");
    assert_eq!(codes(&kept), codes(&before));
    assert!(kept.iter().all(|one| one.as_of == Some(at)));
    // Unobserved.
    let read = std::mem::replace(
        &mut world.live.push,
        Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer in time")),
    );
    let kept = again(&world, "");
    let invalid = kept.iter().find(|one| one.code.as_str() == "token-invalid").unwrap();
    assert_eq!(invalid.as_of, Some(at));
    // Read again, and well.
    world.live.push = read;
    world.live_push(|push| push.failure = None);
    assert!(!codes(&again(&world, "")).contains(&"token-invalid"));
}

#[test]
fn a_suspension_covers_all_but_an_expiry() {
    let mut world = World::renewal();
    world.suspend("2026-12-31");
    let matters = attention(&world);
    assert!(codes(&matters).contains(&"suspended"), "{matters:?}");
    assert!(matters.iter().all(|one| one.suspended && !one.is_urgent()), "{matters:?}");
    world.live_push(|push| push.expires = "2026-12-01T10:00:00Z".parse().unwrap());
    let critical: Vec<_> = attention(&world).into_iter().filter(Matter::is_urgent).collect();
    assert_eq!(codes(&critical), ["critical"]);
    assert!(FailOn::Urgent.fails(&critical[0]));
}

#[test]
fn an_unknown_ledger_is_one_matter_of_the_fleet() {
    let mut world = World::renewal();
    world.ledger = Err("ledger-unknown: the remote did not answer".into());
    world.others = vec![Desired::Valid(tenant("fabrikam", 2))];
    world.selection = Selection::default();
    let matters = attention(&world);
    let unknown: Vec<_> =
        matters.iter().filter(|one| one.code.as_str() == "ledger-unknown").collect();
    assert_eq!(unknown.len(), 1);
    assert_eq!(unknown[0].tenant, None);
}

#[test]
fn two_causes_of_one_code_are_one_matter() {
    let mut fleet = every_cause();
    fleet.plan.tenants.clear();
    fleet.git.clear();
    fleet.add(Cause::Expired);
    fleet.plan.tenants[0].tokens[0].state.reasons = vec![Reason::Expired];
    fleet.plan.tenants[0].tokens[0].state.details = vec!["Git's file is no better".into()];
    let matters = fleet.list().matters;
    let expired: Vec<_> = matters.iter().filter(|one| one.code.as_str() == "expired").collect();
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].severity, Severity::Critical);
    assert!(expired[0].message.contains("no better"));
}

#[test]
fn fail_on_takes_urgent_and_every_code() {
    assert_eq!("urgent".parse(), Ok(FailOn::Urgent));
    assert_eq!("renewal-due".parse(), Ok(FailOn::Code(Cause::RenewalDue.code())));
    let error = "soon".parse::<FailOn>().unwrap_err().to_string();
    assert!(error.contains("\"soon\"") && error.contains("applecart explain"), "{error}");
}
