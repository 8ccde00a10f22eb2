//! A corpus of token files, each with what must be said about it.
//!
//! OpenSSL is the maker of certificates and CMS, so that no file is made by the code that reads
//! it, and the second reader from whom the expected facts come. Nothing in it is secret or real.

#![expect(clippy::print_stdout, reason = "figures, and why a test was skipped, are for people")]

mod enrollment;
mod hostile;
mod maker;
mod push;
mod vpp;

use std::collections::BTreeMap;
use std::path::Path;

use applecart_core::apple::{Inspection, Request, Verdict, inspect};
use applecart_core::model::{Kind, Timestamp};
use serde_json::{Value, json};

use crate::world::finish;
use maker::Maker;

/// One file and the answer to it.
struct Case {
    name: String,
    bytes: Vec<u8>,
    file_name: String,
    kind: Option<Kind>,
    verdict: Verdict,
    /// Codes that must be found; others of the same or less weight may be.
    codes: Vec<&'static str>,
    /// Facts that must be stated.
    facts: Vec<(&'static str, Value)>,
}

impl Case {
    fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let name = name.into();
        Self {
            file_name: "file".into(),
            bytes: bytes.into(),
            kind: None,
            verdict: Verdict::Accept,
            codes: Vec::new(),
            facts: Vec::new(),
            name,
        }
    }

