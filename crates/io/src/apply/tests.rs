//! One tenant's panic, or a file that takes for ever, ends nothing but that tenant's turn.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests build repositories")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use super::*;
use crate::apple::{Apple, Place};
use crate::intune::{ClientSecret, Connector, ConnectorOptions, Overrides};
use crate::seams::{Clock, MachineClock};
use crate::store::{Ledger, LedgerWriter};
use crate::vault::Secret;
use applecart_core::fleet::Desired;
use applecart_core::model::{Actor, Author, LiveTenant, Reading, Sha256, Timestamp};
use applecart_core::plan::world::{policy, push_entry, tenant};
use applecart_core::plan::{self, Input, Known, Limits, Selection, Source};
use applecart_core::rules::bindings::Bindings;
use applecart_core::rules::requests::Requests;
use applecart_simulator::{
    Options, PushRequest, Simulator, Tenant, WRITER_CLIENT_ID, WRITER_SECRET,
};

struct Now(Timestamp);

impl Clock for Now {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn elapsed(&self) -> Duration {
        MachineClock.elapsed()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        MachineClock.sleep(time)
    }

    fn pause(&self, time: Duration) {
        MachineClock.pause(time);
    }
}

struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _: usize) {}
    fn advance(&self, _: &str) {}
    fn end(&self) {}
}

/// Gives each blob's bytes, and panics where it has none.
struct Blobs(BTreeMap<String, Vec<u8>>);

impl Files for Blobs {
    fn open(&self, blob: &str) -> Result<Secret, FilesError> {
        Ok(Secret::new(self.0.get(blob).expect("a parser's mistake").clone()))
    }
}

/// Gives each blob's bytes, and takes for ever where it has none.
struct Endless(BTreeMap<String, Vec<u8>>);

impl Files for Endless {
    fn open(&self, blob: &str) -> Result<Secret, FilesError> {
        match self.0.get(blob) {
            Some(bytes) => Ok(Secret::new(bytes.clone())),
            None => loop {
                std::thread::sleep(Duration::from_secs(60));
            },
        }
    }
}

#[tokio::test]
async fn a_panic_over_one_file_leaves_the_other_tenants_alone() {
    let report = applied(|blobs| Arc::new(Blobs(blobs)), Duration::from_secs(60), None).await;
    assert!(refused(&report).contains("internal error"));
}

#[tokio::test]
async fn files_that_take_for_ever_to_open_are_left_behind_and_cost_their_time_once() {
    let begun = Instant::now();
    let report = applied(|blobs| Arc::new(Endless(blobs)), Duration::from_secs(5), None).await;
    assert!(refused(&report).contains("takes more than 5 seconds to open"), "{report:?}");
    // There are three of them.
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
}

/// A base that stands by the run until it was asked so often, and then does not answer.
struct Silent {
    after: usize,
    asked: AtomicUsize,
}

impl InForce for Silent {
    fn judge<'a>(&'a self, _: &'a applecart_core::fleet::Tenant) -> BoxFuture<'a, Still> {
        let is_silent = self.asked.fetch_add(1, Ordering::Relaxed) >= self.after;
        let unknown = Still::Unknown { why: "the remote went away".into() };
        Box::pin(std::future::ready(if is_silent { unknown } else { Still::InForce }))
    }
}

#[tokio::test]
async fn a_base_that_is_unknown_halfway_through_lets_no_further_write_begin() {
    // Before the announcement, and after it, directly before the write.
    for after in [0, 1] {
        let base = Silent { after, asked: AtomicUsize::new(0) };
        let opening = Duration::from_secs(60);
        let report = applied(|blobs| Arc::new(Blobs(blobs)), opening, Some(&base)).await;
        let contoso = report.results.iter().find(|result| result.tenant == "contoso").unwrap();
        assert_eq!(contoso.result, Happened::NotStarted, "{after}: {:?}", contoso.details);
        let why = &contoso.details[0];
        assert!(why.contains("base-unknown: the remote went away"), "{after}: {why}");
        assert!(report.exits.contains(&Outcome::Partial.code()), "{after}: {:?}", report.exits);
    }
}

/// Contoso was uploaded; why fabrikam's file was refused.
fn refused(report: &ApplyReport) -> String {
    let of = |name: &str| report.results.iter().find(|result| result.tenant == name).unwrap();
    assert_eq!(of("contoso").result, Happened::Uploaded, "{:?}", of("contoso").details);
    assert_eq!(of("fabrikam").result, Happened::Refused);
    assert_eq!(report.outcome, Outcome::Refused);
    of("fabrikam").details[0].clone()
}

