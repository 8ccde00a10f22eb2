//! The pipelines' steps, run as a host runs them: a clone of a bare remote, the simulator, and the
//! host's environment and interface.

mod hosts;
#[cfg(unix)]
mod install;
mod issues;

pub(crate) use hosts::serve;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use serde_yaml::Value;

use crate::world::hub::{Clone, Hub};
use crate::world::{Run, finish, project};
use hosts::{Comments, Host};

fn script(name: &str) -> PathBuf {
    project().join("examples/pipelines/scripts").join(name)
}

/// A step of a pipeline in a clone, with what its host gives it.
fn step(clone: &Clone<'_>, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = clone.command(&[&["ci"], arguments].concat());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").envs(variables.iter().copied());
    finish(command)
}

/// The environment of a host's job for the pull request 7 into main.
fn pull_request(host: Host, folder: &Path, is_fork: bool) -> Vec<(&'static str, String)> {
    let source = if is_fork { "stranger/fleet" } else { "org/fleet" };
    let set = |pairs: &[(&'static str, &str)]| {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    match host {
        Host::Github => {
            let event = folder.join("event.json");
            // The fleet may be a fork of another one: what decides are the two repositories.
            let head = json!({ "repo": { "full_name": source, "fork": true } });
            let text = json!({ "pull_request": { "number": 7, "head": head } });
            std::fs::write(&event, text.to_string()).unwrap();
            set(&[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_EVENT_NAME", "pull_request"),
                ("GITHUB_EVENT_PATH", event.to_str().unwrap()),
                ("GITHUB_REPOSITORY", "org/fleet"),
                ("GITHUB_BASE_REF", "main"),
            ])
        }
        Host::Azure => set(&[
            ("TF_BUILD", "True"),
            ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main"),
            ("SYSTEM_PULLREQUEST_PULLREQUESTID", "7"),
            ("SYSTEM_PULLREQUEST_ISFORK", if is_fork { "True" } else { "False" }),
        ]),
        Host::Gitlab => set(&[
            ("GITLAB_CI", "true"),
            ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_PROJECT_ID", "42"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", if is_fork { "43" } else { "42" }),
        ]),
    }
}

/// The step that checks a pull request, on a host, without a key.
fn check(clone: &Clone<'_>, host: Host, is_fork: bool, arguments: &[&str]) -> Run {
    let mut command = clone.command(&[&["ci", "pull-request"], arguments].concat());
    command.envs(pull_request(host, &clone.hub.world.path(""), is_fork));
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env(NO_KEY.0, NO_KEY.1);
    finish(command)
}

