//! The only clock of the program.
#![expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]

use applecart_core::model::Timestamp;
use applecart_io::apply::Clock;

/// The machine's clock, or the instant that `--now` froze.
#[derive(Clone, Copy, Debug)]
pub(super) enum SystemClock {
    Running,
    Frozen(Timestamp),
}

/// The machine's clock, frozen or not: what Graph's `Date` is held against.
pub(super) fn machine() -> Timestamp {
    Timestamp::new(chrono::Utc::now())
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        match self {
            Self::Running => machine(),
            Self::Frozen(at) => *at,
        }
    }
}
