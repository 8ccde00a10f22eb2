//! Enrollment program tokens: what Intune has of one, and what Apple makes of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::tenant::{default_scope, never, new_id, until, yes};
use super::{PortalError, State, StateError, Tenant};
use crate::apple::{Apple, EnrollmentRequest, IssuedEnrollment};
use crate::signing::{self, EncryptionKey, SigningError};
use crate::words::TenantId;

/// `lastSyncErrorCode` while Apple's new terms wait for somebody to accept them.
const TERMS: i32 = 3;
/// `lastSyncErrorCode` when Apple refuses the token. That it is not zero is all that is known; the
/// number is made up.
const REFUSED: i32 = 2;

/// An enrollment program token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "Graph's own properties, documented there")]
pub struct Enrollment {
    #[serde(default = "new_id")]
    pub id: String,
    #[serde(default)]
    pub apple_identifier: String,
    #[serde(default)]
    pub token_name: String,
    #[serde(default = "dep")]
    pub token_type: String,
    #[serde(default = "never")]
    pub token_expiration_date_time: DateTime<Utc>,
    #[serde(default = "never")]
    pub last_modified_date_time: DateTime<Utc>,
    #[serde(default = "never")]
    pub last_successful_sync_date_time: DateTime<Utc>,
    #[serde(default = "never")]
    pub last_sync_triggered_date_time: DateTime<Utc>,
    #[serde(default)]
    pub last_sync_error_code: i32,
    #[serde(default)]
    pub synced_device_count: i32,
    #[serde(default)]
    pub share_token_with_school_data_sync_service: bool,
    #[serde(default = "yes")]
    pub data_sharing_consent_granted: bool,
    #[serde(default = "default_scope")]
    pub role_scope_tag_ids: Vec<String>,
    /// PEM of the certificate that Apple encrypts to; made on first use.
    #[serde(default)]
    pub encryption_public_key: Option<String>,
    /// PKCS#8 PEM of its key. A seed that states a certificate without it gets a setting that
    /// opens nothing.
    #[serde(default)]
    pub encryption_private_key: Option<String>,
    /// SHA-256 in hex of the `access_token` that Intune has; `null` until a file was uploaded.
    #[serde(default)]
    pub token_in_use: Option<String>,
    /// SHA-256 in hex of the only `access_token` that Apple honours; `null` until one is
    /// downloaded, which means whichever Intune has.
    #[serde(default)]
    pub token_at_apple: Option<String>,
    /// Whether somebody accepted Apple's newest terms; `null` means that `lastSyncErrorCode` says
    /// so.
    #[serde(default)]
    pub apple_terms_accepted: Option<bool>,
    /// What still shows after a renewal.
    #[serde(default)]
    pub lag: Option<EnrollmentLag>,
}

/// What an enrollment token shows until a renewal shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "Graph's own properties, documented there")]
pub struct EnrollmentLag {
    /// From this moment on, the new values are shown.
    pub until: DateTime<Utc>,
    pub token_expiration_date_time: DateTime<Utc>,
    pub last_modified_date_time: DateTime<Utc>,
}

impl Enrollment {
    /// A healthy token of this name and expiry.
    pub fn new(name: &str, expires: DateTime<Utc>) -> Self {
        Self {
            id: new_id(),
            apple_identifier: String::new(),
            token_name: name.to_owned(),
            token_type: dep(),
            token_expiration_date_time: expires,
            last_modified_date_time: never(),
            last_successful_sync_date_time: never(),
            last_sync_triggered_date_time: never(),
            last_sync_error_code: 0,
            synced_device_count: 0,
            share_token_with_school_data_sync_service: false,
            data_sharing_consent_granted: true,
            role_scope_tag_ids: default_scope(),
            encryption_public_key: None,
            encryption_private_key: None,
            token_in_use: None,
            token_at_apple: None,
            apple_terms_accepted: None,
            lag: None,
        }
    }

    /// A new server token came in. It does not accept Apple's terms.
    pub(crate) fn renew(&mut self, renewal: Renewal<'_>, now: DateTime<Utc>) {
        self.lag = until(now, renewal.lag_seconds).map(|until| {
            let shown = self.shown(now);
            EnrollmentLag {
                until,
                token_expiration_date_time: shown.token_expiration_date_time,
                last_modified_date_time: shown.last_modified_date_time,
            }
        });
        renewal.apple_identifier.clone_into(&mut self.apple_identifier);
        self.token_in_use = renewal.access_token_sha256;
        self.token_expiration_date_time = renewal.expires;
        self.last_modified_date_time = now;
        if !self.awaits_terms() {
            self.last_sync_error_code = 0;
        }
    }

