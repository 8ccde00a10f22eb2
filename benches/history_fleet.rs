//! `history` of one token in a large fleet, beside `git log` of its two files, in one run.
//!
//! ```text
//! cargo bench --bench history_fleet -- [TENANTS] [COMMITS] [ROUNDS]
//! ```
//!
//! The repository is made by `git fast-import`: every tenant with a tenant file and two sealed
//! files, each commit an edit of one tenant, half of them with another sealed file, no
//! commit-graph. *Cold* is without an index, *again* with one and nothing new, *new* after 100 more
//! commits. Peak memory is of the program and, for comparison, of the `git` that it runs.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints figures"
)]

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_applecart");

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

struct Timed {
    wall: Duration,
    stdout: Vec<u8>,
    /// Peak resident memory of the program itself, MiB.
    own: f64,
    /// The same of the largest program that it ran.
    child: f64,
}

/// Runs a program and watches its memory, and that of what it starts, in `/proc`.
fn timed(repo: &Path, program: &str, arguments: &[&str]) -> Timed {
    let begun = Instant::now();
    let child = Command::new(program)
        .args(arguments)
        .current_dir(repo)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let watch = std::thread::spawn(move || {
        let (mut own, mut largest) = (0.0_f64, 0.0_f64);
        while let Some(now) = peak(id) {
            own = own.max(now);
            let tasks = format!("/proc/{id}/task");
            for task in std::fs::read_dir(tasks).into_iter().flatten().flatten() {
                let children = std::fs::read_to_string(task.path().join("children"));
                for one in children.unwrap_or_default().split_whitespace() {
                    largest = largest.max(one.parse().ok().and_then(peak).unwrap_or_default());
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        (own, largest)
    });
    let output = child.wait_with_output().unwrap();
    let wall = begun.elapsed();
    assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    let (own, child) = watch.join().unwrap();
    Timed { wall, stdout: output.stdout, own, child }
}

/// A process's peak memory so far, MiB; `None` when it has ended.
fn peak(id: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count()
}

fn entries(json: &[u8]) -> usize {
    let history: serde_json::Value = serde_json::from_slice(json).unwrap();
    history["tokens"][0]["entries"].as_array().unwrap().len()
}

fn git(folder: &Path, arguments: &[&str]) {
    let status = Command::new("git").args(arguments).current_dir(folder).status().unwrap();
    assert!(status.success(), "git {arguments:?}");
}

/// Adds commits `from..from + count`; the first one of all writes every tenant.
fn import(repo: &Path, tenants: u64, from: u64, count: u64) {
    let mut child = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(repo)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufWriter::new(child.stdin.take().unwrap());
    let mut random = Random(from + 1);
    for number in from..from + count {
        let message = format!("Edit {number} (#{number})");
        write!(
            out,
            "commit refs/heads/main\ncommitter Dana <dana@example.invalid> {} +0000\ndata {}\n{message}\n",
            1_600_000_000 + number * 600,
            message.len()
        )
        .unwrap();
        if number == from && from > 0 {
            writeln!(out, "from refs/heads/main^0").unwrap();
        }
        if number == 0 {
            let policy = "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: 2f6b0000-0000-4000-8000-000000000000\n  credential: client-secret\n";
            file(&mut out, "applecart.yaml", policy.as_bytes());
            for tenant in 0..tenants {
                edit(&mut out, tenant, number, true, &mut random);
                file(&mut out, &format!("tenants/t{tenant:05}/abm.p7m.age"), &random.bytes(600));
            }
        } else {
            let tenant = random.next() % tenants;
            edit(&mut out, tenant, number, number % 2 == 0, &mut random);
        }
    }
    drop(out);
    assert!(child.wait().unwrap().success());
}

fn edit(out: &mut impl Write, tenant: u64, number: u64, renewed: bool, random: &mut Random) {
    let text = format!(
        "apiVersion: applecart/v1\nkind: Tenant\nname: t{tenant:05}\ntenantId: 00000000-0000-4000-8000-{tenant:012}\nwatch: [push]\npush:\n  appleId: mdm{number}@example.invalid\n  topic: com.apple.mgmt.External.{tenant}\n  serial: {:016X}\n  expires: 2030-01-01T00:00:00Z\n  file: push.pem.age\n  sha256: {:064x}\n",
        number + 1,
        number + 1
    );
    file(out, &format!("tenants/t{tenant:05}/tenant.yaml"), text.as_bytes());
    if renewed {
        file(out, &format!("tenants/t{tenant:05}/push.pem.age"), &random.bytes(1_200));
    }
}

fn file(out: &mut impl Write, path: &str, bytes: &[u8]) {
    writeln!(out, "M 100644 inline {path}\ndata {}", bytes.len()).unwrap();
    out.write_all(bytes).unwrap();
    out.write_all(b"\n").unwrap();
}

/// splitmix64: the same repository every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(count).collect()
    }
}
