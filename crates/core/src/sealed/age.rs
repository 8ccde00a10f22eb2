//! What the header of an age file shows without a key (<https://c2sp.org/age>).
//!
//! age writes a four-octet mark of an SSH key, and of its own keys nothing but that there is one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::recipients::{AgeRecipients, Key};

/// The first line of an armored file.
pub const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
/// How a binary file begins, whatever its version.
pub const MAGIC: &[u8] = b"age-encryption.org/";
/// The first line of a binary file of the one version there is.
pub const VERSION_1: &[u8] = b"age-encryption.org/v1\n";
/// The largest header that is read. 64 recipients of the largest kind in use (ssh-rsa with 4096
/// bits) have 46 KiB.
pub const MAX_HEADER: usize = 64 * 1024;

/// Whether this is an age file, so far as its first bytes tell.
pub fn is_age(bytes: &[u8]) -> bool {
    bytes.starts_with(ARMOR) || bytes.starts_with(MAGIC)
}

/// To whom the file is encrypted; `None` where the header is cut off, damaged or of another version.
pub(super) fn recipients(file: &[u8]) -> Option<AgeRecipients> {
    let mut header = Vec::new();
    if let Some(armored) = file.strip_prefix(ARMOR) {
        // What is behind the header may be damaged; that is for opening it to say.
        for line in armored.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            match STANDARD.decode(line) {
                Ok(part) if header.len() < MAX_HEADER => header.extend(part),
                _ => break,
            }
        }
    } else {
        header.extend_from_slice(file.get(..MAX_HEADER.min(file.len()))?);
    }
    let mut found = AgeRecipients::default();
    for line in header.strip_prefix(VERSION_1)?.split(|byte| *byte == b'\n') {
        if line.starts_with(b"---") {
            return Some(found);
        }
        let Some(stanza) = line.strip_prefix(b"-> ") else { continue };
        let mut words = std::str::from_utf8(stanza).ok()?.split(' ');
        match (words.next(), words.next()) {
            (Some("X25519"), _) => found.x25519 += 1,
            (Some("mlkem768x25519"), _) => found.post_quantum += 1,
            (Some("p256tag"), _) => found.tagged += 1,
            (Some("ssh-ed25519" | "ssh-rsa"), Some(mark)) => {
                found.ssh.insert(Key::Ssh(hex::encode(STANDARD_NO_PAD.decode(mark).ok()?)));
            }
            (Some("scrypt"), _) => found.passphrase = true,
            // Nonsense that programs add so that readers stay lenient.
            (Some(kind), _) if kind.ends_with("-grease") => {}
            _ => found.others += 1,
        }
    }
    None
}
