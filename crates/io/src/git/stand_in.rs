//! A stand-in for a clone that cannot be written to, such as a volume that a sync container fills.
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

use super::{GitError, NotWritable, Repo, Trouble};

/// What all worktrees of a clone share, in the order in which Git reads references: one that is packed
/// meanwhile is seen twice, and not missed.
const SHARED: [&str; 5] = ["refs", "packed-refs", "shallow", "info", "applecart"];

/// What is a worktree's own.
const OWN: [&str; 3] = ["HEAD", "index", "info"];

/// A name within a name within a name: more than references have, and less than a stack.
const MAX_DEPTH: usize = 64;

/// A regular expression that fits no value, so that each is added to those before.
const NO_VALUE: &str = "a^";

/// What reads in place of a clone, until it is dropped.
#[derive(Debug)]
pub struct StandIn {
    folder: TempDir,
    clone: PathBuf,
}

impl StandIn {
    /// One for the repository that `path` is in; `None` where that one can be written to, or there is
    /// none.
    ///
    /// # Errors
    /// When there is nowhere to put the stand-in.
    pub fn of(path: &Path) -> Result<Option<Self>, GitError> {
        // Whoever opens it next says what is wrong with it.
        let Ok(repo) = Repo::discover(path) else { return Ok(None) };
        let is_read_only =
            |why: &NotWritable| matches!(Trouble::of_file(&why.source), Some(Trouble::ReadOnly));
        match repo.touch().err().filter(is_read_only) {
            Some(why) => Self::make(&repo, why.folder).map(Some),
            None => Ok(None),
        }
    }

    /// The Git directory to open instead.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The part of the clone that cannot be written to.
    pub fn clone_path(&self) -> &Path {
        &self.clone
    }

    fn make(repo: &Repo, clone: PathBuf) -> Result<Self, GitError> {
        let folder = tempfile::Builder::new().prefix("applecart-").tempdir();
        let folder = folder.map_err(|source| GitError::file(&std::env::temp_dir(), source))?;
        let (own, shared) = (repo.repo.path(), repo.repo.commondir());
        let objects = folder.path().join("objects");
        let make = || {
            fs::create_dir_all(objects.join("info"))?;
            fs::create_dir_all(objects.join("pack"))?;
            let lender = shared.join("objects").into_os_string();
            let mut lender = lender.into_encoded_bytes();
            lender.push(b'\n');
            fs::write(objects.join("info").join("alternates"), lender)?;
            for (from, names) in [(shared, &SHARED[..]), (own, &OWN)] {
                for name in names {
                    copy(&from.join(name), &folder.path().join(name), 0)?;
                }
            }
            // An index may be split over several files.
            for entry in fs::read_dir(own)?.flatten() {
                let name = entry.file_name();
                if name.to_string_lossy().starts_with("sharedindex.") {
                    copy(&entry.path(), &folder.path().join(name), 0)?;
                }
            }
            Ok(())
        };
        make().map_err(|source| GitError::file(&clone, source))?;
        set_up(&repo.repo, &folder.path().join("config"))
            .map_err(|error| GitError::reading("the settings", error))?;
        Ok(Self { folder, clone })
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
fn set_up(clone: &Repository, to: &Path) -> Result<(), git2::Error> {
    let mut found = Vec::new();
    clone.config()?.entries(None)?.for_each(|entry| {
        let is_of_clone = matches!(entry.level(), ConfigLevel::Local | ConfigLevel::Worktree);
        let Ok(name) = entry.name() else { return };
        let is_about_place = name == "core.worktree"
            || name == "extensions.worktreeconfig"
            || name.starts_with("include.")
            || name.starts_with("includeif.");
        if (is_of_clone || entry.include_depth() > 0) && !is_about_place {
            let value = if entry.has_value() { entry.value().unwrap_or_default() } else { "true" };
            found.push((entry.level() as i32, name.to_owned(), value.to_owned()));
        }
    })?;
    // Of several values, the last one counts.
    found.sort_by_key(|(level, ..)| *level);
    let mut own = Config::open(to)?;
    for (_, name, value) in found {
        own.set_multivar(&name, NO_VALUE, &value)?;
    }
    own.set_bool("core.bare", clone.is_bare())?;
    if let Some(worktree) = clone.workdir().and_then(Path::to_str) {
        own.set_str("core.worktree", worktree)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
