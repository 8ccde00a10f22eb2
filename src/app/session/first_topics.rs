//! Which push topic each tenant's entry named first in the base's history.
//!
//! It is the only word of Git on the topic that devices know: what an entry says later, anybody may
//! have written whose pull request was merged.

use std::collections::{HashMap, HashSet};

use super::loaded::Loaded;
use crate::app::AppError;
use applecart_core::fleet::{self, Desired, Tenant};
use applecart_core::ledger::{FirstTopic, LedgerView};
use applecart_core::model::{TenantId, TokenRef, sentence};
use applecart_core::rules::topics;
use applecart_io::git::Became;

/// Notes it for every tenant of which the ledger has no surer word. A history that cannot be read is
/// unknown, and not one in which nothing was named.
pub(super) fn note(loaded: &Loaded, view: &mut LedgerView) {
    let is_settled =
        |tenant: &&Tenant| topics::is_settled(view.tenant(tenant.tenant_id), &TokenRef::push());
    let tenants = loaded.fleet.iter().filter_map(Desired::valid);
    let asked: HashMap<TenantId, &Tenant> = tenants
        .filter(|tenant| tenant.push.is_some() && !is_settled(tenant))
        .map(|tenant| (tenant.tenant_id, tenant))
        .collect();
    if asked.is_empty() {
        return;
    }
    let first = first_topics(loaded, &asked).unwrap_or_else(|error| {
        tracing::warn!("which topics the fleet named first is unknown: {}", sentence(&error));
        asked.keys().map(|tenant| (*tenant, FirstTopic::Unknown)).collect()
    });
    for (tenant, first) in first {
        view.tenants.entry(tenant).or_default().first_topic = first;
    }
}

/// By tenant id, so that a folder that was renamed keeps what it said under its first name.
fn first_topics(
    loaded: &Loaded,
    asked: &HashMap<TenantId, &Tenant>,
) -> Result<HashMap<TenantId, FirstTopic>, AppError> {
    let repo = &loaded.repo;
    let planned = loaded.rev.as_deref().unwrap_or("HEAD");
    let tip = loaded.base.as_ref().map_or(planned, |base| base.commit.as_str());
    let walk = repo.walk(tip, None)?;
    let unchanged: HashMap<&str, &Tenant> =
        asked.values().map(|tenant| (tenant.tree.as_str(), *tenant)).collect();
    let mut first: HashMap<TenantId, FirstTopic> = HashMap::new();
    let mut told: HashSet<String> = HashSet::new();
    for Became { folder, tree, is_new, is_cut_off } in walk.mainline() {
        if is_new {
            told.remove(folder);
        }
        if told.contains(folder) {
            continue;
        }
        let read;
        let tenant = match unchanged.get(tree.as_str()) {
            Some(tenant) => *tenant,
            None => {
                read = fleet::load_folder(repo.folder_of_tree(folder, &tree)?, None);
                let Some(tenant) = read.as_ref().and_then(Desired::valid) else { continue };
                tenant
            }
        };
        // No device has ever heard of the topic of a file that no run has uploaded.
        let watched = tenant.push.as_ref().filter(|entry| entry.file.is_none());
        let found = match (is_cut_off, watched.and_then(|entry| entry.topic())) {
            (true, _) => FirstTopic::Unknown,
            (false, Some(topic)) => FirstTopic::Named(topic.clone()),
            (false, None) => continue,
        };
        told.insert(folder.to_owned());
        if asked.contains_key(&tenant.tenant_id) {
            first.entry(tenant.tenant_id).or_insert(found);
        }
    }
    Ok(first)
}
