//! The questions that are asked of one tenant's records.

use std::collections::BTreeSet;

use super::super::line::encode;
use super::super::origin::{Origin, Provenance};
use super::super::sending::{self, Sending};
use super::TenantLedger;
use crate::model::{
    Event, Facts, FailureCode, FileRef, Kind, LocationId, Record, Sha256, TenantName, Timestamp,
    TokenRef,
};

impl TenantLedger {
    /// The tenant's name in its newest record.
    pub fn name(&self) -> Option<&TenantName> {
        self.records.last().map(|record| &record.name)
    }

    /// The place in the ledger's own chain of the newest line that was read. Notes are counted in a
    /// chain of their own, so their places say nothing here.
    pub fn last_seq(&self) -> u64 {
        let own = self.records.iter().filter(|record| !record.event().is_note());
        own.map(|record| record.seq).max().unwrap_or_default()
    }

    /// Every record of a token, oldest first.
    pub fn of<'a>(&'a self, token: &'a TokenRef) -> impl DoubleEndedIterator<Item = &'a Record> {
        self.records.iter().filter(|record| record.is_of(token))
    }

    /// The newest line that says that Intune has this file: `confirmed`, or `verified`.
    pub fn proof<'a>(&'a self, token: &'a TokenRef, sha256: Sha256) -> Option<&'a Record> {
        self.of(token).rfind(|record| record.is_proof() && record.sha256() == Some(sha256))
    }

    /// Whether a run opened these sealed bytes and found the file in them, as far as lines name
    /// bytes: those of older versions name none and stand for all.
    ///
    /// Encrypting a file again gives it other bytes under the same SHA-256, which only whoever wrote
    /// the tenant file vouches for until a run opens them.
    pub fn has_opened(&self, token: &TokenRef, file: FileRef) -> bool {
        let opens = |record: &&Record| {
            matches!(
                record.event(),
                Event::Intended | Event::Applied | Event::Confirmed | Event::Verified
            )
        };
        let files = self.of(token).filter(opens).filter_map(|record| record.file());
        let mut named = files
            .filter(|known| known.sha256 == file.sha256)
            .filter_map(|known| known.blob)
            .peekable();
        named.peek().is_none() || named.any(|blob| Some(blob) == file.blob)
    }

    /// The newest line that tells which file Intune had. One that landed in another location was
    /// there as well.
    pub fn last_known_file<'a>(&'a self, token: &'a TokenRef) -> Option<&'a Record> {
        self.of(token).rfind(|record| record.is_proof() || landed_elsewhere(record))
    }

    /// The location at Apple of the newest file of the token that Intune is proved to have had.
    pub fn location_id<'a>(&'a self, token: &'a TokenRef) -> Option<&'a LocationId> {
        self.of(token)
            .rev()
            .filter(|record| record.is_proof())
            .find_map(|record| record.location_id.as_ref())
    }

    /// The location at Apple that the entry named first in the base's history.
    pub fn first_location(&self, token: &TokenRef) -> Option<&LocationId> {
        let mut firsts = self.first_locations.iter();
        firsts.find(|(of, _)| of.same_token(token)).map(|(_, location)| location)
    }

    /// Every line about this file, whichever token it was brought for, oldest first.
    pub fn of_file(&self, sha256: Sha256) -> impl DoubleEndedIterator<Item = &Record> {
        let is_of_file = move |record: &&Record| record.sha256() == Some(sha256);
        self.records.iter().filter(is_of_file).filter(|record| !record.event().is_note())
    }

    /// Whether a run asked Apple about this very file, and it is of this location.
    pub fn is_of_location(&self, token: &TokenRef, sha256: Sha256, location: &LocationId) -> bool {
        self.location_of(token, sha256) == Some(location)
    }

