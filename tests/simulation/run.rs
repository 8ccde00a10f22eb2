//! One run of the program, as `apply`, `plan` and `ledger verify` are put together, over the seams.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use applecart::app::session::{self, Loaded, Past, Session, Tree, Which};
use applecart::app::{AppError, Context, Environment, Reach};
use applecart_core::fleet::Tenant;
use applecart_core::model::{Actor, Author, Outcome};
use applecart_core::plan::{
    Action, CheckedPlan, Known, Limits, Plan, Planned, Reason, Selection, Sync, Warning,
};
use applecart_core::report::{ApplyReport, Happened};
use applecart_core::rules::bindings::Bindings;
use applecart_core::rules::requests::Requests;
use applecart_io::apple::{Apple, Place};
use applecart_io::apply::{
    self, AtApple, Files, FilesError, InForce, Progress, RunContext, Still, Tools,
};
use applecart_io::git::Repo;
use applecart_io::intune::{ClientSecret, Connector, ConnectorOptions, Overrides, Transport};
use applecart_io::seams::{Clock, Seams};
use applecart_io::store::{ApplyLock, Holder, LedgerWriter, verify};
use applecart_io::vault::{self, Identities, KeySource, Secret};
use applecart_simulator::WRITER_SECRET;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::coverage;
use crate::fleet::Main;
use crate::pool::ORIGIN;
use crate::script::{Dice, Run, What};
use crate::wire::Wire;
use crate::witness::Witness;
use crate::world::{Machine, World};

/// How long the base's answer is good for, as in the program.
const GOOD_FOR: Duration = Duration::from_secs(60);

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: usize) {}
    fn advance(&self, _: &str) {}
    fn end(&self) {}
}

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

/// The base in memory. As a fetch does, asking for it takes time, in which other runs go on.
struct Base {
    witness: Arc<Mutex<Witness>>,
    clock: Arc<dyn Clock>,
    dice: Mutex<Dice>,
    known: Mutex<Option<(Duration, Main)>>,
}

impl Base {
    async fn now(&self) -> Option<Main> {
        let now = self.clock.elapsed();
        let known = self.known.lock().unwrap().clone();
        if let Some((_, main)) = known.filter(|(at, _)| now.saturating_sub(*at) <= GOOD_FOR) {
            return Some(main);
        }
        let takes = Duration::from_millis(self.dice.lock().unwrap().below(4000));
        self.clock.sleep(takes).await;
        let main = self.witness.lock().unwrap().main.last().cloned()?;
        *self.known.lock().unwrap() = Some((self.clock.elapsed(), main.clone()));
        Some(main)
    }
}

impl InForce for Base {
    fn judge<'a>(&'a self, tenant: &'a Tenant) -> BoxFuture<'a, Still> {
        async {
            let main = self.now().await;
            let mut trees = main.iter().flat_map(|main| &main.trees);
            match trees.any(|tree| *tree == tenant.tree) {
                true => Still::InForce,
                false => Still::Superseded { why: "the base says something else".to_owned() },
            }
        }
        .boxed()
    }
}

struct Working<'w> {
    world: &'w World,
    spec: &'w Run,
    id: &'w str,
    context: Context,
    connector: Connector,
    /// The same way as to Graph; nobody is asked there.
    apple: Apple,
}

impl<'w> Working<'w> {
    fn new(world: &'w World, spec: &'w Run, id: &'w str) -> Self {
        let ahead = chrono::Duration::minutes(spec.ahead);
        let clock: Arc<dyn Clock> = Arc::new(Machine { clock: world.clock.clone(), ahead });
        let seams = Seams { clock: Arc::clone(&clock), ids: world.ids.clone() };
        let wire = Arc::new(Wire {
            simulator: world.simulator.clone(),
            clock: world.clock.clone(),
            machine: Arc::clone(&clock),
            run: id.to_owned(),
            strikes: spec.faults.clone(),
            dice: Mutex::new(Dice::new(spec.noise)),
            counts: Mutex::default(),
            witness: world.witnessed(),
        });
        let secret = Box::new(|_: &_| ClientSecret::new(WRITER_SECRET.to_owned()));
        let options = ConnectorOptions {
            overrides: Overrides::parse(Some(ORIGIN), Some(ORIGIN)).unwrap(),
            transport: Some(Arc::clone(&wire) as Arc<dyn Transport>),
            seams: seams.clone(),
            ..ConnectorOptions::new(secret)
        };
        let context = Context {
            repo: world.clone(spec.clone),
            clone: None,
            rev: "HEAD".to_owned(),
            policy_rev: None,
            parallelism: 4,
            frozen: None,
            clock: seams.clock,
            ids: seams.ids,
            environment: Environment::new(|_| None),
            progress: |_| Box::new(Silent),
            say: Arc::new(|_| ()),
        };
        let place = Place::parse(None, true).expect("nowhere");
        let apple = Apple::over(wire, place, clock);
        Self { world, spec, id, context, connector: Connector::new(options).unwrap(), apple }
    }

