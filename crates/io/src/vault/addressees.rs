//! Whom a sealed file shows to be for, without a key.
//!
//! SOPS writes every recipient beside the data key. age writes a four-octet mark of an SSH key, and
//! of its own keys nothing but that there is one (<https://c2sp.org/age>).

use age::armor::ArmoredReader;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::io::Read as _;

use super::form::{Form, form};
use super::open::MAX_SEALED;
use applecart_core::sealed::{Addressees, Key};

/// The largest header that is read; see `age_file`.
const MAX_HEADER: usize = 64 * 1024;

/// What a sealed file shows; `None` when it is not sealed or cannot be read.
pub fn addressees(sealed: &[u8]) -> Option<Addressees> {
    if sealed.len() > MAX_SEALED {
        return None;
    }
    match form(sealed)? {
        Form::Sops { recipients: None } => {
            Some(Addressees { names_all: true, others: 1, ..Addressees::default() })
        }
        Form::Sops { recipients: Some(recipients) } => {
            // SOPS writes SSH recipients whole; they are compared by their mark like age's.
            let keys = recipients.iter().map(|text| Key::of(text)).collect();
            Some(Addressees { keys, names_all: true, ..Addressees::default() })
        }
        Form::Age => stanzas(sealed),
    }
}

fn stanzas(sealed: &[u8]) -> Option<Addressees> {
    let start = sealed.strip_prefix("\u{feff}".as_bytes()).unwrap_or(sealed).trim_ascii_start();
    let mut header = Vec::new();
    if start.starts_with(b"-----BEGIN") {
        // What is behind the header may be damaged; that is for opening it to say.
        let _ = ArmoredReader::new(start).take(MAX_HEADER as u64).read_to_end(&mut header);
    } else {
        header.extend_from_slice(start.get(..MAX_HEADER.min(start.len()))?);
    }
    let mut found = Addressees::default();
    let mut lines = header.split(|byte| *byte == b'\n');
    lines.next().filter(|line| *line == b"age-encryption.org/v1")?;
    for line in lines {
        if line.starts_with(b"---") {
            return Some(found);
        }
        let Some(stanza) = line.strip_prefix(b"-> ") else { continue };
        let stanza = std::str::from_utf8(stanza).ok()?;
        let mut words = stanza.split(' ');
        match (words.next(), words.next()) {
            (Some("X25519" | "mlkem768x25519"), _) => found.anonymous += 1,
            (Some("ssh-ed25519" | "ssh-rsa"), Some(mark)) => {
                let mark = STANDARD_NO_PAD.decode(mark).ok()?;
                found.keys.insert(Key::Ssh(hex::encode(mark)));
            }
            // Nonsense that programs add so that readers stay lenient.
            (Some(kind), _) if kind.ends_with("-grease") => {}
            _ => found.others += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::vault::{Secret, seal};

    #[test]
    fn age_shows_how_many_and_no_names() {
        let make = || age::x25519::Identity::generate().to_public().to_string();
        let sealed = seal(&Secret::new(b"x".to_vec()), &[make(), make()]).unwrap();
        let shown = addressees(&sealed).unwrap();
        assert_eq!((shown.anonymous, shown.others, shown.names_all), (2, 0, false));
        assert!(shown.keys.is_empty());
        assert_eq!(addressees(b"-----BEGIN CERTIFICATE-----"), None);
    }

    #[test]
    fn an_ssh_stanza_is_the_keys_mark() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8e3w0hJ2dH0m2iT7xTn9mGqkq0y8tD6o4kqv0dW5aG dana";
        let Key::Ssh(mark) = Key::of(key) else { panic!("no SSH key") };
        let mark = STANDARD_NO_PAD.encode(hex::decode(mark).unwrap());
        let file = format!(
            "age-encryption.org/v1\n-> ssh-ed25519 {mark} abc\nYWJj\n-> x-grease a\n\n-> scrypt a 18\nYQ\n--- mac\n"
        );
        let shown = addressees(file.as_bytes()).unwrap();
        assert_eq!(shown.keys, BTreeSet::from([Key::of(key)]));
        assert_eq!((shown.anonymous, shown.others), (0, 1));
    }
}
