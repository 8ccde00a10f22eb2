//! A fleet on its first day: everything imported, no file in Git yet, and one token of each bad kind.
//!
//! What is wrong with it is told by every format that `status` and `plan` have, and by their exit
//! codes; the formats are the ones that the program itself lists, so that a new one is asked, too.

use applecart_simulator::{Enrollment, Fault, FaultRule, Tenant};

use crate::world::{World, in_days, pushed, tenant_id};

/// The bad kinds, most urgent first, each a tenant of its own.
const BAD: [&str; 7] =
    ["topic", "deleted", "expired", "critical", "terms", "invalid", "unreadable"];

/// Imports a tenant whose push certificate has so many days left, and what else it has.
fn push_and(world: &World, name: &str, days: i64, fill: impl FnOnce(&mut Tenant)) {
    let mut tenant = Tenant::new(tenant_id(name));
    tenant.apple_push_notification_certificate = Some(pushed(name, &world.issue(None, days)));
    fill(&mut tenant);
    world.state().add_tenant(tenant).unwrap();
    let id = tenant_id(name).to_string();
    world.run(&["import", name, "--tenant-id", &id]).ends_with(0);
}

fn push(world: &World, name: &str, days: i64) {
    push_and(world, name, days, |_| {});
}

/// A fleet of import alone with these tenants, whose tokens went wrong since.
fn imported(names: &[&str]) -> World {
    let world = World::new();
    for name in names {
        match *name {
            "expired" => push(&world, name, -5),
            "critical" => push(&world, name, 5),
            "terms" => push_and(&world, name, 200, |tenant| {
                tenant.dep_onboarding_settings = vec![Enrollment::new("ABM", in_days(200))];
            }),
            "invalid" => {
                let vpp = world.live_vpp("vpp-1", "London", 200);
                push_and(&world, name, 200, |tenant| tenant.vpp_tokens = vec![vpp]);
            }
            _ => push(&world, name, 200),
        }
    }
    world.commit("Import");
    for name in names {
        match *name {
            "topic" => {
                let other = world.issue(None, 300);
                world.change(name, |tenant| {
                    tenant.apple_push_notification_certificate = Some(pushed(name, &other));
                });
            }
            "deleted" => {
                world.change(name, |tenant| tenant.apple_push_notification_certificate = None);
            }
            "terms" => world
                .change(name, |tenant| tenant.dep_onboarding_settings[0].last_sync_error_code = 3),
            "invalid" => {
                world.change(name, |tenant| tenant.vpp_tokens[0].state = "invalid".to_owned());
            }
            "unreadable" => {
                let forbidden = FaultRule::always(Fault::status(403)).for_tenant(tenant_id(name));
                world.state().add_fault(forbidden.on("*/applePushNotificationCertificate"));
            }
            _ => {}
        }
    }
    world
}

/// Every format of a command, as the program lists them.
fn formats(world: &World, command: &str) -> Vec<String> {
    let refused = world.run(&[command, "--format", "no-such-format"]).ends_with(64).stderr;
    let (_, list) = refused.split_once("possible values: ").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn a_day_one_fleet_tells_each_bad_token_in_every_format_and_exit_code() {
    let world = imported(&BAD);
    let status = world.run(&["status", "--fail-on", "urgent", "--format", "json"]).json();
    let attention = status["attention"].as_array().unwrap();
    let named: Vec<(&str, &str)> = attention
        .iter()
        .filter(|one| one["severity"] != "notice")
        .map(|one| (one["tenant"]["name"].as_str().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    let mut tenants: Vec<&str> = named.iter().map(|(tenant, _)| *tenant).collect();
    assert_eq!(tenants.len(), 7, "{named:?}");
    assert_eq!(tenants[0], "topic", "{named:?}");
    tenants.sort_unstable();
    let mut all = BAD.to_vec();
    all.sort_unstable();
    assert_eq!(tenants, all, "{named:?}");

    for command in ["status", "plan"] {
        // A calendar holds the days of renewals, whatever else is wrong today.
        for format in formats(&world, command).into_iter().filter(|format| format != "ics") {
            let run = world.run(&[command, "--format", &format]);
            for (tenant, code) in &named {
                assert!(
                    run.stdout.contains(tenant),
                    "{command} {format}: {tenant}: {}",
                    run.stdout
                );
                assert!(run.stdout.contains(code), "{command} {format}: {code}: {}", run.stdout);
            }
            for calm in ["nothing needs attention", "Nothing to upload.\n", "nothing to do"] {
                assert!(!run.stdout.contains(calm), "{command} {format}: {}", run.stdout);
            }
        }
    }
}

#[test]
fn a_day_one_fleet_fails_its_schedule_and_its_pull_request() {
    let world = imported(&BAD);
    // What could not be read comes first; the JSON has both.
    let status = world.run(&["status", "--fail-on", "urgent", "--format", "json"]).ends_with(3);
    assert_eq!(status.json()["exits"], serde_json::json!([3, 9]));
    let plan = world.run(&["plan", "--detailed-exitcode", "--format", "json"]).ends_with(3);
    assert_eq!(plan.json()["exits"], serde_json::json!([3, 2]));
    // Without it the whole fleet ends with exactly the two.
    let readable = imported(&BAD[..6]);
    assert!(!BAD[..6].contains(&"unreadable"));
    let status = readable.run(&["status", "--fail-on", "urgent", "--format", "json"]).ends_with(9);
    assert_eq!(status.json()["exits"], serde_json::json!([9]));
    let plan = readable.run(&["plan", "--detailed-exitcode", "--format", "json"]).ends_with(2);
    assert_eq!(plan.json()["exits"], serde_json::json!([2]));
    // Each of the others by itself.
    for name in BAD.iter().filter(|name| **name != "unreadable") {
        world.run(&["status", "--fail-on", "urgent", "--select", name]).ends_with(9);
    }
    for name in BAD.iter().filter(|name| **name != "unreadable") {
        world.run(&["plan", "--detailed-exitcode", "--select", name]).ends_with(2);
    }
}

#[test]
fn what_is_too_much_for_a_comment_stands_there_with_the_command_that_shows_it() {
    let world = World::new();
    for number in 0..12 {
        push(&world, &format!("critical-{number}"), 5);
    }
    world.commit("Import");
    let plan = world.run(&["plan", "--format", "markdown"]).ends_with(0).stdout;
    assert_eq!(plan.matches("🚨 **critical: ").count(), 10, "{plan}");
    let (_, rest) = plan.split_once("> 🚨 **Also critical: critical (2)**\n").unwrap();
    assert!(
        rest.starts_with(">\n> This shows each of them:\n>\n> ```sh\n> applecart status --all\n"),
        "{rest}"
    );
    let all = world.run(&["status", "--all"]).ends_with(0).stdout;
    for number in 0..12 {
        assert!(all.contains(&format!("critical-{number} ")), "{all}");
    }
}

#[test]
fn a_healthy_fleet_tells_nothing() {
    let world = imported(&["healthy", "well"]);
    let status = world.run(&["status", "--fail-on", "urgent", "--format", "json"]).ends_with(0);
    assert_eq!(status.json()["attention"], serde_json::json!([]));
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
    for command in ["status", "plan"] {
        for format in formats(&world, command) {
            let text = world.run(&[command, "--format", &format]).ends_with(0).stdout;
            for alarm in ["🚨", "⚠️", "::error", "::warning", "##vso[task.logissue", "ruleId"]
            {
                assert!(!text.contains(alarm), "{command} {format}: {text}");
            }
        }
    }
}
