//! Whom a sealed file shows to be for, without a key. The readers of age and SOPS files fill it.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::Sha256;

/// A recipient, as closely as a file can show it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The recipient itself.
    Named(String),
    /// An SSH key: the first four octets of SHA-256 over its public key, in hexadecimal.
    Ssh(String),
}

impl Key {
    /// The recipient of a fleet's list as an age file would show it.
    pub fn of(recipient: &str) -> Self {
        let mut words = recipient.split_whitespace();
        if let (Some(kind), Some(blob)) = (words.next(), words.next())
            && kind.starts_with("ssh-")
            && let Ok(blob) = STANDARD.decode(blob)
        {
            return Self::Ssh(Sha256::of(&blob).to_string().chars().take(8).collect());
        }
        Self::Named(recipient.trim().to_owned())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(recipient) => f.write_str(recipient),
            Self::Ssh(mark) => write!(f, "the SSH key with the mark {mark}"),
        }
    }
}

/// What a sealed file shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addressees {
    /// Recipients that it names.
    pub keys: BTreeSet<Key>,
    /// Whether it names all of them, age's own as well.
    pub names_all: bool,
    /// age recipients that it does not name.
    pub anonymous: usize,
    /// Keys of other kinds, passphrases among them.
    pub others: usize,
}
