//! Files and answers without end: what a person, a pull request or a tenant may give, and what it
//! may cost.

use std::time::{Duration, Instant};

use crate::world::World;

/// What a file may cost in this build, which is not optimised and shares its machine.
const MOMENT: Duration = Duration::from_secs(10);

#[cfg(unix)]
#[test]
fn a_pipe_or_a_device_is_no_file_wherever_one_is_named() {
    let world = World::new();
    world.live("contoso", Some(&world.issue(None, 20)));
    world.tenant("contoso", &world.issue(None, 364));
    world.commit("One");
    let pipe = world.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for endless in [pipe.to_str().unwrap(), "/dev/zero"] {
        let commands: [&[&str]; 6] = [
            &["inspect", endless],
            &["apply", endless, "--yes"],
            &["import", "--from", endless],
            &["plan", "--snapshot", endless, "--select", "name=contoso"],
            &["seal", endless, "contoso"],
            &["ledger", "append", endless],
        ];
        for arguments in commands {
            let begun = Instant::now();
            world.run(arguments).ends_with(1).says("it is a pipe, a device or a socket");
            assert!(begun.elapsed() < MOMENT, "{arguments:?}");
        }
        world.run(&["doctor", "--identity", endless]).says("it is a pipe, a device or a socket");
    }
}

#[cfg(unix)]
#[test]
fn a_key_from_a_shells_own_pipe_is_read() {
    let world = World::new();
    let file = world.path("file");
    let sealed = applecart_io::vault::seal(
        &applecart_io::vault::Secret::new(world.issue(None, 300).pem.into_bytes()),
        std::slice::from_ref(&world.recipient),
    );
    std::fs::write(&file, sealed.unwrap()).unwrap();
    let program = env!("CARGO_BIN_EXE_applecart");
    let line = format!("{program} inspect {} --identity <(echo {})", file.display(), world.key);
    let output = std::process::Command::new("bash").args(["-c", &line]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_megabyte_behind_a_certificate_costs_one_look() {
    use applecart_core::apple::push;
    let world = World::new();
    let pem = world.issue(None, 300).pem;
    let der: Vec<u8> = {
        use base64::Engine as _;
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        base64::engine::general_purpose::STANDARD.decode(body).unwrap()
    };
    let behind = |filling: &[u8], end: &[u8]| {
        let mut file = der.clone();
        while file.len() < 1_000_000 {
            file.extend_from_slice(filling);
        }
        file.extend_from_slice(end);
        file
    };
    for (filling, end) in [
        (&b"\0"[..], &b"x"[..]),
        (b"\0", b""),
        (b" ", b"x"),
        (b"\x05\0", b"x"),
        (b"\x30\x80", b""),
        (b"\x30\0\n", b"x"),
        (&der[..], b"x"),
    ] {
        let file = behind(filling, end);
        let begun = Instant::now();
        let read = push::read(&file);
        assert!(begun.elapsed() < MOMENT, "{filling:?}: {:?}", begun.elapsed());
        assert!(read.token.is_some(), "{filling:?}: the certificate in front of it is readable");
    }
}

#[cfg(unix)]
#[test]
fn what_git_starts_gets_no_secret_of_ours() {
    use crate::world::hub::{Hub, script};
    let hub = Hub::new();
    let live = hub.world.issue(None, 20);
    hub.world.live("contoso", Some(&live));
    hub.world.tenant("contoso", &hub.world.issue(Some(&live.topic), 364));
    hub.world.commit("Renew");
    hub.world.git(&["remote", "add", "origin", &hub.url()]);
    hub.world.git(&["push", "--quiet", "origin", "main"]);
    let seen = hub.world.path("seen");
    let hook = hub.folder().join("hooks/pre-receive");
    script(&hook, &format!("env >>'{}'", seen.display()));
    let clone = hub.clone("main", &[]);
    let mut command = clone.command(&["apply", "--yes"]);
    command.env("AZURE_CLIENT_CERTIFICATE_PASSWORD", "a-password-of-ours");
    let of_receivers =
        ["APPLECART_SINK_NOC_MAIL_PASSWORD", "APPLECART_SERVE_TOKEN", "APPLECART_WEBHOOK_SECRET"];
    command.envs(of_receivers.map(|name| (name, "a-password-of-ours")));
    crate::world::finish(command).ends_with(0);
    let seen = std::fs::read_to_string(&seen).unwrap();
    assert!(seen.contains("PATH="), "the hook ran: {seen}");
    for secret in [&*hub.world.key, &*hub.world.secret, "a-password-of-ours"] {
        assert!(!seen.contains(secret), "{seen}");
    }
}
