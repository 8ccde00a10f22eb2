//! The new fleet's private key, outside of the repository.

use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519;

use crate::cli::error::CliError;
use crate::cli::global::environment;

/// A new key.
pub(super) struct Identity(x25519::Identity);

impl Identity {
    pub(super) fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// Its public half.
    pub(super) fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// Writes it as `age-keygen` does, for the user alone, where no file is.
    pub(super) fn write(&self, path: &Path) -> Result<(), CliError> {
        let failed = |source| CliError::File { path: path.to_owned(), doing: "write", source };
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
pub(super) fn place(told: Option<&Path>, root: &Path) -> Result<PathBuf, CliError> {
    let path = match told {
        Some(path) => path.to_owned(),
        None => {
            let name = root.file_name().map(|name| name.to_string_lossy().into_owned());
            config_folder()
                .ok_or_else(|| {
                    CliError::InitKey(
                        "no configuration folder is known; name a place: --key PATH".into(),
                    )
                })?
                .join("applecart")
                .join(format!("{}.agekey", name.unwrap_or_else(|| "fleet".to_owned())))
        }
    };
    let path = std::path::absolute(&path).map_err(|source| CliError::File {
        path: path.clone(),
        doing: "find",
        source,
    })?;
    if is_inside(&path, root) {
        return Err(CliError::InitKey(format!(
            "the private key {} would lie inside the repository; name a place outside of it: --key PATH",
            path.display()
        )));
    }
    if path.symlink_metadata().is_ok() {
        return Err(CliError::InitKey(format!(
            "{} exists and is never overwritten; name another place (--key PATH), or seal to its public key (--recipient age1…)",
            path.display()
        )));
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

fn config_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        return environment().variable("APPDATA").map(PathBuf::from);
    }
    environment()
        .variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| environment().variable("HOME").map(|home| Path::new(&home).join(".config")))
}
