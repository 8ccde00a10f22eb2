//! Whole runs in memory: no socket, no process, no wait, and the same every time.
//!
//! Twelve tenants with a renewal of every kind due. The fleet is a real repository, its files are
//! sealed, and the ledger is a real branch; Intune and Entra answer through the simulator's own
//! routes, and the clock jumps from one wait to the next.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use age::secrecy::ExposeSecret as _;
use applecart::app::session::{self, Session, Tree, Which};
use applecart::app::{Context, Environment, Reach};
use applecart_core::model::{Actor, Author, Outcome, Sha256, Timestamp};
use applecart_core::plan::{CheckedPlan, Known, Limits, Planned, Selection};
use applecart_core::report::{ApplyReport, Happened};
use applecart_core::rules::bindings::Bindings;
use applecart_core::rules::requests::Requests;
use applecart_io::apple::{Apple, Place};
use applecart_io::apply::{self, AtApple, Files, FilesError, Progress, RunContext, Tools};
use applecart_io::git::Repo;
use applecart_io::intune::{
    Answer, ClientSecret, Connector, ConnectorOptions, NoAnswer, Overrides, Request, Transport,
};
use applecart_io::seams::testing::{SeededIds, VirtualClock};
use applecart_io::seams::{Clock as _, Seams};
use applecart_io::store::LedgerWriter;
use applecart_io::vault::{self, Identities, KeySource, Secret, seal};
use applecart_simulator::{
    Enrollment, EnrollmentRequest, Fault, FaultRule, InProcess, PushRequest, Simulator, StateError,
    Tenant, Vpp, VppRequest, WRITER_CLIENT_ID, WRITER_SECRET,
};

use crate::world::hub::git;
use crate::world::{pushed, tenant_id};

const TENANTS: usize = 12;
pub(crate) const ORIGIN: &str = "https://graph.example";
const NOW: &str = "2026-11-20T10:00:00Z";

/// How long a run of an optimised build may take.
const LIMIT: Duration = Duration::from_millis(50);

/// Without optimisation a plan takes as long as that on an idle machine, and more beside other work.
const LIMIT_OF_PLAN: Duration =
    if cfg!(debug_assertions) { Duration::from_millis(150) } else { LIMIT };

/// An apply opens every sealed file twice and writes a ledger of a hundred lines. Without
/// optimisation age, X.509 and libgit2 take three times as long as all the rest.
const LIMIT_OF_APPLY: Duration =
    if cfg!(debug_assertions) { Duration::from_millis(400) } else { LIMIT };

/// Asks the simulator, and moves its clock along.
pub(crate) struct Memory {
    pub(crate) simulator: InProcess,
    pub(crate) clock: VirtualClock,
    /// By how much this machine's clock is ahead of Microsoft's.
    pub(crate) ahead: chrono::Duration,
}

#[async_trait::async_trait]
impl Transport for Memory {
    async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        let theirs = self.clock.now().plus(-self.ahead);
        self.simulator.state().set_clock(Some(theirs.date_time()));
        let unmade = |_| NoAnswer::Unmade { cause: "not a request".to_owned() };
        let mut asked = axum::http::Request::builder()
            .method(request.method)
            .uri(request.url)
            .body(request.body.unwrap_or_default())
            .map_err(unmade)?;
        *asked.headers_mut() = request.headers;
        let dropped = || NoAnswer::Silence { cause: "dropped".to_owned() };
        let (head, body) = self.simulator.handle(asked).await.ok_or_else(dropped)?.into_parts();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_vec(),
            received: self.clock.now(),
        })
    }
}

/// The fleet, and Intune before the first run.
struct Fixture {
    folder: tempfile::TempDir,
    simulator: InProcess,
    before: Vec<Tenant>,
    key: String,
}

/// A folder that is memory as well, where the system has such: the ledger flushes what it writes.
pub(crate) fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn name(number: usize) -> String {
    format!("tenant-{number:02}")
}

