//! A campaign over new tenants: who they are, what each still lacks, and what was seen when.
//!
//! Pure: `app::onboard` looks at the tenants and keeps the campaign in the clone. Nothing here is
//! believed on somebody's word: a tenant is ready when a token for it says so and Intune was read.

mod customers;

use std::collections::BTreeSet;

use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use customers::{CustomerList, Decoded, ListError, Listed, decode, is_domain, parse};

use crate::import::{Customer, folder_names};
use crate::model::{TenantId, Timestamp};
use crate::words::kebab_enum;

/// The version of the campaign's file.
pub const VERSION: u32 = 1;

/// So long after a consent Entra may still say that there is none, for its servers learn of it one
/// after another.
pub const REPLICATION_MINUTES: i64 = 10;

kebab_enum! {
    /// How far a tenant is.
    Standing {
        /// It was not looked at yet.
        NotLooked => "not-looked",
        /// The application is not in the tenant's directory.
        ApplicationMissing => "application-missing",
        /// It is there, and no administrator has consented.
        ConsentMissing => "consent-missing",
        /// It signs in, and its token does not say that it may read Intune.
        RolesMissing => "roles-missing",
        /// Consent was given in the last minutes and has not reached every server of Entra's.
        Replicating => "replicating",
        /// It signs in with all it needs, and the tenant has no Intune.
        NoIntune => "no-intune",
        /// It signs in, its token says what it needs, and Intune was read.
        Ready => "ready",
        /// It waits on a branch to be merged.
        Proposed => "proposed",
        /// It is a tenant of the fleet.
        InFleet => "in-fleet",
        /// It could not be looked at.
        Unknown => "unknown",
    }
}

impl Standing {
    /// Whether looking again may find something else.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Proposed | Self::InFleet)
    }

    /// Whether an administrator of the tenant has to consent.
    pub fn wants_consent(self) -> bool {
        matches!(self, Self::ApplicationMissing | Self::ConsentMissing | Self::RolesMissing)
    }

    /// What it means and what to do next, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotLooked => "not looked at yet: run the command again",
            Self::ApplicationMissing => {
                "the application is not in the tenant: its administrator consents (--links)"
            }
            Self::ConsentMissing => "nobody has consented: its administrator consents (--links)",
            Self::RolesMissing => {
                "the token lacks permissions: its administrator consents again (--links)"
            }
            Self::Replicating => "consent was given and is on its way through Entra: --wait",
            Self::NoIntune => {
                "the tenant has no Intune: it needs a licence, or is no customer for this"
            }
            Self::Ready => "ready: --import",
            Self::Proposed => "on a branch: have it merged",
            Self::InFleet => "in the fleet",
            Self::Unknown => "could not be looked at: run the command again",
        }
    }
}

/// A tenant of the campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The folder that it will have.
    pub name: String,
    pub tenant_id: TenantId,
    pub display_name: Option<String>,
    pub domain: Option<String>,
    pub standing: Standing,
    /// When it was looked at last.
    pub seen_at: Option<Timestamp>,
    /// When its administrator came back from the consent.
    pub consented_at: Option<Timestamp>,
    /// The permissions that its token lacks.
    #[serde(default)]
    pub missing: Vec<String>,
    /// What was told, of Entra or of Graph.
    pub detail: Option<String>,
    /// The branch that brings it.
    pub branch: Option<String>,
    /// The word that only the consent link of this tenant has. Not a secret of Entra's: whoever knows
    /// it can tick the tenant off, which makes this program look at it.
    pub state: String,
}

/// What was found when a tenant was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub standing: Standing,
    pub missing: Vec<String>,
    pub detail: Option<String>,
}

impl Seen {
    pub fn new(standing: Standing) -> Self {
        Self { standing, missing: Vec::new(), detail: None }
    }
}

impl Candidate {
    /// What people call it.
    pub fn shown(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// Records what was found.
    pub fn record(&mut self, seen: Seen, now: Timestamp) {
        let fresh = self
            .consented_at
            .is_some_and(|at| now.since(at) < Duration::minutes(REPLICATION_MINUTES));
        self.standing = match seen.standing {
            standing if standing.wants_consent() && fresh => Standing::Replicating,
            standing => standing,
        };
        (self.missing, self.detail) = (seen.missing, seen.detail);
        self.seen_at = Some(now);
    }

    /// Whether this is what a consent link brought back for it.
    pub fn is_answered_by(&self, tenant: Option<&str>, state: &str) -> bool {
        let same_state = self.state.len() == state.len()
            && self.state.bytes().zip(state.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0;
        let tenant = tenant.and_then(|id| id.parse::<TenantId>().ok());
        same_state && tenant == Some(self.tenant_id)
    }
}

/// A campaign, as the clone keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Campaign {
    pub version: u32,
    /// The sign-in profile of its tenants, where it is not the fleet's default.
    pub auth: Option<String>,
    /// Sorted by name.
    pub candidates: Vec<Candidate>,
}

/// What of a list was added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    pub added: usize,
    /// Tenants that the campaign has already.
    pub known: usize,
    /// Why folders are not simply named as the customers.
    pub notes: Vec<String>,
}

impl Campaign {
    pub fn new(auth: Option<String>) -> Self {
        Self { version: VERSION, auth, candidates: Vec::new() }
    }

