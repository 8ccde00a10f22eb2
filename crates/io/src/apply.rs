//! Walks a checked plan: opens files late, re-checks, writes, reads back, records.
//!
//! The order is the safety. Every file is opened and judged once before anything is announced, so
//! that a refused file leaves no trace. Then every write is announced in the ledger (*intended*),
//! the ledger is read again (an earlier announcement of another run wins), and only then it is
//! sent; what Intune accepted is recorded at once (*applied*), and what a later read
//! shows is recorded again (*confirmed*). A process that dies between any two of these leaves a
//! ledger from which the next run can tell what happened.
//!
//! Tenants are islands: each is a task of its own, and a failure, a hang or a panic in one ends
//! nothing but that one. The three kinds are lanes beside each other. In a lane whose wire encoding
//! is not proved, one token goes first and the others wait for it: the only, deliberate exception.
//! What this module does not know: how a plan was made, where secrets come
//! from, how Graph is spoken.

mod files;
mod lane;
mod outcome;
mod record;
mod sending;
mod tenant;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::intune::Connector;
use crate::store::{LedgerError, LedgerWriter};
use applecart_core::fleet::Policy;
use applecart_core::ledger::LedgerView;
use applecart_core::model::{Kind, Outcome, Timestamp};
use applecart_core::plan::{Action, CheckedPlan, Due, Plan};
use applecart_core::report::{ApplyReport, Happened};
pub use files::{Files, FilesError};
use lane::Lane;
pub use record::RunContext;

/// Tells the time. Frozen by `--now`, which only works against a loopback Graph.
pub trait Clock: Send + Sync {
    /// The instant.
    fn now(&self) -> Timestamp;
}

/// Is told how far an apply is.
pub trait Progress: Send + Sync {
    /// So many tenants have a write.
    fn begin(&self, tenants: usize);
    /// One of them is finished.
    fn advance(&self, tenant: &str);
    /// All are.
    fn end(&self);
}

/// Everything that an apply works with.
pub struct Tools<'a> {
    /// Reads live state and makes writers.
    pub connector: &'a Connector,
    /// Opens sealed files.
    pub files: &'a dyn Files,
    /// Appends to the ledger.
    pub ledger: &'a LedgerWriter,
    /// The ledger as it was read under the lock.
    pub view: &'a LedgerView,
    /// The fleet's settings.
    pub policy: &'a Policy,
    /// Runs that are proved to have ended.
    pub dead_runs: &'a BTreeSet<String>,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Who and which run this is.
    pub run: &'a RunContext,
    /// Is told how far it is.
    pub progress: &'a dyn Progress,
    /// How many tenants are written to at once.
    pub parallelism: usize,
    /// Set when the user wants to stop; no further write is started then.
    pub stop: Arc<AtomicBool>,
    /// How long a read back may take to show an upload.
    pub wait: Duration,
    /// The same for an upload that proves its wire encoding, for which others wait.
    pub canary_wait: Duration,
}

/// Applies a plan. Failures of single tenants are in the report; an error means that nothing was
/// sent.
///
/// # Errors
/// When the ledger does not take the intents: without them nothing may be written.
pub async fn apply(plan: &CheckedPlan, tools: &Tools<'_>) -> Result<ApplyReport, Arc<LedgerError>> {
    let planned = plan.planned();
    let mut report = ApplyReport::new(&planned.plan);
    report.left_out(&planned.left_out);
    record::notes(planned, tools, &mut report).await?;

    let mut lanes: BTreeMap<Kind, Vec<&Due>> = BTreeMap::new();
    for due in &planned.due {
        let judged = match due.action {
            Action::Configure => Ok(()),
            _ => files::judge(due, tools).map(|_| ()),
        };
        match judged {
            Ok(()) => lanes.entry(due.token.token.kind).or_default().push(due),
            Err(refused) => {
                report.add(due, Happened::Refused, None, refused.details(), refused.outcome())
            }
        }
        if stopped(tools) {
            break;
        }
    }
    if stopped(tools) {
        report.interrupted();
        return Ok(report);
    }
    if lanes.is_empty() {
        return Ok(report);
    }

    tools.progress.begin(lanes.values().map(Vec::len).sum());
    let turns = Semaphore::new(tools.parallelism.max(1));
    let results = futures::future::join_all(lanes.into_iter().map(|(kind, due)| {
        let lane = Lane {
            kind,
            canary: planned.canaries.get(&kind),
            plan_digest: &planned.plan.digest,
            tools,
            turns: &turns,
        };
        async move { lane.run(due).await }
    }))
    .await;
    tools.progress.end();
    for (due, done) in results.into_iter().flatten() {
        report.push(due, done);
    }
    report.judge_elsewhere(planned.due.len());
    if stopped(tools) {
        report.interrupted();
    }
    report.sort();
    Ok(report)
}

/// The report of an apply that must not write anything, because the ledger cannot be read.
pub fn untouched(plan: &Plan) -> ApplyReport {
    let mut report = ApplyReport::new(plan);
    report.outcome = Outcome::Partial;
    report
}

fn stopped(tools: &Tools<'_>) -> bool {
    tools.stop.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests;
