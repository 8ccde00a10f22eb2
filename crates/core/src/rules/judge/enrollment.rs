//! Enrollment tokens: which of two downloads is the newer one, and whether Intune can open the file.

use super::Case;
use crate::apple::{self, enrollment};
use crate::model::{Event, LiveToken, Record, Timestamp};
use crate::rules::allow::Hold;
use crate::rules::codes::Reason;

impl Case<'_> {
    /// An enrollment file tells its age only by when it was downloaded, and Intune only when its
    /// token expires: of two downloads of one day nothing but the ledger tells which came first.
    pub(super) fn enrollment_age(&self, live: Option<Timestamp>) -> Option<Hold> {
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
    pub(super) fn to_come(self) -> Option<Hold> {
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
