//! Which applications are registered and consented to, and by whose settings.

use super::*;

#[test]
fn the_commands_that_register_the_applications_are_this_fleets_and_a_shell_reads_them() {
    let world = World::new();
    world.commit("Begin");
    world.git(&["remote", "add", "origin", "git@github.com:octo/fleet.git"]);
    let print = |more: &[&str]| -> Run {
        world.run(&[&["entra", "app", "--print"], more].concat()).ends_with(0)
    };
    let run = print(&[]);
    // The one application that the settings name reads: nobody who consented to that is asked again.
    assert!(run.stdout.contains(&format!("READER='{WRITER_CLIENT_ID}'")), "{}", run.stdout);
    assert_eq!(run.stdout.matches("az ad app create").count(), 1, "{}", run.stdout);
    let uploads = print(&["--uploads"]);
    assert!(uploads.stdout.contains(&format!("WRITER='{WRITER_CLIENT_ID}'")), "{}", uploads.stdout);
    let watch = print(&["--for", "watch"]);
    assert!(watch.stdout.contains(&format!("READER='{WRITER_CLIENT_ID}'")), "{}", watch.stdout);
    assert!(!watch.stdout.contains("WRITER"), "{}", watch.stdout);
    assert!(run.stdout.contains("repo:octo/fleet:environment:production"), "{}", run.stdout);
    let script = world.path("register.sh");
    std::fs::write(&script, &run.stdout).unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-n").arg(&script);
    assert_eq!(finish(shell).code, 0);
    // GitHub may know the repository by its ids, which Entra has to be told.
    assert!(run.stdout.contains("--github-ids \"$(gh api repos/octo/fleet --jq"), "{}", run.stdout);
    let known = print(&["--github-ids", "123456/456789"]);
    for what in ["pull_request", "ref:refs/heads/main", "environment:production"] {
        let subject = format!("\"subject\":\"repo:octo@123456/fleet@456789:{what}\"");
        assert!(known.stdout.contains(&subject), "{}", known.stdout);
    }
    assert!(!known.stdout.contains("gh api"), "{}", known.stdout);
    world.run(&["entra", "app", "--print", "--github-ids", "octo/fleet"]).ends_with(64);
    // A remote is anybody's text; a repository's path is not.
    let texts = ["b\u{2019};touch pwn;\u{2019}", "b';touch pwn;'", "b$(touch pwn)", "b*"];
    for path in texts.into_iter().chain(["b/c", "..", "."]) {
        world.git(&["remote", "set-url", "origin", &format!("https://github.com/octo/{path}")]);
        for shell in ["posix", "powershell"] {
            let run = world.run(&["entra", "app", "--print", "--shell", shell]).ends_with(64);
            run.says("is no repository's on GitHub").says("git remote set-url origin URL");
        }
    }
    world.git(&["remote", "set-url", "origin", "git@github.com:octo/fleet.git"]);
    // GitLab's pipelines of a repository that is at GitHub do not exist.
    world.run(&["entra", "app", "--print", "--host", "gitlab"]).ends_with(64).says("on github.com");
    world.git(&["remote", "set-url", "origin", "https://ghe.msp.example/octo/fleet.git"]);
    let own = print(&["--host", "github"]);
    assert!(own.stdout.contains("https://ghe.msp.example/_services/token"), "{}", own.stdout);
    assert!(!own.stdout.contains("githubusercontent"), "{}", own.stdout);
    assert!(
        !own.stdout.contains("--github-ids"),
        "a server of one's own has names: {}",
        own.stdout
    );
    world.git(&["remote", "set-url", "origin", "git@gitlab.example:octo/fleet.git"]);
    let power = print(&["--shell", "powershell", "--host", "gitlab"]);
    assert!(power.stdout.contains("https://gitlab.example\""), "{}", power.stdout);
    assert!(power.stdout.contains("$writer = "), "{}", power.stdout);
    assert!(power.stdout.contains("project_path:octo/fleet:ref_type:branch:ref:main"));
    // Neither a folder on this machine nor no remote at all names a repository of pipelines.
    world.git(&["remote", "set-url", "origin", "../origin.git"]);
    for host in ["github", "gitlab"] {
        let run = world.run(&["entra", "app", "--print", "--host", host]);
        run.ends_with(64).says("git remote set-url origin URL");
    }
    world.git(&["remote", "remove", "origin"]);
    for host in ["github", "gitlab"] {
        world.run(&["entra", "app", "--print", "--host", host]).ends_with(64);
    }
    // Said by the settings alone it is no other.
    let text =
        world.policy("").replace("credential: client-secret", "credential: workload-identity");
    assert!(text.contains("workload-identity"), "{text}");
    world.write("applecart.yaml", &text);
    world.commit("GitLab");
    world.run(&["entra", "app", "--print"]).ends_with(64).says("git remote add origin URL");
}

