//! How old a reading is, and that a reading which is too old is told.

use chrono::{Duration, Utc};
use serde_json::Value;

use applecart_core::model::Timestamp;
use applecart_simulator::{Fault, FaultRule};

use crate::world::{Run, World, tenant_id};

fn fleet(settings: &str) -> World {
    let world = World::new();
    world.write("applecart.yaml", &world.policy(settings));
    for name in ["contoso", "fabrikam"] {
        let issued = world.issue(None, 200);
        world.live(name, Some(&issued));
        world.tenant(name, &issued);
    }
    world.commit("Two customers");
    world
}

fn status(world: &World, more: &[&str], in_hours: i64) -> Run {
    let now = Timestamp::new(Utc::now() + Duration::hours(in_hours)).to_string();
    world.run(&[&["status", "--now", &now], more].concat())
}

fn json(world: &World, more: &[&str], in_hours: i64) -> Value {
    status(world, &[more, &["--format", "json"]].concat(), in_hours).json()
}

fn fail(world: &World, name: &str) {
    world.state().add_fault(FaultRule::always(Fault::status(504)).for_tenant(tenant_id(name)));
}

fn codes(status: &Value, tenant: &str) -> Vec<String> {
    let matters = status["attention"].as_array().unwrap();
    let its = matters.iter().filter(|one| one["tenant"]["name"] == tenant);
    let codes = its.map(|one| one["code"].as_str().unwrap().to_owned());
    codes.filter(|code| code == "reading-stale" || code == "server-error").collect()
}

#[test]
fn a_tenant_that_does_not_answer_is_stale_once_its_last_reading_is_too_old() {
    let world = fleet("drift: {within: 6h}\n");
    status(&world, &[], 0)
        .ends_with(0)
        .says("Every tenant was read in this run; drift is told within 6 hours.");
    fail(&world, "fabrikam");
    let soon = json(&world, &[], 5);
    let partly = status(&world, &[], 5)
        .says("1 of 2 tenants could not be read completely in this run; each was within the last ")
        .says("Drift is told within 6 hours.");
    assert!(!partly.stdout.contains("Every tenant was read"), "{}", partly.stdout);
    assert_eq!(codes(&soon, "fabrikam"), ["server-error"]);
    assert_eq!(soon["summary"]["stale"], 0);
    let run = status(&world, &["--fail-on", "reading-stale"], 7).ends_with(3);
    let run = run.says("1 of 2 tenants was not read within 6 hours");
    run.says("Drift is not told there").says("reading-stale, 1 tenant: fabrikam");
    let late = json(&world, &["--fail-on", "reading-stale"], 7);
    assert_eq!(codes(&late, "fabrikam"), ["reading-stale"], "one matter, not two");
    assert_eq!(codes(&late, "contoso"), [""; 0]);
    assert_eq!(late["exits"], serde_json::json!([3, 9]));
    assert_eq!(
        (&late["summary"]["stale"], &late["driftWithinSeconds"]),
        (&1.into(), &21_600.into())
    );
    let read = |name: &str| {
        let tenants = late["tenants"].as_array().unwrap();
        let its = tenants.iter().find(|one| one["name"] == name).unwrap();
        its["readAt"].as_str().unwrap().parse::<Timestamp>().unwrap()
    };
    let age = read("contoso").since(read("fabrikam"));
    assert!((Duration::hours(6)..=Duration::hours(8)).contains(&age), "{age}");
    // Answered again, it is fresh, and the matter ends.
    world.state().clear_faults();
    assert_eq!(codes(&json(&world, &[], 8), "fabrikam"), [""; 0]);
}

#[test]
fn offline_the_age_of_the_last_reading_is_told() {
    let world = fleet("");
    let never = status(&world, &["--offline"], 0).ends_with(0);
    never.says("2 of 2 tenants were not read within 24 hours: of 2 no reading is known.");
    status(&world, &[], 0).ends_with(0);
    status(&world, &["--offline"], 3)
        .ends_with(0)
        .says("Every tenant was read within the last ")
        .says("hours; drift is told within 24 hours.");
    let old = status(&world, &["--offline", "--fail-on", "urgent"], 30).ends_with(9);
    old.says("reading-stale, 2 tenants: contoso, fabrikam").says("applecart status");
}

#[cfg(unix)]
#[test]
fn a_clone_that_remembers_nothing_goes_by_the_ledger() {
    let world = fleet("");
    // `apply` records what it confirmed by reading.
    world.run(&["apply"]).ends_with(0);
    std::fs::remove_file(world.repo().join(".git/applecart/readings")).unwrap();
    status(&world, &["--offline"], 3).says("Every tenant was read within the last ");
    let old = status(&world, &["--offline"], 30).ends_with(0);
    old.says("This clone has never read all of it, and the ledger's last reading is from");
}

#[cfg(unix)]
#[test]
fn a_clone_that_cannot_be_written_shows_its_status_all_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = fleet("");
    status(&world, &[], 0).ends_with(0);
    let folder = world.repo().join(".git/applecart");
    let _ = std::fs::remove_file(folder.join("readings"));
    // A folder in its place takes no file, whoever runs this.
    std::fs::create_dir(folder.join("readings")).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).unwrap();
    let run = status(&world, &[], 0).ends_with(0);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    run.says("Every tenant was read in this run");
}

#[test]
fn a_run_with_a_clock_ahead_makes_no_reading_look_fresh() {
    let world = fleet("");
    status(&world, &[], 24 * 365).ends_with(0);
    let now = status(&world, &["--offline"], 0).ends_with(0);
    now.says("no reading is known");
}

#[test]
fn a_time_that_nobody_could_keep_is_refused() {
    for (within, code) in [("30m", 78), ("8d", 78), ("soon", 78), ("1h", 0), ("7d", 0)] {
        let world = fleet(&format!("drift: {{within: {within}}}\n"));
        let run = world.run(&["validate"]).ends_with(code);
        assert_eq!(run.stdout.contains("applecart.yaml:"), code != 0, "{within}: {}", run.stdout);
    }
}
