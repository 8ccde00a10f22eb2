//! Upload what is due, verify it, and record it.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::in_force::BaseWatch;
use super::session::{self, Loaded, Past, Session, Tree, Unknown, Which, clone, trust};
use super::{AppError, Context, Reach, files, keys};
use applecart_core::attention::Attention;
use applecart_core::ledger::LedgerView;
use applecart_core::model::{Author, Outcome};
use applecart_core::plan::{self, CheckedPlan, Known, Limits, Plan, Planned, Selection, Source};
use applecart_core::report::ApplyReport;
use applecart_core::rules::bindings::Bindings;
use applecart_core::rules::requests::Requests;
use applecart_io::apply::{self, AtApple, Files, FilesError, InForce, RunContext, Tools};
use applecart_io::git::{BaseError, Repo};
use applecart_io::store::{self, ApplyLock, Closed, Holder, Ledger, LedgerWriter};
use applecart_io::vault::{self, Identities, Secret};

/// Long enough for another process's glance at the lock, too short to wait for an apply.
const LOCK_WAIT: Duration = Duration::from_secs(3);
/// How long the read back may take by default. Most uploads show at once; one that lags is found
/// and recorded by the next run, so nobody has to wait for it.
const WAIT: Duration = Duration::from_secs(60);

/// How long a file may take to be opened and read. The costliest that the vault's limits let through
/// takes a tenth of a second; a machine that is busy gets its time, and a run is not stalled.
const OPENING: Duration = Duration::from_secs(20);

pub struct Options {
    pub what: What,
    /// The digest of a reviewed plan that may be over the safety limits.
    pub approve: Option<String>,
    /// How long to wait until Intune shows an upload.
    pub wait: Option<Duration>,
    /// Files of age identities.
    pub identities: Vec<PathBuf>,
    /// Read and record in this clone only, although the repository has a remote.
    pub local_ledger: bool,
    /// Files that failed are tried again at once, however often they failed.
    pub retry: bool,
    /// Asked before the first write of a plan with one; nothing is written without a yes.
    pub confirm: Box<dyn FnOnce(&Plan) -> bool>,
    /// Called when the first write may begin. Once what it gives is set, no further write is
    /// started; those under way end and are recorded.
    pub stop: Box<dyn FnOnce() -> Arc<AtomicBool>>,
}

/// What may be done.
pub enum What {
    /// Whatever is due for these tenants.
    Due(Selection),
    /// What this plan file holds, as long as it is not stale.
    Reviewed(PathBuf),
}

/// A finished run: its report, and what its exit code follows from.
pub struct Applied {
    pub report: ApplyReport,
    observed: Outcome,
}

impl Applied {
    pub fn outcome(&self) -> Outcome {
        self.observed.and(self.report.outcome)
    }
}

/// Makes the plan again, shows it to `watch` with what needs a person, and does what is due.
pub fn run(
    context: &Context,
    options: Options,
    watch: impl FnOnce(&Plan, &Attention),
) -> Result<Applied, AppError> {
    // A key that is named and cannot be read is a mistake, whether or not anything is due.
    let identities = keys::available(context, &options.identities)?;
    let (selection, file) = wanted(options.what)?;
    let loaded = session::load(context, Tree::Commit, Reach::InForce, &selection)?;
    must_contain(&loaded)?;
    trust::check(&loaded)?;
    keys::must_open(&loaded, &selection, &identities)?;
    let connector = session::signed_in(context, &loaded, &selection)?;
    let apple = session::apple(context)?;
    if context.frozen.is_some() && !context.environment.overrides()?.graph_is_loopback() {
        return Err(AppError::FrozenApply);
    }

    // From here to the end: two applies of one clone would judge by the same ledger.
    let actor = context.environment.actor();
    let run_id = context.ids.uuid().to_string();
    let holder =
        Holder { run: run_id.clone(), host: actor.host.clone(), since: context.real_now() };
    let wait = Some((&*context.clock, LOCK_WAIT));
    let lock = ApplyLock::acquire(&loaded.repo.path_common_dir(), &holder, wait)?;
    let which = if options.local_ledger { Which::Local } else { Which::Writing };
    let past_now = || session::past(&loaded, context, which);
    let first = past_now()?;
    must_have_begun(&loaded, first.ledger.as_ref(), &first.known)?;
    let clone = first.seen_in(clone::state(context, &loaded, Reach::InForce));
    let dead_runs = |past: &Past| {
        past.known.as_ref().map(|view| lock.dead_runs(view, &run_id)).unwrap_or_default()
    };
    let plan_of = async |past: &Past| {
        let session = Session {
            dead_runs: dead_runs(past),
            retry: options.retry,
            apple: session::asks_apple(&loaded).then_some(&apple),
            ..Session::new(context, &loaded, &selection, (&past.known, &past.history))
        };
        session.plan(&connector).await
    };
    let in_force = BaseWatch::of(context, &loaded)?;
    let author = Author { run: run_id.clone(), clone: lock.clone_id().to_string(), actor };

    super::block_on(async {
        let (past, made) = session::plan_undisturbed(first, past_now, plan_of).await?;
        let dead_runs = dead_runs(&past);
        let Past { ledger, known, history, .. } = past;
        let (planned, approve) = reviewed(file.as_ref(), made, options.approve)?;
        let observed = session::observed(&planned.plan);
        let attention = session::attention_of(&planned.plan, &loaded, known.as_ref().ok(), &clone);
        watch(&planned.plan, &attention);
        let (Ok(view), Some(ledger)) = (&known, ledger) else {
            // The plan says for every tenant what is unknown; nothing may be written.
            let mut report = apply::untouched(&planned.plan);
            report.ends(observed);
            return Ok(Applied { report, observed });
        };
        let limits = Limits::of(&loaded.policy, loaded.fleet.len());
        let checked = CheckedPlan::check(planned, limits, Known::Read(view), approve.as_deref())?;

        keys::must_be_there(context, checked.planned(), &identities)?;
        if !checked.planned().due.is_empty() && !(options.confirm)(&checked.planned().plan) {
            return Err(AppError::NotConfirmed);
        }
        let files = Vault { repo: Mutex::new(Repo::discover(&context.repo)?), identities };
        let writer = LedgerWriter::start(ledger)?;
        let run = RunContext { author, rev: loaded.rev.clone().unwrap_or_default() };
        let settle = loaded.policy.settle.to_std().ok();
        let bindings = Bindings::of(&loaded.fleet, None, Some(view), &history);
        let at_apple = AtApple::new(&apple, &bindings);
        let tools = Tools {
            connector: &connector,
            at_apple: &at_apple,
            files: Arc::new(files),
            ledger: &writer,
            view,
            requests: &Requests::recorded(view),
            policy: &loaded.policy,
            in_force: in_force.as_ref().map(|base| base as &dyn InForce),
            clock: &*context.clock,
            frozen: context.frozen,
            run: &run,
            progress: &*(context.progress)("applying"),
            parallelism: context.parallelism,
            dead_runs: &dead_runs,
            stop: (options.stop)(),
            opening: OPENING,
            wait: options.wait.unwrap_or(WAIT),
            canary_wait: options.wait.or(settle).unwrap_or(WAIT),
        };
        let applied = apply::apply(&checked, &tools).await;
        let closed = writer.close().await;
        session::remember_deaths(context, &loaded, &at_apple.said());
        let mut report = applied?;
        let closed = closed?;
        report.ledger_head = closed.head.clone();
        keep_unpushed(&mut report, &closed, context, &run.author.run)?;
        report.ends(observed);
        Ok(Applied { report, observed })
    })?
}

