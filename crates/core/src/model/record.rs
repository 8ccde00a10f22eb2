//! One line of the ledger, as data. How lines are chained and stored is `ledger`'s business.
//!
//! An [`LedgerEntry`] is a head, which every event has, and a [`EntryBody`], which cannot lack what its event
//! needs. Its text has the flat fields of [`LineFields`], so that `jq` and old lines stay what they are;
//! a line whose fields do not fit its event is refused when it is read.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{Facts, Sha256, TenantName, Timestamp, TokenRef};

/// What happened to a token.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A renewal was opened; holds the request for Apple and its key's SHA-256.
    RenewalOpened,
    /// A run is about to send this digest.
    Intended,
    /// Intune accepted the sending.
    Applied,
    /// The sending failed; `cause` says whether it may be tried again.
    Failed,
    /// A read after the settling time shows that an announced upload never reached Intune.
    NotLanded,
    /// Intune accepted the upload, and a read after the settling time does not show it.
    NotShown,
    /// Intune has a third credential, so that what became of the upload cannot be told.
    OutcomeUnknown,
    /// A later read shows the credential in Intune.
    Confirmed,
    /// A run opened the file in Git and found that it is the credential in Intune.
    Verified,
    /// A run saw a watched token for the first time, or saw that it changed.
    Observed,
    /// Intune has another credential than the last recorded one, and no run sent it.
    ChangedOutsideGit,
    /// A credential that came from outside Git is now watched in Git.
    Adopted,
    /// The customer confirmed that devices work.
    Acknowledged,
    /// A line of another ledger, kept as text; it decides nothing.
    Joined,
}

impl Event {
    /// Every event, in the order of a token's life.
    pub const ALL: [Self; 14] = [
        Self::RenewalOpened,
        Self::Intended,
        Self::Applied,
        Self::Failed,
        Self::NotLanded,
        Self::NotShown,
        Self::OutcomeUnknown,
        Self::Confirmed,
        Self::Verified,
        Self::Observed,
        Self::ChangedOutsideGit,
        Self::Adopted,
        Self::Acknowledged,
        Self::Joined,
    ];

    /// Whether people record it, on the notes' branch. (Ledgers from before there were notes have
    /// it, too.)
    pub fn is_note(self) -> bool {
        matches!(self, Self::RenewalOpened | Self::Acknowledged)
    }

    /// The event as it is written in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RenewalOpened => "renewal-opened",
            Self::Intended => "intended",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::NotLanded => "not-landed",
            Self::NotShown => "not-shown",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::Confirmed => "confirmed",
            Self::Verified => "verified",
            Self::Observed => "observed",
            Self::ChangedOutsideGit => "changed-outside-git",
            Self::Adopted => "adopted",
            Self::Acknowledged => "acknowledged",
            Self::Joined => "joined",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
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
    }
}

impl FailureCode {
    /// Whether the digest must not be sent again until a person decides (decision table, row 4).
    pub fn is_definite(self) -> bool {
        matches!(self, Self::Rejected | Self::NeverVisible | Self::WrongLocation)
    }
}

/// Why a sending failed, with what Microsoft's support would ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cause {
    /// The stable name.
    pub code: FailureCode,
    /// Graph's HTTP status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Graph's request id.
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

/// Who ran it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Actor {
    /// The pipeline run's URL, where one ran it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The operating system's or the pipeline's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The machine's name.
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
    pub token: TokenRef,
    /// The fleet commit that the run worked from.
    pub rev: Option<String>,
    /// The facts in Intune before, where they are known.
    pub before: Option<Facts>,
    /// The facts that were sent (`intended`, `applied`) or seen (`confirmed`, …).
    pub after: Option<Facts>,
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
        /// What they said.
        note: Option<String>,
    },
    Joined {
        /// The line of the other ledger, as it stood there.
        line: String,
    },
}

/// The token file that a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// SHA-256 of the opened token file.
    pub sha256: Sha256,
    /// When an enrollment token was downloaded at Apple, which orders two of them.
    pub downloaded: Option<Timestamp>,
}

