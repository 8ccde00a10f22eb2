//! What it costs that reading proves: the ledger's commits, and what the base's history binds.
//!
//! ```text
//! cargo bench --bench proofs_fleet -- [TENANTS] [COMMITS] [LEDGER_COMMITS] [ROUNDS]
//! ```
//!
//! *Cold* is a clone that has checked nothing yet, *again* one that has, *next* one that lacks a single
//! commit. The ledger's figures are of `ledger show`, which reads all of it, the bindings' of `status`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints figures"
)]

mod long;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use applecart_core::ledger::testing::body;
use applecart_core::ledger::{Tail, extend};
use applecart_core::model::{Actor, Author, Event, LedgerEntry, Timestamp, TokenRef};
use long::{FastImport, PROGRAM, Timed, digest, git, import, load, names, policy, timed};

const EVENTS: [Event; 3] = [Event::Intended, Event::Applied, Event::Confirmed];

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|one| one.parse().ok()).collect();
    let number = |place: usize, default| numbers.get(place).copied().unwrap_or(default);
    let (tenants, commits) = (number(0, 2_000), number(1, 50_000));
    let (lines, rounds) = (number(2, 10_000), number(3, 3));
    let folder = tempfile::tempdir().unwrap();
    let repo = folder.path().join("fleet");
    git(folder.path(), &["init", "--quiet", "--initial-branch=main", "fleet"]);
    import(&repo, tenants, 0, commits);
    let (name, _) = names(tenants / 2);
    let status = ["status", "--offline", "--select", &name, "--format", "json"];
    let show = ["ledger", "show", &name, "--offline", "--format", "json"];

    println!("{tenants} tenants, {commits} commits, load {}", load());
    for round in 0..rounds {
        let _ = std::fs::remove_dir_all(repo.join(".git/applecart"));
        told("bindings, cold", &timed(&repo, PROGRAM, &status));
        told("bindings, again", &timed(&repo, PROGRAM, &status));
        import(&repo, tenants, commits + round, 1);
        told("bindings, next", &timed(&repo, PROGRAM, &status));
    }

    record(&repo, tenants, lines);
    println!("a ledger of {lines} commits, load {}", load());
    for _ in 0..rounds {
        let _ = std::fs::remove_dir_all(repo.join(".git/refs/applecart"));
        told("ledger, cold", &timed(&repo, PROGRAM, &show));
        told("ledger, again", &timed(&repo, PROGRAM, &show));
    }
    told("all of it, again", &timed(&repo, PROGRAM, &status));
    told("all of it, again", &timed(&repo, PROGRAM, &status));
}

fn told(what: &str, one: &Timed) {
    println!(
        "{what}: {:.3} s CPU, {:.3} s, {:.1} MiB (its largest child {:.1} MiB)",
        one.cpu.as_secs_f64(),
        one.wall.as_secs_f64(),
        one.own,
        one.child
    );
}

/// A ledger in which each commit adds one line to one tenant's file, with the first of them as the
/// genesis that the policy names.
fn record(repo: &Path, tenants: u64, lines: u64) {
    let mut out = FastImport::into(repo);
    let actor = Actor { user: Some("dana".into()), host: None, pipeline: None };
    let author = Author { run: "run-0".into(), clone: "clone".into(), actor };
    let mut files: BTreeMap<u64, (Tail, Vec<u8>)> = BTreeMap::new();
    for number in 0..lines {
        let tenant = number % tenants;
        let (name, id) = names(tenant);
        let (tail, text) = files.entry(tenant).or_insert((Tail::EMPTY, Vec::new()));
        let at = Timestamp::from_unix(1_600_000_600 + i64::try_from(number).unwrap() * 60).unwrap();
        let event = EVENTS[usize::try_from(number / tenants).unwrap() % EVENTS.len()];
        let body = body(event, at, Some(digest(tenant, 0).parse().unwrap()));
        let entry = LedgerEntry::new(at, name.parse().unwrap(), TokenRef::push(), &author, body);
        let more = extend(*tail, [entry]).unwrap();
        text.extend_from_slice(&more.bytes);
        *tail = more.tail;
        let when = at.date_time().timestamp();
        writeln!(
            out,
            "commit refs/heads/applecart/ledger\ncommitter Dana <dana@example.invalid> {when} +0000\ndata 6\nrecord\nM 100644 inline tenants/{id}.jsonl\ndata {}",
            text.len()
        )
        .unwrap();
        out.write_all(text).unwrap();
        out.write_all(b"\n").unwrap();
    }
    out.finish();
    let genesis = Command::new("git")
        .args(["rev-list", "--max-parents=0", "applecart/ledger"])
        .current_dir(repo)
        .output()
        .unwrap();
    let genesis = String::from_utf8(genesis.stdout).unwrap();
    policy(repo, &format!("ledger: {{genesis: {}}}\n", genesis.trim()));
}
