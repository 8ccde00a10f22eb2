//! The pipelines' own scripts, run as a host runs them: a clone of a bare remote, the simulator, and
//! the host's interface for comments.

mod hosts;
#[cfg(unix)]
mod install;
mod issues;

pub(crate) use hosts::serve;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml::Value;

use crate::world::hub::{Clone, Hub};
use crate::world::{Run, finish, project};
use hosts::{Comments, Host};

fn script(name: &str) -> PathBuf {
    project().join("examples/pipelines/scripts").join(name)
}

/// The script in a clone, with the program on the path and what a pipeline gives it.
fn step(clone: &Clone<'_>, name: &str, variables: &[(&str, &str)]) -> Run {
    let pipeline = clone.command(&[]);
    let mut command = Command::new(script(name));
    command.current_dir(&clone.folder).env_clear();
    for (name, value) in pipeline.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.env("PATH", with_program()).env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.envs(variables.iter().copied());
    finish(command)
}

/// The path, with the program that is tested in front.
fn with_program() -> std::ffi::OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_applecart")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path))).unwrap()
}

/// A remote with two tenants in order, one of them for 20 days, and the branch that renews it.
fn hub() -> Hub {
    let hub = Hub::new();
    let soon = hub.world.issue(None, 20);
    for (name, live) in [("contoso", &soon), ("fabrikam", &hub.world.issue(None, 300))] {
        hub.world.live(name, Some(live));
        hub.world.tenant(name, live);
    }
    hub.world.commit("Two tenants");
    hub.world.git(&["remote", "add", "origin", &hub.url()]);
    hub.world.git(&["push", "--quiet", "origin", "main"]);
    hub.world.git(&["checkout", "--quiet", "-b", "renew/contoso"]);
    hub.world.tenant("contoso", &hub.world.issue(Some(&soon.topic), 364));
    hub.world.commit("Renew");
    hub.world.git(&["push", "--quiet", "origin", "renew/contoso"]);
    hub
}

fn read(clone: &Clone<'_>, file: &str) -> String {
    std::fs::read_to_string(clone.folder.join("applecart-out").join(file)).unwrap()
}

const NO_KEY: (&str, &str) = ("SOPS_AGE_KEY", "");

