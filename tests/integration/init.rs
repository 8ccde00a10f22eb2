//! A new fleet.

use std::path::Path;
use std::process::Command;

use crate::world::{Run, finish};

fn applecart(home: &Path, at: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_applecart"));
    command
        .current_dir(at)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .args(arguments);
    finish(command)
}

fn git(at: &Path, arguments: &[&str]) -> std::process::Output {
    let program = Path::new(env!("CARGO_BIN_EXE_applecart")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(program.to_owned()).chain(std::env::split_paths(&path)),
    );
    Command::new("git")
        .current_dir(at)
        .env("PATH", path.unwrap())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.invalid"])
        .args(arguments)
        .output()
        .unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_new_fleet_is_valid_at_once_on_every_host() {
    for (host, reviewers) in [
        ("github", ".github/CODEOWNERS"),
        ("gitlab", "CODEOWNERS"),
        ("azure", ".azuredevops/required-reviewers.md"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let fleet = home.path().join("work/fleet");
        applecart(home.path(), home.path(), &["init", "work/fleet", "--host", host])
            .ends_with(0)
            .says("private key: ")
            .says("write your application's clientId into applecart.yaml");
        assert!(read(&fleet.join(reviewers)).contains("apple-mdm"), "{host}");
        let pipeline = fleet.join(match host {
            "github" => ".github/workflows/applecart-apply.yml",
            "azure" => ".azuredevops/applecart-apply.yml",
            _ => ".gitlab-ci.yml",
        });
        assert!(read(&pipeline).contains("applecart ci apply"), "{host}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let script = fleet.join(".applecart/pipeline/install.sh").metadata().unwrap();
            assert_ne!(script.permissions().mode() & 0o111, 0, "it is a program");
        }
        applecart(home.path(), &fleet, &["validate", "--worktree"])
            .ends_with(0)
            .says("1 tenant: 0 errors, 1 warning");
        let policy = read(&fleet.join("applecart.yaml"));
        assert!(!policy.contains('@'), "every place is filled: {policy}");
        for (file, schema) in [
            ("applecart.yaml", "fleet.schema.json"),
            ("tenants/example/tenant.yaml", "tenant.schema.json"),
        ] {
            let text = read(&fleet.join(file));
            let line = text.lines().next().unwrap();
            let named = line.strip_prefix("# yaml-language-server: $schema=").unwrap();
            let schema_there = read(&fleet.join(file).parent().unwrap().join(named));
            assert!(named.ends_with(schema) && schema_there.contains("$schema"), "{line}");
        }
        assert!(git(&fleet, &["add", "--all"]).status.success());
        assert!(git(&fleet, &["commit", "--quiet", "-m", "Begin"]).status.success());
        applecart(home.path(), &fleet, &["validate"]).ends_with(0);
    }
}

#[cfg(unix)]
#[test]
fn the_private_key_is_outside_and_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    applecart(home.path(), home.path(), &["init", "contoso-fleet"]).ends_with(0);
    let key = home.path().join(".config/applecart/contoso-fleet.agekey");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let text = read(&key);
    let public = text.lines().next().unwrap().strip_prefix("# public key: ").unwrap().to_owned();
    let policy = read(&home.path().join("contoso-fleet/applecart.yaml"));
    assert!(policy.contains(&format!("  - {public}\n")), "{policy}");
    let private = text.lines().nth(1).unwrap().to_owned();
    assert!(private.starts_with("AGE-SECRET-KEY-1"));
    // Nowhere in the repository, and a file sealed to it opens with it.
    let found = Command::new("grep")
        .args(["-r", "AGE-SECRET-KEY", "."])
        .current_dir(home.path().join("contoso-fleet"))
        .output()
        .unwrap();
    assert!(found.stdout.is_empty());
}

#[test]
fn a_key_never_goes_into_the_repository() {
    let home = tempfile::tempdir().unwrap();
    for key in ["fleet/key.agekey", "fleet/secrets/key.agekey", "other/../fleet/key.agekey"] {
        applecart(home.path(), home.path(), &["init", "fleet", "--key", key])
            .ends_with(64)
            .says("would be inside the repository");
    }
    assert!(!home.path().join("fleet").exists());
    #[cfg(unix)]
    {
        std::fs::create_dir(home.path().join("fleet")).unwrap();
        std::os::unix::fs::symlink(home.path().join("fleet"), home.path().join("link")).unwrap();
        applecart(home.path(), home.path(), &["init", "fleet", "--key", "link/key"])
            .ends_with(64)
            .says("would be inside the repository");
    }
}

#[test]
fn a_key_in_another_repository_is_warned_of() {
    let home = tempfile::tempdir().unwrap();
    // Some keep the settings of their home folder in Git.
    applecart(home.path(), home.path(), &["init", "first"]).ends_with(0);
    let key = "first/keys/second.agekey";
    let run = applecart(home.path(), home.path(), &["init", "second", "--key", key]);
    run.ends_with(0).says("is inside another repository").says("never commit it there");
    let run = applecart(home.path(), home.path(), &["init", "third"]).ends_with(0);
    assert!(!run.stderr.contains("warning"), "{run:?}");
}

#[test]
fn a_repository_that_has_files_gets_what_is_missing_and_keeps_what_it_has() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    std::fs::create_dir(&fleet).unwrap();
    assert!(git(&fleet, &["init", "--quiet"]).status.success());
    std::fs::write(fleet.join(".gitignore"), "mine\n").unwrap();
    // Where a folder would be.
    std::fs::write(fleet.join(".githooks"), "mine\n").unwrap();
    applecart(home.path(), &fleet, &["init"])
        .ends_with(0)
        .says(".gitignore exists, and was left as it is")
        .says("*.crdownload")
        .says(".githooks/pre-commit exists, and was left as it is");
    for kept in [".gitignore", ".githooks"] {
        assert_eq!(read(&fleet.join(kept)), "mine\n");
    }
    assert!(fleet.join(".github/workflows/applecart-apply.yml").exists());
    applecart(home.path(), &fleet, &["validate", "--worktree"]).ends_with(0);
    let key = home.path().join(".config/applecart/fleet.agekey");
    let (private, policy) = (read(&key), read(&fleet.join("applecart.yaml")));

    // A fleet keeps its key, its settings, its tenants and its ledger.
    std::fs::remove_dir_all(fleet.join("tenants")).unwrap();
    std::fs::remove_file(fleet.join(".github/CODEOWNERS")).unwrap();
    let ledger = git(&fleet, &["rev-parse", "applecart/ledger"]).stdout;
    applecart(home.path(), &fleet, &["init"])
        .ends_with(0)
        .says(".github/CODEOWNERS")
        .says("This is a fleet already: no key was made, and no ledger begun");
    assert_eq!((read(&key), read(&fleet.join("applecart.yaml"))), (private, policy));
    assert_eq!(git(&fleet, &["rev-parse", "applecart/ledger"]).stdout, ledger);
    assert!(!fleet.join("tenants").exists());
    applecart(home.path(), &fleet, &["init"]).ends_with(0).says("nothing is missing");
}

