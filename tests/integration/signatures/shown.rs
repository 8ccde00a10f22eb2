//! Who signed, in what other commands show.

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
