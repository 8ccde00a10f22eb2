//! What was read of the ledger, and the questions that planning asks it.
//!
//! Everything here is a pure question over records whose chains are verified. A token is matched
//! by [`TokenRef::same_token`](crate::model::TokenRef::same_token): by its id once both sides know one, else by its name. Callers
//! that know only a name ask [`TenantLedger::known_id`] first.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod of_tenant;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::origin::{Line, Lines, Provenance};
use super::sending::Sending;
use crate::fleet::Owned;
use crate::model::{
    Event, FailureCode, Kind, LocationId, Record, Sha256, TenantId, Timestamp, TokenRef, Topic,
};
pub use of_tenant::Remade;
use of_tenant::is_seen;

/// The whole ledger, as read at one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerView {
    /// Every tenant that has a file that could be read.
    pub tenants: BTreeMap<TenantId, TenantLedger>,
    /// Tenants whose file is broken, and the sentence that says how. Of these nothing is known:
    /// no upload may follow, and nothing is appended to their files.
    pub broken: BTreeMap<TenantId, String>,
    /// Lines that have no effect: dated in the future, with a lease longer than a run may have, or with
    /// another key than the one of the request that they hold.
    pub set_aside: BTreeMap<TenantId, Vec<Record>>,
    /// Tenants whose notes are broken, and how. Their ledger is known; what people recorded is not.
    pub broken_notes: BTreeMap<TenantId, String>,
    /// Who was told of what, and of tickets, in the order of each chain; the fleet's own matters stand
    /// under [`TenantId::FLEET`]. Nothing that is asked about a token's past looks at it.
    pub told: BTreeMap<TenantId, Vec<Record>>,
    /// Why the notes of all tenants are unknown.
    pub lost_notes: Option<String>,
    /// The branch's tip; `None` when the branch is proved absent.
    pub head: Option<String>,
    /// How many of the entries this clone has recorded and not pushed yet.
    pub unpushed: usize,
}

/// One tenant's records, in the order of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantLedger {
    pub records: Vec<Record>,
    /// What the base's history says beside the records.
    pub first_topic: FirstTopic,
    /// The location at Apple that each VPP entry named first in the base's history, of those that name
    /// one and have no surer word in the records.
    pub first_locations: BTreeMap<TokenRef, LocationId>,
    /// The places of lines about push topics that no commit of the base bears out. Anybody who may push
    /// the ledger can write such a line, so it settles nothing.
    pub unbacked: BTreeSet<u64>,
    /// Where the requests for Apple in question come from, by the hashes of their lines.
    pub provenance: BTreeMap<Sha256, Provenance>,
}

/// The push topic that a tenant's entry named first in the base's history, while it only watched
/// Intune's certificate. Nobody who edits the entry later can change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FirstTopic {
    /// No revision named one, or nobody looked.
    #[default]
    None,
    Named(Topic),
    /// Two lines of history named these, and neither comes after the other.
    Disputed(Vec<Topic>),
    /// The entry's oldest revisions cannot be read, or this clone does not have them.
    Unknown,
}

/// Which tenants a folder, a digest or a topic was ever meant for or seen in.
///
/// An index, made once: asking every record again for every token would be quadratic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings(HashMap<Owned, BTreeSet<TenantId>>);

/// No tenant at all, for answers by reference.
static NO_TENANT: BTreeSet<TenantId> = BTreeSet::new();
/// A tenant without records, for answers by reference.
static NO_RECORD: TenantLedger = TenantLedger {
    records: Vec::new(),
    first_topic: FirstTopic::None,
    first_locations: BTreeMap::new(),
    unbacked: BTreeSet::new(),
    provenance: BTreeMap::new(),
};

impl LedgerView {
    /// One tenant's records; none when it has no file. Callers look at [`LedgerView::broken`]
    /// first: a broken file is not an empty one.
    pub fn tenant(&self, tenant: TenantId) -> &TenantLedger {
        self.tenants.get(&tenant).unwrap_or(&NO_RECORD)
    }

    /// Notes that a tenant's file is broken, and why.
    pub fn breaks(&mut self, tenant: TenantId, why: String) {
        self.tenants.remove(&tenant);
        self.broken.insert(tenant, why);
    }

    /// Why it is unknown what people recorded of a tenant. A certificate of it may then answer a
    /// request that nobody sees any more.
    pub fn notes_unknown(&self, tenant: TenantId) -> Option<&str> {
        self.broken_notes.get(&tenant).or(self.lost_notes.as_ref()).map(String::as_str)
    }

    /// Why what was recorded of a tenant is unknown, be it by runs or by people.
    pub fn unknown_of(&self, tenant: TenantId) -> Option<&str> {
        let broken = self.broken.get(&tenant).map(String::as_str);
        broken.or_else(|| self.notes_unknown(tenant))
    }

    /// The lines of all requests for Apple.
    pub fn requests(&self) -> Lines {
        let records = self.tenants.iter().flat_map(|(&tenant, ledger)| {
            ledger.records.iter().map(move |record| (tenant, record))
        });
        let requests = records.filter(|(_, record)| record.request().is_some());
        requests.filter_map(|(tenant, record)| Line::of(tenant, record)).collect()
    }

