//! Signed commits, made with the real `git`, `ssh-keygen` and `gpg`: what counts is applied, and
//! everything else is refused with 7 before anybody is asked anything.
//!
//! A test without its program says so and passes, unless APPLECART_REQUIRE_INTEROP is set, as
//! `.ci/run` does.

mod isolated;
pub(crate) mod keys;
mod shown;

use std::path::Path;

use crate::world::World;
use crate::world::hub::script;
use keys::Keys;

const SETTINGS: &str = "requireSignedCommits: true\nsigners: .applecart/allowed_signers\n";
const OPENPGP: &str = "requireSignedCommits: true\nopenpgpKeys: .applecart/keys.asc\n";

/// A renewal that is due in a fleet whose commits must be signed.
struct Signed {
    world: World,
    keys: Keys,
}

impl Signed {
    /// `dana` may sign, with SSH; nothing is committed yet.
    fn ssh() -> Option<Self> {
        let fleet = Self::new(SETTINGS)?;
        let line = fleet.keys.allowed("dana", "namespaces=\"git\"");
        fleet.world.write(".applecart/allowed_signers", &line);
        Some(fleet)
    }

    /// `dana` may sign, with OpenPGP.
    fn openpgp() -> Option<Self> {
        let fleet = Self::new(OPENPGP)?;
        fleet.keys.has_gpg().then_some(())?;
        fleet.keys.openpgp("dana", &[]);
        fleet.world.write(".applecart/keys.asc", &fleet.keys.exported(&["dana"]));
        Some(fleet)
    }

    fn new(settings: &str) -> Option<Self> {
        let world = World::new();
        let keys = Keys::new(world.path("keys"))?;
        world.renewal("contoso");
        world.write("applecart.yaml", &world.policy(settings));
        Some(Self { world, keys })
    }

    fn commit_ssh(&self, by: &str, message: &str) -> String {
        self.commit(&self.keys.ssh_settings(by), message)
    }

    fn commit_openpgp(&self, by: &str, message: &str) -> String {
        self.commit(&self.keys.openpgp_settings(by), message)
    }

    fn commit(&self, settings: &[String], message: &str) -> String {
        self.world.git(&["add", "--all"]);
        let mut arguments: Vec<&str> = settings.iter().flat_map(|one| ["-c", one]).collect();
        arguments.extend(["commit", "--quiet", "--allow-empty", "-S", "-m", message]);
        self.world.git(&arguments);
        self.world.git(&["rev-parse", "HEAD"])
    }

    /// Lets the branch end with this commit object instead.
    fn put(&self, content: &[u8]) -> String {
        let file = self.world.path("object");
        std::fs::write(&file, content).unwrap();
        let id = self.world.git(&["hash-object", "-t", "commit", "-w", file.to_str().unwrap()]);
        self.world.git(&["update-ref", "HEAD", &id]);
        id
    }

    /// The content of the branch's last commit.
    fn content(&self) -> String {
        self.world.git(&["cat-file", "commit", "HEAD"]) + "\n"
    }

    /// Changes the last commit's message and leaves its signature as it is.
    fn amend_after_signing(&self) {
        let content = self.content();
        let changed = content.replace("\n\nAs reviewed", "\n\nAs it came");
        assert_ne!(changed, content);
        self.put(changed.as_bytes());
    }

    #[track_caller]
    fn refuses(&self, why: &str) {
        self.refuses_with(&[], why);
    }

    #[track_caller]
    fn refuses_with(&self, arguments: &[&str], why: &str) {
        let run = self.world.run(&[&["apply"], arguments].concat()).ends_with(7).says(why);
        assert!(run.says("Nothing was uploaded").stderr.contains("next: "));
        let requests = self.world.state().requests();
        assert!(requests.is_empty(), "{requests:?}");
    }

    #[track_caller]
    fn applies(&self) {
        self.world.run(&["apply"]).ends_with(0);
        assert_eq!(self.world.uploads("contoso"), 1);
    }
}

#[test]
fn ssh_signed_by_somebody_who_may_is_applied() {
    let Some(fleet) = Signed::ssh() else { return };
    fleet.commit_ssh("dana", "As reviewed");
    fleet.applies();
}

#[test]
fn an_unsigned_commit_is_refused() {
    let Some(fleet) = Signed::ssh() else { return };
    fleet.world.commit("As reviewed");
    fleet.refuses("is not signed, and applecart.yaml asks for signed commits");
}

#[test]
fn ssh_signed_by_an_unknown_key_is_refused() {
    let Some(fleet) = Signed::ssh() else { return };
    fleet.commit_ssh("mallory", "As reviewed");
    fleet.refuses(&format!(
        "is signed by the SSH key {}, which the policy does not name as a signer",
        fleet.keys.fingerprint("mallory")
    ));
}

