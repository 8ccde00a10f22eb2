//! Which commit brought a line, and so who recorded it.
//!
//! What a line says of its author, its author wrote. The commit that brought it was pushed by
//! somebody whom the forge let push, under a name that at least stands where everybody looks.
#![expect(clippy::disallowed_types, reason = "walks the history")]

use std::collections::BTreeMap;

use git2::{Oid, Repository};

use super::branch::Role;
use super::error::LedgerError;
use super::shared::Ledger;
use super::verify::History;
use crate::git::commit_facts;
use applecart_core::ledger::{Line, Lines, Origin};
use applecart_core::model::{Commit, Sha256, TenantId};

impl Ledger {
    /// The commits that brought these lines of the branch that was read. The history is walked from
    /// its tip until all are found; a line that is not pushed yet is in none of its commits.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn origins(&self, wanted: &Lines) -> Result<BTreeMap<Line, Origin>, LedgerError> {
        let mut found = BTreeMap::new();
        if wanted.is_empty() {
            return Ok(found);
        }
        let Some(tip) = self.seen_tip()? else { return Ok(found) };
        let mut of_tenant: BTreeMap<TenantId, Vec<Line>> = BTreeMap::new();
        for &line in wanted {
            of_tenant.entry(line.tenant).or_default().push(line);
        }
        let history = History::new(self.local.history()?);
        let walked = self.walk_back(history, tip, &mut of_tenant, &mut found);
        walked.map_err(|source| {
            self.local.objects(&self.local.repo).unreadable("the history", source)
        })?;
        Ok(found)
    }

    fn walk_back(
        &self,
        mut history: History,
        tip: Oid,
        wanted: &mut BTreeMap<TenantId, Vec<Line>>,
        found: &mut BTreeMap<Line, Origin>,
    ) -> Result<(), git2::Error> {
        let in_ledger = matches!(self.local.role, Role::Ledger { .. });
        let repo = &self.local.repo;
        for (newer, id) in history.commits(tip, None)?.into_iter().enumerate() {
            for (tenant, before, blob) in history.written(id)? {
                let Some(lines) = wanted.get_mut(&tenant).filter(|_| !before.contains(&blob))
                else {
                    continue;
                };
                let had = before.into_iter().map(|blob| count(repo, blob));
                let had = had.collect::<Result<Vec<_>, _>>()?.into_iter().max().unwrap_or(0);
                let (commit, content) = (repo.find_commit(id)?, repo.find_blob(blob)?);
                let brought: BTreeMap<u64, Sha256> = (1..)
                    .zip(content.content().split(|&byte| byte == b'\n'))
                    .skip(had)
                    .map(|(seq, line)| (seq, Sha256::of(line)))
                    .collect();
                lines.retain(|line| {
                    let is_here = brought.get(&line.seq) == Some(&line.hash);
                    if is_here {
                        let commit = commit_facts(&commit);
                        found.insert(*line, Origin { commit, newer, in_ledger, signature: None });
                    }
                    !is_here
                });
            }
            wanted.retain(|_, lines| !lines.is_empty());
            if wanted.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// What a commit of the history says of itself, where it can be read.
    pub(super) fn commit_of(&self, id: Oid) -> Option<Commit> {
        self.local.repo.find_commit(id).ok().map(|commit| commit_facts(&commit))
    }
}

/// How many lines a file has.
fn count(repo: &Repository, blob: Oid) -> Result<usize, git2::Error> {
    let blob = repo.find_blob(blob)?;
    Ok(blob.content().iter().filter(|&&byte| byte == b'\n').count())
}
