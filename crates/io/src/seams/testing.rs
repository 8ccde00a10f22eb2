//! A clock that jumps from one wait to the next, and ids that come again.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use applecart_core::model::Timestamp;
use futures::future::{BoxFuture, FutureExt as _};
use uuid::Uuid;

use super::{Clock, Ids};

/// Time that passes only where everybody waits for it.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    start: Timestamp,
    time: Arc<Mutex<Time>>,
}

#[derive(Debug, Default)]
struct Time {
    passed: Duration,
    /// Who wakes when, in the order in which they fell asleep.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    count: u64,
}

impl VirtualClock {
    pub fn new(start: Timestamp) -> Self {
        Self { start, time: Arc::default() }
    }

    /// Runs `work` to its end on this thread. Where nothing is left to do, the time comes of who
    /// sleeps shortest.
    ///
    /// # Panics
    /// When nobody sleeps either: the work waits for something outside of it.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut work = pin!(work);
        loop {
            if woken.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
                    return done;
                }
            } else {
                assert!(self.wake_next(), "the work waits for something that is not a clock");
            }
        }
    }

    fn wake_next(&self) -> bool {
        let first = self.time().sleepers.pop_first();
        let Some(((at, _), sleeper)) = first else { return false };
        let mut time = self.time();
        time.passed = time.passed.max(at);
        drop(time);
        sleeper.wake();
        true
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        // As every clock here: whole seconds.
        let passed = i64::try_from(self.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.start.plus(chrono::Duration::try_seconds(passed).unwrap_or_default())
    }

    fn elapsed(&self) -> Duration {
        self.time().passed
    }

    fn pause(&self, time: Duration) {
        self.time().passed += time;
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        let mut of = self.time();
        of.count += 1;
        Sleep { clock: self, key: (of.passed.saturating_add(time), of.count) }.boxed()
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Sleep<'a> {
    clock: &'a VirtualClock,
    key: (Duration, u64),
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut time = self.clock.time();
        if time.passed >= self.key.0 {
            return Poll::Ready(());
        }
        time.sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    /// Whoever gave up waiting wakes nobody.
    fn drop(&mut self) {
        self.clock.time().sleepers.remove(&self.key);
    }
}

/// Ids that follow from a number.
#[derive(Debug)]
pub struct SeededIds(AtomicU64);

impl SeededIds {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number of SplitMix64: the same seed gives the same ids on every machine.
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Ids for SeededIds {
    fn uuid(&self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::super::within;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn clock() -> VirtualClock {
        VirtualClock::new("2026-11-20T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn sleepers_wake_in_the_order_of_their_time() {
        let (clock, woke) = (clock(), Mutex::new(Vec::new()));
        let sleeper = |hours: u32| {
            let (clock, woke) = (&clock, &woke);
            async move {
                clock.sleep(HOUR * hours).await;
                woke.lock().unwrap().push((hours, clock.now().to_string()));
            }
        };
        clock.run(futures::future::join_all([3, 1, 2].map(sleeper)));
        let expected = [(1, "11"), (2, "12"), (3, "13")];
        let expected = expected.map(|(hours, at)| (hours, format!("2026-11-20T{at}:00:00Z")));
        assert_eq!(*woke.lock().unwrap(), expected);
    }

    #[test]
    fn what_is_in_time_leaves_no_sleeper_behind() {
        let clock = clock();
        assert_eq!(clock.run(within(&clock, HOUR, async { 7 })), Some(7));
        assert_eq!(clock.run(within(&clock, HOUR, std::future::pending::<()>())), None);
        assert_eq!(clock.elapsed(), HOUR);
        assert!(clock.time().sleepers.is_empty());
    }

    #[test]
    fn one_seed_gives_the_same_ids_again() {
        let ids = |seed| [SeededIds::new(seed).uuid(), SeededIds::new(seed).uuid()];
        let [first, again] = ids(1);
        assert_eq!(first, again);
        assert_ne!(first, ids(2)[0]);
        assert!((0.0..=1.0).contains(&SeededIds::new(1).chance()));
    }
}
