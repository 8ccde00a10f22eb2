//! `plan` of a whole simulated fleet: wall time, requests, CPU and memory of one process.
//!
//! ```text
//! cargo bench --bench plan_fleet -- [TENANTS] [LATENCY_MS] [PARALLELISM]
//! ```
//!
//! Each tenant has one push certificate, one enrollment token and two VPP tokens. The simulator
//! runs in this process, the program in one of its own, so CPU and memory are the program's alone.
//! The floor is what no program can beat: round trips of one tenant × latency × tenants ÷
//! parallelism.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints figures"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use applecart::simulator::{Options, Simulator, WRITER_CLIENT_ID, WRITER_SECRET, seed_fleet};

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let number = |index: usize, default: u64| numbers.get(index).copied().unwrap_or(default);
    let (tenants, latency, parallelism) = (number(0, 1000), number(1, 50), number(2, 16));

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let options = Options { latency: Duration::from_millis(latency), ..Options::default() };
    let simulator = runtime.block_on(Simulator::start(options)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let names = build(folder.path(), &simulator, usize::try_from(tenants).unwrap());

    let started = Instant::now();
    let program = env!("CARGO_BIN_EXE_applecart");
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%U %S %M", program, "plan", "--format", "json"])
        .args(["--parallelism", &parallelism.to_string()])
        .current_dir(folder.path())
        .env("APPLECART_GRAPH_URL", simulator.url())
        .env("APPLECART_LOGIN_URL", simulator.url())
        .env("AZURE_CLIENT_SECRET", WRITER_SECRET)
        .stdin(Stdio::null())
        .output()
        .expect("GNU time is needed: apt-get install time");
    let wall = started.elapsed();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["tenants"].as_array().unwrap().len(), names);

    let figures: Vec<f64> =
        errors.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [user, system, memory] = figures.as_slice() else { panic!("no figures: {errors}") };
    let count = tenants as f64;
    let counters = simulator.state().counters();
    let trips = (counters.sign_ins + counters.batches) as f64 / count;
    let floor = trips * count * latency as f64 / 1000.0 / parallelism as f64;
    println!("tenants {tenants}, latency {latency} ms, parallelism {parallelism}");
    println!("wall                {:8.2} s", wall.as_secs_f64());
    println!("floor               {floor:8.2} s, ratio {:.2}", wall.as_secs_f64() / floor);
    println!(
        "round trips/tenant  {trips:8.2} ({} sign-ins, {} batches)",
        counters.sign_ins, counters.batches
    );
    println!(
        "cpu                 {:8.2} s, {:.2} ms/tenant",
        user + system,
        (user + system) * 1000.0 / count
    );
    println!("peak memory         {:8.1} MiB", memory / 1024.0);
    runtime.block_on(simulator.stop());
}

/// The simulator's tenants, and a repository that tracks each of them.
fn build(folder: &Path, simulator: &applecart::simulator::Running, count: usize) -> usize {
    let write = |path: &str, text: String| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "applecart.yaml",
        format!(
            "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: {WRITER_CLIENT_ID}\n  credential: client-secret\n"
        ),
    );
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
        simulator.state().add_tenant(tenant).unwrap();
    }
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &[
            "-c",
            "user.name=Bench",
            "-c",
            "user.email=bench@example.invalid",
            "commit",
            "--quiet",
            "-m",
            "fleet",
        ],
    ] {
        let status = Command::new("git").current_dir(folder).args(arguments).status().unwrap();
        assert!(status.success());
    }
    count
}
