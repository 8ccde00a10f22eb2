//! A plan with what is not part of its public form: what `apply` does and records.

use std::collections::BTreeMap;

use super::canary::Canary;
use super::settings::Settings;
use super::types::{Action, Plan, Reason};
use crate::fleet::{Tenant, Token};
use crate::model::{Facts, Kind, Sha256, TenantId, TenantName, TokenRef};

/// Something that `apply` records in the ledger although nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Live shows an unfinished sending.
    Confirmed,
    /// Live is another credential than the last recorded one.
    ChangedOutsideGit,
    /// Sent twice, and never shown.
    NeverVisible,
    /// A VPP token landed in another location than it was meant for.
    WrongLocation,
    /// What was changed outside Git is watched now.
    Adopted,
}

/// A write that is due, with everything `apply` needs to find and check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The tenant as Git wants it.
    pub tenant: Tenant,
    /// What is due: an upload, a creation or a change of settings.
    pub action: Action,
    /// The token as Git wants it, with the id that Git, the ledger or live knows.
    pub token: Token,
    /// Live facts that must still hold directly before the write.
    pub before: Option<Facts>,
    /// Facts that live is expected to show after it.
    pub after: Facts,
    /// The settings that go along, or all there is to do.
    pub settings: Settings,
    /// Enrollment: the public key that Intune can open files for, as Graph gave it; `None` where
    /// it was not to be had.
    pub encryption_key: Option<String>,
    /// Holds that a reviewed `allow` line released.
    pub allows: Vec<Reason>,
}

/// A [`Note`] and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The tenant's name.
    pub name: TenantName,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The token.
    pub token: TokenRef,
    /// The digest in Git.
    pub sha256: Option<Sha256>,
    /// Live facts; `None` when proved absent.
    pub live: Option<Facts>,
    /// What to record.
    pub note: Note,
}

/// A plan with what is not part of its public form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The writes that are due, in the plan's order.
    pub due: Vec<Due>,
    /// What the ledger should learn although nothing is sent.
    pub notes: Vec<Noted>,
    /// For each kind with an upload: whether its wire encoding is proved, and what follows.
    pub canaries: BTreeMap<Kind, Canary>,
    /// Writes that are due and not in the plan file that was reviewed; see
    /// [`Planned::keep_only`].
    pub left_out: Vec<Due>,
}
