//! What the list holds, and that every outlet shows all of it.

mod parked;
mod stated;

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::*;
use crate::fleet::{Suspension, Tenant};
use crate::ledger::TenantLedger;
use crate::model::{Event, Facts, FailureCode, Problem, ProblemCode, Reading, Sha256};
use crate::plan::world::{BaseWorld, NEXT_YEAR, OTHER_TOPIC, TOPIC, World, at, push_entry, tenant};
use crate::plan::{
    Action, Expiry, Outdated, PlannedTenant, QuieterThen, Reason, RecordChange, Selection, Warning,
    Withdrawal, Withdrawn,
};
use crate::report;
use crate::rules::topics::{KnownTopic, Witness};

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

fn known_topic() -> KnownTopic {
    let topic = OTHER_TOPIC.parse().unwrap();
    let apple_id = Some("mdm@contoso.example".to_owned());
    KnownTopic { topic, apple_id, by: Witness::Git, at: None, doubt: None }
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
            Cause::TopicChanged => state.devices_know = Some(Box::new(known_topic())),
            Cause::PushGone => {
                (state.sync, state.live) = (Sync::Missing, None);
                state.devices_know = Some(Box::new(known_topic()));
            }
            Cause::DeviceSyncDown => token.urgent = true,
            Cause::Replaced => {
                state.sync = Sync::Watched;
                state.live.as_mut().unwrap().expires = Some(at("2027-01-01T00:00:00Z"));
            }
            Cause::FactsDiffer => {
                state.sync = Sync::Watched;
                let live = state.live.as_mut().unwrap();
                live.serial = Some("BB".parse().unwrap());
                live.topic = git.push.as_ref().and_then(|entry| entry.topic()).cloned();
                world.forget();
                world.recorded(Event::Observed, "BB", "run-1", "2026-11-20T11:00:00Z");
                let past = world.ledger.unwrap().tenants.into_values().next().unwrap();
                self.ledger.tenants.insert(git.tenant_id, past);
            }
            Cause::TenantOutdated => planned.outdated = Some(Outdated::default()),
            Cause::Unmanaged => state.sync = Sync::Unmanaged,
            Cause::AppleIdDiffers => state.warnings.push(Warning::AppleIdDiffers),
            Cause::Expired => state.expiry = Expiry::Expired,
            Cause::Critical => state.expiry = Expiry::Critical,
            Cause::RenewalDue => state.expiry = Expiry::RenewalDue,
            Cause::Held(reason) => {
                token.action = Action::Hold;
                state.sync = Sync::Held;
                state.reasons = vec![reason];
                state.details = vec!["why it is held".into()];
            }
            Cause::DevicesCutOff => {
                token.allows = vec![Reason::TopicChange];
                let live = state.live.as_mut().unwrap();
                let to = Facts { topic: Some(OTHER_TOPIC.parse().unwrap()), ..live.clone() };
                token.after = Some(Box::new(to));
            }
            Cause::HoldReleased => token.allows = vec![Reason::KeyMismatch],
            Cause::NoLongerWatched | Cause::FileWithdrawn => {
                let what = match cause {
                    Cause::FileWithdrawn => Withdrawal::File,
                    _ => Withdrawal::Entry,
                };
                let which = TokenRef { kind: Kind::Push, id: None, name: None };
                planned.withdrawn.push(Withdrawn { token: which, what });
            }
            Cause::CanaryFailed => state.warnings.push(Warning::CanaryFailed),
            Cause::CannotLand => {
                state.sync = Sync::OutOfSync;
                for _ in 0..3 {
                    world.recorded(Event::NotLanded, "AA", "run-1", "2026-11-20T11:00:00Z");
                }
                let view = world.ledger.unwrap();
                let past: TenantLedger = view.tenants.into_values().next().unwrap();
                self.ledger.tenants.insert(git.tenant_id, past);
            }
            Cause::RequestDisputed => {
                for label in ["A1", "A2"] {
                    let line =
                        world.recorded(Event::RenewalOpened, label, label, "2026-11-20T11:00:00Z");
                    line.before = None;
                    line.body = crate::model::EntryBody::RenewalOpened {
                        csr: "request".to_owned(),
                        public_key_sha256: crate::model::Sha256::of(label.as_bytes()),
                    };
                }
                let view = world.ledger.unwrap();
                let past: TenantLedger = view.tenants.into_values().next().unwrap();
                self.ledger.tenants.insert(git.tenant_id, past);
            }
            Cause::IntentWithoutOutcome => {
                for run in ["run-1", "run-2", "run-3"] {
                    world.recorded(Event::Intended, "AA", run, "2026-11-20T08:00:00Z");
                }
                let view = world.ledger.unwrap();
                let past: TenantLedger = view.tenants.into_values().next().unwrap();
                self.ledger.tenants.insert(git.tenant_id, past);
            }
            Cause::LedgerLineBroken => {
                world.recorded(Event::Intended, "AA", "run-1", "2027-11-20T11:00:00Z");
                let view = world.ledger.unwrap().within(world.now);
                let aside = view.set_aside.into_values().next().unwrap();
                self.ledger.set_aside.insert(git.tenant_id, aside);
            }
            Cause::Missing => state.sync = Sync::Missing,
            Cause::Failing(reason) => state.health_reasons.push(reason),
            Cause::Unobserved(code) => planned.problems.push(Problem::new(code, "no answer")),
            Cause::ExpiryUnknown => {
                (state.sync, state.live) = (Sync::Unobserved, None);
                state.expiry = Expiry::Unknown;
            }
            Cause::OutOfSync => state.sync = Sync::OutOfSync,
            Cause::Unverified => state.sync = Sync::Unverified,
            Cause::Ambiguous => state.warnings.push(Warning::Ambiguous),
            Cause::AwaitingConfirmation => {
                world.recorded(Event::Applied, "AA", "run-1", "2026-11-20T11:00:00Z");
                let view = world.ledger.unwrap();
                let past: TenantLedger = view.tenants.into_values().next().unwrap();
                self.ledger.tenants.insert(git.tenant_id, past);
            }
            Cause::Suspended => git.suspend = until(date(2999, 1, 1)),
            Cause::SuspensionOver => git.suspend = until(date(2000, 1, 1)),
            Cause::RecordChanges => {
                self.plan.record_changed = Some(RecordChange {
                    settings: vec!["ledger.branch".into()],
                    tenants: vec![git.name.to_string()],
                });
            }
            Cause::SettingsInvalid => self.plan.settings_invalid = Some("a mistake".into()),
            Cause::AlarmsEnd => self.plan.quieter_then.push(QuieterThen {
                tenant: git.name.to_string(),
                token: crate::model::TokenRef::push(),
                now: Expiry::Critical,
                then: Expiry::Valid,
            }),
            Cause::LedgerMoved => self.clone.moved = vec!["`ledger.genesis` was dropped".into()],
            Cause::CloneBehind => self.clone.behind = 2,
            Cause::CloneAhead => self.clone.unpushed = 1,
            Cause::CloneDirty => self.clone.dirty = vec!["tenants/contoso/tenant.yaml".into()],
            Cause::RenewalOpen => self.clone.open_renewals.push(OpenRenewal {
                branch: format!("renew/{}/push-2027-11-20", git.name),
                tenant: git.name.to_string(),
                token: crate::model::TokenRef::push(),
                by: Some("Dana".into()),
                at: None,
                remote: Some("origin".into()),
                pushed: true,
                others: Vec::new(),
            }),
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

    fn remarks(&self, format: report::AnnotationFormat) -> String {
        let attention = self.list();
        let remarks = report::of_attention(&attention.matters, &BTreeMap::new());
        let summary = report::plan_summary(&self.plan, &attention);
        report::annotate(format, &remarks, &summary).unwrap()
    }

    /// A fleet with this cause alone.
    fn of(cause: Cause) -> Self {
        let mut fleet = Self::empty();
        fleet.add(cause);
        fleet
    }

    /// A fleet in which nothing needs a person.
    fn empty() -> Self {
        let mut fleet = every_cause();
        fleet.git.clear();
        fleet.plan.tenants.clear();
        (fleet.plan.record_changed, fleet.plan.settings_invalid) = (None, None);
        fleet.plan.quieter_then.clear();
        (fleet.ledger, fleet.clone) = (LedgerView::default(), CloneState::default());
        fleet
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
        report::json(&report::PlanOutput { plan: &fleet.plan, attention, exits: &[0] }).unwrap()
    }),
    ("plan as Markdown", |fleet| report::plan_markdown(&fleet.plan, &fleet.list(), 60_000)),
    ("plan for GitHub", |fleet| fleet.remarks(report::AnnotationFormat::Github)),
    ("plan for Azure Pipelines", |fleet| fleet.remarks(report::AnnotationFormat::Azure)),
    ("plan for GitLab", |fleet| fleet.remarks(report::AnnotationFormat::Gitlab)),
    ("plan as SARIF", |fleet| fleet.remarks(report::AnnotationFormat::Sarif)),
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
        let fleet = Fleet::of(cause);
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
fn the_exit_code_tells_every_code() {
    for cause in Cause::all() {
        let attention = Fleet::of(cause).list();
        let fails = |on: FailOn| attention.matters.iter().any(|matter| on.fails(matter));
        assert!(fails(FailOn::Code(cause.code())), "{cause:?}");
        let (urgent, critical) = match cause.severity() {
            Severity::Critical => (true, true),
            Severity::Urgent => (true, false),
            Severity::Notice => (false, false),
        };
        assert_eq!(fails(FailOn::Urgent), urgent, "status --fail-on urgent: {cause:?}");
        assert_eq!(attention.is_critical(), critical, "plan --detailed-exitcode: {cause:?}");
    }
}