impl Fixture {
    fn new() -> Self {
        let now: Timestamp = NOW.parse().unwrap();
        let identity = age::x25519::Identity::generate();
        let fixture = Self {
            folder: in_memory(),
            simulator: Simulator::in_process(ORIGIN, now.date_time()).unwrap(),
            before: Vec::new(),
            key: identity.to_string().expose_secret().to_owned(),
        };
        let recipient = identity.to_public().to_string();
        fixture.write(
            "applecart.yaml",
            format!(
                "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: {WRITER_CLIENT_ID}\n  credential: client-secret\nsafety: {{maxShare: 100%}}\nrecipients:\n  - {recipient}\n"
            ),
        );
        let before = (0..TENANTS).map(|number| fixture.tenant(&name(number), &recipient)).collect();
        let folder = fixture.folder.path().join("fleet");
        let who = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"];
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "--all"],
            &[&who[..], &["commit", "--quiet", "--message", "Renew everything"]].concat(),
        ] {
            let status = Command::new("git").current_dir(&folder).args(arguments).status().unwrap();
            assert!(status.success());
        }
        Self { before, ..fixture }
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.folder.path().join("fleet").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// A tenant in Intune, with a renewal of every kind in Git.
    fn tenant(&self, name: &str, recipient: &str) -> Tenant {
        let (state, apple) = (self.simulator.state(), self.simulator.apple());
        let (id, now) = (tenant_id(name), state.now());
        let days = |days| now + chrono::Duration::days(days);
        let mut tenant = Tenant::new(id);
        let push = |topic: Option<String>, until: i64| {
            let request = PushRequest::new(days(until - 365).min(now));
            let request = PushRequest { topic, not_after: Some(days(until)), ..request };
            apple.issue(&request).unwrap()
        };
        let old = push(None, 20);
        tenant.apple_push_notification_certificate = Some(pushed(name, &old));
        tenant.dep_onboarding_settings =
            vec![Enrollment { id: format!("dep-{name}"), ..Enrollment::new("ABM", days(20)) }];
        tenant.vpp_tokens = vec![Vpp {
            id: format!("vpp-{name}"),
            apple_id: "vpp@contoso.example".to_owned(),
            ..Vpp::new("London", "Contoso Ltd", days(20))
        }];
        state.add_tenant(tenant).unwrap();

        let certificate = push(Some(old.topic), 364);
        let request = EnrollmentRequest::default();
        let enrollment =
            state.download_enrollment(apple, id, &format!("dep-{name}"), &request).unwrap().file;
        let vpp = apple.vpp_token(&VppRequest {
            organization: "Contoso Ltd".to_owned(),
            location: "London".to_owned(),
            expires: days(364),
        });
        let sealed = |file: &str, bytes: &[u8]| {
            let recipients = [recipient.to_owned()];
            let sealed = seal(&Secret::new(bytes.to_vec()), &recipients).unwrap();
            self.write(&format!("tenants/{name}/{file}"), sealed);
            Sha256::of(bytes)
        };
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {id}\n\
             push:\n  appleId: mdm@{name}.example\n  topic: {}\n  serial: '{}'\n  expires: {}\n  file: push.pem.age\n  sha256: {}\n\
             enrollment:\n  - name: ABM\n    id: dep-{name}\n    appleId: abm@contoso.example\n    downloaded: {NOW}\n    file: abm.p7m.age\n    sha256: {}\n\
             vpp:\n  - name: London\n    id: vpp-{name}\n    appleId: vpp@contoso.example\n    organization: Contoso Ltd\n    location: London\n    expires: {}\n    file: london.vpptoken.age\n    sha256: {}\n",
            certificate.topic,
            certificate.serial,
            Timestamp::new(certificate.not_after),
            sealed("push.pem.age", certificate.pem.as_bytes()),
            sealed("abm.p7m.age", enrollment.as_bytes()),
            Timestamp::new(days(364)),
            sealed("london.vpptoken.age", vpp.as_bytes()),
        );
        self.write(&format!("tenants/{name}/tenant.yaml"), text);
        state.tenant(id).unwrap()
    }

    /// Intune as it was, a fresh copy of the repository, and a clock at the start.
    fn run(&self, name: &str) -> Run<'_> {
        for tenant in &self.before {
            let restore = |now: &mut Tenant| {
                *now = tenant.clone();
                Ok::<_, StateError>(())
            };
            self.simulator.state().change(tenant.tenant_id, restore).unwrap();
        }
        let folder = self.folder.path().join(name);
        copy(&self.folder.path().join("fleet"), &folder);
        let clock = VirtualClock::new(NOW.parse().unwrap());
        let seams = Seams { clock: Arc::new(clock.clone()), ids: Arc::new(SeededIds::new(7)) };
        let context = Context {
            repo: folder,
            clone: None,
            rev: "HEAD".to_owned(),
            policy_rev: None,
            parallelism: 16,
            frozen: None,
            clock: Arc::clone(&seams.clock),
            ids: Arc::clone(&seams.ids),
            environment: Environment::new(|_| None),
            progress: |_| Box::new(Silent),
            say: Arc::new(|_| ()),
        };
        let connector = self.connector(&clock, seams, chrono::Duration::zero());
        Run { fixture: self, clock, context, connector }
    }

    /// One run's way to Graph: its time is limited, and its tokens are its own.
    fn connector(&self, clock: &VirtualClock, seams: Seams, ahead: chrono::Duration) -> Connector {
        let secret = Box::new(|_: &_| ClientSecret::new(WRITER_SECRET.to_owned()));
        let memory = Memory { simulator: self.simulator.clone(), clock: clock.clone(), ahead };
        let options = ConnectorOptions {
            overrides: Overrides::parse(Some(ORIGIN), Some(ORIGIN)).unwrap(),
            transport: Some(Arc::new(memory)),
            seams,
            ..ConnectorOptions::new(secret)
        };
        Connector::new(options).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.unwrap(), PathBuf::from(to));
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