impl From<Sha256> for FileRef {
    fn from(sha256: Sha256) -> Self {
        Self { sha256, downloaded: None }
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
        token: TokenRef,
        author: &Author,
        body: EntryBody,
    ) -> Self {
        Self {
            at,
            name,
            token,
            rev: None,
            before: None,
            after: None,
            run: author.run.clone(),
            clone: author.clone.clone(),
            actor: author.actor.clone(),
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
        }
    }

    /// SHA-256 of the opened token file that the entry is about, if it is about one.
    pub fn sha256(&self) -> Option<Sha256> {
        match &self.body {
            EntryBody::Acknowledged { sha256, .. } => Some(*sha256),
            _ => self.file().map(|file| file.sha256),
        }
    }

    /// The file that was announced, uploaded, refused or seen.
    pub fn file(&self) -> Option<FileRef> {
        match &self.body {
            EntryBody::Intended { write, .. } | EntryBody::Applied { write } => write.file(),
            EntryBody::Failed { file, .. }
            | EntryBody::NotLanded { file, .. }
            | EntryBody::Confirmed { file, .. } => *file,
            EntryBody::NotShown { file }
            | EntryBody::OutcomeUnknown { file }
            | EntryBody::Verified { file } => Some(*file),
            EntryBody::RenewalOpened { .. }
            | EntryBody::Observed
            | EntryBody::ChangedOutsideGit
            | EntryBody::Adopted
            | EntryBody::Acknowledged { .. }
            | EntryBody::Joined { .. } => None,
        }
    }

