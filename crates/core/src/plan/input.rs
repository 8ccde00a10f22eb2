//! Everything a plan is made from.

use std::collections::{BTreeMap, BTreeSet};

use super::types::Source;
use crate::fleet::Selection;
use crate::fleet::{Desired, Policy};
use crate::ledger::LedgerView;
use crate::model::{LiveTenant, ProblemCode, TenantId, TenantName, Timestamp};
use crate::rules::bindings::History;
use crate::rules::downloads::Downloads;
use crate::rules::last_known::{Memory, Readings};

/// What is known of the past: a read of the ledger has three answers too, and *absent* is an
/// empty view.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    Read(&'a LedgerView),
    /// It could not be read; nothing is written. The code says what of it, the sentence why.
    Unknown(ProblemCode, &'a str),
}

/// The base revision, where it is another one than the planned: what reviewers have agreed to.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// Every tenant of it.
    pub tenants: &'a [Desired],
    /// Every tenant of the commit at which the planned revision left the base's history, where
    /// that is another one than the base: what this one does not have was added to the base since
    /// then, and not removed by the planned revision.
    pub fork: Option<&'a [Desired]>,
    /// The folders that the base changed since then, and the planned revision did not.
    pub behind: &'a BTreeSet<String>,
    /// Whether the planned revision changes `applecart.yaml`.
    pub policy_changed: bool,
    /// The settings of the planned revision itself, where they can be read.
    pub proposed: Option<&'a Policy>,
}

/// Everything a plan is made from, as values.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What everything is judged by: expiry, settling, when a failed upload is tried again.
    pub now: Timestamp,
    /// What time it really is, by which other runs' leases end: a question about next month ends
    /// nobody's upload of today.
    pub real_now: Timestamp,
    /// The fleet commit; `None` for a worktree.
    pub rev: Option<&'a str>,
    /// The commit that the policy was read from; `None` for a worktree without a remote.
    pub policy_rev: Option<&'a str>,
    /// The fleet's settings, of the base revision.
    pub policy: &'a Policy,
    /// The base revision; `None` where it is the planned one.
    pub base: Option<Base<'a>>,
    /// What the base's history says belongs to whom.
    pub history: &'a History,
    /// Every tenant of the fleet, selected or not: duplicates are judged over all of them.
    pub fleet: &'a [Desired],
    /// What the base's history says of when enrollment files were downloaded.
    pub downloads: &'a Downloads,
    /// Which of them are planned.
    pub selection: &'a Selection,
    /// What was read of the selected tenants.
    pub live: &'a BTreeMap<TenantName, LiveTenant>,
    /// What is known of the past.
    pub known: Known<'a>,
    /// What this clone read before.
    pub readings: &'a Readings,
    /// Where `live` came from.
    pub source: Source,
    /// Runs that are proved to have ended without finishing: their leases do not count.
    pub dead_runs: &'a BTreeSet<String>,
    /// Files that failed are tried again at once, however often they failed.
    pub retry: bool,
}

impl<'a> Input<'a> {
    /// What is known of the past; `None` where the ledger could not be read.
    pub(super) fn ledger(&self) -> Option<&'a LedgerView> {
        match self.known {
            Known::Read(view) => Some(view),
            Known::Unknown(..) => None,
        }
    }

    /// What is known of a tenant's tokens without reading them.
    pub(super) fn memory_of(&self, tenant: Option<TenantId>) -> Memory<'a> {
        Memory::of(tenant, self.ledger(), self.readings, self.now)
    }
}
