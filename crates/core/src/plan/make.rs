//! The plan of a fleet: each selected tenant by itself, then digest and summary over all.

use std::collections::{BTreeMap, HashMap};

use super::base::{Changes, sealed_to_others};
use super::canary;
use super::digest;
use super::input::Input;
use super::planned::{Due, Noted, Planned, Verify};
use super::tenant::{OneTenant, SKEW_LIMIT, unread};
use super::types::{Action, FORMAT_VERSION, Observed, Plan, PlannedTenant, PlannedToken, Summary};
use crate::fleet::{Desired, Diagnostic, Token};
use crate::model::{Problem, ProblemCode, Revocation, TenantId};
use crate::rules::bindings::Bindings;
use crate::rules::downloads;
use crate::rules::last_known;
use crate::rules::requests::Requests;

/// Makes the plan. Same input, same plan.
pub fn make(input: &Input<'_>) -> Planned {
    let ledger = input.ledger();
    let base = input.base.as_ref().map(|base| base.tenants);
    let bindings = Bindings::of(input.fleet, base, ledger, input.history);
    let requests = ledger.map(Requests::recorded).unwrap_or_default();
    let reviewed: HashMap<TenantId, &Token> = input
        .base
        .iter()
        .flat_map(|base| base.tenants)
        .filter_map(Desired::valid)
        .filter_map(|tenant| Some((tenant.tenant_id, tenant.push.as_ref()?)))
        .collect();
    let mut fleet = Fleet::default();
    for desired in input.fleet {
        match desired {
            Desired::Invalid { name, tenant_id, file, mistakes }
                if input.selection.may_match_invalid(name) =>
            {
                let tenant_id = tenant_id.or_else(|| had_folder(input, name));
                fleet.tenants.push(PlannedTenant {
                    tokens: last_known(input, tenant_id),
                    ..invalid(name, tenant_id, file, mistakes)
                });
            }
            Desired::Valid(tenant) if input.selection.matches(tenant) => {
                let past = ledger.map(|view| view.tenant(tenant.tenant_id));
                let live = input.live.get(&tenant.name);
                let dated = downloads::redate_all(tenant, past, input.downloads, live);
                let (tenant, redated) = match &dated {
                    Some((tenant, redated)) => (tenant, redated.as_slice()),
                    None => (tenant, [].as_slice()),
                };
                let mut one = OneTenant::new(input, tenant, &bindings, &requests);
                one.redated = redated;
                one.reviewed_push = reviewed.get(&tenant.tenant_id).copied();
                fleet.add(one);
            }
            Desired::Invalid { .. } | Desired::Valid(_) => {}
        }
    }
    whole(input, fleet)
}

/// What was decided of the tenants, each by itself.
#[derive(Default)]
struct Fleet {
    tenants: Vec<PlannedTenant>,
    due: Vec<Due>,
    verifies: Vec<Verify>,
    notes: Vec<Noted>,
}

impl Fleet {
    fn add(&mut self, mut one: OneTenant<'_>) {
        self.tenants.push(one.plan());
        self.due.append(&mut one.due);
        self.verifies.append(&mut one.verifies);
        self.notes.append(&mut one.notes);
    }
}

/// Adds what is decided over all tenants.
fn whole(input: &Input<'_>, fleet: Fleet) -> Planned {
    let Fleet { mut tenants, due, verifies, notes } = fleet;
    let canaries = canary::judge(input, &mut tenants, &due, &notes);
    let changes = Changes::of(input);
    for tenant in &mut tenants {
        tenant.new_destination = changes.is_new(tenant.tenant_id);
        tenant.withdrawn = changes.withdrawn(tenant.tenant_id);
        tenant.outdated = changes.outdated(tenant.tenant_id);
    }
    let digest = digest::digest(&tenants).unwrap_or_default();
    let summary = summary(&tenants);
    let plan = Plan {
        format_version: FORMAT_VERSION.to_owned(),
        applecart: env!("CARGO_PKG_VERSION").to_owned(),
        rev: input.rev.map(str::to_owned),
        policy_rev: input.policy_rev.map(str::to_owned),
        policy_sha256: input.policy.sha256,
        // What a signature is worth is not for pure code to say.
        refusal: None,
        policy_changed: changes.policy,
        after_merge: None,
        record_changed: None,
        quieter_then: Vec::new(),
        told_less_then: changes.told_less,
        settings_invalid: None,
        recipients_changed: changes.recipients,
        removed_tenants: changes.removed,
        resealed_tenants: changes.resealed,
        sealed_to_others: sealed_to_others(input),
        revocation_unknown: revocation_unknown(input),
        source: input.source,
        selection: input.selection.report(),
        generated_at: input.now,
        digest,
        tenants,
        summary,
    };
    let clocks = clocks(input);
    let is_too_much = |(_, skew): &(&TenantId, &i64)| skew.abs() > SKEW_LIMIT;
    let skews = clocks.iter().filter(is_too_much).map(|(id, skew)| (*id, *skew)).collect();
    Planned { plan, due, verifies, notes, canaries, left_out: Vec::new(), skews, clocks }
}

