//! Asking: where the remote's branch is, and whether it is still what was seen of it.

use std::time::Duration;

use git2::{ErrorCode, Oid};

use super::super::append::jitter;
use super::super::error::LedgerError;
use super::{Ledger, Link, Role, There};

/// How often the memory is moved again after another process moved it first.
const MAX_NOTES: u32 = 200;

impl Ledger {
    /// Asks the remote where its branch is, and fetches the branch whole. `None` is proved
    /// absence: the remote has no such branch, and nothing in this clone shows that it ever had.
    pub(in super::super) fn ask(&self, link: &Link) -> Result<Option<Oid>, LedgerError> {
        // Read before asking: what was there before must be contained in what is there now.
        let seen = self.remembered(link)?;
        let Some(tip) = link.remote.fetch(&link.memory, &*self.clock)? else {
            self.must_be_absent(link, seen)?;
            link.there.set(There::Absent);
            return Ok(None);
        };
        self.must_begin_well(Some(tip), Some(link.remote.name()))?;
        match seen {
            Some(seen) if !self.local.contains(tip, seen)? => self.moved_back(link, seen, tip)?,
            // What was read is read, also where a clone cannot be written to. Without the note, the
            // next look only compares with an older tip.
            _ => {
                if let Err(error) = self.remember(link, tip) {
                    tracing::warn!("not kept: {}", error.sentence());
                }
            }
        }
        link.there.set(There::At(tip));
        Ok(Some(tip))
    }

    /// A remote without the branch: whether there never was one.
    fn must_be_absent(&self, link: &Link, seen: Option<Oid>) -> Result<(), LedgerError> {
        let (branch, remote) = (self.local.branch.clone(), link.remote.name().to_owned());
        if let Some(seen) = seen {
            return Err(LedgerError::LostThere { branch, remote, seen: seen.to_string() });
        }
        // Notes that nobody has seen there are begun by the first one who writes.
        if self.local.role == (Role::Notes { genesis: None }) {
            return Ok(());
        }
        let own = self.own_tip()?;
        if own.is_none() {
            self.must_begin_well(None, Some(&remote))?;
            return Ok(());
        }
        Err(LedgerError::Unpublished { branch, remote })
    }

    /// A remote whose branch does not contain what was seen of it.
    fn moved_back(&self, link: &Link, seen: Oid, found: Oid) -> Result<(), LedgerError> {
        let (branch, remote) = (self.local.branch.clone(), link.remote.name().to_owned());
        let is_older = self.local.contains(seen, found)?;
        let (seen, found) = (seen.to_string(), found.to_string());
        Err(if is_older {
            LedgerError::Behind { branch, remote, seen, found }
        } else {
            let memory = link.memory.clone();
            LedgerError::RewrittenThere { branch, remote, seen, found, memory }
        })
    }

    /// Where the remote's branch was when this handle asked last; asks where it never did.
    pub(in super::super) fn there(&self, link: &Link) -> Result<Option<Oid>, LedgerError> {
        match link.there.get() {
            There::NotAsked => self.ask(link),
            There::Absent => Ok(None),
            There::At(tip) => Ok(Some(tip)),
        }
    }

    /// Notes that the remote took `tip`.
    pub(super) fn landed(&self, link: &Link, tip: Oid) {
        link.there.set(There::At(tip));
        // What was pushed is there, whatever becomes of the note; without it, the next look at the
        // remote only compares with an older tip.
        let _ = self.remember(link, tip);
    }

    /// What this clone has seen of the remote's branch, without asking.
    pub(in super::super) fn remembered(&self, link: &Link) -> Result<Option<Oid>, LedgerError> {
        let tracked = self.begun_well(self.local.tip_of(&link.tracking)?)?;
        if let Some(tracked) = tracked
            && let Err(error) = self.remember(link, tracked)
        {
            tracing::debug!("not kept: {}", error.sentence());
        }
        let noted = self.begun_well(self.local.tip_of(&link.memory)?)?;
        Ok(match (noted, tracked) {
            // Where it could not be noted, it was seen all the same.
            (Some(noted), Some(tracked)) if self.local.contains(tracked, noted)? => Some(tracked),
            (None, tracked) => tracked,
            (noted, _) => noted,
        })
    }

    /// Where the local branch is, whatever was seen of it before.
    pub(in super::super) fn tip(&self) -> Result<Option<Oid>, LedgerError> {
        self.local.tip_of(&self.local.refname)
    }

    /// The same, if it is this fleet's ledger and not one that was replaced.
    pub(super) fn own_tip(&self) -> Result<Option<Oid>, LedgerError> {
        self.begun_well(self.tip()?)
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
            match self.begun_well(was)? {
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
                    self.clock.pause(jitter(&*self.local.ids, Duration::from_millis(20)));
                }
                Err(_) => return moved.map(|_| ()).map_err(unwritable),
            }
        }
        Err(LedgerError::Contended { branch: self.local.branch.clone(), attempts: MAX_NOTES })
    }

    /// Sets a reference of ours, wherever it was.
    pub(in super::super) fn overwrite(&self, name: &str, to: Oid) -> Result<(), LedgerError> {
        let (branch, what) = (self.local.branch.clone(), "what was seen of the remote's branch");
        let set = self.local.repo.reference(name, to, true, "applecart: seen");
        set.map(|_| ()).map_err(|source| LedgerError::Write { branch, what, source })
    }
}
