//! A ledger whose commits are signed, made and verified with the real `ssh-keygen`.

use applecart_core::model::{Actor, Author, EntryBody, LedgerEntry, TenantId, Timestamp, TokenRef};
use applecart_io::git::SigningKey;
use applecart_io::store::Ledger;

use crate::signatures::keys::Keys;
use crate::world::hub::{Clone, Hub, REFNAME};
use crate::world::{Run, World, finish, tenant_id};

const KEY: &str = "APPLECART_LEDGER_SIGNING_KEY";
const LEDGER: &str = "ledger: {requireSigned: true, signers: .applecart/ledger_signers}\n";

/// A renewal that is due in a fleet whose ledger must be signed by `robot`.
fn fleet() -> Option<(World, Keys)> {
    let world = World::new();
    let keys = Keys::new(world.path("keys"))?;
    world.write(".applecart/ledger_signers", &keys.allowed("robot", "namespaces=\"git\""));
    world.write("applecart.yaml", &world.policy(LEDGER));
    world.renewal("contoso");
    Some((world, keys))
}

fn with_key(world: &World, keys: &Keys, name: &str, arguments: &[&str]) -> Run {
    let mut command = world.command(arguments);
    command.env(KEY, keys.ssh(name));
    finish(command)
}

fn unsigned(world: &World) -> usize {
    let commits = world.git(&["rev-list", REFNAME]);
    let is_unsigned = |id: &&str| {
        !world.git(&["cat-file", "commit", id]).contains("\ngpgsig -----BEGIN SSH SIGNATURE-----")
    };
    commits.lines().filter(is_unsigned).count()
}

#[test]
fn every_commit_is_signed_and_verify_says_so() {
    let Some((world, keys)) = fleet() else { return };
    with_key(&world, &keys, "robot", &["apply"]).ends_with(0);
    assert_eq!(world.uploads("contoso"), 1);
    assert_eq!(unsigned(&world), 0);
    let allowed = world.repo().join(".applecart/ledger_signers");
    let setting = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    world.git(&["-c", &setting, "verify-commit", REFNAME]);
    world.run(&["ledger", "verify"]).ends_with(0).says("ok: 1 tenant,");
    // Signing is no part of the lines: the chain is as ever.
    assert_eq!(world.events("contoso"), ["intended", "applied", "confirmed"]);
}

#[test]
fn without_the_key_or_with_another_nothing_is_sent() {
    let Some((world, keys)) = fleet() else { return };
    let nothing = |run: Run| {
        assert!(world.state().requests().is_empty());
        assert_eq!(world.git(&["for-each-ref", REFNAME]), "");
        run.says("Nothing was uploaded").says(KEY)
    };
    nothing(world.run(&["apply"]).ends_with(1)).says(".applecart/ledger_signers");
    let other = with_key(&world, &keys, "mallory", &["apply"]).ends_with(1);
    nothing(other).says("which the policy does not name as a signer");
    let mut command = world.command(&["apply"]);
    command.env(KEY, world.path("no-such-key"));
    finish(command).ends_with(1).says("which cannot sign the ledger");
    assert!(world.state().requests().is_empty());
}

