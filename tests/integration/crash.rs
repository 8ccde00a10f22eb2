//! Killing the program at every step of an apply. The next run ends in the right live state with
//! a complete, verifying ledger, and sends nothing twice that had landed.
//!
//! No hook in the program: the points are held open from outside, by a request that hangs in the
//! simulator or by a lock that Git itself respects.

mod lagging;

use std::fs;
use std::path::PathBuf;
use std::process::Child;

use applecart_simulator::{Fault, FaultRule, Issued};

use crate::world::{World, eventually, tenant_id};

struct Crash {
    world: World,
    new: Issued,
}

impl Crash {
    fn new() -> Self {
        let world = World::new();
        let (_, new) = world.renewal("contoso");
        Self { world, new }
    }

    /// Lets a request of this kind hang, the first `after` ones excepted.
    fn hang(&self, method: &str, after: u32, fault: Fault) {
        let rule = FaultRule::always(fault)
            .for_tenant(tenant_id("contoso"))
            .on_method(method)
            .after(after);
        self.world.state().add_fault(rule);
    }

    fn requests(&self, method: &str) -> usize {
        self.world.state().requests().iter().filter(|request| request.method == method).count()
    }

    /// Git's own lock on the ledger's branch: whoever wants to move the branch waits for it.
    fn branch_lock(&self) -> PathBuf {
        self.world.repo().join(".git/refs/heads/applecart/ledger.lock")
    }

    fn lock_branch(&self) {
        let lock = self.branch_lock();
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(lock, "").unwrap();
    }

    fn ledger_lines(&self) -> usize {
        let file = format!("applecart/ledger:tenants/{}.jsonl", tenant_id("contoso"));
        let output = std::process::Command::new("git")
            .current_dir(self.world.repo())
            .args(["show", &file])
            .output()
            .unwrap();
        output.stdout.iter().filter(|&&byte| byte == b'\n').count()
    }

    fn kill(&self, mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
        self.world.state().clear_faults();
        let _ = fs::remove_file(self.branch_lock());
    }

    /// Runs again, and expects this many uploads over both runs and these events.
    #[track_caller]
    fn run_again(&self, uploads: usize, events: &[&str]) {
        self.world.run(&["apply"]).ends_with(0);
        self.world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
        assert_eq!(self.world.live_serial("contoso").as_ref(), Some(&self.new.serial));
        assert_eq!(self.world.uploads("contoso"), uploads, "uploads");
        assert_eq!(self.world.events("contoso"), events);
        self.world.run(&["ledger", "verify"]).ends_with(0);
    }
}

#[test]
fn killed_before_the_intent() {
    let crash = Crash::new();
    crash.lock_branch();
    let child = crash.world.spawn(&["apply"]);
    // The plan's reads are over, and the branch cannot be moved.
    eventually("the tenant was read", || crash.world.state().counters().requests >= 2);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(crash.ledger_lines(), 0);
    crash.kill(child);
    crash.run_again(1, &["intended", "applied", "confirmed"]);
}

#[test]
fn killed_after_the_intent_and_before_the_request() {
    let crash = Crash::new();
    // The plan reads once; the re-check directly before the write is the second read.
    crash.hang("GET", 1, Fault::Hang);
    let child = crash.world.spawn(&["apply"]);
    eventually("the intent is recorded", || crash.ledger_lines() == 1);
    crash.kill(child);
    assert_eq!(crash.requests("PATCH"), 0);
    crash.run_again(1, &["intended", "not-landed", "intended", "applied", "confirmed"]);
}

#[test]
fn killed_during_a_request_that_did_not_land() {
    let crash = Crash::new();
    crash.hang("PATCH", 0, Fault::Hang);
    let child = crash.world.spawn(&["apply"]);
    eventually("the request arrived", || crash.requests("PATCH") == 1);
    crash.kill(child);
    assert_eq!(crash.world.uploads("contoso"), 0);
    crash.run_again(1, &["intended", "not-landed", "intended", "applied", "confirmed"]);
}

#[test]
fn killed_during_a_request_that_landed() {
    let crash = Crash::new();
    crash.hang("PATCH", 0, Fault::DoneThenHang);
    let child = crash.world.spawn(&["apply"]);
    eventually("the upload landed", || crash.world.uploads("contoso") == 1);
    crash.kill(child);
    crash.run_again(1, &["intended", "confirmed"]);
}

#[test]
fn killed_after_the_answer_and_before_the_outcome() {
    let crash = Crash::new();
    crash.hang("GET", 1, Fault::Latency { milliseconds: 1500 });
    let child = crash.world.spawn(&["apply"]);
    eventually("the intent is recorded", || crash.ledger_lines() == 1);
    // From here on the branch cannot be moved: the answer comes, its record does not.
    crash.lock_branch();
    eventually("the upload landed", || crash.world.uploads("contoso") == 1);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(crash.ledger_lines(), 1);
    crash.kill(child);
    crash.run_again(1, &["intended", "confirmed"]);
}

#[test]
fn killed_after_the_outcome_and_before_its_confirmation() {
    let crash = Crash::new();
    // Plan, re-check, then the read back hangs.
    crash.hang("GET", 2, Fault::Hang);
    let child = crash.world.spawn(&["apply"]);
    eventually("the outcome is recorded", || crash.ledger_lines() == 2);
    crash.kill(child);
    crash.run_again(1, &["intended", "applied", "confirmed"]);
}

#[test]
fn a_second_apply_while_one_is_running_sends_nothing() {
    let crash = Crash::new();
    crash.hang("PATCH", 0, Fault::Hang);
    let child = crash.world.spawn(&["apply"]);
    eventually("the request arrived", || crash.requests("PATCH") == 1);
    crash.world.run(&["apply"]).ends_with(6).says("wait until the other apply");
    crash.world.run(&["plan"]).ends_with(0).says("in-progress-elsewhere");
    assert_eq!(crash.requests("PATCH"), 1);
    crash.kill(child);
}

#[test]
fn asked_to_stop_it_records_what_is_under_way_and_ends_with_130() {
    let crash = Crash::new();
    crash.hang("PATCH", 0, Fault::Latency { milliseconds: 1500 });
    let child = crash.world.spawn(&["apply"]);
    eventually("the request arrived", || crash.requests("PATCH") == 1);
    let asked = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(asked.success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("the write under way is being finished"), "{told}");
    assert_eq!(crash.world.uploads("contoso"), 1);
    assert_eq!(crash.world.events("contoso"), ["intended", "applied", "confirmed"]);
}

#[test]
fn asked_to_stop_while_it_still_reads_it_ends_with_130_and_has_announced_nothing() {
    let crash = Crash::new();
    crash.hang("GET", 0, Fault::Hang);
    let child = crash.world.spawn(&["apply"]);
    eventually("the tenant is read", || crash.world.state().counters().requests >= 2);
    let asked = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(asked.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(crash.ledger_lines(), 0);
}
