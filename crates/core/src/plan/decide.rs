//! The decision table for a token with a file: first match wins. Rows are numbered as in the
//! table of docs/decisions.md; every row and every hold is a test in `decide/tests`.
//!
//! Rows 1 and 2 (could not be read, no file) are decided by the caller. What speaks against a
//! credential is in [`crate::rules::judge`], what else forbids a write in [`super::holds`], and
//! what releases it in [`crate::rules::allow`].

use super::holds::{self, Case, Moved};
use super::planned::{Closing, Note};
use super::settings::Settings;
use super::types::{Action, Reason, Sync, Warning};
use super::unfinished::{self, Closed};
use crate::apple::enrollment;
use crate::ledger::Sending;
use crate::model::{Event, Evidence, Facts, FailureCode, Kind, LiveToken, Record, Timestamp};
use crate::rules::allow::Hold;
use crate::rules::identity;
use crate::rules::judge::Recipient;
use crate::rules::requests;
use crate::rules::stated;
use crate::rules::subject::{Sent, Stage, noun, renew_at_apple};

/// What to do with a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    InSync,
    /// Intune has what Git states of the file, and no run has opened these sealed bytes and compared.
    Unverified,
    /// Upload the file, and these settings with it.
    Upload {
        settings: Settings,
    },
    /// Make a VPP token of the file.
    Create,
    /// Change settings in Intune; no file is uploaded.
    Configure {
        settings: Settings,
    },
    /// A write would be due but must not happen.
    Held {
        reasons: Reasons,
        /// The settings that the write would have carried.
        settings: Settings,
    },
    /// Sent and not yet visible, or another run may be sending.
    Progressing,
    /// The upload is due and failed before; the next try is not due yet.
    Waiting,
    /// Git has no file for it.
    Watched,
    /// Named in Git, proved absent in Intune.
    Missing,
    /// Intune has it, and Git has no entry.
    Unmanaged,
    /// Neither Git nor Intune has it.
    Unknown,
}

/// One reason or more, the most dangerous first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reasons {
    first: Reason,
    others: Vec<Reason>,
}

impl Reasons {
    fn of(mut reasons: impl Iterator<Item = Reason>) -> Option<Self> {
        Some(Self { first: reasons.next()?, others: reasons.collect() })
    }

    fn iter(&self) -> impl Iterator<Item = Reason> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

impl Decision {
    pub(super) fn sync(&self) -> Sync {
        match self {
            Self::InSync => Sync::InSync,
            Self::Unverified => Sync::Unverified,
            Self::Upload { .. } | Self::Create | Self::Configure { .. } | Self::Waiting => {
                Sync::OutOfSync
            }
            Self::Held { .. } => Sync::Held,
            Self::Progressing => Sync::Progressing,
            Self::Watched => Sync::Watched,
            Self::Missing => Sync::Missing,
            Self::Unmanaged => Sync::Unmanaged,
            Self::Unknown => Sync::Unobserved,
        }
    }

    pub(super) fn action(&self) -> Action {
        match self {
            Self::Unverified => Action::Verify,
            Self::Upload { .. } => Action::Upload,
            Self::Create => Action::Create,
            Self::Configure { .. } => Action::Configure,
            Self::Held { .. } => Action::Hold,
            Self::InSync
            | Self::Progressing
            | Self::Waiting
            | Self::Watched
            | Self::Missing
            | Self::Unmanaged
            | Self::Unknown => Action::None,
        }
    }

    pub(super) fn reasons(&self) -> Vec<Reason> {
        match self {
            Self::Held { reasons, .. } => reasons.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The settings that a write carries, or would carry.
    pub(super) fn into_settings(self) -> Settings {
        match self {
            Self::Upload { settings }
            | Self::Configure { settings }
            | Self::Held { settings, .. } => settings,
            _ => Settings::default(),
        }
    }
}

/// A decision with what a person and the ledger are told of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ruling {
    pub(super) decision: Decision,
    /// Holds that a reviewed `allow` line released.
    pub(super) allows: Vec<Reason>,
    pub(super) warnings: Vec<Warning>,
    pub(super) details: Vec<String>,
    pub(super) notes: Vec<Note>,
    pub(super) urgent: bool,
    /// When an upload that failed is tried again.
    pub(super) retry_after: Option<Timestamp>,
}

impl Ruling {
    pub(super) fn of(decision: Decision) -> Self {
        Self {
            decision,
            allows: Vec::new(),
            warnings: Vec::new(),
            details: Vec::new(),
            notes: Vec::new(),
            urgent: false,
            retry_after: None,
        }
    }