    /// The lines of requests for Apple whose origin decides something: those of open renewals, and
    /// those that name one key for two tenants.
    pub fn requests_in_question(&self) -> Lines {
        let mut tenants_of: HashMap<Sha256, BTreeSet<TenantId>> = HashMap::new();
        for (&tenant, ledger) in &self.tenants {
            for (_, key) in ledger.records.iter().filter_map(|record| record.request()) {
                tenants_of.entry(key).or_default().insert(tenant);
            }
        }
        let is_shared = |record: &Record| {
            let tenants = record.request().and_then(|(_, key)| tenants_of.get(&key));
            tenants.is_some_and(|tenants| tenants.len() > 1)
        };
        let mut lines = Lines::new();
        for (&tenant, ledger) in &self.tenants {
            let requests = ledger.records.iter().filter(|record| record.request().is_some());
            let tokens: BTreeSet<_> =
                requests.clone().filter_map(|record| record.token.as_ref()).collect();
            let open = tokens.into_iter().flat_map(|token| ledger.opened(token, None));
            let shared = requests.filter(|record| is_shared(record));
            lines.extend(open.chain(shared).filter_map(|record| Line::of(tenant, record)));
        }
        lines
    }

    /// The tenants to which folders, digests and topics are bound: by an intent, an accepted or a
    /// confirmed sending, or (topics) because Intune was seen with it.
    pub fn bindings(&self) -> Bindings {
        let mut bindings = Bindings::default();
        for (&tenant, ledger) in &self.tenants {
            let mut seen_first: Option<&Topic> = None;
            for record in &ledger.records {
                let sent =
                    matches!(record.event(), Event::Intended | Event::Applied | Event::Confirmed);
                let seen = matches!(
                    record.event(),
                    Event::Verified | Event::Observed | Event::ChangedOutsideGit | Event::Adopted
                );
                let verified = record.event() == Event::Verified;
                let mut bind = |owned| bindings.0.entry(owned).or_default().insert(tenant);
                if let Some(sha256) = record.sha256().filter(|_| sent || verified) {
                    bind(Owned::File(sha256));
                    bind(Owned::Folder(record.name.as_str().to_owned()));
                }
                if let Some(location) = record.location_id.clone().filter(|_| sent || verified) {
                    bind(Owned::Location(location));
                }
                let topic = record.after.as_ref().and_then(|facts| facts.topic.as_ref());
                if let Some(topic) = topic.filter(|_| sent || seen) {
                    // What somebody put over a watched certificate may be another customer's, whom it
                    // must not keep from uploading.
                    let is_put_over = record.event() == Event::Observed
                        && seen_first.is_some_and(|first| first != topic);
                    if !is_put_over {
                        bind(Owned::Topic(topic.clone()));
                    }
                    seen_first.get_or_insert(topic);
                }
            }
        }
        bindings
    }

    /// Every unfinished sending of a run other than `run` that may still be writing.
    pub fn leases(
        &self,
        run: &str,
        now: Timestamp,
        dead: &BTreeSet<String>,
    ) -> Vec<(TenantId, Sending<'_>)> {
        let leased = |sending: &Sending<'_>| sending.run() != run && sending.is_leased(now, dead);
        self.tenants
            .iter()
            .flat_map(|(&tenant, ledger)| {
                ledger.all_unfinished().into_iter().map(move |sending| (tenant, sending))
            })
            .filter(|(_, sending)| leased(sending))
            .collect()
    }

    /// The tenants for which any run of the fleet commit `rev` intended a sending and did not hand
    /// it back; the safety limits count them together.
    pub fn intended_at(&self, rev: &str) -> BTreeSet<TenantId> {
        let intends = |ledger: &TenantLedger, place: usize, record: &Record| {
            let is_handed_back = |later: &Record| {
                later.run == record.run
                    && later.is_of_token_of(record)
                    && later.cause().is_some_and(|cause| cause.code == FailureCode::NotSent)
            };
            record.event() == Event::Intended
                && record.rev.as_deref() == Some(rev)
                && !ledger.records.iter().skip(place + 1).any(is_handed_back)
        };
        self.tenants
            .iter()
            .filter(|(_, ledger)| {
                let mut records = ledger.records.iter().enumerate();
                records.any(|(place, record)| intends(ledger, place, record))
            })
            .map(|(&tenant, _)| tenant)
            .collect()
    }

    /// Whether this wire encoding of this kind is proved: some tenant has an `applied` with it and
    /// a later line of the same token and digest that says that Intune has it, be it in another
    /// location than it was meant for.
    pub fn is_wire_proved(&self, kind: Kind, wire: &str) -> bool {
        self.tenants.values().any(|ledger| {
            ledger.records.iter().enumerate().any(|(index, applied)| {
                applied.event() == Event::Applied
                    && applied.kind() == Some(kind)
                    && applied.wire() == Some(wire)
                    && ledger.records.iter().skip(index + 1).any(|later| {
                        is_seen(later)
                            && later.sha256() == applied.sha256()
                            && later.is_of_token_of(applied)
                    })
            })
        })
    }
}

impl Bindings {
    /// The tenants for which this was intended, applied, confirmed or verified, or (topics) that were
    /// seen with it.
    pub fn of(&self, owned: &Owned) -> &BTreeSet<TenantId> {
        self.0.get(owned).unwrap_or(&NO_TENANT)
    }
}

#[cfg(test)]
mod tests;
