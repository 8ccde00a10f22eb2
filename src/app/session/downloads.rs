//! What the base's history says of when enrollment files were downloaded.

use std::collections::{BTreeMap, BTreeSet};

use super::loaded::Loaded;
use applecart_core::fleet::{self, Desired};
use applecart_core::model::{Kind, Sha256, TenantName};
use applecart_core::plan::Due;
use applecart_core::rules::downloads::Downloads;
use applecart_io::git::{FleetWalk, GitError};

/// Looks up the files that would be uploaded, up to the base, else to the planned commit: a file
/// that was merged before is as old as it was said to be then. Nothing else is read for it, so that
/// an ordinary plan costs no walk.
pub(super) fn of_base(loaded: &Loaded, due: &[Due]) -> Result<Downloads, GitError> {
    let mut wanted: BTreeMap<&TenantName, BTreeSet<Sha256>> = BTreeMap::new();
    for one in due.iter().filter(|one| one.token.token.kind == Kind::Enrollment) {
        let file = one.token.file.iter().map(|file| file.sha256);
        wanted.entry(&one.tenant.name).or_default().extend(file);
    }
    let mut downloads = Downloads::default();
    let planned = loaded.rev.as_deref();
    let Some(tip) = loaded.base.as_ref().map(|base| base.commit.as_str()).or(planned) else {
        return Ok(downloads);
    };
    let mut names = wanted.keys();
    let walk = match (names.next(), names.next()) {
        (None, _) => return Ok(downloads),
        (Some(only), None) => loaded.repo.walk(tip, Some(only.as_str()))?,
        (Some(_), Some(_)) => loaded.repo.walk(tip, None)?,
    };
    for (name, files) in &wanted {
        add(&mut downloads, loaded, &walk, name.as_str(), files)?;
    }
    Ok(downloads)
}

fn add(
    downloads: &mut Downloads,
    loaded: &Loaded,
    walk: &FleetWalk<'_>,
    name: &str,
    files: &BTreeSet<Sha256>,
) -> Result<(), GitError> {
    for change in walk.history_of(name)?.changes {
        let Some(tree) = &change.after else { continue };
        let folder = loaded.repo.folder_of_tree(&change.folder, tree)?;
        let Some(Desired::Valid(tenant)) = fleet::load_folder(folder, None) else { continue };
        for entry in &tenant.enrollment {
            let Some(file) = entry.file.as_ref().filter(|file| files.contains(&file.sha256)) else {
                continue;
            };
            let at = match entry.downloaded {
                Some(at) => at,
                // What is in a commit was downloaded before.
                None => loaded.repo.commit_facts(&change.commit)?.committed,
            };
            downloads.add(file.sha256, at);
        }
    }
    Ok(())
}