    fn holds(&self) -> bool {
        matches!(self.decision, Decision::Held { .. })
    }
}

impl Case<'_> {
    /// Whether Intune proves that this sending of the file in Git landed.
    fn is_shown(&self, sending: &Sending<'_>) -> bool {
        self.shows(sending, &self.one.token.facts, self.one.token.downloaded)
    }

    /// Whether Intune proves that this sending of a file with these facts landed.
    pub(super) fn shows(
        &self,
        sending: &Sending<'_>,
        stated: &Facts,
        downloaded: Option<Timestamp>,
    ) -> bool {
        let live = self.one.live.filter(|_| !self.one.is_explained(sending));
        live.is_some_and(|live| {
            live.shows(&Sent {
                stated,
                downloaded: downloaded.or(sending.downloaded()),
                before: sending.before(),
                from: sending.intended_at(),
                stage: match sending.applied {
                    // What was seen in its place may have been another file: it has to have moved
                    // in this sending's time.
                    Some(_) if is_outcome_unknown(sending) => {
                        Stage::Announced { until: sending.last_at(), read: sending.before() }
                    }
                    Some(_) => Stage::Accepted(sending.last_at()),
                    None => Stage::Announced {
                        until: sending.lease_until.unwrap_or_else(|| sending.last_at()),
                        read: self.one.past.last_read(self.one.of),
                    },
                },
                settle: self.policy.settle_of(self.one.kind()),
            })
        })
    }

    /// Whether a sending may still show: its run may yet write, or Intune has not settled.
    pub(super) fn is_pending(&self, sending: &Sending<'_>) -> bool {
        self.is_alive(sending)
            || self.one.now.since(sending.last_at()) < self.policy.settle_of(self.one.kind())
    }

    /// Why nobody knows that the file in Git holds what Intune has; `None` where a run has looked.
    ///
    /// An enrollment file that no run has uploaded is never taken for the one in Intune: only Intune
    /// can read it. Whether other sealed bytes hold the same file, its digest tells.
    fn doubt(&self) -> Option<String> {
        let noun = noun(self.one.kind());
        let file = self.one.token.file_ref()?;
        if !self.one.was_confirmed() && self.one.kind() != Kind::Enrollment {
            return Some(format!(
                "Intune has a {noun} with the facts that the tenant file states, and no run has opened the file in Git yet. `applecart apply` opens it and compares; nothing is uploaded"
            ));
        }
        (!self.one.past.has_opened(self.one.of, file)).then(|| format!(
            "Intune has this {noun}, but the sealed file in Git was replaced since a run opened it: it was encrypted again, or is another file under the same `sha256`. `applecart apply` opens it and compares; nothing is uploaded"
        ))
    }

    /// The newest confirmation of the file, where it was only inferred.
    fn inferred(&self) -> Option<&Record> {
        let is_of_file = |record: &&Record| {
            record.event() == Event::Confirmed && record.sha256() == Some(self.file.sha256)
        };
        let last = self.one.past.of(self.one.of).rev().find(is_of_file)?;
        last.evidence().map(|_| last)
    }

    /// Whether the run behind a sending may still write.
    fn is_alive(&self, sending: &Sending<'_>) -> bool {
        sending.is_leased(self.real_now, self.dead_runs)
    }
}

/// Rows 3 to 8 for a token with a file.
pub(super) fn decide(case: &Case<'_>) -> Ruling {
    if case.ambiguous {
        let mut all = vec![holds::ambiguous(case)];
        all.extend(holds::without_file(case));
        return judged(case, all, Decision::Unknown);
    }
    let (impossible, unfinished): (Vec<_>, Vec<_>) = case
        .one
        .past
        .unfinished(case.one.of)
        .into_iter()
        .partition(|sending| case.one.is_before_download(sending));

    // Row 3: a sending landed and its end was not recorded, or it showed later than its end says.
    let sent = case.one.past.every_sending(case.one.of, case.file.sha256);
    let is_proved = |sending: &&Sending<'_>| {
        !case.one.is_before_download(sending)
            && is_open_to_proof(case, sending)
            && case.is_shown(sending)
    };
    if let Some(shown) = sent.iter().find(is_proved) {
        return landed(case, shown);
    }

