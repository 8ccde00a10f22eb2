//! What was merged after the commit that is applied counts at once: a run that waited, a pipeline
//! that is run again and a reviewed plan file send nothing that the base has taken back.

use crate::world::hub::{Clone, Hub};
use crate::world::{Run, tenant_id};

/// Two tenants with a due renewal at the remote, and a clone at that commit, which a pipeline waits
/// with.
fn waiting(hub: &Hub) -> Clone<'_> {
    for name in ["contoso", "fabrikam"] {
        hub.world.renewal(name);
    }
    merge(hub);
    hub.clone("waiting", &[])
}

fn merge(hub: &Hub) {
    hub.world.git(&["push", "--quiet", &hub.url(), "HEAD:main"]);
}

/// A change of one tenant's file, merged.
fn change(hub: &Hub, name: &str, change: impl FnOnce(String) -> String) -> String {
    let file = hub.world.repo().join(format!("tenants/{name}/tenant.yaml"));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, change(text)).unwrap();
    hub.world.commit("Park it");
    merge(hub);
    hub.world.git(&["rev-parse", "--short=12", "HEAD"])
}

#[expect(clippy::needless_pass_by_value, reason = "the form of every edit")]
fn suspend(text: String) -> String {
    format!("{text}suspend: {{reason: migration, until: 2099-01-01}}\n")
}

fn result<'a>(run: &'a serde_json::Value, tenant: &str) -> &'a serde_json::Value {
    run["results"].as_array().unwrap().iter().find(|one| one["tenant"] == tenant).unwrap()
}

fn writes_to(hub: &Hub, name: &str) -> usize {
    let id = tenant_id(name).to_string();
    let requests = hub.world.state().requests();
    requests
        .iter()
        .filter(|one| one.method == "PATCH" && one.tenant.is_some_and(|of| of.to_string() == id))
        .count()
}

#[test]
fn a_tenant_that_was_suspended_after_the_applied_commit_is_superseded_and_the_others_are_not() {
    let hub = Hub::new();
    let clone = waiting(&hub);
    let since = change(&hub, "contoso", suspend);
    let run = clone.run(&["apply", "--format", "json"]).ends_with(5);
    let done = run.json();
    let contoso = result(&done, "contoso");
    assert_eq!(contoso["result"], "superseded");
    let why = contoso["details"][0].as_str().unwrap();
    assert!(why.contains(&since) && why.contains("Park it"), "{why}");
    assert!(why.contains("Apply the newest commit of origin/main"), "{why}");
    assert_eq!(result(&done, "fabrikam")["result"], "uploaded");
    assert_eq!((writes_to(&hub, "contoso"), writes_to(&hub, "fabrikam")), (0, 1));
    assert_eq!(done["summary"]["superseded"], 1);
    let events = hub.git(&["ls-tree", "--name-only", "applecart/ledger:tenants"]);
    assert!(!events.contains(&tenant_id("contoso").to_string()), "nothing was announced");
}

#[test]
fn a_reverted_renewal_is_not_sent_by_the_pipeline_that_waited_with_it() {
    let hub = Hub::new();
    let clone = waiting(&hub);
    hub.world.git(&["rm", "-r", "--quiet", "tenants"]);
    hub.world.commit("Revert it");
    merge(&hub);
    clone.run(&["apply"]).ends_with(5).says("superseded").says("2 not in force any more");
    assert_eq!(hub.world.state().writes(), 0);
}

#[test]
fn a_reviewed_plan_file_is_no_way_past_what_was_merged_since() {
    let hub = Hub::new();
    let clone = waiting(&hub);
    clone.run(&["plan", "--out", "plan.json"]).ends_with(0);
    change(&hub, "contoso", suspend);
    clone.run(&["apply", "plan.json"]).ends_with(5).says("contoso push superseded");
    assert_eq!(writes_to(&hub, "contoso"), 0);
}

#[test]
fn what_decides_nothing_supersedes_nothing() {
    let hub = Hub::new();
    let clone = waiting(&hub);
    change(&hub, "contoso", |text| format!("# a remark\n{text}contacts: [it@contoso.example]\n"));
    hub.world.write("README.md", "Later\n");
    hub.world.commit("Something else");
    merge(&hub);
    clone.run(&["apply"]).ends_with(0).says("2 uploads");
}

