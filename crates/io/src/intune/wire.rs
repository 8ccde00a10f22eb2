//! Microsoft's shapes, and the one place where they become the model's.
//!
//! Members that Graph adds are passed over, unknown words of its enumerations are kept as text,
//! and a member that is missing is missing, not zero.

use serde::Deserialize;
use serde_json::value::RawValue;

use applecart_core::model::{LiveEnrollment, LivePush, LiveVpp, Revocation, Timestamp};

/// Apple's device management is younger; earlier dates are Graph's way to say "never".
const FIRST_YEAR: i32 = 2000;

/// What an object of Graph's lacks to be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ShapeError {
    #[error("{object} without a usable {property}")]
    Property { object: &'static str, property: &'static str },
    #[error("two {object}s share one id and differ")]
    Twins { object: &'static str },
    #[error("more text in its {object}s than {} KiB", MAX_TEXT >> 10)]
    TooMuch { object: &'static str },
}

/// Intune allows 3,000 VPP and 2,000 enrollment tokens.
pub(super) const MAX_ITEMS: usize = 3_000;
/// What all tokens of a collection may say together: 320 octets for each of the most that Intune
/// allows. A token's texts stand in the plan, in what needs a person and in the commands that help, so
/// each octet costs eight.
const MAX_TEXT: usize = 960 << 10;
/// What a text costs besides its octets.
const TEXT: usize = 32;
/// Scope tags of one token; Intune allows far fewer in a whole tenant.
const MAX_TAGS: usize = 1_000;

/// One page of a collection.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct Page<T> {
    #[serde(deserialize_with = "at_most::<MAX_ITEMS, _, _>")]
    pub(super) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next_link: Option<String>,
}

/// A list of at most `MAX` items. Counted while it is read: in memory an empty item is a hundred
/// times the size of its three letters.
pub(super) fn at_most<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    struct Counted<const MAX: usize, T>(std::marker::PhantomData<T>);
    impl<'de, const MAX: usize, T: Deserialize<'de>> serde::de::Visitor<'de> for Counted<MAX, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "a list of at most {MAX} items")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element()? {
                if items.len() == MAX {
                    return Err(serde::de::Error::invalid_length(MAX + 1, &self));
                }
                items.push(item);
            }
            Ok(items)
        }
    }
    deserializer.deserialize_seq(Counted::<MAX, T>(std::marker::PhantomData))
}

/// Scope tags, as they were sent: a list of empty texts is eight times as large once it is taken apart.
type Tags = Option<Box<RawValue>>;

/// Scope tags, where they are stated.
fn tags(tags: Tags) -> Result<Option<Vec<String>>, ()> {
    #[derive(Deserialize)]
    struct Listed(#[serde(deserialize_with = "at_most::<MAX_TAGS, _, _>")] Vec<String>);
    let Some(tags) = tags else { return Ok(None) };
    let listed: Option<Listed> = serde_json::from_str(tags.get()).map_err(|_| ())?;
    Ok(listed.map(|Listed(tags)| tags))
}

/// An Apple Account. A blank one is one that Intune does not know.
fn account(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// Graph's `applePushNotificationCertificate`, of which only these properties are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Push {
    topic_identifier: Option<String>,
    certificate_serial_number: Option<String>,
    expiration_date_time: Option<String>,
    apple_identifier: Option<String>,
    certificate_upload_failure_reason: Option<String>,
}

impl Push {
    /// The certificate in Intune; one that lacks topic, serial or expiry cannot be compared with Git.
    pub(super) fn live(self) -> Result<LivePush, ShapeError> {
        let lacks = |property| ShapeError::Property { object: "a push certificate", property };
        let parsed = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(LivePush {
            topic: parsed(self.topic_identifier)
                .and_then(|text| text.parse().ok())
                .ok_or(lacks("topicIdentifier"))?,
            serial: parsed(self.certificate_serial_number)
                .and_then(|text| text.parse().ok())
                .ok_or(lacks("certificateSerialNumber"))?,
            expires: date(self.expiration_date_time)
                .map_err(|()| lacks("expirationDateTime"))?
                .ok_or(lacks("expirationDateTime"))?,
            apple_id: account(self.apple_identifier),
            failure: self.certificate_upload_failure_reason,
            revocation: Revocation::NotAsked,
        })
    }
}

/// Graph's `depOnboardingSetting`, of which only these properties are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Enrollment {
    id: Option<String>,
    token_name: Option<String>,
    token_type: Option<String>,
    apple_identifier: Option<String>,
    token_expiration_date_time: Option<String>,
    last_modified_date_time: Option<String>,
    last_successful_sync_date_time: Option<String>,
    last_sync_triggered_date_time: Option<String>,
    last_sync_error_code: Option<i64>,
    #[serde(default)]
    role_scope_tag_ids: Tags,
    share_token_with_school_data_sync_service: Option<bool>,
    #[serde(default, deserialize_with = "count")]
    synced_device_count: Option<u64>,
    /// In snapshots only; Graph answers it to a function of its own.
    encryption_public_key: Option<String>,
}