/// Four first uploads, of which only contoso's file is among the blobs.
async fn applied(
    files: impl FnOnce(BTreeMap<String, Vec<u8>>) -> Arc<dyn Files>,
    opening: Duration,
    in_force: Option<&dyn InForce>,
) -> ApplyReport {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let now = Timestamp::new(simulator.state().now());
    let mut policy = policy();
    policy.auth.client_id = WRITER_CLIENT_ID.to_owned();
    let mut fleet = Vec::new();
    let mut blobs = BTreeMap::new();
    for (name, number) in [("contoso", 1), ("fabrikam", 2), ("northwind", 3), ("tailspin", 4)] {
        let request = PushRequest::new(now.date_time() - chrono::Duration::days(1));
        let issued = simulator.apple().issue(&request).unwrap();
        let expires = Timestamp::new(issued.not_after).to_string();
        let mut tenant = tenant(name, number);
        let mut entry = push_entry(&issued.serial, &issued.topic, &expires);
        let file = entry.file.as_mut().unwrap();
        file.sha256 = Sha256::of(issued.pem.as_bytes());
        if name == "contoso" {
            blobs.insert(file.blob.clone(), issued.pem.into_bytes());
        }
        tenant.push = Some(entry);
        simulator.state().add_tenant(Tenant::new(tenant.tenant_id)).unwrap();
        fleet.push(tenant);
    }
    let live = fleet
        .iter()
        .map(|tenant| {
            let absent = LiveTenant { push: Reading::Absent, ..LiveTenant::not_asked() };
            assert!(tenant.watches(Kind::Push));
            (tenant.name.clone(), absent)
        })
        .collect();

    let folder = tempfile::tempdir().unwrap();
    git2::Repository::init(folder.path()).unwrap();
    let ledger = Ledger::open(folder.path(), "applecart/ledger").unwrap();
    let view = ledger.read().unwrap();
    let fleet: Vec<Desired> = fleet.into_iter().map(Desired::Valid).collect();
    let planned = plan::make(&Input {
        now,
        real_now: now,
        rev: Some("1111111111111111111111111111111111111111"),
        policy_rev: None,
        policy: &policy,
        base: None,
        history: &applecart_core::rules::bindings::History::default(),
        fleet: &fleet,
        downloads: &applecart_core::rules::downloads::Downloads::default(),
        selection: &Selection::default(),
        live: &live,
        known: Known::Read(&view),
        readings: &applecart_core::rules::last_known::Readings::new(),
        source: Source::Live,
        dead_runs: &std::collections::BTreeSet::new(),
        retry: false,
    });
    assert_eq!(planned.due.len(), 4);
    let limits = Limits::of(&policy, 4);
    let checked = CheckedPlan::check(planned, limits, Known::Read(&view), None).unwrap();

    let secret = |_: &applecart_core::fleet::Auth| ClientSecret::new(WRITER_SECRET.to_owned());
    let url = simulator.url();
    let options = ConnectorOptions::new(Box::new(secret));
    let overrides = Overrides::parse(Some(&url), Some(&url)).unwrap();
    let connector = Connector::new(ConnectorOptions { overrides, ..options }).unwrap();
    let writer = LedgerWriter::start(ledger).unwrap();
    let author = Author { run: "run".into(), clone: "clone".into(), actor: Actor::default() };
    let place = Place::parse(None, true).unwrap();
    let apple = Apple::new(place, Arc::new(MachineClock)).unwrap();
    let bindings = Bindings::of_fleet(&[]);
    let report = apply(
        &checked,
        &Tools {
            connector: &connector,
            at_apple: &AtApple::new(&apple, &bindings),
            files: files(blobs),
            opening,
            ledger: &writer,
            view: &view,
            requests: &Requests::recorded(&view),
            policy: &policy,
            in_force,
            clock: &Now(now),
            frozen: None,
            run: &RunContext { author, rev: "1111111111111111111111111111111111111111".into() },
            progress: &Quiet,
            parallelism: 2,
            stop: Arc::default(),
            wait: Duration::from_secs(5),
            canary_wait: Duration::from_secs(5),
            dead_runs: &std::collections::BTreeSet::new(),
        },
    )
    .await
    .unwrap();
    writer.close().await.unwrap();

    simulator.stop().await;
    report
}
