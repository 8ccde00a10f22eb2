//! What the planned revision changes about the fleet as a whole, against its base: where
//! credentials would go for the first time, who is no longer watched, and other settings.

mod told;

use std::collections::{BTreeMap, BTreeSet};

use super::input::{Base, Input, Known};
use super::types::{
    Outdated, RecipientsChange, RemovedTenant, ResealedTenant, SealedToOthers, WaitingFile,
    Withdrawal, Withdrawn,
};
use crate::fleet::{Desired, Policy, Tenant, Token};
use crate::model::{TenantId, TokenRef};
use crate::rules::in_force;

/// The changes; none where the planned revision is its own base.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Tenants of the base; `None` where the planned revision is its own base.
    known: Option<BTreeSet<TenantId>>,
    pub(super) policy: bool,
    pub(super) recipients: Option<RecipientsChange>,
    pub(super) removed: Vec<RemovedTenant>,
    pub(super) resealed: Vec<ResealedTenant>,
    pub(super) told_less: Vec<String>,
    withdrawn: BTreeMap<TenantId, Vec<Withdrawn>>,
    outdated: BTreeMap<TenantId, Outdated>,
}

impl Changes {
    pub(super) fn of(input: &Input<'_>) -> Self {
        let Some(base) = &input.base else { return Self::default() };
        let recipients = base
            .proposed
            .filter(|_| base.policy_changed)
            .and_then(|proposed| recipients(input.policy, proposed));
        let before = base.fork.unwrap_or(base.tenants);
        Self {
            known: Some(base.tenants.iter().filter_map(Desired::tenant_id).collect()),
            policy: base.policy_changed,
            recipients,
            removed: removed(input, base),
            resealed: resealed(input.fleet, before)
                .into_iter()
                .filter(|(tenant, _)| input.selection.matches(tenant))
                .map(|(tenant, files)| ResealedTenant { name: tenant.name.to_string(), files })
                .collect(),
            told_less: told::told_less(input, before),
            withdrawn: withdrawn(input.fleet, before),
            outdated: outdated(input, base),
        }
    }

    /// What this revision does not know yet of the tenant.
    pub(super) fn outdated(&self, tenant: Option<TenantId>) -> Option<Outdated> {
        tenant.and_then(|id| self.outdated.get(&id)).cloned()
    }

    /// What this revision no longer does for the tenant's tokens.
    pub(super) fn withdrawn(&self, tenant: Option<TenantId>) -> Vec<Withdrawn> {
        tenant.and_then(|id| self.withdrawn.get(&id)).cloned().unwrap_or_default()
    }

    /// Whether the base has no tenant with this id.
    pub(super) fn is_new(&self, tenant: Option<TenantId>) -> bool {
        match (&self.known, tenant) {
            (Some(known), Some(id)) => !known.contains(&id),
            _ => false,
        }
    }
}

fn recipients(before: &Policy, after: &Policy) -> Option<RecipientsChange> {
    let missing = |from: &Policy, of: &Policy| -> Vec<String> {
        of.recipients.iter().filter(|one| !from.recipients.contains(one)).cloned().collect()
    };
    let change =
        RecipientsChange { added: missing(before, after), removed: missing(after, before) };
    (change != RecipientsChange::default()).then_some(change)
}

/// A tenant is its directory id, so that another folder name removes nobody; a folder that does
/// not tell its id is known by its name.
struct Present<'a> {
    ids: BTreeSet<TenantId>,
    names: BTreeSet<&'a str>,
    nameless: BTreeSet<&'a str>,
}

impl<'a> Present<'a> {
    fn of(fleet: &'a [Desired]) -> Self {
        Self {
            ids: fleet.iter().filter_map(Desired::tenant_id).collect(),
            names: fleet.iter().map(Desired::name).collect(),
            nameless: fleet
                .iter()
                .filter(|desired| desired.tenant_id().is_none())
                .map(Desired::name)
                .collect(),
        }
    }

    fn has(&self, desired: &Desired) -> bool {
        match desired.tenant_id() {
            Some(id) => self.ids.contains(&id) || self.nameless.contains(desired.name()),
            None => self.names.contains(desired.name()),
        }
    }
}

fn removed(input: &Input<'_>, base: &Base<'_>) -> Vec<RemovedTenant> {
    let now = Present::of(input.fleet);
    let fork = base.fork.map(Present::of);
    let mut removed: Vec<RemovedTenant> = base
        .tenants
        .iter()
        .filter(|desired| match desired {
            Desired::Valid(tenant) => input.selection.matches(tenant),
            Desired::Invalid { name, .. } => input.selection.may_match_invalid(name),
        })
        .filter(|desired| !now.has(desired))
        .filter(|desired| fork.as_ref().is_none_or(|fork| fork.has(desired)))
        .map(|desired| RemovedTenant {
            name: desired.name().to_owned(),
            tenant_id: desired.tenant_id(),
            tokens: desired.valid().map(|tenant| Tenant::tokens(tenant).count()),
        })
        .collect();
    removed.sort_by(|a, b| a.name.cmp(&b.name));
    removed
}

