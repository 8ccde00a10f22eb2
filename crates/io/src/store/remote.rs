//! The remote that a ledger is shared through: which one, where its branch is, and what this
//! clone has seen of it.
//!
//! Three references are told apart:
//!
//! * `refs/heads/<branch>`, the *local branch*: what is at the remote and, on top of it, entries
//!   that are not pushed yet. See `shared` for how it is worked with.
//! * `refs/applecart/seen/<remote>/<branch>`, the *memory*: where the remote's branch was when
//!   Applecart asked last. It only moves forward, so a branch that was rewritten or removed over
//!   there is noticed, however often somebody fetches.
//! * `refs/remotes/<remote>/<branch>`, the *remote-tracking branch* of plain Git. `git clone` and
//!   `git fetch` set it, by force too; it is read, because it too proves what was once there, and
//!   never written.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "reads references and the shallow file, waits for other processes"
)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use git2::{ErrorCode, Oid, Repository};

use super::append::jitter;
use super::branch::{Ledger, open};
use super::error::LedgerError;
use crate::git::network::{Depth, Pushed};
use crate::git::{GitError, Repo};

/// Pauses before a run of `git` that failed is tried again: networks have moments.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// How often the memory is moved again after another process moved it first.
const MAX_MOVES: u32 = 200;

/// The link to a remote.
#[derive(Debug)]
pub(super) struct Remote {
    repo: Repo,
    pub(super) name: String,
    /// Whether it is asked at all, or only what this clone has seen of it counts.
    pub(super) asked: bool,
    /// The memory's name.
    pub(super) memory: String,
    pub(super) tracking: String,
    /// Where the branch was when this handle asked last.
    there: Cell<There>,
}

/// What one handle knows of the remote's branch.
#[derive(Clone, Copy, Debug)]
enum There {
    NotAsked,
    Absent,
    At(Oid),
}

impl Remote {
    /// The remote of the ledger branch; `None` in a repository that has none.
    pub(super) fn of(
        repo_path: &Path,
        config: &Repository,
        branch: &str,
        asked: bool,
    ) -> Result<Option<Self>, LedgerError> {
        let git = |source| LedgerError::Remotes { branch: branch.to_owned(), source };
        let repo = Repo::discover(repo_path).map_err(git)?;
        let remotes = repo.remotes().map_err(git)?;
        let upstream = config.config().and_then(|mut config| {
            config.snapshot()?.get_string(&format!("branch.{branch}.remote"))
        });
        // `.` is Git's name for a branch of this very repository.
        let upstream = upstream.ok().filter(|name| name != ".");
        let Some(name) = choose(upstream.as_deref(), &remotes).map_err(|()| {
            LedgerError::WhichRemote { branch: branch.to_owned(), remotes: remotes.clone() }
        })?
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            repo,
            asked,
            memory: format!("refs/applecart/seen/{name}/{branch}"),
            tracking: format!("refs/remotes/{name}/{branch}"),
            there: Cell::new(There::NotAsked),
            name,
        }))
    }

    fn unreachable(&self, branch: &str) -> impl Fn(GitError) -> LedgerError {
        let (branch, remote) = (branch.to_owned(), self.name.clone());
        move |source| LedgerError::Unreachable {
            branch: branch.clone(),
            remote: remote.clone(),
            source: Box::new(source),
        }
    }

    /// Where the branch was when this handle asked last, if it did and there was one.
    pub(super) fn known(&self) -> Option<Oid> {
        match self.there.get() {
            There::At(tip) => Some(tip),
            There::NotAsked | There::Absent => None,
        }
    }

    /// Pushes, and tries again where the remote could not be reached: pushing the same commit
    /// twice is the same as pushing it once.
    pub(super) fn push(
        &self,
        branch: &str,
        refname: &str,
        to: Oid,
        expect: Option<Oid>,
    ) -> Result<Pushed, LedgerError> {
        patiently(|| self.repo.push(&self.name, to, refname, expect))
            .map_err(self.unreachable(branch))
    }
}

/// The branch's upstream, else `origin`, else the only one; an error where that names none.
fn choose(upstream: Option<&str>, remotes: &[String]) -> Result<Option<String>, ()> {
    let named = |name: &str| remotes.iter().find(|remote| *remote == name).cloned();
    if let Some(upstream) = upstream {
        return named(upstream).map(Some).ok_or(());
    }
    match (named("origin"), remotes) {
        (Some(origin), _) => Ok(Some(origin)),
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(only.clone())),
        (None, _) => Err(()),
    }
}

