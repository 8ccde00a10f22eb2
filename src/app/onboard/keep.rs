//! The campaign's file in the clone's common Git directory, which only its user may read.
#![expect(clippy::disallowed_methods, reason = "reads and replaces the campaign's file")]

use std::io;
use std::path::{Path, PathBuf};

use super::OnboardError;
use crate::app::AppError;
use crate::app::files::link_on_the_way;
use applecart_core::onboard::{Campaign, VERSION};
use applecart_core::report;
use applecart_io::store;

/// As large as a campaign of 100,000 tenants.
const MAX: u64 = 256 << 20;

pub(super) fn path(common_git_dir: &Path) -> PathBuf {
    common_git_dir.join("applecart").join("onboard.json")
}

/// The campaign that was kept; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Campaign>, AppError> {
    let text = match applecart_io::files::read_text(path, MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AppError::file(path, "read")(error)),
    };
    let broken = |why: String| OnboardError::Kept { path: path.to_owned(), why };
    let campaign: Campaign =
        serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
    match campaign.version {
        VERSION => Ok(Some(campaign)),
        version => Err(broken(format!("it has version {version}")).into()),
    }
}

/// Writes the campaign, with what another run of this clone has written meanwhile.
pub(super) fn write(
    path: &Path,
    common_git_dir: &Path,
    campaign: &mut Campaign,
) -> Result<(), AppError> {
    store::replacing(common_git_dir, || {
        if let Some(theirs) = read(path)? {
            campaign.merge(&theirs);
        }
        let text = report::json(campaign)?;
        let failed = AppError::file(path, "write");
        if !path.exists() {
            private(path).map_err(failed)?;
        }
        // An existing file keeps its permissions.
        applecart_io::files::replace(path, text.as_bytes()).map_err(failed)
    })?
}

/// Writes letters to customers into a folder, and says how many. A commit may bring a link into a folder
/// of the clone; none is written through.
pub fn write_letters(
    folder: &Path,
    repo: &Path,
    letters: impl Iterator<Item = (String, String)>,
) -> Result<usize, AppError> {
    let refused = |path: &Path| OnboardError::Link { path: path.to_owned() };
    let link = link_on_the_way(folder, repo).map_err(AppError::file(folder, "find"))?;
    if let Some(link) = link {
        return Err(refused(&link).into());
    }
    std::fs::create_dir_all(folder).map_err(AppError::file(folder, "make"))?;
    let mut written = 0;
    for (name, text) in letters {
        let path = folder.join(name);
        if path.is_symlink() {
            return Err(refused(&path).into());
        }
        applecart_io::files::replace(&path, text.as_bytes())
            .map_err(AppError::file(&path, "write"))?;
        written += 1;
    }
    Ok(written)
}

/// Makes an empty file that only its user may read.
fn private(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // An empty file would not be read as a campaign, should this be interrupted.
    io::Write::write_all(&mut &file, br#"{"version":1,"auth":null,"candidates":[]}"#)
}
