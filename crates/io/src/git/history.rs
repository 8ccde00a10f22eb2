//! Which commits changed a tenant's folder, through merges and renames of the folder.
//!
//! * [`mainline`]: the user's `git log` finds the commits of the mainline (the chain of first
//!   parents) that changed a folder. Where one is a merge, [`branch`] finds the commits that it
//!   brought.
//! * [`index`] keeps the answer under Git's own directory ([`kept`]). Asked again, only commits that
//!   came since are walked, and none if none came.
//! * [`bound`]: what the history says belongs to whom, and which topics were named first.
//! * [`settings`]: which settings there were before.
//! * [`rename`] tells a folder that was moved from one that came or went.
//! * [`facts`] and [`signature`]: what a commit says of itself.
//! * [`since`]: since which commit something is as it is.
//!
//! What a folder held, and whether a token in it changed, is `fleet`'s and `report`'s business.

mod bound;
mod branch;
mod descent;
mod facts;
mod index;
mod kept;
mod mainline;
mod rename;
mod settings;
mod signature;
mod since;
#[cfg(test)]
mod tests;

pub use bound::{Beside, Known as KnownHistory, Told};
pub(crate) use facts::commit_facts;
pub(super) use kept::Kept;
pub use settings::PastSettings;

use self::descent::Descent;
use self::mainline::Lines;
use std::collections::{BTreeSet, HashSet};

use git2::{ErrorCode, Oid};

use super::program::GitProgram;
use super::snapshot::TENANTS;
use super::{GitError, Repo};

/// How far back the mainline is searched for the commit at which the index was made. Beyond, the
/// walk begins again.
const MAX_SEARCH: usize = 20_000;

/// What `git` says of folders in folders beyond its limit (`core.maxTreeDepth`).
const TOO_DEEP: &str = "maximum allowed tree depth";

/// How often a folder may have been renamed.
const MAX_RENAMES: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    /// All folders under `tenants/`.
    Fleet,
    Folder(String),
}

impl Scope {
    /// The question in the index. `fixed` marks one about an old commit, whose answer does not grow.
    fn question(&self, fixed: Option<Oid>) -> String {
        let scope = match self {
            Self::Fleet => "*",
            Self::Folder(folder) => folder,
        };
        let from = fixed.map_or("tip".to_owned(), |fixed| fixed.to_string());
        format!("{scope} {from}")
    }
}

/// What a commit made of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    commit: Oid,
    folder: String,
    /// The folder's tree in each parent that was compared; of a commit without one, nothing.
    before: Vec<Option<Oid>>,
    /// `None` where it was removed.
    after: Option<Oid>,
}

/// A commit that changed a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hit {
    commit: Oid,
    /// The merge of the mainline that brought the commit; `None` for one of the mainline itself.
    via: Option<Oid>,
    folder: String,
    /// The folder's tree before, in the first parent.
    before: Option<Oid>,
    /// The folder's tree after.
    after: Option<Oid>,
}

/// A commit that changed a tenant's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderChange {
    /// The commit, as 40 hexadecimal digits.
    pub commit: String,
    /// The merge of the mainline that brought the commit; `None` for one of the mainline itself.
    pub via: Option<String>,
    /// The folder's name under `tenants/` at that time.
    pub folder: String,
    /// The folder's tree before, in the commit's first parent and under the name that it had
    /// there; `None` where there was none.
    pub before: Option<String>,
    /// The folder's tree after; `None` where there is none.
    pub after: Option<String>,
    /// The folder that the commit moved to this name; the same tenant id tells.
    pub renamed_from: Option<String>,
    /// The name that the commit moved this folder to.
    pub renamed_to: Option<String>,
    /// Whether the clone is cut off at this commit, so that what was before is not known.
    pub cut_off: bool,
}

/// How much of the history was walked for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    Whole,
    /// What came since it was asked last.
    New,
    /// None of it: nothing came since.
    Nothing,
}

/// A walk that has been made, of one folder or of all.
#[derive(Debug)]
pub struct FleetWalk<'r> {
    repo: &'r Repo,
    scope: Scope,
    /// Newest first: each commit of the mainline, behind it those that it brought.
    hits: Vec<Hit>,
    shallow: HashSet<Oid>,
    walked: Walked,
}

/// Every change of one tenant's folder, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderHistory {
    pub changes: Vec<FolderChange>,
}

