//! The ledger branch of this clone, read through libgit2. Appending is in `append`.
#![expect(clippy::disallowed_types, reason = "opens the repository")]

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use git2::{ErrorCode, Oid, Repository};

use super::MAX_TOTAL;
use super::error::LedgerError;
use super::tree::Objects;
use crate::git::{SigningKey, opening};
use crate::seams::{Clock, Ids, MachineClock, RandomIds};
use applecart_core::ledger::{Chain, ChainError, ChainFault, Tail};
use applecart_core::ledger::{LedgerView, TenantLedger};
use applecart_core::model::{Sha256, TenantId};

/// How long a process waits for another Git process that has locked the branch. Git itself holds
/// such a lock for milliseconds, and a slow disk for seconds; a person who waits for longer is not
/// told why.
const LOCK_WAIT: Duration = Duration::from_secs(8);

/// So many files are worth a thread that opens the repository for itself.
const MIN_FILES: usize = 256;
/// More threads wait for each other.
const MAX_READERS: usize = 4;

/// What a branch is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// What decides about writes.
    Ledger {
        /// The whole name of its first commit, where the policy has it.
        genesis: Option<String>,
    },
    /// What people record by commands: requests for Apple, confirmations.
    Notes {
        /// The whole name of its first commit, where the policy has it.
        genesis: Option<String>,
    },
}

/// A ledger branch of this clone: its commits are read and verified, and made (see `append`).
///
/// It remembers the tip it has seen, so that a branch which disappears or is rewritten while the
/// program runs is an error instead of an empty or shorter ledger.
pub(super) struct Local {
    pub(super) repo: Repository,
    /// The handle that writes, opened at the first append; it flushes to disk.
    pub(super) durable: OnceCell<Repository>,
    pub(super) branch: String,
    pub(super) refname: String,
    pub(super) seen: Cell<Option<Oid>>,
    /// The chain's end in blobs that this handle wrote or verified.
    pub(super) tails: HashMap<TenantId, (Oid, Tail)>,
    /// The hashes of the first lines that this handle wrote. No two tenants' files may start with
    /// the same line, or reading takes one for a copy of the other.
    pub(super) starts: HashMap<Sha256, TenantId>,
    /// Files that were read and start as another tenant's does: nothing is appended to them.
    pub(super) copies: RefCell<HashMap<TenantId, (Oid, TenantId)>>,
    /// Commits that were found in the history of others.
    contained: RefCell<HashSet<(Oid, Oid)>>,
    pub(super) lock_wait: Duration,
    /// Spreads the tries of processes that meet.
    pub(super) ids: Arc<dyn Ids>,
    /// What it waits by.
    pub(super) clock: Arc<dyn Clock>,
    pub(super) role: Role,
    /// The lines at which the policy accepts that a chain breaks.
    pub(super) accepted: HashSet<(TenantId, Sha256)>,
    /// What its commits are signed with.
    pub(super) signing_key: Option<SigningKey>,
}

impl Local {
    pub(super) fn open(repo_path: &Path, branch: &str) -> Result<Self, LedgerError> {
        let repo = open(repo_path)?;
        let refname = format!("refs/heads/{branch}");
        // HEAD is a valid reference name, but a branch of that name is a trap.
        let valid = git2::Reference::is_valid_name(&refname)
            && !branch.starts_with('-')
            && branch != "HEAD";
        if !valid {
            return Err(LedgerError::BranchName { branch: branch.to_owned() });
        }
        Ok(Self {
            repo,
            durable: OnceCell::new(),
            branch: branch.to_owned(),
            refname,
            seen: Cell::new(None),
            tails: HashMap::new(),
            starts: HashMap::new(),
            copies: RefCell::default(),
            contained: RefCell::default(),
            lock_wait: LOCK_WAIT,
            ids: Arc::new(RandomIds),
            clock: Arc::new(MachineClock),
            role: Role::Ledger { genesis: None },
            accepted: HashSet::new(),
            signing_key: None,
        })
    }

    /// The ledger as one commit has it.
    pub(super) fn read_at(&self, tip: Option<Oid>) -> Result<LedgerView, LedgerError> {
        let Some(tip) = tip else { return Ok(LedgerView::default()) };
        let mut view = LedgerView { head: Some(tip.to_string()), ..LedgerView::default() };
        let mut starts = Starts::default();
        let objects = self.objects(&self.repo);
        let files = objects.files(tip)?.tenants;
        let mut copies = HashMap::new();
        for ((&tenant, &blob), read) in files.iter().zip(self.chains(&files)?) {
            match read.and_then(|chain| starts.admit(&objects, tenant, chain)) {
                Ok((ledger, _)) => {
                    view.tenants.insert(tenant, ledger);
                }
                Err(error) => {
                    if let Some(other) = error.copy_of() {
                        // Which of the two is the original, the files do not tell.
                        copies.insert(tenant, (blob, other));
                        if let Some(&original) = files.get(&other) {
                            copies.insert(other, (original, tenant));
                        }
                    }
                    error.breaks(&mut view, tenant)?;
                }
            }
        }
        for (&tenant, &(_, other)) in &copies {
            let fault = ChainFault::OtherTenant { tenant: other };
            let error = objects.broken(tenant, ChainError::new(1, fault));
            view.tenants.remove(&tenant);
            view.broken.insert(tenant, error.sentence());
        }
        self.copies.replace(copies);
        Ok(view)
    }

