//! Intune has something else than the tenant file or the ledger says, and no run brought it.

use super::token::OneToken;
use super::words::{Words, of_table};
use crate::attention::{Cause, Matter, Severity, advice};
use crate::model::{Event, Facts, Record, Timestamp};
use crate::plan::{Action, Sync};
use crate::rules::stated::{self, Difference, Fact};

/// In what Intune has another token than before. A later expiry, with another serial, is an ordinary
/// renewal.
fn differences(before: &Facts, live: &Facts) -> Vec<Difference> {
    let is_later = live.expires > before.expires;
    let mut all = stated::differences(&Fact::OF_CREDENTIAL, before, live);
    all.retain(|one| !(is_later && matches!(one.fact, Fact::Serial | Fact::Expiry)));
    all
}

impl OneToken<'_> {
    /// Devices know the topic that Intune has, and the tenant file of a watched certificate names
    /// another one: nobody put another certificate there, and the next one would cut devices off.
    pub(super) fn wrong_topic(&self) -> Option<Matter> {
        let state = &self.planned.state;
        let live = state.live.as_ref()?.topic.as_ref()?;
        let stated = self.entry?.topic().filter(|stated| *stated != live)?;
        if state.sync != Sync::Watched || state.devices_know.is_some() {
            return None;
        }
        let message = format!(
            "The tenant file names the push topic {stated}. Intune has {live}, and the enrolled devices know it. The mistake is in the tenant file: a certificate with its topic would cut off every enrolled device."
        );
        let next = format!(
            "Find out who wrote it, and do not renew a row with the topic {stated}. To put the one of Intune back:"
        );
        let words =
            Words::new(message, next).run(format!("applecart import --update {}", self.tenant()));
        Some(self.matter(Cause::TopicChanged, words))
    }

    /// Intune has another token than the one that Git watches, or than a run confirmed before. A
    /// later one of the same organisation is an ordinary renewal by hand.
    ///
    /// Where no reading that was ever recorded has what Git says, and each has what Intune has,
    /// nobody replaced anything since then: it is the tenant file that is wrong.
    pub(super) fn replaced(&self) -> Option<Matter> {
        let state = &self.planned.state;
        let live = state.live.as_ref()?;
        let before = match state.sync {
            Sync::Watched => self.entry?.facts.clone(),
            Sync::InSync => Facts { expires: self.confirmed_until(), ..Facts::default() },
            // What is parked is what was known when it was parked. That another token took the place
            // of the one that was uploaded is new.
            Sync::Held if self.of.is_suspended(self.entry) => self.last_uploaded()?,
            _ => return None,
        };
        let differ = differences(&before, live);
        if differ.is_empty() {
            return None;
        }
        let shown: Vec<String> = differ.iter().map(Difference::told).collect();
        let shown = shown.join(", ");
        let is_of_git = state.sync == Sync::Watched && differ.iter().all(|one| self.disproves(one));
        if let Some(first) = self.readings().next().filter(|_| is_of_git) {
            let day = advice::day(first.at);
            let message = format!(
                "Intune has another token than the tenant file says: {shown}. Every reading since {day}, the first, shows what Intune has, so nobody replaced it since then. The tenant file is wrong, or the token was replaced before."
            );
            let next = "Find out who wrote it. If Intune is right, have the tenant file follow it:";
            let words = Words::new(message, next)
                .run(format!("applecart import --update {}", self.tenant()));
            return Some(self.matter(Cause::FactsDiffer, words));
        }
        let message = format!(
            "Intune has another token than before: {shown}. A token that an administrator put there by hand may be another customer's, or one that Apple has ended."
        );
        let next = format!(
            "Find out who replaced it, and have this customer's newest token put back. Only if the new one is right, `applecart import --update {}` takes it over. What was recorded of it:",
            self.tenant()
        );
        Some(self.matter(Cause::Replaced, Words::new(message, next).run(self.history())))
    }

    /// The tenant file states something of a token that Intune has otherwise, and no other credential
    /// took its place. That calls for no write, so nothing else would notice it before the next renewal.
    ///
    /// Where Intune was once read to have what is stated, Intune's value was changed since, as when
    /// Apple renames a location: that can wait.
    pub(super) fn misstated(&self) -> Option<Matter> {
        let all = self.misstatements();
        let told =
            |of: fn(&Difference) -> String| all.iter().map(of).collect::<Vec<_>>().join(". ");
        let message = format!("{}.", told(Difference::misstated));
        let repair = told(Difference::repair);
        let words = match all.iter().all(|one| one.fact.is_imported()) {
            _ if all.is_empty() => return None,
            true => Words::new(message, format!("{repair}:"))
                .run(format!("applecart import --update {}", self.tenant())),
            false => {
                Words::new(message, format!("{repair}. Who changed what:")).run(self.history())
            }
        };
        let matter = self.matter(Cause::FactsDiffer, words);
        let can_wait = all.iter().all(|one| self.was_read(one.fact, &one.before));
        let severity = if can_wait { Severity::Notice } else { matter.severity };
        // It does not become more pressing as the credential nears its end.
        Some(Matter { severity, due: None, ..matter })
    }

    /// Whether Intune was once read to have this. When a certificate expires never changes.
    fn was_read(&self, fact: Fact, value: &str) -> bool {
        let has_it = |record: &Record| {
            let read = record.after.as_ref().and_then(|facts| fact.of(facts));
            read.as_deref() == Some(value)
        };
        fact != Fact::Expiry && self.readings().any(has_it)
    }

    fn misstatements(&self) -> Vec<Difference> {
        let state = &self.planned.state;
        let (Some(entry), Some(live)) = (self.entry, &state.live) else { return Vec::new() };
        match (state.sync, self.planned.action) {
            (Sync::Watched, _) => stated::misnamed(entry, live).into_iter().collect(),
            (Sync::InSync | Sync::Unverified, _) | (_, Action::Configure) => {
                stated::misstated(entry, live)
            }
            _ => Vec::new(),
        }
    }

    /// A token that only Intune has: calm would claim that it is looked after.
    pub(super) fn unmanaged(&self) -> Option<Matter> {
        if self.planned.state.sync != Sync::Unmanaged {
            return None;
        }
        let (why, _) = of_table(Cause::Unmanaged);
        let message = format!("Intune has it, and the tenant file names no such token. {why}");
        let words = Words::new(message, "To watch it, have it written into the tenant file:")
            .run(format!("applecart import --update {}", self.tenant()));
        Some(Matter { due: None, ..self.matter(Cause::Unmanaged, words) })
    }

    fn readings(&self) -> impl Iterator<Item = &Record> {
        let past = self.of.past.into_iter();
        past.flat_map(|past| past.of(&self.token)).filter(|record| record.is_reading())
    }

    /// Whether the ledger has readings of the token, and each of them shows what Intune has now.
    fn disproves(&self, difference: &Difference) -> bool {
        let mut readings = self.readings().peekable();
        readings.peek().is_some()
            && readings.all(|record| {
                let read = record.after.as_ref().and_then(|facts| difference.fact.of(facts));
                read.as_deref() == Some(difference.live.as_str())
            })
    }

    /// What Intune had when it was last seen with a file that a run uploaded or verified.
    fn last_uploaded(&self) -> Option<Facts> {
        let record = self.of.past?.of(&self.token).rfind(|record| record.is_proof())?;
        record.after.clone()
    }

    /// The latest expiry of another file of this token that a run confirmed, since the token was
    /// last taken over.
    fn confirmed_until(&self) -> Option<Timestamp> {
        let past = self.of.past?;
        let is_adopted = |record: &&Record| record.event() == Event::Adopted;
        let since = past.of(&self.token).rfind(is_adopted).map_or(0, |record| record.seq);
        past.of(&self.token)
            .filter(|record| record.seq > since && record.event() == Event::Confirmed)
            .filter(|record| record.sha256() != self.planned.state.sha256)
            .filter_map(|record| record.after.as_ref()?.expires)
            .max()
    }
}
