//! A year of thirty customers, in which tokens die without a word: each is told at the next run, by its cause,
//! and nothing else ever is.
//!
//! No socket, no process and no wait: Intune, Entra and Apple answer through the simulator's own routes, and
//! the clock jumps from noon (when things happen) to the night (when Intune syncs) to the morning (when the
//! run comes). Every token is renewed by hand once in that year, which is no death.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use applecart::app::session::{self, Loaded, Past, Session, Tree, Which, attention_of};
use applecart::app::{Context, Environment, Reach};
use applecart_core::attention::CloneState;
use applecart_core::model::{Kind, Timestamp};
use applecart_core::plan::Selection;
use applecart_io::apple::{Apple, Place};
use applecart_io::intune::{ClientSecret, Connector, ConnectorOptions, Overrides, Transport};
use applecart_io::seams::testing::{SeededIds, VirtualClock};
use applecart_io::seams::{Clock as _, Seams};
use applecart_simulator::{
    Enrollment, EnrollmentRequest, InProcess, PortalUpload, PushRequest, Simulator, StateError,
    Tenant, Vpp, VppRequest, WRITER_CLIENT_ID, WRITER_SECRET,
};
use chrono::Duration;
use serde_json::{Value, json};

use crate::in_memory::{Memory, ORIGIN, Silent, in_memory};
use crate::world::{pushed, tenant_id};

const TENANTS: usize = 30;
const DAYS: i64 = 365;
const START: &str = "2026-01-01T06:00:00Z";
/// A death is put right so many days later, and is told until then.
const REPAIRED_AFTER: i64 = 6;
/// The one that Intune says nothing of is known by the age of its last sync alone.
const SYNC_STALE: i64 = 3;

/// How a token dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    NewTerms,
    /// A newer token is downloaded at Apple, and never uploaded.
    DownloadedAnew,
    PasswordChanged,
    TakenByAnotherMdm,
    SecondTokenOfTheLocation,
    RevokedAtApple,
    CreatedInsteadOfRenewed,
    RemovedInIntune,
    /// Syncs stay out, and no error is named.
    SyncsStayOut,
}

use Death as D;

/// Who dies on which day.
const DEATHS: &[(Death, usize, i64)] = &[
    (D::NewTerms, 3, 20),
    (D::RevokedAtApple, 7, 41),
    (D::DownloadedAnew, 12, 77),
    (D::PasswordChanged, 1, 102),
    (D::TakenByAnotherMdm, 19, 150),
    (D::CreatedInsteadOfRenewed, 22, 177),
    (D::SecondTokenOfTheLocation, 5, 178),
    (D::RevokedAtApple, 28, 230),
    (D::DownloadedAnew, 15, 301),
    (D::RemovedInIntune, 9, 340),
    (D::SyncsStayOut, 25, 255),
];

impl Death {
    /// What of the customer dies, and what is told.
    fn told(self) -> (Kind, &'static str) {
        match self {
            D::NewTerms => (Kind::Enrollment, "terms-not-accepted"),
            D::DownloadedAnew => (Kind::Enrollment, "sync-failing"),
            D::PasswordChanged => (Kind::Vpp, "token-invalid"),
            D::TakenByAnotherMdm => (Kind::Vpp, "external-mdm"),
            D::SecondTokenOfTheLocation => (Kind::Vpp, "duplicate-location"),
            D::RevokedAtApple => (Kind::Push, "revoked"),
            D::CreatedInsteadOfRenewed => (Kind::Push, "topic-changed"),
            D::RemovedInIntune => (Kind::Push, "missing"),
            D::SyncsStayOut => (Kind::Enrollment, "sync-stale"),
        }
    }

    /// After how many mornings it is told.
    fn after(self) -> i64 {
        if self == D::SyncsStayOut { SYNC_STALE } else { 1 }
    }
}

/// Customer, kind and code.
type Told = BTreeSet<(String, Kind, String)>;

fn name(number: usize) -> String {
    format!("tenant-{number:02}")
}

/// On which day a token is renewed by hand, 60 days before it expires. No death comes within two months.
fn renewed_on(number: usize, kind: Kind) -> i64 {
    let spread = match kind {
        Kind::Push => 0,
        Kind::Enrollment => 3,
        Kind::Vpp => 6,
    };
    let died = DEATHS.iter().find(|(death, of, _)| *of == number && death.told().0 == kind);
    match died {
        // It is renewed on the day that puts it right, or long before or after.
        Some((_, _, day)) => (day + 150) % 330 + 10,
        // By hand it lasts a year from then on, so nothing is due again before the year is over.
        None => i64::try_from(number).unwrap() * 11 % 290 + 50 + spread,
    }
}

