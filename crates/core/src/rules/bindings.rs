//! What is bound to which tenant: a credential must never reach another customer's Intune.
//!
//! Three witnesses are heard. The planned revision itself, in which nothing may stand twice; the
//! base with its history, which reviewers have agreed to; and the ledger, which knows where a file
//! went. A folder's name, a file and a topic stay with the tenant id that the history gave them
//! first ([`super::claims`]), whatever has been merged since, and with the one that the ledger names.
//! Only a `moves` line of the policy, which comes from the base as well, lets one of them go elsewhere.
//!
//! Where two lines of history claim something and neither comes after the other, it goes to neither.
//! A folder and a topic are then whose the ledger says, if it names one tenant; a file is not, because
//! whoever may push the ledger could have one merged and claim it there.

mod history;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use chrono::NaiveDate;

pub use history::{Bound, History, Moves, Says};

use crate::apple::FileFacts;
use crate::fleet::{Desired, Move, Owned, Tenant, Token};
use crate::ledger::{self, LedgerView, TenantLedger};
use crate::model::{Kind, LocationId, Sha256, TenantId, TenantName, Topic};

/// What stands where in the whole fleet, and what was bound to which tenant before.
pub struct Bindings<'a> {
    tenant_ids: BTreeMap<TenantId, Vec<String>>,
    digests: BTreeMap<Sha256, Vec<String>>,
    blobs: BTreeMap<String, Vec<String>>,
    topics: BTreeMap<Topic, Vec<String>>,
    locations: BTreeMap<LocationId, Vec<String>>,
    /// Which entries Intune was last seen to have a file of the location for.
    seen: BTreeMap<LocationId, Vec<String>>,
    /// Of which location an entry's file is that Git names none for.
    learnt: BTreeMap<String, LocationId>,
    base: BaseBindings,
    ledger: ledger::Bindings,
    history: &'a History,
}

/// What the base revision binds.
#[derive(Default)]
struct BaseBindings {
    folders: HashMap<String, BTreeSet<TenantId>>,
    digests: HashMap<Sha256, BTreeSet<TenantId>>,
    topics: HashMap<Topic, BTreeSet<TenantId>>,
    locations: HashMap<LocationId, BTreeSet<TenantId>>,
}

impl BaseBindings {
    fn of(fleet: &[Desired]) -> Self {
        let mut bindings = Self::default();
        for desired in fleet {
            let Some(id) = desired.tenant_id() else { continue };
            bindings.folders.entry(desired.name().to_owned()).or_default().insert(id);
            for token in desired.valid().into_iter().flat_map(Tenant::tokens) {
                if let Some(file) = &token.file {
                    bindings.digests.entry(file.sha256).or_default().insert(id);
                }
                if let Some(topic) = token.topic() {
                    bindings.topics.entry(topic.clone()).or_default().insert(id);
                }
                if let Some(location) = token.location() {
                    bindings.locations.entry(location.clone()).or_default().insert(id);
                }
            }
        }
        bindings
    }
}

impl<'a> Bindings<'a> {
    /// Looks at every tenant, selected or not. Without a base the planned revision is its own.
    pub fn of(
        fleet: &[Desired],
        base: Option<&[Desired]>,
        ledger: Option<&LedgerView>,
        history: &'a History,
    ) -> Self {
        Self {
            base: base.map(BaseBindings::of).unwrap_or_default(),
            ledger: ledger.map(LedgerView::bindings).unwrap_or_default(),
            ..Self::standing(fleet, ledger, history)
        }
    }

