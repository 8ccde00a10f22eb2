//! `tenant.yaml` as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Loose};
use crate::model::Kind;
use crate::rules::codes::Reason;

/// tenant.yaml: one Intune tenant and its Apple credentials.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Tenant")]
pub struct RawTenant {
    /// The version of the file format: applecart/v1.
    #[schemars(required, extend("const" = "applecart/v1"))]
    pub api_version: Option<At<String>>,
    /// What the file describes: Tenant.
    #[schemars(required, extend("const" = "Tenant"))]
    pub kind: Option<At<String>>,
    /// The tenant's name; equals the folder's.
    #[schemars(required, regex(pattern = r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"))]
    pub name: Option<At<String>>,
    /// What people call the tenant.
    pub display_name: Option<At<String>>,
    /// The directory (tenant) id in Entra, a GUID.
    #[schemars(required, extend("format" = "uuid"))]
    pub tenant_id: Option<At<String>>,
    /// Labels for --select, such as `ring: pilot`.
    #[schemars(with = "Option<BTreeMap<String, Loose>>")]
    pub labels: Option<BTreeMap<String, At<String>>>,
    /// Mail addresses of those who are told about renewals and uploads.
    pub contacts: Option<Vec<At<String>>>,
    /// The customer's own mail domains, beside those of `contacts`: Apple Accounts of other domains
    /// are told (owner-risk).
    pub domains: Option<Vec<At<String>>>,
    /// The customer's number in ticket systems, by a key of your choice, such as `halo: 123`.
    #[schemars(with = "Option<BTreeMap<String, Loose>>")]
    pub tickets: Option<BTreeMap<String, At<String>>>,
    /// Which kinds of credentials are read. Default: all three.
    pub watch: Option<At<Vec<Kind>>>,
    /// The sign-in profile of applecart.yaml, where it is not the fleet's default.
    pub auth: Option<At<String>>,
    /// What the customer consented to.
    pub consent: Option<RawConsent>,
    /// The Apple MDM push certificate.
    pub push: Option<RawPush>,
    /// Enrollment program (ADE) tokens.
    pub enrollment: Option<Vec<RawEnrollment>>,
    /// VPP (content, location) tokens.
    pub vpp: Option<Vec<RawVpp>>,
    /// Stops all writes to this tenant for a while; expiry is still reported.
    pub suspend: Option<RawSuspension>,
}

/// What the customer consented to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Consent")]
pub struct RawConsent {
    /// Whether the customer agreed that Microsoft shares data with Apple; needed for the first
    /// push certificate. A legal act of the customer. Default: false.
    pub data_sharing: Option<At<bool>>,
}

/// The Apple MDM push certificate.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Push")]
pub struct RawPush {
    /// The Apple Account the certificate belongs to, and must be renewed with.
    pub apple_id: Option<At<String>>,
    /// The certificate's topic. Devices are bound to it: another one silences all of them.
    #[schemars(regex(pattern = r"^com\.apple\.mgmt[!-~]*$"))]
    pub topic: Option<At<String>>,
    /// The topic that Intune has is accepted in place of another one, which devices know: each of
    /// them has to enrol again. `applecart import --update --accept-topic` writes it.
    pub topic_accepted: Option<RawTopicAccepted>,
    /// The certificate's serial number in hexadecimal.
    #[schemars(with = "Option<Loose>")]
    pub serial: Option<At<String>>,
    /// When the certificate expires, such as 2027-11-20T10:11:12Z.
    #[schemars(extend("format" = "date-time"))]
    pub expires: Option<At<String>>,
    /// The Apple Account that the file in use was downloaded with, as the person said who brought it;
    /// `applecart seal` and `applecart renew` write it.
    pub downloaded_by: Option<At<String>>,
    /// The sealed token file, beside this one. Without it the token is only watched.
    pub file: Option<At<String>>,
    /// SHA-256 of the opened file; `applecart seal` writes it.
    #[schemars(with = "Option<Loose>")]
    pub sha256: Option<At<String>>,
    /// SHA-256 of the certificate's public key (SubjectPublicKeyInfo); `applecart seal` writes it. By
    /// it a plan tells whose request for Apple (CSR) the certificate answers.
    #[schemars(with = "Option<Loose>")]
    pub public_key_sha256: Option<At<String>>,
    /// Reviewed exceptions: each releases one hold of this token until a day.
    pub allow: Option<Vec<RawAllow>>,
    /// Parks this token: nothing of it is uploaded until a day. Its expiry is reported all the same.
    pub suspend: Option<RawSuspension>,
}

/// A topic that is given up for the one in Intune.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "TopicAccepted")]
pub struct RawTopicAccepted {
    /// The topic that devices know so far.
    #[schemars(required, regex(pattern = r"^com\.apple\.mgmt[!-~]*$"))]
    pub from: Option<At<String>>,
    /// Why it is given up.
    #[schemars(required)]
    pub reason: Option<At<String>>,
}

