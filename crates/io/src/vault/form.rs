//! What a sealed file shows about itself without being opened.

use super::{age_file, sops};

/// How a file is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// age. Its header names no recipient: with X25519 nobody can tell from the file whom it is
    /// for.
    Age,
    Sops {
        /// To whom, as the file says; nothing authenticates that. `None` where other kinds of keys
        /// than age's open it too, or it is not readable.
        recipients: Option<Vec<String>>,
    },
}

/// How a file is sealed, by its first bytes and, for SOPS, its metadata; `None` when it is not.
pub fn form(sealed: &[u8]) -> Option<Form> {
    let text = sealed.strip_prefix("\u{feff}".as_bytes()).unwrap_or(sealed).trim_ascii_start();
    if age_file::is_age(text) {
        return Some(Form::Age);
    }
    sops::stated_recipients(text).map(|recipients| Form::Sops { recipients })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::sops::sealing;
    use crate::vault::{Secret, seal};

    #[test]
    fn only_sops_says_whom_a_file_is_for() {
        let recipient = age::x25519::Identity::generate().to_public().to_string();
        let recipients = vec![recipient];
        let sealed = seal(&Secret::new(b"x".to_vec()), &recipients).unwrap();
        assert_eq!(form(&sealed), Some(Form::Age));
        let mut sops = sealing::binary(b"x", &recipients);
        let text = |sops: &serde_json::Value| sops.to_string().into_bytes();
        assert_eq!(form(&text(&sops)), Some(Form::Sops { recipients: Some(recipients) }));
        sops["sops"]["kms"] = serde_json::json!([{"arn": "x"}]);
        assert_eq!(
            form(&text(&sops)),
            Some(Form::Sops { recipients: None }),
            "others open it, too"
        );
        assert_eq!(form(b"-----BEGIN CERTIFICATE-----"), None);
        assert_eq!(form(b"{\"data\": 1}"), None);
    }
}