/// An item of a collection.
pub(super) trait Item: serde::de::DeserializeOwned {
    type Live: PartialEq;

    /// What the model has of it; `None` for an entry that is no token.
    fn live(self) -> Result<Option<Self::Live>, ShapeError>;

    /// Graph's id of it.
    fn id(live: &Self::Live) -> &str;

    /// How much text is kept of it.
    fn text(live: &Self::Live) -> usize;

    /// What it is called in a sentence.
    const NAME: &'static str;
}

impl Item for Enrollment {
    type Live = LiveEnrollment;
    const NAME: &'static str = "enrollment token";

    fn live(self) -> Result<Option<LiveEnrollment>, ShapeError> {
        // The pseudo-entry of Apple Configurator: always there, never a token.
        if self.token_type.as_deref() == Some("none") {
            return Ok(None);
        }
        let lacks = |property| ShapeError::Property { object: "an enrollment token", property };
        Ok(Some(LiveEnrollment {
            id: self.id.filter(|id| !id.is_empty()).ok_or(lacks("id"))?,
            name: self.token_name,
            token_type: self.token_type,
            apple_id: account(self.apple_identifier),
            expires: date(self.token_expiration_date_time)
                .map_err(|()| lacks("tokenExpirationDateTime"))?,
            last_modified: date(self.last_modified_date_time)
                .map_err(|()| lacks("lastModifiedDateTime"))?,
            last_successful_sync: date(self.last_successful_sync_date_time)
                .map_err(|()| lacks("lastSuccessfulSyncDateTime"))?,
            last_sync_triggered: date(self.last_sync_triggered_date_time)
                .map_err(|()| lacks("lastSyncTriggeredDateTime"))?,
            last_sync_error_code: self.last_sync_error_code.unwrap_or_default(),
            role_scope_tag_ids: tags(self.role_scope_tag_ids)
                .map_err(|()| lacks("roleScopeTagIds"))?,
            school_data_sync: self.share_token_with_school_data_sync_service,
            devices: self.synced_device_count,
            encryption_public_key: self.encryption_public_key,
        }))
    }

    fn id(live: &LiveEnrollment) -> &str {
        &live.id
    }

    fn text(live: &LiveEnrollment) -> usize {
        let texts = [&live.name, &live.token_type, &live.apple_id];
        // A snapshot has a key for each token, and it stands nowhere else.
        let key = live.encryption_public_key.as_ref().map_or(0, String::len) / 4;
        live.id.len() + key + length(texts, live.role_scope_tag_ids.as_deref())
    }
}

/// Graph's `vppToken`, of which only these properties are read; the token itself never comes back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Vpp {
    id: Option<String>,
    display_name: Option<String>,
    organization_name: Option<String>,
    location_name: Option<String>,
    apple_id: Option<String>,
    country_or_region: Option<String>,
    vpp_token_account_type: Option<String>,
    automatically_update_apps: Option<bool>,
    claim_token_management_from_external_mdm: Option<bool>,
    data_sharing_consent_granted: Option<bool>,
    expiration_date_time: Option<String>,
    last_modified_date_time: Option<String>,
    last_sync_date_time: Option<String>,
    last_sync_status: Option<String>,
    state: Option<String>,
    #[serde(default)]
    role_scope_tag_ids: Tags,
}

impl Item for Vpp {
    type Live = LiveVpp;
    const NAME: &'static str = "VPP token";

    fn live(self) -> Result<Option<LiveVpp>, ShapeError> {
        let lacks = |property| ShapeError::Property { object: "a VPP token", property };
        Ok(Some(LiveVpp {
            id: self.id.filter(|id| !id.is_empty()).ok_or(lacks("id"))?,
            display_name: self.display_name,
            organization: self.organization_name,
            location: self.location_name,
            apple_id: account(self.apple_id),
            country_or_region: self.country_or_region,
            account_type: self.vpp_token_account_type,
            automatically_update_apps: self.automatically_update_apps,
            claim: self.claim_token_management_from_external_mdm,
            data_sharing_consent_granted: self.data_sharing_consent_granted,
            expires: date(self.expiration_date_time).map_err(|()| lacks("expirationDateTime"))?,
            last_modified: date(self.last_modified_date_time)
                .map_err(|()| lacks("lastModifiedDateTime"))?,
            last_sync: date(self.last_sync_date_time).map_err(|()| lacks("lastSyncDateTime"))?,
            last_sync_status: self.last_sync_status,
            // Graph's own word for it.
            state: self.state.unwrap_or_else(|| "unknown".to_owned()),
            role_scope_tag_ids: tags(self.role_scope_tag_ids)
                .map_err(|()| lacks("roleScopeTagIds"))?,
        }))
    }

