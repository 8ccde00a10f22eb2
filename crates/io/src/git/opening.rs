//! Opening a repository: whatever the user's `git` opens is opened, and what libgit2 cannot read is
//! named with the way out.

use std::path::{Path, PathBuf};

use git2::{Config, ErrorCode, Repository, RepositoryOpenFlags};

use super::program::{self, Verdict};
use super::{GitError, escaped};

/// The extension by which Git marks references that libgit2 does not read.
pub(super) const REF_STORAGE: &str = "extensions.refstorage";
/// The one by which older versions of Git mark a partial clone.
pub(super) const PARTIAL_CLONE: &str = "extensions.partialclone";

/// Opens the repository that `path` is in, as `git -C path` finds it.
///
/// Whether one of another user is trusted is asked of the user's `git`: `safe.directory` has
/// patterns and rules that libgit2 does not know.
pub(crate) fn open(path: &Path) -> Result<Repository, GitError> {
    let none: [&Path; 0] = [];
    let error = match Repository::open_ext(path, RepositoryOpenFlags::empty(), none) {
        Ok(repo) => return Ok(repo),
        Err(error) => error,
    };
    match error.code() {
        ErrorCode::NotFound => Err(GitError::NotARepository { path: path.to_owned() }),
        ErrorCode::Owner => of_another_user(path),
        _ => Err(unsupported(path, error)),
    }
}

/// A repository of another user, if the user's `git` trusts it.
fn of_another_user(path: &Path) -> Result<Repository, GitError> {
    let place = worktree_of(path);
    match program::trusts(&place) {
        Verdict::Trusted { git_dir, worktree } => {
            // It skips libgit2's own check of the owner, which has just been made better.
            let opened = Repository::open_bare(&git_dir);
            let repo = opened.map_err(|error| unsupported(&git_dir, error))?;
            if let Some(worktree) = worktree {
                let set = repo.set_workdir(&worktree, false);
                set.map_err(|source| GitError::Open { path: absolute(&place), source })?;
            }
            Ok(repo)
        }
        Verdict::Distrusted { named } => {
            Err(GitError::Owner { path: named.unwrap_or_else(|| absolute(&place)) })
        }
    }
}

/// Where `git` has to be asked about a Git directory: it judges the worktree that this belongs to.
fn worktree_of(path: &Path) -> PathBuf {
    // A linked worktree's Git directory says where its worktree is.
    let linked = program::first_line(&path.join("gitdir")).map(PathBuf::from);
    let git_file = linked.as_deref().unwrap_or(path);
    match git_file.file_name() {
        Some(name) if name == ".git" => git_file.parent().unwrap_or(git_file).to_owned(),
        _ => path.to_owned(),
    }
}

/// Why libgit2 cannot read a repository that is there.
fn unsupported(path: &Path, source: git2::Error) -> GitError {
    let at = absolute(path);
    // libgit2 has no codes for these; its text is the only sign.
    let text = source.message();
    if text.contains("object format") || text.contains("objectformat") {
        return GitError::ObjectFormat { path: at };
    }
    let Some((_, name)) = text.split_once("unsupported extension name ") else {
        return GitError::Open { path: at, source };
    };
    match name {
        REF_STORAGE => GitError::RefStorage { path: at },
        PARTIAL_CLONE => {
            let remote = setting(path, PARTIAL_CLONE).unwrap_or_else(|| "origin".to_owned());
            GitError::PartialClone { path: at, remote }
        }
        name => GitError::Extension { path: at, name: escaped(name.as_bytes()) },
    }
}

/// A setting of a repository that cannot be opened.
fn setting(path: &Path, name: &str) -> Option<String> {
    let none: [&Path; 0] = [];
    let git_dir = Repository::discover_path(path, none).ok()?;
    // A linked worktree has no settings of its own.
    let common = program::first_line(&git_dir.join("commondir"));
    let common = common.map_or_else(|| git_dir.clone(), |folder| git_dir.join(folder));
    Config::open(&common.join("config")).ok()?.get_string(name).ok()
}

/// A path as a command can name it from any folder.
fn absolute(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
