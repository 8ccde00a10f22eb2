//! One due write: re-check, send, read back.
//!
//! What is the same for every kind stands here; what is sent, and how, in [`super::sending`],
//! and what the ledger learns of its end in [`outcome`](super::outcome).

use std::sync::Arc;
use std::time::Duration;

use super::{Tools, files, record, sending, stopped};
use crate::intune::{IntuneRead as _, ReadRequest};
use crate::store::LedgerError;
use applecart_core::model::{Kind, LiveTenant, Outcome, Problem, Reading, Timestamp};
use applecart_core::plan::{Action, Due, Sent, Subject};
use applecart_core::report::Done;
use applecart_core::report::Happened;

/// Writes stop when this machine's clock and Graph's differ by more: leases and dates rest on it.
const SKEW_LIMIT: i64 = 10 * 60;
/// The first pause of the read back; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// One due write in its tenant.
pub(super) struct Island<'a> {
    pub(super) due: &'a Due,
    pub(super) plan_digest: &'a str,
    pub(super) tools: &'a Tools<'a>,
    /// When it was announced: nothing of it was sent before.
    pub(super) intended_at: Timestamp,
    pub(super) lease: Option<Timestamp>,
    /// Another run announced a write to this token first.
    pub(super) elsewhere: Option<String>,
    /// How long the read back may take.
    pub(super) patience: Duration,
}

/// What live was directly before the write.
pub(super) struct Before {
    /// Everything that was read of the tenant.
    pub(super) live: LiveTenant,
}

/// What the re-check found.
enum Recheck {
    /// As planned; the write may go.
    AsPlanned(Before),
    /// Live already is the file.
    AlreadyLive(Before),
    /// Not to be sent.
    Not(Done),
}

