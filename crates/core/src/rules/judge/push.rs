//! Push certificates: the topic that devices are bound to.

use super::Case;
use crate::model::{Kind, LivePush, LiveToken, Sha256, Topic, shell_word};
use crate::rules::allow::{self, Change, Hold};
use crate::rules::codes::Reason;
use crate::rules::subject::ABSENT;
use crate::rules::topics::{self, KnownTopic};

impl Case<'_> {
    /// The certificate has another topic than the one in Intune, whichever of them devices know.
    pub(super) fn topic(&self) -> Option<Hold> {
        let live = match self.live {
            Some(LiveToken::Push(live)) => live,
            Some(_) => return None,
            None => return self.forgotten_topic(),
        };
        let topic = self.token.topic()?;
        if *topic == live.topic {
            return self.foreign_topic(live);
        }
        let change = Change::of(&live.topic, topic, self.sha256);
        let other = self.devices_know.filter(|known| known.topic != live.topic);
        let detail = match other {
            Some(known) if !known.is_sure() => topics::told(known, live),
            Some(known) if known.topic == *topic => self.way_back(known, live),
            Some(known) => format!(
                "{}. The certificate in Git has a third topic, {topic}: uploading it would leave them cut off. {}. {}",
                topics::told(known, live),
                self.restore(known),
                self.if_none_is_enrolled(&change)
            ),
            None => {
                let shown = self.devices_know.map(|known| {
                    format!(", which the enrolled devices know ({})", known.shown_by())
                });
                let account = self.devices_know.and_then(|known| known.apple_id.as_ref());
                let account = account
                    .or(live.apple_id.as_ref())
                    .map(|id| format!(", signed in as {id}"))
                    .unwrap_or_default();
                format!(
                    "The certificate in Git has topic {topic}, but Intune uses {}{}. Uploading it would cut off every enrolled device. At Apple's push portal press Renew on the old certificate, not Create{account}. {}",
                    live.topic,
                    shown.unwrap_or_default(),
                    self.if_none_is_enrolled(&change)
                )
            }
        };
        Some(Hold::releasable(Reason::TopicChange, change, detail))
    }

    /// Intune has this topic already, and devices know another one: the upload would make nothing
    /// worse, and look as if all were well. Only a line that names what is given up releases it, and
    /// an accepted topic is no longer a foreign one.
    fn foreign_topic(&self, live: &LivePush) -> Option<Hold> {
        let known = self.devices_know.filter(|known| known.topic != live.topic)?;
        if known.is_given_up_for(&live.topic, self.token) {
            return None;
        }
        let change = Change::of(&known.topic, &live.topic, self.sha256);
        let told = topics::told(known, live);
        let detail = if known.is_sure() {
            format!(
                "{told}. The certificate in Git has the topic of Intune, so uploading it would bring none of them back. {}. {}",
                self.restore(known),
                self.if_none_is_enrolled(&change)
            )
        } else {
            told
        };
        Some(Hold::releasable(Reason::TopicChange, change, detail))
    }

    /// The certificate in Git has the topic that devices know, and Intune another one: it, or a
    /// fresh one from the same row, has to come back.
    fn way_back(&self, known: &KnownTopic, live: &LivePush) -> String {
        let told = topics::told(known, live);
        let Some(line) = topics::way_back(&live.topic, known, self.today()) else { return told };
        let is_fresh = !self.was_confirmed() && self.token.facts.expires > Some(live.expires);
        if is_fresh {
            return format!(
                "{told}. The certificate in Git brings that topic back. To have it uploaded, get this line reviewed on the push entry: {line}"
            );
        }
        format!(
            "{told}. {}. In the pull request that brings it, and not before, add this line to the push entry: {line}",
            self.restore(known)
        )
    }

    /// How the topic that devices know comes back.
    pub fn restore(&self, known: &KnownTopic) -> String {
        if let Some(unsure) = known.unsure() {
            return unsure;
        }
        format!(
            "Bring the topic that they know back with a fresh certificate: at Apple's push portal press Renew on {}, never Create. To open that renewal, run `{}`",
            known.row(),
            self.restore_command()
        )
    }

    fn if_none_is_enrolled(&self, change: &Change) -> String {
        let Change { from, to, .. } = change;
        let why = "no device is enrolled";
        let line = allow::line(Reason::TopicChange, from, to, why, self.today());
        format!("Only if no device is enrolled, get this line reviewed on the push entry: {line}")
    }

    /// Intune's certificate is gone, but devices still know its topic: a certificate with another
    /// one cuts them off just as well.
    fn forgotten_topic(&self) -> Option<Hold> {
        let known = self.devices_know?;
        let is_theirs = |topic: &Topic| known.is_sure() && *topic == known.topic;
        let topic = self.token.topic().filter(|topic| !is_theirs(topic))?;
        let change = Change::of(&ABSENT, topic, self.sha256);
        if let Some(unsure) = known.unsure() {
            let detail = format!(
                "The certificate in Git has topic {topic}. Intune has no certificate now. {unsure}"
            );
            return Some(Hold::releasable(Reason::TopicChange, change, detail));
        }
        let detail = format!(
            "The certificate in Git has topic {topic}. Intune has no certificate now, but the enrolled devices know topic {} ({}). Uploading another topic would cut off every one of them. {}. {}",
            known.topic,
            known.shown_by(),
            self.restore(known),
            self.if_none_is_enrolled(&change)
        );
        Some(Hold::releasable(Reason::TopicChange, change, detail))
    }

    /// Intune had this very certificate and has none now. Whether the private key is still there only a
    /// request tells that Intune was read to have since, so no line that would bring the certificate
    /// back is offered before that.
    pub(super) fn vanished(&self) -> Option<Hold> {
        if self.kind() != Kind::Push || self.live.is_some() || !self.was_confirmed() {
            return None;
        }
        let back = match self.devices_know {
            Some(known) => self.restore(known),
            None => format!("To open its renewal, run `{}`", self.restore_command()),
        };
        let mut detail = format!(
            "Intune had this push certificate before and has none now. Find out who removed it. {back}"
        );
        let change = self.change();
        if self.request_since_lost().is_some_and(|(_, asked)| Some(asked) == self.token.public_key)
        {
            let line = change.line(Reason::Vanished, "it was deleted by mistake", self.today());
            detail.push_str(&format!(
                ". Intune still asks for the key of the certificate in Git, so that one would work as well. To have it uploaded again, get this line reviewed on the push entry: {line}"
            ));
        }
        Some(Hold::releasable(Reason::Vanished, change, detail))
    }

    /// Intune has no certificate, and all that is known of this one's key is from before it was lost: this
    /// very file was there, or it answers an earlier request of the tenant. Uploaded over another
    /// key it would look as if all were well, and no device would answer. To know, one command is
    /// enough, so no line releases it.
    pub(super) fn lost_key(&self) -> Option<Hold> {
        if self.kind() != Kind::Push || self.live.is_some() || self.request_since_lost().is_some() {
            return None;
        }
        let keys = || self.past.of(self.of).filter_map(|record| record.request());
        let is_of_earlier = || keys().any(|(_, asked)| Some(asked) == self.token.public_key);
        (self.was_confirmed() || is_of_earlier()).then(|| {
            Hold::firm(
                Reason::KeyMismatch,
                format!(
                    "Intune has no push certificate any more, and nothing says that it still has the private key of the one in Git: without the key no device answers, and nothing would show that. To read which key Intune has now, and to open the renewal for it, run `{}`",
                    self.restore_command()
                ),
            )
        })
    }

    /// The request, and its key, that Intune was read to have since it has no certificate.
    fn request_since_lost(&self) -> Option<(&str, Sha256)> {
        self.past.request_without_certificate(self.of)?.request()
    }

    fn restore_command(&self) -> String {
        let spec = shell_word(&format!("{}/push", self.tenant.name));
        format!("applecart renew {spec} --restore")
    }

    /// Where the file has the topic that devices know and Intune another one, that Intune's is the
    /// later certificate is no reason of its own: it stands and falls with the topic.
    pub(super) fn stands_with_topic(&self, reason: Reason) -> Option<Hold> {
        let Some(LiveToken::Push(live)) = self.live else { return None };
        let topic = self.token.topic().filter(|topic| **topic != live.topic)?;
        self.devices_know.filter(|known| known.is_sure() && known.topic == *topic)?;
        let change = Change::of(&live.topic, topic, self.sha256);
        let detail = format!(
            "Intune has another certificate than the one in Git, which it had before: {}. Devices do not know its topic, so it is not to be taken over",
            LiveToken::Push(live).described()
        );
        Some(Hold::releasable(reason, change, detail).released_with(Reason::TopicChange))
    }
}
