//! One tenant's file as a chain: each line names its number and the hash of the line before it.
//!
//! Removing, reordering, editing or inserting a line breaks the chain at a line that can be
//! named. Cutting whole lines off the *end* does not: only the branch's history shows that, which
//! `ledger verify` walks.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use super::line::{LineFault, decode, encode};
use crate::model::{LedgerEntry, Record, Sha256, TenantId};

/// The largest file of one tenant.
///
/// Ten tokens give some 150 lines of 700 bytes a year, so this lasts for over a century; a file
/// that comes near it is a mistake or an attack.
pub const MAX_FILE: usize = 16 * 1024 * 1024;

/// What is wrong with a tenant's file, at one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ChainError {
    /// The line's number, from 1.
    pub line: usize,
    pub fault: ChainFault,
    /// SHA-256 of the line as it stands, by which the policy can accept that the chain breaks there;
    /// `None` where reading on would tell nothing.
    pub accept: Option<Sha256>,
}

impl ChainError {
    /// A fault that only other bytes correct.
    pub fn new(line: usize, fault: ChainFault) -> Self {
        Self { line, fault, accept: None }
    }
}

/// What breaks a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A file without a line is never written.
    #[error("the file is empty")]
    Empty,
    /// The file is larger than [`MAX_FILE`].
    #[error("the file has {length} bytes; at most {MAX_FILE} are allowed")]
    TooLarge { length: usize },
    /// The last line does not end in a line feed.
    #[error("no line feed at the end; the line may be cut off")]
    NoFinalNewline,
    /// The line itself is bad.
    #[error(transparent)]
    Line(#[from] LineFault),
    /// The line's `seq` is not its number.
    #[error("`seq` is {found}, not {expected}")]
    BadSeq { expected: u64, found: u64 },
    /// The line's `prev` is not the hash of the line before it.
    #[error("`prev` is {found}, but the line before has {expected}")]
    BrokenPrev {
        /// The hash of the line before, or zeros.
        expected: Sha256,
        found: Sha256,
    },
    /// The file starts with the same line as another tenant's: it was copied or moved.
    #[error("the file is that of tenant {tenant}: both start with the same line")]
    OtherTenant {
        /// Whose file starts so, too.
        tenant: TenantId,
    },
}

impl ChainFault {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too-large",
            Self::NoFinalNewline => "no-final-newline",
            Self::Line(LineFault::TooLong { .. }) => "line-too-long",
            Self::Line(LineFault::BadJson { .. }) => "bad-json",
            Self::Line(LineFault::NotARecord { .. } | LineFault::Misfit(_)) => "not-a-record",
            Self::Line(LineFault::NotCanonical) => "not-canonical",
            Self::Line(LineFault::Unwritable) => "unwritable",
            Self::BadSeq { .. } => "bad-seq",
            Self::BrokenPrev { .. } => "broken-prev",
            Self::OtherTenant { .. } => "other-tenant",
        }
    }
}

/// The end of a chain: what the next line has to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The last line's number; 0 when there is none.
    pub seq: u64,
    /// The last line's hash; zeros when there is none.
    pub hash: Sha256,
}

impl Tail {
    /// The end of a chain that has no line yet.
    pub const EMPTY: Self = Self { seq: 0, hash: Sha256::ZERO };
}

/// The lines of one tenant's file, after each `prev` was checked against the line before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub records: Vec<Record>,
    /// The first line's hash, which tells two tenants' files apart.
    pub first: Sha256,
    pub tail: Tail,
}

/// New lines for the end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub bytes: Vec<u8>,
    pub records: Vec<Record>,
    pub first: Option<Sha256>,
    pub tail: Tail,
}

/// The records of a tenant's file with the chain's two ends, if every line is canonical and the chain
/// unbroken.
pub fn read_chain(bytes: &[u8]) -> Result<Chain, ChainError> {
    read_chain_past(bytes, &mut |_| false)
}

