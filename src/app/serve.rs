//! The controller: runs again and again, and shows what it found.
//!
//! One run at a time, on a thread of its own, each on the base as its remote has it then. Between runs
//! nothing is kept but the last reading. The HTTP server answers from that reading; it has no route
//! that writes, and what a webhook says is not believed: it only makes the next run begin sooner.

mod board;
mod metrics;
mod reconcile;
mod schedule;
mod web;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::{AppError, Context, keys, telling};
use applecart_core::model::Outcome;
use applecart_core::plan::Selection;
use applecart_io::git::Repo;
use applecart_io::outlets::DELIVERY;
use board::{Board, Now};
use reconcile::{Hand, Round};
pub use web::{Access, Listen, Network, Proxy, ServeError, Tls, WebhookSecret};

/// How long an upload that is under way may take to end once the controller is asked to stop. The
/// ledger has its announcement, so the next run finds out what became of one that is left.
const GRACE: Duration = Duration::from_secs(4);

/// A run holds what a command's main thread holds.
const STACK: usize = 8 * 1024 * 1024;

/// What runs may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Read and tell; nothing is sent to Intune.
    Observe,
    /// Upload what is due as well.
    Apply,
}

pub struct Options {
    pub mode: Mode,
    pub selection: Selection,
    /// Files of age identities.
    pub identities: Vec<PathBuf>,
    pub interval: Duration,
    /// A run that takes longer ends the controller.
    pub limit: Duration,
    pub listen: Listen,
}

/// Asks the controller to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<Notify>);

impl Stop {
    pub fn ask(&self) {
        // It is kept for a controller that is not waiting yet.
        self.0.notify_one();
    }
}

/// Runs until it is asked to stop. `ready` is told where it listens.
pub fn run(
    context: &Context,
    options: Options,
    stop: &Stop,
    ready: impl FnOnce(SocketAddr),
) -> Result<Outcome, AppError> {
    if context.rev != "HEAD" {
        return Err(ServeError::Revision(context.rev.clone()).into());
    }
    if context.frozen.is_some() && !context.environment.overrides()?.graph_is_loopback() {
        return Err(AppError::FrozenApply);
    }
    // Each of its runs tells people.
    telling::check_clock(context, false)?;
    if options.interval < Duration::from_secs(1) {
        return Err(ServeError::TooOften { interval: options.interval }.into());
    }
    // Mistakes of whoever starts it are told now, and not by every run.
    Repo::discover(&context.repo)?;
    if options.mode == Mode::Apply {
        keys::available(context, &options.identities)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(AppError::Runtime)?;
    let ended = runtime.block_on(async {
        let controller = Controller::start(context.clone(), options).await?;
        ready(controller.server.address);
        controller.run(stop).await
    });
    // A run that was left may wait for a network that never answers.
    runtime.shutdown_background();
    ended
}

struct Controller {
    context: Context,
    options: Arc<Options>,
    board: Arc<Board>,
    wake: Arc<Notify>,
    server: web::Running,
}

/// How a run ended, or did not.
enum Turn {
    Ended(Box<Round>),
    /// It was asked to stop, and has ended or held nothing.
    Stopped,
    /// It was asked to stop while it wrote, and was left.
    Left,
    Hung,
}

impl Controller {
    async fn start(context: Context, options: Options) -> Result<Self, AppError> {
        let options = Arc::new(options);
        let board = Arc::new(Board::new(now(&context)));
        let wake = Arc::new(Notify::new());
        let server = web::start(&context, &options, &board, &wake).await?;
        Ok(Self { context, options, board, wake, server })
    }

    async fn run(self, stop: &Stop) -> Result<Outcome, AppError> {
        let (mut wait, mut known) = (Duration::ZERO, None);
        let ended = loop {
            tokio::select! {
                () = stop.0.notified() => break Ok(Outcome::Done),
                () = self.due(wait) => {}
            }
            match self.turn(stop, known.clone()).await? {
                Turn::Ended(round) => {
                    known = round.rev.clone().or(known);
                    let chance = self.context.ids.chance();
                    wait = self.board.ends(*round, self.now(), self.options.interval, chance);
                    self.server.renew_certificate().await;
                }
                Turn::Stopped => break Ok(Outcome::Done),
                Turn::Left => break Ok(Outcome::Interrupted),
                Turn::Hung => break Err(ServeError::Hung { limit: self.options.limit }.into()),
            }
        };
        self.server.stop().await;
        ended
    }

    fn now(&self) -> Now {
        now(&self.context)
    }

    /// Waits for so long, or until something wakes it; in any case until the last run is long enough
    /// ago.
    async fn due(&self, wait: Duration) {
        let begun = self.now().elapsed;
        let clock = &self.context.clock;
        tokio::select! {
            () = clock.sleep(wait) => {}
            () = self.wake.notified() => {
                let gap = schedule::gap(self.options.interval).min(wait);
                let waited = self.now().elapsed.saturating_sub(begun);
                clock.sleep(gap.saturating_sub(waited)).await;
            }
        }
    }

    /// Runs once, watched.
    async fn turn(&self, stop: &Stop, known: Option<String>) -> Result<Turn, AppError> {
        let (done, mut ended) = oneshot::channel();
        let hand = Hand::default();
        let (context, options) = (self.context.clone(), Arc::clone(&self.options));
        let its = hand.clone();
        let run = move || {
            // Whoever waited for it may have left.
            let _ = done.send(reconcile::run(&context, &options, known, &its));
        };
        self.board.begins(self.now());
        std::thread::Builder::new()
            .name("reconcile".to_owned())
            .stack_size(STACK)
            .spawn(run)
            .map_err(AppError::Runtime)?;
        let clock = &self.context.clock;
        let is_hung = tokio::select! {
            ended = &mut ended => return Ok(Turn::Ended(Box::new(ended.unwrap_or_else(|_| Round::broken())))),
            () = stop.0.notified() => false,
            () = clock.sleep(self.options.limit) => true,
        };
        let holds = hand.ask_to_stop();
        if !holds && !is_hung {
            return Ok(Turn::Stopped);
        }
        // Whoever set the limit does not wait for it: what is under way is finished and recorded.
        let grace = if is_hung && holds { DELIVERY + GRACE } else { GRACE };
        let round = tokio::select! {
            ended = &mut ended => Some(ended.unwrap_or_else(|_| Round::broken())),
            () = clock.sleep(grace) => None,
        };
        Ok(match (is_hung, round) {
            (true, Some(round)) => Turn::Ended(Box::new(round.cut(self.options.limit))),
            (true, None) => Turn::Hung,
            (false, Some(_)) => Turn::Stopped,
            (false, None) => Turn::Left,
        })
    }
}

fn now(context: &Context) -> Now {
    Now { at: context.real_now(), elapsed: context.clock.elapsed() }
}
