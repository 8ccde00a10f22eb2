use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::apple::SecretKind;
use crate::report::{AnnotationFormat, annotate};
use crate::sealed::{Addressees, Key};

fn audit(findings: Vec<AuditFinding>) -> Audit {
    Audit {
        format_version: AUDIT_VERSION,
        generated_at: Timestamp::from_unix(1_800_000_000).unwrap(),
        rev: "a".repeat(40),
        since: None,
        policy_rev: "b".repeat(40),
        policy_name: "origin/main".to_owned(),
        ledger: AuditLedger { head: Some("c".repeat(40)), ..AuditLedger::default() },
        uploads: 0,
        objects: AuditObjects::default(),
        findings,
        summary: AuditSummary::default(),
    }
    .finish(&[])
}

#[test]
fn the_heaviest_stands_first_and_nothing_twice() {
    let one = |level, code| {
        AuditFinding::new(AuditArea::Ledger, code, AuditPlace::default(), "x", "y").at(level)
    };
    let found = audit(vec![
        one(AuditLevel::Note, "a"),
        one(AuditLevel::Finding, "z"),
        one(AuditLevel::Unknown, "b"),
        one(AuditLevel::Finding, "z"),
    ]);
    let codes: Vec<&str> = found.findings.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(codes, ["z", "b", "a"]);
    let summary = found.summary;
    assert_eq!((summary.findings, summary.unknown, summary.notes), (1, 1, 1));
}

#[test]
fn a_hostile_path_is_only_text() {
    let places = [LeakPlace { commit: "d".repeat(40), path: "a\u{1b}[2J\n::error::x".to_owned() }];
    let found = audit(judge_secret(SecretKind::PrivateKey, LeakPart::Blob, "e", &places));
    let text = audit_human(&found, 80);
    assert!(text.contains("a\\u{1b}[2J") && !text.contains("\n::error"), "{text}");
    let remarks = annotate(AnnotationFormat::Github, &found.remarks(), "").unwrap();
    assert!(!remarks.contains('\u{1b}'), "{remarks}");
    assert_eq!(found.remarks()[0].line, 1);
}

#[test]
fn a_long_list_of_one_kind_is_cut_for_people_only() {
    let places: Vec<LeakPlace> = (0..30)
        .map(|index| LeakPlace { commit: "d".repeat(40), path: format!("f{index}") })
        .collect();
    let found = audit(judge_secret(SecretKind::VppToken, LeakPart::Blob, "e", &places));
    assert_eq!(found.summary.findings, 30);
    let text = audit_human(&found, 80);
    assert!(text.contains("and 10 more of plaintext-vpp-token"), "{text}");
}

const SSH: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8e3w0hJ2dH0m2iT7xTn9mGqkq0y8tD6o4kqv0dW5aG";

fn codes(shown: Addressees, listed: &[&str]) -> Vec<String> {
    let listed: Vec<String> = listed.iter().map(|text| (*text).to_owned()).collect();
    let file = SealedFile { path: "f".to_owned(), form: None, shown: Some(shown) };
    judge_recipients(&[file], &listed).into_iter().map(|one| one.code).collect()
}

#[test]
fn what_a_file_shows_is_compared_and_the_rest_said_to_be_open() {
    let ssh = || Addressees { keys: BTreeSet::from([Key::of(SSH)]), ..Addressees::default() };
    assert_eq!(codes(ssh(), &[SSH]), [""; 0]);
    assert_eq!(codes(ssh(), &[]), ["recipients-differ"]);
    assert_eq!(codes(Addressees::default(), &[SSH]), ["recipients-differ"]);
    let mixed = || Addressees { anonymous: 1, ..ssh() };
    assert_eq!(codes(mixed(), &[SSH, "age1x"]), ["not-verifiable"]);
    assert_eq!(codes(mixed(), &[SSH]), ["recipients-differ"]);
    assert_eq!(codes(Addressees { others: 1, ..ssh() }, &[SSH]), ["recipients-differ"]);
    let sops = |key: &str| Addressees {
        keys: BTreeSet::from([Key::Named(key.to_owned())]),
        names_all: true,
        ..Addressees::default()
    };
    assert_eq!(codes(sops("age1x"), &["age1x"]), [""; 0]);
    assert_eq!(codes(sops("age1y"), &["age1x"]), ["recipients-differ"]);
}

#[test]
fn a_key_that_left_the_list_is_named_by_what_it_was_called_then() {
    let shown = BTreeMap::from([(Key::of(SSH), 3), (Key::Named("age1x".to_owned()), 1)]);
    let ever = BTreeSet::from([SSH.to_owned()]);
    let found = former_recipients(&shown, &["age1x".to_owned()], &ever);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].level, found[0].code.as_str()), (AuditLevel::Note, "former-recipient"));
    assert!(found[0].message.starts_with(SSH), "{}", found[0].message);
    assert!(found[0].message.contains("3 sealed files"));
}

fn accepted(finding: &str, of: &str, until: &str) -> AcceptedFinding {
    AcceptedFinding {
        finding: finding.to_owned(),
        of: of.to_owned(),
        reason: "history was cleaned".to_owned(),
        by: "Dana".to_owned(),
        until: until.parse().unwrap(),
    }
}

#[test]
fn what_the_policy_agrees_to_is_shown_and_fails_nothing() {
    let commit = "d".repeat(40);
    let finding = |code: &str| {
        let place = AuditPlace::commit(&commit);
        AuditFinding::new(AuditArea::Uploads, code, place, "what happened", "what to do")
    };
    let judged = |accepted: &[AcceptedFinding]| {
        let fresh = audit(vec![finding("commit-not-on-branch"), finding("digest-not-in-commit")]);
        fresh.finish(accepted)
    };
    // The audit is of 2027-01-15.
    let one = judged(&[accepted("commit-not-on-branch", &commit, "2027-01-15")]);
    assert_eq!((one.summary.findings, one.summary.accepted), (1, 1));
    let text = audit_human(&one, 80);
    assert!(text.contains("accepted until 2027-01-15 by Dana: history was cleaned"), "{text}");
    assert!(text.contains("1 finding, 1 accepted"), "{text}");
    // The entry that is missing is printed in full.
    assert!(text.contains(&format!("finding: digest-not-in-commit, commit: {commit},")), "{text}");
    for other in [
        accepted("commit-not-on-branch", &"e".repeat(40), "2027-01-15"),
        accepted("upload-not-signed", &commit, "2027-01-15"),
        accepted("commit-not-on-branch", &commit, "2027-01-14"),
    ] {
        assert_eq!(judged(&[other]).summary.findings, 2);
    }
}

#[test]
fn a_leaked_secret_is_agreed_to_by_its_object() {
    let places = [LeakPlace { commit: "d".repeat(40), path: "key.pem".to_owned() }];
    let object = "e".repeat(40);
    let found = judge_secret(SecretKind::PrivateKey, LeakPart::Blob, &object, &places);
    let found = audit(found).finish(&[accepted("plaintext-private-key", &object, "2027-12-31")]);
    assert_eq!((found.summary.findings, found.summary.accepted), (0, 1));
}
