//! Every object of the repository, reachable or not, and which commit brought one in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use git2::{ObjectType, Oid, Sort};

use super::{GitError, Repo, escaped};

/// Most octets of trees that are read for the names in them. A fleet of hundreds of tenants has less
/// in all its history.
const MAX_TREES: u64 = 1024 * 1024 * 1024;

/// Shorter names hold no secret.
const LONG_NAME: usize = 40;

/// A folder in a folder in a folder: more than any fleet has, and less than a stack.
const MAX_DEPTH: usize = 64;

/// The commits that a commit is or comes after.
#[derive(Clone, Debug, Default)]
pub struct Ancestors {
    ids: HashSet<Oid>,
    /// Whether the clone is cut off somewhere among them.
    pub cut_off: bool,
}

impl Ancestors {
    /// Whether the commit, by its whole name, is one of them.
    pub fn contains(&self, commit: &str) -> bool {
        commit.len() == 40 && Oid::from_str(commit).is_ok_and(|id| self.ids.contains(&id))
    }
}

/// What is looked at of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// All of a file.
    Blob,
    /// All of a commit or of an annotated tag: its message, and who is said to have made it.
    Message,
    /// The names in a folder, each on a line; short ones left out.
    Names,
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    pub blobs: usize,
    /// How many commits and annotated tags.
    pub messages: usize,
    /// Blobs over the limit, which were not looked at.
    pub too_large: Vec<String>,
    /// Whether there are so many folders that their names were not looked at.
    pub without_names: bool,
    /// Files that some folder names and this clone does not have. Where nothing reaches the folder,
    /// they were pruned.
    pub missing: BTreeSet<String>,
}

/// Where a blob came in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub commit: String,
    /// The path in that commit, relative to the repository's root.
    pub path: String,
}

impl Repo {
    /// The commits that `commit` is or comes after.
    pub fn ancestors(&self, commit: &str) -> Result<Ancestors, GitError> {
        let unreadable = |error| GitError::reading("the history", error);
        let mut walk = self.repo.revwalk().map_err(unreadable)?;
        walk.push(self.commit(commit)?.id()).map_err(unreadable)?;
        let ids: HashSet<Oid> = walk.collect::<Result<_, _>>().map_err(unreadable)?;
        let cut_off = self.shallow_commits()?.iter().any(|end| ids.contains(end));
        Ok(Ancestors { ids, cut_off })
    }

    /// Whether objects may be missing that a remote would send when asked (a partial clone).
    pub fn is_partial(&self) -> bool {
        let config = self.repo.config().and_then(|mut config| config.snapshot());
        config.is_ok_and(|config| {
            let mut found = false;
            let named = config.entries(Some("^remote\\..*\\.promisor$"));
            let _ = named.and_then(|entries| {
                entries.for_each(|entry| found |= entry.value().is_ok_and(|value| value != "false"))
            });
            found
        })
    }

    /// Shows every blob of at most `max` bytes, every message and every name, once each, whether
    /// anything reaches it or not.
    pub fn each_object(
        &self,
        max: u64,
        look: impl FnMut(&str, Part, &[u8]),
    ) -> Result<Searched, GitError> {
        let odb = self.repo.odb();
        let odb = odb.map_err(|error| GitError::reading("the objects", error))?;
        let mut ids = HashSet::new();
        odb.foreach(|id| {
            // An object may be in a pack and beside it.
            ids.insert(*id);
            true
        })
        .map_err(|error| GitError::reading("the objects", error))?;
        self.look_at(&ids, max, look)
    }

    /// The same of what came with the commits that `tip` has and `base` does not.
    pub fn each_new_object(
        &self,
        (tip, base): (&str, &str),
        max: u64,
        look: impl FnMut(&str, Part, &[u8]),
    ) -> Result<Searched, GitError> {
        let (tip, base) = (self.commit(tip)?.id(), self.commit(base)?.id());
        let ids = self.new_objects(tip, base);
        let ids = ids.map_err(|error| GitError::reading("the new commits", error))?;
        self.look_at(&ids, max, look)
    }

