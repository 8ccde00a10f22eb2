//! What the benchmarks of long histories share: a repository of many commits, and one run of a
//! program with its time and memory.
//!
//! The repository is made by `git fast-import`: every tenant with a tenant file and two sealed
//! files, each commit an edit of one tenant, half of them with another sealed file, no commit-graph.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "benchmarks run programs; each uses what it needs"
)]

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_applecart");

pub struct Timed {
    pub wall: Duration,
    /// User and system time, with that of what it started; a hundredth of a second at the finest.
    pub cpu: Duration,
    pub stdout: Vec<u8>,
    /// Peak resident memory of the program itself, MiB.
    pub own: f64,
    /// The same of the largest program that it ran.
    pub child: f64,
}

/// Runs a program and watches its memory, and that of what it starts, in `/proc`.
pub fn timed(repo: &Path, program: &str, arguments: &[&str]) -> Timed {
    let (begun, spent) = (Instant::now(), cpu_of_children());
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
    Timed { wall, cpu: cpu_of_children() - spent, stdout: output.stdout, own, child }
}

/// What the processes that this one has waited for have used.
fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    // Of proc_pid_stat(5), the 16th and 17th; the third is the first here.
    let ticks = fields.split_whitespace().skip(13).take(2).map(|one| one.parse::<u64>().unwrap());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// A process's peak memory so far, MiB; `None` when it has ended.
fn peak(id: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

pub fn git(folder: &Path, arguments: &[&str]) {
    let status = Command::new("git").args(arguments).current_dir(folder).status().unwrap();
    assert!(status.success(), "git {arguments:?}");
}

/// `git fast-import`, which takes commits as text and is faster than a commit at a time.
pub struct FastImport(Child, BufWriter<ChildStdin>);

impl FastImport {
    pub fn into(repo: &Path) -> Self {
        let mut child = Command::new("git")
            .args(["fast-import", "--quiet"])
            .current_dir(repo)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        Self(child, BufWriter::new(stdin))
    }

    /// Waits until everything is in the repository.
    pub fn finish(self) {
        let Self(mut child, out) = self;
        out.into_inner().unwrap();
        assert!(child.wait().unwrap().success());
    }
}

impl Write for FastImport {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.1.flush()
    }
}

/// Adds commits `from..from + count`; the first one of all writes every tenant.
pub fn import(repo: &Path, tenants: u64, from: u64, count: u64) {
    let mut out = FastImport::into(repo);
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
            file(&mut out, "applecart.yaml", POLICY.as_bytes());
            for tenant in 0..tenants {
                edit(&mut out, tenant, number, true, &mut random);
                file(&mut out, &format!("tenants/t{tenant:05}/abm.p7m.age"), &random.sealed(600));
            }
        } else {
            let tenant = random.next() % tenants;
            edit(&mut out, tenant, number, number % 2 == 0, &mut random);
        }
    }
    out.finish();
}

const POLICY: &str = "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: 2f6b0000-0000-4000-8000-000000000000\n  credential: client-secret\nrecipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]\n";

/// Commits the settings with these lines at their end.
pub fn policy(repo: &Path, more: &str) {
    let mut out = FastImport::into(repo);
    let head = "commit refs/heads/main\ncommitter Dana <dana@example.invalid> 1700000000 +0000\ndata 8\nSettings\nfrom refs/heads/main^0\n";
    out.write_all(head.as_bytes()).unwrap();
    file(&mut out, "applecart.yaml", format!("{POLICY}{more}").as_bytes());
    out.finish();
}

/// What a tenant's file is called at a commit: no two are the same.
pub fn digest(tenant: u64, number: u64) -> String {
    format!("{:032x}{:032x}", tenant + 1, number + 1)
}

/// The folder and the tenant id of the tenant of that number.
pub fn names(tenant: u64) -> (String, String) {
    (format!("t{tenant:05}"), format!("00000000-0000-4000-8000-{tenant:012}"))
}

fn edit(out: &mut impl Write, tenant: u64, number: u64, renewed: bool, random: &mut Random) {
    let (name, id) = names(tenant);
    let text = format!(
        "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {id}\nwatch: [push]\npush:\n  appleId: mdm{number}@example.invalid\n  topic: com.apple.mgmt.External.{tenant}\n  serial: {:016X}\n  expires: 2030-01-01T00:00:00Z\n  file: push.pem.age\n  sha256: {}\n",
        number + 1,
        digest(tenant, number)
    );
    file(out, &format!("tenants/{name}/tenant.yaml"), text.as_bytes());
    if renewed {
        file(out, &format!("tenants/{name}/push.pem.age"), &random.sealed(1_200));
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

    /// What looks like an age file for one X25519 recipient; nobody opens it.
    fn sealed(&mut self, count: usize) -> Vec<u8> {
        let mut word = || STANDARD_NO_PAD.encode(self.bytes(32));
        let header =
            format!("age-encryption.org/v1\n-> X25519 {}\n{}\n--- {}\n", word(), word(), word());
        [header.into_bytes(), self.bytes(count)].concat()
    }
}
