//! VPP tokens: what Intune has of one, and what Apple says about it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::tenant::{default_scope, never, new_id, until, yes};
use super::{HeldElsewhereAnswer, PortalError, State, StateError, Tenant};
use crate::apple;
use crate::words::TenantId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "Graph's own properties, documented there")]
pub struct Vpp {
    #[serde(default = "new_id")]
    pub id: String,
    #[serde(default)]
    pub display_name: String,
    #[serde(default)]
    pub organization_name: String,
    #[serde(default)]
    pub location_name: String,
    #[serde(default)]
    pub apple_id: String,
    #[serde(default = "business")]
    pub vpp_token_account_type: String,
    #[serde(default = "us")]
    pub country_or_region: String,
    #[serde(default)]
    pub automatically_update_apps: bool,
    #[serde(default)]
    pub claim_token_management_from_external_mdm: bool,
    #[serde(default = "yes")]
    pub data_sharing_consent_granted: bool,
    #[serde(default = "never")]
    pub expiration_date_time: DateTime<Utc>,
    #[serde(default = "never")]
    pub last_modified_date_time: DateTime<Utc>,
    #[serde(default = "never")]
    pub last_sync_date_time: DateTime<Utc>,
    #[serde(default = "completed")]
    pub last_sync_status: String,
    #[serde(default = "valid")]
    pub state: String,
    #[serde(default = "default_scope")]
    pub role_scope_tag_ids: Vec<String>,
    /// SHA-256 in hex of the text of the file that Intune has; `null` until one was uploaded.
    #[serde(default)]
    pub token_in_use: Option<String>,
    /// What still shows after a renewal.
    #[serde(default)]
    pub lag: Option<VppLag>,
}

/// What a VPP token shows until a renewal shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "Graph's own properties, documented there")]
pub struct VppLag {
    /// From this moment on, the new values are shown.
    pub until: DateTime<Utc>,
    pub organization_name: String,
    pub location_name: String,
    pub state: String,
    pub expiration_date_time: DateTime<Utc>,
    pub last_modified_date_time: DateTime<Utc>,
}

impl Vpp {
    /// A healthy token of this name (also its location) and expiry.
    pub fn new(name: &str, organization: &str, expires: DateTime<Utc>) -> Self {
        Self {
            id: new_id(),
            display_name: name.to_owned(),
            organization_name: organization.to_owned(),
            location_name: name.to_owned(),
            apple_id: String::new(),
            vpp_token_account_type: business(),
            country_or_region: us(),
            automatically_update_apps: false,
            claim_token_management_from_external_mdm: false,
            data_sharing_consent_granted: true,
            expiration_date_time: expires,
            last_modified_date_time: never(),
            last_sync_date_time: never(),
            last_sync_status: completed(),
            state: valid(),
            role_scope_tag_ids: default_scope(),
            token_in_use: None,
            lag: None,
        }
    }

    /// One of which nothing is known yet.
    pub(crate) fn blank() -> Self {
        Self { state: "unknown".to_owned(), ..Self::new("", "", never()) }
    }

    /// The token as it shows, which after a renewal may be as it was before.
    pub(crate) fn shown(&self, now: DateTime<Utc>) -> Self {
        let mut shown = self.clone();
        if let Some(lag) = self.lag.as_ref().filter(|lag| now < lag.until) {
            shown.organization_name.clone_from(&lag.organization_name);
            shown.location_name.clone_from(&lag.location_name);
            shown.state.clone_from(&lag.state);
            shown.expiration_date_time = lag.expiration_date_time;
            shown.last_modified_date_time = lag.last_modified_date_time;
            "inProgress".clone_into(&mut shown.last_sync_status);
        }
        shown
    }

    /// Intune asks Apple for the licences, and notes how that went.
    pub(crate) fn sync(&mut self, now: DateTime<Utc>) {
        self.last_sync_date_time = now;
        // A token that ended since the last look is found out by a sync.
        if self.state == "valid" && self.expiration_date_time <= now {
            "expired".clone_into(&mut self.state);
        }
        self.last_sync_status = self.synced().to_owned();
    }

    fn synced(&self) -> &'static str {
        if self.state == "valid" { "completed" } else { "failed" }
    }
}

/// What the text of a `.vpptoken` file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VppContents {
    pub(crate) organization: String,
    /// What Apple says about it; `None` for a token that the simulated Apple did not make.
    pub(crate) location: Option<String>,
    pub(crate) expires: DateTime<Utc>,
    /// SHA-256 in hex of the text.
    pub(crate) sha256: String,
}

/// Reads the text of a `.vpptoken` file; `None` when it is none.
pub(crate) fn vpp_contents(text: &str) -> Option<VppContents> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        exp_date: String,
        token: String,
        org_name: String,
    }
    let text = text.trim();
    let file: File = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    let expires = DateTime::parse_from_str(&file.exp_date, "%Y-%m-%dT%H:%M:%S%z").ok()?;
    Some(VppContents {
        organization: file.org_name,
        location: apple::location(&file.token),
        expires: expires.with_timezone(&Utc),
        sha256: hex::encode(sha2::Sha256::digest(text)),
    })
}

/// Another MDM has the token's location, and the tenant's Intune refuses to touch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another MDM server manages this token")]
pub(crate) struct HeldElsewhere;