#[test]
fn a_key_replaces_no_file() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    std::fs::create_dir(&fleet).unwrap();
    std::fs::write(home.path().join("key"), "mine").unwrap();
    applecart(home.path(), &fleet, &["init", "--key", "../key"])
        .ends_with(64)
        .says("never replaces a file");
    assert_eq!(read(&home.path().join("key")), "mine");
    assert_eq!(std::fs::read_dir(&fleet).unwrap().count(), 0);
}

#[test]
fn a_program_is_one_in_every_clone_also_where_files_have_no_execute_bit() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    std::fs::create_dir(&fleet).unwrap();
    assert!(git(&fleet, &["init", "--quiet"]).status.success());
    assert!(git(&fleet, &["config", "core.fileMode", "false"]).status.success());
    applecart(home.path(), &fleet, &["init"]).ends_with(0);
    assert!(git(&fleet, &["add", "--all"]).status.success());
    for (path, mode) in [
        (".githooks/pre-commit", "100755"),
        (".applecart/pipeline/install.sh", "100755"),
        ("applecart.yaml", "100644"),
    ] {
        let staged = git(&fleet, &["ls-files", "--stage", "--", path]).stdout;
        assert!(String::from_utf8(staged).unwrap().starts_with(mode), "{path}");
    }
}

