use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::error::CliError;
use super::global::{Context, Format};
use super::output::Output;
use super::plan::{Selected, read_file};
use crate::app::Reach;
use crate::app::session::{self, Session, Tree, Which};
use crate::app::trust;
use applecart_core::fleet::parse_duration;
use applecart_core::model::{Author, Outcome};
use applecart_core::plan::{
    self, CheckedPlan, Known, Limits, Plan, Planned, Source, Sync, Warning,
};
use applecart_core::report::{self, ApplyReport};
use applecart_io::apply::{self, Files, FilesError, RunContext, Tools};
use applecart_io::git::Repo;
use applecart_io::store;
use applecart_io::store::{ApplyLock, Closed, Holder, LedgerWriter};
use applecart_io::vault::{self, Identities, Secret};

/// Upload what is due, verify it, and record it in the ledger
///
/// Makes the plan anew (and does only what a plan file holds, where one is given), opens the due
/// files, announces every write in the ledger, re-reads live directly before it, sends, reads
/// back and records. Needs the Graph write role and an identity that opens the files. Where the
/// repository has a remote, only a commit that was merged into its default branch is applied (or
/// into the pipeline's target branch, or --policy-rev). Where the policy asks for signed commits,
/// it must be signed by somebody whom the policy names. Commits of the ledger are signed with the
/// SSH key that APPLECART_LEDGER_SIGNING_KEY names.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart apply --select contoso
  applecart plan --out plan.json && applecart apply plan.json
  SOPS_AGE_KEY_FILE=~/fleet.agekey applecart apply")]
pub(super) struct Args {
    /// A plan that `plan --out` wrote: only what it holds is done, and it is refused when a tenant
    /// in it, live state or the policy changed, or after 24 hours
    #[arg(conflicts_with = "select")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    selected: Selected,
    /// Permit a plan over the safety limits: the digest that was reviewed
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,
    /// How long to wait until live shows an upload [default: 1m; for the upload that proves a wire
    /// encoding, the fleet's `ledger.settle`]
    #[arg(long, value_name = "TIME")]
    wait: Option<String>,
    /// A file with age identities; SOPS_AGE_KEY_FILE and SOPS_AGE_KEY are read too
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Read and record in this clone only, although the repository has a remote
    #[arg(long)]
    local_ledger: bool,
    /// How to show the result
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// Long enough for another process's glance at the lock, too short to wait for an apply.
const LOCK_WAIT: std::time::Duration = std::time::Duration::from_secs(3);
/// How long the read back may take where nobody says. Most uploads show at once; one that lags is
/// found and recorded by the next run, so nobody has to wait for it.
const WAIT: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let wait = args.wait.as_deref().map(duration).transpose()?;
    let file = args.plan.as_deref().map(read_file).transpose()?;
    if file.as_ref().is_some_and(|plan| plan.source == Source::Snapshot) {
        return Err(plan::Refusal::Snapshot.into());
    }
    let selection = match &file {
        Some(plan) => plan::Selection::of_report(&plan.selection)?,
        None => args.selected.selection()?,
    };
    let loaded = session::load(context, Tree::Commit, Reach::Remote, &selection)?;
    if let (Some(base), Some(rev)) = (&loaded.base, &loaded.rev) {
        loaded.repo.must_contain(base, rev)?;
    }
    trust::check(&loaded)?;
    let connector = session::connector(context)?;
    if context.frozen.is_some() && !context.environment.overrides()?.graph_is_loopback() {
        return Err(CliError::FrozenApply);
    }

    // From here to the end: two applies of one clone would judge by the same ledger.
    let actor = context.environment.actor();
    let run_id = context.ids.next().to_string();
    let holder = Holder { run: run_id.clone(), host: actor.host.clone(), since: context.now() };
    let lock = ApplyLock::acquire(&loaded.repo.path_common_dir(), &holder, Some(LOCK_WAIT))?;
    let which = if args.local_ledger { Which::Local } else { Which::Writing };
    let session::Past { ledger, known } = session::past(&loaded, context, which)?;
    let dead = known.as_ref().map(|view| lock.dead_runs(view, &run_id)).unwrap_or_default();
    let session = Session {
        context,
        loaded: &loaded,
        selection: &selection,
        known: &known,
        dead_runs: dead.clone(),
    };
    let author = Author { run: run_id, clone: lock.clone_id().to_string(), actor };

