//! Whose a downloaded file is, by its content. A file's name proves nothing: browsers number it,
//! people rename it, and every tenant's has the same.

use applecart_core::apple::{self, FileFacts};
use applecart_core::fleet::{Desired, Tenant, Token};
use applecart_core::ledger::{Bindings, LedgerView};
use applecart_core::model::{Kind, LiveTenant, Reading, Sha256, TenantName};
use std::collections::BTreeMap;

/// A token that a file may be for.
#[derive(Clone)]
pub(super) struct Candidate<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) token: Token,
}

/// What tells tokens apart.
pub(super) struct Matcher<'a> {
    pub(super) tenants: Vec<&'a Tenant>,
    /// Topics that the ledger has seen, for tenant files that name none.
    bindings: Option<Bindings>,
    /// Intune's encryption keys of enrollment tokens, where they were read.
    keys: BTreeMap<TenantName, LiveTenant>,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(
        fleet: &'a [Desired],
        selected: impl Fn(&Tenant) -> bool,
        known: Option<&LedgerView>,
    ) -> Self {
        let tenants = fleet.iter().filter_map(Desired::valid).filter(|one| selected(one));
        Self {
            tenants: tenants.collect(),
            bindings: known.map(LedgerView::bindings),
            keys: BTreeMap::new(),
        }
    }

    /// Adds the live keys of enrollment tokens.
    pub(super) fn with_keys(&mut self, keys: BTreeMap<TenantName, LiveTenant>) {
        self.keys = keys;
    }

    /// The tokens that the file may be for. One that has this very file already is the only one.
    pub(super) fn candidates(
        &self,
        kind: Kind,
        facts: &FileFacts,
        sha256: Sha256,
    ) -> Vec<Candidate<'a>> {
        let all = match kind {
            Kind::Push => self.by_topic(facts),
            Kind::Enrollment => self.by_recipient(facts),
            Kind::Vpp => self.by_organization(facts),
        };
        let has_it = |one: &&Candidate<'_>| {
            one.token.file.as_ref().is_some_and(|file| file.sha256 == sha256)
        };
        match all.iter().find(has_it) {
            Some(one) => vec![one.clone()],
            None => all,
        }
    }

    fn tokens(&self, kind: Kind) -> impl Iterator<Item = Candidate<'a>> {
        self.tenants.iter().flat_map(move |&tenant| {
            let tokens = tenant.tokens().filter(move |token| token.token.kind == kind);
            tokens.map(move |token| Candidate { tenant, token: token.clone() })
        })
    }

    fn by_topic(&self, facts: &FileFacts) -> Vec<Candidate<'a>> {
        let Some(topic) = &facts.topic else { return Vec::new() };
        let stated: Vec<_> =
            self.tokens(Kind::Push).filter(|one| one.token.topic() == Some(topic)).collect();
        if !stated.is_empty() {
            return stated;
        }
        let Some(bindings) = &self.bindings else { return stated };
        let seen = bindings.topic_bound_to(topic);
        let push = |tenant: &'a Tenant| Candidate {
            tenant,
            token: tenant
                .push
                .clone()
                .unwrap_or_else(|| Token::watched(applecart_core::model::TokenRef::push())),
        };
        self.tenants
            .iter()
            .filter(|tenant| seen.contains(&tenant.tenant_id))
            .map(|&tenant| push(tenant))
            .collect()
    }

    fn by_recipient(&self, facts: &FileFacts) -> Vec<Candidate<'a>> {
        let Some(found) = &facts.recipient else { return Vec::new() };
        let (Some(issuer), Some(serial)) = (&found.issuer, &found.serial) else {
            return Vec::new();
        };
        let is_key = |key: &str| {
            apple::key_identity(key).is_some_and(|(of, number)| of == *issuer && number == *serial)
        };
        // What Intune has now counts more than what was written down a year ago.
        let live = self.tokens(Kind::Enrollment).filter(|one| {
            let Some(LiveTenant { enrollment: Reading::Present(tokens), .. }) =
                self.keys.get(&one.tenant.name)
            else {
                return false;
            };
            tokens
                .iter()
                .filter(|live| live.encryption_public_key.as_deref().is_some_and(is_key))
                .any(|live| match &one.token.token.id {
                    Some(id) => live.id.eq_ignore_ascii_case(id),
                    None => live.name == one.token.token.name,
                })
        });
        let live: Vec<_> = live.collect();
        if !live.is_empty() {
            return live;
        }
        self.tokens(Kind::Enrollment)
            .filter(|one| {
                one.token
                    .recipient
                    .as_ref()
                    .is_some_and(|stated| stated.issuer == *issuer && stated.serial == *serial)
            })
            .collect()
    }

    fn by_organization(&self, facts: &FileFacts) -> Vec<Candidate<'a>> {
        let Some(organization) = &facts.organization else { return Vec::new() };
        let is_theirs = |one: &Candidate<'_>| {
            let stated = one.token.facts.organization.as_deref();
            stated.is_some_and(|stated| stated.trim() == organization.trim())
        };
        self.tokens(Kind::Vpp).filter(is_theirs).collect()
    }
}

#[cfg(test)]
mod tests;
