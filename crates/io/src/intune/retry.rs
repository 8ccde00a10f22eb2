//! How long and how often a failed request is tried again.
//!
//! Only says when; what may be repeated is the caller's decision, for a write is not a read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::turn::Turn;
use crate::seams::{Clock, Seams};

/// The limits within which requests are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The longest first wait; it doubles with every attempt.
    pub base: Duration,
    /// The longest wait, where Graph asks for none.
    pub max: Duration,
    /// How often one question is asked at most, the first time included.
    pub attempts: u32,
    /// How long all requests for one tenant may take together.
    pub budget: Duration,
    /// How long all requests of a run may take. What was not read by then is unknown, and what
    /// was not sent is not sent.
    pub run: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            // Eight attempts then take 10 s on average: what is down for longer is worth a line in
            // the report and another run, not a pipeline that stands still for a minute.
            base: Duration::from_millis(200),
            max: Duration::from_secs(8),
            attempts: 8,
            budget: Duration::from_secs(5 * 60),
            // Where Graph is down for everybody, 10,000 tenants would otherwise take days. A whole
            // fleet takes minutes, and hosted pipelines end a job after an hour or more.
            run: Duration::from_secs(50 * 60),
        }
    }
}

impl RetryPolicy {
    /// The wait after `attempt` attempts, where `chance` is a random number from 0 to 1.
    ///
    /// Full jitter: tenants that were throttled together do not come back together. What Graph
    /// asks for is waited out whole, and the jitter comes on top.
    fn wait(&self, attempt: u32, asked: Option<Duration>, chance: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        let step = self.base.saturating_mul(1 << doublings).min(self.max);
        asked.unwrap_or_default().saturating_add(step.mul_f64(chance.clamp(0.0, 1.0)))
    }
}

/// When a run began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run(Duration);

impl Run {
    pub(super) fn start(clock: &dyn Clock) -> Self {
        Self(clock.elapsed())
    }

    /// The time left of the run.
    pub(super) fn left(self, policy: RetryPolicy, clock: &dyn Clock) -> Duration {
        policy.run.saturating_sub(clock.elapsed().saturating_sub(self.0))
    }
}

/// What is left of one tenant's patience. All requests for that tenant share it.
pub(super) struct Budget {
    policy: RetryPolicy,
    deadline: Duration,
    /// Milliseconds in which a person signed in.
    given_back: AtomicU64,
    /// Its place among the tenants that are read at once, where it has one.
    turn: Option<Arc<Turn>>,
    seams: Seams,
}

impl Budget {
    /// Begins to count; `run` is what is left of the whole run.
    pub(super) fn start(
        policy: RetryPolicy,
        run: Duration,
        turn: Option<Arc<Turn>>,
        seams: Seams,
    ) -> Self {
        let deadline = seams.clock.elapsed().saturating_add(policy.budget.min(run));
        Self { policy, deadline, given_back: AtomicU64::new(0), turn, seams }
    }

    /// Makes up for time that a person took.
    pub(super) fn give_back(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.given_back.fetch_add(millis, Ordering::Relaxed);
    }

    /// The time left until the deadline, for a request's own timeout.
    pub(super) fn left(&self) -> Duration {
        let given_back = Duration::from_millis(self.given_back.load(Ordering::Relaxed));
        let deadline = self.deadline.saturating_add(given_back);
        deadline.saturating_sub(self.seams.clock.elapsed())
    }

    /// Waits for the next attempt; `false` when there is none.
    ///
    /// A wait that would end after the deadline is not begun: coming back sooner than Graph asks
    /// prolongs the throttling, and waiting for nothing delays the report.
    pub(super) async fn wait(&self, attempt: u32, asked: Option<Duration>) -> bool {
        if attempt >= self.policy.attempts {
            return false;
        }
        let wait = self.policy.wait(attempt, asked, self.seams.ids.chance());
        if wait >= self.left() {
            return false;
        }
        if let Some(turn) = &self.turn {
            turn.step_aside();
        }
        self.seams.clock.sleep(wait).await;
        true
    }
}

/// Reads `Retry-After`: seconds, or a date, which is compared with the answer's own `Date`
/// because the clock here may be wrong.
pub(crate) fn parse_retry_after(
    value: &str,
    date: Option<SystemTime>,
    now: SystemTime,
) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(date.unwrap_or(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::testing::{SeededIds, VirtualClock};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = RetryPolicy::default();
        let longest: Vec<_> = (1..=8).map(|n| policy.wait(n, None, 1.0).as_millis()).collect();
        assert_eq!(longest, [200, 400, 800, 1600, 3200, 6400, 8000, 8000]);
        assert_eq!(policy.wait(5, None, 0.0), Duration::ZERO);
    }

    #[test]
    fn what_graph_asks_for_is_never_cut_short() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait(1, Some(seconds(120)), 0.0), seconds(120));
        assert!(policy.wait(8, Some(seconds(120)), 0.5) > seconds(120));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let epoch = SystemTime::UNIX_EPOCH;
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let at = httpdate::parse_http_date(date).unwrap();
        let wrong_clock = epoch;
        assert_eq!(parse_retry_after(" 17 ", None, epoch), Some(seconds(17)));
        assert_eq!(parse_retry_after(date, Some(at - seconds(9)), wrong_clock), Some(seconds(9)));
        assert_eq!(parse_retry_after(date, None, at - seconds(4)), Some(seconds(4)));
        assert_eq!(parse_retry_after(date, None, at + seconds(4)), Some(seconds(0)));
        for odd in ["", "-1", "soon", "1.5", "99999999999999999999999"] {
            assert_eq!(parse_retry_after(odd, None, epoch), None, "{odd:?}");
        }
    }

    #[test]
    fn the_attempts_and_the_time_of_a_tenant_end() {
        let clock = VirtualClock::new("2026-11-20T10:00:00Z".parse().unwrap());
        let seams = Seams { clock: Arc::new(clock.clone()), ids: Arc::new(SeededIds::new(1)) };
        let moment = seconds(1);
        let policy = RetryPolicy {
            base: moment,
            max: moment,
            attempts: 3,
            budget: seconds(60),
            run: seconds(600),
        };
        let budget = Budget::start(policy, seconds(600), None, seams);
        clock.run(async {
            assert!(budget.wait(1, None).await);
            assert!(budget.wait(2, Some(moment)).await);
            assert!(clock.elapsed() > moment && clock.elapsed() < 3 * moment);
            assert!(!budget.wait(3, None).await, "no fourth attempt");
            assert!(!budget.wait(1, Some(seconds(60))).await, "no wait beyond the deadline");
            assert!(budget.left() > seconds(50), "and it was not begun");
        });
    }

    #[test]
    fn the_end_of_the_run_is_the_end_of_every_tenant() {
        let policy = RetryPolicy::default();
        let budget = Budget::start(policy, seconds(7), None, Seams::default());
        assert!(budget.left() <= seconds(7));
    }
}