#[test]
fn ssh_signed_by_a_revoked_key_is_refused() {
    let Some(fleet) = Signed::ssh() else { return };
    let settings = format!("{SETTINGS}revokedSigners: .applecart/revoked\n");
    fleet.world.write("applecart.yaml", &fleet.world.policy(&settings));
    // As a list of keys, and as a revocation list of OpenSSH.
    fleet.world.write(".applecart/revoked", &fleet.keys.public("dana"));
    fleet.commit_ssh("dana", "As reviewed");
    fleet.refuses(", which was revoked");
    let list = fleet.keys.revocation_list("dana");
    fleet.world.write_bytes(".applecart/revoked", &list);
    fleet.commit_ssh("dana", "As reviewed");
    fleet.refuses(", which was revoked");
    // Another one's revocation is not hers.
    fleet.world.write(".applecart/revoked", &fleet.keys.public("mallory"));
    fleet.commit_ssh("dana", "As reviewed");
    fleet.applies();
}

#[test]
fn ssh_signed_out_of_the_keys_time_is_refused() {
    let Some(fleet) = Signed::ssh() else { return };
    let signers = ".applecart/allowed_signers";
    fleet.world.write(signers, &fleet.keys.allowed("dana", "valid-before=\"20200101Z\""));
    fleet.commit_ssh("dana", "As reviewed");
    fleet.refuses(", which had expired when the commit was made");
    fleet.world.write(signers, &fleet.keys.allowed("dana", "valid-after=\"20990101Z\""));
    fleet.commit_ssh("dana", "As reviewed");
    fleet.refuses(", which was not valid yet when the commit was made");
    let time = "valid-after=\"20200101Z\",valid-before=\"20990101Z\"";
    fleet.world.write(signers, &fleet.keys.allowed("dana", time));
    fleet.commit_ssh("dana", "As reviewed");
    fleet.applies();
}

#[test]
fn an_ssh_signature_for_something_else_than_git_is_refused() {
    let Some(fleet) = Signed::ssh() else { return };
    let signers = ".applecart/allowed_signers";
    fleet.world.write(signers, &fleet.keys.allowed("dana", ""));
    fleet.world.commit("As reviewed");
    let unsigned = fleet.content();
    let signature = fleet.keys.sign("dana", "file", unsigned.as_bytes());
    fleet.put(keys::attached(&unsigned, &signature).as_bytes());
    fleet.refuses("was made for \"file\" and not for Git");
    // The same by hand for Git is well, so it was the namespace.
    let signature = fleet.keys.sign("dana", "git", unsigned.as_bytes());
    fleet.put(keys::attached(&unsigned, &signature).as_bytes());
    fleet.applies();
}

#[test]
fn an_ssh_key_that_may_sign_only_other_things_is_refused() {
    let Some(fleet) = Signed::ssh() else { return };
    let line = fleet.keys.allowed("dana", "namespaces=\"file\"");
    fleet.world.write(".applecart/allowed_signers", &line);
    fleet.commit_ssh("dana", "As reviewed");
    fleet.refuses(&fleet.keys.fingerprint("dana"));
}

#[test]
fn a_key_that_a_named_authority_certified_may_sign() {
    let Some(fleet) = Signed::ssh() else { return };
    let line = fleet.keys.allowed("authority", "cert-authority");
    let line = line.replace("authority@example.com", "*@example.com");
    fleet.world.write(".applecart/allowed_signers", &line);
    let mut settings = fleet.keys.ssh_settings("lee");
    fleet.commit(&settings, "As reviewed");
    fleet.refuses(", which the policy does not name as a signer");
    let certificate = fleet.keys.certificate("lee", "authority");
    settings.push(format!("user.signingKey={}", certificate.display()));
    fleet.commit(&settings, "As reviewed");
    fleet.world.run(&["validate"]).ends_with(0);
    fleet.applies();
}

#[test]
fn a_commit_changed_after_it_was_signed_with_ssh_is_refused() {
    let Some(fleet) = Signed::ssh() else { return };
    fleet.commit_ssh("dana", "As reviewed");
    fleet.amend_after_signing();
    fleet.refuses("that does not fit it: it was changed after it was signed");
}

#[test]
fn openpgp_signed_by_somebody_who_may_is_applied() {
    let Some(fleet) = Signed::openpgp() else { return };
    fleet.commit_openpgp("dana", "As reviewed");
    fleet.applies();
}

