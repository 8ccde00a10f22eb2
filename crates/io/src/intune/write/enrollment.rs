//! Enrollment program tokens: a renewal, the settings, and the sync with Apple.
//!
//! Facts: <https://learn.microsoft.com/en-us/graph/api/resources/intune-enrollment-deponboardingsetting>,
//! beta only. The calls that take devices away, make a new key or delete are not here.

use reqwest::Method;
use serde::Serialize;

use super::super::batch;
use super::super::wire::{self, Item as _};
use super::{IntuneWrite, Object, Synced, WriteError, check};
use applecart_core::model::{Kind, LiveEnrollment, Setting};

/// The settings of an enrollment token that a fleet may change; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrollmentSettings {
    /// `roleScopeTagIds`; the whole list, never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_scope_tag_ids: Option<Vec<String>>,
}

impl EnrollmentSettings {
    /// The settings that a request with this holds.
    pub fn requested(&self) -> Vec<Setting> {
        self.role_scope_tag_ids.iter().map(|_| Setting::RoleScopeTagIds).collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UploadBody<'a> {
    apple_id: &'a str,
    dep_token: &'a str,
}

/// Where an enrollment token is, below the API version.
fn path(id: &str) -> Result<String, WriteError> {
    Ok(format!("{}/{}", batch::path(Kind::Enrollment), check::segment(id)?))
}

fn object(id: &str) -> Object<'_> {
    Object { name: wire::Enrollment::NAME, id }
}

impl IntuneWrite {
    /// Uploads a token that Apple made, encoded as the fleet's `wire` setting says, in place of
    /// the one that the object `id` holds. Graph answers nothing; a read shows what it made of it.
    ///
    /// # Errors
    ///
    /// Before any request, when a value is blank, the token holds a private key, or the id is
    /// none; afterwards as [`WriteError`] tells.
    pub async fn upload_enrollment(
        &self,
        id: &str,
        apple_id: &str,
        dep_token: &str,
    ) -> Result<(), WriteError> {
        let path = path(id)?;
        check::text("the Apple Account", apple_id)?;
        check::credential("the enrollment token", dep_token)?;
        let path = format!("{path}/uploadDepToken");
        let body = UploadBody { apple_id, dep_token };
        let sent = self.put(Method::POST, &path, &body, Some(dep_token)).await;
        let reply = sent.map_err(|error| object(id).explain(error))?;
        // The action answers nothing. What has a text, such as a proxy's page, is not its answer.
        if reply.body.trim_ascii().is_empty() {
            return Ok(());
        }
        Err(WriteError::OutcomeUnknown {
            status: Some(reply.status),
            request_id: reply.request_id(),
            detail: format!("Graph answered {} with a text where there is none", reply.status),
        })
    }

    /// Changes settings of an enrollment token and returns what Graph then shows.
    ///
    /// # Errors
    ///
    /// Before any request, when there is nothing to change, a value is blank, or the id is none;
    /// afterwards as [`WriteError`] tells.
    pub async fn configure_enrollment(
        &self,
        id: &str,
        settings: &EnrollmentSettings,
    ) -> Result<LiveEnrollment, WriteError> {
        let path = path(id)?;
        let EnrollmentSettings { role_scope_tag_ids } = settings;
        let Some(tags) = role_scope_tag_ids else {
            return Err(WriteError::Refused { what: "the request", why: "changes nothing" });
        };
        check::scope_tags(tags)?;
        let sent = self.put(Method::PATCH, &path, settings, None).await;
        let reply = sent.map_err(|error| object(id).explain(error))?;
        object(id).shown::<wire::Enrollment>(&reply)
    }

    /// Asks Intune to sync an enrollment token with Apple, once.
    ///
    /// # Errors
    ///
    /// Before any request, when the id is none; afterwards as [`WriteError`] tells. None of them
    /// says anything about an upload before.
    pub async fn sync_enrollment(&self, id: &str) -> Result<Synced, WriteError> {
        let path = format!("{}/syncWithAppleDeviceEnrollmentProgram", path(id)?);
        self.sync(&path, object(id)).await
    }
}

#[cfg(test)]
mod tests;
