//! One line of the ledger, as data. How lines are chained and stored is `ledger`'s business.
//!
//! An [`LedgerEntry`] is a head, which every event has, and a [`EntryBody`], which cannot lack what its event
//! needs. Its text has the flat fields of [`LineFields`], so that `jq` and old lines stay what they are;
//! a line whose fields do not fit its event is refused when it is read.

mod line;
mod notice;

use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use line::LineMisfit;
pub(crate) use line::{LineFields, ToldFields};
pub use notice::{Notice, Noticed, Phase, TicketLink};

use super::{BlobId, Facts, Kind, LocationId, Sha256, TenantName, Timestamp, TokenRef};
use crate::words::kebab_enum;

kebab_enum! {
    /// What happened to a token.
    Event {
        /// A renewal was opened; holds the request for Apple and its key's SHA-256.
        RenewalOpened => "renewal-opened",
        /// A token was downloaded at Apple, which ended the one in use.
        Downloaded => "downloaded",
        /// A run is about to send this digest.
        Intended => "intended",
        /// Intune accepted the sending.
        Applied => "applied",
        /// The sending failed; `cause` says whether it may be tried again.
        Failed => "failed",
        /// A read after the settling time shows that an announced upload never reached Intune.
        NotLanded => "not-landed",
        /// Intune accepted the upload, and a read after the settling time does not show it.
        NotShown => "not-shown",
        /// Intune has a third credential, so that what became of the upload cannot be told.
        OutcomeUnknown => "outcome-unknown",
        /// A later read shows the credential in Intune.
        Confirmed => "confirmed",
        /// A run opened the file in Git and found that it is the credential in Intune.
        Verified => "verified",
        /// A run saw a watched token for the first time, or saw that it changed or is gone.
        Observed => "observed",
        /// Intune has another credential than the last recorded one, and no run uploaded it.
        ChangedOutsideGit => "changed-outside-git",
        /// A credential that came from outside Git is now watched in Git.
        Adopted => "adopted",
        /// The customer confirmed that devices work.
        Acknowledged => "acknowledged",
        /// A line of another ledger, kept as text; it decides nothing.
        Joined => "joined",
        /// Somebody is told of a matter, or was.
        Notified => "notified",
        /// A ticket of a renewal is opened, or was.
        TicketOpened => "ticket-opened",
        /// How far the renewal is, in its ticket.
        TicketNoted => "ticket-noted",
        /// A reading proves the renewal.
        TicketClosed => "ticket-closed",
        /// The renewal that closed the ticket did not hold.
        TicketReopened => "ticket-reopened",
        /// The ticket's number in its own system.
        TicketLinked => "ticket-linked",
    }
}

impl Event {
    /// Whether people record it, on the notes' branch. (Ledgers from before there were notes have
    /// it, too.)
    pub fn is_note(self) -> bool {
        matches!(self, Self::RenewalOpened | Self::Downloaded | Self::Acknowledged)
    }

    /// Whether it tells who was told of something, and of tickets. No question about a token's past is
    /// answered by it: it stands on the notes' branch, and apart from everything else that is read there.
    pub fn is_telling(self) -> bool {
        matches!(
            self,
            Self::Notified
                | Self::TicketOpened
                | Self::TicketNoted
                | Self::TicketClosed
                | Self::TicketReopened
                | Self::TicketLinked
        )
    }
}

crate::code_enum! {
    /// Why a sending failed.
    FailureCode [Failure] {
        Rejected = "rejected",
        NotPermitted = "not-permitted",
        ApprovalRequired = "approval-required",
        Throttled = "throttled",
        NotLanded = "not-landed",
        NotSent = "not-sent",
        NeverVisible = "never-visible",
        WrongLocation = "wrong-location",
        Refused = "refused",
    }
}

impl FailureCode {
    /// Whether the digest must not be uploaded again until a person decides (decision table, row
    /// 4).
    pub fn is_definite(self) -> bool {
        matches!(self, Self::Rejected | Self::NeverVisible | Self::WrongLocation)
    }
}

