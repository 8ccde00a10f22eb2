//! Settings that the pages show, and the line by which editors find the schemas: a validator takes them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::pages;
use crate::world::{World, finish, project};

const FLEET: &str = "apiVersion: applecart/v1\nkind: Fleet\n";
const AUTH: &str =
    "auth: {clientId: 2f6b0000-0000-4000-8000-000000000001, credential: client-secret}\n";
const TENANT: &str = "apiVersion: applecart/v1\nkind: Tenant\n";
const NAMES: &str = "name: contoso\ntenantId: 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11\n";

fn mistakes(schema: &Path, text: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let value: Value = match serde_yaml::from_str(text) {
        Ok(value) => value,
        Err(error) => return vec![error.to_string()],
    };
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors = validator.iter_errors(&value);
    errors.map(|error| format!("{error} at {}", error.instance_path())).collect()
}

/// The snippet with what every such file needs.
fn whole(text: &str, file: &str) -> String {
    let (head, needed, key) = match file {
        "fleet" => (FLEET, AUTH, "auth:"),
        _ => (TENANT, NAMES, "name:"),
    };
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    let head = if has("apiVersion:") { "" } else { head };
    let needed = if has(key) { "" } else { needed };
    format!("{head}{needed}{text}")
}

#[test]
fn every_snippet_of_settings_fits_its_schema() {
    let mut seen = 0;
    for page in pages::all() {
        for block in page.blocks().iter().filter(|block| block.language == "yaml") {
            let file = match block.text.lines().next().unwrap_or_default() {
                line if line.starts_with("# applecart.yaml") => "fleet",
                line if line.starts_with("# tenants/") => "tenant",
                _ => continue,
            };
            // Values that are cut short for the reader fit no pattern.
            if block.text.contains('…') {
                continue;
            }
            seen += 1;
            let schema = project().join(format!("schema/{file}.schema.json"));
            let found = mistakes(&schema, &whole(&block.text, file));
            assert!(found.is_empty(), "{}: {found:#?}\n{}", page.path, block.text);
        }
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn an_editor_finds_the_schema_of_every_file_that_init_writes() {
    let world = World::new();
    let fleet = world.path("new");
    let mut command = world.command(&["init", "--key"]);
    command.arg(world.path("new.agekey")).arg(&fleet);
    finish(command).ends_with(0);
    for file in ["applecart.yaml", "tenants/example/tenant.yaml"] {
        let path = fleet.join(file);
        let text = fs::read_to_string(&path).unwrap();
        // https://github.com/redhat-developer/yaml-language-server#using-inlined-schema
        let line = text.lines().next().unwrap();
        let named = line.strip_prefix("# yaml-language-server: $schema=").unwrap();
        let schema = path.parent().unwrap().join(named);
        assert!(mistakes(&schema, &text).is_empty(), "{file}: {:#?}", mistakes(&schema, &text));
        let wrong = text.replace("kind: ", "knid: ");
        assert!(!mistakes(&schema, &wrong).is_empty(), "{file}: a mistake is found");
    }
}
