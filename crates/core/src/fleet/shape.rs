//! Compares a document with the shape its JSON Schema gives it, and reports every difference.
//!
//! The schema is generated from the raw types, so editors, this check and the deserializer cannot
//! disagree. Only the shape is judged here (fields, types, closed lists of words); patterns and
//! ranges are left to the checks, which say in words what a regular expression cannot.
//!
//! What is wrong is reported and then taken out of the document, so that the checks still see
//! everything that is right and all mistakes come in one run.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::diagnostic::{Code, Diagnostic};
use super::document::{File, Key, Node, Span, Value};
use super::text::{alternatives, nearest, quote};

/// Fields that something has which messages are sent to.
const ADDRESSES: [&str; 5] = ["sink", "url", "host", "server", "forge"];

/// What may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Any scalar, as text.
    Text,
    Integer,
    /// `true` or `false`, as YAML 1.2 writes them.
    Boolean,
    /// One of these words.
    Word(Vec<String>),
    List(Box<Shape>),
    /// A mapping with free keys.
    Map(Box<Shape>),
    /// A mapping with known fields.
    Record(BTreeMap<String, Field>),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    shape: Shape,
    required: bool,
}

impl Shape {
    /// Reads the shape from a schema; `None` when the schema says something this module does not
    /// understand, which a test rules out for the schemas there are.
    pub(super) fn of_schema(root: &Json) -> Option<Self> {
        Self::compile(root, root)
    }

    fn compile(root: &Json, schema: &Json) -> Option<Self> {
        if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            return Self::compile(root, root.pointer(reference.strip_prefix('#')?)?);
        }
        // `Option<T>` of a referenced type: the type, or null.
        if let Some(any) = schema.get("anyOf").and_then(Json::as_array) {
            let mut rest = any.iter().filter(|one| one.get("type") != Some(&Json::from("null")));
            let only = rest.next()?;
            return rest.next().is_none().then(|| Self::compile(root, only)).flatten();
        }
        if let Some(one_of) = schema.get("oneOf").and_then(Json::as_array) {
            let words: Option<Vec<_>> = one_of.iter().map(words_of).collect();
            return Some(Self::Word(words?.concat()));
        }
        if let Some(words) = words_of(schema) {
            return Some(Self::Word(words));
        }
        let has_type = |name: &str| match schema.get("type") {
            Some(Json::String(only)) => only == name,
            Some(Json::Array(several)) => several.iter().any(|one| one == name),
            _ => false,
        };
        if has_type("string") {
            Some(Self::Text)
        } else if has_type("integer") {
            Some(Self::Integer)
        } else if has_type("boolean") {
            Some(Self::Boolean)
        } else if has_type("array") {
            Self::compile(root, schema.get("items")?).map(|items| Self::List(Box::new(items)))
        } else if let Some(fields) = schema.get("properties").and_then(Json::as_object) {
            let required: Vec<&str> = schema
                .get("required")
                .and_then(Json::as_array)
                .map(|names| names.iter().filter_map(Json::as_str).collect())
                .unwrap_or_default();
            let field = |(name, schema): (&String, &Json)| {
                let shape = Self::compile(root, schema)?;
                Some((name.clone(), Field { shape, required: required.contains(&name.as_str()) }))
            };
            fields.iter().map(field).collect::<Option<_>>().map(Self::Record)
        } else {
            let values = schema.get("additionalProperties")?;
            Self::compile(root, values).map(|values| Self::Map(Box::new(values)))
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Integer => "a whole number".into(),
            Self::Boolean => "`true` or `false`".into(),
            Self::Word(words) => alternatives(words.iter().map(String::as_str)),
            Self::List(_) => "a list".into(),
            Self::Map(_) | Self::Record(_) => "a mapping".into(),
        }
    }
}

fn words_of(schema: &Json) -> Option<Vec<String>> {
    if let Some(only) = schema.get("const") {
        return only.as_str().map(|word| vec![word.to_owned()]);
    }
    let words = schema.get("enum")?.as_array()?;
    // An optional word has `null` among its values.
    words
        .iter()
        .filter(|word| !word.is_null())
        .map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// Reports every difference between `node` and `shape`, and takes what is wrong out of `node`.
pub(super) fn fit(file: &mut File<'_>, shape: &Shape, node: &mut Node) {
    let at = node.span;
    if !matches!(node.value, Value::Map(_)) {
        let message = format!("the file is {}; it must be a mapping of fields", node.value.words());
        file.refuse(Code::WrongType, at, message, "start with `apiVersion: applecart/v1`");
        node.value = Value::Map(Vec::new());
        return;
    }
    walk(file, shape, node, Place { name: None, span: at });
}

/// What a value is called and where its name stands, for messages about what it lacks.
#[derive(Clone, Copy)]
struct Place<'a> {
    name: Option<&'a str>,
    span: Span,
}

