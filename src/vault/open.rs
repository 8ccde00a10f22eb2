//! age files: armored or binary, X25519 recipients.

use std::io::{Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::x25519;
use zeroize::Zeroizing;

use super::{Identities, Secret};

/// The largest sealed file that is opened: the largest token file, armoured, with many recipients.
pub const MAX_SEALED: usize = 2 * 1024 * 1024;
/// The largest content; see [`crate::apple::MAX_FILE`].
const MAX_OPENED: u64 = crate::apple::MAX_FILE as u64;

/// Why a sealed file could not be opened. Never holds any of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// There is no identity at all.
    #[error("no identity is at hand to open it")]
    NoIdentity,
    /// The file is for other recipients.
    #[error("none of the {identities} identities at hand opens it")]
    NoMatchingIdentity {
        /// How many were tried.
        identities: usize,
    },
    /// The file is encrypted with a passphrase.
    #[error(
        "it is sealed with a passphrase, which no pipeline can type; seal it to the fleet's recipients"
    )]
    Passphrase,
    /// The file is not an age file.
    #[error("it is not an age file; seal it before committing it")]
    NotSealed,
    /// The file was changed after sealing, or is cut off.
    #[error("it was changed after it was sealed, or is cut off; seal it again")]
    Damaged,
    /// The sealed file, or its content, is over the limit.
    #[error("it is larger than {limit} bytes; a token file has a few thousand")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

/// Why content could not be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is nobody to seal it to.
    #[error("no recipient to seal to; list age recipients in applecart.yaml")]
    NoRecipient,
    /// A recipient is not an age X25519 public key.
    #[error("recipient {index} is not an age public key (age1…)")]
    Recipient {
        /// Its place in the list, from 1.
        index: usize,
    },
    /// The encryption itself failed.
    #[error("age could not encrypt")]
    Failed,
}

/// Opens an age file.
///
/// # Errors
/// See [`OpenError`]; all of them are safe to show.
pub fn open(sealed: &[u8], identities: &Identities) -> Result<Secret, OpenError> {
    if sealed.len() > MAX_SEALED {
        return Err(OpenError::TooLarge { limit: MAX_SEALED as u64 });
    }
    // age reports a plain file as "failed to fill whole buffer" and an unknown version alike;
    // the magic line tells them apart.
    let armored = sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----");
    if !armored && !sealed.starts_with(b"age-encryption.org/") {
        return Err(OpenError::NotSealed);
    }
    let decryptor =
        age::Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(|_| OpenError::Damaged)?;
    if decryptor.is_scrypt() {
        return Err(OpenError::Passphrase);
    }
    if identities.is_empty() {
        return Err(OpenError::NoIdentity);
    }
    let reader = decryptor.decrypt(identities.as_age()).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => {
            OpenError::NoMatchingIdentity { identities: identities.len() }
        }
        _ => OpenError::Damaged,
    })?;
    // Reserved whole, so that growing leaves no unwiped copies behind.
    let mut opened = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.take(MAX_OPENED + 1).read_to_end(&mut opened).map_err(|_| OpenError::Damaged)?;
    if opened.len() as u64 > MAX_OPENED {
        return Err(OpenError::TooLarge { limit: MAX_OPENED });
    }
    Ok(Secret::new(std::mem::take(&mut *opened)))
}

/// Seals content to age recipients, armored, so that Git shows it as text.
///
/// # Errors
/// See [`SealError`].
pub fn seal(content: &Secret, recipients: &[String]) -> Result<Vec<u8>, SealError> {
    let recipients = recipients
        .iter()
        .enumerate()
        .map(|(index, text)| {
            text.parse::<x25519::Recipient>().map_err(|_| SealError::Recipient { index: index + 1 })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let encryptor =
        age::Encryptor::with_recipients(recipients.iter().map(|r| r as &dyn age::Recipient))
            .map_err(|_| SealError::NoRecipient)?;
    let mut sealed = Vec::new();
    let armor = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor)
        .map_err(|_| SealError::Failed)?;
    let mut writer = encryptor.wrap_output(armor).map_err(|_| SealError::Failed)?;
    writer.write_all(content.expose()).map_err(|_| SealError::Failed)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(|_| SealError::Failed)?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use crate::vault::IdentitiesError;

    use super::*;

    fn key() -> (Identities, String) {
        let identity = x25519::Identity::generate();
        let mut identities = Identities::default();
        let text = format!("# created: today\n{}\n", identity.to_string().expose_secret());
        identities.add("test", &Zeroizing::new(text)).unwrap();
        (identities, identity.to_public().to_string())
    }

    #[test]
    fn what_was_sealed_opens_again() {
        let (identities, recipient) = key();
        let sealed = seal(&Secret::new(b"token".to_vec()), &[recipient]).unwrap();
        assert_eq!(open(&sealed, &identities).unwrap().expose(), b"token");
    }

    #[test]
    fn every_fault_has_its_own_answer() {
        let (identities, recipient) = key();
        let (others, _) = key();
        let sealed = seal(&Secret::new(b"token".to_vec()), &[recipient]).unwrap();
        let fault = |bytes: &[u8], keys: &Identities| open(bytes, keys).err().unwrap();
        assert_eq!(fault(&sealed, &others), OpenError::NoMatchingIdentity { identities: 1 });
        assert_eq!(fault(&sealed, &Identities::default()), OpenError::NoIdentity);
        assert_eq!(fault(b"-----BEGIN CERTIFICATE-----", &identities), OpenError::NotSealed);
        assert_eq!(fault(b"", &identities), OpenError::NotSealed);
        assert_eq!(fault(&sealed[..sealed.len() / 2], &identities), OpenError::Damaged);
        assert_eq!(
            fault(&vec![b'a'; MAX_SEALED + 1], &identities),
            OpenError::TooLarge { limit: MAX_SEALED as u64 }
        );
    }

    #[test]
    fn a_passphrase_is_refused_before_any_work() {
        let encryptor = age::Encryptor::with_user_passphrase("open sesame".to_owned().into());
        let mut sealed = Vec::new();
        encryptor.wrap_output(&mut sealed).unwrap().finish().unwrap();
        assert_eq!(open(&sealed, &Identities::default()).err().unwrap(), OpenError::Passphrase);
    }

    #[test]
    fn content_over_the_limit_is_an_error_never_a_cut() {
        let (identities, recipient) = key();
        let sealed = seal(&Secret::new(vec![0; crate::apple::MAX_FILE + 1]), &[recipient]).unwrap();
        assert_eq!(
            open(&sealed, &identities).err().unwrap(),
            OpenError::TooLarge { limit: MAX_OPENED }
        );
    }

    #[test]
    fn identities_that_cannot_be_used_are_named_by_line() {
        let add = |text: &str| {
            Identities::default().add("KEY", &Zeroizing::new(text.to_owned())).unwrap_err()
        };
        assert_eq!(
            add("# x\nsecret"),
            IdentitiesError::NotAnIdentity { source_name: "KEY".into(), line: 2 }
        );
        assert_eq!(
            add("AGE-PLUGIN-YUBIKEY-1Q"),
            IdentitiesError::Plugin { source_name: "KEY".into(), line: 1 }
        );
        assert_eq!(add("# only a comment"), IdentitiesError::Empty { source_name: "KEY".into() });
        assert_eq!(
            add("-----BEGIN OPENSSH PRIVATE KEY-----"),
            IdentitiesError::Ssh { source_name: "KEY".into() }
        );
    }
}
