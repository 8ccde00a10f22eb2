//! What a change of the settings itself does: the same plan by the planned revision's own policy.
//!
//! A pull request is judged by its base, so that nobody releases what they bring along. Once it is
//! merged its settings are the base's, and what they release happens. Who reviews it has to see that.

use super::types::{AfterMerge, OtherwiseThen, Plan, PlannedToken};
use crate::model::TokenRef;

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
        Self { policy_sha256: then.policy_sha256, summary: then.summary, tokens }
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