/// The selected tenants' files that are not for those whom the planned revision lists itself: who
/// merges it decides on its list, too.
pub(super) fn sealed_to_others(input: &Input<'_>) -> Vec<SealedToOthers> {
    let proposed = input.base.and_then(|base| base.proposed.filter(|_| base.policy_changed));
    let listed = proposed.unwrap_or(input.policy).recipients.as_slice();
    if listed.is_empty() {
        return Vec::new();
    }
    let tenants = input.fleet.iter().filter_map(Desired::valid);
    let files = tenants.filter(|tenant| input.selection.matches(tenant)).flat_map(|tenant| {
        let files = tenant.tokens().filter_map(|token| token.file.as_ref());
        files.map(move |file| (tenant, file))
    });
    files
        .filter_map(|(tenant, file)| {
            let differences = file.shown.as_ref()?.differences(listed);
            (!differences.is_empty()).then(|| SealedToOthers {
                name: tenant.name.to_string(),
                file: file.name.clone(),
                differences,
            })
        })
        .collect()
}

fn outdated(input: &Input<'_>, base: &Base<'_>) -> BTreeMap<TenantId, Outdated> {
    if base.behind.is_empty() {
        return BTreeMap::new();
    }
    let newer = by_id(base.tenants);
    let behind = input.fleet.iter().filter_map(Desired::valid);
    behind
        .filter(|tenant| base.behind.contains(tenant.name.as_str()))
        .filter_map(|tenant| Some((tenant, *newer.get(&tenant.tenant_id)?)))
        .filter(|(tenant, newer)| !in_force::same_tenant(tenant, newer))
        .map(|(tenant, newer)| (tenant.tenant_id, outdated_of(input, tenant, newer)))
        .collect()
}

fn outdated_of(input: &Input<'_>, tenant: &Tenant, newer: &Tenant) -> Outdated {
    let today = input.now.date_time().date_naive();
    let is_parked = |token: &Token| {
        newer.suspension_of(Some(token), today).is_some_and(|one| !one.is_over(today))
    };
    let is_known = |waiting: &WaitingFile| {
        let here =
            |token: &Token| token.file.as_ref().is_some_and(|file| file.sha256 == waiting.sha256);
        let is_seen = match input.known {
            Known::Read(view) => {
                let past = view.tenant(tenant.tenant_id);
                past.proof(&waiting.token, waiting.sha256).is_some()
            }
            Known::Unknown(..) => false,
        };
        is_seen || tenant.tokens().any(here)
    };
    let waiting = newer.tokens().filter(|token| !is_parked(token)).filter_map(|token| {
        Some(WaitingFile {
            token: token.token.clone(),
            sha256: token.file.as_ref()?.sha256,
            downloaded: token.downloaded,
        })
    });
    Outdated { files: waiting.filter(|waiting| !is_known(waiting)).collect() }
}

/// The valid tenants, each by its id.
fn by_id(fleet: &[Desired]) -> BTreeMap<TenantId, &Tenant> {
    fleet.iter().filter_map(Desired::valid).map(|tenant| (tenant.tenant_id, tenant)).collect()
}

/// Whether this revision takes tokens, or their files, out of what `before` has.
pub fn withdraws(fleet: &[Desired], before: &[Desired]) -> bool {
    withdrawn(fleet, before).values().any(|one| !one.is_empty())
}

fn withdrawn(fleet: &[Desired], before: &[Desired]) -> BTreeMap<TenantId, Vec<Withdrawn>> {
    let before = by_id(before);
    fleet
        .iter()
        .filter_map(Desired::valid)
        .filter_map(|now| Some((now.tenant_id, withdrawn_of(before.get(&now.tenant_id)?, now))))
        .collect()
}

fn withdrawn_of(before: &Tenant, now: &Tenant) -> Vec<Withdrawn> {
    let kinds = before.watch.iter().copied().filter(|kind| !now.watches(*kind)).map(|kind| {
        let token = TokenRef { kind, id: None, name: None };
        Withdrawn { token, what: Withdrawal::Kind }
    });
    let entries = before.tokens().filter(|old| now.watches(old.token.kind)).filter_map(|old| {
        let what = match now.tokens().find(|entry| entry.token.same_token(&old.token)) {
            None => Withdrawal::Entry,
            Some(entry) if old.file.is_some() && entry.file.is_none() => Withdrawal::File,
            Some(_) => return None,
        };
        Some(Withdrawn { token: old.token.clone(), what })
    });
    kinds.chain(entries).collect()
}

/// The tenants with files that are other bytes than `before` and, by the tenant file's word, the
/// same when opened; with their number. `apply` checks that word on opening.
pub fn resealed<'a>(fleet: &'a [Desired], before: &[Desired]) -> Vec<(&'a Tenant, usize)> {
    let before = by_id(before);
    fleet
        .iter()
        .filter_map(Desired::valid)
        .filter_map(|tenant| {
            let old: Vec<_> =
                before.get(&tenant.tenant_id)?.tokens().filter_map(|t| t.file.as_ref()).collect();
            let files = tenant
                .tokens()
                .filter_map(|token| token.file.as_ref())
                .filter(|file| old.iter().any(|old| old.sha256 == file.sha256))
                .filter(|file| old.iter().all(|old| old.blob != file.blob))
                .count();
            (files > 0).then_some((tenant, files))
        })
        .collect()
}

#[cfg(test)]
mod tests;