    fn past(&self, loaded: &Loaded, which: Which) -> Result<Past, AppError> {
        let ledger = self.world.ledger(self.spec.clone, self.id, &self.spec.pushes);
        session::past_in(ledger, loaded, &self.context, which)
    }

    async fn plan(&self) -> Result<(Planned, Loaded, Past), AppError> {
        let selection = Selection::default();
        let mut loaded = session::load(&self.context, Tree::Commit, Reach::Remote, &selection)?;
        if self.spec.what == What::Status {
            loaded = loaded.for_reading();
        }
        let past_now = || self.past(&loaded, Which::Shared);
        let plan_of = async |past: &Past| {
            let known = (&past.known, &past.history);
            Session::new(&self.context, &loaded, &selection, known).plan(&self.connector).await
        };
        let first = past_now()?;
        let (past, planned) = session::plan_undisturbed(first, past_now, plan_of).await?;
        Ok((planned, loaded, past))
    }

    /// The whole of an apply, from the repository to the end of the ledger's writer.
    async fn apply(&self, retry: bool) -> Result<Option<(ApplyReport, Plan)>, AppError> {
        let context = &self.context;
        let selection = Selection::default();
        let loaded = session::load(context, Tree::Commit, Reach::Remote, &selection)?;
        let holder = Holder { run: self.id.to_owned(), host: None, since: context.real_now() };
        let wait: Option<(&dyn Clock, Duration)> = Some((&*context.clock, Duration::from_secs(3)));
        let lock = ApplyLock::acquire(&loaded.repo.path_common_dir(), &holder, wait)?;
        let past_now = || self.past(&loaded, Which::Writing);
        let dead_runs = |past: &Past| {
            past.known.as_ref().map(|view| lock.dead_runs(view, self.id)).unwrap_or_default()
        };
        let plan_of = async |past: &Past| {
            let session = Session {
                dead_runs: dead_runs(past),
                retry,
                ..Session::new(context, &loaded, &selection, (&past.known, &past.history))
            };
            session.plan(&self.connector).await
        };
        let first = past_now()?;
        let (past, planned) = session::plan_undisturbed(first, past_now, plan_of).await?;
        let dead_runs = dead_runs(&past);
        let plan = planned.plan.clone();
        let observed = session::observed(&plan);
        let Past { ledger, known, history, .. } = past;
        let (Ok(view), Some(ledger)) = (&known, ledger) else {
            let mut report = apply::untouched(&plan);
            report.ends(observed);
            return Ok(Some((report, plan)));
        };
        let limits = Limits::of(&loaded.policy, loaded.fleet.len());
        let checked = CheckedPlan::check(planned, limits, Known::Read(view), None)?;
        let mut identities = Identities::default();
        let key = self.world.pool.key.as_bytes();
        identities.add(&KeySource::Value("test"), key, &|_| None).unwrap();
        let repo = Mutex::new(Repo::discover(&context.repo)?);
        let author = Author {
            run: self.id.to_owned(),
            clone: lock.clone_id().to_string(),
            actor: Actor::default(),
        };
        let (writer, desk) = LedgerWriter::beside(ledger);
        let base = Base {
            witness: self.world.witnessed(),
            clock: Arc::clone(&context.clock),
            dice: Mutex::new(Dice::new(self.spec.noise ^ 1)),
            known: Mutex::default(),
        };
        let bindings = Bindings::of(&loaded.fleet, None, Some(view), &history);
        let work = async {
            let tools = Tools {
                connector: &self.connector,
                at_apple: &AtApple::new(&self.apple, &bindings),
                files: Arc::new(Vault { repo, identities }),
                opening: Duration::from_secs(60),
                ledger: &writer,
                view,
                requests: &Requests::recorded(view),
                policy: &loaded.policy,
                in_force: Some(&base),
                clock: &*context.clock,
                frozen: None,
                run: &RunContext { author, rev: loaded.rev.clone().unwrap_or_default() },
                progress: &Silent,
                parallelism: context.parallelism,
                dead_runs: &dead_runs,
                stop: Arc::default(),
                wait: Duration::from_secs(60),
                canary_wait: loaded.policy.settle.to_std().unwrap_or_default(),
            };
            let applied = apply::apply(&checked, &tools).await;
            let closed = writer.close().await;
            (applied, closed)
        };
        let ((applied, closed), ()) = futures::join!(work, desk);
        let (Ok(mut report), Ok(closed)) = (applied, closed) else { return Ok(None) };
        if !closed.unpushed.is_empty() {
            report.ends(Outcome::Partial);
        }
        report.ends(observed);
        Ok(Some((report, plan)))
    }

