//! The order of a status: most urgent first, and what needs somebody's attention at all.

use chrono::Duration;

use super::{Status, StatusTenant, StatusToken};
use crate::model::Timestamp;
use crate::plan::{Expiry, Health, Sync};

/// How urgent a row is; the smaller, the more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    Expired,
    Critical,
    Failing,
    Unobserved,
    Held,
    RenewalDue,
    Due,
    /// Offline, and neither Git nor the ledger says when it lapses.
    Unknown,
    Progressing,
    Unmanaged,
    Fine,
}

impl Urgency {
    /// Whether a person has something to do or to look at. What is on its way is not among it,
    /// and neither is what nobody asked this program to look after.
    pub(super) fn needs_attention(self) -> bool {
        self < Self::Progressing
    }
}

/// How urgent a token is. Offline the time that is left is all there is to judge by.
pub(super) fn urgency(token: &StatusToken, offline: bool) -> Urgency {
    let state = &token.state;
    match (state.expiry, state.sync, state.health) {
        (Expiry::Expired, _, _) => Urgency::Expired,
        (Expiry::Critical, _, _) => Urgency::Critical,
        (Expiry::RenewalDue, _, _) if offline => Urgency::RenewalDue,
        (Expiry::Unknown, _, _) if offline => Urgency::Unknown,
        (_, _, _) if offline => Urgency::Fine,
        (_, _, Health::Failing) => Urgency::Failing,
        (_, Sync::Unobserved, _) => Urgency::Unobserved,
        (_, Sync::Held, _) => Urgency::Held,
        (Expiry::RenewalDue, _, _) => Urgency::RenewalDue,
        (_, Sync::OutOfSync | Sync::Missing, _) => Urgency::Due,
        (_, Sync::Progressing, _) => Urgency::Progressing,
        (_, Sync::Unmanaged, _) => Urgency::Unmanaged,
        (_, Sync::InSync | Sync::Watched, _) => Urgency::Fine,
    }
}

/// A line of the table: a token, or a tenant of which no token is known.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) urgency: Urgency,
    pub(super) tenant: &'a StatusTenant,
    pub(super) token: Option<&'a StatusToken>,
}

impl Row<'_> {
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.token.and_then(|token| token.state.expires)
    }

    /// The token as people name it; `-` where none is known.
    pub(super) fn label(&self) -> String {
        match self.token {
            None => "-".to_owned(),
            Some(token) => label(token),
        }
    }
}

/// A token as people name it.
pub(super) fn label(token: &StatusToken) -> String {
    match &token.state.name {
        Some(name) => format!("{} {name}", token.state.kind),
        None => token.state.kind.to_string(),
    }
}

/// Every row, most urgent first; of equal urgency the one that lapses first, then by name.
pub(super) fn rows(status: &Status) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(status.summary.tokens);
    for tenant in &status.tenants {
        rows.extend(tenant.tokens.iter().map(|token| Row {
            urgency: urgency(token, status.offline),
            tenant,
            token: Some(token),
        }));
        if tenant.tokens.is_empty() && !tenant.problems.is_empty() {
            rows.push(Row { urgency: Urgency::Unobserved, tenant, token: None });
        }
    }
    // Stable, so that equal urgency and expiry keep the order of names.
    rows.sort_by_key(|row| (row.urgency, row.expires().is_none(), row.expires()));
    rows
}

/// How long until then, in the largest fitting unit.
pub(super) fn left(expires: Timestamp, now: Timestamp) -> String {
    let left = expires.since(now);
    let (sign, left) = if left < Duration::zero() { ("-", -left) } else { ("", left) };
    if left.num_days() >= 2 {
        format!("{sign}{}d", left.num_days())
    } else if left.num_hours() >= 2 {
        format!("{sign}{}h", left.num_hours())
    } else {
        format!("{sign}{}m", left.num_minutes())
    }
}
