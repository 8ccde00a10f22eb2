//! One run of the controller: whole use cases, one after the other, on the base as its remote has it
//! now. Whatever the clone has checked out does not count, for nobody moves it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Mode, Options};
use crate::app::notify::{self, NotifyError};
use crate::app::ticket::{self, TicketError};
use crate::app::{AppError, Context, Reach, apply, find_base, status};
use applecart_core::attention::Cause as Wrong;
use applecart_core::model::{ProblemCode, sentence, without_secrets};
use applecart_core::plan::{Observed, Selection};
use applecart_core::report::{self, Status};
use applecart_io::git::Repo;
use applecart_io::store::LockError;

/// How long a run waits until Intune has an upload, also the first of its kind.
const WAIT: Duration = Duration::from_secs(60);

/// So many mistakes of an invalid fleet are told.
const MISTAKES: usize = 5;

/// So many tenants are named of those that could not be read for one reason.
const NAMED: usize = 3;

/// What a run does after the state was read, in this order.
const STEPS: [(&str, Step); 2] = [NOTIFY, ("ticket", follow)];
const NOTIFY: (&str, Step) = ("notify", tell);

/// Gives what went wrong with parts of it, one sentence each.
type Step = fn(&Context, &Selection, Arc<AtomicBool>) -> Result<Vec<String>, AppError>;

