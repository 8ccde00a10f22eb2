//! Where it is kept.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use git2::Oid;
use serde::{Deserialize, Serialize};

use super::{Collected, Told};
use crate::git::history::kept::{Kept, State};
use applecart_core::model::Timestamp;
use applecart_core::rules::bindings::{Bound, History};
use applecart_core::rules::topics::FirstTopics;

/// The number grows with every change of what is in the file or how it is found.
const FORMAT: &str = "applecart-bound 4";

pub(super) struct Stored {
    pub(super) tip: Oid,
    pub(super) collected: Collected,
}

/// The first line. The others are words, one for each owner, because there are as many as the
/// history has renewals and every run reads them.
#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    state: String,
    tip: String,
    mainline: BTreeSet<String>,
    elsewhere: BTreeSet<String>,
    topics: FirstTopics,
}

pub(super) struct Slot(Kept);

impl Slot {
    pub(super) fn of(common_dir: &Path) -> Self {
        Self(Kept::new(common_dir, "bound"))
    }

    /// What is kept; `None` when there is nothing, or it is of no use.
    pub(super) fn load(&self, state: &State) -> Option<Stored> {
        let text = self.0.load()?;
        let mut lines = text.lines();
        let head: Head = serde_json::from_str(lines.next()?).ok()?;
        if head.format != FORMAT || head.state != state.as_str() {
            return None;
        }
        let mut bindings = History::default();
        for line in lines {
            add(&mut bindings, line)?;
        }
        let Head { tip, mainline, elsewhere, topics, .. } = head;
        let told = Told { bindings, topics, mainline };
        let collected = Collected { told, elsewhere, lacks: false };
        Some(Stored { tip: Oid::from_str(&tip).ok()?, collected })
    }

    pub(super) fn store(&self, state: &State, tip: Oid, collected: &Collected) {
        let head = Head {
            format: FORMAT.to_owned(),
            state: state.as_str().to_owned(),
            tip: tip.to_string(),
            mainline: collected.told.mainline.clone(),
            elsewhere: collected.elsewhere.clone(),
            topics: collected.told.topics.clone(),
        };
        let Ok(mut text) = serde_json::to_string(&head) else { return };
        for (owned, claims) in collected.told.bindings.entries() {
            for (Bound { value: tenant, since, commit }, is_first) in claims.settled() {
                let place = if is_first { "first" } else { "later" };
                let seconds = since.date_time().timestamp();
                let _ = write!(text, "\n{place} {tenant} {seconds} {commit} {owned}");
            }
        }
        self.0.store(&text);
    }
}

fn add(bindings: &mut History, line: &str) -> Option<()> {
    let mut words = line.splitn(5, ' ');
    let place = words.next()?;
    let value = words.next()?.parse().ok()?;
    let since = Timestamp::from_unix(words.next()?.parse().ok()?)?;
    let commit = words.next()?.to_owned();
    let (owned, bound) = (words.next()?.parse().ok()?, Bound { value, since, commit });
    let is_first = match place {
        "first" => true,
        "later" => false,
        _ => return None,
    };
    bindings.claims_of(owned).add_settled(bound, is_first);
    Some(())
}
