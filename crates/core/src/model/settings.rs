//! Settings of tokens in Intune, and which of them changed without being asked for.
//!
//! A write names only what it is meant to change. Whether Intune left everything else as it was
//! is seen by comparing a read before with a read after.

use std::collections::BTreeSet;

use super::{LiveEnrollment, LiveVpp};

/// A property of a token in Intune that an administrator sets, as opposed to what Apple says and what
/// Intune counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// VPP: the token's name in Intune.
    DisplayName,
    /// VPP: the App Store's country.
    CountryOrRegion,
    /// VPP: whether Intune updates apps by itself.
    AutomaticallyUpdateApps,
    /// VPP: business or education.
    AccountType,
    /// VPP: whether it was taken over from another MDM.
    Claim,
    /// VPP: the customer's consent to sharing data with Apple.
    DataSharingConsent,
    /// Enrollment: the token's name in Intune.
    TokenName,
    /// Enrollment: whether School Data Sync may use it.
    SchoolDataSync,
    /// Enrollment and VPP: Intune's scope tags.
    RoleScopeTagIds,
}

impl Setting {
    /// Graph's name of the property.
    pub fn property(self) -> &'static str {
        match self {
            Self::DisplayName => "displayName",
            Self::CountryOrRegion => "countryOrRegion",
            Self::AutomaticallyUpdateApps => "automaticallyUpdateApps",
            Self::AccountType => "vppTokenAccountType",
            Self::Claim => "claimTokenManagementFromExternalMdm",
            Self::DataSharingConsent => "dataSharingConsentGranted",
            Self::TokenName => "tokenName",
            Self::SchoolDataSync => "shareTokenWithSchoolDataSyncService",
            Self::RoleScopeTagIds => "roleScopeTagIds",
        }
    }
}

/// A setting that changed without being in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    pub setting: Setting,
    /// The value before, for people; `none` for none.
    pub before: String,
    /// The value after, for people; `none` for none.
    pub after: String,
}

/// What one read says of a setting.
enum Value {
    /// The read did not tell: a property that always has a value was not in the answer.
    Untold,
    /// It has this value, or none. Scope tags stand in order, so that order does not matter.
    Told(Option<String>),
}

fn always<T: ToString>(value: Option<T>) -> Value {
    value.map_or(Value::Untold, |value| Value::Told(Some(value.to_string())))
}

fn text(value: Option<&String>) -> Value {
    Value::Told(value.filter(|text| !text.is_empty()).cloned())
}

fn tags(value: Option<&Vec<String>>) -> Value {
    let tags: BTreeSet<&str> = value.into_iter().flatten().map(String::as_str).collect();
    let joined = tags.into_iter().collect::<Vec<_>>().join(", ");
    Value::Told(Some(joined).filter(|text| !text.is_empty()))
}

impl LiveVpp {
    /// The settings that differ in `after`, a later read of the same token, although they are not
    /// in `requested`.
    pub fn unrequested_changes(&self, after: &Self, requested: &[Setting]) -> Vec<SettingChange> {
        changes(self.settings(), after.settings(), requested)
    }

    fn settings(&self) -> [(Setting, Value); 7] {
        [
            (Setting::DisplayName, text(self.display_name.as_ref())),
            (Setting::CountryOrRegion, text(self.country_or_region.as_ref())),
            (Setting::AutomaticallyUpdateApps, always(self.automatically_update_apps)),
            (Setting::AccountType, always(self.account_type.as_ref())),
            (Setting::Claim, always(self.claim)),
            (Setting::DataSharingConsent, always(self.data_sharing_consent_granted)),
            (Setting::RoleScopeTagIds, tags(self.role_scope_tag_ids.as_ref())),
        ]
    }
}

impl LiveEnrollment {
    /// The settings that differ in `after`, a later read of the same token, although they are not
    /// in `requested`.
    pub fn unrequested_changes(&self, after: &Self, requested: &[Setting]) -> Vec<SettingChange> {
        changes(self.settings(), after.settings(), requested)
    }

    fn settings(&self) -> [(Setting, Value); 3] {
        [
            (Setting::TokenName, text(self.name.as_ref())),
            (Setting::SchoolDataSync, always(self.school_data_sync)),
            (Setting::RoleScopeTagIds, tags(self.role_scope_tag_ids.as_ref())),
        ]
    }
}

