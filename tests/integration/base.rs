//! By which revision a revision is judged, and what may be applied: the real program in real
//! clones, as pipelines and people make them.

use std::path::PathBuf;
use std::process::Command;

use crate::world::{Run, World, finish, tenant_id};

/// A fleet whose `main` is at a bare remote, and clones of that.
struct Fleet {
    world: World,
}

impl Fleet {
    /// One renewal is due, and merged.
    fn new() -> Self {
        let world = World::new();
        world.renewal("contoso");
        world.git(&["init", "--quiet", "--bare", "--initial-branch=main", "../remote"]);
        world.git(&["remote", "add", "origin", "../remote"]);
        let fleet = Self { world };
        fleet.push("main");
        fleet
    }

    fn url(&self) -> String {
        format!("file://{}", self.world.path("remote").display())
    }

    fn push(&self, branch: &str) {
        self.world.git(&["push", "--quiet", "--force", "origin", &format!("HEAD:{branch}")]);
    }

    /// Starts a branch at what is checked out.
    fn branch(&self, name: &str) {
        self.world.git(&["checkout", "--quiet", "-b", name]);
    }

    /// A pull request's merge commit as GitHub makes it, under `refs/pull/1/merge`.
    fn pull_request(&self, branch: &str) {
        let head = self.rev("HEAD");
        self.world.git(&["checkout", "--quiet", "--detach", "main"]);
        self.world.git(&["merge", "--quiet", "--no-ff", "--message", branch, &head]);
        self.world.git(&["push", "--quiet", "origin", "HEAD:refs/pull/1/merge"]);
    }

    fn rev(&self, rev: &str) -> String {
        self.world.git(&["rev-parse", rev])
    }

    fn clone_path(&self) -> PathBuf {
        self.world.path("clone")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let clone = self.clone_path().display().to_string();
        self.world.git(&[&["-C", clone.as_str()], arguments].concat())
    }

    fn clone(&self, arguments: &[&str]) {
        let (url, into) = (self.url(), self.clone_path().display().to_string());
        self.world
            .git(&[&["clone", "--quiet"], arguments, &[url.as_str(), into.as_str()]].concat());
    }

    /// What `actions/checkout` does for a pull request: one commit, detached, and no branch.
    fn checkout_action(&self) {
        let clone = self.clone_path();
        std::fs::create_dir_all(&clone).unwrap();
        self.git(&["init", "--quiet", "--initial-branch=work"]);
        self.git(&["remote", "add", "origin", &self.url()]);
        let refs = "+refs/pull/1/merge:refs/remotes/pull/1/merge";
        self.git(&["fetch", "--quiet", "--no-tags", "--depth=1", "origin", refs]);
        self.git(&["checkout", "--quiet", "--force", "refs/remotes/pull/1/merge"]);
    }

    /// The program in the clone, with more in its environment.
    fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        let mut command = self.world.command(arguments);
        command.current_dir(self.clone_path()).envs(variables.iter().copied());
        finish(command)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(&[], arguments)
    }

    /// Runs the `git fetch` line that the program told, in the clone.
    #[track_caller]
    fn obey(&self, run: &Run) -> bool {
        let lines: Vec<&str> = run
            .stderr
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("git fetch "))
            .collect();
        let [line] = lines.as_slice() else { panic!("one line to run, not {lines:?}") };
        let mut shell = Command::new("sh");
        shell.current_dir(self.clone_path()).args(["-c", line]);
        shell.status().unwrap().success()
    }

    /// Settings that differ from the base's in this line.
    fn policy(&self, more: &str) {
        self.world.write("applecart.yaml", &self.world.policy(more));
    }
}

const PULL_REQUEST: (&str, &str) = ("GITHUB_BASE_REF", "main");

