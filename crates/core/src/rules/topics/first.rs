//! Which push topics tenants' entries named first, told commit by commit along the base's mainline.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::fleet::{Desired, Folder, load_folder};
use crate::ledger::FirstTopic;
use crate::model::{TenantId, Topic};

/// What was told so far. By tenant id, so that a folder that was renamed keeps what it said under its
/// first name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstTopics {
    /// The topic of each tenant; `None` where the revision that would tell is not in the clone.
    named: BTreeMap<TenantId, Option<Topic>>,
    /// The folders that have told: what their entries say later counts no more.
    told: BTreeSet<String>,
}

impl FirstTopics {
    /// Notes that a folder begins here: one of the same name before was another one.
    pub fn begin(&mut self, folder: &str) {
        self.told.remove(folder);
    }

    pub fn has_told(&self, folder: &str) -> bool {
        self.told.contains(folder)
    }

    /// Looks at what a folder became; commits come oldest first. `is_cut_off` says that what was before
    /// is not in the clone.
    pub fn tell(&mut self, folder: Folder, is_cut_off: bool) {
        let name = folder.name.clone();
        let loaded = load_folder(folder, None);
        let Some(tenant) = loaded.as_ref().and_then(Desired::valid) else { return };
        // No device has ever heard of the topic of a file that no run has uploaded.
        let watched = tenant.push.as_ref().filter(|entry| entry.file.is_none());
        let topic = watched.and_then(|entry| entry.topic()).cloned();
        if topic.is_some() || is_cut_off {
            self.told.insert(name);
            let topic = topic.filter(|_| !is_cut_off);
            self.named.entry(tenant.tenant_id).or_insert(topic);
        }
    }

    /// The topic that the entry of a tenant named first.
    pub fn of(&self, tenant: TenantId) -> FirstTopic {
        match self.named.get(&tenant) {
            None => FirstTopic::None,
            Some(None) => FirstTopic::Unknown,
            Some(Some(topic)) => FirstTopic::Named(topic.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::FileBytes;

    const TENANT: &str = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";

    fn folder(name: &str, topic: &str) -> Folder {
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {TENANT}\nwatch: [push]\npush: {{topic: {topic}}}\n"
        );
        Folder {
            name: name.to_owned(),
            tree: "0".repeat(40),
            tenant_file: Some(FileBytes::Read(text.into_bytes())),
            entries: Vec::new(),
            overfull: None,
        }
    }

    fn named(first: &FirstTopics) -> FirstTopic {
        first.of(TENANT.parse().unwrap())
    }

    #[test]
    fn what_was_named_first_stays_under_any_name() {
        let mut first = FirstTopics::default();
        assert_eq!(named(&first), FirstTopic::None);
        first.tell(folder("contoso", "com.apple.mgmt.External.1"), false);
        first.tell(folder("contoso-ltd", "com.apple.mgmt.External.2"), false);
        let one = FirstTopic::Named("com.apple.mgmt.External.1".parse().unwrap());
        assert_eq!(named(&first), one);
        assert!(first.has_told("contoso") && first.has_told("contoso-ltd"));
        first.begin("contoso");
        assert!(!first.has_told("contoso"));
        assert_eq!(named(&first), one);
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<FirstTopics>(&text).unwrap(), first);
    }

    #[test]
    fn where_the_clone_is_cut_off_nobody_knows_what_was_first() {
        let mut first = FirstTopics::default();
        first.tell(folder("contoso", "com.apple.mgmt.External.1"), true);
        first.tell(folder("contoso", "com.apple.mgmt.External.2"), false);
        assert_eq!(named(&first), FirstTopic::Unknown);
    }
}
