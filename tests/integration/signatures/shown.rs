//! Who signed, in what other commands show.

use applecart_core::fleet::Signing;
use applecart_io::git::{Repo, Signature, SignatureFormat, Signers, SignersError};

use super::{SETTINGS, Signed};

#[test]
fn a_plan_says_at_its_top_that_apply_would_refuse() {
    let Some(fleet) = Signed::ssh() else { return };
    fleet.world.commit("As reviewed");
    let told = fleet.world.run(&["plan"]).ends_with(0).says("`apply` would refuse this commit");
    let place = |text: &str| told.stdout.find(text).unwrap();
    assert!(place("would refuse") < place("contoso"), "{}", told.stdout);
    let markdown = fleet.world.run(&["plan", "--format", "markdown"]).ends_with(0);
    assert!(markdown.stdout.contains("would refuse this commit"), "{}", markdown.stdout);
    let plan = fleet.world.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert!(plan["refusal"].as_str().unwrap().contains("is not signed"), "{plan}");
    assert_eq!(plan["summary"]["uploads"], 1);

    fleet.commit_ssh("dana", "As reviewed");
    let plan = fleet.world.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["refusal"], serde_json::Value::Null);
}

#[test]
fn doctor_names_the_signer_or_the_next_step() {
    let Some(fleet) = Signed::ssh() else { return };
    let look = |code| {
        let found = fleet.world.run(&["doctor", "--format", "json"]).ends_with(code).json();
        let checks = found["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["area"] == "signatures").unwrap()
    };
    fleet.world.commit("As reviewed");
    let check = look(3);
    assert_eq!(check["state"], "failed");
    assert!(check["next"][0].as_str().unwrap().contains("commit --amend"), "{check}");
    fleet.commit_ssh("dana", "As reviewed");
    let check = look(0);
    let key = fleet.keys.fingerprint("dana");
    let text = format!("is signed by dana@example.com with the SSH key {key}");
    assert!(check["text"].as_str().unwrap().contains(&text), "{check}");
}

#[test]
fn a_key_that_cannot_sign_commits_is_remarked_on_its_line() {
    let Some(fleet) = Signed::ssh() else { return };
    let lines = fleet.keys.allowed("dana", "") + &fleet.keys.allowed("lee", "namespaces=\"file\"");
    fleet.world.write(".applecart/allowed_signers", &lines);
    fleet.world.write("applecart.yaml", &fleet.world.policy(SETTINGS));
    fleet.world.commit("As reviewed");
    let found = fleet.world.run(&["validate", "--format", "json"]).ends_with(0).json();
    let remark = &found["diagnostics"][0];
    assert_eq!((&remark["line"], &remark["severity"]), (&2.into(), &"warning".into()), "{found}");
}

#[test]
fn many_commits_are_judged_together_each_by_itself_and_in_order() {
    let Some(fleet) = Signed::openpgp() else { return };
    fleet.world.write(".applecart/allowed_signers", &fleet.keys.allowed("dana", ""));
    let mut wanted = Vec::new();
    let mut add = |id: String, code| wanted.push((id, code));
    for round in 0..3 {
        add(fleet.commit_openpgp("dana", &format!("As reviewed {round}")), "good");
        add(fleet.commit_ssh("mallory", "As reviewed"), "unknown-key");
        add(fleet.commit_ssh("dana", "As reviewed"), "good");
        fleet.amend_after_signing();
        add(fleet.world.git(&["rev-parse", "HEAD"]), "bad-signature");
        fleet.world.commit("Not signed");
        add(fleet.world.git(&["rev-parse", "HEAD"]), "unsigned");
    }
    let again = wanted[0].clone();
    wanted.push(again);
    let signing = Signing {
        required: true,
        signers: Some(".applecart/allowed_signers".into()),
        openpgp_keys: Some(".applecart/keys.asc".into()),
        revoked_signers: None,
    };
    let repo = Repo::discover(&fleet.world.repo()).unwrap();
    let signers = Signers::of(&repo, Some("HEAD"), &signing).unwrap();
    let ids: Vec<&str> = wanted.iter().map(|(id, _)| id.as_str()).collect();
    let found = signers.verify(&repo, &ids).unwrap();
    let codes: Vec<&str> = found.iter().map(Signature::code).collect();
    assert_eq!(codes, wanted.iter().map(|(_, code)| *code).collect::<Vec<_>>());
    let formats: Vec<_> = found.iter().filter_map(Signature::signer).map(|by| by.format).collect();
    assert_eq!(formats[..2], [SignatureFormat::OpenPgp, SignatureFormat::Ssh]);
    assert_eq!(found[0].signer().unwrap().name.as_deref(), Some("dana <dana@example.com>"));

    // What is not there, and what is no commit, is no answer about a signature.
    let tree = fleet.world.git(&["rev-parse", "HEAD^{tree}"]);
    for id in [tree.as_str(), "0123456789abcdef0123456789abcdef01234567"] {
        assert!(matches!(signers.verify_one(&repo, id), Err(SignersError::Git(_))), "{id}");
    }
    let nobody = Signing { signers: None, openpgp_keys: None, ..signing };
    assert!(matches!(Signers::of(&repo, Some("HEAD"), &nobody), Err(SignersError::Nobody)));
}
