//! age files: armored or binary.

use std::borrow::Cow;
use std::io::Read;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Identities, OpenError};
use applecart_core::report::plural;
use applecart_core::sealed::age::{ARMOR, MAGIC, MAX_HEADER, VERSION_1};
use applecart_core::sealed::{self, Seal};

/// `--- ` and the base64 of 32 bytes: the last line of a header.
const MAC_LINE: usize = 4 + 43 + 1;
/// 64 characters of base64; only the last line about a recipient may be shorter.
const BODY_LINE: usize = 64 + 1;

/// What age itself takes: 2^22 rounds, some ten seconds.
const MAX_WORK_FACTOR: u8 = 22;

/// What one age file may be.
pub(super) struct Limits {
    /// The header, all recipients together.
    pub(super) header: usize,
    /// What the header says about one recipient.
    pub(super) stanza: usize,
    pub(super) recipients: usize,
    pub(super) opened: u64,
}

impl Limits {
    /// A sealed file.
    ///
    /// age's parser starts again from the top with every line that it reads, so a header costs its
    /// lines times its length: 100,000 short lines in 2 MiB would take it hours. 64 recipients of
    /// age's usual kind have 6 KiB and of the largest kind in use (ssh-rsa with 4096 bits) 46 KiB.
    /// In 64 KiB there are some thousand lines, as only the last line about a recipient may be
    /// shorter than 64 characters; CONTRIBUTING.md says how to measure what the worst one takes.
    pub(super) const FILE: Self = Self {
        header: MAX_HEADER,
        stanza: 2 * 1024,
        recipients: super::MAX_RECIPIENTS,
        opened: super::MAX_OPENED,
    };

    /// The data key in a SOPS file: sealed to one recipient, 32 bytes.
    pub(super) const DATA_KEY: Self =
        Self { header: 4 * 1024, stanza: 2 * 1024, recipients: 1, opened: 32 };
}

/// Opens an age file.
pub(super) fn open(
    sealed: &[u8],
    identities: &Identities,
    limits: &Limits,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let binary = binary(sealed)?;
    check_header(&binary, limits)?;
    let decryptor = age::Decryptor::new_buffered(&binary[..]).map_err(|_| OpenError::Damaged)?;
    if decryptor.is_scrypt() {
        return Err(OpenError::Passphrase);
    }
    if identities.is_empty() {
        return Err(OpenError::NoIdentity);
    }
    let none = || match only_other_kinds(sealed) {
        Some(kinds) => OpenError::OtherKinds { kinds },
        None => OpenError::NoMatchingIdentity { identities: identities.len() },
    };
    let reader = decryptor.decrypt(identities.as_age()).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => none(),
        _ => OpenError::Damaged,
    })?;
    whole(reader, binary.len(), limits)
}

/// The kinds of keys that a file is encrypted to, where none of them can be used here.
fn only_other_kinds(sealed: &[u8]) -> Option<String> {
    let Seal::Age(Some(shown)) = sealed::seal(sealed)? else { return None };
    if shown.x25519 > 0 || (Identities::READS_SSH && !shown.ssh.is_empty()) {
        return None;
    }
    let kinds = [
        (shown.post_quantum, "post-quantum age key"),
        (shown.tagged, "hardware key"),
        (shown.others, "age plugin key"),
        (shown.ssh.len(), "SSH key"),
    ];
    let kinds: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| plural(*count, name))
        .collect();
    (!kinds.is_empty()).then(|| kinds.join(" and "))
}

/// Whether a passphrase opens it.
pub(super) fn has_passphrase(sealed: &[u8]) -> bool {
    let header = binary(sealed).and_then(|binary| {
        check_header(&binary, &Limits::FILE)?;
        let decryptor = age::Decryptor::new_buffered(&binary[..]);
        decryptor.map(|it| it.is_scrypt()).map_err(|_| OpenError::Damaged)
    });
    header.unwrap_or(false)
}

