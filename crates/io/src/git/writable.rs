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
    /// Opens a file without a name where references and objects are written.
    ///
    /// # Errors
    /// When that does not work in one of the two.
    pub(super) fn touch(&self) -> Result<(), NotWritable> {
        let common = self.path_common_dir();
        let touch = |folder: PathBuf| match tempfile::tempfile_in(&folder) {
            Ok(_) => Ok(()),
            Err(source) => Err(NotWritable { folder, source }),
        };
        touch(common.join("objects")).and_then(|()| touch(common))
    }

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

    /// The lock files of references, the index, settings and a shallow clone's ends: each belongs to
    /// a Git process that is at work, or was killed.
    pub fn locks(&self) -> Vec<PathBuf> {
        let common = self.path_common_dir();
        let own = self.repo.path();
        let shared = ["packed-refs.lock", "config.lock", "shallow.lock"].map(|it| common.join(it));
        let mut found: Vec<PathBuf> = ["HEAD.lock", "index.lock"].map(|it| own.join(it)).into();
        found.extend(shared);
        found.retain(|lock| lock.exists());
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
