//! A file in Git that a run opened and refused: what the ledger's line of that means until the file is
//! another one.

use crate::ledger::TenantLedger;
use crate::model::{Sha256, Timestamp, TokenRef};
use crate::rules::codes::Reason;

/// What a run refused, and why. It stays so until a newer line of the same file says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub at: Timestamp,
    /// The first code of the run's sentence; a file with none that a plan knows is a bad file.
    pub reason: Reason,
    /// The run's sentence, without that code and without its full stop.
    why: String,
}

impl Refusal {
    /// Of the file of a token, as the ledger has it.
    pub fn of(past: &TenantLedger, token: &TokenRef, sha256: Sha256) -> Option<Self> {
        let line = past.refused(token, sha256)?;
        let detail = line.cause().and_then(|cause| cause.detail.as_deref());
        let detail = detail.unwrap_or("it is not usable").trim_end_matches('.');
        let coded = detail.split_once(": ").and_then(|(code, why)| {
            let reason = Reason::ALL.iter().copied().find(|reason| reason.as_str() == code)?;
            Some((reason, why))
        });
        let (reason, why) = coded.unwrap_or((Reason::BadFile, detail));
        Some(Self { at: line.at, reason, why: why.to_owned() })
    }

    /// Whether this file will never do, whatever the tenant file says of it: another one is downloaded.
    pub fn is_final(&self) -> bool {
        matches!(self.reason, Reason::DeadAtApple | Reason::WrongLocation | Reason::Revoked)
    }

    /// As a sentence.
    pub fn told(&self) -> String {
        format!(
            "A run opened the file in Git on {} and refused it: {}. It was not uploaded.",
            self.at.date_time().date_naive(),
            self.why
        )
    }
}