    /// Looks only at what stands in the planned revision.
    pub fn of_fleet(fleet: &[Desired]) -> Bindings<'static> {
        Self::of_recorded_fleet(fleet, None)
    }

    /// Looks only at what stands in the planned revision, and of which location each file in it is by the
    /// ledger.
    pub fn of_recorded_fleet(fleet: &[Desired], ledger: Option<&LedgerView>) -> Bindings<'static> {
        static NO_HISTORY: LazyLock<History> = LazyLock::new(History::default);
        Bindings::standing(fleet, ledger, &NO_HISTORY)
    }

    fn standing(fleet: &[Desired], ledger: Option<&LedgerView>, history: &'a History) -> Self {
        let mut bindings = Self {
            tenant_ids: BTreeMap::new(),
            digests: BTreeMap::new(),
            blobs: BTreeMap::new(),
            topics: BTreeMap::new(),
            locations: BTreeMap::new(),
            seen: BTreeMap::new(),
            learnt: BTreeMap::new(),
            base: BaseBindings::default(),
            ledger: ledger::Bindings::default(),
            history,
        };
        for desired in fleet {
            match desired {
                Desired::Valid(tenant) => {
                    bindings.add(tenant, ledger.map(|view| view.tenant(tenant.tenant_id)));
                }
                Desired::Invalid { name, tenant_id: Some(id), .. } => {
                    bindings.tenant_ids.entry(*id).or_default().push(name.clone());
                }
                Desired::Invalid { tenant_id: None, .. } => {}
            }
        }
        bindings
    }

    fn add(&mut self, tenant: &Tenant, past: Option<&TenantLedger>) {
        let name = tenant.name.to_string();
        self.tenant_ids.entry(tenant.tenant_id).or_default().push(name.clone());
        for token in tenant.tokens() {
            let place = place_of(&tenant.name, token);
            if let Some(file) = &token.file {
                self.digests.entry(file.sha256).or_default().push(place.clone());
                self.blobs.entry(file.blob.clone()).or_default().push(place.clone());
            }
            if let Some(topic) = token.topic() {
                self.topics.entry(topic.clone()).or_default().push(place.clone());
            }
            let past = past.filter(|_| token.token.kind == Kind::Vpp);
            if let Some(seen) = past.and_then(|past| past.location_id(&token.token)) {
                self.seen.entry(seen.clone()).or_default().push(place.clone());
            }
            let learnt = || past?.location_of(&token.token, token.file.as_ref()?.sha256);
            if let Some(location) = token.location().or_else(learnt) {
                if token.location().is_none() {
                    self.learnt.insert(place.clone(), location.clone());
                }
                self.locations.entry(location.clone()).or_default().push(place);
            }
        }
    }

    /// The entries for which Intune was last seen to have a file of a location.
    pub(super) fn seen_of(&self, location: &LocationId) -> impl Iterator<Item = &String> {
        self.seen.get(location).into_iter().flatten()
    }

    /// One sentence for everything of this token that stands in the fleet more than once.
    pub fn duplicates(&self, tenant: &Tenant, token: &Token) -> Vec<String> {
        let mut found = Vec::new();
        let mut twice = |what: &str, places: Option<&Vec<String>>| {
            found.extend(places.and_then(|places| stands_twice(what, places)));
        };
        twice("tenantId", self.tenant_ids.get(&tenant.tenant_id));
        if let Some(file) = &token.file {
            twice("sha256", self.digests.get(&file.sha256));
            twice("token file", self.blobs.get(&file.blob));
        }
        if token.token.kind == Kind::Push {
            twice("topic", token.topic().and_then(|topic| self.topics.get(topic)));
        }
        let learnt = || self.learnt.get(&place_of(&tenant.name, token));
        let location = token.location().or_else(learnt);
        twice("locationId", location.and_then(|location| self.locations.get(location)));
        found
    }

    /// The other entry of the fleet that has a file for a location.
    pub(crate) fn location_elsewhere(
        &self,
        tenant: &Tenant,
        token: &Token,
        location: &LocationId,
    ) -> Option<&str> {
        let own = place_of(&tenant.name, token);
        let places = self.locations.get(location)?;
        places.iter().map(String::as_str).find(|place| *place != own)
    }

    /// One sentence where several folders are of one tenant.
    pub fn folders_of(&self, tenant: &Tenant) -> Option<String> {
        stands_twice("tenantId", self.tenant_ids.get(&tenant.tenant_id)?)
    }

    /// One sentence for everything of this token that belongs to another tenant, by the base or by
    /// the ledger, and that no reviewed line moved.
    pub(crate) fn conflicts(
        &self,
        tenant: &Tenant,
        token: &Token,
        moves: &[Move],
        today: NaiveDate,
    ) -> Vec<String> {
        let Some(file) = &token.file else { return Vec::new() };
        let (kind, mine) = (token.token.kind, tenant.tenant_id);
        let moves = Moves { lines: moves, history: self.history, today };
        let opened = Owned::File(file.sha256);
        let conflict = |owned: &Owned| {
            // What is encrypted moves with what is in it.
            let moved = if matches!(owned, Owned::Sealed(_)) { &opened } else { owned };
            let mut elsewhere = self.elsewhere(owned, mine).into_iter();
            let wrong = elsewhere.find(|one| !moves.lead(moved, kind, one.tenant(), mine))?;
            let way_out = way_out(moved, kind, wrong.tenant(), mine, today);
            Some(format!("{}. {way_out}", wrong.told(owned, mine)))
        };
        let folder = Owned::Folder(tenant.name.as_str().to_owned());
        let of_file = conflict(&opened);
        let of_file = of_file.or_else(|| conflict(&Owned::Sealed(file.blob.clone())));
        let of_topic = token.topic().cloned().and_then(|topic| conflict(&Owned::Topic(topic)));
        let location = token.location().cloned();
        let of_location = location.and_then(|location| conflict(&Owned::Location(location)));
        [conflict(&folder), of_file, of_topic, of_location].into_iter().flatten().collect()
    }

    /// That the file was another tenant's, in a sentence, where no conflict is left: a reviewed line
    /// moved it, maybe one of an earlier pull request.
    pub fn moved(&self, tenant: &Tenant, token: &Token) -> Option<String> {
        let (file, mine) = (Owned::File(token.file.as_ref()?.sha256), tenant.tenant_id);
        let from = self.elsewhere(&file, mine).into_iter().next()?.tenant();
        Some(format!(
            "This file was tenant {from}'s, and a `moves` line in applecart.yaml lets it go to tenant {mine}"
        ))
    }

    /// That the tenant's folder belongs to another tenant, in a sentence. An entry that only watches
    /// takes no harm from it, and its next renewal does: Apple's file would be held when it is too late.
    pub fn folder_conflict(
        &self,
        tenant: &Tenant,
        moves: &[Move],
        today: NaiveDate,
    ) -> Option<String> {
        let (folder, mine) = (Owned::Folder(tenant.name.as_str().to_owned()), tenant.tenant_id);
        let moves = Moves { lines: moves, history: self.history, today };
        // A line that moves a folder counts for every kind.
        let kind = Kind::Vpp;
        let mut elsewhere = self.elsewhere(&folder, mine).into_iter();
        let wrong = elsewhere.find(|one| !moves.lead(&folder, kind, one.tenant(), mine))?;
        Some(format!(
            "{}, so every upload is held. `tenantId` says {mine}. Download no new file before this is settled. If `tenantId` is wrong, correct it. {}",
            wrong.told(&folder, mine),
            way_out(&folder, kind, wrong.tenant(), mine, today)
        ))
    }

    /// Why something belongs to other tenants.
    fn elsewhere(&self, owned: &Owned, mine: TenantId) -> Vec<Elsewhere<'_>> {
        let no_tenant = BTreeSet::new();
        let of_base = match owned {
            Owned::Folder(name) => self.base.folders.get(name),
            Owned::File(sha256) => self.base.digests.get(sha256),
            Owned::Topic(topic) => self.base.topics.get(topic),
            Owned::Location(location) => self.base.locations.get(location),
            // The digest beside it says as much of the base as it stands.
            Owned::Sealed(_) => None,
        };
        // The history has the base's own files as well, and says who was first.
        let of_base = of_base.filter(|_| !self.history.knows(owned)).unwrap_or(&no_tenant);
        let in_ledger = self.ledger.of(owned);
        let is_file = matches!(owned, Owned::File(_) | Owned::Sealed(_));
        let is_decided = !is_file && in_ledger.iter().eq([&mine]);
        let in_history = self.history.elsewhere(owned, mine).into_iter();
        let in_history = in_history
            .filter(|says| !(is_decided && matches!(says, Says::Beside { .. })))
            .map(Elsewhere::History);
        let in_base = of_base.iter().map(|other| Elsewhere::Base(*other));
        let in_ledger = in_ledger.iter().map(|other| Elsewhere::Ledger(*other));
        let all = in_history.chain(in_base).chain(in_ledger);
        all.filter(|one| one.tenant() != mine).collect()
    }
}

