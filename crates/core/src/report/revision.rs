//! What stands at the top of a plan: what its revision changes about the fleet as a whole.

use std::collections::BTreeMap;

use super::text::{joined, label as named, names as names_in_line, plural, short};
use crate::plan::{
    Action, AfterMerge, Plan, QuieterThen, RecipientsChange, RecordChange, RemovedTenant,
    ResealedTenant, SealedToOthers, Summary,
};

/// The heading over tenants that the base does not have.
pub(super) const NEW: &str = "New destinations";

/// What a plan of a snapshot is good for.
pub(super) const SNAPSHOT: &str =
    "What Intune has comes from a snapshot; this plan cannot be applied.";

/// One sentence each, most consequential first.
pub(super) fn notes(plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(plan.settings_invalid.as_deref().map(settings_invalid));
    let foretold = plan.record_changed.as_ref().is_none_or(RecordChange::is_foretold);
    let changed = plan.record_changed.as_ref().map(record_changed);
    // What is released can be told only where it is foretold.
    notes.extend(changed.clone().filter(|_| !foretold));
    notes.extend(plan.after_merge.iter().flat_map(released));
    notes.extend(changed.filter(|_| foretold));
    notes.extend(quieter(&plan.quieter_then, &plan.told_less_then));
    notes.extend(plan.refusal.clone());
    if plan.policy_changed {
        let base = plan.policy_rev.as_deref().map(short).unwrap_or_default();
        notes.push(format!(
            "applecart.yaml changes in this revision; the plan is judged by the base's policy (at {base})."
        ));
    }
    notes.extend(plan.after_merge.as_ref().map(|after| after_merge(after, foretold)));
    if let Some(change) = &plan.recipients_changed {
        notes.push(recipients(change));
    }
    notes.extend(sealed_to_others(&plan.sealed_to_others));
    notes.extend(plan.removed_tenants.iter().map(removed));
    notes.extend(resealed(&plan.resealed_tenants));
    notes
}

/// That the revision's own settings cannot be read.
pub(crate) fn settings_invalid(why: &str) -> String {
    format!(
        "applecart.yaml of this revision is invalid: {why}. After this merge nothing is uploaded and nothing is watched any more: every command ends with 78."
    )
}

/// That something else would decide, what waits for it, and what may move from then on.
pub(crate) fn record_changed(change: &RecordChange) -> String {
    let today = match change.tenants.as_slice() {
        [] => String::new(),
        tenants => format!(" Held, failing or unknown today: {}.", names_in_line(tenants, NAMED)),
    };
    let mut parts = Vec::new();
    if !change.settings.is_empty() {
        parts.push(format!(
            "This pull request changes which record or which signers decide ({}). What is held, told or unknown today may be uploaded, or be told no more, after the merge: nothing below foretells it.",
            joined(&change.settings, ", ")
        ));
    }
    if !change.moves.is_empty() {
        parts.push(format!(
            "This pull request permits moves to another customer ({}): this or any later pull request may then bring them there, and no hold stops it.",
            joined(&change.moves, "; ")
        ));
    }
    parts.join(" ") + &today
}

/// What the revision's own settings would no longer tell.
pub(crate) fn quieter(tokens: &[QuieterThen], told_less: &[String]) -> Option<String> {
    let name = |one: &QuieterThen| {
        let token = named(one.token.kind, one.token.name.as_deref());
        format!("{} {token} ({} now, {} then)", one.tenant, one.now, one.then)
    };
    let names: Vec<String> = tokens.iter().map(name).collect();
    let expiry = (!names.is_empty()).then(|| {
        format!(
            "After this merge, by this revision's own `expiry`, alarms end although nothing was renewed: {}.",
            names_in_line(&names, NAMED)
        )
    });
    let notify = (!told_less.is_empty()).then(|| {
        format!(
            "After this merge, by this revision's own settings and tenant files, less is told of what needs a person, or to others, or later: {}.",
            names_in_line(told_less, CLAUSES)
        )
    });
    let told: Vec<String> = expiry.into_iter().chain(notify).collect();
    (!told.is_empty()).then(|| told.join(" "))
}

/// The holds that the merge itself would release, one sentence each.
fn released(after: &AfterMerge) -> impl Iterator<Item = String> {
    let released = after.tokens.iter().filter(|one| !one.released.is_empty());
    released.map(|one| {
        let then = match one.action {
            Action::Hold => format!("stays held ({})", joined(&one.reasons, ", ")),
            Action::None | Action::Verify => "has nothing to upload".to_owned(),
            action => format!("has the action {action}"),
        };
        format!(
            "After this merge: {} {} {then}. It is held now ({}), and this revision's own applecart.yaml releases that.",
            one.tenant,
            named(one.token.kind, one.token.name.as_deref()),
            joined(&one.released, ", ")
        )
    })
}

