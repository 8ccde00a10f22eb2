//! What the base's history says belongs to whom.

use std::collections::BTreeSet;

use super::AppError;
use super::session::{Loaded, Which};
use applecart_core::ledger::LedgerView;
use applecart_core::rules::bindings::History;
use applecart_io::git::{BaseError, KnownHistory};

/// Reads it up to the base, else to the planned commit, and along the commits that the ledger says
/// were applied. What this clone lacks of it is fetched.
///
/// # Errors
/// When it cannot be fetched: that something belongs to nobody is never inferred from a history
/// that is not there.
pub(super) fn of(loaded: &Loaded, ledger: &LedgerView, which: Which) -> Result<History, AppError> {
    let planned = loaded.rev.as_deref();
    let Some(tip) = loaded.base.as_ref().map(|base| base.commit.as_str()).or(planned) else {
        return Ok(History::default());
    };
    let records = ledger.tenants.values().flat_map(|tenant| &tenant.records);
    let applied: BTreeSet<String> = records.filter_map(|record| record.rev.clone()).collect();
    let repo = &loaded.repo;
    match (repo.bound_history(tip, &applied)?, &loaded.base) {
        (KnownHistory::Whole(history), _) => Ok(history),
        // Nothing is contacted, and nothing that comes of it is applied.
        (KnownHistory::Part(history), _) if which == Which::Offline => Ok(history),
        (KnownHistory::Part(history), None) => Ok(history),
        (KnownHistory::Part(_), Some(base)) => {
            repo.fetch_history(base)?;
            // libgit2 remembers where a clone was cut off.
            match repo.reopen()?.bound_history(tip, &applied)? {
                KnownHistory::Whole(history) => Ok(history),
                KnownHistory::Part(_) => {
                    Err(BaseError::History { base: base.clone(), source: None }.into())
                }
            }
        }
    }
}
