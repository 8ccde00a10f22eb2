//! Identities: the private keys that open sealed files.

use age::x25519;
use zeroize::Zeroizing;

/// An identity file larger than this is not one; age's own limit is 16 MiB for files with many
/// SSH keys, here they are a few lines each.
const MAX_IDENTITY_TEXT: usize = 1024 * 1024;

/// Why an identity could not be read. Never holds any of its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentitiesError {
    /// A line is neither a comment nor an X25519 identity.
    #[error("{source_name}, line {line}: not an age identity (AGE-SECRET-KEY-1…)")]
    NotAnIdentity {
        /// Where the text came from: a path or a variable's name.
        source_name: String,
        /// The line, from 1.
        line: usize,
    },
    /// The text is an SSH key, which this build does not read.
    #[error("{source_name}: SSH keys are not supported by this build; use an age identity")]
    Ssh {
        /// Where the text came from.
        source_name: String,
    },
    /// A line names an age plugin.
    #[error("{source_name}, line {line}: age plugins are switched off")]
    Plugin {
        /// Where the text came from.
        source_name: String,
        /// The line, from 1.
        line: usize,
    },
    /// There is no identity in the text.
    #[error("{source_name}: holds no age identity")]
    Empty {
        /// Where the text came from.
        source_name: String,
    },
    /// The text is far too long.
    #[error("{source_name}: too large to be an identity file")]
    TooLarge {
        /// Where the text came from.
        source_name: String,
    },
}

/// The private keys at hand. Wiped when dropped; never shown.
#[derive(Default)]
pub struct Identities(Vec<x25519::Identity>);

impl Identities {
    /// Adds the identities in the text of an age key file: one a line, `#` comments.
    ///
    /// # Errors
    /// When a line is something else; the line is named, never quoted.
    pub fn add(
        &mut self,
        source_name: &str,
        text: &Zeroizing<String>,
    ) -> Result<(), IdentitiesError> {
        let source_name = || source_name.to_owned();
        if text.len() > MAX_IDENTITY_TEXT {
            return Err(IdentitiesError::TooLarge { source_name: source_name() });
        }
        if text.contains("-----BEGIN") {
            return Err(IdentitiesError::Ssh { source_name: source_name() });
        }
        let before = self.0.len();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line_text = line.trim();
            if line_text.is_empty() || line_text.starts_with('#') {
                continue;
            }
            if line_text.to_ascii_uppercase().starts_with("AGE-PLUGIN-") {
                return Err(IdentitiesError::Plugin {
                    source_name: source_name(),
                    line: index + 1,
                });
            }
            let identity = line_text.parse::<x25519::Identity>().map_err(|_| {
                IdentitiesError::NotAnIdentity { source_name: source_name(), line: index + 1 }
            })?;
            self.0.push(identity);
        }
        if self.0.len() == before {
            return Err(IdentitiesError::Empty { source_name: source_name() });
        }
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| identity as &dyn age::Identity)
    }
}
