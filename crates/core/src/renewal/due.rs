//! Renewal sheets: whose turn it is, with what, by when.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::Duration;

use super::forecast::Upcoming;
use super::sitting::SignInPlace;
use super::spec;
use crate::fleet::{Cloud, Policy, Tenant, Token};
use crate::ledger::{FirstTopic, LedgerView, TenantLedger};
use crate::model::{
    Facts, Kind, LivePush, LiveTenant, LiveToken, Outcome, Problem, Revocation, TenantName,
    Timestamp, TokenRef,
};
use crate::report::{OtherTopic, Sheet, SheetKey, SheetRestore, portal, sheet_links};
use crate::rules::identity;
use crate::rules::refusal::Refusal;
use crate::rules::topics::{self, KnownTopic};

/// A token whose renewal may be opened.
pub struct Due<'a> {
    pub tenant: &'a Tenant,
    pub token: Token,
    /// What Intune has; `None` where it is not known.
    pub live: Option<Facts>,
    /// Intune's id of it; the push certificate has none that lasts.
    pub id: Option<String>,
    pub problem: Option<Problem>,
    /// Push: the topic that devices know, where Intune is known not to have it.
    pub lost: Option<KnownTopic>,
    /// Push: whether it is proved that the tenant never had one: Intune has none, and neither the
    /// ledger nor any revision of the tenant file names a topic. Only then is Create right at Apple.
    first: bool,
    /// Whether Intune or Apple calls it invalid: it is due at once, whatever its date says.
    dead: bool,
    /// Push: since when Apple has it on its list of revoked certificates.
    revoked: Option<Timestamp>,
    /// That a run opened the file in Git and refused it.
    refused: Option<Refusal>,
    /// How many devices depend on it, where that is known.
    pub devices: Option<u64>,
    /// Whether Intune was ever seen to have the file in Git.
    confirmed: bool,
    /// Whether it is renewed in Apple School Manager.
    school: bool,
    cloud: Cloud,
}

/// Why no renewal is opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DueError {
    #[error("{tenant} has no token {wanted:?}; {choices}")]
    NoToken { tenant: String, wanted: String, choices: String },
    #[error("no token of {tenant} expires within {days} days; {choices}")]
    NothingDue { tenant: String, days: i64, choices: String },
    #[error(
        "{tenant} has several tokens{}, or none; name one of {choices}",
        .wanted.as_ref().map(|wanted| format!(" called {wanted:?}")).unwrap_or_default()
    )]
    NotOne { tenant: String, wanted: Option<String>, choices: String },
    #[error(
        "{tenant} has no `push` entry, and an entry says with which Apple Account the certificate is made. If Intune has a certificate, `applecart import --update {tenant}` writes the entry. For a first one, write this into tenants/{tenant}/tenant.yaml with the account that is to own it, have it merged, and run this again: push: {{appleId: ACCOUNT}}"
    )]
    NoPushEntry { tenant: String },
    #[error("{tenant} names no token")]
    NoTokens { tenant: String },
    #[error(
        "Intune does not have {spec}, so there is nothing to renew; a first one is created at Apple and brought with `applecart seal`"
    )]
    NotInIntune { spec: String },
    #[error("Intune has the topic that devices of {tenant} know, so nothing has to come back")]
    NothingLost { tenant: String },
}