/// As [`read_chain`], but goes on behind a break that `goes_on` lets pass: the line there counts as it
/// stands, and one that is no record counts for nothing. The next line has to follow it.
pub fn read_chain_past(
    bytes: &[u8],
    goes_on: &mut dyn FnMut(&ChainError) -> bool,
) -> Result<Chain, ChainError> {
    let fail = |line, fault| Err(ChainError::new(line, fault));
    if bytes.len() > MAX_FILE {
        return fail(1, ChainFault::TooLarge { length: bytes.len() });
    }
    let mut records = Vec::with_capacity(bytes.len() / 512);
    let mut first = Sha256::ZERO;
    let mut tail = Tail::EMPTY;
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let number = index + 1;
        let Some(line) = line.strip_suffix(b"\n") else {
            return fail(number, ChainFault::NoFinalNewline);
        };
        let hash = Sha256::of(line);
        let record = decode(line);
        if let Some(fault) = break_at(&record, tail) {
            let error = ChainError { line: number, fault, accept: Some(hash) };
            if !goes_on(&error) {
                return Err(error);
            }
        }
        let seq = record.as_ref().map_or(tail.seq + 1, |record| record.seq);
        tail = Tail { seq, hash };
        if number == 1 {
            first = hash;
        }
        records.extend(record);
    }
    if tail == Tail::EMPTY {
        return fail(1, ChainFault::Empty);
    }
    Ok(Chain { records, first, tail })
}

/// What breaks the chain at a line that is to follow `tail`.
fn break_at(record: &Result<Record, LineFault>, tail: Tail) -> Option<ChainFault> {
    let record = match record {
        Ok(record) => record,
        Err(fault) => return Some(fault.clone().into()),
    };
    let (expected, found) = (tail.seq + 1, record.seq);
    if found != expected {
        return Some(ChainFault::BadSeq { expected, found });
    }
    let (expected, found) = (tail.hash, record.prev);
    (found != expected).then_some(ChainFault::BrokenPrev { expected, found })
}

