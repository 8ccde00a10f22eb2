//! Whole worlds by seed: the real planner, lanes, retry, ledger and locks against the simulator's own
//! router, in virtual time, with everything that can go wrong on the way. Nobody waits, and one seed is
//! the same every time, byte for byte.
//!
//! * How many seeds, `SIMULATION_SEEDS`; from which on, `SIMULATION_FIRST_SEED`; only one, with its whole
//!   journal, `SIMULATION_SEED`.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests build repositories, and fail by panicking"
)]

mod coverage;
mod fleet;
mod ledger;
mod pool;
mod run;
mod script;
mod sight;
mod stories;
mod wire;
mod witness;
mod world;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Instant;

use applecart_simulator::{InProcess, Simulator};

use pool::{ORIGIN, Pool, start};
use script::Script;
use world::Ended;

static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| Arc::new(Pool::new()));

/// So many seeds in an ordinary run of the tests.
const SEEDS: u64 = 100;

/// So many failing seeds are enough to be told of.
const MOST_FAILURES: usize = 12;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn simulator() -> InProcess {
    Simulator::in_process(ORIGIN, start()).unwrap()
}

/// A panic is a broken promise like any other.
fn played(simulator: &InProcess, seed: u64, script: &Script) -> Ended {
    let play = || world::play(&POOL, simulator, seed, script);
    std::panic::catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let broken = vec![format!("a panic: {}", text.unwrap_or_default())];
        Ended { journal: Vec::new(), broken, reached: Default::default() }
    })
}

/// The smallest script that still breaks the promise.
fn shrunk(seed: u64, script: Script) -> (Script, Ended) {
    let (mut least, mut ended) = (script, None);
    loop {
        let smaller = least.smaller().into_iter().find_map(|script| {
            let ended = played(&simulator(), seed, &script);
            (!ended.broken.is_empty()).then_some((script, ended))
        });
        match smaller {
            Some((script, found)) => (least, ended) = (script, Some(found)),
            None => break,
        }
    }
    let ended = ended.unwrap_or_else(|| played(&simulator(), seed, &least));
    (least, ended)
}

fn told(seed: u64) -> String {
    let (least, ended) = shrunk(seed, Script::of(seed));
    format!(
        "seed {seed} breaks a promise. Play it again:\n\n\
         SIMULATION_SEED={seed} cargo test --test simulation -- --nocapture\n\n\
         Its script without all that it does not need:\n{least:#?}\n\n{}\n\n{}\n",
        ended.journal.join("\n"),
        ended.broken.join("\n")
    )
}

#[test]
fn no_seed_breaks_a_promise_and_every_corner_is_reached() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let ended = played(&simulator(), seed, &Script::of(seed));
        println!("{}", ended.journal.join("\n"));
        assert!(ended.broken.is_empty(), "{}", told(seed));
        return;
    }
    let first = number("SIMULATION_FIRST_SEED").unwrap_or(1);
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let (next, since) = (AtomicU64::new(first), Instant::now());
    let reached = Mutex::new(BTreeMap::<String, u64>::new());
    let failed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let simulator = simulator();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || failed.lock().unwrap().len() >= MOST_FAILURES {
                        return;
                    }
                    let ended = played(&simulator, seed, &Script::of(seed));
                    for corner in ended.reached {
                        *reached.lock().unwrap().entry(corner).or_default() += 1;
                    }
                    if !ended.broken.is_empty() {
                        failed.lock().unwrap().push((seed, ended.broken));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    println!("{seeds} seeds in {:?}", since.elapsed());
    for (seed, broken) in &failed {
        println!("seed {seed}: {}", broken.join("; "));
    }
    assert!(
        failed.is_empty(),
        "{}",
        failed.first().map(|(seed, _)| told(*seed)).unwrap_or_default()
    );
    coverage::check(&reached.into_inner().unwrap(), seeds);
}

#[test]
fn one_seed_is_the_same_every_time() {
    for seed in [3, 14, 159] {
        let once = || played(&simulator(), seed, &Script::of(seed)).journal;
        let (first, again) = (once(), once());
        for (first, again) in first.iter().zip(&again) {
            assert_eq!(first, again, "seed {seed}");
        }
        assert_eq!(first.len(), again.len(), "seed {seed}");
    }
}
