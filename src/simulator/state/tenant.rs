//! One simulated tenant, as it is kept on disk and as a seed states it.
//!
//! Properties of the three resources bear Graph's own names. Everything but `tenantId` may be
//! left out; what Graph would fill with "never" is then year 1, as Graph has it.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Switches;
use crate::model::{Kind, TenantId};

/// The application that tenants get by default and that may write.
pub const WRITER_CLIENT_ID: &str = "2f6b0000-0000-4000-8000-000000000001";
/// The client secret of [`WRITER_CLIENT_ID`].
pub const WRITER_SECRET: &str = "simulated-writer-secret";
/// The application that tenants get by default and that may only read.
pub const READER_CLIENT_ID: &str = "2f6b0000-0000-4000-8000-000000000002";
/// The client secret of [`READER_CLIENT_ID`].
pub const READER_SECRET: &str = "simulated-reader-secret";

/// A simulated tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// The directory (tenant) id.
    pub tenant_id: TenantId,
    /// A name for people.
    #[serde(default)]
    pub display_name: String,
    /// The applications consented to here; a writer and a reader when left out.
    #[serde(default = "AppRegistration::defaults")]
    pub apps: Vec<AppRegistration>,
    /// The push certificate, if there is one.
    #[serde(default)]
    pub apple_push_notification_certificate: Option<Push>,
    /// The enrollment program tokens.
    #[serde(default)]
    pub dep_onboarding_settings: Vec<Enrollment>,
    /// The VPP tokens.
    #[serde(default)]
    pub vpp_tokens: Vec<Vpp>,
    /// The consent `appleMDMPushCertificate`.
    #[serde(default)]
    pub data_sharing_consent: Consent,
    /// How this tenant behaves where public evidence leaves it open.
    #[serde(default)]
    pub switches: Switches,
    /// Intune's key and outstanding request for a push certificate; made on first use.
    #[serde(default)]
    pub push_signing: Option<PushSigning>,
    /// What was uploaded, oldest first.
    #[serde(default)]
    pub uploads: Vec<Upload>,
}

impl Tenant {
    /// A tenant with the two default applications, consent given, and no token.
    pub fn new(tenant_id: TenantId) -> Self {
        Self {
            tenant_id,
            display_name: String::new(),
            apps: AppRegistration::defaults(),
            apple_push_notification_certificate: None,
            dep_onboarding_settings: Vec::new(),
            vpp_tokens: Vec::new(),
            data_sharing_consent: Consent::default(),
            switches: Switches::default(),
            push_signing: None,
            uploads: Vec::new(),
        }
    }
}

/// An application that an admin of the tenant consented to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppRegistration {
    /// The application (client) id.
    pub client_id: String,
    /// Its client secret.
    pub secret: String,
    /// When the secret ends; never when absent.
    #[serde(default)]
    pub secret_expires: Option<DateTime<Utc>>,
    /// The application permissions consented to.
    pub roles: Vec<String>,
}

impl Enrollment {
    /// A healthy token of this name and expiry.
    pub fn new(name: &str, expires: DateTime<Utc>) -> Self {
        Self {
            id: new_id(),
            apple_identifier: String::new(),
            token_name: name.to_owned(),
            token_type: dep(),
            token_expiration_date_time: expires,
            last_modified_date_time: never(),
            last_successful_sync_date_time: never(),
            last_sync_triggered_date_time: never(),
            last_sync_error_code: 0,
            synced_device_count: 0,
            share_token_with_school_data_sync_service: false,
            data_sharing_consent_granted: true,
            role_scope_tag_ids: default_scope(),
            encryption_public_key: None,
        }
    }
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
        }
    }
}

impl AppRegistration {
    fn defaults() -> Vec<Self> {
        let app = |id: &str, secret: &str, roles: &[&str]| Self {
            client_id: id.to_owned(),
            secret: secret.to_owned(),
            secret_expires: None,
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
        };
        vec![
            app(WRITER_CLIENT_ID, WRITER_SECRET, &["DeviceManagementServiceConfig.ReadWrite.All"]),
            app(
                READER_CLIENT_ID,
                READER_SECRET,
                &["DeviceManagementServiceConfig.Read.All", "DeviceManagementApps.Read.All"],
            ),
        ]
    }
}

/// The live push certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Push {
    /// The Apple Account it was made with.
    pub apple_identifier: String,
    /// The topic.
    pub topic_identifier: String,
    /// Upper-case hex with leading zeros.
    pub certificate_serial_number: String,
    /// The certificate's end.
    pub expiration_date_time: DateTime<Utc>,
    /// Why the last upload failed; null when healthy.
    #[serde(default)]
    pub certificate_upload_failure_reason: Option<String>,
}

/// An enrollment program token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "Graph's own properties, documented there")]
pub struct Enrollment {
    #[serde(default = "new_id")]
    pub id: String,
    #[serde(default)]
    pub apple_identifier: String,
    #[serde(default)]
    pub token_name: String,
    #[serde(default = "dep")]
    pub token_type: String,
    #[serde(default = "never")]
    pub token_expiration_date_time: DateTime<Utc>,
    #[serde(default = "never")]
    pub last_modified_date_time: DateTime<Utc>,
    #[serde(default = "never")]
    pub last_successful_sync_date_time: DateTime<Utc>,
    #[serde(default = "never")]
    pub last_sync_triggered_date_time: DateTime<Utc>,
    #[serde(default)]
    pub last_sync_error_code: i32,
    #[serde(default)]
    pub synced_device_count: i32,
    #[serde(default)]
    pub share_token_with_school_data_sync_service: bool,
    #[serde(default = "yes")]
    pub data_sharing_consent_granted: bool,
    #[serde(default = "default_scope")]
    pub role_scope_tag_ids: Vec<String>,
    /// PEM; made on first use.
    #[serde(default)]
    pub encryption_public_key: Option<String>,
}

/// A VPP token.
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
}

/// Consent to share data with Apple; granted by default, because a tenant with tokens has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consent {
    /// Whether it was given.
    pub granted: bool,
    /// When.
    #[serde(default = "never")]
    pub grant_date_time: DateTime<Utc>,
}

impl Default for Consent {
    fn default() -> Self {
        Self { granted: true, grant_date_time: never() }
    }
}

/// A key pair of Intune's for push certificates and the request made with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PushSigning {
    /// PKCS#8 PEM of the private key.
    pub key: String,
    /// What the download answers.
    pub value: String,
}

/// One token that reached the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upload {
    /// When.
    pub at: DateTime<Utc>,
    /// Which credential.
    pub kind: Kind,
    /// Graph's id; `null` for push.
    pub id: Option<String>,
    /// On which way.
    pub via: Via,
    /// SHA-256 in hex of the value as it was sent.
    pub sha256: String,
}

/// On which way a token came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Through Graph.
    Graph,
    /// By an admin's hand in the portal.
    Portal,
}

/// A new id, as Graph makes them.
pub(in crate::simulator) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// Graph's way to say never.
fn never() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN).and_utc()
}

fn yes() -> bool {
    true
}

fn dep() -> String {
    "dep".to_owned()
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

fn default_scope() -> Vec<String> {
    vec!["0".to_owned()]
}
