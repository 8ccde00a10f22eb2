//! What the base's history says belongs to whom, and which push topic each tenant named first: by every
//! tenant file that its mainline ever had.
//!
//! It is kept under Git's own directory; asked again, only commits that came since are read.
//!
//! Whoever can push a merge decides which of its parents is the first, and so what the mainline
//! is. A commit that was applied once and is beside the mainline now is a mainline of its own.

use std::collections::{BTreeSet, HashMap, HashSet};

use git2::Oid;

use super::kept::State;
use super::mainline;
use super::{Hit, Scope};
use crate::git::program::GitProgram;
use crate::git::snapshot::TENANT_FILE;
use crate::git::{GitError, Repo};
use applecart_core::fleet::{MAX_SETTINGS_BYTES, Owned, Stated, stated_in};
use applecart_core::model::{TenantName, Timestamp};
use applecart_core::rules::bindings::{Bound, History};
use applecart_core::rules::topics::FirstTopics;

mod slot;

/// How many commits are asked for one by one before the whole mainline is.
const NEWEST: usize = 256;

/// What the history tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub bindings: History,
    pub topics: FirstTopics,
    /// Those of the applied commits that are on the mainline.
    pub mainline: BTreeSet<String>,
}

/// What a clone can say of the history.
#[derive(Debug)]
pub enum Known {
    /// It has all of it.
    Whole(Told),
    /// It is cut off, or lacks contents of files. This is what it has.
    Part(Told),
}

/// What is collected of the history, and what it was made of.
#[derive(Debug, Default, PartialEq, Eq)]
struct Collected {
    told: Told,
    /// Applied commits that the tip contains beside its mainline, and that were looked at.
    beside: BTreeSet<String>,
    /// Applied commits that it does not contain.
    outside: BTreeSet<String>,
    /// Whether a tenant file's content is not in this clone.
    lacks: bool,
}

impl Repo {
    /// What belongs to whom by the mainline (the chain of first parents) up to `tip`, and by those
    /// of the commits `applied` that `tip` contains.
    pub fn bound_history(&self, tip: &str, applied: &BTreeSet<String>) -> Result<Known, GitError> {
        let tip = self.commit(tip)?.id();
        let slot = slot::Slot::of(&self.path_common_dir());
        let state = State::of(&self.path_common_dir());
        let program = GitProgram::of(self);
        let stored = slot.load(&state).filter(|stored| self.is_on_mainline(tip, stored.tip));
        let (mut collected, since) = match stored {
            Some(stored) => (stored.collected, Some(stored.tip)),
            None => (Collected::default(), None),
        };
        let is_new = since != Some(tip);
        if is_new {
            collected.outside.clear();
            let shallow = self.shallow_commits()?;
            for hit in self.mainline(&program, &Scope::Fleet, tip, since)?.iter().rev() {
                self.collect(hit, &shallow, &mut collected)?;
            }
        }
        let Collected { told, beside, outside, .. } = &collected;
        let known = [&told.mainline, beside, outside];
        let is_new_rev = |rev: &&String| known.iter().all(|revs| !revs.contains(*rev));
        let more: Vec<String> = applied.iter().filter(is_new_rev).cloned().collect();
        let is_changed = self.beside(&program, tip, &more, &mut collected)?;
        let lacks = collected.lacks || self.is_cut_off(&program, tip)?;
        if !lacks && (is_new || is_changed) {
            slot.store(&state, tip, &collected);
        }
        let told = collected.told;
        Ok(if lacks { Known::Part(told) } else { Known::Whole(told) })
    }

