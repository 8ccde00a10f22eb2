//! Apple, asked about every sealed VPP token of a fleet: what `check --apple` takes.
//!
//! ```text
//! cargo bench --bench check_fleet -- [TOKENS] [LATENCY_MS]
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark builds a fleet and prints figures"
)]

mod fleet;

use std::process::Command;
use std::time::Instant;

use age::secrecy::ExposeSecret as _;
use applecart_core::model::{Sha256, Timestamp};
use applecart_io::vault::{Secret, seal};
use applecart_simulator::{VppRequest, WRITER_CLIENT_ID};
use chrono::{DateTime, Duration};
use fleet::Fleet;

fn main() {
    let [tokens, latency] = fleet::numbers([1000, 50]);
    let fleet = Fleet::new(tokens, latency);
    let identity = age::x25519::Identity::generate();
    let recipients = [identity.to_public().to_string()];
    let key = identity.to_string();
    write(&fleet, &recipients);

    let before = fleet.simulator.state().counters();
    let mut command = fleet.program(&["check", "--apple"], true);
    command.env("APPLECART_APPLE_URL", format!("{}/apple", fleet.simulator.url()));
    command.env("SOPS_AGE_KEY", key.expose_secret());
    let started = Instant::now();
    let output = command.output().unwrap();
    let wall = started.elapsed();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let after = fleet.simulator.state().counters();
    let (apple, microsoft) = (after.apple - before.apple, after.requests - before.requests);
    println!("{tokens} tokens, latency {latency} ms");
    println!("wall                {:8.1} s", wall.as_secs_f64());
    println!("requests to Apple   {:8.2} a token", apple as f64 / tokens as f64);
    println!("requests to Microsoft {microsoft}");
    println!("user, system s, KiB {}", errors.lines().last().unwrap_or_default());
    fleet.stop();
}

/// One sealed VPP token for each tenant, each of an organisation of its own.
fn write(fleet: &Fleet, recipients: &[String]) {
    let until = fleet.simulator.state().now() + Duration::days(300);
    let expires = DateTime::from_timestamp(until.timestamp(), 0).unwrap();
    let folder = fleet.repository();
    std::fs::write(
        folder.join("applecart.yaml"),
        format!(
            "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: {WRITER_CLIENT_ID}\n  credential: client-secret\nrecipients:\n  - {}\n",
            recipients[0]
        ),
    )
    .unwrap();
    for (number, id) in fleet.tenants.iter().enumerate() {
        let (name, organization) = (format!("tenant-{number:05}"), format!("Customer {number}"));
        let location = "London".to_owned();
        let request = VppRequest { organization: organization.clone(), location, expires };
        let text = fleet.simulator.apple().vpp_token(&request);
        let sealed = seal(&Secret::new(text.clone().into_bytes()), recipients).unwrap();
        let tenant = folder.join("tenants").join(&name);
        std::fs::write(tenant.join("london.vpptoken.age"), sealed).unwrap();
        std::fs::write(
            tenant.join("tenant.yaml"),
            format!(
                "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {id}\nwatch: [vpp]\nvpp:\n  - name: London\n    organization: {organization}\n    location: London\n    expires: {}\n    file: london.vpptoken.age\n    sha256: {}\n",
                Timestamp::new(expires),
                Sha256::of(text.as_bytes())
            ),
        )
        .unwrap();
    }
    let who = ["-c", "user.name=Bench", "-c", "user.email=bench@example.invalid"];
    let commit = [&who[..], &["commit", "--quiet", "-m", "tokens"]].concat();
    for arguments in [&["add", "--all"][..], &commit] {
        let status = Command::new("git").current_dir(folder).args(arguments).status().unwrap();
        assert!(status.success());
    }
}
