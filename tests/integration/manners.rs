//! How the program behaves in a shell and in a pipeline.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

#[cfg(target_os = "linux")]
use crate::world::on_a_terminal;
use crate::world::{World, finish, tenant_id};

/// A fleet with a hold, which has colours, remarks and log lines.
fn held() -> World {
    let world = World::new();
    let live = world.issue(None, 20);
    world.live("contoso", Some(&live));
    world.tenant("contoso", &world.issue(None, 364));
    world.commit("Somebody pressed Create");
    world
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let world = held();
    for number in 0..10 {
        let mistakes: String = (0..100).map(|line| format!("mistake{line}: {line}\n")).collect();
        world.write(
            &format!("tenants/customer{number}/tenant.yaml"),
            &format!("apiVersion: applecart/v1\nkind: Tenant\n{mistakes}"),
        );
    }
    world.commit("A thousand mistakes");
    let validate = ["validate", "--format", "json"];
    let whole = world.run(&validate).ends_with(78);
    // More than a pipe holds, so that the program is still writing when the reader goes.
    assert!(whole.stdout.len() > 70_000, "{}", whole.stdout.len());
    let mut child = world.spawn(&validate);
    let mut first = [0; 1];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    // The exit code that it would have had.
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[cfg(target_os = "linux")]
#[test]
fn apply_asks_on_a_terminal_and_neither_with_yes_nor_in_a_pipeline() {
    let question = "Write 1 planned change to Intune now? [y/N]";
    for (arguments, ci, typed, is_asked, uploads) in [
        (&["apply"][..], "", "n\n", true, 0),
        (&["apply"], "false", "\n", true, 0),
        (&["apply"], "", "y\n", true, 1),
        (&["apply", "--yes"], "", "n\n", false, 1),
        (&["apply"], "true", "n\n", false, 1),
    ] {
        let world = World::new();
        world.renewal("contoso");
        let mut command = world.command(arguments);
        command.env("CI", ci);
        let Some(run) = on_a_terminal(&command, "", typed) else { return };
        assert_eq!(run.stdout.contains(question), is_asked, "{arguments:?} CI={ci}: {run:?}");
        assert_eq!(world.uploads("contoso"), uploads, "{arguments:?} CI={ci} {typed:?}: {run:?}");
        assert_eq!(run.code == 0, uploads == 1, "{run:?}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_command_that_only_reads_at_once() {
    let world = held();
    for signal in ["-INT", "-TERM", "-HUP"] {
        for command in [&["status"][..], &["plan"], &["doctor"]] {
            // It takes the connection and never answers.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let child = world
                .command(command)
                .env("APPLECART_GRAPH_URL", &url)
                .env("APPLECART_LOGIN_URL", &url)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let _silent = listener.accept().unwrap();
            let pid = child.id().to_string();
            let sent = std::process::Command::new("kill").args([signal, &pid]).status().unwrap();
            assert!(sent.success());
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(130), "{command:?} {signal}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{command:?}");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command:?}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_ends_no_command() {
    let world = held();
    for more in [&["-v"][..], &["-vv"], &["--log-format", "json", "-vv"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let done = world.command(&["plan"]).args(more).stderr(full).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{more:?}: {:?}", done.status);
        assert!(String::from_utf8_lossy(&done.stdout).contains("1 hold"), "{more:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_the_system_ends_leaves_no_core() {
    let world = held();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut child = world
        .command(&["plan"])
        .env("APPLECART_GRAPH_URL", &url)
        .env("APPLECART_LOGIN_URL", &url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _silent = listener.accept().unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let columns: Vec<_> = core.split_whitespace().collect();
    assert_eq!(columns[4..6], ["0", "0"], "{core}");
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_started_with_nohup_outlives_its_terminal() {
    let world = held();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let command = world.command(&["plan"]);
    let mut nohup = std::process::Command::new("nohup");
    nohup.arg(command.get_program()).args(command.get_args()).current_dir(world.repo());
    nohup.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    nohup.env("APPLECART_GRAPH_URL", &url).env("APPLECART_LOGIN_URL", &url);
    let mut child = nohup.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _silent = listener.accept().unwrap();
    let pid = child.id().to_string();
    for (signal, ends) in [("-HUP", false), ("-TERM", true)] {
        assert!(
            std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success()
        );
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(child.try_wait().unwrap().is_some(), ends, "{signal}");
    }
}

#[test]
fn colours_follow_the_conventions() {
    let world = held();
    let colours = |variables: &[(&str, &str)], more: &[&str]| {
        let mut command = world.command(&["status"]);
        command.args(more).envs(variables.iter().copied());
        finish(command).ends_with(0).stdout.contains('\u{1b}')
    };
    assert!(!colours(&[], &[]), "a pipe gets none");
    assert!(colours(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!colours(&[("CLICOLOR_FORCE", "0")], &[]));
    assert!(!colours(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
    assert!(!colours(&[("CLICOLOR_FORCE", "1")], &["--no-color"]));
    assert!(!colours(&[("CLICOLOR", "1")], &[]), "CLICOLOR is about terminals");
}

#[test]
fn a_pipe_gets_no_progress_and_no_log() {
    let world = held();
    for command in [&["status"][..], &["plan"], &["doctor"]] {
        assert_eq!(world.run(command).stderr, "", "{command:?}");
    }
}

#[test]
fn a_json_log_is_json_and_nothing_else() {
    let world = held();
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let run = world.run(arguments);
        assert!(!run.stderr.contains(&world.secret), "a secret is logged");
        run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let verbose = lines(&["plan", "-vv", "--log-format", "json"]);
    let levels: Vec<&str> = verbose.iter().filter_map(|line| line["level"].as_str()).collect();
    assert!(levels.contains(&"INFO") && levels.contains(&"DEBUG"), "{levels:?}");
    // What goes to a person on standard error is a line, too: here the plan of an apply.
    let notes = lines(&["apply", "--log-format", "json"]);
    assert!(notes.iter().any(|line| line["fields"]["note"] == true), "{notes:?}");
    let [error] = lines(&["plan", "--rev", "nowhere", "--log-format", "json"]).try_into().unwrap();
    assert_eq!(error["level"], "ERROR");
    assert_eq!(error["fields"]["code"], 64);
    assert!(error["fields"]["next"].as_str().unwrap().contains("--rev"), "{error}");
}

#[test]
fn verbose_text_tells_what_is_done_on_standard_error_only() {
    let world = held();
    let quiet = world.run(&["plan"]);
    let loud = world.run(&["plan", "-v"]);
    assert!(loud.stderr.contains("the fleet is read"), "{}", loud.stderr);
    assert!(!loud.stderr.contains('\u{1b}'));
    assert!(!quiet.stdout.contains("INFO") && !loud.stdout.contains("INFO"));
}

#[test]
fn mistakes_are_remarked_beside_their_lines() {
    let world = held();
    world.write(
        "tenants/fabrikam/tenant.yaml",
        "apiVersion: applecart/v1\nkind: Tenant\nname: fabrikam\ncolour: red\n",
    );
    world.commit("A mistake");
    let github = world.run(&["validate", "--format", "github"]).ends_with(78).stdout;
    assert!(
        github.contains("::error file=tenants/fabrikam/tenant.yaml,line=4,col=1,endColumn=6,"),
        "{github}"
    );
    let azure = world.run(&["validate", "--format", "azure"]).ends_with(78).stdout;
    assert!(
        azure.contains("type=error;sourcepath=tenants/fabrikam/tenant.yaml;linenumber=4;"),
        "{azure}"
    );
    let gitlab = world.run(&["validate", "--format", "gitlab"]).ends_with(78).json();
    assert_eq!(gitlab[0]["location"]["path"], "tenants/fabrikam/tenant.yaml");
    let sarif = world.run(&["validate", "--format", "sarif"]).ends_with(78).json();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(!sarif["runs"][0]["results"].as_array().unwrap().is_empty());
}

#[test]
fn a_hold_is_remarked_at_its_token() {
    let world = held();
    let text = std::fs::read_to_string(world.repo().join("tenants/contoso/tenant.yaml")).unwrap();
    let line = text.lines().position(|line| line == "push:").unwrap() + 1;
    let plan = world.run(&["plan", "--format", "github"]).ends_with(0).stdout;
    let start = format!("::error file=tenants/contoso/tenant.yaml,line={line},");
    assert!(plan.starts_with(&start), "{plan}");
    assert!(plan.contains("topic-change"), "{plan}");
    let sarif = world.run(&["plan", "--format", "sarif"]).ends_with(0).json();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], line);
}

#[test]
fn every_shell_gets_completions_and_every_command_a_manual_page() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = world.run(&["completions", shell]).ends_with(0).stdout;
        assert!(text.contains("APPLECART_COMPLETE"), "{shell} asks the program: {text}");
    }
    let folder = world.path("man");
    world.run(&["man", folder.to_str().unwrap()]).ends_with(0);
    for page in ["applecart.1", "applecart-status.1", "applecart-ledger-verify.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".SH DESCRIPTION"), "{page}");
    }
}

#[test]
fn status_narrows_to_a_time_and_writes_csv_and_markdown() {
    let world = held();
    let far = world.issue(None, 300);
    world.live("fabrikam", Some(&far));
    // Watched and well: nothing of it needs attention.
    let id = tenant_id("fabrikam").to_string();
    world.run(&["import", "fabrikam", "--tenant-id", &id]).ends_with(0);
    world.commit("One that lapses later");
    let names = |arguments: &[&str]| -> Vec<String> {
        let run = world.run(arguments).ends_with(0);
        let rows = run.stdout.split("\r\n").skip(1).filter(|line| !line.is_empty());
        rows.map(|row| row.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["status", "--format", "csv"]), ["contoso", "fabrikam"]);
    assert_eq!(names(&["status", "--format", "csv", "--within", "30d"]), ["contoso"]);
    // What is shown decides nothing.
    world
        .run(&["status", "--within", "1d", "--fail-within", "30d", "--format", "json"])
        .ends_with(9);
    world.run(&["status"]).ends_with(0).says("and 1 more");
    world.run(&["status", "--all"]).ends_with(0).says("fabrikam");
    world.run(&["status", "--format", "markdown"]).ends_with(0).says("| contoso | push |");
    world.run(&["status", "--within", "soon"]).ends_with(64).says("not a length of time");
}

#[test]
fn status_knows_who_uploaded_and_when() {
    let world = World::new();
    world.renewal("contoso");
    let mut apply = world.command(&["apply"]);
    apply.env("GITHUB_ACTOR", "dana");
    finish(apply).ends_with(0);
    let status = world.run(&["status", "--format", "json"]).ends_with(0).json();
    let token = &status["tenants"][0]["tokens"][0];
    assert_eq!(token["appleId"], "mdm@contoso.example");
    assert_eq!(token["lastUpload"]["by"], "dana");
    assert_eq!(token["lastUpload"]["sha256"], token["sha256"]);
    assert_eq!(token["lastConfirmed"]["run"], token["lastUpload"]["run"]);
    world.run(&["status", "--all", "-v"]).ends_with(0).says("last upload").says("by dana");
}
