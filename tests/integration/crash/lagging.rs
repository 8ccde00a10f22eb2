//! The same for all three kinds, where Intune takes its time to show an upload: an immediate second
//! run sends nothing, a run after the settling time ends in the right state, and no digest is sent
//! again once its first sending became visible.

use std::time::Duration;

use applecart_core::model::{Kind, Timestamp};
use applecart_simulator::{Fault, FaultRule};
use chrono::Utc;

use crate::world::{World, eventually, in_days, tenant_id};

/// How long Intune takes to show an upload: longer than a slow machine needs for two runs, and not
/// so long that its clock may be set behind it (10 minutes of skew stop writes).
const LAG: u32 = 200;

struct Lagging {
    world: World,
    kind: Kind,
}

impl Lagging {
    fn new(kind: Kind) -> Self {
        let world = World::new();
        world.renewal_of("contoso", kind);
        let lagging = Self { world, kind };
        lagging.lag(LAG);
        lagging
    }

    fn lag(&self, seconds: u32) {
        self.world.switch("contoso", |switches| {
            switches.enrollment_lag_seconds = seconds;
            switches.vpp_lag_seconds = seconds;
        });
    }

    /// The request that uploads a file of this kind.
    fn upload(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Push => ("PATCH", "applePushNotificationCertificate"),
            Kind::Enrollment => ("POST", "uploadDepToken"),
            Kind::Vpp => ("PATCH", "vppTokens"),
        }
    }

    fn hang_upload(&self, fault: Fault) {
        let (method, route) = self.upload();
        let rule = FaultRule::always(fault)
            .for_tenant(tenant_id("contoso"))
            .on_method(method)
            .on(&format!("*{route}*"));
        self.world.state().add_fault(rule);
    }

    fn arrived(&self) -> usize {
        let (method, route) = self.upload();
        let requests = self.world.state().requests();
        requests
            .iter()
            .filter(|request| request.method == method && request.path.contains(route))
            .count()
    }

    fn uploads(&self) -> usize {
        self.world.uploads_of("contoso", self.kind)
    }

    /// A run right after the crash: nothing is sent, unless the kind shows at once (push).
    fn run_at_once(&self) {
        let before = self.arrived();
        let run = self.world.run(&["apply"]).ends_with(0);
        if self.kind != Kind::Push {
            assert_eq!(self.arrived(), before, "{}", self.kind);
            run.says("progressing");
        }
    }

    /// Runs when everything settled, and looks at the end. Nobody waits for it: Intune's clock is
    /// set behind the lag, and the run's behind the settling time and every lease.
    fn run_to_the_end(&self, uploads: usize) {
        let after_lag = Utc::now() + chrono::Duration::seconds(i64::from(LAG) + 1);
        self.world.state().set_clock(Some(after_lag));
        self.lag(0);
        let settled = Timestamp::new(Utc::now() + chrono::Duration::minutes(31)).to_string();
        self.world.run(&["apply", "--now", &settled, "--wait", "10s"]).ends_with(0);
        self.world.run(&["plan", "--detailed-exitcode", "--now", &settled]).ends_with(0);
        assert!(self.world.live_until("contoso", self.kind).unwrap() > in_days(300));
        assert_eq!(self.uploads(), uploads, "{}", self.kind);
        assert_eq!(self.world.events("contoso").last().unwrap(), "confirmed", "{}", self.kind);
        self.world.run(&["ledger", "verify", "--now", &settled]).ends_with(0);
        assert_eq!(self.world.state().violations(), []);
    }
}

fn kill(world: &World, mut child: std::process::Child) {
    child.kill().unwrap();
    child.wait().unwrap();
    world.state().clear_faults();
}

fn for_every_kind(test: impl Fn(&Lagging) + Sync) {
    std::thread::scope(|scope| {
        for kind in [Kind::Push, Kind::Enrollment, Kind::Vpp] {
            let test = &test;
            scope.spawn(move || test(&Lagging::new(kind)));
        }
    });
}