const OTHER: &str = "3f6b0000-0000-4000-8000-000000000009";

/// Gives applecart.yaml another application, as somebody does who corrects a wrong one.
fn corrected(world: &World) {
    let path = world.repo().join("applecart.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(WRITER_CLIENT_ID), "{text}");
    std::fs::write(&path, text.replace(WRITER_CLIENT_ID, OTHER)).unwrap();
}

#[test]
fn nobody_is_asked_to_consent_to_an_application_that_the_clones_own_settings_have_replaced() {
    let scale = Scale { application: 1, consent: 0, roles: 0, intune: 0, ready: 0 };
    let (world, _, tenants) = campaign(scale);
    let list = list(&world, &tenants);
    json(&world, &["--customers", &list]);
    corrected(&world);
    let letters = world.path("letters").display().to_string();
    let ways = [
        &["--links"][..],
        &["--mail", &letters],
        &["--commands", "posix"],
        &["--commands", "powershell"],
        &["--listen"],
    ];
    let refused = |step: &str| {
        for way in ways {
            let run = world.run(&[&["onboard"], way].concat()).ends_with(64);
            let run = run.says("has other settings than origin/main (`auth`)").says(step);
            assert!(!run.stdout.contains(WRITER_CLIENT_ID), "{}", run.stdout);
        }
        assert!(!std::fs::exists(&letters).unwrap());
    };
    let told = |step: &str| {
        for command in [&["onboard"][..], &["status"], &["doctor"]] {
            let run = world.run(command);
            let run = run.says("What is shown goes by those of origin/main").says(step);
            assert_eq!(run.stderr.matches("has other settings").count(), 1, "{}", run.stderr);
        }
    };
    refused("git commit");
    told("git commit");
    world.commit("Correct the application");
    refused("once it is reviewed");
    told("once it is reviewed");
    world.git(&["switch", "--quiet", "--create", "correct"]);
    refused("git push --set-upstream origin HEAD");
    // A branch that began before the base's settings changed has no settings of its own.
    world.git(&["push", "--quiet", "origin", "correct:main"]);
    world.git(&["switch", "--quiet", "--create", "old", "origin/main~1"]);
    let run = world.run(&["onboard", "--links"]);
    assert!(!run.stderr.contains("other settings"), "{}", run.stderr);
    assert!(!run.stdout.contains(WRITER_CLIENT_ID), "{}", run.stdout);
}

#[test]
fn a_comment_is_no_other_setting_and_without_a_remote_the_commit_counts() {
    let world = World::new();
    world.commit("Begin");
    let path = world.repo().join("applecart.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}# wrong?\n")).unwrap();
    let run = world.run(&["entra", "app", "--print"]).ends_with(0);
    assert!(!run.stderr.contains("other settings"), "{}", run.stderr);
    corrected(&world);
    let run = world.run(&["entra", "app", "--print"]).ends_with(0);
    let run = run.says("has other settings than the last commit (`auth`)").says("git commit");
    assert!(!run.stdout.contains(OTHER), "{}", run.stdout);
}
