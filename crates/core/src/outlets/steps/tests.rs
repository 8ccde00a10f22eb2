//! The life of a matter at a sink, run by run.

mod claims;
mod customers;

use super::*;
use crate::attention::{Cause, InGit};
use crate::fleet::TicketPolicy;
use crate::ledger::{Tail, extend};
use crate::model::Reading;
use crate::model::{Author, EntryBody, LedgerEntry, Notice, Noticed, Phase, Problem, ProblemCode};
use crate::plan::world::{OTHER_TOPIC, World, at};

/// How a delivery ends in a scene.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Sent,
    /// The run is killed after it claimed.
    Killed,
    HandedBack,
}

/// A fleet of one tenant, its sinks, and what was told so far.
struct Scene {
    world: World,
    matters: Vec<Matter>,
    fleet: Vec<Desired>,
    sinks: Vec<SinkPolicy>,
    tickets: Option<TicketPolicy>,
    told: BTreeMap<TenantId, Vec<Record>>,
    now: Timestamp,
    runs: u32,
    /// Sinks that are down.
    down: Vec<&'static str>,
    /// The clone that runs.
    clone: &'static str,
    selection: Vec<String>,
    /// The tenants that are planned; all of the fleet where there is none.
    unplanned: bool,
    clock_is_known: bool,
}

impl Scene {
    fn new() -> Self {
        let world = World::equal();
        let fleet = vec![Desired::Valid(world.tenant.clone())];
        Self {
            matters: Vec::new(),
            fleet,
            sinks: vec![sink("hub")],
            tickets: None,
            told: BTreeMap::new(),
            now: at("2026-11-22T12:00:00Z"),
            runs: 0,
            down: Vec::new(),
            clone: "clone-1",
            selection: Vec::new(),
            unplanned: false,
            clock_is_known: true,
            world,
        }
    }

    fn matter(&self, cause: Cause) -> Matter {
        let id = self.world.tenant.tenant_id;
        Matter {
            key: format!("{id}/push/-/{}/2027-11-20", cause.code()),
            code: cause.code(),
            severity: cause.severity(),
            tenant: Some(MatterTenant {
                name: self.world.tenant.name.to_string(),
                tenant_id: Some(id),
            }),
            token: Some(TokenRef::push()),
            since: None,
            due: None,
            message: "It is so.".into(),
            next: "Do this:".into(),
            command: None,
            as_of: None,
            suspended: false,
            command_for_all: None,
            in_git: InGit::No,
            devices: None,
            is_remembered: false,
            window: None,
        }
    }

    fn raise(&mut self, cause: Cause) {
        self.matters.push(self.matter(cause));
    }

    fn days(&mut self, days: i64) {
        self.now = self.now.plus(Duration::days(days));
    }

    fn plan(&self) -> Plan {
        let mut plan = self.world.plan();
        plan.selection.select.clone_from(&self.selection);
        if self.unplanned || self.fleet.is_empty() {
            plan.tenants.clear();
        }
        plan
    }