/// Tries again after a failure that another try may mend.
fn patiently<T>(run: impl Fn() -> Result<T, GitError>) -> Result<T, GitError> {
    for pause in PAUSES {
        match run() {
            Err(GitError::Program { .. }) => std::thread::sleep(pause),
            other => return other,
        }
    }
    run()
}

impl Ledger {
    /// Asks the remote where its branch is, and fetches the branch whole. `None` is proved
    /// absence: the remote has no such branch, and nothing in this clone shows that it ever had.
    pub(super) fn ask(&self, remote: &Remote) -> Result<Option<Oid>, LedgerError> {
        let (branch, refname) = (&self.branch, self.refname.as_str());
        let unreachable = remote.unreachable(branch);
        // Read before asking: what was there before must be contained in what is there now.
        let seen = self.remembered(remote)?;
        // One trip in the usual case. Git itself refuses to move the memory anywhere but forward.
        let memory = remote.memory.as_str();
        let mut tip = match remote.repo.fetch(&remote.name, refname, Some(memory), Depth::New) {
            Ok(()) => self.tip_of(memory)?,
            // Git does not say in data why, so it is found out below.
            Err(GitError::Program { .. }) => None,
            Err(error) => return Err(unreachable(error)),
        };
        if tip.is_none() {
            let there = patiently(|| remote.repo.ls_remote(&remote.name, &[refname]));
            let Some(there) = there.map_err(&unreachable)?.remove(refname) else {
                return self.absent(remote, seen);
            };
            // The branch was rewritten, another process moved the memory at the same moment, or
            // the network is mended again.
            patiently(|| remote.repo.fetch(&remote.name, refname, None, Depth::New))
                .map_err(&unreachable)?;
            tip = Some(there);
        }
        let Some(tip) = tip else { return self.absent(remote, seen) };
        self.complete(remote, tip)?;
        if let Some(seen) = seen
            && !self.contains(tip, seen)?
        {
            return Err(LedgerError::RewrittenThere {
                branch: branch.clone(),
                remote: remote.name.clone(),
                seen: seen.to_string(),
                found: tip.to_string(),
                memory: remote.memory.clone(),
            });
        }
        self.remember(remote, tip)?;
        remote.there.set(There::At(tip));
        Ok(Some(tip))
    }

    /// Where the remote's branch was when this handle asked last; asks where it never did.
    pub(super) fn there(&self, remote: &Remote) -> Result<Option<Oid>, LedgerError> {
        match remote.there.get() {
            There::NotAsked => self.ask(remote),
            There::Absent => Ok(None),
            There::At(tip) => Ok(Some(tip)),
        }
    }

    /// Notes that the remote took `tip`.
    pub(super) fn landed(&self, remote: &Remote, tip: Oid) {
        remote.there.set(There::At(tip));
        // What was pushed is there, whatever becomes of the note; without it, the next look at the
        // remote only compares with an older tip.
        let _ = self.remember(remote, tip);
    }

    /// What this clone has seen of the remote's branch, without asking.
    pub(super) fn remembered(&self, remote: &Remote) -> Result<Option<Oid>, LedgerError> {
        if let Some(tracked) = self.tip_of(&remote.tracking)? {
            self.remember(remote, tracked)?;
        }
        self.tip_of(&remote.memory)
    }

    fn absent(&self, remote: &Remote, seen: Option<Oid>) -> Result<Option<Oid>, LedgerError> {
        let (branch, remote_name) = (self.branch.clone(), remote.name.clone());
        if let Some(seen) = seen {
            let seen = seen.to_string();
            return Err(LedgerError::LostThere { branch, remote: remote_name, seen });
        }
        if self.tip_of(&self.refname)?.is_some() {
            return Err(LedgerError::Unpublished { branch, remote: remote_name });
        }
        remote.there.set(There::Absent);
        Ok(None)
    }

    /// Moves the memory forward to `tip`. A tip that does not contain it leaves it as it is.
    pub(super) fn remember(&self, remote: &Remote, tip: Oid) -> Result<(), LedgerError> {
        let unwritable = |source| LedgerError::Write {
            branch: self.branch.clone(),
            what: "what was seen of the remote's branch",
            source,
        };
        for _ in 0..MAX_MOVES {
            let was = self.tip_of(&remote.memory)?;
            match was {
                Some(was) if was == tip || !self.contains(tip, was)? => return Ok(()),
                _ => {}
            }
            let name = remote.memory.as_str();
            let moved = match was {
                Some(was) => self.repo.reference_matching(name, tip, true, was, "applecart: seen"),
                None => self.repo.reference(name, tip, false, "applecart: seen"),
            };
            match moved.as_ref().map_err(git2::Error::code) {
                Ok(_) => return Ok(()),
                // Another process of this clone did the same.
                Err(ErrorCode::Locked | ErrorCode::Modified | ErrorCode::Exists) => {
                    std::thread::sleep(Duration::from_millis(jitter(20)));
                }
                Err(_) => return moved.map(|_| ()).map_err(unwritable),
            }
        }
        Err(LedgerError::Contended { branch: self.branch.clone(), attempts: MAX_MOVES })
    }

