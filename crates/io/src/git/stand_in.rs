//! A stand-in for a clone that cannot be written to, such as a volume that a sync container fills, or
//! that libgit2 does not read, such as one with a reftable.
//!
//! It is a Git directory of its own in a temporary folder: it has the clone's references, settings,
//! worktree and what this program keeps, and borrows the clone's objects. What a command fetches, and
//! what it notes, goes there and is gone with it, so that everything else works as in any clone.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "copies files of a Git directory, which libgit2 does not show"
)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::{Config, ConfigLevel, Repository};
use tempfile::TempDir;

use super::opening::{PARTIAL_CLONE, REF_STORAGE};
use super::program::{self, GitProgram, Verdict};
use super::{GitError, NotWritable, Repo, Trouble};

/// The references, in the order in which Git reads them: one that is packed meanwhile is seen twice, and
/// not missed.
const REFERENCES: [&str; 2] = ["refs", "packed-refs"];

/// What else all worktrees of a clone share.
const SHARED: [&str; 3] = ["shallow", "info", "applecart"];

/// What is a worktree's own.
const OWN: [&str; 3] = ["HEAD", "index", "info"];

/// Settings about where the clone is and how it is kept, which say nothing of the stand-in.
const NOT_OURS: [&str; 4] =
    ["core.worktree", "extensions.worktreeconfig", REF_STORAGE, PARTIAL_CLONE];

/// A name within a name within a name: more than references have, and less than a stack.
const MAX_DEPTH: usize = 64;

/// A regular expression that fits no value, so that each is added to those before.
const NO_VALUE: &str = "a^";

/// What reads in place of a clone, until it is dropped.
#[derive(Debug)]
pub struct StandIn {
    folder: TempDir,
    reason: StandInReason,
}

/// Why a clone is not read itself.
#[derive(Debug, thiserror::Error)]
pub enum StandInReason {
    #[error("{} cannot be written to", .0.display())]
    ReadOnly(PathBuf),
    /// It is of a form that libgit2 does not read.
    #[error(transparent)]
    Form(GitError),
}

/// Where the parts of a clone are.
struct Places {
    /// The Git directory of the worktree.
    own: PathBuf,
    /// The one that all worktrees share.
    shared: PathBuf,
    worktree: Option<PathBuf>,
}

impl StandIn {
    /// One for the repository that `path` is in; `None` where that one needs none, or nothing helps.
    ///
    /// # Errors
    /// When there is nowhere to put the stand-in, or the user's `git` cannot read the clone either.
    pub fn of(path: &Path) -> Result<Option<Self>, GitError> {
        let repo = match Repo::discover(path) {
            Ok(repo) => repo,
            Err(error @ (GitError::RefStorage { .. } | GitError::PartialClone { .. })) => {
                return Self::of_form(path, error);
            }
            // Whoever opens it next says what is wrong with it.
            Err(_) => return Ok(None),
        };
        let is_read_only =
            |why: &NotWritable| matches!(Trouble::of_file(&why.source), Some(Trouble::ReadOnly));
        let Some(why) = repo.touch().err().filter(is_read_only) else { return Ok(None) };
        let settings = repo.repo.config();
        let settings = settings.map_err(|error| GitError::reading("the settings", error))?;
        Self::make(&Places::of(&repo.repo), &settings, StandInReason::ReadOnly(why.folder))
            .map(Some)
    }

    /// One for a clone that only the user's `git` reads, if it trusts it.
    fn of_form(path: &Path, error: GitError) -> Result<Option<Self>, GitError> {
        let Verdict::Trusted { git_dir, worktree } = program::trusts(path) else { return Ok(None) };
        // A bare one among the files of another repository is nobody's to run, unless it is named.
        let is_named = || path.canonicalize().ok() == git_dir.canonicalize().ok();
        if worktree.is_none() && !is_named() {
            return Ok(None);
        }
        let shared = program::first_line(&git_dir.join("commondir"));
        let shared = shared.map_or_else(|| git_dir.clone(), |folder| git_dir.join(folder));
        let settings = Config::open(&shared.join("config"));
        let settings = settings.map_err(|error| GitError::reading("the settings", error))?;
        if settings.get_string("extensions.objectformat").is_ok_and(|it| it != "sha1") {
            return Ok(None);
        }
        let places = Places { own: git_dir, shared, worktree };
        Self::make(&places, &settings, StandInReason::Form(error)).map(Some)
    }

    /// The Git directory to open instead.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Why it is there.
    pub fn reason(&self) -> &StandInReason {
        &self.reason
    }

