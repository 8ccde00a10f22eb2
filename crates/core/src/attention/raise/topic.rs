//! The push topic that enrolled devices know, and how it comes back.

use super::token::OneToken;
use super::words::{Words, of_table};
use crate::attention::{Cause, InGit, Matter, advice};
use crate::model::Facts;
use crate::plan::Reason;
use crate::rules::topics::KnownTopic;

impl OneToken<'_> {
    /// Devices know a topic that Intune does not have: they do not answer until it is back.
    pub(super) fn lost_topic(&self) -> Option<Matter> {
        let known = self.planned.state.devices_know.as_deref()?;
        let (cause, message) = match &self.planned.state.live {
            live if !known.is_sure() => {
                let unsure = known.unsure().unwrap_or_default();
                match live.as_ref().and_then(|live| live.topic.as_ref()) {
                    Some(topic) => (
                        Cause::TopicChanged,
                        format!("Intune has a push certificate with the topic {topic}. {unsure}."),
                    ),
                    None => (
                        Cause::PushGone,
                        format!("Intune has no push certificate any more. {unsure}."),
                    ),
                }
            }
            Some(live) => {
                let live = live.topic.as_ref().map(ToString::to_string).unwrap_or_default();
                let message = format!(
                    "Intune has a push certificate with the topic {live}{}. The enrolled devices know the topic {}{} ({}), and no longer answer.",
                    self.of_account(self.planned.state.live.as_ref()?.apple_id.as_deref()),
                    known.topic,
                    self.of_account(known.apple_id.as_deref()),
                    known.shown_by()
                );
                (Cause::TopicChanged, message)
            }
            None => {
                let message = format!(
                    "Intune has no push certificate any more. The enrolled devices know the topic {}{} ({}), and no longer answer.",
                    known.topic,
                    self.of_account(known.apple_id.as_deref()),
                    known.shown_by()
                );
                (Cause::PushGone, message)
            }
        };
        Some(self.matter(cause, self.restore(message, known)))
    }

    fn of_account(&self, apple_id: Option<&str>) -> String {
        let apple_id = apple_id.filter(|id| !id.trim().is_empty());
        apple_id.map(|id| format!(" (Apple Account {id})")).unwrap_or_default()
    }

    /// How the topic that devices know comes back, from where that stands.
    pub(super) fn restore(&self, message: String, known: &KnownTopic) -> Words {
        let (tenant, target) = (self.tenant(), self.target());
        let live = self.planned.state.live.as_ref();
        let is_accepted = live
            .and_then(|live| live.topic.as_ref())
            .zip(self.entry)
            .is_some_and(|(topic, entry)| known.is_given_up_for(topic, entry));
        if is_accepted {
            let next = "The new topic is accepted in Git. Once that is merged, record it:";
            return Words::new(message, next).run(format!("applecart apply --select {tenant}"));
        }
        if !known.is_sure() {
            let next = "Once a device has told its topic, open the renewal of that row; until then renew nothing:";
            return Words::new(message, next).run(format!("applecart renew {target} --restore"));
        }
        let brings_back = self
            .entry
            .is_some_and(|entry| entry.file.is_some() && entry.topic() == Some(&known.topic));
        match self.in_git() {
            InGit::Due if brings_back => {
                let next = match self.of.scope.is_merged {
                    true => {
                        "The certificate that brings it back is reviewed and merged. Upload it:"
                    }
                    false => {
                        "The certificate that brings it back is in Git. Once it is reviewed and merged, upload it:"
                    }
                };
                return Words::new(message, next).run(format!("applecart apply --select {tenant}"));
            }
            InGit::Held if brings_back && self.waits_for_line() => {
                let next = "The certificate that brings it back is in Git, and waits for a reviewed `allow` line. To see the line:";
                return Words::new(message, next).run(format!("applecart plan --select {tenant}"));
            }
            _ => {}
        }
        let opened = self.of.past.and_then(|past| past.renewal_opened(&self.token, live));
        if let Some(open) = self.open() {
            let (next, command) = open.next();
            return Words::new(message, next).run(command);
        }
        match opened {
            Some(opened) => {
                let next = format!(
                    "A renewal was opened on {}. Press Renew on {}, never Create. Once Apple's file is downloaded:",
                    advice::day(opened.at),
                    known.row()
                );
                Words::new(message, next)
                    .run(format!("applecart renew {target} --restore --file FILE"))
            }
            None => {
                let next = format!(
                    "Bring it back with a fresh certificate: at Apple press Renew on {}, never Create. To open that renewal:",
                    known.row()
                );
                Words::new(message, next).run(format!("applecart renew {target} --restore"))
            }
        }
    }

    /// Whether nothing but the topic holds the file in Git.
    fn waits_for_line(&self) -> bool {
        self.planned.state.reasons.iter().all(|reason| *reason == Reason::TopicChange)
    }

    /// A line that a reviewer may take for a formality, told with what it lets happen.
    pub(super) fn released(&self, reason: Reason) -> Matter {
        let line = self.entry.and_then(|entry| entry.allow.iter().find(|line| line.hold == reason));
        let why = line.map(|line| format!(" The line's reason: {:?}.", line.reason));
        let why = why.unwrap_or_default();
        let state = &self.planned.state;
        let topic = |facts: Option<&Facts>| facts.and_then(|facts| facts.topic.clone());
        let in_intune = || topic(state.live.as_ref());
        let known = state.devices_know.as_ref().map(|known| known.topic.clone()).or_else(in_intune);
        let to = topic(self.planned.after.as_deref());
        match known.zip(to) {
            Some((known, to)) if reason == Reason::TopicChange && known != to => {
                let message = format!(
                    "An `allow` line releases the upload of a certificate with the topic {to}. The enrolled devices know {known}: once it is uploaded, none of them answers, and every one has to enrol again.{why}"
                );
                let words = self.advised(message, of_table(Cause::DevicesCutOff).1);
                self.matter(Cause::DevicesCutOff, words)
            }
            _ => {
                let meaning = reason.explained().meaning;
                let message = format!("An `allow` line releases {reason}: {meaning}{why}");
                let words = self.advised(message, of_table(Cause::HoldReleased).1);
                self.matter(Cause::HoldReleased, words)
            }
        }
    }
}
