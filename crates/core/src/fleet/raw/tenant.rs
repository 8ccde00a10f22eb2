//! `tenant.yaml` as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{At, Loose};
use crate::model::Kind;
use crate::rules::codes::Reason;

/// tenant.yaml: one Intune tenant and its Apple credentials.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Tenant")]
pub struct RawTenant {
    /// The version of the file format: applecart/v1.
    #[schemars(required, extend("const" = "applecart/v1"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<At<String>>,
    /// What the file describes: Tenant.
    #[schemars(required, extend("const" = "Tenant"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<At<String>>,
    /// The tenant's name; equals the folder's.
    #[schemars(required, regex(pattern = r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<At<String>>,
    /// What people call the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<At<String>>,
    /// The directory (tenant) id in Entra, a GUID.
    #[schemars(required, extend("format" = "uuid"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<At<String>>,
    /// Labels for --select, such as `ring: pilot`.
    #[schemars(with = "Option<BTreeMap<String, Loose>>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, At<String>>>,
    /// Mail addresses of those who are told about renewals and uploads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<At<String>>>,
    /// Which kinds of credentials are read. Default: all three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<At<Vec<Kind>>>,
    /// The sign-in profile of applecart.yaml, where it is not the fleet's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<At<String>>,
    /// What the customer consented to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<RawConsent>,
    /// The Apple MDM push certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<RawPush>,
    /// Enrollment program (ADE) tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrollment: Option<Vec<RawEnrollment>>,
    /// VPP (content, location) tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpp: Option<Vec<RawVpp>>,
    /// Stops all writes to this tenant for a while; expiry is still reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<RawSuspension>,
}

/// What the customer consented to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Consent")]
pub struct RawConsent {
    /// Whether the customer agreed that Microsoft shares data with Apple; needed for the first
    /// push certificate. A legal act of the customer. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_sharing: Option<At<bool>>,
}

/// The Apple MDM push certificate.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Push")]
pub struct RawPush {
    /// The Apple Account the certificate belongs to, and must be renewed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apple_id: Option<At<String>>,
    /// The certificate's topic. Devices are bound to it: another one silences all of them.
    #[schemars(regex(pattern = r"^com\.apple\.mgmt[!-~]*$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<At<String>>,
    /// The certificate's serial number in hexadecimal.
    #[schemars(with = "Option<Loose>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<At<String>>,
    /// When the certificate lapses, such as 2027-11-20T10:11:12Z.
    #[schemars(extend("format" = "date-time"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<At<String>>,
    /// The sealed token file, beside this one. Without it the token is only watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<At<String>>,
    /// SHA-256 of the opened file; `applecart seal` writes it.
    #[schemars(with = "Option<Loose>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<At<String>>,
    /// Reviewed exceptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<RawAllow>>,
}

/// An enrollment program (ADE) token.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Enrollment")]
pub struct RawEnrollment {
    /// The token's name in Intune.
    #[schemars(required)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<At<String>>,
    /// Intune's id of the token; `applecart import` writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<At<String>>,
    /// The Apple Account the token was downloaded with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apple_id: Option<At<String>>,
    /// The MDM server in Apple Business Manager that the token belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<At<String>>,
    /// When the token lapses, as last seen in Intune.
    #[schemars(extend("format" = "date-time"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<At<String>>,
    /// When the file was downloaded at Apple, which ended the token in use.
    #[schemars(extend("format" = "date-time"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloaded: Option<At<String>>,
    /// The sealed token file, beside this one. Without it the token is only watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<At<String>>,
    /// SHA-256 of the opened file; `applecart seal` writes it.
    #[schemars(with = "Option<Loose>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<At<String>>,
    /// The Intune certificate that the file is encrypted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<RawRecipient>,
    /// Intune's scope tags.
    #[schemars(with = "Option<Vec<Loose>>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_scope_tag_ids: Option<Vec<At<String>>>,
    /// Reviewed exceptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<RawAllow>>,
}

/// A VPP (content, location) token.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Vpp")]
pub struct RawVpp {
    /// The token's display name in Intune.
    #[schemars(required)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<At<String>>,
    /// Intune's id of the token; `applecart import` writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<At<String>>,
    /// The Apple Account the token was downloaded with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apple_id: Option<At<String>>,
    /// The organisation in Apple Business Manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<At<String>>,
    /// The location in Apple Business Manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<At<String>>,
    /// The App Store's country, two lower-case letters such as gb.
    #[schemars(regex(pattern = "^[a-z]{2}$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<At<String>>,
    /// Whether the organisation is a business or a school.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_type: Option<RawAccountType>,
    /// Whether Intune updates the token's apps by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatically_update_apps: Option<At<bool>>,
    /// When the token lapses, such as 2027-11-20T10:11:12Z.
    #[schemars(extend("format" = "date-time"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<At<String>>,
    /// The sealed token file, beside this one. Without it the token is only watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<At<String>>,
    /// SHA-256 of the opened file; `applecart seal` writes it.
    #[schemars(with = "Option<Loose>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<At<String>>,
    /// Intune's scope tags.
    #[schemars(with = "Option<Vec<Loose>>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_scope_tag_ids: Option<Vec<At<String>>>,
    /// Permits creating the token where Intune does not have it yet. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<At<bool>>,
    /// Permits taking the token over from another MDM. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<At<bool>>,
    /// Reviewed exceptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<RawAllow>>,
}

/// Whether an organisation is a business or a school.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AccountType")]
pub enum RawAccountType {
    /// Apple Business Manager.
    Business,
    /// Apple School Manager.
    Education,
}

/// A certificate, named by issuer and serial number.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Recipient")]
pub struct RawRecipient {
    /// The issuer's distinguished name (RFC 4514).
    #[schemars(required)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<At<String>>,
    /// The serial number in hexadecimal.
    #[schemars(required, with = "Loose")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<At<String>>,
}

/// One reviewed exception: exactly this change of this token is released, until a day.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Allow")]
pub struct RawAllow {
    /// The hold that is released.
    #[schemars(required, schema_with = "releasable")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<At<String>>,
    /// The value in Intune that may be left, or `absent`.
    #[schemars(required, with = "Loose")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<At<String>>,
    /// The value of the file that may be reached; its sha256 where it has none.
    #[schemars(required, with = "Loose")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<At<String>>,
    /// Why.
    #[schemars(required)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<At<String>>,
    /// The last day (UTC) on which it holds, such as 2026-12-31.
    #[schemars(required, extend("format" = "date"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<At<String>>,
}

/// The holds that such a line may name.
fn releasable(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let holds: Vec<&str> = Reason::releasable().map(Reason::as_str).collect();
    // A pattern, for a hold that no line releases is another mistake than one that does not exist.
    schemars::json_schema!({ "type": "string", "pattern": format!("^({})$", holds.join("|")) })
}

/// Stops all writes to a tenant for a while.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Suspension")]
pub struct RawSuspension {
    /// Why.
    #[schemars(required)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<At<String>>,
    /// The last day (UTC) of the suspension, such as 2026-12-31.
    #[schemars(required, extend("format" = "date"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<At<String>>,
}
