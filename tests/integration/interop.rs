//! Sealed files, both ways, with the real `age`, `age-keygen`, `sops` and `ssh-keygen`.
//!
//! The programs are found on PATH, or where APPLECART_AGE and APPLECART_SOPS say. A test without
//! its program says so and passes, unless APPLECART_REQUIRE_INTEROP is set, as `.ci/run` does.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test crate: it starts programs, reads their files and stops where one fails"
)]

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use age::secrecy::ExposeSecret as _;
use applecart_io::vault::{Identities, KeySource, OpenError, Secret, open, seal};
use serde_json::{Value, json};

use crate::world::{World, tenant_id};

/// A program, or nothing after the reason was printed.
pub(crate) fn program(name: &str, variable: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("APPLECART_REQUIRE_INTEROP").is_none(),
            "{name} is not installed, and APPLECART_REQUIRE_INTEROP is set"
        );
        println!("skipped: {name} is not installed");
    }
    found
}

fn age() -> Option<PathBuf> {
    program("age", "APPLECART_AGE")
}

pub(crate) fn sops() -> Option<PathBuf> {
    program("sops", "APPLECART_SOPS")
}

/// A folder with a key pair, and the programs run in it.
struct Bench {
    folder: tempfile::TempDir,
    key: String,
    recipient: String,
    identities: Identities,
}

