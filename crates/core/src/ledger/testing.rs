//! What the ledger's tests share: short ways to write entries.
#![allow(clippy::unwrap_used, reason = "for tests")]

use proptest::prelude::*;

use super::{LedgerView, Tail, TenantLedger, extend};
use crate::model::{
    Actor, Author, Cause, EntryBody, Event, Facts, FailureCode, FileRef, Kind, LedgerEntry, Notice,
    Phase, Sha256, Telling, TenantId, TicketLink, Timestamp, TokenRef, Write, Written,
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

/// What a run writes for an event, about a file or (without a digest) about settings. Of what the
/// event needs besides, it has the simplest.
pub fn body(event: Event, at: Timestamp, sha256: Option<Sha256>) -> EntryBody {
    let what = sha256
        .map_or(Written::Settings, |sha256| Written::File { file: sha256.into(), wire: None });
    let file = sha256.map(FileRef::from);
    let write = Write { what, plan_digest: None };
    match event {
        Event::RenewalOpened => EntryBody::RenewalOpened {
            csr: "-----BEGIN CERTIFICATE REQUEST-----".into(),
            public_key_sha256: sha256.unwrap_or(sha("key")),
        },
        Event::Downloaded => EntryBody::Downloaded { file: file.unwrap_or(sha("file").into()) },
        Event::Intended => {
            EntryBody::Intended { write, lease_until: at.plus(chrono::Duration::minutes(15)) }
        }
        Event::Applied => EntryBody::Applied { write },
        Event::Failed => EntryBody::Failed { file, cause: cause(FailureCode::Rejected) },
        Event::NotLanded => EntryBody::NotLanded { file, cause: None },
        Event::NotShown => EntryBody::NotShown { file: file.unwrap_or(sha("file").into()) },
        Event::OutcomeUnknown => {
            EntryBody::OutcomeUnknown { file: file.unwrap_or(sha("file").into()) }
        }
        Event::Confirmed => EntryBody::Confirmed { file, evidence: None },
        Event::Verified => EntryBody::Verified { file: file.unwrap_or(sha("file").into()) },
        Event::Observed => EntryBody::Observed,
        Event::ChangedOutsideGit => EntryBody::ChangedOutsideGit,
        Event::Adopted => EntryBody::Adopted,
        Event::Acknowledged => {
            EntryBody::Acknowledged { sha256: sha256.unwrap_or(sha("file")), by: None, note: None }
        }
        Event::Joined => EntryBody::Joined { line: "{}".into() },
        Event::Notified => told(Telling::Notified, at),
        Event::TicketOpened => told(Telling::TicketOpened, at),
        Event::TicketNoted => told(Telling::TicketNoted, at),
        Event::TicketClosed => told(Telling::TicketClosed, at),
        Event::TicketReopened => told(Telling::TicketReopened, at),
        Event::TicketLinked => EntryBody::TicketLinked {
            ticket: TicketLink {
                key: "ticket".into(),
                number: "4711".into(),
                sink: None,
                client: None,
            },
        },
    }
}

fn told(event: Telling, on: Timestamp) -> EntryBody {
    let (key, sink, step) = ("key".into(), "hub".into(), "raised-1".into());
    let (delivery, phase) = (sha("delivery"), Phase::Sent);
    EntryBody::Told {
        event,
        notice: Notice { key, sink, step, delivery, on, phase, client: None, matter: None },
    }
}

/// A line that says that something did not arrive at this sink.
pub fn undelivered(sink: &str, on: Timestamp) -> LedgerEntry {
    let mut body = told(Telling::Notified, on);
    if let EntryBody::Told { notice, .. } = &mut body {
        (notice.sink, notice.phase) = (sink.into(), Phase::Failed { why: "no answer".into() });
    }
    LedgerEntry::new(on, "contoso".parse().unwrap(), None, &author("run-1"), body)
}

/// A line that says that this sink took a step of the ticket of a push certificate that expires on
/// 2027-11-20, for this customer of its ticket system.
pub fn ticketed(
    tenant: TenantId,
    sink: &str,
    step: &str,
    client: &str,
    on: Timestamp,
) -> LedgerEntry {
    let mut body = told(Telling::TicketOpened, on);
    if let EntryBody::Told { notice, .. } = &mut body {
        notice.key = format!("{tenant}/push/-/renewal-due/2027-11-20");
        (notice.sink, notice.step) = (sink.into(), step.into());
        notice.client = Some(client.into());
    }
    let (name, token) = ("contoso".parse().unwrap(), TokenRef::push());
    LedgerEntry::new(on, name, token, &author("run-1"), body)
}

/// A line that says which number the same ticket has there.
pub fn linked(
    tenant: TenantId,
    sink: &str,
    number: &str,
    client: &str,
    on: Timestamp,
) -> LedgerEntry {
    let ticket = TicketLink {
        key: format!("{tenant}/push/-/renewal-due/2027-11-20"),
        number: number.into(),
        sink: Some(sink.into()),
        client: Some(client.into()),
    };
    let (name, token) = ("contoso".parse().unwrap(), TokenRef::push());
    LedgerEntry::new(on, name, token, &author("run-1"), EntryBody::TicketLinked { ticket })
}

/// A cause with a status and nothing else.
pub fn cause(code: FailureCode) -> Cause {
    Cause { code, status: Some(400), request_id: None, detail: None }
}

/// An entry about the push certificate of `contoso`.
pub fn draft(event: Event, minute: i64, run: &str, sha256: Option<Sha256>) -> LedgerEntry {
    let (at, name) = (at(minute), "contoso".parse().unwrap());
    LedgerEntry::new(at, name, TokenRef::push(), &author(run), body(event, at, sha256))
}

/// A ledger with this chain of one tenant.
pub fn view_of(number: u32, entries: &[LedgerEntry]) -> LedgerView {
    let ledger = TenantLedger::from_entries(entries.to_vec());
    LedgerView { tenants: [(tenant(number), ledger)].into(), ..LedgerView::default() }
}

/// The same entry about another tenant.
pub fn named(number: u32, entry: LedgerEntry) -> (TenantId, LedgerEntry) {
    let name = format!("tenant-{number}").parse().unwrap();
    (tenant(number), LedgerEntry { name, ..entry })
}

/// An intent with a lease of 15 minutes.
pub fn intent(minute: i64, run: &str, sha256: Sha256) -> LedgerEntry {
    draft(Event::Intended, minute, run, Some(sha256))
}

/// A line that says that the upload of this file failed with this code.
pub fn failure(minute: i64, run: &str, sha256: Sha256, code: FailureCode) -> LedgerEntry {
    let body = EntryBody::Failed { file: Some(sha256.into()), cause: cause(code) };
    LedgerEntry { body, ..draft(Event::Failed, minute, run, Some(sha256)) }
}

/// Any entry, with text of every kind.
pub fn arbitrary_draft() -> impl Strategy<Value = LedgerEntry> {
    let event = prop::sample::select(Event::ALL.to_vec());
    let text = prop::option::of(any::<String>());
    (event, 0i64..1_000_000, any::<String>(), text.clone(), text, any::<Option<u16>>()).prop_map(
        |(event, minute, run, name, detail, status)| {
            let mut entry = LedgerEntry {
                token: Some(TokenRef { kind: Kind::Vpp, id: detail.clone(), name: name.clone() }),
                after: Some(Facts { location: name, ..Facts::default() }),
                ..draft(event, minute, &run, Some(sha(&run)))
            };
            match &mut entry.body {
                EntryBody::Failed { cause, .. } => (cause.status, cause.detail) = (status, detail),
                EntryBody::Acknowledged { note, .. } => *note = detail,
                EntryBody::Joined { line } => *line = detail.unwrap_or_default(),
                EntryBody::Intended { write, .. } => write.plan_digest = detail,
                _ => {}
            }
            entry
        },
    )
}

impl LedgerEntry {
    /// The entry of a write that this plan asked for.
    pub fn planned(mut self, digest: &str) -> Self {
        if let EntryBody::Intended { write, .. } | EntryBody::Applied { write } = &mut self.body {
            write.plan_digest = Some(digest.to_owned());
        }
        self
    }

    /// The entry of an upload in this wire encoding.
    pub fn in_wire(mut self, encoding: &str) -> Self {
        if let EntryBody::Intended { write, .. } | EntryBody::Applied { write } = &mut self.body
            && let Written::File { wire, .. } = &mut write.what
        {
            *wire = Some(encoding.to_owned());
        }
        self
    }
}

impl TenantLedger {
    /// The ledger that appending `entries` to nothing gives.
    pub fn from_entries(entries: Vec<LedgerEntry>) -> Self {
        let records = extend(Tail::EMPTY, entries).unwrap().records;
        Self { records, ..Self::default() }
    }
}
