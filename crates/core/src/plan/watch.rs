//! What is known of one token, and what becomes of those that are watched without a file.

use super::decide::{Decision, Ruling};
use super::holds::MadeAgain;
use super::planned::Note;
use super::types::{Health, HealthReason, Reason, Warning};
use crate::fleet::{Tenant, Token};
use crate::ledger::{FirstTopic, TenantLedger};
use crate::model::{Facts, Kind, LivePush, LiveToken, TokenRef, shell_word};
use crate::rules::stated::{self, Fact};
use crate::rules::topics::{self, KnownTopic};

/// What is known of one token before it is decided.
pub(super) struct Shown<'a> {
    pub(super) token: TokenRef,
    pub(super) entry: Option<&'a Token>,
    pub(super) live: Option<LiveToken<'a>>,
    pub(super) health: Option<(Health, Vec<HealthReason>)>,
    /// Which token in Intune the entry means cannot be told.
    pub(super) ambiguous: bool,
    /// The known id is gone, and Intune has this token in its place.
    pub(super) made_again: Option<MadeAgain>,
    /// Push: the topic that enrolled devices know.
    pub(super) devices_know: Option<&'a KnownTopic>,
}

impl Shown<'_> {
    /// The topic that devices know and the certificate in Intune, where that has another one.
    fn other_topic(&self) -> Option<(&KnownTopic, &LivePush)> {
        let Some(LiveToken::Push(live)) = self.live else { return None };
        let known = self.devices_know.filter(|known| known.topic != live.topic)?;
        Some((known, live))
    }

    /// Whether Intune was read before and has another credential now.
    fn has_changed(&self, past: &TenantLedger) -> bool {
        let last = past.last_live_facts(&self.token);
        self.live.zip(last).is_some_and(|(live, (facts, _))| live.differs_from(facts))
    }
}

/// Row 2: watched, never configured.
pub(super) fn decide(shown: &Shown<'_>) -> Ruling {
    let mut ruling = Ruling::of(match (shown.entry, &shown.live) {
        (Some(_), Some(_)) => Decision::Watched,
        (Some(_), None) if shown.ambiguous => Decision::Watched,
        (_, None) => Decision::Missing,
        (None, Some(_)) => Decision::Unmanaged,
    });
    if shown.ambiguous {
        ruling.warnings.push(Warning::Ambiguous);
        ruling.details.push(
            "More than one token in Intune fits this entry, or two entries fit one. Add Intune's `id` to it"
                .to_owned(),
        );
    }
    if let Some(told) = shown.other_topic().map(|(known, live)| topics::told(known, live)) {
        ruling.details.push(told);
        return ruling;
    }
    if let (Some(entry), Some(live)) = (shown.entry, shown.live) {
        let stated = &entry.facts;
        let live = live.facts();
        // Devices know the topic that Intune has, so the tenant file is not behind: it is wrong.
        if let (Some(git), Some(topic)) = (&stated.topic, &live.topic)
            && git != topic
        {
            facts_differ(
                &mut ruling,
                format!(
                    "The tenant file names the push topic {git}, which Intune does not have{}. A certificate with it would cut off every enrolled device. Find out who wrote it, and do not renew a row with it; `applecart import --update` puts {topic} back",
                    shown
                        .devices_know
                        .map(|known| format!(
                            ": the enrolled devices know {} ({})",
                            known.topic,
                            known.shown_by()
                        ))
                        .unwrap_or_default()
                ),
            );
        }
        let behind: Vec<String> = stated::differences(&Fact::OF_CREDENTIAL, stated, &live)
            .iter()
            .map(|one| {
                format!("{} {} in Git, {} in Intune", one.fact.field(), one.before, one.live)
            })
            .collect();
        if !behind.is_empty() {
            let told = behind.join("; ");
            let told =
                format!("The tenant file is behind: {told}. Run `applecart import --update`");
            facts_differ(&mut ruling, told);
        }
        if let Some(name) = stated::misnamed(entry, &live) {
            facts_differ(&mut ruling, format!("{}. {}", name.misstated(), name.repair()));
        }
    }
    ruling
}

fn facts_differ(ruling: &mut Ruling, told: String) {
    if !ruling.warnings.contains(&Warning::FactsDiffer) {
        ruling.warnings.push(Warning::FactsDiffer);
    }
    ruling.details.push(told);
}

/// What the ledger learns of a watched token: what came from outside Git is adopted once Git
/// watches it without a file (it was recorded so, or the ledger's last word is that Intune had a
/// file, and now it has something else); else the first sight of it, and each change.
pub(super) fn note_sighting(ruling: &mut Ruling, shown: &Shown<'_>, past: &TenantLedger) {
    if let Some((known, push)) = shown.other_topic() {
        // A topic that devices do not know is adopted by a reviewed line and by nothing else, also
        // where the same review brings the next certificate with it.
        if shown.entry.is_some_and(|entry| known.is_given_up_for(&push.topic, entry)) {
            ruling.notes.push(Note::Adopted);
        } else if ruling.decision == Decision::Watched && shown.has_changed(past) {
            ruling.notes.push(Note::Observed);
        } else if ruling.decision == Decision::Watched
            && matches!(past.first_topic, FirstTopic::Named(_))
            && past.last_live_facts(&shown.token).is_none()
        {
            // Recorded as a first sight it would pass for what devices know.
            ruling.notes.push(Note::ChangedOutsideGit);
        }
        return;
    }
    let last = past.last_live_facts(&shown.token).map(|(facts, _)| facts);
    let was_there = last.is_some_and(|facts| *facts != Facts::default());
    if ruling.decision == Decision::Missing && was_there {
        ruling.notes.push(Note::Observed);
    }
    let Some(live) = shown.live.filter(|_| ruling.decision == Decision::Watched) else { return };
    let recorded = past.changed_outside_git_recorded(&shown.token).is_some();
    let unrecorded = past
        .confirmed_still(&shown.token)
        .and_then(|record| record.after.as_ref())
        .is_some_and(|facts| live.differs_from(facts));
    if recorded || unrecorded {
        ruling.notes.push(Note::Adopted);
    } else if last.filter(|_| was_there).is_none_or(|facts| reads_differently(live, facts)) {
        ruling.notes.push(Note::Observed);
    }
}

/// Whether Intune has another credential than the recorded one, or does not call it valid any more.
fn reads_differently(live: LiveToken<'_>, recorded: &Facts) -> bool {
    let state = live.facts().state;
    live.differs_from(recorded) || (recorded.state.is_some() && state != recorded.state)
}

pub(super) fn warn_apple_id(
    ruling: &mut Ruling,
    tenant: &Tenant,
    entry: &Token,
    live: Option<&str>,
) {
    if let (Some(stated), Some(live)) = (entry.facts.apple_id.as_deref(), live)
        && stated.to_lowercase() != live.to_lowercase()
        && !ruling.allows.contains(&Reason::AppleIdChange)
    {
        let told = match (entry.token.kind, ruling.decision == Decision::InSync) {
            (Kind::Push, true) => format!(
                "If Git is right, `applecart renew {}/push --apple-id {} --push` proposes to tell Intune",
                shell_word(tenant.name.as_str()),
                shell_word(stated)
            ),
            _ => "If Git is right, the next upload tells Intune".to_owned(),
        };
        ruling.warnings.push(Warning::AppleIdDiffers);
        ruling.details.push(format!(
            "Git names the Apple Account {stated}, Intune {live}; the next renewal needs the one that has the credential at Apple. If Intune is right, correct `appleId` in the tenant file. {told}"
        ));
    }
}
