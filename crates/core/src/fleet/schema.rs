//! The JSON Schemas of the files and of the machine output, generated from the types.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::diagnostic::ValidateReport;
use super::raw::{RawFleet, RawTenant};

/// Where the schemas are published; an editor's modeline names them there.
const BASE: &str = "https://raw.githubusercontent.com/applecart/applecart/main/schema/";

/// Every schema of this module, with the name of its file under `schema/`.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("fleet.schema.json", fleet()),
        ("tenant.schema.json", tenant()),
        (
            "diagnostics.schema.json",
            schema_of::<ValidateReport>(
                "diagnostics.schema.json",
                "Output of applecart validate --format json",
            ),
        ),
    ]
}

/// The schema of a type, as it is published under `file`.
///
/// Other modules use it for their own outputs, so that all schemas look alike.
pub fn schema_of<T: JsonSchema>(file: &str, title: &str) -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$id".to_owned(), format!("{BASE}{file}").into());
        object.insert("title".to_owned(), title.into());
    }
    schema
}

pub(super) fn fleet() -> Value {
    schema_of::<RawFleet>("fleet.schema.json", "applecart.yaml: the settings of a fleet")
}

pub(super) fn tenant() -> Value {
    schema_of::<RawTenant>("tenant.schema.json", "tenant.yaml: one Intune tenant of a fleet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::shape::Shape;

    #[test]
    fn every_schema_of_a_file_has_a_shape() {
        assert!(Shape::of_schema(&fleet()).is_some());
        assert!(Shape::of_schema(&tenant()).is_some());
    }

    #[test]
    fn every_schema_is_valid_and_names_its_file() {
        for (file, schema) in schemas() {
            assert!(jsonschema::validator_for(&schema).is_ok(), "{file}");
            assert_eq!(schema["$id"], format!("{BASE}{file}"));
        }
    }

    #[test]
    fn editors_see_required_fields_and_descriptions() {
        let schema = tenant();
        assert_eq!(
            schema["required"],
            serde_json::json!(["apiVersion", "kind", "name", "tenantId"])
        );
        assert_eq!(schema["additionalProperties"], false);
        let described = |schema: &Value| schema["description"].is_string();
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(described(property), "{name}");
        }
    }
}
