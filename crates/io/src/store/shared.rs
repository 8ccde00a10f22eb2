//! A ledger that several clones share through a remote.
//!
//! **The remote's branch is the ledger.** It only ever moves forward, by plain pushes, and every
//! clone builds on what it has.
//!
//! **The local branch is a desk.** It is the remote's branch plus entries that are not pushed yet.
//! *Outcomes* are committed there at once, so that a crash cannot take them back, and pushed
//! together later. *Intents*, and the first entries of a ledger that does not exist yet, are
//! pushed first and only then put on the local branch: what could not be announced was not
//! announced, and leaves no trace that a later run would take for a sending.
//!
//! **Lost races.** When the remote's branch has moved, it is fetched, the entries that it lacks
//! are appended anew on its tip (the same entries, with new `seq` and `prev`), the local branch is
//! set to that, and the push is tried again. Which entries those are is told from the commit where
//! the two branches parted, and entries that stand on both sides are not appended twice. Two first
//! pushes are the same case with nothing in common: the later one's entries go on top of the
//! earlier one's root. So commits that were never pushed are replaced, and pushed ones never.
//!
//! **What is never lost.** Entries that a dead run of this clone left on the local branch are
//! lacking at the remote like any others, and the next run that writes pushes them. Entries that
//! cannot be appended over there, because that tenant's file is broken, stay reachable under
//! `refs/applecart/kept/` when the local branch moves on without them.
//!
//! Several processes of one clone may do all this at once: the local branch is moved only from
//! where it was read, and a lost race is run again.
#![expect(clippy::disallowed_methods, reason = "waits for other clones")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use git2::Oid;

use super::append::{Patience, Place, Twice, jitter};
use super::branch::{Ledger, Starts};
use super::error::LedgerError;
use super::remote::Remote;
use super::tree::path_of;
use crate::git::network::Pushed;
use applecart_core::ledger::encode;
use applecart_core::ledger::{LedgerView, TenantLedger};
use applecart_core::ledger::{Tail, extend};
use applecart_core::ledger::{is_about, lacking};
use applecart_core::model::{LedgerEntry, Record, Sha256, TenantId};

/// How often a push is tried again because the branch had moved. Somebody wins each time.
const MAX_PUSHES: u32 = 60;
/// How often a push is tried again because the branch is locked at the remote. A lock that a dead
/// process left there stays for good.
const MAX_BUSY: u32 = 20;
/// How often the local branch is set anew because another process of this clone moved it.
const MAX_MOVES: u32 = 1000;
/// The longest pause after a lost race, as a power of two of 8 ms.
const MAX_BACKOFF: u32 = 7;

/// An entry that has landed where every run sees it.
#[derive(Clone, Debug)]
pub struct Announced {
    /// Its record, at its final place.
    pub record: Record,
    /// Its tenant's whole chain as it was directly after landing, for
    /// [`TenantLedger::holder`]: an earlier intent of another run is in it.
    pub chain: Arc<TenantLedger>,
}

/// What became of entries that were handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// How many were recorded.
    pub recorded: usize,
    /// How many the ledger had already.
    pub known: usize,
    /// The tip that has them all; `None` when there is no ledger and there was nothing to record.
    pub head: Option<String>,
}

/// Entries that this clone has and the remote lacks.
#[derive(Debug, Default)]
struct Unpushed {
    entries: Vec<(TenantId, LedgerEntry)>,
    /// Tenants whose entries cannot be told, or not be appended, because a file is broken.
    stuck: BTreeMap<TenantId, LedgerError>,
}

/// Entries at the remote, and the commit that has them.
pub(super) struct Landed {
    pub(super) records: Vec<Record>,
    pub(super) commit: Option<Oid>,
}