    fn audit(&self) -> Result<bool, AppError> {
        let selection = Selection::default();
        let loaded = session::load(&self.context, Tree::Commit, Reach::Remote, &selection)?;
        let past = self.past(&loaded, Which::Shared)?;
        let Some(ledger) = past.ledger.filter(|_| past.known.is_ok()) else { return Ok(true) };
        // Where the remote does not answer, nothing is known, and that is no verdict.
        let Ok(report) = verify(&ledger, self.context.real_now()) else { return Ok(true) };
        Ok(serde_json::to_value(report.verdict).is_ok_and(|verdict| verdict == "ok"))
    }
}

/// A run from its start to its end, and what it says.
pub(crate) async fn whole(world: &World, spec: &Run, id: &str) {
    let main = world.fleet.borrow().now().clone();
    let working = Working::new(world, spec, id);
    let failed = |error: &AppError| {
        world.witness().note(id, &format!("ends: {}", first_words(&error.to_string())));
    };
    match spec.what {
        What::Apply { retry } => match working.apply(retry).await {
            Ok(Some((report, plan))) => {
                let mut witness = world.witness();
                cover(&mut witness, &plan);
                witness.refused = report
                    .results
                    .iter()
                    .filter(|one| one.result == Happened::Refused)
                    .map(|one| (one.tenant.clone(), one.kind.to_string()))
                    .collect();
                for result in &report.results {
                    witness.reach(format!("result:{}", result.result));
                    for (code, _) in result.details.iter().filter_map(|told| told.split_once(": "))
                    {
                        if Reason::ALL.iter().any(|reason| reason.as_str() == code) {
                            witness.reach(format!("hold:{code}"));
                        }
                    }
                    let told = format!("{} {} {}", result.tenant, result.kind, result.result);
                    witness.note(id, &told);
                }
                witness.note(id, &format!("ends: {:?}", report.outcome));
                keeps_secrets(&mut witness, world, &serde_json::to_string(&report).unwrap());
                if report.outcome == Outcome::Done {
                    witness.says_green(id, &main, world.clock.now().date_time());
                }
            }
            Ok(None) => world.witness().note(id, "ends: the ledger does not take it"),
            Err(error) => failed(&error),
        },
        What::Plan | What::Status => match working.plan().await {
            Ok((planned, ..)) => {
                let plan = planned.plan;
                let mut witness = world.witness();
                cover(&mut witness, &plan);
                keeps_secrets(&mut witness, world, &serde_json::to_string(&plan).unwrap());
                let is_green =
                    !plan.has_open_changes() && session::observed(&plan) == Outcome::Done;
                witness.note(id, if is_green { "ends: nothing to do" } else { "ends: look" });
                if is_green {
                    witness.says_green(id, &main, world.clock.now().date_time());
                }
            }
            Err(error) => failed(&error),
        },
        What::Audit => match working.audit() {
            Ok(true) => world.witness().note(id, "ends: the ledger is whole"),
            Ok(false) => {
                world.witness().breaks("the program finds its own ledger broken".to_owned())
            }
            Err(error) => failed(&error),
        },
    }
}

