//! Repositories that somebody made to be in the way: every command ends in bounded time and memory, and what
//! is wrong with one tenant's folder hides no other tenant.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::world::{Run, World, finish, long_program};

/// How long a command may take with any of them, in a build that is not optimised, on a busy machine.
const MOMENT: Duration = Duration::from_secs(120);

/// How much memory of its own it may have, in KiB: an order of magnitude below what the objects take when
/// they are unpacked.
const MEMORY: u32 = 512 * 1024;

/// One commit on the branch, in the words of `git fast-import`.
struct Commit(Vec<u8>);

impl Commit {
    fn new() -> Self {
        let head = "commit refs/heads/main\ncommitter T <t@example.invalid> 1800000000 +0000\ndata 1\nx\nfrom refs/heads/main^0\n";
        Self(head.as_bytes().to_vec())
    }

    fn file(self, path: &[u8], content: &[u8]) -> Self {
        self.entry("100644", path, content)
    }

    fn entry(mut self, mode: &str, path: &[u8], content: &[u8]) -> Self {
        self.0.extend(format!("M {mode} inline ").bytes());
        self.0.extend(quoted(path));
        self.0.extend(format!("\ndata {}\n", content.len()).bytes());
        self.0.extend_from_slice(content);
        self.0.push(b'\n');
        self
    }

    fn submodule(mut self, path: &[u8]) -> Self {
        self.0.extend(format!("M 160000 {} ", "1".repeat(40)).bytes());
        self.0.extend(quoted(path));
        self.0.push(b'\n');
        self
    }

    fn into(self, world: &World) {
        let mut git = Command::new("git");
        git.current_dir(world.repo()).args(["fast-import", "--quiet", "--force"]);
        let mut git = git.stdin(Stdio::piped()).spawn().unwrap();
        git.stdin.take().unwrap().write_all(&self.0).unwrap();
        assert!(git.wait().unwrap().success());
    }
}

/// A path as `git fast-import` takes any bytes.
fn quoted(path: &[u8]) -> Vec<u8> {
    let mut text = vec![b'"'];
    for byte in path {
        text.extend(format!("\\{byte:03o}").bytes());
    }
    text.push(b'"');
    text
}

fn hostile(name: &str) -> Commit {
    const MIB: usize = 1024 * 1024;
    let contoso = b"tenants/contoso/";
    let within = |rest: &[u8]| [contoso, rest].concat();
    let commit = Commit::new();
    match name {
        "a tree of 3,000 levels" => {
            let path = within(&[b"a/".repeat(3_000), b"tenant.yaml".to_vec()].concat());
            commit
                .file(&path, b"x")
                .file(&[b"tenants/".repeat(3_000), b"x".to_vec()].concat(), b"x")
        }
        "10,000 files in a tenant's folder" => (0..10_000).fold(commit, |commit, number| {
            commit.file(&within(format!("{number}.age").as_bytes()), b"x")
        }),
        "10,000 folders without a tenant file" => (0..10_000).fold(commit, |commit, number| {
            commit.file(format!("tenants/t{number}/notes.txt").as_bytes(), b"x")
        }),
        "settings, a tenant file and a token file of 64 MiB each" => {
            let aliases = b"a: &a [*a, *a, *a]\n".repeat(64 * MIB / 19);
            commit
                .file(&within(b"tenant.yaml"), &aliases)
                .file(&within(b"push.pem.age"), &vec![b'a'; 64 * MIB])
                .file(b"tenants/contoso/readme.md", &vec![0; 64 * MIB])
        }
        "links in circles" => commit
            .entry("120000", &within(b"tenant.yaml"), b"tenant.yaml")
            .entry("120000", &within(b"push.pem.age"), b"/dev/zero")
            .entry("120000", b"tenants/circle", b"../tenants")
            .entry("120000", b"tenants/up", b"../../../../../../../../"),
        "submodules" => commit.submodule(b"tenants/module").submodule(&within(b"push.pem.age")),
        "odd names" => {
            let long = vec![b'n'; 4_000];
            let names: [&[u8]; 10] = [
                b"\xff\xfe\x80",
                b"\x1b[2J\x1b]0;x\x07",
                b"line\nbreak",
                b"::error::x",
                b"CON",
                b"con",
                b"-rf",
                b"$(touch x)",
                "\u{202e}gpj".as_bytes(),
                &long,
            ];
            names.into_iter().fold(commit, |commit, name| {
                let folder = [b"tenants/", name, b"/tenant.yaml"].concat();
                commit.file(&folder, b"kind: Tenant\n").file(&within(name), b"x")
            })
        }
        other => panic!("{other}"),
    }
}

