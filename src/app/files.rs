//! Files that a person names: token files, snapshots of Intune, plans.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::AppError;
use applecart_core::model::LiveTenant;
use applecart_core::plan::{self, Plan};
use applecart_io::intune;

/// No more than this is ever read of a token file; one that is longer is refused.
pub const MAX_READ: u64 = 2 * 1024 * 1024;
/// A snapshot of a tenant with hundreds of tokens has a few hundred kilobytes.
const MAX_SNAPSHOT: u64 = 16 * 1024 * 1024;
/// A plan of 10,000 tenants with four tokens each has half of it.
const MAX_PLAN: u64 = 256 * 1024 * 1024;
/// A line for each of 100,000 customers.
const MAX_LIST: u64 = 32 * 1024 * 1024;

/// A file's bytes, at most one more than the limit; `-` is standard input.
pub fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, AppError> {
    let failed = AppError::file(path, "read");
    if path != Path::new("-") {
        return applecart_io::files::read(path, limit).map_err(failed);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The folder itself, or one on the way to it inside the repository, that is a link. Whoever proposes a
/// change decides what is checked out, and a link among it would lead what is written to any file.
pub fn link_on_the_way(folder: &Path, repo: &Path) -> std::io::Result<Option<PathBuf>> {
    let (folder, repo) = (std::path::absolute(folder)?, std::path::absolute(repo)?);
    let repo: PathBuf = repo.components().collect();
    let in_repo = folder.ancestors().skip(1).take_while(|at| at.starts_with(&repo) && *at != repo);
    let mut all = std::iter::once(folder.as_path()).chain(in_repo);
    Ok(all.find(|at| at.is_symlink()).map(Path::to_owned))
}

/// A list of customers, in whatever encoding it is.
pub(super) fn list_bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, AppError> {
    let bytes = read(path, MAX_LIST)?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(AppError::file(path, "read")(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

fn text(path: &Path, max: u64) -> Result<String, AppError> {
    let text = applecart_io::files::read_text(path, max);
    let failed = AppError::file(path, "read");
    text.map(|mut text| std::mem::take(&mut *text)).map_err(failed)
}

/// What a snapshot file says of one tenant in Intune.
pub fn snapshot(path: &Path) -> Result<LiveTenant, AppError> {
    let bytes = read(path, MAX_SNAPSHOT)?;
    intune::parse_snapshot(&bytes)
        .map_err(|source| AppError::Snapshot { path: path.to_owned(), source })
}

/// A plan that `plan --out` wrote and that may be applied.
pub(super) fn plan(path: &Path) -> Result<Plan, AppError> {
    let text = text(path, MAX_PLAN)?;
    checked(&text).map_err(|why| AppError::PlanFile { path: path.to_owned(), why })
}

fn checked(text: &str) -> Result<Plan, PlanFileError> {
    let plan: Plan = serde_json::from_str(text).map_err(PlanFileError::Json)?;
    if plan.format_version.split('.').next() != plan::FORMAT_VERSION.split('.').next() {
        return Err(PlanFileError::Version { found: plan.format_version });
    }
    if !plan.is_intact() {
        return Err(PlanFileError::Edited);
    }
    if plan.rev.is_none() {
        return Err(PlanFileError::Worktree);
    }
    Ok(plan)
}

/// Why a plan file cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    #[error("line {}, column {}: not a plan of this program", .0.line(), .0.column())]
    Json(serde_json::Error),
    #[error("it has format {found}, this program reads {}", plan::FORMAT_VERSION)]
    Version { found: String },
    #[error("its digest is not that of its content: it was edited or damaged")]
    Edited,
    #[error("it was made from the worktree; plan the commit")]
    Worktree,
}
