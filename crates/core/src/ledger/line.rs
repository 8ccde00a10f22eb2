//! A [`Record`] as one line of text: RFC 8785 (canonical) JSON and a line feed.
//!
//! Reading is strict on purpose: a line that is not byte for byte what writing its record would
//! give is refused, so that there is exactly one text, and one hash, for every record.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use super::canonical::is_sorted;
use crate::model::{LineFields, LineMisfit, Record, Sha256, ToldFields};

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
    /// No line that this program writes comes near [`MAX_LINE`].
    #[error("the line has {length} bytes; at most {MAX_LINE} are allowed")]
    TooLong {
        /// The line's length, its line feed included.
        length: usize,
    },
    #[error("not JSON (column {column})")]
    BadJson { column: usize },
    /// JSON, but not of a record: an unknown, missing or duplicate field, or a value out of range.
    #[error("not a ledger record (column {column}); a newer applecart may have written it")]
    NotARecord { column: usize },
    /// Its fields are not those of its event, such as an intent without a lease.
    #[error(transparent)]
    Misfit(#[from] LineMisfit),
    /// A record, but not written in canonical form.
    #[error("not in canonical form (RFC 8785)")]
    NotCanonical,
    /// A record that would not be read back as it is, such as one dated after the year 9999.
    #[error("the entry has a value that cannot be written")]
    Unwritable,
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
    match told(line) {
        Some(record) => Ok(record),
        None => any(line),
    }
}

/// The record of a line that tells who was told. Whatever else the line is, or is not, [`any`] says.
fn told(line: &[u8]) -> Option<Record> {
    memchr::memmem::find(line, b"\"notice\":")?;
    let fields: ToldFields = serde_json::from_slice(line).ok()?;
    let written = serde_json::to_vec(&fields).ok()?;
    if is_sorted(line, &written) { fields.record() } else { None }
}

/// The record of a line of whatever event.
fn any(line: &[u8]) -> Result<Record, LineFault> {
    let fields: LineFields = serde_json::from_slice(line).map_err(|error| {
        let column = error.column();
        if error.is_data() {
            LineFault::NotARecord { column }
        } else {
            LineFault::BadJson { column }
        }
    })?;
    let written = serde_json::to_vec(&fields).map_err(|_| LineFault::NotCanonical)?;
    let is_canonical = is_sorted(line, &written)
        || serde_json_canonicalizer::to_vec(&fields).is_ok_and(|canonical| canonical == line);
    if is_canonical { Ok(fields.try_into()?) } else { Err(LineFault::NotCanonical) }
}

