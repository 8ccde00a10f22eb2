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
#[derive(Clone, Copy, Debug, Default)]
pub struct VppChange<'a> {
    /// `token`, encoded as the fleet's `wire` setting says. Secret.
    pub token: Option<TokenText<'a>>,
    /// `appleId`.
    pub apple_id: Option<&'a str>,
    /// `claimTokenManagementFromExternalMdm`: takes the token over from another MDM.
    pub claim: Option<bool>,
    /// `displayName`.
    pub display_name: Option<&'a str>,
    /// `countryOrRegion`, two lower-case letters.
    pub country_or_region: Option<&'a str>,
    /// `automaticallyUpdateApps`.
    pub automatically_update_apps: Option<bool>,
    /// `roleScopeTagIds`; the whole list, never empty.
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

/// A VPP token that Intune does not have yet.
///
/// Sending it consents, for the tenant, to sharing data with Apple (`dataSharingConsentGranted`),
/// without which Intune takes none: the caller asks for the customer's `consent.dataSharing` first.
#[derive(Clone, Copy, Debug)]
pub struct VppCreation<'a> {
    /// `displayName`.
    pub display_name: &'a str,
    /// `appleId`.
    pub apple_id: &'a str,
    /// `token`, encoded as the fleet's `wire` setting says. Secret.
    pub token: TokenText<'a>,
    /// `vppTokenAccountType`, `business` or `education`; Intune chooses where it is `None`.
    pub account_type: Option<&'a str>,
    /// `countryOrRegion`, two lower-case letters; Intune chooses where it is `None`.
    pub country_or_region: Option<&'a str>,
    /// `automaticallyUpdateApps`.
    pub automatically_update_apps: bool,
    /// `claimTokenManagementFromExternalMdm`: takes the token over from another MDM.
    pub claim: bool,
    /// `roleScopeTagIds`; Intune chooses where it is `None`.
    pub role_scope_tag_ids: Option<&'a [String]>,
}

/// `vppToken`, as much of it as is sent.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(rename = "@odata.type", skip_serializing_if = "Option::is_none")]
    odata_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apple_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpp_token_account_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country_or_region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    automatically_update_apps: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_token_management_from_external_mdm: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_sharing_consent_granted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_scope_tag_ids: Option<&'a [String]>,
}

impl Body<'_> {
    fn check(&self) -> Result<(), WriteError> {
        for (what, value) in [
            ("the display name", self.display_name),
            ("the Apple Account", self.apple_id),
            ("the account type", self.vpp_token_account_type),
            ("the country", self.country_or_region),
        ] {
            value.map_or(Ok(()), |value| check::text(what, value))?;
        }
        self.token.map_or(Ok(()), |token| check::credential("the VPP token", token.0))?;
        self.role_scope_tag_ids.map_or(Ok(()), check::scope_tags)
    }
}

impl<'a> From<&VppChange<'a>> for Body<'a> {
    fn from(change: &VppChange<'a>) -> Self {
        Self {
            display_name: change.display_name,
            apple_id: change.apple_id,
            token: change.token,
            country_or_region: change.country_or_region,
            automatically_update_apps: change.automatically_update_apps,
            claim_token_management_from_external_mdm: change.claim,
            role_scope_tag_ids: change.role_scope_tag_ids,
            ..Self::default()
        }
    }
}

impl<'a> From<&VppCreation<'a>> for Body<'a> {
    fn from(creation: &VppCreation<'a>) -> Self {
        Self {
            odata_type: Some("#microsoft.graph.vppToken"),
            display_name: Some(creation.display_name),
            apple_id: Some(creation.apple_id),
            token: Some(creation.token),
            vpp_token_account_type: creation.account_type,
            country_or_region: creation.country_or_region,
            automatically_update_apps: Some(creation.automatically_update_apps),
            claim_token_management_from_external_mdm: Some(creation.claim),
            data_sharing_consent_granted: Some(true),
            role_scope_tag_ids: creation.role_scope_tag_ids,
        }
    }
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
        let body = Body::from(change);
        body.check()?;
        let reply = self.put(Method::PATCH, &path, &body, body.token.map(|token| token.0)).await;
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
        let body = Body::from(creation);
        body.check()?;
        let reply = self
            .put(Method::POST, batch::path(Kind::Vpp), &body, body.token.map(|token| token.0))
            .await?;
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
