//! Which location each file is of, by what Apple answered in one run.
//!
//! Two tokens of one location stop each other. Of a file that nobody asked about yet, no plan can know its
//! location, so the answers of a run are compared before its first upload: with each other, and with what
//! was recorded of the fleet's other entries.

use std::collections::{BTreeMap, BTreeSet};

use super::allow::Hold;
use super::bindings::{Bindings, place_of};
use super::codes::Reason;
use crate::fleet::Token;
use crate::ledger::TenantLedger;
use crate::model::{LocationId, TenantName};

/// What Apple answered about the entries of a fleet, as far as it named a location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    by_location: BTreeMap<LocationId, BTreeSet<String>>,
    entries: BTreeSet<String>,
}

/// An entry whose file Apple was asked about.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub tenant: &'a TenantName,
    pub token: &'a Token,
    pub past: &'a TenantLedger,
}

impl Entry<'_> {
    fn place(&self) -> String {
        place_of(self.tenant, self.token)
    }

    /// Whether Git says that its token is of the location, and Intune was seen with such a file of it.
    fn is_proved_of(&self, location: &LocationId) -> bool {
        let recorded = self.past.location_id(&self.token.token);
        self.token.location_id.as_ref() == Some(location) && recorded == Some(location)
    }
}

impl Answered {
    /// Notes the location that Apple named.
    pub fn note(&mut self, entry: &Entry<'_>, location: &LocationId) {
        self.by_location.entry(location.clone()).or_default().insert(entry.place());
        self.entries.insert(entry.place());
    }

    /// Why a file must not be uploaded: it is of the location of another entry's file. The entry that is
    /// proved to be of the location keeps it.
    pub fn hold(
        &self,
        entry: &Entry<'_>,
        location: &LocationId,
        bindings: &Bindings<'_>,
    ) -> Option<Hold> {
        if entry.is_proved_of(location) {
            return None;
        }
        let in_run = self.by_location.get(location).into_iter().flatten();
        // What an entry had is about to change where its new file is of another location.
        let before = bindings.seen_of(location).filter(|place| !self.entries.contains(*place));
        let own = entry.place();
        let others: BTreeSet<&String> =
            in_run.chain(before).filter(|place| **place != own).collect();
        if others.is_empty() {
            return None;
        }
        let others = others.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        Some(Hold::firm(
            Reason::Duplicate,
            format!(
                "Apple says that this file is of the location {location}, and so is the file of {others}. Two tokens of one location stop each other, and their devices' apps with them. Find out whose location it is: the account at Apple that the file was downloaded with shows it. Bring the other entry a file of its own location, or remove it"
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Desired;
    use crate::model::{Event, Sha256};
    use crate::plan::world::World;

    const ONE: &str = "2049025000431439";
    const OTHER: &str = "2049025000431440";

    fn id(text: &str) -> LocationId {
        text.parse().unwrap()
    }

    /// A customer with London and Paris, neither with an id in Git.
    fn two() -> World {
        let mut world = World::vpp_renewal();
        let mut paris = world.tenant.vpp[0].clone();
        paris.token.name = Some("Paris".to_owned());
        paris.token.id = Some("vpp-2".to_owned());
        world.tenant.vpp.push(paris);
        world
    }

    /// Whether London's and Paris's files are held, where Apple answers so.
    fn held(world: &World, answers: [&str; 2]) -> [bool; 2] {
        let nothing = TenantLedger::default();
        let ledger = world.ledger.as_ref().ok();
        let past = ledger.and_then(|view| view.tenants.get(&world.tenant.tenant_id));
        let history = crate::rules::bindings::History::default();
        let fleet = [Desired::Valid(world.tenant.clone())];
        let bindings = Bindings::of(&fleet, None, ledger, &history);
        let entry = |at: usize| Entry {
            tenant: &world.tenant.name,
            token: &world.tenant.vpp[at],
            past: past.unwrap_or(&nothing),
        };
        let mut answered = Answered::default();
        for (at, answer) in answers.iter().enumerate().filter(|(_, answer)| !answer.is_empty()) {
            answered.note(&entry(at), &id(answer));
        }
        [0, 1].map(|at| {
            let found = answers[at];
            !found.is_empty() && answered.hold(&entry(at), &id(found), &bindings).is_some()
        })
    }

    #[test]
    fn two_entries_of_one_location_are_both_held_in_the_run_that_first_asks() {
        let world = two();
        assert_eq!(held(&world, [ONE, ONE]), [true, true]);
        assert_eq!(held(&world, [ONE, OTHER]), [false, false]);
        assert_eq!(held(&world, [ONE, ""]), [false, false]);
    }

    #[test]
    fn what_intune_was_seen_to_have_for_another_entry_counts_as_well() {
        let mut world = two();
        world.recorded(Event::Confirmed, "BB", "run-1", "2026-11-01T10:00:00Z").location_id =
            Some(id(ONE));
        assert_eq!(held(&world, ["", ONE]), [false, true], "London has it in Intune");
        // Two files that were confused are put right in one run.
        assert_eq!(held(&world, [OTHER, ONE]), [false, false]);
        // Whose it is by Git as well keeps it.
        assert_eq!(held(&world, [ONE, ONE]), [true, true]);
        world.tenant.vpp[0].location_id = Some(id(ONE));
        assert_eq!(held(&world, [ONE, ONE]), [false, true]);
    }

    #[test]
    fn what_the_ledger_says_of_two_files_in_git_is_told_before_their_next_upload() {
        let mut world = two();
        world.tenant.vpp[1].file.as_mut().unwrap().sha256 = Sha256::of(b"paris");
        world.tenant.vpp[1].location_id = Some(id(ONE));
        let twice = |world: &World| {
            let fleet = [Desired::Valid(world.tenant.clone())];
            let history = crate::rules::bindings::History::default();
            let bindings = Bindings::of(&fleet, None, world.ledger.as_ref().ok(), &history);
            let found = bindings.duplicates(&world.tenant, &world.tenant.vpp[1]);
            found.iter().any(|told| told.contains("locationId"))
        };
        assert!(!twice(&world));
        // Of London's earlier file that says nothing about the one that is in Git.
        let mut confirm = |serial| {
            let line = world.recorded(Event::Confirmed, serial, "run-1", "2026-11-01T10:00:00Z");
            line.location_id = Some(id(ONE));
            twice(&world)
        };
        assert!(!confirm("BB"));
        assert!(confirm("AA"));
    }
}
