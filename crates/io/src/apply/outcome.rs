//! How a write ended, and what the ledger learns of it.

use super::tenant::{Before, Island};
use super::{record, sending};
use crate::intune::WriteError;
use applecart_core::model::{Cause, FailureCode, Outcome, Problem};
use applecart_core::plan::{Subject, location_fault};
use applecart_core::report::Done;
use applecart_core::report::Happened;

impl Island<'_> {
    /// A read shows the upload. For a VPP token it must also be where it was meant to be.
    pub(super) async fn confirm(
        &self,
        live: Subject<'_>,
        happened: Happened,
        mut details: Vec<String>,
    ) -> Done {
        if let Some(fault) = self.wrong_location(live) {
            details.push(fault.clone());
            let cause = Cause {
                code: FailureCode::WrongLocation,
                status: None,
                request_id: None,
                detail: Some(fault),
            };
            let done = self.record_failure(cause, details).await;
            return Done { live: Some(live.facts()), ..done };
        }
        let facts = live.facts();
        let draft = record::confirmed(self.due, facts.clone(), self.tools);
        match self.tools.ledger.append(vec![draft]).await {
            Ok(_) => Done { details, live: Some(facts), ..Done::of(happened) },
            Err(error) => Done::unrecorded(&error, happened),
        }
    }

    /// A VPP token in another location than it was meant for.
    pub(super) fn wrong_location(&self, live: Subject<'_>) -> Option<String> {
        let Subject::Vpp(live) = live else { return None };
        location_fault(self.due.after.location.as_ref(), live)
    }

    /// What a failed request means for the ledger.
    pub(super) async fn failed(
        &self,
        error: WriteError,
        before: &Before,
        mut details: Vec<String>,
    ) -> Done {
        let detail = error.to_string();
        let (code, status, request_id) = match error {
            WriteError::Rejected { status, request_id, .. } => {
                (FailureCode::Rejected, Some(status), request_id)
            }
            WriteError::NotPermitted { status, request_id, .. } => {
                (FailureCode::NotPermitted, Some(status), request_id)
            }
            WriteError::ApprovalRequired { request_id, .. } => {
                (FailureCode::ApprovalRequired, None, request_id)
            }
            WriteError::Throttled { request_id, .. } => {
                (FailureCode::Throttled, Some(429), request_id)
            }
            WriteError::OutcomeUnknown { request_id, .. } => {
                (FailureCode::NotLanded, None, request_id)
            }
            WriteError::Refused { .. } | WriteError::NotSent { .. } => {
                (FailureCode::NotSent, None, None)
            }
        };
        let cause = Cause { code, status, request_id, detail: Some(detail.clone()) };
        if code == FailureCode::NotLanded {
            return self.find_out(cause, before, details).await;
        }
        details.push(detail);
        self.record_failure(cause, details).await
    }

    /// A write whose outcome is unknown is never repeated: a read decides. Where Intune takes its
    /// time to show an upload, that it does not show proves nothing yet.
    async fn find_out(&self, cause: Cause, before: &Before, mut details: Vec<String>) -> Done {
        let settles = !self.tools.policy.settle_of(self.kind()).is_zero();
        let live = if settles { self.read_back().await } else { self.read_one().await };
        let known = live.as_ref().filter(|live| self.unknown(live).is_none());
        let subject = known.and_then(|live| self.subject(live));
        if let Some(subject) = subject.filter(|subject| self.shows(*subject)) {
            return sending::landed(self, subject, before, details).await;
        }
        details.extend(cause.detail.clone());
        if known.is_some() && !settles {
            details
                .push("a read shows that it did not land; run `applecart apply` again".to_owned());
            return self.record_failure(cause, details).await;
        }
        details.push(
            "nobody can tell yet whether it landed; the next `applecart apply` reads first and decides".to_owned(),
        );
        Done { cause: Some(cause), details, ..Done::of(Happened::Unknown) }
    }

    pub(super) async fn record_failure(&self, cause: Cause, details: Vec<String>) -> Done {
        let draft = record::failed(self.due, cause.clone(), self.tools);
        match self.tools.ledger.append(vec![draft]).await {
            Ok(_) => Done { cause: Some(cause), details, ..Done::of(Happened::Failed) },
            Err(error) => Done::unrecorded(&error, Happened::Failed),
        }
    }

    /// Nothing was sent; the intent is closed so that nobody waits for it.
    pub(super) async fn not_sent(
        &self,
        happened: Happened,
        outcome: Outcome,
        detail: &str,
    ) -> Done {
        let cause = Cause {
            code: FailureCode::NotSent,
            status: None,
            request_id: None,
            detail: Some(detail.to_owned()),
        };
        let draft = record::failed(self.due, cause.clone(), self.tools);
        match self.tools.ledger.append(vec![draft]).await {
            Ok(_) => {
                let details = vec![detail.to_owned()];
                Done { cause: Some(cause), details, outcome, ..Done::of(happened) }
            }
            Err(error) => {
                let done = Done::unrecorded(&error, happened);
                Done { outcome: outcome.and(done.outcome), ..done }
            }
        }
    }

    pub(super) async fn unread(&self, problem: &Problem) -> Done {
        let detail = format!(
            "{}: {}",
            problem.code,
            problem.detail.as_deref().unwrap_or("live could not be read")
        );
        self.not_sent(Happened::Failed, Outcome::Partial, &detail).await
    }

    pub(super) async fn vanished(&self) -> Done {
        let why = "live changed while it was read; plan again";
        self.not_sent(Happened::Stale, Outcome::Stale, why).await
    }
}
