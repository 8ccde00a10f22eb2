//! A campaign over new tenants: who they are, what each still lacks, and what was seen when.
//!
//! Pure: `app::onboard` looks at the tenants and keeps the campaign in the clone. Nothing here is
//! believed on somebody's word: a tenant is ready when a token for it says so and Intune was read.

mod candidate;
mod customers;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use candidate::{Candidate, Seen, SeenApplication};
pub use customers::{CustomerList, Decoded, ListError, Listed, decode, is_domain, parse};

use crate::fleet::{MAX_TEXT, is_text};
use crate::import::{Customer, folder_names};
use crate::model::{TenantId, Timestamp, is_hostile};
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
        /// It is a tenant of the fleet, and lacks nothing that was looked for.
        InFleet => "in-fleet",
        /// It could not be looked at.
        Unknown => "unknown",
    }
}

kebab_enum! {
    /// What the tenants of a campaign are to be ready for, which says what their administrators
    /// consent to.
    Stage {
        /// Intune is read and expiries are told: the application that reads is enough.
        Watch => "watch",
        /// Tokens are uploaded, too.
        Apply => "apply",
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

    /// Whether it is not known how far the tenant is: nothing may be concluded from that.
    pub fn is_unknown(self) -> bool {
        matches!(self, Self::NotLooked | Self::Unknown)
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
            Self::Proposed => {
                "on a branch: have it merged; where the branch is deleted, it is ready again"
            }
            Self::InFleet => "in the fleet",
            Self::Unknown => {
                "could not be looked at: run the command again, or take a wrong one out (--remove)"
            }
        }
    }
}

/// A customer's name as it may stand in the heading of a letter, on a page and in a file: one line,
/// nothing hidden in it, not longer than a file takes. `None` where nothing is left.
fn plain_name(name: &str) -> Option<String> {
    if is_text(name.trim()) {
        return Some(name.trim().to_owned());
    }
    let plain: String = name.chars().map(|c| if is_hostile(c) { ' ' } else { c }).collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let name: String = words.chars().take(MAX_TEXT).collect();
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

/// A customer of whom only a domain is known, and not yet whose domain it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unresolved {
    pub domain: String,
    pub display_name: Option<String>,
    /// Why Entra did not tell its tenant.
    pub detail: String,
}

/// A campaign, as the clone keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Campaign {
    pub version: u32,
    /// The sign-in profile of its tenants, where it is not the fleet's default.
    pub auth: Option<String>,
    /// What its tenants are to be ready for, where somebody said it.
    #[serde(default)]
    pub stage: Option<Stage>,
    /// What was looked for last: the applications, each with what it is for.
    #[serde(default)]
    pub sought: Vec<String>,
    /// Sorted by name.
    pub candidates: Vec<Candidate>,
    /// Sorted by domain. Each run asks for them again.
    #[serde(default)]
    pub unresolved: Vec<Unresolved>,
    /// What this run took out, by tenant id and domain: a merge does not bring it back.
    #[serde(skip)]
    gone: BTreeSet<String>,
}

/// What of a list was added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    pub added: usize,
    /// Tenants that the campaign has already.
    pub known: usize,
    /// Of those, the ones whose name the list has now, or corrects.
    pub renamed: usize,
    /// Why folders are not simply named as the customers.
    pub notes: Vec<String>,
}

impl Campaign {
    pub fn new(auth: Option<String>) -> Self {
        Self { version: VERSION, auth, ..Self::default() }
    }

