//! Whether the available private keys open what a run may have to open, asked before it begins.

use std::path::PathBuf;

use super::session::{self, Loaded};
use super::{AppError, Context};
use applecart_core::plan::{Planned, Selection};
use applecart_io::vault::{self, Identities, OpenError};

/// The private keys that are available; what was left out or read in another form is told.
pub(super) fn available(context: &Context, files: &[PathBuf]) -> Result<Identities, AppError> {
    let identities = context.environment.identities(files)?;
    for note in identities.notes() {
        tracing::warn!("{note}");
    }
    Ok(identities)
}

/// Refuses private keys of which none opens any sealed file of the selected tenants. The cause is
/// told once, before Intune is asked, and not again for each token. What else is wrong with a file
/// is that token's own matter; what is opened here is dropped, and wiped.
pub(super) fn must_open(
    loaded: &Loaded,
    selection: &Selection,
    identities: &Identities,
) -> Result<(), AppError> {
    if identities.is_empty() {
        return Ok(());
    }
    let mut files = 0;
    let named = session::selected(&loaded.fleet, selection)
        .flat_map(|tenant| tenant.tokens())
        .filter_map(|token| token.file.as_ref());
    for file in named {
        let Ok(sealed) = loaded.repo.blob(&file.blob, vault::MAX_SEALED as u64) else {
            return Ok(());
        };
        match vault::open(&sealed, identities) {
            Err(OpenError::NoMatchingIdentity { .. }) => files += 1,
            Ok(_) | Err(_) => return Ok(()),
        }
    }
    match files {
        0 => Ok(()),
        _ => Err(AppError::WrongIdentities { identities: identities.len(), files }),
    }
}

/// Refuses a run that has files to open and nothing to open them with.
pub(super) fn must_be_there(
    context: &Context,
    planned: &Planned,
    identities: &Identities,
) -> Result<(), AppError> {
    let due = planned.due.iter().filter(|due| due.file().is_some()).count();
    let files = due + planned.verifies.len();
    if files > 0 && identities.is_empty() {
        return Err(AppError::NoIdentities { files, usual: context.environment.usual_key_file() });
    }
    Ok(())
}
