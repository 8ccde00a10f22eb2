//! What a SOPS file shows without a key: that it is one, and to whom it says it is encrypted.

use std::borrow::Cow;

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

fn named(metadata: &[Member<'_>]) -> SopsRecipients {
    let mut found = None;
    for (key, value) in metadata {
        match (key.as_ref(), value) {
            ("age", Json::List(entries)) => {
                found = entries.iter().map(recipient).collect::<Option<Vec<String>>>();
                if found.is_none() {
                    return SopsRecipients::OtherKinds;
                }
            }
            // Texts, dates and empty lists; another list is one of another kind of keys.
            (_, Json::List(others)) if others.is_empty() => {}
            (_, Json::List(_) | Json::Object(_)) => return SopsRecipients::OtherKinds,
            _ => {}
        }
    }
    found.map_or(SopsRecipients::OtherKinds, SopsRecipients::Named)
}

fn recipient(entry: &Json<'_>) -> Option<String> {
    let Json::Object(members) = entry else { return None };
    members.iter().find_map(|(key, value)| match value {
        Json::Text(text) if key == "recipient" => Some(text.to_string()),
        _ => None,
    })
}
