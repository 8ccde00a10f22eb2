//! The JSON inside a VPP token, read strictly where it matters: no key twice, none missing,
//! nothing after it. The secret is looked at and dropped, never kept.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::date::Raw;

pub(super) struct Fields {
    pub(super) organization: String,
    pub(super) expires: Option<Raw>,
}

/// Why the JSON is not a token's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("its content is not JSON, or it is cut off")]
    NotJson,
    #[error("its `{0}` is missing or empty")]
    Missing(&'static str),
    #[error("it has the same field twice, so it is unclear which one counts")]
    Twice,
    #[error("there are several")]
    Several,
    #[error("something follows its JSON")]
    Trailing,
}

/// No organisation of Apple's has a longer name; a longer one would only fill the terminal.
const MAX_ORGANIZATION: usize = 1000;

pub(super) fn read(bytes: &[u8]) -> Result<Fields, Unreadable> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Seen>();
    let seen = values.next().and_then(Result::ok).ok_or(Unreadable::NotJson)?;
    let rest = bytes.get(values.byte_offset()..).unwrap_or_default();
    match rest.iter().find(|octet| !octet.is_ascii_whitespace() && **octet != 0) {
        None => {}
        Some(b'{') => return Err(Unreadable::Several),
        Some(_) => return Err(Unreadable::Trailing),
    }
    if seen.twice {
        return Err(Unreadable::Twice);
    }
    let organization = seen
        .organization
        .filter(|name| !name.trim().is_empty() && name.len() <= MAX_ORGANIZATION)
        .ok_or(Unreadable::Missing("orgName"))?;
    if !seen.token {
        return Err(Unreadable::Missing("token"));
    }
    if !seen.has_date {
        return Err(Unreadable::Missing("expDate"));
    }
    Ok(Fields { organization, expires: seen.expires })
}

#[derive(Default)]
struct Seen {
    organization: Option<String>,
    expires: Option<Raw>,
    has_date: bool,
    token: bool,
    twice: bool,
}

impl<'de> de::Deserialize<'de> for Seen {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Token)
    }
}

struct Token;

impl<'de> Visitor<'de> for Token {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        let mut seen = Seen::default();
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "orgName" => {
                    let name = map.next_value::<Value>()?;
                    seen.organization = name.as_str().map(str::to_owned);
                }
                "expDate" => (seen.has_date, seen.expires) = date(map.next_value()?),
                // A secret: it is looked at where it stands.
                "token" => seen.token = is_text(map.next_value::<&RawValue>()?.get()),
                // Fields that Apple may add are none of our business.
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            seen.twice |= !keys.insert(key);
        }
        Ok(seen)
    }
}

/// Whether a date is there, and what it says, where a text or a number can say it.
fn date(value: Value) -> (bool, Option<Raw>) {
    match value {
        Value::Null => (false, None),
        Value::String(text) if text.trim().is_empty() => (false, None),
        Value::String(text) => (true, Some(Raw::Text(text))),
        Value::Number(number) => (true, number.as_i64().map(Raw::Number)),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => (true, None),
    }
}

/// Whether this JSON is a text that is not empty.
fn is_text(json: &str) -> bool {
    json.strip_prefix('"').is_some_and(|text| !text.trim_end_matches('"').trim().is_empty())
}
