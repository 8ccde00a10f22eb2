//! Why a sealed file is not opened. All of it may be shown: nothing of a file's content, of a key
//! or of a MAC is in here, and no text of age's or of a JSON parser's.

/// Why a sealed file could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("no identity is at hand to open it; set SOPS_AGE_KEY_FILE or SOPS_AGE_KEY")]
    NoIdentity,
    #[error(
        "none of the {identities} identities at hand opens it: it is sealed to other recipients; seal it again to the fleet's, or use the identity it is sealed to"
    )]
    NoMatchingIdentity {
        /// How many were tried.
        identities: usize,
    },
    #[error(
        "it is sealed with a passphrase, which no pipeline can type; seal it to the fleet's recipients"
    )]
    Passphrase,
    #[error(
        "it is neither an age file nor a SOPS file; seal it before committing it, for Git keeps what was committed unsealed"
    )]
    NotSealed,
    #[error(
        "it is an age file of a version that this program does not know; seal it with age version 1"
    )]
    UnknownVersion,
    #[error("it was changed after it was sealed, or is cut off; seal it again from the original")]
    Damaged,
    #[error("it is larger than {limit} bytes; a token file has a few thousand")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    #[error("it is sealed to more than {limit} recipients; seal it to fewer")]
    TooManyRecipients { limit: usize },
    #[error(
        "what it says about its recipients is larger than {limit} bytes, which no kind of recipient needs; seal it again"
    )]
    HeaderTooLarge {
        /// The limit in bytes, for one recipient or for all of them.
        limit: usize,
    },
    #[error(
        "it is nested too deeply, or has too many or too long keys, for a sealed token file; seal the file itself: sops encrypt --input-type binary --output-type binary FILE"
    )]
    TooComplex,
    #[error(
        "one of its keys stands there twice, so two readers could read two different files; seal it again from the original"
    )]
    DuplicateKey,
    #[error(
        "its SOPS MAC is missing, so nothing shows that it was not changed; seal it again from the original"
    )]
    MacMissing,
    #[error(
        "its SOPS MAC does not fit: a value was added, removed, swapped or changed after it was sealed; find out who did, then seal it again from the original"
    )]
    MacMismatch,
    #[error(
        "its SOPS MAC covers encrypted values only (mac_only_encrypted), so others could be changed unseen; remove that setting from .sops.yaml and seal it again"
    )]
    MacOnlyEncrypted,
    #[error(
        "{values} of its values are not encrypted; remove unencrypted_suffix, encrypted_regex and the like from .sops.yaml, seal it again, and treat what was readable as known to everyone"
    )]
    Unencrypted { values: usize },
    #[error(
        "its SOPS key is split among several key groups (Shamir's secret sharing), which this program does not put together; seal it with one group of age recipients"
    )]
    KeyGroups,
    #[error(
        "it is sealed {}; add an age recipient: sops rotate --in-place --add-age age1… FILE",
        with(kinds)
    )]
    NoAgeRecipient {
        /// Which other kinds of keys it is sealed with.
        kinds: Vec<&'static str>,
    },
    #[error(
        "it is a SOPS file in YAML, dotenv or INI form, and only SOPS's binary and JSON forms are opened; seal the file itself: sops encrypt --input-type binary --output-type binary FILE"
    )]
    OtherStore,
    #[error(
        "it is a SOPS document of several values, and a sealed token file is one text under the key `data`; seal the file itself: sops encrypt --input-type binary --output-type binary FILE"
    )]
    NotOneFile,
}

impl OpenError {
    /// Whether the file shows signs of a change after sealing, or cannot show that there was none.
    /// Such a file is not only unusable: its source is not to be trusted.
    pub fn is_untrusted(&self) -> bool {
        matches!(
            self,
            Self::Damaged
                | Self::DuplicateKey
                | Self::MacMissing
                | Self::MacMismatch
                | Self::MacOnlyEncrypted
                | Self::Unencrypted { .. }
        )
    }
}

fn with(kinds: &[&str]) -> String {
    if kinds.is_empty() {
        "to nobody".to_owned()
    } else {
        format!("with {} only", kinds.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_says_what_why_and_what_to_do() {
        let all = [
            OpenError::NoIdentity,
            OpenError::NoMatchingIdentity { identities: 2 },
            OpenError::Passphrase,
            OpenError::NotSealed,
            OpenError::UnknownVersion,
            OpenError::Damaged,
            OpenError::TooLarge { limit: 1024 },
            OpenError::TooManyRecipients { limit: 64 },
            OpenError::HeaderTooLarge { limit: 2048 },
            OpenError::TooComplex,
            OpenError::DuplicateKey,
            OpenError::MacMissing,
            OpenError::MacMismatch,
            OpenError::MacOnlyEncrypted,
            OpenError::Unencrypted { values: 3 },
            OpenError::KeyGroups,
            OpenError::NoAgeRecipient { kinds: vec!["PGP", "AWS KMS"] },
            OpenError::NoAgeRecipient { kinds: vec![] },
            OpenError::OtherStore,
            OpenError::NotOneFile,
        ];
        let text: String = all
            .iter()
            .map(|error| {
                let code = if error.is_untrusted() { 7 } else { 4 };
                format!("{code}  {error}\n\n")
            })
            .collect();
        insta::assert_snapshot!(text);
    }
}
