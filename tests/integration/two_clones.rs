//! Applying one commit from several clones of one remote: each digest is uploaded once, everybody
//! sees what the others did, and what could not be pushed is not lost.

use applecart_core::model::Kind;
use applecart_simulator::{Fault, FaultRule};

use crate::world::hub::{Hub, REFNAME};
use crate::world::{eventually, tenant_id};

/// A fleet whose renewals of this kind are merged.
fn hub(names: &[&str], kind: Kind) -> Hub {
    let hub = Hub::new();
    for name in names {
        hub.world.renewal_of(name, kind);
    }
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub
}

#[test]
fn what_one_clone_applied_another_has_not_to_do() {
    for kind in [Kind::Push, Kind::Enrollment, Kind::Vpp] {
        let hub = hub(&["contoso"], kind);
        let (one, two) = (hub.clone("one", &[]), hub.clone("two", &[]));
        one.run(&["apply"]).ends_with(0).says("uploaded");
        two.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
        two.run(&["apply"]).ends_with(0).says("nothing to upload");
        assert_eq!(hub.world.uploads_of("contoso", kind), 1);
        let events: Vec<_> =
            hub.lines("contoso").iter().map(|line| line["event"].clone()).collect();
        assert_eq!(events, ["intended", "applied", "confirmed"]);
    }
}

#[test]
fn a_clone_of_depth_one_sees_the_whole_ledger() {
    let hub = hub(&["contoso"], Kind::Vpp);
    hub.clone("one", &[]).run(&["apply"]).ends_with(0).says("uploaded");
    let shallow = hub.clone("shallow", &["--depth", "1"]);
    // Without the ledger, the setting alone could not be told from a new file.
    shallow.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
    shallow.run(&["apply"]).ends_with(0).says("nothing to upload");
    let shown = shallow.run(&["ledger", "show", "--format", "json"]).ends_with(0).json();
    assert_eq!(shown["entries"].as_array().unwrap().len(), 3);
    shallow.run(&["ledger", "verify"]).ends_with(0).says("3 entries");
}

