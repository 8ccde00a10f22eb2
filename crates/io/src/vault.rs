//! Sealed files: opening with identities, sealing to recipients, and secrets that cannot leak by
//! accident.
//!
//! The vault gets bytes and identities and hands out a [`Secret`]. It does not know where the
//! bytes come from, what they mean, or what the environment holds; `cli` reads identities from
//! the places SOPS users have them. Of age plugins only those are started whose programs the
//! environment names: a file in the repository must not be able to name a program to run. SOPS's MAC is always checked: there is no switch.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod age_file;
mod error;
mod identities;
mod seal;
mod secret;
mod sops;
#[cfg(test)]
mod tests;

pub use applecart_core::sealed::MAX_SEALED;
pub use error::OpenError;
pub use identities::{
    Ask, Dressing, Identities, IdentitiesError, IdentityFault, IdentityNote, KeySource,
    MAX_IDENTITY_TEXT, Plugins, is_placeholder,
};
pub use seal::{SealError, seal};
pub use secret::Secret;

use age_file::Limits;
use applecart_core::sealed;

/// The largest content; see [`applecart_core::apple::MAX_FILE`].
const MAX_OPENED: u64 = applecart_core::apple::MAX_FILE as u64;
/// How many recipients one file may have.
const MAX_RECIPIENTS: usize = 64;

/// Opens a sealed file: an age file, armored or binary, or a SOPS file of the binary or JSON store.
///
/// A SOPS file opens to the text under its key `data`, which is all that the binary store writes.
/// A JSON store is opened when that is all it holds too; what else a document of several values
/// should be as one file is undefined, so it is refused.
pub fn open(bytes: &[u8], identities: &Identities) -> Result<Secret, OpenError> {
    if bytes.len() > MAX_SEALED {
        return Err(OpenError::TooLarge { limit: MAX_SEALED as u64 });
    }
    let text = sealed::start(bytes);
    if sealed::age::is_age(text) {
        let mut opened = age_file::open(text, identities, &Limits::FILE)?;
        return Ok(Secret::new(std::mem::take(&mut *opened)));
    }
    sops::open(text, identities)
}