    /// Whether it says that Intune has the file that it is about.
    pub fn is_proof(&self) -> bool {
        matches!(self.event(), Event::Confirmed | Event::Verified)
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

/// Why a line's fields do not fit its event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineMisfit {
    #[error("a line of event `{event}` needs `{field}`")]
    Lacks { event: Event, field: &'static str },
    #[error("a line of event `{event}` has no `{field}`")]
    Surplus { event: Event, field: &'static str },
    /// A line needs its place in a chain, an entry must not have one.
    #[error("`seq` and `prev` belong to lines of a chain, and only to those")]
    Place,
}

/// The fields of a line as they are written, whatever the event: the one definition of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LineFields {
    /// The line's number in its file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    /// SHA-256 of the previous line without its LF; 64 zeros in the first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<Sha256>,
    /// When it happened.
    at: Timestamp,
    /// What happened.
    event: Event,
    /// The tenant's name at that time.
    name: TenantName,
    /// Which token.
    token: TokenRef,
    /// SHA-256 of the opened token file it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    /// The fleet commit that the run worked from.
    #[serde(skip_serializing_if = "Option::is_none")]
    rev: Option<String>,
    /// The facts in Intune before.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Facts>,
    /// The facts after: those sent (`intended`, `applied`) or those seen (`confirmed`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Facts>,
    /// The run's id, one per process.
    run: String,
    /// The clone's id, one per clone of the fleet; names the lock that proves a run dead.
    clone: String,
    /// Who ran it.
    actor: Actor,
    /// Uploads (`intended`, `applied`): the wire encoding that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    wire: Option<String>,
    /// Uploads of enrollment tokens and their outcomes: when the file was downloaded at Apple.
    #[serde(skip_serializing_if = "Option::is_none")]
    downloaded: Option<Timestamp>,
    /// Writes (`intended`, `applied`): the digest of the plan that asked for it, `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_digest: Option<String>,
    /// `intended`: until when the run may still write.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_until: Option<Timestamp>,
    /// `failed`: why; `not-landed`: what Graph answered, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    /// `confirmed`: what it rests on, where no run recorded that Intune accepted the upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    /// `renewal-opened`: the request for Apple (CSR), as the file that Apple's push portal takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    csr: Option<String>,
    /// `renewal-opened`: SHA-256 of the request's SubjectPublicKeyInfo.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key_sha256: Option<Sha256>,
    /// `acknowledged`: who of the customer confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// `acknowledged`: what they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// `joined`: the line of the other ledger, as it stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
}

impl LineFields {
    /// Splits off the place in a chain.
    fn split(mut self) -> Result<(Option<(u64, Sha256)>, LedgerEntry), LineMisfit> {
        let place = match (self.seq.take(), self.prev.take()) {
            (Some(seq), Some(prev)) => Some((seq, prev)),
            (None, None) => None,
            _ => return Err(LineMisfit::Place),
        };
        let body = self.take_body()?;
        if let Some(field) = self.left() {
            return Err(LineMisfit::Surplus { event: self.event, field });
        }
        let Self { at, name, token, rev, before, after, run, clone, actor, .. } = self;
        Ok((place, LedgerEntry { at, name, token, rev, before, after, run, clone, actor, body }))
    }

    fn take_body(&mut self) -> Result<EntryBody, LineMisfit> {
        let event = self.event;
        let need = |field| LineMisfit::Lacks { event, field };
        Ok(match event {
            Event::RenewalOpened => EntryBody::RenewalOpened {
                csr: self.csr.take().ok_or(need("csr"))?,
                public_key_sha256: self.public_key_sha256.take().ok_or(need("publicKeySha256"))?,
            },
            Event::Intended => EntryBody::Intended {
                lease_until: self.lease_until.take().ok_or(need("leaseUntil"))?,
                write: self.take_write()?,
            },
            Event::Applied => EntryBody::Applied { write: self.take_write()? },
            Event::Failed => EntryBody::Failed {
                file: self.take_file()?,
                cause: self.cause.take().ok_or(need("cause"))?,
            },
            Event::NotLanded => {
                EntryBody::NotLanded { file: self.take_file()?, cause: self.cause.take() }
            }
            Event::NotShown => {
                EntryBody::NotShown { file: self.take_file()?.ok_or(need("sha256"))? }
            }
            Event::OutcomeUnknown => {
                EntryBody::OutcomeUnknown { file: self.take_file()?.ok_or(need("sha256"))? }
            }
            Event::Confirmed => {
                EntryBody::Confirmed { file: self.take_file()?, evidence: self.evidence.take() }
            }
            Event::Verified => {
                EntryBody::Verified { file: self.take_file()?.ok_or(need("sha256"))? }
            }
            Event::Observed => EntryBody::Observed,
            Event::ChangedOutsideGit => EntryBody::ChangedOutsideGit,
            Event::Adopted => EntryBody::Adopted,
            Event::Acknowledged => EntryBody::Acknowledged {
                sha256: self.sha256.take().ok_or(need("sha256"))?,
                by: self.by.take(),
                note: self.note.take(),
            },
            Event::Joined => EntryBody::Joined { line: self.line.take().ok_or(need("line"))? },
        })
    }

    fn take_file(&mut self) -> Result<Option<FileRef>, LineMisfit> {
        match (self.sha256.take(), self.downloaded.take()) {
            (Some(sha256), downloaded) => Ok(Some(FileRef { sha256, downloaded })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(LineMisfit::Lacks { event: self.event, field: "sha256" }),
        }
    }

    fn take_write(&mut self) -> Result<Write, LineMisfit> {
        let what = match (self.take_file()?, self.wire.take()) {
            (Some(file), wire) => Written::File { file, wire },
            (None, None) => Written::Settings,
            (None, Some(_)) => {
                return Err(LineMisfit::Lacks { event: self.event, field: "sha256" });
            }
        };
        Ok(Write { what, plan_digest: self.plan_digest.take() })
    }

    /// A field of some event that this line's event did not take.
    fn left(&self) -> Option<&'static str> {
        let fields = [
            ("sha256", self.sha256.is_some()),
            ("wire", self.wire.is_some()),
            ("downloaded", self.downloaded.is_some()),
            ("planDigest", self.plan_digest.is_some()),
            ("leaseUntil", self.lease_until.is_some()),
            ("cause", self.cause.is_some()),
            ("evidence", self.evidence.is_some()),
            ("csr", self.csr.is_some()),
            ("publicKeySha256", self.public_key_sha256.is_some()),
            ("by", self.by.is_some()),
            ("note", self.note.is_some()),
            ("line", self.line.is_some()),
        ];
        fields.into_iter().find_map(|(field, is_left)| is_left.then_some(field))
    }
}

impl TryFrom<LineFields> for LedgerEntry {
    type Error = LineMisfit;

    fn try_from(line: LineFields) -> Result<Self, LineMisfit> {
        match line.split()? {
            (None, entry) => Ok(entry),
            (Some(_), _) => Err(LineMisfit::Place),
        }
    }
}

impl TryFrom<LineFields> for Record {
    type Error = LineMisfit;

    fn try_from(line: LineFields) -> Result<Self, LineMisfit> {
        let (place, entry) = line.split()?;
        let (seq, prev) = place.ok_or(LineMisfit::Place)?;
        Ok(entry.at_place(seq, prev))
    }
}

impl From<LedgerEntry> for LineFields {
    fn from(entry: LedgerEntry) -> Self {
        let event = entry.event();
        let LedgerEntry { at, name, token, rev, before, after, run, clone, actor, body } = entry;
        let mut line = Self {
            seq: None,
            prev: None,
            at,
            event,
            name,
            token,
            sha256: None,
            rev,
            before,
            after,
            run,
            clone,
            actor,
            wire: None,
            downloaded: None,
            plan_digest: None,
            lease_until: None,
            cause: None,
            evidence: None,
            csr: None,
            public_key_sha256: None,
            by: None,
            note: None,
            line: None,
        };
        match body {
            EntryBody::RenewalOpened { csr, public_key_sha256 } => {
                line.csr = Some(csr);
                line.public_key_sha256 = Some(public_key_sha256);
            }
            EntryBody::Intended { write, lease_until } => {
                line.put_write(write);
                line.lease_until = Some(lease_until);
            }
            EntryBody::Applied { write } => line.put_write(write),
            EntryBody::Failed { file, cause } => {
                line.put_file(file);
                line.cause = Some(cause);
            }
            EntryBody::NotLanded { file, cause } => {
                line.put_file(file);
                line.cause = cause;
            }
            EntryBody::NotShown { file }
            | EntryBody::OutcomeUnknown { file }
            | EntryBody::Verified { file } => line.put_file(Some(file)),
            EntryBody::Confirmed { file, evidence } => {
                line.put_file(file);
                line.evidence = evidence;
            }
            EntryBody::Observed | EntryBody::ChangedOutsideGit | EntryBody::Adopted => {}
            EntryBody::Acknowledged { sha256, by, note } => {
                line.sha256 = Some(sha256);
                (line.by, line.note) = (by, note);
            }
            EntryBody::Joined { line: foreign } => line.line = Some(foreign),
        }
        line
    }
}

impl LineFields {
    fn put_write(&mut self, write: Write) {
        self.plan_digest = write.plan_digest;
        if let Written::File { file, wire } = write.what {
            self.put_file(Some(file));
            self.wire = wire;
        }
    }

    fn put_file(&mut self, file: Option<FileRef>) {
        self.sha256 = file.map(|file| file.sha256);
        self.downloaded = file.and_then(|file| file.downloaded);
    }
}

impl From<Record> for LineFields {
    fn from(record: Record) -> Self {
        let (seq, prev) = (Some(record.seq), Some(record.prev));
        Self { seq, prev, ..record.entry.into() }
    }
}

impl JsonSchema for LedgerEntry {
    fn schema_name() -> Cow<'static, str> {
        "LedgerEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = "A ledger line without its place in a chain: neither `seq` nor `prev`.";
        let mut schema = LineFields::json_schema(generator);
        schema.insert("description".to_owned(), text.into());
        if let Some(fields) = schema.pointer_mut("/properties").and_then(|all| all.as_object_mut())
        {
            fields.retain(|field, _| field != "seq" && field != "prev");
        }
        schema
    }
}

impl JsonSchema for Record {
    fn schema_name() -> Cow<'static, str> {
        "Record".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text =
            "One line of the ledger: what happened to one token, when, by whom, with which facts.";
        let mut schema = LineFields::json_schema(generator);
        schema.insert("description".to_owned(), text.into());
        for (field, of) in [
            ("seq", generator.subschema_for::<u64>()),
            ("prev", generator.subschema_for::<Sha256>()),
        ] {
            let fields = schema.pointer_mut("/properties").and_then(|all| all.as_object_mut());
            if let Some(old) = fields.and_then(|fields| fields.get_mut(field)) {
                let text = old.get("description").cloned();
                let mut new = of;
                new.insert("description".to_owned(), text.into());
                *old = new.to_value();
            }
            let required = schema.pointer_mut("/required").and_then(|all| all.as_array_mut());
            required.into_iter().for_each(|required| required.push(field.into()));
        }
        schema
    }
}