    crate::app::block_on(async {
        let made = session.plan(&connector).await;
        let (planned, approve) = reviewed(file.as_ref(), made, args.approve.as_deref())?;
        let observed = session::observed(&planned.plan);
        let elsewhere = is_elsewhere(&planned);
        if args.format == Format::Human {
            let ledger = known.as_ref().ok();
            let attention = session::attention_of(&planned.plan, &loaded, ledger);
            let (all, width) = (output.verbose, output.width());
            output.note(&report::plan_human(&planned.plan, &attention, all, width));
        }
        let view = match (&known, ledger) {
            (Ok(view), Some(ledger)) => Some((view, ledger)),
            _ => None,
        };
        let Some((view, ledger)) = view else {
            // The plan says ledger-unknown for every tenant; nothing may be written.
            let report = apply::untouched(&planned.plan);
            show(args, &report, output)?;
            return Ok(observed.and(report.outcome));
        };
        let limits = Limits::of(&loaded.policy, loaded.fleet.len());
        let checked = CheckedPlan::check(planned, limits, Known::Read(view), approve.as_deref())?;

        let identities = if checked.planned().due.is_empty() {
            Identities::default()
        } else {
            context.environment.identities(&args.identity)?
        };
        let files = Vault { repo: Mutex::new(Repo::discover(&context.repo)?), identities };
        let writer = LedgerWriter::start(ledger)?;
        let run = RunContext { author, rev: loaded.rev.clone().unwrap_or_default() };
        let stop = Arc::new(AtomicBool::new(false));
        let watch = tokio::spawn(watch_for_stop(Arc::clone(&stop)));
        let tools = Tools {
            connector: &connector,
            files: &files,
            ledger: &writer,
            view,
            policy: &loaded.policy,
            clock: context,
            run: &run,
            progress: &*(context.progress)("applying"),
            parallelism: context.parallelism,
            dead_runs: &dead,
            stop,
            wait: wait.unwrap_or(WAIT),
            canary_wait: wait.or_else(|| loaded.policy.settle.to_std().ok()).unwrap_or(WAIT),
        };
        let applied = apply::apply(&checked, &tools).await;
        watch.abort();
        let closed = writer.close().await;
        let mut done = applied?;
        let closed = closed?;
        done.ledger_head = closed.head.clone();
        keep_unpushed(&mut done, &closed, context, &run.author.run)?;
        show(args, &done, output)?;
        Ok(observed.and(done.outcome).and(if elsewhere {
            Outcome::Elsewhere
        } else {
            Outcome::Done
        }))
    })?
}

/// What is recorded in this clone and could not be pushed is saved where a pipeline can keep it:
/// its clone may be gone by the next run.
fn keep_unpushed(
    done: &mut ApplyReport,
    closed: &Closed,
    context: &Context,
    run: &str,
) -> Result<(), CliError> {
    if closed.unpushed.is_empty() {
        return Ok(());
    }
    let path = context.repo.join(format!("applecart-unpushed-{run}.json"));
    store::save_unpushed(&path, &closed.unpushed)?;
    let why = closed.error.as_ref().map(|error| error.sentence()).unwrap_or_default();
    done.not_pushed(closed.unpushed.len(), &path.display().to_string(), &why);
    Ok(())
}

fn duration(text: &str) -> Result<std::time::Duration, CliError> {
    parse_duration(text)
        .and_then(|time| time.to_std().ok())
        .ok_or_else(|| CliError::Duration(text.to_owned()))
}

fn show(args: &Args, done: &ApplyReport, output: &Output) -> Result<(), CliError> {
    output.result(&match args.format {
        Format::Human => report::apply_human(done, output.width()),
        Format::Json => report::json(done)?,
    })
}

/// Ctrl-C and SIGTERM: no further write is started, those under way end and are recorded.
async fn watch_for_stop(stop: Arc<AtomicBool>) {
    #[cfg(unix)]
    {
        let mut terminate =
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(signal) => signal,
                Err(_) => return,
            };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ = tokio::signal::ctrl_c().await;
    }
    stop.store(true, Ordering::Relaxed);
}

/// What of a plan may happen: all of it, or what a plan file holds that is not stale. `--approve`
/// may name the file's digest, for what happens is the file or less.
fn reviewed(
    file: Option<&Plan>,
    made: Planned,
    approve: Option<&str>,
) -> Result<(Planned, Option<String>), CliError> {
    let approve = approve.map(str::to_owned);
    let Some(file) = file else { return Ok((made, approve)) };
    let reviewed = plan::fresh(file, &made)?;
    let planned = made.keep_only(&reviewed);
    let approve = approve
        .map(|given| if given == reviewed.digest() { planned.plan.digest.clone() } else { given });
    Ok((planned, approve))
}

/// Whether everything that would be due is another run's at this moment.
fn is_elsewhere(planned: &Planned) -> bool {
    planned.due.is_empty()
        && planned.plan.tokens().any(|(_, token)| {
            token.state.sync == Sync::Progressing
                && token.state.warnings.contains(&Warning::InProgressElsewhere)
        })
}

/// Opens sealed files of the applied commit with the identities at hand.
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
