//! What one token raises.

use super::tenant::OneTenant;
use super::words::{Words, told_once};
use crate::attention::{Cause, Matter, OpenRenewal, Severity, advice};
use crate::fleet::{Token, TokenFile};
use crate::ledger::TenantLedger;
use crate::model::{Facts, LiveVpp, Timestamp, TokenRef, shell_word};
use crate::plan::{Action, CANNOT_LAND, HealthReason, PlannedToken, Reason, Sync, Warning};
use crate::rules::last_known::{LastKnown, Memory};
use crate::rules::refusal::Refusal;

/// Holds of a file while Intune does not have the topic that devices know.
const OF_TOPIC: [Reason; 4] =
    [Reason::TopicChange, Reason::RenewedOutsideGit, Reason::ChangedOutsideGit, Reason::Vanished];

pub(super) struct OneToken<'a> {
    pub(super) of: &'a OneTenant<'a>,
    pub(super) planned: &'a PlannedToken,
    pub(super) token: TokenRef,
    pub(super) entry: Option<&'a Token>,
    /// The newest facts of Intune that the ledger holds, and when they were recorded.
    pub(super) last_seen: Option<(Facts, Timestamp)>,
    /// When it expires by the newest reading, whoever knows of that.
    pub(super) last_known: Option<LastKnown>,
}

/// The sentences of a matter with how many devices it is about.
fn depend(message: &str, devices: u64) -> String {
    let (count, depend) = match devices {
        1 => ("1 device".to_owned(), "depends"),
        _ => (format!("{devices} devices"), "depend"),
    };
    format!("{message} {count} {depend} on it.")
}

impl<'a> OneToken<'a> {
    pub(super) fn new(of: &'a OneTenant<'a>, planned: &'a PlannedToken) -> Self {
        let token = planned.state.token();
        let entry = of.desired.and_then(|tenant| planned.state.entry_in(tenant));
        let last_seen = of
            .past
            .and_then(|past| past.last_live_facts(&token))
            .map(|(facts, at)| (facts.clone(), at));
        let (input, id) = (of.input, of.tenant.tenant_id);
        let now = input.plan.generated_at;
        let last_known = Memory::of(id, input.ledger, &input.clone.readings, now).last(&token);
        Self { of, planned, token, entry, last_seen, last_known }
    }

    pub(super) fn raise(&self, matters: &mut Vec<Matter>) {
        if let Some(suspension) = self.entry.and_then(|entry| entry.suspend.as_ref()) {
            matters.extend(self.of.suspension(suspension, Some(&self.token)));
        }
        matters.extend(self.lost_topic());
        matters.extend(self.wrong_topic());
        matters.extend(self.replaced());
        matters.extend(self.misstated());
        matters.extend(self.other_account());
        matters.extend(self.owner_at_risk());
        matters.extend(self.expiry());
        matters.extend(self.disputed_request());
        matters
            .extend(self.holds().into_iter().map(|(reason, message)| self.held(reason, &message)));
        matters.extend(self.planned.allows.iter().map(|reason| self.released(*reason)));
        matters.extend(self.device_sync());
        matters.extend(self.cannot_land());
        matters.extend(self.refused());
        matters.extend(self.without_outcome());
        matters.extend(self.canary_failed());
        matters.extend(self.absent());
        matters.extend(self.failing());
        matters.extend(self.touched());
        matters.extend(self.to_apply());
        matters.extend(self.ambiguous());
        if self.planned.state.sync == Sync::Unobserved {
            matters.extend(self.last_known());
        }
        matters.extend(self.unmanaged());
        matters.extend(self.awaiting_confirmation());
        matters.extend(self.open().map(|open| self.renewal_open(open)));
    }

    fn held(&self, reason: Reason, message: &str) -> Matter {
        let words = match self.planned.state.devices_know.as_deref() {
            // Whatever else holds it: the topic is what has to be put right.
            Some(known) if OF_TOPIC.contains(&reason) => {
                self.restore(format!("Held: {message}"), known)
            }
            _ => {
                let (message, next) = told_once(message, reason.explained().next);
                self.advised(format!("Held: {message}"), &next)
            }
        };
        self.matter(Cause::Held(reason), words)
    }

