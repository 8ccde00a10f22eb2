//! The three resources as Graph answers them.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::state::{Consent, Enrollment, Push, Vpp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    Beta,
}

impl Version {
    pub(super) fn segment(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::Beta => "beta",
        }
    }
}

/// A date and time with up to seven digits of a second, as Graph writes them.
fn time(at: DateTime<Utc>) -> String {
    if at.timestamp_subsec_nanos() == 0 {
        return at.to_rfc3339_opts(SecondsFormat::Secs, true);
    }
    format!("{}.{:07}Z", at.format("%Y-%m-%dT%H:%M:%S"), at.timestamp_subsec_nanos() / 100)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// `applePushNotificationCertificate`. Its `id` and `lastModifiedDateTime` are new on every read.
pub(crate) fn push(push: &Push, now: DateTime<Utc>, read: u64) -> Map<String, Value> {
    let drift = Duration::milliseconds(i64::try_from(read % 60_000).unwrap_or_default());
    object(json!({
        "id": uuid::Uuid::new_v4().to_string(),
        "appleIdentifier": push.apple_identifier,
        "topicIdentifier": push.topic_identifier,
        "lastModifiedDateTime": time(now - drift),
        "expirationDateTime": time(push.expiration_date_time),
        "certificateUploadStatus": null,
        "certificateUploadFailureReason": push.certificate_upload_failure_reason,
        "certificateSerialNumber": push.certificate_serial_number,
        // Graph takes it in a request, and answers with null always.
        "certificate": null,
    }))
}

/// `dataSharingConsent` as Graph answers with it.
pub(super) fn consent(id: &str, consent: &Consent) -> Map<String, Value> {
    object(json!({
        "id": id,
        "serviceDisplayName": "Apple MDM Push Certificate",
        "termsUrl": "https://go.microsoft.com/fwlink/?linkid=0",
        "granted": consent.granted,
        "grantDateTime": time(consent.grant_date_time),
        "grantedByUpn": null,
        "grantedByUserId": null,
    }))
}

/// `depOnboardingSetting` as Graph answers with it.
pub(crate) fn enrollment(setting: &Enrollment) -> Map<String, Value> {
    object(json!({
        "id": setting.id,
        "appleIdentifier": setting.apple_identifier,
        "tokenExpirationDateTime": time(setting.token_expiration_date_time),
        "lastModifiedDateTime": time(setting.last_modified_date_time),
        "lastSuccessfulSyncDateTime": time(setting.last_successful_sync_date_time),
        "lastSyncTriggeredDateTime": time(setting.last_sync_triggered_date_time),
        "shareTokenWithSchoolDataSyncService": setting.share_token_with_school_data_sync_service,
        "lastSyncErrorCode": setting.last_sync_error_code,
        "tokenType": setting.token_type,
        "tokenName": setting.token_name,
        "syncedDeviceCount": setting.synced_device_count,
        "dataSharingConsentGranted": setting.data_sharing_consent_granted,
        "roleScopeTagIds": setting.role_scope_tag_ids,
    }))
}

/// `vppToken`, of which v1.0 knows less.
pub(crate) fn vpp(vpp: &Vpp, version: Version) -> Map<String, Value> {
    let mut object = object(json!({
        "id": vpp.id,
        "organizationName": vpp.organization_name,
        "vppTokenAccountType": vpp.vpp_token_account_type,
        "appleId": vpp.apple_id,
        "expirationDateTime": time(vpp.expiration_date_time),
        "lastSyncDateTime": time(vpp.last_sync_date_time),
        // Graph takes it in a request, and answers with null always.
        "token": null,
        "lastModifiedDateTime": time(vpp.last_modified_date_time),
        "state": match (version, vpp.state.as_str()) {
            // v1.0 does not have this one.
            (Version::V1, "duplicateLocationId") => "unknown",
            (_, state) => state,
        },
        "lastSyncStatus": vpp.last_sync_status,
        "automaticallyUpdateApps": vpp.automatically_update_apps,
        "countryOrRegion": vpp.country_or_region,
    }));
    if version == Version::Beta {
        object.extend(self::object(json!({
            "displayName": vpp.display_name,
            "locationName": vpp.location_name,
            "claimTokenManagementFromExternalMdm": vpp.claim_token_management_from_external_mdm,
            "dataSharingConsentGranted": vpp.data_sharing_consent_granted,
            "roleScopeTagIds": vpp.role_scope_tag_ids,
            "appleDeviceAppDeliveryProtocolType": "default",
            "tokenActionResults": [],
        })));
    }
    object
}
