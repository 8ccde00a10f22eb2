//! Whether somebody changed a token in Intune after the ledger last saw it, although nothing that is compared
//! differs.
//!
//! Only enrollment tokens tell: their `lastModifiedDateTime` moves with a change and with an upload. That of a
//! push certificate is about the time of the reading, and that of a VPP token may move with every sync.

use chrono::Duration;

use crate::ledger::TenantLedger;
use crate::model::{LiveToken, Timestamp, TokenRef};

/// For so long it is told. Nothing that a run could write down ends it.
const TOLD_FOR: Duration = Duration::days(7);
/// Clocks differ, and Intune may note a change late.
const TOLERANCE: Duration = Duration::minutes(10);

/// When it was changed; `None` where a run did it, or the ledger has nothing to compare with.
pub fn touched(
    live: LiveToken<'_>,
    past: &TenantLedger,
    token: &TokenRef,
    settle: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    let LiveToken::Enrollment(live) = live else { return None };
    let at = live.last_modified?;
    let (facts, _) = past.last_live_facts(token)?;
    // Another date is a renewal, which is told as such.
    if facts.expires != live.expires || now.since(at) > TOLD_FOR {
        return None;
    }
    let ours =
        past.of(token).map(|line| line.lease_until().unwrap_or(line.at).max(line.at)).max()?;
    (at > ours.plus(settle + TOLERANCE)).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Event;
    use crate::plan::world::{World, at};

    /// When a token that was last changed then counts as changed by another hand.
    fn found(modified: &str, change: fn(&mut World)) -> Option<Timestamp> {
        let mut world = World::enrollment();
        world.forget();
        world.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
        world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-20T10:20:00Z");
        world.live_enrollment(|live| live.last_modified = Some(at(modified)));
        change(&mut world);
        world.first().state.touched
    }

    #[test]
    fn a_change_after_the_newest_line_is_another_hands() {
        // Ours: the upload itself, and what Intune shows of it within the settling time.
        for ours in ["2026-11-20T10:10:00Z", "2026-11-20T11:00:00Z"] {
            assert_eq!(found(ours, |_| {}), None, "{ours}");
        }
        let theirs = "2026-11-20T11:01:00Z";
        assert_eq!(found(theirs, |_| {}), Some(at(theirs)));
        // It is told for a week.
        assert_eq!(found(theirs, |world| world.now = at("2026-11-27T11:01:00Z")), Some(at(theirs)));
        assert_eq!(found(theirs, |world| world.now = at("2026-11-27T11:02:00Z")), None);
        // A renewal is told as one, and without a line there is nothing to compare with.
        let renewed = |world: &mut World| {
            world.live_enrollment(|live| live.expires = Some(at("2027-11-29T10:00:00Z")));
        };
        assert_eq!(found(theirs, renewed), None);
        assert_eq!(found(theirs, World::forget), None);
    }
}
