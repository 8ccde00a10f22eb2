//! A provider's first days, whole: thirty customers imported, three renewals by three pull requests,
//! merged and applied, and everybody's clone in agreement afterwards. Real Git, real HTTP.

use std::path::{Path, PathBuf};

use applecart_core::model::Kind;
use applecart_simulator::{READER_CLIENT_ID, READER_SECRET};
use chrono::{DateTime, Utc};

use crate::world::hub::{Clone, Hub};
use crate::world::{Run, World, finish, in_days, tenant_id};

const CUSTOMERS: usize = 30;

/// Three tenants, each with the kind that is renewed.
const RENEWED: [(&str, &str, Kind); 3] = [
    ("customer-03", "push", Kind::Push),
    ("customer-11", "ABM", Kind::Enrollment),
    ("customer-27", "London", Kind::Vpp),
];

fn name(number: usize) -> String {
    format!("customer-{number:02}")
}

/// A bare remote with settings and nobody in it, and thirty tenants in Intune.
fn hub() -> Hub {
    let hub = Hub::new();
    let reader = format!("  readerClientId: {READER_CLIENT_ID}\n  credential:");
    let policy = hub.world.policy("").replace("  credential:", &reader);
    hub.world.write("applecart.yaml", &policy);
    hub.world.commit("Settings");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    for number in 0..CUSTOMERS {
        hub.world.live_of_all_kinds(&name(number));
    }
    hub
}

/// A person's clone. Both applications' secrets are on that machine; the key is only where it says.
fn person<'a>(hub: &'a Hub, name: &str) -> Clone<'a> {
    let clone = hub.clone(name, &[]);
    clone.git(&["config", "user.name", name]);
    clone.git(&["config", "user.email", &format!("{name}@msp.example")]);
    clone
}

fn run(clone: &Clone<'_>, arguments: &[&str]) -> Run {
    let mut command = clone.command(arguments);
    let own = READER_CLIENT_ID.to_uppercase().replace('-', "_");
    command.env(format!("AZURE_CLIENT_SECRET_{own}"), READER_SECRET).env_remove("SOPS_AGE_KEY");
    finish(command)
}

/// A pipeline of a pull request: the reader's secret, no key, nothing else.
fn reading(clone: &Clone<'_>, arguments: &[&str]) -> Run {
    let mut command = clone.command(arguments);
    command.env("AZURE_CLIENT_SECRET", READER_SECRET).env_remove("SOPS_AGE_KEY");
    finish(command)
}