/// Returns whether the node can stay.
fn walk(file: &mut File<'_>, shape: &Shape, node: &mut Node, place: Place<'_>) -> bool {
    let span = node.span;
    match (shape, &mut node.value) {
        // Was reported when the document was read.
        (_, Value::Refused) => false,
        (Shape::Text, Value::Scalar { .. }) => true,
        (Shape::Integer, value) if value.as_integer().is_some() => true,
        (Shape::Boolean, value) if value.as_bool().is_some() => true,
        (Shape::Word(words), Value::Scalar { text, .. }) => {
            let known = words.contains(text);
            if !known {
                let near = nearest(text, words.iter().map(String::as_str));
                let message = match place.name {
                    Some(name) => format!("{} is not a value of `{name}`", quote(text)),
                    None => format!("{} is not a value here", quote(text)),
                };
                let mistake = suggest(file.mistake(Code::UnknownValue, span, message), near);
                let listed = alternatives(words.iter().map(String::as_str));
                file.add(mistake.with_help(format!("write {listed}")));
            }
            known
        }
        (Shape::List(item), Value::List(items)) => {
            items.retain_mut(|node| {
                let span = node.span;
                walk(file, item, node, Place { name: place.name, span })
            });
            true
        }
        (Shape::Map(value), Value::Map(pairs)) => {
            pairs.retain_mut(|(key, node)| {
                let place = Place { name: Some(&key.text), span: key.span };
                walk(file, value, node, place)
            });
            true
        }
        (Shape::Record(fields), Value::Map(pairs)) => {
            record(file, fields, pairs, place);
            true
        }
        (shape, value) => {
            file.add(wrong_type(file, shape, value, span, &place));
            false
        }
    }
}

fn wrong_type(
    file: &File<'_>,
    shape: &Shape,
    value: &Value,
    span: Span,
    place: &Place<'_>,
) -> Diagnostic {
    let what = place.name.map_or("this".to_owned(), quote);
    let message = format!("{what} must be {}, not {}", shape.words(), describe(value));
    let span = if value == &Value::Null { place.span } else { span };
    let mistake = file.mistake(Code::WrongType, span, message);
    match (shape, value) {
        (Shape::List(item), Value::Scalar { text, .. })
            if matches!(**item, Shape::Text | Shape::Word(_)) =>
        {
            let text = quote(text);
            mistake.with_help(format!(
                "write it as a list with one item: [{}]",
                text.trim_matches('`')
            ))
        }
        (Shape::List(_), Value::Map(_)) => mistake.with_help("start each item with `- `"),
        _ => mistake,
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Scalar { text, .. } => quote(text),
        other => other.words().to_owned(),
    }
}

fn record(
    file: &mut File<'_>,
    fields: &BTreeMap<String, Field>,
    pairs: &mut Vec<(Key, Node)>,
    place: Place<'_>,
) {
    let mut present: Vec<String> = pairs.iter().map(|(key, _)| key.text.clone()).collect();
    pairs.retain_mut(|(key, node)| {
        if !fields.contains_key(&key.text) {
            let near = nearest(&key.text, fields.keys().map(String::as_str));
            file.add(unknown(file, key, fields, near, place));
            // Beside an address, what nobody knows is likely what lets somebody in there.
            if ADDRESSES.iter().any(|field| fields.contains_key(*field)) {
                file.hide(key.span.line);
            }
            // A misspelt field is not also a missing one, and its value is checked as it was meant.
            match near {
                Some(near) if !present.iter().any(|name| name == near) => {
                    near.clone_into(&mut key.text);
                    present.push(near.to_owned());
                }
                _ => return false,
            }
        }
        let Some(field) = fields.get(&key.text) else { return false };
        if node.value == Value::Null {
            if field.required {
                let message = format!("{} has no value", quote(&key.text));
                file.add(file.mistake(Code::MissingField, key.span, message));
            }
            return false;
        }
        walk(file, &field.shape, node, Place { name: Some(&key.text), span: key.span })
    });
    let missing: Vec<String> = fields
        .iter()
        .filter(|(name, field)| field.required && !present.contains(name))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    let (noun, verb) = if missing.len() == 1 { ("field", "is") } else { ("fields", "are") };
    if !missing.is_empty() {
        let message =
            format!("the {noun} {} {verb} missing{}", missing.join(", "), inside(place.name));
        file.add(file.mistake(Code::MissingField, place.span, message));
    }
}

fn unknown(
    file: &File<'_>,
    key: &Key,
    fields: &BTreeMap<String, Field>,
    near: Option<&str>,
    place: Place<'_>,
) -> Diagnostic {
    let message = format!("unknown field {}{}", quote(&key.text), inside(place.name));
    let mistake = suggest(file.mistake(Code::UnknownField, key.span, message), near);
    let lower = key.text.to_lowercase();
    if ["secret", "password", "passphrase", "privatekey"].iter().any(|sign| lower.contains(sign)) {
        mistake.with_help(
            "secrets do not belong in the repository: replace this one, and give the new one to the program's environment",
        )
    } else if near.is_some() {
        mistake
    } else {
        let known = fields.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        mistake.with_help(format!("fields here are {}", known.join(", ")))
    }
}

fn inside(name: Option<&str>) -> String {
    name.map_or(String::new(), |name| format!(" in {}", quote(name)))
}

fn suggest(mistake: Diagnostic, near: Option<&str>) -> Diagnostic {
    match near {
        Some(near) => mistake.with_label(format!("did you mean `{near}`?")),
        None => mistake,
    }
}
