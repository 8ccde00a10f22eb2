//! What the base's history says belongs to whom, and which push topic each tenant named first.
//!
//! Every commit that the base contains is read, for what its tenant files say that those of its parents
//! do not. Whoever can push a merge decides which of its parents is the first, and a fast-forward makes
//! a branch's own line the mainline, so nothing here depends on that; which commits come after which
//! tells who came first ([`applecart_core::rules::claims`]).
//!
//! It is kept under Git's own directory; asked again, only commits that came since are read.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use git2::Oid;

use super::descent::Descent;
use super::kept::State;
use super::mainline::{self, Lines};
use super::{Change, Scope};
use crate::git::program::GitProgram;
use crate::git::snapshot::TENANT_FILE;
use crate::git::{GitError, Repo};
use applecart_core::fleet::{MAX_SETTINGS_BYTES, Owned, Stated, stated_in};
use applecart_core::model::{TenantId, TenantName, Timestamp};
use applecart_core::rules::bindings::{Bound, History};
use applecart_core::rules::topics::FirstTopics;

mod beside;
mod slot;

pub use beside::Beside;

/// How many commits are asked for one by one before the whole mainline is.
const NEWEST: usize = 256;

/// What the history tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub bindings: History,
    pub topics: FirstTopics,
    /// Those of the applied commits that are on the mainline (the chain of first parents).
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
    /// Applied commits that are not on the mainline.
    elsewhere: BTreeSet<String>,
    /// Whether a tenant file's content is not in this clone.
    lacks: bool,
}

/// What a commit says of a folder.
#[derive(Debug)]
struct Said {
    tenant: TenantId,
    owned: Vec<Owned>,
    watches_topic: bool,
}

impl Said {
    fn watched_topic(&self) -> Option<&Owned> {
        self.owned.iter().find(|one| self.watches_topic && matches!(one, Owned::Topic(_)))
    }
}

/// What a commit says of a folder, and what its parents said.
struct New<'c> {
    change: &'c Change,
    said: Rc<Said>,
    before: Vec<Rc<Said>>,
}

impl New<'_> {
    /// What it gives to the tenant that the folder names, and no parent gave.
    fn owned(&self) -> impl Iterator<Item = &Owned> {
        self.said
            .owned
            .iter()
            .filter(|owned| !self.of_tenant().any(|old| old.owned.contains(owned)))
    }

    fn bound(&self, since: Timestamp) -> Bound {
        Bound { value: self.said.tenant, since, commit: self.change.commit.to_string() }
    }

    /// Whether it names a topic that no parent named.
    fn is_new_topic(&self) -> bool {
        let topic = self.said.watched_topic();
        topic.is_some() && self.of_tenant().all(|old| old.watched_topic() != topic)
    }

    fn of_tenant(&self) -> impl Iterator<Item = &Rc<Said>> {
        self.before.iter().filter(|old| old.tenant == self.said.tenant)
    }
}

/// Reads commits one after another.
#[derive(Default)]
struct Reader {
    /// What each folder was when it was last looked at: commits nearly always come one after another.
    last: HashMap<String, (Oid, Option<Rc<Said>>)>,
    /// What was claimed, and of which tenants a topic was told.
    owned: HashSet<Owned>,
    topics: BTreeSet<TenantId>,
    lacks: bool,
}

