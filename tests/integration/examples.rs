//! Everything in `examples/` is valid, for the program and for the schemas.

use std::fs;

use serde_json::Value;

use crate::world::{World, finish, project};

#[track_caller]
fn validator(name: &str) -> jsonschema::Validator {
    let text = fs::read_to_string(project().join("schema").join(name)).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[track_caller]
fn fits(schema: &str, value: &Value) {
    let errors: Vec<String> = validator(schema)
        .iter_errors(value)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{schema}: {errors:#?}\n{value:#}");
}

fn yaml(path: &std::path::Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_example_validates() {
    let mut seen = 0;
    for example in fs::read_dir(project().join("examples")).unwrap() {
        let example = example.unwrap().path();
        // Others are parts of a fleet, such as its pipelines.
        if !example.join("applecart.yaml").is_file() {
            continue;
        }
        seen += 1;
        let world = World::new();
        let status = std::process::Command::new("cp")
            .arg("-R")
            .arg(format!("{}/.", example.display()))
            .arg(world.repo())
            .status()
            .unwrap();
        assert!(status.success());
        world.commit("The example");
        world.run(&["validate"]).ends_with(0).says("0 errors, 0 warnings");
        world.run(&["validate", "--worktree"]).ends_with(0);
        fits("fleet.schema.json", &yaml(&example.join("applecart.yaml")));
        for tenant in fs::read_dir(example.join("tenants")).unwrap() {
            fits("tenant.schema.json", &yaml(&tenant.unwrap().path().join("tenant.yaml")));
        }
    }
    assert!(seen >= 2, "examples are missing");
}

#[test]
fn the_first_day_works_as_its_readme_says() {
    let world = World::new();
    let copy = world.path("copy");
    let from = project().join("examples/day-one");
    let copied = std::process::Command::new("cp").arg("-R").arg(&from).arg(&copy).status().unwrap();
    assert!(copied.success());
    let readme = fs::read_to_string(from.join("README.md")).unwrap();
    let commands: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("$ git ")).collect();
    assert_eq!(commands.len(), 3, "{readme}");
    for command in commands {
        let arguments: Vec<&str> = match command.split_once(" '") {
            Some((first, last)) => first.split(' ').chain([last.trim_end_matches('\'')]).collect(),
            None => command.split(' ').collect(),
        };
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"];
        crate::world::hub::git(copy.clone(), &[&identity[..], &arguments].concat());
    }
    let mut status = world.command(&["status", "--offline", "--all"]);
    status.current_dir(&copy);
    finish(status).ends_with(0).says("northwind").says("fabrikam");
}

#[test]
fn the_renewal_is_planned_as_its_readme_says() {
    let world = World::new();
    let example = project().join("examples/renewal");
    let copied = std::process::Command::new("cp")
        .arg("-R")
        .arg(format!("{}/.", example.display()))
        .arg(world.repo())
        .status()
        .unwrap();
    assert!(copied.success());
    world.commit("A fleet");
    let mut command = world.command(&[
        "plan",
        "--select",
        "contoso",
        "--snapshot",
        "live.json",
        "--now",
        "2026-11-22T12:00:00Z",
        "--format",
        "json",
    ]);
    command.env_remove("SOPS_AGE_KEY").env_remove("AZURE_CLIENT_SECRET");
    let plan = finish(command).ends_with(0).json();
    assert_eq!(plan["summary"]["uploads"], 1, "{plan:#}");
    assert_eq!(plan["source"], "snapshot");
    world.run(&["plan", "--snapshot", "live.json", "--out", "../plan.json"]).ends_with(0);
    world.run(&["apply", "../plan.json"]).ends_with(64).says("never applied");
}

#[test]
fn a_snapshot_needs_exactly_one_tenant() {
    let world = World::new();
    world.renewal("contoso");
    world.renewal("fabrikam");
    world.write("live.json", "{}");
    world
        .run(&["plan", "--snapshot", "live.json"])
        .ends_with(64)
        .says("--snapshot holds one tenant");
}

#[test]
fn every_machine_output_fits_its_schema() {
    let world = World::new();
    world.renewal("contoso");
    world.live("fabrikam", Some(&world.issue(None, 5)));
    world.tenant("fabrikam", &world.issue(None, 300));
    world.commit("Another topic for fabrikam");
    fits(
        "diagnostics.schema.json",
        &world.run(&["validate", "--format", "json"]).ends_with(0).json(),
    );
    fits("plan.schema.json", &world.run(&["plan", "--format", "json"]).ends_with(0).json());
    fits("apply.schema.json", &world.run(&["apply", "--format", "json"]).ends_with(4).json());
    fits("doctor.schema.json", &world.run(&["doctor", "--format", "json"]).ends_with(0).json());
    fits("status.schema.json", &world.run(&["status", "--format", "json"]).ends_with(0).json());
    fits(
        "ledger-show.schema.json",
        &world.run(&["ledger", "show", "--format", "json"]).ends_with(0).json(),
    );
    fits(
        "ledger-verify.schema.json",
        &world.run(&["ledger", "verify", "--format", "json"]).ends_with(0).json(),
    );
    fits("tenants.schema.json", &world.run(&["tenants", "--format", "json"]).ends_with(0).json());
    fits("version.schema.json", &world.run(&["version", "--format", "json"]).ends_with(0).json());
    let lines =
        world.git(&["grep", "--no-line-number", "-h", "", "applecart/ledger", "--", "tenants"]);
    assert!(lines.lines().count() >= 3);
    for line in lines.lines() {
        fits("ledger-line.schema.json", &serde_json::from_str(line).unwrap());
    }
}
