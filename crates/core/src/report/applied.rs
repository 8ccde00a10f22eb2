//! The result of an apply: the machine output of `apply`, filled in by that room.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Cause, Facts, Kind, LedgerEntry, Outcome, Sha256, TenantId, TokenRef, short};
use crate::plan::{Action, Due, FORMAT_VERSION, Fault, Plan, Reason, Sync, Verify, Warning};
use crate::words::kebab_enum;

kebab_enum! {
    /// What happened to one token.
    Happened {
        /// Uploaded, and a later read shows it.
        Uploaded => "uploaded",
        /// Created, and a read shows it.
        Created => "created",
        /// Settings were changed; the answer shows it.
        Configured => "configured",
        /// Intune accepted it, and no read shows it yet.
        Progressing => "progressing",
        /// An earlier run's upload was found in Intune and recorded.
        Confirmed => "confirmed",
        /// The file in Git was opened, and it is the credential that Intune has.
        Verified => "verified",
        /// Intune was changed outside Git since the last record, and that was recorded.
        ChangedOutsideGit => "changed-outside-git",
        /// What was changed outside Git is watched now, and that was recorded.
        Adopted => "adopted",
        /// A watched token was seen for the first time, or had changed, and that was recorded.
        Observed => "observed",
        /// An announced upload of an earlier run never reached Intune, and that was recorded.
        NotLanded => "not-landed",
        /// Intune accepted an earlier upload and does not have it, and that was recorded.
        NotShown => "not-shown",
        /// Intune has a third credential, so that an earlier upload's end is not known; recorded.
        OutcomeUnknown => "outcome-unknown",
        /// The file was refused when it was opened; nothing was uploaded.
        Refused => "refused",
        /// Intune changed since the plan; nothing was uploaded.
        Stale => "stale",
        /// The base has other content by now, and nothing was uploaded.
        Superseded => "superseded",
        /// It failed; the cause says how.
        Failed => "failed",
        /// Whether it landed is unknown; the next run finds out.
        Unknown => "unknown",
        /// Not started: the run was stopped, could not announce it, or an earlier write forbids it.
        NotStarted => "not-started",
        /// Another run announced a write to this token first; nothing was uploaded.
        InProgressElsewhere => "in-progress-elsewhere",
        /// The wire encoding is not proved yet, and another token goes first; nothing was uploaded.
        CanaryPending => "canary-pending",
        /// The token that was to prove the wire encoding failed; nothing was uploaded.
        CanaryFailed => "canary-failed",
        /// Due, but not in the plan file that was applied; left out.
        NotReviewed => "not-reviewed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyResult {
    pub tenant: String,
    pub tenant_id: TenantId,
    /// Which of the three credentials.
    pub kind: Kind,
    /// The token's name; `null` for push.
    pub name: Option<String>,
    /// SHA-256 of the opened file.
    pub sha256: Option<Sha256>,
    pub result: Happened,
    pub cause: Option<Cause>,
    /// Sentences for a person.
    pub details: Vec<String>,
    pub before: Option<Facts>,
    /// Facts in Intune afterwards, where they were read.
    pub live: Option<Facts>,
}

/// Counts over an [`ApplyReport`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplySummary {
    /// Uploaded, and Intune has it.
    pub uploaded: usize,
    /// Created, and Intune has it.
    pub created: usize,
    pub configured: usize,
    /// Intune accepted it, and no read shows it yet.
    pub progressing: usize,
    /// Found in Intune and recorded.
    pub confirmed: usize,
    /// Files that were opened and are what Intune has.
    #[serde(default)]
    pub verified: usize,
    /// Left to another run, which has a lease on the token.
    pub elsewhere: usize,
    /// Waiting for the token that proves the wire encoding, or stopped by its failure.
    pub waiting: usize,
    /// Not uploaded: the opened file is not what Git and the plan say of it.
    pub refused: usize,
    /// Failed, unknown, stale or not started.
    pub failed: usize,
    /// Not in force any more at the tip of the base.
    #[serde(default)]
    pub superseded: usize,
    /// Due, but not in the plan file that was applied; left out.
    pub not_reviewed: usize,
    /// Watched tokens whose first sight or change was recorded.
    #[serde(default)]
    pub observed: usize,
    /// Failed before; the next try is not due yet.
    #[serde(default)]
    pub retry_later: usize,
    /// Announced or made by an earlier run, and not visible in Intune yet: this run left them alone.
    #[serde(default)]
    pub unsettled: usize,
    /// Holds that the plan contained.
    pub holds: usize,
    /// Tenants of which something could not be read.
    pub unobserved: usize,
}

