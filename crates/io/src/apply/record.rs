//! What an apply tells the ledger.

use chrono::Duration;

use super::files::Refused;
use super::tools::Tools;
use applecart_core::fleet::Token;
use applecart_core::ledger::LEASE;
use applecart_core::model::{
    Cause, EntryBody, Event, Evidence, Facts, FailureCode, FileRef, LedgerEntry, TenantId,
    TenantName, Timestamp, Write, Written,
};
use applecart_core::plan::{self, Closing, Due, Note, Noted, Planned, Verify};
use applecart_core::report::{ApplyReport, Done, Happened};

/// No write is started in the last minute of a lease: the answer must come within it.
pub(super) const LEASE_MARGIN: Duration = Duration::minutes(1);

/// An entry about a due write.
fn entry(due: &Due, at: Timestamp, body: EntryBody, tools: &Tools<'_>) -> (TenantId, LedgerEntry) {
    let (name, token) = (due.tenant.name.clone(), due.token.token.clone());
    let entry = LedgerEntry {
        rev: Some(tools.run.rev.clone()),
        before: due.before.clone(),
        after: Some(due.after.clone()),
        location_id: due
            .file()
            .and_then(|file| tools.at_apple.location(file.sha256))
            .map(|it| it.id),
        ..LedgerEntry::new(at, name, token, &tools.run.author, body)
    };
    (due.tenant.tenant_id, entry)
}

/// The file that a due write uploads, as the ledger names it.
fn sent_file(due: &Due) -> Option<FileRef> {
    due.file().and(due.token.file_ref())
}

fn write(due: &Due, plan_digest: &str, tools: &Tools<'_>) -> Write {
    let what = match sent_file(due) {
        Some(file) => {
            let wire = plan::wire(tools.policy, due.kind()).to_owned();
            Written::File { file, wire: Some(wire) }
        }
        None => Written::Settings,
    };
    Write { what, plan_digest: Some(plan_digest.to_owned()) }
}

/// The run is about to send, until the lease ends.
pub(super) fn intended(due: &Due, plan_digest: &str, tools: &Tools<'_>) -> (TenantId, LedgerEntry) {
    let now = tools.clock.now();
    let write = write(due, plan_digest, tools);
    entry(due, now, EntryBody::Intended { write, lease_until: now.plus(LEASE) }, tools)
}

/// Intune accepted it, and answered with these facts.
pub(super) fn applied(
    due: &Due,
    plan_digest: &str,
    live: Facts,
    tools: &Tools<'_>,
) -> (TenantId, LedgerEntry) {
    let body = EntryBody::Applied { write: write(due, plan_digest, tools) };
    let (tenant, entry) = entry(due, tools.clock.now(), body, tools);
    (tenant, LedgerEntry { after: Some(live), ..entry })
}

/// The opened file is what Intune has.
pub(super) fn verified(verify: &Verify, tools: &Tools<'_>) -> (TenantId, LedgerEntry) {
    let file = verify.token.file_ref().unwrap_or(verify.file.sha256.into());
    let body = EntryBody::Verified { file };
    let (name, token) = (verify.name.clone(), verify.token.token.clone());
    let entry = LedgerEntry {
        rev: Some(tools.run.rev.clone()),
        after: Some(verify.live.clone()),
        location_id: tools.at_apple.location(verify.file.sha256).map(|it| it.id),
        ..LedgerEntry::new(tools.clock.now(), name, token, &tools.run.author, body)
    };
    (verify.tenant_id, entry)
}

/// A read shows it.
pub(super) fn confirmed(
    due: &Due,
    live: Facts,
    evidence: Option<Evidence>,
    tools: &Tools<'_>,
) -> (TenantId, LedgerEntry) {
    let body = EntryBody::Confirmed { file: sent_file(due), evidence };
    let (tenant, entry) = entry(due, tools.clock.now(), body, tools);
    (tenant, LedgerEntry { after: Some(live), ..entry })
}

/// The write failed, and the cause is known.
pub(super) fn failed(due: &Due, cause: Cause, tools: &Tools<'_>) -> (TenantId, LedgerEntry) {
    let body = EntryBody::Failed { file: sent_file(due), cause };
    entry(due, tools.clock.now(), body, tools)
}

/// The file in Git was opened and refused, so that nothing was announced or uploaded. `None` where the
/// record says so already, or something else than the file is at fault.
pub(super) fn refused(
    (name, tenant_id): (&TenantName, TenantId),
    token: &Token,
    why: &Refused,
    tools: &Tools<'_>,
) -> Option<(TenantId, LedgerEntry)> {
    let file = token.file_ref().filter(|_| why.is_of_file())?;
    let detail = why.details().join("; ");
    let past = tools.view.tenant(tenant_id);
    let known =
        past.refused(&token.token, file.sha256).and_then(|line| line.cause()?.detail.as_ref());
    if known == Some(&detail) {
        return None;
    }
    let body = EntryBody::Failed { file: Some(file), cause: cause(FailureCode::Refused, detail) };
    let entry = LedgerEntry {
        rev: Some(tools.run.rev.clone()),
        ..LedgerEntry::new(
            tools.clock.now(),
            name.clone(),
            token.token.clone(),
            &tools.run.author,
            body,
        )
    };
    Some((tenant_id, entry))
}

