//! What was uploaded, so that a test can count it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::Tenant;
use crate::words::Kind;

/// One token that reached the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upload {
    pub at: DateTime<Utc>,
    pub kind: Kind,
    /// Graph's id; `null` for push.
    pub id: Option<String>,
    pub via: Via,
    /// SHA-256 in hex of the value as it was sent.
    pub sha256: String,
    /// SHA-256 in hex of the file that the value stands for, without the encoding of the wire;
    /// `null` where no file came.
    #[serde(default)]
    pub file_sha256: Option<String>,
}

/// On which way a token came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    Graph,
    /// By an admin's hand in the portal.
    Portal,
}

/// A value that came in.
#[derive(Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) at: DateTime<Utc>,
    pub(crate) kind: Kind,
    pub(crate) id: Option<&'a str>,
    pub(crate) via: Via,
    /// As it was sent.
    pub(crate) value: &'a str,
    /// The file it stands for.
    pub(crate) file: Option<&'a [u8]>,
}

impl Tenant {
    /// Notes that a token came in.
    pub(crate) fn uploaded(&mut self, incoming: Incoming<'_>) {
        let Incoming { at, kind, id, via, value, file } = incoming;
        self.uploads.push(Upload {
            at,
            kind,
            id: id.map(str::to_owned),
            via,
            sha256: hex::encode(sha2::Sha256::digest(value)),
            file_sha256: file.map(|file| hex::encode(sha2::Sha256::digest(file))),
        });
    }
}
