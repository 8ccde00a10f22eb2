//! What speaks against a credential: its facts, stated by a tenant file or read from the opened
//! file, against what Intune has and what was recorded.
//!
//! `plan` judges what the tenant file states. `seal` and `renew` judge an opened file as the entry
//! would state it, so that they refuse what a plan would hold after the merge.

use chrono::NaiveDate;

use super::allow::{self, Change, Hold};
use super::codes::Reason;
use super::requests;
use super::subject::{ABSENT, CLOCK_TOLERANCE, noun, renew_at_apple};
use super::topics::{self, KnownTopic};
use crate::apple::{self, FileFacts, Finding, FindingCode, enrollment};
use crate::fleet::{Tenant, Token, TokenFile};
use crate::ledger::TenantLedger;
use crate::model::{
    Event, Facts, Kind, LivePush, LiveToken, LiveVpp, Record, Sha256, Timestamp, TokenRef, Topic,
    shell_word,
};

/// One credential and what it would replace.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub now: Timestamp,
    pub tenant: &'a Tenant,
    /// The entry as it is, or as it would be.
    pub token: &'a Token,
    /// SHA-256 of the opened file.
    pub sha256: Sha256,
    /// Which token it is, with the id that Git, the ledger or Intune knows.
    pub of: &'a TokenRef,
    /// The token in Intune that the entry means; `None` when it is proved absent.
    pub live: Option<LiveToken<'a>>,
    pub past: &'a TenantLedger,
    /// Push: the topic that enrolled devices know.
    pub devices_know: Option<&'a KnownTopic>,
}