const HOSTS: [Host; 3] = [Host::Github, Host::Azure, Host::Gitlab];

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
    for host in HOSTS {
        let clone = hub.clone(host.name(), &["--branch", "renew/contoso"]);
        let run = check(&clone, host, false, &[]).ends_with(0);
        let markdown = read(&clone, "plan.md");
        assert!(markdown.contains("| ⬆️ upload | contoso | push |"), "{host:?}: {markdown}");
        assert!(!markdown.contains("fabrikam"), "{host:?}: {markdown}");
        let plan: serde_json::Value = serde_json::from_str(&read(&clone, "plan.json")).unwrap();
        assert_eq!(plan["summary"]["uploads"], 1, "{host:?}");
        if host == Host::Gitlab {
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
    let event = hub.world.path("queue.json");
    let queued = json!({ "merge_group": { "base_ref": "refs/heads/main" } });
    std::fs::write(&event, queued.to_string()).unwrap();
    let queue = vec![
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_EVENT_NAME", "merge_group".to_owned()),
        ("GITHUB_EVENT_PATH", event.display().to_string()),
        ("GITHUB_REPOSITORY", "org/fleet".to_owned()),
        ("GITHUB_BASE_REF", String::new()),
    ];
    let mut train = pull_request(Host::Gitlab, &hub.world.path(""), false);
    train.push(("CI_MERGE_REQUEST_EVENT_TYPE", "merge_train".to_owned()));
    for (host, variables) in [(Host::Github, queue), (Host::Gitlab, train)] {
        let clone = hub.clone(host.name(), &["--branch", "gh-readonly-queue/main/pr-1-abc"]);
        let mut variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        variables.push(NO_KEY);
        step(&clone, &["pull-request"], &variables).ends_with(0);
        let plan: serde_json::Value = serde_json::from_str(&read(&clone, "plan.json")).unwrap();
        assert_eq!(plan["summary"]["uploads"], 1, "{host:?}");
        if host == Host::Github {
            step(&clone, &["comment"], &variables).ends_with(0).says("nothing to comment on");
        }
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
    check(&clone, Host::Github, false, &[])
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
    for host in HOSTS {
        // No argument makes a stranger's its own.
        check(&clone, host, true, &["--own"]).ends_with(0).says("no tenant was contacted");
        assert!(hub.world.state().requests().is_empty(), "{host:?}");
        assert!(!clone.folder.join("applecart-out/plan.md").exists(), "{host:?}");
    }
    // Where no host says whose it is, it is a stranger's.
    let target = ["pull-request", "--target", "main"];
    step(&clone, &target, &[NO_KEY]).ends_with(0).says("no tenant was contacted");
    assert!(hub.world.state().requests().is_empty());
    let own = [&target[..], &["--own"]].concat();
    step(&clone, &own, &[NO_KEY]).ends_with(0).says("contoso");
    assert!(!hub.world.state().requests().is_empty());
    step(&clone, &["pull-request"], &[NO_KEY]).ends_with(64).says("--target main");
}

#[cfg(unix)]
#[test]
fn another_host_checks_a_pull_request_with_a_script() {
    let hub = hub();
    let clone = hub.clone("clone", &["--branch", "renew/contoso"]);
    let own = Path::new(env!("CARGO_BIN_EXE_applecart")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path)));
    let path = path.unwrap();
    let run = |fork: &str| {
        let pipeline = clone.command(&[]);
        let mut command = Command::new("sh");
        command.arg(script("pull-request.sh")).current_dir(&clone.folder).env_clear();
        let set = pipeline.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(set).env("PATH", &path).env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.envs([("TARGET", "refs/heads/main"), ("FORK", fork), ("OUT", "kept"), NO_KEY]);
        finish(command)
    };
    for fork in ["true", "True", "$(System.PullRequest.IsFork)"] {
        run(fork).ends_with(0).says("no tenant was contacted");
    }
    for fork in ["false", "False", ""] {
        run(fork).ends_with(0).says("1 upload");
    }
    assert!(clone.folder.join("kept/plan.md").exists());
}

