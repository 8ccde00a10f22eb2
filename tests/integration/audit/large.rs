//! A long clean history.

use applecart_core::ledger::testing::body;
use applecart_core::model::{Actor, Author, Event, LedgerEntry, Sha256, Timestamp, TokenRef};
use applecart_io::store::Ledger;

use super::found;
use crate::world::{World, tenant_id};

#[test]
fn ten_thousand_clean_entries_yield_no_finding() {
    const TENANTS: usize = 20;
    const ROUNDS: usize = 125;
    let world = World::new();
    let names: Vec<String> = (0..TENANTS).map(|index| format!("tenant-{index:02}")).collect();
    let mut digests = Vec::new();
    for name in &names {
        let certificate = world.issue(None, 300);
        world.tenant(name, &certificate);
        digests.push(Sha256::of(certificate.pem.as_bytes()));
    }
    world.commit("Twenty");
    let rev = world.git(&["rev-parse", "HEAD"]);
    let mut ledger = Ledger::open(&world.repo(), "applecart/ledger").unwrap();
    let mut drafts = Vec::new();
    for round in 0..ROUNDS {
        let run = format!("run-{round}");
        let actor = Actor { user: Some("dana".into()), host: None, pipeline: None };
        let author = Author { run, clone: "clone".into(), actor };
        for (name, sha256) in names.iter().zip(&digests) {
            for event in [Event::Intended, Event::Applied, Event::Confirmed, Event::Acknowledged] {
                let at =
                    Timestamp::from_unix(1_700_000_000 + i64::try_from(round).unwrap()).unwrap();
                let body = body(event, at, Some(*sha256));
                let entry =
                    LedgerEntry::new(at, name.parse().unwrap(), TokenRef::push(), &author, body);
                let entry = LedgerEntry { rev: Some(rev.clone()), ..entry.planned("sha256:1") };
                drafts.push((tenant_id(name), entry));
            }
        }
        if round % 5 == 4 {
            ledger.append(&drafts).unwrap();
            drafts.clear();
        }
    }
    let started = std::time::Instant::now();
    let run = world.audit().ends_with(0);
    let took = started.elapsed();
    println!("audit of 10,000 entries: {took:?}");
    assert_eq!(found(&run), Vec::<String>::new());
    let json = run.json();
    assert_eq!(json["ledger"]["entries"], TENANTS * ROUNDS * 4);
    assert_eq!(json["uploads"], TENANTS * ROUNDS);
}
