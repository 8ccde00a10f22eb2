//! `audit` of a whole repository with a long ledger, per 1,000 blobs.
//!
//! ```text
//! cargo bench --bench audit_fleet -- [TENANTS] [COMMITS] [ROUNDS]
//! ```
//!
//! The fleet has a ledger of five entries a tenant, each sending traced to the first commit. `git`
//! beside it reads the same objects once, as a floor: `git cat-file --batch` of every object.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints figures"
)]

mod long;

use std::path::Path;
use std::process::Command;

use applecart_core::ledger::testing::body;
use applecart_core::model::{Actor, Author, Event, LedgerEntry, TenantId, Timestamp, TokenRef};
use applecart_io::store::Ledger;
use long::{PROGRAM, digest, git, import, load, names, timed};

const EVENTS: [Event; 5] =
    [Event::Intended, Event::Applied, Event::Confirmed, Event::Adopted, Event::Acknowledged];

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|one| one.parse().ok()).collect();
    let number = |place: usize, default| numbers.get(place).copied().unwrap_or(default);
    let (tenants, commits, rounds) = (number(0, 2_000), number(1, 50_000), number(2, 3));
    let folder = tempfile::tempdir().unwrap();
    let repo = folder.path().join("fleet");
    git(folder.path(), &["init", "--quiet", "--initial-branch=main", "fleet"]);
    import(&repo, tenants, 0, commits);
    record(&repo, tenants);
    println!("tenants {tenants}, commits {commits}, load {}", load());

    for _ in 0..rounds {
        let cat = ["cat-file", "--batch", "--batch-all-objects", "--unordered", "--buffer"];
        let floor = timed(&repo, "git", &cat);
        let audit = timed(&repo, PROGRAM, &["audit", "--offline", "--format", "json"]);
        let found: serde_json::Value = serde_json::from_slice(&audit.stdout).unwrap();
        let blobs = found["objects"]["blobs"].as_u64().unwrap();
        let wall = audit.wall.as_secs_f64();
        println!(
            "{blobs} blobs, {} ledger entries, {} uploads, {} findings: {wall:.2} s, {:.1} ms a 1,000 blobs, {:.1} MiB · git cat-file {:.2} s, {:.1} MiB · load {}",
            found["ledger"]["entries"],
            found["uploads"],
            found["summary"]["findings"],
            wall * 1e6 / f64::from(u32::try_from(blobs).unwrap()),
            audit.own,
            floor.wall.as_secs_f64(),
            floor.own,
            load()
        );
    }
}

/// A life of each tenant's first certificate.
fn record(repo: &Path, tenants: u64) {
    let first = Command::new("git")
        .args(["rev-list", "--max-parents=0", "main"])
        .current_dir(repo)
        .output()
        .unwrap();
    let rev = String::from_utf8(first.stdout).unwrap().trim().to_owned();
    let actor = Actor { user: Some("dana".into()), host: None, pipeline: None };
    let author = Author { run: "run-0".into(), clone: "clone".into(), actor };
    let drafts: Vec<(TenantId, LedgerEntry)> = (0..tenants)
        .flat_map(|tenant| EVENTS.map(|event| (tenant, event)))
        .map(|(tenant, event)| {
            let (name, id) = names(tenant);
            let at = Timestamp::from_unix(1_600_000_600).unwrap();
            let body = body(event, at, Some(digest(tenant, 0).parse().unwrap()));
            let entry =
                LedgerEntry::new(at, name.parse().unwrap(), TokenRef::push(), &author, body);
            let entry = LedgerEntry { rev: Some(rev.clone()), ..entry.planned("sha256:1") };
            (id.parse().unwrap(), entry)
        })
        .collect();
    Ledger::open(repo, "applecart/ledger").unwrap().append(&drafts).unwrap();
}