/// Why a sending failed, with what Microsoft's support would ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cause {
    /// Stable: scripts and the retry rules read it.
    pub code: FailureCode,
    /// Graph's HTTP status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The request's id, which Microsoft's support asks for; left out where nothing was uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// One sentence for a person; never raw input, never secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Cause {
    /// Whether it speaks about the file in its wire encoding, and not about the tenant.
    pub fn judges_the_encoding(&self) -> bool {
        match self.code {
            FailureCode::Rejected => self.status != Some(404),
            FailureCode::NeverVisible => true,
            _ => false,
        }
    }
}

/// Who ran the command, as the pipeline's variables or the machine say; nothing proves it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Actor {
    /// The pipeline run's URL, where one ran it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The operating system's or the pipeline's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The machine's host name; left out where neither a variable nor /etc/hostname says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Who writes: the same for all entries of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The run's id, one per process.
    pub run: String,
    /// The clone's id, one per clone of the fleet; names the lock that proves a run dead.
    pub clone: String,
    pub actor: Actor,
}

/// What happened to one token, when, by whom, with which facts: a ledger line without its place in
/// a chain.
///
/// What every event has stands in the entry itself, what only one event has in its [`EntryBody`]. Made
/// with [`LedgerEntry::new`] and struct update syntax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LineFields", into = "LineFields")]
pub struct LedgerEntry {
    pub at: Timestamp,
    /// The tenant's name at that time.
    pub name: TenantName,
    /// Which token. Only `notified`, of a matter of a whole tenant or of the fleet, and `joined` may
    /// lack it.
    pub token: Option<TokenRef>,
    /// The fleet commit that the run worked from.
    pub rev: Option<String>,
    /// The facts in Intune before, where they are known.
    pub before: Option<Facts>,
    /// The facts that were sent (`intended`, `applied`) or seen (`confirmed`, …).
    pub after: Option<Facts>,
    /// VPP: Apple's id of the location that the file is of, where the run asked.
    pub location_id: Option<LocationId>,
    pub run: String,
    pub clone: String,
    pub actor: Actor,
    pub body: EntryBody,
}

/// What happened, with what only this event has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryBody {
    RenewalOpened {
        /// The request for Apple (CSR), as the file that Apple's push portal takes.
        csr: String,
        /// SHA-256 of the request's SubjectPublicKeyInfo.
        public_key_sha256: Sha256,
    },
    Downloaded {
        file: FileRef,
    },
    Intended {
        write: Write,
        /// Until when the run may still write.
        lease_until: Timestamp,
    },
    Applied {
        write: Write,
    },
    Failed {
        /// `None` for a change of settings.
        file: Option<FileRef>,
        cause: Cause,
    },
    NotLanded {
        /// `None` for a change of settings.
        file: Option<FileRef>,
        /// What Graph answered, where there was an answer.
        cause: Option<Cause>,
    },
    NotShown {
        file: FileRef,
    },
    OutcomeUnknown {
        file: FileRef,
    },
    Confirmed {
        /// `None` for a change of settings.
        file: Option<FileRef>,
        /// What the confirmation rests on, where it is less than an accepted upload.
        evidence: Option<Evidence>,
    },
    Verified {
        file: FileRef,
    },
    Observed,
    ChangedOutsideGit,
    Adopted,
    Acknowledged {
        /// SHA-256 of the opened token file whose upload is confirmed.
        sha256: Sha256,
        /// Who of the customer confirmed it.
        by: Option<String>,
        note: Option<String>,
    },
    Joined {
        /// The line of the other ledger, as it stood there.
        line: String,
    },
    /// One of the events that tell who was told, by [`Event::is_telling`].
    Told {
        event: Telling,
        notice: Notice,
    },
    TicketLinked {
        ticket: TicketLink,
    },
}

kebab_enum! {
    /// What a [`Notice`] is about.
    Telling {
        Notified => "notified",
        TicketOpened => "ticket-opened",
        TicketNoted => "ticket-noted",
        TicketClosed => "ticket-closed",
        TicketReopened => "ticket-reopened",
    }
}

impl From<Telling> for Event {
    fn from(telling: Telling) -> Self {
        match telling {
            Telling::Notified => Self::Notified,
            Telling::TicketOpened => Self::TicketOpened,
            Telling::TicketNoted => Self::TicketNoted,
            Telling::TicketClosed => Self::TicketClosed,
            Telling::TicketReopened => Self::TicketReopened,
        }
    }
}