/// When everything had its time, nothing is under way and nothing is left to do.
pub(crate) async fn last_look(world: &World, spec: &Run, id: &str) {
    world.witness().begins(id);
    let working = Working::new(world, spec, id);
    let planned = match working.plan().await {
        Ok((planned, ..)) => planned,
        Err(error) => return world.witness().breaks(format!("the last look fails: {error}")),
    };
    let mut witness = world.witness();
    witness.ends(id);
    for (tenant, token) in planned.plan.tokens() {
        let state = &token.state;
        // A file that is refused whenever it is opened stays due, and every run says so.
        let refused = witness.refused.contains(&(tenant.name.clone(), state.kind.to_string()));
        let waits = refused || state.warnings.contains(&Warning::CanaryFailed);
        let is_at_rest = match state.sync {
            Sync::InSync | Sync::Held | Sync::Watched | Sync::Missing | Sync::Unmanaged => true,
            Sync::OutOfSync => waits,
            Sync::Unverified | Sync::Progressing | Sync::Unobserved => false,
        };
        witness.note(id, &format!("{} {} {}", tenant.name, state.kind, state.sync));
        if !is_at_rest {
            let told =
                format!("{} {} never comes to rest: {}", tenant.name, state.kind, state.sync);
            witness.breaks(told);
        }
    }
}

/// The lines for the policy that the holds of a plan print.
pub(crate) async fn asked_for(world: &World, spec: &Run) -> Vec<String> {
    let Ok((planned, ..)) = Working::new(world, spec, "somebody").plan().await else {
        return Vec::new();
    };
    let details = planned.plan.tokens().flat_map(|(_, token)| token.state.details.clone());
    let line = |detail: String| {
        let (_, line) = detail.split_once("`moves: [")?;
        Some(line.split_once("]`")?.0.to_owned())
    };
    details.filter_map(line).collect()
}

/// When everybody did what was asked, every file is in Intune.
pub(crate) async fn all_is_well(world: &World, spec: &Run, id: &str) {
    world.witness().begins(id);
    let working = Working::new(world, spec, id);
    let planned = match working.plan().await {
        Ok((planned, ..)) => planned,
        Err(error) => return world.witness().breaks(format!("the very last look fails: {error}")),
    };
    let mut witness = world.witness();
    witness.ends(id);
    for (tenant, token) in planned.plan.tokens().filter(|(_, token)| token.state.sha256.is_some()) {
        let state = &token.state;
        if state.sync != Sync::InSync {
            witness.breaks(format!(
                "{} {} does not recover: {} {:?} {:?}",
                tenant.name, state.kind, state.sync, state.reasons, state.details
            ));
        }
    }
}

/// What of the table a plan shows.
fn cover(witness: &mut Witness, plan: &Plan) {
    for (tenant, token) in plan.tokens() {
        let is_watched = token.state.sha256.is_none();
        if let Some(row) =
            coverage::row(token.state.sync, is_watched, token.state.retry_after.is_some())
        {
            witness.reach(format!("row:{row}"));
        }
        let state = &token.state;
        for problem in &tenant.problems {
            witness.reach(format!("problem:{}", problem.code));
        }
        witness.reach(format!("sync:{}", state.sync));
        if token.action != Action::None {
            witness.reach(format!("action:{}", token.action));
        }
        for reason in &state.reasons {
            witness.reach(format!("hold:{reason}"));
        }
        for warning in &state.warnings {
            witness.reach(format!("warning:{warning}"));
        }
    }
}

/// Nothing that a person or a pipeline is shown has a credential in it.
fn keeps_secrets(witness: &mut Witness, world: &World, shown: &str) {
    let is_secret = |name: &str| !name.starts_with("push");
    let mut secrets = world.pool.credentials.iter().filter(|one| is_secret(&one.name));
    if shown.contains("PRIVATE KEY") || secrets.any(|one| shown.contains(&one.wire)) {
        witness.breaks("a report has a secret in it".to_owned());
    }
}

/// As much of a message as is the same in every process.
fn first_words(text: &str) -> String {
    text.split_whitespace().take(4).collect::<Vec<_>>().join(" ")
}
