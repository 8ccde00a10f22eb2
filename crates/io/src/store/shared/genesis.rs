//! The ledger's beginning: making it, and telling this fleet's ledger from another one.

use git2::Oid;

use super::super::append::Patience;
use super::super::error::LedgerError;
use super::{Ledger, Role};
use crate::git::network::Pushed;

/// How a ledger is begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Create {
    /// Where there is none; one that exists is taken as it is.
    Missing,
    /// A new one in place of one that is lost, and why.
    Replacing { reason: String },
}

/// A ledger that has a beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The whole name of its first commit, for `ledger.genesis` in applecart.yaml.
    pub genesis: String,
    /// Whether the ledger was there before.
    pub existed: bool,
}

impl Ledger {
    /// The first commit that the policy names for this branch.
    pub fn genesis(&self) -> Option<&str> {
        match &self.local.role {
            Role::Ledger { genesis } | Role::Notes { genesis } => genesis.as_deref(),
        }
    }

    /// Whether the commit is of this fleet's ledger; every one is where the policy names no
    /// genesis.
    fn is_ours(&self, tip: Oid) -> Result<bool, LedgerError> {
        let Some(genesis) = self.genesis() else { return Ok(true) };
        match Oid::from_str(genesis) {
            Ok(genesis) if self.local.repo.find_commit(genesis).is_ok() => {
                // A walk back to the first commit is as long as the ledger is old.
                Ok(self.goes_on(tip)? || self.local.contains(tip, genesis)?)
            }
            // A commit that this clone does not have is in no history of this clone.
            _ => Ok(false),
        }
    }

    /// The tip, if it is of this fleet's ledger.
    pub(in super::super) fn begun_well(
        &self,
        tip: Option<Oid>,
    ) -> Result<Option<Oid>, LedgerError> {
        match tip {
            Some(tip) if self.is_ours(tip)? => Ok(Some(tip)),
            _ => Ok(None),
        }
    }

    /// Refuses what is not this fleet's ledger: nothing at all where the policy names a genesis, or
    /// a history without it.
    pub(super) fn must_begin_well(
        &self,
        tip: Option<Oid>,
        remote: Option<&str>,
    ) -> Result<(), LedgerError> {
        let Some(genesis) = self.genesis() else { return Ok(()) };
        let (branch, genesis) = (self.local.branch.clone(), genesis.to_owned());
        let remote = remote.map(str::to_owned);
        match tip {
            None => Err(LedgerError::Missing { branch, remote, genesis }),
            Some(tip) if self.is_ours(tip)? => Ok(()),
            Some(tip) => {
                Err(LedgerError::Foreign { branch, remote, genesis, found: tip.to_string() })
            }
        }
    }

    /// Begins the ledger, here and at the remote, which is asked first. A ledger that is there is
    /// never replaced by force.
    ///
    /// # Errors
    /// When the remote cannot be asked or refuses the branch; when the ledger was there before and
    /// is gone; and with [`Create::Replacing`], when there is a branch of this name at the remote.
    pub fn create(&mut self, how: &Create) -> Result<Begun, LedgerError> {
        // Before the remote has anything: what is begun there must have a place here, too.
        self.local.must_be_free(&mut Patience::of(&self.local))?;
        let root = match how {
            Create::Missing => match self.existing()? {
                Some(begun) => return Ok(begun),
                None => self.local.root(None, self.clock.now())?,
            },
            Create::Replacing { reason } => {
                let old = self.genesis().map(str::to_owned);
                self.local.root(Some((old.as_deref(), reason)), self.clock.now())?
            }
        };
        if let Some(link) = &self.link {
            let (branch, remote) = (self.local.branch.clone(), link.remote.name().to_owned());
            match link.remote.push_if_head(root, None, &*self.clock)? {
                Pushed::Done => {}
                Pushed::Moved => return Err(LedgerError::InTheWay { branch, remote }),
                Pushed::Busy => return Err(LedgerError::LockedThere { branch, remote }),
                Pushed::Refused { reason } => {
                    return Err(LedgerError::PushRefused { branch, remote, reason });
                }
            }
            self.overwrite(&link.memory, root)?;
        }
        let old = self.tip()?;
        if let Some(old) = old {
            self.keep(old)?;
        }
        self.local.advance(old, root, &mut Patience::of(&self.local))?;
        self.local.seen.set(Some(root));
        Ok(Begun { genesis: root.to_string(), existed: false })
    }

    /// The ledger that there is, at the remote or only here.
    fn existing(&mut self) -> Result<Option<Begun>, LedgerError> {
        let tip = match &self.link {
            None => self.local.tip()?,
            Some(link) => match self.ask(link) {
                Err(LedgerError::Unpublished { .. }) | Ok(None) => {
                    self.publish()?;
                    self.own_tip()?
                }
                asked => asked?,
            },
        };
        let Some(tip) = tip else { return Ok(None) };
        self.must_begin_well(Some(tip), None)?;
        let genesis = self.root_of(tip)?.to_string();
        Ok(Some(Begun { genesis, existed: true }))
    }

    /// Whether the branch goes on with a record that began with `earlier`: it has that commit in its
    /// history, or begins with a commit that says that it took that record's place.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn goes_on_from(&self, earlier: &str) -> Result<bool, LedgerError> {
        let Some(head) = self.head()? else { return Ok(false) };
        // Reading proved with which commit it begins, so nothing is walked for it.
        let root = match self.genesis() {
            Some(genesis) => self.named(genesis)?,
            None => self.root_of(self.named(&head)?)?,
        };
        let root = self.local.repo.find_commit(root).map_err(|source| {
            self.local.objects(&self.local.repo).unreadable("its first commit", source)
        })?;
        let says_so = root.summary_bytes().is_some_and(|subject| {
            String::from_utf8_lossy(subject).split([' ', ':']).any(|word| word == earlier)
        });
        Ok(says_so || self.holds(&head, earlier)? == Some(true))
    }

    /// The first commit of a history.
    fn root_of(&self, tip: Oid) -> Result<Oid, LedgerError> {
        let repo = self.local.history()?;
        let root = || {
            let mut commit = repo.find_commit(tip)?;
            while let Ok(parent) = commit.parent(0) {
                commit = parent;
            }
            Ok(commit.id())
        };
        root().map_err(|source| self.local.objects(&repo).unreadable("the history", source))
    }

    /// Keeps a commit reachable that the branch moves away from.
    pub(super) fn keep(&self, old: Oid) -> Result<(), LedgerError> {
        let name = format!("refs/applecart/kept/{old}");
        let (branch, what) = (self.local.branch.clone(), "the entries that are kept aside");
        let kept = self.local.repo.reference(&name, old, true, "applecart: kept");
        kept.map(|_| ()).map_err(|source| LedgerError::Write { branch, what, source })
    }
}

#[cfg(test)]
mod tests;