impl<'a> Due<'a> {
    fn new(
        tenant: &'a Tenant,
        token: Token,
        live: Option<&LiveTenant>,
        past: Option<&TenantLedger>,
        cloud: Cloud,
    ) -> Self {
        let nothing = TenantLedger::default();
        let (is_known, past) = (past.is_some(), past.unwrap_or(&nothing));
        let kind = token.token.kind;
        let live = live.map(|live| identity::narrow(live.clone(), tenant, &token, None));
        let in_school = |one: &LiveToken<'_>| {
            matches!(one, LiveToken::Enrollment(one)
                if one.token_type.as_deref() == Some("appleSchoolManager"))
        };
        let school = token.account_type.as_deref() == Some("education")
            || live.as_ref().is_some_and(|live| live.tokens(kind).first().is_some_and(in_school));
        let problem = live.as_ref().and_then(|live| live.problem(kind)).cloned();
        let only = live.as_ref().and_then(|live| live.only(kind));
        let id = only.and_then(LiveToken::id).map(str::to_owned);
        let revoked = match only {
            Some(LiveToken::Push(LivePush { revocation: Revocation::Since(at), .. })) => Some(*at),
            _ => None,
        };
        let dead = revoked.is_some() || only.is_some_and(LiveToken::is_invalid);
        let devices = live.as_ref().and_then(|live| live.behind(kind, only));
        let is_read = live.is_some() && problem.is_none();
        let live = only.map(LiveToken::facts);
        let in_intune = live.as_ref().and_then(|live| live.topic.as_ref());
        let lost = (kind == Kind::Push && is_read)
            .then(|| topics::devices_know(past, &token.token, None, Some(&token), in_intune))
            .flatten()
            .filter(|known| Some(&known.topic) != in_intune);
        let is_absent = kind == Kind::Push && is_read && live.is_none();
        let first = is_absent
            && lost.is_none()
            && token.file.is_none()
            && is_known
            && past.first_topic != FirstTopic::Unknown;
        let confirmed =
            token.file.as_ref().is_some_and(|file| past.proof(&token.token, file.sha256).is_some());
        let refused =
            token.file.as_ref().and_then(|file| Refusal::of(past, &token.token, file.sha256));
        Self {
            tenant,
            token,
            live,
            id,
            problem,
            lost,
            first,
            dead,
            revoked,
            refused,
            devices,
            confirmed,
            school,
            cloud,
        }
    }

    /// Every token of the tenants that can be renewed.
    pub fn all(
        tenants: impl Iterator<Item = &'a Tenant>,
        live: &BTreeMap<TenantName, LiveTenant>,
        known: Option<&LedgerView>,
        policy: &Policy,
    ) -> Vec<Self> {
        let mut all = Vec::new();
        for tenant in tenants {
            let live = live.get(&tenant.name);
            let past = known.map(|view| view.tenant(tenant.tenant_id));
            let auth = policy.auth_of(tenant.auth.as_deref()).unwrap_or(&policy.auth);
            // A certificate without an entry in the tenant file expires all the same.
            let has_unwritten =
                tenant.push.is_none() && live.is_some_and(|live| live.push.present().is_some());
            let unwritten = has_unwritten.then(|| Token::watched(TokenRef::push()));
            let tokens = tenant.tokens().cloned().chain(unwritten);
            let watched = tokens.filter(|token| tenant.watches(token.token.kind));
            all.extend(watched.map(|token| Self::new(tenant, token, live, past, auth.cloud)));
        }
        all
    }

    fn expires(&self) -> Option<Timestamp> {
        match &self.live {
            Some(live) => live.expires,
            None => self.token.facts.expires,
        }
    }

    pub fn is_within(&self, within: Duration, now: Timestamp) -> bool {
        if self.lost.is_some() || self.dead {
            return true;
        }
        match self.expires() {
            Some(at) => at.since(now) < within,
            // An unknown expiry may be due; what Intune does not have has nothing to renew.
            None => self.problem.is_some() || self.live.is_some(),
        }
    }

    /// The day on which it expires, by the file that waits where Git has a newer one, and where its
    /// renewal signs in.
    pub fn upcoming(&self, in_sitting: bool, now: Timestamp) -> Upcoming {
        let kind = self.token.token.kind;
        // The file of an enrollment token does not say when it expires.
        let waits = kind != Kind::Enrollment && self.is_waiting(now);
        let expires = if waits { self.token.facts.expires } else { self.expires() };
        let (portal, _) = portal(kind, self.school);
        let account = self.facts().apple_id;
        let place = SignInPlace::new(portal, account.as_deref(), self.tenant.name.as_str());
        let (tenant, token) = (self.tenant.name.clone(), self.token.token.clone());
        Upcoming { tenant, token, place, expires, in_sitting }
    }

    /// What comes first: what is dead, then the earliest day, and of one day what most devices depend on.
    pub fn urgency(&self) -> impl Ord + use<> {
        let day = self.expires().map(|at| at.date_time().date_naive());
        let devices = Reverse(self.devices);
        let whose = (self.tenant.name.clone(), self.token.token.clone());
        (!self.dead, day, devices, self.expires(), whose)
    }

    /// What is to be renewed at Apple, and with which account.
    fn facts(&self) -> Facts {
        let stated = self.token.facts.clone();
        // Intune's Apple Account was true at the last upload, Git's was reviewed since. Git also
        // fills in what Intune does not show.
        let facts = match self.live.clone() {
            Some(live) => Facts {
                apple_id: stated.apple_id.or(live.apple_id),
                organization: live.organization.or(stated.organization),
                location: live.location.or(stated.location),
                ..live
            },
            None => stated,
        };
        // Where Intune has another topic, the certificate to renew is not the one that it has.
        let Some(known) = &self.lost else { return facts };
        let is_stated = self.token.topic() == Some(&known.topic);
        Facts {
            topic: Some(known.topic.clone()),
            apple_id: known.apple_id.clone(),
            serial: None,
            expires: self.token.facts.expires.filter(|_| is_stated),
            ..facts
        }
    }

    pub fn sheet(&self, now: Timestamp) -> Sheet {
        let Self { tenant, token, live, .. } = self;
        let in_intune = live.as_ref().and_then(|live| live.apple_id.clone());
        let other_account = match (&token.facts.apple_id, in_intune) {
            (Some(ours), Some(theirs)) if ours.to_lowercase() != theirs.to_lowercase() => {
                Some(theirs)
            }
            _ => None,
        };
        let facts = self.facts();
        // What nobody knows is asked for once, so that it is in Git next year.
        let account = if facts.apple_id.is_none() { " --apple-id ACCOUNT" } else { "" };
        let restore = if self.lost.is_some() { " --restore" } else { "" };
        Sheet {
            tenant: tenant.name.clone(),
            display_name: tenant.display_name.clone(),
            tenant_id: tenant.tenant_id,
            token: token.token.clone(),
            dead: self.dead,
            revoked: self.revoked,
            refused: self.refused.as_ref().map(Refusal::told),
            devices: self.devices,
            days_left: facts.expires.map(|at| at.since(now).num_seconds().div_euclid(24 * 3600)),
            facts,
            other_account,
            downloaded_by: self.downloaded_by(),
            live: live.is_some(),
            restore: self.restore(now),
            first: self.first,
            waiting: self.is_waiting(now),
            open: None,
            wrong_destination: None,
            server: token.server.clone(),
            school: self.school,
            contacts: tenant.contacts.clone(),
            csr: None,
            public_key: self.is_key_unsaid().then(SheetKey::not_asked),
            problems: self.problem.clone().into_iter().collect(),
            links: sheet_links(token.token.kind, tenant.tenant_id, self.school, self.cloud),
            steps: Vec::new(),
            next: format!(
                "applecart renew {}{restore} --file FILE{account} --push",
                spec(tenant, &token.token)
            ),
            title: String::new(),
            key: String::new(),
            markdown: String::new(),
        }
    }

    /// Who downloaded the one that Intune has. Of a file that is not there yet, Git says another's.
    fn downloaded_by(&self) -> Option<String> {
        let in_intune = self.live.as_ref().and_then(|live| live.expires);
        let is_in_use = self.token.file.is_none()
            || self.confirmed
            || (in_intune.is_some() && in_intune == self.token.facts.expires);
        self.token.downloaded_by.clone().filter(|_| is_in_use)
    }

    /// Whether Git does not say to which of Intune's keys the last token was encrypted.
    fn is_key_unsaid(&self) -> bool {
        self.token.token.kind == Kind::Enrollment && self.token.recipient.is_none()
    }

    /// Whether Git has a file for it that is newer than what Intune has and could be uploaded. Of
    /// a push certificate with another topic, or of a file that expired or that a run refused for good, a
    /// new one is needed.
    pub fn is_waiting(&self, now: Timestamp) -> bool {
        if self.refused.as_ref().is_some_and(Refusal::is_final) {
            return false;
        }
        if let Some(known) = &self.lost {
            let is_back = self.token.file.is_some() && self.token.topic() == Some(&known.topic);
            let in_intune = self.live.as_ref().and_then(|live| live.expires).unwrap_or(now);
            return is_back && !self.confirmed && self.token.facts.expires > Some(in_intune);
        }
        let (token, Some(live)) = (&self.token, &self.live) else { return false };
        let Some(in_intune) = live.expires.filter(|_| token.file.is_some()) else { return false };
        let stated = token.facts.expires.filter(|at| *at > now);
        match token.token.kind {
            Kind::Push => live.topic == token.facts.topic && stated > Some(in_intune),
            Kind::Vpp => stated > Some(in_intune),
            Kind::Enrollment => token
                .downloaded
                .is_some_and(|at| at.plus(Duration::days(365)) > in_intune.plus(Duration::days(1))),
        }
    }

    /// What has to come back, and the line that lets it.
    fn restore(&self, now: Timestamp) -> Option<SheetRestore> {
        let known = self.lost.clone()?;
        let in_intune = self.live.as_ref().and_then(|live| {
            Some(OtherTopic { topic: live.topic.clone()?, apple_id: live.apple_id.clone() })
        });
        let allow = in_intune
            .as_ref()
            .and_then(|other| topics::way_back(&other.topic, &known, now.date_time().date_naive()));
        Some(SheetRestore { devices_know: known, in_intune, allow })
    }

    /// Whether Intune is known to have nothing of it any more.
    pub fn is_gone(&self) -> bool {
        self.live.is_none() && self.lost.is_some()
    }

    /// Whether a certificate has to be made although Intune has none to follow.
    fn is_needed(&self) -> bool {
        self.lost.is_some() || self.first
    }

    pub fn is_push(&self) -> bool {
        self.token.token.kind == Kind::Push
    }
}

