//! Signatures of uploads, of the ledger and of changes of the policy.
#![cfg(unix)]

use super::{finding, found};
use crate::signatures::keys::Keys;
use crate::world::{World, finish};

const SIGNED: &str = "requireSignedCommits: true\nsigners: .applecart/allowed_signers\n";

impl World {
    fn signed(&self, keys: &Keys, name: &str, message: &str) {
        self.git(&["add", "--all"]);
        let settings = keys.ssh_settings(name);
        let mut arguments: Vec<&str> = settings.iter().flat_map(|one| ["-c", one]).collect();
        arguments.extend(["commit", "--quiet", "--allow-empty", "-S", "-m", message]);
        self.git(&arguments);
    }
}

/// A fleet whose commits must be signed by dana.
fn fleet() -> Option<(World, Keys)> {
    let world = World::new();
    let keys = Keys::new(world.path("keys"))?;
    world.write(".applecart/allowed_signers", &keys.allowed("dana", ""));
    world.write("applecart.yaml", &world.policy(SIGNED));
    world.signed(&keys, "dana", "Start");
    Some((world, keys))
}

#[test]
fn who_changes_the_signers_must_be_one_of_those_before() {
    let Some((world, keys)) = fleet() else { return };
    assert_eq!(found(&world.audit().ends_with(0)), Vec::<String>::new());
    // Dana may let Lee in, and Lee may change the recipients then.
    let both = keys.allowed("dana", "") + &keys.allowed("lee", "");
    world.write(".applecart/allowed_signers", &both);
    world.signed(&keys, "dana", "Lee, too");
    let more = age::x25519::Identity::generate().to_public();
    let text =
        world.policy(SIGNED).replace("\nrecipients:\n", &format!("\nrecipients:\n  - {more}\n"));
    world.write("applecart.yaml", &text);
    world.signed(&keys, "lee", "One more recipient");
    assert_eq!(found(&world.audit().ends_with(0)), Vec::<String>::new());
    // Mallory lets herself in.
    world.write(".applecart/allowed_signers", &(both.clone() + &keys.allowed("mallory", "")));
    world.signed(&keys, "mallory", "Me, too");
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["policy-change-unsigned"]);
    let head = world.git(&["rev-parse", "HEAD"]);
    assert_eq!(finding(&run, "policy-change-unsigned")["place"]["commit"], head.as_str());
    // It stays found when it is taken back, and so is switching it off.
    world.write(".applecart/allowed_signers", &both);
    world.signed(&keys, "dana", "Not you");
    world.write("applecart.yaml", &world.policy(""));
    world.commit("No signatures any more");
    let json = world.audit().ends_with(7).json();
    let count = json["findings"].as_array().unwrap().iter();
    assert_eq!(count.filter(|one| one["code"] == "policy-change-unsigned").count(), 2);
}

#[test]
fn other_changes_of_the_settings_need_no_signature() {
    let Some((world, _keys)) = fleet() else { return };
    world
        .write("applecart.yaml", &world.policy(&format!("{SIGNED}expiry: {{renewBefore: 60d}}\n")));
    world.commit("Earlier");
    assert_eq!(found(&world.audit().ends_with(0)), Vec::<String>::new());
}

#[test]
fn an_upload_of_an_unsigned_commit_is_found() {
    let Some((world, keys)) = fleet() else { return };
    let old = world.issue(None, 20);
    world.live("contoso", Some(&old));
    world.tenant("contoso", &world.issue(Some(&old.topic), 364));
    world.signed(&keys, "dana", "Renew contoso");
    world.run(&["apply"]).ends_with(0);
    assert_eq!(found(&world.audit().ends_with(0)), Vec::<String>::new());
    // Applied by a program that does not ask: the line names a commit that nobody signed.
    world.commit("Unsigned");
    let unsigned = world.git(&["rev-parse", "HEAD"]);
    let signed = world.git(&["rev-parse", "HEAD~1"]);
    let lines: Vec<String> =
        world.lines("contoso").iter().map(|line| line.replace(&signed, &unsigned)).collect();
    world.write_lines("contoso", &relinked(&lines));
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["not-append-only", "upload-not-signed"]);
}