/// The lines that carry `drafts` after `tail`, in the order given.
pub fn extend(
    mut tail: Tail,
    drafts: impl IntoIterator<Item = LedgerEntry>,
) -> Result<Extension, LineFault> {
    let mut bytes = Vec::new();
    let mut records = Vec::new();
    let mut first = None;
    for draft in drafts {
        let record = draft.at_place(tail.seq + 1, tail.hash);
        let line = encode(&record)?;
        tail = Tail { seq: record.seq, hash: Sha256::of(&line) };
        first = first.or(Some(tail.hash));
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
        records.push(record);
    }
    Ok(Extension { bytes, records, first, tail })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::testing::{arbitrary_draft, draft, sha};
    use crate::model::Event;

    fn lines() -> Vec<Vec<u8>> {
        let drafts = [
            draft(Event::Intended, 0, "run-1", Some(sha("a"))),
            draft(Event::Applied, 1, "run-1", Some(sha("a"))),
            draft(Event::Confirmed, 2, "run-1", Some(sha("a"))),
            draft(Event::Acknowledged, 3, "run-2", None),
        ];
        let bytes = extend(Tail::EMPTY, drafts).unwrap().bytes;
        bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    fn fault_of(lines: &[Vec<u8>]) -> (usize, &'static str) {
        let error = read_chain(&lines.concat()).unwrap_err();
        (error.line, error.fault.code())
    }

    #[test]
    fn an_untouched_chain_is_read_in_order() {
        let records = read_chain(&lines().concat()).unwrap().records;
        assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(records[0].prev, Sha256::ZERO);
    }

    #[test]
    fn a_removed_line_is_found_where_it_is_missing() {
        let mut lines = lines();
        lines.remove(1);
        assert_eq!(fault_of(&lines), (2, "bad-seq"));
    }

    #[test]
    fn a_removed_first_line_is_found() {
        assert_eq!(fault_of(&lines()[1..]), (1, "bad-seq"));
    }

    #[test]
    fn reordered_lines_are_found() {
        let mut lines = lines();
        lines.swap(1, 2);
        assert_eq!(fault_of(&lines), (2, "bad-seq"));
    }

    #[test]
    fn an_edited_line_is_found_at_the_line_after_it() {
        let mut lines = lines();
        let text = String::from_utf8(lines[1].clone()).unwrap().replace("run-1", "run-9");
        lines[1] = text.into_bytes();
        assert_eq!(fault_of(&lines), (3, "broken-prev"));
    }

    #[test]
    fn an_inserted_line_is_found() {
        let mut lines = lines();
        let forged = draft(Event::Applied, 9, "run-9", None).at_place(2, sha("forged"));
        let mut forged = encode(&forged).unwrap();
        forged.push(b'\n');
        lines.insert(1, forged);
        assert_eq!(fault_of(&lines), (2, "broken-prev"));
    }

    #[test]
    fn a_line_written_twice_is_found() {
        let mut lines = lines();
        lines.insert(1, lines[1].clone());
        assert_eq!(fault_of(&lines), (3, "bad-seq"));
    }

    #[test]
    fn a_cut_line_is_found() {
        let mut lines = lines();
        let half = lines[3].len() / 2;
        lines[3].truncate(half);
        assert_eq!(fault_of(&lines), (4, "no-final-newline"));
    }

    #[test]
    fn a_missing_final_newline_is_found() {
        let mut lines = lines();
        lines[3].pop();
        assert_eq!(fault_of(&lines), (4, "no-final-newline"));
    }

    #[test]
    fn behind_a_break_that_is_let_pass_the_lines_count_as_they_stand() {
        let mut edited = lines();
        let text = String::from_utf8(edited[1].clone()).unwrap().replace("run-1", "run-9");
        edited[1] = text.into_bytes();
        let mut breaks = Vec::new();
        let mut all = |error: &ChainError| {
            breaks.push((error.line, error.accept));
            true
        };
        let chain = read_chain_past(&edited.concat(), &mut all).unwrap();
        let runs: Vec<_> = chain.records.iter().map(|record| record.run.as_str()).collect();
        assert_eq!(runs, ["run-1", "run-9", "run-1", "run-2"]);
        let hash = |line: &[u8]| Sha256::of(line.strip_suffix(b"\n").unwrap());
        assert_eq!(breaks, [(3, Some(hash(&edited[2])))]);
        assert_eq!(
            chain.tail,
            Tail { seq: 4, hash: hash(&edited[3]) },
            "and it goes on from there"
        );

        // A line that is no record counts for nothing; the one behind it breaks as well.
        let mut garbled = lines();
        garbled[1] = b"{}\n".to_vec();
        let mut places = Vec::new();
        let mut all = |error: &ChainError| {
            places.push(error.line);
            true
        };
        let chain = read_chain_past(&garbled.concat(), &mut all).unwrap();
        assert_eq!((places, chain.records.len(), chain.tail.seq), (vec![2, 3], 3, 4));

        // Half a line is followed by nothing.
        let mut cut = lines().concat();
        cut.pop();
        assert!(read_chain_past(&cut, &mut |_| true).is_err());
    }

    #[test]
    fn windows_line_ends_blank_lines_and_an_empty_file_are_refused() {
        let mut crlf = lines();
        let end = crlf[0].len() - 1;
        crlf[0].insert(end, b'\r');
        assert_eq!(fault_of(&crlf), (1, "not-canonical"));
        let mut blank = lines();
        blank.push(b"\n".to_vec());
        assert_eq!(fault_of(&blank), (5, "bad-json"));
        assert_eq!(fault_of(&[]), (1, "empty"));
    }

    #[test]
    fn a_file_over_the_limit_is_refused_before_it_is_parsed() {
        let error = read_chain(&vec![b'\n'; MAX_FILE + 1]).unwrap_err();
        assert_eq!(error.fault.code(), "too-large");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_drafts_in_any_batching_give_one_chain(
            drafts in prop::collection::vec(arbitrary_draft(), 1..12),
            cuts in prop::collection::vec(any::<bool>(), 12),
        ) {
            let whole = extend(Tail::EMPTY, drafts.clone()).unwrap();
            let mut bytes = Vec::new();
            let mut tail = Tail::EMPTY;
            let mut batch = Vec::new();
            for (draft, cut) in drafts.iter().cloned().zip(cuts) {
                batch.push(draft);
                if cut {
                    let extension = extend(tail, batch.drain(..)).unwrap();
                    bytes.extend(extension.bytes);
                    tail = extension.tail;
                }
            }
            bytes.extend(extend(tail, batch).unwrap().bytes);
            prop_assert_eq!(&bytes, &whole.bytes);
            let chain = read_chain(&bytes).unwrap();
            prop_assert_eq!(&chain.records, &whole.records);
            prop_assert_eq!(chain.tail, whole.tail);
            let read: Vec<LedgerEntry> = chain.records.into_iter().map(|record| record.entry).collect();
            prop_assert_eq!(read, drafts);
        }

        #[test]
        fn no_bytes_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_chain(&bytes);
        }

        #[test]
        fn no_changed_byte_goes_unseen_except_in_the_last_line(at in 0usize..2000, to in any::<u8>()) {
            let lines = lines();
            let last = lines[3].len();
            let mut bytes = lines.concat();
            let at = at % (bytes.len() - last);
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            prop_assert!(read_chain(&bytes).is_err());
        }
    }
}