    /// The commits from `base` to `tip`, and what each has that no parent has at the same place and
    /// `base` has nowhere: what was moved is not new.
    fn new_objects(&self, tip: Oid, base: Oid) -> Result<HashSet<Oid>, git2::Error> {
        let mut walk = self.repo.revwalk()?;
        walk.push(tip)?;
        walk.hide(base)?;
        let mut new = HashSet::new();
        for id in walk {
            let commit = self.repo.find_commit(id?)?;
            new.insert(commit.id());
            let parents = commit.parents().map(|parent| parent.tree_id()).collect();
            let mut open: Vec<(Oid, Vec<Oid>)> = vec![(commit.tree_id(), parents)];
            while let Some((id, before)) = open.pop() {
                if before.contains(&id) || !new.insert(id) {
                    continue;
                }
                let before: Vec<_> =
                    before.into_iter().filter_map(|id| self.repo.find_tree(id).ok()).collect();
                for entry in &self.repo.find_tree(id)? {
                    let name = entry.name_bytes();
                    let there = before.iter().filter_map(|tree| tree.get_name_bytes(name));
                    let there: Vec<Oid> = there.map(|one| one.id()).collect();
                    match entry.kind() {
                        Some(ObjectType::Tree) => open.push((entry.id(), there)),
                        Some(ObjectType::Blob) if !there.contains(&entry.id()) => {
                            new.insert(entry.id());
                        }
                        _ => {}
                    }
                }
            }
        }
        let (mut open, mut known) = (vec![self.repo.find_commit(base)?.tree_id()], HashSet::new());
        while let Some(id) = open.pop().filter(|_| !new.is_empty()) {
            if !known.insert(id) {
                continue;
            }
            new.remove(&id);
            for entry in &self.repo.find_tree(id)? {
                match entry.kind() {
                    Some(ObjectType::Tree) => open.push(entry.id()),
                    _ => {
                        new.remove(&entry.id());
                    }
                }
            }
        }
        Ok(new)
    }

    fn look_at(
        &self,
        ids: &HashSet<Oid>,
        max: u64,
        mut look: impl FnMut(&str, Part, &[u8]),
    ) -> Result<Searched, GitError> {
        let odb = self.repo.odb();
        let odb = odb.map_err(|error| GitError::reading("the objects", error))?;
        let mut searched = Searched::default();
        let mut trees = Vec::new();
        let mut size_of_trees = 0;
        for &id in ids {
            if !odb.exists(id) {
                searched.missing.insert(id.to_string());
                continue;
            }
            let unreadable = |error| GitError::reading(&format!("object {id}"), error);
            let (size, kind) = odb.read_header(id).map_err(unreadable)?;
            let part = match kind {
                ObjectType::Blob if size as u64 > max => {
                    searched.too_large.push(id.to_string());
                    continue;
                }
                ObjectType::Blob => Part::Blob,
                ObjectType::Commit | ObjectType::Tag => Part::Message,
                ObjectType::Tree => {
                    size_of_trees += size as u64;
                    trees.push(id);
                    continue;
                }
                ObjectType::Any => continue,
            };
            let object = odb.read(id).map_err(unreadable)?;
            look(&id.to_string(), part, object.data());
            match part {
                Part::Blob => searched.blobs += 1,
                Part::Message | Part::Names => searched.messages += 1,
            }
        }
        searched.too_large.sort_unstable();
        searched.without_names = size_of_trees > MAX_TREES;
        for id in trees.into_iter().filter(|_| !searched.without_names) {
            let unreadable = |error| GitError::reading(&format!("tree {id}"), error);
            let tree = odb.read(id).map_err(unreadable)?;
            let mut names = Vec::new();
            for (mode, name, id) in entries(tree.data()) {
                if name.len() >= LONG_NAME {
                    names.extend_from_slice(name);
                    names.push(b'\n');
                }
                let is_file = mode.starts_with(b"100") || mode == b"120000";
                if is_file && !ids.contains(&id) && !odb.exists(id) {
                    searched.missing.insert(id.to_string());
                }
            }
            if !names.is_empty() {
                look(&id.to_string(), Part::Names, &names);
            }
        }
        Ok(searched)
    }

    /// The commits that brought these blobs or folders in, of all that any reference reaches: for each
    /// one and each path the first. What is not in the answer, nothing reaches.
    pub fn origins(
        &self,
        blobs: &HashSet<String>,
    ) -> Result<BTreeMap<String, Vec<Origin>>, GitError> {
        let unreadable = |error| GitError::reading("the history", error);
        let wanted = blobs.iter().filter_map(|id| Oid::from_str(id).ok()).collect();
        let mut search =
            Search { repo: self, wanted, seen: HashMap::new(), found: BTreeMap::new() };
        let mut walk = self.repo.revwalk().map_err(unreadable)?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE).map_err(unreadable)?;
        for reference in self.repo.references().map_err(unreadable)? {
            let reference = reference.map_err(unreadable)?;
            let name = escaped(reference.name_bytes());
            // A reference that names what is not there reaches nothing.
            let Ok(target) = reference.peel(ObjectType::Any) else { continue };
            match target.kind() {
                Some(ObjectType::Commit) => walk.push(target.id()).map_err(unreadable)?,
                Some(ObjectType::Tag) => match target.peel(ObjectType::Any) {
                    Ok(inner) if inner.kind() == Some(ObjectType::Commit) => {
                        walk.push(inner.id()).map_err(unreadable)?;
                    }
                    Ok(inner) => search.other(&inner, &name)?,
                    Err(_) => {}
                },
                _ => search.other(&target, &name)?,
            }
        }
        // A detached HEAD has no reference of its own.
        if let Ok(head) = self.repo.head().and_then(|head| head.peel_to_commit()) {
            walk.push(head.id()).map_err(unreadable)?;
        }
        for id in walk {
            let id = id.map_err(unreadable)?;
            let tree = self.repo.find_commit(id).map_err(unreadable)?.tree_id();
            search.tree(tree, &id.to_string(), &mut String::new(), 0)?;
        }
        Ok(search.found)
    }
}