#[test]
fn openpgp_unsigned_is_refused() {
    let Some(fleet) = Signed::openpgp() else { return };
    fleet.world.commit("As reviewed");
    fleet.refuses("is not signed");
}

#[test]
fn openpgp_signed_by_an_unknown_key_is_refused() {
    let Some(fleet) = Signed::openpgp() else { return };
    fleet.keys.openpgp("mallory", &[]);
    fleet.commit_openpgp("mallory", "As reviewed");
    fleet.refuses(", which the policy does not name as a signer");
}

#[test]
fn openpgp_signed_by_a_revoked_key_is_refused() {
    let Some(fleet) = Signed::openpgp() else { return };
    fleet.commit_openpgp("dana", "As reviewed");
    fleet.keys.revoke("dana");
    fleet.world.write(".applecart/keys.asc", &fleet.keys.exported(&["dana"]));
    // With a key that is revoked gpg signs nothing, so what it signed before is tried.
    fleet.world.commit("Revoke");
    let signed = fleet.world.git(&["rev-parse", "HEAD~1"]);
    fleet.refuses_with(&["--rev", &signed, "--policy-rev", "HEAD"], ", which was revoked");
}

#[test]
fn openpgp_signed_by_an_expired_key_is_refused() {
    let Some(fleet) = Signed::openpgp() else { return };
    let then = ["--faked-system-time", "20200101T000000"];
    fleet.keys.openpgp("lee", &then);
    fleet.world.write(".applecart/keys.asc", &fleet.keys.exported(&["dana", "lee"]));
    fleet.keys.at("20200105T000000");
    fleet.commit_openpgp("lee", "As reviewed");
    fleet.refuses(", which has expired (2020-01-31T");
}

#[test]
fn a_commit_changed_after_it_was_signed_with_openpgp_is_refused() {
    let Some(fleet) = Signed::openpgp() else { return };
    fleet.commit_openpgp("dana", "As reviewed");
    fleet.amend_after_signing();
    fleet.refuses("that does not fit it: it was changed after it was signed");
}

#[test]
fn openpgp_does_not_count_where_only_ssh_signers_are_named_nor_the_other_way_round() {
    let Some(fleet) = Signed::openpgp() else { return };
    fleet.commit_ssh("dana", "As reviewed");
    fleet.refuses(", which the policy does not name as a signer");
    fleet.world.write("applecart.yaml", &fleet.world.policy(SETTINGS));
    let line = fleet.keys.allowed("dana", "");
    fleet.world.write(".applecart/allowed_signers", &line);
    fleet.commit_openpgp("dana", "As reviewed");
    fleet.refuses("is signed by an OpenPGP key, which the policy does not name as a signer");
}

#[test]
fn other_kinds_of_signatures_and_two_at_once_are_refused() {
    let Some(fleet) = Signed::ssh() else { return };
    fleet.world.commit("As reviewed");
    let unsigned = fleet.content();
    let x509 = "-----BEGIN SIGNED MESSAGE-----\nMIAGCSqGSIb3\n-----END SIGNED MESSAGE-----";
    fleet.put(keys::attached(&unsigned, x509).as_bytes());
    fleet.refuses("has an X.509 signature; only SSH and OpenPGP signatures are checked");
    let good = fleet.keys.sign("dana", "git", unsigned.as_bytes());
    fleet.put(keys::attached(&keys::attached(&unsigned, &good), &good).as_bytes());
    fleet.refuses("has more than one signature");
    fleet.put(keys::attached(&unsigned, "nonsense").as_bytes());
    fleet.refuses("has a signature of an unknown format");
}

#[test]
fn of_a_merge_the_merge_commit_is_what_must_be_signed() {
    let Some(fleet) = Signed::ssh() else { return };
    let world = &fleet.world;
    fleet.commit_ssh("dana", "As reviewed");
    world.git(&["checkout", "--quiet", "-b", "work"]);
    world.commit("Not signed, on a branch");
    world.git(&["checkout", "--quiet", "main"]);
    let merge = |settings: &[String], sign: &str| {
        let mut arguments: Vec<&str> = settings.iter().flat_map(|one| ["-c", one]).collect();
        arguments.extend(["merge", "--quiet", "--no-ff", sign, "-m", "Merge", "work"]);
        world.git(&arguments);
    };
    merge(&[], "--no-gpg-sign");
    fleet.refuses("is not signed");
    world.git(&["reset", "--quiet", "--hard", "HEAD^1"]);
    merge(&fleet.keys.ssh_settings("dana"), "-S");
    fleet.applies();
}

