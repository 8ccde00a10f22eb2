//! Identities: the private keys that open sealed files.
//!
//! A key file is read as people have it. What pipelines, shells and editors put around a key is
//! taken off, and an identity of another kind is passed over: both with a note. That is an error
//! only where nothing usable is left.

mod dressing;
mod fault;
mod plugin;
#[cfg(test)]
mod tests;

use age::secrecy::SecretString;
use age::x25519;
use zeroize::Zeroizing;

use self::dressing::Bare;
pub use self::dressing::Dressing;
pub use self::fault::{IdentitiesError, IdentityFault, KeySource};
use self::plugin::PluginIdentity;
pub use self::plugin::Plugins;
use super::{OpenError, age_file};

/// An identity file larger than this is not one; age's own limit is 16 MiB for files with many
/// SSH keys, here they are a few lines each.
pub const MAX_IDENTITY_TEXT: usize = 1024 * 1024;
/// An OpenSSH private key of 16384 bits has 13 KiB.
#[cfg(feature = "ssh-identities")]
const MAX_SSH_KEY: usize = 32 * 1024;

/// How every identity that is used here begins.
const NATIVE: &str = "AGE-SECRET-KEY-1";
const POST_QUANTUM: &str = "AGE-SECRET-KEY-PQ-1";
const PLUGIN: &str = "AGE-PLUGIN-";

enum Key {
    X25519(x25519::Identity),
    #[cfg(feature = "ssh-identities")]
    Ssh(Box<age::ssh::Identity>),
    Plugin(PluginIdentity),
}

impl Key {
    fn recipient(&self) -> Option<String> {
        match self {
            Self::X25519(identity) => Some(identity.to_public().to_string()),
            #[cfg(feature = "ssh-identities")]
            Self::Ssh(_) => None,
            Self::Plugin(_) => None,
        }
    }
}

/// What was read otherwise than it stands, or not at all. May be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityNote {
    /// What an editor, a shell or a pipeline put around the key was taken off.
    #[error("{source_name}: {dressing}")]
    Bared {
        /// Where the key came from.
        source_name: KeySource,
        dressing: Dressing,
    },
    /// Not used, because another identity can be.
    #[error("not used: {0}")]
    Skipped(IdentitiesError),
}

/// Asks for the passphrase of an identity file; `None` where nobody can be asked.
pub type Ask<'a> = &'a dyn Fn(&KeySource) -> Option<SecretString>;

/// The available private keys. Wiped when dropped; never shown.
#[derive(Default)]
pub struct Identities {
    keys: Vec<Key>,
    notes: Vec<IdentityNote>,
    plugins: Plugins,
}

impl Identities {
    /// Whether this build reads SSH keys.
    pub const READS_SSH: bool = cfg!(feature = "ssh-identities");

    /// None yet; those that are added may be identities of these plugins.
    pub fn with(plugins: Plugins) -> Self {
        Self { plugins, ..Self::default() }
    }

    /// Adds the identities in a text: an age key file (one a line, `#` comments), or, with the build
    /// feature `ssh-identities`, one OpenSSH private key. [`Self::usable`] judges what is left.
    ///
    /// # Errors
    /// When something in it is no identity at all; the line is named, never quoted.
    pub fn add(
        &mut self,
        source: &KeySource,
        bytes: &[u8],
        ask: Ask<'_>,
    ) -> Result<(), IdentitiesError> {
        let whole = |fault: IdentityFault| fault.of(source);
        if bytes.len() > MAX_IDENTITY_TEXT {
            return Err(whole(IdentityFault::TooLarge));
        }
        let bare = dressing::take_off(bytes, &mut |dressing| {
            self.notes.push(IdentityNote::Bared { source_name: source.clone(), dressing });
        });
        match bare {
            Bare::Text(text) => self.add_text(source, &text),
            Bare::Sealed(sealed) => match ask_and_open(&sealed, source, ask).map_err(whole)? {
                Some(opened) => match dressing::take_off(&opened, &mut |_| {}) {
                    Bare::Text(text) => self.add_text(source, &text),
                    Bare::Sealed(_) | Bare::Other => Err(whole(IdentityFault::Sealed)),
                },
                None => {
                    self.skip(whole(IdentityFault::Passphrase));
                    Ok(())
                }
            },
            Bare::Other => Err(whole(IdentityFault::other(bytes))),
        }
    }

