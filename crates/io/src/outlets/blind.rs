//! When this clone last told a sink that nothing is known of what was told: the one memory that does not
//! stand in the notes, because they are what is unknown.
#![expect(clippy::disallowed_methods, reason = "a file of the clone")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// By sink.
pub struct ToldBlind {
    path: PathBuf,
    sinks: BTreeMap<String, Told>,
}

/// What a sink was told and not told to be over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When first and when last, in days since 1970.
    pub since: u32,
    pub day: u32,
    /// What is unknown, by the codes of the matters.
    pub codes: BTreeSet<String>,
}

impl ToldBlind {
    /// The memory of the clone with this shared Git directory. A file that cannot be read remembers
    /// nothing: it is told once more.
    pub fn of(common_git_dir: &Path) -> Self {
        let path = common_git_dir.join("applecart").join("notify-unknown.json");
        let read = std::fs::read(&path).unwrap_or_default();
        Self { sinks: serde_json::from_slice(&read).unwrap_or_default(), path }
    }

    /// Whether the sink was told of this today.
    pub fn was_told(&self, sink: &str, code: &str, day: u32) -> bool {
        self.of_sink(sink).is_some_and(|told| told.day == day && told.codes.contains(code))
    }

    /// Remembers it, before it is told: a message too few is better than one in every run of a clone
    /// that cannot be written to.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remember(&mut self, sink: &str, code: &str, day: u32) -> std::io::Result<()> {
        let first = || Told { since: day, ..Told::default() };
        let told = self.sinks.entry(sink.to_owned()).or_insert_with(first);
        told.day = day;
        told.codes.insert(code.to_owned());
        self.write()
    }

    /// What the sink was told and may show still.
    pub fn of_sink(&self, sink: &str) -> Option<&Told> {
        self.sinks.get(sink)
    }

    /// The sink was told that it is over.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&mut self, sink: &str) -> std::io::Result<()> {
        self.sinks.remove(sink);
        self.write()
    }

    fn write(&self) -> std::io::Result<()> {
        std::fs::write(&self.path, serde_json::to_vec(&self.sinks)?)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