#[test]
fn killed_before_the_request_nothing_is_sent_until_the_sending_settled() {
    for_every_kind(|lagging| {
        let world = &lagging.world;
        // Plan, then the re-check hangs. (An enrollment plan also reads the public key.)
        let reads = if lagging.kind == Kind::Enrollment { 2 } else { 1 };
        let rule = FaultRule::always(Fault::Hang)
            .for_tenant(tenant_id("contoso"))
            .on_method("GET")
            .after(reads);
        world.state().add_fault(rule);
        let child = world.spawn(&["apply"]);
        eventually("the intent is recorded", || {
            world.git(&["for-each-ref", "refs/heads/applecart/ledger"]).contains("ledger")
        });
        kill(world, child);
        assert_eq!(lagging.arrived(), 0);
        lagging.run_at_once();
        lagging.run_to_the_end(1);
    });
}

#[test]
fn killed_during_a_request_that_did_not_land() {
    for_every_kind(|lagging| {
        lagging.hang_upload(Fault::Hang);
        let child = lagging.world.spawn(&["apply"]);
        eventually("the request arrived", || lagging.arrived() == 1);
        kill(&lagging.world, child);
        assert_eq!(lagging.uploads(), 0);
        lagging.run_at_once();
        lagging.run_to_the_end(1);
    });
}

#[test]
fn killed_during_a_request_that_landed_and_lags() {
    for_every_kind(|lagging| {
        lagging.hang_upload(Fault::DoneThenHang);
        let child = lagging.world.spawn(&["apply"]);
        eventually("the upload landed", || lagging.uploads() == 1 && lagging.arrived() == 1);
        kill(&lagging.world, child);
        lagging.run_at_once();
        lagging.run_to_the_end(1);
    });
}

#[test]
fn killed_after_the_answer_and_before_its_record() {
    for_every_kind(|lagging| {
        let world = &lagging.world;
        let reads = if lagging.kind == Kind::Enrollment { 2 } else { 1 };
        let rule = FaultRule::always(Fault::Latency { milliseconds: 1500 })
            .for_tenant(tenant_id("contoso"))
            .on_method("GET")
            .after(reads);
        world.state().add_fault(rule);
        let child = world.spawn(&["apply"]);
        let ledger = || world.git(&["for-each-ref", "refs/heads/applecart/ledger"]);
        eventually("the intent is recorded", || ledger().contains("ledger"));
        // From here on the branch cannot be moved: the answer comes, its record does not.
        let tip = ledger();
        let lock = world.repo().join(".git/refs/heads/applecart/ledger.lock");
        std::fs::write(&lock, "").unwrap();
        eventually("the upload landed", || lagging.uploads() == 1);
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(ledger(), tip);
        kill(world, child);
        std::fs::remove_file(lock).unwrap();
        lagging.run_at_once();
        lagging.run_to_the_end(1);
    });
}

#[test]
fn killed_while_it_waits_for_live_to_show_it() {
    for_every_kind(|lagging| {
        let child = lagging.world.spawn(&["apply", "--wait", "60s"]);
        eventually("the upload landed", || lagging.uploads() == 1);
        // The simulator writes its journal after it answered.
        eventually("the upload is in the journal", || lagging.arrived() == 1);
        kill(&lagging.world, child);
        lagging.run_at_once();
        lagging.run_to_the_end(1);
    });
}

#[test]
fn a_lag_that_is_waited_out_is_confirmed_by_the_run_itself() {
    for_every_kind(|lagging| {
        lagging.lag(2);
        lagging.world.run(&["apply", "--wait", "60s"]).ends_with(0).says("uploaded");
        assert_eq!(lagging.world.events("contoso"), ["intended", "applied", "confirmed"]);
        lagging.world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    });
}

#[test]
fn a_lag_that_is_not_waited_out_is_found_and_recorded_by_the_next_run() {
    for_every_kind(|lagging| {
        lagging.world.run(&["apply", "--wait", "1s"]).ends_with(0);
        lagging.run_at_once();
        lagging.run_to_the_end(1);
    });
}