    // Row 4, and row 5's end: this very file was refused, or never showed. When Intune has it all
    // the same (it was uploaded by hand), no write would be due, so row 6 is the truth; but a file
    // that landed in another location is there, and wrong until Git names that location, also where
    // Git named none.
    let same = case.one.is_same();
    let closed = unfinished::closed(case, &unfinished);
    let rejected = rejected(case, &closed)
        .filter(|rejected| !same || (rejected.landed && holds::elsewhere(case, None).is_some()));
    if let Some(Rejected { hold, note, .. }) = &rejected
        && !hold.is_released(&case.one.token.allow, case.one.today())
    {
        let mut held = judged(case, vec![hold.clone()], Decision::Unknown);
        held.notes = notes(case, &closed, note.as_ref());
        mark_urgent(&mut held, case);
        return held;
    }
    let never_visible = rejected.as_ref().and_then(|rejected| rejected.note.clone());
    let rejected = rejected.map(|rejected| rejected.hold);
    let mut ruling = rows_5_to_8(case, &unfinished, &closed, same, rejected);
    if let Some(sending) = impossible.last() {
        ruling.warnings.push(Warning::RecordDisproved);
        ruling.details.push(format!(
            "Line {} of its ledger says that an upload of this file was announced on {}, before the file was downloaded: it binds nobody. No run writes such a line; find out who did. `applecart ledger show {}` prints the lines",
            sending.opened.seq,
            sending.intended_at(),
            case.one.tenant.name
        ));
    }
    ruling.notes.extend(notes(case, &closed, never_visible.as_ref()));
    mark_urgent(&mut ruling, case);
    ruling
}

fn is_outcome_unknown(sending: &Sending<'_>) -> bool {
    sending.end.is_some_and(|end| end.event() == Event::OutcomeUnknown)
}

/// Whether a reading may still prove a sending: nothing finished it, or a line that says that it did
/// not show, or that Graph refused it. Intune may take longer than the settling time, and a gateway may
/// refuse what was done behind it. What was seen after an accepted enrollment file was taken for
/// another one by its date alone, which a person may have put right.
fn is_open_to_proof(case: &Case<'_>, sending: &Sending<'_>) -> bool {
    let is_newer = case
        .one
        .past
        .proof(case.one.of, case.file.sha256)
        .is_none_or(|proof| proof.seq < sending.opened.seq);
    let is_open = sending.end.is_none_or(|end| match end.event() {
        Event::NotLanded | Event::NotShown => true,
        Event::OutcomeUnknown => case.one.kind() == Kind::Enrollment && sending.applied.is_some(),
        Event::Failed => end.cause().is_some_and(|cause| {
            matches!(cause.code, FailureCode::Rejected | FailureCode::NeverVisible)
        }),
        _ => false,
    });
    is_newer && is_open
}

/// Row 3. A VPP token that landed in another location than it was meant for is no success.
fn landed(case: &Case<'_>, sending: &Sending<'_>) -> Ruling {
    if let Some(detail) = holds::landed_elsewhere(case, sending) {
        let hold = Hold::releasable(Reason::Rejected, case.one.change(), detail);
        let mut ruling = judged(case, vec![hold], Decision::InSync);
        ruling.notes.push(Note::WrongLocation);
        return ruling;
    }
    let mut ruling = Ruling::of(Decision::InSync);
    ruling.warnings.push(Warning::UnrecordedUpload);
    let evidence = sending.applied.is_none().then_some(Evidence::Inferred);
    if evidence.is_some() {
        warn_inferred(&mut ruling, sending.intended_at());
    }
    ruling.notes.push(Note::Confirmed(evidence));
    ruling
}

struct Rejected {
    hold: Hold,
    note: Option<Note>,
    /// Intune has it, where it must not be.
    landed: bool,
}

/// What the ledger learns of the unfinished uploads. The one that makes a file `never-visible`
/// finishes them all by itself.
fn notes(case: &Case<'_>, closed: &[Closed<'_>], never_visible: Option<&Note>) -> Vec<Note> {
    let of_file = |one: &&Closed<'_>| one.sending.sha256 == case.file.sha256;
    let mut notes: Vec<Note> = closed
        .iter()
        .filter(|one| never_visible.is_none() || !of_file(one))
        .map(Closed::note)
        .collect();
    notes.dedup();
    notes.extend(never_visible.cloned());
    if closed.iter().any(|one| one.closing == Closing::OutcomeUnknown) {
        notes.push(Note::ChangedOutsideGit);
    }
    notes
}

