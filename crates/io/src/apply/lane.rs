//! All due writes of one kind: the first alone where the wire encoding is not proved, then the
//! others, each tenant by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::Semaphore;

use super::island::{Answer, Island};
use super::record;
use super::tools::Tools;
use crate::store::LedgerError;
use applecart_core::ledger::{LedgerView, Sending, TenantLedger};
use applecart_core::model::{
    Cause, Event, Evidence, FailureCode, Kind, LiveTenant, LiveToken, Outcome, Record, TenantId,
    Timestamp,
};
use applecart_core::plan::{self, Canary, CheckedPlan, Due, REFUSALS, SKEW_LIMIT};
use applecart_core::report::{Done, Happened};
use applecart_core::rules::identity;

/// What is said where this program itself failed.
const INTERNAL: &str = "an internal error ended this write. The next `applecart apply` reads Intune first and decides. Please report it";

const NOT_AFTER_A_WRONG_LOCATION: &str =
    "not uploaded, because another token of this tenant turned out to belong to another location";

const NO_PROFILE: &str =
    "the tenant's sign-in profile does not exist; check `auth` in its tenant file";

pub(super) struct Lane<'a> {
    pub(super) kind: Kind,
    pub(super) canary: Option<&'a Canary>,
    pub(super) plan: &'a CheckedPlan,
    pub(super) plan_digest: &'a str,
    pub(super) tools: &'a Tools<'a>,
    /// How many tenants are written to at once, over all kinds.
    pub(super) turns: &'a Semaphore,
}

type Results<'a> = Vec<(&'a Due, Done)>;

/// Whether the wire encoding is still to be proved after the first upload of a kind.
enum Proof {
    /// Intune has the upload, so other tokens of its kind may follow.
    Given,
    /// It says nothing about the encoding: another token may try.
    None,
    /// It may still show.
    Awaited(String),
    /// This token's file was refused in this encoding, or never showed.
    Refused(String),
}