/// What says that something belongs to another tenant.
enum Elsewhere<'a> {
    History(Says<'a>),
    Base(TenantId),
    Ledger(TenantId),
}

impl Elsewhere<'_> {
    fn tenant(&self) -> TenantId {
        match self {
            Self::History(says) => says.tenant(),
            Self::Base(tenant) | Self::Ledger(tenant) => *tenant,
        }
    }

    /// What is wrong, and why that matters.
    fn told(&self, owned: &Owned, mine: TenantId) -> String {
        let (what, other) = (name_of(owned), self.tenant());
        let wrong = match self {
            Self::History(says) => says.told(what, mine),
            Self::Base(_) => format!("In the base {what} belongs to tenant {other}"),
            Self::Ledger(_) => format!("In the ledger {what} belongs to tenant {other}"),
        };
        format!("{wrong}. A token must never reach another customer's Intune")
    }
}

impl Says<'_> {
    /// What it says of something, in a sentence.
    pub fn told(&self, what: &str, mine: TenantId) -> String {
        let tenant = self.tenant();
        match self {
            Self::First(_) => {
                format!("In the history of the base {what} belongs to tenant {tenant}")
            }
            Self::Beside { other, mine: own } => format!(
                "Two histories claim {what}: the commit {} gives it to tenant {tenant}, and the commit {} to tenant {mine}. Neither comes after the other, so nobody knows whose it was first, and it goes to neither",
                other.commit, own.commit
            ),
            Self::Open { other, branch } => format!(
                "The branch {branch} is not merged yet, and its commit {} gives {what} to tenant {tenant}. Merge that branch first, or delete it if it is a mistake",
                other.commit
            ),
        }
    }
}

