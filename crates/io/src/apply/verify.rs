//! Files that Intune should have already: opened, compared and recorded. Nothing is sent, so nothing
//! is announced.

use std::sync::Arc;

use super::at_apple;
use super::files;
use super::record;
use super::tools::Tools;
use crate::store::LedgerError;
use applecart_core::model::Outcome;
use applecart_core::plan::{Planned, Reason, Verify};
use applecart_core::report::{ApplyReport, Done, Happened};
use applecart_core::rules::allow::Hold;
use applecart_core::rules::at_apple::Verdict;

/// Verifies what the plan asks for.
///
/// # Errors
/// When the ledger does not take it: then nothing more may be done.
pub(super) async fn all(
    planned: &Planned,
    tools: &Tools<'_>,
    report: &mut ApplyReport,
) -> Result<(), Arc<LedgerError>> {
    let mut entries = Vec::new();
    let is_timely = |verify: &&Verify| !planned.skews.contains_key(&verify.tenant_id);
    let mut opened = Vec::new();
    for verify in planned.verifies.iter().filter(is_timely) {
        if tools.stopped() {
            break;
        }
        opened.push((verify, files::verify(verify, tools)));
    }
    for (verify, looked) in at_apple::look_all(opened, tools).await {
        let done = match looked {
            Ok(verdict) => {
                entries.push(record::verified(verify, tools));
                verified(verify, &verdict)
            }
            Err(refused) => {
                let tenant = (&verify.name, verify.tenant_id);
                entries.extend(record::refused(tenant, &verify.token, &refused, tools));
                let (details, outcome) = (refused.details(), refused.outcome());
                Done { details, outcome, ..Done::of(Happened::Refused) }
            }
        };
        report.verified(verify, done);
    }
    if entries.is_empty() {
        return Ok(());
    }
    tools.ledger.append(entries).await.map(|_| ())
}

/// Intune has this very file; that Apple speaks against it is told, for no upload would change it.
fn verified(verify: &Verify, verdict: &Verdict) -> Done {
    let against = verdict.holds.iter().map(|hold| format!("{}: {}", hold.reason, hold.detail));
    let details = against.chain(verdict.told()).collect();
    let is_wrong = |hold: &Hold| hold.reason != Reason::LocationUnproved;
    let outcome = match verdict.holds.iter().any(is_wrong) {
        true => Outcome::Partial,
        false => Outcome::Done,
    };
    Done { live: Some(verify.live.clone()), details, outcome, ..Done::of(Happened::Verified) }
}