    fn id(live: &LiveVpp) -> &str {
        &live.id
    }

    fn text(live: &LiveVpp) -> usize {
        let texts = [
            &live.display_name,
            &live.organization,
            &live.location,
            &live.apple_id,
            &live.country_or_region,
            &live.account_type,
            &live.last_sync_status,
        ];
        live.id.len() + live.state.len() + length(texts, live.role_scope_tag_ids.as_deref())
    }
}

fn length<const N: usize>(texts: [&Option<String>; N], tags: Option<&[String]>) -> usize {
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    texts + tags.unwrap_or_default().iter().map(|tag| TEXT + tag.len()).sum::<usize>()
}

/// All items of a collection. An item that two pages repeat counts once; two different ones
/// with one id mean that it is unknown which is true.
pub(super) fn collection<T: Item>(items: Vec<T>) -> Result<Vec<T::Live>, ShapeError> {
    let mut all: Vec<T::Live> = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashMap::new();
    let mut text = 0;
    for item in items {
        let Some(live) = item.live()? else { continue };
        text += T::text(&live);
        if text > MAX_TEXT {
            return Err(ShapeError::TooMuch { object: T::NAME });
        }
        match seen.get(T::id(&live)).and_then(|at: &usize| all.get(*at)) {
            Some(earlier) if *earlier == live => continue,
            Some(_) => return Err(ShapeError::Twins { object: T::NAME }),
            None => {
                seen.insert(T::id(&live).to_owned(), all.len());
                all.push(live);
            }
        }
    }
    Ok(all)
}

/// Graph's `dataSharingConsent`, of which only the answer is read.
#[derive(Deserialize)]
pub(super) struct Consent {
    pub(super) granted: bool,
}

/// What a function answers that returns a text.
#[derive(Deserialize)]
pub(super) struct Text {
    pub(super) value: String,
}

/// A number of devices; one that is none is not known.
fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Option::<i64>::deserialize(deserializer)?.and_then(|count| u64::try_from(count).ok()))
}

/// Graph's `managedDeviceOverview`, of which only Apple's devices count.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overview {
    device_operating_system_summary: Option<OperatingSystems>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperatingSystems {
    #[serde(default, deserialize_with = "count")]
    ios_count: Option<u64>,
    #[serde(default, rename = "macOSCount", deserialize_with = "count")]
    mac_os_count: Option<u64>,
}

impl Overview {
    /// How many Apple devices Intune manages.
    pub(super) fn apple_devices(&self) -> Option<u64> {
        let OperatingSystems { ios_count, mac_os_count } =
            self.device_operating_system_summary.as_ref()?;
        (*ios_count)?.checked_add((*mac_os_count)?)
    }
}