    fn add_text(&mut self, source: &KeySource, text: &str) -> Result<(), IdentitiesError> {
        if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
            return self.take(source, None, ssh_key(text));
        }
        let mut is_empty = true;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            is_empty = false;
            let key = identity(line).or_else(|fault| match fault {
                // What the whole file is tells more than one line of it.
                IdentityFault::NotAnIdentity => Err(IdentityFault::other(text.as_bytes())),
                IdentityFault::Plugin { name } => match self.plugins.identity(&name, line) {
                    Some(identity) => Ok(Key::Plugin(identity)),
                    None => Err(IdentityFault::Plugin { name }),
                },
                fault => Err(fault),
            });
            self.take(source, Some(index + 1), key)?;
        }
        match is_empty {
            false => Ok(()),
            true if text.contains(NATIVE) => Err(IdentityFault::Commented.of(source)),
            true => Err(IdentityFault::Empty.of(source)),
        }
    }

    fn take(
        &mut self,
        source: &KeySource,
        line: Option<usize>,
        key: Result<Key, IdentityFault>,
    ) -> Result<(), IdentitiesError> {
        match key {
            Ok(key) => self.keys.push(key),
            Err(fault) => {
                let is_another_kind = fault.is_another_kind();
                let error = IdentitiesError { source_name: source.clone(), line, fault };
                if !is_another_kind {
                    return Err(error);
                }
                self.skip(error);
            }
        }
        Ok(())
    }

    /// Leaves something out that is not needed as long as another identity can be used.
    pub fn skip(&mut self, error: IdentitiesError) {
        self.notes.push(IdentityNote::Skipped(error));
    }

    /// The identities, none of them where none was named.
    ///
    /// # Errors
    /// When all that there are had to be left out: why the first one was.
    pub fn usable(mut self) -> Result<Self, IdentitiesError> {
        let is_skipped = |note: &IdentityNote| matches!(note, IdentityNote::Skipped(_));
        match self.notes.iter().position(is_skipped) {
            Some(first) if self.keys.is_empty() => match self.notes.swap_remove(first) {
                IdentityNote::Skipped(error) => Err(error),
                IdentityNote::Bared { .. } => Ok(self),
            },
            _ => Ok(self),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// What was read otherwise than it stands, or left out.
    pub fn notes(&self) -> &[IdentityNote] {
        &self.notes
    }

    /// The public keys that belong to them, as `recipients` in applecart.yaml has them. SSH keys and
    /// those of plugins are left out: which recipient they are is known when they open a file.
    pub fn recipients(&self) -> Vec<String> {
        self.keys.iter().filter_map(Key::recipient).collect()
    }

    /// Those of plugins come last: nobody is asked to touch a key that is not needed.
    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        let of_plugin = |key: &&Key| matches!(key, Key::Plugin(_));
        let own = self.keys.iter().filter(move |key| !of_plugin(key));
        own.chain(self.keys.iter().filter(of_plugin)).map(|key| match key {
            Key::X25519(identity) => identity as &dyn age::Identity,
            #[cfg(feature = "ssh-identities")]
            Key::Ssh(identity) => identity.as_ref() as &dyn age::Identity,
            Key::Plugin(identity) => identity as &dyn age::Identity,
        })
    }
}

/// Opens an identity file that is itself encrypted; `None` where its passphrase cannot be asked for.
fn ask_and_open(
    sealed: &[u8],
    source: &KeySource,
    ask: Ask<'_>,
) -> Result<Option<Zeroizing<Vec<u8>>>, IdentityFault> {
    if !age_file::has_passphrase(sealed) {
        return Err(IdentityFault::Sealed);
    }
    let Some(passphrase) = ask(source) else { return Ok(None) };
    match age_file::open_with_passphrase(sealed, passphrase) {
        Ok(opened) => Ok(Some(opened)),
        Err(OpenError::NoMatchingIdentity { .. }) => Err(IdentityFault::WrongPassphrase),
        Err(_) => Err(IdentityFault::SealedDamaged),
    }
}