/// Intune has it in another location than it was meant for.
pub(super) fn landed_elsewhere(
    due: &Due,
    cause: Cause,
    live: Facts,
    tools: &Tools<'_>,
) -> (TenantId, LedgerEntry) {
    let (tenant, entry) = failed(due, cause, tools);
    (tenant, LedgerEntry { after: Some(live), ..entry })
}

/// It did not arrive: a read shows what Intune had before.
pub(super) fn not_landed(
    due: &Due,
    cause: Cause,
    live: Option<Facts>,
    tools: &Tools<'_>,
) -> (TenantId, LedgerEntry) {
    let body = EntryBody::NotLanded { file: sent_file(due), cause: Some(cause) };
    let (tenant, entry) = entry(due, tools.clock.now(), body, tools);
    (tenant, LedgerEntry { after: live, ..entry })
}

/// Records what the plan noticed although nothing is sent for it.
pub(super) async fn notes(
    planned: &Planned,
    tools: &Tools<'_>,
    report: &mut ApplyReport,
) -> Result<(), std::sync::Arc<crate::store::LedgerError>> {
    let entries: Vec<(TenantId, LedgerEntry)> = planned
        .notes
        .iter()
        // A line that is dated in the future would bind other runs.
        .filter(|noted| !planned.skews.contains_key(&noted.tenant_id))
        .map(|noted| note(noted, tools))
        .collect();
    if entries.is_empty() {
        return Ok(());
    }
    for (tenant_id, entry) in &entries {
        let happened = match entry.event() {
            Event::Confirmed => Happened::Confirmed,
            Event::Failed => Happened::Failed,
            Event::Adopted => Happened::Adopted,
            Event::Observed => Happened::Observed,
            Event::NotLanded => Happened::NotLanded,
            Event::NotShown => Happened::NotShown,
            Event::OutcomeUnknown => Happened::OutcomeUnknown,
            _ => Happened::ChangedOutsideGit,
        };
        let (cause, live) = (entry.cause().cloned(), entry.after.clone());
        report.add_noted(*tenant_id, entry, Done { cause, live, ..Done::of(happened) });
    }
    tools.ledger.append(entries).await.map(|_| ())
}

fn note(noted: &Noted, tools: &Tools<'_>) -> (TenantId, LedgerEntry) {
    let file = noted.file;
    let failed = |code, detail| EntryBody::Failed { file, cause: cause(code, detail) };
    let body = match noted.note {
        Note::Confirmed(evidence) => EntryBody::Confirmed { file, evidence },
        // A change outside Git is not about the file in Git.
        Note::ChangedOutsideGit => EntryBody::ChangedOutsideGit,
        Note::Adopted => EntryBody::Adopted,
        Note::Observed => EntryBody::Observed,
        Note::Closed(closing, file) => match closing {
            Closing::NotLanded => EntryBody::NotLanded { file: Some(file), cause: None },
            Closing::NotShown => EntryBody::NotShown { file },
            Closing::OutcomeUnknown => EntryBody::OutcomeUnknown { file },
            Closing::Shown => EntryBody::Confirmed { file: Some(file), evidence: None },
        },
        Note::NeverVisible => {
            let detail = "uploaded twice, and Intune never showed it".to_owned();
            failed(FailureCode::NeverVisible, detail)
        }
        Note::WrongLocation => {
            let location = noted.live.as_ref().and_then(|live| live.location.as_deref());
            let detail = match location {
                Some(location) => format!("in Intune it belongs to the location {location:?}"),
                None => "in Intune it belongs to a location without a name".to_owned(),
            };
            failed(FailureCode::WrongLocation, detail)
        }
    };
    let past = tools.view.tenants.get(&noted.tenant_id);
    let before = past.and_then(|past| past.last_live_facts(&noted.token));
    let (name, now) = (noted.name.clone(), tools.clock.now());
    let entry = LedgerEntry {
        rev: Some(tools.run.rev.clone()),
        before: before.map(|(facts, _)| facts.clone()),
        after: Some(noted.live.clone().unwrap_or_default()),
        ..LedgerEntry::new(now, name, noted.token.clone(), &tools.run.author, body)
    };
    (noted.tenant_id, entry)
}

/// A cause that no answer of Graph's tells.
pub(super) fn cause(code: FailureCode, detail: String) -> Cause {
    Cause { code, status: None, request_id: None, detail: Some(detail) }
}
