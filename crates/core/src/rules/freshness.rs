//! How fresh what is known of a tenant is.
//!
//! Drift is seen by reading Intune and by nothing else. So the promise that drift is told within a
//! time is one about readings: each tenant is read whole at least that often, or that is told.

use chrono::Duration;

use crate::ledger::TenantLedger;
use crate::model::Timestamp;

/// How old a reading may be where applecart.yaml does not say.
pub(crate) const WITHIN: Duration = Duration::hours(24);

/// The newest reading of all of a tenant that is known of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReading {
    pub at: Timestamp,
    pub witness: Witness,
}

/// Who knows of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// This run made it.
    Run,
    /// This clone remembers it.
    Clone,
    /// A line of the ledger was made of it. Lines are written when something changes, so others may
    /// have read the tenant since; no reading of theirs is known here.
    Ledger,
}

/// The newest reading; `None` where none is known.
///
/// `read` is the time of this run where it read all of the tenant, `remembered` what the clone has.
/// A time that lies ahead is no memory of anything: a run had another clock.
pub fn last_reading(
    now: Timestamp,
    read: bool,
    remembered: Option<Timestamp>,
    past: Option<&TenantLedger>,
) -> Option<LastReading> {
    if read {
        return Some(LastReading { at: now, witness: Witness::Run });
    }
    let known = |at: &Timestamp| *at <= now;
    let remembered = remembered.filter(known).map(|at| (at, Witness::Clone));
    let lines = past.into_iter().flat_map(|past| &past.records);
    let recorded = lines.filter(|line| line.is_reading()).map(|line| line.at).filter(known).max();
    let recorded = recorded.map(|at| (at, Witness::Ledger));
    let newest = recorded.into_iter().chain(remembered).max_by_key(|(at, _)| *at);
    newest.map(|(at, witness)| LastReading { at, witness })
}

/// Whether drift of the tenant would not be told within the time that the settings promise.
pub fn is_stale(last: Option<LastReading>, now: Timestamp, within: Duration) -> bool {
    last.is_none_or(|last| now.since(last.at) > within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Event;
    use crate::plan::world::{World, at};

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn past(lines: &[(Event, &str)]) -> TenantLedger {
        let mut world = World::equal();
        world.forget();
        for (event, when) in lines {
            world.recorded(*event, "AA", "run-1", when);
        }
        world.ledger.unwrap().tenants.into_values().next().unwrap_or_default()
    }

    fn last(remembered: Option<&str>, past: &TenantLedger) -> Option<(String, Witness)> {
        let last = last_reading(at(NOW), false, remembered.map(at), Some(past));
        last.map(|last| (last.at.to_string(), last.witness))
    }

    #[test]
    fn the_newest_of_run_clone_and_ledger_counts() {
        let past = past(&[
            (Event::Observed, "2026-11-20T10:00:00Z"),
            (Event::Intended, "2026-11-22T10:00:00Z"),
        ]);
        let ledger = Some(("2026-11-20T10:00:00Z".to_owned(), Witness::Ledger));
        assert_eq!(last(None, &past), ledger, "an announcement is no reading");
        assert_eq!(last(Some("2026-11-19T10:00:00Z"), &past), ledger);
        let newer = "2026-11-21T10:00:00Z";
        assert_eq!(last(Some(newer), &past), Some((newer.to_owned(), Witness::Clone)));
        let run = last_reading(at(NOW), true, Some(at(newer)), Some(&past)).unwrap();
        assert_eq!((run.at, run.witness), (at(NOW), Witness::Run));
        assert_eq!(last(None, &TenantLedger::default()), None);
    }

    #[test]
    fn a_reading_that_lies_ahead_is_none() {
        let ahead = "2030-01-01T00:00:00Z";
        assert_eq!(last(Some(ahead), &past(&[(Event::Observed, ahead)])), None);
        assert_eq!(last(Some(NOW), &TenantLedger::default()).unwrap().0, NOW);
    }

    #[test]
    fn older_than_the_settings_allow_or_never_is_stale() {
        let stale = |hours: i64| {
            let at = at(NOW).plus(-Duration::hours(hours));
            is_stale(Some(LastReading { at, witness: Witness::Clone }), self::at(NOW), WITHIN)
        };
        assert!(!stale(0) && !stale(24));
        assert!(stale(25));
        assert!(is_stale(None, at(NOW), WITHIN));
    }
}
