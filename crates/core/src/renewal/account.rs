//! Moving a credential to another Apple Account: what the tenant file is to say, and when Intune is
//! told.

use chrono::Duration;

use crate::fleet::{NewAllow, Token};
use crate::model::{Facts, Kind, Timestamp};
use crate::rules::codes::Reason;
use crate::rules::subject::ABSENT;

/// For how long the line that releases the change counts: long enough for a review.
const REVIEW: Duration = Duration::days(30);

/// A credential that another Apple Account has at Apple from now on.
pub struct AccountMove<'a> {
    pub token: &'a Token,
    /// What Intune has; `None` where it has no such token.
    pub live: Option<&'a Facts>,
    pub to: &'a str,
    pub now: Timestamp,
}

/// When Intune is told of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// By the next `apply`, which uploads the same certificate again; released by this line.
    Now(NewAllow),
    /// With the next upload of the token, for this reason.
    Later(&'static str),
    /// Intune names it already.
    Already,
}

impl AccountMove<'_> {
    pub fn told(&self) -> Told {
        let Some(live) = self.live else { return Told::Later("Intune has no such token now") };
        let is_same = |account: &Option<String>| {
            account.as_ref().is_some_and(|one| one.to_lowercase() == self.to.to_lowercase())
        };
        if is_same(&live.apple_id) {
            return Told::Already;
        }
        let facts = &self.token.facts;
        if self.token.token.kind != Kind::Push {
            return Told::Later("it takes the account only together with a new token");
        }
        if self.token.file.is_none() {
            return Told::Later(
                "it takes the account only together with the certificate, and Git has no file of it yet",
            );
        }
        if (&live.serial, &live.topic) != (&facts.serial, &facts.topic) {
            return Told::Later("the certificate in Git is not the one that Intune has");
        }
        if live.expires.is_none_or(|at| at <= self.now) {
            return Told::Later("the certificate expired, and what expired is never uploaded");
        }
        Told::Now(NewAllow {
            hold: Reason::AppleIdChange,
            from: live.apple_id.clone().unwrap_or_else(|| ABSENT.to_owned()),
            to: self.to.to_owned(),
            reason: format!("moved to {} at Apple", self.to),
            until: self.now.plus(REVIEW).date_time().date_naive(),
        })
    }

    /// The line, where Git does not have one that does the same today.
    pub fn missing_line(&self, told: &Told) -> Option<NewAllow> {
        let Told::Now(line) = told else { return None };
        let today = self.now.date_time().date_naive();
        let is_there = self.token.allow.iter().any(|one| {
            one.hold == line.hold
                && (&one.from, &one.to) == (&line.from, &line.to)
                && one.until >= today
        });
        (!is_there).then(|| line.clone())
    }

    /// Whether the tenant file names the account already.
    pub fn is_stated(&self) -> bool {
        self.token.facts.apple_id.as_deref() == Some(self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::{self, World};

    const NEW: &str = "new@contoso.example";

    fn told(world: &World) -> (Told, bool) {
        let live = world.live.push.present().map(crate::model::LivePush::facts);
        let token = world.tenant.push.as_ref().unwrap();
        let change =
            AccountMove { token, live: live.as_ref(), to: NEW, now: world::at(world::NOW) };
        let told = change.told();
        let missing = change.missing_line(&told).is_some();
        (told, missing)
    }

    #[test]
    fn intune_is_told_at_once_only_with_the_very_certificate_that_it_has() {
        let (now, missing) = told(&World::equal());
        let Told::Now(line) = now else { panic!("{now:?}") };
        assert_eq!((line.from.as_str(), line.to.as_str()), ("mdm@contoso.example", NEW));
        assert!(missing);
        let mut watched = World::equal();
        watched.entry().file = None;
        let mut expired = World::equal();
        expired.live_push(|live| live.expires = world::at("2026-01-01T00:00:00Z"));
        let mut gone = World::equal();
        gone.live.push = crate::model::Reading::Absent;
        for later in [watched, expired, gone, World::renewal()] {
            assert!(matches!(told(&later), (Told::Later(_), false)), "{:?}", told(&later));
        }
        let mut already = World::equal();
        already.live_push(|live| live.apple_id = Some(NEW.to_uppercase()));
        assert_eq!(told(&already), (Told::Already, false));
        let mut unknown = World::equal();
        unknown.live_push(|live| live.apple_id = None);
        assert!(matches!(told(&unknown).0, Told::Now(line) if line.from == "absent"));
    }

    #[test]
    fn a_line_that_stands_there_is_not_added_twice() {
        let mut world = World::equal();
        let (Told::Now(line), true) = told(&world) else { panic!() };
        let NewAllow { hold, from, to, reason, until } = line;
        world.entry().allow.push(crate::fleet::Allow { hold, from, to, reason, until });
        assert!(!told(&world).1);
        world.entry().allow[0].until = "2020-01-01".parse().unwrap();
        assert!(told(&world).1, "its time is over");
    }
}
