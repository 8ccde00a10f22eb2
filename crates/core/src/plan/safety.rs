//! How much one apply may touch: a wrong branch or an emptied folder must not reach every
//! customer in one go.

use std::collections::BTreeSet;

use super::input::Known;
use super::types::Plan;
use crate::fleet::Policy;
use crate::ledger::LedgerView;
use crate::model::TenantId;

/// From this many tenants on, the share counts; below it a single renewal would be over it.
const SHARE_FROM: usize = 10;

/// How many tenants one commit's applies may write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tenants in the whole fleet.
    pub fleet: usize,
    /// The share's limit in tenants, where it counts.
    pub share: Option<usize>,
    /// The absolute limit in tenants.
    pub tenants: usize,
}

/// More tenants than the limits allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Tenants with a write, over all runs of this commit.
    pub writes: usize,
    /// Of them, how many earlier runs of the same commit already wrote to.
    pub earlier: usize,
    pub limits: Limits,
    /// What `--approve` must name.
    pub digest: String,
}

impl Limits {
    /// The limits of a fleet.
    pub fn of(policy: &Policy, fleet: usize) -> Self {
        let percent = usize::try_from(policy.max_share_percent).unwrap_or(usize::MAX);
        Self {
            fleet,
            share: (fleet >= SHARE_FROM).then(|| fleet.saturating_mul(percent) / 100),
            tenants: usize::try_from(policy.max_tenants).unwrap_or(usize::MAX),
        }
    }

    /// Counts the plan's writes and those that earlier runs of the same commit intended.
    pub fn check(&self, plan: &Plan, known: Known<'_>) -> Option<Excess> {
        match known {
            Known::Read(view) => self.check_over(plan, &[view]),
            Known::Unknown(..) => self.check_over(plan, &[]),
        }
    }

    /// The same over several parts of the ledger.
    pub fn check_over(&self, plan: &Plan, recorded: &[&LedgerView]) -> Option<Excess> {
        let due: BTreeSet<TenantId> = plan
            .tokens()
            .filter(|(_, token)| token.action.writes())
            .filter_map(|(tenant, _)| tenant.tenant_id)
            .collect();
        if due.is_empty() {
            return None;
        }
        let intended = |view: &&LedgerView| plan.rev.as_deref().map(|rev| view.intended_at(rev));
        let mut earlier: BTreeSet<TenantId> =
            recorded.iter().filter_map(intended).flatten().collect();
        earlier.retain(|tenant| !due.contains(tenant));
        let writes = due.len() + earlier.len();
        let over = writes > self.tenants || self.share.is_some_and(|share| writes > share);
        over.then(|| Excess {
            writes,
            earlier: earlier.len(),
            limits: *self,
            digest: plan.digest.clone(),
        })
    }
}
