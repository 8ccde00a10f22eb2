//! The push certificate and the consent that a first one needs.

use reqwest::Method;
use serde::Serialize;

use super::super::batch;
use super::super::read::CONSENT;
use super::super::wire;
use super::{IntuneWrite, WriteError, check};
use applecart_core::model::{Kind, LivePush};

/// What became of a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consented {
    Granted,
    /// Graph has no such consent to grant (404): worth a warning, no reason to stop.
    NotOffered,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PushBody<'a> {
    apple_identifier: &'a str,
    certificate: &'a str,
}

impl IntuneWrite {
    /// Uploads a push certificate, encoded as the fleet's `wire` setting says, and returns what
    /// Graph then shows.
    ///
    /// # Errors
    ///
    /// Before any request, when a value is blank (Graph takes that for a removal) or holds a
    /// private key; afterwards as [`WriteError`] tells.
    pub async fn upload_push(
        &self,
        apple_id: &str,
        certificate: &str,
    ) -> Result<LivePush, WriteError> {
        check::text("the Apple Account", apple_id)?;
        check::credential("the certificate", certificate)?;
        let body = PushBody { apple_identifier: apple_id, certificate };
        let path = batch::path(Kind::Push);
        let reply = self.put(Method::PATCH, path, &body, Some(certificate)).await?;
        let request_id = reply.request_id();
        let unknown =
            |detail| WriteError::OutcomeUnknown { status: Some(reply.status), request_id, detail };
        match reply.json::<wire::Push>() {
            Ok(push) => {
                push.live().map_err(|error| unknown(format!("Graph answered with {error}")))
            }
            Err(_) => Err(unknown(format!(
                "Graph answered {} with something other than a push certificate",
                reply.status
            ))),
        }
    }

    /// Consents, for the tenant, to sharing data with Apple. It cannot be taken back.
    ///
    /// # Errors
    ///
    /// As [`WriteError`] tells.
    pub async fn consent(&self) -> Result<Consented, WriteError> {
        let ask = self.action(&format!("{CONSENT}/consentToDataSharing"));
        match self.send(&ask).await {
            Ok(_) => Ok(Consented::Granted),
            Err(WriteError::Rejected { status: 404, .. }) => Ok(Consented::NotOffered),
            Err(error) => Err(error),
        }
    }
}