    fn input<'a>(&'a self, plan: &'a Plan, run: &'a str) -> Input<'a> {
        let asker = Asker { real_now: self.now, run, clone: self.clone };
        let (matters, fleet, told, now) = (&self.matters, &self.fleet, &self.told, self.now);
        let (tickets, clock_is_known) = (self.tickets.as_ref(), self.clock_is_known);
        Input { matters, plan, fleet, tickets, told, now, asker, clock_is_known }
    }

    /// A run: what each sink is sent, as `sink: step code`, several of one message in one line.
    fn run(&mut self) -> Vec<String> {
        self.run_ending(End::Sent)
    }

    fn run_ending(&mut self, end: End) -> Vec<String> {
        self.runs += 1;
        let run = format!("run-{}", self.runs);
        let plan = self.plan();
        let mut deliveries = Vec::new();
        {
            let input = self.input(&plan, &run);
            for sink in &self.sinks {
                deliveries
                    .extend(due(&input, sink).into_iter().map(|one| (sink.name.clone(), one)));
            }
        }
        let mut said = Vec::new();
        for (sink, Delivery { file, message }) in deliveries {
            let is_down = self.down.contains(&sink.as_str());
            let told = message.told().to_vec();
            for one in &told {
                let until = self.now.plus(Duration::minutes(15));
                self.write(&run, file, &sink, &message, one, Phase::Claimed { until });
            }
            let of_sink = self.sinks.iter().find(|one| one.name == sink).unwrap();
            let has_nobody = of_sink.writes_to_customers()
                && message.customer().is_none_or(|one| one.contacts.is_empty());
            let phase = match (end, is_down) {
                (End::Sent, false) if has_nobody => Some(Phase::Dropped { why: "nobody".into() }),
                (End::Killed, _) => None,
                (End::HandedBack, _) => Some(Phase::Claimed { until: self.now }),
                (End::Sent, true) => Some(Phase::Failed { why: "down".into() }),
                (End::Sent, false) => Some(Phase::Sent),
            };
            for one in &told {
                if let Some(phase) = phase.clone() {
                    self.write(&run, file, &sink, &message, one, phase);
                }
            }
            let steps: Vec<String> =
                told.iter().map(|one| format!("{} {}", one.step, one.matter.code)).collect();
            match phase {
                Some(Phase::Sent) => said.push(format!("{sink}: {}", steps.join(", "))),
                Some(Phase::Dropped { .. }) => {
                    said.push(format!("{sink}: dropped {}", steps.join(", ")));
                }
                _ => {}
            }
        }
        said
    }

    fn write(
        &mut self,
        run: &str,
        file: TenantId,
        sink: &str,
        message: &Message,
        told: &Told,
        phase: Phase,
    ) {
        let matter = Noticed {
            code: told.matter.code.to_string(),
            severity: told.matter.severity.to_string(),
            since: told.matter.since,
            due: told.matter.due,
        };
        let notice = Notice {
            client: None,
            key: told.matter.key.clone(),
            sink: sink.into(),
            step: told.step.to_string(),
            delivery: message.key().parse().unwrap(),
            on: self.now,
            phase,
            matter: Some(matter),
        };
        let author =
            Author { run: run.into(), clone: self.clone.into(), actor: Default::default() };
        let body = EntryBody::Told { event: Telling::Notified, notice };
        let name = told.matter.tenant.as_ref().map_or("fleet", |tenant| tenant.name.as_str());
        let entry = LedgerEntry::new(
            self.now,
            name.parse().unwrap(),
            told.matter.token.clone(),
            &author,
            body,
        );
        let records = self.told.entry(file).or_default();
        let tail = Tail { seq: records.len() as u64, ..Tail::EMPTY };
        records.extend(extend(tail, [entry]).unwrap().records);
    }

    /// Intune does not answer for the tenant.
    fn unread(&mut self) {
        let problem = || Problem::new(ProblemCode::Timeout, "no answer");
        self.world.live.push = Reading::Unknown(problem());
        self.world.live.enrollment = Reading::Unknown(problem());
        self.world.live.vpp = Reading::Unknown(problem());
    }

    fn read_again(&mut self) {
        self.world.live = World::equal().live;
    }
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

const NOTHING: [&str; 0] = [];

#[test]
fn what_only_the_notes_remember_is_told_to_nobody() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.matters[0].is_remembered = true;
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_matter_is_told_once_and_its_end_once() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
    assert_eq!(scene.run(), NOTHING);
    scene.matters.clear();
    assert_eq!(scene.run(), ["hub: resolved-1 expired"]);
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_matter_that_comes_again_is_told_again() {
    let mut scene = Scene::new();
    for time in 1..=3 {
        scene.raise(Cause::Expired);
        assert_eq!(scene.run(), [format!("hub: raised-{time} expired")]);
        scene.matters.clear();
        assert_eq!(scene.run(), [format!("hub: resolved-{time} expired")], "flapping");
    }
}

#[test]
fn what_gets_worse_is_told_once_and_what_gets_better_is_not() {
    let mut scene = Scene::new();
    scene.raise(Cause::CannotLand);
    assert_eq!(scene.run(), ["hub: raised-1 cannot-land"]);
    scene.matters[0].severity = Severity::Critical;
    assert_eq!(scene.run(), ["hub: worse-critical-1 cannot-land"]);
    scene.matters[0].severity = Severity::Urgent;
    assert_eq!(scene.run(), NOTHING);
    scene.matters[0].severity = Severity::Critical;
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn what_is_critical_and_lasts_is_told_again_and_what_is_urgent_is_not() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.raise(Cause::CannotLand);
    scene.run();
    scene.days(6);
    assert_eq!(scene.run(), NOTHING);
    scene.days(1);
    assert_eq!(scene.run(), ["hub: again-1-1 expired"]);
    assert_eq!(scene.run(), NOTHING);
    scene.days(15);
    assert_eq!(scene.run(), ["hub: again-3-1 expired"], "once, however many were missed");
}

#[test]
fn nothing_ends_because_it_was_not_read() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run();
    scene.matters.clear();
    scene.unread();
    assert_eq!(scene.run(), NOTHING);
    scene.read_again();
    scene.unplanned = true;
    assert_eq!(scene.run(), NOTHING, "outside the selection");
    scene.unplanned = false;
    assert_eq!(scene.run(), ["hub: resolved-1 expired"]);
}