fn rejected(case: &Case<'_>, closed: &[Closed<'_>]) -> Option<Rejected> {
    let kind = case.one.kind();
    let hold = |detail| Hold::releasable(Reason::Rejected, case.one.change(), detail);
    let again = format!("{} and seal the new file", renew_at_apple(kind));
    if let Some(failed) = case.one.past.definite_failure(case.one.of, case.file.sha256) {
        let cause = failed.cause();
        if cause.is_some_and(|cause| cause.code == FailureCode::WrongLocation) {
            let detail = holds::elsewhere(case, failed.before.as_ref()).unwrap_or_else(|| {
                format!(
                    "This file turned out to belong to another location on {}. {again}: the one of this location",
                    failed.at
                )
            });
            return Some(Rejected { hold: hold(detail), note: None, landed: true });
        }
        let what = match cause.map(|cause| cause.code) {
            Some(FailureCode::NeverVisible) => "was uploaded twice and never appeared",
            _ => "was refused by Intune",
        };
        let why = cause.and_then(|cause| cause.detail.as_deref()).unwrap_or("no reason was given");
        return Some(Rejected {
            hold: hold(format!(
                "This file {what} on {} ({why}). {again}, or release it with an `allow` line",
                failed.at
            )),
            note: None,
            landed: false,
        });
    }
    let not_shown = closed
        .iter()
        .filter(|one| one.closing == Closing::NotShown && one.sending.sha256 == case.file.sha256)
        .count();
    let times = not_shown + case.one.past.not_shown(case.one.of, case.file.sha256);
    (not_shown > 0 && times >= 2).then(|| Rejected {
        hold: hold(format!(
            "Intune accepted this file {times} times and never showed it. Look at the tenant's {kind} {} in the portal. {again}, or release it with an `allow` line",
            noun(kind)
        )),
        note: Some(Note::NeverVisible),
        landed: false,
    })
}