impl Ledger {
    /// Opens the ledger that the repository shares with others: through the branch's upstream,
    /// else `origin`, else the only remote. Without any remote it is the local branch, as with
    /// [`Ledger::open`].
    pub fn open_shared(repo_path: &Path, branch: &str) -> Result<Self, LedgerError> {
        Self::linked(repo_path, branch, true)
    }

    /// The same, but contacts nothing: what this clone saw of the remote last, and its own entries.
    /// It is only read.
    pub fn open_offline(repo_path: &Path, branch: &str) -> Result<Self, LedgerError> {
        Self::linked(repo_path, branch, false)
    }

    fn linked(repo_path: &Path, branch: &str, asked: bool) -> Result<Self, LedgerError> {
        let ledger = Self::open(repo_path, branch)?;
        let remote = Remote::of(repo_path, &ledger.repo, branch, asked)?;
        Ok(Self { remote, ..ledger })
    }

    /// The remote that is asked; `None` where only this clone is looked at.
    pub fn asked_remote(&self) -> Option<&str> {
        self.remote.as_ref().filter(|remote| remote.asked).map(|remote| remote.name.as_str())
    }

    /// Begins a run that writes: reads the ledger, and first pushes what an earlier run of this
    /// clone has recorded and could not push.
    pub fn begin(&mut self) -> Result<LedgerView, LedgerError> {
        if self.asked_remote().is_some() {
            let view = self.read()?;
            if view.unpushed == 0 {
                return Ok(view);
            }
            self.land(&[], Twice::Append)?;
        }
        self.read()
    }

    /// Appends entries, pushes them, and gives each with its tenant's chain as it then is.
    ///
    /// # Errors
    /// Nothing was announced, and nothing may be written. (Where the remote could not be reached,
    /// the entries may have arrived all the same; like those of a run that died, they end with
    /// their lease.)
    pub fn announce(
        &mut self,
        drafts: &[(TenantId, LedgerEntry)],
    ) -> Result<Vec<Announced>, LedgerError> {
        let landed = self.land(drafts, Twice::Append)?;
        let tenants: BTreeSet<TenantId> = drafts.iter().map(|(tenant, _)| *tenant).collect();
        let chains = self.chains(landed.commit, &tenants)?;
        let records = drafts.iter().map(|(tenant, _)| *tenant).zip(landed.records);
        let announced = records.map(|(tenant, record)| {
            let chain = chains.get(&tenant).map(Arc::clone).unwrap_or_default();
            Announced { record, chain }
        });
        Ok(announced.collect())
    }

    /// Appends entries that were saved elsewhere, except those that the ledger has already, and
    /// pushes them.
    pub fn deliver(
        &mut self,
        drafts: &[(TenantId, LedgerEntry)],
    ) -> Result<Delivered, LedgerError> {
        self.begin()?;
        let landed = self.land(drafts, Twice::Skip)?;
        Ok(Delivered {
            recorded: landed.records.len(),
            known: drafts.len() - landed.records.len(),
            head: landed.commit.map(|tip| tip.to_string()),
        })
    }

    /// Pushes a ledger that only this clone has. Where the remote has one already, pushes what it
    /// lacks of this clone's. Returns the tip; `None` when there is no ledger at all.
    pub fn publish(&mut self) -> Result<Option<String>, LedgerError> {
        let Some(remote) = &self.remote else { return Err(LedgerError::NoRemote) };
        match self.ask(remote) {
            Err(LedgerError::Unpublished { .. }) => {
                let Some(tip) = self.tip_of(&self.refname)? else { return Ok(None) };
                match remote.push(&self.branch, &self.refname, tip, None)? {
                    Pushed::Done => {
                        self.landed(remote, tip);
                        return Ok(Some(tip.to_string()));
                    }
                    Pushed::Refused { reason } => return Err(self.refused(remote, reason)),
                    // Another clone published first; this one's entries go on top of it.
                    Pushed::Moved | Pushed::Busy => {}
                }
            }
            other => {
                other?;
            }
        }
        self.begin().map(|view| view.head)
    }

