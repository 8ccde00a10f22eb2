//! What was found out about a commit's signature, in words.

use std::fmt;

use applecart_core::model::Timestamp;

/// In which way a commit is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureFormat {
    /// With an SSH key.
    Ssh,
    /// With an OpenPGP key.
    OpenPgp,
}

/// Whose key it is. Only of [`Signature::Good`] is it known that this key signed the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// SSH: the principals of the allowed-signers file. OpenPGP: the key's user id. `None` where
    /// the key is not known, or not looked up any more.
    pub name: Option<String>,
    /// SSH: `SHA256:…`. OpenPGP: the fingerprint, or the key id where no more is known; empty where
    /// no OpenPGP keys are named, so it was not checked.
    pub key: String,
    pub format: SignatureFormat,
}

/// What was found out about a commit's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It fits the commit and is of a signer whom the policy names.
    Good(Signer),
    Unsigned,
    /// It is of a key that the files of the policy revision do not name.
    UnknownKey(Signer),
    /// It is of a key that is named, and had expired: SSH when the commit was made, OpenPGP by now.
    Expired {
        by: Signer,
        /// OpenPGP: since when, where the key tells.
        since: Option<Timestamp>,
    },
    /// It is of an SSH key that is named, and was not valid yet when the commit was made.
    NotYetValid(Signer),
    /// It is of a key that was revoked.
    Revoked(Signer),
    /// It does not fit the commit: the commit was changed after it was signed.
    Bad(Signer),
    /// An SSH signature that was made for something else than Git.
    WrongNamespace {
        by: Signer,
        /// What it was made for.
        found: String,
    },
    /// It is of a kind that is not judged.
    Unsupported {
        /// What it is, in words.
        what: &'static str,
    },
    /// The programs could not tell.
    Unverifiable {
        detail: String,
    },
}

impl Signature {
    /// Whether the commit counts as signed by a signer whom the policy names.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good(_))
    }

    /// The key that the signature names, where it names one.
    pub fn signer(&self) -> Option<&Signer> {
        match self {
            Self::Good(by)
            | Self::UnknownKey(by)
            | Self::Expired { by, .. }
            | Self::NotYetValid(by)
            | Self::Revoked(by)
            | Self::Bad(by)
            | Self::WrongNamespace { by, .. } => Some(by),
            Self::Unsigned | Self::Unsupported { .. } | Self::Unverifiable { .. } => None,
        }
    }

    /// The stable name, for machine output.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Good(_) => "good",
            Self::Unsigned => "unsigned",
            Self::UnknownKey(_) => "unknown-key",
            Self::Expired { .. } => "expired-key",
            Self::NotYetValid(_) => "key-not-yet-valid",
            Self::Revoked(_) => "revoked-key",
            Self::Bad(_) => "bad-signature",
            Self::WrongNamespace { .. } => "wrong-namespace",
            Self::Unsupported { .. } => "unsupported-signature",
            Self::Unverifiable { .. } => "unverifiable-signature",
        }
    }

    /// What to do about it; `None` for a good one.
    pub fn next_step(&self) -> Option<&'static str> {
        Some(match self {
            Self::Good(_) => return None,
            Self::Unsigned => {
                "sign it (git commit --amend --no-edit -S, or a merge commit with -S), merge that, and apply it; where the forge merges, add the key that it signs with to the signers"
            }
            Self::UnknownKey(_) => {
                "if this person may sign, add the key to the file that `signers` or `openpgpKeys` names, merge that, and apply a later commit"
            }
            Self::Expired { .. } => {
                "renew the key (and its entry), or sign a new commit with one that is valid"
            }
            Self::NotYetValid(_) => {
                "correct `valid-after` in the allowed-signers file, or the clock of the machine that made the commit"
            }
            Self::Revoked(_) => {
                "find out who made the commit; sign a new one with a key that was not revoked"
            }
            Self::Bad(_) => "find out who changed the commit after it was signed; sign a new one",
            Self::WrongNamespace { .. } => {
                "sign with `git commit -S`, or with `ssh-keygen -Y sign -n git`"
            }
            Self::Unsupported { .. } => "sign with SSH (git config gpg.format ssh) or OpenPGP",
            Self::Unverifiable { .. } => {
                "try it by hand: git verify-commit --raw; an old gpg or ssh-keygen may be the reason"
            }
        })
    }
}

/// What is so with the commit: `is signed by …`, to follow its name.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(by) => write!(f, "is signed by {by}"),
            Self::Unsigned => f.write_str("is not signed"),
            Self::UnknownKey(by) => {
                write!(f, "is signed by {by}, which the policy does not name as a signer")
            }
            Self::Expired { by, since: Some(since) } => {
                write!(f, "is signed by {by}, which has expired ({since})")
            }
            Self::Expired { by, since: None } if by.format == SignatureFormat::Ssh => {
                write!(f, "is signed by {by}, which had expired when the commit was made")
            }
            Self::Expired { by, since: None } => write!(f, "is signed by {by}, which has expired"),
            Self::NotYetValid(by) => {
                write!(f, "is signed by {by}, which was not valid yet when the commit was made")
            }
            Self::Revoked(by) => write!(f, "is signed by {by}, which was revoked"),
            Self::Bad(by) => {
                write!(
                    f,
                    "has a signature of {by} that does not fit it: it was changed after it was signed"
                )
            }
            Self::WrongNamespace { by, found } => {
                write!(f, "has a signature of {by} that was made for {found:?} and not for Git")
            }
            Self::Unsupported { what } => {
                write!(f, "has {what}; only SSH and OpenPGP signatures are checked")
            }
            Self::Unverifiable { detail } => {
                write!(f, "has a signature that could not be verified ({detail})")
            }
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            SignatureFormat::Ssh => "SSH",
            SignatureFormat::OpenPgp => "OpenPGP",
        };
        match (&self.name, self.key.as_str()) {
            (Some(name), key) => write!(f, "{name} with the {format} key {key}"),
            (None, "") => write!(f, "an {format} key"),
            (None, key) => write!(f, "the {format} key {key}"),
        }
    }
}
