//! How a pipeline gets the program: a release by its digest, another job's by its digest, or built from a
//! commit.

use std::path::{Path, PathBuf};
use std::process::Command;

use applecart_core::model::Sha256;

use super::{jobs, pipelines};
use crate::world::hub::script;
use crate::world::{Run, finish, project};

/// The step, through its interpreter, as every pipeline calls it. It tells a host nothing of this.
fn install() -> Command {
    let mut command = Command::new("sh");
    command.arg(project().join("examples/pipelines/scripts/install.sh"));
    for host in ["GITHUB_PATH", "TF_BUILD"] {
        command.env_remove(host);
    }
    command
}

#[test]
fn an_installation_is_pinned_to_a_commit() {
    for rev in ["main", "v0.1.0", "", "0123456", &"g".repeat(40)] {
        let mut command = install();
        command.env("APPLECART_REV", rev).env("APPLECART_SOURCE", "file:///nowhere");
        let run = finish(command);
        assert_ne!(run.code, 0, "{rev:?}");
        assert!(!run.stderr.contains("nowhere"), "{rev:?}: nothing was fetched");
    }
}

/// An archive as a release has it, of a program that is a script.
struct Archive {
    folder: tempfile::TempDir,
}

impl Archive {
    fn with(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            script(&file, "echo 'applecart 9.9.9'");
        }
        let mut tar = Command::new("tar");
        tar.current_dir(folder.path()).args(["-czf", "applecart.tar.gz"]).args(names);
        assert!(tar.status().unwrap().success());
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("applecart.tar.gz")
    }

    fn sha256(&self) -> String {
        Sha256::of(&std::fs::read(self.file()).unwrap()).to_string()
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn install(&self, url: &str, sha256: &str) -> Run {
        let mut command = install();
        command.env("APPLECART_ROOT", self.root());
        command.env("APPLECART_ARCHIVE", url).env("APPLECART_ARCHIVE_SHA256", sha256);
        finish(command)
    }
}

#[test]
fn a_release_is_installed_by_the_digest_that_was_reviewed_and_by_no_other() {
    let archive = Archive::with(&["applecart-x86_64/applecart", "applecart-x86_64/doc/applecart"]);
    let url = format!("file://{}", archive.file().display());
    let other = "0".repeat(64);
    let run = archive.install(&url, &other).ends_with(7);
    run.says(&format!(
        "{url} has sha256 {}, and APPLECART_ARCHIVE_SHA256 says {other}",
        archive.sha256()
    ));
    assert!(!archive.root().join("bin").exists(), "nothing of it was unpacked");

    let run = archive.install(&url, &archive.sha256()).ends_with(0);
    assert!(run.stdout.contains("applecart 9.9.9"), "{}", run.stdout);
    assert!(archive.root().join("bin/applecart").exists());
}

#[test]
fn a_release_without_a_whole_digest_or_without_tls_is_not_fetched() {
    let archive = Archive::with(&["applecart-x86_64/applecart"]);
    let url = format!("file://{}", archive.file().display());
    for sha256 in ["", "latest", "0123", &"G".repeat(64)] {
        archive.install(&url, sha256).ends_with(64).says("64 digits");
    }
    // A server that would answer is not asked: curl refuses the protocol.
    let run = archive.install("http://127.0.0.1:9/applecart.tar.gz", &archive.sha256());
    assert_ne!(run.code, 0);
    assert!(!run.stderr.contains("connect"), "{}", run.stderr);
    assert!(!archive.root().join("bin").exists());
}

#[test]
fn an_archive_that_holds_no_program_or_two_is_refused() {
    for names in [&["applecart-x86_64/other"][..], &["one/applecart", "two/applecart"]] {
        let archive = Archive::with(names);
        let url = format!("file://{}", archive.file().display());
        archive.install(&url, &archive.sha256()).ends_with(7).says("does not hold one applecart");
    }
}

#[test]
fn what_is_empty_a_link_or_another_program_is_not_installed() {
    let install_of = |names: &[&str], make: &dyn Fn(&Path)| {
        let archive = Archive::with(names);
        make(&archive.folder.path().join("one"));
        let mut tar = Command::new("tar");
        tar.current_dir(archive.folder.path()).args(["-czf", "applecart.tar.gz", "one"]);
        assert!(tar.status().unwrap().success());
        let url = format!("file://{}", archive.file().display());
        archive.install(&url, &archive.sha256()).ends_with(7).says("does not tell its version");
        assert!(!archive.root().join("bin/applecart").exists());
    };
    let put = |folder: &Path, text: &str| script(&folder.join("applecart"), text);
    install_of(&["one/other"], &|one| {
        std::os::unix::fs::symlink("/bin/true", one.join("applecart")).unwrap();
    });
    install_of(&["one/a"], &|one| {
        std::fs::hard_link(one.join("a"), one.join("applecart")).unwrap();
    });
    install_of(&["one/other"], &|one| std::fs::write(one.join("applecart"), "").unwrap());
    install_of(&["one/other"], &|one| put(one, "echo another 1.0"));
    install_of(&["one/other"], &|one| put(one, "echo applecart 9.9.9; exit 1"));

    // The same of a program that another job handed on.
    let folder = tempfile::tempdir().unwrap();
    let built = folder.path().join("built");
    std::fs::write(&built, "").unwrap();
    let mut command = install();
    command.env("APPLECART_BINARY", &built).env("APPLECART_SHA256", Sha256::of(b"").to_string());
    command.env("APPLECART_ROOT", folder.path().join("root"));
    finish(command).ends_with(7).says("does not tell its version");
}

