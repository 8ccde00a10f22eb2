//! What belonged to whom, in the order in which the base's history says it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::fleet::{Move, Owned};
use crate::model::{Kind, TenantId, Timestamp};
use chrono::NaiveDate;

/// Since when something belongs to a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    pub tenant: TenantId,
    /// When the first commit that says so was made.
    pub since: Timestamp,
    /// The whole name of the commit that brought it to this tenant.
    pub commit: String,
}

/// What belonged to which tenants, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    mainline: HashMap<Owned, Vec<Bound>>,
    /// What another chain of first parents said, on which commits were applied before a merge put
    /// it beside the mainline.
    beside: HashMap<Owned, Vec<Bound>>,
}

impl History {
    /// Adds what a commit says; commits come oldest first.
    pub fn add(&mut self, owned: Owned, bound: Bound) {
        add(&mut self.mainline, owned, bound);
    }

    /// Adds what a commit beside the mainline says that the mainline did not say before the two
    /// parted.
    pub fn add_beside(&mut self, owned: Owned, bound: Bound) {
        add(&mut self.beside, owned, bound);
    }

    /// The commit by which something belongs to the first of its tenants.
    pub fn first(&self, owned: &Owned) -> Option<&Bound> {
        self.mainline.get(owned)?.first()
    }

    /// The tenant that something belongs to instead of `mine`, if nothing moved it.
    pub(super) fn elsewhere(&self, owned: &Owned, mine: TenantId) -> Vec<TenantId> {
        let chains = [&self.mainline, &self.beside];
        let firsts = chains.into_iter().filter_map(|chain| chain.get(owned)?.first());
        firsts.map(|bound| bound.tenant).filter(|tenant| *tenant != mine).collect()
    }

    pub(super) fn knows(&self, owned: &Owned) -> bool {
        self.mainline.contains_key(owned)
    }

    fn came(&self, owned: &Owned, to: TenantId) -> Option<&Bound> {
        self.mainline.get(owned)?.iter().find(|bound| bound.tenant == to)
    }

    /// Everything that it holds, in an order of its own.
    pub fn entries(&self) -> impl Iterator<Item = (bool, &Owned, &Bound)> {
        let mainline = self
            .mainline
            .iter()
            .flat_map(|(owned, all)| all.iter().map(move |bound| (false, owned, bound)));
        let beside = self
            .beside
            .iter()
            .flat_map(|(owned, all)| all.iter().map(move |bound| (true, owned, bound)));
        mainline.chain(beside)
    }
}

fn add(chain: &mut HashMap<Owned, Vec<Bound>>, owned: Owned, bound: Bound) {
    let all = chain.entry(owned).or_default();
    if all.iter().all(|known| known.tenant != bound.tenant) {
        all.push(bound);
    }
}

/// The `moves` lines of the policy, and what they release today.
#[derive(Clone, Copy)]
pub struct Moves<'a> {
    pub lines: &'a [Move],
    pub history: &'a History,
    pub today: NaiveDate,
}

impl Moves<'_> {
    /// Whether reviewed lines lead from one tenant to the other, maybe over a third.
    pub(super) fn lead(&self, owned: &Owned, kind: Kind, from: TenantId, to: TenantId) -> bool {
        if !is_movable(owned, kind) {
            return false;
        }
        let mut reached = vec![from];
        let mut next = 0;
        while let Some(&at) = reached.get(next) {
            next += 1;
            for line in self.lines.iter().filter(|line| line.of == *owned && line.from == at) {
                if self.counts(line) && !reached.contains(&line.to) {
                    reached.push(line.to);
                }
            }
        }
        reached.contains(&to)
    }

    /// A line says until when the move may be merged; what moved by then has moved.
    fn counts(&self, line: &Move) -> bool {
        let merged = || self.history.came(&line.of, line.to);
        self.today <= line.until
            || merged().is_some_and(|bound| bound.since.date_time().date_naive() <= line.until)
    }
}

/// Whether a line can let it go to another tenant at all: a push certificate and an enrollment token
/// answer to the key of one Intune tenant, so another one needs a new file.
pub(super) fn is_movable(owned: &Owned, kind: Kind) -> bool {
    kind == Kind::Vpp || !matches!(owned, Owned::File(_))
}
