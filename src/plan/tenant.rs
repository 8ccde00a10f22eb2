//! The plan of one tenant: every watched token, decided one by one.

use super::axes;
use super::bindings::Bindings;
use super::decide::{self, Decision};
use super::input::{Input, Known};
use super::planned::{Due, Noted};
use super::types::{
    Action, Health, HealthReason, Observed, PlannedTenant, PlannedToken, Sync, TokenState, Warning,
};
use super::watch;
use crate::fleet::{Tenant, Token};
use crate::ledger::TenantLedger;
use crate::model::{
    Facts, Kind, LivePush, LiveTenant, Problem, ProblemCode, Reading, Timestamp, TokenRef,
};

/// Clocks that differ by more than this are warned about; certificates and leases depend on them.
const SKEW_WARNING: i64 = 5 * 60;

/// The plan of one tenant in the making.
pub(super) struct OneTenant<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) tenant: &'a Tenant,
    bindings: &'a Bindings,
    pub(super) due: Vec<Due>,
    pub(super) notes: Vec<Noted>,
}

impl<'a> OneTenant<'a> {
    pub(super) fn new(input: &'a Input<'a>, tenant: &'a Tenant, bindings: &'a Bindings) -> Self {
        Self { input, tenant, bindings, due: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn plan(&mut self) -> PlannedTenant {
        let missing = LiveTenant::not_asked();
        let live = self.input.live.get(&self.tenant.name).unwrap_or(&missing);
        let mut problems: Vec<Problem> = Vec::new();
        let readings = [live.push.problem(), live.enrollment.problem(), live.vpp.problem()];
        for problem in readings.into_iter().flatten() {
            if !problems.contains(problem) {
                problems.push(problem.clone());
            }
        }
        if let Known::Unknown(why) = self.input.known {
            problems.push(Problem::new(ProblemCode::LedgerUnknown, why));
        }
        let empty = TenantLedger::default();
        let past = match self.input.known {
            Known::Read(view) => Some(view.tenants.get(&self.tenant.tenant_id).unwrap_or(&empty)),
            Known::Unknown(_) => None,
        };

        let mut tokens = Vec::new();
        if self.tenant.watches(Kind::Push) {
            tokens.push(self.push(live, past));
        }
        if self.tenant.watches(Kind::Enrollment) {
            tokens.extend(self.watched(&self.tenant.enrollment, &live.enrollment, past));
        }
        if self.tenant.watches(Kind::Vpp) {
            tokens.extend(self.watched(&self.tenant.vpp, &live.vpp, past));
        }
        if live.clock_skew.is_some_and(|skew| skew.abs() > SKEW_WARNING) {
            for token in tokens.iter_mut().filter(|token| token.action != Action::None) {
                token.state.warnings.push(Warning::ClockSkew);
            }
        }
        let asked = self.tenant.watch.len();
        let unknown = tokens_unknown(live);
        PlannedTenant {
            name: self.tenant.name.to_string(),
            tenant_id: Some(self.tenant.tenant_id),
            display_name: self.tenant.display_name.clone(),
            new_destination: false,
            tree: Some(self.tenant.tree.clone()),
            observed: if past.is_none() || (asked > 0 && unknown >= asked) {
                Observed::None
            } else if unknown > 0 {
                Observed::Partial
            } else {
                Observed::Complete
            },
            problems,
            tokens,
        }
    }

    fn push(&mut self, live: &LiveTenant, past: Option<&TenantLedger>) -> PlannedToken {
        let entry = self.tenant.push.as_ref();
        let token = entry.map_or_else(TokenRef::push, |entry| entry.token.clone());
        let shown = Shown {
            token,
            entry,
            live: live.push.present().map(LivePush::facts),
            health: live.push.present().map(axes::push),
        };
        let (Some(past), Reading::Present(_) | Reading::Absent) = (past, &live.push) else {
            return self.unobserved(&shown, past);
        };
        let mut decision = match (entry, entry.and_then(|entry| entry.file.as_ref())) {
            (Some(entry), Some(file)) => decide::push(&decide::Facts {
                now: self.input.now,
                policy: self.input.policy,
                tenant: self.tenant,
                token: entry,
                file,
                live: live.push.present(),
                consented: self.tenant.consent_data_sharing
                    || live.consent.present().copied().unwrap_or(false),
                past,
                bindings: self.bindings,
                dead_runs: self.input.dead_runs,
            }),
            _ => watch::decide(&shown),
        };
        watch::note_adoption(&mut decision, &shown, past);
        if let (Some(entry), Some(now_live)) = (entry, live.push.present()) {
            watch::warn_apple_id(&mut decision, entry, now_live.apple_id.as_deref());
        }
        self.finish(&shown, decision)
    }

    pub(super) fn unobserved(
        &self,
        shown: &Shown<'_>,
        past: Option<&TenantLedger>,
    ) -> PlannedToken {
        // Live may be known while the ledger is not.
        let live = shown.live.as_ref().and_then(|live| live.expires);
        let last_seen = past
            .and_then(|past| past.last_live_facts(&shown.token))
            .and_then(|(facts, _)| facts.expires);
        let in_git = shown.entry.and_then(|entry| entry.facts.expires);
        let mut token = self.token(shown, live.or(last_seen).or(in_git));
        token.state.sync = Sync::Unobserved;
        token.state.live = None;
        (token.state.health, token.state.health_reasons) = (Health::Unknown, Vec::new());
        token
    }

    pub(super) fn finish(&mut self, shown: &Shown<'_>, decision: Decision) -> PlannedToken {
        let expires = shown.live.as_ref().and_then(|live| live.expires);
        let mut token = self.token(shown, expires);
        token.state.sync = decision.sync.unwrap_or(Sync::Unobserved);
        token.state.reasons = decision.reasons;
        token.state.warnings = decision.warnings;
        token.state.details = decision.details;
        token.action = decision.action.unwrap_or(Action::None);
        token.allows = decision.allows;
        for note in decision.notes {
            self.notes.push(Noted {
                name: self.tenant.name.clone(),
                tenant_id: self.tenant.tenant_id,
                token: shown.token.clone(),
                sha256: token.state.sha256,
                live: shown.live.clone(),
                note,
            });
        }
        if token.action != Action::None {
            token.before = shown.live.clone();
            token.after = shown.entry.map(|entry| entry.facts.clone());
        }
        if let (true, Some(entry), Some(after)) = (token.action.writes(), shown.entry, &token.after)
        {
            self.due.push(Due {
                tenant: self.tenant.clone(),
                token: entry.clone(),
                before: token.before.clone(),
                after: after.clone(),
                allows: token.allows.clone(),
            });
        }
        token
    }

    fn token(&self, shown: &Shown<'_>, expires: Option<Timestamp>) -> PlannedToken {
        let (health, health_reasons) =
            shown.health.clone().unwrap_or((Health::Unknown, Vec::new()));
        PlannedToken {
            state: TokenState {
                kind: shown.token.kind,
                name: shown.token.name.clone(),
                id: shown.token.id.clone(),
                sha256: shown.entry.and_then(|entry| entry.file.as_ref()).map(|file| file.sha256),
                sync: Sync::Unobserved,
                expiry: axes::expiry(expires, self.input.now, self.input.policy),
                expires,
                health,
                health_reasons,
                reasons: Vec::new(),
                warnings: Vec::new(),
                details: Vec::new(),
                live: shown.live.clone(),
            },
            action: Action::None,
            allows: Vec::new(),
            urgent: false,
            before: None,
            after: None,
        }
    }
}

/// What is known of one token before it is decided.
pub(super) struct Shown<'a> {
    pub(super) token: TokenRef,
    pub(super) entry: Option<&'a Token>,
    pub(super) live: Option<Facts>,
    pub(super) health: Option<(Health, Vec<HealthReason>)>,
}

fn tokens_unknown(live: &LiveTenant) -> usize {
    [live.push.problem(), live.enrollment.problem(), live.vpp.problem()]
        .into_iter()
        .flatten()
        .count()
}
