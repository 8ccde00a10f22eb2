//! Tenant files → the worktree: checked as the fleet is checked, then put in place one tenant at a
//! time, so that one that cannot be written stops no other.
#![expect(clippy::disallowed_methods, reason = "cli writes the files of the worktree")]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::app::replace::{self, New};
use applecart_core::fleet::{self, Diagnostic, FileBytes, Folder, Policy, Source};
use applecart_core::model::TenantName;

/// A tenant file that is to be written.
pub(super) struct Draft {
    pub(super) name: TenantName,
    /// What stands there; `None` where the folder is to be made.
    pub(super) before: Option<String>,
    pub(super) after: String,
    /// Sealed files in the folder that nobody will name any more.
    pub(super) left: Vec<String>,
}

impl Draft {
    pub(super) fn path(&self) -> String {
        format!("tenants/{}/tenant.yaml", self.name)
    }
}

/// What the fleet's own checks have against the drafts, by tenant; mistakes that stand there
/// without the drafts are nobody's news.
pub(super) fn mistakes<'d>(
    source: &Source,
    policy: &Policy,
    drafts: &'d [Draft],
) -> Vec<(&'d Draft, Vec<Diagnostic>)> {
    let key = |one: &Diagnostic| (one.file.clone(), one.code.as_str(), one.message.clone());
    let (_, before) = fleet::load_tenants(source, Some(policy));
    let before: BTreeSet<_> = before.iter().map(key).collect();
    let mut proposed = source.clone();
    for draft in drafts {
        let bytes = Some(FileBytes::Read(draft.after.clone().into_bytes()));
        let name = draft.name.as_str();
        match proposed.tenants.iter_mut().find(|folder| folder.name == name) {
            Some(folder) => folder.tenant_file = bytes,
            None => proposed.tenants.push(Folder {
                name: name.to_owned(),
                tree: String::new(),
                tenant_file: bytes,
                entries: Vec::new(),
                overfull: None,
            }),
        }
    }
    proposed.tenants.sort_by(|one, other| one.name.cmp(&other.name));
    let (_, after) = fleet::load_tenants(&proposed, Some(policy));
    let new: Vec<Diagnostic> =
        after.into_iter().filter(|one| one.is_error() && !before.contains(&key(one))).collect();
    drafts
        .iter()
        .filter_map(|draft| {
            let path = draft.path();
            let own: Vec<Diagnostic> = new.iter().filter(|one| one.file == path).cloned().collect();
            (!own.is_empty()).then_some((draft, own))
        })
        .collect()
}

/// Why a tenant file was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    #[error("{0} is {1}; nothing is written through it or over it")]
    Kind(String, &'static str),
    #[error("{0} came there meanwhile; nothing was written over it")]
    Came(String),
    #[error("{0} was changed by somebody else meanwhile; run the import again")]
    Changed(String),
    #[error("{0} could not be written: {1}")]
    File(String, io::Error),
}

/// Puts a tenant file in place.
pub(super) fn put(root: &Path, draft: &Draft) -> Result<(), PlaceError> {
    let tenants = root.join("tenants");
    let folder = tenants.join(draft.name.as_str());
    let file = folder.join("tenant.yaml");
    let shown = format!("tenants/{}", draft.name);
    let failed = |error: io::Error| PlaceError::File(draft.path(), error);
    let fresh = draft.before.is_none();
    if kind(&tenants, "tenants", fs::FileType::is_dir)?.is_none() {
        fs::create_dir(&tenants).map_err(failed)?;
    }
    match (&draft.before, kind(&folder, &shown, fs::FileType::is_dir)?) {
        (None, None) => fs::create_dir(&folder).map_err(failed)?,
        (None, Some(())) => return Err(PlaceError::Came(shown)),
        (Some(before), _) => {
            kind(&file, &draft.path(), fs::FileType::is_file)?;
            if fs::read(&file).map_err(failed)? != before.as_bytes() {
                return Err(PlaceError::Changed(draft.path()));
            }
        }
    }
    let new = New { path: file, bytes: draft.after.clone().into_bytes() };
    let written = replace::replace(&[new]).map_err(|error| {
        let why = std::error::Error::source(&error).map(ToString::to_string);
        failed(io::Error::other(why.unwrap_or_else(|| error.to_string())))
    });
    if written.is_err() && fresh {
        // Only where it is empty; the first error is the one to tell.
        let _ = fs::remove_dir(&folder);
    }
    written
}

/// That what stands there, if anything does, is no link and of this kind.
fn kind(
    path: &Path,
    shown: &str,
    fits: fn(&fs::FileType) -> bool,
) -> Result<Option<()>, PlaceError> {
    match fs::symlink_metadata(path).map(|metadata| metadata.file_type()) {
        Ok(kind) if fits(&kind) => Ok(Some(())),
        Ok(kind) if kind.is_symlink() => Err(PlaceError::Kind(shown.to_owned(), "a symbolic link")),
        Ok(_) => Err(PlaceError::Kind(shown.to_owned(), "something else than it should be")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PlaceError::File(shown.to_owned(), error)),
    }
}

/// Removes a sealed file that nobody names any more; Git's history keeps it.
pub(super) fn remove(root: &Path, name: &TenantName, file: &str) -> Result<(), PlaceError> {
    let shown = format!("tenants/{name}/{file}");
    let path = root.join("tenants").join(name.as_str()).join(file);
    match kind(&path, &shown, fs::FileType::is_file)? {
        Some(()) => fs::remove_file(&path).map_err(|error| PlaceError::File(shown, error)),
        None => Ok(()),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn name() -> TenantName {
        "contoso".parse().unwrap()
    }

    fn draft(before: Option<&str>) -> Draft {
        Draft {
            name: name(),
            before: before.map(str::to_owned),
            after: "new".to_owned(),
            left: Vec::new(),
        }
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = |to: &Path, name: &str| {
            std::os::unix::fs::symlink(to, root.path().join(name)).unwrap();
        };
        let empty = || fs::read_dir(elsewhere.path()).unwrap().next().is_none();
        link(elsewhere.path(), "tenants");
        let error = put(root.path(), &draft(None)).unwrap_err().to_string();
        assert!(error.contains("tenants is a symbolic link"), "{error}");
        fs::remove_file(root.path().join("tenants")).unwrap();

        fs::create_dir(root.path().join("tenants")).unwrap();
        link(elsewhere.path(), "tenants/contoso");
        put(root.path(), &draft(None)).unwrap_err();
        put(root.path(), &draft(Some("old"))).unwrap_err();
        fs::remove_file(root.path().join("tenants/contoso")).unwrap();
        assert!(empty());

        fs::create_dir(root.path().join("tenants/contoso")).unwrap();
        fs::write(elsewhere.path().join("theirs"), "old").unwrap();
        link(&elsewhere.path().join("theirs"), "tenants/contoso/tenant.yaml");
        let error = put(root.path(), &draft(Some("old"))).unwrap_err().to_string();
        assert!(error.contains("a symbolic link"), "{error}");
        assert_eq!(fs::read_to_string(elsewhere.path().join("theirs")).unwrap(), "old");
        remove(root.path(), &name(), "tenant.yaml").unwrap_err();
    }

    #[test]
    fn what_came_or_changed_meanwhile_stays() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("tenants/contoso/tenant.yaml");
        put(root.path(), &draft(None)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(matches!(put(root.path(), &draft(None)), Err(PlaceError::Came(_))));
        assert!(matches!(put(root.path(), &draft(Some("old"))), Err(PlaceError::Changed(_))));
        put(root.path(), &draft(Some("new"))).unwrap();
    }
}
