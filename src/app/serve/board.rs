//! What the loop tells those who look: the newest reading, and how the runs go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::Bytes;

use super::reconcile::{Cause, Round};
use super::schedule::{self, Need};
use applecart_core::attention::{self, Matter};
use applecart_core::model::{Sha256, Timestamp, sentence};
use applecart_core::outlets::metrics;
use applecart_core::report::{self, PageView, Served, Status};

/// After how many seconds an open page asks whether it is still true.
const EVERY: u32 = 30;

/// The newest reading, in the forms that are asked for.
pub(super) struct Reading {
    pub(super) status: Status,
    /// As `status --format json` writes it.
    pub(super) json: Bytes,
    /// The commit that was read.
    pub(super) rev: Option<String>,
    /// As `status --format prometheus` writes it, made when it is asked for first.
    measured: OnceLock<String>,
}

impl Reading {
    fn of(status: Status, rev: Option<String>) -> Result<Self, serde_json::Error> {
        let json = Bytes::from(report::json(&status)?);
        Ok(Self { status, json, rev, measured: OnceLock::new() })
    }

    /// As `status --format prometheus` writes it.
    pub(super) fn metrics(&self) -> Result<String, std::fmt::Error> {
        if let Some(made) = self.measured.get() {
            return Ok(made.clone());
        }
        let made = metrics::text(&metrics::registry(&self.status))?;
        Ok(self.measured.get_or_init(|| made).clone())
    }
}

/// What the page shows: made once, whoever asks.
pub(super) struct Shown {
    pub(super) reading: Option<Arc<Reading>>,
    /// What is wrong with the controller itself.
    pub(super) notices: Vec<String>,
    /// Another one wherever the page, or what it is made of, is another.
    pub(super) etag: String,
    /// The page, rendered when it is asked for first.
    pub(super) page: OnceLock<Bytes>,
}

impl Shown {
    fn of(reading: Option<Arc<Reading>>, notices: Vec<String>) -> Self {
        let json = reading.as_ref().map(|reading| Sha256::of(&reading.json).to_string());
        let seen = format!("{json:?} {notices:?}");
        let etag = format!("\"{}\"", Sha256::of(seen.as_bytes()));
        Self { reading, notices, etag, page: OnceLock::new() }
    }

    /// What a page says of itself.
    pub(super) fn view(&self) -> PageView<'_> {
        PageView::Served(Served { etag: &self.etag, every: EVERY, notices: &self.notices })
    }
}

/// How the runs go.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    pub(super) started: Timestamp,
    /// How many runs ended how.
    pub(super) runs: BTreeMap<&'static str, u64>,
    /// How many in a row failed, and since when.
    pub(super) failing: u32,
    pub(super) failing_since: Option<(Timestamp, Cause)>,
    pub(super) last_success: Option<Timestamp>,
    /// The same by the clock that never goes back.
    last_success_elapsed: Option<Duration>,
    pub(super) last_took: Option<Duration>,
    /// When the run began that is going on.
    pub(super) running_since: Option<Duration>,
    pub(super) next: Option<Timestamp>,
    pub(super) wakes: u64,
}

/// What stands on the board. A run that ends puts up all of it at once: nobody is told "ready" beside a
/// page that still says that nothing was read.
struct Posted {
    shown: Arc<Shown>,
    figures: Figures,
}

pub(super) struct Board(Mutex<Posted>);

/// What the loop knows of the clock when it writes something on the board.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) at: Timestamp,
    pub(super) elapsed: Duration,
}

impl Board {
    pub(super) fn new(now: Now) -> Self {
        let shown = Arc::new(Shown::of(None, Vec::new()));
        let runs = ["done", "partial", "failed"].map(|name| (name, 0)).into();
        let figures = Figures {
            started: now.at,
            runs,
            failing: 0,
            failing_since: None,
            last_success: None,
            last_success_elapsed: None,
            last_took: None,
            running_since: None,
            next: None,
            wakes: 0,
        };
        Self(Mutex::new(Posted { shown, figures }))
    }

    pub(super) fn shown(&self) -> Arc<Shown> {
        self.with(|posted| Arc::clone(&posted.shown))
    }

