//! A [`Record`] as one line of text: RFC 8785 (canonical) JSON and a line feed.
//!
//! Reading is strict on purpose: a line that is not byte for byte what writing its record would
//! give is refused, so that there is exactly one text, and one hash, for every record.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Actor, Cause, Event, Facts, Record, Sha256, TenantName, Timestamp, TokenRef};

/// The longest line, its line feed included.
///
/// A usual line is under 1 KiB and one with a CSR under 4 KiB; 64 KiB leaves room for long names
/// and keeps a hostile line from costing memory.
pub const MAX_LINE: usize = 64 * 1024;

/// What is wrong with one line, taken alone.
///
/// Columns instead of the text itself: the file is input from others, and its bytes belong into
/// no log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// Longer than [`MAX_LINE`].
    #[error("the line has {length} bytes; at most {MAX_LINE} are allowed")]
    TooLong {
        /// The line's length, its line feed included.
        length: usize,
    },
    /// Not JSON.
    #[error("not JSON (column {column})")]
    BadJson {
        /// Where the parser stopped.
        column: usize,
    },
    /// JSON, but not of a record: an unknown, missing or duplicate field, or a value out of range.
    #[error("not a ledger record (column {column}); a newer applecart may have written it")]
    NotARecord {
        /// Where the parser stopped.
        column: usize,
    },
    /// A record, but not written in canonical form.
    #[error("not in canonical form (RFC 8785)")]
    NotCanonical,
    /// A record that would not be read back as it is, such as one dated after the year 9999.
    #[error("the entry has a value that cannot be written")]
    Unwritable,
}

/// Who writes: the same for all entries of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The run's id.
    pub run: String,
    /// The clone's id.
    pub clone: String,
    /// The pipeline, user and machine.
    pub actor: Actor,
}

/// A [`Record`] that has no place in a chain yet: no `seq` and no `prev`.
///
/// Made with [`Draft::new`] and struct update syntax. It can be saved and read back, because
/// entries that could not be pushed are kept in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Draft {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// The tenant's name.
    pub name: TenantName,
    /// Which token.
    pub token: TokenRef,
    /// SHA-256 of the opened token file it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// The fleet commit that was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rev: Option<String>,
    /// Live facts before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Facts>,
    /// Facts after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Facts>,
    /// The run's id.
    pub run: String,
    /// The clone's id.
    pub clone: String,
    /// Who.
    pub actor: Actor,
    /// Sendings: the wire encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<String>,
    /// Sendings: the digest of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_digest: Option<String>,
    /// Intents: until when the run may still write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// Failures: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Opened renewals: the CSR, as the file that Apple's push portal takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
    /// Opened renewals: SHA-256 of the CSR's SubjectPublicKeyInfo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key_sha256: Option<Sha256>,
    /// Acknowledgements: who of the customer confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Acknowledgements: what they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Draft {
    /// An entry with the fields that every event has.
    pub fn new(
        at: Timestamp,
        event: Event,
        name: TenantName,
        token: TokenRef,
        author: &Author,
    ) -> Self {
        Self {
            at,
            event,
            name,
            token,
            sha256: None,
            rev: None,
            before: None,
            after: None,
            run: author.run.clone(),
            clone: author.clone.clone(),
            actor: author.actor.clone(),
            wire: None,
            plan_digest: None,
            lease_until: None,
            cause: None,
            csr: None,
            public_key_sha256: None,
            by: None,
            note: None,
        }
    }

    /// The record that this entry is at one place of a chain.
    pub fn into_record(self, seq: u64, prev: Sha256) -> Record {
        Record {
            seq,
            prev,
            at: self.at,
            event: self.event,
            name: self.name,
            token: self.token,
            sha256: self.sha256,
            rev: self.rev,
            before: self.before,
            after: self.after,
            run: self.run,
            clone: self.clone,
            actor: self.actor,
            wire: self.wire,
            plan_digest: self.plan_digest,
            lease_until: self.lease_until,
            cause: self.cause,
            csr: self.csr,
            public_key_sha256: self.public_key_sha256,
            by: self.by,
            note: self.note,
        }
    }
}

impl From<Record> for Draft {
    /// Takes a record out of its chain, to append it to another tip.
    fn from(record: Record) -> Self {
        Self {
            at: record.at,
            event: record.event,
            name: record.name,
            token: record.token,
            sha256: record.sha256,
            rev: record.rev,
            before: record.before,
            after: record.after,
            run: record.run,
            clone: record.clone,
            actor: record.actor,
            wire: record.wire,
            plan_digest: record.plan_digest,
            lease_until: record.lease_until,
            cause: record.cause,
            csr: record.csr,
            public_key_sha256: record.public_key_sha256,
            by: record.by,
            note: record.note,
        }
    }
}