impl Repo {
    /// Finds the commits up to `rev` that changed a tenant's folder, or with `None` those of every
    /// folder.
    pub fn walk(&self, rev: &str, folder: Option<&str>) -> Result<FleetWalk<'_>, GitError> {
        let tip = self.commit(rev)?.id();
        match folder {
            None => self.walk_scope(Scope::Fleet, tip, None),
            Some(folder) => {
                // A folder that cannot be named on a command line is no tenant's.
                let name: Result<applecart_core::model::TenantName, _> = folder.parse();
                let name = name.map_err(|_| GitError::NotAFolder { name: folder.to_owned() })?;
                let scope = Scope::Folder(name.as_str().to_owned());
                self.walk_scope(scope, tip, None)
            }
        }
    }

    /// Walks, or takes what the index has.
    fn walk_scope(
        &self,
        scope: Scope,
        tip: Oid,
        fixed: Option<Oid>,
    ) -> Result<FleetWalk<'_>, GitError> {
        let shallow = self.shallow_commits()?;
        let state = kept::State::of(&self.path_common_dir());
        let common_dir = self.path_common_dir();
        let slot = |scope: &Scope| index::Slot::new(&common_dir, scope.question(fixed));
        let answer = |scope, hits, walked| FleetWalk {
            repo: self,
            scope,
            hits,
            shallow: shallow.clone(),
            walked,
        };
        let own = slot(&scope).load(&state);
        if let Some(stored) = own.as_ref().filter(|stored| stored.tip == tip) {
            return Ok(answer(scope, stored.hits.clone(), Walked::Nothing));
        }
        // Who has asked for the whole fleet has asked for every tenant.
        if scope != Scope::Fleet
            && fixed.is_none()
            && let Some(stored) = slot(&Scope::Fleet).load(&state)
            && stored.tip == tip
        {
            return Ok(answer(Scope::Fleet, stored.hits, Walked::Nothing));
        }
        let program = GitProgram::of(self);
        let own = own.filter(|stored| self.is_on_mainline(tip, stored.tip));
        let (mut hits, older, walked) = match own {
            Some(stored) => {
                (self.mainline(&program, &scope, tip, Some(stored.tip))?, stored.hits, Walked::New)
            }
            None => (self.mainline(&program, &scope, tip, None)?, Vec::new(), Walked::Whole),
        };
        hits = self.with_branches(hits, &shallow)?;
        hits.extend(older);
        slot(&scope).store(&state, tip, &hits);
        Ok(answer(scope, hits, walked))
    }

    /// The hits of the mainline.
    fn mainline(
        &self,
        program: &GitProgram,
        scope: &Scope,
        tip: Oid,
        stop: Option<Oid>,
    ) -> Result<Vec<Hit>, GitError> {
        let changes = self.changes(program, (scope, Lines::First), &[tip], stop)?;
        let hit = |Change { commit, folder, before, after }| {
            let before = before.into_iter().next().flatten();
            Hit { commit, via: None, folder, before, after }
        };
        Ok(changes.into_iter().map(hit).collect())
    }

    /// What changed, by `git`, or by looking at each commit where `git` refuses a folder that is nested
    /// too deep for it: anybody could end every walk of a fleet with one such commit.
    fn changes(
        &self,
        program: &GitProgram,
        what: (&Scope, Lines),
        tips: &[Oid],
        stop: Option<Oid>,
    ) -> Result<Vec<Change>, GitError> {
        match mainline::walk(program, what, tips, stop) {
            Err(GitError::Program { complaint, .. }) if complaint.contains(TOO_DEEP) => {
                let descent = Descent::read(program, what.1, tips, stop)?;
                mainline::one_by_one(&self.repo, what.0, descent.newest_first())
            }
            // A partial clone may lack folders, and a walk asks no remote for them one by one.
            Err(error @ GitError::Program { .. }) if self.is_partial() => {
                for &tip in tips {
                    if !self.bring_history(tip)? {
                        let (id, source) = (tip.to_string(), Box::new(error));
                        return Err(GitError::NotInClone { id, source });
                    }
                }
                mainline::walk(program, what, tips, stop)
            }
            walked => walked,
        }
    }

    /// Whether `old` is on the chain of first parents of `tip`.
    fn is_on_mainline(&self, tip: Oid, old: Oid) -> bool {
        let mut at = tip;
        for _ in 0..MAX_SEARCH {
            if at == old {
                return true;
            }
            let parent = self.repo.find_commit(at).and_then(|commit| commit.parent_id(0));
            let Ok(parent) = parent else { return false };
            at = parent;
        }
        false
    }

    /// The commits at which this clone's history is cut off.
    pub(super) fn shallow_commits(&self) -> Result<HashSet<Oid>, GitError> {
        let path = self.path_common_dir().join("shallow");
        match read_text(&path) {
            Ok(text) => Ok(text.lines().filter_map(|line| Oid::from_str(line).ok()).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(HashSet::new()),
            Err(error) => Err(GitError::file(&path, error)),
        }
    }

    /// Whether a file of this clone gives commits other parents than they name.
    pub fn is_grafted(&self) -> Result<bool, GitError> {
        let path = self.path_common_dir().join("info").join("grafts");
        match read_text(&path) {
            Ok(text) => {
                let mut lines = text.lines().map(str::trim);
                Ok(lines.any(|line| !line.is_empty() && !line.starts_with('#')))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(GitError::file(&path, error)),
        }
    }

    /// The trees of these folders under `tenants/` in a commit.
    fn folders_of(&self, commit: Oid, names: &[String]) -> Result<Vec<Option<Oid>>, GitError> {
        let Some(tenants) = self.tenants_of(commit)? else { return Ok(vec![None; names.len()]) };
        let is_tree = |entry: &git2::TreeEntry<'_>| entry.filemode() & 0o170_000 == 0o040_000;
        Ok(names
            .iter()
            .map(|name| tenants.get_name(name).filter(is_tree).map(|entry| entry.id()))
            .collect())
    }

    fn tenants_of(&self, commit: Oid) -> Result<Option<git2::Tree<'_>>, GitError> {
        let unreadable = |error| GitError::reading(&format!("commit {commit}"), error);
        let root = self.repo.find_commit(commit).and_then(|commit| commit.tree());
        let root = root.map_err(unreadable)?;
        let Some(entry) = root.get_name(TENANTS) else { return Ok(None) };
        match self.repo.find_tree(entry.id()) {
            Ok(tree) => Ok(Some(tree)),
            // A file by that name holds no folder.
            Err(error) if error.code() == ErrorCode::NotFound && entry.filemode() != 0o040_000 => {
                Ok(None)
            }
            Err(error) => Err(unreadable(error)),
        }
    }
}

