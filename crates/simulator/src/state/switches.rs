//! What public evidence does not say about Intune, or what differs between tenants, as switches.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// How a tenant behaves where public evidence leaves it open, or where tenants differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// How `getEncryptionPublicKey` writes the key.
    pub public_key_form: PublicKeyForm,
    /// How long an enrollment token's old expiry shows after an upload.
    pub enrollment_lag_seconds: u32,
    /// How long a VPP token's old facts show after an upload, while its sync is `inProgress`.
    pub vpp_lag_seconds: u32,
    /// The shortest time between two manual syncs of an enrollment token; 15 minutes, as
    /// Microsoft documents it.
    pub enrollment_sync_seconds: u32,
    /// The shortest time between two manual syncs of a VPP token. Not documented; a minute is a
    /// guess that no careful client hurries past.
    pub vpp_sync_seconds: u32,
    /// The status of a sync that comes too early: 429, or 400 in Intune's shell. Which, is not
    /// confirmed.
    pub early_sync_status: u16,
    /// What becomes of a VPP token whose location another MDM has, without a claim.
    pub held_elsewhere: HeldElsewhereAnswer,
    /// Whether writes need a second admin, and how Graph says so.
    pub approval: Option<ApprovalPolicy>,
    /// Nobody licensed Intune here.
    pub unlicensed: bool,
    /// The number with which a silent sign-in of a person is refused here, such as 50076: a second
    /// factor is asked for in this tenant itself.
    pub interaction_required: Option<u32>,
    /// How long a fresh consent takes to reach every server of Entra's.
    pub consent_lag_seconds: u32,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            check_csr_key: false,
            refuse_expired_push: false,
            require_consent: false,
            batch_status: None,
            page_size: None,
            vpp_encoding: VppEncoding::default(),
            dep_encoding: DepEncoding::default(),
            public_key_form: PublicKeyForm::default(),
            enrollment_lag_seconds: 0,
            vpp_lag_seconds: 0,
            enrollment_sync_seconds: 15 * 60,
            vpp_sync_seconds: 60,
            early_sync_status: 429,
            held_elsewhere: HeldElsewhereAnswer::default(),
            approval: None,
            unlicensed: false,
            interaction_required: None,
            consent_lag_seconds: 0,
        }
    }
}

/// How Graph demands a second admin's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalPolicy {
    /// As Microsoft documents it: 403 both without and with a justification.
    Documented,
    /// As it was seen in a tenant: 400 without a justification, 412 with one.
    Seen,
}

/// What becomes of a VPP token whose location another MDM has. Not confirmed which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldElsewhereAnswer {
    /// It is taken and has the state `assignedToExternalMDM`.
    #[default]
    State,
    /// Answers 400, as for a request that is wrong.
    Refuse,
}

/// How the key that Apple encrypts to is written. Not confirmed which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublicKeyForm {
    /// PEM of the certificate, as Intune gives it.
    #[default]
    Pem,
    /// Base64 of the certificate's DER.
    Base64Der,
    /// Base64 of the certificate's PEM.
    Base64Pem,
}

impl PublicKeyForm {
    /// A certificate's PEM in this form.
    pub(crate) fn written(self, pem: &str) -> String {
        match self {
            Self::Pem => pem.to_owned(),
            Self::Base64Der => pem.lines().filter(|line| !line.starts_with("-----")).collect(),
            Self::Base64Pem => STANDARD.encode(pem),
        }
    }
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