/// A date; `None` where there is none or Graph says "never" with the year 1.
fn date(text: Option<String>) -> Result<Option<Timestamp>, ()> {
    use chrono::Datelike as _;
    let Some(text) = text else { return Ok(None) };
    let at: Timestamp = text.parse().map_err(|_| ())?;
    Ok(Some(at).filter(|at| at.date_time().year() >= FIRST_YEAR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(json: &str) -> Result<LivePush, ShapeError> {
        serde_json::from_str::<Push>(json).unwrap().live()
    }

    #[test]
    fn a_push_certificate_without_its_identity_is_not_absent_but_unusable() {
        let whole = r#"{"topicIdentifier":"com.apple.mgmt.External.1","certificateSerialNumber":"0B70","expirationDateTime":"2027-11-20T10:11:12.1234567Z","certificate":null,"newMember":1}"#;
        assert_eq!(push(whole).unwrap().serial.to_string(), "0B70");
        for (from, to) in [
            ("\"com.apple.mgmt.External.1\"", "null"),
            ("\"0B70\"", "\"\""),
            ("2027-11-20T10:11:12.1234567Z", "0001-01-01T00:00:00Z"),
            ("2027-11-20T10:11:12.1234567Z", "tomorrow"),
        ] {
            assert!(push(&whole.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn the_year_one_is_no_date_and_the_configurator_entry_no_token() {
        let json = r#"{"value":[{"id":"a","tokenType":"none"},{"id":"b","tokenType":"somethingNew","tokenExpirationDateTime":"0001-01-01T00:00:00Z","lastSyncErrorCode":3}]}"#;
        let page: Page<Enrollment> = serde_json::from_str(json).unwrap();
        let all = collection(page.value).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].id.as_str(), all[0].expires), ("b", None));
        assert_eq!(all[0].last_sync_error_code, 3);
    }

    #[test]
    fn only_apples_devices_count_and_no_number_is_made_up() {
        let count = |json: &str| serde_json::from_str::<Overview>(json).ok()?.apple_devices();
        let summary = |inside: &str| format!(r#"{{"deviceOperatingSystemSummary": {{{inside}}}}}"#);
        let all = r#""iosCount": 2900, "macOSCount": 100, "windowsCount": 7, "androidCount": 9"#;
        assert_eq!(count(&summary(all)), Some(3000));
        for unknown in [r#""iosCount": 5"#, r#""iosCount": -1, "macOSCount": 2"#, ""] {
            assert_eq!(count(&summary(unknown)), None, "{unknown}");
        }
        assert_eq!(count("{}"), None);
    }

    #[test]
    fn settings_that_are_only_compared_are_read() {
        let json = r#"[{"id":"a","tokenType":"appleSchoolManager","shareTokenWithSchoolDataSyncService":true}]"#;
        let all = collection(serde_json::from_str::<Vec<Enrollment>>(json).unwrap()).unwrap();
        assert_eq!(all[0].token_type.as_deref(), Some("appleSchoolManager"));
        assert_eq!(all[0].school_data_sync, Some(true));
        let json = r#"[{"id":"a","claimTokenManagementFromExternalMdm":true,"dataSharingConsentGranted":false}]"#;
        let all = collection(serde_json::from_str::<Vec<Vpp>>(json).unwrap()).unwrap();
        assert_eq!((all[0].claim, all[0].data_sharing_consent_granted), (Some(true), Some(false)));
    }

    #[test]
    fn a_collection_says_no_more_than_every_token_that_intune_allows() {
        let page = |count: usize, member: &str| {
            let items = (0..count).map(|id| format!(r#"{{"id":"{id:036}",{member}}}"#));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        };
        let all = |json: &str| collection(serde_json::from_str::<Vec<Vpp>>(json).unwrap());
        let name = "n".repeat(50);
        let ordinary = format!(
            r#""displayName":"{name}","organizationName":"{name}","locationName":"{name}","appleId":"{name}","roleScopeTagIds":["0","12"]"#
        );
        assert_eq!(all(&page(MAX_ITEMS, &ordinary)).unwrap().len(), MAX_ITEMS);
        let too_much = Err(ShapeError::TooMuch { object: "VPP token" });
        let long = format!(r#""displayName":"{}""#, "n".repeat(600));
        assert_eq!(all(&page(MAX_ITEMS, &long)), too_much);
        let tags = format!(r#""roleScopeTagIds":[{}]"#, vec![r#""""#; MAX_TAGS].join(","));
        assert_eq!(all(&page(100, &tags)), too_much);
        for bad in [r#""roleScopeTagIds":{}"#.to_owned(), tags.replacen("[", r#"["","#, 1)] {
            assert!(matches!(all(&page(1, &bad)), Err(ShapeError::Property { .. })), "{bad:.40}");
        }
    }

    #[test]
    fn unknown_words_of_an_enumeration_are_kept() {
        let json = r#"[{"id":"a","state":"duplicateLocationId","lastSyncStatus":"novel"}]"#;
        let all = collection(serde_json::from_str::<Vec<Vpp>>(json).unwrap()).unwrap();
        assert_eq!(all[0].state, "duplicateLocationId");
        assert_eq!(all[0].last_sync_status.as_deref(), Some("novel"));
    }

    #[test]
    fn an_item_on_two_pages_counts_once_unless_it_changed() {
        let same = r#"[{"id":"a","state":"valid"},{"id":"a","state":"valid"}]"#;
        let twins = r#"[{"id":"a","state":"valid"},{"id":"a","state":"expired"}]"#;
        let all = |json| collection(serde_json::from_str::<Vec<Vpp>>(json).unwrap());
        assert_eq!(all(same).unwrap().len(), 1);
        assert_eq!(all(twins), Err(ShapeError::Twins { object: "VPP token" }));
        assert!(all(r#"[{"state":"valid"}]"#).is_err());
    }
}
