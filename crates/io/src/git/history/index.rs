//! The index: what a walk found, one file for each folder that was asked for, one for the fleet and one
//! for its settings.
//!
//! It is believed in this format, for this question, and in a clone whose cut-off commits and grafts
//! are the same; whether its tip is still on the mainline is for the walk to find out. Replaced objects
//! need no place in it: neither `git` as it is run here nor libgit2 follows them.

use std::fmt::Write as _;
use std::path::Path;

use git2::Oid;

use super::Hit;
use super::kept::{Kept, State};
use applecart_core::model::Sha256;

/// The first line. The number grows with every change of what is in here or how it is found.
const FORMAT: &str = "applecart-history 2";

/// What was found up to a tip.
pub(super) struct Stored {
    pub(super) tip: Oid,
    pub(super) hits: Vec<Hit>,
}

/// Where the answer to one question is kept.
pub(super) struct Slot {
    kept: Kept,
    question: String,
}

impl Slot {
    pub(super) fn new(common_dir: &Path, question: String) -> Self {
        let name = Sha256::of(question.as_bytes()).to_string();
        Self { kept: Kept::new(common_dir, Path::new("history").join(name)), question }
    }

    /// What is kept; `None` when there is nothing, or it is of no use.
    pub(super) fn load(&self, state: &State) -> Option<Stored> {
        let text = self.kept.load()?;
        let mut lines = text.lines();
        let head = [FORMAT, &self.question, state.as_str()];
        if !head.iter().all(|expected| lines.next() == Some(expected)) {
            return None;
        }
        let tip = Oid::from_str(lines.next()?).ok()?;
        let hits = lines.map(hit).collect::<Option<Vec<Hit>>>()?;
        Some(Stored { tip, hits })
    }

    pub(super) fn store(&self, state: &State, tip: Oid, hits: &[Hit]) {
        let mut text = format!("{FORMAT}\n{}\n{}\n{tip}", self.question, state.as_str());
        for hit in hits {
            let id = |id: Option<Oid>| id.map_or("-".to_owned(), |id| id.to_string());
            // JSON, because a folder's name may hold a line feed.
            let folder = serde_json::Value::from(hit.folder.as_str());
            let (via, before, after) = (id(hit.via), id(hit.before), id(hit.after));
            let _ = write!(text, "\n{} {via} {before} {after} {folder}", hit.commit);
        }
        self.kept.store(&text);
    }
}

fn hit(line: &str) -> Option<Hit> {
    let mut words = line.splitn(5, ' ');
    let commit = Oid::from_str(words.next()?).ok()?;
    let mut id = || match words.next()? {
        "-" => Some(None),
        id => Oid::from_str(id).ok().map(Some),
    };
    let (via, before, after) = (id()?, id()?, id()?);
    let folder = serde_json::from_str(words.next()?).ok()?;
    Some(Hit { commit, via, folder, before, after })
}
