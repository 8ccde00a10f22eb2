//! What a change of the settings itself does: the same plan by the planned revision's own policy.
//!
//! A pull request is judged by its base, so that nobody releases what they bring along. Once it is
//! merged its settings are the base's, and what they release happens. Who reviews it has to see that.

use super::axes;
use super::types::{
    Action, AfterMerge, Expiry, Health, OtherwiseThen, Plan, PlannedTenant, PlannedToken,
    QuieterThen, RecordChange,
};
use crate::fleet::Policy;
use crate::model::TokenRef;

/// What a revision changes of the settings, besides what they judge.
#[derive(Clone, Debug)]
pub struct Proposed<'a> {
    /// Its own settings; `None` where they are the base's, or cannot be read.
    pub policy: Option<&'a Policy>,
    /// What it changes of those by which a record counts, and what it lets move; the tenants are left
    /// out.
    pub record: &'a RecordChange,
    /// Why its settings cannot be read.
    pub invalid: Option<&'a str>,
}

/// Notes in the plan what the merge would do to the ground that it stands on.
///
/// The record itself is not read by the revision's own settings: whoever opens a pull request names
/// any branch there, and may write another line to it after the review. So where these settings
/// change, nothing is foretold, and that is said.
pub fn foretell(plan: &mut Plan, now: &Policy, proposed: &Proposed<'_>) {
    plan.settings_invalid = proposed.invalid.map(str::to_owned);
    if *proposed.record != RecordChange::default() {
        let tenants = plan.tenants.iter().filter(|one| is_in_question(one));
        let tenants = tenants.map(|one| one.name.clone()).collect();
        plan.record_changed = Some(RecordChange { tenants, ..proposed.record.clone() });
    }
    if let Some(policy) = proposed.policy {
        plan.quieter_then = quieter(plan, policy);
        // The settings are about every tenant, so they are told before the tenants' own files.
        plan.told_less_then.splice(0..0, now.told_less(policy));
    }
}

/// Whether something of it is held, failing or unknown.
fn is_in_question(tenant: &PlannedTenant) -> bool {
    let token = |one: &PlannedToken| {
        one.action == Action::Hold
            || one.state.health == Health::Failing
            || one.state.devices_know.is_some()
    };
    !tenant.problems.is_empty() || tenant.tokens.iter().any(token)
}

fn quieter(plan: &Plan, then: &Policy) -> Vec<QuieterThen> {
    let loudness = |expiry: Expiry| match expiry {
        Expiry::Expired => 3,
        Expiry::Critical => 2,
        Expiry::RenewalDue => 1,
        Expiry::Valid | Expiry::Unknown => 0,
    };
    let tokens = plan.tokens().filter_map(|(tenant, token)| {
        let now = token.state.expiry;
        let then = axes::expiry(token.state.expires, plan.generated_at, then);
        (loudness(then) < loudness(now)).then(|| QuieterThen {
            tenant: tenant.name.clone(),
            token: token.state.token(),
            now,
            then,
        })
    });
    tokens.collect()
}

impl AfterMerge {
    /// Compares the plan by the base's settings with the one by the revision's own.
    pub fn of(now: &Plan, then: &Plan) -> Self {
        let before = |name: &str, token: &TokenRef| {
            let tenant = now.tenants.iter().find(|tenant| tenant.name == name)?;
            tenant.tokens.iter().find(|one| one.state.token().same_token(token))
        };
        let tokens = then.tokens().filter_map(|(tenant, token)| {
            let name = token.state.token();
            OtherwiseThen::of(&tenant.name, before(&tenant.name, &name), token)
        });
        let tokens = tokens.collect();
        Self {
            policy_sha256: then.policy_sha256,
            signs_in_otherwise: false,
            summary: then.summary,
            tokens,
        }
    }
}

impl OtherwiseThen {
    fn of(tenant: &str, now: Option<&PlannedToken>, then: &PlannedToken) -> Option<Self> {
        let held = now.map(|now| now.state.reasons.as_slice()).unwrap_or_default();
        let reasons = &then.state.reasons;
        if now.is_some_and(|now| now.action == then.action) && held == reasons {
            return None;
        }
        Some(Self {
            tenant: tenant.to_owned(),
            token: then.state.token(),
            action: then.action,
            reasons: reasons.clone(),
            released: held.iter().filter(|one| !reasons.contains(one)).copied().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::World;
    use crate::plan::{Action, Reason};

    #[test]
    fn what_the_merge_itself_releases_is_told_apart_from_what_stays() {
        let mut held = World::renewal().plan();
        let mut free = held.clone();
        assert_eq!(AfterMerge::of(&held, &free).tokens, []);

        let token = &mut held.tenants[0].tokens[0];
        token.action = Action::Hold;
        token.state.reasons = vec![Reason::WrongDestination, Reason::Expired];
        let [then] = AfterMerge::of(&held, &free).tokens.try_into().unwrap();
        assert_eq!((then.action, then.released.len()), (Action::Upload, 2));

        let token = &mut free.tenants[0].tokens[0];
        token.action = Action::Hold;
        token.state.reasons = vec![Reason::Expired];
        let [then] = AfterMerge::of(&held, &free).tokens.try_into().unwrap();
        assert_eq!(then.released, [Reason::WrongDestination]);
        assert_eq!(then.reasons, [Reason::Expired]);

        // A tenant that is invalid by the base's settings has no token yet.
        held.tenants[0].tokens.clear();
        assert_eq!(AfterMerge::of(&held, &free).tokens.len(), 1);
    }
}
