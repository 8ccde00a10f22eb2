//! `history` of one token in a large fleet, beside `git log` of its two files, in one run.
//!
//! ```text
//! cargo bench --bench history_fleet -- [TENANTS] [COMMITS] [ROUNDS]
//! ```
//!
//! *Cold* is without an index, *again* with one and nothing new, *new* after 100 more
//! commits. Peak memory is of the program and, for comparison, of the `git` that it runs.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints figures"
)]

mod long;

use long::{PROGRAM, Timed, git, import, load, timed};

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|one| one.parse().ok()).collect();
    let number = |place: usize, default| numbers.get(place).copied().unwrap_or(default);
    let (tenants, commits, rounds) = (number(0, 2_000), number(1, 50_000), number(2, 3));
    let folder = tempfile::tempdir().unwrap();
    let repo = folder.path().join("fleet");
    git(folder.path(), &["init", "--quiet", "--initial-branch=main", "fleet"]);
    import(&repo, tenants, 0, commits);
    println!("tenants {tenants}, commits {commits}, load {}", load());

    let name = format!("t{:05}", tenants / 2);
    let index = repo.join(".git/applecart/history");
    let mut ratios = Vec::new();
    for round in 0..rounds {
        let log = timed(
            &repo,
            "git",
            &[
                "log",
                "--format=%H",
                "--",
                &format!("tenants/{name}/tenant.yaml"),
                &format!("tenants/{name}/push.pem.age"),
            ],
        );
        let _ = std::fs::remove_dir_all(&index);
        let ask = ["history", &format!("{name}/push"), "--format", "json"];
        let cold = timed(&repo, PROGRAM, &ask);
        let again = timed(&repo, PROGRAM, &ask);
        assert_eq!(entries(&cold.stdout), lines(&log.stdout), "round {round}");
        assert_eq!(entries(&again.stdout), lines(&log.stdout), "round {round}");
        let ratio = |one: &Timed| one.wall.as_secs_f64() / log.wall.as_secs_f64();
        println!(
            "git log {:6.2} s · cold {:6.2} s, ratio {:.2} · again {:6.3} s, ratio {:.3} · load {}",
            log.wall.as_secs_f64(),
            cold.wall.as_secs_f64(),
            ratio(&cold),
            again.wall.as_secs_f64(),
            ratio(&again),
            load()
        );
        println!(
            "  peak memory: program {:.1} MiB cold (its largest child {:.1} MiB), {:.1} MiB again; git log {:.1} MiB",
            cold.own, cold.child, again.own, log.own
        );
        ratios.push((ratio(&cold), ratio(&again)));
    }
    let whole = timed(&repo, PROGRAM, &["history", "--format", "json"]);
    println!(
        "the whole fleet, index known: {:.2} s, {} KiB of JSON, {:.1} MiB",
        whole.wall.as_secs_f64(),
        whole.stdout.len() / 1024,
        whole.own
    );
    import(&repo, tenants, commits, 100);
    let new = timed(&repo, PROGRAM, &["history", &format!("{name}/push"), "--format", "json"]);
    println!("after 100 more commits {:.3} s", new.wall.as_secs_f64());
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    println!(
        "median ratio: cold {:.2}, again {:.3}",
        median(ratios.iter().map(|one| one.0).collect()),
        median(ratios.iter().map(|one| one.1).collect())
    );
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count()
}

fn entries(json: &[u8]) -> usize {
    let history: serde_json::Value = serde_json::from_slice(json).unwrap();
    history["tokens"][0]["entries"].as_array().unwrap().len()
}
