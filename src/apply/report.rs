//! Filling in the result of an apply.

use crate::ledger::Draft;
use crate::model::{Cause, Facts, Outcome, TenantId};
use crate::plan::{Due, FORMAT_VERSION, Plan};
use crate::report::{ApplyReport, ApplyResult, ApplySummary, Happened};

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

    /// What was due beside the reviewed plan, for whoever reads the result only.
    pub(super) fn left_out(&mut self, left_out: &[Due]) {
        for due in left_out {
            let detail =
                "it is due and not in the reviewed plan; plan again, and have that reviewed";
            self.add(due, Happened::NotReviewed, None, vec![detail.to_owned()], Outcome::Done);
        }
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