/// Contoso's folder names another tenant, merged.
fn move_folder(hub: &Hub) -> (String, String) {
    let (from, to) = (tenant_id("contoso").to_string(), tenant_id("elsewhere").to_string());
    change(hub, "contoso", |text| text.replace(&from, &to));
    (from, to)
}

#[test]
fn a_wrong_destination_is_held_after_the_merge_as_before_it() {
    let hub = Hub::new();
    hub.world.live("elsewhere", None);
    let clone = waiting(&hub);
    let (from, _) = move_folder(&hub);
    clone.git(&["pull", "--quiet"]);
    // Another merge makes it no more true.
    hub.world.write("README.md", "Later\n");
    hub.world.commit("Later");
    merge(&hub);
    clone.git(&["pull", "--quiet"]);
    let run = clone.run(&["apply", "--select", "contoso"]).ends_with(4);
    run.says("wrong-destination").says(&format!("belongs to tenant {from}"));
    assert_eq!(writes_to(&hub, "elsewhere"), 0);
    let shallow = hub.clone("shallow", &["--depth=1"]);
    shallow.run(&["plan", "--select", "contoso"]).ends_with(0).says("wrong-destination");
    shallow.run(&["apply", "--select", "contoso"]).ends_with(4);
    assert_eq!(writes_to(&hub, "elsewhere"), 0, "what a clone lacks of the history is fetched");
}

/// Two due renewals, and a history of the fleet that begins without fabrikam. Returns the commit that has
/// both.
fn without_fabrikam(hub: &Hub) -> String {
    for name in ["contoso", "fabrikam"] {
        hub.world.renewal(name);
    }
    let both = hub.world.git(&["rev-parse", "HEAD"]);
    hub.world.git(&["checkout", "--quiet", "--orphan", "line"]);
    hub.world.git(&["rm", "-r", "-f", "--quiet", "tenants/fabrikam"]);
    hub.world.commit("Begin");
    both
}

