//! When the next run begins. Pure, so that the rule is a table of tests.

use std::time::Duration;

use applecart_core::plan::{Expiry, Sync};
use applecart_core::report::{Status, StatusToken};

/// The longest wait while something of the fleet cannot wait for the usual interval.
const DENSE: Duration = Duration::from_secs(10 * 60);
/// The wait after the first run that failed. It doubles with each one in a row.
const RETRY: Duration = Duration::from_secs(60);
/// The longest wait between tries, so that an outage of hours is noticed to be over.
const LONGEST_RETRY: Duration = Duration::from_secs(15 * 60);
/// Runs begin no closer to each other than this, however often something wakes them.
const GAP: Duration = Duration::from_secs(60);

/// What the last run means for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Usual,
    /// A credential is about to expire, or an upload is under way.
    Dense,
    /// So many runs in a row failed.
    Failed(u32),
}

/// How long to wait. `chance`, from 0 to 1, moves it by up to a tenth, so that several controllers do
/// not ask at the same moment for ever.
pub(super) fn wait(interval: Duration, need: Need, chance: f64) -> Duration {
    let wait = match need {
        Need::Usual => interval,
        Need::Dense => interval.min(DENSE),
        Need::Failed(runs) => {
            let doubled = 2_u32.saturating_pow(runs.saturating_sub(1).min(16));
            RETRY.saturating_mul(doubled).min(LONGEST_RETRY).min(interval)
        }
    };
    wait.mul_f64(0.9 + 0.2 * chance.clamp(0.0, 1.0))
}

/// The least time between the beginnings of two runs.
pub(super) fn gap(interval: Duration) -> Duration {
    GAP.min(interval)
}

/// What a fleet in this state needs.
pub(super) fn need(status: &Status) -> Need {
    let now = status.generated_at;
    let is_close = |token: &StatusToken| {
        let left = token.state.expires.map(|expires| expires.since(now));
        left.is_some_and(|left| left.abs() < chrono::Duration::hours(24))
    };
    let is_urgent = |token: &StatusToken| {
        token.state.sync == Sync::OutOfSync
            && matches!(token.state.expiry, Expiry::Critical | Expiry::Expired)
    };
    let mut tokens = status.tenants.iter().flat_map(|tenant| &tenant.tokens);
    let is_dense = tokens
        .any(|token| is_close(token) || is_urgent(token) || token.state.sync == Sync::Progressing);
    if is_dense { Need::Dense } else { Need::Usual }
}

#[cfg(test)]
mod tests {
    use super::*;
    use applecart_core::attention::Attention;
    use applecart_core::plan::world::World;
    use applecart_core::report::status_of;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_wait_is_the_interval_give_or_take_a_tenth() {
        assert_eq!(wait(HOUR, Need::Usual, 0.0), HOUR.mul_f64(0.9));
        assert_eq!(wait(HOUR, Need::Usual, 0.5), HOUR);
        assert_eq!(wait(HOUR, Need::Usual, 1.0), HOUR.mul_f64(1.1));
        assert_eq!(wait(HOUR, Need::Usual, 7.0), HOUR.mul_f64(1.1), "chance is never over 1");
    }

    #[test]
    fn what_cannot_wait_is_looked_at_every_ten_minutes_and_never_later_than_usual() {
        assert_eq!(wait(HOUR, Need::Dense, 0.5), DENSE);
        let short = Duration::from_secs(300);
        assert_eq!(wait(short, Need::Dense, 0.5), short);
    }

    #[test]
    fn tries_after_failures_get_rarer_and_stop_at_a_quarter_of_an_hour() {
        let minutes: Vec<u64> = [1, 2, 3, 4, 5, 6, 40, u32::MAX]
            .map(|runs| wait(HOUR, Need::Failed(runs), 0.5).as_secs() / 60)
            .to_vec();
        assert_eq!(minutes, [1, 2, 4, 8, 15, 15, 15, 15]);
        let short = Duration::from_secs(30);
        assert_eq!(wait(short, Need::Failed(9), 0.5), short, "never rarer than usual");
    }

    #[test]
    fn webhooks_start_at_most_one_run_a_minute() {
        assert_eq!(gap(HOUR), Duration::from_secs(60));
        assert_eq!(gap(Duration::from_secs(5)), Duration::from_secs(5));
    }

    #[test]
    fn a_fleet_is_looked_at_more_often_near_an_expiry_and_while_an_upload_is_under_way() {
        let plan = World::renewal().plan();
        let mut status = status_of(&plan, &[], None, Attention::default(), false);
        let now = status.generated_at;
        let mut with = |sync, expiry, hours| {
            let state = &mut status.tenants[0].tokens[0].state;
            (state.sync, state.expiry) = (sync, expiry);
            state.expires = Some(now.plus(chrono::Duration::hours(hours)));
            need(&status)
        };
        assert_eq!(with(Sync::InSync, Expiry::Valid, 24 * 100), Need::Usual);
        assert_eq!(with(Sync::InSync, Expiry::Critical, 24 * 5), Need::Usual);
        assert_eq!(with(Sync::InSync, Expiry::Critical, 23), Need::Dense);
        assert_eq!(with(Sync::InSync, Expiry::Expired, -23), Need::Dense);
        assert_eq!(with(Sync::InSync, Expiry::Expired, -25), Need::Usual, "dead for long");
        assert_eq!(with(Sync::OutOfSync, Expiry::RenewalDue, 24 * 40), Need::Usual);
        assert_eq!(with(Sync::OutOfSync, Expiry::Critical, 24 * 5), Need::Dense);
        assert_eq!(with(Sync::OutOfSync, Expiry::Expired, -24 * 5), Need::Dense);
        assert_eq!(with(Sync::Progressing, Expiry::Valid, 24 * 300), Need::Dense);
        assert_eq!(with(Sync::Held, Expiry::Critical, 24 * 5), Need::Usual, "waits for a person");
    }
}