#[test]
fn a_squash_merge_counts_by_the_key_of_the_forge_that_made_it() {
    let Some(fleet) = Signed::ssh() else { return };
    fleet.keys.openpgp("forge", &[]);
    if !fleet.keys.has_gpg() {
        return;
    }
    fleet.commit_openpgp("forge", "Renew contoso (#7)");
    fleet.refuses("is signed by an OpenPGP key, which the policy does not name as a signer");
    let settings = format!("{SETTINGS}openpgpKeys: .applecart/keys.asc\n");
    fleet.world.write("applecart.yaml", &fleet.world.policy(&settings));
    fleet.world.write(".applecart/keys.asc", &fleet.keys.exported(&["forge"]));
    fleet.commit_openpgp("forge", "Trust the forge (#8)");
    fleet.applies();
}

#[test]
fn signers_that_cannot_be_told_refuse_everything() {
    let Some(fleet) = Signed::ssh() else { return };
    let signers = ".applecart/allowed_signers";
    for (content, why) in [
        ("", "names no signer"),
        ("# soon\n", "names no signer"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "holds a private key"),
        (&"#".repeat(300_000), "more than are read"),
    ] {
        fleet.world.write(signers, content);
        fleet.commit_ssh("dana", "As reviewed");
        fleet.refuses(why);
        fleet.world.run(&["validate"]).ends_with(78).says("bad-signers").says(signers);
    }
    let path = fleet.world.repo().join(signers);
    std::fs::remove_file(&path).unwrap();
    fleet.commit_ssh("dana", "As reviewed");
    fleet.refuses("of the policy revision is missing");
    fleet
        .world
        .run(&["validate"])
        .ends_with(78)
        .says("`signers` names this file, but it does not exist");

    fleet.world.write("elsewhere", &fleet.keys.allowed("dana", ""));
    std::os::unix::fs::symlink("../elsewhere", &path).unwrap();
    fleet.commit_ssh("dana", "As reviewed");
    fleet.refuses("is a symbolic link; it must be a file");
    fleet.world.run(&["validate"]).ends_with(78).says("is a symbolic link");
    fleet.world.run(&["validate", "--worktree"]).ends_with(78).says("is a symbolic link");
    std::fs::remove_dir_all(fleet.world.repo().join(".applecart")).unwrap();
    std::os::unix::fs::symlink(".", fleet.world.repo().join(".applecart")).unwrap();
    fleet.world.write("allowed_signers", &fleet.keys.allowed("dana", ""));
    fleet.commit_ssh("dana", "As reviewed");
    fleet.refuses(".applecart is a symbolic link; it must be a folder");
}

#[test]
fn a_machine_without_the_programs_says_what_to_install_and_sends_nothing() {
    let Some(fleet) = Signed::ssh() else { return };
    fleet.commit_ssh("dana", "As reviewed");
    let without = |folder: &str, programs: &[(&str, &str)]| {
        let bin = fleet.world.path(folder);
        for (name, text) in programs {
            script(&bin.join(name), text);
        }
        let mut command = fleet.world.command(&["apply"]);
        command.env("PATH", &bin);
        let run = crate::world::finish(command).ends_with(1).says("Nothing was uploaded");
        assert!(fleet.world.state().requests().is_empty());
        run
    };
    let git = format!("exec {} \"$@\"", path_of("git").display());
    let run = without("only-git", &[("git", &git)]);
    run.says("the program `ssh-keygen` was not found; install OpenSSH");
    let old = "echo 'ssh-keygen: unknown option -- Y' >&2; exit 1";
    let run = without("old-ssh", &[("git", &git), ("ssh-keygen", old)]);
    run.says("`ssh-keygen` is too old: OpenSSH 8.9 is needed");
    let run = without("old-git", &[("git", "echo git version 2.30.2")]);
    run.says("`git` is too old (git version 2.30.2): Git 2.34 is needed");
    without("nothing", &[("other", "")]).says("the program `git` was not found");
}

fn path_of(name: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap()
}

/// A program that answers as `gpg` and `ssh-keygen` do when all is well.
fn says_good(path: &Path) {
    script(
        path,
        r#"case "$*" in
*find-principals*) echo dana ;;
*verify*-I*|*check-novalidate*) echo 'Good "git" signature for dana with ED25519 key SHA256:AAAA' ;;
*) printf '\n[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 0123456789ABCDEF Dana\n[GNUPG:] VALIDSIG 0123456789ABCDEF0123456789ABCDEF01234567 2026-01-01 1767225600 0 4 0 22 8 00 0123456789ABCDEF0123456789ABCDEF01234567\n[GNUPG:] TRUST_ULTIMATE 0 pgp\n' ;;
esac
exit 0"#,
    );
}
