//! Lines that bind nobody: what no run with a right clock can have written.
//!
//! A clock that was days ahead, or a forged line, must not lease a token until next year or prove an
//! upload that is still to come. Such a line stays in its chain and binds nothing.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;

use chrono::Duration;

use super::view::{LedgerView, TenantLedger};
use crate::model::{Record, Timestamp};

/// How long a run may write after it recorded its intent: long enough for a slow fleet, short enough
/// that a run that died elsewhere soon frees the token.
pub const LEASE: Duration = Duration::minutes(15);
/// How far two right clocks may be apart.
const MAX_AHEAD: Duration = Duration::minutes(10);

impl Record {
    /// Whether it asks for a longer lease than a run may have.
    pub fn has_endless_lease(&self) -> bool {
        self.lease_until().is_some_and(|until| until > self.at.plus(LEASE))
    }

    /// Whether it is dated in the future, or asks for a longer lease than a run may have.
    pub fn is_out_of_bounds(&self, now: Timestamp) -> bool {
        self.at > now.plus(MAX_AHEAD) || self.has_endless_lease()
    }
}

impl TenantLedger {
    /// The records that bind.
    pub fn within(&self, now: Timestamp) -> Cow<'_, Self> {
        if !self.records.iter().any(|record| record.is_out_of_bounds(now)) {
            return Cow::Borrowed(self);
        }
        let binding = self.records.iter().filter(|record| !record.is_out_of_bounds(now));
        Cow::Owned(Self { records: binding.cloned().collect(), ..self.clone() })
    }
}

impl LedgerView {
    /// The same, with the lines that bind nobody set aside.
    #[must_use]
    pub fn within(mut self, now: Timestamp) -> Self {
        for (&tenant, ledger) in &mut self.tenants {
            let (aside, binding): (Vec<Record>, Vec<Record>) = std::mem::take(&mut ledger.records)
                .into_iter()
                .partition(|record| record.is_out_of_bounds(now));
            ledger.records = binding;
            if !aside.is_empty() {
                self.set_aside.insert(tenant, aside);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{at, draft, intent, sha, tenant};
    use crate::model::{EntryBody, Event, TokenRef};

    fn view(entries: Vec<crate::model::LedgerEntry>) -> LedgerView {
        let mut view = LedgerView::default();
        view.tenants.insert(tenant(1), TenantLedger::from_entries(entries));
        view
    }

    #[test]
    fn a_line_from_the_future_leases_and_confirms_nothing() {
        let lines = vec![
            intent(0, "run-1", sha("a")),
            draft(Event::Confirmed, 60, "run-2", Some(sha("b"))),
        ];
        let view = view(lines).within(at(49));
        let ledger = view.tenant(tenant(1));
        assert_eq!(ledger.proof(&TokenRef::push(), sha("b")), None);
        assert_eq!(ledger.unfinished(&TokenRef::push()).len(), 1, "the other line binds");
        assert_eq!(view.set_aside[&tenant(1)].len(), 1);
        assert!(view.within(at(50)).set_aside.contains_key(&tenant(1)), "they stay aside");
    }

    #[test]
    fn a_lease_that_is_longer_than_a_run_may_ask_for_binds_nobody() {
        let mut endless = intent(0, "run-1", sha("a"));
        if let EntryBody::Intended { lease_until, .. } = &mut endless.body {
            *lease_until = at(16);
        }
        let ledger = TenantLedger::from_entries(vec![endless]);
        assert!(ledger.within(at(1)).unfinished(&TokenRef::push()).is_empty());
        let ledger = TenantLedger::from_entries(vec![intent(0, "run-1", sha("a"))]);
        assert!(matches!(ledger.within(at(1)), Cow::Borrowed(_)), "15 minutes are a run's right");
    }
}