    /// The remote's ledger with this clone's unpushed entries at the end of the chains.
    pub(super) fn read_shared(&self, remote: &Remote) -> Result<LedgerView, LedgerError> {
        let there = if remote.asked { self.ask(remote)? } else { self.remembered(remote)? };
        let local = self.tip_of(&self.refname)?;
        let (there, local) = match (there, local) {
            (Some(there), Some(local)) => (there, local),
            (tip, None) | (None, tip) => return self.read_at(tip),
        };
        let mut view = self.read_at(Some(there))?;
        if self.contains(there, local)? {
            return Ok(view);
        }
        let unpushed = self.unpushed(local, there)?;
        for (tenant, error) in unpushed.stuck {
            error.breaks(&mut view, tenant)?;
        }
        view.unpushed = unpushed.entries.len();
        let mut of_tenant: BTreeMap<TenantId, Vec<LedgerEntry>> = BTreeMap::new();
        for (tenant, draft) in unpushed.entries {
            of_tenant.entry(tenant).or_default().push(draft);
        }
        for (tenant, drafts) in of_tenant {
            if view.broken.contains_key(&tenant) {
                continue;
            }
            let line = |source| LedgerError::Line { path: path_of(tenant), source };
            let records = &mut view.tenants.entry(tenant).or_default().records;
            let tail = match records.last() {
                Some(last) => {
                    Tail { seq: last.seq, hash: Sha256::of(&encode(last).map_err(line)?) }
                }
                None => Tail::EMPTY,
            };
            records.extend(extend(tail, drafts).map_err(line)?.records);
        }
        Ok(view)
    }

    /// Appends entries and pushes them with everything that is not pushed yet. Without entries,
    /// only the latter. Locally it only appends.
    pub(super) fn land(
        &mut self,
        drafts: &[(TenantId, LedgerEntry)],
        twice: Twice,
    ) -> Result<Landed, LedgerError> {
        if self.remote.is_none() {
            let records = self.append_here(drafts, twice)?;
            return Ok(Landed { records, commit: self.tip(&self.repo)? });
        }
        let mut patience = Patience::new(self.lock_wait);
        let mut busy = 0;
        for attempt in 0..MAX_PUSHES {
            let Some(remote) = &self.remote else { return Err(LedgerError::NoRemote) };
            let place = self.place(&mut patience)?;
            let there = self.there(remote)?;
            let built = self.prepare(&place, drafts, twice)?;
            let tip = built.as_ref().map(|built| built.commit).or(place.parent);
            let Some(tip) = tip.filter(|&tip| Some(tip) != there) else {
                return Ok(Landed { records: Vec::new(), commit: there });
            };
            match remote.push(&self.branch, &self.refname, tip, there)? {
                Pushed::Done => {
                    self.landed(remote, tip);
                    if place.from != Some(tip) {
                        // A local branch that stays behind is caught up with by the next run.
                        let _ = self.advance(place.from, tip, &mut patience);
                    }
                    let records = built.map(|built| self.keep(built)).unwrap_or_default();
                    return Ok(Landed { records, commit: Some(tip) });
                }
                Pushed::Moved => {
                    self.ask(remote)?;
                }
                Pushed::Busy if busy < MAX_BUSY => busy += 1,
                Pushed::Busy => {
                    let reason = "the branch stays locked there".to_owned();
                    return Err(self.refused(remote, reason));
                }
                Pushed::Refused { reason } => return Err(self.refused(remote, reason)),
            }
            step_aside(attempt);
        }
        Err(LedgerError::Contended { branch: self.branch.clone(), attempts: MAX_PUSHES })
    }

    fn refused(&self, remote: &Remote, reason: String) -> LedgerError {
        let (branch, remote) = (self.branch.clone(), remote.name.clone());
        LedgerError::PushRefused { branch, remote, reason }
    }

