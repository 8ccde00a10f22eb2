//! What speaks against a credential: its facts, stated by a tenant file or read from the opened
//! file, against what Intune has and what was recorded.
//!
//! `plan` judges what the tenant file states. `seal` and `renew` judge an opened file as the entry
//! would state it, so that they refuse what a plan would hold after the merge.

mod enrollment;
mod opened;
mod push;
mod vpp;

use chrono::NaiveDate;

use super::allow::{Change, Hold};
use super::at_apple;
use super::codes::Reason;
use super::locations::Slot;
use super::requests;
use super::subject::{CLOCK_TOLERANCE, noun, renew_at_apple};
use super::topics::KnownTopic;
use crate::apple::enrollment::expires_by;
use crate::fleet::{Tenant, Token};
use crate::ledger::{Sending, TenantLedger};
use crate::model::{Event, Facts, Kind, LiveToken, Record, Sha256, Timestamp, TokenRef};

pub use enrollment::Recipient;
pub use opened::{Objection, against_entry, entry_with, is_released, opened};

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
    /// Push: since when Apple's list of revoked certificates names this one, where it was asked.
    pub revoked: Option<Timestamp>,
    /// Whether Apple is asked about a VPP token before it is uploaded.
    pub asks_apple: bool,
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
        if self.is_explained(&sending) {
            return None;
        }
        let expires = |facts: Option<&Facts>| facts.and_then(|facts| facts.expires);
        let shown = expires(proof.after.as_ref());
        let has_moved = expires(sending.before()).is_some_and(|before| Some(before) != shown);
        let is_since =
            live.last_modified.is_some_and(|at| at.plus(CLOCK_TOLERANCE) >= sending.intended_at());
        (has_moved || is_since).then_some(proof)
    }

    /// Whether something else explains what Intune shows of an enrollment token, so that it proves
    /// nothing of this sending: Intune was read to have this very expiry before the sending was
    /// announced, and did not change the token since.
    ///
    /// Each download has an expiry of its own, so a sending that really landed shows another one.
    /// Whoever may push the ledger can write that a second file of a day was sent and seen, with
    /// whatever it says of the time before; the earlier reading is not theirs to write.
    pub fn is_explained(&self, sending: &Sending<'_>) -> bool {
        let Some(LiveToken::Enrollment(live)) = self.live else { return false };
        let first = live.expires.and_then(|expires| self.past.first_read_until(self.of, expires));
        let Some(first) = first.filter(|first| first.seq < sending.opened.seq) else {
            return false;
        };
        // What a run sent and saw came from its file; what was only seen may have been this one,
        // uploaded by hand, so that sending it changes no expiry.
        let since = match first.event() {
            Event::Confirmed if first.sha256() == Some(sending.sha256) => return false,
            Event::Confirmed => first.at.plus(CLOCK_TOLERANCE),
            _ => first.at,
        };
        live.last_modified.is_none_or(|modified| modified < since)
    }

    /// Whether the ledger says that this file was sent before Apple handed it out. Whoever may push
    /// the ledger could otherwise keep a new file waiting with lines of days ago.
    pub fn is_before_download(&self, sending: &Sending<'_>) -> bool {
        sending.sha256 == self.sha256
            && self
                .token
                .downloaded
                .is_some_and(|downloaded| sending.last_at().plus(CLOCK_TOLERANCE) < downloaded)
    }

    /// What the ledger says of this file and Intune's facts speak against: that Intune has it.
    pub fn disproved(&self) -> Option<&Record> {
        self.past.proof(self.of, self.sha256).filter(|_| self.proof().is_none())
    }

    /// Whether Intune has this very file, as far as the ledger knows.
    pub fn is_same(&self) -> bool {
        let known = self.past.last_known_file(self.of);
        let is_disproved = self.disproved().is_some()
            && known.is_some_and(|known| known.is_proof() && known.sha256() == Some(self.sha256));
        !is_disproved && self.live.is_some_and(|live| live.is_file(self.token, self.sha256, known))
    }

    /// The location that the token belongs to: the tenant file's or, where that names none, the one
    /// that it had before a file of another location was uploaded.
    pub fn location_meant(&self) -> Option<&str> {
        let stated = self.token.facts.location.as_deref();
        stated.or_else(|| self.past.lost_location(self.of))
    }

    /// The entry with what was recorded of its token.
    pub fn slot(&self) -> Slot<'_> {
        let Self { token, of, past, sha256, .. } = *self;
        Slot { token, of, past, sha256, today: self.today() }
    }

    /// Whether Apple tells, before the upload, that the file is of the location that the token is proved
    /// to be of: names decide nothing then.
    pub fn goes_by_id(&self) -> bool {
        self.asks_apple && self.slot().known().is_some_and(|known| known.is_proved)
    }

    /// The name that Intune has for the location, where only the name is another one than Git's.
    pub fn renamed_location(&self) -> Option<&str> {
        let Some(LiveToken::Vpp(live)) = self.live.filter(|_| self.goes_by_id()) else {
            return None;
        };
        let shown = live.location.as_deref()?;
        (self.token.facts.location.as_deref()? != shown).then_some(shown)
    }

    /// What the credential would do to the place that it goes to; holds a change of settings just
    /// as well.
    pub fn against_place(&self) -> Vec<Hold> {
        let Some(LiveToken::Vpp(live)) = self.live else { return Vec::new() };
        [self.organization(live), self.slot().edit(), self.location(live), self.filed_wrongly(live)]
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
        let revoked = self.revoked.map(at_apple::revoked);
        let of_file = [
            self.topic(),
            age,
            self.expired(),
            revoked,
            self.to_come(),
            self.apple_id(),
            recipient,
        ];
        let of_key = [self.vanished(), self.lost_key(), self.disputed_request()];
        let said = (self.kind() == Kind::Vpp && !self.asks_apple)
            .then(|| at_apple::said_before(&self.slot()));
        let said = said.into_iter().flatten();
        of_file.into_iter().chain(of_key).flatten().chain(said).collect()
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
            Kind::Enrollment => self.token.downloaded.map(expires_by),
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
                    "The credential was renewed in the portal: {}{ends}. Seal a newer renewal, or take it over: `applecart import --update {}`",
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
                let ended = expires_by(downloaded);
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
}
