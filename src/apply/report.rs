//! Filling in the result of an apply.

use crate::ledger::{Draft, LedgerError};
use crate::model::{Cause, Facts, Outcome, TenantId};
use crate::plan::{Due, FORMAT_VERSION, Plan};
use crate::report::{ApplyReport, ApplyResult, ApplySummary, Happened, NotPushed};

/// What happened to one token, before it has a name.
pub(super) struct Done {
    /// What.
    pub(super) happened: Happened,
    /// Why it failed.
    pub(super) cause: Option<Cause>,
    /// Sentences for a person.
    pub(super) details: Vec<String>,
    /// Live facts afterwards, where they were read.
    pub(super) live: Option<Facts>,
    /// What it means for the exit code.
    pub(super) outcome: Outcome,
}

impl Done {
    /// This, with nothing to add. What it means for the exit code follows from it.
    pub(super) fn of(happened: Happened) -> Self {
        let outcome = match happened {
            Happened::Uploaded
            | Happened::Created
            | Happened::Configured
            | Happened::Progressing
            | Happened::Confirmed
            | Happened::ChangedOutsideGit
            | Happened::Adopted
            | Happened::InProgressElsewhere
            | Happened::CanaryPending
            | Happened::NotReviewed => Outcome::Done,
            Happened::Refused => Outcome::Refused,
            Happened::Stale => Outcome::Stale,
            Happened::Failed
            | Happened::Unknown
            | Happened::NotStarted
            | Happened::CanaryFailed => Outcome::Partial,
        };
        Self { happened, cause: None, details: Vec::new(), live: None, outcome }
    }

    /// It was not even announced.
    pub(super) fn not_started(why: &str) -> Self {
        Self { details: vec![why.to_owned()], ..Self::of(Happened::NotStarted) }
    }

    /// The ledger did not take a line: live is as it is, and the next run finds and records it.
    pub(super) fn unrecorded(error: &LedgerError, happened: Happened) -> Self {
        let details = vec![format!(
            "the outcome could not be recorded in the ledger ({error}); the next `applecart apply` finds it out and records it"
        )];
        Self { details, outcome: Outcome::Partial, ..Self::of(happened) }
    }
}

impl ApplyReport {
    pub(super) fn new(plan: &Plan) -> Self {
        let summary = ApplySummary {
            holds: plan.summary.holds,
            unobserved: plan.summary.unobserved,
            ..ApplySummary::default()
        };
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            applecart: plan.applecart.clone(),
            rev: plan.rev.clone(),
            plan_digest: plan.digest.clone(),
            ledger_head: None,
            not_pushed: None,
            results: Vec::new(),
            summary,
            outcome: Outcome::Done,
        }
    }

    pub(super) fn add(
        &mut self,
        due: &Due,
        happened: Happened,
        cause: Option<Cause>,
        details: Vec<String>,
        outcome: Outcome,
    ) {
        self.push(due, Done { happened, cause, details, live: None, outcome });
    }

    pub(super) fn push(&mut self, due: &Due, done: Done) {
        self.results.push(ApplyResult {
            tenant: due.tenant.name.to_string(),
            tenant_id: due.tenant.tenant_id,
            kind: due.token.token.kind,
            name: due.token.token.name.clone(),
            sha256: due.token.file.as_ref().map(|file| file.sha256),
            result: done.happened,
            cause: done.cause,
            details: done.details,
            before: due.before.clone(),
            live: done.live,
        });
        self.count(done.happened, done.outcome);
    }

    pub(super) fn add_noted(&mut self, tenant_id: TenantId, draft: &Draft, done: Done) {
        self.results.push(ApplyResult {
            tenant: draft.name.to_string(),
            tenant_id,
            kind: draft.token.kind,
            name: draft.token.name.clone(),
            sha256: draft.sha256,
            result: done.happened,
            cause: done.cause,
            details: done.details,
            before: draft.before.clone(),
            live: done.live,
        });
        self.count(done.happened, done.outcome);
    }

    fn count(&mut self, happened: Happened, outcome: Outcome) {
        let summary = &mut self.summary;
        match happened {
            Happened::Uploaded => summary.uploaded += 1,
            Happened::Created => summary.created += 1,
            Happened::Configured => summary.configured += 1,
            Happened::InProgressElsewhere => summary.elsewhere += 1,
            Happened::CanaryPending | Happened::CanaryFailed => summary.waiting += 1,
            Happened::Progressing => summary.progressing += 1,
            Happened::Confirmed => summary.confirmed += 1,
            Happened::ChangedOutsideGit | Happened::Adopted => {}
            Happened::NotReviewed => summary.not_reviewed += 1,
            Happened::Refused => summary.refused += 1,
            Happened::Stale | Happened::Failed | Happened::Unknown | Happened::NotStarted => {
                summary.failed += 1;
            }
        }
        self.outcome = self.outcome.and(outcome);
    }

    /// Exit code 6 says that *every* due write is another run's; one of many is only reported.
    pub(super) fn judge_elsewhere(&mut self, due: usize) {
        if due > 0 && self.summary.elsewhere == due {
            self.outcome = self.outcome.and(Outcome::Elsewhere);
        }
    }

    /// What was due beside the reviewed plan, for whoever reads the result only.
    pub(super) fn left_out(&mut self, left_out: &[Due]) {
        for due in left_out {
            let detail =
                "it is due and not in the reviewed plan; plan again, and have that reviewed";
            self.add(due, Happened::NotReviewed, None, vec![detail.to_owned()], Outcome::Done);
        }
    }

    /// The ledger could not be pushed at the end: others do not know yet what was sent.
    pub fn not_pushed(&mut self, entries: usize, file: &str, why: &str) {
        let (file, why) = (file.to_owned(), why.to_owned());
        self.not_pushed = Some(NotPushed { entries, file, why });
        self.outcome = self.outcome.and(Outcome::Partial);
    }

    pub(super) fn interrupted(&mut self) {
        self.outcome = self.outcome.and(Outcome::Interrupted);
    }

    /// The order of names, whichever tenant finished first.
    pub(super) fn sort(&mut self) {
        self.results
            .sort_by(|a, b| (&a.tenant, a.kind, &a.name).cmp(&(&b.tenant, b.kind, &b.name)));
    }
}
