//! The ledger: this clone's branch, and the remote through which several clones share it.
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
//! are appended again on its tip (the same entries, with new `seq` and `prev`), the local branch is
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
//! **What was seen** stands in two references. `refs/applecart/seen/<remote>/<branch>`, the
//! *memory*, is where the remote's branch was when Applecart asked last. It only moves forward, so a
//! branch that was rewritten or removed over there is noticed, however often somebody fetches.
//! `refs/remotes/<remote>/<branch>` is plain Git's. `git clone` and `git fetch` set it, by force
//! too; it is read, because it too proves what was once there, and never written.
//!
//! Without a remote, and with one of `testing`, nothing here starts a process, and nothing waits
//! unless two handles meet at the branch.
//!
//! Several processes of one clone may do all this at once: the local branch is moved only from
//! where it was read, and a lost race is run again.
#![expect(clippy::disallowed_methods, reason = "waits for other clones")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use git2::{ErrorCode, Oid};

use super::append::{Built, Patience, jitter};
use super::branch::{Local, Starts};
use super::error::LedgerError;
use super::remote::{GitRemote, Remote};
use super::tree::path_of;
use crate::git::SigningKey;
use crate::git::network::Pushed;
use crate::seams::{Clock, Ids, MachineClock};
use applecart_core::ledger::{LedgerView, Tail, TenantLedger, encode, extend, is_about, lacking};
use applecart_core::model::{LedgerEntry, Record, Sha256, TenantId};

/// How often a commit is made again because the tip had moved. Some process wins each time, so
/// this many losses in a row mean that something is wrong.
const MAX_ATTEMPTS: u32 = 1000;
/// How often a push is tried again because the branch had moved. Somebody wins each time.
const MAX_PUSHES: u32 = 60;
/// How often a push is tried again because the branch is locked at the remote. A lock that a dead
/// process left there stays for good.
const MAX_BUSY: u32 = 20;
/// How often the local branch is set again because another process of this clone moved it.
const MAX_MOVES: u32 = 1000;
/// The longest pause after a lost race, as a power of two of 8 ms.
const MAX_BACKOFF: u32 = 7;

/// How often the memory is moved again after another process moved it first.
const MAX_NOTES: u32 = 200;

/// The ledger of a fleet: reads it, and appends to it.
///
/// It is opened in one of four ways: [`Ledger::open`] looks at this clone only,
/// [`Ledger::open_shared`] asks the remote where there is one, [`Ledger::open_offline`] reads what
/// this clone last saw of the remote, and [`Ledger::open_through`] is given its remote.
pub struct Ledger {
    pub(super) local: Local,
    pub(super) clock: Arc<dyn Clock>,
    /// The remote that it is shared through.
    pub(super) link: Option<Link>,
}

/// The link to a remote, and what this clone knows of its branch.
#[derive(Debug)]
pub(super) struct Link {
    remote: Box<dyn Remote>,
    /// Whether it is asked at all, or only what this clone has seen of it counts.
    pub(super) asked: bool,
    /// The memory's name.
    pub(super) memory: String,
    pub(super) tracking: String,
    there: Cell<There>,
}

/// Where the remote's branch was when this handle asked last.
#[derive(Clone, Copy, Debug)]
enum There {
    NotAsked,
    Absent,
    At(Oid),
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("path", &self.local.repo.path())
            .field("branch", &self.local.branch)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

impl Link {
    fn new(remote: Box<dyn Remote>, branch: &str, asked: bool) -> Self {
        let name = remote.name();
        let memory = format!("refs/applecart/seen/{name}/{branch}");
        let tracking = format!("refs/remotes/{name}/{branch}");
        Self { remote, asked, memory, tracking, there: Cell::new(There::NotAsked) }
    }
}

/// What to do with entries that the chain already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twice {
    /// Append them again: who records something knows that it happened again.
    Append,
    /// Leave them out: who hands over a file may have handed it over before.
    Skip,
}

