//! Why a sealed file is not opened. All of it may be shown: nothing of a file's content, of a key
//! or of a MAC is in here, and no text of age's or of a JSON parser's.

/// Why a sealed file could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("no identity is available to open it; set SOPS_AGE_KEY_FILE or SOPS_AGE_KEY")]
    NoIdentity,
    #[error(
        "no available identity opens it ({identities} tried): it is encrypted to other recipients. Use an identity that it is encrypted to, or encrypt it again to the fleet's recipients"
    )]
    NoMatchingIdentity {
        /// How many were tried.
        identities: usize,
    },
    #[error(
        "it is encrypted to {kinds} only, which this program does not open; encrypt it again to the fleet's recipients, with the program that opens it"
    )]
    OtherKinds {
        /// Which kinds of keys, in words.
        kinds: String,
    },
    #[error(
        "it is encrypted with a passphrase, which a pipeline cannot type; encrypt it to the fleet's recipients"
    )]
    Passphrase,
    #[error(
        "it is not encrypted with age or SOPS; encrypt it before you commit it, because Git keeps everything that was ever committed"
    )]
    NotSealed,
    #[error(
        "it is an age file of an unknown version; encrypt it again with version 1 of the age format"
    )]
    UnknownVersion,
    #[error(
        "it was changed after it was encrypted, or it is cut off; encrypt it again from the original file"
    )]
    Damaged,
    #[error("it is larger than {limit} bytes; a token file has a few thousand")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    #[error("it is encrypted to more than {limit} recipients; encrypt it to fewer")]
    TooManyRecipients { limit: usize },
    #[error(
        "its list of recipients is larger than {limit} bytes, which no kind of recipient needs; encrypt it again from the original file"
    )]
    HeaderTooLarge {
        /// The limit in bytes, for one recipient or for all of them.
        limit: usize,
    },
    #[error(
        "it is nested too deeply, or has too many or too long keys, for an encrypted token file; encrypt the file itself: sops encrypt --input-type binary --output-type binary FILE"
    )]
    TooComplex,
    #[error(
        "it has the same key twice, so two programs could read two different files; encrypt it again from the original file"
    )]
    DuplicateKey,
    #[error(
        "its SOPS MAC is missing, so it is not proved that the file is unchanged; encrypt it again from the original file"
    )]
    MacMissing,
    #[error(
        "its SOPS MAC does not fit: a value was added, removed, swapped or changed after encryption. Find out who changed it, then encrypt it again from the original file"
    )]
    MacMismatch,
    #[error(
        "its SOPS MAC covers encrypted values only (mac_only_encrypted), so others could be changed unseen; remove that setting from .sops.yaml and encrypt it again"
    )]
    MacOnlyEncrypted,
    #[error(
        "{values} of its values are not encrypted; remove unencrypted_suffix, encrypted_regex and similar settings from .sops.yaml, encrypt it again, and treat the readable values as known to everyone"
    )]
    Unencrypted { values: usize },
    #[error(
        "its SOPS key is split among several key groups (Shamir's secret sharing), which Applecart does not combine; encrypt it to one group of age recipients"
    )]
    KeyGroups,
    #[error(
        "it is encrypted {}; add an age recipient: sops rotate --in-place --add-age age1… FILE",
        with(kinds)
    )]
    NoAgeRecipient {
        /// Which other kinds of keys it is sealed with.
        kinds: Vec<&'static str>,
    },
    #[error(
        "it is a SOPS file in YAML, dotenv or INI form, and only SOPS's binary and JSON forms are opened; encrypt the file itself: sops encrypt --input-type binary --output-type binary FILE"
    )]
    OtherStore,
    #[error(
        "it is a SOPS document of several values, but an encrypted token file is one text under the key `data`; encrypt the file itself: sops encrypt --input-type binary --output-type binary FILE"
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
        "to no key at all".to_owned()
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
            OpenError::OtherKinds { kinds: "1 post-quantum age key".into() },
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
