//! Settings of a token that Git states and Intune has otherwise.

use std::collections::BTreeSet;

use crate::model::{Facts, LiveToken, Setting};

/// The settings that are to be written: only those that Git states and that differ. What Git
/// leaves out is Intune's business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Push: the Apple Account, where a reviewed `allow` line names its change. Intune takes it only
    /// together with the certificate.
    pub apple_id: Option<String>,
    /// VPP: the token's name in Intune.
    pub display_name: Option<String>,
    /// VPP: lower-case ISO 3166-1 alpha-2 code.
    pub country_or_region: Option<String>,
    /// VPP: whether Intune updates apps by itself.
    pub automatically_update_apps: Option<bool>,
    /// Enrollment and VPP: Intune's scope tags.
    pub role_scope_tag_ids: Option<Vec<String>>,
}

impl Settings {
    /// What has to change in Intune so that it is as Git states.
    pub(super) fn due(stated: &Facts, live: LiveToken<'_>) -> Self {
        let now = live.facts();
        let mut due = Self::default();
        match live {
            LiveToken::Push(_) => return due,
            LiveToken::Enrollment(_) => {}
            LiveToken::Vpp(_) => {
                due.display_name = differing(&stated.display_name, &now.display_name);
                due.country_or_region =
                    differing(&stated.country_or_region, &now.country_or_region);
                due.automatically_update_apps =
                    differing(&stated.automatically_update_apps, &now.automatically_update_apps);
            }
        }
        due.role_scope_tag_ids = stated
            .role_scope_tag_ids
            .as_ref()
            .filter(|stated| {
                // Their order means nothing.
                let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
                now.role_scope_tag_ids.as_deref().map(set) != Some(set(stated))
            })
            .cloned();
        due
    }

    /// Which settings a request with these holds.
    pub fn requested(&self) -> Vec<Setting> {
        let Self {
            apple_id: _,
            display_name,
            country_or_region,
            automatically_update_apps,
            role_scope_tag_ids,
        } = self;
        [
            display_name.is_some().then_some(Setting::DisplayName),
            country_or_region.is_some().then_some(Setting::CountryOrRegion),
            automatically_update_apps.is_some().then_some(Setting::AutomaticallyUpdateApps),
            role_scope_tag_ids.is_some().then_some(Setting::RoleScopeTagIds),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Whether nothing has to change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// `facts` with these settings.
    pub(super) fn over(&self, mut facts: Facts) -> Facts {
        let Self {
            apple_id,
            display_name,
            country_or_region,
            automatically_update_apps,
            role_scope_tag_ids,
        } = self;
        overlay(&mut facts.apple_id, apple_id);
        overlay(&mut facts.display_name, display_name);
        overlay(&mut facts.country_or_region, country_or_region);
        overlay(&mut facts.automatically_update_apps, automatically_update_apps);
        overlay(&mut facts.role_scope_tag_ids, role_scope_tag_ids);
        facts
    }
}

fn differing<T: Clone + PartialEq>(stated: &Option<T>, live: &Option<T>) -> Option<T> {
    stated.as_ref().filter(|_| stated != live).cloned()
}

pub(super) fn overlay<T: Clone>(onto: &mut Option<T>, from: &Option<T>) {
    if from.is_some() {
        onto.clone_from(from);
    }
}