/// The token file that a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// SHA-256 of the opened token file.
    pub sha256: Sha256,
    /// When an enrollment token was downloaded at Apple, which orders two of them.
    pub downloaded: Option<Timestamp>,
    /// The sealed file that the run opened and found to be this one. Lines of runs that opened
    /// none, and of older versions, lack it.
    pub blob: Option<BlobId>,
}

impl FileRef {
    /// The same file, of which this line's run opened no sealed form.
    #[must_use]
    pub fn unopened(self) -> Self {
        Self { blob: None, ..self }
    }
}

impl From<Sha256> for FileRef {
    fn from(sha256: Sha256) -> Self {
        Self { sha256, downloaded: None, blob: None }
    }
}

/// What a confirmation rests on, where no run recorded that Intune accepted the upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Intune changed the token while the run that announced the upload could have sent it.
    Inferred,
}

/// A write to Intune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub what: Written,
    /// The digest of the plan that asked for it, `sha256:…`.
    pub plan_digest: Option<String>,
}

/// What a write sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    File {
        file: FileRef,
        /// The wire encoding that was used.
        wire: Option<String>,
    },
    Settings,
}

/// An [`LedgerEntry`] at its place in a tenant's chain: one line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LineFields", into = "LineFields")]
pub struct Record {
    /// The line's number in its file, from 1.
    pub seq: u64,
    /// SHA-256 of the previous line without its LF; 64 zeros in the first line.
    pub prev: Sha256,
    pub entry: LedgerEntry,
}

/// A record is read as the entry that it holds.
impl Deref for Record {
    type Target = LedgerEntry;

    fn deref(&self) -> &LedgerEntry {
        &self.entry
    }
}

impl LedgerEntry {
    /// An entry of which no more is known than what every event has.
    pub fn new(
        at: Timestamp,
        name: TenantName,
        token: impl Into<Option<TokenRef>>,
        author: &Author,
        body: EntryBody,
    ) -> Self {
        Self::by(author.clone(), at, name, token.into(), body)
    }

    /// The same of an author that nobody else needs.
    pub(crate) fn by(
        author: Author,
        at: Timestamp,
        name: TenantName,
        token: Option<TokenRef>,
        body: EntryBody,
    ) -> Self {
        let Author { run, clone, actor } = author;
        Self {
            at,
            name,
            token,
            rev: None,
            before: None,
            after: None,
            location_id: None,
            run,
            clone,
            actor,
            body,
        }
    }

    /// The record that this entry is at one place of a chain.
    pub fn at_place(self, seq: u64, prev: Sha256) -> Record {
        Record { seq, prev, entry: self }
    }

    pub fn event(&self) -> Event {
        match self.body {
            EntryBody::RenewalOpened { .. } => Event::RenewalOpened,
            EntryBody::Downloaded { .. } => Event::Downloaded,
            EntryBody::Intended { .. } => Event::Intended,
            EntryBody::Applied { .. } => Event::Applied,
            EntryBody::Failed { .. } => Event::Failed,
            EntryBody::NotLanded { .. } => Event::NotLanded,
            EntryBody::NotShown { .. } => Event::NotShown,
            EntryBody::OutcomeUnknown { .. } => Event::OutcomeUnknown,
            EntryBody::Confirmed { .. } => Event::Confirmed,
            EntryBody::Verified { .. } => Event::Verified,
            EntryBody::Observed => Event::Observed,
            EntryBody::ChangedOutsideGit => Event::ChangedOutsideGit,
            EntryBody::Adopted => Event::Adopted,
            EntryBody::Acknowledged { .. } => Event::Acknowledged,
            EntryBody::Joined { .. } => Event::Joined,
            EntryBody::Told { event, .. } => event.into(),
            EntryBody::TicketLinked { .. } => Event::TicketLinked,
        }
    }

    /// Whether it is about this token.
    pub fn is_of(&self, token: &TokenRef) -> bool {
        self.token.as_ref().is_some_and(|own| own.same_token(token))
    }

    /// Whether both are about one and the same token.
    pub fn is_of_token_of(&self, other: &Self) -> bool {
        other.token.as_ref().is_some_and(|token| self.is_of(token))
    }

