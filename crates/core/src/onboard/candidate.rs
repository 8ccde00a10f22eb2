//! One tenant of a campaign: what was seen of it, and the links on which it consents.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{REPLICATION_MINUTES, Standing};
use crate::model::{TenantId, Timestamp};
use crate::rules::entra::Duty;

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
    /// The permissions that its tokens lack.
    #[serde(default)]
    pub missing: Vec<String>,
    /// What was seen of each application that was asked for.
    #[serde(default)]
    pub applications: Vec<SeenApplication>,
    /// What was told, of Entra or of Graph.
    pub detail: Option<String>,
    /// The branch that brings it.
    pub branch: Option<String>,
    /// Whether the fleet has it. It is looked at all the same, for it may lack something.
    #[serde(default)]
    pub in_fleet: bool,
    /// The word that only the consent links of this tenant have. Not a secret of Entra's: whoever knows
    /// it can tick the tenant off, once for each link, which makes this program look at it.
    pub state: String,
    /// What the links brought back that have brought their answer already.
    #[serde(default)]
    pub answered: BTreeSet<String>,
    /// The words of links that were made anew, by client id.
    #[serde(default)]
    pub(super) renewed: BTreeMap<String, RenewedLink>,
}

/// The word of a link that was made anew, because the one before had brought its answer, and the tenant
/// has to consent all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RenewedLink {
    word: String,
    pub(super) at: Timestamp,
}

/// What was seen of one of the applications that a tenant has to consent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeenApplication {
    /// The application (client) id.
    pub client_id: String,
    pub duty: Duty,
    /// `ready` where it lacks nothing.
    pub standing: Standing,
    /// The permissions that its token lacks.
    pub missing: Vec<String>,
}

/// What was found when a tenant was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub standing: Standing,
    pub missing: Vec<String>,
    pub detail: Option<String>,
    /// Those that were asked for and told something of themselves.
    pub applications: Vec<SeenApplication>,
}

impl Seen {
    pub fn new(standing: Standing) -> Self {
        Self { standing, missing: Vec::new(), detail: None, applications: Vec::new() }
    }

    /// What the applications say of the tenant, each with what was told of it: what an administrator
    /// has to do first counts before what is not known.
    pub fn of_applications(applications: Vec<(SeenApplication, Option<String>)>) -> Self {
        const FIRST: [Standing; 4] = [
            Standing::ApplicationMissing,
            Standing::ConsentMissing,
            Standing::RolesMissing,
            Standing::Unknown,
        ];
        let first = FIRST.into_iter().find_map(|standing| {
            let mut all = applications.iter();
            all.find(|(one, _)| one.standing == standing)
                .map(|(_, detail)| (standing, detail.clone()))
        });
        let (standing, detail) = first.unwrap_or((Standing::Ready, None));
        let applications: Vec<_> = applications.into_iter().map(|(one, _)| one).collect();
        let mut missing: Vec<String> = Vec::new();
        for name in applications.iter().flat_map(|one| &one.missing) {
            if !missing.contains(name) {
                missing.push(name.clone());
            }
        }
        Self { standing, missing, detail, applications }
    }
}

impl Candidate {
    /// What people call it.
    pub fn shown(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// Records what was found.
    pub fn record(&mut self, seen: Seen, now: Timestamp) {
        // Who consented to one application may have to consent to another one.
        let mut lacking = seen.applications.iter().filter(|one| one.standing.wants_consent());
        let is_on_its_way = self.has_fresh_consent(now)
            && (self.answered.is_empty() || lacking.all(|one| self.has_answered(&one.client_id)));
        self.standing = match seen.standing {
            standing if standing.wants_consent() && is_on_its_way => Standing::Replicating,
            Standing::Ready if self.in_fleet => Standing::InFleet,
            standing => standing,
        };
        (self.missing, self.detail) = (seen.missing, seen.detail);
        self.applications = seen.applications;
        self.seen_at = Some(now);
    }

    fn has_fresh_consent(&self, now: Timestamp) -> bool {
        let age = self.consented_at.map(|at| now.since(at));
        age.is_some_and(|age| age < Duration::minutes(REPLICATION_MINUTES))
    }

    /// Whether the link of this application has brought its answer.
    fn has_answered(&self, client_id: &str) -> bool {
        self.answered.contains(&self.link_state(client_id))
    }

    /// Whether the tenant has to consent to this application: it does where nothing was seen of it.
    pub fn wants(&self, client_id: &str) -> bool {
        let mut seen = self.applications.iter();
        let seen = seen.find(|one| one.client_id == client_id);
        let lacks = seen.is_none_or(|one| one.standing != Standing::Ready);
        self.standing.wants_consent() && lacks && !self.has_answered(client_id)
    }

    /// What the consent link of an application carries to Entra and back.
    pub fn link_state(&self, client_id: &str) -> String {
        format!("{}{client_id}", self.word(client_id))
    }

    fn word(&self, client_id: &str) -> &str {
        self.renewed.get(client_id).map_or(&self.state, |link| &link.word)
    }

    /// Makes links anew that have brought their answer, where a look has shown that the tenant has to
    /// consent all the same: else its next consent would be taken for that answer again. A link that
    /// nobody has opened yet stays: it may be in a letter.
    pub fn renew_links(&mut self, now: Timestamp, mut word: impl FnMut() -> String) {
        if self.standing.wants_consent() && !self.has_fresh_consent(now) {
            self.renew_answered_links(now, &mut word);
        }
    }

    pub(super) fn renew_answered_links(
        &mut self,
        now: Timestamp,
        mut word: impl FnMut() -> String,
    ) {
        for state in self.answered.clone() {
            let Some(client_id) = self.application_of(&state).map(str::to_owned) else { continue };
            self.renewed.insert(client_id, RenewedLink { word: word(), at: now });
        }
    }

    /// The application whose link carries this now.
    fn application_of<'a>(&self, state: &'a str) -> Option<&'a str> {
        let (word, client_id) = state.split_at_checked(self.state.len())?;
        let own = self.word(client_id);
        let same = own.bytes().zip(word.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0;
        (same && own.len() == word.len()).then_some(client_id)
    }

    /// The application whose consent link brought this back for the tenant.
    pub fn answered_link<'a>(&self, tenant: Option<&str>, state: &'a str) -> Option<&'a str> {
        let tenant = tenant.and_then(|id| id.parse::<TenantId>().ok());
        self.application_of(state).filter(|_| tenant == Some(self.tenant_id))
    }

    /// Notes that an application's link brought its answer; says whether it is the first one.
    ///
    /// Mail gateways and browsers' histories know the link. Were every answer a new consent, whoever
    /// repeats it could keep a tenant that has not consented from ever being told as such.
    pub fn consented(&mut self, client_id: &str, now: Timestamp) -> bool {
        if !self.answered.insert(self.link_state(client_id)) {
            return false;
        }
        self.consented_at = Some(now);
        if self.standing.wants_consent() {
            self.standing = Standing::Replicating;
        }
        true
    }
}