    fn of_kind(self, kind: Kind, verdict: Verdict, codes: &[&'static str]) -> Self {
        Self { kind: Some(kind), verdict, codes: codes.to_vec(), ..self }
    }

    fn of_no_kind(self, code: &'static str) -> Self {
        Self { kind: None, verdict: Verdict::Refuse, codes: vec![code], ..self }
    }

    fn facts(mut self, facts: &[(&'static str, Value)]) -> Self {
        self.facts = facts.to_vec();
        self
    }

    fn named(mut self, file_name: &str) -> Self {
        file_name.clone_into(&mut self.file_name);
        self
    }

    /// What is wrong with the answer.
    fn complaint(&self, inspection: &Inspection) -> Option<String> {
        let json = serde_json::to_value(inspection).unwrap();
        let found: Vec<&str> =
            inspection.findings.iter().map(|finding| finding.code.as_str()).collect();
        let mut wrong = Vec::new();
        if inspection.kind != self.kind {
            wrong.push(format!("kind {:?}, expected {:?}", inspection.kind, self.kind));
        }
        if inspection.verdict != self.verdict {
            wrong.push(format!("verdict {:?}, expected {:?}", inspection.verdict, self.verdict));
        }
        for code in &self.codes {
            if !found.contains(code) {
                wrong.push(format!("lacks {code}"));
            }
        }
        for (name, value) in &self.facts {
            if json["facts"][*name] != *value {
                wrong.push(format!("{name} is {}, openssl says {value}", json["facts"][*name]));
            }
        }
        (!wrong.is_empty())
            .then(|| format!("{}: {} (found {found:?})", self.name, wrong.join("; ")))
    }
}

/// The corpus; `None`, with a word about it, where there is no OpenSSL.
fn corpus() -> Option<(tempfile::TempDir, Vec<Case>)> {
    let folder = tempfile::tempdir().unwrap();
    let Some(maker) = Maker::new(folder.path()) else {
        println!("SKIPPED: this test needs the program openssl 3, which is not on this machine");
        return None;
    };
    let mut cases = push::cases(&maker);
    cases.extend(enrollment::cases(&maker));
    cases.extend(vpp::cases());
    Some((folder, cases))
}

fn now() -> Timestamp {
    Timestamp::new(chrono::Utc::now())
}

#[test]
fn inspect_says_of_every_file_of_the_corpus_what_openssl_says() {
    let Some((_folder, cases)) = corpus() else { return };
    let mut names = BTreeMap::new();
    let mut complaints = Vec::new();
    for case in &cases {
        *names.entry(case.name.clone()).or_insert(0) += 1;
        let inspection = inspect(&Request {
            bytes: &case.bytes,
            file_name: Some(&case.file_name),
            kind: None,
            live: None,
            now: now(),
            renew_before: chrono::Duration::days(45),
        });
        complaints.extend(case.complaint(&inspection));
        let text = serde_json::to_string(&inspection).unwrap();
        // In plain and in base64, at each of its three alignments.
        for secret in
            ["SECRET-MARKER", "U0VDUkVULU1BUktFU", "NFQ1JFVC1NQVJLRV", "TRUNSRVQtTUFSS0VS"]
        {
            assert!(!text.contains(secret), "{}", case.name);
        }
    }
    println!("{} files", cases.len());
    assert!(
        complaints.is_empty(),
        "{} of {}:\n{}",
        complaints.len(),
        cases.len(),
        complaints.join("\n")
    );
    assert!(names.values().all(|count| *count == 1), "{names:?}");
    assert!(cases.len() >= 150, "{}", cases.len());
}

fn run(path: &Path, arguments: &[&str]) -> crate::world::Run {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_applecart"));
    command.env_clear().env("NO_COLOR", "1").arg("inspect").arg(path).args(arguments);
    finish(command)
}

#[test]
fn inspect_the_program_answers_as_the_library_does() {
    let Some((folder, cases)) = corpus() else { return };
    // What looks sealed is opened by the program before anything else.
    let unsealed = |case: &&Case| !case.name.contains("age file") && !case.name.contains("SOPS");
    for case in cases.iter().filter(unsealed).step_by(9) {
        let path = folder.path().join("sample");
        std::fs::write(&path, &case.bytes).unwrap();
        let expected = if case.verdict == Verdict::Refuse { 4 } else { 0 };
        let run = run(&path, &["--format", "json"]).ends_with(expected);
        let inspection: Inspection = serde_json::from_value(run.json()).unwrap();
        let unnamed = Case { facts: vec![], bytes: vec![], ..Case::new(&case.name, []) };
        let unnamed =
            Case { kind: case.kind, verdict: case.verdict, codes: case.codes.clone(), ..unnamed };
        assert_eq!(unnamed.complaint(&inspection), None);
    }
}

#[test]
fn inspect_opens_sealed_files_and_says_what_it_cannot_read() {
    use age::secrecy::ExposeSecret as _;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let identity = age::x25519::Identity::generate();
    let key = write("key", identity.to_string().expose_secret().as_bytes());
    let key = key.display().to_string();
    let token = maker::base64(
        br#"{"expDate":"2099-01-01T00:00:00+0000","token":"SECRET-MARKER","orgName":"Contoso"}"#,
    );
    let sealed = applecart_io::vault::seal(
        &applecart_io::vault::Secret::new(token.clone().into_bytes()),
        &[identity.to_public().to_string()],
    );
    let sealed = write("london.vpptoken.age", &sealed.unwrap());
    let opened = run(&sealed, &["--identity", &key]).ends_with(0).says("organization: Contoso");
    assert!(opened.stdout.starts_with("accept"), "{}", opened.stdout);
    assert!(!opened.stdout.contains("SECRET"));
    run(&sealed, &[]).ends_with(1).says("no identity is available");
    run(&sealed, &["--identity", "/nowhere"]).ends_with(1).says("/nowhere: there is no such file");
    let mut cut = std::fs::read(&sealed).unwrap();
    cut.truncate(cut.len() / 2);
    run(&write("cut.age", &cut), &["--identity", &key]).ends_with(4).says("is cut off");
    // Keys are not looked at where nothing is sealed.
    let plain = write("london.vpptoken", token.as_bytes());
    run(&plain, &["--identity", "/nowhere"]).ends_with(0);

    run(&plain, &["--kind", "enrollment"]).ends_with(4).says("wrong-kind");
    run(&plain, &["--now", "2098-12-31T00:00:00Z"]).ends_with(0).says("expires-soon");
    run(&plain, &["--now", "2099-12-31T00:00:00Z"])
        .ends_with(4)
        .says("it expired on 2099-01-01T00:00:00Z");
    run(folder.path(), &[]).ends_with(1).says("could not read");
    run(&folder.path().join("missing"), &[]).ends_with(1).says("could not read");
    let page = write("live.json", b"<html>").display().to_string();
    run(&plain, &["--snapshot", &page]).ends_with(1).says("cannot be used").says("not JSON");
    run(&write("big", &vec![0; 3 * 1024 * 1024]), &[]).ends_with(4).says("too-large");
}

#[test]
fn inspect_compares_with_a_live_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let Some(maker) = Maker::new(folder.path()) else {
        println!("SKIPPED: this test needs the program openssl 3, which is not on this machine");
        return;
    };
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let codes = |run: &crate::world::Run| -> Vec<String> {
        let all = run.json();
        let findings = all["findings"].as_array().unwrap().clone();
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    };
    let compare = |file: &Path, live: &Value, code: i32| {
        let live = write("live.json", live.to_string().as_bytes());
        let live = live.display().to_string();
        codes(&run(file, &["--snapshot", &live, "--format", "json"]).ends_with(code))
    };

    // Push: the topic, the expiry, and the key of the outstanding request in three forms.
    let push = write("push.pem", maker.push("known").pem.as_bytes());
    let live = |topic: &str, expires: &str, request: &str| json!({"applePushNotificationCertificate": {"topicIdentifier": topic, "certificateSerialNumber": "01", "expirationDateTime": expires}, "pushSigningRequest": request});
    let topic = maker::TOPIC;
    let request = maker.request(&maker.push("known").key);
    let plist = format!(
        "<?xml version=\"1.0\"?><plist><dict><key>PushCertRequestCSR</key>\n<string>{}</string></dict></plist>",
        maker::base64(&request.der)
    );
    let known = "issuer-unknown".to_owned();
    for form in [
        request.pem.clone(),
        maker::base64(&request.der),
        plist.clone(),
        maker::base64(plist.as_bytes()),
    ] {
        assert_eq!(
            compare(&push, &live(topic, "2026-12-01T00:00:00Z", &form), 0),
            std::slice::from_ref(&known)
        );
    }
    let other = maker.request(&maker.push("other").key).pem;
    let early = "2026-12-01T00:00:00Z";
    assert_eq!(
        compare(&push, &live(topic, early, &other), 4),
        ["key-mismatch".to_owned(), known.clone()]
    );
    assert_eq!(
        compare(&push, &live(topic, early, "?"), 0),
        ["csr-unknown".to_owned(), known.clone()]
    );
    assert_eq!(
        compare(&push, &live("com.apple.mgmt.External.x", early, &request.pem), 4),
        ["topic-change".to_owned(), known.clone()]
    );
    assert_eq!(
        compare(&push, &live(topic, "2099-12-01T00:00:00Z", &request.pem), 4),
        ["older-than-live".to_owned(), known.clone()]
    );
    assert_eq!(
        compare(&push, &json!({"vppTokens": []}), 0),
        ["csr-unknown".to_owned(), "not-compared".to_owned(), known]
    );

    // Enrollment: the certificate in Intune's string types and another's.
    let token = write("abm.p7m", &maker.mail("plain", &["-aes128", "-stream"]));
    let setting =
        |key: &str| json!({"depOnboardingSettings": [{"id": "1", "encryptionPublicKey": key}]});
    let plain = maker.recipient("plain");
    assert_eq!(compare(&token, &setting(&plain.pem), 0), [""; 0]);
    assert_eq!(compare(&token, &setting(&maker.same_name_other_types("plain")), 0), [""; 0]);
    assert_eq!(
        compare(&token, &setting(&maker.recipient("negative").pem), 4),
        ["recipient-mismatch"]
    );
    assert_eq!(
        compare(&token, &setting(&maker.same_number_longer_key("plain")), 4),
        ["recipient-mismatch"]
    );
    assert_eq!(
        compare(&token, &setting(&maker.public_key(&plain.pem)), 0),
        ["recipient-unverifiable"]
    );
    let negative = write("negative.p7m", &maker.mail("negative", &["-aes128", "-stream"]));
    assert_eq!(compare(&negative, &setting(&maker.recipient("negative").pem), 0), [""; 0]);
    assert_eq!(
        compare(&negative, &setting(&maker.recipient("positive").pem), 4),
        ["recipient-mismatch"]
    );
    let keyid = write("keyid.p7m", &maker.mail("plain", &["-aes128", "-keyid"]));
    assert_eq!(compare(&keyid, &setting(&plain.pem), 0), [""; 0]);
}
