//! Tenant files → the worktree, one tenant at a time, so that one that cannot be written stops no
//! other.
#![expect(clippy::disallowed_methods, reason = "writes the files of the worktree")]

use std::fs;
use std::io;
use std::path::Path;

use crate::app::replace::{self, New};
use applecart_core::import::Draft;
use applecart_core::model::TenantName;
use applecart_io::store;

/// Why a tenant file was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    #[error("{0} is {1}; nothing is written through it or over it")]
    Kind(String, &'static str),
    #[error("{0} was made meanwhile; nothing was written over it")]
    Came(String),
    #[error("{0} was changed meanwhile; run the import again")]
    Changed(String),
    #[error("{0} could not be written: {1}")]
    File(String, io::Error),
}

/// Puts a tenant file in place while no other process replaces files of this clone.
pub(super) fn put_alone(
    common_git_dir: &Path,
    root: &Path,
    draft: &Draft,
) -> Result<(), PlaceError> {
    store::replacing(common_git_dir, || put(root, draft))
        .map_err(|error| PlaceError::File(draft.path(), io::Error::other(error)))?
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

/// Checks that what is there, if anything, is no link and of this kind.
fn kind(
    path: &Path,
    shown: &str,
    fits: fn(&fs::FileType) -> bool,
) -> Result<Option<()>, PlaceError> {
    match fs::symlink_metadata(path).map(|metadata| metadata.file_type()) {
        Ok(kind) if fits(&kind) => Ok(Some(())),
        Ok(kind) if kind.is_symlink() => Err(PlaceError::Kind(shown.to_owned(), "a symbolic link")),
        Ok(_) => Err(PlaceError::Kind(shown.to_owned(), "not what it should be")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PlaceError::File(shown.to_owned(), error)),
    }
}

/// Removes a sealed file that no token names any more; Git's history keeps it.
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
            is_topic_left: false,
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
