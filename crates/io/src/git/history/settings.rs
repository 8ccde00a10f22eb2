//! Which settings the mainline ever had.

use std::collections::HashSet;

use git2::Oid;

use super::kept::State;
use super::{Hit, index};
use crate::git::snapshot::{is_plain, kind_of};
use crate::git::{GitError, Repo};
use applecart_core::fleet::{FLEET_FILE, FileBytes};

impl Repo {
    /// Every `applecart.yaml` that the mainline (the chain of first parents) up to `tip` ever had.
    ///
    /// Who can push a merge decides which of its parents is the first, and so what the mainline is: a
    /// merge can put the old mainline behind a history of its own making. So what another parent of a
    /// merge has is among them.
    pub fn past_settings(&self, tip: &str) -> Result<Vec<Vec<u8>>, GitError> {
        let tip = self.commit(tip)?.id();
        let state = State::of(&self.path_common_dir());
        let slot = index::Slot::new(&self.path_common_dir(), "settings".to_owned());
        let stored = slot.load(&state).filter(|stored| self.is_on_mainline(tip, stored.tip));
        let (mut hits, stop) = match stored {
            Some(stored) => (stored.hits, Some(stored.tip)),
            None => (Vec::new(), None),
        };
        if stop != Some(tip) {
            self.add_settings(tip, stop, &mut hits)?;
            slot.store(&state, tip, &hits);
        }
        let mut all = Vec::new();
        for id in hits.iter().filter_map(|hit| hit.after) {
            // What is no settings file that can be read, no run went by.
            if let FileBytes::Read(bytes) = self.settings(id)? {
                all.push(bytes);
            }
        }
        Ok(all)
    }

    /// Adds what commits from `tip` down to `stop` (not included) have, each content once.
    fn add_settings(
        &self,
        tip: Oid,
        stop: Option<Oid>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), GitError> {
        let mut known: HashSet<Oid> = hits.iter().filter_map(|hit| hit.after).collect();
        let mut at = Some(tip);
        while let Some(commit) = at.filter(|at| Some(*at) != stop) {
            let (mut parents, own) = self.parents_and_settings(commit)?;
            let mut found = vec![(commit, None, own)];
            at = parents.next();
            for other in parents {
                found.push((other, Some(commit), self.parents_and_settings(other)?.1));
            }
            for (commit, via, after) in found {
                if after.is_some_and(|after| known.insert(after)) {
                    let folder = FLEET_FILE.to_owned();
                    hits.push(Hit { commit, via, folder, before: None, after });
                }
            }
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