    /// Every file as a chain, in order, by as many threads as are worth it. Nearly all that reading a
    /// ledger costs is this.
    fn chains(
        &self,
        files: &BTreeMap<TenantId, Oid>,
    ) -> Result<Vec<Result<Chain, LedgerError>>, LedgerError> {
        let files: Vec<(TenantId, Oid)> =
            files.iter().map(|(&tenant, &blob)| (tenant, blob)).collect();
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let parts = (files.len() / MIN_FILES).clamp(1, cores.min(MAX_READERS));
        let (branch, accepted, total) = (self.branch.as_str(), &self.accepted, &AtomicU64::new(0));
        let read = |repo: &Repository, files: &[(TenantId, Oid)]| {
            let objects = Objects { repo, branch };
            let chain = |&(tenant, blob): &(TenantId, Oid)| {
                let bytes = match objects.file(tenant, blob) {
                    Ok(bytes) => bytes,
                    Err(error) => return Ok(Err(error)),
                };
                let length = bytes.len() as u64;
                if total.fetch_add(length, Ordering::Relaxed) + length > MAX_TOTAL {
                    return Err(LedgerError::TooMuch { branch: branch.to_owned() });
                }
                Ok(objects.chain(tenant, &bytes, accepted))
            };
            files.iter().map(chain).collect::<Result<Vec<_>, LedgerError>>()
        };
        if parts == 1 {
            return read(&self.repo, &files);
        }
        let path = self.repo.path();
        thread::scope(|threads| {
            let part = |files| threads.spawn(move || read(&open(path)?, files));
            let parts: Vec<_> = files.chunks(files.len().div_ceil(parts)).map(part).collect();
            let mut chains = Vec::with_capacity(files.len());
            for part in parts {
                chains.extend(part.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            Ok(chains)
        })
    }

    /// One tenant's file, verified.
    pub(super) fn tenant_at(
        &self,
        tenant: TenantId,
        blob: Oid,
        starts: &mut Starts,
    ) -> Result<(TenantLedger, Tail), LedgerError> {
        let objects = self.objects(&self.repo);
        let bytes = objects.file(tenant, blob)?;
        starts.total += bytes.len() as u64;
        if starts.total > MAX_TOTAL {
            return Err(LedgerError::TooMuch { branch: self.branch.clone() });
        }
        starts.admit(&objects, tenant, self.chain(tenant, &bytes)?)
    }

    /// A tenant's file as a chain, which may break where the policy accepts it.
    pub(super) fn chain(&self, tenant: TenantId, bytes: &[u8]) -> Result<Chain, LedgerError> {
        self.objects(&self.repo).chain(tenant, bytes, &self.accepted)
    }

    pub(super) fn objects<'a>(&'a self, repo: &'a Repository) -> Objects<'a> {
        Objects { repo, branch: &self.branch }
    }

    /// Whether `tip` is `commit` or has it in its history.
    pub(super) fn contains(&self, tip: Oid, commit: Oid) -> Result<bool, LedgerError> {
        if tip == commit || self.contained.borrow().contains(&(tip, commit)) {
            return Ok(true);
        }
        let unreadable = |source| self.objects(&self.repo).unreadable("the history", source);
        let contains = self.history()?.graph_descendant_of(tip, commit).map_err(unreadable)?;
        if contains {
            self.contained.borrow_mut().insert((tip, commit));
        }
        Ok(contains)
    }

    /// Where two histories part; `None` where they have nothing in common.
    pub(super) fn fork(&self, one: Oid, other: Oid) -> Result<Option<Oid>, LedgerError> {
        match self.history()?.merge_base(one, other) {
            Ok(base) => Ok(Some(base)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(source) => Err(self.objects(&self.repo).unreadable("the history", source)),
        }
    }

    /// A handle for questions about history. An open one keeps the ends of a shallow clone's
    /// history as they were when it was opened, and a fetch moves them.
    pub(super) fn history(&self) -> Result<Repository, LedgerError> {
        open(self.repo.path())
    }

    /// Where a reference is; `None` when there is none.
    pub(super) fn tip_of(&self, refname: &str) -> Result<Option<Oid>, LedgerError> {
        self.objects(&self.repo).tip(refname)
    }

    /// The branch's tip, compared with the one seen last.
    pub(super) fn tip(&self) -> Result<Option<Oid>, LedgerError> {
        let objects = self.objects(&self.repo);
        let tip = objects.tip(&self.refname)?;
        let Some(seen) = self.seen.get().filter(|&seen| Some(seen) != tip) else {
            self.seen.set(tip);
            return Ok(tip);
        };
        let branch = self.branch.clone();
        let Some(found) = tip else {
            return Err(LedgerError::Lost { branch, seen: seen.to_string() });
        };
        let contains = self.repo.graph_descendant_of(found, seen);
        if !contains.map_err(|source| objects.unreadable("the history", source))? {
            let (seen, found) = (seen.to_string(), found.to_string());
            return Err(LedgerError::Rewritten { branch, seen, found });
        }
        self.seen.set(tip);
        Ok(tip)
    }
}

/// What was read of all files so far: their size, and which tenant's file starts with which line.
#[derive(Debug, Default)]
pub(super) struct Starts {
    total: u64,
    first_lines: HashMap<Sha256, TenantId>,
}

impl Starts {
    /// The ledger of a chain that starts as no other tenant's does.
    fn admit(
        &mut self,
        objects: &Objects<'_>,
        tenant: TenantId,
        chain: Chain,
    ) -> Result<(TenantLedger, Tail), LedgerError> {
        if let Some(other) = self.first_lines.insert(chain.first, tenant) {
            let fault = ChainFault::OtherTenant { tenant: other };
            return Err(objects.broken(tenant, ChainError::new(1, fault)));
        }
        Ok((TenantLedger { records: chain.records, ..TenantLedger::default() }, chain.tail))
    }
}

/// Opens the repository that `path` is in, refusing one of another user as Git does.
pub(super) fn open(path: &Path) -> Result<Repository, LedgerError> {
    opening::open(path).map_err(LedgerError::Open)
}

#[cfg(test)]
pub(super) mod tests;
