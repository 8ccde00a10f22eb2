//! What the bytes of a file in the fleet's repository tell without a key: how it is encrypted, with
//! age or SOPS, and to whom.
//!
//! [`seal`] is asked where only the encryption matters, [`classify`](crate::apple::classify), which
//! knows Apple's files, too, for everything. The crate `age` is not needed to read a header.

pub mod age;
pub(crate) mod form;
pub mod json;
pub(crate) mod marks;
mod recipient;
mod recipients;
pub mod sops;
#[cfg(test)]
mod tests;

pub use form::{Form, SecretKind, Words};
pub use recipient::{RecipientFault, RecipientKind};
pub use recipients::{Addressees, AgeRecipients, Key, Seal, SopsRecipients};

/// The largest file that is looked at: the largest token file, armored, with many recipients.
pub const MAX_SEALED: usize = 2 * 1024 * 1024;

/// How a file is encrypted; `None` when it is not. A damaged file counts, so far as its first bytes
/// tell what it was.
pub fn seal(bytes: &[u8]) -> Option<Seal> {
    let text = start(bytes);
    if age::is_age(text) {
        return Some(Seal::Age(age::recipients(text)));
    }
    sops::recipients(text).map(Seal::Sops)
}

/// The text without what editors put before it: a byte order mark or an empty line.
pub fn start(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii_start()
}