impl<'a> Lane<'a> {
    /// Uploads what may be uploaded. Tokens that have to wait for the first of their kind, or are
    /// stopped by it, are in the result as well.
    pub(super) async fn run(&self, due: Vec<&'a Due>) -> Results<'a> {
        let (uploads, settings): (Vec<&Due>, Vec<&Due>) =
            due.into_iter().partition(|due| due.file().is_some());
        let (mut results, others) = futures::join!(self.uploads(uploads), self.all(settings));
        results.extend(others);
        results
    }

    async fn uploads(&self, mut due: Vec<&'a Due>) -> Results<'a> {
        let mut results = Vec::new();
        let (first, mut refused) = match self.canary {
            Some(Canary::First { tenant_id, token, refused }) => {
                ((*tenant_id, token.clone()), refused.clone())
            }
            Some(Canary::Pending(why)) => return held_back(due, Happened::CanaryPending, why),
            Some(Canary::Failed(why)) => return held_back(due, Happened::CanaryFailed, why),
            Some(Canary::Proved) | None => return self.all(due).await,
        };
        due.sort_by_key(|due| (due.tenant.tenant_id.to_string(), due.token.token.id.clone()));
        // The plan named the first; where its file was refused meanwhile, the lowest goes.
        let mut at = due
            .iter()
            .position(|due| (due.tenant.tenant_id, &due.token.token) == (first.0, &first.1))
            .unwrap_or(0);
        let mut tried = refused.clone();
        while !due.is_empty() {
            let canary = due.remove(at);
            let tenant = canary.tenant.tenant_id;
            tried.insert(tenant);
            let mut one = self.some(vec![canary], self.tools.canary_wait, Some(&refused)).await;
            if let Some(back) = one.first().and_then(|(_, done)| Back::of_all(done)) {
                results.append(&mut one);
                results.extend(due.into_iter().map(|due| (due, back.done())));
                return results;
            }
            let proof = one.first().map_or(Proof::None, |(due, done)| proof(due, done));
            let wrong_location = one.iter().any(|(_, done)| is_wrong_location(done));
            results.append(&mut one);
            // The tenant's next file might take that location's licences away as well.
            if wrong_location {
                let (same, rest) = due.into_iter().partition(|due| due.tenant.tenant_id == tenant);
                results.extend(held_back(same, Happened::NotStarted, NOT_AFTER_A_WRONG_LOCATION));
                due = rest;
            }
            match proof {
                Proof::Given => break,
                Proof::None if self.tools.stopped() => break,
                Proof::None => {}
                Proof::Awaited(why) => {
                    results.extend(held_back(due, Happened::CanaryPending, &why));
                    return results;
                }
                Proof::Refused(who) => {
                    refused.insert(tenant);
                    let (happened, why) = after_refusal(&who, refused.len());
                    results.extend(held_back(due, happened, &why));
                    return results;
                }
            }
            // One tenant's trouble says little: another one's token goes next.
            at = due
                .iter()
                .position(|due| !tried.contains(&due.tenant.tenant_id))
                .unwrap_or_default();
        }
        results.extend(self.all(due).await);
        results
    }

    async fn all(&self, due: Vec<&'a Due>) -> Results<'a> {
        self.some(due, self.tools.wait, None).await
    }

    /// Sends what is still in force. `refused` tells whose file was refused in the wire encoding that
    /// the upload is to prove.
    async fn some(
        &self,
        due: Vec<&'a Due>,
        patience: Duration,
        refused: Option<&BTreeSet<TenantId>>,
    ) -> Results<'a> {
        let mut results = Vec::new();
        let mut in_force = Vec::new();
        for due in due {
            match self.tools.not_in_force(due).await {
                None => in_force.push(due),
                Some((happened, why)) => results.extend(held_back(vec![due], happened, &why)),
            }
        }
        results.extend(self.announced(in_force, patience, refused).await);
        results
    }

    /// Records the writes as intended, then sends them: tenants side by side, one tenant's tokens in order.
    async fn announced(
        &self,
        due: Vec<&'a Due>,
        patience: Duration,
        refused: Option<&BTreeSet<TenantId>>,
    ) -> Results<'a> {
        if due.is_empty() {
            return Vec::new();
        }
        let intents =
            due.iter().map(|due| record::intended(due, self.plan_digest, self.tools)).collect();
        let announced = match self.tools.ledger.announce(intents).await {
            Ok(announced) => announced,
            Err(error) => {
                let why = format!(
                    "nothing was uploaded: the planned uploads could not be recorded in the ledger ({})",
                    error.sentence()
                );
                return held_back(due, Happened::NotStarted, &why);
            }
        };
        let news = match announced.first() {
            Some(first) => self.tools.ledger.news(self.tools.view, first).await,
            None => Ok(LedgerView::default()),
        };
        let news = news.map(|news| news.within(self.tools.clock.now()));
        let all = self.overtaken(&news, refused);
        let news = news.unwrap_or_default();
        let mut tenants: BTreeMap<TenantId, Vec<Turn<'a>>> = BTreeMap::new();
        for (due, announced) in due.into_iter().zip(announced) {
            let turn = Turn {
                island: Island {
                    due,
                    plan_digest: self.plan_digest,
                    tools: self.tools,
                    intended_at: announced.record.at,
                    patience,
                },
                lease: announced.record.lease_until(),
                back: self
                    .elsewhere(due, &announced.chain.within(self.tools.clock.now()))
                    .or_else(|| self.another_tenants(due, &news))
                    .or_else(|| all.clone()),
            };
            tenants.entry(due.tenant.tenant_id).or_default().push(turn);
        }
        let count = tenants.len();
        futures::stream::iter(tenants)
            .map(|(_, turns)| self.tenant(turns))
            .buffer_unordered(count)
            .concat()
            .await
    }

    /// Why all of it is handed back, by what other runs announced before: the rules over the whole
    /// fleet were judged when the plan was made, and of runs beside each other none saw the others.
    fn overtaken(
        &self,
        news: &Result<LedgerView, Arc<LedgerError>>,
        refused: Option<&BTreeSet<TenantId>>,
    ) -> Option<Back> {
        let tools = self.tools;
        let news = match news {
            Ok(news) => news,
            Err(error) => {
                let why = format!(
                    "nothing was uploaded: what other runs announced meanwhile could not be read ({})",
                    error.sentence()
                );
                return Some(Back {
                    happened: Happened::NotStarted,
                    outcome: Outcome::Partial,
                    why,
                });
            }
        };
        if let Some(excess) = self.plan.exceeds(tools.view, news) {
            let why = format!(
                "{} of {} tenants would be written to, together with {} that other runs of this commit announced first, which is over the safety limit. Nothing was uploaded by this run. Make a new plan, have it reviewed, and apply it with `--approve`",
                excess.writes, excess.limits.fleet, excess.earlier
            );
            return Some(Back { happened: Happened::NotStarted, outcome: Outcome::Refused, why });
        }
        let run = &tools.run.author.run;
        match plan::overtaken(news, tools.policy, self.kind, refused?, run)? {
            Canary::Failed(why) => {
                Some(Back { happened: Happened::CanaryFailed, outcome: Outcome::Partial, why })
            }
            Canary::Pending(why) => {
                Some(Back { happened: Happened::CanaryPending, outcome: Outcome::Elsewhere, why })
            }
            Canary::Proved | Canary::First { .. } => None,
        }
    }

    /// Another run announced this very file for another tenant first.
    fn another_tenants(&self, due: &Due, news: &LedgerView) -> Option<Back> {
        let sha256 = due.file()?.sha256;
        let is_it = |record: &&Record| {
            record.event() == Event::Intended
                && record.run != self.tools.run.author.run
                && record.sha256() == Some(sha256)
        };
        let others = news.tenants.iter().filter(|(tenant, _)| **tenant != due.tenant.tenant_id);
        let other = others.flat_map(|(_, ledger)| &ledger.records).find(is_it)?;
        let why = format!(
            "another run ({}) announced this very file for the tenant {} first. A token file is one tenant's: find out whose it is",
            other.run, other.name
        );
        Some(Back { happened: Happened::Refused, outcome: Outcome::Refused, why })
    }

    /// The run whose earlier intent for this token wins, or that uploaded the file since this run
    /// read the ledger, in a sentence.
    fn elsewhere(&self, due: &Due, chain: &TenantLedger) -> Option<Back> {
        let tools = self.tools;
        let run = &tools.run.author.run;
        let known = tools.view.tenant(due.tenant.tenant_id).last_seq();
        let sent = chain.records.iter().find(|record| {
            known < record.seq
                && record.run != *run
                && matches!(record.event(), Event::Applied | Event::Confirmed)
                && record.kind() == Some(self.kind)
                && record.sha256().is_some()
                && record.sha256() == due.file().map(|file| file.sha256)
        });
        if let Some(sent) = sent {
            return Some(Back::elsewhere(format!(
                "another run ({}) uploaded this file on {}; nothing was uploaded by this run",
                sent.run, sent.at
            )));
        }
        let holder = holder(due, chain, tools)?;
        let until = holder.lease_until.map(|until| format!(" and may write until {until}"));
        let (run, until) = (holder.run(), until.unwrap_or_default());
        Some(Back::elsewhere(format!(
            "another run ({run}) recorded its intent to upload this {} first{until}; nothing was uploaded by this run",
            self.kind
        )))
    }

    /// One tenant's tokens of this kind, in order. A token that landed in another location stops
    /// the rest of them: the next one might take that location away as well.
    async fn tenant(&self, turns: Vec<Turn<'a>>) -> Results<'a> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let mut results: Results<'a> = Vec::new();
        let mut stop: Option<String> = None;
        for turn in turns {
            let due = turn.island.due;
            let done = match &stop {
                Some(why) => turn.island.not_sent(Happened::NotStarted, why).await,
                // A panic is a mistake in this program; it ends this token's turn and no other.
                None => AssertUnwindSafe(turn.run()).catch_unwind().await.unwrap_or_else(|_| {
                    Done { details: vec![INTERNAL.to_owned()], ..Done::of(Happened::Unknown) }
                }),
            };
            if is_wrong_location(&done) {
                stop = Some(format!(
                    "not uploaded, because {} turned out to belong to another location",
                    due.token.token
                ));
            }
            self.tools.progress.advance(due.tenant.name.as_str());
            results.push((due, done));
        }
        results
    }
}

/// One write from its intent to its end.
struct Turn<'a> {
    island: Island<'a>,
    lease: Option<Timestamp>,
    /// Why it is handed back, although it was announced.
    back: Option<Back>,
}

