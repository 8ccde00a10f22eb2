//! The new fleet's private key, outside of the repository.

use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519;

use super::InitError;
use crate::app::{AppError, Context};

/// The private age key of a new fleet, which opens every file that is sealed to it.
pub(in crate::app) struct Identity(x25519::Identity);

impl Identity {
    pub(in crate::app) fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// The public key (`age1…`) that files are encrypted to.
    pub(in crate::app) fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// Writes it as `age-keygen` does, for the user alone, where no file is.
    pub(in crate::app) fn write(&self, path: &Path) -> Result<(), AppError> {
        let failed = AppError::file(path, "write");
        if let Some(parent) = path.parent() {
            make_private(parent).map_err(failed)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(path).map_err(failed)?;
        let text = self.0.to_string();
        writeln!(file, "# public key: {}\n{}", self.recipient(), text.expose_secret())
            .and_then(|()| file.sync_all())
            .map_err(failed)
    }
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// Where the key goes: as told, else the user's configuration folder. Never into the repository,
/// never over another file.
pub(super) fn place(
    context: &Context,
    told: Option<&Path>,
    root: &Path,
) -> Result<PathBuf, AppError> {
    let path = match told {
        Some(path) => path.to_owned(),
        None => {
            let name = root.file_name().map(|name| name.to_string_lossy().into_owned());
            context
                .environment
                .config_folder()
                .ok_or(InitError::NoKeyFolder)?
                .join("applecart")
                .join(format!("{}.agekey", name.unwrap_or_else(|| "fleet".to_owned())))
        }
    };
    let path = std::path::absolute(&path).map_err(AppError::file(&path, "find"))?;
    if is_inside(&path, root) {
        return Err(InitError::KeyInside(path).into());
    }
    if path.symlink_metadata().is_ok() {
        return Err(InitError::KeyExists(path).into());
    }
    Ok(path)
}

/// Whether a file that does not exist yet would lie in a folder that may not exist yet, wherever
/// links lead.
fn is_inside(path: &Path, root: &Path) -> bool {
    real(path).starts_with(real(root))
}

/// The real place of the part that exists, and the rest.
fn real(path: &Path) -> PathBuf {
    let mut rest: Vec<Component<'_>> = Vec::new();
    let mut there = path;
    loop {
        if let Ok(found) = there.canonicalize() {
            return rest.iter().rev().fold(found, |path, part| match part {
                Component::ParentDir => path.parent().map_or(path.clone(), Path::to_owned),
                part => path.join(part),
            });
        }
        let (Some(parent), Some(last)) = (there.parent(), there.components().next_back()) else {
            return path.to_owned();
        };
        rest.push(last);
        there = parent;
    }
}
