//! Tokens, private keys and age identities in any blob of any commit.

use age::secrecy::ExposeSecret as _;
use applecart::simulator::EnrollmentRequest;

use super::{finding, found};
use crate::world::{World, tenant_id};

const NOTHING: &[String] = &[];

#[test]
fn what_was_committed_once_and_removed_later_is_found_with_its_commit() {
    let world = World::new();
    world.commit("Start");
    world.audit().ends_with(0);
    world.live_of_all_kinds("contoso");
    let vpp = world.vpp_file("London", 300).text;
    let request = EnrollmentRequest::default();
    let enrollment = world
        .state()
        .download_enrollment(
            world.simulator().apple(),
            tenant_id("contoso"),
            "dep-contoso",
            &request,
        )
        .unwrap()
        .file;
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let identity = age::x25519::Identity::generate().to_string();
    let identity = format!("# created: today\n{}\n", identity.expose_secret());
    let cases = [
        ("plaintext-vpp-token", vpp),
        ("plaintext-enrollment-token", enrollment),
        ("plaintext-private-key", key),
        ("plaintext-age-identity", identity),
    ];
    for (code, text) in &cases {
        let clean = world.git(&["rev-parse", "HEAD"]);
        world.write("notes/some.txt", text);
        world.commit("By mistake");
        let leak = world.git(&["rev-parse", "HEAD"]);
        world.git(&["rm", "--quiet", "notes/some.txt"]);
        world.commit("Removed");
        let run = world.audit().ends_with(7);
        assert_eq!(found(&run), [*code]);
        let finding = finding(&run, code);
        assert_eq!(finding["place"]["commit"], leak.as_str());
        assert_eq!(finding["place"]["file"], "notes/some.txt");
        assert!(!finding["advice"].as_str().unwrap().is_empty());
        for format in ["human", "json", "sarif"] {
            let run = world.run(&["audit", "--format", format]).ends_with(7).says("notes/some.txt");
            let secret = text.lines().rfind(|line| line.len() > 40).unwrap();
            assert!(!run.stdout.contains(secret), "{format} shows it");
        }
        // Off every branch it is still there, and said to be so.
        world.git(&["reset", "--quiet", "--hard", &clean]);
        world.run(&["audit"]).ends_with(7).says("unreachable");
        world.git(&["reflog", "expire", "--expire=now", "--all"]);
        world.git(&["gc", "--quiet", "--prune=now"]);
        assert_eq!(found(&world.audit().ends_with(0)), NOTHING);
    }
}

#[test]
fn any_reference_and_every_path_counts() {
    let world = World::new();
    world.commit("Start");
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    world.write("a/key", &key);
    world.commit("One");
    world.git(&["mv", "a", "b"]);
    world.commit("Another path, the same tree");
    world.git(&["tag", "-a", "old", "-m", "x"]);
    world.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    let json = world.audit().ends_with(7).json();
    let paths: Vec<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["place"]["file"].as_str())
        .collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    assert!(paths.contains(&"a/key") && paths.contains(&"b/key"), "{paths:?}");
}

#[test]
fn a_certificate_alone_is_public() {
    let world = World::new();
    let certificate = world.issue(None, 300);
    world.write("tenants.pem", &certificate.pem);
    world.commit("Public");
    assert_eq!(found(&world.audit().ends_with(0)), NOTHING);
}
