//! The plan of a branch, as a pipeline of a pull request makes it: no key, no permission to write,
//! and only what the branch touches.

use applecart_simulator::{READER_CLIENT_ID, READER_SECRET};

use crate::world::hub::{Clone, Hub};
use crate::world::{Run, World, finish, tenant_id};

/// `main` at a bare remote, with three tenants in order, and a clone to make branches in.
fn hub() -> Hub {
    let hub = Hub::new();
    hub.world.write("applecart.yaml", &policy(&hub));
    for name in ["adatum", "contoso", "fabrikam"] {
        let live = hub.world.issue(None, 300);
        hub.world.live(name, Some(&live));
        hub.world.tenant(name, &live);
    }
    hub.world.commit("Three tenants");
    hub.world.git(&["remote", "add", "origin", &hub.url()]);
    push(&hub.world, "main");
    hub
}

fn push(world: &World, branch: &str) {
    world.git(&["push", "--quiet", "--force", "origin", &format!("HEAD:{branch}")]);
    world.git(&["fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*"]);
}

/// Settings with an application for reading.
fn policy(hub: &Hub) -> String {
    let reader = format!("  readerClientId: {READER_CLIENT_ID}\n  credential:");
    hub.world.policy("").replace("  credential:", &reader)
}

/// The secrets of both applications, as a person's machine has them.
fn run(world: &World, arguments: &[&str]) -> Run {
    let mut command = world.command(arguments);
    let own = READER_CLIENT_ID.to_uppercase().replace('-', "_");
    command.env(format!("AZURE_CLIENT_SECRET_{own}"), READER_SECRET);
    finish(command)
}

/// What a pipeline of a pull request has: an identity that reads, no key.
fn without_key(clone: &Clone<'_>, arguments: &[&str]) -> Run {
    let mut command = clone.command(arguments);
    command.env_remove("SOPS_AGE_KEY").env("AZURE_CLIENT_SECRET", READER_SECRET);
    finish(command)
}

