//! `plan` of a whole simulated fleet: wall time, requests, CPU and memory of one process.
//!
//! ```text
//! cargo bench --bench plan_fleet -- [TENANTS] [LATENCY_MS] [PARALLELISM] [DEVICES]
//! ```
//!
//! With 1 for DEVICES the application may read how many devices there are, and asks for it.
//!
//! The floor is what no program can beat: round trips of one tenant × latency × tenants ÷
//! parallelism.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints figures"
)]

mod fleet;

use fleet::Fleet;

fn main() {
    let [tenants, latency, parallelism, devices] = fleet::numbers([1000, 50, 16, 0]);
    let fleet = Fleet::new(tenants, latency);
    if devices > 0 {
        fleet.permit_counting();
    }
    let run = fleet.run(&["plan", "--format", "json", "--parallelism", &parallelism.to_string()]);
    let plan: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(plan["tenants"].as_array().unwrap().len() as u64, tenants);
    assert_eq!(plan["summary"]["unobserved"], 0);
    assert_eq!(plan["tenants"][0]["tokens"][0]["devices"].is_u64(), devices > 0);

    let count = tenants as f64;
    let counters = fleet.simulator.state().counters();
    let trips = counters.requests as f64 / count;
    let floor = trips * count * latency as f64 / 1000.0 / parallelism as f64;
    let (wall, cpu) = (run.wall.as_secs_f64(), run.cpu.as_secs_f64());
    println!(
        "tenants {tenants}, latency {latency} ms, parallelism {parallelism}, devices {devices}"
    );
    println!("wall                {wall:8.2} s");
    println!("floor               {floor:8.2} s, ratio {:.2}", wall / floor);
    println!(
        "requests/tenant     {trips:8.2} ({} sign-ins, {} batches)",
        counters.sign_ins, counters.batches
    );
    println!("cpu                 {cpu:8.2} s, {:.2} ms/tenant", cpu * 1000.0 / count);
    println!("peak memory         {:8.1} MiB", run.memory);
    println!("output              {:8.1} MiB", run.stdout.len() as f64 / 1_048_576.0);
    fleet.stop();
}