pub(crate) struct Silent;

impl Progress for Silent {
    fn begin(&self, _: usize) {}
    fn advance(&self, _: &str) {}
    fn end(&self) {}
}

/// Opens the sealed files of the repository.
struct Vault {
    repo: Mutex<Repo>,
    identities: Identities,
}

impl Files for Vault {
    fn open(&self, blob: &str) -> Result<Secret, FilesError> {
        let sealed = self.repo.lock().unwrap().blob(blob, vault::MAX_SEALED as u64)?;
        Ok(vault::open(&sealed, &self.identities)?)
    }
}

struct Run<'a> {
    fixture: &'a Fixture,
    clock: VirtualClock,
    context: Context,
    connector: Connector,
}

impl Run<'_> {
    /// Time passes, and then comes another run of the same clone.
    fn after(&mut self, time: Duration) {
        self.clock.run(self.clock.sleep(time));
        self.is_ahead(chrono::Duration::zero());
    }

    /// The next run is one of a machine whose clock is ahead.
    fn is_ahead(&mut self, ahead: chrono::Duration) {
        let clock = Arc::new(self.clock.clone());
        let seams = Seams { clock, ids: Arc::clone(&self.context.ids) };
        self.connector = self.fixture.connector(&self.clock, seams, ahead);
    }

    fn plan(&self) -> Planned {
        let selection = Selection::default();
        let loaded = session::load(&self.context, Tree::Commit, Reach::Remote, &selection).unwrap();
        let session::Past { known, history, .. } =
            session::past(&loaded, &self.context, Which::Shared).unwrap();
        let session = Session::new(&self.context, &loaded, &selection, (&known, &history));
        self.clock.run(session.plan(&self.connector)).unwrap()
    }

    /// The whole of an apply, from the repository to the end of the ledger's writer.
    fn apply(&self) -> ApplyReport {
        let selection = Selection::default();
        let loaded = session::load(&self.context, Tree::Commit, Reach::Remote, &selection).unwrap();
        let session::Past { ledger, known, history, .. } =
            session::past(&loaded, &self.context, Which::Writing).unwrap();
        let session = Session::new(&self.context, &loaded, &selection, (&known, &history));
        let view = known.as_ref().unwrap();
        let mut identities = Identities::default();
        identities.add(&KeySource::Value("test"), self.fixture.key.as_bytes(), &|_| None).unwrap();
        let repo = Mutex::new(Repo::discover(&self.context.repo).unwrap());
        let author = Author {
            run: self.context.ids.uuid().to_string(),
            clone: "clone".to_owned(),
            actor: Actor::default(),
        };
        let (writer, desk) = LedgerWriter::beside(ledger.unwrap());
        let work = async {
            let planned = session.plan(&self.connector).await.unwrap();
            let limits = Limits::of(&loaded.policy, loaded.fleet.len());
            let checked = CheckedPlan::check(planned, limits, Known::Read(view), None).unwrap();
            let settle = loaded.policy.settle.to_std().unwrap();
            let place = Place::parse(None, true).unwrap();
            let apple = Apple::new(place, Arc::clone(&self.context.clock)).unwrap();
            let bindings = Bindings::of(&loaded.fleet, None, Some(view), &history);
            let tools = Tools {
                connector: &self.connector,
                at_apple: &AtApple::new(&apple, &bindings),
                files: Arc::new(Vault { repo, identities }),
                opening: Duration::from_secs(60),
                ledger: &writer,
                view,
                requests: &Requests::recorded(view),
                policy: &loaded.policy,
                in_force: None,
                clock: &*self.context.clock,
                frozen: None,
                run: &RunContext { author, rev: loaded.rev.clone().unwrap() },
                progress: &Silent,
                parallelism: self.context.parallelism,
                dead_runs: &session.dead_runs,
                stop: Arc::default(),
                wait: Duration::from_secs(60),
                canary_wait: settle,
            };
            let report = apply::apply(&checked, &tools).await.unwrap();
            assert!(writer.close().await.unwrap().unpushed.is_empty());
            report
        };
        self.clock.run(async { futures::join!(work, desk).0 })
    }

    /// Every line of the ledger, by tenant.
    fn ledger(&self) -> Vec<String> {
        let show = |number| {
            let id = tenant_id(&name(number));
            let path = format!("applecart/ledger:tenants/{id}.jsonl");
            git(self.context.repo.clone(), &["show", &path])
        };
        (0..TENANTS).map(show).collect()
    }
}