#[test]
fn a_pull_request_is_judged_by_the_policy_of_its_target_and_not_by_its_own() {
    let fleet = Fleet::new();
    let main = fleet.rev("main");
    fleet.branch("evil");
    fleet.policy("safety: {maxTenants: 9999}\nexpiry: {renewBefore: 7d, critical: 1d}\n");
    fleet.world.commit("Other settings");
    fleet.pull_request("evil");
    fleet.checkout_action();

    let refused = fleet.run_with(&[PULL_REQUEST], &["plan"]).ends_with(7);
    assert!(fleet.obey(&refused), "{refused:?}");
    let plan = fleet.run_with(&[PULL_REQUEST], &["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["policyRev"], main.as_str());
    assert_eq!(plan["policyChanged"], true);
    assert_eq!(plan["tenants"][0]["tokens"][0]["expiry"], "renewal-due", "by the base's 45 days");
    fleet
        .run_with(&[PULL_REQUEST], &["plan", "--format", "markdown"])
        .ends_with(0)
        .says("applecart.yaml changes in this revision; the plan is judged by the base's policy");
}

#[test]
fn every_pipeline_names_its_target_in_its_own_way() {
    let fleet = Fleet::new();
    fleet.world.git(&["push", "--quiet", "origin", "HEAD:stable"]);
    let stable = fleet.rev("HEAD");
    fleet.world.write("README.md", "later\n");
    fleet.world.commit("Later");
    fleet.push("main");
    let main = fleet.rev("HEAD");
    fleet.clone(&[]);
    for (variables, expected) in [
        (&[("GITHUB_BASE_REF", "stable")][..], &stable),
        (&[("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/stable")], &stable),
        (&[("SYSTEM_PULLREQUEST_TARGETBRANCH", "stable")], &stable),
        (&[("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "stable")], &stable),
        (&[("GITHUB_BASE_REF", ""), ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "stable")], &stable),
        (&[("GITHUB_BASE_REF", "")], &main),
        (&[], &main),
    ] {
        let plan = fleet.run_with(variables, &["plan", "--format", "json"]).ends_with(0).json();
        assert_eq!(plan["policyRev"], expected.as_str(), "{variables:?}");
    }
    // The command line comes before the pipeline.
    let named = ["plan", "--format", "json", "--policy-rev", "origin/main"];
    let plan = fleet.run_with(&[("GITHUB_BASE_REF", "stable")], &named).ends_with(0).json();
    assert_eq!(plan["policyRev"], main.as_str());
}

#[test]
fn a_fork_that_lacks_the_target_branch_is_told_and_nothing_else_is_taken() {
    let fleet = Fleet::new();
    fleet.clone(&[]);
    let target = [("GITHUB_BASE_REF", "production")];
    for command in [&["plan"][..], &["status"], &["ledger", "show"]] {
        let refused = fleet.run_with(&target, command).ends_with(7);
        assert!(!fleet.obey(&refused), "the fork does not have it");
    }
    assert_eq!(fleet.world.state().requests().len(), 0, "nobody signed in");
    fleet.run_with(&target, &["validate"]).ends_with(0);
    fleet.run_with(&target, &["status", "--offline"]).ends_with(0);
}

#[test]
fn apply_takes_no_branch_that_a_pull_request_chose_as_its_target() {
    let fleet = Fleet::new();
    fleet.branch("evil");
    fleet.policy("safety: {maxTenants: 9999}\n");
    fleet.world.commit("Own settings");
    fleet.world.git(&["push", "--quiet", "origin", "evil"]);
    fleet.clone(&["--branch", "evil"]);
    for target in [
        ("GITHUB_BASE_REF", "evil"),
        ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/evil"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "evil"),
    ] {
        let refused = fleet.run_with(&[target], &["apply", "--local-ledger"]).ends_with(7);
        refused.says("is not contained in the base (origin/main at");
    }
    assert_eq!(fleet.world.state().requests().len(), 0, "nobody signed in");
}

#[test]
fn a_tag_that_is_called_like_the_base_merges_nothing() {
    let fleet = Fleet::new();
    fleet.branch("evil");
    fleet.policy("safety: {maxTenants: 9999}\n");
    fleet.world.commit("Own settings");
    fleet.world.git(&["push", "--quiet", "origin", "evil", "evil:refs/tags/origin/main"]);
    fleet.world.git(&["push", "--quiet", "origin", "evil:refs/tags/evil"]);
    fleet.clone(&["--branch", "main"]);
    fleet.git(&["checkout", "--quiet", "--detach", "refs/remotes/origin/evil"]);
    fleet.git(&["branch", "evil"]);
    let named = ["apply", "--local-ledger", "--policy-rev", "origin/main"];
    fleet.run(&named).ends_with(7).says("is not contained in the base (origin/main at");
    let ambiguous = fleet.run(&["apply", "--local-ledger", "--policy-rev", "evil"]).ends_with(7);
    ambiguous.says("refs/tags/evil").says("refs/heads/evil");
    assert_eq!(fleet.world.state().requests().len(), 0, "nobody signed in");
}

#[test]
fn a_missing_policy_revision_is_told_with_the_line_that_fetches_it() {
    let fleet = Fleet::new();
    fleet.world.git(&["push", "--quiet", "origin", "HEAD:stable"]);
    fleet.clone(&["--single-branch"]);
    let refused = fleet.run(&["plan", "--policy-rev", "origin/stable"]).ends_with(7);
    assert!(fleet.obey(&refused));
    fleet.run(&["plan", "--policy-rev", "origin/stable"]).ends_with(0);
}

#[test]
fn a_remote_that_does_not_answer_stops_everything_but_what_needs_none() {
    let fleet = Fleet::new();
    fleet.clone(&[]);
    fleet.git(&["remote", "set-url", "origin", "file:///nowhere/at/all"]);
    for command in [&["plan"][..], &["apply"], &["apply", "--local-ledger"], &["status"]] {
        let run = fleet.run(command).ends_with(3);
        if command[0] != "status" {
            run.says("could not be asked").says("--policy-rev REV");
        }
    }
    fleet.run(&["plan"]).ends_with(3).says("base-unknown").says("This shows the address");
    assert_eq!(fleet.world.state().requests().len(), 0, "settings nobody reviewed sign in nowhere");
    fleet.run(&["ledger", "show"]).ends_with(3).says("could not be reached");
    fleet.run(&["validate"]).ends_with(0);
    fleet.run(&["status", "--offline"]).ends_with(0);
    let snapshot = r#"{"vppTokens": []}"#;
    std::fs::write(fleet.clone_path().join("live.json"), snapshot).unwrap();
    fleet.run(&["plan", "--snapshot", "live.json"]).ends_with(3);
    // The policy is known then, the ledger still is not.
    let plan = fleet.run(&["plan", "--policy-rev", "origin/main"]).ends_with(3);
    plan.says("ledger-unknown").says("unreachable");
}

#[test]
fn without_a_remote_the_applied_revision_is_its_own_base() {
    let world = World::new();
    world.renewal("contoso");
    let rev = world.git(&["rev-parse", "HEAD"]);
    let plan = world.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["policyRev"], rev.as_str());
    let mut command = world.command(&["plan"]);
    command.env("GITHUB_BASE_REF", "main");
    finish(command).ends_with(7).says("this repository has no remote");
    world.run(&["apply"]).ends_with(0).says("uploaded");
}

#[test]
fn several_remotes_without_a_sign_are_for_the_person_to_choose_from() {
    let fleet = Fleet::new();
    fleet.clone(&["--origin", "one"]);
    fleet.git(&["remote", "add", "two", &fleet.url()]);
    let asks = "git config branch.applecart/ledger.remote one";
    fleet.run(&["plan"]).ends_with(64).says(asks);
    fleet.git(&["config", "branch.applecart/ledger.remote", "one"]);
    fleet.run(&["plan"]).ends_with(0);
    fleet.git(&["checkout", "--quiet", "--detach"]);
    fleet.run(&["plan"]).ends_with(64).says("several remotes (one, two)");
}

#[test]
fn a_commit_that_nobody_merged_is_not_applied() {
    let fleet = Fleet::new();
    fleet.clone(&[]);
    fleet.git(&["checkout", "--quiet", "-b", "feature"]);
    fleet.git(&["commit", "--quiet", "--allow-empty", "--message", "Not merged"]);
    for variables in [&[][..], &[PULL_REQUEST]] {
        fleet
            .run_with(variables, &["apply", "--local-ledger"])
            .ends_with(7)
            .says("is not contained in the base (origin/main at")
            .says("Merge it into origin/main first");
    }
    assert_eq!(fleet.world.state().requests().len(), 0, "nobody signed in");
    fleet.run(&["plan"]).ends_with(0).says("upload push");

    fleet.git(&["push", "--quiet", "origin", "HEAD:main"]);
    fleet.run(&["apply", "--local-ledger"]).ends_with(0).says("uploaded");
}

#[test]
fn what_was_merged_before_the_newest_merge_is_still_applied() {
    let fleet = Fleet::new();
    fleet.clone(&["--depth=1"]);
    fleet.world.write("README.md", "later\n");
    fleet.world.commit("Somebody else's merge while the pipeline starts");
    fleet.push("main");
    let plan = fleet.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["policyRev"], fleet.rev("main").as_str());
    assert_eq!(plan["policyChanged"], false);
    fleet.run(&["apply", "--local-ledger"]).ends_with(0).says("uploaded");
}

#[test]
fn a_shallow_clone_fetches_what_tells_whether_a_commit_was_merged() {
    let fleet = Fleet::new();
    let old = fleet.rev("HEAD");
    for message in ["Two", "Three"] {
        fleet.world.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }
    fleet.push("main");
    fleet.clone(&["--depth=1"]);
    fleet.git(&["fetch", "--quiet", "--depth=1", "origin", &old]);
    fleet.run(&["apply", "--local-ledger", "--rev", &old]).ends_with(0).says("uploaded");
    fleet.run(&["apply", "--local-ledger"]).ends_with(0);
}

#[test]
fn uncommitted_settings_are_shown_and_judge_nothing() {
    let fleet = Fleet::new();
    fleet.policy("expiry: {renewBefore: 7d, critical: 1d}\n");
    let plan = fleet.world.run(&["plan", "--worktree", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["policyRev"], fleet.rev("main").as_str());
    assert_eq!(plan["policyChanged"], true);
    assert_eq!(plan["tenants"][0]["tokens"][0]["expiry"], "renewal-due");
    fleet.world.write("applecart.yaml", "nonsense: [");
    fleet.world.run(&["plan", "--worktree"]).ends_with(0).says("applecart.yaml changes");
    fleet.world.run(&["validate", "--worktree"]).ends_with(78);
}

#[test]
fn a_branch_that_is_behind_takes_nothing_away() {
    let fleet = Fleet::new();
    fleet.branch("feature");
    fleet.world.git(&["checkout", "--quiet", "main"]);
    fleet.world.renewal("fabrikam");
    fleet.policy("expiry: {renewBefore: 60d}\n");
    fleet.world.commit("New settings, and a new customer");
    fleet.push("main");
    fleet.world.git(&["checkout", "--quiet", "feature"]);
    let changes = |fleet: &Fleet| {
        let plan = fleet.world.run(&["plan", "--format", "json"]).json();
        (plan["policyChanged"].clone(), plan["removedTenants"].as_array().unwrap().len())
    };
    assert_eq!(changes(&fleet), (false.into(), 0));
    // What it does take away is told.
    fleet.world.git(&["merge", "--quiet", "main"]);
    fleet.world.git(&["rm", "-r", "--quiet", "tenants/fabrikam"]);
    fleet.world.commit("Fabrikam left");
    assert_eq!(changes(&fleet), (false.into(), 1));
}

#[test]
fn a_pull_request_shows_new_destinations_and_who_is_no_longer_watched_first() {
    let fleet = Fleet::new();
    fleet.branch("change");
    fleet.world.git(&["mv", "tenants/contoso", "tenants/contoso-ltd"]);
    let file = fleet.world.repo().join("tenants/contoso-ltd/tenant.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let renamed = text.replace("name: contoso", "name: contoso-ltd");
    std::fs::write(&file, &renamed).unwrap();
    fleet.world.renewal("aardvark");
    fleet.world.renewal("fabrikam");
    let run = fleet.world.run(&["plan", "--format", "markdown"]).ends_with(0);
    let new = run.stdout.find("New destinations").unwrap();
    let table = run.stdout.find("| | tenant").unwrap();
    assert!(new < table, "{}", run.stdout);
    assert!(run.stdout.contains(&format!("fabrikam (tenant `{}`)", tenant_id("fabrikam"))));
    assert!(!run.stdout.contains("contoso-ltd (tenant"), "another name is no new destination");
    assert!(!run.stdout.contains("stops watching"));

    fleet.world.git(&["rm", "-r", "--quiet", "tenants/contoso-ltd"]);
    fleet.world.commit("Contoso left");
    let gone = "This revision stops watching 1 token of contoso";
    fleet.world.run(&["plan", "--format", "markdown"]).ends_with(0).says(gone);
    fleet.world.run(&["plan"]).ends_with(0).says(gone).says("new destination: tenant");
}

#[test]
fn a_pull_request_cannot_send_a_file_to_another_tenant_and_release_it_itself() {
    let fleet = Fleet::new();
    fleet.world.live("elsewhere", None);
    fleet.branch("evil");
    let file = fleet.world.repo().join("tenants/contoso/tenant.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (from, to) = (tenant_id("contoso").to_string(), tenant_id("elsewhere").to_string());
    std::fs::write(&file, text.replace(&from, &to)).unwrap();
    let sha256 = text.lines().find_map(|line| line.trim().strip_prefix("sha256: ")).unwrap();
    let topic = text.lines().find_map(|line| line.trim().strip_prefix("topic: ")).unwrap();
    let line = |of: String| {
        format!("  - {{of: '{of}', from: {from}, to: {to}, reason: trust me, until: 2099-01-01}}\n")
    };
    let of_file = line(format!("sha256:{sha256}"));
    let moves = ["folder:contoso".to_owned(), format!("topic:{topic}")].map(line).concat();
    let moves = format!("moves:\n{moves}{of_file}");
    fleet.policy(&moves);
    fleet.world.commit("Nothing to see here");
    let plan = fleet.world.run(&["plan", "--format", "json"]).ends_with(0).json();
    let token = &plan["tenants"][0]["tokens"][0];
    assert_eq!(
        (&token["action"], &token["reasons"][0]),
        (&"hold".into(), &"wrong-destination".into())
    );
    assert_eq!(plan["tenants"][0]["newDestination"], true);
    assert_eq!(plan["removedTenants"][0]["name"], "contoso");

    // The line is reviewed and merged by itself: now the change goes through.
    fleet.world.git(&["checkout", "--quiet", "main"]);
    fleet.policy(&moves);
    fleet.world.commit("Contoso moved to another tenant");
    fleet.push("main");
    fleet.world.git(&["checkout", "--quiet", "evil"]);
    // A certificate answers to the key of one Intune tenant: the folder moved, and needs a new one.
    let held = fleet.world.run(&["plan"]).ends_with(0).says("renew it for tenant");
    assert!(!held.stdout.contains("this folder belongs"), "{held:?}");
    fleet.world.renewal("contoso");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&from, &to)).unwrap();
    fleet.world.commit("A certificate of the new tenant's own");
    squash(&fleet, "A certificate of the new tenant's own");
    fleet.world.run(&["plan"]).ends_with(0).says("upload push");
}

/// The last two commits as one: the first of them gave the file to the earlier tenant, and what a
/// commit of the branch gave to one tenant belongs to it.
fn squash(fleet: &Fleet, message: &str) {
    fleet.world.git(&["reset", "--quiet", "--soft", "HEAD~2"]);
    fleet.world.git(&["commit", "--quiet", "--message", message]);
}

#[test]
fn a_hold_that_the_merge_itself_releases_is_told_first() {
    let fleet = Fleet::new();
    fleet.world.live("elsewhere", None);
    fleet.branch("moved");
    let file = fleet.world.repo().join("tenants/contoso/tenant.yaml");
    let topic_of = |text: &str| {
        text.lines().find_map(|line| line.trim().strip_prefix("topic: ")).unwrap().to_owned()
    };
    let before = topic_of(&std::fs::read_to_string(&file).unwrap());
    let (from, to) = (tenant_id("contoso").to_string(), tenant_id("elsewhere").to_string());
    fleet.world.renewal("contoso");
    let text = std::fs::read_to_string(&file).unwrap();
    let after = topic_of(&text);
    std::fs::write(&file, text.replace(&from, &to)).unwrap();
    let mut of: Vec<String> = [before, after].map(|topic| format!("topic:{topic}")).to_vec();
    of.push("folder:contoso".to_owned());
    of.sort();
    of.dedup();
    let line = |of: &String| {
        format!("  - {{of: '{of}', from: {from}, to: {to}, reason: merger, until: 2099-01-01}}\n")
    };
    let moves: String = of.iter().map(line).collect();
    fleet.policy(&format!("moves:\n{moves}"));
    fleet.world.commit("A new certificate for another tenant, and the line that permits it");
    squash(&fleet, "A new certificate for another tenant, and the line that permits it");
    for base in [&["plan"][..], &["plan", "--base", "origin/main"]] {
        let json = [base, &["--format", "json"]].concat();
        let plan = fleet.world.run(&json).ends_with(0).json();
        let token = &plan["tenants"][0]["tokens"][0];
        assert_eq!(
            (&token["action"], &token["reasons"][0]),
            (&"hold".into(), &"wrong-destination".into())
        );
        let then = &plan["afterMerge"]["tokens"][0];
        assert_eq!(
            (&then["tenant"], &then["action"]),
            (&"contoso".into(), &"upload".into()),
            "{plan:#}"
        );
        assert_eq!(then["released"], serde_json::json!(["wrong-destination"]));
        let shown = fleet.world.run(&[base, &["--format", "markdown"]].concat()).ends_with(0);
        let first = shown.stdout.lines().find(|line| line.starts_with("> ")).unwrap();
        assert!(
            first.contains("After this merge: contoso push has the action upload"),
            "{shown:?}"
        );
        assert!(
            shown.stdout.contains("by this revision's own applecart.yaml: 1 upload"),
            "{shown:?}"
        );
    }
}

/// The base's application reads what is planned; whether the proposed one can, nobody has tried.
#[test]
fn a_revision_that_signs_in_otherwise_is_said_to_be_untried() {
    let fleet = Fleet::new();
    fleet.branch("sign-in");
    let told = || {
        let plan = ["plan", "--base", "origin/main", "--format", "markdown"];
        fleet.world.run(&plan).ends_with(0).stdout.contains("signs in was not tried")
    };
    fleet.policy("safety: {maxTenants: 9}\n");
    fleet.world.commit("Other limits");
    assert!(!told());
    let path = fleet.world.repo().join("applecart.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replace("cloud: public", "cloud: china");
    let other =
        if other == text { text.replacen("auth:\n", "auth:\n  cloud: china\n", 1) } else { other };
    std::fs::write(&path, other).unwrap();
    fleet.world.commit("Another cloud");
    assert!(told());
}

#[test]
fn settings_that_judge_no_write_are_planned_once() {
    let fleet = Fleet::new();
    fleet.branch("reports");
    fleet.policy("expiry: {renewBefore: 50d}\n");
    fleet.world.commit("Reminded later");
    // Nothing but settings changes in both cases; only others judge every tenant's upload otherwise.
    let plan = fleet.world.run(&["plan", "--base", "origin/main", "--format", "json"]).ends_with(0);
    assert_eq!(
        (&plan.json()["policyChanged"], &plan.json()["afterMerge"]),
        (&true.into(), &serde_json::Value::Null)
    );
    assert_eq!(plan.json()["selection"]["touched"]["tenants"], serde_json::json!([]));
    fleet.policy("safety: {maxTenants: 9}\n");
    fleet.world.commit("Other limits");
    let plan = fleet.world.run(&["plan", "--base", "origin/main", "--format", "json"]).ends_with(0);
    assert_eq!(plan.json()["selection"]["touched"], serde_json::Value::Null);
    assert_eq!(plan.json()["afterMerge"]["tokens"], serde_json::json!([]));
    assert_eq!(plan.json()["tenants"][0]["name"], "contoso");
}

#[test]
fn what_a_pull_request_changes_of_the_sign_in_is_not_called_the_same_as_before() {
    let fleet = Fleet::new();
    fleet.branch("reader");
    let path = fleet.world.repo().join("applecart.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let reader = "auth:\n  readerClientId: 77aa0000-0000-4000-8000-000000000001\n";
    std::fs::write(&path, text.replacen("auth:\n", reader, 1)).unwrap();
    fleet.world.commit("Another reader");
    let run = |format: &str| {
        fleet.world.run(&["plan", "--base", "origin/main", "--format", format]).ends_with(0)
    };
    assert_eq!(run("json").json()["afterMerge"]["signsInOtherwise"], true);
    for format in ["human", "markdown"] {
        let text = run(format).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("signs in was not tried"), "{text}");
        assert!(!text.contains("the same as below"), "{text}");
    }
}

#[test]
fn other_recipients_stand_at_the_top() {
    let fleet = Fleet::new();
    fleet.branch("keys");
    let text = fleet.world.policy("");
    let other = age::x25519::Identity::generate().to_public().to_string();
    fleet.world.write("applecart.yaml", &format!("{text}  - {other}\n"));
    fleet.world.commit("Another key");
    let plan = fleet.world.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["recipientsChanged"]["added"][0], other.as_str());
    fleet
        .world
        .run(&["plan"])
        .ends_with(0)
        .says("The recipients of token files change")
        .says(&other);
}

/// What a plan says first, by its critical matters.
fn matter<'p>(plan: &'p serde_json::Value, code: &str) -> Option<&'p serde_json::Value> {
    plan["attention"].as_array().unwrap().iter().find(|one| one["code"] == code)
}

#[test]
fn a_pull_request_by_which_another_record_would_decide_foretells_nothing_and_says_so_first() {
    for (setting, line) in [
        ("ledger.branch", "ledger: {branch: applecart/other}\n"),
        ("ledger.notes", "ledger: {notes: applecart/notes-2027}\n"),
        (
            "ledger.accepted",
            "ledger: {accepted: [{tenant: 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11, line: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef, reason: found, by: dana, until: 2099-01-01}]}\n",
        ),
    ] {
        let fleet = Fleet::new();
        // Somebody holds the upload: another record might not.
        let file = fleet.world.repo().join("tenants/contoso/tenant.yaml");
        let held = format!(
            "{}suspend: {{reason: migration, until: 2099-01-01}}\n",
            std::fs::read_to_string(&file).unwrap()
        );
        std::fs::write(&file, held).unwrap();
        fleet.world.commit("Not now");
        fleet.push("main");
        fleet.branch("record");
        fleet.policy(line);
        fleet.world.commit("Another record");
        let run = |arguments: &[&str]| {
            fleet.world.run(&[&["plan", "--base", "origin/main"], arguments].concat())
        };
        let plan = run(&["--format", "json"]).ends_with(0).json();
        assert_eq!(plan["recordChanged"]["settings"], serde_json::json!([setting]), "{plan:#}");
        assert_eq!(plan["recordChanged"]["tenants"], serde_json::json!(["contoso"]));
        let told = matter(&plan, "record-changes").unwrap();
        assert_eq!(told["severity"], "critical");
        run(&["--detailed-exitcode"]).ends_with(2);
        run(&["--format", "github"]).ends_with(0).says("record-changes");
        for format in ["human", "markdown"] {
            let shown = run(&["--format", format]).ends_with(0);
            let words = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains("which record or which signers decide"), "{shown:?}");
            assert!(words.contains("today: contoso"), "{shown:?}");
            assert!(!words.contains("the same as below"), "{shown:?}");
        }
    }
}

