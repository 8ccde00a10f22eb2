//! What the ledger knows of a token: its last upload, its last confirmation, and whether the
//! customer confirmed it, too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ledger::TenantLedger;
use crate::model::{Event, Record, Sha256, Timestamp, TokenRef};

/// When, what and by whom, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// When.
    pub at: Timestamp,
    /// SHA-256 of the opened file that it is about.
    pub sha256: Option<Sha256>,
    /// The fleet commit that was applied.
    pub rev: Option<String>,
    /// The run's id.
    pub run: String,
    /// The user, else the machine.
    pub by: Option<String>,
    /// The pipeline run's URL, where one ran it.
    pub pipeline: Option<String>,
}

impl From<&Record> for Recorded {
    fn from(record: &Record) -> Self {
        Self {
            at: record.at,
            sha256: record.sha256,
            rev: record.rev.clone(),
            run: record.run.clone(),
            by: record.actor.user.clone().or_else(|| record.actor.host.clone()),
            pipeline: record.actor.pipeline.clone(),
        }
    }
}

/// The newest sending that landed: one that Intune accepted, or the announced one that a later
/// read proved. Changes of settings carry no digest and are no uploads.
pub(super) fn last_upload(past: &TenantLedger, token: &TokenRef) -> Option<Recorded> {
    let records: Vec<&Record> = past.of(token).filter(|record| record.sha256.is_some()).collect();
    let landed = records
        .iter()
        .rposition(|record| matches!(record.event, Event::Applied | Event::Confirmed))?;
    let last = records.get(landed)?;
    let earlier = || records.iter().take(landed).rev().filter(|one| one.sha256 == last.sha256);
    let upload = match last.event {
        Event::Applied => Some(last),
        _ => earlier()
            .find(|record| record.event == Event::Applied)
            .or_else(|| earlier().find(|record| record.event == Event::Intended)),
    };
    upload.map(|record| Recorded::from(*record))
}

/// The newest read that showed what was sent.
pub(super) fn last_confirmed(past: &TenantLedger, token: &TokenRef) -> Option<Recorded> {
    past.last_confirmed(token).map(Recorded::from)
}

/// The upload that the customer has not confirmed yet.
pub(super) fn unacknowledged(past: &TenantLedger, token: &TokenRef) -> Option<Recorded> {
    past.unacknowledged(token).map(Recorded::from)
}