    /// Whether there is a ledger that outcomes can be put on top of without pushing them first.
    pub(super) fn has_ground(&self) -> Result<bool, LedgerError> {
        match &self.remote {
            Some(remote) if remote.asked => Ok(self.there(remote)?.is_some()),
            _ => Ok(true),
        }
    }

    /// Where the next commit goes: on top of the local branch, which is first brought onto the
    /// remote's where the two have parted.
    pub(super) fn place(&self, patience: &mut Patience) -> Result<Place, LedgerError> {
        let Some(remote) = &self.remote else {
            let tip = self.tip(&self.repo)?;
            return Ok(Place { from: tip, parent: tip });
        };
        if !remote.asked {
            return Err(LedgerError::Offline);
        }
        let there = self.there(remote)?;
        for _ in 0..MAX_MOVES {
            let from = self.tip_of(&self.refname)?;
            let (local, there) = match (from, there) {
                (None, parent) => return Ok(Place { from, parent }),
                (Some(_), None) => {
                    let (branch, remote) = (self.branch.clone(), remote.name.clone());
                    return Err(LedgerError::Unpublished { branch, remote });
                }
                (Some(local), Some(there)) => (local, there),
            };
            if self.contains(local, there)? {
                return Ok(Place { from, parent: from });
            }
            if self.contains(there, local)? {
                return Ok(Place { from, parent: Some(there) });
            }
            let onto = self.onto(local, there)?;
            if self.advance(from, onto, patience)? {
                return Ok(Place { from: Some(onto), parent: Some(onto) });
            }
        }
        Err(LedgerError::Contended { branch: self.branch.clone(), attempts: MAX_MOVES })
    }

    /// A commit on top of `there` with the entries that it lacks of `local`.
    fn onto(&self, local: Oid, there: Oid) -> Result<Oid, LedgerError> {
        let Unpushed { mut entries, mut stuck } = self.unpushed(local, there)?;
        let built = loop {
            match self.build(Some(there), &entries) {
                Ok(built) => break built,
                Err(error) if error.is_of_one_tenant() => {
                    // One tenant's trouble must not keep the others' entries.
                    let Some(tenant) = self.troublesome(there, &entries)? else {
                        return Err(error);
                    };
                    entries.retain(|(of, _)| *of != tenant);
                    stuck.insert(tenant, error);
                }
                Err(error) => return Err(error),
            }
        };
        if !stuck.is_empty() {
            let kept = format!("refs/applecart/kept/{local}");
            let what = "the entries that the remote's ledger cannot take";
            self.repo.reference(&kept, local, true, "applecart: kept").map_err(|source| {
                LedgerError::Write { branch: self.branch.clone(), what, source }
            })?;
            for error in stuck.values() {
                tracing::warn!(
                    kept,
                    "entries of a tenant could not be pushed: {}",
                    error.sentence()
                );
            }
        }
        Ok(built.map_or(there, |built| built.commit))
    }

    /// A tenant whose entries cannot be appended.
    fn troublesome(
        &self,
        there: Oid,
        entries: &[(TenantId, LedgerEntry)],
    ) -> Result<Option<TenantId>, LedgerError> {
        let tenants: BTreeSet<TenantId> = entries.iter().map(|(tenant, _)| *tenant).collect();
        for tenant in tenants {
            let own: Vec<_> = entries.iter().filter(|(of, _)| *of == tenant).cloned().collect();
            match self.build(Some(there), &own) {
                Err(error) if error.is_of_one_tenant() => return Ok(Some(tenant)),
                other => other.map(|_| ())?,
            }
        }
        Ok(None)
    }

