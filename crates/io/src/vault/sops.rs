//! SOPS files of the binary and the JSON store, sealed to age recipients.
//!
//! Such a file is a JSON document in which every value is encrypted by AES-256-GCM with one data
//! key; the value's path is authenticated with it, so a value cannot be moved to another key. The
//! data key is sealed to each recipient as a small age file. A MAC over all values in their order
//! shows that none was added, removed or swapped.
//!
//! The rest of the metadata is not authenticated by anything, so nothing here believes it: which
//! values ought to be encrypted is not asked, for all must be.

mod json;
mod metadata;
mod value;

#[cfg(test)]
pub(super) mod sealing;
#[cfg(test)]
mod tests;

use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use self::json::{Json, JsonFault};
use self::metadata::Metadata;
use self::value::Cipher;
use super::{Identities, OpenError, Secret};

/// How SOPS's own marks stand at the beginning of every encrypted value.
const MARK: &str = "ENC[AES256_GCM,";
const METADATA: &str = "sops";
const DATA: &str = "data";

/// Opens a SOPS file; anything that is none is [`OpenError::NotSealed`].
pub(super) fn open(text: &[u8], identities: &Identities) -> Result<Secret, OpenError> {
    let marked = || text.windows(MARK.len()).any(|window| window == MARK.as_bytes());
    if !text.starts_with(b"{") {
        return Err(if marked() { OpenError::OtherStore } else { OpenError::NotSealed });
    }
    let document = match json::parse(text) {
        Ok(Json::Object(document)) => document,
        // Cut off in the middle, most likely: what is left is still not plain text.
        Ok(_) | Err(JsonFault::Syntax) => {
            return Err(if marked() { OpenError::Damaged } else { OpenError::NotSealed });
        }
        Err(JsonFault::DuplicateKey) => return Err(OpenError::DuplicateKey),
        Err(JsonFault::TooComplex) => return Err(OpenError::TooComplex),
    };
    let Some((_, Json::Object(metadata))) = document.iter().find(|(key, _)| key == METADATA) else {
        return Err(if marked() { OpenError::Damaged } else { OpenError::NotSealed });
    };
    let metadata = Metadata::read(metadata)?;

    let mut leaves = Leaves::default();
    for (key, value) in document.iter().filter(|(key, _)| key != METADATA) {
        leaves.walk(&format!("{key}:"), value);
    }
    if leaves.unencrypted > 0 {
        return Err(OpenError::Unencrypted { values: leaves.unencrypted });
    }
    if identities.is_empty() {
        return Err(OpenError::NoIdentity);
    }
    let cipher = Cipher::new(&*metadata.data_key(identities)?);

    let one_file = match &document[..] {
        [(key, Json::Text(_)), (other, _)] => key == DATA && other == METADATA,
        [(other, _), (key, Json::Text(_))] => key == DATA && other == METADATA,
        _ => false,
    };
    let mut content = Zeroizing::new(Vec::new());
    let mut is_text = true;
    let mut hash = Sha512::new();
    for (path, sealed) in &leaves.encrypted {
        let value = value::parse(sealed)?;
        is_text = value.is_text();
        let opened = cipher.open(value, path.as_bytes())?;
        hash.update(&*opened);
        content = opened;
    }
    check_mac(&metadata, &cipher, hash)?;
    if one_file && is_text {
        Ok(Secret::new(std::mem::take(&mut *content)))
    } else {
        Err(OpenError::NotOneFile)
    }
}

/// Whom a SOPS file says it is sealed to: `None` for anything that is no SOPS file, nobody named
/// where other keys than age's open it too.
#[expect(clippy::option_option, reason = "is it SOPS, and if so: does it tell")]
pub(super) fn stated_recipients(text: &[u8]) -> Option<Option<Vec<String>>> {
    let Ok(Json::Object(document)) = json::parse(text) else { return None };
    let (_, Json::Object(metadata)) = document.iter().find(|(key, _)| key == METADATA)? else {
        return None;
    };
    Some(metadata::recipients(metadata))
}

/// Compares the MAC with the values. Neither of the two is ever shown: the MAC is a plain hash of
/// the values, and would let anyone try values out.
fn check_mac(metadata: &Metadata<'_>, cipher: &Cipher, hash: Sha512) -> Result<(), OpenError> {
    let stated = cipher.open(value::parse(metadata.mac)?, metadata.last_modified.as_bytes())?;
    let digest = Zeroizing::new(<[u8; 64]>::from(hash.finalize()));
    let computed = Zeroizing::new(hex::encode_upper(digest.as_slice()));
    if bool::from(stated.as_slice().ct_eq(computed.as_bytes())) {
        Ok(())
    } else {
        Err(OpenError::MacMismatch)
    }
}

/// The values of a document in their order, each with the path that SOPS authenticates: all keys,
/// each with a colon behind it, and no list indexes.
#[derive(Default)]
struct Leaves<'a> {
    encrypted: Vec<(String, &'a str)>,
    unencrypted: usize,
}

impl<'a> Leaves<'a> {
    /// As deep as [`json::parse`] allows.
    fn walk(&mut self, path: &str, value: &'a Json<'a>) {
        match value {
            // SOPS leaves both as they are, and leaves them out of the MAC. Neither says anything.
            Json::Null => {}
            Json::Text(text) if text.is_empty() => {}
            Json::Text(text) if text.starts_with(MARK) => {
                self.encrypted.push((path.to_owned(), text));
            }
            Json::Text(_) | Json::Bool(_) | Json::Number => self.unencrypted += 1,
            Json::List(list) => list.iter().for_each(|item| self.walk(path, item)),
            Json::Object(members) => {
                for (key, value) in members {
                    self.walk(&format!("{path}{key}:"), value);
                }
            }
        }
    }
}