    /// The location that this very file is of, where a run asked Apple about it.
    pub fn location_of<'a>(
        &'a self,
        token: &'a TokenRef,
        sha256: Sha256,
    ) -> Option<&'a LocationId> {
        self.life(token, sha256).rev().find_map(|record| record.location_id.as_ref())
    }

    /// The facts that Intune was last read to have: what a run recorded, or had before it when it
    /// announced a write.
    pub fn last_read<'a>(&'a self, token: &'a TokenRef) -> Option<&'a Facts> {
        self.of(token).rev().find_map(|record| match record.event() {
            Event::Intended => record.before.as_ref(),
            _ if record.is_reading() => record.after.as_ref(),
            _ => None,
        })
    }

    /// The first line that says that Intune was read to have a token that expires then.
    pub fn first_read_until<'a>(
        &'a self,
        token: &'a TokenRef,
        expires: Timestamp,
    ) -> Option<&'a Record> {
        self.of(token).find(|record| {
            let is_reading = record.is_reading()
                || matches!(
                    record.event(),
                    Event::NotLanded | Event::NotShown | Event::OutcomeUnknown
                );
            is_reading && record.after.as_ref().is_some_and(|facts| facts.expires == Some(expires))
        })
    }

    /// The newest confirmation of the token, of whatever digest.
    pub fn last_confirmed<'a>(&'a self, token: &'a TokenRef) -> Option<&'a Record> {
        self.of(token).rfind(|record| record.event() == Event::Confirmed)
    }

    /// The definite failure of this digest that no later sending or reading undid, so that it must
    /// not be tried again.
    ///
    /// A run that intended before the failure and stood back after it (`not-sent`, `not-landed`)
    /// does not undo the failure.
    pub fn definite_failure<'a>(
        &'a self,
        token: &'a TokenRef,
        sha256: Sha256,
    ) -> Option<&'a Record> {
        let undoes = |record: &&Record| {
            matches!(
                record.event(),
                Event::Intended | Event::Applied | Event::Confirmed | Event::Verified
            )
        };
        self.life(token, sha256)
            .rev()
            .take_while(|record| !undoes(record))
            .find(|record| is_definite(record))
    }

    /// The failures in a row of this digest that its newest lines tell and that are tried again,
    /// newest first: neither a refusal for good nor a run that stood back.
    pub fn failures_in_a_row<'a>(
        &'a self,
        token: &'a TokenRef,
        sha256: Sha256,
    ) -> impl Iterator<Item = &'a Record> {
        let stood_back = |record: &Record| {
            let was_not_sent = |code| matches!(code, FailureCode::NotSent | FailureCode::Refused);
            record.event() == Event::Intended
                || record.cause().is_some_and(|cause| was_not_sent(cause.code))
        };
        let is_tried_again = |record: &&Record| {
            record.event() == Event::NotLanded
                || (record.event() == Event::Failed && !is_definite(record))
        };
        self.life(token, sha256)
            .rev()
            .filter(move |record| !stood_back(record))
            .take_while(is_tried_again)
    }

    /// The newest download at Apple that was recorded of an enrollment token, and when it was made.
    pub fn downloaded<'a>(&'a self, token: &'a TokenRef) -> Option<(&'a Record, Timestamp)> {
        let downloads = self.of(token).filter(|record| record.event() == Event::Downloaded);
        let dated = downloads.filter_map(|record| Some((record, record.file()?.downloaded?)));
        dated.max_by_key(|(_, at)| *at)
    }

    /// The newest line of this digest, where it says that a run opened the file and refused it.
    pub fn refused<'a>(&'a self, token: &'a TokenRef, sha256: Sha256) -> Option<&'a Record> {
        let newest = self.life(token, sha256).next_back()?;
        newest.cause().is_some_and(|cause| cause.code == FailureCode::Refused).then_some(newest)
    }

    /// How often in a row Intune accepted this digest and did not show it after the settling time.
    pub fn not_shown(&self, token: &TokenRef, sha256: Sha256) -> usize {
        self.life(token, sha256)
            .rev()
            .take_while(|record| !matches!(record.event(), Event::Confirmed | Event::Verified))
            .filter(|record| record.event() == Event::NotShown)
            .count()
    }

    /// The token's sendings that nothing has finished, oldest first; see
    /// [`Sending`] for what finishes one.
    pub fn unfinished(&self, token: &TokenRef) -> Vec<Sending<'_>> {
        let mut open = self.all_unfinished();
        open.retain(|sending| sending.token.same_token(token));
        open
    }

    /// The sendings of all tokens, oldest first.
    pub fn sendings(&self) -> Vec<Sending<'_>> {
        sending::all(&self.records)
    }

    /// The unfinished sendings of all tokens, oldest first.
    pub fn all_unfinished(&self) -> Vec<Sending<'_>> {
        sending::open(&self.records)
    }

    /// Every sending of this digest, also those that a later line finished, oldest first.
    pub fn every_sending(&self, token: &TokenRef, sha256: Sha256) -> Vec<Sending<'_>> {
        let mut all = sending::all(&self.records);
        all.retain(|sending| sending.sha256 == sha256 && sending.token.same_token(token));
        all
    }

    /// The token's newest announcements in a row of which no run recorded an outcome, oldest first.
    /// Runs that are killed leave such, and so does who forges them: while one is fresh, every other
    /// run waits for it.
    pub fn without_outcome(&self, token: &TokenRef) -> Vec<Sending<'_>> {
        let of_token = |sending: &Sending<'_>| sending.token.same_token(token);
        let newest_first = sending::all(&self.records).into_iter().rev().filter(of_token);
        let mut row: Vec<_> = newest_first.take_while(Sending::has_no_outcome).collect();
        row.reverse();
        row
    }

    /// The other run whose sending of this token comes first: an unfinished sending that may still
    /// be writing and that was opened in the chain before the newest sending of `run`. `as_another`
    /// tells which sendings of another name are about the same token.
    ///
    /// Asked after the run's own intents have landed. Both runs read the same chain, so both give
    /// the same answer, and only one goes on.
    pub fn holder(
        &self,
        token: &TokenRef,
        run: &str,
        now: Timestamp,
        dead: &BTreeSet<String>,
        as_another: impl Fn(&Sending<'_>) -> bool,
    ) -> Option<Sending<'_>> {
        let open = self.all_unfinished();
        let is_of_token = |sending: &Sending<'_>| sending.token.same_token(token);
        let own = open
            .iter()
            .filter(|sending| sending.run() == run && is_of_token(sending))
            .map(|sending| sending.opened.seq)
            .max()
            .unwrap_or(u64::MAX);
        open.into_iter().find(|sending| {
            sending.run() != run
                && sending.opened.seq < own
                && sending.is_leased(now, dead)
                && (is_of_token(sending) || as_another(sending))
        })
    }

    /// The newest facts that Intune accepted or showed, and when.
    pub fn last_live_facts<'a>(&'a self, token: &'a TokenRef) -> Option<(&'a Facts, Timestamp)> {
        self.of(token).rev().find_map(|record| {
            let facts = record.after.as_ref()?;
            let live = record.is_reading()
                || matches!(
                    record.event(),
                    Event::Applied | Event::NotLanded | Event::NotShown | Event::OutcomeUnknown
                );
            live.then_some((facts, record.at))
        })
    }

    /// The request of the open renewal: of those that name the newest key, the one that was recorded
    /// first. `live` is what Intune has now, where that is known.
    ///
    /// A renewal ends when Intune is read to have another certificate than when it was opened, which a run
    /// sent or somebody uploaded by hand: the next renewal needs a request of its own. An `applied` alone
    /// ends nothing, for no read has shown it yet.
    pub fn renewal_opened<'a>(
        &'a self,
        token: &'a TokenRef,
        live: Option<&Facts>,
    ) -> Option<&'a Record> {
        let key = |record: &Record| record.request().map(|(_, key)| key);
        let opened = self.opened(token, live);
        let newest = key(opened.last()?);
        opened.into_iter().find(|record| key(record) == newest)
    }

    /// The open requests of a renewal that name different keys, oldest first. Intune has the private
    /// key of one of them, and anybody who may write notes can record another.
    pub fn requests_open<'a>(
        &'a self,
        token: &'a TokenRef,
        live: Option<&Facts>,
    ) -> Vec<&'a Record> {
        let key = |record: &Record| record.request().map(|(_, key)| key);
        let mut open: Vec<&Record> = Vec::new();
        for record in self.opened(token, live) {
            if !open.iter().any(|known| key(known) == key(record)) {
                open.push(record);
            }
        }
        open
    }

    /// The requests of a renewal that nothing has ended, in the order in which they were recorded.
    /// Each is judged by itself, so that no further line ends what another one opened.
    ///
    /// Only a certificate ends one: Intune was read since to have another than the one that the request
    /// was to renew. When a run wrote that down says nothing, for it may have changed before the request
    /// was read; and that Intune lost its certificate answers no request.
    pub fn opened<'a>(&'a self, token: &'a TokenRef, live: Option<&Facts>) -> Vec<&'a Record> {
        let serial = |facts: Option<&Facts>| facts.and_then(|facts| facts.serial.clone());
        let before = |record: &Record| serial(record.before.as_ref());
        let is_answered = |record: &&Record| {
            before(record).zip(serial(live)).is_some_and(|(then, now)| then != now)
        };
        let (mut open, mut read_since): (Vec<&Record>, Vec<_>) = (Vec::new(), Vec::new());
        for record in self.of(token).rev() {
            if record.is_reading() {
                read_since.extend(serial(record.after.as_ref()));
            } else if record.request().is_some() {
                let then = before(record);
                if read_since.iter().all(|one| Some(one) == then.as_ref()) {
                    open.push(record);
                }
            }
        }
        open.reverse();
        // The request of a first certificate, when there was none to tell from, went before them.
        let went_on = open.iter().any(is_answered);
        open.retain(|record| !(is_answered(record) || went_on && before(record).is_none()));
        // What this clone has not pushed yet is the newest.
        open.sort_by_key(|record| {
            let place =
                self.provenance(record).and_then(|it| it.origin.as_ref()).map(Origin::place);
            (place.is_none(), place)
        });
        open
    }

    /// The newest request that was read of Intune while it had no certificate, and that nothing has
    /// answered since: after a loss, the only word on which private key Intune has.
    pub fn request_without_certificate<'a>(&'a self, token: &'a TokenRef) -> Option<&'a Record> {
        let had_none =
            |record: &&Record| record.before.as_ref().is_none_or(|facts| facts.serial.is_none());
        self.opened(token, None).into_iter().rfind(had_none)
    }

    /// Where a request comes from; `None` where nothing is in question about it.
    pub fn provenance(&self, record: &Record) -> Option<&Provenance> {
        if self.provenance.is_empty() {
            return None;
        }
        self.provenance.get(&Sha256::of(&encode(record).ok()?))
    }

    /// The location that a VPP token had before a file of another one landed in it, while no line
    /// since says that this is right. A tenant file need not name the location.
    pub fn lost_location<'a>(&'a self, token: &'a TokenRef) -> Option<&'a str> {
        let ends = |record: &Record| matches!(record.event(), Event::Confirmed | Event::Adopted);
        let since = self.of(token).rev().take_while(|record| !ends(record));
        let first = since.filter(|record| landed_elsewhere(record)).last()?;
        // What the failure's own line calls "before" may be what the wrong file had brought already.
        let opened = sending::all(&self.records)
            .into_iter()
            .find(|sending| sending.end.is_some_and(|end| end.seq == first.seq))
            .map_or(first, |sending| sending.opened);
        opened.before.as_ref()?.location.as_deref()
    }

    /// The newest upload, while no `acknowledged` of its digest follows it: the customer has not
    /// confirmed that devices work. `None` also where another credential took its place, and where
    /// it did not land where it was meant to: nobody confirms a failure.
    pub fn unacknowledged<'a>(&'a self, token: &'a TokenRef) -> Option<&'a Record> {
        let records: Vec<&Record> = self.of(token).filter(|record| !self.is_void(record)).collect();
        let is_upload = |record: &&Record| {
            record.sha256().is_some() && matches!(record.event(), Event::Applied | Event::Confirmed)
        };
        let last = records.iter().rev().find(|record| {
            is_upload(record)
                || landed_elsewhere(record)
                || matches!(record.event(), Event::ChangedOutsideGit | Event::Adopted)
        })?;
        let sha256 = Some(last).filter(|record| is_upload(record))?.sha256();
        // A sending that only a later read proved has no `applied`.
        let of = |event| {
            records.iter().rposition(|record| record.event() == event && record.sha256() == sha256)
        };
        let upload = of(Event::Applied).or_else(|| of(Event::Confirmed))?;
        let is_acknowledged = records
            .iter()
            .skip(upload)
            .any(|record| record.event() == Event::Acknowledged && record.sha256() == sha256);
        records.get(upload).copied().filter(|_| !is_acknowledged)
    }

    /// Whether the line tells of a sending of which a later line says that Intune does not have it,
    /// or of a file in another location that was found to be right since.
    fn is_void(&self, record: &Record) -> bool {
        let Some(sha256) = record.sha256() else { return false };
        let Some(token) = &record.token else { return false };
        let later = || self.life(token, sha256).filter(|later| later.seq > record.seq);
        match record.event() {
            Event::Applied => {
                later().take_while(|later| later.event() != Event::Intended).any(|later| {
                    let is_never_visible =
                        later.cause().is_some_and(|cause| cause.code == FailureCode::NeverVisible);
                    is_never_visible
                        || matches!(later.event(), Event::NotShown | Event::OutcomeUnknown)
                })
            }
            Event::Failed => later().any(|later| later.is_proof()),
            _ => false,
        }
    }

    /// The record of a change outside Git, while neither `confirmed` nor `adopted` follows it.
    pub fn changed_outside_git_recorded<'a>(&'a self, token: &'a TokenRef) -> Option<&'a Record> {
        self.last_settled(token).filter(|record| record.event() == Event::ChangedOutsideGit)
    }

    /// The newest confirmation of a file, while neither a change outside Git nor an adoption
    /// follows it.
    pub fn confirmed_still<'a>(&'a self, token: &'a TokenRef) -> Option<&'a Record> {
        self.last_settled(token).filter(|record| record.is_proof())
    }

    /// The newest line that says whose certificate or token Intune has: Git's or another one.
    fn last_settled<'a>(&'a self, token: &'a TokenRef) -> Option<&'a Record> {
        self.of(token).rfind(|record| is_settled(record))
    }

    /// The id that the ledger learnt last for a token of this kind and name.
    pub fn known_id(&self, kind: Kind, name: &str) -> Option<&str> {
        let tokens = self.records.iter().rev().filter_map(|record| record.token.as_ref());
        tokens
            .filter(|token| token.kind == kind && token.name.as_deref() == Some(name))
            .find_map(|token| token.id.as_deref())
    }

    /// What a run made in the place of the token that an entry names by an id, after the last line
    /// about that id; `None` where nothing was made, or Intune refused it.
    pub fn remade(&self, entry: &TokenRef) -> Option<Remade<'_>> {
        let gone = entry.id.as_deref()?;
        let is_gone =
            |token: &TokenRef| token.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(gone));
        let last = self.records.iter().rfind(|record| {
            let is_it = |token: &TokenRef| token.kind == entry.kind && is_gone(token);
            record.token.as_ref().is_some_and(is_it) && !record.event().is_note()
        })?;
        let made = sending::all(&self.records).into_iter().rfind(|sending| {
            sending.is_creation()
                && sending.token.kind == entry.kind
                && sending.token.name == entry.name
                && !is_gone(sending.token)
                && last.seq < sending.opened.seq
                && (sending.end.is_none() || sending.applied.is_some())
        })?;
        Some(match &made.token.id {
            Some(id) => Remade::As(id),
            None => Remade::Announced,
        })
    }

    /// Whether a run created this token, and a read showed it.
    pub fn was_created(&self, token: &TokenRef) -> bool {
        sending::all(&self.records).iter().any(|sending| {
            sending.is_creation()
                && sending.token.same_token(token)
                && sending.end.is_some_and(|end| end.is_proof())
        })
    }

    /// Whether Intune was ever read to have this token.
    pub fn was_seen(&self, token: &TokenRef) -> bool {
        self.of(token).any(|record| {
            record.is_reading()
                && record.after.as_ref().is_some_and(|facts| *facts != Facts::default())
        })
    }

    fn life<'a>(
        &'a self,
        token: &'a TokenRef,
        sha256: Sha256,
    ) -> impl DoubleEndedIterator<Item = &'a Record> {
        self.of(token)
            .filter(move |record| record.sha256() == Some(sha256) && !record.event().is_note())
    }
}

/// Whether it says whose certificate or token Intune has.
fn is_settled(record: &Record) -> bool {
    record.is_reading() && record.event() != Event::Observed
}

/// The token that a run made in the place of one that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remade<'a> {
    /// Announced; whether it was made, and its id, is not known.
    Announced,
    /// Made, with this id.
    As(&'a str),
}

/// Whether a reading showed the file in Intune.
pub(super) fn is_seen(record: &Record) -> bool {
    record.event() == Event::Confirmed || landed_elsewhere(record)
}

/// Whether a reading showed the file in another location than the one that was meant.
fn landed_elsewhere(record: &Record) -> bool {
    record.cause().is_some_and(|cause| cause.code == FailureCode::WrongLocation)
}

fn is_definite(record: &Record) -> bool {
    record.cause().is_some_and(|cause| cause.code.is_definite())
}
