//! Signatures of commits of the past, judged by those who might sign then or may now.

use std::collections::{BTreeMap, HashMap};

use applecart_core::fleet::{self, FileBytes, Policy, Signing};
use applecart_core::model::Sha256;
use applecart_io::git::{GitError, Repo, Signature, Signers, SignersError};

/// Commits of a policy, and why each is not signed as it asks; those that are have no answer.
pub(super) fn unsigned(
    repo: &Repo,
    now: (&Policy, &str),
    commits: &[String],
) -> Result<HashMap<String, String>, SignersError> {
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
        groups
            .entry(contents)
            .or_insert_with(|| (policy.signing.clone(), Vec::new()))
            .1
            .push(commit.clone());
    }
    let mut wrong = HashMap::new();
    for (signing, commits) in groups.into_values() {
        let Some(first) = commits.first() else { continue };
        let names: Vec<&str> = commits.iter().map(String::as_str).collect();
        let found = match Signers::of(repo, Some(first), &signing) {
            Ok(signers) => signers.verify(repo, &names)?,
            Err(error) if error.is_about_source() => {
                let why = format!("is judged by files that cannot be used ({error})");
                wrong.extend(commits.iter().map(|commit| (commit.clone(), why.clone())));
                continue;
            }
            Err(error) => return Err(error),
        };
        for (commit, signature) in commits.iter().zip(&found) {
            if !counts(repo, commit, signature)? {
                wrong.insert(commit.clone(), signature.to_string());
            }
        }
    }
    // A key that was added since, for commits that were applied meanwhile.
    let (policy, rev) = now;
    if !wrong.is_empty() && policy.signing.required {
        let signers = Signers::of(repo, Some(rev), &policy.signing)?;
        let again: Vec<String> = wrong.keys().cloned().collect();
        let names: Vec<&str> = again.iter().map(String::as_str).collect();
        for (commit, signature) in again.iter().zip(signers.verify(repo, &names)?) {
            if counts(repo, commit, &signature)? {
                wrong.remove(commit);
            }
        }
    }
    Ok(wrong)
}

/// Whether a signature counted when it was made: an OpenPGP key that expired later did.
pub(super) fn counts(repo: &Repo, commit: &str, signature: &Signature) -> Result<bool, GitError> {
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
