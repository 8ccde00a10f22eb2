//! One tenant's write: re-check, send, read back, record.

use std::sync::Arc;

use super::report::Done;
use super::{Tools, files, read_push, record, stopped};
use crate::fleet::PushCertificateWire;
use crate::intune::{Consented, WriteError};
use crate::ledger::LedgerError;
use crate::model::{
    Cause, Facts, FailureCode, LivePush, LiveTenant, Outcome, Problem, Reading, Timestamp,
};
use crate::plan::Due;
use crate::report::Happened;

/// Writes stop when this machine's clock and Graph's differ by more: leases and dates rest on it.
const SKEW_LIMIT: i64 = 10 * 60;
/// The first pause of the read back; it doubles up to [`PAUSE_MAX`].
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);
const PAUSE_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// One due write in its tenant.
pub(super) struct Island<'a> {
    pub(super) due: &'a Due,
    pub(super) plan_digest: &'a str,
    pub(super) tools: &'a Tools<'a>,
    pub(super) lease: Option<Timestamp>,
}

/// What the re-check directly before the write found.
enum Recheck {
    /// As planned; the file may go. Holds whether consent is still to be given.
    AsPlanned { consent: bool },
    /// Live already is the file.
    AlreadyLive(Facts),
    /// Not to be sent.
    Not(Done),
}