#[test]
fn a_program_that_another_job_did_not_build_is_not_installed() {
    let folder = tempfile::tempdir().unwrap();
    let built = folder.path().join("built");
    std::fs::copy(env!("CARGO_BIN_EXE_applecart"), &built).unwrap();
    let bytes = std::fs::read(&built).unwrap();
    let right = Sha256::of(&bytes).to_string();
    for (sha256, code) in [(right.clone(), 0), ("0".repeat(64), 7)] {
        let root = folder.path().join(&sha256);
        let mut command = install();
        command.env("APPLECART_BINARY", &built).env("APPLECART_SHA256", &sha256);
        finish({
            command.env("APPLECART_ROOT", &root);
            command
        })
        .ends_with(code);
        assert_eq!(root.join("bin/applecart").exists(), code == 0);
    }
}

/// Where the program goes, and above where it is built, nothing may lie that an earlier job left.
#[test]
fn nothing_that_lies_on_the_runner_chooses_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let (root, temporary) = (folder.path().join("root"), folder.path().join("tmp"));
    let fleet = folder.path().join("fleet");
    for path in [&root, &temporary, &fleet] {
        std::fs::create_dir(path).unwrap();
    }
    std::fs::write(fleet.join("rust-toolchain.toml"), "[toolchain]\n").unwrap();
    // A cargo that tells where it was started, and with which home.
    let cargo = folder.path().join("bin/cargo");
    let told = folder.path().join("told");
    let text = format!(
        "pwd >'{0}'; echo \"$CARGO_HOME\" >>'{0}'; mkdir -p '{1}/bin'\nprintf '#!/bin/sh\\necho applecart 9.9.9\\n' >'{1}/bin/applecart'; chmod +x '{1}/bin/applecart'",
        told.display(),
        root.display()
    );
    script(&cargo, &text);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(folder.path().join("bin")).chain(std::env::split_paths(&path)),
    )
    .unwrap();
    let run = || {
        let mut command = install();
        command.current_dir(&fleet).env_clear().env("PATH", &path);
        command.env("TMPDIR", &temporary).env("APPLECART_ROOT", &root);
        command.env("CARGO_HOME", folder.path().join("an-earlier-jobs-cache"));
        command.env("APPLECART_REV", "0".repeat(40)).env("APPLECART_SOURCE", "file:///nowhere");
        finish(command)
    };
    std::fs::write(folder.path().join("rust-toolchain.toml"), "[toolchain]\n").unwrap();
    run().ends_with(7).says("rust-toolchain.toml would choose the compiler");
    std::fs::remove_file(folder.path().join("rust-toolchain.toml")).unwrap();
    std::fs::create_dir(temporary.join(".cargo")).unwrap();
    std::fs::write(temporary.join(".cargo/config.toml"), "").unwrap();
    run().ends_with(7).says("config.toml would choose the compiler");
    std::fs::remove_file(temporary.join(".cargo/config.toml")).unwrap();
    assert!(!told.exists());

    run().ends_with(0);
    let told = std::fs::read_to_string(told).unwrap();
    let (at, home) = told.trim().split_once('\n').unwrap();
    assert!(Path::new(at).starts_with(&temporary) && home == at, "{at} {home}");
    // What is there already was built by nobody knows whom.
    run().ends_with(64).says("must be an empty folder");
}

#[test]
fn no_job_that_has_a_key_or_may_sign_in_fetches_or_builds_the_program() {
    // A key, the host's secrets, and what mints a token for Entra, the reader's included.
    const TRUSTED: [&str; 6] =
        ["AGE_KEY", "secrets.", "id-token", "id_tokens", "AzureCLI@", "LEDGER_TOKEN"];
    let (mut builders, mut trusted) = (0, 0);
    for (path, pipeline) in pipelines() {
        for job in jobs(&pipeline) {
            let text = serde_yaml::to_string(&job).unwrap();
            let builds = text.contains("APPLECART_ARCHIVE_SHA256");
            if builds {
                builders += 1;
                let found = TRUSTED.iter().find(|word| text.contains(**word));
                assert_eq!(found, None, "{path}: it fetches the program, or builds it");
                assert!(
                    job.get("environment").is_none(),
                    "{path}: it fetches the program, or builds it"
                );
            } else if text.contains("install.sh") {
                trusted += 1;
                assert!(TRUSTED.iter().any(|word| text.contains(word)), "{path}");
                let after = job.get("needs").or_else(|| job.get("dependsOn")).unwrap();
                assert!(serde_yaml::to_string(after).unwrap().contains("build"), "{path}");
                // GitLab hands the digest over by itself, as a variable of the job before.
                let named = text.contains("APPLECART_SHA256") || path.contains("gitlab");
                assert!(text.contains("APPLECART_BINARY") && named, "{path}");
            } else {
                let builds = text.contains("applecart-build.yml");
                assert!(builds, "{path}: a job that neither installs nor gets the program\n{text}");
            }
        }
    }
    assert_eq!(
        (builders, trusted),
        (3, 9),
        "one that gets the program for each host, and three jobs that sign in"
    );
}

#[test]
fn the_pipelines_fetch_the_release_that_wrote_them() {
    let url = format!(
        "{}/releases/download/v{}/applecart-x86_64-unknown-linux-musl.tar.gz",
        env!("CARGO_PKG_REPOSITORY"),
        env!("CARGO_PKG_VERSION")
    );
    let named = pipelines()
        .into_iter()
        .filter(|(_, pipeline)| serde_yaml::to_string(pipeline).unwrap().contains(&url));
    assert_eq!(named.count(), 3, "one file for each host names {url}");
}
