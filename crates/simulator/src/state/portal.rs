//! The portal: what an admin uploads by hand.

use chrono::Duration;
use serde::Deserialize;

use super::enrollment::Renewal;
use super::upload::Incoming;
use super::vpp::HeldElsewhere;
use super::{Push, State, StateError, Via};
use crate::apple::AppleError;
use crate::certificate::{self, CertificateError, PushCertificate};
use crate::words::{Kind, TenantId};

/// A token that an admin uploads by hand in the portal.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum PortalUpload {
    Push {
        apple_identifier: String,
        /// The certificate as PEM, as Apple's push portal gives it.
        certificate: String,
    },
    /// An enrollment program token. The file is not opened; it expires 365 days from now.
    Enrollment { id: String, apple_identifier: String },
    Vpp {
        id: String,
        /// The text of the `.vpptoken` file.
        token: String,
    },
}

/// The portal refused an upload.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("not a push certificate")]
    Certificate(#[from] CertificateError),
    #[error("not a VPP token")]
    Vpp,
    #[error("another MDM server manages this token")]
    HeldElsewhere,
    #[error(transparent)]
    Apple(#[from] AppleError),
    #[error("no token {0}")]
    NoToken(String),
}

impl State {
    /// Uploads a token as an admin does in the portal: not through Graph, and in no counter.
    pub fn portal_upload(
        &self,
        id: impl Into<TenantId>,
        upload: &PortalUpload,
    ) -> Result<(), PortalError> {
        let (now, via) = (self.now(), Via::Portal);
        self.change(id, |tenant| match upload {
            PortalUpload::Push { apple_identifier, certificate } => {
                let read = certificate::parse(certificate)?;
                tenant.apple_push_notification_certificate =
                    Some(push_from(apple_identifier, &read));
                let (value, file) = (certificate.as_str(), certificate::file(certificate));
                let (kind, file) = (Kind::Push, Some(file.as_slice()));
                tenant.uploaded(Incoming { at: now, kind, id: None, via, value, file });
                Ok(())
            }
            PortalUpload::Enrollment { id, apple_identifier } => {
                let lag_seconds = tenant.switches.enrollment_lag_seconds;
                let setting = tenant.enrollment(id)?;
                // An admin in the portal uploads what was downloaded last.
                let access_token_sha256 = setting.token_at_apple.clone();
                let expires = now + Duration::days(365);
                let renewal =
                    Renewal { apple_identifier, access_token_sha256, expires, lag_seconds };
                setting.renew(renewal, now);
                let (kind, id) = (Kind::Enrollment, Some(id.as_str()));
                tenant.uploaded(Incoming { at: now, kind, id, via, value: "", file: None });
                Ok(())
            }
            PortalUpload::Vpp { id, token } => {
                let contents = self.vpp_contents(token).ok_or(PortalError::Vpp)?;
                let at = tenant.vpp_position(id)?;
                tenant.renew_vpp(at, contents, false, now)?;
                let (kind, id, file) = (Kind::Vpp, Some(id.as_str()), Some(token.as_bytes()));
                tenant.uploaded(Incoming { at: now, kind, id, via, value: token, file });
                Ok(())
            }
        })
    }
}

impl From<HeldElsewhere> for PortalError {
    fn from(_: HeldElsewhere) -> Self {
        Self::HeldElsewhere
    }
}

/// The push certificate in Intune that an uploaded one becomes.
pub(crate) fn push_from(apple_identifier: &str, read: &PushCertificate) -> Push {
    Push {
        apple_identifier: apple_identifier.to_owned(),
        topic_identifier: read.topic.clone(),
        certificate_serial_number: read.serial.clone(),
        expiration_date_time: read.not_after,
        certificate_upload_failure_reason: None,
    }
}
