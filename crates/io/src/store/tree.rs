//! The shape of a ledger commit's tree, checked entry by entry.
//!
//! Anything that a ledger does not hold is refused instead of skipped: a file that nobody reads
//! is a file in which lines can be hidden.
#![expect(clippy::disallowed_types, reason = "reads Git objects")]

use std::collections::{BTreeMap, HashSet};

use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::MAX_TENANTS;
use super::error::LedgerError;
use applecart_core::ledger::{Chain, ChainError, ChainFault, MAX_FILE, read_chain_past};
use applecart_core::model::{Sha256, TenantId};

/// The mode of a plain file in a Git tree.
pub(super) const FILE_MODE: i32 = 0o100_644;
/// The mode of a folder in a Git tree.
pub(super) const FOLDER_MODE: i32 = 0o040_000;

/// The folder of the tenants' files.
pub(super) const FOLDER: &str = "tenants";

/// The files of one commit.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) root: Option<Oid>,
    /// The tree of `tenants/`.
    pub(super) folder: Option<Oid>,
    pub(super) tenants: BTreeMap<TenantId, Oid>,
}

/// Reads objects of one branch, giving errors its name.
pub(super) struct Objects<'a> {
    pub(super) repo: &'a Repository,
    pub(super) branch: &'a str,
}

/// A tenant's path in the tree.
pub(super) fn path_of(tenant: TenantId) -> String {
    format!("{FOLDER}/{tenant}.jsonl")
}

impl Objects<'_> {
    pub(super) fn unreadable(&self, what: impl Into<String>, source: git2::Error) -> LedgerError {
        LedgerError::Read { branch: self.branch.to_owned(), what: what.into(), source }
    }

    pub(super) fn broken(&self, tenant: TenantId, source: ChainError) -> LedgerError {
        let source = Box::new(source);
        LedgerError::Broken {
            branch: self.branch.to_owned(),
            path: path_of(tenant),
            tenant,
            source,
        }
    }

    fn shape(&self, path: String, found: &'static str) -> LedgerError {
        LedgerError::Shape { branch: self.branch.to_owned(), path, found }
    }

    /// The files of a commit, if its tree has nothing that a ledger does not hold.
    pub(super) fn files(&self, commit: Oid) -> Result<Files, LedgerError> {
        let unreadable = |source| self.unreadable(format!("the tree of commit {commit}"), source);
        let root = self.repo.find_commit(commit).and_then(|commit| commit.tree());
        let root = root.map_err(unreadable)?;
        let mut files = Files { root: Some(root.id()), ..Files::default() };
        for entry in &root {
            match (entry.name_bytes(), entry.kind(), entry.filemode_raw()) {
                (b"tenants", Some(ObjectType::Tree), FOLDER_MODE) => {
                    files.folder = Some(entry.id());
                }
                (b"README.md" | b".gitattributes", Some(ObjectType::Blob), FILE_MODE) => {}
                (name, kind, _) => {
                    let path = String::from_utf8_lossy(name).into_owned();
                    return Err(self.shape(path, describe(kind)));
                }
            }
        }
        if let Some(folder) = files.folder {
            files.tenants = self.tenants(folder)?;
        }
        Ok(files)
    }

    fn tenants(&self, folder: Oid) -> Result<BTreeMap<TenantId, Oid>, LedgerError> {
        let tree = self.repo.find_tree(folder);
        let tree = tree.map_err(|source| self.unreadable("the folder tenants/", source))?;
        if tree.len() > MAX_TENANTS {
            let branch = self.branch.to_owned();
            return Err(LedgerError::TooManyTenants { branch, found: tree.len() });
        }
        let mut tenants = BTreeMap::new();
        for entry in &tree {
            let tenant = tenant_of(entry.name_bytes());
            let is_file =
                entry.kind() == Some(ObjectType::Blob) && entry.filemode_raw() == FILE_MODE;
            match tenant.filter(|_| is_file) {
                Some(tenant) => tenants.insert(tenant, entry.id()),
                None => {
                    let name = String::from_utf8_lossy(entry.name_bytes());
                    let found = describe(entry.kind());
                    return Err(self.shape(format!("{FOLDER}/{name}"), found));
                }
            };
        }
        Ok(tenants)
    }

    /// A tenant's file. Its size is looked at before it is read.
    pub(super) fn file(&self, tenant: TenantId, blob: Oid) -> Result<Vec<u8>, LedgerError> {
        let unreadable = |source| self.unreadable(path_of(tenant), source);
        let odb = self.repo.odb().map_err(unreadable)?;
        let (length, _) = odb.read_header(blob).map_err(unreadable)?;
        if length > MAX_FILE {
            let fault = ChainFault::TooLarge { length };
            return Err(self.broken(tenant, ChainError::new(1, fault)));
        }
        let blob = self.repo.find_blob(blob).map_err(unreadable)?;
        Ok(blob.content().to_vec())
    }

    /// A tenant's file as a chain, which may break where the policy accepts it.
    pub(super) fn chain(
        &self,
        tenant: TenantId,
        bytes: &[u8],
        accepted: &HashSet<(TenantId, Sha256)>,
    ) -> Result<Chain, LedgerError> {
        let mut accepts = |error: &ChainError| {
            error.accept.is_some_and(|line| accepted.contains(&(tenant, line)))
        };
        read_chain_past(bytes, &mut accepts).map_err(|source| self.broken(tenant, source))
    }

    /// The branch's tip; `None` when it is proved absent.
    pub(super) fn tip(&self, refname: &str) -> Result<Option<Oid>, LedgerError> {
        match self.repo.find_reference(refname) {
            Ok(reference) => match reference.target() {
                Some(tip) => Ok(Some(tip)),
                None => Err(LedgerError::Symbolic { branch: self.branch.to_owned() }),
            },
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(source) => Err(self.unreadable("the tip", source)),
        }
    }
}

/// The tenant of a file name, which must be the one name that the tenant's file can have.
pub(super) fn tenant_of(name: &[u8]) -> Option<TenantId> {
    let stem = std::str::from_utf8(name).ok()?.strip_suffix(".jsonl")?;
    let tenant: TenantId = stem.parse().ok()?;
    (tenant.to_string() == stem).then_some(tenant)
}

fn describe(kind: Option<ObjectType>) -> &'static str {
    match kind {
        Some(ObjectType::Tree) => "a folder",
        Some(ObjectType::Commit) => "a submodule",
        _ => "a file, link or program",
    }
}
