//! One due write in its tenant: what Intune shows of the token, and what the ledger learns of the
//! end. It is the same for every kind; what is sent stands in [`sending`](super::sending).

use std::time::Duration;

use super::record;
use super::tools::Tools;
use crate::intune::{ReadRequest, WriteError};
use applecart_core::model::{
    Cause, Evidence, Facts, FailureCode, Kind, LedgerEntry, LiveTenant, LiveToken, Outcome,
    Problem, Reading, Setting, SettingChange, TenantId, Timestamp,
};
use applecart_core::plan::{Action, Due, DueWrite, Sent, Stage, location_fault};
use applecart_core::report::{Done, Happened};
use applecart_core::rules::identity;

/// The first pause of the read back; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What Intune answered to the write.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Accepted,
    /// None that tells whether it took the write, or nothing was sent yet.
    None,
}

#[derive(Clone, Copy)]
pub(super) struct Island<'a> {
    pub(super) due: &'a Due,
    pub(super) plan_digest: &'a str,
    pub(super) tools: &'a Tools<'a>,
    /// When it was recorded as intended: nothing of it was sent before.
    pub(super) intended_at: Timestamp,
    /// How long the read back may take.
    pub(super) patience: Duration,
}

impl Island<'_> {
    pub(super) fn kind(&self) -> Kind {
        self.due.kind()
    }

    /// The token in Intune that the write is about.
    pub(super) fn subject<'l>(&self, live: &'l LiveTenant) -> Option<LiveToken<'l>> {
        let entry = &self.due.token;
        match self.kind() {
            Kind::Push => live.push.present().map(LiveToken::Push),
            Kind::Enrollment => {
                let id = entry.token.id.as_deref()?;
                identity::by_id(live.enrollment.present()?, id).map(LiveToken::Enrollment)
            }
            Kind::Vpp => {
                let all = live.vpp.present()?;
                match entry.token.id.as_deref() {
                    Some(id) => identity::by_id(all, id),
                    // Not created yet, as far as this run knows.
                    None => all.iter().find(|one| identity::likeness(one, entry).is_some()),
                }
                .map(LiveToken::Vpp)
            }
        }
    }

    /// Reads the due token's kind, and the consent that a first push certificate needs. `None`
    /// where the tenant names a sign-in profile that does not exist.
    pub(super) async fn read(&self) -> Option<LiveTenant> {
        let auth = self.tools.policy.auth_of(self.due.tenant.auth.as_deref())?;
        let request = ReadRequest {
            tenant_id: self.due.tenant.tenant_id,
            auth: auth.clone(),
            watch: [self.kind()].into(),
            consent_if_push_absent: self.kind() == Kind::Push,
        };
        Some(self.tools.connector.read(&request).await)
    }

    /// Reads the one token that was written to.
    async fn read_one(&self) -> Option<LiveTenant> {
        let auth = self.tools.policy.auth_of(self.due.tenant.auth.as_deref())?;
        let (tenant, connector) = (self.due.tenant.tenant_id, self.tools.connector);
        let mut live = LiveTenant::not_asked();
        match (self.kind(), self.due.token.token.id.as_deref()) {
            (Kind::Push, _) | (_, None) => return self.read().await,
            (Kind::Enrollment, Some(id)) => {
                let one = connector.read_one_enrollment(tenant, auth, id).await;
                live.enrollment = in_collection(one);
            }
            (Kind::Vpp, Some(id)) => {
                live.vpp = in_collection(connector.read_one_vpp(tenant, auth, id).await);
            }
        }
        Some(live)
    }

    /// Reads until Intune shows the upload, or the time is over.
    async fn read_back(&self, answer: Answer) -> Option<LiveTenant> {
        let mut pause = PAUSE;
        let mut waited = Duration::ZERO;
        loop {
            let live = self.read_one().await?;
            if self.subject(&live).is_some_and(|subject| self.shows(subject, answer)) {
                return Some(live);
            }
            if waited >= self.patience || self.tools.stopped() {
                return None;
            }
            // Intune needs time to show an upload.
            self.tools.clock.sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Why the due token's kind is not known.
    pub(super) fn unknown<'l>(&self, live: &'l LiveTenant) -> Option<&'l Problem> {
        match self.kind() {
            Kind::Push => live.push.problem(),
            Kind::Enrollment => live.enrollment.problem(),
            Kind::Vpp => live.vpp.problem(),
        }
    }

    /// Whether what Intune has proves that this write landed.
    pub(super) fn shows(&self, live: LiveToken<'_>, answer: Answer) -> bool {
        // The certificate was there before; it is the account that has to show.
        if let DueWrite::ConfigurePush { apple_id, .. } = &self.due.write
            && live.apple_id().map(str::to_lowercase) != Some(apple_id.to_lowercase())
        {
            return false;
        }
        let now = self.tools.clock.now();
        // The plan's reading is the last one before the write.
        let before = self.due.before.as_ref();
        live.shows(&Sent {
            stated: &self.due.token.facts,
            downloaded: self.due.token.downloaded,
            before,
            from: self.intended_at,
            stage: match answer {
                Answer::Accepted => Stage::Accepted(now),
                Answer::None => Stage::Announced { until: now, read: before },
            },
            settle: self.tools.policy.settle_of(self.kind()),
        })
    }

    /// A VPP token in another location than it was meant for.
    pub(super) fn wrong_location(&self, live: LiveToken<'_>) -> Option<String> {
        let LiveToken::Vpp(live) = live else { return None };
        let Due { tenant, after, .. } = self.due;
        // Apple said before the upload that it is this location, and Intune calls it as Apple does.
        let asked = self.due.file().and_then(|file| self.tools.at_apple.location(file.sha256));
        if asked.is_some_and(|asked| asked.name.is_some() && asked.name == live.location) {
            return None;
        }
        let today = self.tools.judged_at().date_time().date_naive();
        location_fault(&tenant.name, after.location.as_deref(), live, today)
    }

    /// Records that Intune accepted the write, before anything else can go wrong. `happened` is
    /// what is known of the token if the ledger does not take it.
    pub(super) async fn accepted(&self, facts: Facts, happened: Happened) -> Result<(), Done> {
        let draft = record::applied(self.due, self.plan_digest, facts, self.tools);
        let recorded = self.tools.ledger.append(vec![draft]).await;
        recorded.map(|_| ()).map_err(|error| Done::unrecorded(&error.sentence(), happened))
    }

    /// Records an accepted upload, and then what a read shows.
    pub(super) async fn landed(
        &self,
        answered: LiveToken<'_>,
        before: &LiveTenant,
        details: Vec<String>,
    ) -> Done {
        match self.accepted(answered.facts(), Happened::Progressing).await {
            Ok(()) => self.shown(before, &self.requested(), details).await,
            Err(done) => done,
        }
    }

    /// Waits until Intune shows the upload, and records it.
    pub(super) async fn shown(
        &self,
        before: &LiveTenant,
        requested: &[Setting],
        mut details: Vec<String>,
    ) -> Done {
        let read = self.read_back(Answer::Accepted).await;
        let Some(subject) = read.as_ref().and_then(|live| self.subject(live)) else {
            let what = match self.kind() {
                Kind::Push => "certificate",
                Kind::Enrollment | Kind::Vpp => "token",
            };
            details.push(format!(
                "Intune accepted the {what} and does not show it yet. Look again later: `applecart plan`"
            ));
            let done = Done { details, ..Done::of(Happened::Progressing) };
            // It was the last try: nothing sends it once more by itself.
            return if self.was_sent_before() { with(done, Outcome::Partial) } else { done };
        };
        let moved = self.unrequested(before, subject, requested);
        let outcome = if moved.is_empty() { Outcome::Done } else { Outcome::Partial };
        details.extend(moved);
        with(self.confirm(subject, Happened::Uploaded, None, details).await, outcome)
    }

    /// Whether Intune accepted this file once before and did not show it.
    fn was_sent_before(&self) -> bool {
        let past = self.tools.view.tenant(self.due.tenant.tenant_id);
        self.due.file().is_some_and(|file| {
            let sendings = past.every_sending(&self.due.token.token, file.sha256);
            past.proof(&self.due.token.token, file.sha256).is_none()
                && sendings.iter().any(|sending| sending.applied.is_some())
        })
    }

    /// Intune shows the upload. A VPP token must also be in the location it was meant for.
    pub(super) async fn confirm(
        &self,
        live: LiveToken<'_>,
        happened: Happened,
        evidence: Option<Evidence>,
        mut details: Vec<String>,
    ) -> Done {
        let facts = live.facts();
        if let Some(fault) = self.wrong_location(live) {
            details.push(fault.clone());
            let cause = record::cause(FailureCode::WrongLocation, fault);
            let draft =
                record::landed_elsewhere(self.due, cause.clone(), facts.clone(), self.tools);
            let done = Done { details, live: Some(facts), ..Done::of(Happened::Failed) };
            return self.ended(draft, cause, done).await;
        }
        let draft = record::confirmed(self.due, facts.clone(), evidence, self.tools);
        match self.tools.ledger.append(vec![draft]).await {
            Ok(_) => Done { details, live: Some(facts), ..Done::of(happened) },
            Err(error) => Done::unrecorded(&error.sentence(), happened),
        }
    }

    /// The settings that the write's request holds.
    fn requested(&self) -> Vec<Setting> {
        let mut requested = self.due.settings().map(|due| due.requested()).unwrap_or_default();
        requested.extend(self.due.token.claim.then_some(Setting::Claim));
        requested
    }

    /// Settings that were not in the request and are not what they were before, in sentences.
    pub(super) fn unrequested(
        &self,
        before: &LiveTenant,
        live: LiveToken<'_>,
        requested: &[Setting],
    ) -> Vec<String> {
        let changes = match (self.subject(before), live) {
            (Some(LiveToken::Vpp(before)), LiveToken::Vpp(live)) => {
                before.unrequested_changes(live, requested)
            }
            (Some(LiveToken::Enrollment(before)), LiveToken::Enrollment(live)) => {
                before.unrequested_changes(live, requested)
            }
            _ => Vec::new(),
        };
        let sentence = |change: SettingChange| {
            format!(
                "Intune changed {} from {} to {} although the upload did not ask for it. Change it back in the portal, or state it in the tenant file",
                change.setting.property(),
                change.before,
                change.after
            )
        };
        changes.into_iter().map(sentence).collect()
    }

    /// The request failed. A write whose outcome is unknown is never repeated: a read decides.
    pub(super) async fn failed(
        &self,
        error: WriteError,
        before: &LiveTenant,
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
            WriteError::OutcomeUnknown { status, request_id, .. } => {
                (FailureCode::NotLanded, status, request_id)
            }
            WriteError::Refused { .. } | WriteError::NotSent { .. } => {
                (FailureCode::NotSent, None, None)
            }
        };
        let cause = Cause { code, status, request_id, detail: Some(detail.clone()) };
        if code == FailureCode::NotLanded {
            return self.find_out(cause, before, details).await;
        }
        // A gateway may refuse what was done behind it, and a refusal for good is told of a file.
        if code == FailureCode::Rejected
            && self.due.action() != Action::Configure
            && let Some(live) = self.read_one().await.filter(|live| self.unknown(live).is_none())
            && let Some(subject) =
                self.subject(&live).filter(|subject| self.shows(*subject, Answer::None))
        {
            return self.landed(subject, before, details).await;
        }
        details.push(detail);
        self.record_failure(cause, details).await
    }

    /// Where Intune takes its time to show an upload, that it does not show proves nothing yet.
    async fn find_out(&self, cause: Cause, before: &LiveTenant, mut details: Vec<String>) -> Done {
        let settles = !self.tools.policy.settle_of(self.kind()).is_zero();
        // Graph that is out of order proves no encoding, so nobody waits the whole settling time for it.
        let is_down = cause.status.is_some_and(|status| status >= 500);
        let patience = if is_down { self.patience.min(self.tools.wait) } else { self.patience };
        let live = match settles {
            true => Island { patience, ..*self }.read_back(Answer::None).await,
            false => self.read_one().await,
        };
        let known = live.as_ref().filter(|live| self.unknown(live).is_none());
        let subject = known.and_then(|live| self.subject(live));
        if let Some(subject) = subject.filter(|subject| self.shows(*subject, Answer::None)) {
            return match self.due.action() {
                Action::Configure => {
                    let requested = self.requested();
                    let done = self.configured(before, subject, &requested).await;
                    done.unwrap_or_else(|ended_early| ended_early)
                }
                _ => self.landed(subject, before, details).await,
            };
        }
        details.extend(cause.detail.clone());
        if known.is_some() && !settles {
            details.push(
                "Intune has what it had before, so the upload did not arrive. `applecart apply` tries again after a while, `applecart apply --retry` at once"
                    .to_owned(),
            );
            let live = subject.map(LiveToken::facts);
            let draft = record::not_landed(self.due, cause.clone(), live, self.tools);
            let done = Done { details, ..Done::of(Happened::Failed) };
            return self.ended(draft, cause, done).await;
        }
        details.push(
            "it is unknown whether the upload landed; the next `applecart apply` reads Intune first and decides"
                .to_owned(),
        );
        Done { cause: Some(cause), details, ..Done::of(Happened::Unknown) }
    }

    async fn record_failure(&self, cause: Cause, details: Vec<String>) -> Done {
        self.close(cause, Done { details, ..Done::of(Happened::Failed) }).await
    }

    /// Nothing was written; the intent is closed so that no run waits for it.
    pub(super) async fn not_sent(&self, happened: Happened, detail: impl Into<String>) -> Done {
        let detail = detail.into();
        let cause = record::cause(FailureCode::NotSent, detail.clone());
        self.close(cause, Done { details: vec![detail], ..Done::of(happened) }).await
    }

    /// Ends the write with a failure in the ledger.
    pub(super) async fn close(&self, cause: Cause, done: Done) -> Done {
        let draft = record::failed(self.due, cause.clone(), self.tools);
        self.ended(draft, cause, done).await
    }

    /// Ends the write with this line of the ledger.
    async fn ended(&self, draft: (TenantId, LedgerEntry), cause: Cause, done: Done) -> Done {
        match self.tools.ledger.append(vec![draft]).await {
            Ok(_) => Done { cause: Some(cause), ..done },
            Err(error) => with(Done::unrecorded(&error.sentence(), done.happened), done.outcome),
        }
    }

    /// Whether a reading says that the consent to data sharing is still to be given.
    pub(super) fn needs_consent(&self, live: &LiveTenant) -> bool {
        matches!(self.due.write, DueWrite::UploadPush { .. })
            && self.due.before.is_none()
            && self.due.tenant.consent_data_sharing
            && !matches!(live.consent, Reading::Present(true))
    }
}

/// `done`, with what else it means for the exit code.
pub(super) fn with(done: Done, outcome: Outcome) -> Done {
    Done { outcome: done.outcome.and(outcome), ..done }
}

/// One object as the collection that it is of.
fn in_collection<T>(one: Reading<T>) -> Reading<Vec<T>> {
    match one {
        Reading::Present(one) => Reading::Present(vec![one]),
        Reading::Absent => Reading::Present(Vec::new()),
        Reading::Unknown(problem) => Reading::Unknown(problem),
        Reading::NotAsked => Reading::NotAsked,
    }
}