    /// Which of the three credentials it is about.
    pub fn kind(&self) -> Option<Kind> {
        self.token.as_ref().map(|token| token.kind)
    }

    /// The token in words; empty where the line is about none.
    pub fn token_words(&self) -> String {
        self.token.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// What it tells of a matter or a ticket at a sink.
    pub fn notice(&self) -> Option<(Telling, &Notice)> {
        match &self.body {
            EntryBody::Told { event, notice } => Some((*event, notice)),
            _ => None,
        }
    }

    /// SHA-256 of the opened token file that the entry is about, if it is about one.
    pub fn sha256(&self) -> Option<Sha256> {
        match &self.body {
            EntryBody::Acknowledged { sha256, .. } => Some(*sha256),
            _ => self.file().map(|file| file.sha256),
        }
    }

    /// The file that was downloaded, announced, uploaded, refused or seen.
    pub fn file(&self) -> Option<FileRef> {
        match &self.body {
            EntryBody::Intended { write, .. } | EntryBody::Applied { write } => write.file(),
            EntryBody::Failed { file, .. }
            | EntryBody::NotLanded { file, .. }
            | EntryBody::Confirmed { file, .. } => *file,
            EntryBody::Downloaded { file }
            | EntryBody::NotShown { file }
            | EntryBody::OutcomeUnknown { file }
            | EntryBody::Verified { file } => Some(*file),
            EntryBody::RenewalOpened { .. }
            | EntryBody::Observed
            | EntryBody::ChangedOutsideGit
            | EntryBody::Adopted
            | EntryBody::Acknowledged { .. }
            | EntryBody::Joined { .. }
            | EntryBody::Told { .. }
            | EntryBody::TicketLinked { .. } => None,
        }
    }

    /// Whether it says that Intune has the file that it is about.
    pub fn is_proof(&self) -> bool {
        matches!(self.event(), Event::Confirmed | Event::Verified)
    }

    /// Whether it says what Intune was read to have.
    pub fn is_reading(&self) -> bool {
        matches!(
            self.event(),
            Event::Confirmed
                | Event::Verified
                | Event::Observed
                | Event::ChangedOutsideGit
                | Event::Adopted
        )
    }

    /// Whether a run saw in Intune that there was no such token any more.
    pub fn saw_none(&self) -> bool {
        self.after.as_ref().is_some_and(|facts| *facts == Facts::default())
    }

    /// What a confirmation rests on, where it is less than an accepted upload.
    pub fn evidence(&self) -> Option<Evidence> {
        match self.body {
            EntryBody::Confirmed { evidence, .. } => evidence,
            _ => None,
        }
    }

    /// The write that was announced or accepted.
    pub fn write(&self) -> Option<&Write> {
        match &self.body {
            EntryBody::Intended { write, .. } | EntryBody::Applied { write } => Some(write),
            _ => None,
        }
    }

    /// The wire encoding of an upload.
    pub fn wire(&self) -> Option<&str> {
        match &self.write()?.what {
            Written::File { wire, .. } => wire.as_deref(),
            Written::Settings => None,
        }
    }

    /// The digest of the plan that asked for a write.
    pub fn plan_digest(&self) -> Option<&str> {
        self.write()?.plan_digest.as_deref()
    }

    /// Until when the run of an intent may still write.
    pub fn lease_until(&self) -> Option<Timestamp> {
        match self.body {
            EntryBody::Intended { lease_until, .. } => Some(lease_until),
            _ => None,
        }
    }

    /// The request for Apple that a renewal was opened with, and SHA-256 of its public key.
    pub fn request(&self) -> Option<(&str, Sha256)> {
        match &self.body {
            EntryBody::RenewalOpened { csr, public_key_sha256 } => Some((csr, *public_key_sha256)),
            _ => None,
        }
    }

    /// Why a write failed.
    pub fn cause(&self) -> Option<&Cause> {
        match &self.body {
            EntryBody::Failed { cause, .. } => Some(cause),
            EntryBody::NotLanded { cause, .. } => cause.as_ref(),
            _ => None,
        }
    }
}

impl Write {
    pub fn file(&self) -> Option<FileRef> {
        match self.what {
            Written::File { file, .. } => Some(file),
            Written::Settings => None,
        }
    }
}
