//! The two collections, and tokens that are watched without a file.

use super::axes;
use super::decide::Decision;
use super::identity::{self, Match};
use super::planned::Note;
use super::subject::Subject;
use super::tenant::{OneTenant, Shown};
use super::types::{Health, HealthReason, PlannedToken, Sync, Warning};
use crate::fleet::Token;
use crate::ledger::TenantLedger;
use crate::model::{Kind, LiveEnrollment, LiveTenant, LiveVpp, Reading, Timestamp, TokenRef};

/// What the two collections have in common.
pub(super) trait LiveToken: Sized {
    const KIND: Kind;

    fn id(&self) -> &str;
    fn name(&self) -> Option<&str>;
    fn subject(&self) -> Subject<'_>;
    fn health(&self, now: Timestamp) -> (Health, Vec<HealthReason>);
    fn of<'a>(entry: &Token, known_id: Option<&str>, live: &[&'a Self]) -> Match<'a, Self>;
}

impl LiveToken for LiveEnrollment {
    const KIND: Kind = Kind::Enrollment;

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Enrollment(self)
    }

    fn health(&self, now: Timestamp) -> (Health, Vec<HealthReason>) {
        axes::enrollment(self, now)
    }

    fn of<'a>(entry: &Token, known_id: Option<&str>, live: &[&'a Self]) -> Match<'a, Self> {
        identity::enrollment(entry, known_id, live)
    }
}

impl LiveToken for LiveVpp {
    const KIND: Kind = Kind::Vpp;

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        self.display_name.as_deref()
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Vpp(self)
    }

    fn health(&self, now: Timestamp) -> (Health, Vec<HealthReason>) {
        axes::vpp(self, now)
    }

    fn of<'a>(entry: &Token, known_id: Option<&str>, live: &[&'a Self]) -> Match<'a, Self> {
        identity::vpp(entry, known_id, live)
    }
}

impl OneTenant<'_> {
    /// Every token of a collection that Git names, then those that only Intune has.
    pub(super) fn watched<T: LiveToken>(
        &mut self,
        entries: &[Token],
        objects: &Reading<Vec<T>>,
        live: &LiveTenant,
        past: Option<&TenantLedger>,
    ) -> Vec<PlannedToken> {
        let objects = objects.present().map(Vec::as_slice);
        let now = self.input.now;
        let known_id = |entry: &Token| {
            let name = entry.token.name.as_deref();
            let learnt = past.zip(name).and_then(|(past, name)| past.known_id(T::KIND, name));
            entry.token.id.as_deref().or(learnt).map(str::to_owned)
        };
        let ids: Vec<Option<String>> = entries.iter().map(known_id).collect();
        let found: Vec<Match<'_, T>> = entries
            .iter()
            .zip(&ids)
            .map(|(entry, id)| {
                // What another entry names by its id is not this one's, however alike they are.
                let free: Vec<&T> = objects
                    .into_iter()
                    .flatten()
                    .filter(|one| {
                        id.is_some()
                            || !ids.iter().flatten().any(|id| id.eq_ignore_ascii_case(one.id()))
                    })
                    .collect();
                T::of(entry, id.as_deref(), &free)
            })
            .collect();
        let times = |id: &str| found.iter().filter(|found| found.is(T::id, id)).count();
        let mut tokens = Vec::new();
        for ((entry, id), found) in entries.iter().zip(&ids).zip(&found) {
            let (one, ambiguous) = match found {
                // Two entries that mean one live token would write over each other.
                Match::One(one) if times(one.id()) > 1 => (None, true),
                Match::One(one) => (Some(*one), false),
                Match::None => (None, false),
                Match::Ambiguous => (None, true),
            };
            let id = one.map(T::id).or(id.as_deref());
            let shown = Shown {
                token: TokenRef { id: id.map(str::to_owned), ..entry.token.clone() },
                entry: Some(entry),
                live: one.map(T::subject),
                health: one.map(|one| one.health(now)),
                ambiguous,
            };
            tokens.push(self.collected(&shown, objects.is_some(), live, past));
        }
        for one in objects.into_iter().flatten().filter(|one| times(one.id()) == 0) {
            let token = TokenRef {
                kind: T::KIND,
                id: Some(one.id().to_owned()),
                name: one.name().map(str::to_owned),
            };
            let shown = Shown {
                token,
                entry: None,
                live: Some(one.subject()),
                health: Some(one.health(now)),
                ambiguous: false,
            };
            tokens.push(self.collected(&shown, true, live, past));
        }
        tokens
    }

    fn collected(
        &mut self,
        shown: &Shown<'_>,
        observed: bool,
        live: &LiveTenant,
        past: Option<&TenantLedger>,
    ) -> PlannedToken {
        match past.filter(|_| observed) {
            Some(past) => self.one(shown, live, past),
            None => self.unobserved(shown, past),
        }
    }
}

