//! When a token expires that cannot be read now: as it was read last, by whomever that is known.
//!
//! The ledger has what runs of `apply` read, a clone what it read itself, and the notes what the runs read
//! that told people. The newest reading counts. Git's date is what somebody once wrote, so it counts where
//! there is no reading: else an outage would raise again what a renewal in the portal has settled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::{LedgerView, TenantLedger};
use crate::model::{Record, Sha256, TenantId, Timestamp, TokenRef};

/// What a clone remembers of its readings, by tenant.
pub type Readings = BTreeMap<TenantId, Remembered>;

/// What a clone remembers of its readings of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Its folder.
    pub name: String,
    /// When all of it was read last.
    pub whole: Option<Timestamp>,
    /// The tokens that Intune had when they were read last.
    pub tokens: Vec<SeenToken>,
    /// When Apple called which VPP token dead, by the SHA-256 of the opened file. Only runs with the key ask.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dead: BTreeMap<Sha256, Timestamp>,
}

/// A token that Intune was read to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenToken {
    pub token: TokenRef,
    pub expires: Timestamp,
    /// When that was read.
    pub at: Timestamp,
}

impl Remembered {
    /// Takes in a later reading: of the whole tenant, what it does not have is gone.
    pub fn take(&mut self, later: Self) {
        match later.whole {
            Some(_) => self.tokens.clear(),
            None => self
                .tokens
                .retain(|old| !later.tokens.iter().any(|new| new.token.same_token(&old.token))),
        }
        self.name = later.name;
        self.whole = later.whole.or(self.whole);
        self.tokens.extend(later.tokens);
        self.dead.extend(later.dead);
    }
}

/// The newest reading of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastKnown {
    /// `None` where Intune had none any more, or did not say.
    pub expires: Option<Timestamp>,
    pub at: Timestamp,
}

/// What is known of one tenant's tokens without reading them.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    past: Option<&'a TenantLedger>,
    told: &'a [Record],
    remembered: Option<&'a Remembered>,
    now: Timestamp,
}

impl<'a> Memory<'a> {
    pub fn of(
        tenant: Option<TenantId>,
        ledger: Option<&'a LedgerView>,
        readings: &'a Readings,
        now: Timestamp,
    ) -> Self {
        let ledger = ledger.zip(tenant);
        Self {
            past: ledger.and_then(|(ledger, id)| ledger.tenants.get(&id)),
            told: ledger.and_then(|(ledger, id)| ledger.told.get(&id)).map_or(&[], Vec::as_slice),
            remembered: tenant.and_then(|id| readings.get(&id)),
            now,
        }
    }

    /// The newest reading of the token; `None` where none is known. A time that lies ahead is no memory
    /// of anything: that run had another clock.
    pub fn last(&self, token: &TokenRef) -> Option<LastKnown> {
        let recorded = self.past.and_then(|past| past.last_live_facts(token));
        let recorded = recorded.map(|(facts, at)| LastKnown { expires: facts.expires, at });
        let told = self.told.iter().rev().filter(|line| line.is_of(token));
        let told = told.filter_map(read_for_telling).find(|line| line.at <= self.now);
        let seen = self.seen().filter(|seen| seen.token.same_token(token));
        let seen = seen.map(|seen| LastKnown { expires: Some(seen.expires), at: seen.at });
        let known = recorded.into_iter().chain(told).chain(seen);
        known.filter(|one| one.at <= self.now).max_by_key(|one| one.at)
    }

    /// When Apple called the VPP token in this file dead, as far as the clone knows.
    pub fn died(&self, sha256: Sha256) -> Option<Timestamp> {
        let died = self.remembered?.dead.get(&sha256).copied();
        died.filter(|at| *at <= self.now)
    }

    /// Every token of which there is a reading.
    pub fn tokens(&self) -> Vec<TokenRef> {
        let recorded = self.past.into_iter().flat_map(|past| &past.records);
        let recorded = recorded.filter_map(|record| record.token.as_ref());
        let told = self.told.iter().filter(|line| read_for_telling(line).is_some());
        let told = told.filter_map(|line| line.token.as_ref());
        let mut tokens: Vec<TokenRef> = Vec::new();
        // What has an id comes first, so that a name alone is known to be the same.
        for token in self.seen().map(|seen| &seen.token).chain(recorded).chain(told) {
            if !tokens.iter().any(|known| known.same_token(token)) {
                tokens.push(token.clone());
            }
        }
        tokens
    }