    /// The credential's expiry in Intune, else the last known one: what names the renewal period.
    fn period(&self) -> Option<Timestamp> {
        self.planned.state.expires.or_else(|| self.last_known?.expires)
    }

    pub(super) fn matter(&self, cause: Cause, words: Words) -> Matter {
        let expires = self.planned.state.expires;
        let of = (Some(&self.token), self.entry);
        let devices = self.planned.state.devices;
        let words = match devices.filter(|_| cause.severity() <= Severity::Urgent) {
            Some(count) => Words { message: depend(&words.message, count), ..words },
            None => words,
        };
        Matter { due: expires, devices, ..self.of.matter_of(cause, of, self.period(), words) }
    }

    pub(super) fn tenant(&self) -> String {
        shell_word(&self.of.tenant.name)
    }

    /// The token as the command line names it.
    pub(super) fn target(&self) -> String {
        self.token.spec(&self.of.tenant.name)
    }

    pub(super) fn advised(&self, message: String, next: &str) -> Words {
        Words::of_code(message, next, &self.tenant(), &self.target())
    }

    pub(super) fn history(&self) -> String {
        format!("applecart history {}", self.target())
    }

    /// The branch that its renewal waits on.
    pub(super) fn open(&self) -> Option<&OpenRenewal> {
        let branches = &self.of.input.clone.open_renewals;
        branches
            .iter()
            .find(|open| open.tenant == self.of.tenant.name && open.token.same_token(&self.token))
    }

    fn without_outcome(&self) -> Option<Matter> {
        let (words, since) = self.of.recorded()?.without_outcome(&self.token)?;
        let one = self.matter(Cause::IntentWithoutOutcome, words);
        Some(Matter { since: Some(since), ..one })
    }

    /// A file that failed again and again, whatever is tried.
    fn cannot_land(&self) -> Option<Matter> {
        let state = &self.planned.state;
        let (past, sha256) = (self.of.past?, state.sha256?);
        if state.sync != Sync::OutOfSync {
            return None;
        }
        let failures: Vec<_> = past.failures_in_a_row(&self.token, sha256).collect();
        let newest = failures.first().filter(|_| failures.len() >= CANNOT_LAND)?;
        let why = newest.cause().and_then(|cause| cause.detail.as_deref());
        let message = format!(
            "The last {} uploads of this file did not arrive; the newest, on {}: {}. Intune still has the earlier one.",
            failures.len(),
            newest.at,
            why.unwrap_or("the run ended before Graph had answered").trim_end_matches('.')
        );
        let words = Words::new(message, "Correct that cause, then try at once:")
            .run(format!("applecart apply --retry --select {}", self.tenant()));
        let since = failures.last().map(|oldest| oldest.at);
        Some(Matter { since, ..self.matter(Cause::CannotLand, words) })
    }