fn save(world: &World, file: &str, text: &str) -> PathBuf {
    let path = world.path("downloads").join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// Apple's part, with what the sheet hands out.
fn at_apple(hub: &Hub, clone: &Clone<'_>, tenant: &str, kind: Kind) -> PathBuf {
    let world = &hub.world;
    let out = world.path("");
    let token = format!("{tenant}/{}", RENEWED.iter().find(|one| one.2 == kind).unwrap().1);
    let sheet = run(clone, &["renew", &token, "--out", out.to_str().unwrap()]).ends_with(0);
    match kind {
        Kind::Push => {
            sheet.says("press Renew on it. Never press Create");
            let request =
                std::fs::read_to_string(out.join(format!("IntuneCSR-{tenant}.csr"))).unwrap();
            let live = world.state().tenant(tenant_id(tenant)).unwrap();
            let topic = live.apple_push_notification_certificate.unwrap().topic_identifier;
            let apple = world.simulator().apple();
            let issued = apple.renew(&request, &topic, Utc::now()).unwrap();
            save(world, "MDM_Certificate.pem", &issued.pem)
        }
        Kind::Enrollment => {
            sheet.says("Apple disables the token in use when a new one is downloaded");
            let file =
                format!("Intune_Token_{}_smime.p7m", Utc::now().format("%Y-%m-%dT%H-%M-%SZ"));
            save(world, &file, &world.enrollment_file(tenant))
        }
        Kind::Vpp => {
            sheet.says("the content token of the location London");
            save(world, "sToken.vpptoken", &world.vpp_file("London", 364).text)
        }
    }
}

/// When everything of everybody lapses, as Intune has it.
fn expiries(world: &World) -> Vec<(String, Kind, DateTime<Utc>)> {
    let kinds = [Kind::Push, Kind::Enrollment, Kind::Vpp];
    (0..CUSTOMERS)
        .flat_map(|number| kinds.map(|kind| (name(number), kind)))
        .map(|(name, kind)| {
            let until = world.live_until(&name, kind).unwrap();
            (name, kind, until)
        })
        .collect()
}

fn commit(clone: &Clone<'_>, message: &str) {
    clone.git(&["add", "--all"]);
    clone.git(&["commit", "--quiet", "--message", message]);
    clone.git(&["push", "--quiet", "origin", "main"]);
}

fn list(folder: &Path) -> PathBuf {
    let rows = (0..CUSTOMERS).map(|number| {
        let name = name(number);
        format!("{name},{},Customer {number}\n", tenant_id(&name))
    });
    let path = folder.join("customers.csv");
    std::fs::write(&path, format!("name,tenantId,displayName\n{}", rows.collect::<String>()))
        .unwrap();
    path
}

#[test]
fn thirty_customers_three_renewals_and_everybody_agrees() {
    let hub = hub();
    let world = &hub.world;
    let before = expiries(world);

    // Day one: Alice imports what there is.
    let alice = person(&hub, "alice");
    let customers = list(&world.path(""));
    run(&alice, &["import", "--from", customers.to_str().unwrap()])
        .ends_with(0)
        .says("30 created, 0 updated");
    run(&alice, &["validate", "--worktree"]).ends_with(0).says("30 tenants: 0 errors, 0 warnings");
    commit(&alice, "Import thirty customers");
    run(&alice, &["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
    run(&alice, &["status", "--within", "60d"]).ends_with(0).says("90");
    assert_eq!(world.state().writes(), 0);

    // Bob renews one token of each kind, on three branches.
    let bob = person(&hub, "bob");
    let mut branches = Vec::new();
    for (tenant, token, kind) in RENEWED {
        let file = at_apple(&hub, &bob, tenant, kind);
        let target = format!("{tenant}/{token}");
        let file = file.to_str().unwrap();
        let mut renew = vec!["renew", &target, "--file", file, "--push"];
        if kind == Kind::Enrollment {
            // Intune did not show which account it was.
            run(&bob, &renew).ends_with(4).says("apple-id-missing").says("--apple-id");
            renew.extend(["--apple-id", "abm@customer-11.example"]);
        }
        run(&bob, &renew).ends_with(0).says("pushed");
        let pattern = format!("refs/heads/renew/{tenant}");
        let branch = hub.git(&["for-each-ref", "--format=%(refname:short)", &pattern]);
        branches.push((tenant, kind, branch));
    }
    assert_eq!(bob.git(&["status", "--porcelain"]), "", "bob's worktree is as it was");

    // Each pull request shows its tenant and nothing else, to somebody who may only read.
    world.state().clear_journal();
    for (tenant, kind, branch) in &branches {
        let clone = hub.clone(&format!("plan-{tenant}"), &["--branch", branch]);
        let plan = ["plan", "--base", "origin/main", "--format", "json"];
        let plan = reading(&clone, &plan).ends_with(0).json();
        let tenants = plan["tenants"].as_array().unwrap();
        assert_eq!(tenants.len(), 1, "{branch}");
        assert_eq!(tenants[0]["name"], *tenant);
        assert_eq!(plan["summary"]["uploads"], 1, "{branch}: {plan:#}");
        assert_eq!(plan["summary"]["holds"], 0, "{branch}");
        let tokens = tenants[0]["tokens"].as_array().unwrap();
        let due = tokens.iter().find(|token| token["action"] == "upload").unwrap();
        assert_eq!(due["kind"], kind.as_str());
        assert_eq!(due["urgent"], *kind == Kind::Enrollment);
    }
    assert!(world.state().requests().iter().all(|request| !request.is_write()));

    // Reviewed and merged, the pipeline of main applies all three.
    for (_, _, branch) in &branches {
        alice.git(&["pull", "--quiet", "--no-rebase", "origin", "main"]);
        alice.git(&["fetch", "--quiet", "origin"]);
        let message = format!("Merge pull request #7 from {branch}");
        alice.git(&["merge", "--quiet", "--no-ff", "-m", &message, &format!("origin/{branch}")]);
        alice.git(&["push", "--quiet", "origin", "main"]);
    }
    let pipeline = hub.clone("pipeline", &["--depth=1"]);
    pipeline.run(&["apply"]).ends_with(0);

    // Live changed, of those three and of nobody else.
    let after = expiries(world);
    for (old, new) in before.iter().zip(&after) {
        let renewed = RENEWED.iter().any(|(tenant, _, kind)| *tenant == old.0 && *kind == old.1);
        assert_eq!(old.2 != new.2, renewed, "{} {}", old.0, old.1);
        assert_eq!(new.2 > in_days(300), renewed, "{} {}", old.0, old.1);
    }
    for (tenant, _, kind) in RENEWED {
        let lines = hub.lines(tenant);
        // The first sight of the tenant's other tokens stands there as well.
        let events: Vec<&str> = lines
            .iter()
            .filter_map(|line| line["event"].as_str())
            .filter(|event| *event != "observed")
            .collect();
        assert_eq!(events, ["intended", "applied", "confirmed"], "{tenant}");
        if kind == Kind::Push {
            assert_eq!(hub.notes(tenant)[0]["event"], "renewal-opened", "{tenant}");
        }
        assert_eq!(world.uploads_of(tenant, kind), 1);
    }

    // Alice's clone agrees, and so does the record.
    alice.git(&["pull", "--quiet", "origin", "main"]);
    run(&alice, &["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
    run(&alice, &["ledger", "verify"]).ends_with(0);
    let push = RENEWED[0].0;
    run(&alice, &["history", &format!("{push}/push"), "--fetch"])
        .ends_with(0)
        .says("reviewed as pull request #7, merged by alice")
        .says("brought in by bob")
        .says("uploaded");
    run(&alice, &["status"]).ends_with(0).says("not yet confirmed by the customer");
    for (tenant, _, _) in RENEWED {
        run(&alice, &["acknowledge", tenant, "--by", "Ms Doe"]).ends_with(0);
    }
    let status = run(&alice, &["status"]).ends_with(0);
    assert!(!status.stdout.contains("not yet confirmed by the customer"), "{}", status.stdout);
    assert!(world.state().violations().is_empty(), "{:?}", world.state().violations());
}
