//! A schema as a table of its fields.

use std::fmt::Write as _;

use serde_json::Value;

/// The fields down to this depth, each with its path, type and description.
pub(super) fn table(schema: &Value, depth: usize) -> String {
    let mut rows = Rows { schema, depth, text: String::new() };
    rows.text.push_str("| field | type | what it is |\n|---|---|---|\n");
    rows.fields_of(schema, "", 1, &mut Vec::new());
    rows.text
}

struct Rows<'a> {
    schema: &'a Value,
    depth: usize,
    text: String,
}

impl<'a> Rows<'a> {
    /// What a reference names, else the value itself; also behind "this or nothing".
    fn resolved(&self, value: &'a Value) -> &'a Value {
        if let Some(name) = value["$ref"].as_str() {
            return self.resolved(&self.schema["$defs"][name.trim_start_matches("#/$defs/")]);
        }
        let choices = value["anyOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut choices = choices.iter().filter(|choice| choice["type"] != "null");
        match (choices.next(), choices.next()) {
            (Some(only), None) => self.resolved(only),
            _ => value,
        }
    }

    fn fields_of(
        &mut self,
        value: &'a Value,
        path: &str,
        level: usize,
        above: &mut Vec<&'a Value>,
    ) {
        let value = self.resolved(value);
        if level > self.depth || above.iter().any(|one| std::ptr::eq(*one, value)) {
            return;
        }
        above.push(value);
        let needed = value["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (name, field) in value["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.row(&path, field, needed.iter().any(|one| one == name.as_str()));
            self.inside(field, &path, level, above);
        }
        for key in ["allOf", "oneOf", "anyOf"] {
            for part in value[key].as_array().map(Vec::as_slice).unwrap_or_default() {
                self.fields_of(part, path, level, above);
            }
        }
        above.pop();
    }

    /// The fields of what a field holds: an object, or the entries of a list or of a map.
    fn inside(&mut self, field: &'a Value, path: &str, level: usize, above: &mut Vec<&'a Value>) {
        let held = self.resolved(field);
        if !held["items"].is_null() {
            let path = format!("{path}[]");
            self.inside(&held["items"], &path, level, above);
        } else if held["additionalProperties"].is_object() {
            self.inside(&held["additionalProperties"], &format!("{path}.*"), level, above);
        } else {
            self.fields_of(held, path, level + 1, above);
        }
    }

    fn row(&mut self, path: &str, field: &'a Value, is_needed: bool) {
        let about = field["description"].as_str().or(self.resolved(field)["description"].as_str());
        let about = about.unwrap_or_default().replace('\n', " ").replace('|', "\\|");
        let mark = if is_needed { "**" } else { "" };
        let kind = self.kind(field);
        writeln!(self.text, "| {mark}`{path}`{mark} | {kind} | {about} |").unwrap();
    }

    /// The type in words.
    fn kind(&self, field: &'a Value) -> String {
        let value = self.resolved(field);
        if let Some(one) = value["const"].as_str() {
            return format!("`{one}`");
        }
        let choices = ["oneOf", "anyOf"].map(|key| value[key].as_array());
        if let Some(choices) = choices.into_iter().flatten().next() {
            let words: Vec<&str> = choices.iter().filter_map(|one| one["const"].as_str()).collect();
            return match words.len() {
                0 => "one of several forms".to_owned(),
                1..=9 => {
                    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
                }
                _ => "a code".to_owned(),
            };
        }
        if let Some(words) = value["enum"].as_array() {
            let words = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`"));
            return words.collect::<Vec<_>>().join(", ");
        }
        let kind = match &value["type"] {
            Value::String(kind) => kind.as_str(),
            Value::Array(kinds) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("any")
            }
            _ => "any",
        };
        match (kind, value["format"].as_str()) {
            ("string", Some("date-time")) => "time".to_owned(),
            ("string", Some("date")) => "day".to_owned(),
            ("string", Some("uuid")) => "GUID".to_owned(),
            ("string", _) => "text".to_owned(),
            ("integer" | "number", _) => "number".to_owned(),
            ("boolean", _) => "true or false".to_owned(),
            ("array", _) => "list".to_owned(),
            ("object", _) => "object".to_owned(),
            (other, _) => other.to_owned(),
        }
    }
}