    pub(super) fn figures(&self) -> Figures {
        self.with(|posted| posted.figures.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Posted) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn woken(&self) {
        self.with(|posted| posted.figures.wakes += 1);
    }

    pub(super) fn begins(&self, now: Now) {
        self.with(|posted| {
            posted.figures.running_since = Some(now.elapsed);
            posted.figures.next = None;
        });
    }

    /// Takes what came of a run, and says how long to wait for the next one.
    pub(super) fn ends(&self, round: Round, now: Now, interval: Duration, chance: f64) -> Duration {
        let is_partial = round.is_partial();
        let mut need = round.status.as_ref().map_or(Need::Usual, schedule::need);
        let mut figures = self.figures();
        if let Some(began) = figures.running_since.take() {
            figures.last_took = Some(now.elapsed.saturating_sub(began));
        }
        let outcome = match round.failed {
            Some(cause) => {
                figures.failing = figures.failing.saturating_add(1);
                let since = figures.failing_since.map_or(now.at, |(since, _)| since);
                figures.failing_since = Some((since, cause));
                need = Need::Failed(figures.failing);
                "failed"
            }
            None => {
                figures.failing = 0;
                figures.failing_since = None;
                figures.last_success = Some(now.at);
                figures.last_success_elapsed = Some(now.elapsed);
                if is_partial { "partial" } else { "done" }
            }
        };
        *figures.runs.entry(outcome).or_default() += 1;
        let wait = schedule::wait(interval, need, chance);
        let took = figures.last_took.unwrap_or_default().as_millis();
        let (took_ms, wait_s) = (took, wait.as_secs());
        match round.wrong() {
            Some(why) => tracing::warn!(outcome, took_ms, wait_s, "a run ended: {why}"),
            None => tracing::info!(outcome, took_ms, wait_s, "a run ended"),
        }
        figures.next = chrono::Duration::from_std(wait).ok().map(|wait| now.at.plus(wait));
        let shown = Arc::new(self.shows(round, &figures));
        self.with(|posted| {
            // It may have been woken in the meantime.
            figures.wakes = posted.figures.wakes;
            *posted = Posted { shown, figures };
        });
        wait
    }

    /// What was read last stays while nothing newer was read.
    fn shows(&self, round: Round, figures: &Figures) -> Shown {
        let mut reading = self.shown().reading.clone();
        let mut notices = Vec::new();
        if let Some((since, cause)) = figures.failing_since {
            let who = match cause {
                Cause::Git => "Git, which has the fleet and its ledger, has not been read",
                Cause::Intune => "Intune has not been read",
                Cause::Clock => {
                    "The clock of this machine is wrong, and nobody has been told of anything"
                }
                Cause::Other => "No run has succeeded",
            };
            let next =
                figures.next.map(|at| format!(" The next try is at {at}.")).unwrap_or_default();
            let last = match (figures.last_success, cause) {
                (Some(at), _) => format!(" The last run that succeeded ended at {at}."),
                (None, Cause::Other) => String::new(),
                (None, _) => " No run has succeeded since the start.".to_owned(),
            };
            notices.push(format!("{who} since {since}.{last}{next}"));
        }
        notices.extend(round.troubles);
        let (mut newer, mut rev) = (round.status, round.rev);
        if newer.is_none() {
            // What the clone has is older than anything that a run found.
            let known = reading.as_ref().map(|last| (last.status.clone(), last.rev.clone()));
            let known = known.or_else(|| Some((round.in_clone?, None)));
            if let (Some(why), Some((status, of))) = (&round.unknown_base, known) {
                (newer, rev) = (Some(with_unknown_base(status, why)), of);
            }
        }
        if let Some(status) = newer {
            match Reading::of(status, rev) {
                Ok(newer) => reading = Some(Arc::new(newer)),
                Err(error) => notices.push(sentence(&error)),
            }
        }
        Shown::of(reading, notices)
    }

    /// Whether what stands here can be relied on: something was read, and where runs fail since, not
    /// too long ago. A run that takes long is no failure; the limit ends it.
    pub(super) fn readiness(&self, now: Now, interval: Duration) -> Readiness {
        let figures = self.figures();
        let cause = figures.failing_since.map(|(_, cause)| cause);
        let age = figures.last_success_elapsed.map(|at| now.elapsed.saturating_sub(at));
        let is_current = age.is_some_and(|age| cause.is_none() || age <= interval * 3);
        Readiness { is_current, last: figures.last_success, cause }
    }
}

/// What was read last, with why nobody knows what is in force now, among what needs a person.
fn with_unknown_base(mut status: Status, why: &str) -> Status {
    let matter = attention::base_unknown(why);
    status.attention.retain(|one| one.key != matter.key);
    let is_less = |one: &Matter| one.severity > matter.severity;
    let place = status.attention.iter().position(is_less).unwrap_or(status.attention.len());
    status.attention.insert(place, matter);
    status
}

/// Whether what stands here can be relied on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) is_current: bool,
    last: Option<Timestamp>,
    /// Who has not been read since.
    cause: Option<Cause>,
}

