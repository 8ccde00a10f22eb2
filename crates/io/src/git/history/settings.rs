//! Which settings the mainline ever had.

use std::collections::HashSet;

use git2::Oid;

use super::kept::State;
use super::{Hit, index};
use crate::git::snapshot::{is_plain, kind_of};
use crate::git::{GitError, Repo};
use applecart_core::fleet::{FLEET_FILE, FileBytes};

/// Every `applecart.yaml` that counted once, or may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastSettings {
    /// What commits of the mainline (the chain of first parents) replaced by others, oldest first.
    pub mainline: Vec<Vec<u8>>,
    /// What merges of the mainline put aside: another parent had it, and the mainline never had. Who can
    /// push a merge decides which of its parents is the first, and so what the mainline is: a merge can
    /// put the old mainline behind a history of its own making.
    pub aside: Vec<Vec<u8>>,
}

impl Repo {
    /// The settings that the mainline had before those of `tip`.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn past_settings(&self, tip: &str) -> Result<PastSettings, GitError> {
        let tip = self.commit(tip)?.id();
        let state = State::of(&self.path_common_dir());
        let slot = index::Slot::new(&self.path_common_dir(), "past settings".to_owned());
        let stored = slot.load(&state).filter(|stored| self.is_on_mainline(tip, stored.tip));
        let (mut hits, stop) = match stored {
            Some(stored) => (stored.hits, Some(stored.tip)),
            None => (Vec::new(), None),
        };
        if stop != Some(tip) {
            self.add_settings(tip, stop, &mut hits)?;
            slot.store(&state, tip, &hits);
        }
        let mut past = PastSettings::default();
        for (via, id) in hits.iter().filter_map(|hit| Some((hit.via, hit.before?))) {
            // What is no settings file that can be read, no run went by.
            if let FileBytes::Read(bytes) = self.settings(id)? {
                if via.is_none() { past.mainline.push(bytes) } else { past.aside.push(bytes) }
            }
        }
        Ok(past)
    }

    /// Adds what commits from `stop` (not included) up to `tip` replaced and put aside, oldest first.
    fn add_settings(
        &self,
        tip: Oid,
        stop: Option<Oid>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), GitError> {
        let mut chain = Vec::new();
        let mut at = Some(tip);
        while let Some(commit) = at.filter(|at| Some(*at) != stop) {
            let (mut parents, own) = self.parents_and_settings(commit)?;
            at = parents.next();
            chain.push((commit, parents, own));
        }
        let mut before = match stop {
            Some(stop) => self.parents_and_settings(stop)?.1,
            None => None,
        };
        let mainline = hits.iter().filter(|hit| hit.via.is_none());
        let mut known: HashSet<Oid> = mainline.filter_map(|hit| hit.after).collect();
        let hit = |commit, via, before, after| Hit {
            commit,
            via,
            folder: FLEET_FILE.to_owned(),
            before,
            after,
        };
        for (commit, others, own) in chain.into_iter().rev() {
            for other in others {
                let theirs = self.parents_and_settings(other)?.1;
                if theirs.is_some_and(|theirs| Some(theirs) != own && !known.contains(&theirs)) {
                    hits.push(hit(other, Some(commit), theirs, own));
                }
            }
            if own != before {
                hits.push(hit(commit, None, before, own));
            }
            known.extend(own);
            before = own;
        }
        Ok(())
    }

    fn parents_and_settings(
        &self,
        commit: Oid,
    ) -> Result<(std::vec::IntoIter<Oid>, Option<Oid>), GitError> {
        let unreadable = |error| GitError::reading(&format!("commit {commit}"), error);
        let commit = self.repo.find_commit(commit).map_err(unreadable)?;
        let root = commit.tree().map_err(unreadable)?;
        let entry = root.get_name(FLEET_FILE).filter(|entry| is_plain(kind_of(entry)));
        let parents: Vec<Oid> = commit.parent_ids().collect();
        Ok((parents.into_iter(), entry.map(|entry| entry.id())))
    }
}
