//! Whether this clone can be written to: what a run would find out only when it has something to record.
#![expect(
    clippy::disallowed_methods,
    reason = "looks at the Git directory itself, which libgit2 does not show"
)]

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::Repo;

/// What one commit of the ledger takes, many times over.
const ROOM: usize = 256 * 1024;

/// A clone that nothing can be recorded in.
#[derive(Debug, thiserror::Error)]
#[error("nothing can be written to {}", folder.display())]
pub struct NotWritable {
    pub folder: PathBuf,
    #[source]
    pub source: io::Error,
}

impl Repo {
    /// Writes to the Git directory, into a file that has no name and is gone at once.
    ///
    /// # Errors
    /// When that does not work, so that nothing else could be written either.
    pub fn try_writing(&self) -> Result<(), NotWritable> {
        let folder = self.path_common_dir();
        let write = || {
            let mut file = tempfile::tempfile_in(&folder)?;
            file.write_all(&vec![0; ROOM])?;
            // Some file systems find out only now that there is no room.
            file.sync_all()
        };
        write().map_err(|source| NotWritable { folder: folder.clone(), source })
    }

    /// The lock files of references: each belongs to a Git process that is at work, or was killed.
    pub fn reference_locks(&self) -> Vec<PathBuf> {
        let common = self.path_common_dir();
        let packed = common.join("packed-refs.lock");
        let mut found: Vec<PathBuf> = packed.exists().then_some(packed).into_iter().collect();
        let mut folders = vec![common.join("refs")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "lock") {
                    found.push(path);
                }
            }
        }
        found
    }
}
