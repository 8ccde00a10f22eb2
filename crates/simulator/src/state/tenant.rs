//! One simulated tenant, as it is kept on disk and as a seed states it.
//!
//! Properties of the three resources bear Graph's own names. Everything but `tenantId` may be
//! left out; what Graph would fill with "never" is then year 1, as Graph has it.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Approval, Enrollment, Switches, Upload, Vpp};
use crate::signing::PushSigning;
use crate::words::TenantId;

/// The application that tenants get by default and that may write.
pub const WRITER_CLIENT_ID: &str = "2f6b0000-0000-4000-8000-000000000001";
/// The client secret of [`WRITER_CLIENT_ID`].
pub const WRITER_SECRET: &str = "simulated-writer-secret";
/// The application that tenants get by default and that may only read.
pub const READER_CLIENT_ID: &str = "2f6b0000-0000-4000-8000-000000000002";
/// The client secret of [`READER_CLIENT_ID`].
pub const READER_SECRET: &str = "simulated-reader-secret";

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
    /// Applications of other tenants that an administrator's consent brings here.
    #[serde(default)]
    pub available_apps: Vec<AppRegistration>,
    /// Its domains, such as `contoso.onmicrosoft.com`.
    #[serde(default)]
    pub domains: Vec<String>,
    /// The people who may act here, as members or by a delegation to their partner (GDAP).
    #[serde(default)]
    pub users: Vec<String>,
    /// The push certificate, if there is one.
    #[serde(default)]
    pub apple_push_notification_certificate: Option<Push>,
    /// The enrollment program tokens.
    #[serde(default)]
    pub dep_onboarding_settings: Vec<Enrollment>,
    #[serde(default)]
    pub vpp_tokens: Vec<Vpp>,
    /// The consent `appleMDMPushCertificate`: without it no first push certificate is taken.
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
    /// Locations whose VPP token another MDM has.
    #[serde(default)]
    pub locations_held_elsewhere: Vec<String>,
    /// VPP tokens that Apple revoked: SHA-256 in hex of the file's text.
    #[serde(default)]
    pub revoked_vpp_tokens: Vec<String>,
    /// How many iPhones and iPads, and how many Macs, Intune manages.
    #[serde(default)]
    pub managed_devices: (u32, u32),
    /// Of a partner: the customers that `/contracts` lists.
    #[serde(default)]
    pub customers: Vec<Customer>,
    /// Requests that wait for, or have, a second admin's approval.
    #[serde(default)]
    pub approvals: Vec<Approval>,
}

impl Tenant {
    /// A tenant with the two default applications, consent given, and no token.
    pub fn new(tenant_id: impl Into<TenantId>) -> Self {
        Self {
            tenant_id: tenant_id.into(),
            display_name: String::new(),
            apps: AppRegistration::defaults(),
            available_apps: Vec::new(),
            domains: Vec::new(),
            users: Vec::new(),
            apple_push_notification_certificate: None,
            dep_onboarding_settings: Vec::new(),
            vpp_tokens: Vec::new(),
            data_sharing_consent: Consent::default(),
            switches: Switches::default(),
            push_signing: None,
            uploads: Vec::new(),
            locations_held_elsewhere: Vec::new(),
            revoked_vpp_tokens: Vec::new(),
            managed_devices: (0, 0),
            customers: Vec::new(),
            approvals: Vec::new(),
        }
    }
}

/// A customer of a partner tenant, as `/contracts` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Customer {
    /// The contract's own id.
    #[serde(default = "new_id")]
    pub id: String,
    /// `contractType` in Graph, such as `ResellerPartner`.
    #[serde(default = "Customer::reseller")]
    pub contract_type: String,
    /// The customer's directory id; its tenant need not be simulated.
    pub customer_id: TenantId,
    /// The customer's first domain, such as `contoso.onmicrosoft.com`.
    #[serde(default)]
    pub default_domain_name: Option<String>,
    /// What people call it.
    #[serde(default)]
    pub display_name: Option<String>,
}

