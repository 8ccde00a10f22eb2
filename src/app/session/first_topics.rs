//! What the base's history says about the topics that devices know: which one each tenant's entry
//! named first, and which lines of the ledger it bears out.
//!
//! What an entry says later, anybody may have written whose pull request was merged; and a line of the
//! ledger, whoever may push that branch.

use std::collections::{BTreeSet, HashMap};

use super::loaded::Loaded;
use applecart_core::fleet::{self, Desired, Token};
use applecart_core::ledger::{FirstTopic, LedgerView};
use applecart_core::model::{TenantId, TokenRef};
use applecart_core::rules::topics;
use applecart_io::git::Told;

/// Notes it for every tenant of which the ledger has no surer word. A history that cannot be read is
/// unknown, and not one in which nothing was named.
pub(super) fn note(loaded: &Loaded, told: Option<&Told>, view: &mut LedgerView) {
    note_unbacked(loaded, told, view);
    for tenant in loaded.fleet.iter().filter_map(Desired::valid) {
        let id = tenant.tenant_id;
        if tenant.push.is_none() || topics::is_settled(view.tenant(id), &TokenRef::push()) {
            continue;
        }
        let first = told.map_or(FirstTopic::Unknown, |told| told.topics.of(id));
        if first != FirstTopic::None {
            view.tenants.entry(id).or_default().first_topic = first;
        }
    }
}

/// Notes the lines that bring another topic and that no commit of the base's mainline bears out. A
/// commit that cannot be read bears nothing out.
fn note_unbacked(loaded: &Loaded, told: Option<&Told>, view: &mut LedgerView) {
    let push = TokenRef::push();
    let mut unbacked: HashMap<TenantId, BTreeSet<u64>> = HashMap::new();
    for (&tenant, ledger) in &view.tenants {
        for (record, rev) in topics::in_question(ledger, &push) {
            let backed = rev.is_some_and(|rev| {
                told.is_some_and(|told| told.mainline.contains(rev))
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

/// The push entry that the tenant's folder of that name had at a commit.
fn entry_at(loaded: &Loaded, rev: &str, name: &str, tenant: TenantId) -> Option<Token> {
    let folder = loaded.repo.tenant(rev, name).ok()??;
    match fleet::load_folder(folder, None)? {
        Desired::Valid(found) if found.tenant_id == tenant => found.push,
        _ => None,
    }
}
