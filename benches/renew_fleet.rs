//! Renewing one tenant of a large fleet: the sheet with Intune's signing request, then the
//! downloaded certificate to a pushed branch, each a process from start to exit.
//!
//! ```text
//! cargo bench --bench renew_fleet -- [TENANTS] [RENEWALS] [LATENCY_MS]
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prepares repositories and prints figures"
)]

mod fleet;

use std::process::Command;

use fleet::{Fleet, Run};

fn main() {
    let [tenants, renewals, latency] = fleet::numbers([10_000, 10, 0]);
    let fleet = Fleet::new(tenants, latency);
    let remote = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let (remote, out) = (remote.path().to_str().unwrap(), outside.path().to_str().unwrap());
    let git = |arguments: &[&str]| {
        let status =
            Command::new("git").current_dir(fleet.repository()).args(arguments).status().unwrap();
        assert!(status.success());
    };
    git(&["clone", "--quiet", "--bare", ".", remote]);
    git(&["remote", "add", "origin", remote]);
    git(&["config", "user.name", "Bench"]);
    git(&["config", "user.email", "bench@example.invalid"]);

    let (mut sheets, mut branches): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
    let renewals = renewals.clamp(1, tenants);
    for number in 0..renewals {
        let place = usize::try_from(number * (tenants / renewals)).unwrap();
        let name = format!("tenant-{place:05}");
        let token = format!("{name}/push");
        sheets.push(fleet.run(&["renew", &token, "--out", out]));
        let request = outside.path().join(format!("IntuneCSR-{name}.csr"));
        let request = std::fs::read_to_string(request).unwrap();
        let state = fleet.simulator.state();
        let live = state.tenant(fleet.tenants[place]).unwrap();
        let topic = live.apple_push_notification_certificate.unwrap().topic_identifier;
        let pem = fleet.simulator.apple().renew(&request, &topic, state.now()).unwrap().pem;
        let file = outside.path().join("MDM.pem");
        std::fs::write(&file, pem).unwrap();
        let file = file.to_str().unwrap();
        branches.push(fleet.run(&["renew", &token, "--file", file, "--push"]));
    }
    println!("{tenants} tenants, {renewals} renewals, latency {latency} ms");
    show("the sheet, its request recorded and pushed", &sheets);
    show("the file to a pushed branch", &branches);
    fleet.stop();
}

fn show(what: &str, runs: &[Run]) {
    let mut walls: Vec<f64> = runs.iter().map(|run| run.wall.as_secs_f64()).collect();
    walls.sort_by(f64::total_cmp);
    let at = |share: usize| walls[(walls.len() - 1) * share / 100];
    let cpu = runs.iter().map(|run| run.cpu.as_secs_f64()).sum::<f64>() / runs.len() as f64;
    let memory = runs.iter().map(|run| run.memory).fold(0.0, f64::max);
    println!("{what}");
    println!("  start to exit     median {:.2} s, worst {:.2} s", at(50), at(100));
    println!("  cpu               {cpu:8.2} s");
    println!("  peak memory       {memory:8.1} MiB");
}
