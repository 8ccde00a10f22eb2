//! An independent witness: whatever made a plan, these must hold before anything is written.
//!
//! The lint shares no code with the decision table on purpose, and looks only at the finished
//! plan. A fault here is a mistake in this program, never in the fleet.

use std::collections::BTreeSet;
use std::fmt;

use super::digest::digest;
use super::types::{Action, Observed, Plan, PlannedTenant, PlannedToken, Reason, Sync};
use crate::model::Kind;

/// An invariant that a finished plan breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// The tenant it is about.
    pub tenant: String,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tenant, self.what)
    }
}

/// Checks every invariant.
pub(super) fn faults(plan: &Plan) -> Vec<Fault> {
    let mut faults = Vec::new();
    if digest(&plan.tenants).as_ref() != Some(&plan.digest) {
        faults.push(Fault { tenant: "plan".into(), what: "the digest is not the plan's" });
    }
    let mut destinations = BTreeSet::new();
    let mut digests = BTreeSet::new();
    for tenant in &plan.tenants {
        let mut fault = |what| faults.push(Fault { tenant: tenant.name.clone(), what });
        let mut tokens = BTreeSet::new();
        for token in &tenant.tokens {
            for what in token_faults(plan, tenant, token) {
                fault(what);
            }
            if token.action.writes() {
                if !tokens.insert((token.state.kind, &token.state.id, &token.state.name)) {
                    fault("two writes to one token");
                }
                if let Some(sha256) = token.state.sha256
                    && !digests.insert(sha256)
                {
                    fault("one file is written twice");
                }
            }
        }
        if tenant.tokens.iter().filter(|token| token.state.kind == Kind::Push).count() > 1 {
            fault("more than one push certificate");
        }
        let writes = tenant.tokens.iter().any(|token| token.action.writes());
        if writes && !tenant.tenant_id.is_some_and(|id| destinations.insert(id)) {
            fault("a write without a tenant id of its own");
        }
    }
    faults
}

fn token_faults(plan: &Plan, tenant: &PlannedTenant, token: &PlannedToken) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let mut must = |holds: bool, what: &'static str| {
        if !holds {
            faults.push(what);
        }
    };
    let state = &token.state;
    let held = token.action == Action::Hold;
    must(held == !state.reasons.is_empty(), "a hold without a reason, or a reason without a hold");
    must(held == (state.sync == Sync::Held), "held on one axis only");
    must(
        state.sync != Sync::Unobserved || token.action == Action::None,
        "an action for something nobody could read",
    );
    must(
        tenant.observed != Observed::None || !token.action.writes(),
        "a write to a tenant of which nothing was read",
    );
    if !token.action.writes() {
        return faults;
    }
    must(state.sync == Sync::OutOfSync, "a write to something that is not out of sync");
    must(token.before == state.live, "`before` is not what is live");
    let Some(after) = &token.after else {
        must(false, "a write without facts");
        return faults;
    };
    if matches!(token.action, Action::Upload | Action::Create) {
        must(state.sha256.is_some(), "an upload without a file");
        must(
            after.expires.is_none_or(|expires| expires > plan.generated_at),
            "an upload of a credential that has lapsed",
        );
    }
    if state.kind == Kind::Push {
        must(after.topic.is_some() && after.serial.is_some(), "a push upload without identity");
        if let Some(before) = &token.before {
            must(
                before.topic == after.topic || token.allows.contains(&Reason::TopicChange),
                "a push upload with another topic",
            );
        }
    }
    if let Some(before) = &token.before
        && let (Some(old), Some(new)) = (before.expires, after.expires)
    {
        must(new >= old, "a write that moves an expiry earlier");
    }
    faults
}
