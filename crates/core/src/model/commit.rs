//! A commit's public facts: who wrote it, who committed it, with which key it is signed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::words::kebab_enum;

/// A person as a commit names them. Anybody can write any name into a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub name: String,
    pub email: String,
}

/// As Git writes it: `Dana <dana@example.com>`.
impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{}>", self.name, self.email)
    }
}

kebab_enum! {
    /// How a commit is signed.
    SignatureFormat {
        /// An SSH key's signature.
        Ssh => "ssh",
        /// An OpenPGP signature, as `gpg` makes it.
        Openpgp => "openpgp",
        /// A CMS signature with an X.509 certificate.
        X509 => "x509",
        /// Something else in the place of a signature.
        Other => "other",
    }
}

/// What is known about whether a signature is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// Nobody has verified it: it may be of any key, over anything.
    #[default]
    Unknown,
}

/// The signature that a commit carries, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    pub format: SignatureFormat,
    /// The key that the signature names: `SHA256:…` for SSH, the fingerprint or key id in
    /// hexadecimal for OpenPGP. A claim while `verified` is `unknown`.
    pub key: Option<String>,
    /// Whether it is right.
    pub verified: Verification,
}

/// A commit's own statements: everything but the id can be made up by whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// The whole SHA-1 name, 40 hexadecimal digits.
    pub id: String,
    /// Who wrote the change.
    pub author: Person,
    /// When, by the author's clock.
    pub authored: Timestamp,
    /// Who made the commit.
    pub committer: Person,
    /// When, by the committer's clock.
    pub committed: Timestamp,
    /// The message, at most its first 64 KiB.
    pub message: String,
    /// The signature; `null` where there is none.
    pub signature: Option<Signature>,
}

impl Commit {
    /// The message's first line.
    pub fn subject(&self) -> &str {
        self.message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
    }
}
