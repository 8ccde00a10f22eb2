//! One process per tenant, as a pipeline's matrix runs them: `plan` of one tenant from start to
//! exit, again and again.
//!
//! ```text
//! cargo bench --bench one_tenant -- [RUNS] [LATENCY_MS]
//! ```
#![allow(clippy::print_stdout, reason = "a benchmark prints figures")]

mod fleet;

use fleet::{Fleet, Run};

fn main() {
    let [runs, latency] = fleet::numbers([100, 50]);
    let fleet = Fleet::new(1, latency);
    let runs: Vec<Run> = (0..runs.max(1)).map(|_| fleet.run(&["plan"])).collect();
    let mut walls: Vec<f64> = runs.iter().map(|run| run.wall.as_secs_f64() * 1000.0).collect();
    walls.sort_by(f64::total_cmp);
    let at = |share: usize| walls[(walls.len() - 1) * share / 100];
    let cpu: f64 = runs.iter().map(|run| run.cpu.as_secs_f64()).sum::<f64>();
    let memory = runs.iter().map(|run| run.memory).fold(0.0, f64::max);
    println!("{} runs, latency {latency} ms, so {} ms of waiting", walls.len(), 2 * latency);
    println!(
        "start to exit       median {:.0} ms, 95 % {:.0} ms, worst {:.0} ms",
        at(50),
        at(95),
        at(100)
    );
    println!(
        "cpu                 {:8.1} ms (measured in steps of 10)",
        cpu * 1000.0 / walls.len() as f64
    );
    println!("peak memory         {memory:8.1} MiB");
    fleet.stop();
}