#[test]
fn what_was_merged_is_applied_once_and_the_ledger_is_at_the_remote() {
    let hub = hub();
    let branch = hub.clone("branch", &["--branch", "renew/contoso"]);
    step(&branch, &["apply"], &[]).ends_with(7).says("it has not been merged");
    assert_eq!(hub.world.uploads("contoso"), 0);

    hub.world.git(&["push", "--quiet", "origin", "renew/contoso:main"]);
    let main = hub.clone("main", &[]);
    let summary = hub.world.path("summary.md");
    let variables = [("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    step(&main, &["apply"], &variables).ends_with(0);
    assert_eq!(hub.world.uploads("contoso"), 1);
    assert_eq!(hub.lines("contoso").len(), 3, "intended, applied, confirmed");
    let shown = std::fs::read_to_string(&summary).unwrap();
    assert!(shown.starts_with("```text\n") && shown.contains("contoso"), "{shown}");
    assert!(read(&main, "apply.txt").contains("contoso"));
    // What is wrong with the command stands where a person looks as well.
    step(&main, &["apply", "--", "--bogus"], &[]).ends_with(64);
    for file in ["apply.txt", "apply.md"] {
        assert!(read(&main, file).contains("unexpected argument '--bogus'"), "{file}");
    }
    // What could not be pushed is kept with the rest.
    std::fs::write(main.folder.join("applecart-unpushed-run.json"), "{}").unwrap();
    step(&main, &["apply"], &[]).ends_with(0);
    assert_eq!(hub.world.uploads("contoso"), 1);
    assert_eq!(read(&main, "applecart-unpushed-run.json"), "{}");
}

/// What the commit has under the name of a record that was not pushed would be published as one.
#[cfg(unix)]
#[test]
fn a_link_by_the_name_of_an_unpushed_record_is_refused_before_anything_is_applied() {
    use std::os::unix::fs::symlink;
    let hub = hub();
    hub.world.git(&["push", "--quiet", "origin", "renew/contoso:main"]);
    let main = hub.clone("main", &[]);
    let key = hub.world.path("key");
    std::fs::write(&key, "SECRET").unwrap();
    let link = main.folder.join("applecart-unpushed-mine.json");
    symlink(&key, &link).unwrap();
    step(&main, &["apply"], &[])
        .ends_with(7)
        .says("applecart-unpushed-mine.json")
        .says("is a link");
    assert_eq!(hub.world.uploads("contoso"), 0);
    assert!(!main.folder.join("applecart-out/applecart-unpushed-mine.json").exists());
    // Nor is what is kept written through a link.
    std::fs::remove_file(&link).unwrap();
    std::fs::write(&link, "{}").unwrap();
    symlink(&key, main.folder.join("applecart-out/applecart-unpushed-mine.json")).unwrap();
    step(&main, &["apply"], &[]).ends_with(0);
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "SECRET");
    assert_eq!(read(&main, "applecart-unpushed-mine.json"), "{}");
}

#[test]
fn a_morning_tells_what_lapses_what_is_due_and_what_differs_and_needs_no_key() {
    let hub = hub();
    let clone = hub.clone("main", &[]);
    // The renewal is on its branch; what Intune has expires in 20 days.
    step(&clone, &["schedule", "--fail-within", "14d"], &[NO_KEY]).ends_with(0);
    let renewals = read(&clone, "renewals.md");
    assert!(renewals.contains("Do not download it again. Review this branch"), "{renewals}");
    let status = read(&clone, "status.md");
    assert!(status.contains("Applecart status") && status.contains("contoso"), "{status}");

    hub.world.git(&["push", "--quiet", "origin", "--delete", "renew/contoso"]);
    step(&clone, &["schedule", "--fail-within", "14d"], &[NO_KEY]).ends_with(0);
    let renewals = read(&clone, "renewals.md");
    assert!(renewals.contains("press Renew on it. Never press Create"), "{renewals}");
    assert!(renewals.contains("applecart renew contoso/push"), "{renewals}");
    assert!(!renewals.contains("fabrikam"), "{renewals}");
    step(&clone, &["schedule", "--fail-within", "30d"], &[NO_KEY]).ends_with(9);

    hub.world.git(&["push", "--quiet", "origin", "renew/contoso:main"]);
    clone.git(&["pull", "--quiet"]);
    step(&clone, &["schedule"], &[NO_KEY]).ends_with(2);
    assert!(read(&clone, "plan.md").contains("| ⬆️ upload | contoso | push |"));
    assert_eq!(hub.world.state().writes(), 0);
    assert!(hub.world.state().violations().is_empty());
    for branch in ["applecart/ledger", "applecart/notes"] {
        assert_eq!(hub.git(&["rev-list", "--count", branch]), "1", "nothing is recorded");
    }
}

/// Yesterday's page and an empty one would both read as if all were well.
#[test]
fn a_morning_that_could_read_nothing_says_so_on_every_page_and_in_the_summary() {
    let hub = hub();
    let clone = hub.clone("main", &[]);
    let summary = clone.folder.join("summary.md");
    let host = ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());
    step(&clone, &["schedule"], &[NO_KEY, host]).ends_with(0);
    let shown = std::fs::read_to_string(&summary).unwrap();
    assert!(shown.contains("Applecart status"), "{shown}");
    std::fs::remove_file(&summary).unwrap();

    std::fs::write(clone.folder.join("applecart.yaml"), "x: [").unwrap();
    clone.commit("A mistake");
    clone.git(&["push", "--quiet", "origin", "main"]);
    assert_ne!(step(&clone, &["schedule"], &[NO_KEY, host]).code, 0);
    let shown = std::fs::read_to_string(&summary).unwrap();
    for what in ["status", "renewals", "plan"] {
        let page = read(&clone, &format!("{what}.md"));
        assert!(page.starts_with(&format!("### No Applecart {what}")), "{what}: {page}");
        assert!(shown.contains(&page), "{what}: {shown}");
    }
    for file in ["plan.json", "renewals.json"] {
        assert!(!clone.folder.join("applecart-out").join(file).exists(), "{file} is yesterday's");
    }
}