fn planned(run: &Run) -> Vec<String> {
    let plan = run.json();
    let tenants = plan["tenants"].as_array().unwrap();
    tenants.iter().map(|tenant| tenant["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_branch_is_planned_without_a_key_and_with_reads_only() {
    let hub = hub();
    hub.world.git(&["checkout", "--quiet", "-b", "renew/contoso"]);
    hub.world.renewal("contoso");
    push(&hub.world, "renew/contoso");
    // Meanwhile others merge something else.
    hub.world.git(&["checkout", "--quiet", "main"]);
    hub.world.renewal("adatum");
    push(&hub.world, "main");

    let clone = hub.clone("pipeline", &["--branch", "renew/contoso"]);
    hub.world.state().clear_journal();
    let plan = ["plan", "--base", "origin/main", "--format"];
    let json = without_key(&clone, &[&plan[..], &["json"]].concat()).ends_with(0);
    assert_eq!(planned(&json), ["contoso"]);
    assert_eq!(json.json()["selection"]["touched"]["base"], "origin/main");
    assert_eq!(json.json()["summary"]["uploads"], 1);
    let markdown = without_key(&clone, &[&plan[..], &["markdown"]].concat()).ends_with(0);
    assert!(markdown.stdout.starts_with("<!-- applecart:plan -->"), "{}", markdown.stdout);
    assert!(markdown.stdout.contains("| ⬆️ upload | contoso | push |"), "{}", markdown.stdout);
    without_key(&clone, &["plan", "--base", "origin/main"])
        .ends_with(0)
        .says("Only what differs from origin/main");
    let requests = hub.world.state().requests();
    assert!(requests.iter().any(|request| request.method == "GET"), "nothing was read");
    for request in requests {
        assert!(!request.is_write(), "{request:?}");
    }
}

#[test]
fn a_reviewed_plan_of_a_branch_applies_what_the_branch_touched_and_nothing_else() {
    let hub = hub();
    hub.world.renewal("adatum");
    push(&hub.world, "main");
    hub.world.git(&["checkout", "--quiet", "-b", "renew/contoso"]);
    hub.world.renewal("contoso");
    let file = hub.world.path("plan.json");
    let file = file.to_str().unwrap();
    run(&hub.world, &["plan", "--base", "origin/main", "--out", file]).ends_with(0);
    push(&hub.world, "main");
    hub.world.state().clear_journal();
    hub.world.run(&["apply", file]).ends_with(0);
    let contoso = Some(tenant_id("contoso").into());
    assert!(hub.world.state().requests().iter().all(|one| one.tenant == contoso), "nobody else");
    assert_eq!((hub.world.uploads("contoso"), hub.world.uploads("adatum")), (1, 0));
}

#[test]
fn new_renamed_and_removed_folders_are_touched() {
    let hub = hub();
    hub.world.git(&["checkout", "--quiet", "-b", "change"]);
    hub.world.git(&["mv", "tenants/contoso", "tenants/contoso-ltd"]);
    let file = hub.world.repo().join("tenants/contoso-ltd/tenant.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("name: contoso", "name: contoso-ltd")).unwrap();
    hub.world.git(&["rm", "-r", "--quiet", "tenants/fabrikam"]);
    hub.world.renewal("tailspin");
    let run = run(&hub.world, &["plan", "--base", "main", "--format", "json"]).ends_with(0);
    assert_eq!(planned(&run), ["contoso-ltd", "tailspin"]);
    let touched = run.json()["selection"]["touched"]["tenants"].clone();
    let all = serde_json::json!(["contoso", "contoso-ltd", "fabrikam", "tailspin"]);
    assert_eq!(touched, all);
    assert_eq!(run.json()["removedTenants"][0]["name"], "fabrikam");
}

#[test]
fn a_branch_that_touches_no_tenant_has_nothing_to_do() {
    let hub = hub();
    hub.world.git(&["checkout", "--quiet", "-b", "readme"]);
    hub.world.write("README.md", "Our fleet\n");
    hub.world.commit("Words");
    hub.world.state().clear_journal();
    for more in [&[][..], &["--select", "contoso"]] {
        let plan = [&["plan", "--detailed-exitcode", "--base", "origin/main"], more].concat();
        run(&hub.world, &plan).ends_with(0).says("No tenant differs").says("nothing to upload");
    }
    assert!(hub.world.state().requests().is_empty(), "nobody was asked");
    // A slip of the pen is still one.
    run(&hub.world, &["plan", "--select", "nobody"]).ends_with(64);
}

#[test]
fn sealing_again_is_told_and_uploads_nothing() {
    let mut hub = hub();
    hub.world.git(&["checkout", "--quiet", "-b", "reseal"]);
    let identity = age::x25519::Identity::generate();
    hub.world.recipient = identity.to_public().to_string();
    hub.world.write("applecart.yaml", &policy(&hub));
    hub.world.commit("A new key");
    hub.world.run(&["reseal", "--select", "contoso"]).ends_with(0);
    hub.world.run(&["reseal", "--select", "adatum"]).ends_with(0);
    hub.world.commit("Seal again");
    let screen = run(&hub.world, &["plan", "--base", "origin/main"]).ends_with(0);
    let policy = screen.stdout.find("applecart.yaml changes in this revision").unwrap();
    let resealed = screen
        .stdout
        .find("The bytes of 2 token files of adatum, contoso changed, and the sha256")
        .unwrap();
    assert!(policy < resealed, "{}", screen.stdout);
    assert!(screen.stdout.contains("nothing to upload"), "{}", screen.stdout);
    let json = run(&hub.world, &["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(json["resealedTenants"][0], serde_json::json!({"name": "adatum", "files": 1}));
}

#[test]
fn a_base_that_nobody_can_compare_with_is_told_with_the_line_that_fetches_it() {
    let hub = hub();
    hub.world.git(&["checkout", "--quiet", "-b", "renew/contoso"]);
    hub.world.renewal("contoso");
    push(&hub.world, "renew/contoso");
    // One commit of the branch, and none of main.
    let one = ["--depth=1", "--branch", "renew/contoso"];
    let clone = hub.clone("shallow", &one);
    without_key(&clone, &["plan", "--base", "origin/main"])
        .ends_with(7)
        .says("the revision \"origin/main\" of --base cannot be read")
        .says("next: Fetch it:")
        .says("git fetch origin +refs/heads/main:refs/remotes/origin/main");
    clone.git(&["fetch", "--quiet", "--depth=1", "origin", "+main:refs/remotes/origin/main"]);
    without_key(&clone, &["plan", "--base", "origin/main"])
        .ends_with(7)
        .says("have no commit in common")
        .says("next: Fetch it:")
        .says("git fetch --unshallow");
    clone.git(&["fetch", "--quiet", "--unshallow"]);
    let run = without_key(&clone, &["plan", "--base", "origin/main", "--format", "json"]);
    assert_eq!(planned(&run.ends_with(0)), ["contoso"]);
}