/// What follows from the revision's own settings, in numbers.
/// Only by the same record is it foretold.
fn after_merge(after: &AfterMerge, foretold: bool) -> String {
    let names: Vec<String> = after
        .tokens
        .iter()
        .map(|one| format!("{} {}", one.tenant, named(one.token.kind, one.token.name.as_deref())))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let differ = match names.len() {
        0 if foretold && after.signs_in_otherwise => {
            "as below, as far as its sign-in may do the same".to_owned()
        }
        0 if foretold => "the same as below".to_owned(),
        0 => "only as long as today's record and signers decide, which this merge ends".to_owned(),
        count => format!(
            "{} otherwise than below: {}",
            plural(count, "token"),
            names_in_line(&names, NAMED)
        ),
    };
    let sign_in = match after.signs_in_otherwise {
        true => {
            " That its own `auth` signs in was not tried: if it does not, nothing is read and nothing is uploaded."
        }
        false => "",
    };
    let Summary { uploads, creates, configures, holds, .. } = &after.summary;
    format!(
        "After this merge, by this revision's own applecart.yaml: {}, {}, {}, {}; {differ}.{sign_in}",
        plural(*uploads, "upload"),
        plural(*creates, "creation"),
        plural(*configures, "settings change"),
        plural(*holds, "hold")
    )
}

/// Which tenants are planned, where the branch decides that.
pub(super) fn touched(plan: &Plan) -> Option<String> {
    let touched = plan.selection.touched.as_ref()?;
    let base = format!("{} (at {})", touched.base, short(&touched.since));
    Some(if touched.tenants.is_empty() {
        format!("No tenant differs from {base}.")
    } else {
        format!("Only what differs from {base}.")
    })
}

fn resealed(tenants: &[ResealedTenant]) -> Option<String> {
    let files: usize = tenants.iter().map(|tenant| tenant.files).sum();
    let names: Vec<&str> = tenants.iter().map(|one| one.name.as_str()).collect();
    (files > 0).then(|| {
        format!(
            "The bytes of {} of {} changed, and the sha256 in the tenant file did not: they should be the same when opened. Nobody has opened them here.",
            plural(files, "token file"),
            names_in_line(&names, NAMED)
        )
    })
}

/// One sentence for each difference, with the files that have it.
fn sealed_to_others(files: &[SealedToOthers]) -> Vec<String> {
    let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for SealedToOthers { name, file, differences } in files {
        alike.entry(differences.join("; ")).or_default().push(format!("{name}/{file}"));
    }
    let sentence = |(difference, files): (String, Vec<String>)| {
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        let (are, them) = if names.len() == 1 { ("is", "it") } else { ("are", "them") };
        format!(
            "{} ({}) {are} not encrypted to the recipients that applecart.yaml lists: {difference}. Encrypt {them} to the list again: applecart reseal, or for SOPS correct .sops.yaml and run sops updatekeys.",
            plural(names.len(), "token file"),
            names_in_line(&names, NAMED)
        )
    };
    alike.into_iter().map(sentence).collect()
}

/// As many tenants are named in a sentence.
const NAMED: usize = 5;

/// As many changes of who is told: one that is left out is one that nobody reviews.
const CLAUSES: usize = 50;

fn recipients(change: &RecipientsChange) -> String {
    let list = |what: &str, keys: &[String]| {
        (!keys.is_empty()).then(|| format!("{what} {}", keys.join(", ")))
    };
    let parts = [list("adds", &change.added), list("removes", &change.removed)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let warning = if change.added.is_empty() {
        ""
    } else {
        " An added key opens what is encrypted from then on."
    };
    format!("The recipients of token files change: this revision {}.{warning}", parts.join(" and "))
}

fn removed(tenant: &RemovedTenant) -> String {
    let id = tenant.tenant_id.map(|id| format!(" (tenant {id})")).unwrap_or_default();
    let tokens = match tenant.tokens {
        Some(count) => plural(count, "token"),
        None => "tokens that could not be counted".to_owned(),
    };
    format!(
        "This revision stops watching {tokens} of {}{id}. Nothing is removed in Intune.",
        tenant.name
    )
}
