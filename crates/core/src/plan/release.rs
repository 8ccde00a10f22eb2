//! Holds, and the reviewed `allow` lines that release exactly one named change each.

use chrono::NaiveDate;

use super::types::Reason;
use crate::fleet::{Allow, TokenFile};
use crate::model::Timestamp;

/// A hold class with the change it stands for, and what a person should know.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) reason: Reason,
    /// The live value that an `allow` line must name, and the file's, where it may be released.
    pub(super) release: Option<(String, String)>,
    pub(super) detail: String,
}

impl Hold {
    /// A hold that nothing in a tenant file's `allow` releases.
    pub(super) fn firm(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, release: None, detail: detail.into() }
    }

    /// Whether a line releases it today. The file's digest stands for its value everywhere.
    pub(super) fn is_released(&self, allows: &[Allow], file: &TokenFile, today: NaiveDate) -> bool {
        let Some((from, to)) = &self.release else { return false };
        allows.iter().any(|allow| {
            allow.hold == self.reason
                && allow.until >= today
                && is_same_value(&allow.from, from)
                && (is_same_value(&allow.to, to) || allow.to == file.sha256.to_string())
        })
    }

    /// Why a line for this hold did not release it.
    pub(super) fn near_miss(&self, allows: &[Allow], today: NaiveDate) -> Option<String> {
        let allow = allows.iter().find(|allow| allow.hold == self.reason)?;
        Some(match &self.release {
            None => format!(
                "the `allow` line for {} does not help: here it cannot be released",
                allow.hold
            ),
            Some(_) if allow.until < today => {
                format!("the `allow` line for {} ended on {}", allow.hold, allow.until)
            }
            Some((from, to)) => format!(
                "the `allow` line for {} does not fit: it must say `from: {from}` and `to: {to}`",
                allow.hold
            ),
        })
    }
}

/// Two spellings of one instant are one value.
fn is_same_value(written: &str, wanted: &str) -> bool {
    written == wanted
        || matches!(
            (written.parse::<Timestamp>(), wanted.parse::<Timestamp>()),
            (Ok(written), Ok(wanted)) if written == wanted
        )
}
