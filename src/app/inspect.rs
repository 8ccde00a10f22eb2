//! What a token file is, and whether it may be used.

use std::path::{Path, PathBuf};

use chrono::Duration;

use super::files::{self, MAX_READ};
use super::{AppError, Context, keys};
use applecart_core::apple::{self, Inspection};
use applecart_core::model::Kind;
use applecart_io::vault::{self, OpenError, Secret};

/// What a fleet has unless it says otherwise.
const RENEW_BEFORE: Duration = Duration::days(45);

#[derive(Debug)]
pub struct Options {
    /// `-` reads standard input.
    pub file: PathBuf,
    /// Refuse any other kind.
    pub kind: Option<Kind>,
    /// Compare with this snapshot of the tenant in Intune.
    pub snapshot: Option<PathBuf>,
    /// Files of age identities that may open the file.
    pub identities: Vec<PathBuf>,
}

/// Reads the file and judges it. Contacts nothing.
pub fn run(context: &Context, options: &Options) -> Result<Inspection, AppError> {
    let live = options.snapshot.as_deref().map(files::snapshot).transpose()?;
    let content = opened(context, &options.file, &options.identities)?;
    let name = options.file.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(apple::inspect(&apple::Request {
        bytes: content.expose(),
        file_name: name.as_deref(),
        kind: options.kind,
        live: live.as_ref(),
        now: context.now(),
        renew_before: RENEW_BEFORE,
    }))
}

/// The file's content; a sealed one is opened.
fn opened(context: &Context, file: &Path, identities: &[PathBuf]) -> Result<Secret, AppError> {
    let mut bytes = files::read(file, MAX_READ)?;
    // A file that a merge or a shell spoilt is not opened; the verdict says what it is.
    if !apple::classify(&bytes).is_sealed() {
        return Ok(Secret::new(std::mem::take(&mut *bytes)));
    }
    // Read only now: keys that cannot be read are no reason not to look at a plain file.
    let identities = keys::available(context, identities)?;
    match vault::open(&bytes, &identities) {
        Ok(content) => Ok(content),
        // Sealed in a way that this build does not open: the verdict says so.
        Err(OpenError::NotSealed) => Ok(Secret::new(std::mem::take(&mut *bytes))),
        Err(source) => Err(AppError::Sealed { path: file.to_owned(), source }),
    }
}
