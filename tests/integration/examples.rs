//! Everything in `examples/` is valid, for the program and for the schemas.

use std::fs;

use serde_json::Value;

use crate::world::{World, project};

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
        if !example.is_dir() {
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
    fits("apply.schema.json", &world.run(&["apply", "--format", "json"]).ends_with(0).json());
    fits("status.schema.json", &world.run(&["status", "--format", "json"]).ends_with(0).json());
    fits(
        "ledger-show.schema.json",
        &world.run(&["ledger", "show", "--format", "json"]).ends_with(0).json(),
    );
    fits(
        "ledger-verify.schema.json",
        &world.run(&["ledger", "verify", "--format", "json"]).ends_with(0).json(),
    );
    let lines =
        world.git(&["grep", "--no-line-number", "-h", "", "applecart/ledger", "--", "tenants"]);
    assert!(lines.lines().count() >= 3);
    for line in lines.lines() {
        fits("ledger-line.schema.json", &serde_json::from_str(line).unwrap());
    }
}
