//! A plan that may be applied.

use super::Known;
use super::lint::{self, Fault};
use super::planned::Planned;
use super::safety::{Excess, Limits};
use super::types::Source;
use crate::ledger::LedgerView;
use crate::model::TokenRef;

/// Why a plan may not be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More tenants than the limits allow, and no approval of this very plan.
    #[error("{} of {} tenants would be written to, which is over the safety limit", .0.writes, .0.limits.fleet)]
    Safety(Excess),
    /// `--approve` names another plan.
    #[error("--approve names {given}, but the plan's digest is {actual}")]
    Approval {
        /// The digest that `--approve` names.
        given: String,
        /// What the plan has.
        actual: String,
    },
    /// The plan was made from a snapshot.
    #[error("a plan made from a snapshot is never applied")]
    Snapshot,
    /// The plan as a whole breaks an invariant: a mistake in this program.
    #[error("the plan breaks an invariant; nothing was written. Please report this: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Lint(Vec<Fault>),
}

/// A plan that passed the lint and the safety limits: the only thing that `apply` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPlan {
    planned: Planned,
    faults: Vec<Fault>,
    /// What it must stay within; `None` where a person approved it.
    limits: Option<Limits>,
}

impl CheckedPlan {
    /// Checks a plan. `approve` is the digest that a person approved.
    ///
    /// # Errors
    /// When the plan may not be applied; nothing was written then.
    pub fn check(
        planned: Planned,
        limits: Limits,
        known: Known<'_>,
        approve: Option<&str>,
    ) -> Result<Self, Refusal> {
        let mut planned = planned;
        let plan = &planned.plan;
        if plan.source == Source::Snapshot {
            return Err(Refusal::Snapshot);
        }
        let faults = lint::faults(plan);
        if faults.iter().any(|fault| fault.tenant.is_none()) {
            return Err(Refusal::Lint(faults));
        }
        // A wrong approval is refused even where none is needed: the person approved something
        // else than what would happen.
        if let Some(given) = approve
            && given != plan.digest
        {
            return Err(Refusal::Approval { given: given.to_owned(), actual: plan.digest.clone() });
        }
        match limits.check(plan, known) {
            Some(excess) if approve.is_none() => return Err(Refusal::Safety(excess)),
            _ => {}
        }
        // Tenants are islands: what one token breaks stops that token.
        let is_sound = |tenant: &str, token: &TokenRef| {
            !faults.iter().any(|fault| fault.is_about(tenant, token))
        };
        planned.due.retain(|due| is_sound(due.tenant.name.as_str(), &due.token.token));
        planned.verifies.retain(|one| is_sound(one.name.as_str(), &one.token.token));
        Ok(Self { planned, faults, limits: approve.is_none().then_some(limits) })
    }

    /// Whether it is over the limits together with what other runs of its commit announced since
    /// the ledger was read: of runs beside each other, each saw a fleet without the others.
    pub fn exceeds(&self, known: &LedgerView, news: &LedgerView) -> Option<Excess> {
        self.limits?.check_over(&self.planned.plan, &[known, news])
    }

    /// The plan and what goes with it.
    pub fn planned(&self) -> &Planned {
        &self.planned
    }

    /// The invariants that single tokens break: mistakes in this program. Nothing of these tokens is
    /// due any more.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}
