//! Microsoft's own SDK for Graph (Python, beta) against `applecart simulate`: what the simulator
//! answers is what Microsoft's code understands, and what Microsoft's code sends is what it takes.
//!
//! The Python that has the SDK is the one `.ci/run` installs it into, or the one that
//! APPLECART_SDK_PYTHON names. Without it the test says so and passes, unless
//! APPLECART_REQUIRE_INTEROP is set, as `.ci/run` does.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use applecart_simulator::{WRITER_CLIENT_ID, WRITER_SECRET, seed_fleet};
use serde_json::{Value, json};

use crate::world::project;

/// The Python that has the SDK, or nothing after the reason was printed.
fn python() -> Option<PathBuf> {
    let installed = project().join("target/ci-tools/bin/python");
    let python = std::env::var_os("APPLECART_SDK_PYTHON").map_or(installed, PathBuf::from);
    let found = Command::new(&python)
        .args(["-c", "import importlib.util as u; exit(u.find_spec('msgraph_beta') is None)"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        assert!(
            std::env::var_os("APPLECART_REQUIRE_INTEROP").is_none(),
            "msgraph-beta-sdk is not installed, and APPLECART_REQUIRE_INTEROP is set"
        );
        println!("skipped: msgraph-beta-sdk is not installed for {}", python.display());
    }
    found.then_some(python)
}

/// `applecart simulate` with one tenant, until it is dropped.
struct Simulate {
    process: Child,
    url: String,
}

impl Simulate {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_applecart"))
            .args(["simulate", "--fleet", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("export APPLECART_GRAPH_URL=").unwrap().to_owned();
        Self { process, url }
    }
}

impl Drop for Simulate {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn microsofts_own_sdk_reads_and_uploads_all_three() {
    let Some(python) = python() else { return };
    let simulate = Simulate::start();
    let output = Command::new(python)
        .arg(project().join("tests/integration/sdk/uses.py"))
        .args([&simulate.url, WRITER_CLIENT_ID, WRITER_SECRET])
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();

    // The made-up tenant is the same everywhere but for its dates.
    let tenant = seed_fleet(1, chrono::Utc::now()).remove(0);
    let push = tenant.apple_push_notification_certificate.unwrap();
    let read = &seen["read"];
    assert_eq!(read["topic"], push.topic_identifier);
    assert_eq!(read["serial"], push.certificate_serial_number);
    assert_eq!(read["setting"], tenant.dep_onboarding_settings[0].id);
    assert_eq!(read["tokenType"], "dep");
    assert_eq!(read["locations"], json!(["London", "Paris"]));
    assert_eq!(read["states"], json!(["valid", "valid"]));
    for date in ["pushExpires", "settingExpires", "vppExpires"] {
        let at = chrono::DateTime::parse_from_rfc3339(read[date].as_str().unwrap()).unwrap();
        let off = (at.to_utc() - push.expiration_date_time).num_minutes();
        assert!(off.abs() < 10, "{date}: {at}");
    }

    let written = &seen["written"];
    assert_eq!(written["serial"][0], written["serial"][1]);
    assert_eq!(written["settingLater"], true);
    assert_eq!(written["vppLater"], true);
    assert_eq!(written["created"], "Berlin");
    assert_eq!(written["tokens"], 3);
    assert_eq!(seen["uploads"], json!(["push", "enrollment", "vpp", "vpp"]));
    assert_eq!(seen["violations"], json!([]));
}
