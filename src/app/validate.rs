//! Check everything that can be checked without a key and without a network.

use std::collections::BTreeMap;

use super::session::trust;
use super::{AppError, Context};
use applecart_core::apple;
use applecart_core::fleet::{
    self, Code, Diagnostic, Entry, FileBytes, Folder, Source, ValidateReport,
};
use applecart_core::sealed::Form;
use applecart_io::git::{GitError, Repo};

/// Whose files are checked.
pub enum What {
    /// Those of the revision.
    Commit,
    /// Those of the worktree, committed or not.
    Worktree,
    /// Those of a tree, such as the one that `git write-tree` makes of the index.
    Tree(String),
}

/// Every mistake in the fleet.
pub fn run(context: &Context, what: &What) -> Result<ValidateReport, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let source = match what {
        What::Commit => repo.snapshot(&context.rev)?,
        What::Worktree => repo.worktree_snapshot()?,
        What::Tree(tree) => repo.tree_snapshot(tree)?,
    };
    let look = |folder: &Folder, entry: &Entry| repo.form(&source, folder, entry);
    let mut loaded = fleet::load_looking(&source, &look);
    if let Some(policy) = &loaded.policy {
        loaded.diagnostics.extend(trust::mistakes(&repo, source.rev.as_deref(), policy)?);
        let unheard = fleet::told_nobody(&source, &policy.notify, &loaded.tenants);
        loaded.diagnostics.extend(unheard);
    }
    loaded.diagnostics.extend(open_secrets(&repo, &source)?);
    loaded.diagnostics.extend(owners(&repo, source.rev.as_deref())?);
    loaded.diagnostics.extend(fleet::downloaded_in_future(&source, context.now()));
    loaded.diagnostics.extend(fleet::long_suspensions(&source, context.now()));
    loaded.diagnostics.sort();
    Ok(ValidateReport::new(&loaded))
}

/// Files of owners that do not count.
fn owners(repo: &Repo, rev: Option<&str>) -> Result<Vec<Diagnostic>, GitError> {
    let mut found = BTreeMap::new();
    for path in fleet::codeowners_places() {
        let file = match rev {
            Some(rev) => repo.plain_file(rev, path),
            None => repo.worktree_file(path),
        };
        let bytes = match file {
            // No forge follows a link there.
            Ok(None) | Err(GitError::WrongKind { .. }) => continue,
            Ok(Some(FileBytes::Read(bytes))) => bytes,
            Ok(Some(FileBytes::TooLarge { .. } | FileBytes::NotHere)) => Vec::new(),
            Err(error) => return Err(error),
        };
        found.insert(path.to_owned(), bytes);
    }
    Ok(fleet::overruled(&found))
}

/// Secrets that lie open in any file, whatever its name: Git keeps what was committed for good.
fn open_secrets(repo: &Repo, source: &Source) -> Result<Vec<Diagnostic>, GitError> {
    let mut found = Vec::new();
    repo.each_file(source, |path, bytes| {
        for kind in apple::secrets_in(bytes).kinds {
            let words = Form::Secret(kind).words();
            let message = format!("this file {}", words.what);
            let mistake = Diagnostic::of_file(Code::OpenSecret, path, message);
            found.push(mistake.with_help(words.next));
        }
    })?;
    Ok(found)
}
