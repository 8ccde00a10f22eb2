//! Whether a plan file that was reviewed still says what would be done.
//!
//! A plan is always made again; the file only decides what of it may happen. So nothing that
//! stands in a file is ever sent, and whoever edits one can never make more happen than `apply`
//! without a file would do. What the reviewers looked at must be as it was: the policy, and of
//! every tenant with an action its tree, its tokens' digests, and what Intune has. What has nothing
//! to do with that may have moved on. Writes that became due since then wait for a plan of their
//! own.

use std::collections::BTreeMap;

use chrono::Duration;

use super::digest;
use super::make::summary;
use super::planned::Planned;
use super::types::{Action, Plan, PlannedTenant, PlannedToken, Sync, TokenState, Warning};
use crate::fleet::{Tenant, Token};
use crate::model::{Timestamp, TokenRef};

/// An older plan file is stale whatever it says: its dates were judged then.
const LIFE: Duration = Duration::hours(24);

/// Clocks of two machines may differ by this much.
const SKEW: Duration = Duration::minutes(10);

/// Why a plan file is stale. Tenants are named by their folders.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// It is over 24 hours old.
    #[error("it was made at {made}, more than 24 hours ago")]
    Old {
        /// When it was made.
        made: Timestamp,
    },
    /// It was made later than now.
    #[error("it was made at {made}, which is still to come; a clock is wrong")]
    Future {
        /// When it says that it was made.
        made: Timestamp,
    },
    /// The policy is another one.
    #[error("the policy (applecart.yaml of the base) changed since it was made")]
    Policy,
    /// The tenant is not in the fleet, or not in the selection, any more.
    #[error("{tenant} is not in the fleet any more")]
    TenantGone { tenant: String },
    /// The tenant's folder changed.
    #[error("the folder of {tenant} changed since it was made")]
    Tree { tenant: String },
    /// The token is not in the tenant file any more.
    #[error("{tenant}: {token} is not in the tenant file any more")]
    TokenGone { tenant: String, token: TokenRef },
    /// The token has another file.
    #[error("{tenant}: {token} has another sha256 than when it was made")]
    File { tenant: String, token: TokenRef },
    /// Intune has something else than the plan saw.
    #[error("{tenant}: {token} in Intune changed since it was made")]
    Live { tenant: String, token: TokenRef },
    /// From the same files and the same state of Intune, something else follows now.
    #[error(
        "{tenant}: it says {planned} for {token}, and now the same is judged otherwise ({now}{reasons})"
    )]
    Decision {
        tenant: String,
        token: TokenRef,
        /// What the file says.
        planned: Action,
        /// What would be done now.
        now: Action,
        /// Why that is held, as a text that follows it.
        reasons: String,
    },
}

/// What reviewers have agreed to: the writes of a plan file that is not stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    digest: String,
    writes: BTreeMap<String, Vec<TokenRef>>,
}

impl Reviewed {
    /// The digest of the plan file.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn has(&self, tenant: &str, token: &TokenRef) -> bool {
        self.writes
            .get(tenant)
            .is_some_and(|tokens| tokens.iter().any(|reviewed| reviewed.same_token(token)))
    }
}

/// Compares a plan file with the plan that was made now.
///
/// What cannot be read now did not change as far as anybody knows: it is not written to, and it is
/// no reason against the other tenants. The same goes for what another run is sending.
///
/// # Errors
/// The first reason why the file is stale.
pub fn fresh(file: &Plan, now: &Planned) -> Result<Reviewed, Stale> {
    let age = now.plan.generated_at.since(file.generated_at);
    if age > LIFE {
        return Err(Stale::Old { made: file.generated_at });
    }
    if age < -SKEW {
        return Err(Stale::Future { made: file.generated_at });
    }
    if file.policy_sha256 != now.plan.policy_sha256 {
        return Err(Stale::Policy);
    }
    let by_name: BTreeMap<&str, &PlannedTenant> =
        now.plan.tenants.iter().map(|tenant| (tenant.name.as_str(), tenant)).collect();
    let mut writes: BTreeMap<String, Vec<TokenRef>> = BTreeMap::new();
    for tenant in &file.tenants {
        if !tenant.tokens.iter().any(|token| token.action.is_change()) {
            continue;
        }
        let gone = || Stale::TenantGone { tenant: tenant.name.clone() };
        check_tenant(tenant, by_name.get(tenant.name.as_str()).ok_or_else(gone)?)?;
        let reviewed = tenant.tokens.iter().filter(|token| token.action.writes());
        writes.insert(tenant.name.clone(), reviewed.map(|token| token.state.token()).collect());
    }
    Ok(Reviewed { digest: file.digest.clone(), writes })
}

