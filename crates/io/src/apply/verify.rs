//! Files that Intune should have already: opened, compared and recorded. Nothing is sent, so nothing
//! is announced.

use std::sync::Arc;

use super::files;
use super::record;
use super::tools::Tools;
use crate::store::LedgerError;
use applecart_core::plan::{Planned, Verify};
use applecart_core::report::{ApplyReport, Done, Happened};

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
    for verify in planned.verifies.iter().filter(is_timely) {
        if tools.stopped() {
            break;
        }
        let done = match files::verify(verify, tools) {
            Ok(()) => {
                entries.push(record::verified(verify, tools));
                Done { live: Some(verify.live.clone()), ..Done::of(Happened::Verified) }
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
