//! What to do next about a row.

use super::rows::Row;
use crate::plan::{HealthReason, Sync};

/// The way out of a failure that Intune reports.
pub(super) fn of_health(reason: HealthReason) -> &'static str {
    match reason {
        HealthReason::TermsNotAccepted => {
            "Apple has new terms: an administrator of the customer signs in at business.apple.com (or school.apple.com) and accepts them; the next sync then works"
        }
        HealthReason::SyncFailing => {
            "the last sync failed: start one in the Intune admin center and look at what it says"
        }
        HealthReason::SyncStale => {
            "no sync for three days or more: start one in the Intune admin center"
        }
        HealthReason::TokenInvalid => {
            "Intune calls the credential invalid: renew it at Apple and commit the new file"
        }
        HealthReason::ExternalMdm => {
            "another MDM uses this token: remove it there, or take it over with `claim: true` on the token"
        }
        HealthReason::DuplicateLocation => {
            "another token has the same location: remove the one that is not used from Intune"
        }
    }
}

/// Sentences: how a hold is released, what a failure asks for, why nothing is known.
pub(super) fn of(row: &Row<'_>) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(token) = row.token {
        if !token.state.reasons.is_empty() {
            advice.extend(token.state.details.iter().cloned());
        }
        advice
            .extend(token.state.health_reasons.iter().map(|reason| of_health(*reason).to_owned()));
    }
    if row.token.is_none_or(|token| token.state.sync == Sync::Unobserved) {
        for problem in &row.tenant.problems {
            let about = |kind: crate::model::Kind| problem.resource == Some(kind.into());
            let concerns = row.token.is_none_or(|token| about(token.state.kind));
            if problem.resource.is_none() || concerns {
                let detail = problem.detail.as_deref().unwrap_or_default();
                advice.push(format!("{}: {detail}", problem.code));
            }
        }
    }
    advice
}