impl Record {
    /// SHA-256 of its line, by which the policy names it; `None` of one that no line can hold.
    pub fn line_sha256(&self) -> Option<Sha256> {
        encode(self).ok().map(|line| Sha256::of(&line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::read_chain;
    use crate::ledger::testing::{author, draft, intent, sha, vpp};
    use crate::model::{EntryBody, Event, Facts, LedgerEntry, Sha256, Timestamp};

    /// A chain with every event in every shape that a run writes, as written before entries were
    /// a sum type. Ledgers like it exist, so these bytes never change.
    const EVERY_EVENT: &str = include_str!("every-event.jsonl");

    fn line() -> String {
        let draft = LedgerEntry {
            before: Some(Facts { location: Some("Löndon".into()), ..Facts::default() }),
            ..intent(0, "run-1", sha("a"))
        };
        String::from_utf8(encode(&draft.at_place(1, Sha256::ZERO)).unwrap()).unwrap()
    }

    #[test]
    fn a_line_is_stable_canonical_json() {
        insta::assert_snapshot!(line(), @r#"{"actor":{"host":"desk","user":"dana"},"at":"2027-01-15T08:00:00Z","before":{"location":"Löndon"},"clone":"clone-1","event":"intended","leaseUntil":"2027-01-15T08:15:00Z","name":"contoso","prev":"0000000000000000000000000000000000000000000000000000000000000000","run":"run-1","seq":1,"sha256":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","token":{"id":null,"kind":"push","name":null}}"#);
    }

    #[test]
    fn every_event_is_read_and_written_byte_for_byte_as_it_always_was() {
        let records = read_chain(EVERY_EVENT.as_bytes()).unwrap().records;
        let mut events: Vec<Event> = records.iter().map(|record| record.event()).collect();
        events.sort();
        events.dedup();
        assert_eq!(events, Event::ALL, "every event has a line");
        for (record, line) in records.iter().zip(EVERY_EVENT.lines()) {
            assert_eq!(String::from_utf8(encode(record).unwrap()).unwrap(), line);
            let entry = serde_json::to_string(&record.entry).unwrap();
            assert_eq!(serde_json::from_str::<LedgerEntry>(&entry).unwrap(), record.entry);
        }
    }

    #[test]
    fn a_line_whose_fields_do_not_fit_its_event_is_refused() {
        let line_of = |event: &str| {
            let name = format!("\"event\":\"{event}\"");
            // Of the lines of an event, the one that says most.
            let lines = EVERY_EVENT.lines().filter(|line| line.contains(&name));
            lines.max_by_key(|line| line.len()).unwrap().to_owned()
        };
        let without = |event: &str, field: &str| {
            let mut line: serde_json::Value = serde_json::from_str(&line_of(event)).unwrap();
            assert!(line.as_object_mut().unwrap().remove(field).is_some(), "{event} {field}");
            line
        };
        let with = |event: &str, field: &str, from: &str| {
            let mut line: serde_json::Value = serde_json::from_str(&line_of(event)).unwrap();
            let lines = EVERY_EVENT.lines().map(|line| serde_json::from_str(line).unwrap());
            let mut lines = lines.filter(|other: &serde_json::Value| {
                other["event"] == from && other.get(field).is_some()
            });
            let other = lines.next().unwrap();
            assert!(
                line.as_object_mut().unwrap().insert(field.into(), other[field].clone()).is_none()
            );
            line
        };
        let cases = [
            (without("intended", "leaseUntil"), "a line of event `intended` needs `leaseUntil`"),
            (without("intended", "sha256"), "a line of event `intended` needs `sha256`"),
            (without("applied", "sha256"), "a line of event `applied` needs `sha256`"),
            (without("failed", "cause"), "a line of event `failed` needs `cause`"),
            (without("renewal-opened", "csr"), "a line of event `renewal-opened` needs `csr`"),
            (
                without("renewal-opened", "publicKeySha256"),
                "a line of event `renewal-opened` needs `publicKeySha256`",
            ),
            (without("not-shown", "sha256"), "a line of event `not-shown` needs `sha256`"),
            (
                without("outcome-unknown", "sha256"),
                "a line of event `outcome-unknown` needs `sha256`",
            ),
            (without("verified", "sha256"), "a line of event `verified` needs `sha256`"),
            (without("joined", "line"), "a line of event `joined` needs `line`"),
            (without("notified", "notice"), "a line of event `notified` needs `notice`"),
            (without("ticket-opened", "token"), "a line of event `ticket-opened` needs `token`"),
            (without("intended", "token"), "a line of event `intended` needs `token`"),
            (without("ticket-linked", "ticket"), "a line of event `ticket-linked` needs `ticket`"),
            (
                with("confirmed", "notice", "notified"),
                "a line of event `confirmed` has no `notice`",
            ),
            (
                with("verified", "evidence", "confirmed"),
                "a line of event `verified` has no `evidence`",
            ),
            (
                with("observed", "downloaded", "not-shown"),
                "a line of event `observed` has no `downloaded`",
            ),
            (without("acknowledged", "sha256"), "a line of event `acknowledged` needs `sha256`"),
            (
                with("applied", "leaseUntil", "intended"),
                "a line of event `applied` has no `leaseUntil`",
            ),
            (with("confirmed", "cause", "failed"), "a line of event `confirmed` has no `cause`"),
            (with("confirmed", "wire", "applied"), "a line of event `confirmed` has no `wire`"),
            (with("adopted", "sha256", "applied"), "a line of event `adopted` has no `sha256`"),
            (with("failed", "note", "acknowledged"), "a line of event `failed` has no `note`"),
            (
                without("adopted", "prev"),
                "`seq` and `prev` belong to lines of a chain, and only to those",
            ),
        ];
        for (line, expected) in cases {
            let text = serde_json_canonicalizer::to_vec(&line).unwrap();
            let fault = decode(&text).unwrap_err();
            assert!(matches!(fault, LineFault::Misfit(_)), "{line}: {fault}");
            assert_eq!(fault.to_string(), expected);
        }
        // An entry that was saved in a file has no place in a chain.
        assert!(serde_json::from_str::<LedgerEntry>(&line_of("adopted")).is_err());
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
    fn the_short_way_reads_nothing_that_the_long_one_reads_otherwise() {
        let (mut short, mut refused) = (0, 0);
        for line in EVERY_EVENT.lines() {
            if let Some(record) = told(line.as_bytes()) {
                short += 1;
                assert_eq!(any(line.as_bytes()), Ok(record));
            }
            // With each byte changed, left out or doubled.
            for at in 0..line.len() {
                let (before, after) = line.as_bytes().split_at(at);
                let (own, rest) = (&after[..1], &after[1..]);
                for other in [&b"x"[..], b"0", b"\"", b" ", b"", &[own, own].concat()] {
                    let changed = [before, other, rest].concat();
                    match told(&changed) {
                        Some(record) => assert_eq!(any(&changed), Ok(record)),
                        None => refused += 1,
                    }
                }
            }
        }
        let is_told = |line: &&str| line.contains("\"notice\":");
        assert_eq!(short, EVERY_EVENT.lines().filter(is_told).count());
        assert!(refused > 0);
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
        let mut long = draft(Event::Failed, 0, "run-1", None);
        if let EntryBody::Failed { cause, .. } = &mut long.body {
            cause.detail = Some("x".repeat(MAX_LINE));
        }
        let record = long.at_place(1, Sha256::ZERO);
        assert!(matches!(encode(&record), Err(LineFault::TooLong { .. })));
        let text = serde_json_canonicalizer::to_vec(&record).unwrap();
        assert!(matches!(decode(&text), Err(LineFault::TooLong { .. })));
    }

    #[test]
    fn a_date_that_could_not_be_read_back_is_not_written() {
        let far = Timestamp::from_unix(300_000_000_000).unwrap();
        let name = "contoso".parse().unwrap();
        let draft = LedgerEntry::new(far, name, vpp("L"), &author("r"), EntryBody::Adopted);
        assert_eq!(encode(&draft.at_place(1, Sha256::ZERO)), Err(LineFault::Unwritable));
    }

    #[test]
    fn a_draft_survives_being_saved_and_taken_out_of_a_chain() {
        let draft = draft(Event::Applied, 3, "run-1", Some(sha("a")));
        let text = serde_json::to_string(&draft).unwrap();
        assert_eq!(serde_json::from_str::<LedgerEntry>(&text).unwrap(), draft);
        assert_eq!(draft.clone().at_place(7, sha("p")).entry, draft);
    }
}