impl Bench {
    fn new() -> Self {
        let identity = age::x25519::Identity::generate();
        let key = identity.to_string().expose_secret().to_owned();
        let mut identities = Identities::default();
        identities.add(&KeySource::Value("test"), key.as_bytes(), &|_| None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key.txt"), format!("# a comment\n{key}\n")).unwrap();
        Self { folder, key, recipient: identity.to_public().to_string(), identities }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a program with this input; its output, or nothing when it fails.
    fn try_run(&self, program: &Path, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
        // From a file: both ends of two full pipes would wait for each other.
        let mut stdin = tempfile::tempfile().unwrap();
        stdin.write_all(input).unwrap();
        stdin.rewind().unwrap();
        let output = Command::new(program)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SOPS_AGE_KEY", &self.key)
            .args(arguments)
            .stdin(stdin)
            .output()
            .unwrap();
        if !output.status.success() {
            println!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        output.status.success().then_some(output.stdout)
    }

    #[track_caller]
    fn run(&self, program: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        self.try_run(program, arguments, input).unwrap_or_else(|| panic!("{arguments:?} failed"))
    }

    /// What `sops` seals, told the type of the content and more of its options.
    fn sops(&self, program: &Path, kind: &str, more: &[&str], content: &[u8]) -> Vec<u8> {
        std::fs::write(self.path("content"), content).unwrap();
        let mut arguments = vec!["encrypt", "--age", &self.recipient];
        arguments.extend(["--input-type", kind, "--output-type", kind]);
        arguments.extend(more);
        arguments.push("content");
        self.run(program, &arguments, b"")
    }

    fn opened(&self, sealed: &[u8]) -> Vec<u8> {
        open(sealed, &self.identities).unwrap().expose().to_vec()
    }

    fn fault(&self, sealed: &[u8]) -> OpenError {
        open(sealed, &self.identities).err().unwrap()
    }
}

/// Contents that formats trip over: empty, binary, long, line ends.
fn contents() -> Vec<Vec<u8>> {
    let long = (0..200_000u32).map(|number| (number % 251) as u8).collect();
    let exact = vec![7; 65_536];
    vec![b"token\n".to_vec(), Vec::new(), b"\xff\x00\xfe\r\n\xef\xbb\xbf".to_vec(), long, exact]
}

#[test]
fn what_age_seals_is_opened() {
    let Some(age) = age() else { return };
    let bench = Bench::new();
    let others = [Bench::new(), Bench::new()];
    for content in contents() {
        for armor in [&[][..], &["--armor"]] {
            let mut arguments = armor.to_vec();
            arguments.extend(["-r", &others[0].recipient, "-r", &bench.recipient]);
            arguments.extend(["-r", &others[1].recipient]);
            let sealed = bench.run(&age, &arguments, &content);
            assert_eq!(bench.opened(&sealed), content);
            assert_eq!(others[1].opened(&sealed), content);
            let stranger = Bench::new().fault(&sealed);
            assert_eq!(stranger, OpenError::NoMatchingIdentity { identities: 1 });
        }
    }
}

#[test]
fn what_is_sealed_here_age_opens() {
    let Some(age) = age() else { return };
    let bench = Bench::new();
    let other = Bench::new();
    for content in contents() {
        let recipients = [other.recipient.clone(), bench.recipient.clone()];
        let sealed = seal(&Secret::new(content.clone()), &recipients).unwrap();
        assert_eq!(bench.run(&age, &["-d", "-i", "key.txt"], &sealed), content);
    }
}

#[test]
fn age_and_this_program_refuse_the_same_changed_files() {
    let Some(age) = age() else { return };
    let bench = Bench::new();
    let sealed = bench.run(&age, &["-r", &bench.recipient], b"token");
    for at in [0, 18, 22, 40, 100, sealed.len() - 30, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(bench.try_run(&age, &["-d", "-i", "key.txt"], &changed), None, "byte {at}");
        assert!(open(&changed, &bench.identities).is_err(), "byte {at}");
    }
}

#[test]
fn what_sops_seals_as_binary_is_opened() {
    let Some(sops) = sops() else { return };
    let bench = Bench::new();
    for content in contents() {
        let sealed = bench.sops(&sops, "binary", &[], &content);
        assert_eq!(bench.opened(&sealed), content);
    }
}

#[test]
fn what_sops_seals_to_several_recipients_any_of_them_opens() {
    let Some(sops) = sops() else { return };
    let (first, second) = (Bench::new(), Bench::new());
    std::fs::write(first.path("token"), "token").unwrap();
    let both = format!("{},{}", first.recipient, second.recipient);
    let arguments =
        ["encrypt", "--age", &both, "--input-type", "binary", "--output-type", "binary", "token"];
    let sealed = first.run(&sops, &arguments, b"");
    assert_eq!(first.opened(&sealed), b"token");
    assert_eq!(second.opened(&sealed), b"token");
}

#[test]
fn a_json_store_of_one_file_is_opened() {
    let Some(sops) = sops() else { return };
    let bench = Bench::new();
    for content in ["token", "zwei\nZeilen: \"ü\" \u{2028}\t\\", ""] {
        let document = json!({"data": content}).to_string();
        let sealed = bench.sops(&sops, "json", &[], document.as_bytes());
        assert_eq!(bench.opened(&sealed), content.as_bytes());
    }
    // A binary file that is written by a rule for JSON names is the same.
    std::fs::write(bench.path("content"), "token").unwrap();
    let arguments = ["encrypt", "--age", &bench.recipient, "--input-type", "binary"];
    let arguments = [&arguments[..], &["--output-type", "json", "content"]].concat();
    let sealed = bench.run(&sops, &arguments, b"");
    assert_eq!(bench.opened(&sealed), b"token");
}

/// The MAC over every type that JSON has: only a file whose MAC fits is refused for its shape.
#[test]
fn the_mac_of_any_json_document_is_computed_as_sops_does() {
    let Some(sops) = sops() else { return };
    let bench = Bench::new();
    for document in [
        r#"{"z":"last","a":["x",1,-2.5,1e30,0.1,true,false,null,"",{"y":"q","b":[]}],"c":{"d":{}}}"#,
        r#"{"n":12345678901234567890,"data":"x"}"#,
        r#"{"a:b":{"c":"d"},"ü \" key":"v","e":[["f",["g"]],"h"]}"#,
    ] {
        let sealed = bench.sops(&sops, "json", &[], document.as_bytes());
        assert_eq!(bench.fault(&sealed), OpenError::NotOneFile, "{document}");
        // The last value of the document as another, and nothing else.
        let file: Value = serde_json::from_slice(&sealed).unwrap();
        let mac = file["sops"]["mac"].as_str().unwrap();
        let other = bench.sops(&sops, "json", &[], br#"{"data":"y"}"#);
        let other: Value = serde_json::from_slice(&other).unwrap();
        let text = String::from_utf8(sealed.clone()).unwrap();
        let foreign = text.replace(mac, other["sops"]["mac"].as_str().unwrap());
        assert_eq!(bench.fault(foreign.as_bytes()), OpenError::Damaged);
    }
}

#[test]
fn sops_and_this_program_refuse_the_same_changed_files() {
    let Some(sops) = sops() else { return };
    let bench = Bench::new();
    let sealed = bench.sops(&sops, "json", &[], br#"{"list":["a","b"],"data":"token"}"#);
    let text = String::from_utf8(sealed).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let leaf = |pointer: &str| file.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let (first, second, data) = (leaf("/list/0"), leaf("/list/1"), leaf("/data"));
    let swapped = text.replace(&first, "@").replace(&second, &first).replace('@', &second);
    let removed = text.replace(&format!("\"{second}\""), "\"\"");
    let date = leaf("/sops/lastmodified");
    for (what, changed, expected) in [
        ("swapped in a list", swapped, OpenError::MacMismatch),
        ("emptied", removed, OpenError::MacMismatch),
        ("moved", text.replace(&data, &first), OpenError::Damaged),
        ("redated", text.replace(&date, "2001-01-01T00:00:00Z"), OpenError::Damaged),
        ("plain", text.replace(&data, "token"), OpenError::Unencrypted { values: 1 }),
        ("no MAC", text.replace("\"mac\"", "\"mca\""), OpenError::MacMissing),
    ] {
        std::fs::write(bench.path("changed.json"), &changed).unwrap();
        assert_eq!(bench.try_run(&sops, &["decrypt", "changed.json"], b""), None, "{what}");
        assert_eq!(bench.fault(changed.as_bytes()), expected, "{what}");
        assert!(expected.is_untrusted());
    }
}

#[test]
fn what_sops_leaves_readable_is_refused() {
    let Some(sops) = sops() else { return };
    let bench = Bench::new();
    let document = br#"{"data":"token","note_unencrypted":"readable"}"#;
    let sealed = |more: &[&str], document: &[u8]| bench.sops(&sops, "json", more, document);
    assert_eq!(bench.fault(&sealed(&[], document)), OpenError::Unencrypted { values: 1 });
    let only = sealed(&["--encrypted-regex", "^data$"], br#"{"data":"token","note":1}"#);
    assert_eq!(bench.fault(&only), OpenError::Unencrypted { values: 1 });
    let rules =
        format!("creation_rules:\n  - age: {}\n    mac_only_encrypted: true\n", bench.recipient);
    std::fs::write(bench.path(".sops.yaml"), rules).unwrap();
    let only = sealed(&[], br#"{"data":"token"}"#);
    assert_eq!(bench.fault(&only), OpenError::MacOnlyEncrypted);
    let mut unsaid: Value = serde_json::from_slice(&only).unwrap();
    unsaid["sops"].as_object_mut().unwrap().remove("mac_only_encrypted");
    assert_eq!(bench.fault(unsaid.to_string().as_bytes()), OpenError::MacMismatch);
}

#[test]
fn other_stores_and_key_groups_of_sops_are_told_apart() {
    let Some(sops) = sops() else { return };
    let bench = Bench::new();
    assert_eq!(
        bench.fault(&bench.sops(&sops, "yaml", &[], b"data: token\n")),
        OpenError::OtherStore
    );
    assert_eq!(
        bench.fault(&bench.sops(&sops, "dotenv", &[], b"data=token\n")),
        OpenError::OtherStore
    );
    let other = Bench::new();
    let rules = format!(
        "creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n      - age: [{}]\n      - age: [{}]\n",
        bench.recipient, other.recipient
    );
    std::fs::write(bench.path(".sops.yaml"), rules).unwrap();
    std::fs::write(bench.path("token"), "token").unwrap();
    let arguments = ["encrypt", "--input-type", "binary", "--output-type", "binary", "token"];
    assert_eq!(bench.fault(&bench.run(&sops, &arguments, b"")), OpenError::KeyGroups);
}

/// A tenant file beside a certificate that `sops` sealed.
fn sealed_by_sops(world: &World, sops: &Path, change: impl FnOnce(String) -> String) -> String {
    let (_, new) = world.renewal("contoso");
    let bench = Bench::new();
    std::fs::write(bench.path("push.pem"), &new.pem).unwrap();
    let arguments = ["encrypt", "--age", &world.recipient, "push.pem"];
    let sealed = String::from_utf8(bench.run(sops, &arguments, b"")).unwrap();
    world.write("tenants/contoso/push.pem", &change(sealed));
    let path = world.repo().join("tenants/contoso/tenant.yaml");
    let tenant = std::fs::read_to_string(path).unwrap();
    world.write("tenants/contoso/tenant.yaml", &tenant.replace("push.pem.age", "push.pem"));
    std::fs::remove_file(world.repo().join("tenants/contoso/push.pem.age")).unwrap();
    world.commit("Sealed with SOPS");
    new.serial
}

#[test]
fn a_certificate_sealed_with_sops_is_applied() {
    let Some(sops) = sops() else { return };
    let world = World::new();
    let serial = sealed_by_sops(&world, &sops, |sealed| sealed);
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(world.live_serial("contoso"), Some(serial));
}

#[test]
fn a_certificate_changed_after_sops_sealed_it_is_untrusted_and_not_sent() {
    let Some(sops) = sops() else { return };
    let world = World::new();
    sealed_by_sops(&world, &sops, |sealed| {
        let at = sealed.find("\"lastmodified\": \"2").unwrap() + "\"lastmodified\": \"2".len();
        let digit = if sealed.as_bytes()[at] == b'0' { "1" } else { "0" };
        format!("{}{digit}{}", &sealed[..at], &sealed[at + 1..])
    });
    world.run(&["apply"]).ends_with(7).says("changed after it was encrypted");
    assert_eq!(world.state().tenant(tenant_id("contoso")).map(|_| world.state().writes()), Some(0));
}

#[cfg(feature = "ssh-identities")]
mod ssh {
    use super::*;
    use applecart_io::vault::{IdentitiesError, IdentityFault};

    fn ssh_keygen() -> Option<PathBuf> {
        program("ssh-keygen", "APPLECART_SSH_KEYGEN")
    }

    fn key(bench: &Bench, keygen: &Path, kind: &str, passphrase: &str) -> (String, String) {
        let name = format!("{kind}{}", passphrase.len());
        bench.run(keygen, &["-q", "-t", kind, "-N", passphrase, "-f", &name], b"");
        let read = |name: &str| std::fs::read_to_string(bench.path(name)).unwrap();
        (read(&name), read(&format!("{name}.pub")))
    }

    fn add(text: &str) -> Result<Identities, IdentitiesError> {
        let mut identities = Identities::default();
        identities.add(&KeySource::Value("KEY"), text.as_bytes(), &|_| None)?;
        identities.usable()
    }

    #[test]
    fn ssh_keys_open_and_seal_both_ways() {
        let (Some(age), Some(keygen)) = (age(), ssh_keygen()) else { return };
        let bench = Bench::new();
        for kind in ["ed25519", "rsa"] {
            let (private, public) = key(&bench, &keygen, kind, "");
            let identities = add(&private.replace('\n', "\r\n")).unwrap();
            let sealed = bench.run(&age, &["-a", "-r", public.trim()], b"token");
            assert_eq!(open(&sealed, &identities).unwrap().expose(), b"token", "{kind}");
            assert_eq!(
                bench.fault(&sealed),
                OpenError::NoMatchingIdentity { identities: 1 },
                "{kind}"
            );
            let sealed = seal(&Secret::new(b"token".to_vec()), &[public.trim().into()]).unwrap();
            let name = format!("{kind}0");
            assert_eq!(bench.run(&age, &["-d", "-i", &name], &sealed), b"token", "{kind}");
        }
    }

    #[test]
    fn sops_files_for_ssh_keys_are_opened() {
        let (Some(sops), Some(keygen)) = (sops(), ssh_keygen()) else { return };
        let bench = Bench::new();
        let (private, public) = key(&bench, &keygen, "ed25519", "");
        std::fs::write(bench.path("token"), "token").unwrap();
        let arguments = ["encrypt", "--age", public.trim(), "--input-type", "binary"];
        let arguments = [&arguments[..], &["--output-type", "binary", "token"]].concat();
        let sealed = bench.run(&sops, &arguments, b"");
        assert_eq!(open(&sealed, &add(&private).unwrap()).unwrap().expose(), b"token");
    }

    #[test]
    fn ssh_keys_that_cannot_be_used_say_why() {
        let Some(keygen) = ssh_keygen() else { return };
        let bench = Bench::new();
        let (locked, _) = key(&bench, &keygen, "ed25519", "open sesame");
        let fault = |text: &str| add(text).err().unwrap().fault;
        assert_eq!(fault(&locked), IdentityFault::SshPassphrase);
        let (ecdsa, _) = key(&bench, &keygen, "ecdsa", "");
        assert_eq!(fault(&ecdsa), IdentityFault::SshKind);
        let (good, _) = key(&bench, &keygen, "ed25519", "");
        let malformed = IdentityFault::SshMalformed;
        assert_eq!(fault(&good[..good.len() / 2]), malformed);
        assert_eq!(fault(&format!("{good}{good}")), malformed);
    }

    #[test]
    fn apply_opens_with_the_ssh_key_that_sops_users_have_set() {
        let Some(keygen) = ssh_keygen() else { return };
        let mut world = World::new();
        let bench = Bench::new();
        let (_, public) = key(&bench, &keygen, "ed25519", "");
        world.recipient = public.trim().to_owned();
        world.key = String::new();
        world.write("applecart.yaml", &world.policy(""));
        let (_, new) = world.renewal("contoso");
        let mut command = world.command(&["apply"]);
        command.env("SOPS_AGE_SSH_PRIVATE_KEY_FILE", bench.path("ed255190"));
        crate::world::finish(command).ends_with(0).says("uploaded");
        assert_eq!(world.live_serial("contoso"), Some(new.serial));
    }
}
