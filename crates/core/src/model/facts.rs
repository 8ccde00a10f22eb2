//! A token's public attributes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Serial, Timestamp, Topic};

/// A token's public attributes: never secret, safe in plans, reports and the ledger.
///
/// Only the fields of the token's kind are set: push has `topic`, `serial`, `expires`, `appleId`;
/// enrollment has `name`, `appleId`, `expires`; VPP has `organization`, `location`, `appleId`,
/// `expires`, `state` and the configurable settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// Push: the subject's UID, to which every enrolled device is bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// Push: the certificate's serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// Enrollment: `tokenName` in Graph, which administrators choose and may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// VPP: the organisation's name, from Apple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// VPP: the location's name, from Apple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The Apple Account the credential belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apple_id: Option<String>,
    /// When the credential expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// VPP: Intune's `state`, such as `valid` or `assignedToExternalMDM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// VPP setting: the token's name in Intune.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// VPP setting: lower-case ISO 3166-1 alpha-2 code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_or_region: Option<String>,
    /// VPP setting: whether Intune updates apps by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatically_update_apps: Option<bool>,
    /// Enrollment and VPP setting: Intune's scope tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_scope_tag_ids: Option<Vec<String>>,
}

impl Facts {
    /// The facts that are set, each by its name in files and its value as text, in a fixed order.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        // Opened field by field, so that a new fact must be given its place here.
        let Self {
            topic,
            serial,
            name,
            organization,
            location,
            apple_id,
            expires,
            state,
            display_name,
            country_or_region,
            automatically_update_apps,
            role_scope_tag_ids,
        } = self;
        let mut pairs = Vec::new();
        let mut add = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
        add("topic", topic.as_ref().map(ToString::to_string));
        add("serial", serial.as_ref().map(ToString::to_string));
        add("name", name.clone());
        add("organization", organization.clone());
        add("location", location.clone());
        add("appleId", apple_id.clone());
        add("expires", expires.map(|at| at.to_string()));
        add("state", state.clone());
        add("displayName", display_name.clone());
        add("countryOrRegion", country_or_region.clone());
        add("automaticallyUpdateApps", automatically_update_apps.map(|on| on.to_string()));
        add("roleScopeTagIds", role_scope_tag_ids.as_ref().map(|ids| ids.join(", ")));
        pairs
    }
}
