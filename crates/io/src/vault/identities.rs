//! Identities: the private keys that open sealed files.

use age::x25519;
use zeroize::Zeroizing;

/// An identity file larger than this is not one; age's own limit is 16 MiB for files with many
/// SSH keys, here they are a few lines each.
const MAX_IDENTITY_TEXT: usize = 1024 * 1024;
/// An OpenSSH private key of 16384 bits has 13 KiB.
#[cfg(feature = "ssh-identities")]
const MAX_SSH_KEY: usize = 32 * 1024;

const PLUGIN: &[u8] = b"AGE-PLUGIN-";

/// Why an identity could not be read. Never holds any of its text; `source_name` is the path or the
/// variable that the text came from, `line` counts from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentitiesError {
    #[error(
        "{source_name}, line {line}: not an age identity; an identity begins with AGE-SECRET-KEY-1"
    )]
    NotAnIdentity { source_name: String, line: usize },
    #[error(
        "{source_name}: SSH keys are not supported by this build; use an age identity, or build with --features ssh-identities"
    )]
    Ssh { source_name: String },
    #[error(
        "{source_name}: the SSH key has a passphrase, which a pipeline cannot type; use a key without one, or an age identity"
    )]
    SshPassphrase { source_name: String },
    #[error(
        "{source_name}: not a kind of SSH key that opens age files; use ssh-ed25519 or ssh-rsa (ECDSA and hardware keys do not work)"
    )]
    SshKind { source_name: String },
    #[error(
        "{source_name}: not a complete OpenSSH private key; copy the whole file, with its first and last line"
    )]
    SshMalformed { source_name: String },
    #[error(
        "{source_name}, line {line}: age plugins are not supported, because a file in the repository must not name a program to run; use an age identity"
    )]
    Plugin { source_name: String, line: usize },
    #[error(
        "{source_name}: contains no age identity; write one line that begins with AGE-SECRET-KEY-1"
    )]
    Empty { source_name: String },
    #[error("{source_name}: too large to be an identity file; check the path")]
    TooLarge { source_name: String },
    #[error("{source_name}: {}", unreadable(*reason))]
    Unreadable {
        source_name: String,
        /// What kind of failure.
        reason: std::io::ErrorKind,
    },
}

fn unreadable(reason: std::io::ErrorKind) -> String {
    match reason {
        std::io::ErrorKind::NotFound => "there is no such file; check the path".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            "the file cannot be read for lack of permission; check who may read it".to_owned()
        }
        std::io::ErrorKind::InvalidData => {
            "the file is not text, as an age identity is; check the path".to_owned()
        }
        other => format!("the file cannot be read ({other}); check the path"),
    }
}

enum Key {
    X25519(x25519::Identity),
    #[cfg(feature = "ssh-identities")]
    Ssh(Box<age::ssh::Identity>),
}

impl Key {
    fn recipient(&self) -> Option<String> {
        match self {
            Self::X25519(identity) => Some(identity.to_public().to_string()),
            #[cfg(feature = "ssh-identities")]
            Self::Ssh(_) => None,
        }
    }
}

/// The available private keys. Wiped when dropped; never shown.
#[derive(Default)]
pub struct Identities(Vec<Key>);

impl Identities {
    /// Whether this build reads SSH keys.
    pub const READS_SSH: bool = cfg!(feature = "ssh-identities");

    /// Adds the identities in a text: an age key file (one a line, `#` comments), or, with the build
    /// feature `ssh-identities`, one OpenSSH private key.
    ///
    /// # Errors
    /// When there is anything else in it; the line is named, never quoted.
    pub fn add(
        &mut self,
        source_name: &str,
        text: &Zeroizing<String>,
    ) -> Result<(), IdentitiesError> {
        let source_name = || source_name.to_owned();
        if text.len() > MAX_IDENTITY_TEXT {
            return Err(IdentitiesError::TooLarge { source_name: source_name() });
        }
        let text = text.trim_start_matches('\u{feff}');
        if text.contains("-----BEGIN") {
            self.0.push(ssh_key(source_name, text)?);
            return Ok(());
        }
        let before = self.0.len();
        for (index, line) in text.lines().enumerate() {
            let line_text = line.trim();
            if line_text.is_empty() || line_text.starts_with('#') {
                continue;
            }
            let beginning = line_text.as_bytes().get(..PLUGIN.len()).unwrap_or_default();
            if beginning.eq_ignore_ascii_case(PLUGIN) {
                return Err(IdentitiesError::Plugin {
                    source_name: source_name(),
                    line: index + 1,
                });
            }
            let identity = line_text.parse::<x25519::Identity>().map_err(|_| {
                IdentitiesError::NotAnIdentity { source_name: source_name(), line: index + 1 }
            })?;
            self.0.push(Key::X25519(identity));
        }
        if self.0.len() == before {
            return Err(IdentitiesError::Empty { source_name: source_name() });
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The public keys that belong to them, as `recipients` in applecart.yaml has them. SSH keys
    /// are left out: which recipient they are is known when they open a file.
    pub fn recipients(&self) -> Vec<String> {
        self.0.iter().filter_map(Key::recipient).collect()
    }

    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|key| match key {
            Key::X25519(identity) => identity as &dyn age::Identity,
            #[cfg(feature = "ssh-identities")]
            Key::Ssh(identity) => identity.as_ref() as &dyn age::Identity,
        })
    }
}

#[cfg(not(feature = "ssh-identities"))]
fn ssh_key(source_name: impl Fn() -> String, _: &str) -> Result<Key, IdentitiesError> {
    Err(IdentitiesError::Ssh { source_name: source_name() })
}

#[cfg(feature = "ssh-identities")]
fn ssh_key(source_name: impl Fn() -> String, text: &str) -> Result<Key, IdentitiesError> {
    use age::ssh::{Identity, UnsupportedKey};
    // One key is a whole file, as ssh-keygen writes it; a second one would be passed over.
    let text = text.trim();
    let one = text.starts_with("-----BEGIN") && text.matches("-----BEGIN").count() == 1;
    if !one || text.len() > MAX_SSH_KEY {
        return Err(IdentitiesError::SshMalformed { source_name: source_name() });
    }
    // Windows editors' line ends are not part of the key.
    let text = Zeroizing::new(text.replace('\r', ""));
    match Identity::from_buffer(text.as_bytes(), None) {
        Ok(identity @ Identity::Unencrypted(_)) => Ok(Key::Ssh(Box::new(identity))),
        Ok(Identity::Encrypted(_))
        | Ok(Identity::Unsupported(
            UnsupportedKey::EncryptedPem | UnsupportedKey::EncryptedSsh(_),
        )) => Err(IdentitiesError::SshPassphrase { source_name: source_name() }),
        Ok(Identity::Unsupported(_)) => {
            Err(IdentitiesError::SshKind { source_name: source_name() })
        }
        Err(_) => Err(IdentitiesError::SshMalformed { source_name: source_name() }),
    }
}
