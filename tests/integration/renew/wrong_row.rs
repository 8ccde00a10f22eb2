//! One Apple Account has the rows of two customers, and contoso's request was uploaded on the row of
//! fabrikam: the certificate has one customer's key and the other's topic.

use super::*;

const NOT_ADVISED: &str = "applecart renew fabrikam";

/// The certificate that comes back when contoso's recorded request is uploaded on fabrikam's row.
fn on_the_wrong_row(hub: &Hub, clone: &Clone<'_>) -> (PathBuf, Issued) {
    run(clone, &["renew", "contoso/push", "--out", text(&hub.world.path(""))]).ends_with(0);
    let request = std::fs::read_to_string(hub.world.path("IntuneCSR-contoso.csr")).unwrap();
    let apple = hub.world.simulator().apple();
    let issued = apple.renew(&request, &topic(&hub.world, "fabrikam"), Utc::now()).unwrap();
    (download(&hub.world, "MDM.pem", &issued.pem), issued)
}

/// Runs a command that must refuse the file and write nothing; gives what it said.
#[track_caller]
fn refused(hub: &Hub, clone: &Clone<'_>, arguments: &[&str]) -> String {
    let before = state(hub, clone);
    let asked = run(clone, arguments).ends_with(4);
    assert_eq!(state(hub, clone), before, "nothing was written");
    assert!(!asked.stderr.contains(NOT_ADVISED), "{}", asked.stderr);
    let words = format!("{} {}", asked.stdout, asked.stderr);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_tenant_whose_request_it_was_is_told_of_the_row() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (file, _) = on_the_wrong_row(&hub, &clone);
    let said = refused(&hub, &clone, &["renew", "contoso/push", "--file", text(&file), "--push"]);
    let row = format!("press Renew on the row of contoso (topic {}", topic(&hub.world, "contoso"));
    assert!(said.contains("wrong-row") && said.contains(&row), "{said}");
    assert!(said.contains("uploaded on the row of fabrikam"), "{said}");
}

#[test]
fn no_way_into_the_fleet_takes_it_for_the_tenant_of_the_topic() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (file, _) = on_the_wrong_row(&hub, &clone);
    let file = text(&file);
    let folder = hub.world.path("downloads");
    // With fabrikam's own renewal open it is refused by the same rule.
    run(&clone, &["renew", "fabrikam/push", "--out", text(&hub.world.path(""))]).ends_with(0);
    for arguments in [
        &["renew", "fabrikam/push", "--file", file, "--push"][..],
        &["renew", "--batch", text(&folder), "--push"],
        &["seal", file, "fabrikam/push"],
        &["seal", file, "fabrikam/push", "--offline"],
    ] {
        let said = refused(&hub, &clone, arguments);
        assert!(said.contains("foreign-request"), "{arguments:?}: {said}");
        assert!(said.contains("contoso's request for Apple (CSR)"), "{arguments:?}: {said}");
        assert!(said.contains("Renew on the row of contoso"), "{arguments:?}: {said}");
    }
}

#[test]
fn sealed_by_hand_it_is_never_uploaded() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (_, issued) = on_the_wrong_row(&hub, &clone);
    hub.world.tokens("fabrikam").push(&issued).commit();
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let pipeline = hub.clone("pipeline", &[]);
    pipeline.run(&["apply", "--select", "fabrikam"]).ends_with(4).says("foreign-request");
    assert_eq!(hub.world.uploads("fabrikam"), 0);
}

/// What a pull request that seals it by hand would say, key included; nothing is opened.
#[test]
fn a_plan_tells_it_before_the_merge_where_the_tenant_file_states_the_key() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (_, issued) = on_the_wrong_row(&hub, &clone);
    let key = run(&clone, &["inspect", "-o", "json", text(&hub.world.path("downloads/MDM.pem"))]);
    let key = key.json()["facts"]["publicKeySha256"].as_str().unwrap().to_owned();
    hub.world.tokens("fabrikam").push(&issued).commit();
    let path = "tenants/fabrikam/tenant.yaml";
    let stated = std::fs::read_to_string(hub.world.repo().join(path)).unwrap();
    let state = |key: &str| {
        let line = format!("push:\n  publicKeySha256: {key}\n");
        hub.world.write(path, &stated.replacen("push:\n", &line, 1));
        hub.world.commit("Its key");
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    };
    state(&key);
    let pipeline = hub.clone("pipeline", &[]);
    let plan = pipeline.run(&["plan", "--select", "fabrikam", "--detailed-exitcode"]);
    plan.ends_with(2).says("foreign-request").says("Renew on the row of contoso");
    pipeline.run(&["apply", "--select", "fabrikam"]).ends_with(4).says("foreign-request");
    assert_eq!(hub.world.uploads("fabrikam"), 0);

    // A key that is not the file's hides nothing: the opened file is compared with it.
    state(&"1".repeat(64));
    let later = hub.clone("later", &[]);
    later.run(&["plan", "--select", "fabrikam"]).says("upload push");
    later.run(&["apply", "--select", "fabrikam"]).ends_with(4).says("publicKeySha256 is");
    assert_eq!(hub.world.uploads("fabrikam"), 0);
}

