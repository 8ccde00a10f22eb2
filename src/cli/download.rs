//! A file that was downloaded from Apple, on its way into the fleet: what `seal` and `renew` share.
//!
//! * `target`: which entry it is for, and how its sealed file is called;
//! * `live`: the live state it is held against;
//! * `judge`: what speaks against it;
//! * `sops`: how a fleet that uses SOPS gets it sealed;
//! * `draft`: what the tenant file is to say of it, and whether the fleet would be valid with that.

#![expect(clippy::disallowed_methods, reason = "cli deletes a download when told to")]

mod draft;
pub(super) mod judge;
pub(super) mod live;
pub(super) mod sops;
pub(super) mod target;

use std::path::{Path, PathBuf};

use chrono::SecondsFormat;

pub(super) use draft::Draft;

use super::error::CliError;
use super::inspect;
use super::output::Output;
use applecart_core::apple::{self, Inspection};
use applecart_core::fleet::Policy;
use applecart_core::model::{Kind, LiveTenant, Sha256, Timestamp};
use applecart_io::vault::Secret;

/// A downloaded file and what the person says of it.
pub(super) struct Download {
    pub(super) path: PathBuf,
    pub(super) content: Secret,
    /// The only kind it may be.
    pub(super) kind: Option<Kind>,
    /// When it was downloaded, where its name no longer tells.
    pub(super) downloaded: Option<Timestamp>,
    /// With which Apple Account, where the tenant file does not say yet.
    pub(super) apple_id: Option<String>,
}

impl Download {
    /// Reads the file; `-` is standard input.
    pub(super) fn open(
        path: &Path,
        kind: Option<Kind>,
        downloaded: Option<Timestamp>,
    ) -> Result<Self, CliError> {
        let mut bytes = inspect::read(path, inspect::MAX_READ)?;
        let content = Secret::new(std::mem::take(&mut *bytes));
        Ok(Self { path: path.to_owned(), content, kind, downloaded, apple_id: None })
    }

    /// The same, downloaded with this Apple Account.
    pub(super) fn with(self, apple_id: Option<String>) -> Self {
        Self { apple_id, ..self }
    }

    /// SHA-256 of the opened file.
    pub(super) fn sha256(&self) -> Sha256 {
        Sha256::of(self.content.expose())
    }

    /// The file's path, for people.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Judges the file by its content, and against live where it is at hand.
    pub(super) fn inspect(
        &self,
        policy: &Policy,
        now: Timestamp,
        live: Option<&LiveTenant>,
    ) -> Inspection {
        // What Apple's name would have told, where another name was given since.
        let name = match self.downloaded {
            Some(at) => {
                let at = at.date_time().to_rfc3339_opts(SecondsFormat::Secs, true);
                Some(format!("_Token_{}_smime.p7m", at.replace(':', "-")))
            }
            None => self.path.file_name().map(|name| name.to_string_lossy().into_owned()),
        };
        apple::inspect(&apple::Request {
            bytes: self.content.expose(),
            file_name: name.as_deref(),
            kind: self.kind,
            live,
            now,
            renew_before: policy.renew_before,
        })
    }

    /// Whether the file lies in the folder, wherever links lead.
    pub(super) fn is_inside(&self, root: &Path) -> bool {
        match (self.path.canonicalize(), root.canonicalize()) {
            (Ok(file), Ok(root)) => file.starts_with(root),
            _ => false,
        }
    }
}

/// The refusing findings of a file that is none of the three kinds.
pub(super) fn refusing(inspection: &Inspection) -> Vec<String> {
    let refusing = inspection.findings.iter().filter(|finding| finding.refuses());
    refusing.map(ToString::to_string).collect()
}

/// What to do with a download that the fleet has now.
pub(super) fn left(file: &Path) -> String {
    format!("{} is no longer needed: delete it (--remove-download does)", file.display())
}

/// Deletes a download that the fleet has now; another file that came to its name meanwhile, such as
/// the browser's next download, stays.
pub(super) fn remove(file: &Path, sha256: Sha256, output: &Output) -> Result<(), CliError> {
    let shown = file.display();
    if Sha256::of(&inspect::read(file, inspect::MAX_READ)?) != sha256 {
        output.note(&format!("warning: {shown} is another file by now, and was not deleted"));
        return Ok(());
    }
    std::fs::remove_file(file).map_err(|source| CliError::File {
        path: file.to_owned(),
        doing: "delete",
        source,
    })?;
    output.note(&format!("deleted {shown}"));
    Ok(())
}