    /// Fetches what the clone was made without: the history of the branch in a shallow clone, the
    /// files in a partial one.
    fn complete(&self, remote: &Remote, tip: Oid) -> Result<(), LedgerError> {
        let fetch = |depth| {
            patiently(|| remote.repo.fetch(&remote.name, &self.refname, None, depth))
                .map_err(remote.unreachable(&self.branch))
        };
        if self.is_cut(tip)? {
            fetch(Depth::Whole)?;
        }
        if self.lacks_files(remote, tip)? {
            fetch(Depth::Again)?;
        }
        Ok(())
    }

    /// Whether this clone has only the end of a history.
    fn is_cut(&self, tip: Oid) -> Result<bool, LedgerError> {
        let ends = self.shallow_ends()?;
        if ends.is_empty() {
            return Ok(false);
        }
        let unreadable = |source| self.objects(&self.repo).unreadable("the history", source);
        let repo = self.history()?;
        let mut walk = repo.revwalk().map_err(unreadable)?;
        walk.push(tip).map_err(unreadable)?;
        for commit in walk {
            if ends.contains(&commit.map_err(unreadable)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a clone that was made without file contents has not those of a commit either.
    fn lacks_files(&self, remote: &Remote, tip: Oid) -> Result<bool, LedgerError> {
        let unreadable = |source| self.objects(&self.repo).unreadable("the files", source);
        let config = self.repo.config().map_err(unreadable)?;
        if !config.get_bool(&format!("remote.{}.promisor", remote.name)).unwrap_or(false) {
            return Ok(false);
        }
        let odb = self.repo.odb().map_err(unreadable)?;
        // A tree that holds something else is for whoever reads it to complain about.
        let Ok(files) = self.objects(&self.repo).files(tip) else { return Ok(false) };
        Ok(files.tenants.values().any(|&blob| !odb.exists(blob)))
    }

    /// The commits where a shallow clone's history ends; none in an ordinary one.
    fn shallow_ends(&self) -> Result<BTreeSet<Oid>, LedgerError> {
        let path = self.repo.commondir().join("shallow");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().filter_map(|line| Oid::from_str(line).ok()).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(source) => Err(LedgerError::State { path, source }),
        }
    }

    /// Whether `tip` is `commit` or has it in its history.
    pub(super) fn contains(&self, tip: Oid, commit: Oid) -> Result<bool, LedgerError> {
        if tip == commit {
            return Ok(true);
        }
        let unreadable = |source| self.objects(&self.repo).unreadable("the history", source);
        self.history()?.graph_descendant_of(tip, commit).map_err(unreadable)
    }

    /// Where two histories part; `None` where they have nothing in common.
    pub(super) fn fork(&self, one: Oid, other: Oid) -> Result<Option<Oid>, LedgerError> {
        match self.history()?.merge_base(one, other) {
            Ok(base) => Ok(Some(base)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(source) => Err(self.objects(&self.repo).unreadable("the history", source)),
        }
    }

    /// A handle for questions about history. An open one keeps the ends of a shallow clone's
    /// history as they were when it was opened, and a fetch moves them.
    pub(super) fn history(&self) -> Result<Repository, LedgerError> {
        open(self.repo.path())
    }

    /// Where a reference is; `None` when there is none.
    pub(super) fn tip_of(&self, refname: &str) -> Result<Option<Oid>, LedgerError> {
        self.objects(&self.repo).tip(refname)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remote_is_the_upstream_else_origin_else_the_only_one() {
        let remotes =
            |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        for (upstream, names, expected) in [
            (None, &[][..], Ok(None)),
            (None, &["backup"], Ok(Some("backup"))),
            (None, &["backup", "origin"], Ok(Some("origin"))),
            (None, &["backup", "mirror"], Err(())),
            (Some("backup"), &["backup", "origin"], Ok(Some("backup"))),
            (Some("gone"), &["backup", "origin"], Err(())),
            (Some("https://user:pass@git.example"), &["origin"], Err(())),
        ] {
            let expected = expected.map(|name: Option<&str>| name.map(str::to_owned));
            assert_eq!(choose(upstream, &remotes(names)), expected, "{upstream:?} {names:?}");
        }
    }
}