/// How an entry of the fleet is called.
pub(super) fn place_of(tenant: &TenantName, token: &Token) -> String {
    format!("{tenant} ({})", token.token)
}

fn stands_twice(what: &str, places: &[String]) -> Option<String> {
    (places.len() > 1).then(|| {
        format!(
            "the same {what} is in the fleet more than once: {}. Nothing is uploaded for any of them until one is left",
            places.join(", ")
        )
    })
}

fn name_of(owned: &Owned) -> &'static str {
    match owned {
        Owned::Folder(_) => "this folder",
        Owned::File(_) => "this file",
        Owned::Sealed(_) => "this encrypted file",
        Owned::Topic(_) => "this topic",
        Owned::Location(_) => "this location",
    }
}

/// What to do where something belongs to another tenant.
fn way_out(owned: &Owned, kind: Kind, from: TenantId, to: TenantId, today: NaiveDate) -> String {
    if !history::is_movable(owned, kind) {
        let what = match kind {
            Kind::Push => "A push certificate",
            Kind::Enrollment | Kind::Vpp => "An enrollment token",
        };
        return format!(
            "{what} answers to the key of one Intune tenant: renew it for tenant {to}, or put the file into the folder of its own tenant"
        );
    }
    let until = today.checked_add_days(MOVE).unwrap_or(today);
    format!(
        "If it really moved, have this in applecart.yaml reviewed and merged first: `moves: [{{of: \"{owned}\", from: {from}, to: {to}, reason: REASON, until: {until}}}]`"
    )
}

/// How long a printed line lets a move be merged.
const MOVE: chrono::Days = chrono::Days::new(14);

/// Whether the entry states this topic, or this key that a file is encrypted to: the file is for it.
pub(crate) fn is_stated_by(token: &Token, facts: &FileFacts) -> bool {
    let topic = facts.topic.is_some() && token.topic() == facts.topic.as_ref();
    topic || is_encrypted_to(token, facts)
}

fn is_encrypted_to(token: &Token, facts: &FileFacts) -> bool {
    match (&token.recipient, &facts.recipient) {
        (Some(stated), Some(found)) => {
            found.issuer.as_ref() == Some(&stated.issuer)
                && found.serial.as_ref() == Some(&stated.serial)
        }
        _ => false,
    }
}

/// The other tenants of the fleet that the file is plainly for.
pub fn owners<'a>(
    fleet: &'a [Desired],
    tenant: &'a Tenant,
    facts: &'a FileFacts,
) -> impl Iterator<Item = &'a Tenant> {
    fleet
        .iter()
        .filter_map(Desired::valid)
        .filter(|other| other.name != tenant.name)
        .filter(|other| other.tokens().any(|token| is_stated_by(token, facts)))
}

#[cfg(test)]
mod tests;