    /// What `local` has and `there` lacks.
    fn unpushed(&self, local: Oid, there: Oid) -> Result<Unpushed, LedgerError> {
        let objects = self.objects(&self.repo);
        let own = objects.files(local)?.tenants;
        let theirs = objects.files(there)?.tenants;
        let base = match self.fork(local, there)? {
            Some(fork) => objects.files(fork)?.tenants,
            None => BTreeMap::new(),
        };
        let mut unpushed = Unpushed::default();
        for (tenant, blob) in own {
            if base.get(&tenant) == Some(&blob) || theirs.get(&tenant) == Some(&blob) {
                continue;
            }
            let found = || {
                let file = objects.file(tenant, blob)?;
                let base = base.get(&tenant).map(|&blob| objects.file(tenant, blob)).transpose()?;
                let theirs = match theirs.get(&tenant) {
                    Some(&blob) => self.tenant_at(tenant, blob, &mut Starts::default())?.0.records,
                    None => Vec::new(),
                };
                lacking(&file, &base.unwrap_or_default(), &theirs)
                    .map_err(|source| objects.broken(tenant, source))
            };
            match found() {
                Ok(drafts) => {
                    unpushed.entries.extend(drafts.into_iter().map(|draft| (tenant, draft)));
                }
                Err(error) if error.is_of_one_tenant() => {
                    unpushed.stuck.insert(tenant, error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(unpushed)
    }

    /// The places in `drafts` of those that the ledger already has at `tip`.
    pub(super) fn known_at(
        &self,
        tip: Oid,
        drafts: &[(TenantId, LedgerEntry)],
    ) -> Result<BTreeSet<usize>, LedgerError> {
        let tenants: BTreeSet<TenantId> = drafts.iter().map(|(tenant, _)| *tenant).collect();
        let chains = self.chains(Some(tip), &tenants)?;
        let known = drafts.iter().enumerate().filter(|(_, (tenant, draft))| {
            chains
                .get(tenant)
                .is_some_and(|chain| chain.records.iter().any(|record| is_about(record, draft)))
        });
        Ok(known.map(|(index, _)| index).collect())
    }

    /// Those of the entries that did not arrive at the remote.
    pub(super) fn missing(
        &self,
        entries: &[(TenantId, LedgerEntry)],
    ) -> Result<Vec<(TenantId, LedgerEntry)>, LedgerError> {
        let Some(remote) = &self.remote else { return Ok(Vec::new()) };
        let tenants: BTreeSet<TenantId> = entries.iter().map(|(tenant, _)| *tenant).collect();
        let chains = self.chains(self.there(remote)?, &tenants)?;
        let arrived = |tenant: &TenantId, draft: &LedgerEntry| {
            chains
                .get(tenant)
                .is_some_and(|chain| chain.records.iter().any(|record| record.entry == *draft))
        };
        Ok(entries.iter().filter(|(tenant, draft)| !arrived(tenant, draft)).cloned().collect())
    }

    /// The chains of these tenants at a commit. A tenant whose file is broken has none.
    fn chains(
        &self,
        tip: Option<Oid>,
        tenants: &BTreeSet<TenantId>,
    ) -> Result<BTreeMap<TenantId, Arc<TenantLedger>>, LedgerError> {
        let Some(tip) = tip else { return Ok(BTreeMap::new()) };
        let files = self.objects(&self.repo).files(tip)?.tenants;
        let mut chains = BTreeMap::new();
        for &tenant in tenants {
            let Some(&blob) = files.get(&tenant) else { continue };
            match self.tenant_at(tenant, blob, &mut Starts::default()) {
                Ok((chain, _)) => {
                    chains.insert(tenant, Arc::new(chain));
                }
                Err(error) if error.is_of_one_tenant() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(chains)
    }
}

/// Lets the others go first after a lost race, longer after each loss.
fn step_aside(attempt: u32) {
    let limit = 8u64 << attempt.min(MAX_BACKOFF);
    std::thread::sleep(Duration::from_millis(limit * u64::from(jitter_share()) / 255));
}

/// A random share, in 255ths.
fn jitter_share() -> u8 {
    u8::try_from(jitter(u8::MAX - 1)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
