//! All due writes of one kind: the canary alone where the wire encoding is not proved, then the
//! others, each tenant by itself.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::Semaphore;

use super::tenant::Island;
use super::{Tools, record, stopped};
use applecart_core::ledger::TenantLedger;
use applecart_core::model::{FailureCode, Kind, Outcome, TenantId};
use applecart_core::plan::{Action, Canary, Due};
use applecart_core::report::Done;
use applecart_core::report::Happened;

/// What is said where this program itself failed.
const INTERNAL: &str = "an internal error ended this tenant's turn; the next `applecart apply` reads first and decides. Please report it";

/// The due writes of one kind.
pub(super) struct Lane<'a> {
    pub(super) kind: Kind,
    pub(super) canary: Option<&'a Canary>,
    pub(super) plan_digest: &'a str,
    pub(super) tools: &'a Tools<'a>,
    /// How many tenants are written to at once, over all kinds.
    pub(super) turns: &'a Semaphore,
}

type Results<'a> = Vec<(&'a Due, Done)>;

/// Whether the encoding is still to be proved after a canary's turn.
enum Proof {
    /// It was seen live.
    Given,
    /// It says nothing about the encoding: another token may try.
    None,
    /// It may still show.
    Awaited(String),
    /// It failed.
    Failed(String),
}

impl<'a> Lane<'a> {
    /// Sends what may be sent. Tokens that have to wait for the canary, or are stopped by it, are
    /// in the result as well.
    pub(super) async fn run(&self, due: Vec<&'a Due>) -> Results<'a> {
        let (uploads, settings): (Vec<&Due>, Vec<&Due>) =
            due.into_iter().partition(|due| due.action != Action::Configure);
        let (mut results, others) = futures::join!(self.uploads(uploads), self.all(settings));
        results.extend(others);
        results
    }

    async fn uploads(&self, mut due: Vec<&'a Due>) -> Results<'a> {
        let mut results = Vec::new();
        let first = match self.canary {
            Some(Canary::First { tenant_id, token }) => (*tenant_id, token.clone()),
            Some(Canary::Pending(why)) => return held_back(due, Happened::CanaryPending, why),
            Some(Canary::Failed(why)) => return held_back(due, Happened::CanaryFailed, why),
            Some(Canary::Proved) | None => return self.all(due).await,
        };
        due.sort_by_key(|due| (due.tenant.tenant_id.to_string(), due.token.token.id.clone()));
        // The plan named the first; where its file was refused meanwhile, the lowest goes.
        let mut at = due
            .iter()
            .position(|due| (due.tenant.tenant_id, &due.token.token) == (first.0, &first.1))
            .unwrap_or_default();
        while !due.is_empty() {
            let canary = due.remove(std::mem::take(&mut at));
            let mut one = self.some(vec![canary], self.tools.canary_wait).await;
            let proof = one.first().map_or(Proof::None, |(due, done)| proof(due, done));
            results.append(&mut one);
            match proof {
                Proof::Given => break,
                Proof::None if stopped(self.tools) => break,
                Proof::None => {}
                Proof::Awaited(why) => {
                    results.extend(held_back(due, Happened::CanaryPending, &why));
                    return results;
                }
                Proof::Failed(why) => {
                    results.extend(held_back(due, Happened::CanaryFailed, &why));
                    return results;
                }
            }
        }
        results.extend(self.all(due).await);
        results
    }

    async fn all(&self, due: Vec<&'a Due>) -> Results<'a> {
        self.some(due, self.tools.wait).await
    }

    /// Announces the writes, then sends them: tenants side by side, one tenant's tokens in order.
    async fn some(&self, due: Vec<&'a Due>, patience: std::time::Duration) -> Results<'a> {
        if due.is_empty() {
            return Vec::new();
        }
        let intents =
            due.iter().map(|due| record::intended(due, self.plan_digest, self.tools)).collect();
        let announced = match self.tools.ledger.announce(intents).await {
            Ok(announced) => announced,
            Err(error) => {
                let why = format!(
                    "nothing was sent, because the ledger did not take the announcement: {error}"
                );
                return due.into_iter().map(|due| (due, Done::not_started(&why))).collect();
            }
        };
        let mut tenants: BTreeMap<TenantId, Vec<Island<'a>>> = BTreeMap::new();
        for (due, announced) in due.into_iter().zip(announced) {
            let island = Island {
                due,
                plan_digest: self.plan_digest,
                tools: self.tools,
                intended_at: announced.record.at,
                lease: announced.record.lease_until,
                elsewhere: self.elsewhere(due, &announced.chain),
                patience,
            };
            tenants.entry(due.tenant.tenant_id).or_default().push(island);
        }
        let count = tenants.len();
        futures::stream::iter(tenants)
            .map(|(_, islands)| self.tenant(islands))
            .buffer_unordered(count)
            .concat()
            .await
    }

    /// The run whose earlier announcement of this token wins, in a sentence.
    fn elsewhere(&self, due: &Due, chain: &TenantLedger) -> Option<String> {
        let tools = self.tools;
        let run = &tools.run.author.run;
        chain.holder(&due.token.token, run, tools.clock.now(), tools.dead_runs).map(|holder| {
            format!(
                "another run ({}) announced this {} first{}",
                holder.run(),
                self.kind,
                holder
                    .lease_until
                    .map(|until| format!(" and may write until {until}"))
                    .unwrap_or_default()
            )
        })
    }

    /// One tenant's tokens of this kind, in order. A token that landed in another location stops
    /// the rest of them: the next one might take that location away as well.
    async fn tenant(&self, islands: Vec<Island<'a>>) -> Results<'a> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let mut results: Results<'a> = Vec::new();
        let mut stop: Option<String> = None;
        for island in islands {
            let due = island.due;
            let done = match &stop {
                Some(why) => island.not_started(why).await,
                // A panic is a mistake in this program; it ends this token's turn and no other.
                None => AssertUnwindSafe(island.run()).catch_unwind().await.unwrap_or_else(|_| {
                    Done { details: vec![INTERNAL.to_owned()], ..Done::of(Happened::Unknown) }
                }),
            };
            if done.cause.as_ref().is_some_and(|cause| cause.code == FailureCode::WrongLocation) {
                stop = Some(format!(
                    "not sent, because {} turned out to belong to another location",
                    due.token.token
                ));
            }
            self.tools.progress.advance(due.tenant.name.as_str());
            results.push((due, done));
        }
        results
    }
}

fn held_back<'a>(due: Vec<&'a Due>, happened: Happened, why: &str) -> Results<'a> {
    due.into_iter()
        .map(|due| {
            let outcome = match happened {
                Happened::CanaryFailed => Outcome::Partial,
                _ => Outcome::Done,
            };
            let details = vec![why.to_owned()];
            (due, Done { details, outcome, ..Done::of(happened) })
        })
        .collect()
}

/// What a canary's turn says about the encoding.
fn proof(due: &Due, done: &Done) -> Proof {
    let who = format!("{} of {}", due.token.token, due.tenant.name);
    match done.happened {
        Happened::Uploaded | Happened::Created | Happened::Confirmed => Proof::Given,
        Happened::Progressing | Happened::Unknown => Proof::Awaited(format!(
            "{who} was sent first to prove the wire encoding and does not show yet; run `applecart apply` again later"
        )),
        _ if done.cause.as_ref().is_some_and(|cause| cause.code.is_definite()) => {
            Proof::Failed(format!(
                "{who} was sent first to prove the wire encoding and failed. If the encoding is wrong, change `wire` in applecart.yaml; else correct or release that token"
            ))
        }
        _ => Proof::None,
    }
}
