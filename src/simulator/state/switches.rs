//! What public evidence does not say about Intune, or what differs between tenants, as switches.

use serde::{Deserialize, Serialize};

/// How a tenant behaves where public evidence leaves it open, or where tenants differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Switches {
    /// Refuse a push certificate whose key is not the outstanding signing request's.
    pub check_csr_key: bool,
    /// Refuse an expired push certificate.
    pub refuse_expired_push: bool,
    /// Refuse a first push certificate without consent to data sharing.
    pub require_consent: bool,
    /// Answer `$batch` with this status instead, such as 404, 405 or 501.
    pub batch_status: Option<u16>,
    /// Give collections in pages of this size.
    pub page_size: Option<usize>,
    /// The only form of `token` that VPP calls take.
    pub vpp_encoding: VppEncoding,
    /// The only form of `depToken` that `uploadDepToken` takes.
    pub dep_encoding: DepEncoding,
}

/// How a VPP token is written on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VppEncoding {
    /// The file's text as it is.
    #[default]
    Text,
    /// Base64 of the file's text, which is base64 itself.
    Base64,
}

/// How an enrollment token is written on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DepEncoding {
    /// Base64 of the file.
    #[default]
    Base64,
    /// The file's text as it is.
    Text,
}
