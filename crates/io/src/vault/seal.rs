//! Sealing to recipients, as age files.

use std::io::Write as _;

use age::armor::{ArmoredWriter, Format};
use age::x25519;

use super::Secret;
use applecart_core::sealed::{RecipientFault, RecipientKind};

/// Why content could not be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error(
        "there is no recipient to encrypt to; list age recipients under `recipients` in applecart.yaml"
    )]
    NoRecipient,
    #[error("recipient {index} is not an age public key, which begins with age1")]
    Recipient {
        /// Its place in the list, from 1.
        index: usize,
    },
    #[error(
        "recipient {index} is an SSH key, which this build does not encrypt to; use an age recipient (age1…), or build with --features ssh-identities"
    )]
    SshRecipient {
        /// Its place in the list, from 1.
        index: usize,
    },
    #[error("recipient {index} {}; {}", fault.what(), fault.help())]
    RecipientKind {
        /// Its place in the list, from 1.
        index: usize,
        fault: RecipientFault,
    },
    #[error("age could not encrypt")]
    Failed,
}

/// Seals content to recipients, armored, so that Git shows it as text.
pub fn seal(content: &Secret, recipients: &[String]) -> Result<Vec<u8>, SealError> {
    let recipients = recipients
        .iter()
        .enumerate()
        .map(|(index, text)| recipient(index + 1, text))
        .collect::<Result<Vec<_>, _>>()?;
    let encryptor = age::Encryptor::with_recipients(recipients.iter().map(AsRef::as_ref))
        .map_err(|_| SealError::NoRecipient)?;
    let mut sealed = Vec::new();
    let armor = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor)
        .map_err(|_| SealError::Failed)?;
    let mut writer = encryptor.wrap_output(armor).map_err(|_| SealError::Failed)?;
    writer.write_all(content.expose()).map_err(|_| SealError::Failed)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(|_| SealError::Failed)?;
    Ok(sealed)
}

fn recipient(index: usize, text: &str) -> Result<Box<dyn age::Recipient>, SealError> {
    if text.starts_with("ssh-") {
        return ssh_recipient(index, text);
    }
    let unreadable = |_| SealError::Recipient { index };
    match RecipientKind::of(text) {
        Ok(RecipientKind::Tagged) => {
            text.parse().map(|it: age::tag::Recipient| Box::new(it) as _).map_err(unreadable)
        }
        Ok(RecipientKind::X25519 | RecipientKind::Ssh) => {
            text.parse().map(|it: x25519::Recipient| Box::new(it) as _).map_err(unreadable)
        }
        Err(RecipientFault::Damaged | RecipientFault::Unknown) => {
            Err(SealError::Recipient { index })
        }
        Err(fault) => Err(SealError::RecipientKind { index, fault }),
    }
}

#[cfg(feature = "ssh-identities")]
fn ssh_recipient(index: usize, text: &str) -> Result<Box<dyn age::Recipient>, SealError> {
    match text.parse::<age::ssh::Recipient>() {
        Ok(recipient) => Ok(Box::new(recipient)),
        Err(_) => Err(SealError::Recipient { index }),
    }
}

#[cfg(not(feature = "ssh-identities"))]
fn ssh_recipient(index: usize, _: &str) -> Result<Box<dyn age::Recipient>, SealError> {
    Err(SealError::SshRecipient { index })
}
