//! Enrollment program tokens: a renewal, the settings, and the sync with Apple.
//!
//! Facts: <https://learn.microsoft.com/en-us/graph/api/resources/intune-enrollment-deponboardingsetting>,
//! beta only. The calls that take devices away, make a new key or delete are not here.

use reqwest::Method;
use serde::Serialize;

use super::super::batch;
use super::super::wire::{self, Item as _};
use super::{IntuneWrite, Object, Synced, WriteError, check};
use applecart_core::model::{Kind, LiveEnrollment};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UploadBody<'a> {
    apple_id: &'a str,
    dep_token: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingsBody<'a> {
    role_scope_tag_ids: &'a [String],
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

    /// Changes the scope tags of an enrollment token, which are sent whole, and returns what Graph then
    /// shows.
    ///
    /// # Errors
    ///
    /// Before any request, when there is no tag, one is blank, or the id is none; afterwards as
    /// [`WriteError`] tells.
    pub async fn configure_enrollment(
        &self,
        id: &str,
        role_scope_tag_ids: &[String],
    ) -> Result<LiveEnrollment, WriteError> {
        let path = path(id)?;
        check::scope_tags(role_scope_tag_ids)?;
        let body = SettingsBody { role_scope_tag_ids };
        let sent = self.put(Method::PATCH, &path, &body, None).await;
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