fn changes<const N: usize>(
    before: [(Setting, Value); N],
    after: [(Setting, Value); N],
    requested: &[Setting],
) -> Vec<SettingChange> {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    before
        .into_iter()
        .zip(after)
        .filter(|((setting, _), _)| !requested.contains(setting))
        .filter_map(|((setting, before), (_, after))| match (before, after) {
            (Value::Told(before), Value::Told(after)) if before != after => {
                Some(SettingChange { setting, before: shown(before), after: shown(after) })
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vpp() -> LiveVpp {
        LiveVpp {
            id: "1".into(),
            display_name: Some("London".into()),
            organization: Some("Contoso".into()),
            location: Some("London".into()),
            apple_id: None,
            country_or_region: Some("gb".into()),
            account_type: Some("business".into()),
            automatically_update_apps: Some(true),
            claim: Some(false),
            data_sharing_consent_granted: Some(true),
            expires: None,
            last_modified: None,
            last_sync: None,
            last_sync_status: None,
            state: "valid".into(),
            role_scope_tag_ids: Some(vec!["0".into(), "12".into()]),
        }
    }

    fn enrollment() -> LiveEnrollment {
        LiveEnrollment {
            id: "1".into(),
            name: Some("ABM".into()),
            token_type: Some("dep".into()),
            apple_id: None,
            expires: None,
            last_modified: None,
            last_successful_sync: None,
            last_sync_triggered: None,
            last_sync_error_code: 0,
            role_scope_tag_ids: Some(vec!["0".into()]),
            school_data_sync: Some(false),
            devices: None,
            encryption_public_key: None,
        }
    }

    fn names(changes: &[SettingChange]) -> Vec<&str> {
        changes.iter().map(|change| change.setting.property()).collect()
    }

    #[test]
    fn every_setting_that_changed_is_told_unless_it_was_asked_for() {
        let after = LiveVpp {
            display_name: None,
            country_or_region: Some("us".into()),
            account_type: Some("education".into()),
            automatically_update_apps: Some(false),
            claim: Some(true),
            data_sharing_consent_granted: Some(false),
            role_scope_tag_ids: Some(vec!["12".into()]),
            ..vpp()
        };
        let all = vpp().unrequested_changes(&after, &[]);
        assert_eq!(
            names(&all),
            [
                "displayName",
                "countryOrRegion",
                "automaticallyUpdateApps",
                "vppTokenAccountType",
                "claimTokenManagementFromExternalMdm",
                "dataSharingConsentGranted",
                "roleScopeTagIds"
            ]
        );
        assert_eq!((all[0].before.as_str(), all[0].after.as_str()), ("London", "none"));
        assert_eq!((all[6].before.as_str(), all[6].after.as_str()), ("0, 12", "12"));
        for change in &all {
            let rest = vpp().unrequested_changes(&after, &[change.setting]);
            assert_eq!(rest.len(), 6);
            assert!(!rest.contains(change));
        }
    }

    #[test]
    fn an_enrollment_token_has_settings_of_its_own() {
        let after = LiveEnrollment {
            name: Some("Intune".into()),
            role_scope_tag_ids: None,
            school_data_sync: Some(true),
            ..enrollment()
        };
        let all = enrollment().unrequested_changes(&after, &[]);
        let three = ["tokenName", "shareTokenWithSchoolDataSyncService", "roleScopeTagIds"];
        assert_eq!(names(&all), three);
        let rest = enrollment().unrequested_changes(&after, &[Setting::RoleScopeTagIds]);
        assert_eq!(names(&rest), &three[..2]);
    }

    #[test]
    fn what_a_renewal_moves_and_what_an_answer_omits_is_no_change() {
        let after = LiveVpp {
            organization: Some("Fabrikam".into()),
            location: Some("Paris".into()),
            apple_id: Some("a@b".into()),
            expires: "2027-11-20T10:11:12Z".parse().ok(),
            last_sync_status: Some("inProgress".into()),
            state: "expired".into(),
            automatically_update_apps: None,
            account_type: None,
            claim: None,
            data_sharing_consent_granted: None,
            role_scope_tag_ids: Some(vec!["12".into(), "0".into(), "0".into()]),
            ..vpp()
        };
        assert_eq!(vpp().unrequested_changes(&after, &[]), []);
        assert_eq!(after.unrequested_changes(&vpp(), &[]), []);
        let (blank, none) = (Some(String::new()), None);
        let blank = LiveVpp { display_name: blank, role_scope_tag_ids: Some(vec![]), ..vpp() };
        let none = LiveVpp { display_name: none, role_scope_tag_ids: None, ..vpp() };
        assert_eq!(blank.unrequested_changes(&none, &[]), []);
    }
}