/// Makes files of a fleet those of an earlier version: in the worktree, and in what `init` recorded.
fn as_written_before(fleet: &Path, path: &str, change: impl Fn(&str) -> String) {
    let record = fleet.join(".applecart/pipelines.json");
    let mut recorded: serde_json::Value = serde_json::from_str(&read(&record)).unwrap();
    let text = change(recorded["files"][path].as_str().unwrap_or_default());
    recorded["files"][path] = serde_json::json!(text);
    std::fs::write(&record, recorded.to_string()).unwrap();
    std::fs::write(fleet.join(path), text).unwrap();
}

#[test]
fn pipelines_are_brought_up_to_date_and_what_was_edited_stays() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    applecart(home.path(), home.path(), &["init", "fleet"]).ends_with(0);
    let update = |more: &[&str]| {
        let arguments = [&["init", "--pipelines", "github", "--update"], more].concat();
        applecart(home.path(), &fleet, &arguments)
    };
    update(&[]).ends_with(0).says("The pipelines are up to date");

    let schedule = ".github/workflows/applecart-schedule.yml";
    let script = ".applecart/pipeline/schedule.sh";
    as_written_before(&fleet, schedule, |text| text.replace("--due 60d", "--due 30d"));
    as_written_before(&fleet, script, |_| "#!/bin/sh\n".to_owned());
    let edited = read(&fleet.join(schedule)).replace("17 5 * * 1-5", "30 6 * * *");
    std::fs::write(fleet.join(schedule), edited.replace('\n', "\r\n")).unwrap();
    let shown = update(&[]).ends_with(0).says("--update --yes");
    assert!(shown.stdout.contains("+      - run: applecart ci schedule --due 60d"), "{shown:?}");
    assert!(read(&fleet.join(schedule)).contains("--due 30d"), "it was only shown");
    assert!(fleet.join(script).exists());

    update(&["--yes"]).ends_with(0).says("The changes are written");
    let now = read(&fleet.join(schedule));
    assert!(now.contains("--due 60d") && now.contains("30 6 * * *"), "{now}");
    assert_eq!(now.matches('\n').count(), now.matches("\r\n").count(), "its line ends stay");
    assert!(!fleet.join(script).exists());
    update(&[]).ends_with(0).says("The pipelines are up to date");
    // A pipeline that somebody does not want stays away.
    std::fs::remove_file(fleet.join(schedule)).unwrap();
    update(&["--yes"]).ends_with(0).says("The pipelines are up to date");
    assert!(!fleet.join(schedule).exists());
}