/// Apple's list is one for all, so one reason stands for all.
fn revocation_unknown(input: &Input<'_>) -> Option<String> {
    let told = input.live.values().flat_map(|live| {
        let in_intune = live.push.present().map(|push| &push.revocation);
        in_intune.into_iter().chain(live.push_in_git.as_ref().map(|(_, of_list)| of_list))
    });
    told.into_iter().find_map(|of_list| match of_list {
        Revocation::Unknown(why) => Some(why.clone()),
        Revocation::NotAsked | Revocation::No | Revocation::Since(_) => None,
    })
}

/// By how many seconds this machine's clock and Microsoft's differ, where Microsoft answered.
fn clocks(input: &Input<'_>) -> BTreeMap<TenantId, i64> {
    input
        .fleet
        .iter()
        .filter_map(Desired::valid)
        .filter_map(|tenant| Some((tenant.tenant_id, input.live.get(&tenant.name)?.clock_skew?)))
        .collect()
}

/// The tenant that had this folder last, where the tenant file does not say whose it is and no other
/// folder has it.
fn had_folder(input: &Input<'_>, name: &str) -> Option<TenantId> {
    let id = last_known::tenant_of_folder(name, input.ledger(), input.readings);
    id.filter(|id| !input.fleet.iter().any(|other| other.tenant_id() == Some(*id)))
}

/// The tokens of a tenant whose file cannot be read, as they were read last: their dates go on.
fn last_known(input: &Input<'_>, tenant: Option<TenantId>) -> Vec<PlannedToken> {
    let memory = input.memory_of(tenant);
    let tokens = memory.tokens().into_iter();
    let unread = |token| Some(unread(input, &token, Some(memory.last(&token)?.expires?)));
    tokens.filter_map(unread).collect()
}

/// A tenant whose folder has a mistake: a row like every other.
fn invalid(
    name: &str,
    tenant_id: Option<TenantId>,
    file: &str,
    mistakes: &[Diagnostic],
) -> PlannedTenant {
    let noun = if mistakes.len() == 1 { "mistake" } else { "mistakes" };
    let first = mistakes.first().map_or_else(String::new, |first| {
        format!(". First: {}:{}:{}: {}", first.file, first.line, first.column, first.message)
    });
    let detail = format!(
        "{} {noun} in {file}; run `applecart validate` for all of them{first}",
        mistakes.len()
    );
    PlannedTenant {
        name: name.to_owned(),
        tenant_id,
        display_name: None,
        new_destination: false,
        wrong_destination: None,
        withdrawn: Vec::new(),
        outdated: None,
        tree: None,
        observed: Observed::None,
        problems: vec![Problem::new(ProblemCode::InvalidFile, detail)],
        tokens: Vec::new(),
    }
}

pub(super) fn summary(tenants: &[PlannedTenant]) -> Summary {
    let count = |action: Action| {
        tenants
            .iter()
            .flat_map(|tenant| &tenant.tokens)
            .filter(|token| token.action == action)
            .count()
    };
    Summary {
        tenants: tenants.len(),
        uploads: count(Action::Upload),
        creates: count(Action::Create),
        configures: count(Action::Configure),
        holds: count(Action::Hold),
        verifies: count(Action::Verify),
        unobserved: tenants.iter().filter(|tenant| tenant.observed != Observed::Complete).count(),
    }
}

#[cfg(test)]
mod tests;
