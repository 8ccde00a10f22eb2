//! What the ledger's tests share: short ways to write entries.
#![allow(clippy::unwrap_used, reason = "for tests")]

use proptest::prelude::*;

use super::{Author, Draft, Tail, TenantLedger, extend};
use crate::model::{
    Actor, Cause, Event, Facts, FailureCode, Kind, Sha256, TenantId, Timestamp, TokenRef,
};

/// An instant, so many minutes after the tests' beginning of time.
pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_unix(1_800_000_000 + minutes * 60).unwrap()
}

/// A digest that is told apart by `text`.
pub fn sha(text: &str) -> Sha256 {
    Sha256::of(text.as_bytes())
}

/// A tenant id that is told apart by `number`.
pub fn tenant(number: u32) -> TenantId {
    format!("00000000-0000-4000-8000-{number:012}").parse().unwrap()
}

/// A VPP token whose id is not known.
pub fn vpp(name: &str) -> TokenRef {
    TokenRef { kind: Kind::Vpp, id: None, name: Some(name.into()) }
}

/// The writer of run `run` in clone `clone-1`.
pub fn author(run: &str) -> Author {
    let actor = Actor { user: Some("dana".into()), host: Some("desk".into()), pipeline: None };
    Author { run: run.into(), clone: "clone-1".into(), actor }
}

/// An entry about the push certificate of `contoso`.
pub fn draft(event: Event, minute: i64, run: &str, sha256: Option<Sha256>) -> Draft {
    let name = "contoso".parse().unwrap();
    Draft { sha256, ..Draft::new(at(minute), event, name, TokenRef::push(), &author(run)) }
}

/// The same entry about another tenant.
pub fn named(number: u32, draft: Draft) -> (TenantId, Draft) {
    let name = format!("tenant-{number}").parse().unwrap();
    (tenant(number), Draft { name, ..draft })
}

/// An intent with a lease of 15 minutes.
pub fn intent(minute: i64, run: &str, sha256: Sha256) -> Draft {
    Draft {
        lease_until: Some(at(minute + 15)),
        ..draft(Event::Intended, minute, run, Some(sha256))
    }
}

/// A failure.
pub fn failure(minute: i64, run: &str, sha256: Sha256, code: FailureCode) -> Draft {
    let cause = Cause { code, status: Some(400), request_id: None, detail: None };
    Draft { cause: Some(cause), ..draft(Event::Failed, minute, run, Some(sha256)) }
}

/// Any entry, with text of every kind.
pub fn arbitrary_draft() -> impl Strategy<Value = Draft> {
    let event = prop::sample::select(vec![
        Event::Intended,
        Event::Applied,
        Event::Failed,
        Event::Confirmed,
        Event::ChangedOutsideGit,
        Event::Notified,
    ]);
    let text = prop::option::of(any::<String>());
    (event, 0i64..1_000_000, any::<String>(), text.clone(), text, any::<Option<u16>>()).prop_map(
        |(event, minute, run, name, detail, status)| Draft {
            token: TokenRef { kind: Kind::Vpp, id: detail.clone(), name: name.clone() },
            after: Some(Facts { location: name, ..Facts::default() }),
            cause: Some(Cause { code: FailureCode::Rejected, status, request_id: None, detail }),
            ..draft(event, minute, &run, Some(sha(&run)))
        },
    )
}

impl TenantLedger {
    /// The ledger that appending `drafts` to nothing gives.
    pub fn from_drafts(drafts: Vec<Draft>) -> Self {
        Self { records: extend(Tail::EMPTY, drafts).unwrap().records }
    }
}
