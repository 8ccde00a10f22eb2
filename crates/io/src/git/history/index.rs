//! The index: what a walk found, kept under Git's own directory.
//!
//! One text file for each folder that was asked for, and one for the fleet. It is only believed
//! when every byte of it is as it was written, in this format, for this question, and in a clone
//! whose cut-off commits and grafts are the same; whether its tip is still on the mainline is for
//! the walk to find out. Replaced objects need no place in it: neither `git` as it is run here nor
//! libgit2 follows them.
#![expect(clippy::disallowed_methods, reason = "keeps files under Git's own directory")]

use std::path::{Path, PathBuf};

use git2::Oid;

use super::{Hit, Scope};
use applecart_core::model::Sha256;

/// The first line. The number grows with every change of what is in here or how it is found.
const FORMAT: &str = "applecart-history 1";

/// More than an index of the largest fleet has; what is longer was not written here.
const MAX_INDEX: u64 = 1024 * 1024 * 1024;

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
}

/// What was found up to a tip.
pub(super) struct Stored {
    pub(super) tip: Oid,
    pub(super) hits: Vec<Hit>,
}

/// Where the answer to one question is kept.
pub(super) struct Slot {
    path: PathBuf,
    question: String,
}

impl Slot {
    pub(super) fn new(common_dir: &Path, scope: &Scope, fixed: Option<Oid>) -> Self {
        let scope = match scope {
            Scope::Fleet => "*".to_owned(),
            Scope::Folder(folder) => folder.clone(),
        };
        let from = fixed.map_or("tip".to_owned(), |fixed| fixed.to_string());
        let question = format!("{scope} {from}");
        let name = Sha256::of(question.as_bytes()).to_string();
        let path = common_dir.join("applecart").join("history").join(name);
        Self { path, question }
    }

    /// What is kept; `None` when there is nothing or anything is wrong with it.
    pub(super) fn load(&self, state: &State) -> Option<Stored> {
        let size = std::fs::metadata(&self.path).ok()?.len();
        let text = (size <= MAX_INDEX).then(|| std::fs::read_to_string(&self.path).ok())??;
        let stored = self.parse(&text, state);
        if stored.is_none() {
            tracing::info!("the index of the history is not usable and is made anew");
        }
        stored
    }

    fn parse(&self, text: &str, state: &State) -> Option<Stored> {
        let (body, end) = text.trim_end_matches('\n').rsplit_once('\n')?;
        let digest = end.strip_prefix("end ")?;
        if Sha256::of(body.as_bytes()).to_string() != digest {
            return None;
        }
        let mut lines = body.lines();
        let head = [FORMAT.to_owned(), self.question.clone(), state.0.clone()];
        if !head.iter().all(|expected| lines.next() == Some(expected)) {
            return None;
        }
        let tip = Oid::from_str(lines.next()?).ok()?;
        let hits = lines.map(hit).collect::<Option<Vec<Hit>>>()?;
        Some(Stored { tip, hits })
    }

    /// Keeps what was found. Where that is not possible (a clone that may only be read), the next
    /// question takes as long as this one.
    pub(super) fn store(&self, state: &State, tip: Oid, hits: &[Hit]) {
        let mut text = format!("{FORMAT}\n{}\n{}\n{tip}", self.question, state.0);
        for hit in hits {
            let id = |id: Option<Oid>| id.map_or("-".to_owned(), |id| id.to_string());
            // JSON, because a folder's name may hold a line feed.
            let folder = serde_json::Value::from(hit.folder.as_str());
            text.push_str(&format!(
                "\n{} {} {} {} {folder}",
                hit.commit,
                id(hit.via),
                id(hit.before),
                id(hit.after)
            ));
        }
        let digest = Sha256::of(text.as_bytes());
        text.push_str(&format!("\nend {digest}\n"));
        if let Err(error) = self.write(&text) {
            tracing::info!(%error, "the index of the history could not be kept");
        }
    }

    /// Others may read it at this moment, so it must never be half written.
    fn write(&self, text: &str) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(&self.path);
        std::fs::create_dir_all(folder)?;
        let fresh = self.path.with_extension(uuid::Uuid::new_v4().to_string());
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, &self.path).inspect_err(|_| {
            let _ = std::fs::remove_file(&fresh);
        })
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