/// The entries of a tree object (`mode name NUL id`, one after the other), as far as it is whole.
pub(crate) fn entries(tree: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], Oid)> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        let entry = first_entry(rest)?;
        rest = rest.get(entry.len()..)?;
        let (entry, id) = entry.split_last_chunk::<ID>()?;
        let (_, entry) = entry.split_last()?;
        let space = memchr::memchr(b' ', entry)?;
        Some((entry.get(..space)?, entry.get(space + 1..)?, Oid::from_bytes(id).ok()?))
    })
}

/// The octets of an object's name.
const ID: usize = 20;

/// The first entry of a tree object, its name's end and the id included, if it is whole.
pub(crate) fn first_entry(tree: &[u8]) -> Option<&[u8]> {
    tree.get(..memchr::memchr(0, tree)? + 1 + ID)
}

/// While it lives, libgit2 does not hash again what it reads.
///
/// Git hashes an object when it comes in and believes it from then on, as this does; libgit2 hashes it
/// each time, which is most of what walking a long history costs. It is for what many objects of the
/// past say, and not for what is applied.
pub(crate) struct Unhashed(());

/// How many there are: the setting is the process's.
static UNHASHED: Mutex<usize> = Mutex::new(0);

impl Unhashed {
    pub(crate) fn begin() -> Self {
        Self::count(|count| count + 1);
        Self(())
    }

    fn count(change: fn(usize) -> usize) {
        let mut count = UNHASHED.lock().unwrap_or_else(PoisonError::into_inner);
        *count = change(*count);
        git2::opts::strict_hash_verification(*count == 0);
    }
}

impl Drop for Unhashed {
    fn drop(&mut self) {
        Self::count(|count| count - 1);
    }
}

struct Search<'r> {
    repo: &'r Repo,
    wanted: HashSet<Oid>,
    /// Trees that were looked through, and whether anything is in them.
    seen: HashMap<Oid, bool>,
    found: BTreeMap<String, Vec<Origin>>,
}

impl Search<'_> {
    /// What a reference names that is no commit.
    fn other(&mut self, object: &git2::Object<'_>, name: &str) -> Result<(), GitError> {
        match object.kind() {
            Some(ObjectType::Tree) => {
                self.tree(object.id(), name, &mut String::new(), 0).map(|_| ())
            }
            Some(ObjectType::Blob) if self.wanted.contains(&object.id()) => {
                self.add(object.id(), name, String::new());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, blob: Oid, commit: &str, path: String) {
        let places = self.found.entry(blob.to_string()).or_default();
        if !places.iter().any(|place| place.path == path) {
            places.push(Origin { commit: commit.to_owned(), path });
        }
    }

    /// Looks through a tree, once; through one that holds something every time, for it may stand
    /// under another path now.
    fn tree(
        &mut self,
        id: Oid,
        commit: &str,
        path: &mut String,
        depth: usize,
    ) -> Result<bool, GitError> {
        if self.seen.get(&id) == Some(&false) || depth > MAX_DEPTH {
            return Ok(false);
        }
        let tree = self.repo.repo.find_tree(id);
        let tree = tree.map_err(|error| GitError::reading(&format!("tree {id}"), error))?;
        let mut holds = self.wanted.contains(&id);
        if holds {
            self.add(id, commit, path.clone());
        }
        for entry in &tree {
            let length = path.len();
            match entry.kind() {
                Some(ObjectType::Blob) if self.wanted.contains(&entry.id()) => {
                    self.add(entry.id(), commit, format!("{path}{}", escaped(entry.name_bytes())));
                    holds = true;
                }
                Some(ObjectType::Tree) if self.seen.get(&entry.id()) != Some(&false) => {
                    path.push_str(&escaped(entry.name_bytes()));
                    path.push('/');
                    holds |= self.tree(entry.id(), commit, path, depth + 1)?;
                    path.truncate(length);
                }
                _ => {}
            }
        }
        self.seen.insert(id, holds);
        Ok(holds)
    }
}