#[test]
fn an_edit_that_an_update_would_overwrite_is_told_and_nothing_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    applecart(home.path(), home.path(), &["init", "fleet", "--host", "gitlab"]).ends_with(0);
    let update = |more: &[&str]| {
        let arguments = [&["init", "--pipelines", "gitlab", "--update"], more].concat();
        applecart(home.path(), &fleet, &arguments)
    };
    let (pipeline, script) = (".gitlab-ci.yml", ".applecart/pipeline/schedule.sh");
    as_written_before(&fleet, pipeline, |text| text.replace("--due 60d", "--due 30d"));
    as_written_before(&fleet, script, |_| "#!/bin/sh\n".to_owned());
    let edited = read(&fleet.join(pipeline)).replace("--due 30d", "--due 90d");
    std::fs::write(fleet.join(pipeline), &edited).unwrap();
    for _ in 0..2 {
        let told = update(&["--yes"]).ends_with(4).says("stays as it is");
        assert!(told.stdout.contains("applecart ci schedule --due 60d"), "{told:?}");
        assert_eq!(read(&fleet.join(pipeline)), edited);
        assert!(fleet.join(script).exists(), "what was edited may call it");
    }
    update(&["--yes", "--keep", "tenants/example/tenant.yaml"]).ends_with(64);
    update(&["--yes", "--keep", pipeline]).ends_with(0);
    assert_eq!(read(&fleet.join(pipeline)), edited);
    assert!(!fleet.join(script).exists());
    update(&[]).ends_with(0).says("The pipelines are up to date");

    // Nobody knows what was edited: nothing is touched.
    std::fs::remove_file(fleet.join(".applecart/pipelines.json")).unwrap();
    update(&["--yes"]).ends_with(4).says("stays as it is");
    assert_eq!(read(&fleet.join(pipeline)), edited);
    applecart(home.path(), home.path(), &["init", "--pipelines", "gitlab", "--update"])
        .ends_with(64)
        .says("is no fleet");
}

#[test]
fn an_update_takes_no_path_but_its_own_from_the_record() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    applecart(home.path(), home.path(), &["init", "fleet"]).ends_with(0);
    let outside = home.path().join("outside");
    std::fs::write(&outside, "mine\n").unwrap();
    let record = fleet.join(".applecart/pipelines.json");
    let as_written = read(&record);
    for path in [
        outside.to_str().unwrap(),
        "../outside",
        "applecart.yaml",
        "tenants/example/tenant.yaml",
        ".github/CODEOWNERS",
        ".git/config",
        ".github/workflows/../workflows/applecart-apply.yml",
    ] {
        let mut recorded: serde_json::Value = serde_json::from_str(&as_written).unwrap();
        recorded["files"][path] = serde_json::json!(read(&fleet.join(path)));
        std::fs::write(&record, serde_json::to_string_pretty(&recorded).unwrap()).unwrap();
        let update = ["init", "--pipelines", "github", "--update", "--yes"];
        let refused = applecart(home.path(), &fleet, &update).ends_with(7);
        refused.says(".applecart/pipelines.json:").says("is no file of these pipelines");
        assert!(fleet.join(path).exists(), "{path}");
    }
}

#[cfg(unix)]
#[test]
fn an_update_writes_through_no_link() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    applecart(home.path(), home.path(), &["init", "fleet"]).ends_with(0);
    let update = ["init", "--pipelines", "github", "--update", "--yes"];
    let pipeline = ".github/workflows/applecart-apply.yml";
    for link in
        [pipeline, ".github/workflows", ".github", ".applecart", ".applecart/pipelines.json"]
    {
        as_written_before(&fleet, pipeline, |text| text.replace("name: ", "name:  "));
        let (at, elsewhere) = (fleet.join(link), home.path().join("elsewhere"));
        std::fs::rename(&at, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &at).unwrap();
        applecart(home.path(), &fleet, &update).ends_with(7).says("is a link");
        assert!(read(&fleet.join(pipeline)).contains("name:  "), "{link}: nothing was written");
        std::fs::remove_file(&at).unwrap();
        std::fs::rename(&elsewhere, &at).unwrap();
        applecart(home.path(), &fleet, &update).ends_with(0);
    }
}

#[test]
fn no_second_file_of_owners_is_written_and_one_that_overrules_is_told() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    std::fs::create_dir_all(fleet.join(".gitlab")).unwrap();
    std::fs::write(fleet.join(".gitlab/CODEOWNERS"), "* @us\n").unwrap();
    applecart(home.path(), home.path(), &["init", "fleet", "--host", "gitlab"])
        .ends_with(0)
        .says(".gitlab/CODEOWNERS exists, and was left as it is");
    assert!(!fleet.join("CODEOWNERS").exists(), "it would overrule the other");
    std::fs::write(fleet.join("CODEOWNERS"), "").unwrap();
    applecart(home.path(), &fleet, &["validate", "--worktree"])
        .ends_with(0)
        .says("codeowners-overruled")
        .says("GitLab reads CODEOWNERS, and not this file");
}

