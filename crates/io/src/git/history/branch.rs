//! The commits that a merge of the mainline brought, as far as they changed the merge's folders.

use std::collections::{HashMap, HashSet};

use git2::{ErrorCode, Oid, Sort};

use super::Hit;
use crate::git::snapshot::limit;
use crate::git::{GitError, Repo};

/// Most commits of merged branches that are looked at in one walk.
const MAX_BRANCH_COMMITS: u64 = 500_000;

impl Repo {
    /// Puts behind each merge of the mainline the commits that it brought, newest first.
    pub(super) fn with_branches(
        &self,
        mainline: Vec<Hit>,
        shallow: &HashSet<Oid>,
    ) -> Result<Vec<Hit>, GitError> {
        let mut hits = Vec::with_capacity(mainline.len());
        let mut visited = 0;
        let mut rest = mainline.into_iter().peekable();
        while let Some(first) = rest.next() {
            let merge = first.commit;
            let mut folders = vec![first.folder.clone()];
            hits.push(first);
            while let Some(next) = rest.next_if(|hit| hit.commit == merge) {
                folders.push(next.folder.clone());
                hits.push(next);
            }
            if !shallow.contains(&merge) {
                self.add_branch(merge, &folders, &mut hits, &mut visited)?;
            }
        }
        Ok(hits)
    }

    fn add_branch(
        &self,
        merge: Oid,
        folders: &[String],
        hits: &mut Vec<Hit>,
        visited: &mut u64,
    ) -> Result<(), GitError> {
        let unreadable = |error| GitError::reading(&format!("what {merge} merged"), error);
        let commit = self.repo.find_commit(merge).map_err(unreadable)?;
        let parents: Vec<Oid> = commit.parent_ids().collect();
        let Some((&first, others @ [_, ..])) = parents.split_first() else { return Ok(()) };
        let mut walk = self.repo.revwalk().map_err(unreadable)?;
        walk.set_sorting(Sort::TOPOLOGICAL).map_err(unreadable)?;
        for &other in others {
            walk.push(other).map_err(unreadable)?;
        }
        walk.hide(first).map_err(unreadable)?;
        let mut known: HashMap<Oid, Vec<Option<Oid>>> = HashMap::new();
        let mut trees = |id: Oid| -> Result<Vec<Option<Oid>>, GitError> {
            if let Some(trees) = known.get(&id) {
                return Ok(trees.clone());
            }
            let trees = self.folders_of(id, folders)?;
            known.insert(id, trees.clone());
            Ok(trees)
        };
        for next in walk {
            *visited += 1;
            limit("the commits of merged branches", MAX_BRANCH_COMMITS, *visited)?;
            let id = match next {
                Ok(id) => id,
                // The clone is cut off inside the branch.
                Err(error) if error.code() == ErrorCode::NotFound => break,
                Err(error) => return Err(unreadable(error)),
            };
            let after = trees(id)?;
            let commit = self.repo.find_commit(id).map_err(unreadable)?;
            let before = match commit.parent_id(0) {
                Ok(parent) => trees(parent)?,
                Err(_) => vec![None; folders.len()],
            };
            for ((folder, before), after) in folders.iter().zip(before).zip(after) {
                if before != after {
                    let folder = folder.clone();
                    hits.push(Hit { commit: id, via: Some(merge), folder, before, after });
                }
            }
        }
        Ok(())
    }
}
