//! The files of the policy revision that say who may sign.

use super::SignersError;
use crate::git::{GitError, Repo};
use applecart_core::fleet::{FileBytes, SignerFile, Signing, holds_private_key, names_anybody};

#[derive(Debug)]
pub(super) struct SignerFiles {
    pub(super) allowed: Option<Vec<u8>>,
    pub(super) openpgp: Option<Vec<u8>>,
    pub(super) revoked: Option<Vec<u8>>,
}

impl SignerFiles {
    pub(super) fn read(
        repo: &Repo,
        rev: Option<&str>,
        signing: &Signing,
    ) -> Result<Self, SignersError> {
        let read = |which: SignerFile, path: &Option<String>| {
            path.as_deref().map(|path| one(repo, rev, which, path)).transpose()
        };
        let files = Self {
            allowed: read(SignerFile::Allowed, &signing.signers)?,
            openpgp: read(SignerFile::Openpgp, &signing.openpgp_keys)?,
            revoked: read(SignerFile::Revoked, &signing.revoked_signers)?,
        };
        if files.allowed.is_none() && files.openpgp.is_none() {
            return Err(SignersError::Nobody);
        }
        Ok(files)
    }
}

fn one(
    repo: &Repo,
    rev: Option<&str>,
    which: SignerFile,
    path: &str,
) -> Result<Vec<u8>, SignersError> {
    let fault = |why: String| {
        Err(SignersError::File { setting: which.setting(), path: path.to_owned(), why })
    };
    let file = match rev {
        Some(rev) => repo.plain_file(rev, path),
        None => repo.worktree_file(path),
    };
    match file {
        Ok(None) => fault("is missing".to_owned()),
        Ok(Some(FileBytes::TooLarge { size })) => {
            fault(format!("has {size} bytes, more than are read"))
        }
        Ok(Some(FileBytes::NotHere)) => fault("is not in this clone".to_owned()),
        Ok(Some(FileBytes::Read(bytes))) if holds_private_key(&bytes) => {
            fault("holds a private key; replace that key, Git keeps it forever".to_owned())
        }
        Ok(Some(FileBytes::Read(bytes))) if !names_anybody(which, &bytes) => {
            fault("names no signer".to_owned())
        }
        Ok(Some(FileBytes::Read(bytes))) => Ok(bytes),
        Err(GitError::WrongKind { path: at, is, must_be }) => {
            fault(format!("cannot be read, for {at} is {is}; it must be {must_be}"))
        }
        Err(error) => Err(error.into()),
    }
}
