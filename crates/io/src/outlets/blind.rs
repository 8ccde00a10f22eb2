//! When this clone last told a sink that nothing is known of what was told: the one memory that does not
//! stand in the notes, because they are what is unknown.
#![expect(clippy::disallowed_methods, reason = "a file of the clone")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// By sink, in days since 1970.
pub struct ToldBlind {
    path: PathBuf,
    days: BTreeMap<String, i64>,
}

impl ToldBlind {
    /// The memory of the clone with this shared Git directory. A file that cannot be read remembers
    /// nothing: it is told once more.
    pub fn of(common_git_dir: &Path) -> Self {
        let path = common_git_dir.join("applecart").join("notify-unknown.json");
        let read = std::fs::read(&path).unwrap_or_default();
        Self { days: serde_json::from_slice(&read).unwrap_or_default(), path }
    }

    pub fn was_told(&self, sink: &str, day: i64) -> bool {
        self.days.get(sink) == Some(&day)
    }

    /// Remembers it, before it is told: a message too few is better than one in every run of a clone
    /// that cannot be written to.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remember(&mut self, sink: &str, day: i64) -> std::io::Result<()> {
        self.days.insert(sink.to_owned(), day);
        std::fs::write(&self.path, serde_json::to_vec(&self.days)?)
    }

    /// Whether the sink was ever told so, and may show it still.
    pub fn knows(&self, sink: &str) -> bool {
        self.days.contains_key(sink)
    }

    /// The sink was told that it is over.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&mut self, sink: &str) -> std::io::Result<()> {
        self.days.remove(sink);
        std::fs::write(&self.path, serde_json::to_vec(&self.days)?)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
