//! Inputs made to break a parser: mutated files of the corpus, at every layer, by the million.

use std::time::Instant;

use applecart_core::apple::{Request, Verdict, classify, inspect};
use applecart_core::sealed;

use super::maker::base64;
use super::{Case, corpus, now};
use crate::world::project;

/// The parsers that cargo-fuzz drives, too, which asks for them by their names.
#[expect(dead_code, unreachable_pub, reason = "it is a crate of its own there")]
#[path = "../../../fuzz/src/lib.rs"]
mod parsers;

/// xorshift64*: repeatable, and enough for choosing what to break.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        // Half of them such as mean something in BER, base64, JSON or mail.
        const TELLING: &[u8] =
            b"\x00\x01\x02\x04\x06\x30\x31\x7F\x80\x81\x82\x84\xA0\xA1\xFF{}\"\\:,=-+/\r\n <";
        if self.next() & 1 == 0 {
            TELLING[self.below(TELLING.len())]
        } else {
            self.next().to_le_bytes()[7]
        }
    }
}

/// Breaks a file in one to four places.
fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(file.len());
        match random.below(8) {
            0..=2 => {
                if let Some(place) = file.get_mut(at) {
                    *place = random.byte();
                }
            }
            3 => {
                if let Some(place) = file.get_mut(at) {
                    *place ^= 1 << random.below(8);
                }
            }
            4 => file.insert(at, random.byte()),
            5 => file.truncate(at),
            6 => {
                let end = (at + random.below(64)).min(file.len());
                file.drain(at..end);
            }
            _ => {
                let end = (at + random.below(64)).min(file.len());
                let part = file[at..end].to_vec();
                for _ in 0..random.below(4) {
                    file.splice(at..at, part.iter().copied());
                }
            }
        }
    }
}

/// The structure inside a file, where breaking it goes past the outer layers.
fn cores(cases: &[Case], prefix: &str) -> Vec<Vec<u8>> {
    let chosen =
        cases.iter().filter(|case| case.name.starts_with(prefix) && case.bytes.len() < 8000);
    chosen.map(|case| case.bytes.clone()).collect()
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.map_or_else(|| "unknown".to_owned(), |line| line.replace('\t', " "))
}

/// Breaks files of one kind and reads each with the parser of that kind.
fn run((name, read): parsers::Parser, files: &[Vec<u8>], count: usize) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let started = Instant::now();
    let (mut usable, mut slowest) = (0, std::time::Duration::ZERO);
    assert!(!files.is_empty(), "{name} has nothing to be broken");
    for _ in 0..count {
        let mut file = files[random.below(files.len())].clone();
        mutate(&mut file, &mut random);
        if random.below(4) == 0 {
            file = base64(&file).into_bytes();
        }
        let before = Instant::now();
        usable += usize::from(read(&file));
        slowest = slowest.max(before.elapsed());
    }
    println!(
        "{name}: {count} inputs, {usable} of them usable, {:?}, slowest {slowest:?}, {}",
        started.elapsed(),
        peak_memory()
    );
}

/// What is broken for a parser: its files in `fuzz/corpus`, and for token files those that OpenSSL makes.
fn files(name: &str, cases: &[Case]) -> Vec<Vec<u8>> {
    let folder = project().join("fuzz/corpus").join(name);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> =
        entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    match name {
        "push" | "enrollment" => files.extend(cores(cases, name)),
        "classify" => files.extend(cores(cases, "")),
        "vpp" => {
            // A VPP token's structure is its JSON, so that is what is broken.
            let tokens = cores(cases, name);
            let engine = &base64::engine::general_purpose::STANDARD;
            let json = tokens.iter().filter_map(|text| base64::Engine::decode(engine, text).ok());
            files.extend(json.collect::<Vec<_>>());
            files.extend(tokens);
        }
        _ => {}
    }
    files.sort();
    files
}

/// Reads so many broken files with each parser; APPLECART_HOSTILE names those that are meant.
fn every_parser(count: usize) {
    let made = corpus();
    let cases = made.as_ref().map_or(&[][..], |(_folder, cases)| cases);
    let only = std::env::var("APPLECART_HOSTILE").ok();
    let is_meant = |name: &str| only.as_ref().is_none_or(|only| only.split(',').any(|n| n == name));
    for parser in parsers::PARSERS.into_iter().filter(|(name, _)| is_meant(name)) {
        run(parser, &files(parser.0, cases), count);
    }
}

