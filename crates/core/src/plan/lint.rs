//! An independent witness: whatever made a plan, these must hold before anything is written.
//!
//! The lint shares no code with the decision table on purpose, and looks only at the finished
//! plan. A fault here is a mistake in this program, never in the fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::digest::digest;
use super::types::{Action, Observed, Plan, PlannedTenant, PlannedToken, Reason, Sync};
use crate::model::{Facts, Kind, TokenRef};

/// An invariant that a finished plan breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// The tenant it is about; `None` for the whole plan.
    pub tenant: Option<String>,
    /// The token; `None` for all of the tenant's.
    pub token: Option<TokenRef>,
    /// Which rule the plan breaks, as a sentence without its subject.
    pub what: &'static str,
}

impl Fault {
    fn of_token(tenant: &PlannedTenant, token: &PlannedToken, what: &'static str) -> Self {
        Self { tenant: Some(tenant.name.clone()), token: Some(token.state.token()), what }
    }

    fn of_tenant(tenant: &PlannedTenant, what: &'static str) -> Self {
        Self { tenant: Some(tenant.name.clone()), token: None, what }
    }

    /// Whether it stops this token of this tenant.
    pub fn is_about(&self, tenant: &str, token: &TokenRef) -> bool {
        self.tenant.as_deref().is_none_or(|name| name == tenant)
            && self.token.as_ref().is_none_or(|one| one.same_token(token))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tenant.as_deref().unwrap_or("plan"), self.what)
    }
}

/// Checks every invariant. One that a token breaks is about that token and no other; what two of
/// them share is about both.
pub(super) fn faults(plan: &Plan) -> Vec<Fault> {
    let mut faults = Vec::new();
    if digest(&plan.tenants).as_ref() != Some(&plan.digest) {
        faults.push(Fault { tenant: None, token: None, what: "the digest is not the plan's" });
    }
    let writes: Vec<(&PlannedTenant, &PlannedToken)> =
        plan.tokens().filter(|(_, token)| token.action.writes()).collect();
    let mut by_tenant_id: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    let (mut by_token, mut by_file) = (BTreeMap::new(), BTreeMap::new());
    for (tenant, token) in &writes {
        by_tenant_id.entry(tenant.tenant_id).or_default().insert(&tenant.name);
        *by_token.entry((&tenant.name, token.state.token())).or_insert(0) += 1;
        if let Some(sha256) = token.state.sha256 {
            *by_file.entry(sha256).or_insert(0) += 1;
        }
    }
    for (tenant, token) in plan.tokens() {
        let found = token_faults(plan, tenant, token);
        faults.extend(found.into_iter().map(|what| Fault::of_token(tenant, token, what)));
    }
    for (tenant, token) in &writes {
        if by_token.get(&(&tenant.name, token.state.token())).is_some_and(|times| *times > 1) {
            faults.push(Fault::of_token(tenant, token, "two writes to one token"));
        }
        if token.state.sha256.is_some_and(|file| by_file.get(&file).is_some_and(|n| *n > 1)) {
            faults.push(Fault::of_token(tenant, token, "one file is written twice"));
        }
    }
    for tenant in &plan.tenants {
        if tenant.tokens.iter().filter(|token| token.state.kind == Kind::Push).count() > 1 {
            faults.push(Fault::of_tenant(tenant, "more than one push certificate"));
        }
        let is_its_own = |names: &BTreeSet<&str>| tenant.tenant_id.is_some() && names.len() == 1;
        if tenant.tokens.iter().any(|token| token.action.writes())
            && !by_tenant_id.get(&tenant.tenant_id).is_some_and(is_its_own)
        {
            faults.push(Fault::of_tenant(tenant, "a write without a tenant id of its own"));
        }
    }
    faults
}

fn token_faults(plan: &Plan, tenant: &PlannedTenant, token: &PlannedToken) -> Vec<&'static str> {
    let mut faults = Faults::default();
    let state = &token.state;
    let held = token.action == Action::Hold;
    faults.must(
        held != state.reasons.is_empty(),
        "a hold without a reason, or a reason without a hold",
    );
    faults.must(held == (state.sync == Sync::Held), "held on one axis only");
    faults.must(
        state.sync != Sync::Unobserved || token.action == Action::None,
        "an action for something that could not be read",
    );
    faults.must(
        tenant.observed != Observed::None || !token.action.writes(),
        "a write to a tenant of which nothing was read",
    );
    let verifies = token.action == Action::Verify;
    faults.must(verifies == (state.sync == Sync::Unverified), "to be verified on one axis only");
    faults.must(
        !verifies || (state.sha256.is_some() && state.live.is_some()),
        "a file to verify without one, or without a token in Intune",
    );
    if token.action.writes() {
        faults.of_write(plan, token);
    }
    faults.0
}