#[test]
fn two_applies_of_one_commit_at_once_upload_each_digest_once() {
    let names = ["adatum", "contoso", "fabrikam", "litware"];
    let hub = hub(&names, Kind::Push);
    let clones = [hub.clone("one", &[]), hub.clone("two", &[]), hub.clone("three", &[])];
    // The plans are made before anybody has announced anything, and no upload shows before
    // everybody has announced.
    let slow = |milliseconds| FaultRule::always(Fault::Latency { milliseconds });
    hub.world.state().add_fault(slow(400).on_method("POST").on("*/token"));
    hub.world.state().add_fault(slow(2500).on_method("PATCH"));
    let children: Vec<_> = clones
        .iter()
        .map(|clone| {
            let mut command = clone.command(&["apply", "--format", "json"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let outputs: Vec<_> =
        children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for name in names {
        assert_eq!(hub.world.uploads_of(name, Kind::Push), 1, "{name}");
    }
    for output in &outputs {
        let code = output.status.code().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!([0, 3, 5, 6].contains(&code), "{code}: {text}");
        let told = code == 0
            || text.contains("in-progress-elsewhere")
            || text.contains("stale")
            || text.contains("confirmed");
        assert!(told, "{code}: {text}");
    }
    hub.world.state().clear_faults();
    for clone in &clones {
        clone.run(&["apply"]).ends_with(0);
        clone.run(&["plan", "--detailed-exitcode"]).ends_with(0);
        clone.run(&["ledger", "verify"]).ends_with(0);
    }
    for name in names {
        assert_eq!(hub.world.uploads_of(name, Kind::Push), 1, "{name}");
    }
}

#[test]
fn a_run_that_another_overtakes_takes_its_upload_for_no_change_by_hand() {
    let hub = hub(&["contoso"], Kind::Push);
    let (one, two) = (hub.clone("one", &[]), hub.clone("two", &[]));
    one.run(&["apply"]).ends_with(0);
    hub.world.renew("contoso", Kind::Push);
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    one.git(&["pull", "--quiet"]);
    // The second run has read the ledger, and signs in until the first is done.
    let slow = FaultRule::always(Fault::Latency { milliseconds: 4000 });
    hub.world.state().add_fault(slow.on_method("POST").on("*/token"));
    let mut command = two.command(&["apply"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let overtaken = command.spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    hub.world.state().clear_faults();
    one.run(&["apply"]).ends_with(0).says("uploaded");
    let overtaken = overtaken.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&overtaken.stdout);
    assert!(!text.contains("in the portal"), "{text}");
    let events: Vec<_> = hub.lines("contoso").iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events.last().unwrap(), "confirmed", "{events:?}");
}

#[test]
fn many_applies_in_one_clone_at_once_upload_each_digest_once() {
    let hub = hub(&["contoso", "fabrikam"], Kind::Vpp);
    let clone = hub.clone("one", &[]);
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut command = clone.command(&["apply"]);
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    let codes: Vec<_> =
        children.into_iter().map(|mut child| child.wait().unwrap().code().unwrap()).collect();
    assert!(codes.contains(&0), "{codes:?}");
    assert!(codes.iter().all(|code| [0, 6].contains(code)), "{codes:?}");
    for name in ["contoso", "fabrikam"] {
        assert_eq!(hub.world.uploads_of(name, Kind::Vpp), 1, "{name}");
    }
    clone.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    clone.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn a_second_clone_waits_for_the_first_and_says_so_with_6() {
    let hub = hub(&["contoso"], Kind::Vpp);
    let (one, two) = (hub.clone("one", &[]), hub.clone("two", &[]));
    let rule = FaultRule::always(Fault::Hang).for_tenant(tenant_id("contoso")).on_method("PATCH");
    hub.world.state().add_fault(rule);
    let mut first = one.command(&["apply"]).spawn().unwrap();
    eventually("the request arrived", || {
        hub.world.state().requests().iter().any(|request| request.method == "PATCH")
    });
    two.run(&["apply"]).ends_with(6).says("Another run");
    two.run(&["plan"]).ends_with(0).says("in-progress-elsewhere");
    first.kill().unwrap();
    first.wait().unwrap();
    hub.world.state().clear_faults();
    // The lease still runs: from another clone nobody can tell that the first one died.
    two.run(&["apply"]).ends_with(6);
    assert_eq!(hub.world.uploads_of("contoso", Kind::Vpp), 0);
}

#[test]
fn without_the_remote_nothing_is_written_and_the_ledger_is_unknown() {
    let hub = hub(&["contoso"], Kind::Push);
    let clone = hub.clone("one", &[]);
    std::fs::rename(hub.folder(), hub.world.path("away")).unwrap();
    clone.run(&["apply"]).ends_with(3).says("base-unknown");
    let run = clone.run(&["apply", "--format", "json", "--policy-rev", "origin/main"]);
    run.ends_with(3);
    assert_eq!(hub.world.uploads_of("contoso", Kind::Push), 0);
    std::fs::rename(hub.world.path("away"), hub.folder()).unwrap();
    clone.run(&["apply"]).ends_with(0).says("uploaded");
}

#[test]
fn a_ledger_branch_that_was_deleted_at_the_remote_stops_everything() {
    let hub = hub(&["contoso"], Kind::Push);
    let clone = hub.clone("one", &[]);
    clone.run(&["apply"]).ends_with(0);
    hub.git(&["update-ref", "-d", "refs/heads/applecart/ledger"]);
    hub.world.renew("contoso", Kind::Push);
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    clone.git(&["pull", "--quiet"]);
    clone.run(&["apply"]).ends_with(3).says("ledger-lost");
    assert_eq!(hub.world.uploads_of("contoso", Kind::Push), 1);
}

#[cfg(unix)]
#[test]
fn a_remote_that_takes_no_intent_gets_no_upload() {
    let hub = hub(&["contoso"], Kind::Push);
    let clone = hub.clone("one", &[]);
    let hook = hub.protect("pre-receive");
    clone.run(&["apply"]).ends_with(3).says("nothing was uploaded").says("Protected branch");
    assert_eq!(hub.world.uploads_of("contoso", Kind::Push), 0);
    std::fs::remove_file(hook).unwrap();
    clone.run(&["apply"]).ends_with(0).says("uploaded");
}

#[cfg(unix)]
#[test]
fn outcomes_that_could_not_be_pushed_are_saved_and_delivered_later() {
    let hub = hub(&["contoso"], Kind::Push);
    let clone = hub.clone("one", &[]);
    // The remote stops taking pushes between the announcement and the end.
    let rule = FaultRule::always(Fault::Latency { milliseconds: 1500 })
        .for_tenant(tenant_id("contoso"))
        .on_method("PATCH");
    hub.world.state().add_fault(rule);
    let mut command = clone.command(&["apply"]);
    command.stdout(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    eventually("the intent is at the remote", || {
        hub.git(&["log", "--format=%s", REFNAME]).contains("intended")
    });
    let hook = hub.protect("pre-receive");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("applecart ledger append"), "{text}");
    assert_eq!(hub.world.uploads_of("contoso", Kind::Push), 1);
    assert_eq!(hub.lines("contoso").len(), 1, "only the announcement arrived");

    let saved = std::fs::read_dir(&clone.folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("applecart-unpushed-"))
        .unwrap();
    // The pipeline's clone is gone; another one delivers the file.
    std::fs::remove_file(hook).unwrap();
    let other = hub.clone("two", &[]);
    other.append(&saved).ends_with(0).says("2 of 2 entries recorded");
    let events: Vec<_> = hub.lines("contoso").iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events, ["intended", "applied", "confirmed"]);
    other.run(&["apply"]).ends_with(0).says("nothing to upload");
    clone.run(&["apply"]).ends_with(0).says("nothing to upload");
    assert_eq!(hub.lines("contoso").len(), 3);
}

#[test]
fn a_local_ledger_is_only_for_whoever_asks_for_one() {
    let hub = Hub::without_ledger();
    hub.world.renewal_of("contoso", Kind::Push);
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let clone = hub.clone("one", &[]);
    clone.run(&["apply", "--local-ledger"]).ends_with(0).says("uploaded");
    assert_eq!(hub.git(&["for-each-ref", "refs/heads/applecart"]), "");
    // From here on the shared ledger is missing what this clone knows.
    clone.run(&["plan"]).ends_with(3).says("ledger append --publish");
    clone.run(&["ledger", "append", "--publish"]).ends_with(0).says("published");
    clone.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    assert_eq!(hub.lines("contoso").len(), 3);
}
