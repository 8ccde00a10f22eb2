//! What `examples/deploy/` runs is what the program takes, and passes the checks of those who run it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::formats::python;
use crate::interop::program;
use crate::world::project;

fn deploy(file: &str) -> PathBuf {
    project().join("examples/deploy").join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(deploy(file)).unwrap()
}

/// Ends well; what it said.
#[track_caller]
fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

#[cfg(feature = "controller")]
#[test]
fn every_option_and_address_is_one_that_serve_has() {
    let help = passes(Command::new(env!("CARGO_BIN_EXE_applecart")).args(["serve", "--help"]));
    let options = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| c.is_whitespace() || ",[]\"'`=".contains(c));
        words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned).collect()
    };
    let known = options(&help);
    let line = |file: &str, beginning: &str| {
        let text = text(file);
        text.lines().find(|line| line.trim().starts_with(beginning)).unwrap().to_owned()
    };
    for command in [
        line("systemd/applecart.service", "ExecStart="),
        line("container/Containerfile", "CMD "),
        line("kubernetes/base/deployment.yaml", "args: [serve"),
        line("README.md", "serve --mode"),
    ] {
        let used = options(&command);
        assert!(used.contains("--mode") && command.contains("observe"), "{command}");
        assert!(used.is_subset(&known), "{command}: {used:?}");
    }
    let page = std::fs::read_to_string(project().join("docs/serve.md")).unwrap();
    for path in ["/livez", "/readyz"] {
        assert!(text("kubernetes/base/deployment.yaml").contains(&format!("path: {path},")));
        assert!(page.contains(&format!("`{path}`")), "{path}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn systemd_takes_the_unit_and_finds_it_locked_in() {
    let Some(analyze) = program("systemd-analyze", "APPLECART_SYSTEMD_ANALYZE") else { return };
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("applecart.service");
    // The program has to be there.
    let text = text("systemd/applecart.service")
        .replace("/usr/local/bin/applecart", env!("CARGO_BIN_EXE_applecart"));
    std::fs::write(&unit, text).unwrap();
    assert_eq!(passes(Command::new(&analyze).arg("verify").arg(&unit)), "");
    // Tenths of systemd's own measure, from 0 (locked in) to 100.
    let limit = ["security", "--offline=true", "--threshold=15", "--no-pager"];
    passes(Command::new(&analyze).args(limit).arg(&unit));
}

#[test]
fn the_kubernetes_files_fit_the_schemas_of_kubernetes() {
    let Some(python) = python("kubernetes_validate") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    // Without kubectl the files are checked as they are, and not the overlay.
    let kubectl = Command::new("kubectl").args(["version", "--client"]).output();
    match kubectl.is_ok_and(|output| output.status.success()) {
        true => {
            for name in ["base", "apply"] {
                let path = deploy("kubernetes").join(name);
                let rendered = passes(Command::new("kubectl").arg("kustomize").arg(path));
                let mode = if name == "base" { "- observe\n" } else { "- apply\n" };
                assert!(rendered.contains(mode), "{rendered}");
                assert_eq!(rendered.matches("readOnlyRootFilesystem: true").count(), 2);
                let file = folder.path().join(name).with_extension("yaml");
                std::fs::write(&file, rendered).unwrap();
                files.push(file);
            }
        }
        false => {
            for file in std::fs::read_dir(deploy("kubernetes/base")).unwrap() {
                files.push(file.unwrap().path());
            }
            files.retain(|file| {
                file.extension().is_some_and(|it| it == "yaml")
                    && !file.ends_with("kustomization.yaml")
            });
        }
    }
    let validate = ["-m", "kubernetes_validate", "--strict", "--quiet"];
    passes(Command::new(&python).args(validate).args(&files));
    // It does find a mistake.
    let broken = folder.path().join("broken.yaml");
    let deployment = text("kubernetes/base/deployment.yaml");
    std::fs::write(&broken, deployment.replace("replicas: 1", "replicas: one")).unwrap();
    let output = Command::new(&python).args(validate).arg(&broken).output().unwrap();
    assert!(!output.status.success());
}

/// The image is made from scratch, so it lacks whatever was forgotten. Tried in a changed root, which
/// only root may do.
#[cfg(target_os = "linux")]
#[test]
fn the_image_has_all_that_git_needs() {
    let is_root = std::fs::read("/proc/self/status")
        .is_ok_and(|status| String::from_utf8_lossy(&status).contains("\nUid:\t0\t"));
    let chroot = program("chroot", "APPLECART_CHROOT");
    let Some(chroot) = chroot.filter(|_| is_root && program("ssh", "APPLECART_SSH").is_some())
    else {
        println!("skipped: only root may change the root");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("rootfs");
    let script = deploy("container/rootfs.sh");
    passes(Command::new("sh").arg(script).arg(env!("CARGO_BIN_EXE_applecart")).arg(&root));
    std::fs::create_dir(root.join("dev")).unwrap();
    let null =
        ["-m", "666", root.join("dev/null").to_str().unwrap(), "c", "1", "3"].map(str::to_owned);
    if !Command::new("mknod").args(null).status().is_ok_and(|status| status.success()) {
        println!("skipped: no device can be made here");
        return;
    }
    let inside = |words: &[&str]| {
        let mut command = Command::new(&chroot);
        command.args(["--userspec=65532:65532", root.to_str().unwrap()]).args(words);
        command.env_clear().env("HOME", "/tmp").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        let output = command.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    assert!(inside(&["/usr/local/bin/applecart", "--version"]).starts_with("applecart "));
    // It comes as far as the connection, through the helper, TLS and its libraries.
    let asked = inside(&["/usr/bin/git", "ls-remote", "https://127.0.0.1:1/fleet.git"]);
    assert!(asked.contains("onnect to"), "{asked}");
    let fill = "echo https://u:secret@git.example > /tmp/c; printf 'protocol=https\\nhost=git.example\\n\\n' | git -c credential.helper='store --file /tmp/c' credential fill";
    assert!(inside(&["/bin/sh", "-c", fill]).contains("password=secret"));
    let begun = inside(&[
        "/bin/sh",
        "-c",
        "cd /tmp && git init --quiet fleet && cd fleet && applecart init --help",
    ]);
    assert!(begun.contains("Usage: applecart init"), "{begun}");
}