/// Row 2: watched, never configured.
pub(super) fn decide(shown: &Shown<'_>) -> Decision {
    let sync = match (shown.entry, &shown.live) {
        (Some(_), Some(_)) => Sync::Watched,
        (Some(_), None) if shown.ambiguous => Sync::Watched,
        (_, None) => Sync::Missing,
        (None, Some(_)) => Sync::Unmanaged,
    };
    let mut decision = Decision { sync: Some(sync), ..Decision::default() };
    if shown.ambiguous {
        decision.warnings.push(Warning::Ambiguous);
        decision.details.push(
            "more than one live token fits this entry, or two entries fit one; add Intune's `id` to it"
                .to_owned(),
        );
    }
    if let (Some(entry), Some(live)) = (shown.entry, shown.live) {
        let stated = &entry.facts;
        let live = live.facts();
        let mut differ = Vec::new();
        let mut compare = |what: &str, git: Option<String>, live: Option<String>| {
            if let (Some(git), Some(live)) = (git, live)
                && git != live
            {
                differ.push(format!("{what} {git} in Git, {live} live"));
            }
        };
        let text = |fact: &Option<Timestamp>| fact.map(|at| at.to_string());
        compare(
            "topic",
            stated.topic.as_ref().map(ToString::to_string),
            live.topic.as_ref().map(ToString::to_string),
        );
        compare(
            "serial",
            stated.serial.as_ref().map(ToString::to_string),
            live.serial.as_ref().map(ToString::to_string),
        );
        compare("expires", text(&stated.expires), text(&live.expires));
        compare("organization", stated.organization.clone(), live.organization.clone());
        compare("location", stated.location.clone(), live.location.clone());
        if !differ.is_empty() {
            decision.warnings.push(Warning::FactsDiffer);
            decision.details.push(format!("the tenant file is behind: {}", differ.join("; ")));
        }
    }
    decision
}

/// What came from outside Git is adopted once Git watches it without a file: it was recorded so, or
/// the ledger's last word is that a file was live, and now something else is.
pub(super) fn note_adoption(decision: &mut Decision, shown: &Shown<'_>, past: &TenantLedger) {
    let Some(live) = shown.live.filter(|_| decision.sync == Some(Sync::Watched)) else { return };
    let recorded = past.changed_outside_git_recorded(&shown.token).is_some();
    let unrecorded = past
        .confirmed_still(&shown.token)
        .and_then(|record| record.after.as_ref())
        .is_some_and(|facts| live.differs_from(facts));
    if recorded || unrecorded {
        decision.notes.push(Note::Adopted);
    }
}

pub(super) fn warn_apple_id(decision: &mut Decision, entry: &Token, live: Option<&str>) {
    if let (Some(stated), Some(live)) = (entry.facts.apple_id.as_deref(), live)
        && stated.to_lowercase() != live.to_lowercase()
    {
        decision.warnings.push(Warning::AppleIdDiffers);
        decision.details.push(format!(
            "Git names the Apple Account {stated}, Intune {live}; whoever renews next needs the right one. Correct the tenant file, or Intune in the portal"
        ));
    }
}
