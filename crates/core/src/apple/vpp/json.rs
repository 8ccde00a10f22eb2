//! The JSON inside a VPP token, read strictly where it matters: no key twice, none missing,
//! nothing after it. The secret is looked at and dropped, never kept.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};

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
                "orgName" => seen.organization = map.next_value::<Text>()?.0,
                "expDate" => {
                    let date = map.next_value::<Date>()?;
                    seen.has_date = !matches!(date, Date::Absent);
                    seen.expires = match date {
                        Date::Raw(raw) => Some(raw),
                        Date::Absent | Date::Other => None,
                    };
                }
                "token" => seen.token = map.next_value::<Present>()?.0,
                // Fields that Apple may add are none of our business.
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            seen.twice |= !keys.insert(key);
        }
        Ok(seen)
    }
}

/// Implements `Deserialize` for a value that may be anything, with the methods that matter.
macro_rules! any_value {
    ($name:ident, $other:expr, { $($method:tt)* }) => {
        impl<'de> de::Deserialize<'de> for $name {
            fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Any;
                impl<'de> Visitor<'de> for Any {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a value")
                    }

                    fn visit_bool<E: de::Error>(self, _: bool) -> Result<$name, E> {
                        Ok($other)
                    }

                    fn visit_f64<E: de::Error>(self, _: f64) -> Result<$name, E> {
                        Ok($other)
                    }

                    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<$name, A::Error> {
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                        Ok($other)
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        Ok($other)
                    }

                    $($method)*
                }
                deserializer.deserialize_any(Any)
            }
        }
    };
}

/// A text, or `None` for anything else.
struct Text(Option<String>);

any_value!(Text, Text(None), {
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Text, E> {
        Ok(Text(None))
    }
});

/// Whether a text that is not empty is there; the text itself is not kept.
struct Present(bool);

any_value!(Present, Present(false), {
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Present, E> {
        Ok(Present(!text.trim().is_empty()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Present, E> {
        Ok(Present(false))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Present, E> {
        Ok(Present(false))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Present, E> {
        Ok(Present(false))
    }
});

enum Date {
    Raw(Raw),
    Absent,
    Other,
}

any_value!(Date, Date::Other, {
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Date, E> {
        Ok(if text.trim().is_empty() {
            Date::Absent
        } else {
            Date::Raw(Raw::Text(text.to_owned()))
        })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Date, E> {
        Ok(Date::Absent)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Date, E> {
        Ok(i64::try_from(number).map_or(Date::Other, |number| Date::Raw(Raw::Number(number))))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Date, E> {
        Ok(Date::Raw(Raw::Number(number)))
    }
});
