//! Compare Git with Intune.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::session::{self, Intune, Loaded, Made, Tree, Wanted, Which, trust};
use super::{AppError, Context, Reach, files};
use applecart_core::attention::Attention;
use applecart_core::fleet::{self, FileBytes, Policy, TokenLines};
use applecart_core::model::{LiveTenant, Outcome, TenantName};
use applecart_core::plan::{Plan, Selection, Source, Touched};
use applecart_io::git::Repo;

#[derive(Debug)]
pub struct Options {
    pub selection: Selection,
    /// Only the tenants that the branch touches since it left this revision.
    pub base: Option<String>,
    /// Plan the files of the worktree.
    pub worktree: bool,
    /// Intune's state of one tenant, instead of Graph's answers; nothing is contacted then.
    pub snapshot: Option<PathBuf>,
}

/// A plan, and what it was made from.
pub struct Compared {
    pub plan: Plan,
    /// What needs a person.
    pub attention: Attention,
    loaded: Loaded,
    rev: String,
}

impl Compared {
    /// What the problems of reading mean for the exit code.
    pub fn observed(&self) -> Outcome {
        session::observed(&self.plan)
    }

    /// Where each tenant's file speaks of its tokens, in the files that were planned.
    pub fn token_lines(&self) -> Result<BTreeMap<String, TokenLines>, AppError> {
        let source = match &self.loaded.rev {
            Some(_) => self.loaded.repo.snapshot(&self.rev)?,
            None => self.loaded.repo.worktree_snapshot()?,
        };
        let lines = source.tenants.iter().filter_map(|folder| match &folder.tenant_file {
            Some(FileBytes::Read(bytes)) => {
                Some((folder.name.clone(), fleet::token_lines(&folder.name, bytes)))
            }
            _ => None,
        });
        Ok(lines.collect())
    }
}

/// Makes a plan. Needs no key, opens and writes nothing.
pub fn run(context: &Context, options: Options) -> Result<Compared, AppError> {
    let mut selection = options.selection;
    if let Some(base) = options.base {
        let repo = Repo::discover(&context.repo)?;
        let (since, tenants) = repo.touched(&context.rev, &base)?;
        // Settings that judge writes otherwise, or tell less, touch every tenant.
        if judge_alike(&repo, &since, &context.rev)? {
            let shown = |name: String| fleet::shown_folder(&name).into_owned();
            let tenants = tenants.into_iter().map(shown).collect();
            selection = selection.within(Touched { base, since, tenants });
        }
    }
    let offline = options.snapshot.is_some();
    let wanted = Wanted {
        tree: if options.worktree { Tree::Worktree } else { Tree::Commit },
        reach: if offline { Reach::Clone } else { Reach::Remote },
        which: Which::of(offline),
        reading: true,
    };
    let intune = |loaded: &Loaded| match &options.snapshot {
        Some(path) => Ok(Intune::Read(snapshot(path, loaded, &selection)?, Source::Snapshot)),
        None => Ok(Intune::Graph(session::signed_in(context, loaded, &selection)?)),
    };
    let mut made = session::plan(context, &selection, &wanted, intune)?;
    made.planned.plan.refusal = trust::refusal(&made.loaded);
    let attention = made.attention();
    let Made { loaded, planned, .. } = made;
    let rev = loaded.rev.clone().unwrap_or_else(|| context.rev.clone());
    Ok(Compared { plan: planned.plan, attention, loaded, rev })
}

/// Whether the settings of both revisions, and the files of signers that the first one's name, judge
/// every write the same, and the second one's tell no less of what expires.
fn judge_alike(repo: &Repo, before: &str, after: &str) -> Result<bool, AppError> {
    let policy = |rev: &str| -> Result<Option<Policy>, AppError> {
        Ok(fleet::load_policy(repo.policy(rev)?.as_deref()).0)
    };
    let (old, new) = match (policy(before)?, policy(after)?) {
        (Some(old), Some(new)) => (old, new),
        (old, new) => return Ok(old.is_none() && new.is_none()),
    };
    let is_same = |path: &str| {
        let (before, after) = (repo.plain_file(before, path), repo.plain_file(after, path));
        matches!((before, after), (Ok(before), Ok(after)) if before == after)
    };
    Ok(old.sha256 == new.sha256
        && old.renew_before <= new.renew_before
        && old.critical <= new.critical
        && old.signer_files().all(is_same))
}

/// One tenant's state from a file.
fn snapshot(
    path: &Path,
    loaded: &Loaded,
    selection: &Selection,
) -> Result<BTreeMap<TenantName, LiveTenant>, AppError> {
    let names: Vec<TenantName> =
        session::selected(&loaded.fleet, selection).map(|tenant| tenant.name.clone()).collect();
    let [name] = names.as_slice() else {
        return Err(AppError::SnapshotSelection { selected: names.len() });
    };
    Ok([(name.clone(), files::snapshot(path)?)].into())
}