/// The program with so much memory of its own and no more.
fn bounded(world: &World, arguments: &[&str]) -> Run {
    let inner = long_program(&world.command(arguments));
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -d {MEMORY}; exec \"$0\" \"$@\"")]);
    command.arg(inner.get_program()).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(inner.get_current_dir().unwrap());
    let begun = Instant::now();
    let output = command.output().unwrap();
    let elapsed = begun.elapsed();
    let run = Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("what is shown is text"),
        stderr: String::from_utf8(output.stderr).expect("what is shown is text"),
    };
    assert!(elapsed < MOMENT, "{arguments:?}: {elapsed:?}");
    let known = [0, 1, 2, 3, 4, 5, 7, 9, 64, 78];
    assert!(known.contains(&run.code), "{arguments:?}: {} {}", run.code, run.stderr);
    assert!(!run.stderr.contains("panicked"), "{arguments:?}: {}", run.stderr);
    for shown in [&run.stdout, &run.stderr] {
        // As many mistakes as there may be, and no name that steers a terminal.
        assert!(shown.len() < 16 * 1024 * 1024, "{arguments:?}: {} bytes", shown.len());
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{arguments:?}");
    }
    run
}

fn is_bounded(name: &str) {
    let world = World::new();
    world.renewal("fabrikam");
    world.renewal("contoso");
    hostile(name).into(&world);
    for arguments in [
        &["validate"][..],
        &["validate", "--format", "sarif"],
        &["status"],
        &["status", "--offline"],
        &["history"],
        &["history", "contoso"],
        &["audit"],
        &["doctor"],
        &["reseal", "--dry-run"],
    ] {
        let begun = Instant::now();
        let run = bounded(&world, arguments);
        println!("{name}: {arguments:?} {} after {:?}", run.code, begun.elapsed());
    }
    let plan = bounded(&world, &["plan", "--format", "json"]).json();
    let tenants = plan["tenants"].as_array().unwrap();
    let other = tenants.iter().find(|tenant| tenant["name"] == "fabrikam").unwrap();
    assert_eq!(other["tokens"][0]["action"], "upload", "{name}: {other}");
    bounded(&world, &["apply", "--yes"]);
    assert_eq!(world.uploads("fabrikam"), 1, "{name}");
}

#[test]
fn a_hostile_repository_costs_bounded_time_and_memory_and_hides_no_other_tenant() {
    std::thread::scope(|scope| {
        for names in [
            &["a tree of 3,000 levels", "10,000 files in a tenant's folder"][..],
            &["submodules", "links in circles", "odd names"],
        ] {
            scope.spawn(move || names.iter().for_each(|name| is_bounded(name)));
        }
    });
}

#[test]
#[ignore = "a minute; see docs/reliability.md"]
fn a_large_hostile_repository_costs_bounded_time_and_memory_and_hides_no_other_tenant() {
    is_bounded("10,000 folders without a tenant file");
    is_bounded("settings, a tenant file and a token file of 64 MiB each");
}

/// What a worktree can hold and no commit.
#[test]
fn a_hostile_worktree_is_read_in_bounded_time() {
    let world = World::new();
    world.renewal("fabrikam");
    let fifo = |path: &Path| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let tenants = world.repo().join("tenants");
    fifo(&tenants.join("pipe/tenant.yaml"));
    fifo(&tenants.join("fabrikam/abm.p7m.age"));
    fifo(&tenants.join("pipe.yaml"));
    std::os::unix::fs::symlink(&tenants, tenants.join("circle")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", tenants.join("zero")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tenants.join("socket"));
    // Nearly as deep as a path may be long.
    let deeper = "mkdir deep && cd deep && for i in $(seq 150); do mkdir 12345678901234567890 && cd 12345678901234567890 || exit; done";
    let made = Command::new("sh").args(["-c", deeper]).current_dir(&tenants).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    for arguments in [&["validate", "--worktree"][..], &["plan", "--worktree"], &["status"]] {
        let begun = Instant::now();
        let run = finish({
            let mut command = Command::new("timeout");
            let inner = long_program(&world.command(arguments));
            command.arg("120").arg(inner.get_program()).args(inner.get_args()).env_clear();
            command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.current_dir(world.repo());
            command
        });
        assert_ne!(run.code, 124, "{arguments:?} hangs");
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        assert!(begun.elapsed() < MOMENT, "{arguments:?}: {:?}", begun.elapsed());
    }
}
