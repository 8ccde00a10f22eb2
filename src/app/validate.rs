//! Check everything that can be checked without a key and without a network.

use super::session::Tree;
use super::{AppError, Context, trust};
use applecart_core::fleet::{self, ValidateReport};
use applecart_io::git::Repo;

/// Every mistake in the fleet.
pub fn run(context: &Context, tree: Tree) -> Result<ValidateReport, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let source = match tree {
        Tree::Commit => repo.snapshot(&context.rev)?,
        Tree::Worktree => repo.worktree_snapshot()?,
    };
    let mut loaded = fleet::load(&source);
    if let Some(policy) = &loaded.policy {
        loaded.diagnostics.extend(trust::mistakes(&repo, source.rev.as_deref(), policy)?);
        loaded.diagnostics.sort();
    }
    Ok(ValidateReport::new(&loaded))
}
