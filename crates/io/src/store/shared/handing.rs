//! Handing over: entries go onto the local branch and to the remote, and lost races are run again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use git2::Oid;

use super::super::append::{Built, Patience, jitter};
use super::super::branch::Starts;
use super::super::error::LedgerError;
use super::{Announced, Delivered, Landed, Ledger, Link, Twice};
use crate::git::network::Pushed;
use applecart_core::ledger::{LedgerView, TenantLedger, is_about, lacking};
use applecart_core::model::{LedgerEntry, Record, TenantId};

/// How often a commit is made again because the tip had moved. Some process wins each time, so
/// this many losses in a row mean that something is wrong.
const MAX_ATTEMPTS: u32 = 1000;
/// How often a push is tried again because the branch had moved. Somebody wins each time.
const MAX_PUSHES: u32 = 60;
/// How often a push is tried again because the branch had moved, although fetching shows that it
/// had not: a server that is read from may lag behind the one that is pushed to.
const MAX_UNMOVED: u32 = 8;
/// How often a push is tried again because the branch is locked at the remote. A lock that a dead
/// process left there stays for good.
const MAX_BUSY: u32 = 20;
/// How often the local branch is set again because another process of this clone moved it.
const MAX_MOVES: u32 = 1000;
/// The longest pause after a lost race, as a power of two of 8 ms.
const MAX_BACKOFF: u32 = 7;

/// Where the next commit goes.
struct Place {
    /// Where the branch is.
    from: Option<Oid>,
    /// What the commit is made on top of: the same, unless the remote is ahead.
    parent: Option<Oid>,
}

/// Entries that this clone has and the remote lacks.
#[derive(Debug, Default)]
pub(super) struct Unpushed {
    pub(super) entries: Vec<(TenantId, LedgerEntry)>,
    /// Tenants whose entries cannot be told, or not be appended, because a file is broken.
    pub(super) stuck: BTreeMap<TenantId, LedgerError>,
}

impl Ledger {
    /// Appends the entries in one commit, in the order given for each tenant, and returns their
    /// records in the order of `drafts`.
    ///
    /// When it returns, the entries are on disk in this clone; where the ledger is shared through
    /// a remote, they may get another place in their chains until they are pushed. On an error
    /// nothing was appended, except that an error of the last step is reported as success if the
    /// branch is found to have moved. Without drafts there is no commit.
    pub fn append(
        &mut self,
        drafts: &[(TenantId, LedgerEntry)],
    ) -> Result<Vec<Record>, LedgerError> {
        self.append_here(drafts, Twice::Append)
    }

