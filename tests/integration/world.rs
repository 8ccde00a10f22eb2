//! A fleet in a temporary folder, a simulated Intune beside it, and the program run on both.

#[cfg(unix)]
pub(crate) mod forge;
pub(crate) mod hub;
mod tokens;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use age::secrecy::ExposeSecret as _;
use applecart_core::model::{Sha256, TenantId, Timestamp};
use applecart_io::vault::{Secret, seal};
use applecart_simulator::{
    Issued, Options, Push, PushRequest, Running, Simulator, State, Tenant, WRITER_CLIENT_ID,
    WRITER_SECRET,
};
use chrono::Utc;
use serde_json::Value;

pub(crate) use tokens::{VppFile, in_days};

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        // Sentences are wrapped to the terminal; a reader sees them whole.
        let flat = all.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(text), "{text:?} is not in:\n{all}");
        self
    }
}

/// A fleet repository, its key, and a simulated Intune.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) simulator: Option<Running>,
    runtime: tokio::runtime::Runtime,
    pub(crate) recipient: String,
    pub(crate) key: String,
    pub(crate) url: String,
    pub(crate) secret: String,
    /// Whether the simulator plays Apple as well.
    pub(crate) asks_apple: bool,
    /// What each sealed file holds: a file that stays is not encrypted again, as in a real fleet.
    sealed: std::sync::Mutex<std::collections::HashMap<String, Sha256>>,
}

/// A tenant id that is told apart by its name.
pub(crate) fn tenant_id(name: &str) -> TenantId {
    let digest = Sha256::of(name.as_bytes()).to_string();
    format!(
        "{}-{}-4{}-8{}-{}",
        &digest[..8],
        &digest[8..12],
        &digest[13..16],
        &digest[17..20],
        &digest[20..32]
    )
    .parse()
    .unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let simulator = runtime.block_on(Simulator::start(Options::default())).unwrap();
        let identity = age::x25519::Identity::generate();
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            url: simulator.url(),
            simulator: Some(simulator),
            runtime,
            recipient: identity.to_public().to_string(),
            key: identity.to_string().expose_secret().to_owned(),
            secret: WRITER_SECRET.to_owned(),
            asks_apple: false,
            sealed: std::sync::Mutex::default(),
        };
        std::fs::create_dir_all(world.repo()).unwrap();
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.write("applecart.yaml", &world.policy(""));
        world
    }

    pub(crate) fn policy(&self, more: &str) -> String {
        format!(
            "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: {WRITER_CLIENT_ID}\n  credential: client-secret\nrecipients:\n  - {}\n{more}",
            self.recipient
        )
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.folder.path().join("fleet")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn simulator(&self) -> &Running {
        self.simulator.as_ref().unwrap()
    }

    pub(crate) fn state(&self) -> &State {
        self.simulator().state()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        self.write_bytes(path, text.as_bytes());
    }

    pub(crate) fn write_bytes(&self, path: &str, bytes: &[u8]) {
        let path = self.repo().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[track_caller]
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.repo())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.invalid"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// A certificate with so many days left, of this topic or a new one.
    pub(crate) fn issue(&self, topic: Option<&str>, days: i64) -> Issued {
        let until = Utc::now() + chrono::Duration::days(days);
        self.simulator()
            .apple()
            .issue(&PushRequest {
                topic: topic.map(str::to_owned),
                not_after: Some(until),
                ..PushRequest::new((until - chrono::Duration::days(365)).min(Utc::now()))
            })
            .unwrap()
    }

    /// Makes a tenant in Intune with this live certificate.
    pub(crate) fn live(&self, name: &str, certificate: Option<&Issued>) {
        let mut tenant = Tenant::new(tenant_id(name));
        tenant.apple_push_notification_certificate = certificate.map(|issued| pushed(name, issued));
        self.state().add_tenant(tenant).unwrap();
    }

    /// Writes a tenant file whose push certificate is this one, sealed.
    pub(crate) fn tenant(&self, name: &str, certificate: &Issued) {
        self.tenant_with(name, certificate, certificate.pem.as_bytes(), "", "");
    }

    /// The same with other bytes in the sealed file, and more lines in the token or the tenant.
    pub(crate) fn tenant_with(
        &self,
        name: &str,
        stated: &Issued,
        bytes: &[u8],
        token: &str,
        tenant: &str,
    ) {
        let sealed =
            seal(&Secret::new(bytes.to_vec()), std::slice::from_ref(&self.recipient)).unwrap();
        self.write_bytes(&format!("tenants/{name}/push.pem.age"), &sealed);
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {id}\nwatch: [push]\n{tenant}push:\n  appleId: mdm@{name}.example\n  topic: {topic}\n  serial: '{serial}'\n  expires: {expires}\n  file: push.pem.age\n  sha256: {sha256}\n{token}",
            id = tenant_id(name),
            topic = stated.topic,
            serial = stated.serial,
            expires = Timestamp::new(stated.not_after),
            sha256 = Sha256::of(bytes),
        );
        self.write(&format!("tenants/{name}/tenant.yaml"), &text);
    }

    /// A tenant whose renewal (old live, new in Git) is due; returns old and new.
    pub(crate) fn renewal(&self, name: &str) -> (Issued, Issued) {
        let old = self.issue(None, 20);
        let new = self.issue(Some(&old.topic), 364);
        self.live(name, Some(&old));
        self.tenant(name, &new);
        self.commit(&format!("Renew {name}"));
        (old, new)
    }

    pub(crate) fn live_serial(&self, name: &str) -> Option<String> {
        let tenant = self.state().tenant(tenant_id(name))?;
        tenant.apple_push_notification_certificate.map(|push| push.certificate_serial_number)
    }

    pub(crate) fn uploads(&self, name: &str) -> usize {
        self.state().uploads(tenant_id(name)).len()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_applecart"));
        command
            .current_dir(self.repo())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("APPLECART_GRAPH_URL", &self.url)
            .env("APPLECART_LOGIN_URL", &self.url)
            .env("AZURE_CLIENT_SECRET", &self.secret)
            .env("SOPS_AGE_KEY", &self.key)
            .stdin(Stdio::null())
            .args(arguments);
        if self.asks_apple {
            command.env("APPLECART_APPLE_URL", format!("{}/apple", self.url));
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }

    /// Starts the program and leaves it running.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The events in a tenant's ledger, oldest first.
    pub(crate) fn events(&self, name: &str) -> Vec<String> {
        let shown = self.run(&["ledger", "show", name, "--format", "json"]).ends_with(0).json();
        shown["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["event"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(simulator) = self.simulator.take() {
            self.runtime.block_on(simulator.stop());
        }
    }
}

