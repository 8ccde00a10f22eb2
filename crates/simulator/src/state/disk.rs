//! The state folder: `tenants/<id>.json`, each replaced as a whole, and `audit.jsonl`.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the state is in files")]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::{StateError, Tenant};
use crate::journal::AuditFile;
use crate::signing::Vendor;

#[derive(Debug)]
pub(super) struct Disk {
    tenants: PathBuf,
    audit: PathBuf,
}

impl Disk {
    pub(super) fn open(folder: &Path) -> Result<Self, StateError> {
        let tenants = folder.join("tenants");
        private(folder).map_err(|source| file(folder, source))?;
        fs::create_dir_all(&tenants).map_err(|source| file(&tenants, source))?;
        Ok(Self { tenants, audit: folder.join("audit.jsonl") })
    }

    pub(super) fn tenants(&self) -> Result<Vec<Tenant>, StateError> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.tenants).map_err(|source| file(&self.tenants, source))? {
            let path = entry.map_err(|source| file(&self.tenants, source))?.path();
            // A `.new` is what a killed process had not finished.
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = fs::read_to_string(&path).map_err(|source| file(&path, source))?;
                all.push(
                    serde_json::from_str(&text)
                        .map_err(|source| StateError::Content { path: path.clone(), source })?,
                );
            }
        }
        Ok(all)
    }

    /// Writes beside the file and renames, so that a reader finds the old or the new one whole.
    pub(super) fn save(&self, tenant: &Tenant) -> Result<(), StateError> {
        let path = self.tenants.join(format!("{}.json", tenant.tenant_id));
        let new = path.with_extension("new");
        let text = serde_json::to_string_pretty(tenant)?;
        fs::write(&new, text).map_err(|source| file(&new, source))?;
        fs::rename(&new, &path).map_err(|source| file(&path, source))
    }

    /// The vendor of this folder, made where there is none.
    pub(super) fn vendor(&self, now: DateTime<Utc>) -> Result<Vendor, StateError> {
        let path = self.tenants.with_file_name("vendor.json");
        match fs::read_to_string(&path) {
            Ok(text) => {
                serde_json::from_str(&text).map_err(|source| StateError::Content { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let vendor = Vendor::new(now)?;
                let text = serde_json::to_string_pretty(&vendor)?;
                fs::write(&path, text).map_err(|source| file(&path, source))?;
                Ok(vendor)
            }
            Err(source) => Err(file(&path, source)),
        }
    }

    /// The audit file, opened for appending, with what stands in it already.
    pub(super) fn audit(&self) -> Result<AuditFile, StateError> {
        let text = match fs::read_to_string(&self.audit) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(file(&self.audit, source)),
        };
        // A last line that a killed process left unfinished is no record.
        let complete = text.rfind('\n').and_then(|end| text.get(..=end)).unwrap_or_default();
        let file = File::options()
            .append(true)
            .create(true)
            .open(&self.audit)
            .and_then(|opened| {
                opened.set_len(u64::try_from(complete.len()).unwrap_or(u64::MAX))?;
                Ok(opened)
            })
            .map_err(|source| file(&self.audit, source))?;
        let lines = complete
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .map_err(|source| StateError::Content { path: self.audit.clone(), source })?;
        Ok(AuditFile { file, lines })
    }
}

/// Makes the folder, for its owner alone: keys and credentials stand in it in the clear. One that is
/// there becomes private, too.
fn private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn file(path: &Path, source: io::Error) -> StateError {
    StateError::File { path: path.to_owned(), source }
}
