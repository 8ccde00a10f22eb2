//! Which tenants and tokens the fleet has, by Git alone.

use super::session::{self, Tree};
use super::{AppError, Context, Reach};
use applecart_core::fleet::{self, Desired};
use applecart_core::plan::Selection;
use applecart_core::report::tenants::TenantList;
use applecart_io::git::Repo;

/// The selected tenants of the revision; nothing is contacted.
pub fn list(context: &Context, selection: &Selection) -> Result<TenantList, AppError> {
    let loaded = session::load(context, Tree::Commit, Reach::Revision, selection)?;
    let is_selected = |desired: &&Desired| match desired {
        Desired::Valid(tenant) => selection.matches(tenant),
        Desired::Invalid { name, .. } => selection.may_match_invalid(name),
    };
    let rev = loaded.rev.clone();
    Ok(TenantList::new(rev, loaded.fleet.iter().filter(is_selected)))
}

/// Every tenant of the revision, whatever else is wrong with the fleet: for completions, which have
/// nobody to tell.
pub fn offered(context: &Context) -> Result<Vec<Desired>, AppError> {
    let repo = Repo::discover(&context.repo)?.alone(true);
    let source = repo.snapshot(&context.rev)?;
    Ok(fleet::load_tenants(&source, None).0)
}
