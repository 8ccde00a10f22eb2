//! SOPS files of the binary and the JSON store, sealed to age recipients.
//!
//! Such a file is a JSON document in which every value is encrypted by AES-256-GCM with one data
//! key; the value's path is authenticated with it, so a value cannot be moved to another key. The
//! data key is sealed to each recipient as a small age file. A MAC over all values in their order
//! shows that none was added, removed or swapped.
//!
//! The rest of the metadata is not authenticated by anything, so nothing here believes it: which
//! values ought to be encrypted is not asked, for all must be.

mod metadata;
mod value;

#[cfg(test)]
pub(super) mod sealing;
#[cfg(test)]
mod tests;

use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use self::metadata::Metadata;
use self::value::Cipher;
use super::{Identities, OpenError, Secret};
use applecart_core::sealed::json::Json;
use applecart_core::sealed::sops::{self, Fault, MARK};

const DATA: &str = "data";

/// Opens a SOPS file; anything that is none is [`OpenError::NotSealed`].
pub(super) fn open(text: &[u8], identities: &Identities) -> Result<Secret, OpenError> {
    let document = sops::read(text)?;
    let metadata = Metadata::read(document.metadata())?;

    let mut leaves = Leaves::default();
    for (key, value) in document.values() {
        leaves.walk(&format!("{key}:"), value);
    }
    if leaves.unencrypted > 0 {
        return Err(OpenError::Unencrypted { values: leaves.unencrypted });
    }
    if identities.is_empty() {
        return Err(OpenError::NoIdentity);
    }
    let cipher = Cipher::new(&*metadata.data_key(identities)?);

    let mut values = document.values();
    let one_file = matches!(values.next(), Some((key, Json::Text(_))) if key == DATA)
        && values.next().is_none();
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

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotSops => Self::NotSealed,
            Fault::OtherStore => Self::OtherStore,
            Fault::Damaged => Self::Damaged,
            Fault::DuplicateKey => Self::DuplicateKey,
            Fault::TooComplex => Self::TooComplex,
        }
    }
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
    /// As deep as the reader of JSON allows.
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