impl std::fmt::Display for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ready = if self.is_current { "ready" } else { "not ready" };
        match self.last {
            Some(at) => write!(f, "{ready}: the last run that succeeded ended at {at}")?,
            None => write!(f, "{ready}: no run has succeeded since the start")?,
        }
        match self.cause {
            Some(Cause::Clock) => f.write_str(" (this machine's clock is wrong)"),
            Some(cause) => write!(f, " (not read since: {})", cause.as_str()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use applecart_core::attention::Attention;
    use applecart_core::plan::world::World;
    use applecart_core::report::status_of;

    const HOUR: Duration = Duration::from_secs(3600);

    fn now(minutes: u64) -> Now {
        let elapsed = Duration::from_secs(minutes * 60);
        let at = Timestamp::from_unix(1_800_000_000 + i64::try_from(minutes * 60).unwrap());
        Now { at: at.unwrap(), elapsed }
    }

    fn read() -> Round {
        let status = status_of(&World::renewal().plan(), &[], None, Attention::default(), false);
        Round { status: Some(status), ..Round::default() }
    }

    fn failed(cause: Cause) -> Round {
        let troubles = vec!["read the fleet: it is gone".to_owned()];
        let unknown_base = (cause == Cause::Git).then(|| "it is gone".to_owned());
        Round { failed: Some(cause), troubles, unknown_base, ..Round::default() }
    }

    fn turn(board: &Board, round: Round, minute: u64) -> Duration {
        board.begins(now(minute));
        board.ends(round, now(minute + 1), HOUR, 0.5)
    }

    #[test]
    fn nothing_is_ready_before_something_was_read() {
        let board = Board::new(now(0));
        let ready = board.readiness(now(0), HOUR);
        assert!(!ready.is_current);
        assert_eq!(ready.to_string(), "not ready: no run has succeeded since the start");
        turn(&board, failed(Cause::Git), 0);
        assert!(board.readiness(now(1), HOUR).to_string().ends_with("(not read since: git)"));
        turn(&board, read(), 2);
        assert!(board.readiness(now(3), HOUR).is_current);
        assert!(board.readiness(now(500), HOUR).is_current, "a run may take long");
    }

    #[test]
    fn what_was_read_stays_and_is_said_to_be_old_while_runs_fail() {
        let board = Board::new(now(0));
        turn(&board, read(), 0);
        let before = board.shown();
        let wait = turn(&board, failed(Cause::Git), 60);
        assert_eq!(wait, Duration::from_secs(60), "the first retry is soon");
        assert_eq!(turn(&board, failed(Cause::Git), 62), Duration::from_secs(120));
        let shown = board.shown();
        let codes = |shown: &Shown| -> Vec<String> {
            let listed = shown.reading.iter().flat_map(|one| &one.status.attention);
            listed.map(|one| one.code.to_string()).collect()
        };
        assert_eq!(codes(&shown), ["base-unknown"], "in the list and the metrics as well, once");
        assert_ne!(shown.etag, before.etag, "a page that is open learns of it");
        let notice = &shown.notices[0];
        assert!(notice.starts_with("Git, which has the fleet and its ledger, has not been read since 2027-01-15T09:01:00Z."), "{notice}");
        assert!(
            notice.contains("The last run that succeeded ended at 2027-01-15T08:01:00Z."),
            "{notice}"
        );
        assert!(notice.contains("The next try is at 2027-01-15T09:05:00Z."), "{notice}");
        assert!(board.readiness(now(63), HOUR).is_current, "for three intervals");
        assert!(!board.readiness(now(182), HOUR).is_current);
        turn(&board, read(), 200);
        assert!(board.shown().notices.is_empty());
        assert!(codes(&board.shown()).is_empty());
        assert_eq!(board.figures().failing, 0);
    }

    #[test]
    fn a_machine_whose_clock_is_wrong_is_not_ready() {
        let board = Board::new(now(0));
        turn(&board, Round { failed: Some(Cause::Clock), ..read() }, 0);
        let ready = board.readiness(now(1), HOUR);
        assert!(!ready.is_current);
        assert!(ready.to_string().ends_with("(this machine's clock is wrong)"), "{ready}");
        assert_eq!(board.figures().failing, 1);
    }

    #[test]
    fn runs_are_counted_by_how_they_ended() {
        let board = Board::new(now(0));
        turn(&board, read(), 0);
        turn(&board, failed(Cause::Intune), 10);
        let refused = Round { troubles: vec!["upload: refused".into()], ..read() };
        turn(&board, refused, 20);
        let runs: Vec<_> = board.figures().runs.into_iter().collect();
        assert_eq!(runs, [("done", 1), ("failed", 1), ("partial", 1)]);
        assert_eq!(board.figures().last_took, Some(Duration::from_secs(60)));
        assert_eq!(board.shown().notices, ["upload: refused"]);
    }
}
