//! Nothing but the policy revision has a say in who may sign.

use super::{SETTINGS, Signed, says_good};
use crate::world::finish;

const UNKNOWN: &str = ", which the policy does not name as a signer";

/// Settings that let everything pass: a file that allows mallory, and programs that say "good".
fn permissive(fleet: &Signed) -> Vec<(&'static str, String)> {
    let (file, program) = (fleet.world.path("permissive"), fleet.world.path("says-good"));
    std::fs::write(&file, fleet.keys.allowed("mallory", "")).unwrap();
    says_good(&program);
    let (file, program) = (file.display().to_string(), program.display().to_string());
    vec![
        ("gpg.ssh.allowedSignersFile", file),
        ("gpg.ssh.revocationFile", "/dev/null".into()),
        ("gpg.program", program.clone()),
        ("gpg.openpgp.program", program.clone()),
        ("gpg.x509.program", program.clone()),
        ("gpg.ssh.program", program),
        ("gpg.minTrustLevel", "never".into()),
        ("log.showSignature", "true".into()),
        ("log.mailmap", "true".into()),
    ]
}

fn both(fleet: &Signed) {
    fleet.commit_ssh("mallory", "As reviewed");
    fleet.refuses(UNKNOWN);
    fleet.amend_after_signing();
    fleet.refuses("it was changed after it was signed");
}

#[test]
fn settings_of_the_repository_have_no_say() {
    let Some(fleet) = Signed::ssh() else { return };
    for (name, value) in permissive(&fleet) {
        fleet.world.git(&["config", name, &value]);
    }
    both(&fleet);
    // And none to refuse: a key that counts still does.
    fleet.commit_ssh("dana", "As reviewed");
    fleet.applies();
}

#[test]
fn settings_of_the_user_have_no_say() {
    let Some(fleet) = Signed::ssh() else { return };
    let config = fleet.world.path(".gitconfig");
    for (name, value) in permissive(&fleet) {
        fleet.world.git(&["config", "--file", config.to_str().unwrap(), name, &value]);
    }
    both(&fleet);
}

#[test]
fn settings_and_keyrings_of_the_environment_have_no_say() {
    let Some(fleet) = Signed::openpgp() else { return };
    fleet.keys.openpgp("mallory", &[]);
    fleet.commit_openpgp("mallory", "As reviewed");
    let mut command = fleet.world.command(&["apply"]);
    let settings = permissive(&fleet);
    command.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (index, (name, value)) in settings.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{index}"), name);
        command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
    }
    command.env("GNUPGHOME", fleet.keys.path("gpg"));
    finish(command).ends_with(7).says(UNKNOWN);
    // The same where the keyring is in its usual place.
    let home = fleet.world.path(".gnupg");
    std::os::unix::fs::symlink(fleet.keys.path("gpg"), home).unwrap();
    fleet.refuses(UNKNOWN);
}

#[test]
fn a_replaced_commit_is_judged_as_it_is() {
    let Some(fleet) = Signed::ssh() else { return };
    let good = fleet.commit_ssh("dana", "As reviewed");
    let tree = fleet.world.git(&["rev-parse", "HEAD^{tree}"]);
    let parent = fleet.world.git(&["rev-parse", "HEAD^"]);
    let bad = fleet.world.git(&["commit-tree", "-m", "x", "-p", &parent, &tree]);
    fleet.world.git(&["replace", &bad, &good]);
    fleet.refuses_with(&["--rev", &bad], "is not signed");
}

#[test]
fn whom_only_the_applied_revision_names_may_not_sign_it() {
    let Some(fleet) = Signed::ssh() else { return };
    let world = &fleet.world;
    // Mallory names herself, and her commit is merged with the rest; later she is taken out.
    let signers = ".applecart/allowed_signers";
    let (dana, mallory) = (fleet.keys.allowed("dana", ""), fleet.keys.allowed("mallory", ""));
    world.write(signers, &format!("{dana}{mallory}"));
    let own = fleet.commit_ssh("mallory", "As reviewed");
    world.write(signers, &dana);
    let base = fleet.commit_ssh("dana", "Without mallory");
    world.git(&["init", "--quiet", "--bare", "--initial-branch=main", "../remote"]);
    world.git(&["remote", "add", "origin", "../remote"]);
    world.git(&["push", "--quiet", "origin", "main"]);

    fleet.refuses_with(&["--rev", &own], UNKNOWN);
    fleet.refuses_with(&["--rev", &own, "--policy-rev", &base], UNKNOWN);
    // On a branch that nobody merged, its own file and settings do not help either.
    world.git(&["checkout", "--quiet", "-b", "evil"]);
    world.write(signers, &mallory);
    world.write("applecart.yaml", &world.policy(&format!("{SETTINGS}safety: {{maxTenants: 9}}\n")));
    fleet.commit_ssh("mallory", "Mine");
    fleet.refuses("is not contained in the base");
    world
        .run(&["plan"])
        .ends_with(0)
        .says(UNKNOWN)
        .says("The commit that is merged and applied must be signed");
    world.write("applecart.yaml", &world.policy(""));
    world.commit("No signatures any more");
    world.run(&["plan"]).ends_with(0).says("Signed commits are required, and commit");
}