fn rows_5_to_8(
    case: &Case<'_>,
    unfinished: &[Sending<'_>],
    closed: &[Closed<'_>],
    same: bool,
    rejected: Option<Hold>,
) -> Ruling {
    // Row 5: another run may be about to write, or has just written.
    if let Some(sending) = unfinished.iter().find(|sending| case.is_pending(sending)) {
        return progressing(case, sending);
    }

    // Row 6: Intune has this file.
    if same && let Some(live) = case.one.live {
        return in_intune(case, live);
    }

    // Row 5 again: what is being uploaded under another name may be this very token.
    let open = case.one.past.all_unfinished();
    let as_another = |sending: &&Sending<'_>| {
        !case.one.is_before_download(sending)
            && case.is_pending(sending)
            && identity::is_under_way_as(sending, case.one.of, case.one.tenant, case.one.token)
    };
    if let Some(sending) = open.iter().find(as_another) {
        return progressing(case, sending);
    }

    // Rows 7 and 8: something forbids it, or it is due.
    let due = match (case.one.kind(), case.one.live) {
        (Kind::Vpp, None) => Decision::Create,
        (_, None) => Decision::Upload { settings: Settings::default() },
        (_, Some(live)) => {
            Decision::Upload { settings: Settings::due(&case.one.token.facts, live) }
        }
    };
    let mut all: Vec<Hold> = rejected.into_iter().collect();
    all.extend(holds::all(case));
    let mut ruling = judged(case, all, due);
    // What an unfinished upload left behind is told by its own line.
    let moved = outside_change(case).filter(|_| closed.is_empty());
    if let Some(from) = moved
        && !ruling.holds()
    {
        ruling.warnings.push(Warning::MovedOutsideGit);
        ruling.details.push(moved_outside(case, from));
    }
    ruling.notes.extend(moved.map(|_| Note::ChangedOutsideGit));
    if matches!(case.one.recipient(), Recipient::Unverifiable) {
        ruling.warnings.push(Warning::RecipientUnverifiable);
    }
    if let Some(line) = case.one.disproved() {
        ruling.warnings.push(Warning::RecordDisproved);
        ruling.details.push(disproved(case, line));
    }
    if !ruling.holds() {
        warn_of_upload(&mut ruling, case, closed);
    }
    ruling
}

/// That the ledger says that Intune has the file, and Intune says otherwise.
fn disproved(case: &Case<'_>, line: &Record) -> String {
    let until = case.one.live.and_then(LiveToken::expires);
    let until = until.map_or_else(String::new, |at| format!(" until {at}"));
    format!(
        "Line {} of the ledger, of {}, says that Intune has this file. Intune has another one{until}, which it had before, and took none since. No run writes that: find out who forged it (`applecart ledger show {}`)",
        line.seq, line.at, case.one.tenant.name
    )
}

/// What is worth knowing of an upload that is due; one that failed may have to wait.
fn warn_of_upload(ruling: &mut Ruling, case: &Case<'_>, closed: &[Closed<'_>]) {
    ruling.details.extend(refused(case));
    let retry = unfinished::retry(case, closed);
    if let Some(retry) = &retry {
        ruling.details.push(retry.told());
    }
    if let Some(after) = retry.as_ref().and_then(|retry| retry.after) {
        ruling.decision = Decision::Waiting;
        ruling.retry_after = Some(after);
        ruling.warnings.push(Warning::RetryAfter);
        ruling.details.push(format!(
            "It is tried again by the first `applecart apply` after {after}; `applecart apply --retry` tries at once"
        ));
        return;
    }
    let is_of_file = |one: &Closed<'_>| one.sending.sha256 == case.file.sha256;
    let not_shown = case.one.past.not_shown(case.one.of, case.file.sha256) > 0
        || closed.iter().any(|one| is_of_file(one) && one.closing == Closing::NotShown);
    if not_shown {
        ruling.details.push(
            "Intune accepted this file once and does not show it. It is uploaded a second time; there is no third"
                .to_owned(),
        );
    }
    if retry.is_some() || not_shown || closed.iter().any(is_of_file) {
        ruling.warnings.push(Warning::SentAgain);
    }
    if case.one.kind() == Kind::Push {
        warn_of_request(ruling, case);
    }
    if let Some(shown) = case.one.renamed_location() {
        ruling.warnings.push(Warning::LocationRenamed);
        ruling.details.push(format!(
            "Intune calls the location {shown:?}, the tenant file otherwise. `apply` asks Apple by `locationId` whether this file is of it. Write the new name on the entry: `applecart import --update {}`",
            case.one.tenant.name
        ));
    }
    if let Some(told) = case.bindings.moved(case.one.tenant, case.one.token) {
        ruling.warnings.push(Warning::MovedHere);
        ruling.details.push(told);
    }
    if let Some(what) = holds::needs_consent(case) {
        ruling.warnings.push(Warning::GivesConsent);
        ruling.details.push(format!(
            "With {what}, `apply` agrees in the customer's name that Intune shares data with Apple: `consent` in the tenant file says that they agreed"
        ));
    }
}

/// What a run found that opened the file and refused it; the next one opens it again.
fn refused(case: &Case<'_>) -> Option<String> {
    let line = case.one.past.refused(case.one.of, case.file.sha256)?;
    let why = line.cause().and_then(|cause| cause.detail.as_deref()).unwrap_or("it is not usable");
    Some(format!("A run opened this file on {} and refused it: {why}", line.at))
}

/// Whoever may write notes can record a request, so a record takes this warning away only where the
/// vendor's signature proves that Intune made it.
fn warn_of_request(ruling: &mut Ruling, case: &Case<'_>) {
    let (past, live) = (case.one.past, case.one.live.map(LiveToken::facts));
    let opened = past.renewal_opened(case.one.of, live.as_ref());
    let unproved = opened.and_then(|opened| requests::unproved(past, opened));
    if opened.is_none() || unproved.is_some() {
        ruling.warnings.push(Warning::CsrUnknown);
        ruling.details.extend(unproved);
    }
}