#[test]
fn what_is_urgent_has_its_next_step_in_every_outlet() {
    for cause in Cause::all().into_iter().filter(|cause| cause.severity() != Severity::Notice) {
        let fleet = Fleet::of(cause);
        let matters = fleet.list().matters;
        let urgent = matters.iter().find(|one| one.code == cause.code()).unwrap();
        for (outlet, render) in OUTLETS {
            let text = anstream::adapter::strip_str(&render(&fleet)).to_string();
            // Wrapped, quoted and escaped as each outlet does it: the words are what counts.
            let words = |text: &str| -> Vec<String> {
                let marks = ["\\n", "%0A", "&gt;", "&lt;", "&amp;", "<!-- -->"];
                let plain =
                    marks.iter().fold(text.to_owned(), |text, mark| text.replace(mark, " "));
                let words = plain.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
                words.filter(|word| !word.is_empty()).collect()
            };
            let (text, next) = (words(&text), words(&urgent.next));
            let step = urgent.command.as_deref().map_or(next, words);
            assert!(
                text.windows(step.len()).any(|part| part == step),
                "{cause:?}, {outlet}: {step:?}\n{}",
                render(&fleet)
            );
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
fn a_known_token_is_named_and_a_command_stands_alone() {
    for matter in every_cause().list().matters {
        for text in [Some(&matter.next), matter.command.as_ref(), matter.command_for_all.as_ref()] {
            let text = text.map_or("", String::as_str);
            assert!(matter.tenant.is_none() || !text.contains("TENANT"), "{matter:?}");
        }
        // A closing command is taken out of the sentence.
        let last = matter.next.strip_suffix("`.").and_then(|text| text.rsplit('`').next());
        assert!(last.is_none_or(|last| !last.starts_with("applecart ")), "{matter:?}");
    }
    let fleet = every_cause();
    let invalid = |one: &&Matter| one.code.as_str() == "token-invalid";
    let matters = fleet.list().matters;
    let command = matters.iter().find(invalid).unwrap().command.clone().unwrap();
    assert!(command.starts_with("applecart renew tenant-"), "{command}");
}

/// A push certificate that expires soon, with its renewal in Git.
fn renewed(expires: &str) -> World {
    let mut world = World::renewal();
    world.live_push(|push| push.expires = expires.parse().unwrap());
    world
}

#[test]
fn a_token_whose_new_file_is_in_git_is_never_renewed_again() {
    for expires in ["2026-12-20T10:00:00Z", "2026-11-25T10:00:00Z", "2026-11-20T10:00:00Z"] {
        let mut world = renewed(expires);
        let due = world.plan();
        assert_eq!(due.tenants[0].tokens[0].action, Action::Upload);
        world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
        let held = world.plan();
        assert_eq!(held.tenants[0].tokens[0].action, Action::Hold);
        for (plan, command, next) in [
            (&due, "applecart apply --select contoso", "The new file is in Git, not uploaded yet."),
            (
                &held,
                "applecart plan --select contoso",
                "The new file is in Git, but it is held (topic-change).",
            ),
        ] {
            let attention = attention_of(&world, plan);
            let expiry =
                |one: &&Matter| ["expired", "critical", "renewal-due"].contains(&one.code.as_str());
            let matter = attention.matters.iter().find(expiry).unwrap();
            assert_eq!(matter.command.as_deref(), Some(command));
            assert!(matter.next.starts_with(next), "{}", matter.next);
            let all = |one: &Matter| one.command_for_all.clone().unwrap_or_default();
            assert!(attention.matters.iter().all(|one| !all(one).contains("renew")));
            for text in [
                report::plan_human(plan, &attention, false, 100),
                report::plan_markdown(plan, &attention, 60_000),
                report::plan_summary(plan, &attention),
            ] {
                assert!(!text.contains("applecart renew"), "{text}");
                assert!(!text.contains("expires within") && !text.contains("1 token expired"));
            }
        }
    }
}

#[test]
fn a_renewal_for_all_does_not_count_those_in_the_plan() {
    let mut fleet = every_cause();
    fleet.plan.tenants.clear();
    fleet.git.clear();
    for _ in 0..4 {
        fleet.add(Cause::Critical);
    }
    let token = &mut fleet.plan.tenants[0].tokens[0];
    token.action = Action::Upload;
    token.state.sync = Sync::OutOfSync;
    let text = report::plan_human(&fleet.plan, &fleet.list(), false, 100);
    let text = anstream::adapter::strip_str(&text).to_string();
    assert!(text.contains("critical, 1 token with the new file in Git: tenant-10 push"), "{text}");
    assert!(
        text.contains("critical, 3 tokens: tenant-11 push, tenant-12 push, tenant-13 push"),
        "{text}"
    );
    assert!(text.contains("3 tokens expire within"), "{text}");
}

#[test]
fn a_file_that_no_reading_showed_yet_is_not_renewed() {
    let mut world = renewed("2026-11-25T10:00:00Z");
    let mut plan = world.plan();
    let token = &mut plan.tenants[0].tokens[0];
    token.action = Action::None;
    for sync in [Sync::Progressing, Sync::Unobserved] {
        plan.tenants[0].tokens[0].state.sync = sync;
        let matters = attention_of(&world, &plan).matters;
        let critical = matters.iter().find(|one| one.code.as_str() == "critical").unwrap();
        assert_eq!(critical.command.as_deref(), Some("applecart plan --select contoso"), "{sync}");
    }
    // The ledger has it as confirmed: it is the one that expires.
    world.recorded(Event::Confirmed, "AA", "run-1", "2026-10-01T11:00:00Z");
    let matters = attention_of(&world, &plan).matters;
    let critical = matters.iter().find(|one| one.code.as_str() == "critical").unwrap();
    assert_eq!(critical.command.as_deref(), Some("applecart renew contoso/push"));
}

#[test]
fn what_to_do_about_a_topic_is_told_once() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let matters = attention(&world);
    let held = matters.iter().find(|one| one.code.as_str() == "topic-change").unwrap();
    assert!(held.message.ends_with("Uploading it would cut off every enrolled device."));
    assert!(
        held.next.starts_with(
            "At Apple's push portal press Renew on the old certificate, not Create, signed in as mdm@contoso.example. If no device"
        ),
        "{}",
        held.next
    );
}

#[test]
fn a_command_for_all_keeps_the_selection_and_the_safety_limit() {
    let mut fleet = Fleet::empty();
    for _ in 0..3 {
        fleet.add(Cause::OutOfSync);
    }
    for tenant in &mut fleet.plan.tenants {
        tenant.tokens[0].action = Action::Upload;
    }
    fleet.plan.selection.select.clear();
    let for_all = |fleet: &Fleet| fleet.list().matters[0].command_for_all.clone();
    assert_eq!(for_all(&fleet).as_deref(), Some("applecart apply"));
    fleet.plan.selection.select = vec!["ring=pilot".into(), "name~a b".into()];
    assert_eq!(
        for_all(&fleet).as_deref(),
        Some("applecart apply --select ring=pilot --select 'name~a b'")
    );
    // Of three tenants in ten, apply would refuse more than the policy's share.
    while fleet.git.len() < 11 {
        fleet.add(Cause::OutOfSync);
        fleet.plan.tenants.last_mut().unwrap().tokens[0].action = Action::Upload;
    }
    assert_eq!(for_all(&fleet), None);
}

#[test]
fn a_list_says_how_it_goes_on() {
    let mut fleet = every_cause();
    fleet.plan.tenants.clear();
    fleet.git.clear();
    for _ in 0..20 {
        fleet.add(Cause::Critical);
    }
    for (number, tenant) in fleet.plan.tenants.iter_mut().enumerate() {
        let day = format!("2026-12-{:02}T10:00:00Z", number + 1);
        tenant.tokens[0].state.expires = Some(day.parse().unwrap());
    }
    let view = report::StatusView { width: 100, ..report::StatusView::default() };
    let text = report::status_human(&fleet.status(), view);
    let text = anstream::adapter::strip_str(&text).to_string();
    assert!(text.contains("… and 17 more (-o json shows all, --select narrows)"), "{text}");
    assert!(text.contains("\n    applecart renew --due "), "{text}");
}

#[test]
fn one_waiting_confirmation_has_its_command_above_the_plan() {
    let mut fleet = every_cause();
    fleet.plan.tenants.clear();
    fleet.git.clear();
    fleet.ledger = LedgerView::default();
    fleet.add(Cause::AwaitingConfirmation);
    let text = |fleet: &Fleet| {
        let text = report::plan_human(&fleet.plan, &fleet.list(), false, 100);
        anstream::adapter::strip_str(&text).to_string()
    };
    assert!(
        text(&fleet).contains("\n      applecart acknowledge tenant-10/push\n"),
        "{}",
        text(&fleet)
    );
    for _ in 0..4 {
        fleet.add(Cause::AwaitingConfirmation);
    }
    let five = text(&fleet);
    assert_eq!(five.matches("applecart acknowledge tenant-").count(), 3, "{five}");
    assert!(five.contains("… and 2 more"), "{five}");
}

/// Create was pressed in the portal, over a certificate that was uploaded.
fn created_over_an_upload() -> World {
    let mut world = World::equal();
    world.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
    world.live_push(|push| {
        push.topic = OTHER_TOPIC.parse().unwrap();
        push.serial = "CC".parse().unwrap();
        push.expires = "2028-01-01T00:00:00Z".parse().unwrap();
    });
    world
}

#[test]
fn a_topic_that_devices_do_not_know_is_the_first_matter_and_leads_back() {
    let mut watched = created_over_an_upload();
    watched.forget();
    watched.entry().file = None;
    for world in [watched, created_over_an_upload()] {
        let matters = attention(&world);
        assert_eq!(matters[0].code, Cause::TopicChanged.code());
        assert_eq!(matters[0].severity, Severity::Critical);
        for matter in matters.iter().filter(|one| one.severity != Severity::Notice) {
            let command = matter.command.as_deref();
            assert_eq!(command, Some("applecart renew contoso/push --restore"), "{matter:?}");
        }
    }
}

#[test]
fn a_deleted_push_certificate_is_the_worst_line_and_is_never_created() {
    let mut watched = World::first_upload();
    watched.entry().file = None;
    let mut uploaded = World::first_upload();
    uploaded.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
    for world in [watched, uploaded] {
        let matters = attention(&world);
        assert_eq!(matters[0].code, Cause::PushGone.code());
        assert_eq!(matters[0].severity, Severity::Critical);
        assert!(matters[0].next.contains("never Create"), "{}", matters[0].next);
        assert_eq!(matters[0].command.as_deref(), Some("applecart renew contoso/push --restore"));
    }
}

#[test]
fn the_certificate_that_brings_a_topic_back_waits_for_its_line() {
    let mut world = created_over_an_upload();
    world.forget();
    world.recorded(Event::Confirmed, "99", "run-0", "2025-11-20T11:00:00Z");
    world.entry().facts.expires = Some("2028-02-01T00:00:00Z".parse().unwrap());
    let matters = attention(&world);
    assert_eq!(matters[0].command.as_deref(), Some("applecart plan --select contoso"));
    assert!(matters[0].next.contains("`allow` line"), "{}", matters[0].next);
}

#[test]
fn a_token_that_is_to_be_made_again_is_missing_until_it_is_there() {
    let mut world = World::vpp();
    world.live_vpps().clear();
    world.allow("vanished", "absent", "2027-11-20T10:00:00Z");
    world.entry().create = true;
    let matters = attention(&world);
    assert_eq!(codes(&matters), ["missing", "hold-released", "awaiting-confirmation"]);
    assert!(FailOn::Urgent.fails(&matters[0]));
    assert_eq!(matters[0].command.as_deref(), Some("applecart apply --select contoso"));
    // One that never was there is only due.
    world.forget();
    world.entry().token.id = None;
    assert_eq!(codes(&attention(&world)), ["out-of-sync"]);
}

#[test]
fn a_token_of_which_intune_names_no_date_needs_a_look() {
    let mut world = World::enrollment();
    world.live_enrollment(|live| live.expires = None);
    world.entry().file = None;
    let matters = attention(&world);
    assert_eq!(codes(&matters), ["expiry-unknown", "awaiting-confirmation"]);
    assert!(FailOn::Urgent.fails(&matters[0]));
}

#[test]
fn what_takes_devices_or_licences_down_counts_as_a_change() {
    for state in ["invalid", "expired", "assignedToExternalMDM", "duplicateLocationId"] {
        let mut world = World::vpp();
        world.live_vpp(|live| live.state = state.into());
        assert_eq!(attention(&world)[0].severity, Severity::Critical, "{state}");
    }
    let mut world = World::vpp();
    world.live_vpp(|live| live.last_sync_status = Some("failed".into()));
    assert_eq!(attention(&world)[0].severity, Severity::Critical);
    let mut world = World::enrollment();
    world.live_enrollment(|live| live.last_sync_error_code = 999);
    assert_eq!(attention(&world)[0].severity, Severity::Critical);
    // What is not known is no change, and fails a schedule.
    let mut world = World::vpp();
    world.live_vpp(|live| live.state = "unknown".into());
    let matters = attention(&world);
    assert_eq!((codes(&matters)[0], matters[0].severity), ("state-unknown", Severity::Urgent));
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
    // Git says what Intune has: nobody replaced it.
    world.entry().facts.expires = Some("2026-12-05T10:00:00Z".parse().unwrap());
    world.entry().facts.serial = Some("99".parse().unwrap());
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
fn device_sync_is_down_until_intune_shows_the_new_token() {
    let mut world = World::enrollment_renewal();
    let before = attention(&world);
    let down = before.iter().find(|one| one.code.as_str() == "device-sync-down").unwrap();
    assert_eq!(down.severity, Severity::Critical);
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
    world.recorded(Event::Applied, "AA", "run-1", "2026-11-22T11:51:00Z");
    let plan = world.plan();
    assert_eq!(plan.tenants[0].tokens[0].state.sync, Sync::Progressing);
    let listed = attention_of(&world, &plan);
    let down = listed.matters.iter().find(|one| one.code.as_str() == "device-sync-down").unwrap();
    let told = "The upload of the new one was announced or made, and Intune does not show it yet.";
    assert!(down.message.ends_with(told), "{}", down.message);
    // It is down for days, and a line of the ledger is no token in Intune.
    assert!(down.is_urgent() && listed.is_critical());
    // Within the settling time after the download nothing is left to do: no exit code counts it.
    let mut fresh = World { now: world.now, ..World::enrollment_renewal() };
    fresh.entry().downloaded = Some("2026-11-22T11:45:00Z".parse().unwrap());
    fresh.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
    fresh.recorded(Event::Applied, "AA", "run-1", "2026-11-22T11:51:00Z");
    let soon = attention_of(&fresh, &fresh.plan());
    let down = soon.matters.iter().find(|one| one.code.as_str() == "device-sync-down").unwrap();
    assert!(!down.is_urgent() && !soon.is_critical(), "{down:?}");
    assert_eq!(down.command.as_deref(), Some("applecart apply --select contoso"));
    for text in [
        report::plan_human(&plan, &listed, false, 100),
        report::plan_markdown(&plan, &listed, 60_000),
    ] {
        assert!(text.contains("device-sync-down"), "{text}");
    }
}

#[test]
fn device_sync_is_down_as_long_as_its_upload_is_only_announced() {
    let mut world = World::enrollment_renewal();
    world.entry().downloaded = Some("2026-11-22T11:45:00Z".parse().unwrap());
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
    for dead in [false, true] {
        if dead {
            world.dead_runs.insert("run-1".into());
        }
        let plan = world.plan();
        assert_eq!(plan.tenants[0].tokens[0].state.sync, Sync::Progressing);
        let listed = attention_of(&world, &plan);
        let down = listed.matters.iter().find(|one| one.code.as_str() == "device-sync-down");
        let down = down.unwrap();
        assert_eq!(down.severity, Severity::Critical);
        assert!(FailOn::Urgent.fails(down) && listed.is_critical());
        assert!(down.next.contains("from 2026-11-22T12:20:00Z on"), "{}", down.next);
        assert_eq!(down.command.as_deref(), Some("applecart apply --select contoso"));
    }
}

#[test]
fn an_upload_that_waits_to_be_tried_again_is_never_nothing_to_upload() {
    let mut world = World::renewal();
    world.failed_at("AA", FailureCode::NotPermitted, "2026-11-22T11:58:00Z");
    let plan = world.plan();
    let listed = attention_of(&world, &plan);
    for text in [
        report::plan_human(&plan, &listed, false, 200),
        report::plan_markdown(&plan, &listed, 60_000),
        report::plan_summary(&plan, &listed),
    ] {
        let waits = "1 upload waits to be tried again until 2026-11-22T12:03:00Z";
        assert!(text.contains(waits) && !text.to_lowercase().contains("nothing to"), "{text}");
    }
}

#[test]
fn a_parked_token_is_shown_every_time_and_fails_no_schedule() {
    let mut world = World::renewal();
    let until = date(2026, 12, 31);
    let suspend = Some(Suspension { reason: "waits for Apple".into(), until });
    world.entry().suspend = suspend;
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let plan = world.plan();
    let listed = attention_of(&world, &plan);
    assert_eq!(plan.tenants[0].tokens[0].state.reasons, [Reason::TopicChange, Reason::Suspended]);
    assert!(codes(&listed.matters).contains(&"suspended"), "{listed:?}");
    assert!(!listed.matters.iter().any(Matter::is_urgent), "{listed:?}");
    assert!(!listed.is_critical() && !plan.has_open_changes() && plan.has_changes());
    // A file that is only opened and compared is no change.
    let mut verified = world.plan();
    verified.tenants[0].tokens[0].action = Action::Verify;
    assert!(!verified.has_open_changes());
    // Nothing is due: it is shown all the same.
    let mut world = World::equal();
    world.entry().suspend = Some(Suspension { reason: "waits for Apple".into(), until });
    let matters = attention(&world);
    assert_eq!(codes(&matters), ["suspended"]);
    assert!(matters[0].message.contains("2026-12-31: waits for Apple"), "{:?}", matters[0]);
    // The day after, somebody has to say how to go on.
    world.now = "2027-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(codes(&attention(&world)), ["suspension-ended"]);
}

#[test]
fn ten_parked_holds_do_not_hide_a_new_failure() {
    let mut fleet = Fleet::empty();
    for _ in 0..10 {
        fleet.add(Cause::Held(Reason::TopicChange));
    }
    for git in &mut fleet.git {
        let Desired::Valid(tenant) = git else { unreachable!() };
        let until = date(2999, 1, 1);
        tenant.push.as_mut().unwrap().suspend = Some(Suspension { reason: "known".into(), until });
    }
    for tenant in &mut fleet.plan.tenants {
        tenant.tokens[0].state.reasons.push(Reason::Suspended);
        tenant.tokens[0].state.details.push("suspended until 2999-01-01: known".into());
    }
    let fails = |fleet: &Fleet| fleet.list().matters.iter().any(|one| FailOn::Urgent.fails(one));
    assert!(!fails(&fleet) && !fleet.plan.has_open_changes() && !fleet.list().is_critical());
    fleet.add(Cause::Held(Reason::Rejected));
    assert!(fails(&fleet) && fleet.plan.has_open_changes());
    assert_eq!(fleet.list().matters[0].code.as_str(), "rejected");
    for (outlet, render) in OUTLETS {
        let text = anstream::adapter::strip_str(&render(&fleet)).to_string();
        // Other members have an order of their own.
        let list = text.find("\"attention\": [").unwrap_or(0);
        let text = &text[list..];
        let at = |code: &str| text.find(code).unwrap_or_else(|| panic!("{outlet}: {text}"));
        assert!(at("tenant-20") < at("tenant-10"), "{outlet}: {text}");
        assert!(text.contains("suspended"), "{outlet}: {text}");
    }
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

#[test]
fn a_line_that_cuts_devices_off_is_told_before_all_else() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    world.allow("topic-change", TOPIC, OTHER_TOPIC);
    let matters = attention(&world);
    assert_eq!(matters[0].code.as_str(), "devices-cut-off", "{:?}", codes(&matters));
    assert!(matters[0].message.contains("none of them answers"), "{}", matters[0].message);
}

/// How severe it is that Intune has another token than before.
fn replaced(world: &World) -> Option<Severity> {
    let matters = attention_of(world, &world.plan()).matters;
    matters.iter().find(|one| one.code == Cause::Replaced.code()).map(|one| one.severity)
}

#[test]
fn a_watched_token_that_is_another_customers_now_is_critical() {
    let watched = |change: fn(&mut crate::model::LiveVpp)| {
        let mut world = World::vpp();
        world.entry().file = None;
        world.live_vpp(change);
        replaced(&world)
    };
    assert_eq!(watched(|_| {}), None);
    assert_eq!(watched(|live| live.expires = Some(at("2028-01-01T00:00:00Z"))), None);
    let critical = Some(Severity::Critical);
    assert_eq!(watched(|live| live.organization = Some("Fabrikam".into())), critical);
    assert_eq!(watched(|live| live.location = Some("Berlin".into())), critical);
    assert_eq!(watched(|live| live.expires = Some(at("2027-03-01T00:00:00Z"))), critical);
}

#[test]
fn a_watched_certificate_with_another_serial_that_expires_no_later_was_replaced() {
    let other_serial = |expires: &str| {
        let mut world = World::equal();
        world.entry().file = None;
        world.live_push(|live| {
            live.serial = "BB".parse().unwrap();
            live.expires = at(expires);
        });
        replaced(&world)
    };
    assert_eq!(other_serial(NEXT_YEAR), Some(Severity::Critical));
    assert_eq!(other_serial("2028-01-01T00:00:00Z"), None, "an ordinary renewal by hand");
}

#[test]
fn what_no_reading_ever_showed_is_a_mistake_in_git_and_replaced_nothing() {
    let mut world = World::vpp();
    world.entry().file = None;
    world.entry().facts.location = Some("Lodnon".into());
    let mut changed = World::vpp();
    changed.entry().file = None;
    changed.live_vpp(|live| live.location = Some("Lodnon".into()));
    for world in [&mut world, &mut changed] {
        world.forget();
        // What was first seen, and what changed since, as `apply` records it.
        let line = world.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
        line.after.as_mut().unwrap().location = Some("London".into());
    }
    let line = changed.recorded(Event::Observed, "AA", "run-1", "2026-11-21T11:00:00Z");
    line.after.as_mut().unwrap().location = Some("Lodnon".into());
    assert_eq!(codes(&attention(&world)), ["facts-differ"]);
    let told = &attention(&world)[0];
    assert!(told.is_urgent() && told.message.contains("The tenant file is wrong"), "{told:?}");
    assert_eq!(replaced(&changed), Some(Severity::Critical), "a later line is no excuse");
}

#[test]
fn a_wrong_topic_in_the_tenant_file_alone_is_critical_and_called_a_mistake_in_git() {
    let mut world = World::unrecorded();
    world.entry().file = None;
    world.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let listed = attention_of(&world, &world.plan());
    assert!(listed.is_critical());
    let told = &listed.matters[0];
    assert_eq!((told.code.as_str(), told.severity), ("topic-changed", Severity::Critical));
    assert!(told.message.contains("The mistake is in the tenant file"), "{told:?}");
    assert_eq!(told.command.as_deref(), Some("applecart import --update contoso"));
}

#[test]
fn a_token_that_only_intune_has_is_never_passed_over() {
    let mut world = World::vpp();
    world.forget();
    world.tenant.vpp.clear();
    let listed = attention_of(&world, &world.plan());
    assert_eq!(codes(&listed.matters), ["unmanaged"]);
    assert!(!listed.matters[0].is_urgent() && !listed.is_critical(), "it fails no schedule");
}

#[test]
fn a_parked_token_that_another_customers_took_the_place_of_is_new() {
    let mut world = World::vpp();
    world.suspend("2026-12-31");
    world.live_vpp(|live| live.expires = Some(at("2027-12-01T00:00:00Z")));
    assert_eq!(world.first().state.sync, Sync::Held);
    assert!(!attention(&world).iter().any(Matter::is_urgent), "renewed by hand, and parked");
    world.live_vpp(|live| live.organization = Some("Fabrikam".into()));
    let listed = attention_of(&world, &world.plan());
    let told = listed.matters.iter().find(|one| one.is_urgent()).unwrap();
    assert_eq!((told.code.as_str(), told.severity), ("changed-outside-git", Severity::Critical));
    assert!(listed.is_critical());
}

/// The base has a new enrollment file, and the planned revision is as it was before that.
fn merged_elsewhere() -> World {
    let mut world = World::enrollment();
    world.entry().file = None;
    let mut newer = world.tenant.clone();
    let renewed = World::enrollment_renewal().entry().clone();
    newer.enrollment[0].file = renewed.file.clone();
    newer.enrollment[0].file.as_mut().unwrap().sha256 = Sha256::of(b"BB");
    newer.enrollment[0].downloaded = Some(at("2026-11-22T10:00:00Z"));
    world.base = Some(BaseWorld {
        tenants: vec![Desired::Valid(newer)],
        fork: Some(vec![Desired::Valid(world.tenant.clone())]),
        behind: ["contoso".to_owned()].into(),
        ..BaseWorld::default()
    });
    world
}

#[test]
fn a_remote_that_lacks_what_it_had_is_called_behind_and_not_the_clone_ahead() {
    let clone = CloneState { unpushed: 2, ..CloneState::default() };
    let told = |clone: &CloneState| of_clone(clone).remove(0);
    assert!(told(&clone).next.starts_with("If they are reviewed"));
    let lost = told(&CloneState { is_lost_there: true, ..clone });
    assert!(lost.message.contains("replica that lags"), "{lost:?}");
    assert!(lost.next.starts_with("Wait"), "{lost:?}");
}

#[test]
fn a_clone_that_is_behind_is_not_calm_about_what_was_merged_since() {
    let mut world = merged_elsewhere();
    let listed = attention_of(&world, &world.plan());
    let told = codes(&listed.matters);
    assert!(told.contains(&"tenant-outdated") && told.contains(&"device-sync-down"), "{told:?}");
    assert!(!told.contains(&"file-withdrawn"), "this revision withdraws nothing: {told:?}");
    assert!(listed.is_critical());
    let down = listed.matters.iter().find(|one| one.code.as_str() == "device-sync-down").unwrap();
    assert!(down.next.contains("Do not download another one"), "{down:?}");
    let report = report::ApplyReport::new(&world.plan());
    assert_eq!(report.exits, [5], "the due upload is left undone");
    assert_eq!(report.summary.superseded, 1);
    // Once a run has seen it in Intune nothing waits, and the clone is behind all the same.
    world.recorded(Event::Confirmed, "BB", "run-1", "2026-11-22T11:00:00Z");
    let listed = attention_of(&world, &world.plan());
    let outdated =
        listed.matters.iter().find(|one| one.code.as_str() == "tenant-outdated").unwrap();
    assert_eq!(outdated.severity, Severity::Urgent);
    assert_eq!(report::ApplyReport::new(&world.plan()).exits, [0]);
}

#[test]
fn what_decides_nothing_makes_no_clone_outdated() {
    let mut world = merged_elsewhere();
    let mut newer = world.tenant.clone();
    newer.contacts = vec!["it@contoso.example".into()];
    world.base.as_mut().unwrap().tenants = vec![Desired::Valid(newer)];
    assert_eq!(world.plan().tenants[0].outdated, None);
}

#[test]
fn an_expiry_that_went_back_after_an_upload_is_critical() {
    let mut world = World::enrollment();
    assert_eq!(replaced(&world), None);
    world.forget();
    world.confirmed_download("BB", "2026-11-20T15:00:00Z", "2027-11-20T15:00:00Z");
    world.confirmed_download("AA", "2026-11-20T10:00:00Z", NEXT_YEAR);
    assert_eq!(world.first().state.sync, Sync::InSync);
    assert_eq!(replaced(&world), Some(Severity::Critical));
}

#[test]
fn a_suspension_parks_holds_and_no_disaster() {
    let mut world = World::renewal();
    world.suspend("2026-12-31");
    assert!(!attention_of(&world, &world.plan()).matters.iter().any(Matter::is_urgent));
    // Create was pressed at Apple, and the certificate uploaded in the portal.
    world.recorded(Event::Observed, "99", "run-0", "2025-12-20T11:00:00Z");
    world.live_push(|live| live.topic = OTHER_TOPIC.parse().unwrap());
    let urgent = |world: &World| -> Vec<String> {
        let matters = attention_of(world, &world.plan()).matters;
        matters.iter().filter(|one| one.is_urgent()).map(|one| one.code.to_string()).collect()
    };
    assert_eq!(urgent(&world), ["topic-changed"]);
    world.live.push = Reading::Absent;
    assert_eq!(urgent(&world), ["missing"]);
    let mut world = World::vpp_renewal();
    world.suspend("2026-12-31");
    world.live_vpp(|live| live.state = "invalid".into());
    assert_eq!(urgent(&world), ["token-invalid"]);
}

/// Announcements of a token's upload by as many runs, of which none recorded what came of it.
fn announced(world: &mut World, runs: usize) {
    for run in 0..runs {
        world.recorded(Event::Intended, "AA", &format!("run-{run}"), "2026-11-20T08:00:00Z");
    }
}

fn has_no_outcome(matters: &[Matter]) -> Option<&Matter> {
    matters.iter().find(|one| one.code == Cause::IntentWithoutOutcome.code())
}

#[test]
fn announcements_without_an_outcome_are_told_from_the_third() {
    for runs in 0..5 {
        let mut world = World::equal();
        announced(&mut world, runs);
        assert_eq!(has_no_outcome(&attention(&world)).is_some(), runs >= 3, "{runs}");
    }
}

#[test]
fn a_run_that_recorded_what_came_of_it_ends_the_row() {
    for event in [Event::Applied, Event::Failed, Event::NotLanded] {
        let mut world = World::equal();
        announced(&mut world, 3);
        world.recorded(Event::Intended, "AA", "run-9", "2026-11-20T08:00:00Z");
        world.recorded(event, "AA", "run-9", "2026-11-20T08:01:00Z");
        assert_eq!(has_no_outcome(&attention(&world)), None, "{event}");
    }
    // That a later run found nothing in Intune is no outcome of theirs.
    let mut world = World::equal();
    announced(&mut world, 3);
    world.recorded(Event::NotLanded, "AA", "run-9", "2026-11-20T08:30:00Z");
    assert!(has_no_outcome(&attention(&world)).is_some());
}

#[test]
fn what_is_explained_is_accepted_by_its_newest_line_and_the_next_three_are_told() {
    let mut world = World::equal();
    announced(&mut world, 4);
    let told = attention(&world);
    let told = has_no_outcome(&told).unwrap();
    let tenant = world.tenant.tenant_id;
    let newest = world.ledger.as_ref().unwrap().tenant(tenant).records.last().unwrap();
    let line = newest.line_sha256().unwrap();
    assert!(told.next.contains(&format!("tenant: {tenant}, line: {line}")), "{}", told.next);
    world.policy.accepted.push(crate::fleet::Accepted {
        tenant,
        line,
        reason: "the runner was killed".into(),
        by: "dana".into(),
        until: date(2999, 1, 1),
    });
    assert_eq!(has_no_outcome(&attention(&world)), None);
    world.policy.accepted[0].tenant = "00000000-0000-4000-8000-000000000077".parse().unwrap();
    assert!(has_no_outcome(&attention(&world)).is_some(), "that is another tenant's line");
    world.policy.accepted[0].tenant = tenant;
    for run in ["run-7", "run-8", "run-9"] {
        world.recorded(Event::Intended, "AA", run, "2026-11-20T08:00:00Z");
    }
    assert!(has_no_outcome(&attention(&world)).is_some());
    world.policy.accepted[0].until = date(2000, 1, 1);
    assert!(has_no_outcome(&attention(&world)).unwrap().message.starts_with("7 "));
}

#[test]
fn lines_of_a_tenant_that_is_in_no_folder_are_told() {
    let mut world = World::equal();
    announced(&mut world, 3);
    world.recorded(Event::Intended, "AA", "run-9", "2027-11-20T11:00:00Z");
    let view = world.ledger.unwrap().within(world.now);
    let stranger = tenant("stranger", 77).tenant_id;
    let mut ledger = LedgerView::default();
    ledger.tenants.insert(stranger, view.tenants.into_values().next().unwrap());
    ledger.set_aside.insert(stranger, view.set_aside.into_values().next().unwrap());
    let world = World { ledger: Ok(ledger), ..World::equal() };
    let matters = attention(&world);
    let of_stranger: Vec<&str> = matters
        .iter()
        .filter(|one| one.tenant.as_ref().is_some_and(|of| of.tenant_id == Some(stranger)))
        .map(|one| one.code.as_str())
        .collect();
    assert_eq!(of_stranger, ["intent-without-outcome", "ledger-line-broken"]);
}
