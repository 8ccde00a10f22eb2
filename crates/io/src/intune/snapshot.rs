//! A snapshot: what Graph would answer for one tenant, saved in a file.
//!
//! Graph's own property names and shapes, read through the same types as Graph's answers. A property
//! that the snapshot lacks is unknown, not absent: only `null` says that there is no push
//! certificate.

use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::wire::{self, Item, ShapeError};
use applecart_core::model::{
    LiveEnrollment, LiveTenant, LiveVpp, Problem, ProblemCode, Reading, Resource,
};

/// Why a file is not a snapshot. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error("not JSON, at line {line} column {column}")]
    NotJson { line: usize, column: usize },
    #[error(
        "not of Graph's shape, at line {line} column {column}: a property is missing, repeated or of another type"
    )]
    Shape { line: usize, column: usize },
    #[error(
        "none of applePushNotificationCertificate, depOnboardingSettings and vppTokens is in it"
    )]
    Empty,
}

impl From<serde_json::Error> for SnapshotError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => Self::Shape { line, column },
            _ => Self::NotJson { line, column },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    #[serde(default, deserialize_with = "even_null")]
    apple_push_notification_certificate: Option<Option<wire::Push>>,
    dep_onboarding_settings: Option<Vec<wire::Enrollment>>,
    vpp_tokens: Option<Vec<wire::Vpp>>,
    push_signing_request: Option<String>,
}

/// Keeps `null` apart from a property that is not there.
fn even_null<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Reads a snapshot.
///
/// # Errors
///
/// When the bytes are not JSON, not of Graph's shape, or hold none of the three resources.
pub fn parse_snapshot(bytes: &[u8]) -> Result<LiveTenant, SnapshotError> {
    // Windows' editors and PowerShell put this mark in front of UTF-8.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let snapshot: Snapshot = serde_json::from_slice(bytes)?;
    if snapshot.apple_push_notification_certificate.is_none()
        && snapshot.dep_onboarding_settings.is_none()
        && snapshot.vpp_tokens.is_none()
    {
        return Err(SnapshotError::Empty);
    }
    let push = match snapshot.apple_push_notification_certificate {
        None => lacking(Resource::Push),
        Some(None) => Reading::Absent,
        Some(Some(push)) => match push.live() {
            Ok(live) => Reading::Present(live),
            Err(error) => misshapen(&error, Resource::Push),
        },
    };
    Ok(LiveTenant {
        push,
        enrollment: collection(snapshot.dep_onboarding_settings, Resource::Enrollment),
        vpp: collection(snapshot.vpp_tokens, Resource::Vpp),
        consent: Reading::NotAsked,
        push_signing_request: snapshot.push_signing_request,
        push_in_git: None,
        devices: None,
        clock_skew: None,
    })
}

fn collection<T: Item>(items: Option<Vec<T>>, resource: Resource) -> Reading<Vec<T::Live>> {
    match items.map(wire::collection) {
        None => lacking(resource),
        Some(Ok(all)) => Reading::Present(all),
        Some(Err(error)) => misshapen(&error, resource),
    }
}

fn lacking<T>(resource: Resource) -> Reading<T> {
    let problem = Problem::new(ProblemCode::BadAnswer, "the snapshot does not hold this resource");
    Reading::Unknown(problem.on(resource))
}

fn misshapen<T>(error: &ShapeError, resource: Resource) -> Reading<T> {
    let detail = format!("the snapshot holds {error}");
    Reading::Unknown(Problem::new(ProblemCode::BadAnswer, detail).on(resource))
}

/// Writes what was read as a snapshot; `None` where nothing is known. What is unknown or was
/// not asked for is left out; what Graph has beyond what is read here is not in it.
pub fn snapshot_of(live: &LiveTenant) -> Option<serde_json::Value> {
    let mut snapshot = serde_json::Map::new();
    match &live.push {
        Reading::Present(push) => {
            let push = json!({
                "appleIdentifier": push.apple_id,
                "topicIdentifier": push.topic,
                "certificateSerialNumber": push.serial,
                "expirationDateTime": push.expires,
                "certificateUploadFailureReason": push.failure,
            });
            snapshot.insert("applePushNotificationCertificate".to_owned(), push);
        }
        Reading::Absent => {
            snapshot.insert("applePushNotificationCertificate".to_owned(), json!(null));
        }
        Reading::Unknown(_) | Reading::NotAsked => {}
    }
    if let Reading::Present(all) = &live.enrollment {
        snapshot.insert(
            "depOnboardingSettings".to_owned(),
            all.iter().map(enrollment_object).collect(),
        );
    }
    if let Reading::Present(all) = &live.vpp {
        snapshot.insert("vppTokens".to_owned(), all.iter().map(vpp_object).collect());
    }
    if snapshot.is_empty() {
        return None;
    }
    if let Some(request) = &live.push_signing_request {
        snapshot.insert("pushSigningRequest".to_owned(), json!(request));
    }
    Some(snapshot.into())
}