/// Row 5 of the decision table: another run is about to upload, or its upload may still show.
fn progressing(case: &Case<'_>, sending: &Sending<'_>) -> Ruling {
    let mut ruling = Ruling::of(Decision::Progressing);
    if case.is_alive(sending) {
        ruling.warnings.push(Warning::InProgressElsewhere);
    }
    let settled = sending.last_at().plus(case.policy.settle_of(case.one.kind()));
    if !sending.token.same_token(case.one.of) {
        ruling.details.push(format!(
            "An upload under another name ({}) may be this {}",
            sending.token,
            noun(case.one.kind())
        ));
    }
    ruling.details.push(match (sending.lease_until, sending.applied) {
        (Some(until), _) if case.is_alive(sending) => format!(
            "Another run ({}) may still write until {until}. Wait for it, or run again after that",
            sending.run()
        ),
        (_, Some(applied)) => format!(
            "Uploaded on {}, and not yet visible in Intune. Run again after {settled}",
            applied.at
        ),
        (_, None) => format!(
            "An upload was announced on {}, and it is unknown whether it was made: that run ended before it was recorded. Run again after {settled}, when Intune tells",
            sending.intended_at()
        ),
    });
    ruling
}

/// Row 6: the file may still have to be opened once, and then only settings may be due.
fn in_intune(case: &Case<'_>, live: LiveToken<'_>) -> Ruling {
    let (allow, today) = (&case.one.token.allow, case.one.today());
    let mut settings = Settings::due(&case.one.token.facts, live);
    let mut holds = holds::without_file(case);
    let mut near_miss = None;
    if let Some(Moved { to, hold }) = holds::account_moved(case, live) {
        if hold.is_released(allow, today) {
            settings.apple_id = Some(to);
            // The certificate goes along, so what speaks against an expired one counts.
            holds.extend(case.one.expired());
            holds.push(hold);
        } else {
            near_miss = hold.near_miss(allow, today);
        }
    }
    // With a new account the certificate is sent, so the file is opened and compared in any case.
    let doubt = case.doubt().filter(|_| settings.apple_id.is_none());
    let mut ruling = if let Some(doubt) = doubt {
        let mut ruling = unverified(doubt, &settings);
        ruling.details.extend(refused(case));
        ruling
    } else if settings.is_empty() {
        Ruling::of(Decision::InSync)
    } else {
        configured(case, holds, settings)
    };
    ruling.details.extend(near_miss);
    if let Some(record) = case.inferred() {
        warn_inferred(&mut ruling, record.at);
    }
    let edit = case.one.slot().standing_edit().map(|edit| edit.detail);
    let remarks: Vec<String> = misstated(case, live).chain(edit).chain(remade(case)).collect();
    if !remarks.is_empty() && !ruling.holds() {
        ruling.warnings.push(Warning::FactsDiffer);
        ruling.details.extend(remarks);
    }
    ruling
}

/// Git states what Intune has; whether that is what the file holds, only the opened file tells.
fn unverified(doubt: String, settings: &Settings) -> Ruling {
    let mut ruling = Ruling::of(Decision::Unverified);
    ruling.details.push(doubt);
    if !settings.is_empty() {
        ruling.details.push(
            "Its settings in Intune differ from Git as well. The next `applecart apply` after that changes them"
                .to_owned(),
        );
    }
    ruling
}

fn configured(case: &Case<'_>, holds: Vec<Hold>, settings: Settings) -> Ruling {
    let mut ruling = judged(case, holds, Decision::Configure { settings: settings.clone() });
    if let Decision::Held { settings: held, .. } = &mut ruling.decision {
        *held = settings;
    }
    ruling
}

/// A confirmation that no accepted upload stands behind.
fn warn_inferred(ruling: &mut Ruling, at: Timestamp) {
    ruling.warnings.push(Warning::EvidenceInferred);
    ruling.details.push(format!(
        "No run recorded that Intune accepted this file. That it did is inferred from what Intune has since {at}. If an administrator uploaded another file in the portal at that time, upload this one again"
    ));
}

/// What the tenant file says otherwise than Intune, which has its very file.
fn misstated(case: &Case<'_>, live: LiveToken<'_>) -> impl Iterator<Item = String> {
    let differing = stated::misstated(case.one.token, &live.facts());
    differing.into_iter().map(|one| {
        let import = match one.fact.is_imported() {
            true => format!(". `applecart import --update {}` writes that", case.one.tenant.name),
            false => String::new(),
        };
        format!("{}. {}{import}", one.misstated(), one.repair())
    })
}

/// The entry names the id of a token that is gone, and Intune has the one that a run made in its
/// place.
fn remade(case: &Case<'_>) -> Option<String> {
    let (ours, theirs) = (case.one.token.token.id.as_ref()?, case.one.of.id.as_ref()?);
    (!identity::is_same_id(ours, theirs)).then(|| {
        format!(
            "The tenant file names the id {ours}, which is gone; a run made the token again with the id {theirs}. `applecart import --update {}` writes that one",
            case.one.tenant.name
        )
    })
}