#[test]
fn an_unsigned_commit_of_the_ledger_is_found() {
    let world = World::new();
    let Some(keys) = Keys::new(world.path("keys")) else { return };
    world.write(".applecart/ledger_signers", &keys.allowed("robot", ""));
    let settings = "ledger: {requireSigned: true, signers: .applecart/ledger_signers}\n";
    world.write("applecart.yaml", &world.policy(settings));
    world.renewal("contoso");
    let mut command = world.command(&["apply"]);
    command.env("APPLECART_LEDGER_SIGNING_KEY", keys.ssh("robot"));
    finish(command).ends_with(0);
    world.audit().ends_with(0);
    world.on_ledger(|| world.commit("Nobody signed this"));
    assert_eq!(found(&world.audit().ends_with(7)), ["unsigned"]);
}

/// Lines as a chain that is whole.
fn relinked(lines: &[String]) -> Vec<String> {
    let mut prev = "0".repeat(64);
    let mut out = Vec::new();
    for line in lines {
        let at = line.find("\"prev\":\"").unwrap() + 8;
        let line = format!("{}{prev}{}", &line[..at], &line[at + 64..]);
        prev = applecart_core::model::Sha256::of(line.as_bytes()).to_string();
        out.push(line);
    }
    out
}

#[test]
fn an_openpgp_key_that_expired_later_counted_when_it_signed() {
    let world = World::new();
    let Some(keys) = Keys::new(world.path("keys")).filter(Keys::has_gpg) else { return };
    keys.openpgp("lee", &["--faked-system-time", "20200101T000000"]);
    keys.at("20200105T000000");
    let settings = "requireSignedCommits: true\nopenpgpKeys: .applecart/keys.asc\n";
    world.write(".applecart/keys.asc", &keys.exported(&["lee"]));
    world.write("applecart.yaml", &world.policy(settings));
    world.commit("Start");
    for (date, expected) in [
        ("2020-01-05T00:00:00Z", &[][..]),
        ("2020-03-05T00:00:00Z", &["policy-change-unsigned"][..]),
    ] {
        let more = age::x25519::Identity::generate().to_public();
        let text = world
            .policy(settings)
            .replace("\nrecipients:\n", &format!("\nrecipients:\n  - {more}\n"));
        world.write("applecart.yaml", &text);
        let settings = keys.openpgp_settings("lee");
        let mut command = std::process::Command::new("git");
        command.current_dir(world.repo()).envs([
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_COMMITTER_DATE", date),
        ]);
        command.args(["-c", "user.name=Lee", "-c", "user.email=lee@example.com"]);
        command.args(settings.iter().flat_map(|one| ["-c", one]));
        command.args(["commit", "--quiet", "--all", "-S", "-m", "One more recipient"]);
        assert!(command.status().unwrap().success());
        assert_eq!(found(&world.audit()), expected, "{date}");
    }
}

#[test]
fn a_merge_that_puts_another_policy_in_place_of_the_old_one_is_found() {
    let Some((world, keys)) = fleet() else { return };
    // An ordinary branch from before a change of the signers is well.
    world.git(&["checkout", "--quiet", "-b", "branch"]);
    world.write("README.md", "from a branch\n");
    world.signed(&keys, "dana", "On a branch");
    world.git(&["checkout", "--quiet", "main"]);
    let both = keys.allowed("dana", "") + &keys.allowed("lee", "");
    world.write(".applecart/allowed_signers", &both);
    world.signed(&keys, "dana", "Lee, too");
    let settings = keys.ssh_settings("lee");
    let mut merge: Vec<&str> = settings.iter().flat_map(|one| ["-c", one]).collect();
    merge.extend(["merge", "--quiet", "--no-ff", "-S", "-m", "Merge", "branch"]);
    world.git(&merge);
    assert_eq!(found(&world.audit().ends_with(0)), Vec::<String>::new());
    // Mallory makes a history of her own with the same settings and only herself as signer, and
    // pushes a merge of it whose second parent is the old mainline: nothing is lost, nothing forced.
    let old = world.git(&["rev-parse", "main"]);
    world.git(&["checkout", "--quiet", "--orphan", "mine"]);
    world.write(".applecart/allowed_signers", &keys.allowed("mallory", ""));
    world.signed(&keys, "mallory", "All is as it was");
    let tree = world.git(&["rev-parse", "HEAD^{tree}"]);
    let settings = keys.ssh_settings("mallory");
    let mut merge: Vec<&str> = settings.iter().flat_map(|one| ["-c", one]).collect();
    merge.extend(["commit-tree", "-S", "-m", "Merge", "-p", "HEAD", "-p", &old, &tree]);
    let merge = world.git(&merge);
    world.git(&["checkout", "--quiet", "main"]);
    world.git(&["merge", "--quiet", "--ff-only", &merge]);
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["policy-change-unsigned"]);
    assert_eq!(finding(&run, "policy-change-unsigned")["place"]["commit"], merge.as_str());
}
