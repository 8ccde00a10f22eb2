//! The clone's id: names the clone whose lock can prove a run dead.
//!
//! The proof is only as good as the id is unique. A Git directory that is copied (a cached
//! checkout in a pipeline, a container image, a backup) takes the id file along, and two copies
//! with one id and two locks would each take the other's living run for dead, and both would
//! send. So the file also says which file it is: device, inode and boot, or its creation time
//! where there are no inodes. A copy does not fit that, and gets an id of its own. The price is
//! small: after a reboot, leases of earlier runs are waited for instead of being proved over.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "keeps the id in a file of the Git directory"
)]

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use uuid::Uuid;

use super::append::STATE_FOLDER;
use super::error::LockError;
use applecart_core::model::Sha256;

/// The id of one clone of the fleet, on one machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloneId(String);

impl CloneId {
    /// The id of the clone with this shared Git directory, made when there is none yet.
    ///
    /// Safe against other processes that ask at the same moment: all get the same id.
    pub fn of(common_git_dir: &Path) -> Result<Self, LockError> {
        let folder = common_git_dir.join(STATE_FOLDER);
        let path = folder.join("clone-id");
        let io = |source| LockError::Io { path: path.clone(), source };
        fs::create_dir_all(&folder).map_err(io)?;
        let guard = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("clone-id.lock"))
            .map_err(io)?;
        guard.lock().map_err(io)?;
        if let Some(id) = read(&path).map_err(io)? {
            return Ok(id);
        }
        make(&folder, &path).map_err(io)
    }

    /// The id of the clone together with this lock file, which its runs name: a lock file that was
    /// deleted and made again is another one. While a run holds the deleted one open, no other file
    /// gets its inode, so a lock on the new file proves nothing about that run.
    pub(super) fn locked_with(&self, lock: &Metadata) -> Self {
        let both = Sha256::of(format!("{} {}", self.0, file_identity(lock)).as_bytes());
        Self(both.to_string().chars().take(32).collect())
    }

    /// The id as ledger lines hold it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CloneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id in the file, if the file is the one that was written here.
fn read(path: &Path) -> io::Result<Option<CloneId>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Text that is no text is like a cut file: it names nothing.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((id, bound)) = text.strip_suffix('\n').and_then(|text| text.split_once('\n')) else {
        return Ok(None);
    };
    let fits = bound == identity(&fs::metadata(path)?) && Uuid::try_parse(id).is_ok();
    Ok(fits.then(|| CloneId(id.to_owned())))
}

/// Writes a new id beside the file and moves it there, which keeps the inode.
fn make(folder: &Path, path: &Path) -> io::Result<CloneId> {
    let id = Uuid::new_v4().to_string();
    let fresh = folder.join(format!("clone-id.{id}"));
    let mut file = File::create_new(&fresh)?;
    let bound = identity(&file.metadata()?);
    file.write_all(format!("{id}\n{bound}\n").as_bytes())?;
    file.sync_all()?;
    drop(file);
    fs::rename(&fresh, path)?;
    Ok(CloneId(id))
}

/// Which file this is, on which start of which machine.
fn identity(metadata: &Metadata) -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let text = format!("{} {}", file_identity(metadata), boot.trim());
    Sha256::of(text.as_bytes()).to_string()
}

#[cfg(unix)]
fn file_identity(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt as _;
    format!("{} {}", metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn file_identity(metadata: &Metadata) -> String {
    format!("{:?}", metadata.created().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_once_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let id = CloneId::of(dir.path()).unwrap();
        assert_eq!(CloneId::of(dir.path()).unwrap(), id);
        assert!(Uuid::try_parse(id.as_str()).is_ok());
    }

    #[test]
    fn processes_that_ask_at_once_get_one_id() {
        let dir = tempfile::tempdir().unwrap();
        let ids: std::collections::BTreeSet<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| CloneId::of(dir.path()).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
    }

    #[test]
    fn a_copied_git_directory_gets_an_id_of_its_own() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = CloneId::of(one.path()).unwrap();
        let file = Path::new(STATE_FOLDER).join("clone-id");
        fs::create_dir(two.path().join(STATE_FOLDER)).unwrap();
        fs::copy(one.path().join(&file), two.path().join(&file)).unwrap();
        let copy = CloneId::of(two.path()).unwrap();
        assert_ne!(copy, id);
        assert_eq!(CloneId::of(two.path()).unwrap(), copy);
        assert_eq!(CloneId::of(one.path()).unwrap(), id);
    }

    #[test]
    fn a_cut_or_foreign_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let id = CloneId::of(dir.path()).unwrap();
        let path = dir.path().join(STATE_FOLDER).join("clone-id");
        for text in [&b""[..], b"abc", b"\xff\xfe\n\n", id.as_str().as_bytes()] {
            fs::write(&path, text).unwrap();
            let fresh = CloneId::of(dir.path()).unwrap();
            assert_ne!(fresh, id);
            assert_eq!(CloneId::of(dir.path()).unwrap(), fresh);
        }
    }
}
