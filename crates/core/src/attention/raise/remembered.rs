//! What was told of tokens that cannot be read now: it stays in the list, as last known, until a reading
//! disproves it.
//!
//! The memory is the notes' branch. Whoever may write there can add to this and nothing else: what a run
//! reads, and what it raises by itself, does not depend on it.

use std::collections::BTreeMap;

use super::tenant::OneTenant;
use super::token::OneToken;
use crate::attention::{Cause, Input, Matter, advice};
use crate::model::{TenantId, TokenRef, shell_word};
use crate::outlets::steps;
use crate::plan::{HealthReason, Observed, Sync};
use crate::rules::codes::explain;

/// The stages of a renewal, which the last known date tells.
const STAGES: [Cause; 3] = [Cause::RenewalDue, Cause::Critical, Cause::Expired];

/// What the notes remember of every tenant, where something of the plan could not be read.
pub(super) fn told(input: &Input<'_>) -> BTreeMap<TenantId, Vec<Matter>> {
    let is_unread = input.plan.tenants.iter().any(|one| one.observed != Observed::Complete);
    let is_unread = is_unread || input.plan.revocation_unknown.is_some();
    match input.ledger.filter(|_| is_unread) {
        Some(ledger) => steps::open(&ledger.told, &input.policy.notify, input.plan.generated_at),
        None => BTreeMap::new(),
    }
}

impl OneTenant<'_> {
    /// What was told of tokens that the plan does not have, because only Intune names them.
    pub(super) fn kept(&self, told: &[Matter]) -> Vec<Matter> {
        if self.tenant.observed == Observed::Complete {
            return Vec::new();
        }
        let is_planned = |about: &TokenRef| {
            self.tenant.tokens.iter().any(|one| one.state.token().same_token(about))
        };
        let kept = told.iter().filter_map(|old| {
            let about = old.token.as_ref().filter(|about| !is_planned(about))?;
            if !old.code.is_of_intune() || old.is_about_all(about.kind) {
                return None;
            }
            let status = format!("applecart status --select {}", shell_word(&self.tenant.name));
            Some(self.as_last_told(old, about, status))
        });
        kept.collect()
    }

    /// A matter that the notes remember, with what is known of its tenant today.
    fn as_last_told(&self, old: &Matter, token: &TokenRef, command: String) -> Matter {
        let told = explain(old.code.as_str());
        let meaning = told.map_or("", |told| told.meaning);
        let message = match old.as_of {
            Some(at) => format!("Told last on {}: {meaning} {}", advice::day(at), old.message),
            None => format!("{meaning} {}", old.message),
        };
        let entry = self.entry(token);
        Matter {
            tenant: Some(self.named()),
            token: Some(token.clone()),
            suspended: self.is_suspended(entry),
            message,
            next: "It cannot be read now. What is known of it:".to_owned(),
            command: Some(command),
            ..old.clone()
        }
    }
}

impl OneToken<'_> {
    /// What was told of it and no reading has disproved since, besides what was `raised` now.
    pub(super) fn kept(&self, told: &[Matter], raised: &[Matter]) -> Vec<Matter> {
        let is_unread = self.planned.state.sync == Sync::Unobserved;
        let kept = told.iter().filter(|old| {
            (is_unread || self.may_still_be_revoked(old))
                && old.is_about(&self.token)
                && old.code.is_of_intune()
                && !raised.iter().any(|new| new.code == old.code)
                && !self.is_judged_anew(old, raised)
                && !self.was_another(old)
        });
        let kept = kept.map(|old| Matter {
            in_git: self.in_git(),
            ..self.of.as_last_told(old, &self.token, self.history())
        });
        kept.collect()
    }

    /// Whether this certificate was told to be revoked, and Apple's list cannot be had now.
    fn may_still_be_revoked(&self, old: &Matter) -> bool {
        old.code == Cause::Failing(HealthReason::Revoked).code()
            && self.of.input.plan.revocation_unknown.is_some()
            && period(old) == self.planned.state.expires.map(advice::day)
    }

    /// Whether it is a stage of a renewal whose date is known: the calendar tells how far it is today.
    fn is_judged_anew(&self, old: &Matter, raised: &[Matter]) -> bool {
        let is_stage = |matter: &Matter| STAGES.iter().any(|stage| stage.code() == matter.code);
        let is_its_date = || period(old) == self.planned.state.expires.map(advice::day);
        is_stage(old) && (raised.iter().any(is_stage) || is_its_date())
    }

    /// Whether the record has a later reading, of another credential than the one that was told of.
    fn was_another(&self, old: &Matter) -> bool {
        let Some(known) = self.last_known else { return false };
        let Some(told_of) = period(old) else { return false };
        Some(known.at) > old.as_of && known.expires.map(advice::day) != Some(told_of)
    }
}

/// The day on which the credential expires that a matter is about, as its key has it.
fn period(matter: &Matter) -> Option<String> {
    let (_, period) = matter.key.rsplit_once('/')?;
    (period != "-").then(|| period.to_owned())
}
