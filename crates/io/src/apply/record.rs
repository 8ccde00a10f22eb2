//! What an apply tells the ledger.

use chrono::Duration;

use super::tools::Tools;
use applecart_core::ledger::Draft;
use applecart_core::model::{Cause, Event, Facts, FailureCode, TenantId, Timestamp};
use applecart_core::plan::{self, Due, Note, Noted, Planned};
use applecart_core::report::{ApplyReport, Done, Happened};

/// How long a run may write after it recorded its intent: long enough for a slow fleet, short enough
/// that a run that died elsewhere soon frees the token.
pub(super) const LEASE: Duration = Duration::minutes(15);
/// No write is started in the last minute of a lease: the answer must come within it.
pub(super) const LEASE_MARGIN: Duration = Duration::minutes(1);

/// A line about a due write. A change of settings sends no file, so its line names none.
fn draft(due: &Due, event: Event, at: Timestamp, tools: &Tools<'_>) -> Draft {
    Draft {
        sha256: due.file().map(|file| file.sha256),
        rev: Some(tools.run.rev.clone()),
        before: due.before.clone(),
        after: Some(due.after.clone()),
        ..Draft::new(at, event, due.tenant.name.clone(), due.token.token.clone(), &tools.run.author)
    }
}

fn sending(due: &Due, event: Event, at: Timestamp, plan_digest: &str, tools: &Tools<'_>) -> Draft {
    Draft {
        wire: due.file().map(|_| plan::wire(tools.policy, due.kind()).to_owned()),
        plan_digest: Some(plan_digest.to_owned()),
        ..draft(due, event, at, tools)
    }
}

/// The run is about to send, until the lease ends.
pub(super) fn intended(due: &Due, plan_digest: &str, tools: &Tools<'_>) -> (TenantId, Draft) {
    let now = tools.clock.now();
    let draft = sending(due, Event::Intended, now, plan_digest, tools);
    (due.tenant.tenant_id, Draft { lease_until: Some(now.plus(LEASE)), ..draft })
}

/// Intune accepted it, and answered with these facts.
pub(super) fn applied(
    due: &Due,
    plan_digest: &str,
    live: Facts,
    tools: &Tools<'_>,
) -> (TenantId, Draft) {
    let draft = sending(due, Event::Applied, tools.clock.now(), plan_digest, tools);
    (due.tenant.tenant_id, Draft { after: Some(live), ..draft })
}

/// A read shows it.
pub(super) fn confirmed(due: &Due, live: Facts, tools: &Tools<'_>) -> (TenantId, Draft) {
    let mut draft = draft(due, Event::Confirmed, tools.clock.now(), tools);
    draft.after = Some(live);
    (due.tenant.tenant_id, draft)
}

/// The write failed, and the cause is known.
pub(super) fn failed(due: &Due, cause: Cause, tools: &Tools<'_>) -> (TenantId, Draft) {
    let mut draft = draft(due, Event::Failed, tools.clock.now(), tools);
    draft.cause = Some(cause);
    (due.tenant.tenant_id, draft)
}

/// Records what the plan noticed although nothing is sent for it.
pub(super) async fn notes(
    planned: &Planned,
    tools: &Tools<'_>,
    report: &mut ApplyReport,
) -> Result<(), std::sync::Arc<crate::store::LedgerError>> {
    let drafts: Vec<(TenantId, Draft)> =
        planned.notes.iter().map(|noted| note(noted, tools)).collect();
    if drafts.is_empty() {
        return Ok(());
    }
    for (tenant_id, draft) in &drafts {
        let happened = match draft.event {
            Event::Confirmed => Happened::Confirmed,
            Event::Failed => Happened::Failed,
            Event::Adopted => Happened::Adopted,
            _ => Happened::ChangedOutsideGit,
        };
        let (cause, live) = (draft.cause.clone(), draft.after.clone());
        report.add_noted(*tenant_id, draft, Done { cause, live, ..Done::of(happened) });
    }
    tools.ledger.append(drafts).await.map(|_| ())
}

fn note(noted: &Noted, tools: &Tools<'_>) -> (TenantId, Draft) {
    let (event, cause) = match noted.note {
        Note::Confirmed => (Event::Confirmed, None),
        Note::ChangedOutsideGit => (Event::ChangedOutsideGit, None),
        Note::Adopted => (Event::Adopted, None),
        Note::NeverVisible => {
            let detail = "uploaded twice, and Intune never showed it".to_owned();
            (Event::Failed, Some(cause(FailureCode::NeverVisible, detail)))
        }
        Note::WrongLocation => {
            let location = noted.live.as_ref().and_then(|live| live.location.as_deref());
            let detail = match location {
                Some(location) => format!("in Intune it belongs to the location {location:?}"),
                None => "in Intune it belongs to a location without a name".to_owned(),
            };
            (Event::Failed, Some(cause(FailureCode::WrongLocation, detail)))
        }
    };
    let past = tools.view.tenants.get(&noted.tenant_id);
    let before = past.and_then(|past| past.last_live_facts(&noted.token));
    // A change outside Git is not about the file in Git.
    let about_file = !matches!(event, Event::ChangedOutsideGit | Event::Adopted);
    let (name, now) = (noted.name.clone(), tools.clock.now());
    let draft = Draft {
        sha256: noted.sha256.filter(|_| about_file),
        rev: Some(tools.run.rev.clone()),
        before: before.map(|(facts, _)| facts.clone()),
        after: Some(noted.live.clone().unwrap_or_default()),
        cause,
        ..Draft::new(now, event, name, noted.token.clone(), &tools.run.author)
    };
    (noted.tenant_id, draft)
}

/// A cause that no answer of Graph's tells.
pub(super) fn cause(code: FailureCode, detail: String) -> Cause {
    Cause { code, status: None, request_id: None, detail: Some(detail) }
}
