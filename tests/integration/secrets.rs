//! Marker strings in every secret, every error path driven, and none of them anywhere.

use std::collections::BTreeMap;

use applecart_simulator::{
    AppRegistration, Fault, FaultRule, Issued, RetryAfter, StateError, WRITER_CLIENT_ID,
};
use base64::Engine as _;

use crate::world::{Run, World, tenant_id};

const SECRET: &str = "MARKER-CLIENT-SECRET-7f3a";
const TOKEN: &str = "MARKER-TOKEN-BYTES-91bc";

struct Markers {
    world: World,
    seen: Vec<(String, String)>,
}

impl Markers {
    fn new() -> Self {
        let mut world = World::new();
        world.secret = SECRET.to_owned();
        Self { world, seen: Vec::new() }
    }

    /// The tenant's application takes the marked secret.
    fn renewal(&self, name: &str) -> Issued {
        let (_, new) = self.world.renewal(name);
        self.world
            .state()
            .change(tenant_id(name), |tenant| {
                let writer = AppRegistration {
                    client_id: WRITER_CLIENT_ID.to_owned(),
                    secret: SECRET.to_owned(),
                    roles: vec!["DeviceManagementServiceConfig.ReadWrite.All".to_owned()],
                    ..AppRegistration::default()
                };
                tenant.apps = vec![writer];
                Ok::<_, StateError>(())
            })
            .unwrap();
        new
    }

    fn drive(&mut self, what: &str) {
        for arguments in [
            &["-vv", "plan", "--out", "../plan.json"][..],
            &["-vv", "--log-format", "json", "apply"],
            &["-vv", "apply", "--format", "json"],
            &["status", "--format", "json"],
            &["plan", "--format", "markdown"],
            &["ledger", "show", "--format", "json"],
            &["ledger", "verify"],
            &["validate"],
        ] {
            let Run { stdout, stderr, .. } = self.world.run(arguments);
            self.seen.push((format!("{what}: {arguments:?} stdout"), stdout));
            self.seen.push((format!("{what}: {arguments:?} stderr"), stderr));
        }
        let plan = std::fs::read_to_string(self.world.path("plan.json")).unwrap_or_default();
        self.seen.push((format!("{what}: plan file"), plan));
        let ledger = self.world.git(&["log", "--all", "--patch", "--format=%B"]);
        self.seen.push((format!("{what}: every commit"), ledger));
        self.world.state().clear_faults();
    }

    #[track_caller]
    fn none_of(&self, markers: &[&str]) {
        for (place, text) in &self.seen {
            for marker in markers {
                let encoded = base64::engine::general_purpose::STANDARD.encode(marker);
                assert!(!text.contains(marker), "{marker} is in {place}:\n{text}");
                assert!(
                    !text.contains(encoded.trim_end_matches('=')),
                    "base64 of {marker} is in {place}"
                );
            }
        }
    }
}

#[test]
fn no_secret_is_in_any_output_of_any_error_path() {
    let mut markers = Markers::new();
    let file = markers.renewal("contoso");
    let id = tenant_id("contoso");
    // A server that repeats what it was sent.
    let echo = Fault::Status {
        status: 400,
        retry_after: None,
        body: Some(
            serde_json::json!({"error": {"code": "BadRequest", "message": format!("you sent {SECRET}")}}),
        ),
        headers: BTreeMap::new(),
    };
    let faults = [
        ("rejected", echo),
        ("forbidden", Fault::status(403)),
        (
            "server error",
            Fault::Status {
                status: 500,
                retry_after: Some(RetryAfter::Seconds(0)),
                body: None,
                headers: BTreeMap::new(),
            },
        ),
        ("wrong json", Fault::WrongJson),
        ("html", Fault::Html),
        ("truncated", Fault::Truncate),
        ("dropped", Fault::Drop),
    ];
    for (name, fault) in faults {
        markers
            .world
            .state()
            .add_fault(FaultRule::always(fault.clone()).for_tenant(id).on_method("PATCH"));
        markers.drive(&format!("{name} on the write"));
        markers
            .world
            .state()
            .add_fault(FaultRule::always(fault.clone()).for_tenant(id).on_method("GET").times(3));
        markers.drive(&format!("{name} on the read"));
        markers
            .world
            .state()
            .add_fault(FaultRule::always(fault).for_tenant(id).on("*/token").times(3));
        markers.drive(&format!("{name} at sign-in"));
    }
    markers.drive("at the end");
    let key = markers.world.key.clone();
    // A line from the middle of the sealed file, and what every bearer token of the simulator has.
    let token_bytes = file.pem.lines().nth(5).unwrap();
    markers.none_of(&[SECRET, &key, token_bytes, "simulated-access-token"]);
}

#[test]
fn no_byte_of_a_refused_file_is_shown() {
    let mut markers = Markers::new();
    markers.renewal("contoso");
    let live = markers.world.issue(None, 20);
    let stated = markers.world.issue(Some(&live.topic), 364);
    let vpp =
        base64::engine::general_purpose::STANDARD.encode(format!("{{\"token\":\"{TOKEN}\"}}"));
    let with_key =
        format!("{}-----BEGIN PRIVATE KEY-----\n{TOKEN}\n-----END PRIVATE KEY-----\n", stated.pem);
    for (name, bytes) in [
        ("text", TOKEN.to_owned()),
        ("a VPP token", vpp),
        ("a page", format!("<html>{TOKEN}</html>")),
        (
            "a broken certificate",
            format!("-----BEGIN CERTIFICATE-----\n{TOKEN}\n-----END CERTIFICATE-----\n"),
        ),
        ("a private key", with_key),
    ] {
        markers.world.tenant_with("contoso", &stated, bytes.as_bytes(), "", "");
        markers.world.commit(name);
        markers.drive(name);
    }
    markers.none_of(&[TOKEN, SECRET]);
}

#[test]
fn keys_that_cannot_be_used_are_not_quoted() {
    let mut markers = Markers::new();
    markers.renewal("contoso");
    markers.world.key = format!("AGE-SECRET-KEY-{TOKEN}");
    markers.drive("a broken identity");
    markers.world.key = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{TOKEN}");
    markers.drive("an SSH key");
    markers.none_of(&[TOKEN, SECRET]);
}
