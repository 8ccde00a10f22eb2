//! Why an identity could not be read. Never holds any of its text.

use std::fmt;
use std::path::{Path, PathBuf};

use applecart_core::apple;
use applecart_core::model::shell_word;
use applecart_core::sealed::Form;

/// Where a key came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file that an option names.
    File(PathBuf),
    /// A file that a variable names.
    FileOf(&'static str, PathBuf),
    /// The value of a variable or an option itself.
    Value(&'static str),
    /// The file where SOPS looks unless told otherwise.
    Usual(PathBuf),
    /// What a command printed that a variable names.
    CommandOf(&'static str),
    /// An age plugin, which asks for something of its own, such as a PIN.
    Plugin(String),
}

impl KeySource {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::FileOf(_, path) | Self::Usual(path) => Some(path),
            Self::Value(_) | Self::CommandOf(_) | Self::Plugin(_) => None,
        }
    }

    /// The path as a command line takes it.
    fn word(&self) -> String {
        self.path().map_or_else(|| "PATH".to_owned(), |path| shell_word(&path.to_string_lossy()))
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::FileOf(name, path) => write!(f, "{name} ({})", path.display()),
            Self::Value(name) | Self::CommandOf(name) => f.write_str(name),
            Self::Plugin(name) => f.write_str(name),
            Self::Usual(path) => write!(f, "{} (where SOPS looks)", path.display()),
        }
    }
}

/// Why an identity could not be read: where, and what is there instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", place(source_name, *line))]
pub struct IdentitiesError {
    pub source_name: KeySource,
    /// Counted from 1; `None` where the fault is of the whole text.
    pub line: Option<usize>,
    pub fault: IdentityFault,
}

fn place(source: &KeySource, line: Option<usize>) -> String {
    line.map_or_else(|| source.to_string(), |line| format!("{source}, line {line}"))
}

/// What stands where an identity should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityFault {
    #[error("not an age identity; an identity begins with AGE-SECRET-KEY-1")]
    NotAnIdentity,
    #[error(
        "the age identity is incomplete or was changed: it has 74 characters, all in upper case. Copy the whole line"
    )]
    Damaged,
    #[error(
        "there is other text around the age identity; leave only AGE-SECRET-KEY-1… on the line"
    )]
    Surrounded,
    #[error(
        "the age identity is in a comment: its line ends were lost, so everything behind the first # is one. Keep the line ends, or store only AGE-SECRET-KEY-1…"
    )]
    Commented,
    #[error(
        "this is a public key, which encrypts files and opens none. The private key begins with AGE-SECRET-KEY-1"
    )]
    PublicKey,
    #[error(
        "this is a post-quantum age identity, which this version does not use. Use an X25519 identity (AGE-SECRET-KEY-1…) that the files are encrypted to"
    )]
    PostQuantum,
    #[error(
        "this identity needs {name}, which is started only where APPLECART_AGE_PLUGINS names its program. A pipeline, which has no hardware key, needs an identity that begins with AGE-SECRET-KEY-1"
    )]
    Plugin {
        /// The plugin's program, such as `age-plugin-yubikey`.
        name: String,
    },
    #[error(
        "each path must be the absolute one of an age plugin's program, such as /usr/local/bin/age-plugin-yubikey"
    )]
    PluginPath,
    #[error(
        "SSH keys are not supported by this build; use an age identity, or build with --features ssh-identities"
    )]
    Ssh,
    #[error(
        "the SSH key has a passphrase, which a pipeline cannot type; use a key without one, or an age identity"
    )]
    SshPassphrase,
    #[error(
        "not a kind of SSH key that opens age files; use ssh-ed25519 or ssh-rsa (ECDSA and hardware keys do not work)"
    )]
    SshKind,
    #[error(
        "not a complete OpenSSH private key; copy the whole file, with its first and last line"
    )]
    SshMalformed,
    #[error(
        "the identity is encrypted with a passphrase, which is asked for on a terminal only. A pipeline needs an identity without one"
    )]
    Passphrase,
    #[error("the passphrase does not open this identity; run the command again")]
    WrongPassphrase,
    #[error(
        "this is a file that age encrypted, not an identity; name the private key that opens it"
    )]
    Sealed,
    #[error("the identity is encrypted with a passphrase, and damaged; restore it from a backup")]
    SealedDamaged,
    #[error("this {what}. An age identity begins with AGE-SECRET-KEY-1")]
    OtherFile {
        /// What the file is instead, to follow "this".
        what: &'static str,
    },
    #[error("this is not text, as an age identity is; check the path")]
    NotText,
    #[error(
        "this is the name of a secret that nothing replaced: the pipeline has no secret of this name, or does not give it to this step"
    )]
    Placeholder,
    #[error("this is the path of a file, not a key; the path belongs into SOPS_AGE_KEY_FILE")]
    Path,
    #[error(
        "this is a private key, not the path of a file, and programs show paths. The key belongs into SOPS_AGE_KEY"
    )]
    KeyForPath,
    #[error(
        "no shell replaced the ~ or $HOME in this path, so there is no such file; write the whole path"
    )]
    Tilde,
    #[error("contains no age identity; write one line that begins with AGE-SECRET-KEY-1")]
    Empty,
    #[error("too large to be an identity file; check the path")]
    TooLarge,
    #[error("{}", unreadable(*.0))]
    Unreadable(std::io::ErrorKind),
    #[error("the command line cannot be split into words: a quote is not closed")]
    CommandLine,
    #[error("the command that should print the key {0}. Run it by hand to see why")]
    Command(String),
}

