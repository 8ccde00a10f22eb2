//! The cold walk: which commits changed a folder, asked of the user's `git`.
//!
//! The mainline is the chain of first parents: what a protected branch was, commit by commit, as long
//! as nobody who writes its merges gives it another one. Who must not depend on that asks for every
//! commit. `git` reads trees faster than libgit2, which hashes every object again, and does so in as many
//! processes as there are processors: the chain is cut into ranges.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Oid, Repository};

use super::{Change, Scope};
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

/// Which commits are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// Those of the mainline, each for what it changed of its first parent.
    First,
    /// All, each for what it has that none of its parents has.
    All,
}

impl Lines {
    fn args(self) -> &'static [&'static str] {
        match self {
            Self::First => &["--first-parent", "-m"],
            // Else `git` leaves out a branch of which nothing is left.
            Self::All => &["--full-history", "-c"],
        }
    }
}

/// What changed from `tips` down to `stop` (not included), newest first.
pub(super) fn walk(
    program: &GitProgram,
    (scope, lines): (&Scope, Lines),
    tips: &[Oid],
    stop: Option<Oid>,
) -> Result<Vec<Change>, GitError> {
    let (None, [tip]) = (stop, tips) else {
        return range(program, (scope, lines), tips, stop);
    };
    let chain = chain(program, *tip)?;
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
                threads.spawn(move || range(program, (scope, lines), &[tip], stop))
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
    let listed = with_parents(program, Lines::First, &[tip], None)?;
    Ok(listed.into_iter().map(|(commit, _)| commit).collect())
}

/// The commits that `tips` are or come after, down to `stop` and all that it comes after, each before
/// those that it comes after, with its parents.
pub(super) fn with_parents(
    program: &GitProgram,
    lines: Lines,
    tips: &[Oid],
    stop: Option<Oid>,
) -> Result<Vec<(Oid, Vec<Oid>)>, GitError> {
    let names: Vec<String> =
        tips.iter().map(Oid::to_string).chain(stop.map(|stop| format!("^{stop}"))).collect();
    let mut args = GLOBAL.to_vec();
    args.extend(["rev-list", "--topo-order", "--parents"]);
    args.extend((lines == Lines::First).then_some("--first-parent"));
    args.extend(names.iter().map(String::as_str));
    args.push("--");
    let mut listed = Vec::new();
    let mut rest = Vec::new();
    program.stream(&args, |new| {
        rest.extend_from_slice(new);
        let whole = rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        for line in rest.get(..whole).unwrap_or_default().split(|&byte| byte == b'\n') {
            let mut ids = line.split(|&byte| byte == b' ').filter(|id| !id.is_empty()).map(id);
            if let Some(commit) = ids.next() {
                let wanted = if lines == Lines::First { 1 } else { usize::MAX };
                listed.push((commit?, ids.take(wanted).collect::<Result<_, _>>()?));
            }
        }
        rest.drain(..whole);
        Ok(())
    })?;
    Ok(listed)
}

/// The changes of one range, in one process.
fn range(
    program: &GitProgram,
    (scope, lines): (&Scope, Lines),
    tips: &[Oid],
    stop: Option<Oid>,
) -> Result<Vec<Change>, GitError> {
    let names: Vec<String> =
        tips.iter().map(Oid::to_string).chain(stop.map(|stop| format!("^{stop}"))).collect();
    let path = match scope {
        Scope::Fleet => TENANTS.to_owned(),
        Scope::Folder(folder) => format!("{TENANTS}/{folder}"),
    };
    let mut args = GLOBAL.to_vec();
    args.push("log");
    args.extend(lines.args());
    args.extend([
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
    ]);
    args.extend(names.iter().map(String::as_str));
    args.extend(["--", &path]);
    let mut answer = Answer::default();
    program.stream(&args, |new| answer.take(new))?;
    Ok(answer.changes)
}

