//! What an apply tells the ledger.

use chrono::Duration;

use super::Tools;
use applecart_core::ledger::{Author, Draft};
use applecart_core::model::{Cause, Event, Facts, FailureCode, Outcome, TenantId, Timestamp};
use applecart_core::plan::{self, Action, Due, Note, Noted, Planned};
use applecart_core::report::Done;
use applecart_core::report::{ApplyReport, Happened};

/// How long a run may write after it announced to. Long enough for a slow fleet, short enough
/// that a dead run elsewhere frees the token within one coffee.
pub(super) const LEASE: Duration = Duration::minutes(15);
/// No write is started in the last minute of a lease: the answer must come within it.
pub(super) const LEASE_MARGIN: Duration = Duration::minutes(1);

/// Who runs, and what is applied.
#[derive(Clone, Debug)]
pub struct RunContext {
    /// Run, clone and person, as every line names them.
    pub author: Author,
    /// The fleet commit that is applied.
    pub rev: String,
}

/// A line about a due write. A change of settings is no sending of a file, so it names none.
fn draft(due: &Due, event: Event, at: Timestamp, tools: &Tools<'_>) -> Draft {
    let file = due.token.file.as_ref().filter(|_| due.action != Action::Configure);
    Draft {
        sha256: file.map(|file| file.sha256),
        rev: Some(tools.run.rev.clone()),
        before: due.before.clone(),
        after: Some(due.after.clone()),
        ..Draft::new(at, event, due.tenant.name.clone(), due.token.token.clone(), &tools.run.author)
    }
}

fn sending(due: &Due, event: Event, at: Timestamp, plan_digest: &str, tools: &Tools<'_>) -> Draft {
    let uploads = due.action != Action::Configure;
    let wire = plan::wire(tools.policy, due.token.token.kind);
    Draft {
        wire: uploads.then(|| wire.to_owned()),
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

/// The sending failed, and it is known that and why.
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
        planned.notes.iter().filter_map(|noted| note(noted, tools)).collect();
    if drafts.is_empty() {
        return Ok(());
    }
    for (tenant_id, draft) in &drafts {
        let (happened, outcome) = match draft.event {
            Event::Confirmed => (Happened::Confirmed, Outcome::Done),
            Event::Failed => (Happened::Failed, Outcome::Partial),
            Event::Adopted => (Happened::Adopted, Outcome::Done),
            _ => (Happened::ChangedOutsideGit, Outcome::Done),
        };
        report.add_noted(
            *tenant_id,
            draft,
            Done {
                happened,
                cause: draft.cause.clone(),
                details: Vec::new(),
                live: draft.after.clone(),
                outcome,
            },
        );
    }
    tools.ledger.append(drafts).await.map(|_| ())
}

fn note(noted: &Noted, tools: &Tools<'_>) -> Option<(TenantId, Draft)> {
    let now = tools.clock.now();
    let (event, cause): (Event, Option<Cause>) = match noted.note {
        Note::Confirmed => (Event::Confirmed, None),
        Note::ChangedOutsideGit => (Event::ChangedOutsideGit, None),
        Note::Adopted => (Event::Adopted, None),
        Note::NeverVisible => (
            Event::Failed,
            Some(Cause {
                code: FailureCode::NeverVisible,
                status: None,
                request_id: None,
                detail: Some("sent twice, and neither sending ever showed in Intune".to_owned()),
            }),
        ),
        Note::WrongLocation => (
            Event::Failed,
            Some(Cause {
                code: FailureCode::WrongLocation,
                status: None,
                request_id: None,
                detail: Some(format!(
                    "found live in the location {:?}",
                    noted
                        .live
                        .as_ref()
                        .and_then(|live| live.location.as_deref())
                        .unwrap_or("without a name")
                )),
            }),
        ),
    };
    let past = tools.view.tenants.get(&noted.tenant_id);
    let before =
        past.and_then(|past| past.last_live_facts(&noted.token)).map(|(facts, _)| facts.clone());
    // A change outside Git is not about the file in Git.
    let sha256 =
        noted.sha256.filter(|_| !matches!(event, Event::ChangedOutsideGit | Event::Adopted));
    Some((
        noted.tenant_id,
        Draft {
            sha256,
            rev: Some(tools.run.rev.clone()),
            before,
            after: noted.live.clone().or_else(|| Some(Facts::default())),
            cause,
            ..Draft::new(now, event, noted.name.clone(), noted.token.clone(), &tools.run.author)
        },
    ))
}
