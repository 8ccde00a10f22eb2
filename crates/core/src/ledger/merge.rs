//! What one copy of a tenant's chain has that another one lacks.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use super::chain::{ChainError, read_chain};
use crate::model::{LedgerEntry, Record};

/// The entries of the file `own` that `theirs` lacks, in their order. `base` is the file as both
/// sides had it when they parted; empty where they never had anything in common.
///
/// Entries are compared whole, and as often as they stand there: the same thing that was recorded
/// twice is two entries.
pub fn lacking(own: &[u8], base: &[u8], theirs: &[Record]) -> Result<Vec<LedgerEntry>, ChainError> {
    let records = read_chain(own)?.records;
    let shared = if own.starts_with(base) { lines(base) } else { 0 };
    let mut theirs: Vec<&Record> = theirs.iter().skip(shared).collect();
    let lacking = records.into_iter().skip(shared).map(|record| record.entry).filter(|entry| {
        let twin = theirs.iter().position(|record| record.entry == *entry);
        if let Some(twin) = twin {
            theirs.remove(twin);
        }
        twin.is_none()
    });
    Ok(lacking.collect())
}

/// Whether two entries are about the same thing: what a person who appends a file twice, or with
/// another version of the program, does not mean twice.
pub fn is_about(one: &LedgerEntry, other: &LedgerEntry) -> bool {
    one.at == other.at
        && one.run == other.run
        && one.event() == other.event()
        && one.sha256() == other.sha256()
        && one.token == other.token
        && one.notice() == other.notice()
}

fn lines(file: &[u8]) -> usize {
    file.iter().filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::chain::{Tail, extend};
    use crate::ledger::testing::{draft, sha};
    use crate::model::Event;

    fn entry(run: &str) -> LedgerEntry {
        draft(Event::Applied, 0, run, Some(sha("a")))
    }

    fn chain(runs: &[&str]) -> (Vec<u8>, Vec<Record>) {
        let added = extend(Tail::EMPTY, runs.iter().map(|run| entry(run))).unwrap();
        (added.bytes, added.records)
    }

    #[track_caller]
    fn check(own: &[&str], base: &[&str], theirs: &[&str], expected: &[&str]) {
        let found = lacking(&chain(own).0, &chain(base).0, &chain(theirs).1).unwrap();
        let found: Vec<&str> = found.iter().map(|draft| draft.run.as_str()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_came_after_the_parting_is_lacking_unless_it_stands_there_too() {
        check(&["a", "b", "c"], &["a"], &["a", "x"], &["b", "c"]);
        check(&["a", "b", "c"], &["a"], &["a", "x", "b"], &["c"]);
        check(&["a"], &["a"], &["a", "x"], &[]);
    }

    #[test]
    fn without_anything_in_common_all_of_it_is_lacking_but_what_stands_there_too() {
        check(&["a", "b"], &[], &["x", "a"], &["b"]);
        check(&["a", "b"], &[], &[], &["a", "b"]);
    }

    #[test]
    fn twice_recorded_is_two_entries() {
        check(&["a", "b", "b"], &["a"], &["a", "b"], &["b"]);
        check(&["a", "a"], &["a"], &["a", "x"], &["a"]);
    }

    #[test]
    fn a_base_that_the_own_file_does_not_begin_with_counts_for_nothing() {
        check(&["a", "b"], &["z"], &["a", "x"], &["b"]);
    }
}
