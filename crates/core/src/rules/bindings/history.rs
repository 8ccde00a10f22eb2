//! What belonged to whom first, by everything that the base's history says.

use std::collections::{BTreeMap, HashMap};

use super::super::claims::{Claim, Claims};
use crate::fleet::{Move, Owned};
use crate::model::{Kind, TenantId};
use chrono::NaiveDate;

/// A commit that gives something to a tenant.
pub type Bound = Claim<TenantId>;

/// What belongs to which tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    claims: HashMap<Owned, Claims<TenantId>>,
    /// Those of the commits that the base does not contain, each with the branch that has it.
    open: BTreeMap<String, String>,
}

/// Why something belongs to another tenant, by the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says<'a> {
    /// A commit gave it to that tenant, before any other gave it to another one.
    First(&'a Bound),
    /// Another line of history gives it to `mine`, and neither comes after the other.
    Beside { other: &'a Bound, mine: &'a Bound },
    /// A branch that is not merged yet gives it to that tenant.
    Open { other: &'a Bound, branch: &'a str },
}

impl Says<'_> {
    pub fn tenant(&self) -> TenantId {
        let (Self::First(other) | Self::Beside { other, .. } | Self::Open { other, .. }) = self;
        other.value
    }
}

impl History {
    /// Adds what a commit says; commits come after those that they come after.
    pub fn add(&mut self, owned: Owned, bound: Bound) {
        self.claims_of(owned).add(bound);
    }

    /// Adds what a commit says that the base does not contain.
    pub fn add_open(&mut self, owned: Owned, bound: Bound, branch: &str) {
        self.open.insert(bound.commit.clone(), branch.to_owned());
        self.add(owned, bound);
    }

    /// The claims of something, for whoever has to settle them or has them settled.
    pub fn claims_of(&mut self, owned: Owned) -> &mut Claims<TenantId> {
        self.claims.entry(owned).or_default()
    }

    /// The claims of something, the base's own and those of open branches.
    pub fn of(&self, owned: &Owned) -> Option<&Claims<TenantId>> {
        self.claims.get(owned)
    }

    /// Everything that it holds, in an order of its own.
    pub fn entries(&self) -> impl Iterator<Item = (&Owned, &Claims<TenantId>)> {
        self.claims.iter()
    }

    /// Every tenant that had anything, be it only a folder.
    pub fn tenants(&self) -> impl Iterator<Item = TenantId> {
        let claims = self.claims.values().flat_map(Claims::settled);
        claims.map(|(claim, _)| claim.value)
    }

    /// Why something belongs to other tenants than `mine`, if nothing moved it.
    pub fn elsewhere(&self, owned: &Owned, mine: TenantId) -> Vec<Says<'_>> {
        let Some(claims) = self.claims.get(owned) else { return Vec::new() };
        let own = claims.firsts().find(|claim| claim.value == mine);
        let others = claims.firsts().filter(|claim| claim.value != mine);
        others
            .map(|other| match (self.open.get(&other.commit), own) {
                (Some(branch), _) => Says::Open { other, branch },
                (None, Some(mine)) => Says::Beside { other, mine },
                (None, None) => Says::First(other),
            })
            .collect()
    }

    pub(super) fn knows(&self, owned: &Owned) -> bool {
        self.claims.contains_key(owned)
    }

    fn came(&self, owned: &Owned, to: TenantId) -> Option<&Bound> {
        self.claims.get(owned)?.of(&to)
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
    pub fn lead(&self, owned: &Owned, kind: Kind, from: TenantId, to: TenantId) -> bool {
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