/// Which tenants, and the plan file that was reviewed for them.
fn wanted(what: What) -> Result<(Selection, Option<Plan>), AppError> {
    let path = match what {
        What::Due(selection) => return Ok((selection, None)),
        What::Reviewed(path) => path,
    };
    let plan = files::plan(&path)?;
    if plan.source == Source::Snapshot {
        return Err(plan::Refusal::Snapshot.into());
    }
    Ok((Selection::of_report(&plan.selection)?, Some(plan)))
}

/// Refuses a commit that is not in the base. What this clone lacks to tell is fetched.
fn must_contain(loaded: &Loaded) -> Result<(), AppError> {
    let (Some(base), Some(rev)) = (&loaded.base, &loaded.rev) else { return Ok(()) };
    match loaded.repo.must_contain(base, rev) {
        Err(BaseError::CannotTell { .. }) => {
            loaded.repo.fetch_history(base)?;
            Ok(loaded.repo.reopen()?.must_contain(base, rev)?)
        }
        told => Ok(told?),
    }
}

/// Refuses to begin a ledger at a remote that has none, where no genesis tells whether it ever had
/// one: in a fresh clone, a deleted branch looks the same.
fn must_have_begun(
    loaded: &Loaded,
    ledger: Option<&Ledger>,
    known: &Result<LedgerView, Unknown>,
) -> Result<(), AppError> {
    let remote = ledger.and_then(Ledger::asked_remote);
    match (remote, known) {
        (Some(remote), Ok(view)) if view.head.is_none() && loaded.policy.genesis.is_none() => {
            let (branch, remote) = (loaded.policy.ledger_branch.clone(), remote.to_owned());
            Err(AppError::NoLedger { branch, remote })
        }
        _ => Ok(()),
    }
}

/// What is recorded in this clone and could not be pushed is saved where a pipeline can keep it:
/// its clone may be gone by the next run.
fn keep_unpushed(
    report: &mut ApplyReport,
    closed: &Closed,
    context: &Context,
    run: &str,
) -> Result<(), AppError> {
    if closed.unpushed.is_empty() {
        return Ok(());
    }
    let path = context.repo.join(format!("applecart-unpushed-{run}.json"));
    store::save_unpushed(&path, &closed.unpushed)?;
    let why = closed.error.as_ref().map(|error| error.sentence()).unwrap_or_default();
    report.not_pushed(closed.unpushed.len(), &path.display().to_string(), &why);
    Ok(())
}

/// What of a plan may happen: all of it, or what a plan file holds that is not stale. `--approve`
/// may name the file's digest, for what happens is the file or less.
fn reviewed(
    file: Option<&Plan>,
    made: Planned,
    approve: Option<String>,
) -> Result<(Planned, Option<String>), AppError> {
    let Some(file) = file else { return Ok((made, approve)) };
    let reviewed = plan::fresh(file, &made)?;
    let planned = made.keep_only(&reviewed);
    let approve = approve
        .map(|given| if given == reviewed.digest() { planned.plan.digest.clone() } else { given });
    Ok((planned, approve))
}

/// Opens sealed files of the applied commit with the available identities.
struct Vault {
    repo: Mutex<Repo>,
    identities: Identities,
}

impl Files for Vault {
    fn open(&self, blob: &str) -> Result<Secret, FilesError> {
        let sealed = {
            let repo = self.repo.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            repo.blob(blob, vault::MAX_SEALED as u64)?
        };
        Ok(vault::open(&sealed, &self.identities)?)
    }
}