#[test]
fn a_key_that_exists_is_named_by_its_public_half() {
    let home = tempfile::tempdir().unwrap();
    let recipient = age::x25519::Identity::generate().to_public().to_string();
    applecart(home.path(), home.path(), &["init", "fleet", "--recipient", &recipient]).ends_with(0);
    assert!(!home.path().join(".config").exists());
    assert!(read(&home.path().join("fleet/applecart.yaml")).contains(&recipient));
    applecart(home.path(), home.path(), &["init", "other", "--recipient", "age1nobody"])
        .ends_with(1)
        .says("recipient 1 is not an age public key");
    assert!(!home.path().join("other").exists());
}

#[test]
fn an_empty_repository_is_used_and_another_is_not_entered() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    std::fs::create_dir(&fleet).unwrap();
    assert!(git(&fleet, &["init", "--quiet"]).status.success());
    applecart(home.path(), &fleet, &["init", "inside"])
        .ends_with(64)
        .says("is inside the repository");
    applecart(home.path(), &fleet, &["init"]).ends_with(0);
}

#[cfg(unix)]
#[test]
fn the_hook_keeps_a_mistake_out_of_a_commit() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    applecart(home.path(), home.path(), &["init", "fleet"]).ends_with(0);
    std::fs::copy(fleet.join(".githooks/pre-commit"), fleet.join(".git/hooks/pre-commit")).unwrap();
    assert!(git(&fleet, &["add", "--all"]).status.success());
    let begun = git(&fleet, &["commit", "--quiet", "-m", "Begin"]);
    assert!(begun.status.success(), "{}", String::from_utf8_lossy(&begun.stderr));
    let tenant = fleet.join("tenants/example/tenant.yaml");
    std::fs::write(&tenant, read(&tenant).replace("name: example ", "name: exmaple ")).unwrap();
    let refused = git(&fleet, &["commit", "--quiet", "--all", "-m", "A mistake"]);
    assert!(!refused.status.success());
    let told = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert!(told.contains("name-mismatch"), "{told}");
}

/// The paths of these that Git takes as ignored where `patterns` are its `.gitignore`.
fn matched(patterns: &str, paths: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    assert!(git(folder.path(), &["init", "--quiet"]).status.success());
    std::fs::write(folder.path().join(".gitignore"), patterns).unwrap();
    let asked = [&["check-ignore", "--no-index", "--"], paths].concat();
    let answer = git(folder.path(), &asked).stdout;
    String::from_utf8(answer).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn whatever_runs_or_decides_has_owners() {
    const DECIDING: [&str; 16] = [
        ".applecart/pipeline/install.sh",
        ".cargo/config.toml",
        ".gitattributes",
        ".githooks/pre-commit",
        ".gitignore",
        ".gitmodules",
        ".sops.yaml",
        "CODEOWNERS",
        "applecart.yaml",
        "docs/CODEOWNERS",
        "keys/release.asc",
        "keys/release.gpg",
        "keys/signers",
        "rust-toolchain",
        "rust-toolchain.toml",
        "tenants/contoso/tenant.yaml",
    ];
    for (host, file, own) in [
        ("github", ".github/CODEOWNERS", ".github/workflows/applecart-apply.yml"),
        ("gitlab", "CODEOWNERS", ".gitlab-ci.yml"),
        ("azure", ".azuredevops/required-reviewers.md", ".azuredevops/applecart-apply.yml"),
    ] {
        let home = tempfile::tempdir().unwrap();
        applecart(home.path(), home.path(), &["init", "fleet", "--host", host]).ends_with(0);
        let text = read(&home.path().join("fleet").join(file));
        let patterns: String = match host {
            "azure" => text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("--path-filter \"")?.split_once('"'))
                .flat_map(|(paths, _)| paths.split(';'))
                .map(|pattern| format!("{pattern}\n"))
                .collect(),
            // A line is a pattern as in .gitignore, and its owners.
            _ => text
                .lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(|line| line.split_whitespace().next())
                .map(|pattern| format!("{pattern}\n"))
                .collect(),
        };
        let mut asked = [&DECIDING[..], &[own]].concat();
        if !asked.contains(&file) {
            asked.push(file);
        }
        // Azure Repos reads none.
        asked.retain(|path| host != "azure" || !path.ends_with("CODEOWNERS"));
        let owned = matched(&patterns, &asked);
        assert_eq!(owned, asked, "{host}: {patterns}");
    }
}

