//! A sign-in that fails for every tenant of an application: one cause, which is one matter of the fleet.

use std::collections::{BTreeMap, HashMap};

use super::words::{Words, matter, of_problem, part};
use crate::attention::{Cause, Input, Matter};
use crate::fleet::Desired;
use crate::model::{Problem, ProblemCode};
use crate::plan::PlannedTenant;
use crate::report::plural;

/// Why a sign-in profile fails where it does for all of its tenants alike, and for how many that is.
pub(super) struct SignIns<'a>(BTreeMap<Option<&'a str>, (&'a Problem, usize)>);

impl<'a> SignIns<'a> {
    /// A selection shows nothing of the others, so there each tenant has the matter for itself.
    pub(super) fn of(input: &Input<'a>) -> Self {
        let selection = &input.plan.selection;
        let is_whole = selection.select.is_empty() && selection.touched.is_none();
        let in_git = input.fleet.iter().filter_map(Desired::valid);
        let profiles: HashMap<&str, Option<&str>> =
            in_git.map(|tenant| (tenant.name.as_str(), tenant.auth.as_deref())).collect();
        let mut all: BTreeMap<Option<&str>, Vec<Option<&Problem>>> = BTreeMap::new();
        for tenant in input.plan.tenants.iter().filter(|_| is_whole) {
            if let Some(profile) = profiles.get(tenant.name.as_str()) {
                all.entry(*profile).or_default().push(failure(tenant));
            }
        }
        Self(all.into_iter().filter_map(|(of, found)| Some((of, alike(&found)?))).collect())
    }

    /// Whether the fleet's matter tells this problem of a tenant that signs in by the profile.
    pub(super) fn tell(&self, profile: Option<&str>, problem: &Problem) -> bool {
        problem.code == ProblemCode::SignInFailed && self.0.contains_key(&profile)
    }

    pub(super) fn matters(&self) -> Vec<Matter> {
        let raise = |(profile, (problem, count)): (&Option<&str>, &(&Problem, usize))| {
            let words = of_problem(problem, "TENANT");
            let message = format!(
                "{}. This is so of all {} that sign in like this, so none of them could be read.",
                words.message.trim_end_matches('.'),
                plural(*count, "tenant")
            );
            let cause = Cause::Unobserved(ProblemCode::SignInFailed);
            matter(key(*profile), cause, Words { message, ..words })
        };
        self.0.iter().map(raise).collect()
    }
}

/// The identity of the matter that no tenant of a sign-in profile can be signed in to.
pub(in crate::attention) fn key(profile: Option<&str>) -> String {
    let profile = profile.map_or_else(|| "-".to_owned(), part);
    format!("fleet/-/{profile}/{}/-", Cause::Unobserved(ProblemCode::SignInFailed).code())
}

fn failure(tenant: &PlannedTenant) -> Option<&Problem> {
    let is_it = |one: &&Problem| one.code == ProblemCode::SignInFailed && one.resource.is_none();
    tenant.problems.iter().find(is_it)
}

/// What all of several tenants have, and how many they are.
fn alike<'a>(found: &[Option<&'a Problem>]) -> Option<(&'a Problem, usize)> {
    let first = (*found.first()?)?;
    let is_same = |one: &Option<&Problem>| one.is_some_and(|one| one.detail == first.detail);
    (found.len() > 1 && found.iter().all(is_same)).then_some((first, found.len()))
}