/// Where the next commit goes.
struct Place {
    /// Where the branch is.
    from: Option<Oid>,
    /// What the commit is made on top of: the same, unless the remote is ahead.
    parent: Option<Oid>,
}

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
    /// Opens the repository that `repo_path` is in, and looks at its local branch only, whatever
    /// remotes there are. The branch need not exist.
    pub fn open(repo_path: &Path, branch: &str) -> Result<Self, LedgerError> {
        Ok(Self {
            local: Local::open(repo_path, branch)?,
            clock: Arc::new(MachineClock),
            link: None,
        })
    }

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

    /// Opens the ledger that is shared through this remote.
    pub fn open_through(
        repo_path: &Path,
        branch: &str,
        remote: Box<dyn Remote>,
    ) -> Result<Self, LedgerError> {
        let link = Some(Link::new(remote, branch, true));
        Ok(Self { link, ..Self::open(repo_path, branch)? })
    }

    fn linked(repo_path: &Path, branch: &str, asked: bool) -> Result<Self, LedgerError> {
        let ledger = Self::open(repo_path, branch)?;
        let remote = GitRemote::of(repo_path, &ledger.local.repo, branch)?;
        let link = remote.map(|remote| Link::new(Box::new(remote), branch, asked));
        Ok(Self { link, ..ledger })
    }

    /// Takes time and chance from elsewhere than the machine: when outcomes are pushed, and how
    /// processes that meet are spread.
    pub fn live_by(&mut self, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) {
        self.clock = clock;
        self.local.ids = ids;
    }

    /// Signs every commit that is made from here on.
    pub fn sign_with(&mut self, key: SigningKey) {
        self.local.signing_key = Some(key);
    }

    /// The Git directory that all worktrees of the clone share, where locks live.
    pub fn common_dir(&self) -> &Path {
        self.local.repo.commondir()
    }

    pub fn branch(&self) -> &str {
        &self.local.branch
    }

    /// The remote that is asked; `None` where only this clone is looked at.
    pub fn asked_remote(&self) -> Option<&str> {
        self.link.as_ref().filter(|link| link.asked).map(|link| link.remote.name())
    }

    /// The local branch's tip now; of a shared ledger, the newest one that this handle knows of.
    /// `None` when there is none.
    pub fn head(&self) -> Result<Option<String>, LedgerError> {
        let tip = match &self.link {
            None => self.local.tip()?,
            Some(link) => match (self.tip()?, link.there.get()) {
                (None, There::At(there)) => Some(there),
                (Some(local), There::At(there)) if !self.local.contains(local, there)? => {
                    Some(there)
                }
                (local, _) => local,
            },
        };
        Ok(tip.map(|tip| tip.to_string()))
    }

    /// Reads and verifies every tenant's file. An empty view is proved absence. A broken file is
    /// its own tenant's trouble; see [`LedgerView::broken`].
    ///
    /// A shared ledger is fetched first, and what this clone has recorded and not pushed yet
    /// stands at the end of the chains as if it were.
    pub fn read(&self) -> Result<LedgerView, LedgerError> {
        match &self.link {
            None => self.local.read_at(self.local.tip()?),
            Some(link) => self.read_shared(link),
        }
    }

    /// Asks the remote where its branch is, and fetches the branch whole. `None` is proved
    /// absence: the remote has no such branch, and nothing in this clone shows that it ever had.
    pub(super) fn ask(&self, link: &Link) -> Result<Option<Oid>, LedgerError> {
        // Read before asking: what was there before must be contained in what is there now.
        let seen = self.remembered(link)?;
        let (branch, remote) = (self.local.branch.clone(), link.remote.name().to_owned());
        let Some(tip) = link.remote.fetch(&link.memory)? else {
            if let Some(seen) = seen {
                return Err(LedgerError::LostThere { branch, remote, seen: seen.to_string() });
            }
            if self.tip()?.is_some() {
                return Err(LedgerError::Unpublished { branch, remote });
            }
            link.there.set(There::Absent);
            return Ok(None);
        };
        if let Some(seen) = seen
            && !self.local.contains(tip, seen)?
        {
            let (seen, found) = (seen.to_string(), tip.to_string());
            let memory = link.memory.clone();
            return Err(LedgerError::RewrittenThere { branch, remote, seen, found, memory });
        }
        self.remember(link, tip)?;
        link.there.set(There::At(tip));
        Ok(Some(tip))
    }

    /// Where the remote's branch was when this handle asked last; asks where it never did.
    fn there(&self, link: &Link) -> Result<Option<Oid>, LedgerError> {
        match link.there.get() {
            There::NotAsked => self.ask(link),
            There::Absent => Ok(None),
            There::At(tip) => Ok(Some(tip)),
        }
    }

    /// Notes that the remote took `tip`.
    fn landed(&self, link: &Link, tip: Oid) {
        link.there.set(There::At(tip));
        // What was pushed is there, whatever becomes of the note; without it, the next look at the
        // remote only compares with an older tip.
        let _ = self.remember(link, tip);
    }

    /// What this clone has seen of the remote's branch, without asking.
    pub(super) fn remembered(&self, link: &Link) -> Result<Option<Oid>, LedgerError> {
        if let Some(tracked) = self.local.tip_of(&link.tracking)? {
            self.remember(link, tracked)?;
        }
        self.local.tip_of(&link.memory)
    }

    /// Where the local branch is, whatever was seen of it before.
    pub(super) fn tip(&self) -> Result<Option<Oid>, LedgerError> {
        self.local.tip_of(&self.local.refname)
    }

    /// Moves the memory forward to `tip`. A tip that does not contain it leaves it as it is.
    pub(super) fn remember(&self, link: &Link, tip: Oid) -> Result<(), LedgerError> {
        let unwritable = |source| LedgerError::Write {
            branch: self.local.branch.clone(),
            what: "what was seen of the remote's branch",
            source,
        };
        for _ in 0..MAX_NOTES {
            let was = self.local.tip_of(&link.memory)?;
            match was {
                Some(was) if was == tip || !self.local.contains(tip, was)? => return Ok(()),
                _ => {}
            }
            let name = link.memory.as_str();
            let moved = match was {
                Some(was) => {
                    self.local.repo.reference_matching(name, tip, true, was, "applecart: seen")
                }
                None => self.local.repo.reference(name, tip, false, "applecart: seen"),
            };
            match moved.as_ref().map_err(git2::Error::code) {
                Ok(_) => return Ok(()),
                // Another process of this clone did the same.
                Err(ErrorCode::Locked | ErrorCode::Modified | ErrorCode::Exists) => {
                    std::thread::sleep(jitter(&*self.local.ids, Duration::from_millis(20)));
                }
                Err(_) => return moved.map(|_| ()).map_err(unwritable),
            }
        }
        Err(LedgerError::Contended { branch: self.local.branch.clone(), attempts: MAX_NOTES })
    }

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
        let Some(link) = &self.link else { return Err(LedgerError::NoRemote) };
        match self.ask(link) {
            Err(LedgerError::Unpublished { .. }) => {
                let Some(tip) = self.tip()? else { return Ok(None) };
                match link.remote.push_if_head(tip, None)? {
                    Pushed::Done => {
                        self.landed(link, tip);
                        return Ok(Some(tip.to_string()));
                    }
                    Pushed::Refused { reason } => return Err(self.refused(link, reason)),
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
    fn read_shared(&self, link: &Link) -> Result<LedgerView, LedgerError> {
        let there = if link.asked { self.ask(link)? } else { self.remembered(link)? };
        let local = self.tip()?;
        let (there, local) = match (there, local) {
            (Some(there), Some(local)) => (there, local),
            (tip, None) | (None, tip) => return self.local.read_at(tip),
        };
        let mut view = self.local.read_at(Some(there))?;
        if self.local.contains(there, local)? {
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
        if self.link.is_none() {
            let records = self.append_here(drafts, twice)?;
            return Ok(Landed { records, commit: self.local.tip()? });
        }
        let mut patience = Patience::of(&self.local);
        let mut busy = 0;
        for attempt in 0..MAX_PUSHES {
            let Some(link) = &self.link else { return Err(LedgerError::NoRemote) };
            let place = self.place(&mut patience)?;
            let there = self.there(link)?;
            let built = self.prepare(&place, drafts, twice)?;
            let tip = built.as_ref().map(|built| built.commit).or(place.parent);
            let Some(tip) = tip.filter(|&tip| Some(tip) != there) else {
                return Ok(Landed { records: Vec::new(), commit: there });
            };
            match link.remote.push_if_head(tip, there)? {
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
                    self.ask(link)?;
                }
                Pushed::Busy if busy < MAX_BUSY => busy += 1,
                Pushed::Busy => {
                    let reason = "the branch stays locked there".to_owned();
                    return Err(self.refused(link, reason));
                }
                Pushed::Refused { reason } => return Err(self.refused(link, reason)),
            }
            step_aside(&*self.local.ids, attempt);
        }
        Err(LedgerError::Contended { branch: self.local.branch.clone(), attempts: MAX_PUSHES })
    }

    fn refused(&self, link: &Link, reason: String) -> LedgerError {
        let (branch, remote) = (self.local.branch.clone(), link.remote.name().to_owned());
        LedgerError::PushRefused { branch, remote, reason }
    }

    /// Whether there is a ledger that outcomes can be put on top of without pushing them first.
    pub(super) fn has_ground(&self) -> Result<bool, LedgerError> {
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
            return Ok(Place { from: tip, parent: tip });
        };
        if !link.asked {
            return Err(LedgerError::Offline);
        }
        let there = self.there(link)?;
        for _ in 0..MAX_MOVES {
            let from = self.tip()?;
            let (local, there) = match (from, there) {
                (None, parent) => return Ok(Place { from, parent }),
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
            let kept = format!("refs/applecart/kept/{local}");
            let what = "the entries that the remote's ledger cannot take";
            self.local.repo.reference(&kept, local, true, "applecart: kept").map_err(|source| {
                LedgerError::Write { branch: self.local.branch.clone(), what, source }
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
            match self.local.build(Some(there), &own) {
                Err(error) if error.is_of_one_tenant() => return Ok(Some(tenant)),
                other => other.map(|_| ())?,
            }
        }
        Ok(None)
    }

    /// What `local` has and `there` lacks.
    fn unpushed(&self, local: Oid, there: Oid) -> Result<Unpushed, LedgerError> {
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
}

/// Lets the others go first after a lost race, longer after each loss.
fn step_aside(ids: &dyn Ids, attempt: u32) {
    let limit = Duration::from_millis(8 << attempt.min(MAX_BACKOFF));
    std::thread::sleep(jitter(ids, limit));
}

#[cfg(test)]
mod tests;