impl Repo {
    /// What belongs to whom by every commit that `tip` contains, and which of the commits `applied`
    /// are on its mainline.
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
            collected.elsewhere.clear();
            self.collect(&program, tip, since, &mut collected)?;
        }
        let is_changed = self.find_applied(&program, tip, applied, &mut collected)?;
        let Collected { told, lacks, .. } = &collected;
        if *lacks {
            return Ok(Known::Part(told.clone()));
        }
        if is_new || is_changed {
            slot.store(&state, tip, &collected);
        }
        Ok(Known::Whole(collected.told))
    }

    /// Reads every commit that `tip` contains and `since` does not.
    fn collect(
        &self,
        program: &GitProgram,
        tip: Oid,
        since: Option<Oid>,
        collected: &mut Collected,
    ) -> Result<(), GitError> {
        let descent = Descent::read(program, Lines::All, &[tip], since)?;
        let shallow = self.shallow_commits()?;
        let merged = descent.brought_by(&descent.first_parents(tip));
        let mut changes = self.changes(program, (&Scope::Fleet, Lines::All), &[tip], since)?;
        changes.sort_by_key(|change| descent.place(change.commit));
        let mut reader = Reader::default();
        let told = &mut collected.told;
        for change in &changes {
            let is_cut_off = shallow.contains(&change.commit);
            let since = self.time_at(merged.get(&change.commit).copied().unwrap_or(tip));
            let Some(new) = self.new_in(&mut reader, change)? else { continue };
            for owned in new.owned() {
                reader.owned.insert(owned.clone());
                told.bindings.add(owned.clone(), new.bound(since));
            }
            if is_cut_off || new.is_new_topic() {
                let tenant = self.tell_topic(change, is_cut_off, since, &mut told.topics)?;
                reader.topics.extend(tenant);
            }
        }
        // Of two lines the whole descent tells.
        let whole = match since {
            None => Some(descent),
            Some(_) => None,
        };
        settle(program, &[tip], whole, &reader, told)?;
        collected.lacks |= reader.lacks;
        for end in shallow {
            // A commit may be the first there is.
            let is_in_it = merged.contains_key(&end);
            collected.lacks |= is_in_it && !self.true_parents(end)?.is_empty();
        }
        Ok(())
    }

    /// What a commit says of a folder, beside what its parents said.
    fn new_in<'c>(
        &self,
        reader: &mut Reader,
        change: &'c Change,
    ) -> Result<Option<New<'c>>, GitError> {
        let mut before = Vec::new();
        for tree in &change.before {
            before.extend(self.said_by(reader, &change.folder, *tree)?);
        }
        let said = self.said_by(reader, &change.folder, change.after)?;
        Ok(said.map(|said| New { change, said, before }))
    }

    /// Notes the topic that a commit names for the tenant of a folder; returns that tenant.
    fn tell_topic(
        &self,
        change: &Change,
        is_cut_off: bool,
        since: Timestamp,
        topics: &mut FirstTopics,
    ) -> Result<Option<TenantId>, GitError> {
        let Some(tree) = change.after else { return Ok(None) };
        match self.folder_of_tree(&change.folder, &tree.to_string()) {
            Ok(folder) => Ok(topics.tell(folder, is_cut_off, change.commit.to_string(), since)),
            // No revision with it could be read.
            Err(GitError::DuplicateEntry { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a folder's tree says.
    fn said_by(
        &self,
        reader: &mut Reader,
        folder: &str,
        tree: Option<Oid>,
    ) -> Result<Option<Rc<Said>>, GitError> {
        let Some(tree) = tree else { return Ok(None) };
        if let Some((_, said)) = reader.last.get(folder).filter(|(of, _)| *of == tree) {
            return Ok(said.clone());
        }
        let said = self.read_folder(folder, tree, &mut reader.lacks)?.map(Rc::new);
        reader.last.insert(folder.to_owned(), (tree, said.clone()));
        Ok(said)
    }

    fn read_folder(
        &self,
        folder: &str,
        tree: Oid,
        lacks: &mut bool,
    ) -> Result<Option<Said>, GitError> {
        if self.header(tree)?.is_none() {
            *lacks = true;
            return Ok(None);
        }
        let tree = self.tree(tree)?;
        let Some(entry) = tree.get_name(TENANT_FILE) else { return Ok(None) };
        let stated = match self.header(entry.id())? {
            None => {
                *lacks = true;
                None
            }
            Some((size, git2::ObjectType::Blob)) if size <= MAX_SETTINGS_BYTES => {
                stated_in(&self.content(entry.id())?)
            }
            // No revision with it could be read, so it gave nothing to anybody.
            Some(_) => None,
        };
        let Some(Stated { tenant, mut owned, files, watches_topic }) = stated else {
            return Ok(None);
        };
        let sealed = files.iter().filter_map(|name| tree.get_name(name));
        owned.extend(sealed.map(|entry| Owned::Sealed(entry.id().to_string())));
        // A folder of another name is no tenant's.
        let is_folder = folder.parse::<TenantName>().is_ok();
        owned.extend(is_folder.then(|| Owned::Folder(folder.to_owned())));
        Ok(Some(Said { tenant, owned, watches_topic }))
    }

    fn time_at(&self, commit: Oid) -> Timestamp {
        Timestamp::from_unix(self.time_of(commit))
            .unwrap_or_else(|| Timestamp::new(chrono::DateTime::UNIX_EPOCH))
    }

    /// Finds out which commits that were applied are on the mainline; returns whether anything was
    /// learnt.
    fn find_applied(
        &self,
        program: &GitProgram,
        tip: Oid,
        applied: &BTreeSet<String>,
        collected: &mut Collected,
    ) -> Result<bool, GitError> {
        let Collected { told: Told { mainline, .. }, elsewhere, .. } = collected;
        // Only a whole name is one that a run wrote.
        let whole = |id: &&String| Oid::from_str(id).is_ok_and(|oid| oid.to_string() == **id);
        let is_new = |id: &&String| !mainline.contains(*id) && !elsewhere.contains(*id);
        let new: Vec<Oid> = applied
            .iter()
            .filter(|id| whole(id) && is_new(id))
            .filter_map(|id| Oid::from_str(id).ok())
            .filter(|id| self.repo.find_commit(*id).is_ok())
            .collect();
        if new.is_empty() {
            return Ok(false);
        }
        let newest = self.newest(tip);
        let (near, left): (Vec<Oid>, Vec<Oid>) =
            new.into_iter().partition(|id| newest.contains(id));
        mainline.extend(near.iter().map(Oid::to_string));
        if !left.is_empty() {
            let chain: HashSet<Oid> = mainline::chain(program, tip)?.into_iter().collect();
            for id in left {
                let found = if chain.contains(&id) { &mut *mainline } else { &mut *elsewhere };
                found.insert(id.to_string());
            }
        }
        Ok(true)
    }

    /// The newest commits of the mainline, among which is nearly always what was applied lately.
    fn newest(&self, tip: Oid) -> HashSet<Oid> {
        let first_parent = |at: &Oid| {
            let parent = self.repo.find_commit(*at).and_then(|commit| commit.parent_id(0));
            parent.ok()
        };
        std::iter::successors(Some(tip), first_parent).take(NEWEST).collect()
    }
}

/// Finds out who came first where what was read is claimed by several.
fn settle(
    program: &GitProgram,
    tips: &[Oid],
    mut descent: Option<Descent>,
    reader: &Reader,
    told: &mut Told,
) -> Result<(), GitError> {
    let mut whole = || -> Result<Descent, GitError> {
        match descent.take() {
            Some(descent) => Ok(descent),
            None => Descent::read(program, Lines::All, tips, None),
        }
    };
    let is_contested = |owned: &&Owned| told.bindings.of(owned).is_some_and(|all| !all.agree());
    let owned: Vec<Owned> = reader.owned.iter().filter(is_contested).cloned().collect();
    let mut topics = reader.topics.clone();
    topics.retain(|tenant| !told.topics.claims_of(*tenant).agree());
    if owned.is_empty() && topics.is_empty() {
        return Ok(());
    }
    let descent = whole()?;
    for owned in owned {
        told.bindings.claims_of(owned).settle(|commit| descent.after(commit));
    }
    for tenant in topics {
        told.topics.claims_of(tenant).settle(|commit| descent.after(commit));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
