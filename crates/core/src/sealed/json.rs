//! JSON as SOPS needs it: the order of keys kept (the MAC goes over the values in that order), no
//! key twice, and bounded in depth, count and length of keys.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// SOPS writes three levels itself; the rest are the document's.
const MAX_DEPTH: usize = 16;
/// 64 recipients have some 200 values.
const MAX_VALUES: usize = 4096;
/// A value's path is kept and authenticated with it, so a long key would count again for every
/// value under it: depth, count and this make 8 MiB at most.
const MAX_KEY: usize = 128;

/// A JSON value. What numbers say is never needed: a value that is one is not encrypted.
#[derive(Debug)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Number,
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a text is no such JSON. Holds none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    Syntax,
    DuplicateKey,
    TooComplex,
}

/// Reads one JSON value and nothing after it.
pub fn parse(text: &[u8]) -> Result<Json<'_>, JsonFault> {
    let bounds = Bounds { values: Cell::new(0), fault: Cell::new(JsonFault::Syntax) };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Seed { bounds: &bounds, depth: 0 }
        .deserialize(&mut reader)
        .map_err(|_| bounds.fault.get())?;
    reader.end().map_err(|_| JsonFault::Syntax)?;
    Ok(value)
}

struct Bounds {
    values: Cell<usize>,
    /// Why the visitor stopped, if it was the visitor.
    fault: Cell<JsonFault>,
}

impl Bounds {
    fn stop<E: Error>(&self, fault: JsonFault) -> E {
        self.fault.set(fault);
        E::custom("stopped")
    }
}

#[derive(Clone, Copy)]
struct Seed<'b> {
    bounds: &'b Bounds,
    depth: usize,
}

impl Seed<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.bounds.stop(JsonFault::TooComplex));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        let values = self.bounds.values.get() + 1;
        if values > MAX_VALUES {
            return Err(self.bounds.stop(JsonFault::TooComplex));
        }
        self.bounds.values.set(values);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let inner = self.inner()?;
        let mut members = Vec::new();
        while let Some(key) = access.next_key_seed(inner)? {
            let Json::Text(key) = key else { return Err(A::Error::custom("no key")) };
            if key.len() > MAX_KEY {
                return Err(self.bounds.stop(JsonFault::TooComplex));
            }
            members.push((key, access.next_value_seed(inner)?));
        }
        let mut seen = BTreeSet::new();
        if !members.iter().all(|(key, _)| seen.insert(key.as_ref())) {
            return Err(self.bounds.stop(JsonFault::DuplicateKey));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> JsonFault {
        parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn order_is_kept() {
        let Json::Object(members) = parse(br#"{"z":1,"a":[null,true,"x"],"m\u0041":{}}"#).unwrap()
        else {
            panic!()
        };
        let keys: Vec<&str> = members.iter().map(|(key, _)| key.as_ref()).collect();
        assert_eq!(keys, ["z", "a", "mA"]);
    }

    #[test]
    fn a_key_twice_is_refused_at_any_depth_and_in_any_spelling() {
        assert_eq!(fault(r#"{"a":1,"a":1}"#), JsonFault::DuplicateKey);
        assert_eq!(fault(r#"[{"b":{"a":1,"\u0061":1}}]"#), JsonFault::DuplicateKey);
    }

    #[test]
    fn depth_count_and_keys_are_bounded() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(fault(&deep(MAX_DEPTH + 1)), JsonFault::TooComplex);
        assert_eq!(fault(&"[".repeat(1_000_000)), JsonFault::TooComplex);
        assert_eq!(fault(&format!("[{}1]", "1,".repeat(MAX_VALUES))), JsonFault::TooComplex);
        assert_eq!(fault(&format!("{{\"{}\":1}}", "k".repeat(MAX_KEY + 1))), JsonFault::TooComplex);
    }

    #[test]
    fn what_is_no_json_is_told_apart() {
        for text in ["", "{", "{}{}", "{\"a\" 1}", "[1,]", "{\"a\":1e999}", "\u{0}"] {
            assert_eq!(fault(text), JsonFault::Syntax, "{text}");
        }
        assert_eq!(parse(b"\"\xff\"").unwrap_err(), JsonFault::Syntax);
    }
}
