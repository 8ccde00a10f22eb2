//! Reading a tenant: one sign-in, one `$batch`, three answers to each question.
//!
//! Each resource is observed by itself. A part of the batch that failed is asked for alone, and
//! what stays unknown leaves the others as they are. Absent is only what Graph names absent.

pub(super) mod customers;
pub(super) mod one;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use azure_core::Bytes;
use reqwest::Method;

use super::batch::{self, Parts};
use super::jwt;
use super::reply::{Fault, Reply};
use super::session::{Ask, Failure, Start, Visit};
use super::wire::{self, Item, Page, ShapeError};
use applecart_core::fleet::Auth;
use applecart_core::model::{Kind, LivePush, LiveTenant, Problem, Reading, Resource, TenantId};
use applecart_core::rules::entra::COUNT_DEVICES;

/// Covers all three resources in a real tenant. Microsoft's permission tables ask for
/// DeviceManagementServiceConfig.ReadWrite.All to read the push certificate.
const READ: &str = "DeviceManagementServiceConfig.Read.All";

/// The application permission listed for reading a consent.
const READ_CONSENT: &str = "DeviceManagementServiceConfig.ReadWrite.All";

/// Where Apple's push consent is, below the API version.
pub(super) const CONSENT: &str = "/deviceManagement/dataSharingConsents/appleMDMPushCertificate";

/// A collection with more pages than this does not end, even with three tokens on each.
const MAX_PAGES: usize = 1_000;
/// All pages of a collection together. The largest that Intune allows has a quarter of it.
const MAX_COLLECTION: usize = 16 << 20;

/// A batch that fails for Graph's own reasons is not asked for often: the single resources may
/// be well.
const BATCH_ATTEMPTS: u32 = 3;

/// What to read of which tenant.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    pub tenant_id: TenantId,
    /// How to sign in there.
    pub auth: Auth,
    /// The kinds to read; the others are not asked for.
    pub watch: BTreeSet<Kind>,
    /// Whether to read the data-sharing consent where there is no push certificate yet.
    pub consent_if_push_absent: bool,
}

/// Which enrollment token's public key to read.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    pub tenant_id: TenantId,
    /// How to sign in there.
    pub auth: Auth,
    /// Graph's id of the token.
    pub id: String,
}

/// Reads a tenant in one visit. `plain_gets` remembers, for all tenants of a run, that
/// this Graph has no `$batch`.
pub(super) async fn read(
    visit: &Visit<'_>,
    request: &ReadRequest,
    plain_gets: &AtomicBool,
) -> LiveTenant {
    if request.watch.is_empty() {
        return LiveTenant::not_asked();
    }
    let may_count = match visit.sign_in().await {
        Ok(bearer) => may_count_devices(bearer.expose()),
        Err(problem) => {
            return LiveTenant { clock_skew: visit.skew(), ..unknown(&problem, &request.watch) };
        }
    };
    let asks_much = request.watch.len() > 1 || may_count;
    let (starts, devices) = if asks_much && !plain_gets.load(Ordering::Relaxed) {
        ask_batch(visit, &request.watch, may_count, plain_gets).await
    } else {
        (BTreeMap::new(), None)
    };
    let start = |kind| starts.get(&kind).cloned().unwrap_or_default();
    let watched = |kind| request.watch.contains(&kind);
    let (push, enrollment, vpp) = futures::join!(
        async {
            match watched(Kind::Push) {
                true => read_push(visit, start(Kind::Push)).await,
                false => Reading::NotAsked,
            }
        },
        async {
            match watched(Kind::Enrollment) {
                true => {
                    read_all::<wire::Enrollment>(visit, Kind::Enrollment, start(Kind::Enrollment))
                        .await
                }
                false => Reading::NotAsked,
            }
        },
        async {
            match watched(Kind::Vpp) {
                true => read_all::<wire::Vpp>(visit, Kind::Vpp, start(Kind::Vpp)).await,
                false => Reading::NotAsked,
            }
        },
    );
    let consent = if request.consent_if_push_absent && push == Reading::Absent {
        read_consent(visit).await
    } else {
        Reading::NotAsked
    };
    LiveTenant {
        push,
        enrollment,
        vpp,
        consent,
        push_signing_request: None,
        push_in_git: None,
        devices,
        clock_skew: visit.skew(),
    }
}

/// A tenant of which nothing could be read, where only what is watched was asked for.
pub(super) fn unknown(problem: &Problem, watch: &BTreeSet<Kind>) -> LiveTenant {
    let mut live = LiveTenant::unknown(problem);
    if !watch.contains(&Kind::Push) {
        live.push = Reading::NotAsked;
    }
    if !watch.contains(&Kind::Enrollment) {
        live.enrollment = Reading::NotAsked;
    }
    if !watch.contains(&Kind::Vpp) {
        live.vpp = Reading::NotAsked;
    }
    live
}

/// Whether the application was given the right to read how many devices there are. Nothing else needs it,
/// so that nobody is asked to give it.
fn may_count_devices(token: &str) -> bool {
    let permissions = jwt::claims(token).map(|claims| claims.permissions).unwrap_or_default();
    permissions.iter().any(|one| one == COUNT_DEVICES)
}