impl Customer {
    pub fn new(
        customer_id: impl Into<TenantId>,
        display_name: &str,
        default_domain_name: &str,
    ) -> Self {
        Self {
            id: new_id(),
            contract_type: Self::reseller(),
            customer_id: customer_id.into(),
            default_domain_name: Some(default_domain_name.to_owned()),
            display_name: Some(display_name.to_owned()),
        }
    }

    fn reseller() -> String {
        "ResellerPartner".to_owned()
    }
}

/// An application that an admin of the tenant consented to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppRegistration {
    /// The application (client) id.
    pub client_id: String,
    /// Its client secret; none when empty.
    #[serde(default)]
    pub secret: String,
    /// When the secret ends; never when absent.
    #[serde(default)]
    pub secret_expires: Option<DateTime<Utc>>,
    /// Its certificates, as PEM; an assertion that one of their keys signed is as good as a
    /// secret.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Whose assertions are as good as its own.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedCredential>,
    /// The application permissions consented to.
    pub roles: Vec<String>,
    /// The delegated permissions consented to: what a person who signs in with it may do.
    #[serde(default)]
    pub delegated: Vec<String>,
    /// `Allow public client flows`: without it, people cannot sign in with a device code.
    #[serde(default)]
    pub public_client: bool,
    /// Where a browser may be sent back to. The port of one on this machine does not count.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// It is in the directory, and no administrator has consented to it.
    #[serde(default)]
    pub unconsented: bool,
    /// Until then the consent has not reached every server of Entra's.
    #[serde(default)]
    pub replicates_until: Option<DateTime<Utc>>,
}

/// An issuer and a subject whose assertions an application trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedCredential {
    /// The claim `iss`, letter for letter.
    pub issuer: String,
    /// The claim `sub`, letter for letter.
    pub subject: String,
    /// What the claim `aud` may be.
    #[serde(default = "FederatedCredential::audiences")]
    pub audiences: Vec<String>,
    /// PEM of a certificate with the key that the issuer signs with (PS256 or RS256). Real Entra
    /// fetches the issuer's keys; the simulator asks nobody.
    pub issuer_certificate: String,
}

impl FederatedCredential {
    fn audiences() -> Vec<String> {
        vec!["api://AzureADTokenExchange".to_owned()]
    }
}

impl AppRegistration {
    fn defaults() -> Vec<Self> {
        let app = |id: &str, secret: &str, roles: &[&str]| Self {
            client_id: id.to_owned(),
            secret: secret.to_owned(),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            ..Self::default()
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

/// The push certificate that the tenant has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Push {
    /// The Apple Account it was made with.
    pub apple_identifier: String,
    pub topic_identifier: String,
    /// Upper-case hex with leading zeros.
    pub certificate_serial_number: String,
    pub expiration_date_time: DateTime<Utc>,
    /// Why the last upload failed; null when healthy.
    #[serde(default)]
    pub certificate_upload_failure_reason: Option<String>,
}

/// Consent to share data with Apple; granted by default, because a tenant with tokens has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consent {
    /// Whether it was given.
    pub granted: bool,
    #[serde(default = "never")]
    pub grant_date_time: DateTime<Utc>,
}

impl Default for Consent {
    fn default() -> Self {
        Self { granted: true, grant_date_time: never() }
    }
}

/// A new id, as Graph makes them.
pub(crate) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// Graph's way to say never.
pub(crate) fn never() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN).and_utc()
}

/// The end of a delay that begins now; `None` for none.
pub(super) fn until(now: DateTime<Utc>, seconds: u32) -> Option<DateTime<Utc>> {
    (seconds > 0).then(|| now + Duration::seconds(i64::from(seconds)))
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn default_scope() -> Vec<String> {
    vec!["0".to_owned()]
}