#[test]
fn nothing_that_a_reading_has_ended_is_raised_again_without_a_reading() {
    let mut scene = Scene::new();
    scene.raise(Cause::Critical);
    scene.run();
    scene.matters.clear();
    assert_eq!(scene.run(), ["hub: resolved-1 critical"]);
    // An outage: Git's date is the older one. Meanwhile it passes.
    scene.world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
    scene.raise(Cause::Critical);
    assert_eq!(scene.run(), NOTHING);
    scene.matters.clear();
    scene.raise(Cause::Expired);
    assert_eq!(scene.run(), NOTHING);
    // The record has a later reading of it than the one that ended it.
    scene.days(2);
    scene.matters[0].as_of = Some(scene.now.plus(Duration::days(-1)));
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
    scene.matters.clear();
    scene.read_again();
    assert_eq!(scene.run(), ["hub: resolved-1 expired"]);
    scene.raise(Cause::Expired);
    assert_eq!(scene.run(), ["hub: raised-2 expired"], "it was read to have come again");
}

#[test]
fn a_renewal_whose_earlier_stage_was_told_as_well_is_not_raised_again_without_a_reading() {
    for receiver in ["people", "program"] {
        let mut scene = Scene::new();
        if receiver == "program" {
            scene.sinks[0].receiver = Receiver::Alertmanager {
                url: "https://a.example".into(),
                auth: crate::fleet::WebhookAuth::None,
            };
        }
        scene.raise(Cause::RenewalDue);
        scene.run();
        // From here on a reading of this moment says that it is critical.
        let read = scene.now;
        scene.matters.clear();
        scene.raise(Cause::Critical);
        scene.run();
        scene.days(2);
        scene.matters.clear();
        assert_eq!(scene.run(), ["hub: resolved-1 critical"], "{receiver}");
        scene.days(3);
        scene.world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
        scene.raise(Cause::Critical);
        scene.matters[0].as_of = Some(read);
        assert_eq!(scene.run(), NOTHING, "{receiver}");
    }
}

#[test]
fn the_stages_of_a_renewal_are_one_course_and_other_matters_their_own() {
    let of = |code: &str| course(&format!("ID/vpp/London/{code}/2027-11-20"));
    assert_eq!(of("expired"), of("renewal-due"));
    assert_eq!(of("critical"), of("renewal-due"));
    assert_ne!(of("critical"), of("revoked"));
    assert_ne!(of("critical"), course("ID/vpp/Paris/critical/2027-11-20"));
    assert_ne!(of("critical"), course("ID/vpp/London/critical/2028-11-20"));
}

#[test]
fn a_matter_of_a_whole_tenant_ends_once_all_of_it_was_read() {
    let mut scene = Scene::new();
    let mut matter = scene.matter(Cause::LedgerLineBroken);
    matter.token = None;
    scene.matters.push(matter);
    assert_eq!(scene.run(), ["hub: raised-1 ledger-line-broken"]);
    scene.matters.clear();
    scene.world.live.vpp = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
    assert_eq!(scene.run(), NOTHING);
    scene.read_again();
    assert_eq!(scene.run(), ["hub: resolved-1 ledger-line-broken"]);
}

#[test]
fn a_matter_of_the_fleet_ends_only_in_a_run_over_all_of_it() {
    let mut scene = Scene::new();
    let mut matter = scene.matter(Cause::LedgerMoved);
    (matter.key, matter.tenant, matter.token) = ("fleet/-/-/ledger-moved/-".into(), None, None);
    scene.matters.push(matter);
    assert_eq!(scene.run(), ["hub: raised-1 ledger-moved"]);
    scene.matters.clear();
    scene.selection = vec!["contoso".into()];
    assert_eq!(scene.run(), NOTHING);
    scene.selection.clear();
    assert_eq!(scene.run(), ["hub: resolved-1 ledger-moved"]);
}

#[test]
fn a_forged_line_is_not_over_because_a_line_behind_it_cannot_be_read() {
    let file = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";
    let of_fleet = |scene: &Scene, cause: Cause, file: &str| Matter {
        key: format!("fleet/-/{file}/{}/-", cause.code()),
        tenant: None,
        token: None,
        ..scene.matter(cause)
    };
    let unknown = Cause::Unobserved(ProblemCode::NotesUnknown);
    for unread in [file, "-"] {
        let mut scene = Scene::new();
        scene.matters = vec![of_fleet(&scene, Cause::LedgerLineBroken, file)];
        assert_eq!(scene.run(), ["hub: raised-1 ledger-line-broken"]);
        scene.matters = vec![of_fleet(&scene, unknown, unread)];
        assert_eq!(scene.run(), ["hub: raised-1 notes-unknown"]);
        scene.matters.clear();
        let mut over = scene.run();
        over.sort();
        let wanted = ["hub: resolved-1 ledger-line-broken", "hub: resolved-1 notes-unknown"];
        assert_eq!(over, wanted);
    }
}

