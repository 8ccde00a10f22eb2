//! Where it is kept: one file of JSON lines, believed only when every byte is as it was written.
#![expect(clippy::disallowed_methods, reason = "keeps a file under Git's own directory")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::Oid;
use serde::{Deserialize, Serialize};

use super::Collected;
use applecart_core::model::Sha256;
use applecart_core::rules::bindings::{Bound, History};

/// The number grows with every change of what is in the file or how it is found.
const FORMAT: &str = "applecart-bound 1";

/// More than the largest fleet's has; what is longer was not written here.
const MAX_SIZE: u64 = 1024 * 1024 * 1024;

pub(super) struct Stored {
    pub(super) tip: Oid,
    pub(super) collected: Collected,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    tip: String,
    applied: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    of: String,
    #[serde(flatten)]
    bound: Bound,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    beside: bool,
}

pub(super) struct Slot(PathBuf);

impl Slot {
    pub(super) fn of(common_dir: &Path) -> Self {
        Self(common_dir.join("applecart").join("bound"))
    }

    /// What is kept; `None` when there is nothing or anything is wrong with it.
    pub(super) fn load(&self) -> Option<Stored> {
        let size = std::fs::metadata(&self.0).ok()?.len();
        let text = (size <= MAX_SIZE).then(|| std::fs::read_to_string(&self.0).ok())??;
        let (content, digest) = text.trim_end().rsplit_once('\n')?;
        if Sha256::of(content.as_bytes()).to_string() != digest {
            return None;
        }
        let mut lines = content.lines();
        let head: Head = serde_json::from_str(lines.next()?).ok()?;
        if head.format != FORMAT {
            return None;
        }
        let mut history = History::default();
        for line in lines {
            let Line { of, bound, beside } = serde_json::from_str(line).ok()?;
            let owned = of.parse().ok()?;
            if beside {
                history.add_beside(owned, bound);
            } else {
                history.add(owned, bound);
            }
        }
        let collected = Collected { history, applied: head.applied, lacks: false };
        Some(Stored { tip: Oid::from_str(&head.tip).ok()?, collected })
    }

    /// Keeps it; where that fails, it is only made again the next time.
    pub(super) fn store(&self, tip: Oid, collected: &Collected) {
        if let Err(error) = self.write(tip, collected) {
            tracing::info!(%error, "what belongs to whom could not be kept");
        }
    }

    /// Others may read it at this moment, so it must never be half written.
    fn write(&self, tip: Oid, collected: &Collected) -> std::io::Result<()> {
        let head = Head {
            format: FORMAT.to_owned(),
            tip: tip.to_string(),
            applied: collected.applied.clone(),
        };
        let mut text = serde_json::to_string(&head)?;
        for (beside, owned, bound) in collected.history.entries() {
            let line = Line { of: owned.to_string(), bound: bound.clone(), beside };
            text.push('\n');
            text.push_str(&serde_json::to_string(&line)?);
        }
        let digest = Sha256::of(text.as_bytes());
        let folder = self.0.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder)?;
        let fresh = self.0.with_extension(uuid::Uuid::new_v4().to_string());
        std::fs::write(&fresh, format!("{text}\n{digest}\n"))?;
        std::fs::rename(&fresh, &self.0).inspect_err(|_| {
            let _ = std::fs::remove_file(&fresh);
        })
    }
}