    /// Adds customers. `taken` are the folders that the fleet has, and `own` those of its tenants;
    /// `state` makes a word that nobody can guess.
    pub fn add(
        &mut self,
        customers: &[Customer],
        (taken, own): (&BTreeSet<String>, &BTreeMap<TenantId, String>),
        mut state: impl FnMut() -> String,
    ) -> Added {
        let plain = |one: &Customer| {
            let display_name = one.display_name.as_deref().and_then(plain_name);
            Customer { display_name, ..one.clone() }
        };
        let given = customers;
        let customers: Vec<Customer> = given.iter().map(plain).collect();
        let known: BTreeSet<TenantId> = self.candidates.iter().map(|one| one.tenant_id).collect();
        let new = |one: &&Customer| !known.contains(&one.tenant_id);
        let corrected = |one: &&Customer| self.is_corrected_by(one);
        let named: Vec<&Customer> =
            customers.iter().filter(|one| new(one) || corrected(one)).collect();
        let fixed = |one: &&Candidate| named.iter().all(|new| new.tenant_id != one.tenant_id);
        let names = self.candidates.iter().filter(fixed).map(|one| one.name.clone());
        let taken: BTreeSet<String> = taken.iter().cloned().chain(names).collect();
        let mut added =
            Added { known: customers.iter().filter(|one| !new(one)).count(), ..Added::default() };
        let changed = customers.iter().zip(given).filter(|(one, given)| {
            let given = given.display_name.as_deref().map(str::trim);
            one.display_name.as_deref() != given
        });
        for (one, _) in changed {
            let name = one.display_name.as_deref().unwrap_or("nothing");
            added.notes.push(format!("the name of {} has line breaks, control or invisible characters, or is too long: of it, this is used: {name}", one.tenant_id));
        }
        let (kept, nameless): (Vec<&Customer>, Vec<&Customer>) =
            named.iter().partition(|one| own.contains_key(&one.tenant_id));
        let names = folder_names(&nameless, &taken).into_iter();
        let names = names.map(|(name, note)| (name.map(|name| name.to_string()), note));
        let kept = kept.into_iter().map(|one| (one, (own.get(&one.tenant_id).cloned(), None)));
        for (customer, (name, note)) in nameless.iter().copied().zip(names).chain(kept) {
            let name = name.unwrap_or_else(|| customer.tenant_id.to_string());
            added.notes.extend(note.map(|why| format!("{name}: {why}")));
            let there = self.candidates.iter_mut().find(|one| one.tenant_id == customer.tenant_id);
            if let Some(there) = there {
                added.renamed += 1;
                there.name = name;
                there.display_name = customer.display_name.clone();
                there.domain = customer.domain.clone().or(there.domain.take());
                continue;
            }
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
                in_fleet: false,
                state: state(),
                answered: BTreeSet::new(),
                applications: Vec::new(),
                renewed: BTreeMap::new(),
            });
        }
        self.candidates.sort_by(|one, other| one.name.cmp(&other.name));
        added
    }

    /// Whether a list names a tenant otherwise than the campaign, and its folder is not there yet.
    fn is_corrected_by(&self, customer: &Customer) -> bool {
        self.candidates.iter().any(|one| {
            one.tenant_id == customer.tenant_id
                && !one.in_fleet
                && one.standing != Standing::Proposed
                && customer.display_name.is_some()
                && one.display_name != customer.display_name
        })
    }

    /// Keeps a customer whose domain Entra did not tell the tenant of.
    pub fn keep_unresolved(&mut self, mut new: Unresolved) {
        new.display_name = new.display_name.as_deref().and_then(plain_name);
        self.unresolved.retain(|one| one.domain != new.domain);
        self.unresolved.push(new);
        self.unresolved.sort_by(|one, other| one.domain.cmp(&other.domain));
    }

    /// Forgets domains whose tenants are known now.
    pub fn resolved(&mut self, domain: &str) {
        self.unresolved.retain(|one| one.domain != domain);
        self.gone.insert(domain.to_owned());
    }

    /// Takes out what has this folder's name, tenant id or domain; says how many that were.
    pub fn remove(&mut self, what: &str) -> usize {
        let what = what.trim().to_lowercase();
        let is = |one: &Candidate| {
            one.name == what
                || one.tenant_id.to_string() == what
                || one.domain.as_deref() == Some(what.as_str())
        };
        let before = self.candidates.len() + self.unresolved.len();
        let ids = self.candidates.iter().filter(|one| is(one)).map(|one| one.tenant_id.to_string());
        self.gone.extend(ids.chain([what.clone()]));
        self.candidates.retain(|one| !is(one));
        self.unresolved.retain(|one| one.domain != what);
        before - self.candidates.len() - self.unresolved.len()
    }

    /// Says what is looked for now. Where that is something else than before, what was seen of a
    /// tenant says nothing of it, and an answered link asks for another consent: it is made anew.
    pub fn seek(&mut self, sought: Vec<String>, now: Timestamp, mut word: impl FnMut() -> String) {
        if !self.sought.is_empty() && self.sought != sought {
            for one in self.candidates.iter_mut().filter(|one| one.standing != Standing::Proposed) {
                one.standing = Standing::NotLooked;
                one.missing.clear();
                one.applications.clear();
                one.renew_answered_links(now, &mut word);
            }
        }
        self.sought = sought;
    }

    /// Takes over what another run of this clone wrote meanwhile: of each tenant the later reading
    /// counts, and a tick is never lost.
    pub fn merge(&mut self, other: &Self) {
        let theirs = other.candidates.iter();
        for theirs in theirs.filter(|one| !self.gone.contains(&one.tenant_id.to_string())) {
            let mine = self.candidates.iter_mut().find(|one| one.tenant_id == theirs.tenant_id);
            match mine {
                Some(mine) => {
                    let consented_at = mine.consented_at.max(theirs.consented_at);
                    let answered = &mine.answered | &theirs.answered;
                    let mut renewed = mine.renewed.clone();
                    for (client_id, link) in &theirs.renewed {
                        if renewed.get(client_id).is_none_or(|mine| mine.at < link.at) {
                            renewed.insert(client_id.clone(), link.clone());
                        }
                    }
                    if theirs.seen_at > mine.seen_at {
                        *mine = theirs.clone();
                    }
                    (mine.consented_at, mine.answered) = (consented_at, answered);
                    mine.renewed = renewed;
                }
                None => self.candidates.push(theirs.clone()),
            }
        }
        for theirs in &other.unresolved {
            let mine = self.unresolved.iter().any(|one| one.domain == theirs.domain);
            if !mine && !self.gone.contains(&theirs.domain) {
                self.keep_unresolved(theirs.clone());
            }
        }
        self.candidates.sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// Marks those that the fleet has, each with whether it signs in as the campaign does. One that
    /// does not is not looked at: its applications are others.
    pub fn in_fleet(&mut self, fleet: &BTreeMap<TenantId, bool>) {
        for candidate in &mut self.candidates {
            let signs_in_alike = fleet.get(&candidate.tenant_id);
            candidate.in_fleet = signs_in_alike.is_some();
            candidate.standing = match (signs_in_alike, candidate.standing) {
                (Some(false), _) | (Some(true), Standing::Ready | Standing::Proposed) => {
                    Standing::InFleet
                }
                (None, Standing::InFleet) => Standing::NotLooked,
                (_, standing) => standing,
            };
        }
    }

    /// Notes that a branch brings these tenants.
    pub fn propose(&mut self, tenants: &BTreeSet<TenantId>, branch: &str, now: Timestamp) {
        for one in self.candidates.iter_mut().filter(|one| tenants.contains(&one.tenant_id)) {
            one.standing = Standing::Proposed;
            one.branch = Some(branch.to_owned());
            one.seen_at = Some(now);
        }
    }

    /// The branches that wait to be merged.
    pub fn branches(&self) -> BTreeSet<String> {
        let waiting = self.with(Standing::Proposed).filter(|one| !one.in_fleet);
        waiting.filter_map(|one| one.branch.clone()).collect()
    }

    /// The tenants of a branch that nobody has any more are ready again.
    pub fn branch_is_gone(&mut self, branch: &str) {
        let waits = |one: &&mut Candidate| {
            one.standing == Standing::Proposed
                && !one.in_fleet
                && one.branch.as_deref() == Some(branch)
        };
        for one in self.candidates.iter_mut().filter(waits) {
            one.standing = Standing::Ready;
            one.branch = None;
        }
    }

    /// Those that are named are looked at, also where they were seen as tenants of the fleet before.
    pub fn look_again(&mut self, ids: &BTreeSet<TenantId>) {
        for one in &mut self.candidates {
            if one.standing == Standing::InFleet && ids.contains(&one.tenant_id) {
                one.standing = Standing::NotLooked;
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

/// Campaigns for tests.
#[cfg(test)]
pub(crate) mod fixture {
    use super::*;

    /// A campaign over customers of these names, whose tenant ids begin with 1, 2 and so on, in a fleet
    /// that has the folder `adatum`; and what was said of them.
    pub(crate) fn campaign_of(names: &[&str]) -> (Campaign, Added) {
        let customers: Vec<Customer> = (1..)
            .zip(names)
            .map(|(number, name)| Customer {
                tenant_id: format!("{number:08x}-8a34-4b7a-9a51-0d6c2f6f1b11").parse().unwrap(),
                display_name: Some((*name).to_owned()),
                domain: None,
            })
            .collect();
        let mut number = 0;
        let state = || {
            number += 1;
            format!("word-{number}")
        };
        let mut campaign = Campaign::new(None);
        let taken = BTreeSet::from(["adatum".to_owned()]);
        let added = campaign.add(&customers, (&taken, &BTreeMap::new()), state);
        (campaign, added)
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::campaign_of;
    use super::*;
    use crate::rules::entra::Duty;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn campaign() -> Campaign {
        let (campaign, added) = campaign_of(&["Contoso", "Adatum"]);
        assert_eq!((added.added, added.known), (2, 0));
        assert!(added.notes[0].contains("adatum-00000002"), "{:?}", added.notes);
        campaign
    }

    #[test]
    fn a_name_that_breaks_a_heading_or_hides_something_is_one_plain_line_and_that_is_told() {
        let (campaign, added) = campaign_of(&[
            "Subject: x\r\nBcc: evil@x.example",
            "e\u{202e}vil\u{200b}",
            "\u{200b}",
            "Plain",
        ]);
        let name = |number: usize| {
            let id = format!("{number:08x}");
            let mut all = campaign.candidates.iter();
            all.find(|one| one.tenant_id.to_string().starts_with(&id)).unwrap().display_name.clone()
        };
        assert_eq!(name(1).as_deref(), Some("Subject: x Bcc: evil@x.example"));
        assert_eq!(name(2).as_deref(), Some("e vil"));
        assert_eq!(name(3), None);
        assert_eq!(name(4).as_deref(), Some("Plain"));
        let told = added.notes.iter().filter(|note| note.contains("invisible characters"));
        assert_eq!(told.count(), 3, "{:?}", added.notes);
        let (campaign, _) = campaign_of(&["x".repeat(5_000).as_str()]);
        let name = campaign.candidates[0].display_name.as_deref();
        assert!(name.is_some_and(crate::fleet::is_text), "a file takes it: {name:?}");
    }

    #[test]
    fn the_answer_of_a_link_counts_once_and_that_of_another_application_beside_it() {
        let mut campaign = campaign();
        let contoso = &mut campaign.candidates[1];
        let id = contoso.tenant_id.to_string();
        let lacking = |one: &mut Candidate, now| {
            one.record(Seen::new(Standing::ConsentMissing), at(now));
            one.standing
        };
        assert!(contoso.consented("reader", at("2027-01-10T12:00:00Z")));
        assert_eq!(lacking(contoso, "2027-01-10T12:05:00Z"), Standing::Replicating);
        assert!(!contoso.consented("reader", at("2027-01-10T12:09:00Z")), "the same answer again");
        assert_eq!(lacking(contoso, "2027-01-10T12:11:00Z"), Standing::ConsentMissing);
        assert!(contoso.consented("writer", at("2027-01-10T12:12:00Z")));
        assert_eq!(lacking(contoso, "2027-01-10T12:13:00Z"), Standing::Replicating);
        let state = contoso.link_state("writer");
        assert_eq!(contoso.answered_link(Some(&id), &state), Some("writer"));
        // What is looked for now asks for another consent.
        let now = at("2027-01-11T12:00:00Z");
        let mut number = 0;
        let mut word = || {
            number += 1;
            format!("new--{number}")
        };
        campaign.seek(vec!["writer reads".to_owned()], now, &mut word);
        campaign.seek(vec!["writer writes".to_owned()], now, &mut word);
        let contoso = &mut campaign.candidates[1];
        assert_eq!(
            contoso.answered_link(Some(&id), &state),
            None,
            "the answer of the stage before"
        );
        assert_ne!(contoso.link_state("writer"), state);
        assert!(contoso.consented("writer", now));
    }

    #[test]
    fn a_link_is_made_anew_once_a_look_shows_that_its_answer_was_no_consent() {
        let mut campaign = campaign();
        let contoso = &mut campaign.candidates[1];
        let id = contoso.tenant_id.to_string();
        let look = |one: &mut Candidate, now, word: &str| {
            one.record(Seen::new(Standing::ConsentMissing), at(now));
            one.renew_links(at(now), || word.to_owned());
        };
        let (first, other) = (contoso.link_state("reader"), contoso.link_state("writer"));
        look(contoso, "2027-01-10T11:59:00Z", "new--0");
        assert_eq!(contoso.link_state("reader"), first, "nobody has opened it");
        assert!(contoso.consented("reader", at("2027-01-10T12:00:00Z")));
        look(contoso, "2027-01-10T12:05:00Z", "new--1");
        assert_eq!(contoso.link_state("reader"), first, "it is on its way");
        look(contoso, "2027-01-10T12:11:00Z", "new--2");
        let second = contoso.link_state("reader");
        assert_eq!(second, "new--2reader");
        assert_eq!(contoso.answered_link(Some(&id), &first), None);
        assert_eq!(contoso.answered_link(Some(&id), &second), Some("reader"));
        assert_eq!(contoso.link_state("writer"), other, "that one may be in a letter");
        // Another run of this clone that knows the earlier word takes over the later one.
        let mut theirs = self::campaign();
        theirs.candidates[1].answered.insert(first.clone());
        theirs.candidates[1]
            .record(Seen::new(Standing::ConsentMissing), at("2027-01-10T12:12:00Z"));
        theirs.merge(&campaign);
        assert_eq!(theirs.candidates[1].link_state("reader"), second);
        assert!(theirs.candidates[1].consented("reader", at("2027-01-10T12:13:00Z")));
        assert!(!theirs.candidates[1].consented("reader", at("2027-01-10T12:14:00Z")));
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
        let state = contoso.link_state("2f6b");
        assert_eq!(contoso.answered_link(Some(&id), &state), Some("2f6b"));
        assert_eq!(contoso.answered_link(Some(&id), &adatum.link_state("2f6b")), None);
        assert_eq!(contoso.answered_link(Some(&adatum.tenant_id.to_string()), &state), None);
        assert_eq!(contoso.answered_link(None, &state), None);
        assert_eq!(contoso.answered_link(Some(&id), ""), None);
    }

    #[test]
    fn a_tenant_whose_branch_nobody_has_is_ready_again_and_one_whose_branch_is_there_is_not() {
        let mut campaign = campaign();
        let ids: Vec<TenantId> = campaign.candidates.iter().map(|one| one.tenant_id).collect();
        for (id, branch) in ids.into_iter().zip(["closed", "open"]) {
            campaign.propose(&BTreeSet::from([id]), branch, at("2027-01-10T12:00:00Z"));
        }
        assert_eq!(campaign.branches(), ["closed", "open"].map(str::to_owned).into());
        campaign.branch_is_gone("closed");
        let standings = campaign.candidates.iter().map(|one| (one.standing, one.branch.as_deref()));
        let wanted = [(Standing::Ready, None), (Standing::Proposed, Some("open"))];
        assert_eq!(standings.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn what_was_taken_out_stays_out_and_a_corrected_list_renames_what_has_no_folder_yet() {
        let mut one = campaign();
        let kept = one.clone();
        assert_eq!(one.remove("CONTOSO"), 1);
        assert_eq!(one.remove("contoso"), 0);
        one.merge(&kept);
        assert_eq!(one.candidates.len(), 1);
        let adatum = Customer {
            tenant_id: one.candidates[0].tenant_id,
            display_name: Some("Adatum Z\u{fc}rich".to_owned()),
            domain: None,
        };
        let again = std::slice::from_ref(&adatum);
        let none = (&BTreeSet::new(), &BTreeMap::new());
        let added = one.add(again, none, String::new);
        assert_eq!((added.added, added.known, added.renamed), (0, 1, 1));
        assert_eq!(one.candidates[0].name, "adatum-zuerich");
        one.in_fleet(&BTreeMap::from([(adatum.tenant_id, true)]));
        let other = Customer { display_name: Some("Other".to_owned()), ..adatum };
        assert_eq!(one.add(&[other], none, String::new).renamed, 0);
    }

    #[test]
    fn a_tenant_of_the_fleet_keeps_its_folder_whatever_a_list_calls_it() {
        let (mut campaign, _) = campaign_of(&[]);
        let tenant_id = "00000009-8a34-4b7a-9a51-0d6c2f6f1b11".parse().unwrap();
        let display_name = Some("Adatum".to_owned());
        let customer = Customer { tenant_id, display_name, domain: None };
        let taken = BTreeSet::from(["adatum".to_owned(), "a".to_owned()]);
        let own = BTreeMap::from([(tenant_id, "a".to_owned())]);
        let added = campaign.add(&[customer], (&taken, &own), String::new);
        assert_eq!((campaign.candidates[0].name.as_str(), added.notes), ("a", Vec::new()));
    }

    #[test]
    fn a_tenant_of_the_fleet_is_looked_at_and_what_it_lacks_stays_its_standing() {
        let mut campaign = campaign();
        let fleet: BTreeMap<_, _> = campaign
            .candidates
            .iter()
            .zip([true, false])
            .map(|(it, is)| (it.tenant_id, is))
            .collect();
        campaign.in_fleet(&fleet);
        let standing = |campaign: &Campaign| campaign.candidates[0].standing;
        assert_eq!(standing(&campaign), Standing::NotLooked);
        assert_eq!(campaign.candidates[1].standing, Standing::InFleet, "signs in otherwise");
        let now = at("2027-01-10T12:00:00Z");
        campaign.candidates[0].record(Seen::new(Standing::RolesMissing), now);
        campaign.in_fleet(&fleet);
        assert_eq!(standing(&campaign), Standing::RolesMissing);
        campaign.candidates[0].record(Seen::new(Standing::Ready), now);
        assert_eq!(standing(&campaign), Standing::InFleet);
        campaign.seek(vec!["watch".to_owned()], now, String::new);
        assert_eq!(standing(&campaign), Standing::InFleet);
        campaign.seek(vec!["apply".to_owned()], now, String::new);
        assert_eq!(standing(&campaign), Standing::NotLooked, "nobody looked for that");
    }

    #[test]
    fn who_consented_to_one_of_two_applications_is_still_asked_for_the_other_one() {
        let mut campaign = campaign();
        let one = &mut campaign.candidates[0];
        let seen = |reader, writer| {
            let all = [("r", Duty::Reader, reader), ("w", Duty::Writer, writer)];
            let all = all.map(|(client_id, duty, standing)| {
                let client_id = client_id.to_owned();
                (SeenApplication { client_id, duty, standing, missing: Vec::new() }, None)
            });
            Seen::of_applications(all.into())
        };
        let wanted = |one: &Candidate| ["r", "w"].map(|client_id| one.wants(client_id));
        let (begin, later) = (at("2027-01-10T12:00:00Z"), at("2027-01-10T12:20:00Z"));
        one.record(seen(Standing::ConsentMissing, Standing::ApplicationMissing), begin);
        assert_eq!(wanted(one), [true, true]);
        assert!(one.consented("r", begin));
        // Entra's servers do not know of it yet, and the other application is not there at all.
        one.record(seen(Standing::ConsentMissing, Standing::ApplicationMissing), begin);
        one.renew_links(begin, || "another".to_owned());
        assert_eq!((one.standing, wanted(one)), (Standing::ApplicationMissing, [false, true]));
        assert!(one.consented("w", begin));
        one.record(seen(Standing::ConsentMissing, Standing::ApplicationMissing), begin);
        assert_eq!((one.standing, wanted(one)), (Standing::Replicating, [false, false]));
        // What is not there after ten minutes was not consented to.
        one.record(seen(Standing::Ready, Standing::ApplicationMissing), later);
        one.renew_links(later, || "another".to_owned());
        assert_eq!((one.standing, wanted(one)), (Standing::ApplicationMissing, [false, true]));
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
