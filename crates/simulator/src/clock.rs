//! The simulator's clock: the machine's, or one that stands still until it is moved.
#![expect(clippy::disallowed_methods, reason = "a server has a clock of its own")]

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// The time as simulated Microsoft and Apple see it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    frozen: Mutex<Option<DateTime<Utc>>>,
}

impl Clock {
    pub(super) fn new(frozen: Option<DateTime<Utc>>) -> Self {
        Self { frozen: Mutex::new(frozen.map(usable)) }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(Utc::now)
    }

    /// Freezes the clock at `at`; `None` lets it follow the machine's.
    pub(super) fn set(&self, at: Option<DateTime<Utc>>) {
        *self.frozen.lock().unwrap_or_else(PoisonError::into_inner) = at.map(usable);
    }
}

/// The nearest time that HTTP dates and certificates can state, with room for a token's life.
fn usable(at: DateTime<Utc>) -> DateTime<Utc> {
    let last = NaiveDate::from_ymd_opt(9000, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN);
    at.clamp(DateTime::UNIX_EPOCH, last.and_utc())
}
