//! Places for the tenants that are read at once.
//!
//! A tenant that has to wait (until a throttling ends, until a server has recovered, for an answer
//! that does not come) steps aside and leaves its place to the next one. So trouble costs time to
//! whoever has it, and not to the tenants behind.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::seams::{Clock, within};

/// How many tenants may stand aside. Where more are in trouble it is not theirs but Graph's, and
/// the others lose nothing by waiting.
const ASIDE: usize = 256;

/// A well tenant is read in far less, even by a slow Graph; so a Graph that is slow for all is not
/// asked by more tenants at once than usual.
const SLOW: Duration = Duration::from_secs(10);

/// The places of a run.
#[derive(Debug)]
pub struct Turns {
    places: Arc<Semaphore>,
    aside: Arc<Semaphore>,
    count: usize,
    slow: Duration,
}

impl Turns {
    /// As many places, one at least.
    pub fn new(places: usize) -> Self {
        Self::with(places, SLOW)
    }

    fn with(places: usize, slow: Duration) -> Self {
        let count = places.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(count)),
            aside: Arc::new(Semaphore::new(ASIDE)),
            count,
            slow,
        }
    }

    /// How many tenants may be under way, those that stand aside included.
    pub fn under_way(&self) -> usize {
        self.count.saturating_add(ASIDE)
    }

    /// Waits for a place.
    pub async fn take(&self) -> Turn {
        // The semaphore is never closed, so there always is a permit.
        let permit = Arc::clone(&self.places).acquire_owned().await.ok();
        let held = Held { permit, is_aside: false };
        Turn { aside: Arc::clone(&self.aside), held: Mutex::new(held), slow: self.slow }
    }
}

/// One tenant's place, until it is dropped.
pub struct Turn {
    aside: Arc<Semaphore>,
    held: Mutex<Held>,
    slow: Duration,
}

struct Held {
    permit: Option<OwnedSemaphorePermit>,
    is_aside: bool,
}

impl Turn {
    /// Leaves the place to the next tenant, where there is room aside.
    pub(super) fn step_aside(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_aside {
            return;
        }
        if let Ok(permit) = Arc::clone(&self.aside).try_acquire_owned() {
            *held = Held { permit: Some(permit), is_aside: true };
        }
    }

    /// Steps aside when the work takes long.
    pub(super) async fn watch<T>(&self, clock: &dyn Clock, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Some(done) = within(clock, self.slow, &mut work).await {
            return done;
        }
        self.step_aside();
        work.await
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Turn")
            .field("has_place", &held.permit.is_some())
            .field("is_aside", &held.is_aside)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::super::retry::{Budget, RetryPolicy};
    use super::*;
    use crate::seams::{MachineClock, Seams};

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn a_place_is_free_again_when_its_turn_is_over() {
        let turns = Turns::new(1);
        let first = turns.take().await;
        assert!(turns.take().now_or_never().is_none(), "one place, one tenant");
        drop(first);
        assert!(turns.take().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_tenant_that_waits_for_its_next_attempt_leaves_its_place() {
        let turns = Turns::new(1);
        let turn = Arc::new(turns.take().await);
        let policy = RetryPolicy { budget: LONG * 2, ..RetryPolicy::default() };
        let budget = Budget::start(policy, LONG * 2, Some(turn), Seams::default());
        let mut waiting = pin!(budget.wait(1, Some(LONG)));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(turns.take().now_or_never().is_some(), "it waits, and the next one is read");
    }

    #[tokio::test]
    async fn a_tenant_that_hangs_leaves_its_place() {
        let turns = Turns::with(1, Duration::from_millis(1));
        let turn = turns.take().await;
        let mut hanging = pin!(turn.watch(&MachineClock, std::future::pending::<()>()));
        let next = tokio::select! {
            () = &mut hanging => None,
            next = turns.take() => Some(next),
        };
        assert!(next.is_some());
    }

    #[tokio::test]
    async fn where_no_room_is_left_aside_the_place_is_kept() {
        let turns = Turns::new(ASIDE + 1);
        let mut all = Vec::new();
        for _ in 0..=ASIDE {
            let turn = turns.take().await;
            turn.step_aside();
            turn.step_aside();
            all.push(turn);
        }
        assert_eq!(turns.places.available_permits(), ASIDE);
    }
}