#[test]
fn a_tenant_that_left_git_is_told_once_as_no_longer_watched() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run();
    scene.matters.clear();
    scene.fleet.clear();
    assert_eq!(scene.run(), ["hub: unwatched-1 expired"]);
    assert_eq!(scene.run(), NOTHING);
    scene.fleet = vec![Desired::Valid(scene.world.tenant.clone())];
    scene.raise(Cause::Expired);
    assert_eq!(scene.run(), ["hub: raised-2 expired"], "and told anew once it is back");
}

#[test]
fn what_a_review_has_parked_is_not_told_and_its_expiry_is() {
    let mut scene = Scene::new();
    // One that is told of everything else.
    scene.sinks[0].codes = Codes::All;
    scene.raise(Cause::CannotLand);
    scene.raise(Cause::Expired);
    scene.matters.iter_mut().for_each(|matter| matter.suspended = true);
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
    assert!(scene.matters[0].is_parked() && !scene.matters[1].is_parked());
    scene.matters.iter_mut().for_each(|matter| matter.suspended = false);
    assert_eq!(scene.run(), ["hub: raised-1 cannot-land"]);
    scene.matters.iter_mut().for_each(|matter| matter.suspended = true);
    assert_eq!(scene.run(), NOTHING, "a matter that was told does not end by being parked");
}

#[test]
fn what_concerns_a_clone_alone_is_told_nowhere() {
    let mut scene = Scene::new();
    scene.sinks[0].codes = Codes::All;
    let of_clone = [Cause::CloneBehind, Cause::CloneAhead, Cause::CloneDirty, Cause::ClockOff];
    for cause in of_clone.into_iter().chain([Cause::RecordChanges]) {
        scene.raise(cause);
    }
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_sink_that_is_added_is_told_what_is_open_once() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run();
    scene.sinks.push(sink("mail"));
    assert_eq!(scene.run(), ["mail: raised-1 expired"]);
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_sink_that_is_gone_is_told_nothing_and_once_back_only_what_changed() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run();
    let gone = scene.sinks.pop().unwrap();
    assert_eq!(scene.run(), NOTHING);
    scene.sinks.push(gone);
    assert_eq!(scene.run(), NOTHING);
    scene.matters.clear();
    assert_eq!(scene.run(), ["hub: resolved-1 expired"]);
}

#[test]
fn who_is_told_of_fewer_codes_or_customers_still_hears_the_end_of_what_was_told() {
    for narrow in [
        |sink: &mut SinkPolicy| {
            sink.codes = Codes::These { urgent: false, codes: ["missing".to_owned()].into() };
        },
        |sink: &mut SinkPolicy| sink.select = vec!["fabrikam".into()],
    ] {
        let mut scene = Scene::new();
        scene.raise(Cause::Expired);
        scene.run();
        narrow(&mut scene.sinks[0]);
        scene.days(30);
        assert_eq!(scene.run(), NOTHING, "no reminder");
        scene.matters.clear();
        assert_eq!(scene.run(), ["hub: resolved-1 expired"]);
        scene.raise(Cause::Expired);
        assert_eq!(scene.run(), NOTHING);
    }
}

#[test]
fn a_notice_is_told_only_where_its_code_is_named() {
    let mut scene = Scene::new();
    scene.raise(Cause::RenewalDue);
    scene.raise(Cause::Unverified);
    assert_eq!(scene.run(), ["hub: raised-1 renewal-due"]);
    scene.sinks[0].codes = Codes::All;
    assert_eq!(scene.run(), ["hub: raised-1 unverified"]);
}

