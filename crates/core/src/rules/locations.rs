//! Which location at Apple a VPP token is bound to.
//!
//! As with push topics, an edit of a tenant file moves no token: what counts is the location of the last
//! file that Intune was seen to have, else the one that the entry named first in the base's history. Only
//! a reviewed line lets it change. What Git alone says may be any location's id, so it stands for none:
//! the names have to agree as well.

use chrono::NaiveDate;

use super::allow::{Change, Hold};
use super::codes::Reason;
use crate::fleet::Token;
use crate::ledger::TenantLedger;
use crate::model::{LocationId, Sha256, TokenRef};

/// A VPP entry, and what was recorded of its token.
#[derive(Clone, Copy)]
pub struct Slot<'a> {
    /// The entry as it is, or as it would be.
    pub token: &'a Token,
    pub of: &'a TokenRef,
    pub past: &'a TenantLedger,
    /// SHA-256 of the opened file.
    pub sha256: Sha256,
    pub today: NaiveDate,
}

/// The location that a token is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    pub id: &'a LocationId,
    /// Whether a file of it was seen in Intune, or a reviewed line lets the token change to it.
    pub is_proved: bool,
}

impl<'a> Slot<'a> {
    pub fn known(&self) -> Option<Known<'a>> {
        let stated = self.token.location_id.as_ref();
        let seen = self.past.location_id(self.of);
        let Some(bound) = seen.or_else(|| self.past.first_location(self.of)) else {
            return stated.map(|id| Known { id, is_proved: false });
        };
        match (self.edit(), stated) {
            (Some(edit), Some(id)) if self.is_released(&edit) => {
                Some(Known { id, is_proved: true })
            }
            _ => Some(Known { id: bound, is_proved: seen.is_some() }),
        }
    }

    /// That the entry names another location than the token is bound to, and no line lets it.
    pub fn standing_edit(&self) -> Option<Hold> {
        self.edit().filter(|edit| !self.is_released(edit))
    }

    /// That the entry names another location than the token is bound to.
    pub fn edit(&self) -> Option<Hold> {
        let stated = self.token.location_id.as_ref()?;
        let seen = self.past.location_id(self.of);
        let (bound, by) = match seen {
            Some(seen) => (seen, "the last file of it that was seen in Intune is of that one"),
            None => {
                (self.past.first_location(self.of)?, "so its entry said when it was first merged")
            }
        };
        (bound != stated).then(|| {
            let change = Change::of(bound, stated, self.sha256);
            let line = change.line(Reason::WrongLocation, "WHY", self.today);
            let detail = format!(
                "The entry says `locationId: {stated}`, but the token is of the location {bound} at Apple ({by}). An edit of `locationId` moves no token: with another location's file its devices would lose their apps' licences. Write `locationId: \"{bound}\"` again. If the token is to change its location, have this line on the entry reviewed: {line}"
            );
            Hold::releasable(Reason::WrongLocation, change, detail)
        })
    }

    fn is_released(&self, hold: &Hold) -> bool {
        hold.is_released(&self.token.allow, self.today)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Allow;
    use crate::plan::world::World;

    const LONDON: &str = "2049025000431439";
    const PARIS: &str = "2049025000431440";

    fn with_slot<T>(world: &World, ask: impl FnOnce(&Slot<'_>) -> T) -> T {
        let token = &world.tenant.vpp[0];
        ask(&Slot {
            token,
            of: &token.token,
            past: world.ledger.as_ref().unwrap().tenant(world.tenant.tenant_id),
            sha256: Sha256::of(b"AA"),
            today: "2026-11-22".parse().unwrap(),
        })
    }

    fn known(world: &World) -> Option<(String, bool)> {
        with_slot(world, |slot| slot.known().map(|it| (it.id.to_string(), it.is_proved)))
    }

    #[test]
    fn what_intune_was_seen_to_have_counts_then_what_was_merged_first_then_git() {
        let mut world = World::vpp_renewal();
        assert_eq!(known(&world), None);
        world.entry().location_id = Some(PARIS.parse().unwrap());
        assert_eq!(known(&world), Some((PARIS.to_owned(), false)));
        assert!(with_slot(&world, |slot| slot.edit().is_none()));
        world.first_location(LONDON);
        assert_eq!(known(&world), Some((LONDON.to_owned(), false)));
        world.seen_at(LONDON);
        assert_eq!(known(&world), Some((LONDON.to_owned(), true)));
        let edit = with_slot(&world, |slot| slot.standing_edit().unwrap());
        assert!(edit.detail.contains(LONDON) && edit.detail.contains(PARIS), "{}", edit.detail);
    }

    #[test]
    fn a_reviewed_line_and_the_edit_together_move_the_token() {
        let mut world = World::vpp_renewal();
        world.seen_at(LONDON);
        world.entry().location_id = Some(PARIS.parse().unwrap());
        world.entry().allow.push(Allow {
            hold: Reason::WrongLocation,
            from: LONDON.to_owned(),
            to: PARIS.to_owned(),
            reason: "the customer moved".to_owned(),
            until: "2026-12-31".parse().unwrap(),
        });
        assert_eq!(known(&world), Some((PARIS.to_owned(), true)));
        assert!(with_slot(&world, |slot| slot.standing_edit().is_none()));
    }
}