impl FleetWalk<'_> {
    /// How much was walked for it.
    pub fn walked(&self) -> Walked {
        self.walked
    }

    /// Whether this clone does not have the whole history.
    pub fn is_cut_off(&self) -> bool {
        !self.shallow.is_empty()
    }

    /// The names of all folders that it came upon, sorted.
    pub fn folders(&self) -> BTreeSet<String> {
        self.hits.iter().map(|hit| hit.folder.clone()).collect()
    }

    /// Every tree that a folder ever became, with the commit and the folder's name, newest first.
    pub fn trees(&self) -> impl DoubleEndedIterator<Item = (String, &str, String)> {
        self.hits.iter().filter_map(|hit| {
            Some((hit.commit.to_string(), hit.folder.as_str(), hit.after?.to_string()))
        })
    }

    /// The changes of one folder, also from when it had another name.
    pub fn history_of(&self, folder: &str) -> Result<FolderHistory, GitError> {
        let mut changes: Vec<FolderChange> = Vec::new();
        let mut seen = HashSet::new();
        let mut segment: Vec<Hit> =
            self.hits.iter().filter(|hit| hit.folder == folder).cloned().collect();
        for _ in 0..MAX_RENAMES {
            let mut moved: Option<(String, Oid)> = None;
            for hit in &segment {
                if moved.as_ref().is_some_and(|(_, at)| hit.via != Some(*at)) {
                    break;
                }
                if !seen.insert(hit.commit) {
                    // The same commit, seen from the name that it took away.
                    let other = changes.iter_mut().find(|change| {
                        change.commit == hit.commit.to_string()
                            && change.renamed_from.as_ref() == Some(&hit.folder)
                    });
                    if let Some(other) = other.filter(|other| other.before.is_none()) {
                        other.before = hit.before.map(|id| id.to_string());
                    }
                    continue;
                }
                let cut_off = hit.before.is_none() && self.shallow.contains(&hit.commit);
                let mut change = FolderChange {
                    commit: hit.commit.to_string(),
                    via: hit.via.map(|id| id.to_string()),
                    folder: hit.folder.clone(),
                    before: hit.before.map(|id| id.to_string()),
                    after: hit.after.map(|id| id.to_string()),
                    renamed_from: None,
                    renamed_to: None,
                    cut_off,
                };
                if !cut_off {
                    (change.renamed_from, change.renamed_to) = self.repo.renamed(hit)?;
                }
                if let Some(from) = change.renamed_from.as_ref().filter(|_| hit.via.is_none()) {
                    moved = Some((from.clone(), hit.commit));
                }
                changes.push(change);
            }
            let Some((from, at)) = moved else { break };
            segment = self.segment(&from, at)?;
        }
        Ok(FolderHistory { changes })
    }

    /// The hits of a folder from the mainline's commit `from` on.
    fn segment(&self, folder: &str, from: Oid) -> Result<Vec<Hit>, GitError> {
        if self.scope == Scope::Fleet {
            let older = self.hits.iter().skip_while(|hit| hit.commit != from);
            return Ok(older.filter(|hit| hit.folder == folder).cloned().collect());
        }
        let scope = Scope::Folder(folder.to_owned());
        Ok(self.repo.walk_scope(scope, from, Some(from))?.hits)
    }
}

#[expect(clippy::disallowed_methods, reason = "reads small files of Git's own directory")]
fn read_text(path: &std::path::Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}