#[test]
fn a_digest_is_one_message_a_day_and_what_is_critical_goes_at_once() {
    let mut scene = Scene::new();
    scene.sinks[0].digest = Some(crate::fleet::Digest::Daily);
    scene.sinks[0].codes = Codes::All;
    scene.raise(Cause::RenewalDue);
    scene.raise(Cause::CannotLand);
    assert_eq!(scene.run(), ["hub: raised-1 cannot-land, raised-1 renewal-due"]);
    scene.raise(Cause::Unverified);
    scene.raise(Cause::Missing);
    assert_eq!(scene.run(), ["hub: raised-1 missing"]);
    scene.matters.retain(|matter| matter.code.as_str() != "renewal-due");
    scene.now = scene.now.plus(Duration::hours(23));
    assert_eq!(scene.run(), ["hub: raised-1 unverified, resolved-1 renewal-due"]);
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn people_hear_of_the_stage_that_is_and_machines_of_every_one() {
    let mut scene = Scene::new();
    let mut hub = sink("machine");
    hub.receiver = Receiver::Alertmanager {
        url: "https://a.example".into(),
        auth: crate::fleet::WebhookAuth::None,
    };
    scene.sinks.push(hub);
    scene.raise(Cause::RenewalDue);
    assert_eq!(scene.run(), ["hub: raised-1 renewal-due", "machine: raised-1 renewal-due"]);
    scene.matters.clear();
    scene.raise(Cause::Critical);
    assert_eq!(
        scene.run(),
        ["hub: raised-1 critical", "machine: raised-1 critical", "machine: resolved-1 renewal-due"]
    );
    scene.matters.clear();
    assert_eq!(scene.run(), ["hub: resolved-1 critical", "machine: resolved-1 critical"]);
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_token_that_is_known_by_its_name_alone_for_a_day_is_one_matter() {
    let mut scene = Scene::new();
    let id = scene.world.tenant.tenant_id;
    let mut matter = scene.matter(Cause::Expired);
    let token = TokenRef { kind: Kind::Vpp, id: Some("vpp-1".into()), name: Some("London".into()) };
    matter.key = format!("{id}/vpp/vpp-1/expired/2027-11-20");
    matter.token = Some(token.clone());
    scene.matters = vec![matter.clone()];
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
    let unread = Matter {
        key: format!("{id}/vpp/London/expired/2027-11-20"),
        token: Some(TokenRef { id: None, ..token }),
        ..matter.clone()
    };
    scene.matters = vec![unread];
    assert_eq!(scene.run(), NOTHING);
    scene.matters = vec![matter];
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_clock_that_goes_back_tells_nothing_twice() {
    let mut scene = Scene::new();
    scene.raise(Cause::CannotLand);
    scene.run();
    scene.days(-3);
    assert_eq!(scene.run(), NOTHING);
    scene.matters.clear();
    assert_eq!(scene.run(), ["hub: resolved-1 cannot-land"]);
}

#[test]
fn what_alertmanager_has_is_what_stands_open_and_what_ended_in_the_last_days() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.raise(Cause::CannotLand);
    scene.run();
    scene.matters.pop();
    let told = |scene: &Scene| {
        let plan = scene.plan();
        let messages = standing(&scene.input(&plan, "run"), &scene.sinks[0]);
        let told = messages.iter().flat_map(|message| message.told());
        told.map(|told| format!("{} {}", told.step, told.matter.code)).collect::<Vec<_>>()
    };
    assert_eq!(
        told(&scene),
        ["raised-1 expired"],
        "another run may have told that the other is over"
    );
    scene.run();
    let both = ["resolved-1 cannot-land", "raised-1 expired"];
    assert_eq!(told(&scene), both);
    scene.days(7);
    assert_eq!(told(&scene), both, "a run that began before may have raised it again");
    scene.days(1);
    assert_eq!(told(&scene), ["raised-1 expired"]);
}

#[test]
fn while_nothing_says_what_day_it_is_only_that_something_is_unread_is_told() {
    let mut scene = Scene::new();
    scene.sinks[0].codes = Codes::All;
    scene.clock_is_known = false;
    scene.raise(Cause::Expired);
    scene.raise(Cause::Unobserved(ProblemCode::Unreachable));
    assert_eq!(scene.run(), ["hub: raised-1 unreachable"]);
    scene.clock_is_known = true;
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
}

#[test]
fn what_a_ticket_tells_is_no_second_message_where_tickets_go() {
    let mut scene = Scene::new();
    scene.sinks.push(sink("noc"));
    scene.tickets = Some(TicketPolicy {
        sink: "hub".into(),
        client: Some("halo".into()),
        require: true,
        remind: Duration::days(7),
        select: Selection::default(),
    });
    scene.raise(Cause::Critical);
    scene.world.tenant.tickets.insert("halo".into(), "123".into());
    scene.fleet = vec![Desired::Valid(scene.world.tenant.clone())];
    assert_eq!(scene.run(), ["noc: raised-1 critical"]);
    // Without the customer's number there is no ticket, so the matter is told there, too.
    scene.world.tenant.tickets.clear();
    scene.fleet = vec![Desired::Valid(scene.world.tenant.clone())];
    assert_eq!(scene.run(), ["hub: raised-1 critical"]);
}
