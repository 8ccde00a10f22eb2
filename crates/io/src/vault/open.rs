//! What a sealed file is, told by its content, and its opening.

use super::age_file::{self, Limits};
use super::{Identities, OpenError, Secret, sops};

/// The largest sealed file that is opened: the largest token file, armoured, with many recipients.
pub const MAX_SEALED: usize = 2 * 1024 * 1024;
/// The largest content; see [`applecart_core::apple::MAX_FILE`].
pub(super) const MAX_OPENED: u64 = applecart_core::apple::MAX_FILE as u64;
/// How many recipients one file may have.
pub(super) const MAX_RECIPIENTS: usize = 64;

/// Opens a sealed file: an age file, armored or binary, or a SOPS file of the binary or JSON store.
///
/// A SOPS file opens to the text under its key `data`, which is all that the binary store writes.
/// A JSON store is opened when that is all it holds too; what else a document of several values
/// should be as one file, nobody could tell, so it is refused.
pub fn open(sealed: &[u8], identities: &Identities) -> Result<Secret, OpenError> {
    if sealed.len() > MAX_SEALED {
        return Err(OpenError::TooLarge { limit: MAX_SEALED as u64 });
    }
    // Editors put a byte order mark or an empty line before a text; neither is part of it.
    let text = sealed.strip_prefix("\u{feff}".as_bytes()).unwrap_or(sealed).trim_ascii_start();
    if age_file::is_age(text) {
        let mut opened = age_file::open(text, identities, &Limits::FILE)?;
        return Ok(Secret::new(std::mem::take(&mut *opened)));
    }
    sops::open(text, identities)
}
