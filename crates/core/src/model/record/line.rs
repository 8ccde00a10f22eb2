//! The text of a line: the flat fields of every event, and what of them an event needs.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{
    Actor, Author, Cause, EntryBody, Event, Evidence, FileRef, LedgerEntry, Notice, Record,
    Telling, TicketLink, Write, Written,
};
use crate::model::{BlobId, Facts, LocationId, Sha256, TenantName, Timestamp, TokenRef};

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
    /// By the clock of the machine that wrote the line, in UTC.
    at: Timestamp,
    event: Event,
    /// The tenant's name at that time.
    name: TenantName,
    /// The token as the run knew it: a token that was created has no `id` before Intune gives one.
    /// Only `notified`, of a matter of a whole tenant or of the fleet, and `joined` may lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenRef>,
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
    /// VPP tokens: Apple's id of the location that the file is of, where the run asked Apple.
    #[serde(skip_serializing_if = "Option::is_none")]
    location_id: Option<LocationId>,
    /// The run's id, one per process.
    run: String,
    /// The clone's id, one per clone of the fleet; names the lock that proves a run dead.
    clone: String,
    actor: Actor,
    /// Uploads (`intended`, `applied`): the wire encoding that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    wire: Option<String>,
    /// Enrollment tokens (`downloaded`, uploads and their outcomes): when the file was downloaded at
    /// Apple.
    #[serde(skip_serializing_if = "Option::is_none")]
    downloaded: Option<Timestamp>,
    /// The Git object id of the sealed file that the run opened; `sha256` is of what was in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<BlobId>,
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
    /// `notified` and the steps of tickets: what is told, where, and how far that has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<Notice>,
    /// `ticket-linked`: the ticket's number in its own system.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketLink>,
}

/// The fields that a line has which tells who was told: few of [`LineFields`], and read in half the time.
/// Nearly all lines of the notes are such lines, and every run reads all of them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ToldFields {
    seq: u64,
    prev: Sha256,
    at: Timestamp,
    event: Telling,
    name: TenantName,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rev: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Facts>,
    run: String,
    clone: String,
    actor: Actor,
    notice: Notice,
}

impl ToldFields {
    /// Its record; `None` where the fields do not fit the event.
    pub(crate) fn record(self) -> Option<Record> {
        let Self { seq, prev, at, event, name, token, rev, after, run, clone, actor, notice } =
            self;
        if token.is_none() && event != Telling::Notified {
            return None;
        }
        let (body, author) = (EntryBody::Told { event, notice }, Author { run, clone, actor });
        let entry = LedgerEntry { rev, after, ..LedgerEntry::by(author, at, name, token, body) };
        Some(entry.at_place(seq, prev))
    }
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
        if self.token.is_none() && !matches!(self.event, Event::Notified | Event::Joined) {
            return Err(LineMisfit::Lacks { event: self.event, field: "token" });
        }
        let Self { at, name, token, rev, before, after, location_id, run, clone, actor, .. } = self;
        let entry = LedgerEntry {
            at,
            name,
            token,
            rev,
            before,
            after,
            location_id,
            run,
            clone,
            actor,
            body,
        };
        Ok((place, entry))
    }

    fn take_body(&mut self) -> Result<EntryBody, LineMisfit> {
        let event = self.event;
        let need = |field| LineMisfit::Lacks { event, field };
        Ok(match event {
            Event::RenewalOpened => EntryBody::RenewalOpened {
                csr: self.csr.take().ok_or(need("csr"))?,
                public_key_sha256: self.public_key_sha256.take().ok_or(need("publicKeySha256"))?,
            },
            Event::Downloaded => {
                EntryBody::Downloaded { file: self.take_file()?.ok_or(need("sha256"))? }
            }
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
            Event::Notified => self.take_told(Telling::Notified)?,
            Event::TicketOpened => self.take_told(Telling::TicketOpened)?,
            Event::TicketNoted => self.take_told(Telling::TicketNoted)?,
            Event::TicketClosed => self.take_told(Telling::TicketClosed)?,
            Event::TicketReopened => self.take_told(Telling::TicketReopened)?,
            Event::TicketLinked => {
                EntryBody::TicketLinked { ticket: self.ticket.take().ok_or(need("ticket"))? }
            }
        })
    }

    fn take_told(&mut self, event: Telling) -> Result<EntryBody, LineMisfit> {
        let lacks = LineMisfit::Lacks { event: self.event, field: "notice" };
        Ok(EntryBody::Told { event, notice: self.notice.take().ok_or(lacks)? })
    }

    fn take_file(&mut self) -> Result<Option<FileRef>, LineMisfit> {
        match (self.sha256.take(), self.downloaded.take(), self.blob.take()) {
            (Some(sha256), downloaded, blob) => Ok(Some(FileRef { sha256, downloaded, blob })),
            (None, None, None) => Ok(None),
            (None, _, _) => Err(LineMisfit::Lacks { event: self.event, field: "sha256" }),
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
            ("blob", self.blob.is_some()),
            ("planDigest", self.plan_digest.is_some()),
            ("leaseUntil", self.lease_until.is_some()),
            ("cause", self.cause.is_some()),
            ("evidence", self.evidence.is_some()),
            ("csr", self.csr.is_some()),
            ("publicKeySha256", self.public_key_sha256.is_some()),
            ("by", self.by.is_some()),
            ("note", self.note.is_some()),
            ("line", self.line.is_some()),
            ("notice", self.notice.is_some()),
            ("ticket", self.ticket.is_some()),
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
        let LedgerEntry {
            at,
            name,
            token,
            rev,
            before,
            after,
            location_id,
            run,
            clone,
            actor,
            body,
        } = entry;
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
            location_id,
            run,
            clone,
            actor,
            wire: None,
            downloaded: None,
            blob: None,
            plan_digest: None,
            lease_until: None,
            cause: None,
            evidence: None,
            csr: None,
            public_key_sha256: None,
            by: None,
            note: None,
            line: None,
            notice: None,
            ticket: None,
        };
        line.put(body);
        line
    }
}

impl LineFields {
    /// Fills in what only this event has.
    fn put(&mut self, body: EntryBody) {
        let line = self;
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
            EntryBody::Downloaded { file }
            | EntryBody::NotShown { file }
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
            EntryBody::Told { notice, .. } => line.notice = Some(notice),
            EntryBody::TicketLinked { ticket } => line.ticket = Some(ticket),
        }
    }

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
        self.blob = file.and_then(|file| file.blob);
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