/// What this thread has worked so far. Other tests run beside this one, so that the time of day
/// says little; where the system does not tell, it has to do.
fn worked(since: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// The shortest of a few turns.
fn shortest<T>(turns: usize, turn: impl FnMut(usize) -> (T, Duration)) -> (T, Duration) {
    (0..turns).map(turn).min_by_key(|(_, took)| *took).unwrap()
}

#[test]
fn twelve_tenants_are_planned_in_memory() {
    let fixture = Fixture::new();
    let (planned, took) = shortest(5, |number| {
        let run = fixture.run(&format!("plan-{number}"));
        let started = Instant::now();
        let before = worked(started);
        let planned = run.plan();
        let took = worked(started) - before;
        assert_eq!(run.clock.elapsed(), Duration::ZERO, "nothing was waited for");
        (planned, took)
    });
    println!("plan of {TENANTS} tenants: {took:?}");
    assert_eq!(planned.plan.summary.uploads, 3 * TENANTS, "{:#?}", planned.plan.summary);
    assert_eq!(planned.plan.summary.unobserved, 0);
    assert!(took < LIMIT_OF_PLAN, "{took:?}");
}

#[test]
fn twelve_tenants_are_applied_in_memory_and_the_same_every_time() {
    let fixture = Fixture::new();
    let mut runs = Vec::new();
    let (_, took) = shortest(5, |number| {
        let run = fixture.run(&format!("apply-{number}"));
        let started = Instant::now();
        let before = worked(started);
        let report = run.apply();
        let took = worked(started) - before;
        assert!(report.results.iter().all(|one| one.result == Happened::Uploaded), "{report:#?}");
        assert_eq!(report.results.len(), 3 * TENANTS);
        runs.push((report, run.ledger(), run.clock.elapsed()));
        ((), took)
    });
    println!("apply of {TENANTS} tenants: {took:?}");
    let (first, again) = runs.split_first().unwrap();
    for again in again {
        assert_eq!(again, first, "a run is the same every time");
    }
    assert!(took < LIMIT_OF_APPLY, "{took:?}");
}

/// The writes of this kind of request that arrived, fault or not.
fn writes(fixture: &Fixture) -> usize {
    let requests = fixture.simulator.state().requests();
    requests.iter().filter(|one| one.method == "PATCH" || one.path.contains("uploadDep")).count()
}

#[test]
fn two_days_of_503_end_with_every_token_uploaded_once_graph_is_well() {
    let fixture = Fixture::new();
    let mut run = fixture.run("two-days");
    let state = fixture.simulator.state();
    state.add_fault(FaultRule::always(Fault::status(503)).on_method("PATCH"));
    state.add_fault(FaultRule::always(Fault::status(503)).on("*uploadDepToken"));
    let mut tried = Vec::new();
    for _ in 0..12 {
        let before = writes(&fixture);
        let report = run.apply();
        assert!(report.outcome != Outcome::Done, "{report:#?}");
        assert!(report.results.iter().all(|one| one.result != Happened::Uploaded));
        tried.push(writes(&fixture) - before);
        run.after(Duration::from_secs(4 * 3600));
    }
    // The waits double, so that two days are a handful of tries for each token.
    assert!(tried.iter().filter(|&&tries| tries > 0).count() > 3, "{tried:?}");
    let plan = run.plan().plan;
    assert_eq!(plan.summary.holds, 0, "nothing is rejected: {:#?}", plan.summary);

    state.clear_faults();
    let mut uploaded = 0;
    for _ in 0..14 {
        let report = run.apply();
        uploaded += report.results.iter().filter(|one| one.result == Happened::Uploaded).count();
        run.after(Duration::from_secs(4 * 3600));
    }
    assert_eq!(uploaded, 3 * TENANTS);
}

#[test]
fn a_machine_whose_clock_is_days_ahead_announces_and_uploads_nothing() {
    let fixture = Fixture::new();
    let mut run = fixture.run("ahead");
    run.is_ahead(chrono::Duration::days(3));
    let report = run.apply();
    assert_eq!(report.results.len(), 3 * TENANTS);
    for result in &report.results {
        assert_eq!(result.result, Happened::NotStarted, "{result:#?}");
        assert!(result.details[0].contains("clock is 3 days ahead of Microsoft's"), "{result:#?}");
    }
    let refs = git(run.context.repo.clone(), &["for-each-ref", "refs/heads/applecart/ledger"]);
    assert_eq!(refs, "", "no line is dated in the future");

    run.is_ahead(chrono::Duration::zero());
    let report = run.apply();
    assert!(report.results.iter().all(|one| one.result == Happened::Uploaded), "{report:#?}");
}