/// The token that a person named; without a name the ones that are due, or the only one.
pub fn choose<'a>(
    mut all: Vec<Due<'a>>,
    tenant: &str,
    wanted: Option<&str>,
    renew_before: Duration,
    now: Timestamp,
) -> Result<Vec<Due<'a>>, DueError> {
    let tenant = tenant.to_owned();
    if all.is_empty() && wanted.is_none() {
        return Err(DueError::NoTokens { tenant });
    }
    let names: Vec<String> = all.iter().map(|due| spec(due.tenant, &due.token.token)).collect();
    let choices = match names.is_empty() {
        true => format!("{tenant} names no token"),
        false => format!("name one of {}", names.join(", ")),
    };
    if let Some(wanted) = wanted {
        all.retain(|due| due.token.token.is_called(wanted));
        if all.is_empty() && wanted == Kind::Push.as_str() {
            return Err(DueError::NoPushEntry { tenant });
        }
        if all.is_empty() {
            return Err(DueError::NoToken { tenant, wanted: wanted.to_owned(), choices });
        }
    } else if all.len() > 1 {
        all.retain(|due| due.is_within(renew_before, now));
        if all.is_empty() {
            return Err(DueError::NothingDue { tenant, days: renew_before.num_days(), choices });
        }
    }
    match all.as_slice() {
        [only] if only.live.is_none() && only.problem.is_none() && !only.is_needed() => {
            Err(DueError::NotInIntune { spec: spec(only.tenant, &only.token.token) })
        }
        _ => Ok(all),
    }
}

