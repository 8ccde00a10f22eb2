//! Walks a checked plan: opens files late, compares again, writes, reads back, records.
//!
//! The order is the safety. Every file is opened and judged once, and Apple asked about a VPP token's,
//! before any write is recorded as *intended*, so that a refused file leaves no trace. Then every write is recorded as *intended*
//! and the ledger is read again, because an earlier intent of another run wins. Only then is it
//! sent. What Intune accepted is recorded at once (*applied*), and what a later read shows is
//! recorded again (*confirmed*). Before each of these steps that leads to a write, the base is asked
//! whether it still stands by what is applied. A process that dies between any two of these leaves a ledger from
//! which the next run can tell what happened.
//!
//! Tenants are islands: a failure, a hang or a panic in one ends nothing but that one, and a file that
//! takes long to open is left behind. The three
//! kinds are lanes beside each other. In a lane whose wire encoding is not proved, one token goes
//! first and the others wait for it: the only, deliberate exception. How a plan was made, where
//! secrets come from and how Graph is spoken to is not known here.

mod at_apple;
mod files;
mod island;
mod lane;
mod record;
mod sending;
mod tools;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::store::LedgerError;
use applecart_core::model::{Kind, Outcome};
use applecart_core::plan::{CheckedPlan, Due, Plan, Planned};
use applecart_core::report::{ApplyReport, Done, Happened};
pub use at_apple::AtApple;
use lane::Lane;
pub use tools::{Files, FilesError, InForce, Progress, RunContext, Still, Tools};

/// Applies a plan. Failures of single tenants are in the report.
///
/// # Errors
/// When the ledger does not take what the plan found out: then nothing was written.
pub async fn apply(plan: &CheckedPlan, tools: &Tools<'_>) -> Result<ApplyReport, Arc<LedgerError>> {
    let planned = plan.planned();
    let mut report = ApplyReport::new(&planned.plan);
    report.left_out(&planned.left_out);
    report.broken(&planned.plan, plan.faults());
    record::notes(planned, tools, &mut report).await?;
    verify::all(planned, tools, &mut report).await?;

    let in_force = in_force(planned, tools, &mut report).await;
    let mut lanes: BTreeMap<Kind, Vec<&Due>> = BTreeMap::new();
    let mut refusals = Vec::new();
    let judged = at_apple::ask_all(files::judge_all(&in_force, tools), tools).await;
    for (due, judged) in judged {
        match judged {
            Ok(()) => lanes.entry(due.kind()).or_default().push(due),
            Err(refused) => {
                let tenant = (&due.tenant.name, due.tenant.tenant_id);
                refusals.extend(record::refused(tenant, &due.token, &refused, tools));
                let (details, outcome) = (refused.details(), refused.outcome());
                report.push(due, Done { details, outcome, ..Done::of(Happened::Refused) });
            }
        }
    }
    if !refusals.is_empty() {
        tools.ledger.append(refusals).await?;
    }
    if tools.stopped() {
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
            plan,
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
    if tools.stopped() {
        report.interrupted();
    }
    report.sort();
    Ok(report)
}

/// The due writes that the base still stands by, and of whose tenants the clocks agree; the others
/// are reported.
async fn in_force<'p>(
    planned: &'p Planned,
    tools: &Tools<'_>,
    report: &mut ApplyReport,
) -> Vec<&'p Due> {
    let mut in_force = Vec::new();
    for due in &planned.due {
        if let Some(skew) = planned.skews.get(&due.tenant.tenant_id) {
            let details = vec![skewed(*skew)];
            report.push(due, Done { details, ..Done::of(Happened::NotStarted) });
        } else if let Some((happened, why)) = tools.not_in_force(due).await {
            report.push(due, Done { details: vec![why], ..Done::of(happened) });
        } else {
            in_force.push(due);
            if tools.stopped() {
                break;
            }
        }
    }
    in_force
}

/// Why nothing is announced or uploaded on a machine whose clock is wrong.
fn skewed(seconds: i64) -> String {
    let clock = applecart_core::plan::clock_told(seconds);
    format!(
        "{clock}. Nothing was announced or uploaded, because times in the ledger would be wrong. Set the clock, then run again"
    )
}

/// The report of an apply that must not write anything, because the ledger cannot be read.
pub fn untouched(plan: &Plan) -> ApplyReport {
    let mut report = ApplyReport::new(plan);
    report.ends(Outcome::Partial);
    report
}

#[cfg(test)]
mod tests;