/// Why an announced write is handed back: another run was first.
#[derive(Clone)]
struct Back {
    happened: Happened,
    outcome: Outcome,
    why: String,
}

impl Back {
    /// The other run writes to this token.
    fn elsewhere(why: String) -> Self {
        Self { happened: Happened::InProgressElsewhere, outcome: Outcome::Elsewhere, why }
    }

    /// What the first of a kind was handed back for, where that stands against the others as well.
    fn of_all(first: &Done) -> Option<Self> {
        let is_over_limit =
            first.happened == Happened::NotStarted && first.outcome == Outcome::Refused;
        let is_of_all = is_over_limit
            || matches!(first.happened, Happened::CanaryPending | Happened::CanaryFailed);
        let why = first.details.first().cloned().unwrap_or_default();
        is_of_all.then_some(Self { happened: first.happened, outcome: first.outcome, why })
    }

    fn done(&self) -> Done {
        let details = vec![self.why.clone()];
        Done { details, outcome: self.outcome, ..Done::of(self.happened) }
    }
}

impl Turn<'_> {
    async fn run(mut self) -> Done {
        let island = self.island;
        if island.tools.stopped() {
            let why = "the run was stopped before this write".to_owned();
            let cause = record::cause(FailureCode::NotSent, why.clone());
            let done = Done::of(Happened::NotStarted);
            let done = Done { details: vec![why], outcome: Outcome::Interrupted, ..done };
            return island.close(cause, done).await;
        }
        if let Some(back) = self.back.take() {
            let cause = record::cause(FailureCode::NotSent, back.why.clone());
            return island.close(cause, back.done()).await;
        }
        let live = match self.compare().await {
            Ok(live) => live,
            Err(done) => return done,
        };
        match self.extend_lease().await {
            Ok(None) => {}
            Ok(Some(why)) => return island.not_sent(Happened::InProgressElsewhere, why).await,
            Err(error) => return Done::unrecorded(&error.sentence(), Happened::NotStarted),
        }
        // Announcing, reading and other tenants' turns took their time.
        if let Some((happened, why)) = island.tools.not_in_force(island.due).await {
            return island.not_sent(happened, why).await;
        }
        let tenant = &island.due.tenant;
        let Some(auth) = island.tools.policy.auth_of(tenant.auth.as_deref()) else {
            return island.not_sent(Happened::Failed, NO_PROFILE).await;
        };
        match island.tools.connector.writer(tenant.tenant_id, auth) {
            Ok(writer) => island.send(&writer, &live).await,
            Err(error) => island.not_sent(Happened::Failed, error.to_string()).await,
        }
    }

    /// Reads Intune again: it can have moved since the plan was made. An error is the end of a write that is not to be sent.
    async fn compare(&self) -> Result<LiveTenant, Done> {
        let island = &self.island;
        let not = |happened, why: String| island.not_sent(happened, why);
        let Some(live) = island.read().await else {
            return Err(not(Happened::Failed, NO_PROFILE.to_owned()).await);
        };
        if let Some(skew) = live.clock_skew.filter(|skew| skew.abs() > SKEW_LIMIT) {
            let detail = format!(
                "this machine's clock and Microsoft's differ by {} minutes; set the clock, then run again",
                skew / 60
            );
            return Err(not(Happened::Failed, detail).await);
        }
        if let Some(problem) = island.unknown(&live) {
            let detail = problem.detail.as_deref().unwrap_or("Intune could not be read");
            return Err(not(Happened::Failed, format!("{}: {detail}", problem.code)).await);
        }
        let subject = island.subject(&live);
        // What an enrollment file is cannot be seen: there, a change is a change.
        let comparable = island.kind() != Kind::Enrollment && island.due.file().is_some();
        let is_there = |live: &LiveToken<'_>| comparable && island.shows(*live, Answer::None);
        if let Some(live) = subject.filter(is_there) {
            let evidence = Some(Evidence::Inferred);
            return Err(island.confirm(live, Happened::Confirmed, evidence, Vec::new()).await);
        }
        if subject.map(LiveToken::facts) != island.due.before {
            let why = "Intune changed since the plan was made. Make it again: `applecart plan`"
                .to_owned();
            return Err(not(Happened::Stale, why).await);
        }
        Ok(live)
    }

    /// Extends the lease where its last minute is near: a run that lost its lease must not write.
    /// Tells when another run came in between.
    async fn extend_lease(&mut self) -> Result<Option<String>, Arc<LedgerError>> {
        let Island { due, tools, plan_digest, .. } = self.island;
        let now = tools.clock.now();
        if self.lease.is_some_and(|until| now.plus(record::LEASE_MARGIN) < until) {
            return Ok(None);
        }
        let intent = record::intended(due, plan_digest, tools);
        let announced = tools.ledger.announce(vec![intent]).await?;
        let Some(announced) = announced.into_iter().next() else { return Ok(None) };
        self.lease = announced.record.lease_until();
        let chain = announced.chain.within(now);
        Ok(holder(due, &chain, tools).map(|holder| {
            format!(
                "this run waited too long, and another run ({}) recorded its intent to upload meanwhile; nothing was uploaded",
                holder.run()
            )
        }))
    }
}

