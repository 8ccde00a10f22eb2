//! The cold walk: which commits of the mainline changed a folder, asked of the user's `git`.
//!
//! The mainline is the chain of first parents: what a protected branch was, commit by commit. `git`
//! reads trees faster than libgit2, which hashes every object again, and does so in as many
//! processes as there are processors: the chain is cut into ranges.

use std::collections::BTreeMap;

use git2::{Oid, Repository};

use super::{Hit, Scope};
use crate::git::GitError;
use crate::git::program::GitProgram;
use crate::git::snapshot::TENANTS;

/// A range of fewer commits is not worth a process of its own.
const MIN_RANGE: usize = 2_000;
/// More processes than this only wait for each other's memory.
const MAX_RANGES: usize = 4;

/// Options before the subcommand: no replaced objects, no pathspec magic, and room for a few
/// hundred versions of a large folder (Git's own 96 MiB are slower to fill than to do without). What
/// the user set for `git log` must not change the answer.
const GLOBAL: [&str; 8] = [
    "--no-replace-objects",
    "--literal-pathspecs",
    "-c",
    "core.deltaBaseCacheLimit=8m",
    "-c",
    "log.showRoot=true",
    "-c",
    "log.diffMerges=separate",
];

/// Every hit of the mainline from `tip` down to `stop` (not included), newest first.
pub(super) fn walk(
    program: &GitProgram,
    scope: &Scope,
    tip: Oid,
    stop: Option<Oid>,
) -> Result<Vec<Hit>, GitError> {
    if stop.is_some() {
        return range(program, scope, tip, stop);
    }
    let chain = chain(program, tip)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let parts = (chain.len() / MIN_RANGE).clamp(1, cores.min(MAX_RANGES));
    let size = chain.len().div_ceil(parts).max(1);
    let tips: Vec<Oid> = chain.iter().step_by(size).copied().collect();
    drop(chain);
    std::thread::scope(|threads| {
        let runs: Vec<_> = tips
            .iter()
            .enumerate()
            .map(|(index, &tip)| {
                let stop = tips.get(index + 1).copied();
                threads.spawn(move || range(program, scope, tip, stop))
            })
            .collect();
        let mut hits = Vec::new();
        for run in runs {
            let part = run.join().map_err(|_| GitError::Walk)?;
            hits.extend(part?);
        }
        Ok(hits)
    })
}

/// The ids of the mainline's commits, newest first.
pub(super) fn chain(program: &GitProgram, tip: Oid) -> Result<Vec<Oid>, GitError> {
    let mut args = GLOBAL.to_vec();
    let tip = tip.to_string();
    args.extend(["rev-list", "--first-parent", &tip, "--"]);
    let mut chain = Vec::new();
    let mut rest = Vec::new();
    program.stream(&args, |new| {
        rest.extend_from_slice(new);
        let whole = rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        for line in rest.get(..whole).unwrap_or_default().split(|&byte| byte == b'\n') {
            if !line.is_empty() {
                chain.push(id(line)?);
            }
        }
        rest.drain(..whole);
        Ok(())
    })?;
    Ok(chain)
}

/// The hits of one range, in one process.
fn range(
    program: &GitProgram,
    scope: &Scope,
    tip: Oid,
    stop: Option<Oid>,
) -> Result<Vec<Hit>, GitError> {
    let tip = tip.to_string();
    let stop = stop.map(|stop| format!("^{stop}"));
    let path = match scope {
        Scope::Fleet => TENANTS.to_owned(),
        Scope::Folder(folder) => format!("{TENANTS}/{folder}"),
    };
    let mut args = GLOBAL.to_vec();
    args.extend([
        "log",
        "--first-parent",
        "-m",
        "--raw",
        "-r",
        "-t",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--no-relative",
        "--no-show-signature",
        "--no-notes",
        "--encoding=UTF-8",
        "-O/dev/null",
        "--format=%x00%H",
        &tip,
    ]);
    args.extend(stop.as_deref());
    args.extend(["--", &path]);
    let mut answer = Answer::default();
    program.stream(&args, |new| answer.take(new))?;
    Ok(answer.hits)
}

/// The same without `git`, which goes into every folder: reads no more of a commit than the names and
/// ids of the tenants' folders. Many times slower, and not to be stopped by what lies in them.
pub(super) fn one_by_one(
    repo: &Repository,
    scope: &Scope,
    tip: Oid,
    stop: Option<Oid>,
) -> Result<Vec<Hit>, GitError> {
    let mut hits = Vec::new();
    let mut at = Some(tip).filter(|tip| Some(*tip) != stop);
    let mut after = folders(repo, scope, tip)?;
    while let Some(commit) = at {
        let parent = parent(repo, commit)?;
        let before = match parent {
            Some(parent) => folders(repo, scope, parent)?,
            None => BTreeMap::new(),
        };
        let both: std::collections::BTreeSet<&Vec<u8>> =
            before.keys().chain(after.keys()).collect();
        for name in both {
            let (before, after) = (before.get(name).copied(), after.get(name).copied());
            if before != after {
                let folder = crate::git::escaped(name);
                hits.push(Hit { commit, via: None, folder, before, after });
            }
        }
        at = parent.filter(|parent| Some(*parent) != stop);
        after = before;
    }
    Ok(hits)
}