    /// Takes what one commit of the mainline made of one folder.
    fn collect(
        &self,
        hit: &Hit,
        shallow: &HashSet<Oid>,
        collected: &mut Collected,
    ) -> Result<(), GitError> {
        let is_cut_off = hit.before.is_none() && shallow.contains(&hit.commit);
        if hit.before.is_none() {
            collected.told.topics.begin(&hit.folder);
        }
        let Some(stated) = self.says(hit, &mut collected.lacks)? else { return Ok(()) };
        let Told { bindings, topics, .. } = &mut collected.told;
        if let Some(tree) = hit.after
            && (stated.watches_topic || is_cut_off)
            && !topics.has_told(&hit.folder)
        {
            match self.folder_of_tree(&hit.folder, &tree.to_string()) {
                Ok(folder) => topics.tell(folder, is_cut_off),
                // No revision with it could be read.
                Err(GitError::DuplicateEntry { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for (owned, bound) in self.bound_by(hit, stated) {
            bindings.add(owned, bound);
        }
        Ok(())
    }

    /// What the tenant file says that one commit gave to one folder.
    fn says(&self, hit: &Hit, lacks: &mut bool) -> Result<Option<Stated>, GitError> {
        let Some(tree) = hit.after else { return Ok(None) };
        if self.header(tree)?.is_none() {
            *lacks = true;
            return Ok(None);
        }
        let tree = self.tree(tree)?;
        let Some(entry) = tree.get_name(TENANT_FILE) else { return Ok(None) };
        match self.header(entry.id())? {
            None => {
                *lacks = true;
                Ok(None)
            }
            Some((size, git2::ObjectType::Blob)) if size <= MAX_SETTINGS_BYTES => {
                Ok(stated_in(&self.content(entry.id())?))
            }
            // No revision with it could be read, so it gave nothing to anybody.
            Some(_) => Ok(None),
        }
    }

    /// What belongs to whom by it.
    fn bound_by(&self, hit: &Hit, stated: Stated) -> impl Iterator<Item = (Owned, Bound)> {
        let seconds = self.time_of(hit.commit);
        let since = Timestamp::from_unix(seconds)
            .unwrap_or_else(|| Timestamp::new(chrono::DateTime::UNIX_EPOCH));
        let bound = Bound { tenant: stated.tenant, since, commit: hit.commit.to_string() };
        // A folder of another name is no tenant's.
        let folder = hit.folder.parse::<TenantName>().is_ok();
        let folder = folder.then(|| Owned::Folder(hit.folder.clone()));
        stated.owned.into_iter().chain(folder).map(move |owned| (owned, bound.clone()))
    }

    /// Adds what commits say that were applied, and are contained in the base beside its mainline;
    /// returns whether anything was learnt of them.
    fn beside(
        &self,
        program: &GitProgram,
        tip: Oid,
        applied: &[String],
        collected: &mut Collected,
    ) -> Result<bool, GitError> {
        if applied.is_empty() {
            return Ok(false);
        }
        // Only a whole name is one that a run wrote.
        let whole = |id: &String| Oid::from_str(id).ok().filter(|oid| oid.to_string() == *id);
        let ids = applied.iter().filter_map(whole);
        let here = ids.filter(|id| self.repo.find_commit(*id).is_ok());
        let newest = self.newest(tip);
        let (near, left): (Vec<Oid>, Vec<Oid>) = here.partition(|id| newest.contains(id));
        collected.told.mainline.extend(near.iter().map(Oid::to_string));
        if left.is_empty() {
            return Ok(!near.is_empty());
        }
        let chain = mainline::chain(program, tip)?;
        // The older a commit of the mainline is, the greater is its place.
        let places: HashMap<Oid, usize> =
            chain.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let (on, beside): (Vec<Oid>, Vec<Oid>) =
            left.into_iter().partition(|id| places.contains_key(id));
        collected.told.mainline.extend(on.iter().map(Oid::to_string));
        if beside.is_empty() {
            return Ok(true);
        }
        // One walk for all of them: whoever may push the ledger chooses how many there are.
        let contained = self.ancestors(&tip.to_string())?;
        for id in beside {
            if !contained.contains(&id.to_string()) {
                collected.outside.insert(id.to_string());
                continue;
            }
            collected.beside.insert(id.to_string());
            let parted = self.first_of(id, |at| places.contains_key(&at));
            let parted_at = parted.and_then(|at| places.get(&at)).copied();
            for hit in mainline::walk(program, &Scope::Fleet, id, parted)?.iter().rev() {
                let Some(stated) = self.says(hit, &mut collected.lacks)? else { continue };
                let bindings = &mut collected.told.bindings;
                for (owned, bound) in self.bound_by(hit, stated) {
                    // Both say what was said before they parted.
                    let first = bindings.first(&owned);
                    let place = first
                        .and_then(|first| Oid::from_str(&first.commit).ok())
                        .and_then(|first| places.get(&first).copied());
                    let is_shared = place.zip(parted_at).is_some_and(|(at, parted)| at >= parted);
                    if !is_shared {
                        bindings.add_beside(owned, bound);
                    }
                }
            }
        }
        Ok(true)
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