/// What a batch tells about each kind, and how many devices there are; a kind that is missing in the result
/// is asked for alone.
async fn ask_batch(
    visit: &Visit<'_>,
    watch: &BTreeSet<Kind>,
    devices: bool,
    plain_gets: &AtomicBool,
) -> (BTreeMap<Kind, Start>, Option<u64>) {
    let ask = Ask {
        method: Method::POST,
        url: visit.beta("/$batch"),
        body: Some(Bytes::from(batch::body(watch, devices))),
        secret: None,
        attempts: BATCH_ATTEMPTS,
    };
    match visit.ask(&ask, Start::default(), batch::parts).await {
        Ok(Parts { kinds, devices }) => {
            let starts = kinds
                .into_iter()
                // A refused token is not this part's own trouble; alone it gets a fresh one.
                .filter(|(_, part)| part.status != 401)
                .map(|(kind, part)| (kind, Start { answer: Some(part.judge()), attempts: 1 }));
            (starts.collect(), devices)
        }
        Err(Failure { fault, attempts }) => {
            if matches!(fault.status(), Some(404 | 405 | 501)) {
                plain_gets.store(true, Ordering::Relaxed);
            }
            let own_trouble = match &fault {
                Fault::Refused(refusal) => refusal.status < 500 && refusal.status != 429,
                Fault::BadAnswer { .. } => true,
                _ => false,
            };
            if own_trouble || fault.status() == Some(501) {
                return (BTreeMap::new(), None);
            }
            let start = Start { answer: Some(Err(fault)), attempts };
            (watch.iter().map(|kind| (*kind, start.clone())).collect(), None)
        }
    }
}

async fn read_push(visit: &Visit<'_>, start: Start) -> Reading<LivePush> {
    let ask = Ask::get(visit.beta(batch::path(Kind::Push)));
    let parse = |reply: &Reply| Ok((reply.json::<wire::Push>()?, reply.request_id()));
    match visit.ask(&ask, start, parse).await {
        Ok((push, request_id)) => match push.live() {
            Ok(live) => Reading::Present(live),
            Err(error) => Reading::Unknown(misshapen(&error, request_id, Kind::Push)),
        },
        Err(failure) if failure.fault.is_absent() => Reading::Absent,
        Err(failure) => Reading::Unknown(failure.fault.problem(Resource::Push, READ)),
    }
}

/// Reads a collection to its end; one that could not be read to its end is unknown.
async fn read_all<T: Item>(visit: &Visit<'_>, kind: Kind, start: Start) -> Reading<Vec<T::Live>> {
    match all_pages::<T>(visit, batch::path(kind), start).await {
        Ok((items, request_id)) => match wire::collection(items) {
            Ok(all) => Reading::Present(all),
            Err(error) => Reading::Unknown(misshapen(&error, request_id, kind)),
        },
        Err(fault) => Reading::Unknown(fault.problem(kind.into(), READ)),
    }
}

async fn all_pages<T: Item>(
    visit: &Visit<'_>,
    path: &str,
    mut start: Start,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let mut url = visit.beta(path);
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    let mut octets = 0;
    loop {
        let parse =
            |reply: &Reply| Ok((reply.json::<Page<T>>()?, reply.body.len(), reply.request_id()));
        let asked = visit.ask(&Ask::get(url.clone()), std::mem::take(&mut start), parse).await;
        let (page, size, request_id) = asked.map_err(|failure| failure.fault)?;
        octets += size;
        let bad = |detail: &str| Fault::BadAnswer {
            detail: detail.to_owned(),
            request_id: request_id.clone(),
        };
        if octets > MAX_COLLECTION || items.len() + page.value.len() > wire::MAX_ITEMS {
            return Err(bad("more tokens than Intune allows a tenant; the rest was not read"));
        }
        items.extend(page.value);
        let Some(link) = page.next_link else { return Ok((items, request_id)) };
        seen.insert(url);
        url = match visit.own_link(&link) {
            None => return Err(bad("the next page is on another host; it was not asked for")),
            Some(next) if seen.contains(&next) => return Err(bad("the pages lead in a circle")),
            Some(_) if seen.len() >= MAX_PAGES => return Err(bad("the pages do not end")),
            Some(next) => next,
        };
    }
}

async fn read_consent(visit: &Visit<'_>) -> Reading<bool> {
    let ask = Ask::get(visit.beta(CONSENT));
    match visit.ask(&ask, Start::default(), |reply| reply.json::<wire::Consent>()).await {
        Ok(consent) => Reading::Present(consent.granted),
        // No record of a consent is a consent that was not given.
        Err(failure) if failure.fault.status() == Some(404) => Reading::Present(false),
        Err(failure) => Reading::Unknown(failure.fault.problem(Resource::Consent, READ_CONSENT)),
    }
}

fn misshapen(error: &ShapeError, request_id: Option<String>, kind: Kind) -> Problem {
    let detail = format!("Graph answered with {error}");
    let fault = Fault::BadAnswer { detail, request_id };
    fault.problem(kind.into(), READ)
}

#[cfg(test)]
mod tests;