    /// Intune asks Apple for the devices, and notes how that went.
    pub(crate) fn sync(&mut self, now: DateTime<Utc>) {
        self.last_sync_triggered_date_time = now;
        let replaced = self.token_at_apple.is_some() && self.token_at_apple != self.token_in_use;
        self.last_sync_error_code = if self.awaits_terms() {
            TERMS
        } else if replaced || self.token_expiration_date_time <= now {
            REFUSED
        } else {
            match self.last_sync_error_code {
                TERMS | REFUSED => 0,
                // Another error lasts until whoever set it takes it away.
                other => other,
            }
        };
        if self.last_sync_error_code == 0 {
            self.last_successful_sync_date_time = now;
        }
    }

    fn awaits_terms(&self) -> bool {
        self.apple_terms_accepted.map_or(self.last_sync_error_code == TERMS, |accepted| !accepted)
    }

    /// The key that Apple encrypts to, made when there is none or `anew`.
    pub(crate) fn encryption_certificate(
        &mut self,
        now: DateTime<Utc>,
        anew: bool,
    ) -> Result<&str, SigningError> {
        if anew || self.encryption_public_key.is_none() {
            let EncryptionKey { certificate, key } = signing::encryption_key(now)?;
            self.encryption_public_key = Some(certificate);
            self.encryption_private_key = Some(key);
        }
        Ok(self.encryption_public_key.as_deref().unwrap_or_default())
    }

    /// The setting as it shows, which after a renewal may be as it was before.
    pub(crate) fn shown(&self, now: DateTime<Utc>) -> Self {
        let mut shown = self.clone();
        if let Some(lag) = self.lag.as_ref().filter(|lag| now < lag.until) {
            shown.token_expiration_date_time = lag.token_expiration_date_time;
            shown.last_modified_date_time = lag.last_modified_date_time;
        }
        shown
    }
}

/// A server token that comes in.
pub(crate) struct Renewal<'a> {
    pub(crate) apple_identifier: &'a str,
    pub(crate) access_token_sha256: Option<String>,
    pub(crate) expires: DateTime<Utc>,
    pub(crate) lag_seconds: u32,
}

impl State {
    /// An admin downloads a server token at Apple, encrypted to the setting's own key. From then
    /// on Apple refuses every other one, so syncs fail until this one is uploaded.
    pub fn download_enrollment(
        &self,
        apple: &Apple,
        tenant: impl Into<TenantId>,
        id: &str,
        request: &EnrollmentRequest,
    ) -> Result<IssuedEnrollment, PortalError> {
        let now = self.now();
        self.change(tenant, |tenant| {
            let setting = tenant.enrollment(id)?;
            let certificate = setting.encryption_certificate(now, false);
            let issued = apple.enrollment(certificate.map_err(StateError::from)?, request, now)?;
            setting.token_at_apple = Some(issued.access_token_sha256.clone());
            Ok(issued)
        })
    }

    /// Makes `issued` the only token that Apple honours for a setting, whatever key it is
    /// encrypted to: what a download does after the wrong key was uploaded at Apple.
    pub(crate) fn replace_enrollment(
        &self,
        tenant: TenantId,
        id: &str,
        issued: &IssuedEnrollment,
    ) -> Result<(), PortalError> {
        self.change(tenant, |tenant| {
            tenant.enrollment(id)?.token_at_apple = Some(issued.access_token_sha256.clone());
            Ok(())
        })
    }

    /// Apple has new terms, or somebody accepted them. Either shows at the next sync.
    pub(crate) fn set_apple_terms(
        &self,
        tenant: TenantId,
        id: &str,
        accepted: bool,
    ) -> Result<(), PortalError> {
        self.change(tenant, |tenant| {
            tenant.enrollment(id)?.apple_terms_accepted = Some(accepted);
            Ok(())
        })
    }
}

impl Tenant {
    /// The setting with this id.
    pub(crate) fn enrollment(&mut self, id: &str) -> Result<&mut Enrollment, PortalError> {
        self.dep_onboarding_settings
            .iter_mut()
            .find(|setting| setting.id == id)
            .ok_or_else(|| PortalError::NoToken(id.to_owned()))
    }
}

fn dep() -> String {
    "dep".to_owned()
}
