//! What SOPS writes beside the values: to whom the data key is sealed, and the MAC.

use zeroize::Zeroizing;

use super::super::age_file::{self, Limits};
use super::super::{Identities, MAX_RECIPIENTS, OpenError};
use applecart_core::sealed::json::Json;
use applecart_core::sealed::sops::{Member, other_kind};

/// One recipient's data key, an armored age file: 400 bytes for an age recipient, 1,200 for an
/// SSH key of 4096 bits.
const MAX_SEALED_KEY: usize = 8 * 1024;
/// `2027-01-15T08:00:00Z`, with room for fractions and a zone.
const MAX_DATE: usize = 64;

/// The metadata, so far as it is needed.
pub(super) struct Metadata<'a> {
    sealed_keys: Vec<&'a str>,
    pub(super) last_modified: &'a str,
    pub(super) mac: &'a str,
}

impl<'a> Metadata<'a> {
    /// Reads the object under the key `sops`.
    pub(super) fn read(members: &'a [Member<'a>]) -> Result<Self, OpenError> {
        let get = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, json)| json);
        let text = |name: &str| match get(name) {
            Some(Json::Text(text)) if !text.is_empty() => Some(text.as_ref()),
            _ => None,
        };
        let has = |name: &str| {
            !matches!(get(name), None | Some(Json::Null))
                && !matches!(get(name), Some(Json::List(list)) if list.is_empty())
        };

        // Several groups stand here and nowhere else; one group is written without it.
        if has("key_groups") {
            return Err(OpenError::KeyGroups);
        }
        if !matches!(get("mac_only_encrypted"), None | Some(Json::Null | Json::Bool(false))) {
            return Err(OpenError::MacOnlyEncrypted);
        }
        if !has("age") {
            let kinds = members.iter().filter_map(|(key, value)| other_kind(key, value)).collect();
            return Err(OpenError::NoAgeRecipient { kinds });
        }
        let Some(Json::List(recipients)) = get("age") else { return Err(OpenError::Damaged) };
        if recipients.len() > MAX_RECIPIENTS {
            return Err(OpenError::TooManyRecipients { limit: MAX_RECIPIENTS });
        }
        let sealed_keys = recipients.iter().map(sealed_key).collect::<Result<_, _>>()?;
        let mac = text("mac").ok_or(OpenError::MacMissing)?;
        let last_modified = text("lastmodified").filter(|text| text.len() <= MAX_DATE);
        Ok(Self { sealed_keys, last_modified: last_modified.ok_or(OpenError::Damaged)?, mac })
    }

    /// The data key, opened with the first identity that fits a recipient.
    ///
    /// Which recipient an entry is for is written beside it, but only trying tells.
    pub(super) fn data_key(
        &self,
        identities: &Identities,
    ) -> Result<Zeroizing<[u8; 32]>, OpenError> {
        let mut answer = OpenError::NoMatchingIdentity { identities: identities.len() };
        for sealed in &self.sealed_keys {
            match age_file::open(sealed.trim_start().as_bytes(), identities, &Limits::DATA_KEY) {
                Ok(opened) => {
                    let mut key = Zeroizing::new([0; 32]);
                    if opened.len() != key.len() {
                        return Err(OpenError::Damaged);
                    }
                    key.copy_from_slice(&opened);
                    return Ok(key);
                }
                Err(OpenError::NoMatchingIdentity { .. } | OpenError::OtherKinds { .. }) => {}
                Err(OpenError::Passphrase) => answer = OpenError::Passphrase,
                // A broken entry of one recipient must not lock the others out.
                Err(_) => answer = OpenError::Damaged,
            }
        }
        Err(answer)
    }
}

fn sealed_key<'a>(entry: &'a Json<'a>) -> Result<&'a str, OpenError> {
    let Json::Object(members) = entry else { return Err(OpenError::Damaged) };
    match members.iter().find(|(key, _)| key == "enc") {
        Some((_, Json::Text(text))) if text.len() <= MAX_SEALED_KEY => Ok(text),
        Some((_, Json::Text(_))) => Err(OpenError::HeaderTooLarge { limit: MAX_SEALED_KEY }),
        _ => Err(OpenError::Damaged),
    }
}