/// 8 where the sign-in failed for every sheet, 3 where something is not known or not recorded, 4 where a
/// new file would not be uploaded.
pub fn outcome(sheets: &[Sheet]) -> Outcome {
    let troubled = sheets.iter().filter(|sheet| !sheet.problems.is_empty()).count();
    let sign_in = |sheet: &&Sheet| sheet.problems.iter().any(|one| one.code.is_sign_in());
    match troubled {
        0 if sheets.iter().any(|sheet| sheet.wrong_destination.is_some()) => Outcome::Refused,
        0 => Outcome::Done,
        _ if sheets.iter().filter(sign_in).count() == sheets.len() => Outcome::SignIn,
        _ => Outcome::Partial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Recipient;
    use crate::model::{EntryBody, Event, FailureCode};
    use crate::plan::world::{self, World};

    #[test]
    fn what_intune_calls_invalid_is_due_at_once_whatever_its_date_says() {
        let sheet = |world: &World| {
            let live = [(world.tenant.name.clone(), world.live.clone())].into();
            let tenants = [&world.tenant].into_iter();
            let all = Due::all(tenants, &live, world.ledger.as_ref().ok(), &world.policy);
            let (due, now) = (all.first().unwrap(), world::at(world::NOW));
            (due.is_within(Duration::days(45), now), due.sheet(now).dead)
        };
        let mut world = World::vpp();
        assert_eq!(sheet(&world), (false, false));
        world.live_vpp(|live| live.state = "invalid".into());
        assert_eq!(sheet(&world), (true, true));
        let told = sheet_of(&world).markdown;
        assert!(told.contains("at once: Intune calls the one in use invalid"), "{told}");
        let mut world = World::equal();
        world.live_push(|live| live.failure = Some("refused".into()));
        assert_eq!(sheet(&world), (true, true));
    }

    #[test]
    fn the_sheet_of_a_dead_token_names_who_downloaded_it() {
        let mut world = World::vpp();
        world.live_vpp(|live| live.state = "invalid".into());
        world.entry().downloaded_by = Some("sam@msp.example".into());
        let sheet = sheet_of(&world);
        assert_eq!(sheet.downloaded_by.as_deref(), Some("sam@msp.example"));
        assert!(sheet.markdown.contains("| downloaded by | sam"), "{}", sheet.markdown);
        // A file that waits for its upload was downloaded by another one than the dead one, maybe.
        let mut world = World::vpp_renewal();
        world.entry().downloaded_by = Some("sam@msp.example".into());
        assert_eq!(sheet_of(&world).downloaded_by, None);
    }

    /// A run opened the file in Git and refused it for this.
    fn refused(world: &mut World, detail: &str) {
        let line = world.recorded(Event::Failed, "AA", "run-1", "2026-11-21T10:00:00Z");
        if let EntryBody::Failed { cause, .. } = &mut line.body {
            cause.code = FailureCode::Refused;
            cause.detail = Some(detail.to_owned());
        }
    }

    #[test]
    fn a_file_that_apple_called_dead_waits_for_nothing_and_another_one_is_downloaded() {
        let mut world = World::vpp_renewal();
        let sitting = |world: &World| {
            let live = [(world.tenant.name.clone(), world.live.clone())].into();
            let all = Due::all(
                [&world.tenant].into_iter(),
                &live,
                world.ledger.as_ref().ok(),
                &world.policy,
            );
            let mut sheets: Vec<Sheet> = all.iter().map(|due| due.sheet(world.now)).collect();
            super::super::sitting::order(&mut sheets).len()
        };
        assert!(sheet_of(&world).waiting);
        assert_eq!(sitting(&world), 0);
        refused(
            &mut world,
            "dead-at-apple: Apple says that this token was revoked (its error 9625)",
        );
        let sheet = sheet_of(&world);
        let steps = sheet.steps.join(" ");
        assert!(!sheet.waiting && !steps.contains("Do not download another one"), "{steps}");
        assert!(steps.starts_with("A run opened the file in Git on 2026-11-21 and refused it: Apple says that this token was revoked"), "{steps}");
        assert!(
            steps.contains("Do not apply it again.") && steps.contains(" download "),
            "{steps}"
        );
        assert!(steps.contains("applecart renew contoso/London --file FILE"), "{steps}");
        assert_eq!(sitting(&world), 1);
        // What the tenant file puts right needs no other file.
        refused(&mut world, "external-mdm: At Apple the MDM \"Other\" claimed this location");
        let sheet = sheet_of(&world);
        let steps = sheet.steps.join(" ");
        assert!(sheet.waiting && steps.contains("claimed this location"), "{steps}");
        assert!(steps.contains("Correct that in the tenant file"), "{steps}");
        // Another file starts afresh.
        world.entry().file.as_mut().unwrap().sha256 = crate::model::Sha256::of(b"BB");
        assert!(sheet_of(&world).steps.join(" ").contains("Do not download another one"));
    }

    #[test]
    fn a_certificate_that_apple_revoked_is_due_at_once_whatever_its_date_says() {
        let mut world = World::equal();
        world.live_push(|live| {
            live.revocation = Revocation::Since(world::at("2026-11-20T10:00:00Z"));
        });
        let live = [(world.tenant.name.clone(), world.live.clone())].into();
        let all =
            Due::all([&world.tenant].into_iter(), &live, world.ledger.as_ref().ok(), &world.policy);
        assert!(all[0].is_within(Duration::days(1), world.now));
        let mut sheets = vec![all[0].sheet(world.now)];
        let sign_ins = super::super::sitting::order(&mut sheets);
        assert!(sign_ins[0].renewals[0].at_once);
        let told = sheet_of(&world).markdown;
        assert!(told.contains("at once: Apple revoked the one in use on 2026-11-20"), "{told}");
    }

    fn chosen(world: &World, wanted: Option<&str>) -> Result<Vec<String>, DueError> {
        let live = [(world.tenant.name.clone(), world.live.clone())].into();
        let all =
            Due::all([&world.tenant].into_iter(), &live, world.ledger.as_ref().ok(), &world.policy);
        let before = Duration::days(45);
        let due = choose(all, "contoso", wanted, before, world::at(world::NOW))?;
        Ok(due.iter().map(|due| spec(due.tenant, &due.token.token)).collect())
    }

    #[test]
    fn one_token_needs_no_name_and_several_need_one_or_a_near_expiry() {
        let mut world = World::equal();
        assert_eq!(chosen(&world, None).unwrap(), ["contoso/push"], "the only one");
        world.tenant.watch.insert(Kind::Vpp);
        let later = world::vpp_entry("London", Some("1"), "x", world::NEXT_YEAR);
        let soon = world::vpp_entry("Paris", Some("2"), "y", world::THIS_YEAR);
        world.tenant.vpp = vec![later, soon];
        world.live.vpp = crate::model::Reading::Present(vec![
            world::live_vpp("London", "1", world::NEXT_YEAR),
            world::live_vpp("Paris", "2", world::THIS_YEAR),
        ]);
        assert_eq!(chosen(&world, None).unwrap(), ["contoso/Paris"]);
        world.tenant.vpp.pop();
        let error = chosen(&world, None).unwrap_err();
        assert!(matches!(error, DueError::NothingDue { days: 45, .. }), "{error}");
        assert!(error.to_string().contains("name one of contoso/push, contoso/London"), "{error}");
        let error = chosen(&world, Some("Leeds")).unwrap_err();
        assert!(matches!(error, DueError::NoToken { .. }), "{error}");
    }

    #[test]
    fn a_newer_file_in_git_is_uploaded_and_not_downloaded_again() {
        let sheet = |world: &World| {
            let live = [(world.tenant.name.clone(), world.live.clone())].into();
            let all = Due::all(
                [&world.tenant].into_iter(),
                &live,
                world.ledger.as_ref().ok(),
                &world.policy,
            );
            let mut sheet = all[0].sheet(world::at(world::NOW));
            crate::report::complete_sheet(&mut sheet);
            sheet.steps.join(" ")
        };
        let mut world = World::renewal();
        assert!(sheet(&world).contains("Do not download another one"), "{}", sheet(&world));
        world.entry().facts.topic = Some(world::OTHER_TOPIC.parse().unwrap());
        assert!(sheet(&world).contains("Renew"), "another topic needs a new file");
        assert!(sheet(&World::equal()).contains("Renew"), "Intune has the file already");
    }

    fn sheet_of(world: &World) -> Sheet {
        let live = [(world.tenant.name.clone(), world.live.clone())].into();
        let all =
            Due::all([&world.tenant].into_iter(), &live, world.ledger.as_ref().ok(), &world.policy);
        let mut sheet = all[0].sheet(world.now);
        crate::report::complete_sheet(&mut sheet);
        sheet
    }

    #[test]
    fn who_asked_intune_for_no_key_is_told_to_upload_it_where_git_does_not_say_which_one_apple_has()
    {
        let mut world = World::enrollment();
        world.entry().file = None;
        world.entry().recipient = None;
        let steps = sheet_of(&world).steps.join(" ");
        let unsaid = "Git does not say which public key the last token was encrypted to. Where you do not know that the server has Intune's, upload the public key of Intune there, in place of the one that the server has. Do that before you download";
        assert!(steps.contains(unsaid), "{steps}");
        assert!(
            steps.contains(r#"To save it: applecart renew "contoso/Contoso ABM" --public-key"#),
            "{steps}"
        );
        world.entry().recipient =
            Some(Recipient { issuer: "CN=Intune".to_owned(), serial: "5050".parse().unwrap() });
        let steps = sheet_of(&world).steps.join(" ");
        assert!(steps.contains("Intune was not asked whether"), "{steps}");
    }

    #[test]
    fn create_is_right_only_where_nobody_ever_saw_a_push_certificate() {
        let watched = || {
            let mut world = World::first_upload();
            let entry = world.entry();
            (entry.file, entry.facts) = (None, Facts::default());
            world.tenant.push.as_mut().unwrap().facts.apple_id = Some("mdm@contoso.example".into());
            world
        };
        let is_first = |world: &World| {
            let sheet = sheet_of(world);
            assert_eq!(
                sheet.first,
                sheet.steps.join(" ").contains("press Create a Certificate"),
                "{sheet:?}"
            );
            sheet.first
        };
        let world = watched();
        assert!(is_first(&world));
        assert_eq!(chosen(&world, None).unwrap(), ["contoso/push"]);
        let sheet = sheet_of(&world);
        assert!(sheet.title.contains("first push certificate"), "{}", sheet.title);
        insta::assert_snapshot!("first_push_certificate", sheet.markdown);

        let mut world = watched();
        world.entry().facts.topic = Some(world::TOPIC.parse().unwrap());
        assert!(!is_first(&world), "Git names a topic");
        let mut world = watched();
        world.recorded(crate::model::Event::Observed, "99", "run-0", "2026-01-20T11:00:00Z");
        assert!(!is_first(&world), "the ledger has seen one");
        let mut world = watched();
        world.first_in_git(world::TOPIC);
        assert!(!is_first(&world), "an earlier revision names one");
        let mut world = watched();
        world.live.push = crate::model::Reading::Present(world::live_push());
        assert!(!is_first(&world), "Intune has one");
        let mut world = watched();
        world.ledger = Err("lost".into());
        assert!(!is_first(&world), "the ledger is unknown");
        let mut world = watched();
        let past = world.ledger.as_mut().unwrap();
        past.tenants.entry(world.tenant.tenant_id).or_default().first_topic = FirstTopic::Unknown;
        assert!(!is_first(&world), "the history is unknown");
    }

    #[test]
    fn the_reviewed_account_comes_first_and_both_are_named_where_they_differ() {
        let mut world = World::equal();
        assert_eq!(sheet_of(&world).other_account, None);
        world.live_push(|live| live.apple_id = Some("MDM@contoso.example".into()));
        assert_eq!(sheet_of(&world).other_account, None, "letters do not count");
        world.live_push(|live| live.apple_id = Some("old@contoso.example".into()));
        let sheet = sheet_of(&world);
        assert_eq!(sheet.facts.apple_id.as_deref(), Some("mdm@contoso.example"));
        assert_eq!(sheet.other_account.as_deref(), Some("old@contoso.example"));
        assert!(
            sheet.steps[0].contains(
                "as mdm@contoso.example, which Git names. Intune still names old@contoso.example"
            ),
            "{}",
            sheet.steps[0]
        );
    }

    #[test]
    fn an_account_that_nobody_knows_is_told_as_unknown_and_asked_for() {
        let mut world = World::equal();
        world.entry().facts.apple_id = None;
        world.live_push(|live| live.apple_id = None);
        let sheet = sheet_of(&world);
        assert!(sheet.steps[0].contains("Which one is unknown"), "{}", sheet.steps[0]);
        assert!(sheet.next.contains("--apple-id ACCOUNT"), "{}", sheet.next);
        assert!(sheet.markdown.contains("| Apple Account | unknown: "), "{}", sheet.markdown);
        for kind in [World::enrollment(), World::vpp()] {
            let mut world = kind;
            world.entry().facts.apple_id = None;
            match world.kind {
                Kind::Enrollment => world.live_enrollment(|live| live.apple_id = None),
                _ => world.live_vpp(|live| live.apple_id = None),
            }
            let sheet = sheet_of(&world);
            assert!(sheet.markdown.contains("unknown, because neither Git nor Intune says it"));
            assert!(!sheet.markdown.contains(" as :") && sheet.next.contains("ACCOUNT"));
        }
    }

    #[test]
    fn the_portal_is_the_one_of_the_tenants_cloud() {
        use crate::fleet::Cloud;
        let mut world = World::equal();
        for (cloud, portal) in [
            (Cloud::Public, "https://intune.microsoft.com/"),
            (Cloud::Usgov, "https://intune.microsoft.us/"),
            (Cloud::Dod, "https://intune.microsoft.us/"),
            (Cloud::China, "https://intune.microsoftonline.cn/"),
        ] {
            world.policy.auth.cloud = cloud;
            let links = sheet_of(&world).links;
            assert!(links.iter().any(|link| link.url.starts_with(portal)), "{links:?}");
        }
        let gcch = crate::fleet::Auth { cloud: Cloud::Usgov, ..world.policy.auth.clone() };
        world.policy.profiles.insert("gcch".to_owned(), gcch);
        world.tenant.auth = Some("gcch".to_owned());
        let links = sheet_of(&world).links;
        assert!(links[1].url.starts_with("https://intune.microsoft.us/"), "a profile counts");
    }

    #[test]
    fn a_topic_that_devices_know_leads_the_sheet_and_both_accounts_are_named() {
        let mut world = World::equal();
        world.entry().file = None;
        world.live_push(|live| {
            live.topic = world::OTHER_TOPIC.parse().unwrap();
            live.apple_id = Some("sam@contoso.example".into());
        });
        let sheet = sheet_of(&world);
        assert_eq!(sheet.facts.topic.as_ref().unwrap().as_str(), world::TOPIC);
        let steps = sheet.steps.join(" ");
        assert!(steps.contains("as mdm@contoso.example: that account has"), "{steps}");
        assert!(steps.contains(&format!("details show {} and press Renew", world::TOPIC)));
        let wrong = format!("Do not renew the row with {}, Apple Account sam@", world::OTHER_TOPIC);
        assert!(steps.contains(&wrong), "{steps}");
        let line = format!("from: {:?}, to: {:?},", world::OTHER_TOPIC, world::TOPIC);
        assert!(steps.contains(&line), "{steps}");
        assert!(sheet.markdown.contains("at once: Intune has a topic"), "{}", sheet.markdown);
    }

    #[test]
    fn a_deleted_certificate_is_renewed_on_its_row_and_no_first_one_is_made() {
        let mut world = World::first_upload();
        world.entry().file = None;
        assert_eq!(chosen(&world, Some("push")).unwrap(), ["contoso/push"]);
        let sheet = sheet_of(&world);
        let steps = sheet.steps.join(" ");
        assert!(steps.contains(world::TOPIC) && steps.contains("Never press Create"), "{steps}");
        assert!(!steps.contains("allow: ["), "nothing is held: {steps}");
    }

    #[test]
    fn a_fresh_certificate_in_git_is_not_renewed_once_more() {
        let mut world = World::equal();
        world.forget();
        world.recorded(crate::model::Event::Confirmed, "99", "run-0", "2025-11-20T11:00:00Z");
        world.live_push(|live| live.topic = world::OTHER_TOPIC.parse().unwrap());
        world.entry().facts.expires = Some(world::at("2028-02-01T00:00:00Z"));
        assert!(sheet_of(&world).steps.join(" ").contains("Do not download another one"));
    }

    #[test]
    fn what_intune_does_not_have_has_nothing_to_renew() {
        let mut world = World::equal();
        world.forget();
        world.live.push = crate::model::Reading::Absent;
        let error = chosen(&world, Some("push")).unwrap_err();
        assert_eq!(error, DueError::NotInIntune { spec: "contoso/push".to_owned() });
    }

    #[test]
    fn a_certificate_without_an_entry_is_renewed_too() {
        let mut world = World::equal();
        world.tenant.push = None;
        assert_eq!(chosen(&world, None).unwrap(), ["contoso/push"]);
    }
}