/// The first parent, where this clone has it.
fn parent(repo: &Repository, commit: Oid) -> Result<Option<Oid>, GitError> {
    let unreadable = |error| GitError::reading(&format!("commit {commit}"), error);
    let commit = repo.find_commit(commit).map_err(unreadable)?;
    let there = |parent: &Oid| repo.odb().is_ok_and(|odb| odb.exists(*parent));
    Ok(commit.parent_id(0).ok().filter(there))
}

/// The tenants' folders of a commit, by name.
fn folders(
    repo: &Repository,
    scope: &Scope,
    commit: Oid,
) -> Result<BTreeMap<Vec<u8>, Oid>, GitError> {
    let unreadable = |error| GitError::reading(&format!("commit {commit}"), error);
    let root = repo.find_commit(commit).and_then(|commit| commit.tree()).map_err(unreadable)?;
    let Some(tenants) = root.get_name(TENANTS).filter(|entry| entry.filemode() == TREE) else {
        return Ok(BTreeMap::new());
    };
    let tenants = repo.find_tree(tenants.id()).map_err(unreadable)?;
    let wanted = |name: &[u8]| match scope {
        Scope::Fleet => true,
        Scope::Folder(folder) => folder.as_bytes() == name,
    };
    Ok(tenants
        .iter()
        .filter(|entry| entry.filemode() == TREE && wanted(entry.name_bytes()))
        .map(|entry| (entry.name_bytes().to_vec(), entry.id()))
        .collect())
}

/// The mode of a folder.
const TREE: i32 = 0o040_000;

/// The answer of `git log --raw -z`, as far as it has come.
#[derive(Default)]
struct Answer {
    rest: Vec<u8>,
    expects_commit: bool,
    commit: Option<Oid>,
    change: Option<(Option<Oid>, Option<Oid>)>,
    hits: Vec<Hit>,
}

impl Answer {
    fn take(&mut self, new: &[u8]) -> Result<(), GitError> {
        self.rest.extend_from_slice(new);
        let rest = std::mem::take(&mut self.rest);
        let mut parts = rest.split(|&byte| byte == 0);
        let last = parts.next_back().unwrap_or_default();
        for part in parts {
            self.part(part)?;
        }
        self.rest = last.to_vec();
        Ok(())
    }

    /// One piece between two zeros: nothing (a commit follows), a commit, what changed, a path.
    fn part(&mut self, part: &[u8]) -> Result<(), GitError> {
        if let Some(change) = self.change.take() {
            self.path(part, change);
            return Ok(());
        }
        if self.expects_commit {
            self.expects_commit = false;
            self.commit = Some(id(part)?);
            return Ok(());
        }
        let part = part.strip_prefix(b"\n").unwrap_or(part);
        if part.is_empty() {
            self.expects_commit = true;
            return Ok(());
        }
        let meta = part.strip_prefix(b":").ok_or(GitError::Walk)?;
        let words: Vec<&[u8]> = meta.split(|&byte| byte == b' ').collect();
        let [old_mode, new_mode, old, new, _] = words.as_slice() else {
            return Err(GitError::Walk);
        };
        let tree = |mode: &[u8], name: &[u8]| match mode {
            b"040000" => id(name).map(Some),
            _ => Ok(None),
        };
        self.change = Some((tree(old_mode, old)?, tree(new_mode, new)?));
        Ok(())
    }

    fn path(&mut self, path: &[u8], (before, after): (Option<Oid>, Option<Oid>)) {
        let folder = path.strip_prefix(TENANTS.as_bytes()).and_then(|path| path.strip_prefix(b"/"));
        let Some(folder) = folder.filter(|folder| !folder.contains(&b'/')) else { return };
        let Some(commit) = self.commit.filter(|_| before.is_some() || after.is_some()) else {
            return;
        };
        let folder = crate::git::escaped(folder);
        // Where a file took a folder's place, Git names the path twice.
        if let Some(twin) =
            self.hits.last_mut().filter(|hit| hit.commit == commit && hit.folder == folder)
        {
            twin.before = twin.before.or(before);
            twin.after = twin.after.or(after);
            return;
        }
        self.hits.push(Hit { commit, via: None, folder, before, after });
    }
}

fn id(text: &[u8]) -> Result<Oid, GitError> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 40);
    text.and_then(|text| Oid::from_str(text).ok()).ok_or(GitError::Walk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_come_in_any_pieces() {
        let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(40));
        let zero = "0".repeat(40);
        let text = format!(
            "\0{a}\0\n:040000 040000 {b} {c} M\0tenants\0:040000 040000 {b} {c} M\0tenants/x\0:100644 100644 {b} {c} M\0tenants/x/f\0\0{b}\0\n:000000 040000 {zero} {b} A\0tenants/x\0:100644 000000 {b} {zero} D\0tenants/y\0"
        );
        for size in [1, 7, 64, 10_000] {
            let mut answer = Answer::default();
            for piece in text.as_bytes().chunks(size) {
                answer.take(piece).unwrap();
            }
            let seen: Vec<_> = answer
                .hits
                .iter()
                .map(|hit| (hit.folder.as_str(), hit.before.is_some(), hit.after.is_some()))
                .collect();
            assert_eq!(seen, [("x", true, true), ("x", false, true)], "pieces of {size}");
        }
        assert!(Answer::default().take(b"warning: something\0").is_err());
    }
}