fn enrollment_object(live: &LiveEnrollment) -> serde_json::Value {
    let mut object = json!({
        "id": live.id,
        "tokenName": live.name,
        "tokenType": live.token_type,
        "appleIdentifier": live.apple_id,
        "tokenExpirationDateTime": live.expires,
        "lastModifiedDateTime": live.last_modified,
        "lastSuccessfulSyncDateTime": live.last_successful_sync,
        "lastSyncTriggeredDateTime": live.last_sync_triggered,
        "lastSyncErrorCode": live.last_sync_error_code,
        "roleScopeTagIds": live.role_scope_tag_ids,
        "shareTokenWithSchoolDataSyncService": live.school_data_sync,
    });
    if let (Some(key), Some(object)) = (&live.encryption_public_key, object.as_object_mut()) {
        object.insert("encryptionPublicKey".to_owned(), json!(key));
    }
    object
}

fn vpp_object(live: &LiveVpp) -> serde_json::Value {
    json!({
        "id": live.id,
        "displayName": live.display_name,
        "organizationName": live.organization,
        "locationName": live.location,
        "appleId": live.apple_id,
        "countryOrRegion": live.country_or_region,
        "vppTokenAccountType": live.account_type,
        "automaticallyUpdateApps": live.automatically_update_apps,
        "claimTokenManagementFromExternalMdm": live.claim,
        "dataSharingConsentGranted": live.data_sharing_consent_granted,
        "expirationDateTime": live.expires,
        "lastModifiedDateTime": live.last_modified,
        "lastSyncDateTime": live.last_sync,
        "lastSyncStatus": live.last_sync_status,
        "state": live.state,
        "roleScopeTagIds": live.role_scope_tag_ids,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_absent_and_missing_is_unknown() {
        let live = parse_snapshot(
            br#"{"applePushNotificationCertificate":null,"vppTokens":[],"pushSigningRequest":"x"}"#,
        );
        let live = live.unwrap();
        assert_eq!(live.push_signing_request.as_deref(), Some("x"));
        assert_eq!(live.push, Reading::Absent);
        assert_eq!(live.vpp, Reading::Present(vec![]));
        let problem = live.enrollment.problem().unwrap();
        assert_eq!(
            (problem.code, problem.resource),
            (ProblemCode::BadAnswer, Some(Resource::Enrollment))
        );
    }

    #[test]
    fn graphs_objects_are_read_as_live_ones() {
        let json = r#"{"depOnboardingSettings":[{"id":"1","tokenName":"ABM","tokenType":"dep","encryptionPublicKey":"-----BEGIN","lastSyncErrorCode":0}]}"#;
        let live = parse_snapshot(format!("\u{feff}{json}").as_bytes()).unwrap();
        let enrollment = &live.enrollment.present().unwrap()[0];
        assert_eq!(enrollment.name.as_deref(), Some("ABM"));
        assert_eq!(enrollment.encryption_public_key.as_deref(), Some("-----BEGIN"));
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let text = r#"{"applePushNotificationCertificate":{"topicIdentifier":"com.apple.mgmt.External.1","certificateSerialNumber":"0B70","expirationDateTime":"2027-11-20T10:11:12Z","appleIdentifier":"a@b"},"depOnboardingSettings":[{"id":"1","tokenName":"ABM","tokenType":"dep","encryptionPublicKey":"-----BEGIN","lastSyncErrorCode":3,"tokenExpirationDateTime":"2027-11-20T10:11:12Z","roleScopeTagIds":["0"]}],"vppTokens":[{"id":"2","state":"valid","displayName":"L","automaticallyUpdateApps":true,"expirationDateTime":"2027-11-20T10:11:12Z"}],"pushSigningRequest":"x"}"#;
        let live = parse_snapshot(text.as_bytes()).unwrap();
        let again = |live: &LiveTenant| {
            parse_snapshot(snapshot_of(live).unwrap().to_string().as_bytes()).unwrap()
        };
        assert_eq!(again(&live), live);
        let unknown = Problem::new(ProblemCode::Timeout, "x");
        let some = LiveTenant { push: Reading::Absent, ..LiveTenant::unknown(&unknown) };
        assert_eq!(again(&some).push, Reading::Absent);
        assert!(again(&some).vpp.problem().is_some(), "unknown stays unknown");
        assert_eq!(snapshot_of(&LiveTenant::unknown(&unknown)), None);
    }

    #[test]
    fn mistakes_have_a_place_and_are_not_repeated() {
        let parse = |text: &str| parse_snapshot(text.as_bytes()).unwrap_err();
        assert_eq!(parse("{\n  \"vppTokens\": ["), SnapshotError::NotJson { line: 2, column: 16 });
        let wrong = parse("{\n\"vppTokens\": \"MARKER-SECRET\"}");
        assert!(matches!(wrong, SnapshotError::Shape { line: 2, .. }), "{wrong}");
        assert!(!wrong.to_string().contains("MARKER"));
        assert!(matches!(parse(r#"{"vppTokens":[],"vppTokens":[]}"#), SnapshotError::Shape { .. }));
        assert_eq!(parse(r#"{"vppToken":[]}"#), SnapshotError::Empty);
        assert_eq!(parse("{}"), SnapshotError::Empty);
        assert!(matches!(parse("<html>"), SnapshotError::NotJson { .. }));
    }
}