/// The key is the pipeline's: technicians have none, and what they record decides about nothing.
#[test]
fn what_people_record_needs_no_key_of_the_ledger() {
    let Some((world, keys)) = fleet() else { return };
    with_key(&world, &keys, "robot", &["apply"]).ends_with(0);
    world.run(&["acknowledge", "contoso"]).ends_with(0);
    let out = world.path("").display().to_string();
    world.run(&["renew", "contoso/push", "--out", &out]).ends_with(0);
    let events = world.events("contoso");
    assert_eq!(events[3..], ["acknowledged", "renewal-opened"]);
    assert_eq!(unsigned(&world), 0, "the ledger itself is signed throughout");
    world.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn a_key_is_used_where_it_is_at_hand_also_unasked() {
    let Some((world, keys)) = fleet() else { return };
    world.write("applecart.yaml", &world.policy(""));
    world.commit("No signed ledger");
    with_key(&world, &keys, "robot", &["apply"]).ends_with(0);
    assert_eq!(unsigned(&world), 0);
}

#[test]
fn what_nobody_signed_who_may_is_found() {
    let Some((world, keys)) = fleet() else { return };
    with_key(&world, &keys, "robot", &["apply"]).ends_with(0);
    // The same content once more: a chain and a history that are whole.
    let tree = world.git(&["rev-parse", &format!("{REFNAME}^{{tree}}")]);
    let more = |settings: &[String]| {
        let mut arguments: Vec<&str> = settings.iter().flat_map(|one| ["-c", one]).collect();
        arguments.extend(["commit-tree", "-m", "x", "-p", REFNAME]);
        arguments.extend((!settings.is_empty()).then_some("-S"));
        arguments.push(&tree);
        let id = world.git(&arguments);
        world.git(&["update-ref", REFNAME, &id]);
        id
    };
    let bare = more(&[]);
    let found = world.run(&["ledger", "verify", "--format", "json"]).ends_with(7).json();
    assert_eq!(found["faults"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["faults"][0]["code"], "unsigned");
    assert_eq!(found["faults"][0]["commit"], bare.as_str());
    more(&keys.ssh_settings("mallory"));
    let found = world.run(&["ledger", "verify", "--format", "json"]).ends_with(7).json();
    let codes: Vec<_> =
        found["faults"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["unknown-key", "unsigned"]);
}

#[test]
fn a_ledger_from_before_is_taken_up_at_the_commit_that_the_policy_names() {
    let Some((world, keys)) = fleet() else { return };
    world.write("applecart.yaml", &world.policy(""));
    world.commit("Not signed yet");
    world.run(&["apply"]).ends_with(0);
    let last = world.git(&["rev-parse", REFNAME]);
    world.write("applecart.yaml", &world.policy(LEDGER));
    world.commit("Signed from now on");
    world.run(&["ledger", "verify"]).ends_with(7).says("`ledger.unsignedUntil`");
    let until = LEDGER.replace('}', &format!(", unsignedUntil: {last}}}"));
    world.write("applecart.yaml", &world.policy(&until));
    world.renewal("fabrikam");
    with_key(&world, &keys, "robot", &["apply"]).ends_with(0);
    world.run(&["ledger", "verify"]).ends_with(0);
    // A commit that the ledger does not hold excuses nothing.
    let other = world.git(&["rev-parse", "HEAD"]);
    let until = LEDGER.replace('}', &format!(", unsignedUntil: {other}}}"));
    world.write("applecart.yaml", &world.policy(&until));
    world.commit("Another commit");
    let found = world.run(&["ledger", "verify"]).ends_with(7).says("unsigned-until");
    found.says("unsigned: the commit is not signed");
}

fn entries(name: &str, run: &str) -> Vec<(TenantId, LedgerEntry)> {
    let actor = Actor { user: Some("dana".into()), host: None, pipeline: None };
    let author = Author { run: run.into(), clone: run.into(), actor };
    let at = Timestamp::from_unix(1_700_000_000).unwrap();
    let token = TokenRef::push();
    let entry = LedgerEntry::new(at, name.parse().unwrap(), token, &author, EntryBody::Adopted);
    vec![(tenant_id(name), entry)]
}

#[test]
fn entries_that_are_appended_anew_after_a_lost_race_are_signed_too() {
    let hub = Hub::new();
    let Some(keys) = Keys::new(hub.world.path("keys")) else { return };
    hub.world.write(".applecart/ledger_signers", &keys.allowed("robot", ""));
    hub.world.write("applecart.yaml", &hub.world.policy(LEDGER));
    hub.world.commit("Signed ledger");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let (one, two) = (hub.clone("one", &[]), hub.clone("two", &[]));
    let key = SigningKey::open(&keys.ssh("robot")).unwrap();
    let open = |clone: &Clone<'_>| {
        let mut ledger = Ledger::open_shared(&clone.folder, "applecart/ledger").unwrap();
        ledger.sign_with(key.clone());
        ledger
    };
    open(&one).announce(&entries("contoso", "first")).unwrap();
    // `two` records something, and before it is pushed `one` pushes something else.
    let mut late = open(&two);
    late.begin().unwrap();
    late.append(&entries("fabrikam", "late")).unwrap();
    let before = two.git(&["rev-parse", REFNAME]);
    open(&one).announce(&entries("adatum", "meanwhile")).unwrap();
    late.begin().unwrap();
    assert_ne!(two.git(&["rev-parse", REFNAME]), before);
    assert_eq!(hub.lines("fabrikam").len(), 1);
    let found = one.run(&["ledger", "verify", "--format", "json"]).ends_with(0).json();
    assert_eq!((&found["tenants"], &found["verdict"]), (&3.into(), &"ok".into()), "{found}");
}

#[test]
fn entries_that_are_handed_over_need_the_key_too() {
    let Some((world, keys)) = fleet() else { return };
    let file = world.path("saved.json");
    applecart_io::store::save_unpushed(&file, &entries("contoso", "saved")).unwrap();
    let append = ["ledger", "append", file.to_str().unwrap()];
    world.run(&append).ends_with(1).says("the key to sign it with is missing");
    assert_eq!(world.git(&["for-each-ref", REFNAME]), "");
    with_key(&world, &keys, "robot", &append).ends_with(0);
    assert_eq!(unsigned(&world), 0);
}
