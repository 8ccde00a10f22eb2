//! Which location at Apple a VPP entry named first, by the base's history.
//!
//! What an entry says later, anybody may have written whose pull request was merged.

use std::collections::HashMap;

use super::loaded::Loaded;
use applecart_core::fleet::{self, Desired, Owned, Tenant};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{LocationId, TenantId, TokenRef};
use applecart_core::rules::bindings::Bound;
use applecart_io::git::Told;

/// Notes it for every entry that names a location and of which the ledger has no surer word. A history
/// that is not known names none: such an entry stands for no more than its names.
pub(super) fn note(loaded: &Loaded, told: Option<&Told>, view: &mut LedgerView) {
    let Some(told) = told else { return };
    let mut claimed: HashMap<TenantId, Vec<(&LocationId, &Bound)>> = HashMap::new();
    for (owned, claims) in told.bindings.entries() {
        let Owned::Location(location) = owned else { continue };
        for (bound, _) in claims.settled() {
            claimed.entry(bound.value).or_default().push((location, bound));
        }
    }
    for tenant in loaded.fleet.iter().filter_map(Desired::valid) {
        let Some(claimed) = claimed.get(&tenant.tenant_id) else { continue };
        let past = view.tenant(tenant.tenant_id);
        let open = tenant.vpp.iter().filter(|entry| past.location_id(&entry.token).is_none());
        let firsts: Vec<(TokenRef, LocationId)> = open
            .filter_map(|entry| {
                let stated = entry.location_id.as_ref()?;
                let first = first(loaded, tenant, &entry.token, stated, claimed)?;
                Some((entry.token.clone(), first.clone()))
            })
            .collect();
        view.tenants.entry(tenant.tenant_id).or_default().first_locations.extend(firsts);
    }
}

/// The location that the entry named first. Where two were merged in one moment, it is the one that it
/// does not name now: a line that names both says which is right.
fn first<'c>(
    loaded: &Loaded,
    tenant: &Tenant,
    of: &TokenRef,
    stated: &LocationId,
    claimed: &[(&'c LocationId, &'c Bound)],
) -> Option<&'c LocationId> {
    let own = claimed
        .iter()
        .filter(|(location, bound)| is_named_at(loaded, &bound.commit, tenant, of, location));
    let first = own.min_by_key(|(location, bound)| (bound.since, *location == stated));
    first.map(|(location, _)| *location)
}

/// Whether the commit names the location on the entry.
fn is_named_at(
    loaded: &Loaded,
    commit: &str,
    tenant: &Tenant,
    of: &TokenRef,
    location: &LocationId,
) -> bool {
    let folder = loaded.repo.tenant(commit, tenant.name.as_str());
    let Some(then) = folder.ok().flatten().and_then(|it| fleet::load_folder(it, None)) else {
        return false;
    };
    let entries = then.valid().map_or(&[][..], |then| then.vpp.as_slice());
    entries.iter().any(|one| one.token.same_token(of) && one.location_id.as_ref() == Some(location))
}
