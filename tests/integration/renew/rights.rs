//! A renewal under the rights of docs/ledger.md: each does their part, and nobody another's.

use super::*;
use crate::world::forge::{LEDGER, User};

/// A technician's machine: it has no key, and what it may send is what its user may read.
fn as_technician(clone: &Clone<'_>, arguments: &[&str]) -> Run {
    let mut command = clone.command(arguments);
    command.env_remove("SOPS_AGE_KEY").env("FORGE_USER", "technician");
    crate::world::finish(command)
}

#[test]
fn a_renewal_runs_whole_under_the_rights_of_each_and_a_technicians_apply_sends_nothing() {
    let hub = hub(&["contoso"]);
    hub.grant();
    let technician = admin(&hub, "technician");
    let out = hub.world.path("");
    as_technician(&technician, &["renew", "contoso/push", "--out", text(&out)]).ends_with(0);
    let request = std::fs::read_to_string(hub.world.path("IntuneCSR-contoso.csr")).unwrap();
    let apple = hub.world.simulator().apple();
    let issued = apple.renew(&request, &topic(&hub.world, "contoso"), Utc::now()).unwrap();
    let file = download(&hub.world, "MDM_contoso.pem", &issued.pem);
    as_technician(&technician, &["renew", "contoso/push", "--file", text(&file), "--push"])
        .ends_with(0)
        .says("pushed; open the pull request");
    let branch = hub.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"]);

    // Neither of the branches that decide is theirs.
    let record = hub.git(&["rev-parse", LEDGER]);
    technician.git(&["fetch", "--quiet", "origin"]);
    for refspec in [
        format!("refs/remotes/origin/{branch}:refs/heads/main"),
        format!("refs/remotes/origin/{branch}:refs/heads/{LEDGER}"),
        format!(":refs/heads/{LEDGER}"),
    ] {
        assert!(!technician.pushes(User::Technician, &refspec), "{refspec}");
    }
    hub.merge(&branch);
    technician.git(&["pull", "--quiet", "origin", "main"]);
    // With the writer's secret and the key, too: what it cannot announce it does not send.
    technician
        .run_as(User::Technician, &["apply"])
        .ends_with(3)
        .says("technician may not push refs/heads/applecart/ledger");
    assert_eq!((hub.world.state().writes(), hub.git(&["rev-parse", LEDGER])), (0, record));

    let pipeline = hub.clone("pipeline", &[]);
    pipeline.run_as(User::Pipeline, &["apply"]).ends_with(0).says("uploaded");
    assert_eq!(hub.world.live_serial("contoso"), Some(issued.serial));
    as_technician(&technician, &["status"]).says("awaiting-confirmation");
    as_technician(&technician, &["acknowledge", "contoso/push"]).ends_with(0);
    let told = as_technician(&technician, &["status"]);
    assert!(!told.stdout.contains("awaiting-confirmation"), "{}", told.stdout);

    let events = |lines: Vec<serde_json::Value>| -> Vec<String> {
        let all = lines.iter().map(|line| line["event"].as_str().unwrap().to_owned());
        all.filter(|event| event != "observed").collect()
    };
    assert_eq!(events(hub.lines("contoso")), ["intended", "applied", "confirmed"]);
    assert_eq!(events(hub.notes("contoso")), ["renewal-opened", "acknowledged"]);
    as_technician(&technician, &["ledger", "verify"]).ends_with(0);
    technician.run_as(User::Technician, &["audit"]).ends_with(0);
    assert_eq!(hub.world.uploads("contoso"), 1);
}
