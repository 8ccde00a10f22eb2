//! `tenants`, `version`, and what a shell completes.

use std::process::Command;

use crate::interop::program;
use crate::world::{World, finish};

/// A fleet of two, of which one has tokens with names.
fn fleet() -> World {
    let world = World::new();
    world.tenant("contoso", &world.issue(None, 300));
    let file = "tenants/contoso/tenant.yaml";
    let mut text =
        std::fs::read_to_string(world.repo().join(file)).unwrap().replace("watch: [push]\n", "");
    text.push_str(
        "labels: {ring: pilot}\nenrollment:\n  - name: Contoso ABM\n    id: 39d1a707-0000-4000-8000-000000000001\nvpp:\n  - name: London\n    id: 1ce97c24-0000-4000-8000-000000000001\n",
    );
    world.write(file, &text);
    world.tenant("fabrikam", &world.issue(None, 300));
    world.commit("Two customers");
    world
}

#[test]
fn the_tenants_are_listed_from_git_alone() {
    let world = fleet();
    let mut command = world.command(&["tenants"]);
    command.env_remove("AZURE_CLIENT_SECRET").env_remove("SOPS_AGE_KEY");
    finish(command)
        .ends_with(0)
        .says("contoso")
        .says("ring=pilot")
        .says("push, enrollment Contoso ABM, vpp London")
        .says("fabrikam");
    let json = world.run(&["tenants", "--select", "ring=pilot", "--format", "json"]);
    let json = json.ends_with(0).json();
    assert_eq!(json["tenants"].as_array().unwrap().len(), 1, "{json:#}");
    assert_eq!(json["tenants"][0]["tokens"][2]["name"], "London");
    assert_eq!(json["tenants"][0]["tokens"][0]["file"], "push.pem.age");
    let csv = world.run(&["tenants", "--format", "csv"]).ends_with(0);
    csv.says("tenant,displayName,tenantId,labels,tokens,mistakes");
}

#[test]
fn a_tenant_file_with_a_mistake_is_listed_and_changes_the_exit_code() {
    let world = fleet();
    world
        .write("tenants/fabrikam/tenant.yaml", "apiVersion: applecart/v1\nkind: Tenant\nnmae: x\n");
    world.commit("A mistake");
    world
        .run(&["tenants"])
        .ends_with(3)
        .says("fabrikam")
        .says("mistakes")
        .says("1 tenant file cannot be read")
        .says("applecart validate");
}

#[test]
fn the_version_says_what_this_build_is() {
    let world = World::new();
    let mut command = world.command(&["version"]);
    command.current_dir(std::env::temp_dir());
    let version = finish(command).ends_with(0);
    version
        .says(concat!("applecart ", env!("CARGO_PKG_VERSION")))
        .says(std::env::consts::ARCH)
        .says("settings applecart/v1");
    let json = world.run(&["version", "--format", "json"]).ends_with(0).json();
    assert_eq!(json["formats"]["plan"], "1.0", "{json:#}");
}

/// What the program offers to this shell for these words, of which the last one is being typed.
fn offered(world: &World, shell: &str, words: &[&str]) -> String {
    let mut command = world.command(&["--", "applecart"]);
    command
        .args(words)
        .env("APPLECART_COMPLETE", shell)
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_IFS", "\n");
    // Nothing that reaches a network or opens a file is there.
    command.env_remove("AZURE_CLIENT_SECRET").env_remove("SOPS_AGE_KEY");
    command.env("APPLECART_GRAPH_URL", "http://127.0.0.1:1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_shell_is_offered_tenants_tokens_and_labels() {
    let world = fleet();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let tenants = offered(&world, shell, &["history", ""]);
        assert!(tenants.contains("contoso") && tenants.contains("fabrikam"), "{shell}: {tenants}");
        assert!(!tenants.contains("contoso/push"), "{shell}: {tenants}");
        // Only one is left, so its tokens are offered; a name with a blank is offered as its kind.
        let tokens = offered(&world, shell, &["renew", "con"]);
        for token in ["contoso/push", "contoso/enrollment", "contoso/London"] {
            assert!(tokens.contains(token), "{shell}: {tokens}");
        }
        let labels = offered(&world, shell, &["plan", "--select", "contoso,ri"]);
        assert!(labels.contains("contoso,ring=pilot"), "{shell}: {labels}");
        let options = offered(&world, shell, &["status", "--fail"]);
        assert!(options.contains("--fail-within"), "{shell}: {options}");
    }
}

/// A folder of a checked-out pull request may be named like a command.
#[test]
fn what_a_shell_would_not_take_for_one_word_is_not_offered() {
    let world = fleet();
    let tenants = world.repo().join("tenants");
    for name in ["evil$(touch x)", "evil`x`", "evil;x", "evil'x", "evil\\x", "evil x", "-evil"] {
        std::fs::create_dir(tenants.join(name)).unwrap();
        std::fs::copy(tenants.join("contoso/tenant.yaml"), tenants.join(name).join("tenant.yaml"))
            .unwrap();
    }
    world.git(&["add", "--all"]);
    world.git(&["commit", "--quiet", "--no-verify", "--message", "Folders"]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        for words in [&["plan", "--select", "e"][..], &["history", "e"], &["plan", "--select", ""]]
        {
            let offers = offered(&world, shell, words);
            assert!(!offers.contains("evil"), "{shell}: {offers}");
        }
    }
}

#[test]
fn completions_work_from_elsewhere_and_offer_nothing_where_there_is_no_fleet() {
    let world = fleet();
    let repo = world.repo().display().to_string();
    let mut command = world.command(&["--", "applecart", "-C", &repo, "history", "fab"]);
    command
        .env("APPLECART_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", "4")
        .env("_CLAP_IFS", "\n")
        .current_dir(std::env::temp_dir());
    let output = command.output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("fabrikam/push"));
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = world.command(&["--", "applecart", "history", ""]);
    command
        .env("APPLECART_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", "2")
        .current_dir(elsewhere.path());
    let output = command.output().unwrap();
    assert!(output.status.success());
    assert!(!String::from_utf8_lossy(&output.stdout).contains('/'), "nothing is a tenant here");
}

#[cfg(unix)]
#[test]
fn bash_completes_a_token_with_the_script_that_is_printed() {
    let Some(bash) = program("bash", "APPLECART_BASH") else { return };
    let world = fleet();
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_applecart")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let script = "source <(applecart completions bash)
        COMP_WORDS=(applecart history contoso/); COMP_CWORD=2; COMP_TYPE=9
        $(complete -p applecart | sed 's/.*-F \\([^ ]*\\).*/\\1/') applecart contoso/ history
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = Command::new(bash)
        .args(["--norc", "-c", script])
        .current_dir(world.repo())
        .env("PATH", format!("{}:{path}", folder.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    let offered: Vec<&str> = said.lines().collect();
    assert_eq!(offered, ["contoso/push", "contoso/enrollment", "contoso/London"], "{complained}");
}

#[cfg(unix)]
#[test]
fn zsh_and_fish_read_the_scripts_that_are_printed() {
    let world = World::new();
    for shell in ["zsh", "fish"] {
        let Some(program) = program(shell, &format!("APPLECART_{}", shell.to_uppercase())) else {
            continue;
        };
        let script = world.run(&["completions", shell]).ends_with(0).stdout;
        let file = world.path(shell);
        std::fs::write(&file, script).unwrap();
        let output = Command::new(program).arg("-n").arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
