//! Keys to sign with, and signatures made by the real programs.

use std::cell::Cell;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::interop::program;
use crate::world::hub::script;

/// A folder with SSH keys and a home of `gpg`.
pub(crate) struct Keys {
    folder: PathBuf,
    used_gpg: Cell<bool>,
}

impl Keys {
    /// Nothing where `ssh-keygen` is missing.
    pub(crate) fn new(folder: PathBuf) -> Option<Self> {
        program("ssh-keygen", "APPLECART_SSH_KEYGEN")?;
        std::fs::create_dir_all(folder.join("gpg")).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(folder.join("gpg"), private).unwrap();
        let keys = Self { folder, used_gpg: Cell::new(false) };
        keys.wrap("");
        Some(keys)
    }

    pub(crate) fn has_gpg(&self) -> bool {
        program("gpg", "APPLECART_GPG").is_some()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn run(&self, name: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new(name);
        command.current_dir(&self.folder).args(arguments).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} {arguments:?}: {complaint}");
        output.stdout
    }

    /// The SSH key of that name, made when it is first asked for.
    pub(crate) fn ssh(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        if !path.exists() {
            self.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name], b"");
        }
        path
    }

    pub(crate) fn public(&self, name: &str) -> String {
        std::fs::read_to_string(self.ssh(name).with_extension("pub")).unwrap()
    }

    pub(crate) fn fingerprint(&self, name: &str) -> String {
        self.ssh(name);
        let text = self.run("ssh-keygen", &["-l", "-f", &format!("{name}.pub")], b"");
        String::from_utf8(text).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    /// The line of an allowed-signers file.
    pub(crate) fn allowed(&self, name: &str, options: &str) -> String {
        format!("{name}@example.com {options} {}", self.public(name))
    }

    /// The certificate that another key makes of it, for signing as `name`.
    pub(crate) fn certificate(&self, name: &str, by: &str) -> PathBuf {
        let (public, by) = (format!("{}.pub", self.ssh(name).display()), self.ssh(by));
        let (by, user) = (by.display().to_string(), format!("{name}@example.com"));
        self.run("ssh-keygen", &["-q", "-s", &by, "-I", name, "-n", &user, &public], b"");
        self.path(&format!("{name}-cert.pub"))
    }

    pub(crate) fn revocation_list(&self, name: &str) -> Vec<u8> {
        self.ssh(name);
        self.run("ssh-keygen", &["-k", "-f", "list.krl", &format!("{name}.pub")], b"");
        std::fs::read(self.path("list.krl")).unwrap()
    }

    pub(crate) fn sign(&self, name: &str, namespace: &str, content: &[u8]) -> String {
        self.ssh(name);
        let signature =
            self.run("ssh-keygen", &["-Y", "sign", "-n", namespace, "-f", name], content);
        String::from_utf8(signature).unwrap()
    }

    /// Settings with which `git` signs.
    pub(crate) fn ssh_settings(&self, name: &str) -> Vec<String> {
        vec![
            "gpg.format=ssh".into(),
            "gpg.ssh.program=ssh-keygen".into(),
            format!("user.signingKey={}", self.ssh(name).display()),
        ]
    }

    pub(crate) fn openpgp_settings(&self, name: &str) -> Vec<String> {
        vec![
            "gpg.format=openpgp".into(),
            format!("gpg.program={}", self.path("gpg.sh").display()),
            format!("user.signingKey={name}@example.com"),
        ]
    }

    fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        self.used_gpg.set(true);
        let home = self.path("gpg");
        let mut all = vec!["--homedir", home.to_str().unwrap(), "--batch", "--quiet"];
        all.extend(["--pinentry-mode", "loopback", "--passphrase", ""]);
        all.extend(arguments);
        self.run("gpg", &all, input)
    }

    /// Makes an OpenPGP key that lasts 30 days.
    pub(crate) fn openpgp(&self, name: &str, more: &[&str]) {
        if !self.has_gpg() {
            return;
        }
        let user = format!("{name} <{name}@example.com>");
        let make = ["--quick-gen-key", &user, "ed25519", "sign", "30d"];
        self.gpg(&[more, &make].concat(), b"");
    }

    /// Lets `gpg` sign at another time than now.
    pub(crate) fn at(&self, time: &str) {
        self.wrap(&format!("--faked-system-time {time}"));
    }

    fn wrap(&self, more: &str) {
        let home = self.path("gpg");
        let text = format!("exec gpg --homedir {} {more} \"$@\"", home.display());
        script(&self.path("gpg.sh"), &text);
    }

    pub(crate) fn exported(&self, names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|name| format!("{name}@example.com")).collect();
        let mut arguments = vec!["--armor", "--export"];
        arguments.extend(names.iter().map(String::as_str));
        String::from_utf8(self.gpg(&arguments, b"")).unwrap()
    }

    /// Takes the revocation certificate that `gpg` makes along with each key.
    pub(crate) fn revoke(&self, name: &str) {
        let user = format!("{name}@example.com");
        let listed = self.gpg(&["--with-colons", "--list-keys", &user], b"");
        let listed = String::from_utf8(listed).unwrap();
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        let certificate = format!("gpg/openpgp-revocs.d/{}.rev", line.split(':').nth(9).unwrap());
        let text = std::fs::read_to_string(self.path(&certificate)).unwrap();
        // It has a colon in front, so that nobody takes it by mistake.
        self.gpg(&["--import"], text.replace("\n:---", "\n---").as_bytes());
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.used_gpg.get() {
            // The agent of this home and no other.
            let home = self.path("gpg");
            let mut command = Command::new("gpgconf");
            command.arg("--homedir").arg(home).args(["--kill", "gpg-agent"]);
            let _ = command.status();
        }
    }
}

/// A commit's content with a signature in its header.
pub(crate) fn attached(content: &str, signature: &str) -> String {
    let (header, message) = content.split_once("\n\n").unwrap();
    let signature = signature.trim_end().replace('\n', "\n ");
    format!("{header}\ngpgsig {signature}\n\n{message}")
}