/// Who proposes a change decides what is checked out.
#[cfg(unix)]
#[test]
fn what_a_pull_request_has_in_the_folder_of_results_is_neither_followed_nor_kept() {
    use std::os::unix::fs::symlink;
    let hub = hub();
    let clone = hub.clone("proposed", &["--branch", "renew/contoso"]);
    let (out, victim) = (clone.folder.join("applecart-out"), clone.folder.join("victim"));
    std::fs::write(&victim, "theirs").unwrap();
    for is_fork in [false, true] {
        std::fs::create_dir_all(&out).unwrap();
        for name in ["plan.md", "plan.json", "gl-code-quality-report.json"] {
            let _ = std::fs::remove_file(out.join(name));
            symlink(&victim, out.join(name)).unwrap();
        }
        check(&clone, Host::Gitlab, is_fork, &[]).ends_with(0);
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "theirs", "fork: {is_fork}");
        assert_eq!(out.join("plan.md").exists(), !is_fork);
        assert_eq!(out.join("plan.json").exists(), !is_fork);
    }
    // The folder itself, and one above it.
    std::fs::remove_dir_all(&out).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), &out).unwrap();
    for folder in ["applecart-out", "applecart-out/deep"] {
        let run = check(&clone, Host::Github, false, &["--out", folder]).ends_with(7);
        run.says("applecart-out is a link").says("Remove the link from the commit");
    }
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_comment_is_made_once_and_then_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    for host in HOSTS {
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
fn a_comment_that_two_runs_made_at_once_is_one_again_and_nobody_elses_goes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    for host in HOSTS {
        let comments = Comments::new(host, 1);
        let theirs = "<!-- applecart:plan -->\nTheirs.\n";
        comments.add_of_another(theirs);
        std::fs::write(&file, "<!-- applecart:plan -->\nfirst\n").unwrap();
        comment(&comments, &file).ends_with(0);
        comments.double();
        let newest = "<!-- applecart:plan -->\nsecond\n";
        std::fs::write(&file, newest).unwrap();
        comment(&comments, &file).ends_with(0);
        let shown = comments.starting_with("<!-- applecart:plan -->");
        assert_eq!(shown, [theirs, newest], "{host:?}");
    }
}

#[test]
fn a_plan_is_never_written_into_somebody_elses_comment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    for host in HOSTS {
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
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    std::fs::write(&file, "<!-- applecart:plan -->\ntext\n").unwrap();
    for host in HOSTS {
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_applecart"));
    command.env_clear().envs(comments.environment(file.parent().unwrap()));
    command.args(["ci", "comment"]).arg(file);
    finish(command)
}

#[test]
fn a_comment_outlives_a_forge_that_is_busy_and_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    std::fs::write(&file, "<!-- applecart:plan -->\ntext\n").unwrap();
    for host in HOSTS {
        for (status, is_taken) in [(429, false), (503, false), (502, true)] {
            let comments = Comments::new(host, 1);
            // On a creation, which may have been done all the same.
            comments.is_busy_once(status, is_taken);
            comment(&comments, &file).ends_with(0);
            assert_eq!(comments.len(), 2, "{host:?} {status} {is_taken}");
        }
    }
}