    /// That a run opened the file in Git and refused it, as long as that is its newest line.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let state = &self.planned.state;
        let is_due = matches!(state.sync, Sync::OutOfSync | Sync::Unverified);
        Refusal::of(self.of.past?, &self.token, state.sha256.filter(|_| is_due)?)
    }

    /// Whatever is uploaded in its place, this file is not, until it or its facts are other ones.
    fn refused(&self) -> Option<Matter> {
        let refusal = self.refusal()?;
        let words = match refusal.reason {
            Reason::BadFile => {
                let next = "Correct what the tenant file says of it, or bring the right file:";
                Words::new(refusal.told(), next)
                    .run(format!("applecart renew {} --file FILE", self.target()))
            }
            reason => self.advised(refusal.told(), reason.explained().next),
        };
        let since = Some(refusal.at);
        Some(Matter { since, ..self.matter(Cause::Held(refusal.reason), words) })
    }

    fn other_account(&self) -> Option<Matter> {
        if !self.planned.state.warnings.contains(&Warning::AppleIdDiffers) {
            return None;
        }
        let shown = |id: Option<&String>| id.cloned().unwrap_or_else(|| "no account".to_owned());
        let git = shown(self.entry.and_then(|entry| entry.facts.apple_id.as_ref()));
        let live = self.planned.state.live.as_ref();
        let live = shown(live.and_then(|live| live.apple_id.as_ref()));
        let message = format!(
            "Git names the Apple Account {git}, Intune {live}. The next renewal needs the one that has the credential at Apple."
        );
        let next = "Find out which of the two is right, and correct `appleId` in the tenant file if it is Intune's. What was recorded of it:";
        Some(self.matter(Cause::AppleIdDiffers, Words::new(message, next).run(self.history())))
    }

    /// Every hold with its sentence. The plan has one a reason, with remarks between them; where they
    /// cannot be told apart, the most dangerous reason has all.
    fn holds(&self) -> Vec<(Reason, String)> {
        let state = &self.planned.state;
        let details = state.details.get(usize::from(self.planned.urgent)..).unwrap_or_default();
        if details.len() == state.reasons.len() {
            return state.reasons.iter().copied().zip(details.iter().cloned()).collect();
        }
        let also = "It is also held for this reason.";
        let first = details.join(" ");
        let sentences = std::iter::once(first).chain(std::iter::repeat(also.to_owned()));
        state.reasons.iter().copied().zip(sentences).collect()
    }

    /// Whether Intune had it and has none now, while the file in Git is to be uploaded again. Of a
    /// push certificate the topic that devices know tells.
    fn is_gone(&self) -> bool {
        let state = &self.planned.state;
        let is_named = || self.entry.is_some_and(|entry| entry.token.id.is_some());
        let was_seen = || self.of.past.is_some_and(|past| past.was_seen(&self.token));
        state.live.is_none() && state.devices_know.is_none() && (is_named() || was_seen())
    }

    fn gone(&self) -> Words {
        let out_of_sync = self.out_of_sync();
        let message =
            "Intune had it before and has none now. The file in Git is to be uploaded again.";
        Words { message: message.to_owned(), ..out_of_sync }
    }

    fn missing(&self) -> Words {
        match self.entry {
            Some(_) => Words::new(
                "Git names it, and Intune has no such token.",
                "Create it in Intune, or remove it from the tenant file. What was recorded of it:",
            )
            .run(self.history()),
            None => Words::new(
                "It is watched, and Intune has none: no Apple device can be managed here.",
                "For a first certificate, write `push: {appleId: ACCOUNT}` into the tenant file with the account that is to own it, and have it merged; or take the kind out of `watch` there. Then open the first request:",
            )
            .run(format!("applecart renew {}", self.target())),
        }
    }

    fn out_of_sync(&self) -> Words {
        if self.planned.state.warnings.contains(&Warning::RetryAfter) {
            let message = self.planned.state.details.join(". ");
            return Words::new(format!("{message}."), "Correct that cause, then try at once:")
                .run(format!("applecart apply --retry --select {}", self.tenant()));
        }
        let message = match self.planned.action {
            Action::Configure => "Its settings in Intune differ from Git.",
            _ => "The file in Git is not the one that Intune has.",
        };
        let next = match self.of.scope.is_merged {
            true => "It is reviewed and merged. Upload it:",
            false => "Once it is reviewed and merged, upload it:",
        };
        Words {
            command: Some(format!("applecart apply --select {}", self.tenant())),
            command_for_all: self.of.scope.apply(),
            ..Words::new(message, next)
        }
    }

    fn unverified(&self) -> Words {
        Words {
            command: Some(format!("applecart apply --select {}", self.tenant())),
            command_for_all: self.of.scope.apply(),
            ..Words::new(
                "Intune has what Git states of the file, and no run has opened this sealed file to compare. If only the facts are old, the new file was never uploaded.",
                "Once it is merged, open and compare it, which uploads nothing:",
            )
        }
    }

    /// What the ledger tells of a token that could not be read: it stays until a reading disproves it.
    fn last_known(&self) -> Vec<Matter> {
        let mut matters = Vec::from_iter(self.last_known_dead());
        if let (Some(past), Some(file)) =
            (self.of.past, self.entry.and_then(|entry| entry.file.as_ref()))
        {
            matters.extend(self.last_known_of_file(past, file));
        }
        matters
    }

    /// The last reading showed that Intune had none any more, or one that it did not call valid.
    fn last_known_dead(&self) -> Option<Matter> {
        let (facts, at) = self.last_seen.as_ref()?;
        let is_invalid = |state: &String| !matches!(state.as_str(), LiveVpp::VALID | "expired");
        let (cause, told) = if *facts == Facts::default() {
            (Cause::Missing, "Intune had none any more".to_owned())
        } else {
            let state = facts.state.as_ref().filter(|state| is_invalid(state))?;
            let cause = Cause::Failing(HealthReason::TokenInvalid);
            (cause, format!("Intune called its state {state:?}"))
        };
        let message = format!("When it was last read, on {}, {told}.", advice::day(*at));
        let words = Words::new(message, "It could not be read since. What was recorded:");
        let matter = self.matter(cause, words.run(self.history()));
        Some(Matter { since: Some(*at), as_of: Some(*at), ..matter })
    }

    fn last_known_of_file(&self, past: &TenantLedger, file: &TokenFile) -> Vec<Matter> {
        let rejected = past.definite_failure(&self.token, file.sha256).map(|failure| {
            let why = failure.cause().and_then(|cause| cause.detail.as_deref());
            let why = why.unwrap_or("Intune gave no reason");
            let message = format!("This file was refused on {}: {why}.", advice::day(failure.at));
            (Reason::Rejected, failure.at, message)
        });
        let changed = past
            .changed_outside_git_recorded(&self.token)
            .filter(|_| past.proof(&self.token, file.sha256).is_some())
            .map(|change| {
                let day = advice::day(change.at);
                let message =
                    format!("On {day} Intune had another credential than the one in Git.");
                (Reason::ChangedOutsideGit, change.at, message)
            });
        [rejected, changed]
            .into_iter()
            .flatten()
            .map(|(reason, at, message)| {
                let words = Words::new(message, "It could not be read since. What was recorded:");
                let matter = self.matter(Cause::Held(reason), words.run(self.history()));
                Matter { since: Some(at), as_of: Some(at), ..matter }
            })
            .collect()
    }

    fn canary_failed(&self) -> Option<Matter> {
        let state = &self.planned.state;
        if !state.warnings.contains(&Warning::CanaryFailed) {
            return None;
        }
        let next = "Correct `wire` in applecart.yaml, or the file that was refused:";
        let failed = "The first upload of this kind failed, so no other is uploaded.";
        let message = format!("{failed} {}", state.details.join(" "));
        let words = Words::new(message.trim_end(), next);
        Some(self.matter(Cause::CanaryFailed, words.run(self.history())))
    }

    /// The matter of a token that Intune does not have.
    fn absent(&self) -> Option<Matter> {
        let state = &self.planned.state;
        if self.is_to_come_back() {
            return Some(self.matter(Cause::Missing, self.gone()));
        }
        if self.is_gone_while_parked() {
            let words = Words::new(
                "Intune had it before and has none now. A suspension covers uploads, and no token that is gone.",
                "Find out who removed it. What was recorded of it:",
            );
            return Some(self.matter(Cause::Missing, words.run(self.history())));
        }
        if state.sync != Sync::Missing || state.devices_know.is_some() {
            return None;
        }
        Some(self.matter(Cause::Missing, self.missing()))
    }

    fn is_to_come_back(&self) -> bool {
        self.planned.state.sync == Sync::OutOfSync && self.is_gone()
    }

    /// Its hold says the same, and is parked: it may have been known, and this may not.
    fn is_gone_while_parked(&self) -> bool {
        let state = &self.planned.state;
        let is_ambiguous = state.reasons.contains(&Reason::Ambiguous);
        state.sync == Sync::Held
            && !is_ambiguous
            && self.of.is_suspended(self.entry)
            && self.is_gone()
    }

    /// What Intune says is wrong with it.
    fn failing(&self) -> impl Iterator<Item = Matter> {
        let state = &self.planned.state;
        let is_told = |reason: &&HealthReason| {
            **reason != HealthReason::TopicChanged || state.devices_know.is_none()
        };
        state.health_reasons.iter().filter(is_told).map(|reason| {
            let told = reason.explained();
            let message = format!("{} {}{}", told.meaning, told.why, self.downloader(*reason));
            let words = match reason {
                HealthReason::TokenInvalid | HealthReason::Revoked | HealthReason::DeadAtApple => {
                    self.renewal(message, None)
                }
                _ => self.advised(message, told.next),
            };
            self.matter(Cause::Failing(*reason), words)
        })
    }

    /// Whose password or departure may have ended it: what was written down for this very moment.
    fn downloader(&self, reason: HealthReason) -> String {
        let is_dead = matches!(reason, HealthReason::TokenInvalid | HealthReason::DeadAtApple);
        // Of a file that Intune does not have yet, Git says another one's.
        let is_in_use = |entry: &&Token| {
            entry.file.is_none()
                || matches!(self.planned.state.sync, Sync::InSync | Sync::Unverified)
        };
        let entry = self.entry.filter(|_| is_dead).filter(is_in_use);
        let account = entry.and_then(|one| one.downloaded_by.as_ref());
        account.map(|account| format!(" It was downloaded as {account}.")).unwrap_or_default()
    }

    fn touched(&self) -> Option<Matter> {
        let at = self.planned.state.touched?;
        let message = format!(
            "Another hand changed it in Intune on {}, and it expires as before: its settings may be other ones, or another token of the same day took its place.",
            advice::day(at)
        );
        let next = "Find out who did it: the audit log in the Intune portal names the account. What was recorded of it:";
        let words = Words::new(message, next).run(self.history());
        // It does not become more pressing as the token nears its end.
        let matter = self.matter(Cause::TouchedOutsideGit, words);
        Some(Matter { since: Some(at), due: None, ..matter })
    }

    /// What waits for `apply`.
    fn to_apply(&self) -> Option<Matter> {
        match self.planned.state.sync {
            _ if self.refusal().is_some() => None,
            Sync::OutOfSync if !self.is_gone() => {
                Some(self.matter(Cause::OutOfSync, self.out_of_sync()))
            }
            Sync::Unverified => Some(self.matter(Cause::Unverified, self.unverified())),
            _ => None,
        }
    }

    fn ambiguous(&self) -> Option<Matter> {
        if !self.planned.state.warnings.contains(&Warning::Ambiguous) {
            return None;
        }
        let words = Words::new(
            "More than one token in Intune fits this entry, or two entries fit one.",
            "Add Intune's `id` to the entry. The ids are in:",
        );
        let command = format!("applecart status --format json --select {}", self.tenant());
        Some(self.matter(Cause::Ambiguous, words.run(command)))
    }

    fn awaiting_confirmation(&self) -> Option<Matter> {
        let past = self.of.past?;
        let upload = past.unacknowledged(&self.token)?;
        // What no reading has shown yet, nobody can try on a device.
        let is_shown = !matches!(self.planned.state.sync, Sync::Progressing | Sync::Unobserved);
        let proof = || past.proof(&self.token, upload.sha256()?);
        let proved = || proof().is_some_and(|proof| proof.seq >= upload.seq);
        if !is_shown && !proved() {
            return None;
        }
        let message = format!(
            "Uploaded on {} and not yet confirmed by the customer.",
            advice::day(upload.at)
        );
        let next = "Ask whether a device enrols and apps arrive, then record the answer:";
        let words =
            Words::new(message, next).run(format!("applecart acknowledge {}", self.target()));
        let since = Some(upload.at);
        let waiting = self.matter(Cause::AwaitingConfirmation, words);
        // It does not become more pressing as the certificate nears its end.
        Some(Matter { since, due: None, ..waiting })
    }
}