pub(crate) fn pushed(name: &str, issued: &Issued) -> Push {
    Push {
        apple_identifier: format!("mdm@{name}.example"),
        topic_identifier: issued.topic.clone(),
        certificate_serial_number: issued.serial.clone(),
        expiration_date_time: issued.not_after,
        certificate_upload_failure_reason: None,
    }
}

pub(crate) fn finish(mut command: Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits until something is so; fails after a minute.
#[track_caller]
pub(crate) fn eventually(what: &str, so: impl Fn() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Chance, the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.roll(100) < share
    }
}

/// A number from the environment.
pub(crate) fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The program that a long test runs, as this one would be run: an optimised one, where it is named.
pub(crate) fn long_program(plain: &Command) -> Command {
    let named = std::env::var_os("APPLECART_LONG_PROGRAM");
    let mut command = Command::new(named.as_deref().unwrap_or(plain.get_program()));
    command.env_clear().args(plain.get_args()).stdin(Stdio::null());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(plain.get_current_dir().unwrap());
    command
}

/// Runs a command where shell commands have mounted something for it alone, and others afterwards, while it
/// is mounted. `None` where this machine lets nobody do that.
#[cfg(target_os = "linux")]
pub(crate) fn behind_mounts(inner: &Command, mounts: &str, afterwards: &str) -> Option<Run> {
    let namespace = ["--map-root-user", "--mount", "sh", "-c"];
    let may = Command::new("unshare").args(namespace).arg("mount -t tmpfs tmpfs /mnt").output();
    if !may.is_ok_and(|output| output.status.success()) {
        println!("skipped: nothing can be mounted on this machine");
        return None;
    }
    let line = format!(
        "{{ {mounts}; }} >&2 || exit 99; \"$0\" \"$@\"; code=$?; {{ {afterwards}; }} >&2 || exit 98; exit $code"
    );
    let mut command = Command::new("unshare");
    command.args(namespace).arg(line).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(inner.get_current_dir().unwrap());
    let run = finish(command);
    assert!(!matches!(run.code, 98 | 99), "{run:?}");
    Some(run)
}

/// The project's folder.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command on a terminal, where somebody types this once it shows `asked`; `None` where there is
/// no `script`. What the terminal showed is the output.
#[cfg(target_os = "linux")]
pub(crate) fn on_a_terminal(plain: &Command, asked: &str, typed: &str) -> Option<Run> {
    use std::io::{Read as _, Write as _};
    let script = crate::interop::program("script", "APPLECART_SCRIPT")?;
    let words = std::iter::once(plain.get_program()).chain(plain.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut command = Command::new(script);
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(plain.get_current_dir().unwrap());
    command.args(["-qefc", &words.join(" "), "/dev/null"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut shown = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&shown).contains(asked) && stdout.read(&mut byte).unwrap() > 0 {
        shown.push(byte[0]);
    }
    // Nobody types at once, and a question for a passphrase comes before the terminal stops showing.
    std::thread::sleep(Duration::from_millis(if asked.is_empty() { 0 } else { 500 }));
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    stdout.read_to_end(&mut shown).unwrap();
    Some(Run {
        code: child.wait().unwrap().code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&shown).into_owned(),
        stderr: String::new(),
    })
}
