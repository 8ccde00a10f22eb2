//! Signatures of the past: who changed those who may sign and those who can open, and whether
//! commits were signed by those who might sign then or may now.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Ground;
use crate::app::AppError;
use applecart_core::audit::{moved_ledger, trust_changes, unsigned_change};
use applecart_core::fleet::{self, FileBytes, Policy, Signing};
use applecart_core::model::Sha256;
use applecart_core::report::AuditFinding;
use applecart_io::git::{GitError, PolicyVersion, Repo, Signature, Signers, SignersError};

/// The findings, and every recipient that was ever listed.
pub(super) fn audit(
    ground: &Ground<'_>,
    has_ledger: bool,
) -> Result<(Vec<AuditFinding>, BTreeSet<String>), AppError> {
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
        if let (Some(before), Some(after)) = (&before, &after) {
            found.extend(moved_ledger(&version.commit, before, after, has_ledger));
        }
        let changed = trust_changes(before.as_ref(), after.as_ref(), version.files_changed);
        if changed.is_empty() {
            continue;
        }
        if let Some(why) = unsigned_version(ground, version, before.as_ref())? {
            found.push(unsigned_change(&version.commit, &changed, &why));
        }
    }
    Ok((found, ever))
}

fn files_of(policy: &Policy) -> Vec<String> {
    let signing = &policy.signing;
    let ledger = &policy.ledger_signing.signers;
    let all = [&signing.signers, &signing.openpgp_keys, &signing.revoked_signers, ledger];
    all.into_iter().flatten().cloned().collect()
}

/// Why a change of the policy does not count as signed by those who might sign before it; `None`
/// where it does, or where no signature was asked for.
fn unsigned_version(
    ground: &Ground<'_>,
    version: &PolicyVersion,
    before: Option<&Policy>,
) -> Result<Option<String>, AppError> {
    let (Some(parent), Some(before)) = (&version.parent, before) else { return Ok(None) };
    if !before.signing.required {
        return Ok(None);
    }
    match Signers::of(ground.repo, Some(parent), &before.signing) {
        Ok(signers) => {
            let signature = signers.verify_one(ground.repo, &version.commit)?;
            let counts = counts(ground.repo, &version.commit, &signature)?;
            Ok((!counts).then(|| signature.to_string()))
        }
        // No change is allowed by a policy that no key can satisfy.
        Err(error) if error.is_about_source() => {
            Ok(Some(format!("cannot be judged by the files of its parent ({error})")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Commits of a policy, and why each is not signed as it asks; those that are have no answer.
pub(super) fn unsigned(
    ground: &Ground<'_>,
    commits: &[String],
) -> Result<HashMap<String, String>, SignersError> {
    let repo = ground.repo;
    // Commits whose policies name the same files with the same contents are judged together.
    let mut groups: BTreeMap<Sha256, (Signing, Vec<String>)> = BTreeMap::new();
    let mut policies: HashMap<Option<Sha256>, Option<Policy>> = HashMap::new();
    for commit in commits {
        let bytes = repo.policy(commit)?;
        let key = bytes.as_deref().map(Sha256::of);
        let policy = policies.entry(key).or_insert_with(|| fleet::load_policy(bytes.as_deref()).0);
        let Some(policy) = policy.as_ref().filter(|policy| policy.signing.required) else {
            continue;
        };
        let contents = fingerprint(repo, commit, &policy.signing)?;
        let group = groups.entry(contents).or_insert_with(|| (policy.signing.clone(), Vec::new()));
        group.1.push(commit.clone());
    }
    let mut wrong = HashMap::new();
    for (signing, commits) in groups.into_values() {
        let Some(first) = commits.first() else { continue };
        match Signers::of(repo, Some(first), &signing) {
            Ok(signers) => {
                for (commit, signature) in verify(repo, &signers, &commits)? {
                    if !counts(repo, &commit, &signature)? {
                        wrong.insert(commit, signature.to_string());
                    }
                }
            }
            Err(error) if error.is_about_source() => {
                let why = format!("is judged by files that cannot be used ({error})");
                wrong.extend(commits.into_iter().map(|commit| (commit, why.clone())));
            }
            Err(error) => return Err(error),
        }
    }
    // A key that was added since, for commits that were applied meanwhile.
    if !wrong.is_empty() && ground.policy.signing.required {
        let signers = Signers::of(repo, Some(ground.policy_rev), &ground.policy.signing)?;
        let again: Vec<String> = wrong.keys().cloned().collect();
        for (commit, signature) in verify(repo, &signers, &again)? {
            if counts(repo, &commit, &signature)? {
                wrong.remove(&commit);
            }
        }
    }
    Ok(wrong)
}

fn verify(
    repo: &Repo,
    signers: &Signers,
    commits: &[String],
) -> Result<Vec<(String, Signature)>, SignersError> {
    let names: Vec<&str> = commits.iter().map(String::as_str).collect();
    Ok(commits.iter().cloned().zip(signers.verify(repo, &names)?).collect())
}

/// Whether a signature counted when it was made: an OpenPGP key that expired later did.
fn counts(repo: &Repo, commit: &str, signature: &Signature) -> Result<bool, GitError> {
    Ok(match signature {
        Signature::Good(_) => true,
        Signature::Expired { since: Some(since), .. } => {
            *since > repo.commit_facts(commit)?.committed
        }
        _ => false,
    })
}

/// What names those who may sign, as one digest.
fn fingerprint(repo: &Repo, rev: &str, signing: &Signing) -> Result<Sha256, GitError> {
    let mut all = Vec::new();
    for path in [&signing.signers, &signing.openpgp_keys, &signing.revoked_signers] {
        let path = path.as_deref().unwrap_or_default();
        all.extend_from_slice(path.as_bytes());
        let file = if path.is_empty() { None } else { file(repo, rev, path)? };
        all.extend_from_slice(Sha256::of(&file.unwrap_or_default()).to_string().as_bytes());
        all.push(0);
    }
    Ok(Sha256::of(&all))
}

fn file(repo: &Repo, rev: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
    match repo.plain_file(rev, path) {
        Ok(Some(FileBytes::Read(bytes))) => Ok(Some(bytes)),
        Ok(_) | Err(GitError::WrongKind { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
