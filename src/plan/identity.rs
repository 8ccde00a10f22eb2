//! Who is who: which live object an entry in Git means, and what is bound to which tenant.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::{Desired, Move, Tenant, Token};
use crate::ledger::{self, LedgerView};
use crate::model::{Kind, LiveEnrollment, LiveVpp, Sha256, TenantId, Topic};

/// Which live object an entry means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match<'a, T> {
    /// This one.
    One(&'a T),
    /// None: proved absent.
    None,
    /// Several fit.
    Ambiguous,
}

impl<T> Match<'_, T> {
    /// Whether it is the one live object with this id.
    pub(super) fn is(&self, id_of: impl Fn(&T) -> &str, id: &str) -> bool {
        matches!(self, Self::One(one) if id_of(one) == id)
    }
}

fn by_key<'a, T>(live: &[&'a T], fits: impl Fn(&T) -> bool) -> Match<'a, T> {
    let mut found = live.iter().copied().filter(|object| fits(object));
    match (found.next(), found.next()) {
        (Some(one), None) => Match::One(one),
        (None, _) => Match::None,
        (Some(_), Some(_)) => Match::Ambiguous,
    }
}

/// The live enrollment token of an entry: by the id that Git or the ledger knows, else by name.
pub(super) fn enrollment<'a>(
    token: &Token,
    known_id: Option<&str>,
    live: &[&'a LiveEnrollment],
) -> Match<'a, LiveEnrollment> {
    match known_id {
        Some(id) => by_key(live, |object| object.id.eq_ignore_ascii_case(id)),
        None => by_key(live, |object| object.name.is_some() && object.name == token.token.name),
    }
}

/// The live VPP token of an entry: by the id that Git or the ledger knows, else by location, else by name, else by Apple Account
/// and organisation.
pub(super) fn vpp<'a>(
    token: &Token,
    known_id: Option<&str>,
    live: &[&'a LiveVpp],
) -> Match<'a, LiveVpp> {
    if let Some(id) = known_id {
        return by_key(live, |object| object.id.eq_ignore_ascii_case(id));
    }
    let facts = &token.facts;
    let by_location =
        by_key(live, |object| facts.location.is_some() && object.location == facts.location);
    if by_location != Match::None {
        return by_location;
    }
    let by_name = by_key(live, |object| {
        token.token.name.is_some() && object.display_name == token.token.name
    });
    if by_name != Match::None {
        return by_name;
    }
    by_key(live, |object| {
        facts.apple_id.is_some()
            && facts.organization.is_some()
            && object.organization == facts.organization
            && object.apple_id.as_deref().map(str::to_lowercase)
                == facts.apple_id.as_deref().map(str::to_lowercase)
    })
}

/// What stands where in the whole fleet, and what the ledger bound to which tenant.
pub(super) struct Bindings {
    tenant_ids: BTreeMap<TenantId, Vec<String>>,
    digests: BTreeMap<Sha256, Vec<String>>,
    blobs: BTreeMap<String, Vec<String>>,
    topics: BTreeMap<Topic, Vec<String>>,
    ledger: ledger::Bindings,
}

impl Bindings {
    /// Looks at every tenant, selected or not.
    pub(super) fn of(fleet: &[Desired], ledger: Option<&LedgerView>) -> Self {
        let mut bindings = Self {
            tenant_ids: BTreeMap::new(),
            digests: BTreeMap::new(),
            blobs: BTreeMap::new(),
            topics: BTreeMap::new(),
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
    pub(super) fn duplicates(&self, tenant: &Tenant, token: &Token) -> Vec<String> {
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

    /// One sentence for everything of this token that the ledger bound to another tenant.
    pub(super) fn conflicts(&self, tenant: &Tenant, token: &Token, moves: &[Move]) -> Vec<String> {
        let Some(file) = &token.file else { return Vec::new() };
        let mine = tenant.tenant_id;
        let elsewhere = |bound: &BTreeSet<TenantId>| {
            bound.iter().copied().find(|other| {
                *other != mine
                    && !moves.iter().any(|line| {
                        line.sha256 == file.sha256 && line.from == *other && line.to == mine
                    })
            })
        };
        let mut found = Vec::new();
        let mut bound = |what: &str, other: Option<TenantId>| {
            if let Some(other) = other {
                found.push(format!(
                    "this {what} went to tenant {other} before; a token must never reach another customer's Intune. If it really moved, add a `moves` line to applecart.yaml"
                ));
            }
        };
        bound("file", elsewhere(self.ledger.bound_to(file.sha256)));
        bound(
            "topic",
            token.topic().and_then(|topic| elsewhere(self.ledger.topic_bound_to(topic))),
        );
        found
    }
}
