//! Who changed those who may sign and those who can open.

use std::collections::{BTreeSet, HashMap};

use super::{Ground, signed};
use crate::cli::error::CliError;
use applecart_core::fleet::{self, Policy};
use applecart_core::model::Sha256;
use applecart_core::report::{AuditArea, AuditFinding, AuditLevel, AuditPlace};
use applecart_io::git::{PolicyVersion, Signers};

/// The findings, and every recipient that was ever listed.
pub(super) fn audit(
    ground: &Ground<'_>,
    has_ledger: bool,
) -> Result<(Vec<AuditFinding>, BTreeSet<String>), CliError> {
    let versions = ground.repo.policy_versions(ground.policy_rev, |bytes| {
        fleet::load_policy(bytes).0.as_ref().map(files_of).unwrap_or_default()
    })?;
    let mut parsed: HashMap<Sha256, Option<Policy>> = HashMap::new();
    let mut ever = BTreeSet::new();
    let mut found = Vec::new();
    for version in &versions {
        let mut parse = |bytes: &Option<Vec<u8>>| {
            let bytes = bytes.as_deref()?;
            let known = parsed.entry(Sha256::of(bytes));
            known.or_insert_with(|| fleet::load_policy(Some(bytes)).0).clone()
        };
        let (before, after) = (parse(&version.before), parse(&version.after));
        for policy in [&before, &after].into_iter().flatten() {
            ever.extend(policy.recipients.iter().cloned());
        }
        if let (Some(before), Some(after)) = (&before, &after)
            && before.ledger_branch != after.ledger_branch
        {
            found.push(moved_ledger(&version.commit, before, after, has_ledger));
        }
        let changed = changes(before.as_ref(), after.as_ref(), version.files_changed);
        if changed.is_empty() {
            continue;
        }
        found.extend(judge(ground, version, before.as_ref(), &changed)?);
    }
    Ok((found, ever))
}

fn files_of(policy: &Policy) -> Vec<String> {
    let signing = &policy.signing;
    [
        &signing.signers,
        &signing.openpgp_keys,
        &signing.revoked_signers,
        &policy.ledger_signing.signers,
    ]
    .into_iter()
    .flatten()
    .cloned()
    .collect()
}

/// The record goes on elsewhere since: what stands on the branch before was not audited.
fn moved_ledger(commit: &str, before: &Policy, after: &Policy, has_ledger: bool) -> AuditFinding {
    let (old, new) = (&before.ledger_branch, &after.ledger_branch);
    let empty = if has_ledger { "" } else { ", where there is none yet" };
    AuditFinding::new(
        AuditArea::Policy,
        "ledger-moved",
        AuditPlace { commit: Some(commit.to_owned()), ..AuditPlace::file(fleet::FLEET_FILE) },
        format!("the commit moves the ledger from {old} to {new}{empty}; what {old} has was not audited"),
        format!("audit the time before with --policy-rev {commit}~1 and keep both heads; a ledger is carried on by pushing the old branch under the new name"),
    )
    .at(AuditLevel::Note)
}

/// What of the trust changed, in words.
fn changes(
    before: Option<&Policy>,
    after: Option<&Policy>,
    files_changed: bool,
) -> Vec<&'static str> {
    let mut changed = Vec::new();
    match (before, after) {
        (Some(before), Some(after)) => {
            if before.signing != after.signing {
                changed.push("who may sign");
            }
            if before.ledger_signing != after.ledger_signing {
                changed.push("who may sign the ledger");
            }
            if before.ledger_branch != after.ledger_branch {
                changed.push("where the ledger is");
            }
            if before.recipients != after.recipients {
                changed.push("the recipients");
            }
        }
        (Some(_), None) => changed.push("applecart.yaml, which is no policy any more"),
        (None, _) => {}
    }
    if files_changed {
        changed.push("the files that name the signers");
    }
    changed
}

fn judge(
    ground: &Ground<'_>,
    version: &PolicyVersion,
    before: Option<&Policy>,
    changed: &[&str],
) -> Result<Option<AuditFinding>, CliError> {
    let (Some(parent), Some(before)) = (&version.parent, before) else { return Ok(None) };
    if !before.signing.required {
        return Ok(None);
    }
    let why = match Signers::of(ground.repo, Some(parent), &before.signing) {
        Ok(signers) => {
            let signature = signers.verify_one(ground.repo, &version.commit)?;
            if signed::counts(ground.repo, &version.commit, &signature)? {
                return Ok(None);
            }
            signature.to_string()
        }
        // A policy that nobody can satisfy lets nobody change it.
        Err(error) if error.is_about_source() => {
            format!("cannot be judged by the files of its parent ({error})")
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Some(AuditFinding::new(
        AuditArea::Policy,
        "policy-change-unsigned",
        AuditPlace { commit: Some(version.commit.clone()), ..AuditPlace::file(fleet::FLEET_FILE) },
        format!("the commit changes {}, and {why}", changed.join(", ")),
        "find out who merged it; until somebody who might sign before says so in a signed commit, trust neither the keys nor the recipients that it brought",
    )))
}
