//! Sentences that more than one outlet has.

use crate::model::{Kind, Problem, Timestamp};

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

/// What to do where something could not be read.
pub(crate) fn of_problem(problem: &Problem) -> String {
    match &problem.permission {
        Some(permission) => format!(
            "Add the application permission {permission} to the app registration, then have it consented to in each tenant."
        ),
        None => problem.code.explained().next.to_owned(),
    }
}