impl Case<'_> {
    pub fn kind(&self) -> Kind {
        self.of.kind
    }

    pub fn today(&self) -> NaiveDate {
        self.now.date_time().date_naive()
    }

    /// What an `allow` line has to name where the hold is not about one attribute.
    pub fn change(&self) -> Change {
        Change::of_credential(self.kind(), self.live, &self.token.facts, self.sha256)
    }

    /// Whether a run ever confirmed or verified that Intune has this very file.
    pub fn was_confirmed(&self) -> bool {
        self.proof().is_some()
    }

    /// The newest line that says that Intune has this very file, unless Intune speaks against it.
    pub fn proof(&self) -> Option<&Record> {
        let proof = self.past.proof(self.of, self.sha256)?;
        let Some(LiveToken::Enrollment(live)) = self.live else { return Some(proof) };
        // Intune shows no more of an enrollment file than when it expires. Where that did not move,
        // and Intune did not change the token since, it never took the file.
        let sending = self.past.every_sending(self.of, self.sha256);
        let Some(sending) = sending.into_iter().rfind(|sending| sending.opened.seq < proof.seq)
        else {
            return Some(proof);
        };
        let expires = |facts: Option<&Facts>| facts.and_then(|facts| facts.expires);
        let shown = expires(proof.after.as_ref());
        let has_moved = expires(sending.before()).is_some_and(|before| Some(before) != shown);
        let is_since =
            live.last_modified.is_some_and(|at| at.plus(CLOCK_TOLERANCE) >= sending.intended_at());
        (has_moved || is_since).then_some(proof)
    }

    /// Whether Intune has this very file, as far as the ledger knows.
    pub fn is_same(&self) -> bool {
        let known = self.past.last_known_file(self.of);
        let is_disproved = self.proof().is_none()
            && known.is_some_and(|known| known.is_proof() && known.sha256() == Some(self.sha256));
        !is_disproved && self.live.is_some_and(|live| live.is_file(self.token, self.sha256, known))
    }

    /// The location that the token belongs to: the tenant file's or, where that names none, the one
    /// that it had before a file of another location was uploaded.
    pub fn location_meant(&self) -> Option<&str> {
        let stated = self.token.facts.location.as_deref();
        stated.or_else(|| self.past.lost_location(self.of))
    }

    /// What the credential would do to the place that it goes to; holds a change of settings just
    /// as well.
    pub fn against_place(&self) -> Vec<Hold> {
        let Some(LiveToken::Vpp(live)) = self.live else { return Vec::new() };
        [self.organization(live), self.location(live), self.filed_wrongly(live)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// What speaks against the file itself.
    pub fn against_file(&self) -> Vec<Hold> {
        let recipient = match self.recipient() {
            Recipient::Other(detail) => Some(Hold::firm(Reason::RecipientMismatch, detail)),
            Recipient::Fits | Recipient::Unverifiable => None,
        };
        let age = self.live.and_then(|live| self.age(live));
        let disputed = self.disputed_request();
        [self.topic(), age, self.expired(), self.to_come(), self.apple_id(), recipient, disputed]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Nothing proves which open request of the renewal Intune made, or that it made the one there is.
    pub fn disputed_request(&self) -> Option<Hold> {
        if self.kind() != Kind::Push {
            return None;
        }
        let live = self.live.map(LiveToken::facts);
        let open = self.past.requests_open(self.of, live.as_ref());
        let disputed = requests::disputed(self.past, &open)?;
        let change = self.change();
        let why = "it answers the request that Intune made";
        let line = change.line(Reason::KeyMismatch, why, self.today());
        let detail = format!(
            "{disputed}. Ask these people. If the certificate answers the request that Intune gave out, get this line reviewed on the push entry: {line}"
        );
        Some(Hold::releasable(Reason::KeyMismatch, change, detail))
    }

    /// The certificate has another topic than the one in Intune, whichever of them devices know.
    fn topic(&self) -> Option<Hold> {
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
            "Bring the topic that they know back with a fresh certificate: at Apple's push portal press Renew on {}, never Create. To open that renewal, run `applecart renew {} --restore`",
            known.row(),
            shell_word(&format!("{}/push", self.tenant.name))
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

    /// Where the file has the topic that devices know and Intune another one, that Intune's is the
    /// later certificate is no reason of its own: it stands and falls with the topic.
    fn stands_with_topic(&self, reason: Reason) -> Option<Hold> {
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

    /// Intune has another credential than the file, and not an older one.
    fn age(&self, live: LiveToken<'_>) -> Option<Hold> {
        let kind = self.kind();
        let confirmed = self.proof();
        let stated = match kind {
            Kind::Push | Kind::Vpp => self.token.facts.expires,
            // The file does not tell; what was seen when Intune had it does.
            Kind::Enrollment => confirmed.and_then(|record| record.after.as_ref()?.expires),
        };
        let latest = match kind {
            Kind::Push | Kind::Vpp => None,
            Kind::Enrollment => self.token.downloaded.map(enrollment::expires_by),
        };
        let outlives = |stated| live.expires().is_some_and(|live| live > stated);
        let later = stated.is_some_and(outlives) || latest.is_some_and(outlives);
        if confirmed.is_some() {
            return Some(if later {
                self.renewed_outside(live, stated)
            } else {
                self.changed_outside(live)
            });
        }
        if kind == Kind::Enrollment {
            return self.enrollment_age(live.expires());
        }
        let stated = stated.filter(|_| later)?;
        Some(Hold::firm(
            Reason::OlderThanLive,
            format!(
                "The file in Git expires on {stated}, but the {} in Intune later ({}). Uploading it would shorten the tenant's time. Seal the newest download",
                noun(kind),
                live.described()
            ),
        ))
    }

    fn renewed_outside(&self, live: LiveToken<'_>, stated: Option<Timestamp>) -> Hold {
        if let Some(hold) = self.stands_with_topic(Reason::RenewedOutsideGit) {
            return hold;
        }
        let ends =
            stated.map_or_else(String::new, |at| format!("; the file in Git expires on {at}"));
        let applied = self.past.last_confirmed(self.of).filter(|last| {
            last.sha256() != Some(self.sha256)
                && last.after.as_ref().is_some_and(|after| after.expires == live.expires())
        });
        Hold::firm(
            Reason::RenewedOutsideGit,
            match applied {
                Some(last) => format!(
                    "Git went back to an older file. A newer one was uploaded and confirmed on {} ({}){ends}. Undo the revert, or seal a newer renewal",
                    last.at,
                    live.described()
                ),
                None => format!(
                    "The credential was renewed in the portal: {}{ends}. Take it over with `applecart import --update {}`, or seal a newer renewal",
                    live.described(),
                    self.tenant.name
                ),
            },
        )
    }

    fn changed_outside(&self, live: LiveToken<'_>) -> Hold {
        if let Some(hold) = self.stands_with_topic(Reason::ChangedOutsideGit) {
            return hold;
        }
        Hold::releasable(
            Reason::ChangedOutsideGit,
            self.change(),
            format!(
                "The credential was changed outside Git: {}. Find out who did it. Then take it over with `applecart import --update {}`, or release this upload with an `allow` line",
                live.described(),
                self.tenant.name
            ),
        )
    }

    /// An enrollment file tells its age only by when it was downloaded, and Intune only when its
    /// token expires: of two downloads of one day nothing but the ledger tells which came first.
    fn enrollment_age(&self, live: Option<Timestamp>) -> Option<Hold> {
        if let Some(hold) = live.and_then(|live| self.may_be_there(live)) {
            return Some(hold);
        }
        let Some(downloaded) = self.token.downloaded else {
            return Some(Hold::releasable(
                Reason::AgeUnknown,
                self.change(),
                "Nothing says when this token was downloaded, so it is unknown whether the one in Intune is newer. Add `downloaded` to the entry (Apple's file name has the time: …_Token_2026-11-20T10-11-12Z_smime.p7m; `seal` and `renew` take `--downloaded TIME`), or release this upload with an `allow` line",
            ));
        };
        let live = live?;
        if enrollment::expires_by(downloaded) < live {
            return Some(Hold::firm(
                Reason::OlderThanLive,
                format!(
                    "The file in Git was downloaded on {downloaded} and expires a year later; the token in Intune expires on {live}, so it was downloaded later. Apple ended the older one with that download. Seal the newest download"
                ),
            ));
        }
        let in_intune = self.downloads_in_intune(live);
        if !enrollment::may_expire(downloaded, live)
            || in_intune.iter().any(|earlier| *earlier < downloaded)
        {
            return None;
        }
        Some(Hold::releasable(
            Reason::AgeUnknown,
            self.change(),
            self.of_one_day(downloaded, live, in_intune.last().copied()),
        ))
    }

    /// Intune accepted this very file, and shows an expiry since that does not fit its `downloaded`.
    /// Either that is wrong, and Intune has the file, or somebody uploaded another one of an earlier
    /// download. Sent once more, the file tells which: over itself it changes nothing.
    fn may_be_there(&self, live: Timestamp) -> Option<Hold> {
        let downloaded = self.token.downloaded?;
        if enrollment::may_expire(downloaded, live) {
            return None;
        }
        let sent = self.past.every_sending(self.of, self.sha256);
        let mut accepted = sent.iter().rev().filter_map(|sending| {
            let has_moved = sending.before().and_then(|before| before.expires) != Some(live);
            Some((sending.applied?.at, has_moved))
        });
        let (newest, has_moved) = accepted.next()?;
        let (at, _) = match has_moved {
            true => (newest, has_moved),
            false => accepted.find(|(_, has_moved)| *has_moved)?,
        };
        // What Intune had before it was sent is the latest that its own download can be.
        let real = enrollment::downloaded_for(live).min(at);
        if !enrollment::may_expire(real, live) {
            return None;
        }
        let correct = format!(
            "correct the entry to `downloaded: {real}`, and the next `applecart apply` records that Intune has it. Nothing is uploaded"
        );
        if !has_moved {
            let detail = format!(
                "Intune accepted this file on {at} and again on {newest}, and its token expires on {live} after both: it has this very file, and {downloaded} is not when it was downloaded. So {correct}, and nothing has to be downloaded."
            );
            return Some(Hold::firm(Reason::AgeUnknown, detail));
        }
        Some(Hold::releasable(
            Reason::AgeUnknown,
            self.change(),
            format!(
                "Intune accepted this file on {at}. Its token now expires on {live}, which does not fit a download on {downloaded}. If that date is wrong (the file was renamed, a day was mistyped), Intune has this very file: {correct}. If it is right, somebody uploaded another file: find out who. Do not download another one before that is known, because it would end the one in use. Only if the other file is an older one, have this line on its entry reviewed, which uploads this one once more: {}",
                self.change().line(Reason::AgeUnknown, "it is the newest download", self.today())
            ),
        ))
    }

    /// When the files were downloaded that runs sent and then saw in Intune with this very expiry.
    /// A confirmation that was only inferred may be of another file, which was uploaded in the
    /// portal at that time.
    fn downloads_in_intune(&self, expires: Timestamp) -> Vec<Timestamp> {
        let has_expiry =
            |record: &Record| record.after.as_ref().is_some_and(|it| it.expires == Some(expires));
        self.past
            .of(self.of)
            .filter(|record| record.event() == Event::Confirmed && record.evidence().is_none())
            .filter(|record| has_expiry(record))
            .filter_map(|record| record.file()?.downloaded)
            .collect()
    }

    fn of_one_day(
        &self,
        downloaded: Timestamp,
        live: Timestamp,
        in_intune: Option<Timestamp>,
    ) -> String {
        let (known, other) = match in_intune {
            Some(other) => (
                format!("Intune has the file that was downloaded on {other}, which is no earlier"),
                "that one",
            ),
            None => (
                format!(
                    "The token in Intune expires on {live}, so it was downloaded within a day of that, and nothing proves which of the two is newer"
                ),
                "this very file (uploaded in the portal), or a newer one",
            ),
        };
        format!(
            "The file in Git was downloaded on {downloaded}. {known}. Apple ends the older token with each download, and uploading that one stops device sync. If Intune has {other}, take it over with `applecart import --update {}`. If the file in Git is the newest download, device sync is down until it is uploaded: have this line on its entry reviewed: {}",
            self.tenant.name,
            self.change().line(Reason::AgeUnknown, "it is the newest download", self.today())
        )
    }

    /// A download of the future tells nothing of a file's age, and no expiry in Intune would ever fit
    /// it.
    fn to_come(self) -> Option<Hold> {
        let downloaded = self.token.downloaded?;
        enrollment::is_to_come(downloaded, self.now).then(|| {
            Hold::firm(
                Reason::NotYetValid,
                format!(
                    "The tenant file says that this token was downloaded on {downloaded}, which is in the future. Correct `downloaded` on the entry: Apple's file name has the time, and the file in Git stays as it is. Do not download another one, which would end this one"
                ),
            )
        })
    }

    /// What expired is never uploaded.
    pub fn expired(&self) -> Option<Hold> {
        let kind = self.kind();
        let detail = match kind {
            Kind::Push | Kind::Vpp => {
                let ended = self.token.facts.expires.filter(|expires| *expires <= self.now)?;
                format!("The {} in Git expired on {ended}", noun(kind))
            }
            Kind::Enrollment => {
                let downloaded = self.token.downloaded?;
                let ended = enrollment::expires_by(downloaded);
                if ended > self.now {
                    return None;
                }
                format!("The token in Git was downloaded on {downloaded} and expired a year later")
            }
        };
        Some(Hold::firm(
            Reason::Expired,
            format!(
                "{detail}. Expired {}s are never uploaded. {} and seal the new file",
                noun(kind),
                renew_at_apple(kind)
            ),
        ))
    }

    /// Intune takes the Apple Account with every certificate, every enrollment token and every new
    /// VPP token, and refuses a blank one; a VPP renewal names none. Without this hold the plan
    /// would promise an upload that `apply` cannot make.
    fn apple_id(&self) -> Option<Hold> {
        let is_known = |id: Option<&str>| id.is_some_and(|id| !id.trim().is_empty());
        let is_renewed_vpp = self.kind() == Kind::Vpp && self.live.is_some();
        if is_renewed_vpp
            || is_known(self.token.facts.apple_id.as_deref())
            || is_known(self.live.and_then(LiveToken::apple_id))
        {
            return None;
        }
        Some(Hold::firm(
            Reason::AppleIdMissing,
            format!(
                "Neither the tenant file nor Intune says with which Apple Account this {} was made, and Intune takes no upload without. Add `appleId` to the entry; `seal` and `renew` write it with `--apple-id ACCOUNT`",
                noun(self.kind())
            ),
        ))
    }

    /// Compares by value. A bare or unreadable key in Intune, or none stated in Git, proves nothing
    /// either way: that is a warning, and `apply` compares the opened file.
    pub fn recipient(&self) -> Recipient {
        let Some(LiveToken::Enrollment(live)) = self.live else { return Recipient::Fits };
        let key = live.encryption_public_key.as_deref().and_then(apple::key_identity);
        let (Some(stated), Some((issuer, serial))) = (&self.token.recipient, key) else {
            return Recipient::Unverifiable;
        };
        if stated.issuer == issuer && stated.serial == serial {
            return Recipient::Fits;
        }
        let server =
            self.token.server.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        Recipient::Other(format!(
            "The file is encrypted to {} number {}, but Intune's key is {issuer} number {serial}: Intune could not open it. Upload Intune's current public key (`applecart renew {} --public-key` saves it) to the MDM server{server} in Apple Business or Apple School Manager, then download the token again",
            stated.issuer,
            stated.serial,
            self.of.spec(&self.tenant.name),
        ))
    }

    fn organization(&self, live: &LiveVpp) -> Option<Hold> {
        let (ours, theirs) = (self.token.facts.organization.as_ref()?, live.organization.as_ref()?);
        (ours.trim() != theirs.trim()).then(|| {
            Hold::releasable(
                Reason::OrganizationDiffers,
                Change::of(theirs, ours, self.sha256),
                format!(
                    "The token is of the organisation {ours:?}, the one in Intune of {theirs:?}: another customer's licences would be used. Seal this customer's token; if Apple knows the organisation by a new name, release it with an `allow` line"
                ),
            )
        })
    }

    fn location(&self, live: &LiveVpp) -> Option<Hold> {
        let (ours, theirs) = (self.location_meant()?, live.location.as_deref()?);
        (ours != theirs).then(|| {
            let change = Change::of(&theirs, &ours, self.sha256);
            let line = change.line(Reason::WrongLocation, "WHY", self.today());
            if self.token.facts.location.is_none() {
                let detail = format!(
                    "A file of {theirs:?} was uploaded over this token, which was of {ours:?}, and the tenant file names no location. If Apple renamed the location, no licence is lost: write `location: {theirs}` on the entry. Else seal a newly downloaded token of {ours:?}, and have this line on the entry reviewed with it: {line}"
                );
                return Hold::releasable(Reason::WrongLocation, change, detail);
            }
            let detail = format!(
                "The tenant file names the location {ours:?}, but this token in Intune is of {theirs:?}. If Apple renamed the location, no licence is lost: write {theirs:?} into `location`, which `applecart import --update {}` does. If the entry means another token, correct `id`: this upload would take apps and licences away from {theirs:?}. If {theirs:?} got there by a wrong upload, or the move is meant, have this line on the entry reviewed: {line}",
                self.tenant.name
            );
            Hold::releasable(Reason::WrongLocation, change, detail)
        })
    }

    /// This very file was in Intune in another slot of the tenant: London's file in Paris's entry.
    /// The file itself does not name its location, only the ledger remembers it.
    fn filed_wrongly(&self, live: &LiveVpp) -> Option<Hold> {
        let record = self.past.records.iter().rev().find(|record| {
            record.is_proof()
                && record.sha256() == Some(self.sha256)
                && record.token.kind == Kind::Vpp
                && !record.token.same_token(self.of)
        })?;
        let theirs = record.after.as_ref().and_then(|after| after.location.as_ref())?;
        let ours = self.location_meant().or(live.location.as_deref())?;
        (theirs != ours).then(|| {
            Hold::releasable(
                Reason::WrongLocation,
                Change::of(&ours, theirs, self.sha256),
                format!(
                    "Intune had this file as the token of {theirs:?} on {}; here it would turn {ours:?} into {theirs:?}. Seal the file of {ours:?}",
                    record.at
                ),
            )
        })
    }
}

/// Whether Intune can open an enrollment file, as far as the tenant file and Intune's key tell.
pub enum Recipient {
    /// It is encrypted to Intune's key, or it is no enrollment file.
    Fits,
    /// It is encrypted to another key.
    Other(String),
    /// It is unknown before the file is opened.
    Unverifiable,
}

/// Why an opened file is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    pub code: &'static str,
    pub detail: String,
}

impl Objection {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl std::fmt::Display for Objection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// The entry as it would state the opened file.
#[must_use]
pub fn entry_with(
    entry: &Token,
    facts: &FileFacts,
    sha256: Sha256,
    apple_id: Option<&str>,
) -> Token {
    let mut entry = entry.clone();
    let stated = &mut entry.facts;
    stated.topic = facts.topic.clone().or(stated.topic.take());
    stated.serial = facts.serial.clone().or(stated.serial.take());
    stated.organization = facts.organization.clone().or(stated.organization.take());
    stated.apple_id = apple_id.map(str::to_owned).or(stated.apple_id.take());
    if entry.token.kind != Kind::Enrollment {
        stated.expires = facts.expires.or(stated.expires);
    }
    entry.downloaded = facts.downloaded;
    // Whether Intune can open it is a finding of the opened file, which may name several.
    entry.recipient = None;
    entry.file = Some(TokenFile { name: String::new(), sha256, blob: String::new(), shown: None });
    entry
}

/// Whether the finding is released by a reviewed `allow` line: what only the opened file shows,
/// and no hold of a plan tells.
pub fn is_released(finding: &Finding, case: &Case<'_>) -> bool {
    let hold = match finding.code {
        FindingCode::ForeignRequest => Reason::ForeignRequest,
        FindingCode::KeyMismatch => Reason::KeyMismatch,
        _ => return false,
    };
    allow::releases(&case.token.allow, hold, &case.change(), case.today())
}

/// What speaks against an opened file. `case` has the entry as it would be ([`entry_with`]).
pub fn opened(case: &Case<'_>, findings: &[Finding]) -> Vec<Objection> {
    let mut holds = case.against_place();
    if !case.is_same() {
        holds.extend(case.against_file());
    }
    let (released, standing): (Vec<Hold>, Vec<Hold>) =
        holds.into_iter().partition(|hold| hold.is_released(&case.token.allow, case.today()));
    let is_hold =
        |holds: &[Hold], code: &str| holds.iter().any(|hold| hold.reason.as_str() == code);
    let mut all: Vec<Objection> = findings
        .iter()
        .filter(|finding| finding.refuses())
        .filter(|finding| !is_hold(&released, finding.code.as_str()))
        .filter(|finding| !is_released(finding, case))
        .map(|finding| Objection::new(finding.code.as_str(), finding.message.clone()))
        .collect();
    for hold in standing {
        if !all.iter().any(|told| told.code == hold.reason.as_str()) {
            let near_miss = hold.near_miss(&case.token.allow, case.today());
            let detail = match near_miss {
                Some(near_miss) => format!("{}; {near_miss}", hold.detail),
                None => hold.detail,
            };
            all.push(Objection::new(hold.reason.as_str(), detail));
        }
    }
    all
}

/// What speaks against an opened file by what the entry said so far.
pub fn against_entry(
    entry: &Token,
    facts: &FileFacts,
    sha256: Sha256,
    today: NaiveDate,
) -> Vec<Objection> {
    let mut all = Vec::new();
    let releases = |hold, from: &dyn ToString, to: &dyn ToString| {
        let change = Change::of(&from.to_string(), &to.to_string(), sha256);
        allow::releases(&entry.allow, hold, &change, today)
    };
    let mut add = |reason: Reason, detail: String| {
        all.push(Objection::new(reason.as_str(), detail));
    };
    if let (Some(stated), Some(found)) = (&entry.facts.topic, &facts.topic)
        && stated != found
        && !releases(Reason::TopicChange, stated, found)
    {
        add(
            Reason::TopicChange,
            format!(
                "the certificate's topic is {found}, but the tenant file says {stated}: every device enrolled under that topic would be cut off. At Apple's push portal press Renew on the old certificate, not Create"
            ),
        );
    }
    if let (Some(stated), Some(found)) = (&entry.facts.organization, &facts.organization)
        && stated.trim() != found.trim()
        && !releases(Reason::OrganizationDiffers, stated, found)
    {
        add(
            Reason::OrganizationDiffers,
            format!(
                "the token is for {found:?}, but the tenant file says {stated:?}: another customer's licences would be used. Download this customer's token, or correct `organization` in the tenant file if the customer was renamed"
            ),
        );
    }
    if let (Some(stated), Some(found)) = (&entry.recipient, &facts.recipient)
        && (found.issuer.as_ref() != Some(&stated.issuer)
            || found.serial.as_ref() != Some(&stated.serial))
    {
        add(Reason::RecipientMismatch, "the token is encrypted to another key than the tenant file's `recipient`, so Intune could not open it. Upload Intune's current public key to the MDM server in Apple Business or Apple School Manager and download the token again; if Intune's key is a new one, remove `recipient` from the tenant file".to_owned());
    }
    if let (Some(stated), Some(found)) = (entry.facts.expires, facts.expires)
        && found < stated
        && entry.token.kind != Kind::Enrollment
    {
        add(
            Reason::OlderThanLive,
            format!(
                "it expires on {found}, the one in the tenant file on {stated}. Look for a newer download; if the tenant file is wrong, correct `expires`"
            ),
        );
    }
    if let (Some(stated), Some(found)) = (entry.downloaded, facts.downloaded)
        && found < stated
    {
        add(
            Reason::OlderThanLive,
            format!(
                "it was downloaded on {found}, the one in the tenant file on {stated}, which ended it at Apple. Look for the newer download"
            ),
        );
    }
    all
}
