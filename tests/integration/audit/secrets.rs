//! Tokens, private keys and age identities in any blob of any commit.

use age::secrecy::ExposeSecret as _;
use applecart_simulator::EnrollmentRequest;

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
fn what_the_policy_accepts_is_shown_and_fails_nothing_until_its_day() {
    let world = World::new();
    world.write("notes/key.pem", &rcgen::KeyPair::generate().unwrap().serialize_pem());
    world.commit("By mistake");
    let leak = world.git(&["rev-parse", "HEAD"]);
    world.git(&["rm", "--quiet", "notes/key.pem"]);
    world.commit("Removed");
    let code = "plaintext-private-key";
    assert_eq!(found(&world.audit().ends_with(7)), [code]);
    let accept = |code: &str, until: &str| {
        let entry = format!(
            "audit: {{accepted: [{{finding: {code}, commit: {leak}, reason: replaced, by: Dana, until: {until}}}]}}\n"
        );
        world.write("applecart.yaml", &world.policy(&entry));
        world.commit("Accept");
    };
    accept(code, "2999-12-31");
    let run = world.audit().ends_with(0);
    assert_eq!(finding(&run, code)["level"], "accepted");
    assert_eq!(run.json()["summary"]["accepted"], 1);
    world.run(&["audit"]).ends_with(0).says("accepted until 2999-12-31 by Dana: replaced");
    accept("plaintext-vpp-token", "2999-12-31");
    world.audit().ends_with(7);
    accept(code, "2001-01-01");
    let run = world.audit().ends_with(7);
    let advice = finding(&run, code)["advice"].to_string();
    assert!(advice.contains("accepted until 2001-01-01 by Dana; look at it again"), "{advice}");
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

fn identity() -> String {
    age::x25519::Identity::generate().to_string().expose_secret().to_owned()
}

#[test]
fn what_is_hidden_large_or_no_file_is_found_as_well() {
    use base64::Engine as _;
    let world = World::new();
    world.commit("Start");
    world.audit().ends_with(0);
    let clean = world.git(&["rev-parse", "HEAD"]);
    // A Kubernetes secret with the age key, as Flux takes it.
    let coded = base64::engine::general_purpose::STANDARD
        .encode(format!("# created: today\n{}\n", identity()));
    let manifest = format!("kind: Secret\ndata:\n  age.agekey: {coded}\n");
    // Behind more than any token file has.
    let long = format!("{}\n{}\n", "a line of a log.\n".repeat(100_000), identity());
    for (path, text) in [("k8s/secret.yaml", &manifest), ("logs/run.log", &long)] {
        world.write(path, text);
        world.commit("By mistake");
        let leak = world.git(&["rev-parse", "HEAD"]);
        let run = world.audit().ends_with(7);
        let finding = finding(&run, "plaintext-age-identity");
        assert_eq!(found(&run), ["plaintext-age-identity"]);
        assert_eq!(
            (&finding["place"]["commit"], &finding["place"]["file"]),
            (&leak.as_str().into(), &path.into())
        );
        world.forget(&clean);
    }
    // The message of a commit, and of a tag.
    let secret = identity();
    world.git(&["commit", "--quiet", "--allow-empty", "-m", &format!("Use\n\n{secret}")]);
    let leak = world.git(&["rev-parse", "HEAD"]);
    let run = world.audit().ends_with(7).says("message of this commit or tag");
    assert_eq!(finding(&run, "plaintext-age-identity")["place"]["commit"], leak.as_str());
    world.forget(&clean);
    world.git(&["tag", "-a", "key", "-m", &secret]);
    world.audit().ends_with(7).says("message of this commit or tag");
    world.git(&["tag", "-d", "key"]);
    world.forget(&clean);
    // A blob that only a tag names.
    world.write("once", &secret);
    let blob = world.git(&["hash-object", "-w", "once"]);
    std::fs::remove_file(world.repo().join("once")).unwrap();
    world.git(&["tag", "key", &blob]);
    let run = world.audit().ends_with(7).says("is named by this reference");
    let place = finding(&run, "plaintext-age-identity")["place"].clone();
    assert_eq!(
        (&place["ref"], &place["commit"]),
        (&"refs/tags/key".into(), &serde_json::Value::Null)
    );
    world.git(&["tag", "-d", "key"]);
    world.forget(&clean);
    // A name, which no report repeats.
    world.write(&format!("notes/{secret}"), &secret);
    world.commit("Named");
    for format in ["human", "json", "sarif"] {
        let run = world.run(&["audit", "--format", format]).ends_with(7).says("a name in folder");
        assert!(!run.stdout.contains(&secret), "{format} shows it");
    }
}

impl World {
    /// Goes back to a commit and drops what came after.
    fn forget(&self, commit: &str) {
        self.git(&["reset", "--quiet", "--hard", commit]);
        self.git(&["reflog", "expire", "--expire=now", "--all"]);
        self.git(&["gc", "--quiet", "--prune=now"]);
    }
}

#[test]
fn what_cannot_be_looked_into_is_named_with_its_place() {
    let world = World::new();
    world.commit("Start");
    std::fs::write(world.repo().join("keys.7z"), b"7z\xBC\xAF\x27\x1C\0\x04 and what follows")
        .unwrap();
    world.commit("An archive");
    let run = world.audit().ends_with(0);
    let note = finding(&run, "closed-archive");
    assert_eq!((&note["level"], &note["place"]["file"]), (&"note".into(), &"keys.7z".into()));
    // Over the bound it is not known whether there is a secret, so that not all holds.
    let file = std::fs::File::create(world.repo().join("large.bin")).unwrap();
    file.set_len(128 * 1024 * 1024 + 1).unwrap();
    world.commit("Large");
    let run = world.audit().ends_with(3);
    let unknown = finding(&run, "large-blob");
    assert_eq!(
        (&unknown["level"], &unknown["place"]["file"]),
        (&"unknown".into(), &"large.bin".into())
    );
    assert_eq!(run.json()["objects"]["tooLarge"], 1);
}

#[test]
fn a_clone_that_lost_a_file_of_its_history_does_not_hold() {
    let world = World::new();
    world.write("notes.txt", "something\n");
    world.commit("Start");
    let blob = world.git(&["rev-parse", "HEAD:notes.txt"]);
    world.git(&["rm", "--quiet", "notes.txt"]);
    world.commit("Removed");
    assert_eq!(found(&world.audit().ends_with(0)), NOTHING);
    let (folder, name) = blob.split_at(2);
    std::fs::remove_file(world.repo().join(".git/objects").join(folder).join(name)).unwrap();
    assert_eq!(found(&world.audit().ends_with(3)), ["objects-missing"]);
    // What nothing reaches may be gone.
    world.git(&["update-ref", "-d", "refs/heads/main"]);
    world.git(&["checkout", "--quiet", "--orphan", "fresh"]);
    world.commit("Anew");
    world.git(&["reflog", "expire", "--expire=now", "--all"]);
    assert_eq!(found(&world.audit().ends_with(0)), NOTHING);
}

#[test]
fn a_branch_is_audited_by_what_is_new_on_it() {
    let world = World::new();
    let key = || rcgen::KeyPair::generate().unwrap().serialize_pem();
    world.write("notes/old.txt", &key());
    world.commit("A mistake of last year");
    world.audit().ends_with(7);
    world.git(&["checkout", "--quiet", "-b", "change"]);
    let branch = |world: &World| world.run(&["audit", "--base", "main", "--format", "json"]);
    world.git(&["mv", "notes/old.txt", "notes/moved.txt"]);
    world.renewal("contoso");
    let run = branch(&world).ends_with(0);
    assert_eq!(found(&run), NOTHING);
    let main = world.git(&["rev-parse", "main"]);
    assert_eq!(run.json()["since"], main.as_str());
    world.run(&["audit", "--base", "main"]).ends_with(0).says("which are new since");

    // Removed before the merge, it would be in the history all the same.
    world.write("deep/er/new.txt", &key());
    world.commit("By mistake");
    let leak = world.git(&["rev-parse", "HEAD"]);
    world.git(&["rm", "--quiet", "deep/er/new.txt"]);
    world.commit("Removed");
    let run = branch(&world).ends_with(7);
    assert_eq!(found(&run), ["plaintext-private-key"]);
    assert_eq!(finding(&run, "plaintext-private-key")["place"]["commit"], leak.as_str());
    world.git(&["commit", "--quiet", "--allow-empty", "-m", &key()]);
    let places = branch(&world).ends_with(7).json()["summary"]["findings"].clone();
    assert_eq!(places, 2, "and in a message");
    world.run(&["audit", "--base", "nowhere"]).ends_with(64).says("--base");
}
