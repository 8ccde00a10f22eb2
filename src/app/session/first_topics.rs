//! What the base's history says about the topics that devices know: which one each tenant's entry
//! named first, and which lines of the ledger it bears out.
//!
//! What an entry says later, anybody may have written whose pull request was merged; and a line of the
//! ledger, whoever may push that branch.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::loaded::Loaded;
use crate::app::AppError;
use applecart_core::fleet::{self, Desired, Tenant, Token};
use applecart_core::ledger::{FirstTopic, LedgerView};
use applecart_core::model::{TenantId, TokenRef, sentence};
use applecart_core::rules::topics;
use applecart_io::git::{Ancestors, Became};

/// Notes it for every tenant of which the ledger has no surer word. A history that cannot be read is
/// unknown, and not one in which nothing was named.
pub(super) fn note(loaded: &Loaded, view: &mut LedgerView) {
    note_unbacked(loaded, view);
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

/// Notes the lines that bring another topic and that no commit of the base's mainline bears out. A
/// commit that cannot be read bears nothing out.
fn note_unbacked(loaded: &Loaded, view: &mut LedgerView) {
    let push = TokenRef::push();
    let mut unbacked: HashMap<TenantId, BTreeSet<u64>> = HashMap::new();
    let mut mainline = None;
    for (&tenant, ledger) in &view.tenants {
        for (record, rev) in topics::in_question(ledger, &push) {
            let backed = rev.is_some_and(|rev| {
                let mainline = mainline.get_or_insert_with(|| mainline_of(loaded));
                mainline.contains(rev)
                    && entry_at(loaded, rev, record.name.as_str(), tenant)
                        .is_some_and(|entry| topics::is_backed(record, &entry))
            });
            if !backed {
                unbacked.entry(tenant).or_default().insert(record.seq);
            }
        }
    }
    for (tenant, lines) in unbacked {
        view.tenants.entry(tenant).or_default().unbacked = lines;
    }
}

fn mainline_of(loaded: &Loaded) -> Ancestors {
    loaded.repo.mainline_commits(tip(loaded)).unwrap_or_else(|error| {
        tracing::warn!("which commits the base has is unknown: {}", sentence(&error));
        Ancestors::default()
    })
}

/// The push entry that the tenant's folder of that name had at a commit.
fn entry_at(loaded: &Loaded, rev: &str, name: &str, tenant: TenantId) -> Option<Token> {
    let folder = loaded.repo.tenant(rev, name).ok()??;
    match fleet::load_folder(folder, None)? {
        Desired::Valid(found) if found.tenant_id == tenant => found.push,
        _ => None,
    }
}

/// The commit up to which the base's history counts.
fn tip(loaded: &Loaded) -> &str {
    let planned = loaded.rev.as_deref().unwrap_or("HEAD");
    loaded.base.as_ref().map_or(planned, |base| base.commit.as_str())
}

/// By tenant id, so that a folder that was renamed keeps what it said under its first name.
fn first_topics(
    loaded: &Loaded,
    asked: &HashMap<TenantId, &Tenant>,
) -> Result<HashMap<TenantId, FirstTopic>, AppError> {
    let repo = &loaded.repo;
    let walk = repo.walk(tip(loaded), None)?;
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