#[test]
fn a_pull_request_is_checked_and_planned_on_every_host() {
    let hub = hub();
    for (host, target) in [
        ("github", "GITHUB_BASE_REF"),
        ("azure", "SYSTEM_PULLREQUEST_TARGETBRANCH"),
        ("gitlab", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
    ] {
        let clone = hub.clone(host, &["--branch", "renew/contoso"]);
        let variables = [("HOST", host), ("TARGET", "main"), (target, "main"), NO_KEY];
        let run = step(&clone, "pull-request.sh", &variables).ends_with(0);
        let markdown = read(&clone, "plan.md");
        assert!(markdown.contains("| ⬆️ upload | contoso | push |"), "{host}: {markdown}");
        assert!(!markdown.contains("fabrikam"), "{host}: {markdown}");
        let plan: serde_json::Value = serde_json::from_str(&read(&clone, "plan.json")).unwrap();
        assert_eq!(plan["summary"]["uploads"], 1, "{host}");
        if host == "gitlab" {
            let report = read(&clone, "gl-code-quality-report.json");
            assert!(serde_json::from_str::<Vec<serde_json::Value>>(&report).is_ok(), "{report}");
        } else {
            run.says("1 tenant: 1 upload");
        }
    }
    assert_eq!(hub.world.state().writes(), 0);
}

/// A queue and a train check a merge that no branch of the pull request has yet.
#[test]
fn a_merge_queue_and_a_merge_train_plan_what_they_are_about_to_merge() {
    let hub = hub();
    hub.world.git(&["checkout", "--quiet", "-b", "gh-readonly-queue/main/pr-1-abc", "main"]);
    hub.world.git(&["merge", "--quiet", "--no-ff", "-m", "Merge", "renew/contoso"]);
    hub.world.git(&["push", "--quiet", "origin", "gh-readonly-queue/main/pr-1-abc"]);
    let workflow = project().join("examples/pipelines/github/applecart-pull-request.yml");
    assert!(std::fs::read_to_string(workflow).unwrap().contains("\n  merge_group:\n"));
    for (host, target, variable) in [
        ("github", "refs/heads/main", ("GITHUB_BASE_REF", "")),
        ("gitlab", "main", ("CI_MERGE_REQUEST_EVENT_TYPE", "merge_train")),
    ] {
        let clone = hub.clone(host, &["--branch", "gh-readonly-queue/main/pr-1-abc"]);
        let variables = [("HOST", host), ("TARGET", target), variable, NO_KEY];
        step(&clone, "pull-request.sh", &variables).ends_with(0);
        let plan: serde_json::Value = serde_json::from_str(&read(&clone, "plan.json")).unwrap();
        assert_eq!(plan["summary"]["uploads"], 1, "{host}");
    }
}

#[test]
fn a_mistake_stops_the_pull_request_before_any_tenant_is_asked() {
    let hub = hub();
    hub.world.write("tenants/fabrikam/tenant.yaml", "kind: Tenant\ncolour: red\n");
    hub.world.commit("A mistake");
    hub.world.git(&["push", "--quiet", "origin", "renew/contoso"]);
    let clone = hub.clone("clone", &["--branch", "renew/contoso"]);
    hub.world.state().clear_journal();
    step(&clone, "pull-request.sh", &[("HOST", "github"), ("TARGET", "main")])
        .ends_with(78)
        .says("::error file=tenants/fabrikam/tenant.yaml,line=2");
    // The comment does not go on showing the plan of the commit before.
    let markdown = read(&clone, "plan.md");
    assert!(
        markdown.starts_with("<!-- applecart:plan -->\n### No Applecart plan at `"),
        "{markdown}"
    );
    assert!(hub.world.state().requests().is_empty());
}

#[test]
fn a_fork_gets_its_files_checked_and_no_tenant_is_asked() {
    let hub = hub();
    let clone = hub.clone("clone", &["--branch", "renew/contoso"]);
    hub.world.state().clear_journal();
    // As Azure Pipelines says it, and what nobody has heard of.
    for fork in ["true", "True", "$(System.PullRequest.IsFork)"] {
        let variables = [("HOST", "github"), ("TARGET", "main"), ("FORK", fork)];
        step(&clone, "pull-request.sh", &variables).ends_with(0).says("no tenant was contacted");
        assert!(hub.world.state().requests().is_empty(), "{fork}");
        assert!(!clone.folder.join("applecart-out/plan.md").exists(), "{fork}");
    }
    for fork in ["false", "False", ""] {
        let variables = [("HOST", "github"), ("TARGET", "main"), ("FORK", fork)];
        step(&clone, "pull-request.sh", &variables).ends_with(0).says("1 tenant: 1 upload");
    }
    // A fleet that was forked from another one is its own: the two repositories decide.
    let github = project().join("examples/pipelines/github/applecart-pull-request.yml");
    let text = std::fs::read_to_string(github).unwrap();
    assert!(!text.contains("repo.fork"), "{text}");
    assert_eq!(text.matches("head.repo.full_name").count(), 2);
}

#[test]
fn what_was_merged_is_applied_once_and_the_ledger_is_at_the_remote() {
    let hub = hub();
    let branch = hub.clone("branch", &["--branch", "renew/contoso"]);
    step(&branch, "apply.sh", &[]).ends_with(7).says("it has not been merged");
    assert_eq!(hub.world.uploads("contoso"), 0);

    hub.world.git(&["push", "--quiet", "origin", "renew/contoso:main"]);
    let main = hub.clone("main", &[]);
    let summary = hub.world.path("summary.md");
    let variables = [("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    step(&main, "apply.sh", &variables).ends_with(0);
    assert_eq!(hub.world.uploads("contoso"), 1);
    assert_eq!(hub.lines("contoso").len(), 3, "intended, applied, confirmed");
    let shown = std::fs::read_to_string(&summary).unwrap();
    assert!(shown.starts_with("```text\n") && shown.contains("contoso"), "{shown}");
    assert!(read(&main, "apply.txt").contains("contoso"));
    // What could not be pushed is kept with the rest.
    std::fs::write(main.folder.join("applecart-unpushed-run.json"), "{}").unwrap();
    step(&main, "apply.sh", &[]).ends_with(0);
    assert_eq!(hub.world.uploads("contoso"), 1);
    assert_eq!(read(&main, "applecart-unpushed-run.json"), "{}");
}

/// Whether the programs of the comment are here; they are on every host's machines.
fn can_comment() -> bool {
    let missing: Vec<&str> = ["curl", "jq"]
        .into_iter()
        .filter(|name| Command::new(name).arg("--version").output().is_err())
        .collect();
    assert!(
        missing.is_empty() || std::env::var_os("APPLECART_REQUIRE_INTEROP").is_none(),
        "{missing:?} not installed, and APPLECART_REQUIRE_INTEROP is set"
    );
    if !missing.is_empty() {
        println!("skipped: {missing:?} not installed");
    }
    missing.is_empty()
}

#[test]
fn a_morning_tells_what_lapses_what_is_due_and_what_differs_and_needs_no_key() {
    let hub = hub();
    let clone = hub.clone("main", &[]);
    // The renewal is on its branch; what Intune has expires in 20 days.
    step(&clone, "schedule.sh", &[NO_KEY, ("FAIL_WITHIN", "14d")]).ends_with(0);
    let renewals = read(&clone, "renewals.md");
    assert!(renewals.contains("Do not download it again. Review this branch"), "{renewals}");

    hub.world.git(&["push", "--quiet", "origin", "--delete", "renew/contoso"]);
    step(&clone, "schedule.sh", &[NO_KEY, ("FAIL_WITHIN", "14d")]).ends_with(0);
    let renewals = read(&clone, "renewals.md");
    assert!(renewals.contains("press Renew on it. Never press Create"), "{renewals}");
    assert!(renewals.contains("applecart renew contoso/push"), "{renewals}");
    assert!(!renewals.contains("fabrikam"), "{renewals}");
    step(&clone, "schedule.sh", &[NO_KEY, ("FAIL_WITHIN", "30d")]).ends_with(9);

    hub.world.git(&["push", "--quiet", "origin", "renew/contoso:main"]);
    clone.git(&["pull", "--quiet"]);
    step(&clone, "schedule.sh", &[NO_KEY]).ends_with(2);
    assert!(read(&clone, "plan.md").contains("| ⬆️ upload | contoso | push |"));
    assert_eq!(hub.world.state().writes(), 0);
    assert!(hub.world.state().violations().is_empty());
    for branch in ["applecart/ledger", "applecart/notes"] {
        assert_eq!(hub.git(&["rev-list", "--count", branch]), "1", "nothing is recorded");
    }
}

#[test]
fn a_comment_is_made_once_and_then_written_anew() {
    if !can_comment() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    for host in [Host::Github, Host::Azure, Host::Gitlab] {
        // More than a page of other people's words, one of which quotes the marker.
        let comments = Comments::new(host, 130);
        for text in ["first", "second"] {
            std::fs::write(&file, format!("<!-- applecart:plan -->\n{text} \"plan\"\n")).unwrap();
            comment(&comments, &file).ends_with(0);
            let own = comments.starting_with("<!-- applecart:plan -->");
            assert_eq!(own, [format!("<!-- applecart:plan -->\n{text} \"plan\"\n")], "{host:?}");
        }
        assert_eq!(comments.len(), 131, "{host:?}");
    }
}

#[test]
fn a_plan_is_never_written_into_somebody_elses_comment() {
    if !can_comment() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    for host in [Host::Github, Host::Azure, Host::Gitlab] {
        let comments = Comments::new(host, 1);
        let theirs = "<!-- applecart:plan -->\nNothing to upload.\n";
        comments.add_of_another(theirs);
        for text in ["first", "second"] {
            let own = format!("<!-- applecart:plan -->\n{text}\n");
            std::fs::write(&file, &own).unwrap();
            comment(&comments, &file).ends_with(0);
            let found = comments.starting_with("<!-- applecart:plan -->");
            assert_eq!(found, [theirs, &own], "{host:?}");
        }
    }
}

#[test]
fn a_comment_that_is_not_permitted_fails_and_shows_no_token() {
    if !can_comment() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    std::fs::write(&file, "<!-- applecart:plan -->\ntext\n").unwrap();
    for host in [Host::Github, Host::Azure, Host::Gitlab] {
        let comments = Comments::new(host, 1);
        comments.forbid();
        let run = comment(&comments, &file);
        assert_ne!(run.code, 0, "{host:?}");
        assert!(!format!("{run:?}").contains(hosts::TOKEN), "{run:?}");
    }
    // Without a plan there is nothing to say, and the step before has failed already.
    let comments = Comments::new(Host::Github, 1);
    comment(&comments, &folder.path().join("none.md")).ends_with(0).says("no plan to comment");
    std::fs::write(&file, "no marker\n").unwrap();
    comment(&comments, &file).ends_with(64).says("does not begin with a marker");
    assert_eq!(comments.len(), 1);
}

fn comment(comments: &Comments, file: &Path) -> Run {
    let mut command = Command::new(script("comment.sh"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(comments.environment())
        .arg(comments.host().name())
        .arg(file);
    finish(command)
}

/// Every mapping in a YAML document.
fn mappings(value: &Value, found: &mut Vec<serde_yaml::Mapping>) {
    match value {
        Value::Mapping(mapping) => {
            found.push(mapping.clone());
            mapping.values().for_each(|value| mappings(value, found));
        }
        Value::Sequence(all) => all.iter().for_each(|value| mappings(value, found)),
        _ => {}
    }
}

fn pipelines() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for folder in ["github", "azure", "gitlab"] {
        let folder = project().join("examples/pipelines").join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let value = serde_yaml::from_str(&text).unwrap();
            all.push((path.display().to_string(), value));
        }
    }
    assert_eq!(all.len(), 9);
    all
}

#[test]
fn actions_are_pinned_and_every_script_that_is_run_is_there() {
    for (path, pipeline) in pipelines() {
        let mut found = Vec::new();
        mappings(&pipeline, &mut found);
        for uses in found.iter().filter_map(|mapping| mapping.get("uses")?.as_str()) {
            if let Some(own) = uses.strip_prefix("./.github/workflows/") {
                let path = project().join("examples/pipelines/github").join(own);
                assert!(path.is_file(), "{uses}");
                continue;
            }
            let pin = uses.split_once('@').unwrap().1;
            assert!(
                pin.len() == 40 && pin.bytes().all(|c| c.is_ascii_hexdigit()),
                "{path}: {uses}"
            );
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut run = 0;
        for part in text.split(".applecart/pipeline/").skip(1) {
            let end = part.find(".sh").unwrap() + 3;
            assert!(script(&part[..end]).is_file(), "{path}: {}", &part[..end]);
            run += 1;
        }
        assert!(run >= 1, "{path}");
    }
}

#[test]
fn a_pull_request_has_no_key_and_may_write_nothing_but_its_comment() {
    for (path, pipeline) in pipelines() {
        let text = std::fs::read_to_string(&path).unwrap();
        if path.contains("pull-request") || path.contains("schedule") {
            assert!(!text.contains("AGE_KEY") && !text.contains("writer"), "{path}");
        }
        if path.contains("github") {
            assert_eq!(pipeline["permissions"], Value::Mapping(Default::default()), "{path}");
            let jobs = pipeline["jobs"].as_mapping().unwrap();
            for (name, job) in jobs {
                // Every branch can bring a workflow with the host's own token: it pushes no ledger.
                assert_eq!(job["permissions"]["contents"], "read", "{path}");
                assert_eq!(job["environment"].is_null(), name != "apply", "{path}");
            }
        }
        // A secret that signs in is nowhere.
        assert!(!text.contains("CLIENT_SECRET"), "{path}");
    }
}

#[test]
fn no_token_of_the_host_stays_in_a_clone() {
    for (path, pipeline) in pipelines() {
        let mut found = Vec::new();
        mappings(&pipeline, &mut found);
        let mut checkouts = 0;
        for step in &found {
            let uses = step.get("uses").and_then(Value::as_str).unwrap_or_default();
            let kept = match step.get("checkout") {
                Some(_) => &step["persistCredentials"],
                None if uses.starts_with("actions/checkout@") => {
                    &step["with"]["persist-credentials"]
                }
                None => continue,
            };
            checkouts += 1;
            assert_eq!(kept.as_bool(), Some(false), "{path}");
        }
        assert_eq!(checkouts > 0, !path.contains("gitlab"), "{path}");
    }
}

/// The jobs of a pipeline, with what they extend.
fn jobs(pipeline: &Value) -> Vec<serde_yaml::Mapping> {
    let of = |value: &Value| value.as_mapping().cloned();
    match &pipeline["jobs"] {
        Value::Mapping(jobs) => jobs.values().filter_map(of).collect(),
        Value::Sequence(jobs) => jobs.iter().filter_map(of).collect(),
        // GitLab: whatever has a script.
        _ => {
            let all = pipeline.as_mapping().unwrap().values().filter_map(of);
            all.filter(|job| job.contains_key("script"))
                .map(|mut job| {
                    if let Some(base) = job.get("extends").and_then(Value::as_str) {
                        let base = of(&pipeline[base]).unwrap();
                        base.into_iter().for_each(|(name, value)| {
                            job.entry(name).or_insert(value);
                        });
                    }
                    job
                })
                .collect()
        }
    }
}

#[cfg(unix)]
#[test]
fn what_stays_in_progress_elsewhere_does_not_end_a_pipeline_as_done() {
    for (codes, code) in [("6 6", 6), ("6 0", 0), ("6 4", 4), ("0", 0), ("4", 4)] {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("codes");
        std::fs::write(&left, codes).unwrap();
        // Each run ends with the next of the codes.
        let text = format!(
            "codes=$(cat '{0}'); echo \"${{codes#* }}\" >'{0}'; exit \"${{codes%% *}}\"",
            left.display()
        );
        crate::world::hub::script(&folder.path().join("applecart"), &text);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(
            std::iter::once(folder.path().to_owned()).chain(std::env::split_paths(&path)),
        );
        let mut command = Command::new(script("apply.sh"));
        command.current_dir(folder.path()).env_clear().env("PATH", path.unwrap());
        command.env("APPLECART_WAIT", "0");
        finish(command).ends_with(code);
    }
}
