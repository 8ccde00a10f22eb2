//! What needs no programs; the rest is in `tests/integration/signatures`, with the real ones.

use super::format::{Claim, claim};
use super::*;

fn commit(headers: &str) -> Claim {
    let who = "Dana <dana@example.com> 1800000000 +0000";
    claim(format!("tree 4b82\nauthor {who}\ncommitter {who}\n{headers}\nmessage\n").as_bytes())
}

#[test]
fn a_signature_is_looked_for_in_the_header_only() {
    assert_eq!(commit(""), Claim::None);
    assert_eq!(commit("\ngpgsig -----BEGIN PGP SIGNATURE-----\n"), Claim::None);
    assert_eq!(commit("gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n"), Claim::OpenPgp);
    let tag = "mergetag object 1234\n tag x\n gpgsig -----BEGIN PGP SIGNATURE-----\n";
    assert_eq!(commit(tag), Claim::None);
}

#[test]
fn what_is_no_ssh_signature_is_nothing_to_judge() {
    let one = |body: &str| {
        let armor = "SSH SIGNATURE-----";
        commit(&format!("gpgsig -----BEGIN {armor}\n {body}\n -----END {armor}\n"))
    };
    // SSHSIG, version 1, a key of one byte, a namespace.
    let good = "U1NIU0lHAAAAAQAAAAF4AAAAA2dpdA==";
    assert!(matches!(one(good), Claim::Ssh { namespace, .. } if namespace == "git"));
    for bad in [
        "",
        "!",
        "U1NIU0lH",
        "U1NIU0lHAAAAAgAAAAF4AAAAA2dpdA==",
        "U1NIU0lHAAAAAf////94AAAAA2dpdA==",
        "U1NIU0lHAAAAAQAAAAF4AAAA/2dpdA==",
    ] {
        assert!(matches!(one(bad), Claim::Other { .. }), "{bad}");
    }
}

#[test]
fn versions_of_git_are_compared_as_numbers() {
    assert_eq!(git_version("git version 2.47.3"), Some((2, 47)));
    assert_eq!(git_version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
    assert_eq!(git_version("git version 2.9.windows.1"), Some((2, 9)));
    assert!(git_version("git version 2.9.0") < Some(GIT));
    assert_eq!(git_version("hub"), None);
}

#[test]
fn text_of_programs_is_harmless() {
    assert_eq!(plain("a\u{1b}[2J\n\n b\u{202e}c "), "a[2J; bc");
    assert_eq!(plain(&"x".repeat(1000)).len(), 300);
}

#[test]
fn every_answer_has_a_name_and_all_but_good_ones_a_next_step() {
    let by = || Signer { name: None, key: "SHA256:x".into(), format: SignatureFormat::Ssh };
    let all = [
        Signature::Good(by()),
        Signature::Unsigned,
        Signature::UnknownKey(by()),
        Signature::Expired { by: by(), since: None },
        Signature::NotYetValid(by()),
        Signature::Revoked(by()),
        Signature::Bad(by()),
        Signature::WrongNamespace { by: by(), found: "file".into() },
        Signature::Unsupported { what: "two" },
        Signature::Unverifiable { detail: String::new() },
    ];
    let names: std::collections::BTreeSet<_> = all.iter().map(Signature::code).collect();
    assert_eq!(names.len(), all.len());
    for one in &all {
        assert_eq!(one.next_step().is_none(), one.is_good(), "{one:?}");
    }
}