impl Island<'_> {
    pub(super) fn kind(&self) -> Kind {
        self.due.token.token.kind
    }

    pub(super) async fn run(mut self) -> Done {
        if stopped(self.tools) {
            let why = "the run was stopped before this write";
            return self.not_sent(Happened::NotStarted, Outcome::Interrupted, why).await;
        }
        if let Some(why) = self.elsewhere.take() {
            let detail = format!("{why}; nothing was sent by this run");
            return self.not_sent(Happened::InProgressElsewhere, Outcome::Done, &detail).await;
        }
        match self.recheck().await {
            Recheck::Not(done) => done,
            Recheck::AlreadyLive(before) => match self.subject(&before.live) {
                Some(live) => self.confirm(live, Happened::Confirmed, Vec::new()).await,
                None => self.vanished().await,
            },
            Recheck::AsPlanned(before) => self.send(&before).await,
        }
    }

    /// Closes the announcement of a write that this run will not start.
    pub(super) async fn not_started(&self, why: &str) -> Done {
        self.not_sent(Happened::NotStarted, Outcome::Partial, why).await
    }

    /// The live token that the write is about.
    pub(super) fn subject<'l>(&self, live: &'l LiveTenant) -> Option<Subject<'l>> {
        let token = &self.due.token.token;
        let id = token.id.as_deref();
        match token.kind {
            Kind::Push => live.push.present().map(Subject::Push),
            Kind::Enrollment => {
                let all = live.enrollment.present()?;
                all.iter().find(|one| Some(one.id.as_str()) == id).map(Subject::Enrollment)
            }
            Kind::Vpp => {
                let all = live.vpp.present()?;
                let facts = &self.due.token.facts;
                let twin = |one: &&applecart_core::model::LiveVpp| match id {
                    Some(id) => one.id == id,
                    // Not created yet, as far as this run knows.
                    None => {
                        (facts.location.is_some() && one.location == facts.location)
                            || (token.name.is_some() && one.display_name == token.name)
                    }
                };
                all.iter().find(twin).map(Subject::Vpp)
            }
        }
    }

    /// Reads the due token's kind, and the consent that a first push certificate needs.
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
    pub(super) async fn read_one(&self) -> Option<LiveTenant> {
        let auth = self.tools.policy.auth_of(self.due.tenant.auth.as_deref())?;
        let (tenant, token) = (self.due.tenant.tenant_id, &self.due.token.token);
        let Some(id) = token.id.as_deref() else { return self.read().await };
        let mut live = LiveTenant::not_asked();
        match token.kind {
            Kind::Push => return self.read().await,
            Kind::Enrollment => {
                let one = self.tools.connector.read_one_enrollment(tenant, auth, id).await;
                live.enrollment = in_collection(one);
            }
            Kind::Vpp => {
                live.vpp = in_collection(self.tools.connector.read_one_vpp(tenant, auth, id).await);
            }
        }
        Some(live)
    }

    /// Reads live again: policy, tenant and digest cannot have moved, for they come from Git
    /// objects; live can.
    async fn recheck(&self) -> Recheck {
        let Some(live) = self.read().await else {
            let why = "the tenant's sign-in profile does not exist";
            return Recheck::Not(self.not_sent(Happened::Failed, Outcome::Partial, why).await);
        };
        if let Some(skew) = live.clock_skew.filter(|skew| skew.abs() > SKEW_LIMIT) {
            let detail = format!(
                "this machine's clock and Microsoft's differ by {} minutes; set the clock, then run again",
                skew / 60
            );
            return Recheck::Not(self.not_sent(Happened::Failed, Outcome::Partial, &detail).await);
        }
        if let Some(problem) = self.unknown(&live) {
            return Recheck::Not(self.unread(problem).await);
        }
        let subject = self.subject(&live);
        // What an enrollment file is cannot be seen: there, a change is a change.
        let comparable = self.kind() != Kind::Enrollment && self.due.action != Action::Configure;
        if comparable && subject.is_some_and(|subject| self.shows(subject)) {
            return Recheck::AlreadyLive(Before { live });
        }
        if subject.map(Subject::facts) != self.due.before {
            let why = "live changed since the plan was made; plan again";
            return Recheck::Not(self.not_sent(Happened::Stale, Outcome::Stale, why).await);
        }
        Recheck::AsPlanned(Before { live })
    }

    /// Why the due token's kind is not known.
    pub(super) fn unknown<'l>(&self, live: &'l LiveTenant) -> Option<&'l Problem> {
        match self.kind() {
            Kind::Push => live.push.problem(),
            Kind::Enrollment => live.enrollment.problem(),
            Kind::Vpp => live.vpp.problem(),
        }
    }

    async fn send(&mut self, before: &Before) -> Done {
        match self.extend_lease().await {
            Ok(None) => {}
            Ok(Some(why)) => {
                return self.not_sent(Happened::InProgressElsewhere, Outcome::Done, &why).await;
            }
            Err(error) => return Done::unrecorded(&error, Happened::NotStarted),
        }
        let file = if self.due.action == Action::Configure {
            None
        } else {
            match files::judge(self.due, self.tools) {
                Ok(file) => Some(file),
                Err(refused) => {
                    let details = refused.details();
                    let detail = details.first().cloned().unwrap_or_default();
                    let done = self.not_sent(Happened::Refused, refused.outcome(), &detail).await;
                    return Done { details, ..done };
                }
            }
        };
        let Some(auth) = self.tools.policy.auth_of(self.due.tenant.auth.as_deref()) else {
            let why = "the tenant's sign-in profile does not exist";
            return self.not_sent(Happened::Failed, Outcome::Partial, why).await;
        };
        let writer = match self.tools.connector.writer(self.due.tenant.tenant_id, auth) {
            Ok(writer) => writer,
            Err(error) => {
                return self.not_sent(Happened::Failed, Outcome::Partial, &error.to_string()).await;
            }
        };
        sending::send(self, &writer, file.as_ref(), before).await
    }

    /// Reads until live shows the upload, or the time is over.
    pub(super) async fn read_back(&self) -> Option<LiveTenant> {
        let mut pause = PAUSE;
        let mut waited = Duration::ZERO;
        loop {
            let live = self.read_one().await?;
            if self.subject(&live).is_some_and(|subject| self.shows(subject)) {
                return Some(live);
            }
            if waited >= self.patience || stopped(self.tools) {
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

    /// Extends the lease where its last minute is near: a run that lost its lease must not write.
    /// Tells when another run came in between.
    async fn extend_lease(&mut self) -> Result<Option<String>, Arc<LedgerError>> {
        let now = self.tools.clock.now();
        if self.lease.is_some_and(|until| now.plus(record::LEASE_MARGIN) < until) {
            return Ok(None);
        }
        let intent = record::intended(self.due, self.plan_digest, self.tools);
        let announced = self.tools.ledger.announce(vec![intent]).await?;
        let Some(announced) = announced.into_iter().next() else { return Ok(None) };
        self.lease = announced.record.lease_until;
        let run = &self.tools.run.author.run;
        let token = &self.due.token.token;
        let holder = announced.chain.holder(token, run, now, self.tools.dead_runs);
        Ok(holder.map(|holder| {
            format!(
                "this run waited too long, and another one ({}) announced a write meanwhile; nothing was sent",
                holder.run()
            )
        }))
    }

    /// Whether live proves that this write landed.
    pub(super) fn shows(&self, live: Subject<'_>) -> bool {
        live.shows(&Sent {
            stated: &self.due.token.facts,
            before: self.due.before.as_ref(),
            from: self.intended_at,
            to: self.tools.clock.now(),
            settle: self.tools.policy.settle_of(self.kind()),
        })
    }
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

/// Whether a reading of live says that consent is still to be given.
pub(super) fn needs_consent(due: &Due, live: &LiveTenant) -> bool {
    due.before.is_none()
        && due.tenant.consent_data_sharing
        && !matches!(live.consent, Reading::Present(true))
}
