//! Tokens that are watched and not written to: push without a file, and the other two kinds.

use super::axes;
use super::decide::Decision;
use super::identity::{self, Match};
use super::planned::Note;
use super::tenant::{OneTenant, Shown};
use super::types::{Health, HealthReason, PlannedToken, Sync, Warning};
use crate::fleet::Token;
use crate::ledger::TenantLedger;
use crate::model::{Facts, Kind, LiveEnrollment, LiveVpp, Reading, Timestamp, TokenRef};

/// What the two collections have in common.
pub(super) trait LiveToken: Sized {
    const KIND: Kind;

    fn id(&self) -> &str;
    fn name(&self) -> Option<&str>;
    fn facts(&self) -> Facts;
    fn health(&self, now: Timestamp) -> (Health, Vec<HealthReason>);
    fn of<'a>(entry: &Token, known_id: Option<&str>, live: &'a [Self]) -> Match<'a, Self>;
}

impl LiveToken for LiveEnrollment {
    const KIND: Kind = Kind::Enrollment;

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn facts(&self) -> Facts {
        self.facts()
    }

    fn health(&self, now: Timestamp) -> (Health, Vec<HealthReason>) {
        axes::enrollment(self, now)
    }

    fn of<'a>(entry: &Token, known_id: Option<&str>, live: &'a [Self]) -> Match<'a, Self> {
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

    fn facts(&self) -> Facts {
        self.facts()
    }

    fn health(&self, now: Timestamp) -> (Health, Vec<HealthReason>) {
        axes::vpp(self, now)
    }

    fn of<'a>(entry: &Token, known_id: Option<&str>, live: &'a [Self]) -> Match<'a, Self> {
        identity::vpp(entry, known_id, live)
    }
}

impl OneTenant<'_> {
    /// Every token of a collection that Git names, then those that only Intune has.
    pub(super) fn watched<T: LiveToken>(
        &mut self,
        entries: &[Token],
        live: &Reading<Vec<T>>,
        past: Option<&TenantLedger>,
    ) -> Vec<PlannedToken> {
        let objects = live.present().map(Vec::as_slice);
        let observed = objects.is_some() && past.is_some();
        let now = self.input.now;
        let mut taken = Vec::new();
        let mut tokens = Vec::new();
        for entry in entries {
            let known_id = past
                .zip(entry.token.name.as_deref())
                .and_then(|(past, name)| past.known_id(T::KIND, name));
            let found = objects.map_or(Match::None, |objects| T::of(entry, known_id, objects));
            let (one, ambiguous) = match found {
                Match::One(one) => (Some(one), false),
                Match::None => (None, false),
                Match::Ambiguous => (None, true),
            };
            taken.extend(one.map(T::id));
            let id = one.map(|one| one.id().to_owned()).or_else(|| entry.token.id.clone());
            let shown = Shown {
                token: TokenRef { id, ..entry.token.clone() },
                entry: Some(entry),
                live: one.map(T::facts),
                health: one.map(|one| one.health(now)),
            };
            tokens.push(self.watched_one(&shown, observed, ambiguous, past));
        }
        for one in objects.into_iter().flatten().filter(|one| !taken.contains(&one.id())) {
            let token = TokenRef {
                kind: T::KIND,
                id: Some(one.id().to_owned()),
                name: one.name().map(str::to_owned),
            };
            let shown = Shown {
                token,
                entry: None,
                live: Some(one.facts()),
                health: Some(one.health(now)),
            };
            tokens.push(self.watched_one(&shown, observed, false, past));
        }
        tokens
    }

    /// An enrollment or VPP token: this version watches them and never writes to them.
    fn watched_one(
        &mut self,
        shown: &Shown<'_>,
        observed: bool,
        ambiguous: bool,
        past: Option<&TenantLedger>,
    ) -> PlannedToken {
        if !observed {
            return self.unobserved(shown, past);
        }
        let mut decision = decide(shown);
        if let Some(past) = past {
            note_adoption(&mut decision, shown, past);
        }
        if ambiguous {
            decision.sync = Some(Sync::Tracked);
            decision.warnings.push(Warning::Ambiguous);
            decision.details.push(
                "more than one live token fits this entry; add Intune's `id` to it".to_owned(),
            );
        }
        if shown.entry.is_some_and(|entry| entry.file.is_some()) {
            decision.warnings.push(Warning::UploadNotSupported);
            decision.details.push(format!(
                "this version watches {} tokens and does not upload their files yet; upload it in the portal",
                shown.token.kind
            ));
        }
        if let (Some(entry), Some(live)) = (shown.entry, &shown.live) {
            warn_apple_id(&mut decision, entry, live.apple_id.as_deref());
        }
        self.finish(shown, decision)
    }
}

/// Row 2 and the kinds that are only watched.
pub(super) fn decide(shown: &Shown<'_>) -> Decision {
    let sync = match (shown.entry, &shown.live) {
        (Some(_), Some(_)) => Sync::Tracked,
        (_, None) => Sync::Missing,
        (None, Some(_)) => Sync::Unmanaged,
    };
    let mut decision = Decision { sync: Some(sync), ..Decision::default() };
    if let (Some(entry), Some(live)) = (shown.entry, &shown.live) {
        let stated = &entry.facts;
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

/// What came from outside Git and was recorded so is adopted once Git tracks it without a file.
pub(super) fn note_adoption(decision: &mut Decision, shown: &Shown<'_>, past: &TenantLedger) {
    let tracked = decision.sync == Some(Sync::Tracked) && shown.live.is_some();
    if tracked && past.changed_outside_git_recorded(&shown.token).is_some() {
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
