//! The two axes beside *sync*: how much time a token has left, and whether it works.

use chrono::Duration;

use super::types::{Expiry, Health, HealthReason};
use crate::fleet::Policy;
use crate::model::{LiveEnrollment, LivePush, LiveToken, LiveVpp, Timestamp};

/// A token that has not synced for this long is stale. Intune syncs enrollment every 12 hours
/// and VPP every day by itself (graph-facts: delta sync, daily sync), so three days are at least
/// two missed turns.
const STALE: Duration = Duration::days(3);

/// Where an expiry stands.
pub(super) fn expiry(expires: Option<Timestamp>, now: Timestamp, policy: &Policy) -> Expiry {
    let Some(expires) = expires else { return Expiry::Unknown };
    let left = expires.since(now);
    if left <= Duration::zero() {
        Expiry::Expired
    } else if left < policy.critical {
        Expiry::Critical
    } else if left < policy.renew_before {
        Expiry::RenewalDue
    } else {
        Expiry::Valid
    }
}

/// Whether a token in Intune works, and why not.
pub(super) fn health(live: LiveToken<'_>, now: Timestamp) -> (Health, Vec<HealthReason>) {
    let reasons = match live {
        LiveToken::Push(live) => push(live),
        LiveToken::Enrollment(live) => enrollment(live, now),
        LiveToken::Vpp(live) => vpp(live, now),
    };
    let is_known = |reason: &HealthReason| *reason != HealthReason::StateUnknown;
    let health = match (reasons.is_empty(), reasons.iter().any(is_known)) {
        (true, _) => Health::Ok,
        (false, true) => Health::Failing,
        (false, false) => Health::Unknown,
    };
    (health, reasons)
}

/// Graph tells only the last upload's failure.
fn push(live: &LivePush) -> Vec<HealthReason> {
    live.failure.iter().map(|_| HealthReason::TokenInvalid).collect()
}

fn enrollment(live: &LiveEnrollment, now: Timestamp) -> Vec<HealthReason> {
    let mut reasons = Vec::new();
    match live.last_sync_error_code {
        0 => {}
        3 => reasons.push(HealthReason::TermsNotAccepted),
        _ => reasons.push(HealthReason::SyncFailing),
    }
    if live.last_successful_sync.is_some_and(|at| now.since(at) > STALE) {
        reasons.push(HealthReason::SyncStale);
    }
    reasons
}

/// A token that Intune calls expired after its date is told by the expiry axis; before it, it is
/// dead whatever the date says. Of a state that is not named here nothing is known.
fn vpp(live: &LiveVpp, now: Timestamp) -> Vec<HealthReason> {
    let mut reasons = Vec::new();
    match live.state.as_str() {
        LiveVpp::VALID => {}
        "expired" if live.expires.is_some_and(|expires| expires <= now) => {}
        "invalid" | "expired" => reasons.push(HealthReason::TokenInvalid),
        "assignedToExternalMDM" => reasons.push(HealthReason::ExternalMdm),
        "duplicateLocationId" => reasons.push(HealthReason::DuplicateLocation),
        _ => reasons.push(HealthReason::StateUnknown),
    }
    if live.last_sync_status.as_deref() == Some("failed") {
        reasons.push(HealthReason::SyncFailing);
    }
    if live.last_sync.is_some_and(|at| now.since(at) > STALE) {
        reasons.push(HealthReason::SyncStale);
    }
    reasons
}
