//! What becomes of a download that the fleet has now.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::output::Output;
use crate::app::download;
use applecart_core::model::Sha256;

/// Deletes a download that the fleet has now where that was asked for, else says what to do with
/// it.
pub(super) fn leave(
    file: Option<&PathBuf>,
    sha256: Sha256,
    remove: bool,
    output: &Output,
) -> Result<(), CliError> {
    let Some(file) = file.filter(|file| *file != Path::new("-")) else { return Ok(()) };
    let shown = file.display();
    output.note(&match remove {
        false => format!("{shown} is no longer needed: delete it (--remove-download does)"),
        true if download::remove(file, sha256)? => format!("deleted {shown}"),
        true => format!("warning: {shown} is another file by now, and was not deleted"),
    });
    Ok(())
}