/// The same of these commits, each with its parents in this clone, without `git`, which goes into every
/// folder: reads no more of a commit than the names and ids of the tenants' folders. Many times slower,
/// and not to be stopped by what lies in them.
pub(super) fn one_by_one<'c>(
    repo: &Repository,
    scope: &Scope,
    commits: impl Iterator<Item = &'c (Oid, Vec<Oid>)>,
) -> Result<Vec<Change>, GitError> {
    let mut changes = Vec::new();
    let mut last: Option<(Oid, BTreeMap<Vec<u8>, Oid>)> = None;
    for &(commit, ref parents) in commits {
        let after = match last.take() {
            Some((of, folders)) if of == commit => folders,
            _ => folders(repo, scope, commit)?,
        };
        let before: Vec<_> =
            parents.iter().map(|&parent| folders(repo, scope, parent)).collect::<Result<_, _>>()?;
        let names: BTreeSet<&Vec<u8>> =
            before.iter().chain([&after]).flat_map(BTreeMap::keys).collect();
        for name in names {
            let after = after.get(name).copied();
            let mut before: Vec<Option<Oid>> =
                before.iter().map(|folders| folders.get(name).copied()).collect();
            if before.is_empty() {
                before.push(None);
            }
            if !before.contains(&after) {
                let folder = crate::git::escaped(name);
                changes.push(Change { commit, folder, before, after });
            }
        }
        // Commits come newest first, so that on one line this is the next one.
        last = parents.first().copied().zip(before.into_iter().next());
    }
    Ok(changes)
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
    change: Option<(Vec<Option<Oid>>, Option<Oid>)>,
    changes: Vec<Change>,
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
        // Of a merge one more nothing comes before its changes, or behind it where it has none.
        if self.expects_commit && part.is_empty() {
            return Ok(());
        }
        if self.expects_commit && !part.starts_with(b":") {
            self.expects_commit = false;
            self.commit = Some(id(part)?);
            return Ok(());
        }
        let part = part.strip_prefix(b"\n").unwrap_or(part);
        if part.is_empty() {
            self.expects_commit = true;
            return Ok(());
        }
        self.expects_commit = false;
        self.change = Some(change(part)?);
        Ok(())
    }

    fn path(&mut self, path: &[u8], (before, after): (Vec<Option<Oid>>, Option<Oid>)) {
        let folder = path.strip_prefix(TENANTS.as_bytes()).and_then(|path| path.strip_prefix(b"/"));
        let Some(folder) = folder.filter(|folder| !folder.contains(&b'/')) else { return };
        let is_folder = after.is_some() || before.iter().any(Option::is_some);
        let Some(commit) = self.commit.filter(|_| is_folder) else { return };
        let folder = crate::git::escaped(folder);
        // Where a file took a folder's place, Git names the path twice.
        if let Some(twin) = self
            .changes
            .last_mut()
            .filter(|change| change.commit == commit && change.folder == folder)
        {
            for (known, before) in twin.before.iter_mut().zip(before) {
                *known = known.or(before);
            }
            twin.after = twin.after.or(after);
            return;
        }
        self.changes.push(Change { commit, folder, before, after });
    }
}

/// What became of a path: as many colons, modes and ids as there are parents, then those of the commit
/// itself, then letters.
fn change(part: &[u8]) -> Result<(Vec<Option<Oid>>, Option<Oid>), GitError> {
    let parents = part.iter().take_while(|&&byte| byte == b':').count();
    let words: Vec<&[u8]> =
        part.get(parents..).unwrap_or_default().split(|&byte| byte == b' ').collect();
    if parents == 0 || words.len() != 2 * parents + 3 {
        return Err(GitError::Walk);
    }
    let (modes, ids) = words.split_at(parents + 1);
    let tree = |(mode, name): (&&[u8], &&[u8])| match *mode {
        b"040000" => id(name).map(Some),
        _ => Ok(None),
    };
    let mut before: Vec<Option<Oid>> = modes.iter().zip(ids).map(tree).collect::<Result<_, _>>()?;
    let after = before.pop().flatten();
    Ok((before, after))
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
            "\0{a}\0\n:040000 040000 {b} {c} M\0tenants\0:040000 040000 {b} {c} M\0tenants/x\0:100644 100644 {b} {c} M\0tenants/x/f\0\0{b}\0\n:000000 040000 {zero} {b} A\0tenants/x\0:100644 000000 {b} {zero} D\0tenants/y\0\0{a}\0\0\0{c}\0\0::040000 040000 040000 {a} {b} {c} MM\0tenants/y\0"
        );
        for size in [1, 7, 64, 10_000] {
            let mut answer = Answer::default();
            for piece in text.as_bytes().chunks(size) {
                answer.take(piece).unwrap();
            }
            let before = |change: &Change| change.before.iter().filter(|id| id.is_some()).count();
            let seen: Vec<_> = answer
                .changes
                .iter()
                .map(|change| (change.folder.as_str(), before(change), change.after.is_some()))
                .collect();
            assert_eq!(seen, [("x", 1, true), ("x", 0, true), ("y", 2, true)], "pieces of {size}");
        }
        assert!(Answer::default().take(b"warning: something\0").is_err());
    }
}
