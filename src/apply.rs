//! Walks a checked plan: opens files late, re-checks, writes, reads back, records.
//!
//! The order is the safety. Every file is opened and judged once before anything is announced, so
//! that a refused file leaves no trace. Then every write is announced in the ledger (*intended*),
//! and only then sent; what Intune accepted is recorded at once (*applied*), and what a later read
//! shows is recorded again (*confirmed*). A process that dies between any two of these leaves a
//! ledger from which the next run can tell what happened.
//!
//! Tenants are islands: each is a task of its own, and a failure, a hang or a panic in one ends
//! nothing but that one. What this module does not know: how a plan was made, where secrets come
//! from, how Graph is spoken.

mod files;
mod record;
mod report;
mod tenant;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{FutureExt as _, StreamExt as _};

use crate::fleet::Policy;
use crate::intune::{Connector, IntuneRead};
use crate::ledger::{LedgerError, LedgerView, LedgerWriter};
use crate::model::{Outcome, Timestamp};
use crate::plan::{CheckedPlan, Due, Plan};
use crate::report::{ApplyReport, Happened};
pub use files::{Files, FilesError};
pub use record::RunContext;
use report::Done;
use tenant::Island;

/// What is said where this program itself failed.
const INTERNAL: &str = "an internal error ended this tenant's turn; the next `applecart apply` reads first and decides. Please report it";

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
    pub wait: std::time::Duration,
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

    let mut ready = Vec::new();
    for due in &planned.due {
        match files::judge(due, due.before.as_ref(), tools) {
            Ok(_) => ready.push(due),
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
    if ready.is_empty() {
        return Ok(report);
    }

    let plan_digest = planned.plan.digest.as_str();
    let intents =
        ready.iter().map(|due| record::intended(due, plan_digest, tools)).collect::<Vec<_>>();
    let intents = tools.ledger.append(intents).await?;

    tools.progress.begin(ready.len());
    let islands = ready.into_iter().zip(intents).map(|(due, intent)| async move {
        let island = Island { due, plan_digest, tools, lease: intent.lease_until };
        // A panic is a mistake in this program; it ends this tenant and no other.
        let done = AssertUnwindSafe(island.run()).catch_unwind().await.unwrap_or_else(|_| Done {
            happened: Happened::Unknown,
            cause: None,
            details: vec![INTERNAL.to_owned()],
            live: None,
            outcome: Outcome::Partial,
        });
        tools.progress.advance(due.tenant.name.as_str());
        (due, done)
    });
    let results: Vec<(&Due, Done)> =
        futures::stream::iter(islands).buffer_unordered(tools.parallelism.max(1)).collect().await;
    tools.progress.end();
    for (due, done) in results {
        report.push(due, done);
    }
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

/// Reads the push certificate of a due write's tenant, and whether consent was given.
async fn read_push(due: &Due, tools: &Tools<'_>) -> Option<crate::model::LiveTenant> {
    let auth = tools.policy.auth_of(due.tenant.auth.as_deref())?;
    let request = crate::intune::ReadRequest {
        tenant_id: due.tenant.tenant_id,
        auth: auth.clone(),
        watch: [crate::model::Kind::Push].into(),
        consent_if_push_absent: true,
    };
    Some(tools.connector.read(&request).await)
}

#[cfg(test)]
mod tests;