impl Tenant {
    /// A new token came in for the one at `at`: what it says replaces what was there, the rest
    /// stays. `claim` takes its location from another MDM.
    pub(crate) fn renew_vpp(
        &mut self,
        at: usize,
        contents: VppContents,
        claim: bool,
        now: DateTime<Utc>,
    ) -> Result<(), HeldElsewhere> {
        let state = self.judged(at, &contents, claim, now)?;
        let until = until(now, self.switches.vpp_lag_seconds);
        let Some(vpp) = self.vpp_tokens.get_mut(at) else { return Ok(()) };
        vpp.lag = until.map(|until| {
            let shown = vpp.shown(now);
            VppLag {
                until,
                organization_name: shown.organization_name,
                location_name: shown.location_name,
                state: shown.state,
                expiration_date_time: shown.expiration_date_time,
                last_modified_date_time: shown.last_modified_date_time,
            }
        });
        vpp.organization_name = contents.organization;
        // Apple, not the caller, says which location a token is for.
        if let Some(location) = contents.location {
            vpp.location_name = location;
        }
        state.clone_into(&mut vpp.state);
        vpp.expiration_date_time = contents.expires;
        vpp.last_modified_date_time = now;
        vpp.token_in_use = Some(contents.sha256);
        // Intune asks Apple about a new token at once.
        vpp.last_sync_status = vpp.synced().to_owned();
        Ok(())
    }

    /// What Apple and the tenant's other tokens make of a new one.
    fn judged(
        &mut self,
        at: usize,
        contents: &VppContents,
        claim: bool,
        now: DateTime<Utc>,
    ) -> Result<&'static str, HeldElsewhere> {
        if contents.expires <= now {
            return Ok("expired");
        }
        if self.revoked_vpp_tokens.contains(&contents.sha256) {
            return Ok("invalid");
        }
        let Some(location) = &contents.location else { return Ok("valid") };
        if self.locations_held_elsewhere.contains(location) {
            if !claim {
                return match self.switches.held_elsewhere {
                    HeldElsewhereAnswer::State => Ok("assignedToExternalMDM"),
                    HeldElsewhereAnswer::Refuse => Err(HeldElsewhere),
                };
            }
            self.locations_held_elsewhere.retain(|held| held != location);
        }
        let mut others = self.vpp_tokens.iter().enumerate().filter(|(other, _)| *other != at);
        let twice = others.any(|(_, other)| other.location_name == *location);
        Ok(if twice { "duplicateLocationId" } else { "valid" })
    }

    /// Where the token with this id stands.
    pub(crate) fn vpp_position(&self, id: &str) -> Result<usize, PortalError> {
        self.vpp_tokens
            .iter()
            .position(|vpp| vpp.id == id)
            .ok_or_else(|| PortalError::NoToken(id.to_owned()))
    }
}

impl State {
    /// The password of the account behind a VPP token was changed, which ends the token that
    /// Intune has: it keeps its expiry and is `invalid`, also when it is uploaded again.
    pub fn revoke_vpp(&self, tenant: impl Into<TenantId>, id: &str) -> Result<(), PortalError> {
        self.change(tenant, |tenant| {
            let at = tenant.vpp_position(id)?;
            let Some(vpp) = tenant.vpp_tokens.get_mut(at) else { return Ok(()) };
            "invalid".clone_into(&mut vpp.state);
            vpp.last_sync_status = vpp.synced().to_owned();
            tenant.revoked_vpp_tokens.extend(vpp.token_in_use.clone());
            Ok(())
        })
    }

    /// Apple revokes a token that may not have been uploaded yet, given as the file's text.
    pub(crate) fn revoke_vpp_text(
        &self,
        tenant: impl Into<TenantId>,
        text: &str,
    ) -> Result<(), PortalError> {
        let contents = vpp_contents(text).ok_or(PortalError::Vpp)?;
        self.change(tenant, |tenant| {
            for vpp in &mut tenant.vpp_tokens {
                if vpp.token_in_use.as_ref() == Some(&contents.sha256) {
                    "invalid".clone_into(&mut vpp.state);
                    vpp.last_sync_status = vpp.synced().to_owned();
                }
            }
            tenant.revoked_vpp_tokens.push(contents.sha256);
            Ok(())
        })
    }

    /// Another MDM takes a location's token, or gives it up, which revives nothing by itself.
    pub fn hold_elsewhere(
        &self,
        tenant: impl Into<TenantId>,
        location: &str,
        held: bool,
    ) -> Result<(), StateError> {
        self.change(tenant, |tenant| {
            tenant.locations_held_elsewhere.retain(|other| other != location);
            if held {
                tenant.locations_held_elsewhere.push(location.to_owned());
                for vpp in &mut tenant.vpp_tokens {
                    if vpp.location_name == location {
                        "assignedToExternalMDM".clone_into(&mut vpp.state);
                        vpp.last_sync_status = vpp.synced().to_owned();
                    }
                }
            }
            Ok(())
        })
    }
}

fn business() -> String {
    "business".to_owned()
}

fn us() -> String {
    "us".to_owned()
}

fn completed() -> String {
    "completed".to_owned()
}

fn valid() -> String {
    "valid".to_owned()
}
