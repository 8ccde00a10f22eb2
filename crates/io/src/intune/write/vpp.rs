//! VPP tokens: a renewal with or without settings, a first upload, and the sync with Apple.
//!
//! Facts: <https://learn.microsoft.com/en-us/graph/api/resources/intune-onboarding-vpptoken>; the
//! name, the claim and the scope tags are in beta only. The calls that revoke licences or delete
//! are not here.

use std::fmt;

use reqwest::Method;
use serde::Serialize;

use super::super::batch;
use super::super::wire::{self, Item as _};
use super::{IntuneWrite, Object, Synced, WriteError, check};
use applecart_core::model::{Kind, LiveVpp, Setting};

/// A token's text in a request; nothing shows it.
#[derive(Clone, Copy, Serialize)]
pub struct TokenText<'a>(pub &'a str);

impl fmt::Debug for TokenText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What to change of a VPP token; what is `None` is not sent, and stays as it is.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VppChange<'a> {
    /// `token`, encoded as the fleet's `wire` setting says. Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apple_id: Option<&'a str>,
    /// Takes the token over from another MDM.
    #[serde(
        rename = "claimTokenManagementFromExternalMdm",
        skip_serializing_if = "Option::is_none"
    )]
    pub claim: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<&'a str>,
    /// ISO 3166-1 alpha-2 in lower case, such as `gb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_or_region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatically_update_apps: Option<bool>,
    /// The whole list, never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_scope_tag_ids: Option<&'a [String]>,
}

impl VppChange<'_> {
    /// The settings that a request with this holds.
    pub fn requested(&self) -> Vec<Setting> {
        [
            self.display_name.map(|_| Setting::DisplayName),
            self.country_or_region.map(|_| Setting::CountryOrRegion),
            self.automatically_update_apps.map(|_| Setting::AutomaticallyUpdateApps),
            self.role_scope_tag_ids.map(|_| Setting::RoleScopeTagIds),
            self.claim.map(|_| Setting::Claim),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A VPP token that Intune does not have yet. Intune chooses what is `None`.
///
/// Sending it consents, for the tenant, to sharing data with Apple (`dataSharingConsentGranted`),
/// without which Intune takes none: the caller asks for the customer's `consent.dataSharing` first.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VppCreation<'a> {
    pub display_name: &'a str,
    pub apple_id: &'a str,
    /// `token`, encoded as the fleet's `wire` setting says. Secret.
    pub token: TokenText<'a>,
    /// `business` or `education`, as the tenant file says; left out where it does not.
    #[serde(rename = "vppTokenAccountType", skip_serializing_if = "Option::is_none")]
    pub account_type: Option<&'a str>,
    /// ISO 3166-1 alpha-2 in lower case, such as `gb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_or_region: Option<&'a str>,
    pub automatically_update_apps: bool,
    /// Takes the token over from another MDM.
    #[serde(rename = "claimTokenManagementFromExternalMdm")]
    pub claim: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_scope_tag_ids: Option<&'a [String]>,
}

/// A creation as it is sent.
#[derive(Serialize)]
struct NewToken<'a> {
    #[serde(rename = "@odata.type")]
    odata_type: &'static str,
    #[serde(rename = "dataSharingConsentGranted")]
    consented: bool,
    #[serde(flatten)]
    creation: &'a VppCreation<'a>,
}

/// What must not be blank, whether a token is changed or made.
fn must_be_whole(
    texts: [(&'static str, Option<&str>); 4],
    token: Option<TokenText<'_>>,
    tags: Option<&[String]>,
) -> Result<(), WriteError> {
    for (what, text) in texts {
        text.map_or(Ok(()), |text| check::text(what, text))?;
    }
    token.map_or(Ok(()), |token| check::credential("the VPP token", token.0))?;
    tags.map_or(Ok(()), check::scope_tags)
}

/// Where a VPP token is, below the API version.
fn path(id: &str) -> Result<String, WriteError> {
    Ok(format!("{}/{}", batch::path(Kind::Vpp), check::segment(id)?))
}

fn object(id: &str) -> Object<'_> {
    Object { name: wire::Vpp::NAME, id }
}

impl IntuneWrite {
    /// Changes a VPP token (its content, its settings, or both) and returns what Graph then
    /// shows, which may be the old expiry for some minutes.
    ///
    /// # Errors
    ///
    /// Before any request, when there is nothing to change, a value is blank, the token holds a
    /// private key, or the id is none; afterwards as [`WriteError`] tells.
    pub async fn update_vpp(
        &self,
        id: &str,
        change: &VppChange<'_>,
    ) -> Result<LiveVpp, WriteError> {
        let path = path(id)?;
        if change.token.is_none() && change.apple_id.is_none() && change.requested().is_empty() {
            return Err(WriteError::Refused { what: "the request", why: "changes nothing" });
        }
        let texts = [
            ("the display name", change.display_name),
            ("the Apple Account", change.apple_id),
            ("the account type", None),
            ("the country", change.country_or_region),
        ];
        must_be_whole(texts, change.token, change.role_scope_tag_ids)?;
        let secret = change.token.map(|token| token.0);
        let reply = self.put(Method::PATCH, &path, change, secret).await;
        let reply = reply.map_err(|error| object(id).explain(error))?;
        object(id).shown::<wire::Vpp>(&reply)
    }

    /// Makes a VPP token in Intune and returns it with its id. Twice sent it would be two, so it
    /// leaves only for a token that is proved absent.
    ///
    /// # Errors
    ///
    /// Before any request, when a value is blank or the token holds a private key; afterwards as
    /// [`WriteError`] tells.
    pub async fn create_vpp(&self, creation: &VppCreation<'_>) -> Result<LiveVpp, WriteError> {
        let texts = [
            ("the display name", Some(creation.display_name)),
            ("the Apple Account", Some(creation.apple_id)),
            ("the account type", creation.account_type),
            ("the country", creation.country_or_region),
        ];
        must_be_whole(texts, Some(creation.token), creation.role_scope_tag_ids)?;
        let odata_type = "#microsoft.graph.vppToken";
        let body = NewToken { odata_type, consented: true, creation };
        let (path, secret) = (batch::path(Kind::Vpp), Some(creation.token.0));
        let reply = self.put(Method::POST, path, &body, secret).await?;
        super::shown::<wire::Vpp>(&reply)
    }

    /// Asks Intune to sync a VPP token's licences with Apple, once.
    ///
    /// # Errors
    ///
    /// Before any request, when the id is none; afterwards as [`WriteError`] tells. None of them
    /// says anything about an upload before.
    pub async fn sync_vpp(&self, id: &str) -> Result<Synced, WriteError> {
        let path = format!("{}/syncLicenses", path(id)?);
        self.sync(&path, object(id)).await
    }
}

#[cfg(test)]
mod tests;
