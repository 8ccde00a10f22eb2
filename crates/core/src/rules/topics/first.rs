//! Which push topics tenants' entries named first, by everything that the base's history says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::claims::{Claim, Claims};
use crate::fleet::{Desired, Folder, load_folder};
use crate::ledger::FirstTopic;
use crate::model::{TenantId, Timestamp, Topic};

/// What was named, by tenant id, so that a folder that was renamed keeps what it said under its first
/// name; `None` where the revision that would tell is not in the clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstTopics(BTreeMap<TenantId, Claims<Option<Topic>>>);

impl FirstTopics {
    /// Looks at what a commit made of a folder; commits come after those that they come after.
    /// `is_cut_off` says that what was before is not in the clone.
    /// Returns the tenant of which it tells something.
    pub fn tell(
        &mut self,
        folder: Folder,
        is_cut_off: bool,
        commit: String,
        since: Timestamp,
    ) -> Option<TenantId> {
        let loaded = load_folder(folder, None);
        let tenant = loaded.as_ref().and_then(Desired::valid)?;
        // No device has ever heard of the topic of a file that no run has uploaded.
        let watched = tenant.push.as_ref().filter(|entry| entry.file.is_none());
        let topic = watched.and_then(|entry| entry.topic()).cloned();
        if topic.is_none() && !is_cut_off {
            return None;
        }
        let value = topic.filter(|_| !is_cut_off);
        self.claims_of(tenant.tenant_id).add(Claim { value, commit, since });
        Some(tenant.tenant_id)
    }

    /// What was told of a tenant, for whoever has to settle it.
    pub fn claims_of(&mut self, tenant: TenantId) -> &mut Claims<Option<Topic>> {
        self.0.entry(tenant).or_default()
    }

    /// The topic that the entry of a tenant named first.
    pub fn of(&self, tenant: TenantId) -> FirstTopic {
        let Some(claims) = self.0.get(&tenant) else { return FirstTopic::None };
        let firsts: Option<Vec<Topic>> = claims.firsts().map(|claim| claim.value.clone()).collect();
        let Some(mut topics) = firsts else { return FirstTopic::Unknown };
        topics.sort_unstable();
        topics.dedup();
        match topics.len() {
            0 | 1 => topics.pop().map_or(FirstTopic::None, FirstTopic::Named),
            _ => FirstTopic::Disputed(topics),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::FileBytes;

    const TENANT: &str = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";
    const ONE: &str = "com.apple.mgmt.External.1";
    const TWO: &str = "com.apple.mgmt.External.2";

    fn tell(first: &mut FirstTopics, name: &str, topic: &str, is_cut_off: bool) {
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {TENANT}\nwatch: [push]\npush: {{topic: {topic}}}\n"
        );
        let folder = Folder {
            name: name.to_owned(),
            tree: "0".repeat(40),
            tenant_file: Some(FileBytes::Read(text.into_bytes())),
            entries: Vec::new(),
            overfull: None,
        };
        let since = Timestamp::new(chrono::DateTime::UNIX_EPOCH);
        first.tell(folder, is_cut_off, name.to_owned(), since);
    }

    fn named(first: &FirstTopics) -> FirstTopic {
        first.of(TENANT.parse().unwrap())
    }

    #[test]
    fn what_was_named_first_stays_under_any_name() {
        let mut first = FirstTopics::default();
        assert_eq!(named(&first), FirstTopic::None);
        tell(&mut first, "contoso", ONE, false);
        tell(&mut first, "contoso-ltd", TWO, false);
        assert_eq!(named(&first), FirstTopic::Named(ONE.parse().unwrap()));
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<FirstTopics>(&text).unwrap(), first);
    }

    #[test]
    fn where_two_histories_name_two_topics_neither_is_the_first() {
        let mut first = FirstTopics::default();
        tell(&mut first, "contoso", TWO, false);
        tell(&mut first, "contoso-ltd", ONE, false);
        first.claims_of(TENANT.parse().unwrap()).settle(|_| |_: &str| false);
        let both = [ONE, TWO].map(|topic| topic.parse().unwrap());
        assert_eq!(named(&first), FirstTopic::Disputed(both.to_vec()));
    }

    #[test]
    fn where_the_clone_is_cut_off_nobody_knows_what_was_first() {
        let mut first = FirstTopics::default();
        tell(&mut first, "contoso", ONE, true);
        tell(&mut first, "contoso", TWO, false);
        assert_eq!(named(&first), FirstTopic::Unknown);
    }
}