impl Island<'_> {
    pub(super) async fn run(mut self) -> Done {
        if stopped(self.tools) {
            return self
                .not_sent(
                    Happened::NotStarted,
                    Outcome::Interrupted,
                    "the run was stopped before this write",
                )
                .await;
        }
        match self.recheck().await {
            Recheck::Not(done) => done,
            Recheck::AlreadyLive(live) => self.confirm(live, Happened::Confirmed).await,
            Recheck::AsPlanned { consent } => self.send(consent).await,
        }
    }

    /// Reads live again: policy, tenant and digest cannot have moved, for they come from Git
    /// objects; live can.
    async fn recheck(&self) -> Recheck {
        let Some(live) = read_push(self.due, self.tools).await else {
            return Recheck::Not(
                self.not_sent(
                    Happened::Failed,
                    Outcome::Partial,
                    "the tenant's sign-in profile does not exist",
                )
                .await,
            );
        };
        if let Some(skew) = live.clock_skew.filter(|skew| skew.abs() > SKEW_LIMIT) {
            let detail = format!(
                "this machine's clock and Microsoft's differ by {} minutes; set the clock, then run again",
                skew / 60
            );
            return Recheck::Not(self.not_sent(Happened::Failed, Outcome::Partial, &detail).await);
        }
        let now_live = match &live.push {
            Reading::Present(push) => Some(push.facts()),
            Reading::Absent => None,
            Reading::Unknown(problem) => return Recheck::Not(self.unread(problem).await),
            Reading::NotAsked => {
                return Recheck::Not(
                    self.not_sent(Happened::Failed, Outcome::Partial, "live was not read").await,
                );
            }
        };
        if let Some(facts) = now_live.as_ref().filter(|facts| self.shows(facts)) {
            return Recheck::AlreadyLive(facts.clone());
        }
        if now_live != self.due.before {
            return Recheck::Not(
                self.not_sent(
                    Happened::Stale,
                    Outcome::Stale,
                    "live changed since the plan was made; plan again",
                )
                .await,
            );
        }
        Recheck::AsPlanned { consent: self.needs_consent(&live) }
    }

    fn needs_consent(&self, live: &LiveTenant) -> bool {
        self.due.before.is_none()
            && self.due.tenant.consent_data_sharing
            && live.consent.present() != Some(&true)
    }

    async fn send(&mut self, consent: bool) -> Done {
        if let Err(error) = self.extend_lease().await {
            return unrecorded(&error, Happened::NotStarted);
        }
        let certificate = match files::judge(self.due, self.due.before.as_ref(), self.tools) {
            Ok(certificate) => certificate,
            Err(refused) => {
                let details = refused.details();
                let detail = details.first().cloned().unwrap_or_default();
                let done = self.not_sent(Happened::Refused, refused.outcome(), &detail).await;
                return Done { details, ..done };
            }
        };
        let wire = self.tools.policy.wire.push_certificate;
        let body = match wire {
            PushCertificateWire::Pem => certificate.to_pem(),
            PushCertificateWire::Base64Der => certificate.to_base64_der(),
        };
        let Some(auth) = self.tools.policy.auth_of(self.due.tenant.auth.as_deref()) else {
            return self
                .not_sent(
                    Happened::Failed,
                    Outcome::Partial,
                    "the tenant's sign-in profile does not exist",
                )
                .await;
        };
        let writer = match self.tools.connector.writer(self.due.tenant.tenant_id, auth) {
            Ok(writer) => writer,
            Err(error) => {
                return self.not_sent(Happened::Failed, Outcome::Partial, &error.to_string()).await;
            }
        };
        let mut details = Vec::new();
        if consent {
            match writer.consent().await {
                Ok(Consented::Granted) => {}
                Ok(Consented::NotOffered) => details.push(
                    "Intune has no consent to data sharing to give; the upload went on without it"
                        .to_owned(),
                ),
                // The certificate did not leave, whatever became of the consent.
                Err(error) => {
                    let detail = format!("the consent to data sharing was not given: {error}");
                    return self.not_sent(Happened::Failed, Outcome::Partial, &detail).await;
                }
            }
        }
        let apple_id = self.due.after.apple_id.as_deref().unwrap_or_default();
        match writer.upload_push(apple_id, &body).await {
            Ok(live) => self.landed(live, details).await,
            Err(error) => self.failed(error, details).await,
        }
    }

    /// Intune accepted it: recorded at once, before anything else can go wrong.
    async fn landed(&self, answered: LivePush, mut details: Vec<String>) -> Done {
        let draft = record::applied(self.due, self.plan_digest, answered.facts(), self.tools);
        if let Err(error) = self.tools.ledger.append(vec![draft]).await {
            return unrecorded(&error, Happened::Progressing);
        }
        match self.read_back().await {
            Some(facts) => {
                let done = self.confirm(facts, Happened::Uploaded).await;
                Done { details: [details, done.details].concat(), ..done }
            }
            None => {
                details.push("Intune accepted the certificate and does not show it yet; run `applecart plan` later".to_owned());
                Done {
                    happened: Happened::Progressing,
                    cause: None,
                    details,
                    live: None,
                    outcome: Outcome::Done,
                }
            }
        }
    }

    /// Reads until live shows the upload, or the time is over.
    async fn read_back(&self) -> Option<Facts> {
        let mut pause = PAUSE;
        let mut waited = std::time::Duration::ZERO;
        loop {
            let live = read_push(self.due, self.tools).await?;
            if let Some(facts) =
                live.push.present().map(LivePush::facts).filter(|facts| self.shows(facts))
            {
                return Some(facts);
            }
            if waited >= self.tools.wait || stopped(self.tools) {
                return None;
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "Intune needs time to show an upload; the wait is bounded by --wait"
            )]
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn confirm(&self, live: Facts, happened: Happened) -> Done {
        let draft = record::confirmed(self.due, live.clone(), self.tools);
        match self.tools.ledger.append(vec![draft]).await {
            Ok(_) => Done {
                happened,
                cause: None,
                details: Vec::new(),
                live: Some(live),
                outcome: Outcome::Done,
            },
            Err(error) => unrecorded(&error, happened),
        }
    }

    async fn failed(&self, error: WriteError, mut details: Vec<String>) -> Done {
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
            return self.find_out(cause, details).await;
        }
        details.push(detail);
        self.record_failure(cause, details).await
    }

    /// A write whose outcome is unknown is never repeated: a read decides.
    async fn find_out(&self, cause: Cause, mut details: Vec<String>) -> Done {
        let live = read_push(self.due, self.tools).await;
        match live.as_ref().map(|live| &live.push) {
            Some(Reading::Present(push)) if self.shows(&push.facts()) => {
                self.landed(push.clone(), details).await
            }
            Some(Reading::Present(_) | Reading::Absent) => {
                details.extend(cause.detail.clone());
                details.push(
                    "a read shows that it did not land; run `applecart apply` again".to_owned(),
                );
                self.record_failure(cause, details).await
            }
            _ => {
                details.extend(cause.detail.clone());
                details.push(
                    "nobody can tell yet whether it landed; the next `applecart apply` reads first and decides".to_owned(),
                );
                Done {
                    happened: Happened::Unknown,
                    cause: Some(cause),
                    details,
                    live: None,
                    outcome: Outcome::Partial,
                }
            }
        }
    }

    async fn record_failure(&self, cause: Cause, details: Vec<String>) -> Done {
        let draft = record::failed(self.due, cause.clone(), self.tools);
        match self.tools.ledger.append(vec![draft]).await {
            Ok(_) => Done {
                happened: Happened::Failed,
                cause: Some(cause),
                details,
                live: None,
                outcome: Outcome::Partial,
            },
            Err(error) => unrecorded(&error, Happened::Failed),
        }
    }

    /// Nothing was sent; the intent is closed so that nobody waits for it.
    async fn not_sent(&self, happened: Happened, outcome: Outcome, detail: &str) -> Done {
        let cause = Cause {
            code: FailureCode::NotSent,
            status: None,
            request_id: None,
            detail: Some(detail.to_owned()),
        };
        let done = self.record_failure(cause, vec![detail.to_owned()]).await;
        Done { happened, outcome: outcome.and(done.outcome), ..done }
    }

    async fn unread(&self, problem: &Problem) -> Done {
        let detail = format!(
            "{}: {}",
            problem.code,
            problem.detail.as_deref().unwrap_or("live could not be read")
        );
        self.not_sent(Happened::Failed, Outcome::Partial, &detail).await
    }

    /// Extends the lease where its last minute is near: a run that lost its lease must not write.
    async fn extend_lease(&mut self) -> Result<(), Arc<LedgerError>> {
        let now = self.tools.clock.now();
        if self.lease.is_some_and(|until| now.plus(record::LEASE_MARGIN) < until) {
            return Ok(());
        }
        let intent = record::intended(self.due, self.plan_digest, self.tools);
        self.lease =
            self.tools.ledger.append(vec![intent]).await?.first().and_then(|line| line.lease_until);
        Ok(())
    }

    fn shows(&self, facts: &Facts) -> bool {
        facts.serial == self.due.after.serial && facts.topic == self.due.after.topic
    }
}

/// The ledger did not take a line: live is as it is, and the next run finds and records it.
fn unrecorded(error: &LedgerError, happened: Happened) -> Done {
    Done {
        happened,
        cause: None,
        details: vec![format!(
            "the outcome could not be recorded in the ledger ({error}); the next `applecart apply` finds it out and records it"
        )],
        live: None,
        outcome: Outcome::Partial,
    }
}
