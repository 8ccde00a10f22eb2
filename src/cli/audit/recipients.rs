//! Whom the sealed files are for, now and when they came.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Ground;
use super::bindings::{PastFile, sealed_files};
use super::uploads::valid;
use crate::cli::error::CliError;
use applecart_core::fleet;
use applecart_core::model::Sha256;
use applecart_core::report::{self, AuditFinding, OnceSealed, SealedFile};
use applecart_io::git::GitError;
use applecart_io::vault::{Addressees, Key};

/// `sealed` is what every sealed blob shows, `ever` all recipients that were ever listed.
pub(super) fn audit(
    ground: &Ground<'_>,
    past: &[PastFile],
    sealed: &HashMap<String, Addressees>,
    ever: &BTreeSet<String>,
) -> Result<Vec<AuditFinding>, CliError> {
    let present = sealed_files(ground)?;
    let files: Vec<SealedFile> = present
        .iter()
        .map(|(path, blob)| SealedFile { path: path.clone(), shown: sealed.get(blob).cloned() })
        .collect();
    // The list of the audited revision, not of the policy: files are sealed by what stands beside
    // them.
    let bytes = ground.repo.policy(ground.rev)?;
    let listed = fleet::load_policy(bytes.as_deref()).0.map(|policy| policy.recipients);
    let listed = listed.unwrap_or_else(|| ground.policy.recipients.clone());
    let mut shown: BTreeMap<Key, usize> = BTreeMap::new();
    for key in sealed.values().flat_map(|shown| &shown.keys) {
        *shown.entry(key.clone()).or_default() += 1;
    }
    let mut found = report::judge_recipients(&files, &listed);
    found.extend(report::former_recipients(&shown, &listed, ever));
    let present = present.into_iter().map(|(_, blob)| blob).collect();
    found.extend(report::judge_once_sealed(&once_sealed(ground, past, sealed, &present)?));
    Ok(found)
}

/// Files of the past, each judged once, by the list that stood beside it when it came. The present
/// ones are judged by the present list alone.
fn once_sealed(
    ground: &Ground<'_>,
    past: &[PastFile],
    sealed: &HashMap<String, Addressees>,
    present: &HashSet<String>,
) -> Result<Vec<OnceSealed>, GitError> {
    let mut in_force: HashSet<Sha256> = HashSet::new();
    for folder in ground.repo.snapshot(ground.rev)?.tenants {
        let Some(tenant) = valid(folder) else { continue };
        in_force.extend(tenant.tokens().filter_map(|token| Some(token.file.as_ref()?.sha256)));
    }
    let mut lists: HashMap<Option<Sha256>, Option<Vec<String>>> = HashMap::new();
    let mut seen: HashSet<&String> = HashSet::new();
    let mut found = Vec::new();
    for file in past {
        let Some(shown) = sealed.get(&file.blob) else { continue };
        if present.contains(&file.blob) || !seen.insert(&file.blob) {
            continue;
        }
        let bytes = ground.repo.policy(&file.commit)?;
        let list = lists.entry(bytes.as_deref().map(Sha256::of)).or_insert_with(|| {
            fleet::load_policy(bytes.as_deref()).0.map(|policy| policy.recipients)
        });
        let Some(list) = list else { continue };
        let strangers = report::strangers(shown, list);
        if !strangers.is_empty() {
            found.push(OnceSealed {
                path: file.path.clone(),
                commit: file.commit.clone(),
                strangers,
                is_in_force: in_force.contains(&file.sha256),
            });
        }
    }
    Ok(found)
}