/// Commits that contoso has the file of fabrikam, as the commit `both` has it.
fn gives_to_contoso(hub: &Hub, both: &str) {
    let digest = |name: &str| {
        let text = hub.world.git(&["show", &format!("{both}:tenants/{name}/tenant.yaml")]);
        let line = text.lines().find(|line| line.contains("sha256: ")).unwrap();
        line.rsplit_once(' ').unwrap().1.to_owned()
    };
    let file = hub.world.repo().join("tenants/contoso/tenant.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&digest("contoso"), &digest("fabrikam"))).unwrap();
    hub.world.commit("Renew contoso");
}

fn adds_fabrikam(hub: &Hub, both: &str) {
    hub.world.git(&["checkout", "--quiet", both, "--", "tenants/fabrikam"]);
    hub.world.commit("Add fabrikam");
}

fn held(hub: &Hub, clone: &Clone<'_>) -> Run {
    let run = clone.run(&["apply", "--select", "fabrikam"]).ends_with(4);
    assert_eq!(writes_to(hub, "fabrikam"), 0);
    run.says("wrong-destination")
}

#[test]
fn a_file_that_stood_in_the_middle_of_a_merged_branch_is_whose_it_was_there() {
    let hub = Hub::new();
    let both = without_fabrikam(&hub);
    hub.world.git(&["checkout", "--quiet", "-b", "renew"]);
    gives_to_contoso(&hub, &both);
    hub.world.git(&["checkout", "--quiet", "line", "--", "tenants"]);
    hub.world.commit("A newer file");
    hub.world.git(&["checkout", "--quiet", "line"]);
    hub.world.git(&["merge", "--quiet", "--no-ff", "-m", "Merge", "renew"]);
    adds_fabrikam(&hub, &both);
    hub.world.git(&["push", "--quiet", "--force", &hub.url(), "HEAD:main"]);
    let clone = hub.clone("clone", &[]);
    held(&hub, &clone).says(&format!("belongs to tenant {}", tenant_id("contoso")));
    let audit = clone.run(&["audit"]).ends_with(7);
    audit.says("wrong-destination").says(&format!("belongs to tenant {}", tenant_id("contoso")));
}

#[test]
fn a_fast_forward_gives_nobody_what_another_tenant_had_in_the_base() {
    let hub = Hub::new();
    let both = without_fabrikam(&hub);
    hub.world.git(&["branch", "evil"]);
    gives_to_contoso(&hub, &both);
    hub.world.git(&["push", "--quiet", "--force", &hub.url(), "HEAD:main"]);
    let clone = hub.clone("clone", &[]);
    // The branch begins before that, and drops what the base has since.
    hub.world.git(&["checkout", "--quiet", "evil"]);
    adds_fabrikam(&hub, &both);
    hub.world.git(&["merge", "--quiet", "-s", "ours", "-m", "Merge main", "line"]);
    let evil = hub.world.git(&["rev-parse", "HEAD"]);
    hub.world.git(&["push", "--quiet", &hub.url(), "HEAD:evil"]);
    clone.git(&["fetch", "--quiet"]);
    clone.run(&["plan", "--rev", &evil, "--select", "fabrikam"]).says("wrong-destination");
    // Nothing but a fast-forward.
    hub.world.git(&["push", "--quiet", &hub.url(), "HEAD:main"]);
    hub.world.git(&["push", "--quiet", &hub.url(), ":evil"]);
    clone.git(&["pull", "--quiet", "--ff-only"]);
    held(&hub, &clone).says("Two histories claim this file").says("it goes to neither");
    held(&hub, &hub.clone("fresh", &[])).says("Two histories claim this file");
}

#[test]
fn a_file_that_waits_on_another_tenants_branch_goes_to_no_other_tenant() {
    let hub = Hub::new();
    let both = without_fabrikam(&hub);
    hub.world.git(&["checkout", "--quiet", "-b", "renew/contoso/push-2027-01-01"]);
    gives_to_contoso(&hub, &both);
    hub.world.git(&["push", "--quiet", &hub.url(), "HEAD"]);
    hub.world.git(&["checkout", "--quiet", "line"]);
    adds_fabrikam(&hub, &both);
    hub.world.git(&["push", "--quiet", "--force", &hub.url(), "HEAD:main"]);
    let clone = hub.clone("clone", &[]);
    held(&hub, &clone).says("origin/renew/contoso/push-2027-01-01 is not merged yet");
    clone.run(&["audit"]).ends_with(7).says("is not merged yet");
    // Without that branch it is fabrikam's own.
    hub.world.git(&["push", "--quiet", &hub.url(), ":renew/contoso/push-2027-01-01"]);
    hub.clone("later", &[]).run(&["apply", "--select", "fabrikam"]).ends_with(0);
    assert_eq!(writes_to(&hub, "fabrikam"), 1);
}

#[test]
fn a_history_that_cannot_be_fetched_is_unknown_and_never_no_binding() {
    let hub = Hub::new();
    hub.world.live("elsewhere", None);
    waiting(&hub);
    move_folder(&hub);
    let shallow = hub.clone("shallow", &["--depth=1"]);
    // Without the parent of what the clone has, the remote can give nothing older.
    let parent = hub.git(&["rev-parse", "main~1"]);
    let object = hub.folder().join("objects").join(&parent[..2]).join(&parent[2..]);
    if !object.exists() {
        // Packed: loose it first.
        hub.git(&["config", "core.compression", "0"]);
        let pack = hub.folder().join("objects/pack");
        let aside = hub.world.path("packs");
        std::fs::rename(&pack, &aside).unwrap();
        std::fs::create_dir(&pack).unwrap();
        for file in std::fs::read_dir(&aside).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|end| end == "pack") {
                let pack = std::fs::File::open(file).unwrap();
                let mut unpack = std::process::Command::new("git");
                unpack.current_dir(hub.folder()).args(["unpack-objects", "-q"]).stdin(pack);
                assert!(unpack.status().unwrap().success());
            }
        }
    }
    std::fs::remove_file(&object).unwrap();
    let run = shallow.run(&["apply", "--select", "contoso"]).ends_with(3);
    run.says("base-unknown").says("what belongs to whom");
    assert_eq!(hub.world.state().writes(), 0);
}
