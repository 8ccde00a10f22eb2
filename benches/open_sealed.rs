//! Opens 30,000 sealed files of each form and says what that takes; then a few with the real
//! programs, where they are installed. Run it with `benches/open-sealed.sh`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and prints; when it cannot run it stops"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use age::secrecy::ExposeSecret as _;
use applecart_io::vault::{Identities, KeySource, Secret, open, seal};

/// How large a token file is.
const CONTENT: usize = 3 * 1024;

struct Keys {
    identities: Identities,
    secret: String,
    recipient: String,
}

fn keys() -> Keys {
    let identity = age::x25519::Identity::generate();
    let secret = identity.to_string().expose_secret().to_owned();
    let mut identities = Identities::default();
    identities.add(&KeySource::Value("bench"), secret.as_bytes(), &|_| None).unwrap();
    Keys { identities, secret, recipient: identity.to_public().to_string() }
}

fn main() {
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(30_000);
    let keys = keys();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key.txt"), &keys.secret).unwrap();
    let content: Vec<u8> = (0..CONTENT).map(|number| (number % 251) as u8).collect();
    std::fs::write(folder.path().join("token"), &content).unwrap();

    let recipient = std::slice::from_ref(&keys.recipient);
    let armored = seal(&Secret::new(content.clone()), recipient).unwrap();
    let public: age::x25519::Recipient = keys.recipient.parse().unwrap();
    let binary = age::encrypt(&public, &content).unwrap();
    let mut twenty: Vec<String> = (0..19).map(|_| self::keys().recipient).collect();
    twenty.push(keys.recipient.clone());
    let twenty = seal(&Secret::new(content.clone()), &twenty).unwrap();
    let largest = seal(&Secret::new(vec![7; 1024 * 1024]), recipient).unwrap();
    let sops = program("sops", "APPLECART_SOPS");
    let by_sops = sops.as_deref().map(|sops| {
        let arguments = ["encrypt", "--age", &keys.recipient, "--input-type", "binary", "token"];
        Command::new(sops).current_dir(folder.path()).args(arguments).output().unwrap().stdout
    });

    println!("{count} files of {CONTENT} bytes, one after another, one thread");
    measure("age, armored", &armored, &keys, count);
    measure("age, binary", &binary, &keys, count);
    measure("age, 20 recipients, ours last", &twenty, &keys, count / 10);
    match &by_sops {
        Some(file) => measure("SOPS, binary store", file, &keys, count),
        None => println!("SOPS: not measured, sops is not installed"),
    }
    measure("age, 1 MiB, the largest there is", &largest, &keys, count / 100);
    worst(&keys);

    println!("\nthe real programs, one process a file");
    std::fs::write(folder.path().join("sealed.age"), &armored).unwrap();
    match program("age", "APPLECART_AGE") {
        Some(age) => {
            process("age -d", &age, &["-d", "-i", "key.txt", "sealed.age"], &keys, folder.path())
        }
        None => println!("age: not measured, it is not installed"),
    }
    if let (Some(sops), Some(file)) = (sops, by_sops) {
        std::fs::write(folder.path().join("sealed"), file).unwrap();
        process("sops decrypt", &sops, &["decrypt", "sealed"], &keys, folder.path());
    }
}

fn measure(what: &str, file: &[u8], keys: &Keys, count: u32) {
    black_box(open(file, &keys.identities).unwrap());
    let before = memory("VmRSS:");
    let started = Instant::now();
    for _ in 0..count {
        black_box(open(black_box(file), &keys.identities).unwrap());
    }
    let took = started.elapsed();
    println!(
        "{what:34} {:>8.1} µs a file, {:>6.2} s for {count}; memory {} KiB before, {} KiB after, {} KiB at most so far",
        micros(took / count),
        took.as_secs_f64(),
        before,
        memory("VmRSS:"),
        memory("VmHWM:")
    );
}

/// The header that costs age's parser most of those that the limits let through.
fn worst(keys: &Keys) {
    let line = format!("{}\n", "A".repeat(64));
    let stanza = format!("-> x\n{}AAAA\n", line.repeat(14));
    let header = format!("age-encryption.org/v1\n{}--- {}\n", stanza.repeat(64), "A".repeat(43));
    let file = [header.as_bytes(), &[0; 64]].concat();
    let started = Instant::now();
    for _ in 0..10 {
        assert!(open(black_box(&file), &keys.identities).is_err());
    }
    println!(
        "{:34} {:>8.1} µs a file",
        "refused: the costliest header",
        micros(started.elapsed() / 10)
    );
    let stanza = format!("-> X25519 {0}\n{0}\n", "A".repeat(43));
    let header = format!("age-encryption.org/v1\n{}", stanza.repeat(20_000));
    let started = Instant::now();
    for _ in 0..10 {
        assert!(open(black_box(header.as_bytes()), &keys.identities).is_err());
    }
    println!(
        "{:34} {:>8.1} µs a file",
        "refused: 20,000 recipients",
        micros(started.elapsed() / 10)
    );
}

fn process(what: &str, program: &Path, arguments: &[&str], keys: &Keys, folder: &Path) {
    let count = 100;
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program)
            .current_dir(folder)
            .env("SOPS_AGE_KEY", &keys.secret)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    };
    run(program, arguments);
    let started = Instant::now();
    for _ in 0..count {
        run(program, arguments);
    }
    let took = started.elapsed();
    let time = Path::new("/usr/bin/time");
    let peak = if time.is_file() {
        let arguments = [&["-f", "%M", program.to_str().unwrap()], arguments].concat();
        let output = run(time, &arguments);
        format!("{} KiB", String::from_utf8_lossy(&output.stderr).trim())
    } else {
        "not measured (no /usr/bin/time)".to_owned()
    };
    println!("{what:34} {:>8.1} µs a file; memory {peak} a process", micros(took / count));
}

fn program(name: &str, variable: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).map(|folder| folder.join(name)).collect::<Vec<_>>();
    named.into_iter().chain(folders).find(|file| file.is_file())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A line of Linux's account of this process, in KiB; 0 elsewhere.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|text| text.strip_prefix(line));
    line.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