#[test]
fn a_strangers_pull_request_is_not_commented() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    std::fs::write(&file, "<!-- applecart:plan -->\ntext\n").unwrap();
    for host in HOSTS {
        let comments = Comments::new(host, 1);
        let mut command = Command::new(env!("CARGO_BIN_EXE_applecart"));
        command.env_clear().envs(comments.environment(folder.path()));
        command.envs(pull_request(host, folder.path(), true));
        command.args(["ci", "comment"]).arg(&file);
        finish(command).ends_with(0).says("comes from a fork");
        assert_eq!(comments.len(), 1, "{host:?}");
    }
}

#[test]
fn a_host_that_nobody_recognises_is_asked_for_and_a_token_goes_to_nobody_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    std::fs::write(&file, "<!-- applecart:plan -->\ntext\n").unwrap();
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_applecart"));
        command.env_clear().envs(pull_request(Host::Github, folder.path(), false));
        command.env_remove("GITHUB_ACTIONS").envs(variables.iter().copied());
        command.args(["ci", "comment"]).arg(&file);
        finish(command)
    };
    run(&[]).ends_with(64).says("--host github");
    let named = ("GITHUB_ACTIONS", "true");
    run(&[named]).ends_with(64).says("GITHUB_TOKEN is not set").says("github.token");
    let clear = ("GITHUB_API_URL", "http://git.msp.example/api/v3");
    run(&[named, ("GITHUB_TOKEN", hosts::TOKEN), clear])
        .ends_with(64)
        .says("GITHUB_API_URL cannot be used");
}

#[test]
fn the_program_says_whether_it_is_the_one_that_was_installed() {
    let program = env!("CARGO_BIN_EXE_applecart");
    let right = applecart_core::model::Sha256::of(&std::fs::read(program).unwrap()).to_string();
    let run = |sha256: &str| {
        let mut command = Command::new(program);
        command.env_clear().env("APPLECART_SHA256", sha256).args(["ci", "install-check"]);
        finish(command)
    };
    run(&right).ends_with(0).says(&right);
    // What the job before told got lost.
    run("").ends_with(64).says(&right).says("nothing was compared");
    run(&"0".repeat(64)).ends_with(7).says("Do not run it");
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

/// GitLab runs a job's lines in one shell that ends at the first failure.
#[cfg(unix)]
#[test]
fn each_step_of_a_gitlab_job_is_run_and_the_first_code_that_is_none_ends_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let tools = tempfile::tempdir().unwrap();
    let program = tools.path().join("applecart");
    let text = "#!/bin/sh\necho \"$2\" >>\"$RUN\"\ncase $2 in comment | issues) exit \"$SECOND\" ;; esac\nexit \"$FIRST\"\n";
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let (_, pipeline) = pipelines().into_iter().find(|(path, _)| path.contains("gitlab")).unwrap();
    for (job, second_step) in [("plan", "comment"), ("look", "issues")] {
        // A line with `: ` in it is no text to YAML.
        let lines: Vec<&str> = pipeline[job]["script"]
            .as_sequence()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect();
        for (first, second, end) in [(0, 0, 0), (9, 0, 9), (0, 64, 64), (9, 64, 9), (2, 1, 2)] {
            let ran = tools.path().join(format!("{job}-{first}-{second}"));
            let mut shell = Command::new("sh");
            shell.args(["-e", "-c", &lines.join("\n")]).env("PATH", &path).env("RUN", &ran);
            shell.env("FIRST", first.to_string()).env("SECOND", second.to_string());
            assert_eq!(finish(shell).code, end, "{job}: {first}, {second}");
            let ran = std::fs::read_to_string(&ran).unwrap();
            assert_eq!(ran.lines().nth(1), Some(second_step), "{job}: {first}, {second}");
        }
    }
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
        let mut run = text.matches("applecart ci ").count();
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