/// The line of a record, without its line feed.
pub fn encode(record: &Record) -> Result<Vec<u8>, LineFault> {
    let line = serde_json_canonicalizer::to_vec(record).map_err(|_| LineFault::Unwritable)?;
    if line.len() >= MAX_LINE {
        return Err(LineFault::TooLong { length: line.len() + 1 });
    }
    // What cannot be read back would make the whole file unreadable for good.
    match decode(&line) {
        Ok(read) if read == *record => Ok(line),
        _ => Err(LineFault::Unwritable),
    }
}

/// The record of a line, which is given without its line feed.
pub fn decode(line: &[u8]) -> Result<Record, LineFault> {
    if line.len() >= MAX_LINE {
        return Err(LineFault::TooLong { length: line.len() + 1 });
    }
    let record: Record = serde_json::from_slice(line).map_err(|error| {
        let column = error.column();
        if error.is_data() {
            LineFault::NotARecord { column }
        } else {
            LineFault::BadJson { column }
        }
    })?;
    let canonical =
        serde_json_canonicalizer::to_vec(&record).map_err(|_| LineFault::NotCanonical)?;
    if canonical == line { Ok(record) } else { Err(LineFault::NotCanonical) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{at, author, draft, sha, vpp};
    use crate::model::FailureCode;

    fn line() -> String {
        let draft = Draft {
            lease_until: Some(at(15)),
            before: Some(Facts { location: Some("Löndon".into()), ..Facts::default() }),
            ..draft(Event::Intended, 0, "run-1", Some(sha("a")))
        };
        String::from_utf8(encode(&draft.into_record(1, Sha256::ZERO)).unwrap()).unwrap()
    }

    #[test]
    fn a_line_is_stable_canonical_json() {
        insta::assert_snapshot!(line(), @r#"{"actor":{"host":"desk","user":"dana"},"at":"2027-01-15T08:00:00Z","before":{"location":"Löndon"},"clone":"clone-1","event":"intended","leaseUntil":"2027-01-15T08:15:00Z","name":"contoso","prev":"0000000000000000000000000000000000000000000000000000000000000000","run":"run-1","seq":1,"sha256":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","token":{"id":null,"kind":"push","name":null}}"#);
    }

    #[test]
    fn only_the_canonical_text_of_a_record_is_read() {
        let line = line();
        assert!(decode(line.as_bytes()).is_ok());
        for (from, to) in [
            (":", ": "),
            ("\"event\"", "\"csr\":null,\"event\""),
            ("\"host\":\"desk\",\"user\":\"dana\"", "\"user\":\"dana\",\"host\":\"desk\""),
            ("ö", "\\u00f6"),
            ("ca978112", "CA978112"),
            ("08:00:00Z", "08:00:00.5Z"),
            ("08:00:00Z", "09:00:00+01:00"),
            ("\"seq\":1", "\"seq\":1.0"),
            ("\"seq\":1", "\"seq\":01"),
            ("\"seq\":1", "\"seq\":1,\"seq\":1"),
            ("\"id\":null,", ""),
            ("intended", "sent"),
            ("}}", "}} "),
        ] {
            let other = line.replacen(from, to, 1);
            assert_ne!(other, line, "{from}");
            assert!(decode(other.as_bytes()).is_err(), "{other}");
        }
        let cut = &line.as_bytes()[..line.len() - 1];
        assert!(matches!(decode(cut), Err(LineFault::BadJson { .. })));
    }

    #[test]
    fn an_unknown_field_is_refused_without_showing_it() {
        let line = line().replacen("{", "{\"aaa-s3cret\":1,", 1);
        let fault = decode(line.as_bytes()).unwrap_err();
        assert!(matches!(fault, LineFault::NotARecord { .. }));
        assert!(!fault.to_string().contains("s3cret"));
    }

    #[test]
    fn a_line_over_the_limit_is_neither_written_nor_read() {
        let long = Draft {
            cause: Some(Cause {
                code: FailureCode::Rejected,
                status: None,
                request_id: None,
                detail: Some("x".repeat(MAX_LINE)),
            }),
            ..draft(Event::Failed, 0, "run-1", None)
        };
        let record = long.into_record(1, Sha256::ZERO);
        assert!(matches!(encode(&record), Err(LineFault::TooLong { .. })));
        let text = serde_json_canonicalizer::to_vec(&record).unwrap();
        assert!(matches!(decode(&text), Err(LineFault::TooLong { .. })));
    }

    #[test]
    fn a_date_that_could_not_be_read_back_is_not_written() {
        let far = Timestamp::from_unix(300_000_000_000).unwrap();
        let draft =
            Draft::new(far, Event::Notified, "contoso".parse().unwrap(), vpp("L"), &author("r"));
        assert_eq!(encode(&draft.into_record(1, Sha256::ZERO)), Err(LineFault::Unwritable));
    }

    #[test]
    fn a_draft_survives_being_saved_and_taken_out_of_a_chain() {
        let draft = draft(Event::Applied, 3, "run-1", Some(sha("a")));
        let text = serde_json::to_string(&draft).unwrap();
        assert_eq!(serde_json::from_str::<Draft>(&text).unwrap(), draft);
        assert_eq!(Draft::from(draft.clone().into_record(7, sha("p"))), draft);
    }
}
