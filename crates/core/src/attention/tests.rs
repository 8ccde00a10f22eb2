//! What the list holds, and that every outlet shows all of it.

mod freshness;
mod outlets;
mod owners;
mod parked;
mod recorded;
mod remembered;
mod renewal;
mod replaced;
mod sending;
mod sign_in;
mod stated;
mod topic;

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::*;
use crate::fleet::{Codes, Policy, Receiver, SinkPolicy, Suspension, Tenant, TicketPolicy};
use crate::ledger::TenantLedger;
use crate::ledger::testing::{linked, ticketed, undelivered};
use crate::model::{Event, Facts, FailureCode, Problem, ProblemCode, Reading, Sha256};
use crate::plan::world::{BaseWorld, NEXT_YEAR, OTHER_TOPIC, TOPIC, World, at, push_entry, tenant};
use crate::plan::{
    Action, Expiry, Outdated, PlannedTenant, QuieterThen, Reason, RecordChange, Selection, Sync,
    Warning, Withdrawal, Withdrawn,
};
use crate::report;
use crate::rules::last_known::Remembered;
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
    })
}

/// The status of a world with its ledger, or without one.
pub(crate) fn status_of(world: &World) -> report::Status {
    let plan = world.plan();
    let attention = attention_of(world, &plan);
    let fleet = [Desired::Valid(world.tenant.clone())];
    report::status_of(&plan, &fleet, world.ledger.as_ref().ok(), attention, false)
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

fn sink(name: &str) -> SinkPolicy {
    SinkPolicy {
        name: name.into(),
        receiver: Receiver::Slack { host: "hooks.slack.com".into() },
        codes: Codes::default_set(),
        select: Vec::new(),
        digest: None,
        remind: Duration::days(7),
    }
}

fn carried_by(sink: &str) -> TicketPolicy {
    TicketPolicy {
        sink: sink.into(),
        client: Some("halo".into()),
        require: true,
        remind: Duration::days(7),
        select: Selection::default(),
    }
}

/// A fleet in the making, one tenant for each cause.
struct Fleet {
    plan: Plan,
    git: Vec<Desired>,
    ledger: LedgerView,
    clone: CloneState,
    tickets: Option<TicketPolicy>,
    /// Whom the sink `hub` is told of.
    select: Vec<String>,
}

impl Fleet {
    /// A tenant that raises the cause. A new cause is asked for its example by the compiler.
    fn add(&mut self, cause: Cause) {
        let number = u8::try_from(self.git.len()).unwrap() + 10;
        let mut world = World::equal();
        let mut planned: PlannedTenant = world.plan().tenants.remove(0);
        let mut git: Tenant = tenant(&format!("tenant-{number}"), number);
        // Each has a certificate of its own, or they would be duplicates.
        let topic = format!("com.apple.mgmt.External.{}", 1 + self.git.len());
        let mut push = push_entry("AA", &topic, "2027-11-20T10:00:00Z");
        if let Some(file) = push.file.as_mut().filter(|_| !self.git.is_empty()) {
            file.sha256 = Sha256::of(topic.as_bytes());
            file.blob = file.sha256.to_string();
        }
        git.push = Some(push);
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
            Cause::OwnerRisk => {
                let entry = git.push.as_mut().unwrap();
                entry.facts.apple_id = Some("mdm@gmail.com".into());
            }
            Cause::RevocationUnknown => self.plan.revocation_unknown = Some("no answer".into()),
            Cause::TouchedOutsideGit => state.touched = Some(at("2026-11-20T11:00:00Z")),
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
            Cause::ReadingStale => {
                planned.observed = Observed::Partial;
                let read = self.plan.generated_at.plus(-chrono::Duration::hours(25));
                let read = Remembered { whole: Some(read), ..Remembered::default() };
                self.clone.readings.insert(git.tenant_id, read);
            }
            Cause::SinkFailing => {
                let at = self.plan.generated_at.plus(-Duration::days(2));
                let line = undelivered("hub", at).at_place(1, Sha256::ZERO);
                self.ledger.told.insert(TenantId::FLEET, vec![line]);
            }
            Cause::ClockOff => self.clone.clock_off = Some(-3600),
            Cause::ToldNobody => self.select = vec!["nobody".into(), "*".into()],
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
            Cause::TicketUnmapped => {
                state.expiry = Expiry::RenewalDue;
                self.tickets = Some(carried_by("noc"));
            }
            Cause::TicketMoved => {
                self.tickets = Some(carried_by("noc"));
                git.tickets.insert("halo".into(), "8".into());
                let line = ticketed(git.tenant_id, "noc", "opened-1", "7", world.now);
                let lines = vec![line.at_place(1, Sha256::ZERO)];
                self.ledger.told.insert(git.tenant_id, lines);
            }
            Cause::Suspended => git.suspend = until(date(2999, 1, 1)),
            Cause::SuspensionOver => git.suspend = until(date(2000, 1, 1)),
            Cause::RecordChanges => {
                self.plan.record_changed = Some(RecordChange {
                    settings: vec!["ledger.branch".into()],
                    tenants: vec![git.name.to_string()],
                    ..RecordChange::default()
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
            policy: &Policy {
                tickets: self.tickets.clone(),
                notify: vec![SinkPolicy { select: self.select.clone(), ..sink("hub") }],
                ..World::equal().policy
            },
            clone: &self.clone,
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
        fleet.plan.revocation_unknown = None;
        (fleet.ledger, fleet.clone) = (LedgerView::default(), CloneState::default());
        (fleet.tickets, fleet.select) = (None, Vec::new());
        fleet
    }

    fn status(&self) -> report::Status {
        report::status_of(&self.plan, &self.git, Some(&self.ledger), self.list(), false)
    }
}

fn every_cause() -> Fleet {
    let mut plan = World::equal().plan();
    plan.tenants.clear();
    let (ledger, clone) = (LedgerView::default(), CloneState::default());
    let mut fleet =
        Fleet { plan, git: Vec::new(), ledger, clone, tickets: None, select: Vec::new() };
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

/// A push certificate that expires soon, with its renewal in Git.
fn renewed(expires: &str) -> World {
    let mut world = World::renewal();
    world.live_push(|push| push.expires = expires.parse().unwrap());
    world
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
fn three_thousand_devices_come_before_five() {
    let mut fleet = Fleet::empty();
    for devices in [Some(5), None, Some(3000), Some(1)] {
        fleet.add(Cause::Critical);
        let planned = fleet.plan.tenants.last_mut().unwrap();
        planned.tokens[0].state.devices = devices;
    }
    let mut notice = Fleet::of(Cause::RenewalDue);
    notice.plan.tenants[0].tokens[0].state.devices = Some(9000);
    let matters = fleet.list().matters;
    let devices: Vec<_> = matters.iter().map(|one| one.devices).collect();
    assert_eq!(devices, [Some(3000), Some(5), Some(1), None]);
    assert!(matters[0].message.ends_with(" 3000 devices depend on it."), "{}", matters[0].message);
    assert!(matters[2].message.ends_with(" 1 device depends on it."));
    assert!(!matters[3].message.contains("device depends"));
    // What can wait says no number, and stays behind what cannot.
    let notice = notice.list().matters.remove(0);
    assert!(!notice.message.contains("9000"), "{}", notice.message);
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
    // Its last reading is weeks old, so that it does not answer is no passing trouble any more.
    let stale = matters.iter().find(|one| one.code.as_str() == "reading-stale").unwrap();
    assert!(stale.message.contains("(timeout): no answer in time"), "{stale:?}");
    assert!(!codes(&matters).contains(&"timeout"), "one matter, not two");
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

/// How severe it is that Intune has another token than before.
fn replaced(world: &World) -> Option<Severity> {
    let matters = attention_of(world, &world.plan()).matters;
    matters.iter().find(|one| one.code == Cause::Replaced.code()).map(|one| one.severity)
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
fn a_fleet_that_lost_all_its_tenants_is_not_calm() {
    let world = World::equal();
    let told = |ledger: &LedgerView| {
        let mut plan = world.plan();
        plan.tenants.clear();
        list(&Input {
            plan: &plan,
            fleet: &[],
            ledger: Some(ledger),
            policy: &world.policy,
            clone: &CloneState::default(),
        })
        .matters
    };
    let matters = told(world.ledger.as_ref().unwrap());
    assert_eq!(codes(&matters), ["no-longer-watched"]);
    assert_eq!(matters[0].severity, Severity::Critical);
    assert!(matters[0].message.contains("knows 1 tenant: contoso"), "{}", matters[0].message);
    assert_eq!(told(&LedgerView::default()), [], "a new fleet has none yet");
}

#[test]
fn a_tenant_of_two_folders_is_told_although_nothing_is_due() {
    let mut fleet = Fleet::empty();
    fleet.add(Cause::RenewalDue);
    fleet.add(Cause::RenewalDue);
    assert!(!codes(&fleet.list().matters).contains(&"duplicate"));
    let Desired::Valid(first) = fleet.git[0].clone() else { unreachable!() };
    let Desired::Valid(second) = &mut fleet.git[1] else { unreachable!() };
    second.tenant_id = first.tenant_id;
    let list = fleet.list();
    let told: Vec<_> = list.matters.iter().filter(|one| one.code.as_str() == "duplicate").collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].message.contains("tenant-10, tenant-11"), "{}", told[0].message);
    assert!(list.is_critical() && FailOn::Urgent.fails(told[0]));
}

/// What a sink does not hear is said, or nobody would know.
#[test]
fn a_sink_that_hears_of_nobody_and_a_customer_without_an_address_are_told() {
    let world = World::equal();
    let told = |sinks: Vec<SinkPolicy>, contacts: &[&str]| {
        let mut tenant = world.tenant.clone();
        tenant.contacts = contacts.iter().map(|&one| one.to_owned()).collect();
        let attention = list(&Input {
            plan: &world.plan(),
            fleet: &[Desired::Valid(tenant)],
            ledger: Some(&LedgerView::default()),
            policy: &Policy { notify: sinks, ..World::equal().policy },
            clone: &CloneState::default(),
        });
        let ours = attention.matters.into_iter().filter(|one| one.code.as_str() == "told-nobody");
        ours.map(|one| one.message).collect::<Vec<_>>()
    };
    let name = world.tenant.name.to_string();
    let customers = || {
        let email = crate::fleet::Email {
            host: "smtp.msp.example".into(),
            port: 587,
            tls: Default::default(),
            from: "applecart@msp.example".into(),
            to: Vec::new(),
            reply_to: None,
            contacts: true,
        };
        SinkPolicy { receiver: Receiver::Email(email), ..sink("customers") }
    };
    let of = |select: &str| SinkPolicy { select: vec![select.into()], ..sink("hub") };
    assert!(told(vec![sink("hub")], &[]).is_empty());
    assert!(told(vec![sink("hub"), customers()], &["it@customer.example"]).is_empty());
    let silent = told(vec![sink("hub"), customers()], &[]);
    let wanted =
        format!("customers: It writes to customers, and no `contacts` are named by {name}");
    assert!(silent.len() == 1 && silent[0].contains(&wanted), "{silent:?}");
    let nobody = told(vec![of("ring=prdo")], &[]);
    assert_eq!(nobody.len(), 2, "{nobody:?}");
    assert!(nobody.iter().any(|one| one.contains("No tenant is selected by `ring=prdo`")));
    assert!(nobody.iter().any(|one| one.contains(&format!("No sink is told of {name}"))));
}
