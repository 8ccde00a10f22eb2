//! Tenants are islands: what one that hangs and twenty that fail, each in its own way, cost the
//! others.
//!
//! ```text
//! cargo bench --bench islands -- [TENANTS] [LATENCY_MS] [PARALLELISM]
//! ```
//!
//! `plan` of the whole fleet, once with all tenants well and once with 21 of them in trouble. What
//! is compared is how long it takes until the other tenants have been read, by the simulator's
//! journal. The run in trouble is ended then: the rest of it would be the patience with the one
//! tenant that hangs, which is 5 minutes.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints figures"
)]

mod fleet;

use std::collections::HashSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use applecart_simulator::TenantId;
use applecart_simulator::{Fault, FaultRule, LoggedRequest, RetryAfter};
use fleet::Fleet;

/// How long the others may take before the benchmark gives up.
const LIMIT: Duration = Duration::from_secs(280);

fn main() {
    let [tenants, latency, parallelism] = fleet::numbers([200, 50, 16]);
    let fleet = Fleet::new(tenants, latency);
    let troubles = troubles();
    // Spread over the fleet, so that they meet healthy tenants at every moment.
    let step = fleet.tenants.len() / troubles.len();
    assert!(step > 1, "too few tenants");
    let ill: Vec<TenantId> =
        fleet.tenants.iter().copied().step_by(step).take(troubles.len()).collect();
    let others: HashSet<TenantId> =
        fleet.tenants.iter().copied().filter(|tenant| !ill.contains(tenant)).collect();

    println!("tenants {tenants}, latency {latency} ms, parallelism {parallelism}");
    let mut well = Vec::new();
    let mut troubled = Vec::new();
    for _ in 0..5 {
        well.push(until_read(&fleet, &others, parallelism));
        for (tenant, (route, fault)) in ill.iter().zip(&troubles) {
            let rule = FaultRule::always(fault.clone()).for_tenant(*tenant).on(route);
            fleet.simulator.state().add_fault(rule);
        }
        troubled.push(until_read(&fleet, &others, parallelism));
        fleet.simulator.state().clear_faults();
    }
    let (well, troubled) = (median(well), median(troubled));
    println!("all well            {well:8.2} s until {} tenants were read", others.len());
    println!("{} in trouble       {troubled:8.2} s until the same were read", ill.len());
    println!("cost to the others  {:8.1} %", (troubled / well - 1.0) * 100.0);
    fleet.stop();
}

/// One that hangs, and twenty ways to fail.
fn troubles() -> Vec<(&'static str, Fault)> {
    let throttle = |seconds| Fault::Throttle { retry_after: Some(RetryAfter::Seconds(seconds)) };
    let (graph, entra) = ("/beta/*", "/*/oauth2/v2.0/token");
    let push = "/beta/deviceManagement/applePushNotificationCertificate";
    let vpp = "/beta/deviceAppManagement/vppTokens";
    vec![
        (graph, Fault::Hang),
        (graph, Fault::Throttle { retry_after: None }),
        (graph, throttle(2)),
        (graph, throttle(3600)),
        (graph, Fault::status(500)),
        (graph, Fault::status(502)),
        (graph, Fault::status(503)),
        (graph, Fault::status(504)),
        (graph, Fault::status(403)),
        (graph, Fault::Drop),
        (graph, Fault::Reset),
        (graph, Fault::Truncate),
        (graph, Fault::WrongJson),
        (graph, Fault::Html),
        (graph, Fault::ExpireToken),
        (graph, Fault::Redirect { location: "https://example.invalid/".to_owned() }),
        (vpp, Fault::NextLink { to: "loop".to_owned() }),
        (push, Fault::status(503)),
        (entra, Fault::status(503)),
        (entra, throttle(2)),
        (entra, Fault::Reset),
    ]
}

/// Seconds from the start of the program until the last of these tenants had its answer.
fn until_read(fleet: &Fleet, others: &HashSet<TenantId>, parallelism: u64) -> f64 {
    let state = fleet.simulator.state();
    state.clear_journal();
    let begun = state.now();
    let parallelism = parallelism.to_string();
    let mut program = fleet
        .program(&["plan", "--parallelism", &parallelism], false)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let is_answer = |one: &LoggedRequest| {
        one.path.ends_with("/$batch") && one.tenant.is_some_and(|id| others.contains(&id))
    };
    let last = loop {
        std::thread::sleep(Duration::from_millis(100));
        let answers: Vec<LoggedRequest> = state.requests().into_iter().filter(is_answer).collect();
        if answers.len() >= others.len() {
            break answers.iter().map(|one| one.at).max().unwrap();
        }
        assert!(started.elapsed() < LIMIT, "the others were not read");
    };
    // Those in trouble would go on for minutes.
    let _ = program.kill();
    program.wait().unwrap();
    (last - begun).as_seconds_f64()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
