//! Processes that are killed while they append, at whatever point it happens to be.

use std::process::{Command, Stdio};

use super::*;
use crate::store::Ledger;
use crate::store::testing::{draft, named, repository, tenant};
use crate::store::verify;
use applecart_core::model::Event;

/// Tells the test binary that it is the process to be killed, and where it appends.
const VICTIM: &str = "APPLECART_TEST_LEDGER_VICTIM";

/// Not a test by itself: the process that the next test starts and kills.
#[test]
fn victim() {
    let Ok(dir) = std::env::var(VICTIM) else { return };
    let dir = std::path::Path::new(&dir);
    let mut ledger = Ledger::open(dir, "applecart/ledger").unwrap();
    let mut count = ledger.read().unwrap().tenant(tenant(1)).records.len();
    loop {
        ledger.append(&[entry(count)]).unwrap();
        count += 1;
        std::fs::write(dir.join("done.new"), count.to_string()).unwrap();
        std::fs::rename(dir.join("done.new"), dir.join("done")).unwrap();
    }
}

fn entry(count: usize) -> (TenantId, LedgerEntry) {
    named(1, draft(Event::Applied, count as i64, "run-1", None))
}

#[test]
fn a_kill_at_any_point_loses_no_finished_append_and_stops_no_later_one() {
    let dir = repository();
    let victim = concat!(module_path!(), "::victim");
    let victim = victim.strip_prefix("applecart_io::").unwrap();
    for round in 0..20u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([victim, "--exact"])
            .env(VICTIM, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + round * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        let done = std::fs::read_to_string(dir.path().join("done")).unwrap_or_default();
        let done: usize = done.parse().unwrap_or_default();

        let mut ledger = Ledger::open(dir.path(), "applecart/ledger").unwrap();
        let count = ledger.read().unwrap().tenant(tenant(1)).records.len();
        assert!(count >= done, "{done} appends had ended, {count} are left");
        ledger.append(&[entry(count)]).unwrap();
        assert_eq!(verify(&ledger, late()).unwrap().faults, []);
    }
}

/// Later than every line of these tests.
fn late() -> applecart_core::model::Timestamp {
    applecart_core::model::Timestamp::from_unix(4_000_000_000).unwrap()
}