/// What is wrong, in the order in which it was found.
#[derive(Default)]
struct Faults(Vec<&'static str>);

impl Faults {
    fn must(&mut self, holds: bool, what: &'static str) {
        if !holds {
            self.0.push(what);
        }
    }

    fn of_write(&mut self, plan: &Plan, token: &PlannedToken) {
        let state = &token.state;
        self.must(state.sync == Sync::OutOfSync, "a write to something that is not out of sync");
        self.must(
            token.before.as_deref() == state.live.as_ref(),
            "`before` is not what is in Intune",
        );
        let Some(after) = &token.after else { return self.must(false, "a write without facts") };
        if matches!(token.action, Action::Upload | Action::Create) {
            self.must(state.sha256.is_some(), "an upload without a file");
            self.must(
                after.expires.is_none_or(|expires| expires > plan.generated_at),
                "an upload of a credential that has expired",
            );
        }
        match token.action {
            Action::Create => self.must(
                state.kind == Kind::Vpp && token.before.is_none(),
                "a creation of something that is there, or that Intune makes in its portal only",
            ),
            Action::Configure => self.of_settings(token, after),
            Action::Upload => self.must(
                state.kind != Kind::Enrollment || token.before.is_some(),
                "an upload to an enrollment token that is not there",
            ),
            Action::None | Action::Verify | Action::Hold => {}
        }
        self.of_identity(token, after);
    }

    /// A change of settings leaves the credential as it is.
    fn of_settings(&mut self, token: &PlannedToken, after: &Facts) {
        // A push certificate's account is the one setting that a line has to name.
        let account =
            token.state.kind == Kind::Push && token.allows.contains(&Reason::AppleIdChange);
        let identity = |facts: &Facts| match account {
            true => Facts { apple_id: None, ..identity(facts) },
            false => identity(facts),
        };
        self.must(
            token.state.kind != Kind::Push || account,
            "a change of a push certificate's account that no line allows",
        );
        self.must(
            token.before.as_ref().is_some_and(|before| identity(before) == identity(after)),
            "a change of settings that changes the credential",
        );
    }

    /// A write brings the same credential's successor, or a line says otherwise.
    fn of_identity(&mut self, token: &PlannedToken, after: &Facts) {
        let state = &token.state;
        if let (Kind::Vpp, Some(before)) = (state.kind, &token.before) {
            self.must(
                unchanged(&before.location, &after.location)
                    || token.allows.contains(&Reason::WrongLocation),
                "a VPP upload to another location",
            );
            self.must(
                unchanged(&before.organization, &after.organization)
                    || token.allows.contains(&Reason::OrganizationDiffers),
                "a VPP upload of another organisation",
            );
        }
        if state.kind == Kind::Push {
            self.must(
                after.topic.is_some() && after.serial.is_some(),
                "a push upload without identity",
            );
            if let Some(before) = &token.before {
                self.must(
                    before.topic == after.topic || token.allows.contains(&Reason::TopicChange),
                    "a push upload with another topic",
                );
            }
        }
        if let Some(before) = &token.before
            && let (Some(old), Some(new)) = (before.expires, after.expires)
        {
            self.must(new >= old, "a write that moves an expiry earlier");
        }
    }
}

/// What a change of settings must leave as it is.
fn identity(facts: &Facts) -> Facts {
    Facts {
        display_name: None,
        country_or_region: None,
        automatically_update_apps: None,
        role_scope_tag_ids: None,
        ..facts.clone()
    }
}

fn unchanged(before: &Option<String>, after: &Option<String>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => before.trim() == after.trim(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::world::{OTHER_TOPIC, World, at};
    use super::*;

    /// A plan that was changed after it was made, with its digest made right again.
    #[track_caller]
    fn fault_of(change: impl FnOnce(&mut Plan)) -> Vec<&'static str> {
        fault_in(&World::renewal(), change)
    }

    #[track_caller]
    fn fault_in(world: &World, change: impl FnOnce(&mut Plan)) -> Vec<&'static str> {
        let mut plan = world.plan();
        assert_eq!(faults(&plan), []);
        change(&mut plan);
        plan.digest = digest(&plan.tenants).unwrap();
        faults(&plan).into_iter().map(|fault| fault.what).collect()
    }

    #[test]
    fn a_plan_whose_digest_is_another_ones_is_found() {
        let mut plan = World::renewal().plan();
        plan.digest = "sha256:00".into();
        assert_eq!(faults(&plan)[0].what, "the digest is not the plan's");
    }

    #[test]
    fn an_upload_with_another_topic_is_found() {
        let found = fault_of(|plan| {
            plan.tenants[0].tokens[0].after.as_mut().unwrap().topic =
                Some(OTHER_TOPIC.parse().unwrap());
        });
        assert_eq!(found, ["a push upload with another topic"]);
    }

    #[test]
    fn an_upload_that_goes_backwards_is_found() {
        let found = fault_of(|plan| {
            plan.tenants[0].tokens[0].after.as_mut().unwrap().expires =
                Some(at("2026-12-01T00:00:00Z"));
        });
        assert_eq!(found, ["a write that moves an expiry earlier"]);
    }

    #[test]
    fn an_upload_of_something_lapsed_is_found() {
        let found = fault_of(|plan| plan.generated_at = at("2030-01-01T00:00:00Z"));
        assert_eq!(found, ["an upload of a credential that has expired"]);
    }

    #[test]
    fn a_write_to_something_nobody_could_read_is_found() {
        let found = fault_of(|plan| {
            plan.tenants[0].observed = Observed::None;
            plan.tenants[0].tokens[0].state.sync = Sync::Unobserved;
        });
        assert_eq!(
            found,
            [
                "an action for something that could not be read",
                "a write to a tenant of which nothing was read",
                "a write to something that is not out of sync"
            ]
        );
    }

    #[test]
    fn a_hold_without_a_reason_is_found() {
        let found = fault_of(|plan| plan.tenants[0].tokens[0].action = Action::Hold);
        assert_eq!(found[0], "a hold without a reason, or a reason without a hold");
    }

    #[test]
    fn one_file_for_two_tenants_is_found() {
        let found = fault_of(|plan| {
            let mut twin = plan.tenants[0].clone();
            twin.name = "fabrikam".into();
            plan.tenants.push(twin);
        });
        assert_eq!(
            found,
            [
                "one file is written twice",
                "one file is written twice",
                "a write without a tenant id of its own",
                "a write without a tenant id of its own"
            ]
        );
    }

    #[test]
    fn two_push_certificates_in_one_tenant_are_found() {
        let found = fault_of(|plan| {
            let twin = plan.tenants[0].tokens[0].clone();
            plan.tenants[0].tokens.push(twin);
        });
        assert_eq!(
            found,
            [
                "two writes to one token",
                "one file is written twice",
                "two writes to one token",
                "one file is written twice",
                "more than one push certificate"
            ]
        );
    }

    #[test]
    fn a_vpp_upload_to_another_location_or_organisation_is_found() {
        let world = World::vpp_renewal();
        let after = |change: fn(&mut Facts)| {
            fault_in(&world, |plan| {
                change(plan.tenants[0].tokens[0].after.as_mut().unwrap());
            })
        };
        let location = after(|facts| facts.location = Some("Paris".into()));
        assert_eq!(location, ["a VPP upload to another location"]);
        let organization = after(|facts| facts.organization = Some("Fabrikam".into()));
        assert_eq!(organization, ["a VPP upload of another organisation"]);
    }

    #[test]
    fn a_creation_of_something_that_is_there_is_found() {
        let found = fault_in(&World::vpp_renewal(), |plan| {
            plan.tenants[0].tokens[0].action = Action::Create;
        });
        assert_eq!(
            found,
            ["a creation of something that is there, or that Intune makes in its portal only"]
        );
    }

    #[test]
    fn a_change_of_settings_that_touches_the_credential_is_found() {
        let mut world = World::vpp();
        world.live_vpp(|live| live.automatically_update_apps = Some(false));
        let found = fault_in(&world, |plan| {
            plan.tenants[0].tokens[0].after.as_mut().unwrap().expires =
                Some(at("2029-01-01T00:00:00Z"));
        });
        assert_eq!(found, ["a change of settings that changes the credential"]);
    }

    #[test]
    fn a_change_of_settings_of_either_kind_passes() {
        let mut world = World::enrollment();
        world.entry().facts.role_scope_tag_ids = Some(vec!["7".into()]);
        assert_eq!(faults(&world.plan()), []);
        let mut world = World::vpp();
        world.live_vpp(|live| {
            live.country_or_region = Some("us".into());
            live.apple_id = Some("someone@contoso.example".into());
        });
        assert_eq!(faults(&world.plan()), []);
    }

    #[test]
    fn an_account_of_a_push_certificate_changes_only_where_a_line_allows_it() {
        let mut world = World::equal();
        world.live_push(|live| live.apple_id = Some("old@contoso.example".into()));
        world.allow("apple-id-change", "old@contoso.example", "mdm@contoso.example");
        let account = world.expect_configure().after.unwrap().apple_id;
        assert_eq!(account.as_deref(), Some("mdm@contoso.example"));
        let found = fault_in(&world, |plan| plan.tenants[0].tokens[0].allows.clear());
        assert_eq!(
            found,
            [
                "a change of a push certificate's account that no line allows",
                "a change of settings that changes the credential"
            ]
        );
        let found = fault_in(&world, |plan| {
            plan.tenants[0].tokens[0].after.as_mut().unwrap().serial = Some("99".parse().unwrap());
        });
        assert_eq!(found, ["a change of settings that changes the credential"]);
    }

    #[test]
    fn an_enrollment_upload_to_nothing_is_found() {
        let found = fault_in(&World::enrollment_renewal(), |plan| {
            let token = &mut plan.tenants[0].tokens[0];
            (token.before, token.state.live) = (None, None);
        });
        assert_eq!(found, ["an upload to an enrollment token that is not there"]);
    }

    #[test]
    fn an_upload_without_a_file_is_found() {
        let found = fault_of(|plan| plan.tenants[0].tokens[0].state.sha256 = None);
        assert_eq!(found, ["an upload without a file"]);
    }
}