struct Year {
    folder: tempfile::TempDir,
    simulator: InProcess,
    clock: VirtualClock,
    context: Context,
    /// The topics that devices know, by customer.
    topics: Vec<String>,
}

impl Year {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let start: Timestamp = START.parse().unwrap();
        let (folder, clock) = (in_memory(), VirtualClock::new(start));
        let context = Context {
            repo: folder.path().to_owned(),
            clone: None,
            rev: "HEAD".to_owned(),
            policy_rev: None,
            parallelism: 16,
            frozen: None,
            clock: Arc::new(clock.clone()),
            ids: Arc::new(SeededIds::new(7)),
            environment: Environment::new(|_| None),
            progress: |_| Box::new(Silent),
            say: Arc::new(|_| ()),
        };
        let simulator = Simulator::in_process(ORIGIN, start.date_time()).unwrap();
        let mut year = Self { folder, simulator, clock, context, topics: Vec::new() };
        year.write(
            "applecart.yaml",
            &format!(
                "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: {WRITER_CLIENT_ID}\n  credential: client-secret\n"
            ),
        );
        year.topics = (0..TENANTS).map(|number| year.tenant(number)).collect();
        let who = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"];
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "--all"],
            &[&who[..], &["commit", "--quiet", "--message", "Watch everything"]].concat(),
        ] {
            let folder = year.folder.path();
            let status = Command::new("git").current_dir(folder).args(arguments).status().unwrap();
            assert!(status.success());
        }
        year
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A customer with a token of each kind, watched; returns the push certificate's topic.
    fn tenant(&self, number: usize) -> String {
        let (name, state) = (name(number), self.simulator.state());
        let id = tenant_id(&name);
        let expires = |kind| state.now() + Duration::days(renewed_on(number, kind) + 60);
        let push = PushRequest {
            not_after: Some(expires(Kind::Push)),
            ..PushRequest::new(state.now() - Duration::days(300))
        };
        let push = self.simulator.apple().issue(&push).unwrap();
        let mut tenant = Tenant::new(id);
        tenant.apple_push_notification_certificate = Some(pushed(&name, &push));
        tenant.dep_onboarding_settings = vec![Enrollment {
            id: format!("dep-{name}"),
            ..Enrollment::new("ABM", expires(Kind::Enrollment))
        }];
        let organization = format!("{name} Ltd");
        tenant.vpp_tokens = vec![Vpp {
            id: format!("vpp-{name}"),
            ..Vpp::new("London", &organization, expires(Kind::Vpp))
        }];
        state.add_tenant(tenant).unwrap();
        state.sync_with_apple(id).unwrap();
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {id}\n\
             push:\n  appleId: mdm@{name}.example\n  topic: {}\n  serial: '{}'\n  expires: {}\n\
             enrollment:\n  - name: ABM\n    id: dep-{name}\n    expires: {}\n\
             vpp:\n  - name: London\n    id: vpp-{name}\n    organization: {organization}\n    location: London\n    expires: {}\n",
            push.topic,
            push.serial,
            Timestamp::new(push.not_after),
            Timestamp::new(expires(Kind::Enrollment)),
            Timestamp::new(expires(Kind::Vpp)),
        );
        self.write(&format!("tenants/{name}/tenant.yaml"), &text);
        push.topic
    }

    /// What a person does at Apple, by the simulator's switches.
    fn at_apple(&self, what: &str, body: &Value) {
        let request = axum::http::Request::builder()
            .method("POST")
            .uri(format!("{ORIGIN}/_simulator/apple/{what}"))
            .body(body.to_string().into())
            .unwrap();
        let answer = self.clock.run(self.simulator.handle(request)).unwrap();
        assert!(answer.status().is_success(), "{what}: {}", answer.status());
    }

    /// A new credential from Apple, uploaded by hand.
    fn renew(&self, number: usize, kind: Kind) {
        let (name, state, apple) = (name(number), self.simulator.state(), self.simulator.apple());
        let (id, until) = (tenant_id(&name), state.now() + Duration::days(365 + 60));
        let upload = match kind {
            Kind::Push => {
                let topic = self.topics.get(number).cloned();
                let request =
                    PushRequest { topic, not_after: Some(until), ..PushRequest::new(state.now()) };
                self.certificate(number, &request)
            }
            Kind::Enrollment => {
                let setting = format!("dep-{name}");
                let request = EnrollmentRequest::default();
                state.download_enrollment(apple, id, &setting, &request).unwrap();
                PortalUpload::Enrollment { id: setting, apple_identifier: String::new() }
            }
            Kind::Vpp => {
                let (organization, location) = (format!("{name} Ltd"), "London".to_owned());
                let token = apple.vpp_token(&VppRequest { organization, location, expires: until });
                PortalUpload::Vpp { id: format!("vpp-{name}"), token }
            }
        };
        state.portal_upload(id, &upload).unwrap();
    }

    fn certificate(&self, number: usize, request: &PushRequest) -> PortalUpload {
        let certificate = self.simulator.apple().issue(request).unwrap().pem;
        PortalUpload::Push {
            apple_identifier: format!("mdm@{}.example", name(number)),
            certificate,
        }
    }

    fn die(&self, number: usize, death: Death) {
        let (name, state) = (name(number), self.simulator.state());
        let id = tenant_id(&name);
        let (enrollment, vpp) = (format!("dep-{name}"), format!("vpp-{name}"));
        match death {
            D::NewTerms => {
                self.at_apple(
                    "terms",
                    &json!({"tenantId": id, "id": enrollment, "accepted": false}),
                );
            }
            D::DownloadedAnew => {
                self.at_apple("enrollment", &json!({"tenantId": id, "id": enrollment}));
            }
            D::PasswordChanged => self.at_apple("vpp-revoke", &json!({"tenantId": id, "id": vpp})),
            D::TakenByAnotherMdm => {
                let body = json!({"tenantId": id, "location": "London", "held": true});
                self.at_apple("vpp-elsewhere", &body);
            }
            D::SecondTokenOfTheLocation => self.set_state(number, "duplicateLocationId"),
            D::RevokedAtApple => {
                let serial = |tenant: &Tenant| {
                    let push = tenant.apple_push_notification_certificate.as_ref().unwrap();
                    push.certificate_serial_number.clone()
                };
                let serial = state.look(id, serial).unwrap();
                self.at_apple("push-revoke", &json!({"serial": serial}));
            }
            D::CreatedInsteadOfRenewed => {
                let until = Some(state.now() + Duration::days(425));
                let request = PushRequest { not_after: until, ..PushRequest::new(state.now()) };
                state.portal_upload(id, &self.certificate(number, &request)).unwrap();
            }
            D::RemovedInIntune => state.set_push(id, None).unwrap(),
            D::SyncsStayOut => {}
        }
    }

    fn set_state(&self, number: usize, word: &str) {
        let set = |tenant: &mut Tenant| {
            word.clone_into(&mut tenant.vpp_tokens[0].state);
            Ok::<_, StateError>(())
        };
        self.simulator.state().change(tenant_id(&name(number)), set).unwrap();
    }

    fn repair(&self, number: usize, death: Death) {
        let id = tenant_id(&name(number));
        match death {
            D::NewTerms => {
                let setting = format!("dep-{}", name(number));
                self.at_apple("terms", &json!({"tenantId": id, "id": setting, "accepted": true}));
            }
            D::TakenByAnotherMdm => {
                let body = json!({"tenantId": id, "location": "London", "held": false});
                self.at_apple("vpp-elsewhere", &body);
                self.renew(number, Kind::Vpp);
            }
            D::SecondTokenOfTheLocation => self.set_state(number, "valid"),
            D::SyncsStayOut => {}
            D::DownloadedAnew
            | D::PasswordChanged
            | D::RevokedAtApple
            | D::CreatedInsteadOfRenewed
            | D::RemovedInIntune => self.renew(number, death.told().0),
        }
    }

    /// What happens at noon of a day.
    fn noon(&self, day: i64) {
        for (death, number, on) in DEATHS {
            if *on == day {
                self.die(*number, *death);
            }
            if on + REPAIRED_AFTER == day {
                self.repair(*number, *death);
            }
        }
        for number in 0..TENANTS {
            for kind in [Kind::Push, Kind::Enrollment, Kind::Vpp] {
                if renewed_on(number, kind) == day {
                    self.renew(number, kind);
                }
            }
        }
    }

    /// Intune asks Apple about every token, but for the one whose syncs stay out.
    fn night(&self, day: i64) {
        for number in 0..TENANTS {
            let stays_out = |(death, of, on): &(Death, usize, i64)| {
                let days = *on..on + REPAIRED_AFTER;
                *death == D::SyncsStayOut && *of == number && days.contains(&day)
            };
            if !DEATHS.iter().any(stays_out) {
                self.simulator.state().sync_with_apple(tenant_id(&name(number))).unwrap();
            }
        }
    }

    /// What must be told in the morning after a day.
    fn expected(day: i64) -> Told {
        let is_told = |(death, _, on): &&(Death, usize, i64)| {
            (on + death.after() - 1..on + REPAIRED_AFTER).contains(&day)
        };
        let told = DEATHS.iter().filter(is_told).flat_map(|(death, number, _)| {
            let (kind, code) = death.told();
            // Syncs stay out for the customer as a whole.
            let beside = (*death == D::SyncsStayOut).then_some(Kind::Vpp);
            let told = |kind| (name(*number), kind, code.to_owned());
            [kind].into_iter().chain(beside).map(told)
        });
        told.collect()
    }

    fn pass(&self, hours: u64) {
        let hours = std::time::Duration::from_secs(hours * 3600);
        self.clock.run(self.clock.sleep(hours));
        self.simulator.state().set_clock(Some(self.clock.now().date_time()));
    }

    /// One run: everything is read anew, and nothing is remembered but Apple's list.
    fn run(&self, loaded: &Loaded, past: &Past) -> Told {
        let memory = || -> Arc<dyn Transport> {
            let (simulator, clock) = (self.simulator.clone(), self.clock.clone());
            Arc::new(Memory { simulator, clock, ahead: Duration::zero() })
        };
        let clock = Arc::new(self.clock.clone());
        let secret = Box::new(|_: &_| ClientSecret::new(WRITER_SECRET.to_owned()));
        let options = ConnectorOptions {
            overrides: Overrides::parse(Some(ORIGIN), Some(ORIGIN)).unwrap(),
            transport: Some(memory()),
            seams: Seams { clock: clock.clone(), ids: Arc::clone(&self.context.ids) },
            ..ConnectorOptions::new(secret)
        };
        let connector = Connector::new(options).unwrap();
        let place = Place::parse(Some("http://127.0.0.1:1/apple"), true).unwrap();
        let apple = Apple::over(memory(), place, clock);
        let selection = Selection::default();
        let known = (&past.known, &past.history);
        let session = Session::new(&self.context, loaded, &selection, known);
        let session = Session { apple: Some(&apple), ..session };
        let plan = self.clock.run(session.plan(&connector)).unwrap().plan;
        let ledger = past.known.as_ref().ok();
        let attention = attention_of(&plan, loaded, ledger, &CloneState::default());
        let told = attention.matters.into_iter().map(|one| {
            let who = one.tenant.map_or_else(|| "the fleet".to_owned(), |tenant| tenant.name);
            let kind = one.token.map_or(Kind::Push, |token| token.kind);
            (who, kind, one.code.to_string())
        });
        told.collect()
    }
}

#[test]
fn in_a_year_of_thirty_customers_each_silent_death_is_told_the_next_morning_and_nothing_else() {
    let year = Year::new();
    let loaded =
        session::load(&year.context, Tree::Commit, Reach::Remote, &Selection::default()).unwrap();
    let past = session::past(&loaded, &year.context, Which::Shared).unwrap();
    assert_eq!(year.run(&loaded, &past), Told::new(), "the year begins well");
    let (mut runs, mut wrong) = (0, Vec::new());
    for day in 0..DAYS {
        year.pass(6);
        year.noon(day);
        year.pass(15);
        year.night(day);
        year.pass(3);
        let (told, expected) = (year.run(&loaded, &past), Year::expected(day));
        if told != expected {
            wrong.push((day, told, expected));
        }
        runs += 1;
    }
    let causes: BTreeSet<&str> = DEATHS.iter().map(|(death, ..)| death.told().1).collect();
    println!(
        "{runs} runs, {} deaths by {} causes, {} runs that told anything else",
        DEATHS.len(),
        causes.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "(day, told, expected): {wrong:#?}");
}
