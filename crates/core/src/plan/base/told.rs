//! What a revision's tenant files change of who is told: a sink selects tenants by what stands there,
//! and messages go to the contacts and the numbers that stand there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::input::Input;
use super::by_id;
use crate::fleet::Selection;
use crate::fleet::{Desired, Tenant};
use crate::model::TenantId;

/// One clause for each tenant of which fewer are told, or others, than by `before`.
pub(super) fn told_less(input: &Input<'_>, before: &[Desired]) -> Vec<String> {
    let before = by_id(before);
    let others = Others::of(input.fleet);
    // What the base alone has changed since, no merge of this revision takes back.
    let is_behind = |now: &&Tenant| {
        input.base.as_ref().is_some_and(|base| base.behind.contains(now.name.as_str()))
    };
    let tenants = input.fleet.iter().filter_map(Desired::valid).filter(|now| !is_behind(now));
    tenants
        .filter_map(|now| {
            let old = before.get(&now.tenant_id).copied();
            // A label that goes takes the tenant out of the selection as well.
            let is_asked = std::iter::once(now).chain(old).any(|one| input.selection.matches(one));
            let changes = if is_asked { changes(input, &others, old, now) } else { Vec::new() };
            (!changes.is_empty()).then(|| format!("{} ({})", now.name, changes.join("; ")))
        })
        .collect()
}

fn changes(
    input: &Input<'_>,
    others: &Others<'_>,
    old: Option<&Tenant>,
    now: &Tenant,
) -> Vec<String> {
    let mut changes = Vec::new();
    if let Some(old) = old {
        changes.extend(sinks(input, old, now));
        changes.extend(contacts(old, now));
    }
    changes.extend(numbers(others, old, now));
    let is_new = |name: &&str| old.and_then(|old| old.display_name.as_deref()) != Some(*name);
    if let Some(name) = now.display_name.as_deref().filter(is_new) {
        let others = others.names(name, now);
        if !others.is_empty() {
            changes.push(format!("it is called {name} as {} is", others.join(", ")));
        }
    }
    changes
}

/// The sinks that are told of the tenant now, and would not be any more.
fn sinks(input: &Input<'_>, old: &Tenant, now: &Tenant) -> Option<String> {
    let sinks = &input.policy.notify;
    // Settings that cannot be read so are no settings.
    let hears = |select: &[String], tenant: &Tenant| {
        Selection::parse(select).is_ok_and(|selection| selection.matches(tenant))
    };
    let told = |tenant: &Tenant| sinks.iter().filter(|one| hears(&one.select, tenant)).count();
    let lost: Vec<String> = sinks
        .iter()
        .filter(|sink| hears(&sink.select, old) && !hears(&sink.select, now))
        .map(|sink| format!("`{}`", sink.name))
        .collect();
    if lost.is_empty() {
        return None;
    }
    let lost = lost.join(", ");
    let none = if told(now) == 0 { "no sink is told of it any more: " } else { "" };
    Some(format!("{none}no longer selected by {lost}"))
}

fn contacts(old: &Tenant, now: &Tenant) -> Option<String> {
    if old.contacts.is_empty() || old.contacts == now.contacts {
        return None;
    }
    let list = |contacts: &[String]| match contacts {
        [] => "nobody".to_owned(),
        some => some.join(", "),
    };
    Some(format!("contacts {} → {}", list(&old.contacts), list(&now.contacts)))
}

/// The customer's numbers that change, and those that are another tenant's as well.
fn numbers(others: &Others<'_>, old: Option<&Tenant>, now: &Tenant) -> Vec<String> {
    let none = BTreeMap::new();
    let before = old.map_or(&none, |old| &old.tickets);
    let systems: BTreeSet<&String> = before.keys().chain(now.tickets.keys()).collect();
    let changed = systems.into_iter().filter_map(|system| {
        let (was, is) = (before.get(system), now.tickets.get(system));
        if was == is {
            return None;
        }
        let shared = is.map(|is| others.numbers(system, is, now)).unwrap_or_default();
        let also = match shared.as_slice() {
            [] => String::new(),
            shared => format!(", which is also the number of {}", shared.join(", ")),
        };
        match (was, is) {
            (Some(was), Some(is)) => Some(format!("number in {system} {was} → {is}{also}")),
            (Some(was), None) => Some(format!("number in {system} {was} → none")),
            (None, Some(is)) => {
                (!also.is_empty()).then(|| format!("number in {system} {is}{also}"))
            }
            (None, None) => None,
        }
    });
    changed.collect()
}

/// Who is called how, and has which number.
struct Others<'a> {
    names: BTreeMap<&'a str, Vec<&'a Tenant>>,
    numbers: BTreeMap<(&'a str, &'a str), Vec<&'a Tenant>>,
}

impl<'a> Others<'a> {
    fn of(fleet: &'a [Desired]) -> Self {
        let (mut names, mut numbers) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for tenant in fleet.iter().filter_map(Desired::valid) {
            if let Some(name) = tenant.display_name.as_deref() {
                names.entry(name).or_default().push(tenant);
            }
            for (system, number) in &tenant.tickets {
                let key = (system.as_str(), number.as_str());
                numbers.entry(key).or_default().push(tenant);
            }
        }
        Self { names, numbers }
    }

    fn names(&self, name: &str, of: &Tenant) -> Vec<&'a str> {
        without(self.names.get(name), of.tenant_id)
    }

    fn numbers(&self, system: &str, number: &str, of: &Tenant) -> Vec<&'a str> {
        without(self.numbers.get(&(system, number)), of.tenant_id)
    }
}

/// A few of them are named: a copied file may have been copied often.
fn without<'a>(all: Option<&Vec<&'a Tenant>>, id: TenantId) -> Vec<&'a str> {
    let others = all.into_iter().flatten().filter(|one| one.tenant_id != id);
    others.map(|one| one.name.as_str()).take(3).collect()
}