#[test]
fn what_browsers_and_editors_make_of_a_token_file_is_not_committed_by_add() {
    let home = tempfile::tempdir().unwrap();
    applecart(home.path(), home.path(), &["init", "fleet"]).ends_with(0);
    let patterns = read(&home.path().join("fleet/.gitignore"));
    let open = [
        "tenants/c/MDM_ Microsoft Corporation_Certificate.pem",
        "tenants/c/push (1).pem",
        "tenants/c/PUSH.PEM",
        "tenants/c/push.pem.txt",
        "tenants/c/push.pem~",
        "tenants/c/.push.pem.swp",
        "tenants/c/push.pem.orig",
        "tenants/c/C_Token_2026-11-20T10-11-12Z_smime.p7m",
        "tenants/c/token.p7m.crdownload",
        "tenants/c/Unconfirmed 1234.crdownload",
        "tenants/c/token.vpptoken.json",
        "tenants/c/token.vpptoken.part",
        "tenants/c/Your token.eml",
        "tenants/c/request.csr.txt",
        "backup.agekey.txt",
        "key.pfx",
    ];
    assert_eq!(matched(&patterns, &open), open);
    let sealed = [
        "tenants/c/push.pem.age",
        "tenants/c/abm.p7m.age",
        "tenants/c/london.vpptoken.sops",
        "tenants/c/london.vpptoken.sops.json",
        "tenants/c/tenant.yaml",
        "applecart.yaml",
    ];
    assert_eq!(matched(&patterns, &sealed), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn whoever_follows_the_advice_runs_no_hook_that_a_pull_request_brings() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    let told = applecart(home.path(), home.path(), &["init", "fleet"]).ends_with(0).stdout;
    let advice = told.lines().map(str::trim).find(|line| line.contains(".githooks/pre-commit "));
    let advice = advice.unwrap_or_else(|| panic!("{told}"));
    let followed = Command::new("sh").args(["-c", advice]).current_dir(&fleet).status().unwrap();
    assert!(followed.success(), "{advice}");
    assert!(fleet.join(".git/hooks/pre-commit").exists());
    assert!(git(&fleet, &["add", "--all"]).status.success());
    assert!(git(&fleet, &["commit", "--quiet", "-m", "Begin"]).status.success());
    assert!(git(&fleet, &["checkout", "--quiet", "-b", "pull-request"]).status.success());
    for name in ["post-checkout", "post-merge", "pre-commit"] {
        let hook = fleet.join(".githooks").join(name);
        std::fs::write(&hook, "#!/bin/sh\ntouch ran\n").unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert!(git(&fleet, &["add", "--all"]).status.success());
    assert!(git(&fleet, &["commit", "--quiet", "-m", "Renew"]).status.success());
    assert!(git(&fleet, &["checkout", "--quiet", "-"]).status.success());
    assert!(git(&fleet, &["merge", "--quiet", "pull-request"]).status.success());
    assert!(!fleet.join("ran").exists());
}
