//! What the base's history says belongs to whom: every tenant file that its mainline ever had.
//!
//! It is kept under Git's own directory; asked again, only commits that came since are read.
//!
//! Whoever can push a merge decides which of its parents is the first, and so what the mainline
//! is. A commit that was applied once and is beside the mainline now is a mainline of its own.

use std::collections::{BTreeSet, HashMap, HashSet};

use git2::Oid;

use super::mainline;
use super::{Hit, Scope};
use crate::git::program::GitProgram;
use crate::git::snapshot::TENANT_FILE;
use crate::git::{GitError, Repo};
use applecart_core::fleet::{MAX_SETTINGS_BYTES, Owned, owned_by};
use applecart_core::model::Timestamp;
use applecart_core::rules::bindings::{Bound, History};

mod kept;

/// How many commits are asked for one by one before the whole mainline is.
const NEWEST: usize = 256;

/// What a clone can say of the history.
#[derive(Debug)]
pub enum Known {
    /// It has all of it.
    Whole(History),
    /// It is cut off, or lacks contents of files. This is what it has.
    Part(History),
}

/// The history that is collected, and what it was made of.
#[derive(Default)]
struct Collected {
    history: History,
    /// Commits that were applied, and are looked at.
    applied: BTreeSet<String>,
    /// Whether a tenant file's content is not in this clone.
    lacks: bool,
}

impl Repo {
    /// What belongs to whom by the mainline (the chain of first parents) up to `tip`, and by those
    /// of the commits `applied` that `tip` contains.
    pub fn bound_history(&self, tip: &str, applied: &BTreeSet<String>) -> Result<Known, GitError> {
        let tip = self.commit(tip)?.id();
        let slot = kept::Slot::of(&self.path_common_dir());
        let program = GitProgram::of(self);
        let stored = slot.load().filter(|stored| self.is_on_mainline(tip, stored.tip));
        let (mut collected, since) = match stored {
            Some(stored) => (stored.collected, Some(stored.tip)),
            None => (Collected::default(), None),
        };
        let is_new = since != Some(tip);
        if is_new {
            let hits = self.mainline(&program, &Scope::Fleet, tip, since)?;
            for hit in hits.iter().rev() {
                for (owned, bound) in self.says(hit, &mut collected.lacks)? {
                    collected.history.add(owned, bound);
                }
            }
        }
        let more: Vec<String> = applied.difference(&collected.applied).cloned().collect();
        self.beside(&program, tip, &more, &mut collected)?;
        let lacks = collected.lacks || self.is_cut_off(&program, tip)?;
        if !lacks && (is_new || !more.is_empty()) {
            slot.store(tip, &collected);
        }
        let history = collected.history;
        Ok(if lacks { Known::Part(history) } else { Known::Whole(history) })
    }

    /// What one commit says of one folder.
    fn says(&self, hit: &Hit, lacks: &mut bool) -> Result<Vec<(Owned, Bound)>, GitError> {
        let Some(tree) = hit.after else { return Ok(Vec::new()) };
        let Some((_, _)) = self.header(tree)? else {
            *lacks = true;
            return Ok(Vec::new());
        };
        let tree = self.tree(tree)?;
        let Some(entry) = tree.get_name(TENANT_FILE) else { return Ok(Vec::new()) };
        let bytes = match self.header(entry.id())? {
            None => {
                *lacks = true;
                return Ok(Vec::new());
            }
            Some((size, git2::ObjectType::Blob)) if size <= MAX_SETTINGS_BYTES => {
                self.content(entry.id())?
            }
            // No revision with it could be read, so it gave nothing to anybody.
            Some(_) => return Ok(Vec::new()),
        };
        let Some((tenant, mut all)) = owned_by(&bytes) else { return Ok(Vec::new()) };
        all.push(Owned::Folder(hit.folder.clone()));
        let seconds = self.time_of(hit.commit);
        let since = Timestamp::from_unix(seconds)
            .unwrap_or_else(|| Timestamp::new(chrono::DateTime::UNIX_EPOCH));
        let bound = Bound { tenant, since, commit: hit.commit.to_string() };
        Ok(all.into_iter().map(|owned| (owned, bound.clone())).collect())
    }

    /// Adds what commits say that were applied, and are contained in the base beside its mainline.
    fn beside(
        &self,
        program: &GitProgram,
        tip: Oid,
        applied: &[String],
        collected: &mut Collected,
    ) -> Result<(), GitError> {
        let ids = applied.iter().filter_map(|id| Oid::from_str(id).ok());
        let here = ids.filter(|id| self.repo.find_commit(*id).is_ok());
        let newest = self.newest(tip);
        let (near, left): (Vec<Oid>, Vec<Oid>) = here.partition(|id| newest.contains(id));
        collected.applied.extend(near.iter().map(Oid::to_string));
        if left.is_empty() {
            return Ok(());
        }
        let chain = mainline::chain(program, tip)?;
        // The older a commit of the mainline is, the greater is its place.
        let places: HashMap<Oid, usize> =
            chain.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let (on, beside): (Vec<Oid>, Vec<Oid>) =
            left.into_iter().partition(|id| places.contains_key(id));
        collected.applied.extend(on.iter().map(Oid::to_string));
        for id in beside {
            if !self.repo.graph_descendant_of(tip, id).unwrap_or(false) {
                continue;
            }
            collected.applied.insert(id.to_string());
            let parted = self.first_of(id, |at| places.contains_key(&at));
            let parted_at = parted.and_then(|at| places.get(&at)).copied();
            for hit in mainline::walk(program, &Scope::Fleet, id, parted)?.iter().rev() {
                for (owned, bound) in self.says(hit, &mut collected.lacks)? {
                    // Both say what was said before they parted.
                    let first = collected.history.first(&owned);
                    let place = first
                        .and_then(|first| Oid::from_str(&first.commit).ok())
                        .and_then(|first| places.get(&first).copied());
                    let is_shared = place.zip(parted_at).is_some_and(|(at, parted)| at >= parted);
                    if !is_shared {
                        collected.history.add_beside(owned, bound);
                    }
                }
            }
        }
        Ok(())
    }

    /// The newest commits of the mainline, among which is nearly always what was applied lately.
    fn newest(&self, tip: Oid) -> HashSet<Oid> {
        let mut newest = HashSet::new();
        self.first_of(tip, |at| {
            newest.insert(at);
            newest.len() == NEWEST
        });
        newest
    }

    /// The newest commit on the chain of first parents that is wanted.
    fn first_of(&self, from: Oid, mut is_wanted: impl FnMut(Oid) -> bool) -> Option<Oid> {
        let mut at = from;
        while !is_wanted(at) {
            at = self.repo.find_commit(at).and_then(|commit| commit.parent_id(0)).ok()?;
        }
        Some(at)
    }

    /// Whether this clone lacks older commits of the mainline.
    fn is_cut_off(&self, program: &GitProgram, tip: Oid) -> Result<bool, GitError> {
        if !self.is_shallow() {
            return Ok(false);
        }
        match mainline::chain(program, tip)?.last() {
            Some(&oldest) => Ok(!self.true_parents(oldest)?.is_empty()),
            None => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests;