/// What an apply did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReport {
    pub format_version: String,
    /// Version of the program.
    pub applecart: String,
    /// The fleet commit that was applied.
    pub rev: Option<String>,
    /// The digest of the plan that was applied.
    pub plan_digest: String,
    /// The ledger's commit afterwards.
    pub ledger_head: Option<String>,
    /// Entries that are recorded in this clone only, because the ledger could not be pushed.
    pub not_pushed: Option<NotPushed>,
    /// One entry for every token that something happened to.
    pub results: Vec<ApplyResult>,
    pub summary: ApplySummary,
    /// Every exit code that applies, first in precedence first; the process ends with the first.
    #[serde(default)]
    pub exits: Vec<u8>,
    /// What the exit code is made from.
    #[serde(skip, default = "done")]
    pub outcome: Outcome,
}

/// Entries of the ledger that the other clones do not know yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotPushed {
    pub entries: usize,
    /// The file that holds them; `applecart ledger append` takes it.
    pub file: String,
    /// Why they could not be pushed.
    pub why: String,
}

fn done() -> Outcome {
    Outcome::Done
}

/// What happened to one token, before it has a name.
pub struct Done {
    pub happened: Happened,
    pub cause: Option<Cause>,
    /// Sentences for a person.
    pub details: Vec<String>,
    /// Facts in Intune afterwards, where they were read.
    pub live: Option<Facts>,
    /// What it means for the exit code.
    pub outcome: Outcome,
}

impl Done {
    /// This, with nothing to add. What it means for the exit code follows from it.
    pub fn of(happened: Happened) -> Self {
        let outcome = match happened {
            Happened::Uploaded
            | Happened::Created
            | Happened::Configured
            | Happened::Progressing
            | Happened::Confirmed
            | Happened::Verified
            | Happened::ChangedOutsideGit
            | Happened::Adopted
            | Happened::Observed
            | Happened::NotLanded
            | Happened::NotShown
            | Happened::OutcomeUnknown
            | Happened::NotReviewed => Outcome::Done,
            // Of many due writes one is not uploaded, and this run does not see that it will be.
            Happened::InProgressElsewhere | Happened::CanaryPending => Outcome::Elsewhere,
            Happened::Refused => Outcome::Refused,
            Happened::Stale | Happened::Superseded => Outcome::Stale,
            Happened::Failed
            | Happened::Unknown
            | Happened::NotStarted
            | Happened::CanaryFailed => Outcome::Partial,
        };
        Self { happened, cause: None, details: Vec::new(), live: None, outcome }
    }

    /// The ledger did not take a line: Intune has what it has, and the next run finds and records it.
    pub fn unrecorded(why: &str, happened: Happened) -> Self {
        let details = vec![format!(
            "what happened could not be recorded in the ledger: {}. The next `applecart apply` reads Intune and records it",
            why.trim_end_matches('.')
        )];
        Self { details, outcome: Outcome::Partial, ..Self::of(happened) }
    }
}

impl ApplyReport {
    pub fn new(plan: &Plan) -> Self {
        let summary = ApplySummary {
            holds: plan.summary.holds,
            unobserved: plan.summary.unobserved,
            ..ApplySummary::default()
        };
        let mut report = Self {
            format_version: FORMAT_VERSION.to_owned(),
            applecart: plan.applecart.clone(),
            rev: plan.rev.clone(),
            plan_digest: plan.digest.clone(),
            ledger_head: None,
            not_pushed: None,
            results: Vec::new(),
            summary,
            exits: Outcome::exits([]),
            outcome: Outcome::Done,
        };
        for (tenant, token) in plan.tokens() {
            let elsewhere = token.state.warnings.contains(&Warning::InProgressElsewhere);
            if let Some(tenant_id) = tenant.tenant_id.filter(|_| elsewhere) {
                let (of, details) = (token.state.token(), token.state.details.clone());
                let done = Done { details, ..Done::of(Happened::InProgressElsewhere) };
                report.add(&tenant.name, tenant_id, &of, token.state.sha256, None, done);
            }
            // What a reviewed `suspend` names is shown, and fails no pipeline.
            let suspended = token.state.reasons.contains(&Reason::Suspended);
            if token.action == Action::Hold && !suspended {
                report.ends(Outcome::Refused);
            }
            if token.state.sync == Sync::Progressing {
                report.summary.unsettled += 1;
            }
            if token.state.warnings.contains(&Warning::RetryAfter) {
                report.summary.retry_later += 1;
                report.ends(Outcome::Partial);
            }
        }
        report.outdated(plan);
        report
    }

    /// A file that was merged after the applied commit is due, and this run does not upload it.
    fn outdated(&mut self, plan: &Plan) {
        let commit = plan.rev.as_deref().map_or("this commit", short);
        for tenant in &plan.tenants {
            let waiting = tenant.outdated.iter().flat_map(|outdated| &outdated.files);
            let is_due = |token: &TokenRef| {
                let mut planned = tenant.tokens.iter().filter(|one| one.action.writes());
                planned.any(|one| one.state.token().same_token(token))
            };
            for file in waiting.filter(|file| !is_due(&file.token)) {
                let Some(tenant_id) = tenant.tenant_id else { continue };
                let why = format!(
                    "a newer file was merged after {commit}, and is not uploaded by it. Bring the clone up to date, and apply the newest commit instead: `git pull --ff-only`"
                );
                let done = Done { details: vec![why], ..Done::of(Happened::Superseded) };
                self.add(&tenant.name, tenant_id, &file.token, Some(file.sha256), None, done);
            }
        }
    }