#[test]
fn a_pull_request_that_changes_a_file_of_signers_says_so_although_the_settings_stay() {
    let fleet = Fleet::new();
    fleet.policy("signers: .applecart/allowed_signers\n");
    fleet.world.write(".applecart/allowed_signers", "dana@msp.example ssh-ed25519 AAAA\n");
    fleet.world.commit("Who may sign");
    fleet.push("main");
    fleet.branch("signers");
    fleet.world.write("README.md", "more\n");
    fleet.world.commit("Nothing of that kind");
    let plan = ["plan", "--base", "origin/main", "--format", "json"];
    let before = fleet.world.run(&plan).ends_with(0).json();
    assert!(matter(&before, "record-changes").is_none(), "{before:#}");
    fleet.world.write(".applecart/allowed_signers", "eve@msp.example ssh-ed25519 AAAA\n");
    fleet.world.commit("One more");
    let after = fleet.world.run(&plan).ends_with(0).json();
    assert_eq!(
        after["recordChanged"]["settings"],
        serde_json::json!([".applecart/allowed_signers"]),
        "{after:#}"
    );
}

#[test]
fn a_pull_request_says_which_alarms_end_by_its_own_limits() {
    let fleet = Fleet::new();
    fleet.branch("quiet");
    fleet.policy("expiry: {renewBefore: 7d, critical: 1d}\n");
    fleet.world.commit("Fewer alarms");
    let plan = ["plan", "--base", "origin/main"];
    let json = fleet.world.run(&[&plan[..], &["--format", "json"]].concat()).ends_with(0).json();
    assert_eq!(
        (&json["quieterThen"][0]["now"], &json["quieterThen"][0]["then"]),
        (&"renewal-due".into(), &"valid".into()),
        "{json:#}"
    );
    assert_eq!(matter(&json, "alarms-end").unwrap()["severity"], "urgent");
    let shown = fleet.world.run(&[&plan[..], &["--format", "markdown"]].concat()).ends_with(0);
    assert!(shown.stdout.contains("alarms end although nothing was renewed"), "{shown:?}");
    fleet.policy("expiry: {renewBefore: 1h, critical: 1h}\n");
    fleet.world.commit("None at all");
    let run = fleet.world.run(&["validate"]).ends_with(78);
    assert!(format!("{run:?}").contains("at least 7d"), "{run:?}");
    assert!(format!("{run:?}").contains("at least 1d"), "{run:?}");
}