#[test]
fn the_key_is_written_with_the_other_facts_and_leaves_with_the_file() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    run(&clone, &["renew", "contoso/push", "--out", text(&hub.world.path(""))]).ends_with(0);
    let request = std::fs::read_to_string(hub.world.path("IntuneCSR-contoso.csr")).unwrap();
    let apple = hub.world.simulator().apple();
    let issued = apple.renew(&request, &topic(&hub.world, "contoso"), Utc::now()).unwrap();
    let file = download(&hub.world, "MDM.pem", &issued.pem);
    run(&clone, &["renew", "contoso/push", "--file", text(&file), "--push"]).ends_with(0);
    let branch = hub.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"]);
    let written = hub.git(&["show", &format!("{branch}:tenants/contoso/tenant.yaml")]);
    let key = run(&clone, &["inspect", "-o", "json", text(&file)]).json();
    let key = key["facts"]["publicKeySha256"].as_str().unwrap();
    assert!(written.contains(&format!("publicKeySha256: {key}")), "{written}");
}

#[test]
fn a_reviewed_line_releases_it_because_whoever_records_requests_must_not_stop_uploads() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (file, issued) = on_the_wrong_row(&hub, &clone);
    let live = hub.world.live_serial("fabrikam").unwrap();
    let path = "tenants/fabrikam/tenant.yaml";
    let before = std::fs::read_to_string(hub.world.repo().join(path)).unwrap();
    let line = format!(
        "push:\n  allow: [{{hold: foreign-request, from: '{live}', to: '{}', reason: forged record, until: {}}}]\n",
        issued.serial,
        date(Timestamp::new(crate::world::in_days(30)))
    );
    hub.world.write(path, &before.replacen("push:\n", &line, 1));
    hub.world.commit("Allow");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    run(&clone, &["renew", "fabrikam/push", "--file", text(&file), "--push"]).ends_with(0);
}

/// Somebody records under contoso the request that fabrikam's certificate answers.
#[test]
fn the_line_that_apply_prints_lets_the_certificate_arrive_and_no_other_line_does() {
    let hub = hub(&["contoso", "fabrikam"]);
    let (csr, key) = requests::foreign();
    let apple = hub.world.simulator().apple();
    let issued = apple.renew(&csr, &topic(&hub.world, "fabrikam"), Utc::now()).unwrap();
    hub.world.tokens("fabrikam").push(&issued).commit();
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    requests::record(&requests::mallory(&hub), "contoso", (csr, key));
    let pipeline = hub.clone("pipeline", &[]);
    let apply = ["apply", "--select", "fabrikam", "--format", "json"];
    let refused = pipeline.run(&apply).ends_with(4).json();
    let told = refused["results"][0]["details"][0].as_str().unwrap();
    assert!(told.contains("foreign-request") && told.contains("mallory <"), "{told}");
    let (_, line) = told.split_once("on the push entry: ").unwrap();
    assert!(line.starts_with("allow: [{hold: foreign-request, "), "{line}");
    let path = "tenants/fabrikam/tenant.yaml";
    let before = std::fs::read_to_string(hub.world.repo().join(path)).unwrap();
    let merge = |line: &str| {
        hub.world.write(path, &before.replacen("push:\n", &format!("push:\n  {line}\n"), 1));
        hub.world.commit("Reviewed");
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
        pipeline.git(&["pull", "--quiet"]);
    };
    // It is of this hold and of this certificate.
    for other in [
        line.replace("foreign-request", "key-mismatch"),
        line.replace(&issued.serial, "0123456789"),
    ] {
        assert_ne!(other, line);
        merge(&other);
        pipeline.run(&apply).ends_with(4).says("foreign-request");
        assert_eq!(hub.world.uploads("fabrikam"), 0);
    }
    merge(line);
    pipeline.run(&apply).ends_with(0);
    assert_eq!(hub.world.live_serial("fabrikam").as_deref(), Some(issued.serial.as_str()));
}
