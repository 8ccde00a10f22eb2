//! Whether a tenant's present files were another tenant's before, by Git's history.

use std::collections::{HashMap, HashSet};

use super::Ground;
use super::uploads::valid;
use crate::cli::error::CliError;
use applecart_core::fleet::{FileBytes, token_lines};
use applecart_core::model::{Sha256, TenantId};
use applecart_core::report::{AuditArea, AuditFinding, AuditPlace};
use applecart_io::git::GitError;

/// To whom a file belonged first, and since when each tenant has it.
#[derive(Default)]
struct Bound {
    first: Option<TenantId>,
    since: HashMap<TenantId, String>,
}

/// A sealed file as a commit of the past had it.
pub(super) struct PastFile {
    pub(super) commit: String,
    /// From the root.
    pub(super) path: String,
    pub(super) tenant: TenantId,
    pub(super) sha256: Sha256,
    pub(super) blob: String,
}

/// Every sealed file of every version of a folder, oldest first; told once for each tenant.
pub(super) fn past_files(ground: &Ground<'_>) -> Result<Vec<PastFile>, GitError> {
    let walk = ground.repo.walk(ground.rev, None)?;
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for (commit, name, tree) in walk.trees().rev() {
        let Some(tenant) = valid(ground.repo.folder_of_tree(name, &tree)?) else { continue };
        for file in tenant.tokens().filter_map(|token| token.file.as_ref()) {
            if seen.insert((tenant.tenant_id, file.sha256, file.blob.clone())) {
                files.push(PastFile {
                    commit: commit.clone(),
                    path: format!("tenants/{name}/{}", file.name),
                    tenant: tenant.tenant_id,
                    sha256: file.sha256,
                    blob: file.blob.clone(),
                });
            }
        }
    }
    Ok(files)
}

pub(super) fn audit(ground: &Ground<'_>, past: &[PastFile]) -> Result<Vec<AuditFinding>, CliError> {
    // The digest of the opened file, and the sealed file itself: either may have been moved alone.
    let mut bound: HashMap<String, Bound> = HashMap::new();
    for file in past {
        for key in [file.sha256.to_string(), file.blob.clone()] {
            let bound = bound.entry(key).or_default();
            bound.first.get_or_insert(file.tenant);
            bound.since.entry(file.tenant).or_insert_with(|| file.commit.clone());
        }
    }
    let mut found = Vec::new();
    for folder in ground.repo.snapshot(ground.rev)?.tenants {
        let lines = match &folder.tenant_file {
            Some(FileBytes::Read(bytes)) => token_lines(&folder.name, bytes),
            _ => continue,
        };
        let Some(tenant) = valid(folder) else { continue };
        for token in tenant.tokens() {
            let Some(file) = &token.file else { continue };
            let keys = [("digest", file.sha256.to_string()), ("sealed file", file.blob.clone())];
            for (what, key) in keys {
                let Some(bound) = bound.get(&key) else { continue };
                let Some(owner) = bound.first.filter(|owner| *owner != tenant.tenant_id) else {
                    continue;
                };
                let moved = ground.policy.moves.iter().any(|line| {
                    line.sha256 == file.sha256 && line.to == tenant.tenant_id && line.from == owner
                });
                if !moved {
                    let place = AuditPlace {
                        commit: bound.since.get(&tenant.tenant_id).cloned(),
                        line: Some(lines.of(&token.token)),
                        ..AuditPlace::file(format!("tenants/{}/tenant.yaml", tenant.name))
                    };
                    found.push(AuditFinding::new(
                        AuditArea::Uploads,
                        "wrong-destination",
                        place,
                        format!(
                            "{}: the {what} belonged to tenant {owner} first; files were swapped or copied",
                            token.token
                        ),
                        "bring each tenant's own file back (git log -- the folder); if it really moved, a `moves` line in applecart.yaml says so",
                    ));
                    break;
                }
            }
        }
    }
    Ok(found)
}

/// Every sealed file of the audited revision, with its path and blob.
pub(super) fn sealed_files(ground: &Ground<'_>) -> Result<Vec<(String, String)>, GitError> {
    let mut files = Vec::new();
    for folder in ground.repo.snapshot(ground.rev)?.tenants {
        let Some(tenant) = valid(folder) else { continue };
        for file in tenant.tokens().filter_map(|token| token.file.as_ref()) {
            files.push((format!("tenants/{}/{}", tenant.name, file.name), file.blob.clone()));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}