    fn make(places: &Places, settings: &Config, reason: StandInReason) -> Result<Self, GitError> {
        let folder = tempfile::Builder::new().prefix("applecart-").tempdir();
        let folder = folder.map_err(|source| GitError::file(&std::env::temp_dir(), source))?;
        let to = folder.path();
        let copied = places.copy(to).map_err(|source| GitError::file(&places.own, source));
        copied?;
        match &reason {
            StandInReason::Form(GitError::RefStorage { .. }) => places.write_references(to)?,
            _ => {
                let copy = |name: &&str| copy(&places.shared.join(name), &to.join(name), 0);
                let copied = REFERENCES.iter().try_for_each(copy);
                copied.map_err(|source| GitError::file(&places.shared, source))?;
            }
        }
        set_up(settings, places.worktree.as_deref(), &to.join("config"))
            .map_err(|error| GitError::reading("the settings", error))?;
        Ok(Self { folder, reason })
    }
}

impl Places {
    fn of(repo: &Repository) -> Self {
        Self {
            own: repo.path().to_owned(),
            shared: repo.commondir().to_owned(),
            worktree: repo.workdir().map(Path::to_owned),
        }
    }

    /// Copies all but references and settings, and borrows the objects.
    fn copy(&self, to: &Path) -> io::Result<()> {
        let objects = to.join("objects");
        fs::create_dir_all(objects.join("info"))?;
        fs::create_dir_all(objects.join("pack"))?;
        let lender = self.shared.join("objects").into_os_string();
        let mut lender = lender.into_encoded_bytes();
        lender.push(b'\n');
        fs::write(objects.join("info").join("alternates"), lender)?;
        for (from, names) in [(&self.shared, &SHARED[..]), (&self.own, &OWN)] {
            for name in names {
                copy(&from.join(name), &to.join(name), 0)?;
            }
        }
        // An index may be split over several files.
        for entry in fs::read_dir(&self.own)?.flatten() {
            let name = entry.file_name();
            if name.to_string_lossy().starts_with("sharedindex.") {
                copy(&entry.path(), &to.join(name), 0)?;
            }
        }
        Ok(())
    }

    /// Writes the references as files, as the user's `git` reads them.
    fn write_references(&self, to: &Path) -> Result<(), GitError> {
        let folder = self.worktree.as_ref().unwrap_or(&self.own);
        let git = GitProgram::at(self.own.clone(), folder.clone());
        let all = git.run(&["for-each-ref", "--format=%(objectname) %(refname)"])?;
        let head = match git.run(&["symbolic-ref", "--quiet", "HEAD"]) {
            Ok(name) => [b"ref: ", &*name].concat(),
            // It names a commit, and no branch.
            Err(GitError::Program { .. }) => git.run(&["rev-parse", "HEAD"])?,
            Err(error) => return Err(error),
        };
        let write = || {
            fs::create_dir_all(to.join("refs"))?;
            fs::write(to.join("packed-refs"), all)?;
            fs::write(to.join("HEAD"), head)
        };
        write().map_err(|source| GitError::file(to, source))
    }
}

/// Copies a file or a folder; nothing where there is none.
fn copy(from: &Path, to: &Path, depth: usize) -> io::Result<()> {
    let kind = match fs::metadata(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        kind => kind?,
    };
    if kind.is_dir() && depth < MAX_DEPTH {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()), depth + 1)?;
        }
    } else if kind.is_file() && from.extension().is_none_or(|extension| extension != "lock") {
        // Not `fs::copy`, which keeps it from being written to.
        fs::write(to, fs::read(from)?)?;
    }
    Ok(())
}

/// Writes the clone's settings out, with all that is included for the sake of where the clone is.
fn set_up(settings: &Config, worktree: Option<&Path>, to: &Path) -> Result<(), git2::Error> {
    let mut found = Vec::new();
    let mut promisor = None;
    settings.entries(None)?.for_each(|entry| {
        let of_clone = [ConfigLevel::Local, ConfigLevel::Worktree, ConfigLevel::App];
        let is_of_clone = of_clone.contains(&entry.level()) || entry.include_depth() > 0;
        let Ok(name) = entry.name() else { return };
        let value = if entry.has_value() { entry.value().unwrap_or_default() } else { "true" };
        if name == PARTIAL_CLONE {
            promisor = Some(value.to_owned());
        }
        let is_ours = !NOT_OURS.contains(&name) && !name.starts_with("include");
        if is_of_clone && is_ours {
            found.push((entry.level() as i32, name.to_owned(), value.to_owned()));
        }
    })?;
    // Of several values, the last one counts.
    found.sort_by_key(|(level, ..)| *level);
    let mut own = Config::open(to)?;
    for (_, name, value) in found {
        own.set_multivar(&name, NO_VALUE, &value)?;
    }
    if let Some(remote) = promisor {
        own.set_bool(&format!("remote.{remote}.promisor"), true)?;
    }
    own.set_bool("core.bare", worktree.is_none())?;
    if let Some(worktree) = worktree.and_then(Path::to_str) {
        own.set_str("core.worktree", worktree)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