impl IdentityFault {
    /// The fault of a whole source.
    pub fn of(self, source: &KeySource) -> IdentitiesError {
        IdentitiesError { source_name: source.clone(), line: None, fault: self }
    }

    /// Whether this is an identity after all, or belongs to one, and only of no use here: no reason
    /// to refuse another one beside it.
    pub(super) fn is_another_kind(&self) -> bool {
        matches!(
            self,
            Self::PublicKey
                | Self::PostQuantum
                | Self::Plugin { .. }
                | Self::Ssh
                | Self::SshPassphrase
                | Self::SshKind
                | Self::Passphrase
        )
    }

    /// What a file without an identity is, where that can be told.
    pub(super) fn other(bytes: &[u8]) -> Self {
        match apple::classify(bytes) {
            form @ (Form::LfsPointer { .. }
            | Form::GitCrypt
            | Form::OtherCipher
            | Form::Conflict { .. }
            | Form::WebPage
            | Form::Sealed(_)
            | Form::Certificate
            | Form::Request
            | Form::PublicKey
            | Form::Archive) => Self::OtherFile { what: form.words().what },
            _ if std::str::from_utf8(bytes).is_err() => Self::NotText,
            _ => Self::NotAnIdentity,
        }
    }
}

/// What to do, and the command line for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    pub say: &'static str,
    pub run: String,
}

impl IdentitiesError {
    /// What helps here and not with every key.
    pub fn remedy(&self) -> Option<Remedy> {
        let path = self.source_name.word();
        let (say, run) = match &self.fault {
            IdentityFault::Passphrase => (
                "Run this on a terminal, or open the identity first, for this shell only:",
                format!("export SOPS_AGE_KEY=\"$(age --decrypt {path})\""),
            ),
            IdentityFault::PublicKey => (
                "Name the file that age-keygen wrote, which holds the private key, too:",
                "export SOPS_AGE_KEY_FILE=PATH".to_owned(),
            ),
            IdentityFault::Plugin { name } if name.starts_with("age-plugin-") => (
                "Where its hardware key is, name its program:",
                format!("export APPLECART_AGE_PLUGINS=\"$(command -v {name})\""),
            ),
            IdentityFault::PostQuantum | IdentityFault::Plugin { .. } => (
                "Make an identity for pipelines; add its public key under `recipients` in applecart.yaml, and have the files encrypted to it:",
                "age-keygen -o fleet.agekey".to_owned(),
            ),
            IdentityFault::Path => (
                "Name the file in the other variable:",
                "export SOPS_AGE_KEY_FILE=\"$SOPS_AGE_KEY\"; unset SOPS_AGE_KEY".to_owned(),
            ),
            IdentityFault::KeyForPath => (
                "Put the key where a key belongs:",
                "export SOPS_AGE_KEY=\"$SOPS_AGE_KEY_FILE\"; unset SOPS_AGE_KEY_FILE".to_owned(),
            ),
            IdentityFault::Tilde => {
                let path = self.source_name.path().unwrap_or(Path::new("PATH"));
                let rest = path.strip_prefix("~").or_else(|_| path.strip_prefix("$HOME"));
                let rest = rest.unwrap_or(path).to_string_lossy().into_owned();
                let (say, name) = match self.source_name {
                    KeySource::FileOf(name, _) => ("Write it so that the shell replaces it:", name),
                    _ => ("Name the file so:", "SOPS_AGE_KEY_FILE"),
                };
                (say, format!("export {name}=\"$HOME\"/{}", shell_word(&rest)))
            }
            _ => return None,
        };
        Some(Remedy { say, run })
    }
}

fn unreadable(reason: std::io::ErrorKind) -> String {
    match reason {
        std::io::ErrorKind::NotFound => "there is no such file; check the path".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            "the file cannot be read for lack of permission; check who may read it".to_owned()
        }
        std::io::ErrorKind::InvalidInput => {
            "it is a pipe, a device or a socket, which may never end; save the key in a file, and name that".to_owned()
        }
        other => format!("the file cannot be read ({other}); check the path"),
    }
}