/// Tells whom the settings name.
fn tell(
    context: &Context,
    selection: &Selection,
    stop: Arc<AtomicBool>,
) -> Result<Vec<String>, AppError> {
    let (selection, sinks) = (selection.clone(), Vec::new());
    let options = notify::Options { selection, dry_run: false, sinks, stop };
    let report = match notify::run(context, &options) {
        Ok(notified) => notified.report,
        // They name nobody.
        Err(AppError::Notify(NotifyError::NoSinks)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut why: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for failed in &report.failed {
        why.entry(&failed.sink).or_insert((&failed.why, 0)).1 += 1;
    }
    let failed = why.into_iter().map(|(sink, (why, count))| {
        format!("{} to {sink} not delivered: {why}", report::plural(count, "message"))
    });
    Ok(report.unknown.iter().map(|why| format!("nobody was told: {why}")).chain(failed).collect())
}

/// Opens, follows and closes the tickets that the settings ask for.
fn follow(
    context: &Context,
    selection: &Selection,
    stop: Arc<AtomicBool>,
) -> Result<Vec<String>, AppError> {
    let options = ticket::Options { selection: selection.clone(), dry_run: false, stop };
    let report = match ticket::run(context, &options) {
        Ok(ticketed) => ticketed.report,
        // They ask for none.
        Err(AppError::Ticket(TicketError::NoSink)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let failed = report.failed.first().map(|first| {
        let messages = report::plural(report.failed.len(), "message");
        format!("{messages} of tickets not delivered: {}", first.why)
    });
    Ok(report
        .unknown
        .iter()
        .map(|why| format!("no ticket was told: {why}"))
        .chain(failed)
        .collect())
}

/// What a run is doing, and whether it is asked to stop.
#[derive(Clone, Default)]
pub(super) struct Hand {
    stop: Arc<AtomicBool>,
    holds: Arc<AtomicBool>,
}

impl Hand {
    /// Asks the run to start no further write. Says whether it holds something that has to be finished:
    /// reading can be left at any moment.
    pub(super) fn ask_to_stop(&self) -> bool {
        self.stop.store(true, Ordering::SeqCst);
        self.holds.load(Ordering::SeqCst)
    }

    fn is_asked_to_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// From now on the run writes, until [`Self::reads`].
    fn writes(&self) -> Arc<AtomicBool> {
        self.holds.store(true, Ordering::SeqCst);
        Arc::clone(&self.stop)
    }

    fn reads(&self) {
        self.holds.store(false, Ordering::SeqCst);
    }
}

/// Who did not answer, or what else went wrong, so that nothing was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The base or the ledger could not be read.
    Git,
    /// Intune or Entra could not be read for any tenant.
    Intune,
    /// This machine's clock is wrong, so that nobody is told of anything.
    Clock,
    /// The settings, a key, or this program.
    Other,
}

impl Cause {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Intune => "intune",
            Self::Clock => "clock",
            Self::Other => "other",
        }
    }
}

/// What came of a run.
#[derive(Default)]
pub(super) struct Round {
    /// The fleet as it was found; `None` where the run did not come that far.
    pub(super) status: Option<Status>,
    /// What Git and the record of this clone say, where nothing newer could be found and no run before
    /// has found anything.
    pub(super) in_clone: Option<Status>,
    /// The commit that it was read at.
    pub(super) rev: Option<String>,
    /// Why it counts as failed.
    pub(super) failed: Option<Cause>,
    /// Why it is unknown what is in force.
    pub(super) unknown_base: Option<String>,
    /// Sentences for a person, without secrets.
    pub(super) troubles: Vec<String>,
}

impl Round {
    fn fails(&mut self, cause: Cause, what: &str, error: &AppError) {
        self.failed.get_or_insert(cause);
        self.tell(what, error);
    }

    fn tell(&mut self, what: &str, error: &AppError) {
        self.say(what, &sentence(error));
        if let AppError::InvalidFleet(mistakes) = error {
            for one in mistakes.iter().filter(|one| one.is_error()).take(MISTAKES) {
                self.say(what, &format!("{}:{}: {}", one.file, one.line, one.message));
            }
        }
    }

    fn say(&mut self, what: &str, why: &str) {
        let why = without_secrets(why);
        // The end of the run tells it to whoever asked for no more.
        tracing::info!(step = what, "{why}");
        self.troubles.push(format!("{what}: {why}"));
    }

    /// Whether it did less than it should have, although it came to its end.
    pub(super) fn is_partial(&self) -> bool {
        !self.troubles.is_empty()
            || self.status.as_ref().is_some_and(|status| status.summary.unobserved > 0)
    }

    /// What went wrong with it, in one line of the log; `None` where nothing did.
    pub(super) fn wrong(&self) -> Option<String> {
        if self.failed.is_none() && !self.is_partial() {
            return None;
        }
        let mut alike: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for tenant in self.status.iter().flat_map(|status| &status.tenants) {
            for problem in &tenant.problems {
                let why = problem.detail.as_deref().unwrap_or(problem.code.as_str());
                let tenants = alike.entry(why).or_default();
                if tenants.last() != Some(&tenant.name.as_str()) {
                    tenants.push(&tenant.name);
                }
            }
        }
        let unread = alike.into_iter().map(|(why, tenants)| {
            let who = report::names_in_line(&tenants, NAMED);
            without_secrets(&format!("{who}: {}", why.trim_end_matches('.'))).into_owned()
        });
        let unread: Vec<String> = unread.collect();
        let more = unread.len().saturating_sub(MISTAKES);
        let rest = (more > 0).then(|| report::plural(more, "other reason"));
        let all: Vec<String> = self
            .troubles
            .iter()
            .cloned()
            .chain(unread.into_iter().take(MISTAKES))
            .chain(rest)
            .collect();
        Some(match all.is_empty() {
            true => "not everything could be read".to_owned(),
            false => all.join("; "),
        })
    }

    /// A run that was asked to end after so long.
    pub(super) fn cut(mut self, limit: Duration) -> Self {
        self.failed.get_or_insert(Cause::Other);
        let told = format!(
            "the run took longer than {}s (--limit) and was ended; the next one goes on",
            limit.as_secs()
        );
        self.troubles.push(told);
        self
    }

    /// A run whose thread ended without a result.
    pub(super) fn broken() -> Self {
        let told = "the run ended by an internal error; the log names its place".to_owned();
        Self { failed: Some(Cause::Other), troubles: vec![told], ..Self::default() }
    }
}

/// Runs once. Blocks, for as long as Git and Intune take. `known` is the commit that the base was last
/// known to be.
pub(super) fn run(
    context: &Context,
    options: &Options,
    known: Option<String>,
    hand: &Hand,
) -> Round {
    let mut round = Round::default();
    let context = match at_base(context) {
        Ok(context) => context,
        Err(error) => {
            let cause = cause_of(&error);
            round.fails(cause, "read the fleet", &error);
            if cause == Cause::Git {
                round.unknown_base = Some(without_secrets(&sentence(&error)).into_owned());
                if known.is_none() {
                    round.in_clone = in_clone(context, &options.selection);
                }
                // Whom the settings named last is told that nothing is known.
                let rev = known.unwrap_or_else(|| context.rev.clone());
                let context = Context { rev, ..context.clone() };
                step(&context, options, NOTIFY, hand, &mut round);
            }
            return round;
        }
    };
    round.rev = Some(context.rev.clone());
    if options.mode == Mode::Apply {
        upload(&context, options, hand, &mut round);
        hand.reads();
    }
    if hand.is_asked_to_stop() {
        return round;
    }
    look(&context, &options.selection, &mut round);
    // What only reads takes the base for what was fetched just now.
    let policy_rev = context.policy_rev.as_ref().map(|_| context.rev.clone());
    let context = Context { policy_rev, ..context };
    STEPS.iter().for_each(|one| step(&context, options, *one, hand, &mut round));
    round
}

fn step(
    context: &Context,
    options: &Options,
    (what, step): (&str, Step),
    hand: &Hand,
    round: &mut Round,
) {
    if hand.is_asked_to_stop() {
        return;
    }
    let stop = hand.writes();
    match step(context, &options.selection, stop) {
        Ok(troubles) => troubles.iter().for_each(|why| round.say(what, why)),
        // Another run of this clone does the same.
        Err(AppError::Lock(LockError::Held { .. })) => {}
        Err(error) => round.tell(what, &error),
    }
    hand.reads();
}

/// The same context at the tip of the base.
pub(super) fn at_base(context: &Context) -> Result<Context, AppError> {
    let repo = Repo::discover(&context.repo)?;
    Ok(match find_base(&repo, context, Reach::InForce)? {
        Some(base) => Context { rev: base.commit, ..context.clone() },
        // Without a remote, what is committed here is what is in force.
        None => context.clone(),
    })
}

/// Uploads what is due. What it could not upload is in the list of what needs a person; here only
/// counts why it did not begin.
fn upload(context: &Context, options: &Options, hand: &Hand, round: &mut Round) {
    let writing = hand.clone();
    let wanted = apply::Options {
        what: apply::What::Due(options.selection.clone()),
        approve: None,
        // The next run finds what is not visible by then; the page would wait as long.
        wait: Some(WAIT),
        identities: options.identities.clone(),
        local_ledger: false,
        retry: false,
        confirm: Box::new(|_| true),
        stop: Box::new(move || writing.writes()),
    };
    match apply::run(context, wanted, |_, _| ()) {
        Ok(applied) => tracing::info!(code = applied.outcome().code(), "applied"),
        // Another run of this clone is at it; it records what it does.
        Err(AppError::Lock(LockError::Held { .. })) => {
            tracing::info!("another apply of this clone is running; this run only reads");
        }
        // It waits for a person, and so do all runs until then: trying more often would not help.
        Err(error @ AppError::Refused(_)) => round.tell("upload", &error),
        Err(error) => round.fails(cause_of(&error), "upload", &error),
    }
}

/// What Git and the record of this clone say; `None` where they cannot be read either.
fn in_clone(context: &Context, selection: &Selection) -> Option<Status> {
    let options = status_options(selection, true);
    let surveyed = status::run(context, &options);
    let told = |error: &AppError| tracing::info!("the clone cannot be shown: {}", sentence(error));
    surveyed.inspect_err(told).ok().map(|surveyed| surveyed.status)
}

fn status_options(selection: &Selection, offline: bool) -> status::Options {
    status::Options {
        selection: selection.clone(),
        offline,
        in_force: !offline,
        within: None,
        fail_within: None,
        fail_on: Vec::new(),
    }
}

/// Reads the state of the fleet.
fn look(context: &Context, selection: &Selection, round: &mut Round) {
    match status::run(context, &status_options(selection, false)) {
        Ok(surveyed) => {
            let cause = blind(&surveyed.status).or_else(|| untimely(&surveyed.status));
            round.failed = round.failed.or(cause);
            round.status = Some(surveyed.status);
        }
        Err(error) => round.fails(cause_of(&error), "read the state", &error),
    }
}

/// Why nothing at all was read, if so.
fn blind(status: &Status) -> Option<Cause> {
    if status.tenants.is_empty()
        || status.tenants.iter().any(|tenant| tenant.observed != Observed::None)
    {
        return None;
    }
    let mut problems = status.tenants.iter().flat_map(|tenant| &tenant.problems);
    let is_git = problems
        .any(|one| matches!(one.code, ProblemCode::BaseUnknown | ProblemCode::LedgerUnknown));
    Some(if is_git { Cause::Git } else { Cause::Intune })
}

/// Whether the clock is wrong.
fn untimely(status: &Status) -> Option<Cause> {
    let is_wrong = status.attention.iter().any(|one| one.code == Wrong::ClockOff.code());
    is_wrong.then_some(Cause::Clock)
}

fn cause_of(error: &AppError) -> Cause {
    match error {
        AppError::Base(_)
        | AppError::Git(_)
        | AppError::Ledger(_)
        | AppError::Unrecorded { .. }
        | AppError::NoLedger { .. } => Cause::Git,
        AppError::SignIn(_) | AppError::Connector(_) => Cause::Intune,
        _ => Cause::Other,
    }
}