    fn seen(&self) -> impl Iterator<Item = &'a SeenToken> {
        self.remembered.into_iter().flat_map(|remembered| &remembered.tokens)
    }
}

/// What a run that told somebody of the token read of it.
fn read_for_telling(line: &Record) -> Option<LastKnown> {
    let expires = line.after.as_ref()?.expires?;
    Some(LastKnown { expires: Some(expires), at: line.at })
}

/// The tenant of a folder whose tenant file does not say it: the one that had this folder last.
pub fn tenant_of_folder(
    name: &str,
    ledger: Option<&LedgerView>,
    readings: &Readings,
) -> Option<TenantId> {
    let recorded = ledger.into_iter().flat_map(|ledger| &ledger.tenants);
    let recorded = recorded.filter(|(_, past)| past.name().is_some_and(|one| one.as_str() == name));
    let seen = readings.iter().filter(|(_, one)| one.name == name);
    let mut all = recorded.map(|(id, _)| *id).chain(seen.map(|(id, _)| *id));
    let first = all.next()?;
    all.all(|id| id == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, Facts};
    use crate::plan::world::{World, at};

    fn seen(expires: &str, when: &str) -> SeenToken {
        SeenToken { token: TokenRef::push(), expires: at(expires), at: at(when) }
    }

    fn last(world: &World, readings: &Readings) -> Option<String> {
        let id = Some(world.tenant.tenant_id);
        let memory = Memory::of(id, world.ledger.as_ref().ok(), readings, world.now);
        Some(memory.last(&TokenRef::push())?.expires?.to_string())
    }

    #[test]
    fn the_newest_reading_counts_whoever_knows_of_it() {
        let mut world = World::unrecorded();
        assert_eq!(last(&world, &Readings::new()), None);
        let id = world.tenant.tenant_id;
        let expiring = |expires| Some(Facts { expires: Some(at(expires)), ..Facts::default() });
        let (first, second, third) =
            ("2027-01-01T10:00:00Z", "2027-02-01T10:00:00Z", "2027-03-01T10:00:00Z");
        world.recorded(Event::Observed, "AA", "run-1", "2026-11-19T10:00:00Z").after =
            expiring(first);
        assert_eq!(last(&world, &Readings::new()).as_deref(), Some(first));
        let mut line = world.ledger.as_ref().unwrap().tenants[&id].records.last().unwrap().clone();
        (line.entry.at, line.entry.after) = (at("2026-11-20T10:00:00Z"), expiring(second));
        world.ledger.as_mut().unwrap().told.insert(id, vec![line]);
        assert_eq!(last(&world, &Readings::new()).as_deref(), Some(second));
        let clone = |seen| {
            Readings::from([(id, Remembered { tokens: vec![seen], ..Remembered::default() })])
        };
        let newer = clone(seen(third, "2026-11-21T10:00:00Z"));
        assert_eq!(last(&world, &newer).as_deref(), Some(third));
        let older = clone(seen(third, "2026-11-18T10:00:00Z"));
        assert_eq!(last(&world, &older).as_deref(), Some(second));
        let ahead = clone(seen(third, "2030-01-01T10:00:00Z"));
        assert_eq!(last(&world, &ahead).as_deref(), Some(second));
    }

    #[test]
    fn a_reading_of_the_whole_tenant_forgets_what_is_gone_and_one_of_a_part_does_not() {
        let of = |whole, tokens| {
            let (name, dead) = ("contoso".into(), BTreeMap::new());
            Remembered { name, whole, tokens, dead }
        };
        let vpp = TokenRef { kind: crate::model::Kind::Vpp, id: Some("1".into()), name: None };
        let day = "2026-11-20T10:00:00Z";
        let vpp = SeenToken { token: vpp, ..seen("2027-01-01T10:00:00Z", day) };
        let push = seen("2027-02-01T10:00:00Z", day);
        let mut part = of(None, vec![vpp.clone()]);
        part.take(of(None, vec![push.clone()]));
        assert_eq!(part.tokens, [vpp, push.clone()]);
        part.take(of(Some(at(day)), vec![push.clone()]));
        assert_eq!((part.tokens, part.whole), (vec![push], Some(at(day))));
    }
}
