//! The ledger's remote in memory, and the ledger as an auditor reads it: with a JSON parser and SHA-256.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use applecart_core::model::Sha256;
use applecart_io::git::GitError;
use applecart_io::git::network::Pushed;
use applecart_io::seams::Clock;
use applecart_io::store::{LedgerError, Remote};
use chrono::{DateTime, Utc};
use git2::{Oid, Repository};
use serde_json::Value;

use crate::script::Push;
use crate::witness::Witness;

pub(crate) const BRANCH: &str = "applecart/ledger";

/// What both clones have as their remote. Their objects are shared, so that it is a reference.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    pub(crate) tip: Option<Oid>,
}

/// A run's way to it.
pub(crate) struct Way {
    pub(crate) hub: Arc<Mutex<Hub>>,
    pub(crate) clone: PathBuf,
    pub(crate) run: String,
    pub(crate) trouble: Vec<(u64, Push)>,
    pub(crate) asked: Mutex<u64>,
    pub(crate) witness: Arc<Mutex<Witness>>,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Way").field("run", &self.run).finish_non_exhaustive()
    }
}

impl Way {
    fn struck(&self) -> Option<Push> {
        let mut asked = self.asked.lock().unwrap();
        let nth = *asked;
        *asked += 1;
        let hit = self.trouble.iter().find(|(at, _)| *at == nth);
        hit.map(|(_, push)| {
            self.witness.lock().unwrap().reach(format!("ledger:{push:?}").to_lowercase());
            *push
        })
    }

    fn gone(command: &str) -> Box<GitError> {
        let complaint = "the remote hung up".to_owned();
        Box::new(GitError::Program { command: command.to_owned(), code: None, complaint })
    }
}

impl Remote for Way {
    fn name(&self) -> &str {
        "hub"
    }

    fn fetch(&self, _memory: &str, _clock: &dyn Clock) -> Result<Option<Oid>, LedgerError> {
        if self.struck().is_some() {
            let (branch, remote) = (BRANCH.to_owned(), self.name().to_owned());
            return Err(LedgerError::Unreachable { branch, remote, source: Self::gone("fetch") });
        }
        Ok(self.hub.lock().unwrap().tip)
    }

    fn push_if_head(
        &self,
        to: Oid,
        expect: Option<Oid>,
        _clock: &dyn Clock,
    ) -> Result<Pushed, LedgerError> {
        let struck = self.struck();
        match struck {
            Some(Push::Refused) => {
                return Ok(Pushed::Refused { reason: "the hook said no".to_owned() });
            }
            Some(Push::Busy) => return Ok(Pushed::Busy),
            _ => {}
        }
        let mut hub = self.hub.lock().unwrap();
        let lost = || {
            let (branch, remote) = (BRANCH.to_owned(), self.name().to_owned());
            Err(LedgerError::NotPushed { branch, remote, source: Self::gone("push") })
        };
        if struck == Some(Push::Away) {
            return lost();
        }
        if hub.tip != expect {
            return Ok(Pushed::Moved);
        }
        let repo = Repository::open(&self.clone).unwrap();
        let before = hub.tip.map(|tip| files(&repo, tip)).unwrap_or_default();
        if hub.tip.is_some_and(|tip| !repo.graph_descendant_of(to, tip).unwrap()) {
            return Ok(Pushed::Moved);
        }
        hub.tip = Some(to);
        self.witness.lock().unwrap().ledger_moved(&self.run, &before, &files(&repo, to));
        if struck == Some(Push::Unheard) { lost() } else { Ok(Pushed::Done) }
    }
}

/// Every tenant's file at a commit.
pub(crate) fn files(repo: &Repository, tip: Oid) -> BTreeMap<String, Vec<u8>> {
    let tree = repo.find_commit(tip).and_then(|commit| commit.tree()).unwrap();
    let Ok(folder) = tree.get_path(std::path::Path::new("tenants")) else { return BTreeMap::new() };
    let folder = repo.find_tree(folder.id()).unwrap();
    let of = |entry: git2::TreeEntry<'_>| {
        let content = repo.find_blob(entry.id()).unwrap().content().to_vec();
        (entry.name().unwrap().trim_end_matches(".jsonl").to_owned(), content)
    };
    folder.iter().map(of).collect()
}

/// One line, as an auditor reads it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    value: Value,
}

impl Line {
    pub(crate) fn text(&self, name: &str) -> &str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn event(&self) -> &str {
        self.text("event")
    }

    pub(crate) fn of_token(&self, name: &str) -> &str {
        let token = self.value.get("token");
        token.and_then(|token| token.get(name)).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        self.text(name).parse().ok()
    }

    pub(crate) fn failure(&self) -> &str {
        let cause = self.value.get("cause");
        cause.and_then(|cause| cause.get("code")).and_then(Value::as_str).unwrap_or_default()
    }

    /// What stays the same where a line is appended once more on another tip.
    pub(crate) fn essence(&self) -> String {
        let mut value = self.value.clone();
        if let Some(value) = value.as_object_mut() {
            value.remove("seq");
            value.remove("prev");
        }
        value.to_string()
    }
}

/// The lines of a file; an error says what is wrong with its chain.
pub(crate) fn chain(bytes: &[u8]) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let mut before = "0".repeat(64);
    for (number, line) in bytes.split_inclusive(|&octet| octet == b'\n').enumerate() {
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err("its last line is cut".into());
        };
        let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let is_next = value.get("seq").and_then(Value::as_u64) == Some(number as u64 + 1);
        if !is_next || value.get("prev").and_then(Value::as_str) != Some(&before) {
            return Err(format!("its line {} does not follow the one before", number + 1));
        }
        before = Sha256::of(line).to_string();
        lines.push(Line { value });
    }
    Ok(lines)
}
