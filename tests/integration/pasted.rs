//! What people paste into the wrong place: secrets that no output may echo, and words that a
//! pipeline's runner would obey.

use crate::world::World;

const SECRETS: [&str; 2] =
    ["wxy7Q~Lm3k.Rt9_Pz2v-Bn6cQd8fHs4jYg1aUe5", "kJ8hT2mQ9xL4vB7nR1cW6yD3zF5gH0pA"];

const TENANT: &str = "apiVersion: applecart/v1\nkind: Tenant\nname: contoso\ntenantId: 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11\n";

#[test]
fn no_format_echoes_a_secret_in_the_wrong_field() {
    let world = World::new();
    let fleet = world.policy("");
    let client = fleet.lines().find(|line| line.contains("clientId: ")).unwrap().to_owned();
    for secret in SECRETS {
        let in_fleet = [
            fleet.replace(&client, &format!("  clientId: {secret}")),
            fleet.replace("client-secret", secret),
            fleet.replace("client-secret\n", &format!("client-secret\n  cloud: {secret}\n")),
            format!("{fleet}{secret}: x\n"),
            format!("{fleet}expiry: {{critical: {secret}}}\n"),
            format!("{fleet}ledger: {{branch: {secret}}}\n"),
        ];
        let in_tenant = [
            TENANT.replace("name: contoso", &format!("name: {secret}")),
            TENANT.replace("6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11", secret),
            format!("{TENANT}push: {{topic: {secret}}}\n"),
            format!("{TENANT}push: {{serial: {secret}}}\n"),
            format!("{TENANT}push: {{{secret}: x}}\n"),
            format!("{TENANT}auth: {secret}\n"),
            format!("{TENANT}contacts: [{secret}]\n"),
            format!("{TENANT}vpp: [{{name: a, country: {secret}}}]\n"),
        ];
        let fleets = in_fleet.iter().map(|text| (text.as_str(), TENANT));
        let tenants = in_tenant.iter().map(|text| (fleet.as_str(), text.as_str()));
        for (fleet, tenant) in fleets.chain(tenants) {
            world.write("applecart.yaml", fleet);
            world.write("tenants/contoso/tenant.yaml", tenant);
            for format in ["human", "json", "github", "azure", "gitlab", "sarif"] {
                let run = world.run(&["validate", "--worktree", "--format", format]);
                let all = format!("{}{}", run.stdout, run.stderr);
                assert!(!all.contains(secret), "{format}: {all}");
            }
        }
    }
}

/// Commands that quote what they do not understand.
const QUOTING: [&[&str]; 12] = [
    &["explain"],
    &["plan", "--rev"],
    &["plan", "--now"],
    &["plan", "--select"],
    &["plan", "--base"],
    &["plan", "--policy-rev"],
    &["status", "--within"],
    &["status", "--fail-on"],
    &["history"],
    &["renew"],
    &["plan", "--format"],
    &["--log-format", "json", "plan", "--rev"],
];

#[test]
fn no_message_echoes_a_secret_after_the_wrong_option() {
    let world = World::new();
    world.write("tenants/contoso/tenant.yaml", TENANT);
    world.commit("A tenant");
    for secret in SECRETS {
        for command in QUOTING {
            let run = world.run(&[command, &[secret]].concat());
            assert_ne!(run.code, 0, "{command:?}");
            let all = format!("{}{}", run.stdout, run.stderr);
            assert!(!all.contains(secret), "{command:?}: {all}");
        }
    }
}

#[test]
fn no_argument_commands_a_runner() {
    let world = World::new();
    world.write("tenants/contoso/tenant.yaml", TENANT);
    world.commit("A tenant");
    for hostile in ["##vso[task.uploadfile]/agent/key", "##[group]x", "\n::add-mask::x"] {
        for command in QUOTING {
            let run = world.run(&[command, &[hostile]].concat());
            let all = format!("{}{}", run.stdout, run.stderr);
            let obeys = |line: &str| {
                line.contains("##vso[") || line.contains("##[") || line.trim().starts_with("::")
            };
            assert!(!all.lines().any(obeys), "{command:?}: {all}");
        }
    }
}