/// Opens an identity file with its passphrase; where it is another one,
/// [`OpenError::NoMatchingIdentity`].
pub(super) fn open_with_passphrase(
    sealed: &[u8],
    passphrase: SecretString,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let binary = binary(sealed)?;
    check_header(&binary, &Limits::FILE)?;
    let decryptor = age::Decryptor::new_buffered(&binary[..]).map_err(|_| OpenError::Damaged)?;
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let identity = std::iter::once(&identity as &dyn age::Identity);
    let reader = decryptor.decrypt(identity).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
            OpenError::NoMatchingIdentity { identities: 1 }
        }
        _ => OpenError::Damaged,
    })?;
    whole(reader, binary.len(), &Limits::FILE)
}

/// The file without its armor.
fn binary(sealed: &[u8]) -> Result<Cow<'_, [u8]>, OpenError> {
    // No text of age's errors is passed on: it is written for other places, and holds invisible
    // marks (U+2068, U+2069).
    if !sealed.starts_with(ARMOR) {
        return Ok(Cow::Borrowed(sealed));
    }
    let mut binary = Vec::with_capacity(sealed.len());
    ArmoredReader::new(sealed).read_to_end(&mut binary).map_err(|_| OpenError::Damaged)?;
    Ok(Cow::Owned(binary))
}

/// The content, up to the limit.
fn whole(
    reader: impl Read,
    sealed: usize,
    limits: &Limits,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    // Reserved whole, so that growing leaves no unwiped copies behind: a sealed file is always
    // longer than its content.
    let mut opened = Zeroizing::new(Vec::with_capacity(sealed));
    reader.take(limits.opened + 1).read_to_end(&mut opened).map_err(|_| OpenError::Damaged)?;
    if opened.len() as u64 > limits.opened {
        return Err(OpenError::TooLarge { limit: limits.opened });
    }
    Ok(opened)
}

/// Measures the header, in one pass, before age's parser sees it.
///
/// A line that begins with `---` ends it for age too: neither a recipient's first line (`-> `) nor
/// base64 can begin so.
fn check_header(binary: &[u8], limits: &Limits) -> Result<(), OpenError> {
    if !binary.starts_with(VERSION_1) {
        return Err(match binary.strip_prefix(MAGIC) {
            Some(rest) if !rest.starts_with(b"v1") && rest.contains(&b'\n') => {
                OpenError::UnknownVersion
            }
            _ => OpenError::Damaged,
        });
    }
    let mut recipients = 0;
    let mut greased = false;
    let mut stanza = 0;
    let mut body_ended = false;
    let head = &binary[..binary.len().min(limits.header)];
    for line in head[VERSION_1.len()..].split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"---") {
            return if line.len() == MAC_LINE { Ok(()) } else { Err(OpenError::Damaged) };
        }
        if let Some(first) = line.strip_prefix(b"-> ") {
            // "Grease" is what rage and this program add, once, so that readers stay used to
            // unknown kinds; it is no recipient.
            let kind = first.split(|byte| matches!(byte, b' ' | b'\n')).next().unwrap_or_default();
            if kind.ends_with(b"-grease") && !greased {
                greased = true;
            } else {
                recipients += 1;
            }
            stanza = 0;
            body_ended = false;
        } else if body_ended || line.len() > BODY_LINE {
            return Err(OpenError::Damaged);
        } else {
            body_ended = line.len() < BODY_LINE;
        }
        stanza += line.len();
        if recipients > limits.recipients {
            return Err(OpenError::TooManyRecipients { limit: limits.recipients });
        }
        if stanza > limits.stanza {
            return Err(OpenError::HeaderTooLarge { limit: limits.stanza });
        }
    }
    if binary.len() > limits.header {
        return Err(OpenError::HeaderTooLarge { limit: limits.header });
    }
    Err(OpenError::Damaged)
}
