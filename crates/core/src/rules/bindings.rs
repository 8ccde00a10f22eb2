//! What is bound to which tenant: a credential must never reach another customer's Intune.
//!
//! Three witnesses are heard. The planned revision itself, in which nothing may stand twice; the
//! base revision, which reviewers have agreed to; and the ledger, which knows where a file went.
//! A folder's name, a file's digest and a topic stay with the tenant id that one of the last two
//! gave them, and only a `moves` line of the policy, which comes from the base as well, lets one
//! file go elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::apple::FileFacts;
use crate::fleet::{Desired, Move, Tenant, Token};
use crate::ledger::{self, LedgerView};
use crate::model::{Kind, Sha256, TenantId, Topic};

/// What stands where in the whole fleet, and what was bound to which tenant before.
pub struct Bindings {
    tenant_ids: BTreeMap<TenantId, Vec<String>>,
    digests: BTreeMap<Sha256, Vec<String>>,
    blobs: BTreeMap<String, Vec<String>>,
    topics: BTreeMap<Topic, Vec<String>>,
    base: BaseBindings,
    ledger: ledger::Bindings,
}

/// What the base revision binds.
#[derive(Default)]
struct BaseBindings {
    /// Folders.
    folders: HashMap<String, TenantId>,
    digests: HashMap<Sha256, BTreeSet<TenantId>>,
    topics: HashMap<Topic, BTreeSet<TenantId>>,
}

impl BaseBindings {
    fn of(fleet: &[Desired]) -> Self {
        let mut bindings = Self::default();
        for desired in fleet {
            let Some(id) = desired.tenant_id() else { continue };
            bindings.folders.insert(desired.name().to_owned(), id);
            for token in desired.valid().into_iter().flat_map(Tenant::tokens) {
                if let Some(file) = &token.file {
                    bindings.digests.entry(file.sha256).or_default().insert(id);
                }
                if let Some(topic) = token.topic() {
                    bindings.topics.entry(topic.clone()).or_default().insert(id);
                }
            }
        }
        bindings
    }
}

impl Bindings {
    /// Looks at every tenant, selected or not. Without a base the planned revision is its own.
    pub fn of(fleet: &[Desired], base: Option<&[Desired]>, ledger: Option<&LedgerView>) -> Self {
        let mut bindings = Self {
            tenant_ids: BTreeMap::new(),
            digests: BTreeMap::new(),
            blobs: BTreeMap::new(),
            topics: BTreeMap::new(),
            base: base.map(BaseBindings::of).unwrap_or_default(),
            ledger: ledger.map(LedgerView::bindings).unwrap_or_default(),
        };
        for desired in fleet {
            match desired {
                Desired::Valid(tenant) => bindings.add(tenant),
                Desired::Invalid { name, tenant_id: Some(id), .. } => {
                    bindings.tenant_ids.entry(*id).or_default().push(name.clone());
                }
                Desired::Invalid { tenant_id: None, .. } => {}
            }
        }
        bindings
    }

    fn add(&mut self, tenant: &Tenant) {
        let name = tenant.name.to_string();
        self.tenant_ids.entry(tenant.tenant_id).or_default().push(name.clone());
        for token in tenant.tokens() {
            let place = format!("{name} ({})", token.token);
            if let Some(file) = &token.file {
                self.digests.entry(file.sha256).or_default().push(place.clone());
                self.blobs.entry(file.blob.clone()).or_default().push(place.clone());
            }
            if let Some(topic) = token.topic() {
                self.topics.entry(topic.clone()).or_default().push(place);
            }
        }
    }

    /// One sentence for everything of this token that stands in the fleet more than once.
    pub fn duplicates(&self, tenant: &Tenant, token: &Token) -> Vec<String> {
        let mut found = Vec::new();
        let mut twice = |what: &str, places: Option<&Vec<String>>| {
            if let Some(places) = places.filter(|places| places.len() > 1) {
                found.push(format!(
                    "the same {what} stands more than once in the fleet: {}. Nothing is sent for any of them until one is left",
                    places.join(", ")
                ));
            }
        };
        twice("tenantId", self.tenant_ids.get(&tenant.tenant_id));
        if let Some(file) = &token.file {
            twice("sha256", self.digests.get(&file.sha256));
            twice("token file", self.blobs.get(&file.blob));
        }
        if token.token.kind == Kind::Push {
            twice("topic", token.topic().and_then(|topic| self.topics.get(topic)));
        }
        found
    }

    /// One sentence for everything of this token that is bound to another tenant, by the base
    /// revision or by the ledger.
    pub fn conflicts(&self, tenant: &Tenant, token: &Token, moves: &[Move]) -> Vec<String> {
        let Some(file) = &token.file else { return Vec::new() };
        let mine = tenant.tenant_id;
        let moved = |other: TenantId| {
            moves
                .iter()
                .any(|line| line.sha256 == file.sha256 && line.from == other && line.to == mine)
        };
        let elsewhere = |bound: Option<&BTreeSet<TenantId>>| {
            bound.into_iter().flatten().copied().find(|other| *other != mine && !moved(*other))
        };
        let mut found = Vec::new();
        let mut bound = |what: &str, other: Option<TenantId>| {
            if let Some(other) = other {
                found.push(format!(
                    "{what} tenant {other}; a token must never reach another customer's Intune. If it really moved, add a `moves` line (sha256 {}, from {other}, to {mine}) to applecart.yaml and merge that first",
                    file.sha256
                ));
            }
        };
        let base = &self.base;
        let folder = base.folders.get(tenant.name.as_str()).map(|id| BTreeSet::from([*id]));
        bound("in the base revision this folder belongs to", elsewhere(folder.as_ref()));
        bound(
            "in the base revision this file belongs to",
            elsewhere(base.digests.get(&file.sha256)),
        );
        bound("this file went before to", elsewhere(Some(self.ledger.bound_to(file.sha256))));
        if let Some(topic) = token.topic() {
            bound("in the base revision this topic belongs to", elsewhere(base.topics.get(topic)));
            bound("this topic is of", elsewhere(Some(self.ledger.topic_bound_to(topic))));
        }
        found
    }
}

/// Whether the entry states this topic, or this key that a file is encrypted to: the file is for it.
pub fn is_stated_by(token: &Token, facts: &FileFacts) -> bool {
    let topic = facts.topic.is_some() && token.topic() == facts.topic.as_ref();
    topic || is_encrypted_to(token, facts)
}

fn is_encrypted_to(token: &Token, facts: &FileFacts) -> bool {
    match (&token.recipient, &facts.recipient) {
        (Some(stated), Some(found)) => {
            found.issuer.as_ref() == Some(&stated.issuer)
                && found.serial.as_ref() == Some(&stated.serial)
        }
        _ => false,
    }
}

/// The other tenants of the fleet that the file is plainly for.
pub fn owners<'a>(
    fleet: &'a [Desired],
    tenant: &'a Tenant,
    facts: &'a FileFacts,
) -> impl Iterator<Item = &'a Tenant> {
    fleet
        .iter()
        .filter_map(Desired::valid)
        .filter(|other| other.name != tenant.name)
        .filter(|other| other.tokens().any(|token| is_stated_by(token, facts)))
}

#[cfg(test)]
mod tests;