/// An enrollment program (ADE) token.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Enrollment")]
pub struct RawEnrollment {
    /// The token's name in Intune.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Intune's id of the token; `applecart import` writes it.
    pub id: Option<At<String>>,
    /// The Apple Account the token was downloaded with.
    pub apple_id: Option<At<String>>,
    /// The MDM server in Apple Business or Apple School Manager that the token belongs to.
    pub server: Option<At<String>>,
    /// When the token expires, as last seen in Intune.
    #[schemars(extend("format" = "date-time"))]
    pub expires: Option<At<String>>,
    /// When the file was downloaded at Apple, which ended the token in use.
    #[schemars(extend("format" = "date-time"))]
    pub downloaded: Option<At<String>>,
    /// The Apple Account that the file in use was downloaded with, as the person said who brought it;
    /// `applecart seal` and `applecart renew` write it.
    pub downloaded_by: Option<At<String>>,
    /// The sealed token file, beside this one. Without it the token is only watched.
    pub file: Option<At<String>>,
    /// SHA-256 of the opened file; `applecart seal` writes it.
    #[schemars(with = "Option<Loose>")]
    pub sha256: Option<At<String>>,
    /// The Intune certificate that the file is encrypted to.
    pub recipient: Option<RawRecipient>,
    /// The ids of Intune's scope tags that this token has, such as "0" for Default; without this
    /// field they stay as they are.
    #[schemars(with = "Option<Vec<Loose>>")]
    pub role_scope_tag_ids: Option<Vec<At<String>>>,
    /// Reviewed exceptions: each releases one hold of this token until a day.
    pub allow: Option<Vec<RawAllow>>,
    /// Parks this token: nothing of it is uploaded until a day. Its expiry is reported all the same.
    pub suspend: Option<RawSuspension>,
}

/// A VPP (content, location) token.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Vpp")]
pub struct RawVpp {
    /// The token's display name in Intune.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Intune's id of the token; `applecart import` writes it.
    pub id: Option<At<String>>,
    /// The Apple Account the token was downloaded with.
    pub apple_id: Option<At<String>>,
    /// The organisation in Apple Business or Apple School Manager.
    pub organization: Option<At<String>>,
    /// The location in Apple Business or Apple School Manager.
    pub location: Option<At<String>>,
    /// Apple's id of the location (`uId`), which its name is not: names change, and are not unique.
    /// `applecart seal` and `applecart renew` write it. A file of another location is never uploaded.
    #[schemars(with = "Option<Loose>")]
    pub location_id: Option<At<String>>,
    /// The App Store's country, two lower-case letters such as gb. `on` is none: older YAML reads it
    /// as true.
    #[schemars(regex(pattern = "^([a-np-z][a-z]|o[a-mo-z])$"))]
    pub country: Option<At<String>>,
    /// Whether the organisation is a business or a school.
    pub account_type: Option<RawAccountType>,
    /// Whether Intune updates the token's apps by itself.
    pub automatically_update_apps: Option<At<bool>>,
    /// When the token expires, such as 2027-11-20T10:11:12Z.
    #[schemars(extend("format" = "date-time"))]
    pub expires: Option<At<String>>,
    /// The Apple Account that the file in use was downloaded with, as the person said who brought it;
    /// `applecart seal` and `applecart renew` write it.
    pub downloaded_by: Option<At<String>>,
    /// The sealed token file, beside this one. Without it the token is only watched.
    pub file: Option<At<String>>,
    /// SHA-256 of the opened file; `applecart seal` writes it.
    #[schemars(with = "Option<Loose>")]
    pub sha256: Option<At<String>>,
    /// The ids of Intune's scope tags that this token has, such as "0" for Default; without this
    /// field they stay as they are.
    #[schemars(with = "Option<Vec<Loose>>")]
    pub role_scope_tag_ids: Option<Vec<At<String>>>,
    /// Permits creating the token where Intune does not have it yet. Default: false.
    pub create: Option<At<bool>>,
    /// Permits taking the token over from another MDM. Default: false.
    pub claim: Option<At<bool>>,
    /// Reviewed exceptions: each releases one hold of this token until a day.
    pub allow: Option<Vec<RawAllow>>,
    /// Parks this token: nothing of it is uploaded until a day. Its expiry is reported all the same.
    pub suspend: Option<RawSuspension>,
}

/// Whether an organisation is a business or a school.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AccountType")]
pub enum RawAccountType {
    /// An organisation in Apple Business.
    Business,
    /// A school in Apple School Manager.
    Education,
}

/// A certificate, named by issuer and serial number.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Recipient")]
pub struct RawRecipient {
    /// The issuer's distinguished name (RFC 4514).
    #[schemars(required)]
    pub issuer: Option<At<String>>,
    /// The serial number in hexadecimal.
    #[schemars(required, with = "Loose")]
    pub serial: Option<At<String>>,
}

/// One reviewed exception: exactly this change of this token is released, until a day.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Allow")]
pub struct RawAllow {
    /// The hold that is released.
    #[schemars(required, schema_with = "releasable")]
    pub hold: Option<At<String>>,
    /// The value in Intune that may be left, or `absent`.
    #[schemars(required, with = "Loose")]
    pub from: Option<At<String>>,
    /// The value of the file that may be reached; its sha256 where it has none.
    #[schemars(required, with = "Loose")]
    pub to: Option<At<String>>,
    /// Why it is right, for reviewers and later readers.
    #[schemars(required)]
    pub reason: Option<At<String>>,
    /// The last day (UTC) on which it holds, such as 2026-12-31.
    #[schemars(required, extend("format" = "date"))]
    pub until: Option<At<String>>,
}

/// The holds that such a line may name.
fn releasable(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let holds: Vec<&str> = Reason::releasable().map(Reason::as_str).collect();
    // A pattern, for a hold that no line releases is another mistake than one that does not exist.
    schemars::json_schema!({ "type": "string", "pattern": format!("^({})$", holds.join("|")) })
}

/// Stops all writes to a tenant, or to one token, for a while.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Suspension")]
pub struct RawSuspension {
    /// Why it is right, for reviewers and later readers.
    #[schemars(required)]
    pub reason: Option<At<String>>,
    /// The last day (UTC) of the suspension, such as 2026-12-31.
    #[schemars(required, extend("format" = "date"))]
    pub until: Option<At<String>>,
}
