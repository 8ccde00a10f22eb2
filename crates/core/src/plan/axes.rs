//! The two axes beside *sync*: how much time a token has left, and whether it works.

use chrono::Duration;

use super::input::Input;
use super::types::{Expiry, Health, HealthReason};
use crate::fleet::Policy;
use crate::model::{LiveEnrollment, LivePush, LiveToken, LiveVpp, Revocation, Timestamp};

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

/// Whether a token in Intune works, and why not. `first_read` is when a run first recorded that Intune has
/// this credential.
pub(super) fn health(
    live: LiveToken<'_>,
    first_read: Option<Timestamp>,
    input: &Input<'_>,
) -> (Health, Vec<HealthReason>) {
    let (now, stale) = (input.now, &input.policy.sync_stale);
    // Of a token that has never synced counts since when it is in Intune.
    let is_stale = |synced: Option<Timestamp>, modified: Option<Timestamp>, within: Duration| {
        synced.or(modified).or(first_read).is_some_and(|at| now.since(at) > within)
    };
    let reasons = match live {
        LiveToken::Push(live) => push(live),
        LiveToken::Enrollment(live) => {
            let synced = live.last_successful_sync;
            enrollment(live, is_stale(synced, live.last_modified, stale.enrollment))
        }
        LiveToken::Vpp(live) => {
            vpp(live, is_stale(live.last_sync, live.last_modified, stale.vpp), now)
        }
    };
    let is_known = |reason: &HealthReason| *reason != HealthReason::StateUnknown;
    let health = match (reasons.is_empty(), reasons.iter().any(is_known)) {
        (true, _) => Health::Ok,
        (false, true) => Health::Failing,
        (false, false) => Health::Unknown,
    };
    (health, reasons)
}

/// Graph tells only the last upload's failure, and Apple's list that it was revoked.
fn push(live: &LivePush) -> Vec<HealthReason> {
    let mut reasons = Vec::new();
    if matches!(live.revocation, Revocation::Since(_)) {
        reasons.push(HealthReason::Revoked);
    }
    if live.failure.is_some() {
        reasons.push(HealthReason::TokenInvalid);
    }
    reasons
}

/// A sync that stays out is told by itself only where nothing that is known explains it.
fn enrollment(live: &LiveEnrollment, is_stale: bool) -> Vec<HealthReason> {
    match live.last_sync_error_code {
        0 if is_stale => vec![HealthReason::SyncStale],
        0 => Vec::new(),
        3 => vec![HealthReason::TermsNotAccepted],
        _ => vec![HealthReason::SyncFailing],
    }
}

/// A token that Intune calls expired after its date is told by the expiry axis; before it, it is
/// dead whatever the date says. That a dead token does not sync is no other matter. Of a state that is not
/// named here nothing is known.
fn vpp(live: &LiveVpp, is_stale: bool, now: Timestamp) -> Vec<HealthReason> {
    let mut reasons = Vec::new();
    match live.state.as_str() {
        LiveVpp::VALID => {}
        "expired" if live.expires.is_some_and(|expires| expires <= now) => return Vec::new(),
        "invalid" | "expired" => return vec![HealthReason::TokenInvalid],
        "assignedToExternalMDM" => return vec![HealthReason::ExternalMdm],
        "duplicateLocationId" => return vec![HealthReason::DuplicateLocation],
        _ => reasons.push(HealthReason::StateUnknown),
    }
    if live.last_sync_status.as_deref() == Some("failed") {
        reasons.push(HealthReason::SyncFailing);
    } else if is_stale {
        reasons.push(HealthReason::SyncStale);
    }
    reasons
}
