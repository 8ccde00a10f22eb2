//! What changes a token: the rules that Graph and the portal share, and the portal itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use sha2::Digest as _;

use super::{Push, State, StateError, Tenant, Upload, Via, Vpp};
use crate::model::{Kind, TenantId};
use crate::simulator::apple;
use crate::simulator::certificate::{self, CertificateError, PushCertificate};

/// A token that an admin uploads by hand in the portal.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum PortalUpload {
    /// A push certificate.
    Push {
        /// The Apple Account.
        apple_identifier: String,
        /// PEM.
        certificate: String,
    },
    /// An enrollment program token. The file is not opened; it expires 365 days from now.
    Enrollment {
        /// The setting's id.
        id: String,
        /// The Apple Account.
        apple_identifier: String,
    },
    /// A VPP token.
    Vpp {
        /// The token's id.
        id: String,
        /// The text of the `.vpptoken` file.
        token: String,
    },
}

/// The portal refused an upload.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// The state could not be changed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The push certificate cannot be read.
    #[error("not a push certificate")]
    Certificate(#[from] CertificateError),
    /// The VPP token cannot be read.
    #[error("not a VPP token")]
    Vpp,
    /// There is no such token.
    #[error("no token {0}")]
    NoToken(String),
}

/// What the text of a `.vpptoken` file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::simulator) struct VppContents {
    pub(in crate::simulator) organization: String,
    pub(in crate::simulator) location: Option<String>,
    pub(in crate::simulator) expires: DateTime<Utc>,
}

impl State {
    /// Uploads a token as an admin does in the portal: not through Graph, and in no counter.
    pub fn portal_upload(&self, id: TenantId, upload: &PortalUpload) -> Result<(), PortalError> {
        let now = self.now();
        self.change(id, |tenant| match upload {
            PortalUpload::Push { apple_identifier, certificate } => {
                let read = certificate::parse(certificate)?;
                tenant.apple_push_notification_certificate =
                    Some(push_from(apple_identifier, &read));
                tenant.uploaded(now, Kind::Push, None, Via::Portal, certificate);
                Ok(())
            }
            PortalUpload::Enrollment { id, apple_identifier } => {
                tenant.renew_enrollment(id, apple_identifier, now)?;
                tenant.uploaded(now, Kind::Enrollment, Some(id), Via::Portal, "");
                Ok(())
            }
            PortalUpload::Vpp { id, token } => {
                let contents = vpp_contents(token).ok_or(PortalError::Vpp)?;
                let vpp = tenant
                    .vpp_tokens
                    .iter_mut()
                    .find(|vpp| vpp.id == *id)
                    .ok_or_else(|| PortalError::NoToken(id.clone()))?;
                vpp.renew(contents, now);
                tenant.uploaded(now, Kind::Vpp, Some(id), Via::Portal, token);
                Ok(())
            }
        })
    }
}

impl Tenant {
    /// Notes that a token came in.
    pub(in crate::simulator) fn uploaded(
        &mut self,
        at: DateTime<Utc>,
        kind: Kind,
        id: Option<&str>,
        via: Via,
        value: &str,
    ) {
        let sha256 = hex::encode(sha2::Sha256::digest(value));
        self.uploads.push(Upload { at, kind, id: id.map(str::to_owned), via, sha256 });
    }

    /// A new server token came in: its expiry is inside the encrypted file, one year after the
    /// download, which is taken to be now.
    pub(in crate::simulator) fn renew_enrollment(
        &mut self,
        id: &str,
        apple_identifier: &str,
        now: DateTime<Utc>,
    ) -> Result<(), PortalError> {
        let setting = self
            .dep_onboarding_settings
            .iter_mut()
            .find(|setting| setting.id == id)
            .ok_or_else(|| PortalError::NoToken(id.to_owned()))?;
        apple_identifier.clone_into(&mut setting.apple_identifier);
        setting.last_modified_date_time = now;
        setting.token_expiration_date_time = now + Duration::days(365);
        setting.last_sync_error_code = 0;
        Ok(())
    }
}

impl Vpp {
    /// A new token came in: what it says replaces what was there, the rest stays.
    pub(in crate::simulator) fn renew(&mut self, contents: VppContents, now: DateTime<Utc>) {
        self.organization_name = contents.organization;
        // Apple, not the caller, says which location a token is for.
        if let Some(location) = contents.location {
            self.location_name = location;
        }
        self.state = if contents.expires > now { "valid" } else { "expired" }.to_owned();
        self.expiration_date_time = contents.expires;
        self.last_modified_date_time = now;
    }
}

/// The live push certificate that an uploaded one becomes.
pub(in crate::simulator) fn push_from(apple_identifier: &str, read: &PushCertificate) -> Push {
    Push {
        apple_identifier: apple_identifier.to_owned(),
        topic_identifier: read.topic.clone(),
        certificate_serial_number: read.serial.clone(),
        expiration_date_time: read.not_after,
        certificate_upload_failure_reason: None,
    }
}

/// Reads the text of a `.vpptoken` file; `None` when it is none.
pub(in crate::simulator) fn vpp_contents(text: &str) -> Option<VppContents> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        exp_date: String,
        token: String,
        org_name: String,
    }
    let file: File = serde_json::from_slice(&STANDARD.decode(text.trim()).ok()?).ok()?;
    let expires = DateTime::parse_from_str(&file.exp_date, "%Y-%m-%dT%H:%M:%S%z").ok()?;
    Some(VppContents {
        organization: file.org_name,
        location: apple::location(&file.token),
        expires: expires.with_timezone(&Utc),
    })
}