fn check_tenant(file: &PlannedTenant, now: &PlannedTenant) -> Result<(), Stale> {
    if file.tree != now.tree || file.tenant_id != now.tenant_id {
        return Err(Stale::Tree { tenant: file.name.clone() });
    }
    // What Git does not name is neither reviewed nor written to.
    for was in file.tokens.iter().filter(|token| token.state.sync != Sync::Unmanaged) {
        let token = was.state.token();
        let tenant = file.name.clone();
        match now.tokens.iter().find(|is| is.state.token().same_token(&token)) {
            None => return Err(Stale::TokenGone { tenant, token }),
            Some(is) => check_token(tenant, token, was, is)?,
        }
    }
    Ok(())
}

fn check_token(
    tenant: String,
    token: TokenRef,
    was: &PlannedToken,
    is: &PlannedToken,
) -> Result<(), Stale> {
    if was.state.sha256 != is.state.sha256 {
        return Err(Stale::File { tenant, token });
    }
    let unknown = |one: &PlannedToken| one.state.sync == Sync::Unobserved;
    if unknown(was) || unknown(is) {
        return Ok(());
    }
    if was.state.live != is.state.live {
        return Err(Stale::Live { tenant, token });
    }
    if was.action.writes() && is.state.sync != Sync::Progressing && !same_decision(was, is) {
        let reasons: String = is.state.reasons.iter().map(|reason| format!(", {reason}")).collect();
        let (planned, now) = (was.action, is.action);
        return Err(Stale::Decision { tenant, token, planned, now, reasons });
    }
    Ok(())
}

/// Whether both would do the same, for the same reviewed exceptions.
fn same_decision(was: &PlannedToken, is: &PlannedToken) -> bool {
    (was.action, &was.before, &was.after, &was.allows)
        == (is.action, &is.before, &is.after, &is.allows)
}

impl TokenState {
    /// Which token it is.
    pub fn token(&self) -> TokenRef {
        TokenRef { kind: self.kind, id: self.id.clone(), name: self.name.clone() }
    }

    /// Its entry. Of a token that a run made again, that one still names the old id.
    pub(crate) fn entry_in<'a>(&self, tenant: &'a Tenant) -> Option<&'a Token> {
        let token = self.token();
        let is_named =
            |entry: &&Token| (entry.token.kind, &entry.token.name) == (token.kind, &token.name);
        let by_name = || tenant.tokens().find(is_named);
        let by_id = tenant.tokens().find(|entry| entry.token.same_token(&token));
        by_id.or_else(|| by_name().filter(|_| self.sync != Sync::Unmanaged))
    }
}

impl Planned {
    /// Leaves out every write that was not reviewed, and says so in its place. Holds, problems and
    /// what is only recorded stay as they are.
    #[must_use]
    pub fn keep_only(mut self, reviewed: &Reviewed) -> Self {
        for tenant in &mut self.plan.tenants {
            for token in tenant.tokens.iter_mut().filter(|token| token.action.writes()) {
                if reviewed.has(&tenant.name, &token.state.token()) {
                    continue;
                }
                token.state.details.push(format!(
                    "{} is due and not in the reviewed plan: plan again, and have that reviewed",
                    token.action
                ));
                token.state.warnings.push(Warning::NotReviewed);
                token.action = Action::None;
                token.allows.clear();
                (token.before, token.after) = (None, None);
            }
        }
        let (due, left_out) = std::mem::take(&mut self.due)
            .into_iter()
            .partition(|due| reviewed.has(due.tenant.name.as_str(), &due.token.token));
        (self.due, self.left_out) = (due, left_out);
        self.plan.digest = digest::digest(&self.plan.tenants).unwrap_or_default();
        self.plan.summary = summary(&self.plan.tenants);
        self
    }
}

impl Plan {
    /// Whether the digest is that of the actions. A file that was edited or damaged shows itself
    /// here; one that was forged with care shows itself where `--approve` names the reviewed digest.
    pub fn is_intact(&self) -> bool {
        digest::digest(&self.tenants).as_ref() == Some(&self.digest)
    }
}

#[cfg(test)]
mod tests;
