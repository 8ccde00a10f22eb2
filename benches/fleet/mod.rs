//! What the benchmarks share: a simulated fleet, a repository that watches it, and one run of the
//! program with its time and memory.
//!
//! The simulator runs in the benchmark's process, the program in one of its own, so the figures are
//! the program's alone.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "benchmarks run programs and print figures; each uses what it needs"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use applecart_core::rules::entra::COUNT_DEVICES;
use applecart_simulator::{
    Options, Running, Simulator, StateError, Tenant, TenantId, WRITER_CLIENT_ID, WRITER_SECRET,
    seed_fleet,
};

/// Whom the fleet's files are sealed to. The key of the age format's own documentation: nobody
/// opens them here.
/// <https://github.com/FiloSottile/age#readme>
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// Numbers from the command line, or what stands in for them.
pub fn numbers<const N: usize>(defaults: [u64; N]) -> [u64; N] {
    let given: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    std::array::from_fn(|at| given.get(at).copied().unwrap_or(defaults[at]))
}

/// A simulated fleet: each tenant has one push certificate, one enrollment token and two VPP
/// tokens, all of them watched.
pub struct Fleet {
    folder: tempfile::TempDir,
    pub simulator: Running,
    runtime: tokio::runtime::Runtime,
    /// The tenants, in the order of their names.
    pub tenants: Vec<TenantId>,
}

/// What one run took.
pub struct Run {
    pub wall: Duration,
    pub cpu: Duration,
    /// The most that was resident, in MiB.
    pub memory: f64,
    pub stdout: Vec<u8>,
}

impl Fleet {
    pub fn new(count: u64, latency_ms: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let latency = Duration::from_millis(latency_ms);
        let options = Options { latency, ..Options::default() };
        let simulator = runtime.block_on(Simulator::start(options)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let tenants = build(folder.path(), &simulator, usize::try_from(count).unwrap());
        Self { folder, simulator, runtime, tenants }
    }

    /// Lets the applications of all tenants read how many devices there are.
    pub fn permit_counting(&self) {
        for (number, id) in self.tenants.iter().enumerate() {
            let permit = |tenant: &mut Tenant| {
                tenant.managed_devices = (u32::try_from(number % 3000).unwrap(), 100);
                let roles = tenant.apps.iter_mut().map(|app| &mut app.roles);
                roles.for_each(|roles| roles.push(COUNT_DEVICES.to_owned()));
                Ok::<_, StateError>(())
            };
            self.simulator.state().change(*id, permit).unwrap();
        }
    }

    /// The program in the fleet's repository, under GNU time where `measured`. `PROGRAM` names another
    /// build than the benchmark's own.
    pub fn program(&self, arguments: &[&str], measured: bool) -> Command {
        let own = || env!("CARGO_BIN_EXE_applecart").into();
        let program = std::env::var_os("PROGRAM").unwrap_or_else(own);
        let mut command = if measured {
            let mut command = Command::new("/usr/bin/time");
            command.args(["-f", "%U %S %M"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("APPLECART_GRAPH_URL", self.simulator.url())
            .env("APPLECART_LOGIN_URL", self.simulator.url())
            .env("AZURE_CLIENT_SECRET", WRITER_SECRET)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end, which must be a success.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let started = Instant::now();
        let mut command = self.program(arguments, true);
        let output = command.output().expect("GNU time is needed: apt-get install time");
        let wall = started.elapsed();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let figures: Vec<f64> =
            errors.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [user, system, memory] = figures.as_slice() else { panic!("no figures: {errors}") };
        Run {
            wall,
            cpu: Duration::from_secs_f64(user + system),
            memory: memory / 1024.0,
            stdout: output.stdout,
        }
    }

    pub fn repository(&self) -> &Path {
        self.folder.path()
    }

    pub fn stop(self) {
        self.runtime.block_on(self.simulator.stop());
    }
}

/// The simulator's tenants, and a repository that watches each of them.
fn build(folder: &Path, simulator: &Running, count: usize) -> Vec<TenantId> {
    let write = |path: &str, text: String| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "applecart.yaml",
        format!(
            "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: {WRITER_CLIENT_ID}\n  credential: client-secret\nrecipients:\n  - {RECIPIENT}\n"
        ),
    );
    let mut tenants = Vec::new();
    for (number, tenant) in seed_fleet(count, simulator.state().now()).into_iter().enumerate() {
        let name = format!("tenant-{number:05}");
        let push = tenant.apple_push_notification_certificate.as_ref().unwrap();
        write(
            &format!("tenants/{name}/tenant.yaml"),
            format!(
                "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {id}\npush:\n  topic: {topic}\n  serial: '{serial}'\nenrollment:\n  - name: {enrollment}\nvpp:\n  - name: London\n  - name: Paris\n",
                id = tenant.tenant_id,
                topic = push.topic_identifier,
                serial = push.certificate_serial_number,
                enrollment = tenant.dep_onboarding_settings[0].token_name,
            ),
        );
        tenants.push(tenant.tenant_id);
        simulator.state().add_tenant(tenant).unwrap();
    }
    let who = ["-c", "user.name=Bench", "-c", "user.email=bench@example.invalid"];
    let commit = [&who[..], &["commit", "--quiet", "-m", "fleet"]].concat();
    for arguments in [&["init", "--quiet"][..], &["add", "--all"], &commit] {
        let status = Command::new("git").current_dir(folder).args(arguments).status().unwrap();
        assert!(status.success());
    }
    tenants
}