/// The write that is due, unless one of the holds stands; those that an `allow` line releases are
/// noted as such.
fn judged(case: &Case<'_>, mut holds: Vec<Hold>, due: Decision) -> Ruling {
    let (allows, today) = (&case.one.token.allow, case.one.today());
    holds.sort_by_key(|hold| hold.reason);
    let (released, standing): (Vec<Hold>, Vec<Hold>) =
        holds.into_iter().partition(|hold| hold.is_released(allows, today));
    let mut reasons: Vec<Reason> = standing.iter().map(|hold| hold.reason).collect();
    reasons.dedup();
    let decision = match Reasons::of(reasons.into_iter()) {
        Some(reasons) => Decision::Held { reasons, settings: Settings::default() },
        None => due,
    };
    let mut ruling = Ruling::of(decision);
    ruling.allows = released.into_iter().map(|hold| hold.reason).collect();
    for hold in standing {
        let near_miss = hold.near_miss(allows, today);
        ruling.details.push(hold.detail);
        ruling.details.extend(near_miss);
    }
    ruling
}

/// Downloading an enrollment token at Apple ended the one in use, so until it is uploaded no
/// device syncs. That holds for a file that may not be uploaded just as much, unless it is an old
/// one.
fn mark_urgent(ruling: &mut Ruling, case: &Case<'_>) {
    const OLD: [Reason; 5] = [
        Reason::RenewedOutsideGit,
        Reason::ChangedOutsideGit,
        Reason::OlderThanLive,
        Reason::Vanished,
        Reason::Expired,
    ];
    let due = match &ruling.decision {
        Decision::Upload { .. } | Decision::Waiting => true,
        Decision::Held { reasons, .. } => !reasons.iter().any(|reason| OLD.contains(&reason)),
        _ => false,
    };
    if case.one.kind() != Kind::Enrollment || !due || case.one.live.is_none() {
        return;
    }
    // A hold of settings alone is not about a new file.
    let last = case.one.past.last_confirmed(case.one.of);
    let is_last = last.is_some_and(|record| record.sha256() == Some(case.file.sha256));
    if is_last && case.one.was_confirmed() {
        return;
    }
    // Of two downloads of one day it is unknown which one ended the other.
    let is_of_unknown_age = ruling.decision.reasons().contains(&Reason::AgeUnknown);
    if is_of_unknown_age && case.one.token.downloaded.is_some() {
        return;
    }
    ruling.urgent = true;
    ruling.details.insert(
        0,
        match case.one.token.downloaded.filter(|at| !enrollment::is_to_come(*at, case.one.now)) {
            Some(at) => format!(
                "device sync is down since {at}: downloading this token at Apple ended the one in use. Every hour counts"
            ),
            None => "device sync is down since this token was downloaded at Apple: the download ended the one in use. Every hour counts".to_owned(),
        },
    );
}

/// A change of the credential in Intune that no run made, for the ledger: what it was before.
fn outside_change<'a>(case: &Case<'a>) -> Option<(&'a Facts, Timestamp)> {
    let (recorded, at) = case.one.past.last_live_facts(case.one.of)?;
    let differs = match case.one.live {
        None => recorded.expires.is_some(),
        Some(live) => live.differs_from(recorded),
    };
    differs.then_some((recorded, at))
}

/// That an upload is due over what somebody else put into Intune. It is no older than the file, so
/// it holds nothing.
fn moved_outside(case: &Case<'_>, (recorded, at): (&Facts, Timestamp)) -> String {
    let date = |expires: Option<Timestamp>| {
        expires.map_or_else(|| "an unknown expiry date".to_owned(), |at| at.to_string())
    };
    let now = case.one.live.map_or_else(
        || "now there is none".to_owned(),
        |live| format!("now one that expires on {}", date(live.expires())),
    );
    let then = match case.one.live {
        Some(_) => "The file in Git is newer and is uploaded over it",
        None => "The file in Git is uploaded in its place",
    };
    format!(
        "The {} in Intune was changed outside Git. On {at} it was one that expires on {}, {now}. Find out who changed it. {then}",
        noun(case.one.kind()),
        date(recorded.expires)
    )
}

#[cfg(test)]
mod tests;
