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
//! **Genesis.** The policy names the ledger's first commit. A branch that cannot be found is then
//! lost, and one that does not have it in its history is another fleet's: neither is ever taken for
//! an empty ledger. What this clone remembers of a ledger that a new genesis has replaced counts no
//! more.
//!
//! **Notes.** What people record stands on a branch of its own. It causes nothing, but it can hold a
//! certificate, so taking it away must not pass for silence: it is remembered and proved as the
//! ledger is. Only a branch that no policy names the beginning of, and that nobody has seen, is
//! taken to have never been there.
//!
//! Several processes of one clone may do all this at once: the local branch is moved only from
//! where it was read, and a lost race is run again.

mod asking;
mod genesis;
mod handing;
mod joining;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use git2::Oid;

use super::branch::{Local, Role};
use super::error::LedgerError;
use super::remote::{GitRemote, Remote};
use super::tree::path_of;
use crate::git::SigningKey;
use crate::seams::{Clock, Ids, MachineClock};
use applecart_core::fleet::Accepted;
use applecart_core::ledger::{LedgerView, Tail, TenantLedger, encode, extend};
use applecart_core::model::{LedgerEntry, Record, Sha256, TenantId};
pub use genesis::{Begun, Create};
pub use joining::Joined;

/// The ledger of a fleet: reads it, and appends to it.
///
/// It is opened in one of three ways: [`Ledger::open`] looks at this clone only,
/// [`Ledger::open_shared`] asks the remote where there is one, and [`Ledger::open_offline`] reads
/// what this clone last saw of the remote.
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
    /// The reference in this clone that keeps the last commit seen at the remote.
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

/// An entry that has landed where every run sees it.
#[derive(Clone, Debug)]
pub struct Announced {
    /// Its record, at its final place.
    pub record: Record,
    /// Its tenant's whole chain as it was directly after landing, for
    /// [`TenantLedger::holder`]: an earlier intent of another run is in it.
    pub chain: Arc<TenantLedger>,
    /// The ledger's commit that it landed with. What else is in there was announced before.
    pub commit: Option<Oid>,
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
        Self::linked(repo_path, branch, branch, true)
    }

    /// The same, but contacts nothing: what this clone saw of the remote last, and its own entries.
    /// It is only read.
    pub fn open_offline(repo_path: &Path, branch: &str) -> Result<Self, LedgerError> {
        Self::linked(repo_path, branch, branch, false)
    }

    /// Opens the ledger that the repository shares through a remote that needs no process.
    #[cfg(any(test, feature = "testing"))]
    pub fn open_through(
        repo_path: &Path,
        branch: &str,
        remote: Box<dyn Remote>,
    ) -> Result<Self, LedgerError> {
        let link = Some(Link::new(remote, branch, true));
        Ok(Self { link, ..Self::open(repo_path, branch)? })
    }

    /// Opens the notes, which are at the ledger's remote: `asked` as with [`Ledger::open_shared`],
    /// else as with [`Ledger::open_offline`].
    pub fn open_notes(
        repo_path: &Path,
        branch: &str,
        ledger_branch: &str,
        asked: bool,
    ) -> Result<Self, LedgerError> {
        let mut notes = Self::linked(repo_path, branch, ledger_branch, asked)?;
        notes.play(Role::Notes { genesis: None });
        Ok(notes)
    }

    fn linked(
        repo_path: &Path,
        branch: &str,
        upstream_of: &str,
        asked: bool,
    ) -> Result<Self, LedgerError> {
        let ledger = Self::open(repo_path, branch)?;
        let remote = GitRemote::of(repo_path, &ledger.local.repo, branch, upstream_of)?;
        let link = remote.map(|remote| Link::new(Box::new(remote), branch, asked));
        Ok(Self { link, ..ledger })
    }

    /// Takes time and chance from elsewhere than the machine: when outcomes are pushed, and how
    /// processes that meet are spread.
    pub fn live_by(&mut self, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) {
        self.clock = Arc::clone(&clock);
        self.local.clock = clock;
        self.local.ids = ids;
    }

    /// Says what the branch is for, and with which commit it begins.
    pub fn play(&mut self, role: Role) {
        self.local.role = role;
    }

    pub(super) fn is_notes(&self) -> bool {
        matches!(self.local.role, Role::Notes { .. })
    }

    /// Takes what the policy accepts on this day: lines at which a chain breaks.
    pub fn accept(&mut self, accepted: &[Accepted], today: NaiveDate) {
        let counts = accepted.iter().filter(|one| today <= one.until);
        self.local.accepted = counts.map(|one| (one.tenant, one.line)).collect();
    }

    /// Signs every commit that is made from here on.
    pub fn sign_with(&mut self, key: SigningKey) {
        self.local.signing_key = Some(key);
    }

    /// The Git directory that all worktrees of the clone share, where locks live.
    pub(crate) fn common_dir(&self) -> &Path {
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

    /// Reads and verifies every tenant's file. An empty view is proved absence; where the policy
    /// names a genesis, absence is an error. A broken file is its own tenant's trouble; see
    /// [`LedgerView::broken`].
    ///
    /// A shared ledger is fetched first, and what this clone has recorded and not pushed yet
    /// stands at the end of the chains as if it were.
    pub fn read(&self) -> Result<LedgerView, LedgerError> {
        match &self.link {
            None => {
                let tip = self.local.tip()?;
                self.must_begin_well(tip, None)?;
                self.local.read_at(tip)
            }
            Some(link) => self.read_shared(link),
        }
    }

    /// The remote's ledger with this clone's unpushed entries at the end of the chains.
    fn read_shared(&self, link: &Link) -> Result<LedgerView, LedgerError> {
        let there = if link.asked { self.ask(link)? } else { self.remembered(link)? };
        let local = self.own_tip()?;
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
}

#[cfg(test)]
mod tests;
