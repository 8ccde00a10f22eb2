//! The file for entries that could not be pushed: a run saves them there, and
//! `ledger append FILE` records them later, from this clone or another.
#![expect(clippy::disallowed_methods, reason = "writes and reads the file that its caller names")]

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use applecart_core::model::{LedgerEntry, TenantId};

const FORMAT_VERSION: &str = "1.0";
/// More than a run of ten thousand tenants saves.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Entries without a place in a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedEntries {
    /// The version of this format.
    pub format_version: Cow<'static, str>,
    /// The entries, in the order in which they happened.
    pub entries: Vec<SavedEntry>,
}

/// One line that was saved because the ledger's branch did not take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedEntry {
    /// Whose file it goes to.
    pub tenant_id: TenantId,
    /// A ledger line without `seq` and `prev`.
    pub entry: LedgerEntry,
}

/// Why a file of entries could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The file could not be written or read.
    #[error("{} cannot be {doing}", path.display())]
    Io {
        path: PathBuf,
        /// `written` or `read`, for the message.
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    /// It is no such file.
    #[error(
        "{} is not a file of ledger entries (line {line}, column {column}); this shows what one is: `applecart schema ledger-entries`",
        path.display()
    )]
    NotEntries { path: PathBuf, line: usize, column: usize },
    /// It is of a version that this program does not read.
    #[error("{} has format {found}; this program reads {FORMAT_VERSION}", path.display())]
    Version { path: PathBuf, found: String },
    /// It is larger than any run writes.
    #[error("{} has over {MAX_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
}

impl SavedEntries {
    /// The file's content for these entries.
    pub fn of(entries: &[(TenantId, LedgerEntry)]) -> Self {
        let entry = |(tenant_id, entry): &(TenantId, LedgerEntry)| SavedEntry {
            tenant_id: *tenant_id,
            entry: entry.clone(),
        };
        Self {
            format_version: Cow::Borrowed(FORMAT_VERSION),
            entries: entries.iter().map(entry).collect(),
        }
    }

    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// The entries of a file's content; `path` is for the errors only.
    pub fn parse(path: &Path, json: &[u8]) -> Result<Vec<(TenantId, LedgerEntry)>, SavedError> {
        // Asked first, and alone: another version may have fields that this one does not know.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Versioned {
            format_version: String,
        }
        let not_entries = |error: serde_json::Error| SavedError::NotEntries {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        };
        let Versioned { format_version: found } =
            serde_json::from_slice(json).map_err(not_entries)?;
        if found.split('.').next() != FORMAT_VERSION.split('.').next() {
            return Err(SavedError::Version { path: path.to_owned(), found });
        }
        let saved: Self = serde_json::from_slice(json).map_err(not_entries)?;
        Ok(saved.entries.into_iter().map(|saved| (saved.tenant_id, saved.entry)).collect())
    }
}

/// Saves entries in a new file, which is on disk when this returns. A file that is already there
/// is never written over.
pub fn save_unpushed(path: &Path, entries: &[(TenantId, LedgerEntry)]) -> Result<(), SavedError> {
    let io = |source| SavedError::Io { path: path.to_owned(), doing: "written", source };
    let json = SavedEntries::of(entries).to_json().map_err(|error| io(error.into()))?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(io)?;
    file.write_all(&json).and_then(|()| file.sync_all()).map_err(|source| {
        // Half of it would look like all that there was.
        let _ = fs::remove_file(path);
        io(source)
    })
}

/// Reads a file that [`save_unpushed`] wrote.
pub fn read_saved(path: &Path) -> Result<Vec<(TenantId, LedgerEntry)>, SavedError> {
    let io = |source| SavedError::Io { path: path.to_owned(), doing: "read", source };
    let json = crate::files::read(path, MAX_BYTES).map_err(io)?;
    if json.len() as u64 > MAX_BYTES {
        return Err(SavedError::TooLarge { path: path.to_owned() });
    }
    SavedEntries::parse(path, &json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{arbitrary_draft, draft, named, sha};
    use applecart_core::model::Event;

    #[test]
    fn a_saved_file_reads_back_and_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entries.json");
        let entries = [
            named(1, draft(Event::Applied, 0, "run-1", Some(sha("a")))),
            named(2, draft(Event::Confirmed, 1, "run-1", None)),
        ];
        save_unpushed(&path, &entries).unwrap();
        assert_eq!(read_saved(&path).unwrap(), entries);
        assert!(matches!(save_unpushed(&path, &entries[..1]), Err(SavedError::Io { .. })));
        assert_eq!(read_saved(&path).unwrap(), entries);
    }

    proptest::proptest! {
        #[test]
        fn every_entry_reads_back_as_it_was(draft in arbitrary_draft()) {
            let entries = [named(1, draft)];
            let json = SavedEntries::of(&entries).to_json().unwrap();
            let read = SavedEntries::parse(Path::new("x"), &json).unwrap();
            proptest::prop_assert_eq!(read, entries);
        }
    }

    #[test]
    fn what_is_no_such_file_is_refused_without_showing_it() {
        let parse = |text: &str| SavedEntries::parse(Path::new("x.json"), text.as_bytes());
        for text in [
            "",
            "s3cret",
            "{}",
            "[]",
            r#"{"formatVersion":"1.0"}"#,
            r#"{"formatVersion":"1.0","entries":[{"tenantId":"s3cret","entry":{}}]}"#,
            r#"{"formatVersion":"1.0","entries":[],"s3cret":1}"#,
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, SavedError::NotEntries { .. }), "{text}: {error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        let error = parse(r#"{"formatVersion":"2.0","other":1}"#).unwrap_err();
        assert!(matches!(error, SavedError::Version { .. }), "{error}");
        assert_eq!(parse(r#"{"formatVersion":"1.7","entries":[]}"#).unwrap(), []);
    }
}