/// The other run's sending that comes before this run's of the same token, whatever it is called.
fn holder<'c>(due: &Due, chain: &'c TenantLedger, tools: &Tools<'_>) -> Option<Sending<'c>> {
    let (token, now) = (&due.token.token, tools.clock.now());
    chain.holder(token, &tools.run.author.run, now, tools.dead_runs, |sending| {
        identity::is_under_way_as(sending, token, &due.tenant, &due.token)
    })
}

fn held_back<'a>(due: Vec<&'a Due>, happened: Happened, why: &str) -> Results<'a> {
    let done = |due| (due, Done { details: vec![why.to_owned()], ..Done::of(happened) });
    due.into_iter().map(done).collect()
}

fn is_wrong_location(done: &Done) -> bool {
    done.cause.as_ref().is_some_and(|cause| cause.code == FailureCode::WrongLocation)
}

/// What becomes of the others once so many customers' files were refused.
fn after_refusal(who: &str, refusals: usize) -> (Happened, String) {
    if refusals >= REFUSALS {
        return (
            Happened::CanaryFailed,
            format!(
                "{who} was the second customer's file of this kind that Intune refused, and none was seen in Intune yet. If the encoding is wrong, change `wire` in applecart.yaml; else seal other files for those tokens"
            ),
        );
    }
    (
        Happened::CanaryPending,
        format!(
            "{who} was uploaded first, alone, to prove how Intune takes this kind of file, and Intune refused it. Look at that refusal. Later, this tries another customer's file: `applecart apply`"
        ),
    )
}

/// What the first upload of a kind says about the wire encoding.
fn proof(due: &Due, done: &Done) -> Proof {
    let who = format!("{} of {}", due.token.token, due.tenant.name);
    match done.happened {
        Happened::Uploaded | Happened::Created | Happened::Confirmed => Proof::Given,
        // An answer that says that Graph is out of order says nothing about the file.
        Happened::Unknown
            if done
                .cause
                .as_ref()
                .is_some_and(|cause| cause.status.is_some_and(|it| it >= 500)) =>
        {
            Proof::None
        }
        Happened::Progressing | Happened::Unknown => Proof::Awaited(format!(
            "{who} was uploaded first, alone, to prove how Intune takes this kind of file, and Intune does not show it yet. Run this again later: `applecart apply`"
        )),
        _ if is_wrong_location(done) => Proof::Given,
        _ if done.cause.as_ref().is_some_and(Cause::judges_the_encoding) => Proof::Refused(who),
        _ => Proof::None,
    }
}
