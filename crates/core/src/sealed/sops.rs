//! What a SOPS file shows without a key: that it is one, and to whom it says it is encrypted.

use std::borrow::Cow;
use std::collections::BTreeSet;

use memchr::memmem;

use super::json::{self, Json, JsonFault};
use super::recipients::SopsRecipients;

/// How every encrypted value begins.
pub const MARK: &str = "ENC[AES256_GCM,";
const METADATA: &str = "sops";

/// A key of a document or of its metadata, and its value.
pub type Member<'a> = (Cow<'a, str>, Json<'a>);

/// A SOPS file of the binary or the JSON store, in the order in which it was written.
pub struct Document<'a> {
    members: Vec<Member<'a>>,
    /// Where among them the metadata stand.
    metadata: usize,
}

/// Why a file cannot be read as such a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    NotSops,
    /// YAML, dotenv or INI.
    OtherStore,
    /// Cut off in the middle, most likely: what is left is still not plain text.
    Damaged,
    DuplicateKey,
    TooComplex,
}

/// Reads a document. Its metadata are there; what they say is not judged.
///
/// # Errors
/// A [`Fault::DuplicateKey`] or [`Fault::TooComplex`] is of the JSON, which need not be SOPS's.
pub fn read(text: &[u8]) -> Result<Document<'_>, Fault> {
    let unless_marked = |fault| if is_marked(text) { fault } else { Fault::NotSops };
    if !text.starts_with(b"{") {
        return Err(unless_marked(Fault::OtherStore));
    }
    match json::parse(text) {
        Ok(Json::Object(members)) => {
            let of_sops =
                |(key, value): &Member<'_>| key == METADATA && matches!(value, Json::Object(_));
            match members.iter().position(of_sops) {
                Some(metadata) => Ok(Document { members, metadata }),
                None => Err(unless_marked(Fault::Damaged)),
            }
        }
        Ok(_) | Err(JsonFault::Syntax) => Err(unless_marked(Fault::Damaged)),
        Err(JsonFault::DuplicateKey) => Err(Fault::DuplicateKey),
        Err(JsonFault::TooComplex) => Err(Fault::TooComplex),
    }
}

/// Whether this is a SOPS file, whole or damaged.
pub(crate) fn is_sops(text: &[u8]) -> bool {
    recipients(text).is_some()
}

fn is_marked(text: &[u8]) -> bool {
    memmem::find(text, MARK.as_bytes()).is_some()
}

impl<'a> Document<'a> {
    /// What SOPS wrote beside the values.
    pub fn metadata(&self) -> &[Member<'a>] {
        match self.members.get(self.metadata) {
            Some((_, Json::Object(members))) => members,
            _ => &[],
        }
    }

    /// Everything but the metadata.
    pub fn values(&self) -> impl Iterator<Item = &Member<'a>> {
        let is_value = |(place, _): &(usize, &Member<'a>)| *place != self.metadata;
        self.members.iter().enumerate().filter(is_value).map(|(_, member)| member)
    }
}

/// To whom a file says that it is encrypted; `None` for anything that is no SOPS file.
pub(super) fn recipients(text: &[u8]) -> Option<SopsRecipients> {
    match read(text) {
        Ok(document) => Some(named(document.metadata())),
        Err(Fault::NotSops) => None,
        Err(Fault::DuplicateKey | Fault::TooComplex) if !is_marked(text) => None,
        Err(_) => Some(SopsRecipients::Unreadable),
    }
}

/// Where the metadata name keys of other kinds than age's, and what they are.
const KINDS: [(&str, &str); 6] = [
    ("pgp", "PGP"),
    ("kms", "AWS KMS"),
    ("gcp_kms", "Google Cloud KMS"),
    ("azure_kv", "Azure Key Vault"),
    ("hc_vault", "HashiCorp Vault"),
    ("hckms", "Huawei Cloud KMS"),
];

/// What keys of other kinds than age's stand under a name of the metadata; `None` where that has none.
pub fn other_kind(name: &str, value: &Json<'_>) -> Option<&'static str> {
    match value {
        Json::List(keys) if !keys.is_empty() => {}
        Json::Object(_) => {}
        // Texts, dates and empty lists.
        _ => return None,
    }
    let kind = KINDS.iter().find(|(key, _)| *key == name);
    Some(kind.map_or("an unknown kind", |(_, kind)| *kind))
}

fn named(metadata: &[Member<'_>]) -> SopsRecipients {
    let (mut keys, mut kinds) = (Vec::new(), BTreeSet::new());
    let groups = metadata.iter().find_map(|(key, value)| match value {
        Json::List(groups) if key == "key_groups" && !groups.is_empty() => Some(groups),
        _ => None,
    });
    let in_groups = groups.into_iter().flatten().filter_map(|group| match group {
        Json::Object(members) => Some(members),
        _ => None,
    });
    let beside = metadata.iter().filter(|(key, _)| key != "key_groups");
    for (key, value) in beside.chain(in_groups.flatten()) {
        match (key.as_ref(), value) {
            ("age", Json::List(entries)) => {
                for entry in entries {
                    match recipient(entry) {
                        Some(key) => keys.push(key),
                        None => drop(kinds.insert("an unknown kind")),
                    }
                }
            }
            (name, value) => kinds.extend(other_kind(name, value)),
        }
    }
    if keys.is_empty() && kinds.is_empty() {
        kinds.insert("an unknown kind");
    }
    let is_split = groups.is_some();
    match kinds.is_empty() && !is_split {
        true => SopsRecipients::Named(keys),
        false => SopsRecipients::Mixed { keys, kinds, is_split },
    }
}

fn recipient(entry: &Json<'_>) -> Option<String> {
    let Json::Object(members) = entry else { return None };
    members.iter().find_map(|(key, value)| match value {
        Json::Text(text) if key == "recipient" => Some(text.to_string()),
        _ => None,
    })
}
