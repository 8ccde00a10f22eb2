//! Request bodies, read strictly: media type, known properties, right types.

use serde_json::{Map, Value};

use super::Failure;
use crate::message::Call;

/// The properties of a request.
#[derive(Debug)]
pub(super) struct Body(Map<String, Value>);

/// Reads an object that may have the properties `known` and no other.
pub(super) fn read(call: &Call, known: &[&str]) -> Result<Body, Failure> {
    match call.media_type() {
        None => {
            return Err(Failure::bad_request(
                "Write requests (excluding DELETE) must contain the Content-Type header declaration.",
            ));
        }
        Some(media_type) if media_type != "application/json" => {
            return Err(Failure::media_type(&media_type));
        }
        Some(_) => {}
    }
    let value = serde_json::from_slice(&call.body)
        .map_err(|_| Failure::bad_request("Unable to read JSON request payload."))?;
    let Value::Object(object) = value else {
        return Err(Failure::bad_request("Unable to read JSON request payload."));
    };
    let unknown = object
        .keys()
        .find(|name| !known.contains(&name.as_str()) && name.as_str() != "@odata.type");
    match unknown {
        Some(name) => Err(Failure::bad_request(format!(
            "The property '{name}' does not exist or cannot be written here."
        ))),
        None => Ok(Body(object)),
    }
}

/// Makes sure that an action without parameters came without a body, or with an empty object.
pub(super) fn none(call: &Call) -> Result<(), Failure> {
    if call.body.is_empty() { Ok(()) } else { read(call, &[]).map(|_| ()) }
}

impl Body {
    fn wrong(name: &str, wanted: &str) -> Failure {
        Failure::bad_request(format!("The property '{name}' must be {wanted}."))
    }

    /// Whether there is anything to change.
    pub(super) fn is_empty(&self) -> bool {
        self.0.keys().all(|name| name.starts_with('@'))
    }

    /// A text; `None` when absent. Null is refused: no property here can be unset.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Self::wrong(name, "a string")),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.text(name)?.ok_or_else(|| Self::wrong(name, "present"))
    }

    /// One of the members of an enumeration.
    pub(super) fn one_of(&self, name: &str, members: &[&str]) -> Result<Option<&str>, Failure> {
        match self.text(name)? {
            Some(text) if !members.contains(&text) => {
                Err(Self::wrong(name, &format!("one of {}", members.join(", "))))
            }
            other => Ok(other),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Self::wrong(name, "true or false")),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Failure> {
        let wrong = || Self::wrong(name, "an array of strings");
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(wrong()),
        }
    }
}
