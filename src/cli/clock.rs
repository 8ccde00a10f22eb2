//! The only clock of the program.
#![expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]

use crate::apply::Clock;
use crate::model::Timestamp;

/// The machine's clock, or the instant that `--now` froze.
#[derive(Clone, Copy, Debug)]
pub(super) enum SystemClock {
    Running,
    Frozen(Timestamp),
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        match self {
            Self::Running => Timestamp::new(chrono::Utc::now()),
            Self::Frozen(at) => *at,
        }
    }
}
