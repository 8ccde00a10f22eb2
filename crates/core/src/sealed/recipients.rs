//! To whom a file is encrypted, so far as it shows that without a key.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::Sha256;
use crate::report::plural;

/// How a file is encrypted for the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// With age; `None` where the header cannot be read.
    Age(Option<AgeRecipients>),
    Sops(SopsRecipients),
}

/// To whom an age file is encrypted, by the kinds of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgeRecipients {
    /// X25519 keys (`age1…`), which the file does not name.
    pub x25519: usize,
    /// Post-quantum keys (`age1pq1…`), which it does not name either.
    pub post_quantum: usize,
    /// Hardware keys with a tag (`age1tag1…`), of which it shows the tag only.
    pub tagged: usize,
    /// SSH keys, by their marks.
    pub ssh: BTreeSet<Key>,
    /// Whether a passphrase opens it.
    pub passphrase: bool,
    /// Keys of other kinds: plugins.
    pub others: usize,
}

/// To whom a file says that it is encrypted. Nothing authenticates that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SopsRecipients {
    /// These keys of age or SSH, and no others.
    Named(Vec<String>),
    /// Keys of other kinds open it, too, or parts of it.
    Mixed {
        /// Those of age or SSH.
        keys: Vec<String>,
        /// The kinds of the others, in words: PGP, a cloud's key service.
        kinds: BTreeSet<&'static str>,
        /// Whether it takes keys of several groups together (`key_groups`).
        is_split: bool,
    },
    /// The file is damaged, or of a store (YAML, dotenv, INI) that is not read.
    Unreadable,
}

/// A recipient, as closely as a file can show it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
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
    /// As many of those are post-quantum keys, which the fleet's list cannot have.
    pub post_quantum: usize,
    /// Keys of other kinds, passphrases among them.
    pub others: usize,
    /// The kinds of keys that a SOPS file names besides age's.
    pub kinds: BTreeSet<&'static str>,
    /// Whether it takes keys of several groups together.
    pub is_split: bool,
}

impl Addressees {
    /// In what the keys that open a file differ from the fleet's list, so far as the file shows it:
    /// age does not write into a file whose own keys open it, so these are only counted.
    pub fn differences(&self, listed: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        if self.others > 0 {
            let keys = plural(self.others, "key");
            found.push(format!("{keys} of other kinds than age's can open it, too"));
        }
        if !self.kinds.is_empty() {
            let kinds: Vec<&str> = self.kinds.iter().copied().collect();
            found.push(format!("keys of {} can open it, too", kinds.join(", ")));
        }
        if self.is_split {
            found.push(
                "its key is split over groups of keys, which this version does not open".into(),
            );
        }
        if self.post_quantum > 0 {
            let keys = plural(self.post_quantum, "post-quantum age key");
            found.push(format!("{keys} can open it, which this version does not use"));
        }
        let keys: Vec<Key> = listed.iter().map(|text| Key::of(text)).collect();
        let is_named = |key: &&Key| matches!(key, Key::Named(_));
        let anonymous = keys.iter().filter(is_named).count();
        let wanted: BTreeSet<Key> =
            keys.iter().filter(|key| self.names_all || !is_named(key)).cloned().collect();
        let missing = wanted.difference(&self.keys).count();
        if missing > 0 {
            found.push(format!("it is not encrypted to {missing} of those listed"));
        }
        let extra: Vec<String> = self.keys.difference(&wanted).map(ToString::to_string).collect();
        if !extra.is_empty() {
            found.push(format!("it is encrypted to {}, which is not listed", extra.join(", ")));
        }
        let usual = self.anonymous.saturating_sub(self.post_quantum);
        if !self.names_all && anonymous != usual {
            found.push(match usual {
                0 => "it is encrypted to none of the age keys that are listed".to_owned(),
                _ => {
                    let keys = plural(usual, "age key");
                    format!("it is encrypted to {keys}, and {anonymous} are listed")
                }
            });
        }
        found
    }
}

impl Seal {
    /// Whom the file shows to be for; `None` where that cannot be read.
    pub fn addressees(&self) -> Option<Addressees> {
        match self {
            Self::Age(recipients) => {
                let found = recipients.as_ref()?;
                Some(Addressees {
                    keys: found.ssh.clone(),
                    names_all: false,
                    anonymous: found.x25519 + found.tagged + found.post_quantum,
                    post_quantum: found.post_quantum,
                    others: found.others + usize::from(found.passphrase),
                    ..Addressees::default()
                })
            }
            // SOPS writes SSH recipients whole; they are compared by their mark like age's.
            Self::Sops(SopsRecipients::Named(recipients)) => {
                let keys = recipients.iter().map(|text| Key::of(text)).collect();
                Some(Addressees { keys, names_all: true, ..Addressees::default() })
            }
            Self::Sops(SopsRecipients::Mixed { keys, kinds, is_split }) => {
                let keys = keys.iter().map(|text| Key::of(text)).collect();
                let (kinds, is_split) = (kinds.clone(), *is_split);
                Some(Addressees { keys, names_all: true, kinds, is_split, ..Addressees::default() })
            }
            Self::Sops(SopsRecipients::Unreadable) => None,
        }
    }
}
