//! Time and chance. A run is given both, so that a test of a whole run waits for nothing and gets
//! the same ids twice.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use applecart_core::model::Timestamp;
use futures::future::{BoxFuture, Either, FutureExt as _, select};
use uuid::Uuid;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

/// Tells the time, and lets it pass.
pub trait Clock: Send + Sync {
    /// The instant by which everything is judged and dated. `--now` freezes it.
    fn now(&self) -> Timestamp;

    /// The time since some moment in the past. It never goes back and never stands still, so limits
    /// are measured by it.
    fn elapsed(&self) -> Duration;

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()>;

    /// Lets it pass on a thread that waits for other processes.
    fn pause(&self, time: Duration);
}

/// What comes of `work`; `None` when that takes longer than `limit`.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(work), clock.sleep(limit)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// The clock of this machine, in UTC: every date in the ledger and in reports comes from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineClock;

#[expect(clippy::disallowed_methods, reason = "the clock that everything else is given")]
impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::new(std::time::SystemTime::now().into())
    }

    fn elapsed(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(time).boxed()
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Makes ids, and numbers by chance.
pub trait Ids: Send + Sync {
    fn uuid(&self) -> Uuid;

    /// A number from 0 to 1, which spreads what would otherwise happen at once.
    fn chance(&self) -> f64 {
        // 32 bits of a random UUID are plenty for that.
        let (high, _) = self.uuid().as_u64_pair();
        let bits = u32::try_from(high >> 32).unwrap_or_default();
        f64::from(bits) / f64::from(u32::MAX)
    }
}

/// Ids that nobody can foresee.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// The two together, as the rooms that need both are given them.
#[derive(Clone)]
pub struct Seams {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

impl Default for Seams {
    /// The machine's clock, and ids that nobody can foresee.
    fn default() -> Self {
        Self { clock: Arc::new(MachineClock), ids: Arc::new(RandomIds) }
    }
}
