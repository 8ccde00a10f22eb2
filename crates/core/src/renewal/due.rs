//! Renewal sheets: whose turn it is, with what, by when.

use std::collections::BTreeMap;

use chrono::Duration;

use super::spec;
use crate::fleet::{Tenant, Token};
use crate::model::{
    Facts, Kind, LiveTenant, LiveToken, Outcome, Problem, TenantName, Timestamp, TokenRef,
};
use crate::report::{Sheet, sheet_links};
use crate::rules::identity;

/// A token whose renewal may be opened.
pub struct Due<'a> {
    pub tenant: &'a Tenant,
    pub token: Token,
    /// What Intune has; `None` where it is not known.
    pub live: Option<Facts>,
    pub problem: Option<Problem>,
    /// Whether it is renewed in Apple School Manager.
    school: bool,
}

/// Why no renewal is opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DueError {
    #[error("{tenant} has no token {wanted:?}; {choices}")]
    NoToken { tenant: String, wanted: String, choices: String },
    #[error("no token of {tenant} expires within {days} days; {choices}")]
    NothingDue { tenant: String, days: i64, choices: String },
    #[error("{tenant} names no token")]
    NoTokens { tenant: String },
    #[error(
        "Intune does not have {spec}, so there is nothing to renew; a first one is created at Apple and brought with `applecart seal`"
    )]
    NotInIntune { spec: String },
}

impl<'a> Due<'a> {
    fn new(tenant: &'a Tenant, token: Token, live: Option<&LiveTenant>) -> Self {
        let kind = token.token.kind;
        let live = live.map(|live| identity::narrow(live.clone(), tenant, &token, None));
        let in_school = |one: &LiveToken<'_>| {
            matches!(one, LiveToken::Enrollment(one)
                if one.token_type.as_deref() == Some("appleSchoolManager"))
        };
        let school = token.account_type.as_deref() == Some("education")
            || live.as_ref().is_some_and(|live| live.tokens(kind).first().is_some_and(in_school));
        let problem = live.as_ref().and_then(|live| live.problem(kind)).cloned();
        let live = live.as_ref().and_then(|live| live.only(kind)).map(LiveToken::facts);
        Self { tenant, token, live, problem, school }
    }

    /// Every token of the tenants that can be renewed.
    pub fn all(
        tenants: impl Iterator<Item = &'a Tenant>,
        live: &BTreeMap<TenantName, LiveTenant>,
    ) -> Vec<Self> {
        let mut all = Vec::new();
        for tenant in tenants {
            let live = live.get(&tenant.name);
            // A certificate without an entry in the tenant file expires all the same.
            let has_unwritten =
                tenant.push.is_none() && live.is_some_and(|live| live.push.present().is_some());
            let unwritten = has_unwritten.then(|| Token::watched(TokenRef::push()));
            let tokens = tenant.tokens().cloned().chain(unwritten);
            let watched = tokens.filter(|token| tenant.watches(token.token.kind));
            all.extend(watched.map(|token| Self::new(tenant, token, live)));
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
        match self.expires() {
            Some(at) => at.since(now) < within,
            // An unknown expiry may be due; what Intune does not have has nothing to renew.
            None => self.problem.is_some() || self.live.is_some(),
        }
    }

    /// What comes first: the earliest expiry.
    pub fn urgency(&self) -> (Option<Timestamp>, TenantName, TokenRef) {
        (self.expires(), self.tenant.name.clone(), self.token.token.clone())
    }

    pub fn sheet(&self, now: Timestamp) -> Sheet {
        let Self { tenant, token, live, .. } = self;
        let stated = token.facts.clone();
        // What Intune shows was true at the last upload; Git fills in what it does not show.
        let facts = match live.clone() {
            Some(live) => Facts {
                apple_id: live.apple_id.or(stated.apple_id),
                organization: live.organization.or(stated.organization),
                location: live.location.or(stated.location),
                ..live
            },
            None => stated,
        };
        Sheet {
            tenant: tenant.name.clone(),
            display_name: tenant.display_name.clone(),
            tenant_id: tenant.tenant_id,
            token: token.token.clone(),
            days_left: facts.expires.map(|at| at.since(now).num_seconds().div_euclid(24 * 3600)),
            facts,
            live: live.is_some(),
            waiting: self.is_waiting(now),
            server: token.server.clone(),
            school: self.school,
            contacts: tenant.contacts.clone(),
            csr: None,
            problems: self.problem.clone().into_iter().collect(),
            links: sheet_links(token.token.kind, tenant.tenant_id, self.school),
            steps: Vec::new(),
            next: format!("applecart renew {} --file FILE --push", spec(tenant, &token.token)),
            title: String::new(),
            key: String::new(),
            markdown: String::new(),
        }
    }

    /// Whether Git has a file for it that is newer than what Intune has and could be uploaded. Of
    /// a push certificate with another topic, or of a file that expired, a new one is needed.
    pub fn is_waiting(&self, now: Timestamp) -> bool {
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
        [only] if only.live.is_none() && only.problem.is_none() => {
            Err(DueError::NotInIntune { spec: spec(only.tenant, &only.token.token) })
        }
        _ => Ok(all),
    }
}

/// 8 where the sign-in failed for every sheet, 3 where something is not known or not recorded.
pub fn outcome(sheets: &[Sheet]) -> Outcome {
    let troubled = sheets.iter().filter(|sheet| !sheet.problems.is_empty()).count();
    let sign_in = |sheet: &&Sheet| sheet.problems.iter().any(|one| one.code.is_sign_in());
    match troubled {
        0 => Outcome::Done,
        _ if sheets.iter().filter(sign_in).count() == sheets.len() => Outcome::SignIn,
        _ => Outcome::Partial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::{self, World};

    fn chosen(world: &World, wanted: Option<&str>) -> Result<Vec<String>, DueError> {
        let live = [(world.tenant.name.clone(), world.live.clone())].into();
        let all = Due::all([&world.tenant].into_iter(), &live);
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
            let all = Due::all([&world.tenant].into_iter(), &live);
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

    #[test]
    fn what_intune_does_not_have_has_nothing_to_renew() {
        let mut world = World::equal();
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