#[test]
fn whole_files_of_the_corpus_are_usable() {
    for (name, read) in parsers::PARSERS {
        // A list that Apple signed is over within days.
        let usable = files(name, &[]).iter().filter(|file| read(file)).count();
        assert_eq!(usable > 0, name != "revoked", "{name}");
    }
}

#[test]
fn hostile_inputs_end_in_a_verdict() {
    every_parser(200);
}

/// `cargo test --release --test integration a_million -- --ignored --nocapture`
#[test]
#[ignore = "minutes; see docs/reliability.md"]
fn a_million_hostile_inputs_per_parser_end_in_a_verdict() {
    every_parser(1_000_000);
}

/// Files of the largest size that cost most: each ends, without a limit of time but with limits
/// on depth and work that the unit tests count.
#[test]
fn hostile_files_of_the_largest_size_end_in_a_verdict() {
    let fill = |piece: &[u8]| piece.repeat(1024 * 1024 / piece.len());
    let token = base64(br#"{"token":"x"}"#);
    let files = [
        fill(&[0x30, 0x80]),
        fill(&[0x24, 0x80]),
        fill(&[0x30, 0x84, 0, 0x0F, 0xFF, 0xF0]),
        fill(b"-----BEGIN CERTIFICATE-----\n"),
        fill(b"-----BEGIN "),
        fill(b"-----BEGIN A-----\n-----END A-----\n"),
        fill(b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
        fill(b"Content-Type: application/pkcs7-mime\n"),
        fill(b"Content-Type: application/pkcs7-mime\n\n"),
        fill(b"Content-Type:\n application/pkcs7-mime\n x\n"),
        fill(b"=A"),
        fill(b"eyJ="),
        fill(format!("{token}\n").as_bytes()),
        fill(token.as_bytes()),
        fill(b"{\"token\":"),
        [b"{\"token\":\"x\",\"expDate\":".to_vec(), fill(b"[")].concat()[..1024 * 1024].to_vec(),
        fill(b"\x00A"),
        fill(b"\\n-----BEGIN A-----"),
        fill(b"_Token_"),
        fill(b"<"),
        fill("\u{202e}".as_bytes()),
    ];
    for file in files {
        let name = String::from_utf8_lossy(&file[..20]).into_owned();
        for bytes in [file.clone(), base64(&file[..700_000]).into_bytes()] {
            let inspection = inspect(&Request {
                bytes: &bytes,
                file_name: Some(&name.repeat(1000)),
                kind: None,
                live: None,
                now: now(),
                renew_before: chrono::Duration::days(45),
            });
            assert_eq!(inspection.verdict, Verdict::Refuse, "{name:?}");
            assert!(inspection.findings.len() < 8, "{name:?}");
            assert!(!classify(&bytes).is_sealed(), "{name:?}");
        }
    }
}

/// Far more than any of them takes, and far less than a cost that grows with the square of the size.
#[test]
fn hostile_files_are_classified_in_bounded_time() {
    let cases: [(&[u8], &[u8]); 8] = [
        (b"age-encryption.org/v1\n", b"-> X25519 a\n"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"AAAA\n"),
        (b"", b"<<<<<<< a\n"),
        (b"{\"sops\":", b"["),
        (b"{\"data\":\"ENC[AES256_GCM,", b"ENC[AES256_GCM,"),
        (b"version https://git-lfs.github.com/spec/", b"\noid sha256:"),
        (b"\xFF\xFE", b"<\0"),
        (b"From: a\nTo: b\nSubject: c\n\n", b"MIIAAAAAAAAAAAAAAAAAAAAAAAAA\n\n"),
    ];
    for (head, piece) in cases {
        let mut file = head.to_vec();
        file.extend(piece.repeat(sealed::MAX_SEALED / piece.len()));
        file.truncate(sealed::MAX_SEALED);
        let started = Instant::now();
        let words = classify(&file).words();
        let elapsed = started.elapsed();
        assert!(elapsed < std::time::Duration::from_secs(30), "{words:?}: {elapsed:?}");
    }
}