/// What stands on one line.
fn identity(line: &str) -> Result<Key, IdentityFault> {
    let begins = |with: &str| {
        line.as_bytes().get(..with.len()).is_some_and(|it| it.eq_ignore_ascii_case(with.as_bytes()))
    };
    if let Ok(identity) = line.parse::<x25519::Identity>() {
        return Ok(Key::X25519(identity));
    }
    Err(if begins(POST_QUANTUM) {
        IdentityFault::PostQuantum
    } else if begins(NATIVE) {
        IdentityFault::Damaged
    } else if begins(PLUGIN) {
        IdentityFault::Plugin { name: plugin(line) }
    } else if begins("age1") || line.starts_with("ssh-") {
        IdentityFault::PublicKey
    } else if line.contains(NATIVE) {
        IdentityFault::Surrounded
    } else if is_placeholder(line) {
        IdentityFault::Placeholder
    } else if is_path(line) {
        IdentityFault::Path
    } else {
        IdentityFault::NotAnIdentity
    })
}

/// The plugin that an identity `AGE-PLUGIN-NAME-1…` belongs to, as its program is called.
fn plugin(line: &str) -> String {
    let name = line.get(PLUGIN.len()..).and_then(|rest| rest.rsplit_once("-1"));
    let name = name.map(|(name, _)| name.to_ascii_lowercase()).unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    match !name.is_empty() && name.len() <= 40 && name.chars().all(is_name) {
        true => format!("age-plugin-{name}"),
        false => "an age plugin".to_owned(),
    }
}

/// Whether it is what stands in a pipeline for a secret, such as `$(NAME)`, or for one that is masked.
pub fn is_placeholder(text: &str) -> bool {
    let starts = ["$(", "${", "{{", "@Microsoft.KeyVault(", "***"];
    let is_windows = text.len() > 1 && text.starts_with('%') && text.ends_with('%');
    is_windows || starts.iter().any(|start| text.starts_with(start))
}

/// Whether it is the path of a key file, where a key should be.
fn is_path(line: &str) -> bool {
    let is_drive =
        matches!(line.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let ends = [".txt", ".key", ".agekey", ".age", ".pem"];
    is_drive
        || ["/", "~", "./", "../", "\\\\", "$HOME"].iter().any(|start| line.starts_with(start))
        || ends.iter().any(|end| line.to_ascii_lowercase().ends_with(end))
}

#[cfg(not(feature = "ssh-identities"))]
fn ssh_key(_: &str) -> Result<Key, IdentityFault> {
    Err(IdentityFault::Ssh)
}

#[cfg(feature = "ssh-identities")]
fn ssh_key(text: &str) -> Result<Key, IdentityFault> {
    use age::ssh::{Identity, UnsupportedKey};
    // One key is a whole file, as ssh-keygen writes it; a second one would be passed over.
    let text = text.trim();
    let one = text.starts_with("-----BEGIN") && text.matches("-----BEGIN").count() == 1;
    if !one || text.len() > MAX_SSH_KEY {
        return Err(IdentityFault::SshMalformed);
    }
    // Windows editors' line ends are not part of the key.
    let text = Zeroizing::new(text.replace('\r', ""));
    match Identity::from_buffer(text.as_bytes(), None) {
        Ok(identity @ Identity::Unencrypted(_)) => Ok(Key::Ssh(Box::new(identity))),
        Ok(Identity::Encrypted(_))
        | Ok(Identity::Unsupported(
            UnsupportedKey::EncryptedPem | UnsupportedKey::EncryptedSsh(_),
        )) => Err(IdentityFault::SshPassphrase),
        Ok(Identity::Unsupported(_)) => Err(IdentityFault::SshKind),
        Err(_) => Err(IdentityFault::SshMalformed),
    }
}