    fn append_here(
        &mut self,
        drafts: &[(TenantId, LedgerEntry)],
        twice: Twice,
    ) -> Result<Vec<Record>, LedgerError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let mut patience = Patience::of(&self.local);
        for _ in 0..MAX_ATTEMPTS {
            let place = self.place(&mut patience)?;
            let Some(built) = self.prepare(&place, drafts, twice)? else { return Ok(Vec::new()) };
            if self.local.advance(place.from, built.commit, &mut patience)? {
                self.local.seen.set(Some(built.commit));
                return Ok(self.local.keep(built));
            }
            patience.step_aside();
        }
        Err(LedgerError::Contended { branch: self.local.branch.clone(), attempts: MAX_ATTEMPTS })
    }

    /// Makes the commit for those of the entries that are to be appended; `None` if none is.
    fn prepare(
        &self,
        place: &Place,
        drafts: &[(TenantId, LedgerEntry)],
        twice: Twice,
    ) -> Result<Option<Built>, LedgerError> {
        let known = match (twice, place.parent) {
            (Twice::Skip, Some(tip)) => self.known_at(tip, drafts)?,
            _ => BTreeSet::new(),
        };
        if known.is_empty() {
            return self.local.build(place.parent, drafts);
        }
        let new = drafts.iter().enumerate().filter(|(index, _)| !known.contains(index));
        let new: Vec<_> = new.map(|(_, entry)| entry.clone()).collect();
        self.local.build(place.parent, &new)
    }

    /// Begins a run that writes: reads the ledger, and first pushes what an earlier run of this
    /// clone has recorded and could not push.
    pub fn begin(&mut self) -> Result<LedgerView, LedgerError> {
        self.local.must_be_free(&mut Patience::of(&self.local))?;
        if self.asked_remote().is_some() {
            let view = self.read()?;
            if view.unpushed == 0 {
                return Ok(view);
            }
            self.land(&[], Twice::Append)?;
        }
        self.read()
    }

    /// Pushes what was appended to this clone's branch and is not at the remote yet.
    pub fn push(&mut self) -> Result<(), LedgerError> {
        self.land(&[], Twice::Append).map(drop)
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
            Announced { record, chain, commit: landed.commit }
        });
        Ok(announced.collect())
    }

    /// The chains at `to` of the tenants whose files are not as they were at `from`.
    pub(in super::super) fn changed(
        &self,
        from: Option<&str>,
        to: Oid,
    ) -> Result<LedgerView, LedgerError> {
        let objects = self.local.objects(&self.local.repo);
        let before = match from.and_then(|from| Oid::from_str(from).ok()) {
            Some(from) => objects.files(from)?.tenants,
            None => BTreeMap::new(),
        };
        let mut changed = objects.files(to)?.tenants;
        changed.retain(|tenant, blob| before.get(tenant) != Some(blob));
        let tenants = self.chains(Some(to), &changed.into_keys().collect())?;
        let tenants =
            tenants.into_iter().map(|(tenant, chain)| (tenant, Arc::unwrap_or_clone(chain)));
        Ok(LedgerView { tenants: tenants.collect(), ..LedgerView::default() })
    }

    /// Appends entries that were saved elsewhere, except those that the ledger has already, and
    /// pushes them.
    pub fn deliver(
        &mut self,
        drafts: &[(TenantId, LedgerEntry)],
    ) -> Result<Delivered, LedgerError> {
        self.deliver_where(drafts, |_| Ok(()))
    }

    /// The same where the record that they go on top of allows it, which `check` is asked of again
    /// whenever another clone was faster.
    pub fn deliver_where<E: From<LedgerError>>(
        &mut self,
        drafts: &[(TenantId, LedgerEntry)],
        check: impl Fn(&LedgerView) -> Result<(), E>,
    ) -> Result<Delivered, E> {
        self.begin()?;
        let landed = self.land_where(drafts, Twice::Skip, |ledger, parent| match parent {
            Some(parent) => check(&ledger.changed(None, parent)?),
            None => Ok(()),
        })?;
        Ok(Delivered {
            recorded: landed.records.len(),
            known: drafts.len() - landed.records.len(),
            head: landed.commit.map(|tip| tip.to_string()),
        })
    }

    /// Pushes a ledger that only this clone has. Where the remote has one already, pushes what it
    /// lacks of this clone's. Returns the tip; `None` when there is no ledger at all.
    pub fn publish(&mut self) -> Result<Option<String>, LedgerError> {
        let Some(link) = &self.link else { return Err(LedgerError::NoRemote) };
        match self.ask(link) {
            Err(LedgerError::Unpublished { .. }) | Ok(None) => {
                let Some(tip) = self.own_tip()? else { return Ok(None) };
                match link.remote.push_if_head(tip, None, &*self.clock)? {
                    Pushed::Done => {
                        self.landed(link, tip);
                        return Ok(Some(tip.to_string()));
                    }
                    Pushed::Refused { reason } => return Err(self.refused(link, reason)),
                    // Another clone published first; this one's entries go on top of it.
                    Pushed::Moved | Pushed::Busy => {}
                }
            }
            Err(error) => return Err(error),
            Ok(Some(_)) => {}
        }
        self.begin().map(|view| view.head)
    }

    /// Appends entries and pushes them with everything that is not pushed yet. Without entries,
    /// only the latter. Locally it only appends.
    pub(in super::super) fn land(
        &mut self,
        drafts: &[(TenantId, LedgerEntry)],
        twice: Twice,
    ) -> Result<Landed, LedgerError> {
        self.land_where(drafts, twice, |_, _| Ok(()))
    }

    fn land_where<E: From<LedgerError>>(
        &mut self,
        drafts: &[(TenantId, LedgerEntry)],
        twice: Twice,
        may_follow: impl Fn(&Self, Option<Oid>) -> Result<(), E>,
    ) -> Result<Landed, E> {
        if self.link.is_none() {
            may_follow(self, self.local.tip()?)?;
            let records = self.append_here(drafts, twice)?;
            return Ok(Landed { records, commit: self.local.tip()? });
        }
        let mut patience = Patience::of(&self.local);
        let (mut busy, mut unmoved) = (0, 0);
        for attempt in 0..MAX_PUSHES {
            let Some(link) = &self.link else { return Err(LedgerError::NoRemote.into()) };
            let place = self.place(&mut patience)?;
            let there = self.there(link)?;
            may_follow(self, place.parent)?;
            let built = self.prepare(&place, drafts, twice)?;
            let tip = built.as_ref().map(|built| built.commit).or(place.parent);
            let Some(tip) = tip.filter(|&tip| Some(tip) != there) else {
                return Ok(Landed { records: Vec::new(), commit: there });
            };
            if place.from != Some(tip) {
                // What could be announced and not recorded afterwards is not announced.
                self.local.must_be_free(&mut patience)?;
            }
            match link.remote.push_if_head(tip, there, &*self.clock)? {
                Pushed::Done => {
                    self.landed(link, tip);
                    if place.from != Some(tip) {
                        // A local branch that stays behind is caught up with by the next run.
                        let _ = self.local.advance(place.from, tip, &mut patience);
                    }
                    let records = built.map(|built| self.local.keep(built)).unwrap_or_default();
                    return Ok(Landed { records, commit: Some(tip) });
                }
                Pushed::Moved => {
                    unmoved = if self.ask(link)? == there { unmoved + 1 } else { 0 };
                    if unmoved > MAX_UNMOVED {
                        let (branch, remote) = (self.branch().to_owned(), link.remote.name());
                        let remote = remote.to_owned();
                        return Err(LedgerError::LagsBehind { branch, remote }.into());
                    }
                }
                Pushed::Busy if busy < MAX_BUSY => busy += 1,
                Pushed::Busy => {
                    let (branch, remote) = (self.branch().to_owned(), link.remote.name());
                    let remote = remote.to_owned();
                    return Err(LedgerError::LockedThere { branch, remote }.into());
                }
                Pushed::Refused { reason } => return Err(self.refused(link, reason).into()),
            }
            self.step_aside(attempt);
        }
        let branch = self.local.branch.clone();
        Err(LedgerError::Contended { branch, attempts: MAX_PUSHES }.into())
    }

    fn refused(&self, link: &Link, reason: String) -> LedgerError {
        let (branch, remote) = (self.local.branch.clone(), link.remote.name().to_owned());
        LedgerError::PushRefused { branch, remote, reason }
    }

    /// Whether there is a ledger that outcomes can be put on top of without pushing them first.
    pub(in super::super) fn has_ground(&self) -> Result<bool, LedgerError> {
        match &self.link {
            Some(link) if link.asked => Ok(self.there(link)?.is_some()),
            _ => Ok(true),
        }
    }

    /// Where the next commit goes: on top of the local branch, which is first brought onto the
    /// remote's where the two have parted.
    fn place(&self, patience: &mut Patience) -> Result<Place, LedgerError> {
        let Some(link) = &self.link else {
            let tip = self.local.tip()?;
            self.must_begin_well(tip, None)?;
            return Ok(Place { from: tip, parent: tip });
        };
        if !link.asked {
            return Err(LedgerError::Offline);
        }
        let there = self.there(link)?;
        for _ in 0..MAX_MOVES {
            let from = self.tip()?;
            let (local, there) = match (self.begun_well(from)?, there) {
                (None, parent) => {
                    // What was replaced is not continued, nor thrown away.
                    from.map_or(Ok(()), |replaced| self.keep(replaced))?;
                    return Ok(Place { from, parent });
                }
                (Some(_), None) if self.is_notes() => {
                    return Ok(Place { from, parent: from });
                }
                (Some(_), None) => {
                    let (branch, remote) =
                        (self.local.branch.clone(), link.remote.name().to_owned());
                    return Err(LedgerError::Unpublished { branch, remote });
                }
                (Some(local), Some(there)) => (local, there),
            };
            if self.local.contains(local, there)? {
                return Ok(Place { from, parent: from });
            }
            if self.local.contains(there, local)? {
                return Ok(Place { from, parent: Some(there) });
            }
            let onto = self.onto(local, there)?;
            if self.local.advance(from, onto, patience)? {
                return Ok(Place { from: Some(onto), parent: Some(onto) });
            }
        }
        Err(LedgerError::Contended { branch: self.local.branch.clone(), attempts: MAX_MOVES })
    }

    /// A commit on top of `there` with the entries that it lacks of `local`.
    fn onto(&self, local: Oid, there: Oid) -> Result<Oid, LedgerError> {
        let Unpushed { mut entries, mut stuck } = self.unpushed(local, there)?;
        let built = loop {
            match self.local.build(Some(there), &entries) {
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
            self.keep(local)?;
            for error in stuck.values() {
                tracing::warn!(
                    kept = %local,
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
            match self.local.build(Some(there), &own) {
                Err(error) if error.is_of_one_tenant() => return Ok(Some(tenant)),
                other => other.map(|_| ())?,
            }
        }
        Ok(None)
    }

    /// What `local` has and `there` lacks.
    pub(super) fn unpushed(&self, local: Oid, there: Oid) -> Result<Unpushed, LedgerError> {
        let objects = self.local.objects(&self.local.repo);
        let own = objects.files(local)?.tenants;
        let theirs = objects.files(there)?.tenants;
        let base = match self.local.fork(local, there)? {
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
                    Some(&blob) => {
                        self.local.tenant_at(tenant, blob, &mut Starts::default())?.0.records
                    }
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
    pub(in super::super) fn known_at(
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
    pub(in super::super) fn missing(
        &self,
        entries: &[(TenantId, LedgerEntry)],
    ) -> Result<Vec<(TenantId, LedgerEntry)>, LedgerError> {
        let Some(link) = &self.link else { return Ok(Vec::new()) };
        let tenants: BTreeSet<TenantId> = entries.iter().map(|(tenant, _)| *tenant).collect();
        let chains = self.chains(self.there(link)?, &tenants)?;
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
        let files = self.local.objects(&self.local.repo).files(tip)?.tenants;
        let mut chains = BTreeMap::new();
        for &tenant in tenants {
            let Some(&blob) = files.get(&tenant) else { continue };
            match self.local.tenant_at(tenant, blob, &mut Starts::default()) {
                Ok((chain, _)) => {
                    chains.insert(tenant, Arc::new(chain));
                }
                Err(error) if error.is_of_one_tenant() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(chains)
    }

    /// Lets the others go first after a lost race, longer after each loss.
    fn step_aside(&self, attempt: u32) {
        let limit = Duration::from_millis(8 << attempt.min(MAX_BACKOFF));
        self.clock.pause(jitter(&*self.local.ids, limit));
    }
}
