//! Sentences about health and problems that more than one outlet has.

use crate::model::{Kind, Problem, ProblemCode, Timestamp};
use crate::plan::HealthReason;

/// A date as people write it.
pub(crate) fn day(at: Timestamp) -> String {
    at.date_time().format("%Y-%m-%d").to_string()
}

/// What no longer works once a token of this kind has expired.
pub(super) fn what_stops(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => "no Apple device can be managed",
        Kind::Enrollment => "device sync and new enrolments stop",
        Kind::Vpp => "licences, app installs and updates stop",
    }
}

/// What Intune reports, and the way out.
pub(super) fn of_health(reason: HealthReason) -> (&'static str, &'static str) {
    match reason {
        HealthReason::TermsNotAccepted => (
            "Apple has new terms that were not accepted, so no sync works.",
            "Have an administrator of the customer accept them at business.apple.com or school.apple.com. The next sync then works.",
        ),
        HealthReason::SyncFailing => (
            "The last sync with Apple failed.",
            "Start a sync in the Intune admin center and read what it reports.",
        ),
        HealthReason::SyncStale => (
            "The last successful sync is more than three days old.",
            "Start a sync in the Intune admin center.",
        ),
        HealthReason::TokenInvalid => (
            "Intune calls the credential invalid.",
            "Renew it at Apple and bring the new file as a pull request.",
        ),
        HealthReason::ExternalMdm => (
            "Another MDM uses this token.",
            "Remove it there, or take it over with `claim: true` on the token in the tenant file.",
        ),
        HealthReason::DuplicateLocation => {
            ("Another token has the same location.", "Remove the one that is not used from Intune.")
        }
    }
}

/// What to do where something could not be read.
pub(crate) fn of_problem(problem: &Problem) -> String {
    match problem.code {
        ProblemCode::SignInFailed => {
            "Check the credential that applecart.yaml names under `auth`.".to_owned()
        }
        ProblemCode::TenantNotFound => {
            "Correct `tenantId` in the tenant's file, or `cloud` under `auth`.".to_owned()
        }
        ProblemCode::NoConsent => {
            "Have an administrator of the tenant consent to the application.".to_owned()
        }
        ProblemCode::Forbidden => format!(
            "Add the application permission {} to the app registration, then have it consented to in each tenant.",
            problem.permission.as_deref().unwrap_or("that Graph asks for")
        ),
        ProblemCode::NoLicence => "Assign an Intune licence in the tenant and wait until Intune is set up, or take the kind out of `watch`.".to_owned(),
        ProblemCode::Throttled => {
            "Run this again later, or with a smaller --parallelism.".to_owned()
        }
        ProblemCode::Timeout | ProblemCode::Unreachable => {
            "Check the network, the proxy settings (HTTPS_PROXY) and the firewall between here and Graph.".to_owned()
        }
        ProblemCode::ServerError | ProblemCode::BadAnswer => {
            "Run this again later. If it stays, give Microsoft the request id that --format json shows.".to_owned()
        }
        ProblemCode::InvalidFile => "Correct the tenant's file.".to_owned(),
        ProblemCode::LedgerUnknown => {
            "Nothing is uploaded until the ledger can be read again.".to_owned()
        }
    }
}