#[test]
fn a_pull_request_whose_tenant_file_lets_others_be_told_says_whom() {
    let fleet = Fleet::new();
    let file = fleet.world.repo().join("tenants/contoso/tenant.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let with = |more: &str| std::fs::write(&file, format!("{text}{more}")).unwrap();
    fleet.policy("notify: [{sink: chat, slack: {host: a.example}, select: [ring=prod]}]\n");
    with("labels: {ring: prod}\ncontacts: [it@contoso.example]\ntickets: {halo: 1}\n");
    fleet.world.commit("Who is told");
    fleet.push("main");
    fleet.branch("quiet");
    with("labels: {ring: test}\ncontacts: [it@evil.example]\ntickets: {halo: 2}\n");
    fleet.world.commit("Others");
    let plan = |format: &str| {
        fleet.world.run(&["plan", "--base", "origin/main", "--format", format]).ends_with(0)
    };
    let json = plan("json").json();
    let told = matter(&json, "alarms-end").unwrap();
    assert_eq!(told["severity"], "urgent");
    for format in ["human", "markdown", "github"] {
        let shown = plan(format);
        let words = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in ["`chat`", "it@contoso.example → it@evil.example", "halo 1 → 2"] {
            assert!(
                words.replace('\\', "").replace("&#64;", "@").contains(said),
                "{said} {format} {shown:?}"
            );
        }
    }
}

#[test]
fn a_pull_request_whose_own_settings_cannot_be_read_says_so_first() {
    let fleet = Fleet::new();
    fleet.branch("broken");
    fleet.policy("ledger: {settle: 30d}\n");
    fleet.world.commit("Longer");
    let plan = ["plan", "--base", "origin/main"];
    let shown = fleet.world.run(&[&plan[..], &["--format", "markdown"]].concat()).ends_with(0);
    let first = shown.stdout.lines().find(|line| line.starts_with("> ")).unwrap();
    assert!(first.contains("is invalid"), "{shown:?}");
    assert!(first.contains("every command ends with 78"), "{shown:?}");
    let json = fleet.world.run(&[&plan[..], &["--format", "json"]].concat()).ends_with(0).json();
    assert!(matter(&json, "settings-invalid").is_some(), "{json:#}");
}

#[test]
fn a_secret_as_a_folders_name_or_in_a_text_is_shown_by_nothing() {
    let secret =
        format!("AGE-SECRET-KEY-1{}", "8PNMU989MGEFJUV7MYUR3TSAYQU4T4WR5R8VW5JWSQS4287V5NRSUQSKSN");
    let fleet = Fleet::new();
    fleet.branch("pasted");
    let file = fleet.world.repo().join("tenants/contoso/tenant.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    fleet.world.write(&format!("tenants/{secret}/tenant.yaml"), &text);
    let with_secret: String = text
        .lines()
        .map(|line| match line.split_once("appleId: ") {
            Some((before, _)) => format!("{before}appleId: {secret}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    fleet.world.write("tenants/fabrikam/tenant.yaml", &with_secret.replace("contoso", "fabrikam"));
    fleet.world.commit("Pasted");
    for command in [
        &["validate"][..],
        &["validate", "--format", "json"],
        &["plan"],
        &["plan", "--format", "json"],
        &["plan", "--base", "origin/main", "--format", "json"],
        &["plan", "--format", "markdown"],
        &["plan", "--format", "github"],
    ] {
        let run = fleet.world.run(command);
        let shown = format!("{}{}", run.stdout, run.stderr);
        assert!(!shown.contains(&secret[20..40]), "{command:?} {shown}");
    }
}

#[test]
fn a_pull_request_that_lets_something_move_to_another_tenant_says_so_first() {
    let fleet = Fleet::new();
    fleet.branch("settings");
    fleet.world.commit("Nothing yet");
    let (other, another) =
        ("6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11", "7d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b22");
    fleet.policy(&format!(
        "moves: [{{of: \"folder:leipzig\", from: {other}, to: {another}, reason: sold, until: 2099-01-01}}]\n"
    ));
    fleet.world.commit("A move");
    let run = |arguments: &[&str]| {
        fleet.world.run(&[&["plan", "--base", "origin/main"], arguments].concat())
    };
    let plan = run(&["--format", "json"]).ends_with(0).json();
    let changed = &plan["recordChanged"];
    assert!(changed["moves"][0].as_str().unwrap().starts_with("folder:leipzig from"), "{changed}");
    assert_eq!(changed["settings"], serde_json::json!([]));
    run(&["--detailed-exitcode"]).ends_with(2);
    for format in ["human", "markdown"] {
        let shown = run(&["--format", format]).ends_with(0);
        let words = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("permits moves to another customer"), "{shown:?}");
    }
}

#[test]
fn a_base_that_the_user_names_goes_before_the_branch_that_the_pipeline_names() {
    let fleet = Fleet::new();
    let main = fleet.rev("main");
    fleet.branch("renew/x");
    fleet.policy("safety: {maxTenants: 9}\n");
    fleet.world.commit("An attacker's own target");
    fleet.push("renew/x");
    fleet.clone(&[]);
    let plan = ["plan", "--base", "origin/main", "--format", "json"];
    let run = fleet.run_with(&[("GITHUB_BASE_REF", "renew/x")], &plan).ends_with(0).json();
    assert_eq!(run["policyRev"].as_str(), Some(main.trim()), "{run:#}");
    let plain = ["plan", "--format", "json"];
    let run = fleet.run_with(&[("GITHUB_BASE_REF", "renew/x")], &plain).ends_with(0).json();
    assert_ne!(run["policyRev"].as_str(), Some(main.trim()), "without one it is the target's");
}
