//! Files that spare a walk: they are kept under Git's own directory, and made again whenever anything
//! is wrong with them.
//!
//! What is in one, the objects say as well, so a clone that may only be read does without. Whoever can
//! write there could also tell `git` what to run; others get nothing to read.
#![expect(clippy::disallowed_methods, reason = "keeps files under Git's own directory")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use applecart_core::model::Sha256;

/// More than one of the largest fleet has; what is longer was not written here.
const MAX_SIZE: u64 = 1024 * 1024 * 1024;

/// What besides commits decides how a history is read: where the clone is cut off, and grafts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State(String);

impl State {
    pub(super) fn of(common_dir: &Path) -> Self {
        let mut all = Vec::new();
        for name in ["shallow", "info/grafts"] {
            let content = std::fs::read(common_dir.join(name)).unwrap_or_default();
            all.extend_from_slice(format!("{name} {}\n", content.len()).as_bytes());
            all.extend_from_slice(&content);
        }
        Self(Sha256::of(&all).to_string())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The path of one file that keeps what was read of the history, so the next run need not.
pub(in crate::git) struct Kept(PathBuf);

impl Kept {
    /// The file of this name, which may have folders in it.
    pub(in crate::git) fn new(common_dir: &Path, name: impl AsRef<Path>) -> Self {
        Self(common_dir.join("applecart").join(name))
    }

    /// The content, if every byte of it is as it was written.
    pub(in crate::git) fn load(&self) -> Option<String> {
        let size = std::fs::metadata(&self.0).ok()?.len();
        let mut text = (size <= MAX_SIZE).then(|| std::fs::read_to_string(&self.0).ok())??;
        let (content, digest) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let is_whole = Sha256::of(content.as_bytes()).to_string() == digest;
        let length = content.len();
        if !is_whole {
            tracing::info!(file = %self.0.display(), "not as it was written, so it is made again");
            return None;
        }
        text.truncate(length);
        Some(text)
    }

    /// Keeps it. Where that is not possible, the next question takes as long as this one.
    pub(in crate::git) fn store(&self, content: &str) {
        if let Err(error) = self.write(content) {
            tracing::info!(%error, file = %self.0.display(), "could not be kept");
        }
    }

    /// Others may read it at this moment, so it must never be half written.
    fn write(&self, content: &str) -> std::io::Result<()> {
        let folder = self.0.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder)?;
        // Only its owner may read what tempfile makes.
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        let digest = Sha256::of(content.as_bytes());
        fresh.write_all(content.as_bytes())?;
        fresh.write_all(format!("\n{digest}\n").as_bytes())?;
        fresh.persist(&self.0).map(|_| ()).map_err(|error| error.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_or_changed_file_is_nothing_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path(), "a/b");
        assert_eq!(kept.load(), None);
        for content in ["one\ntwo", ""] {
            kept.store(content);
            assert_eq!(kept.load().as_deref(), Some(content));
        }
        kept.store("one\ntwo");
        let path = folder.path().join("applecart/a/b");
        let whole = std::fs::read_to_string(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(kept.load(), None, "cut at {length}");
        }
        std::fs::write(&path, whole.replace("two", "six")).unwrap();
        assert_eq!(kept.load(), None);
        kept.store("one\ntwo");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn where_nothing_can_be_written_nothing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("applecart"), "in the way").unwrap();
        let kept = Kept::new(folder.path(), "a/b");
        kept.store("one");
        assert_eq!(kept.load(), None);
    }
}