    /// Adds what holds for the exit code.
    pub fn ends(&mut self, outcome: Outcome) {
        self.outcome = self.outcome.and(outcome);
        let so_far = Outcome::ALL.into_iter().filter(|one| self.exits.contains(&one.code()));
        self.exits = Outcome::exits(so_far.chain([outcome]));
    }

    pub fn push(&mut self, due: &Due, done: Done) {
        let sha256 = due.token.file.as_ref().map(|file| file.sha256);
        let before = due.before.clone();
        self.add(
            due.tenant.name.as_str(),
            due.tenant.tenant_id,
            &due.token.token,
            sha256,
            before,
            done,
        );
    }

    pub fn verified(&mut self, verify: &Verify, done: Done) {
        let (token, before) = (&verify.token.token, Some(verify.live.clone()));
        self.add(
            verify.name.as_str(),
            verify.tenant_id,
            token,
            Some(verify.file.sha256),
            before,
            done,
        );
    }

    pub fn add_noted(&mut self, tenant_id: TenantId, entry: &LedgerEntry, done: Done) {
        let before = entry.before.clone();
        // What is noted of a plan is always about a token.
        if let Some(token) = &entry.token {
            self.add(entry.name.as_str(), tenant_id, token, entry.sha256(), before, done);
        }
    }

    fn add(
        &mut self,
        tenant: &str,
        tenant_id: TenantId,
        token: &TokenRef,
        sha256: Option<Sha256>,
        before: Option<Facts>,
        done: Done,
    ) {
        self.results.push(ApplyResult {
            tenant: tenant.to_string(),
            tenant_id,
            kind: token.kind,
            name: token.name.clone(),
            sha256,
            result: done.happened,
            cause: done.cause,
            details: done.details,
            before,
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
            Happened::Verified => summary.verified += 1,
            Happened::Observed => summary.observed += 1,
            Happened::ChangedOutsideGit
            | Happened::Adopted
            | Happened::NotLanded
            | Happened::NotShown
            | Happened::OutcomeUnknown => {}
            Happened::NotReviewed => summary.not_reviewed += 1,
            Happened::Refused => summary.refused += 1,
            Happened::Superseded => summary.superseded += 1,
            Happened::Stale | Happened::Failed | Happened::Unknown | Happened::NotStarted => {
                summary.failed += 1;
            }
        }
        self.ends(outcome);
    }

    /// Tokens that are left out because their plan breaks an invariant, each with all that it breaks.
    pub fn broken(&mut self, plan: &Plan, faults: &[Fault]) {
        for (tenant, token) in plan.tokens() {
            let of = token.state.token();
            let its: Vec<&str> = faults
                .iter()
                .filter(|fault| fault.is_about(&tenant.name, &of))
                .map(|fault| fault.what)
                .collect();
            let Some(tenant_id) = tenant.tenant_id.filter(|_| !its.is_empty()) else { continue };
            let why = format!(
                "nothing was uploaded: its plan breaks an invariant, which is a mistake in this program. Please report this: {}",
                its.join("; ")
            );
            let before = token.before.as_deref().cloned();
            let done = Done { details: vec![why], ..Done::of(Happened::Refused) };
            self.add(&tenant.name, tenant_id, &of, token.state.sha256, before, done);
        }
        if !faults.is_empty() {
            self.ends(Outcome::Refused);
        }
    }

    /// What was due beside the reviewed plan, for readers of the result alone.
    pub fn left_out(&mut self, left_out: &[Due]) {
        for due in left_out {
            let detail =
                "it is due, but not in the reviewed plan. Make a new plan and have that reviewed";
            let details = vec![detail.to_owned()];
            self.push(due, Done { details, ..Done::of(Happened::NotReviewed) });
        }
    }

    /// The ledger could not be pushed at the end: others do not know yet what was uploaded.
    pub fn not_pushed(&mut self, entries: usize, file: &str, why: &str) {
        let (file, why) = (file.to_owned(), why.to_owned());
        self.not_pushed = Some(NotPushed { entries, file, why });
        self.ends(Outcome::Partial);
    }

    pub fn interrupted(&mut self) {
        self.ends(Outcome::Interrupted);
    }

    /// The order of names, whichever tenant finished first.
    pub fn sort(&mut self) {
        self.results
            .sort_by(|a, b| (&a.tenant, a.kind, &a.name).cmp(&(&b.tenant, b.kind, &b.name)));
    }
}
