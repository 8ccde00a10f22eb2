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
        ("gitlab", ".gitlab/CODEOWNERS"),
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
fn nothing_that_exists_is_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    std::fs::create_dir(&fleet).unwrap();
    std::fs::write(fleet.join(".gitignore"), "mine").unwrap();
    applecart(home.path(), &fleet, &["init"]).ends_with(64).says(".gitignore");
    assert_eq!(std::fs::read_dir(&fleet).unwrap().count(), 1);
    assert!(!home.path().join(".config").exists(), "no key either");

    std::fs::remove_file(fleet.join(".gitignore")).unwrap();
    std::fs::write(home.path().join("key"), "mine").unwrap();
    applecart(home.path(), &fleet, &["init", "--key", "../key"])
        .ends_with(64)
        .says("never replaces a file");
    assert_eq!(read(&home.path().join("key")), "mine");
    assert_eq!(std::fs::read_dir(&fleet).unwrap().count(), 0);
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
    const DECIDING: [&str; 14] = [
        ".applecart/pipeline/install.sh",
        ".cargo/config.toml",
        ".gitattributes",
        ".githooks/pre-commit",
        ".gitignore",
        ".gitmodules",
        ".sops.yaml",
        "applecart.yaml",
        "keys/release.asc",
        "keys/release.gpg",
        "keys/signers",
        "rust-toolchain",
        "rust-toolchain.toml",
        "tenants/contoso/tenant.yaml",
    ];
    for (host, file, own) in [
        ("github", ".github/CODEOWNERS", ".github/workflows/applecart-apply.yml"),
        ("gitlab", ".gitlab/CODEOWNERS", ".gitlab-ci.yml"),
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
        let asked = [&DECIDING[..], &[file, own]].concat();
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