    /// Adds customers. `taken` are the folders that the fleet has; `state` makes a word that nobody
    /// can guess.
    pub fn add(
        &mut self,
        customers: &[Customer],
        taken: &BTreeSet<String>,
        mut state: impl FnMut() -> String,
    ) -> Added {
        let known: BTreeSet<TenantId> = self.candidates.iter().map(|one| one.tenant_id).collect();
        let new: Vec<&Customer> =
            customers.iter().filter(|one| !known.contains(&one.tenant_id)).collect();
        let names = self.candidates.iter().map(|one| one.name.clone());
        let taken: BTreeSet<String> = taken.iter().cloned().chain(names).collect();
        let mut added = Added { known: customers.len() - new.len(), ..Added::default() };
        for (customer, (name, note)) in new.iter().zip(folder_names(&new, &taken)) {
            let name = name.map_or_else(|| customer.tenant_id.to_string(), |name| name.to_string());
            added.notes.extend(note.map(|why| format!("{name}: {why}")));
            added.added += 1;
            self.candidates.push(Candidate {
                name,
                tenant_id: customer.tenant_id,
                display_name: customer.display_name.clone(),
                domain: customer.domain.clone(),
                standing: Standing::NotLooked,
                seen_at: None,
                consented_at: None,
                missing: Vec::new(),
                detail: None,
                branch: None,
                state: state(),
            });
        }
        self.candidates.sort_by(|one, other| one.name.cmp(&other.name));
        added
    }

    /// Takes over what another run of this clone wrote meanwhile: of each tenant the later reading
    /// counts, and a tick is never lost.
    pub fn merge(&mut self, other: &Self) {
        for theirs in &other.candidates {
            let mine = self.candidates.iter_mut().find(|one| one.tenant_id == theirs.tenant_id);
            match mine {
                Some(mine) => {
                    let consented_at = mine.consented_at.max(theirs.consented_at);
                    if theirs.seen_at > mine.seen_at {
                        *mine = theirs.clone();
                    }
                    mine.consented_at = consented_at;
                }
                None => self.candidates.push(theirs.clone()),
            }
        }
        self.candidates.sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// Marks those that the fleet has.
    pub fn in_fleet(&mut self, ids: &BTreeSet<TenantId>) {
        for candidate in &mut self.candidates {
            if ids.contains(&candidate.tenant_id) {
                candidate.standing = Standing::InFleet;
            } else if candidate.standing == Standing::InFleet {
                candidate.standing = Standing::NotLooked;
            }
        }
    }

    pub fn with(&self, standing: Standing) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(move |one| one.standing == standing)
    }
}

/// How many tenants are how far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StandingCount {
    pub standing: Standing,
    pub tenants: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn campaign() -> Campaign {
        let mut campaign = Campaign::new(None);
        let customer = |number: u32, name: &str| Customer {
            tenant_id: format!("{number:08x}-8a34-4b7a-9a51-0d6c2f6f1b11").parse().unwrap(),
            display_name: Some(name.to_owned()),
            domain: None,
        };
        let taken = BTreeSet::from(["adatum".to_owned()]);
        let mut number = 0;
        let state = || {
            number += 1;
            format!("word-{number}")
        };
        let all = [customer(1, "Contoso"), customer(2, "Adatum")];
        let added = campaign.add(&all, &taken, state);
        assert_eq!((added.added, added.known), (2, 0));
        assert!(added.notes[0].contains("adatum-00000002"), "{:?}", added.notes);
        campaign
    }

    #[test]
    fn what_a_fresh_consent_does_not_show_yet_is_on_its_way_and_after_ten_minutes_missing() {
        let mut campaign = campaign();
        let contoso = &mut campaign.candidates[1];
        contoso.record(Seen::new(Standing::ConsentMissing), at("2027-01-10T12:00:00Z"));
        assert_eq!(contoso.standing, Standing::ConsentMissing);
        contoso.consented_at = Some(at("2027-01-10T12:01:00Z"));
        contoso.record(Seen::new(Standing::RolesMissing), at("2027-01-10T12:05:00Z"));
        assert_eq!(contoso.standing, Standing::Replicating);
        contoso.record(Seen::new(Standing::NoIntune), at("2027-01-10T12:06:00Z"));
        assert_eq!(contoso.standing, Standing::NoIntune, "no consent changes that");
        contoso.record(Seen::new(Standing::RolesMissing), at("2027-01-10T12:11:00Z"));
        assert_eq!(contoso.standing, Standing::RolesMissing);
    }

    #[test]
    fn a_tick_needs_the_word_of_that_very_tenants_link() {
        let campaign = campaign();
        let [adatum, contoso] = &campaign.candidates[..] else { panic!() };
        let id = contoso.tenant_id.to_string();
        assert!(contoso.is_answered_by(Some(&id), &contoso.state));
        assert!(!contoso.is_answered_by(Some(&id), &adatum.state));
        assert!(!contoso.is_answered_by(Some(&adatum.tenant_id.to_string()), &contoso.state));
        assert!(!contoso.is_answered_by(None, &contoso.state));
        assert!(!contoso.is_answered_by(Some(&id), ""));
    }

    #[test]
    fn two_runs_of_one_clone_lose_neither_readings_nor_ticks() {
        let (mut one, mut other) = (campaign(), campaign());
        one.candidates[0].record(Seen::new(Standing::Ready), at("2027-01-10T12:02:00Z"));
        other.candidates[0].record(Seen::new(Standing::ConsentMissing), at("2027-01-10T12:00:00Z"));
        other.candidates[1].consented_at = Some(at("2027-01-10T12:01:00Z"));
        one.merge(&other);
        assert_eq!(one.candidates[0].standing, Standing::Ready);
        assert_eq!(one.candidates[1].consented_at, other.candidates[1].consented_at);
    }
}
