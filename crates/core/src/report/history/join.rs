//! Git's history and the ledger's lines, as one timeline per token.
//!
//! Each record keeps its own order, commits that of the mainline and lines that of their chain,
//! for clocks can be wrong and parents cannot. Between the two, times decide.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::changes::{Pairs, between, of_record, of_token};
use super::force::{GitStep, Past, in_force};
use super::tokens::Lines;
use super::{
    CommitEntry, FactChange, GitEvent, Origin, RecordEntry, Review, TimelineEntry, TokenHistory,
    Version, reviewers,
};
use crate::fleet::{Desired, Tenant, Token};
use crate::ledger::TenantLedger;
use crate::model::{EntryBody, Event, Facts, Phase, Record, Sha256, Telling, TenantId, Timestamp};

/// Which entries are wanted, and which instant is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// The instant for which the credential in force is wanted; now where none is.
    pub at: Option<Timestamp>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Period {
    /// A change counts when it was made, and when it was merged: until then it changed nothing.
    fn touches(&self, entry: &TimelineEntry) -> bool {
        let merged = entry.merge.as_ref().map(|merge| merge.committed);
        [Some(entry.at), merged].into_iter().flatten().any(|at| {
            self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at <= until)
        })
    }
}

/// What is known of a tenant's past.
#[derive(Clone, Debug)]
pub struct TenantPast<'a> {
    pub name: String,
    /// The commits that changed the folder, newest first; behind each merge those that it brought.
    pub versions: Vec<Version>,
    /// The ledger's files of every tenant id that the folder had, the newest id first.
    pub ledgers: Vec<(TenantId, &'a TenantLedger)>,
    /// The lines about who was told of what, and about tickets, of the same ids.
    pub told: Vec<(TenantId, &'a [Record])>,
    /// Why there are none, where that is not because nothing was recorded.
    pub ledger_problem: Option<String>,
}

/// Whether a timeline shows it: of tickets what their system took, and their number.
fn is_shown(record: &Record) -> bool {
    match &record.body {
        EntryBody::Told { event, notice } => {
            *event != Telling::Notified && notice.phase == Phase::Sent
        }
        _ => true,
    }
}

/// The ledger's lines of each token, oldest first. A token that Git never named is added to `lines`.
fn records_of<'a>(
    past: &TenantPast<'a>,
    tenant_id: Option<TenantId>,
    lines: &mut Lines,
) -> Vec<Vec<(TenantId, &'a Record)>> {
    let mut records: Vec<Vec<(TenantId, &Record)>> = vec![Vec::new(); lines.all.len()];
    let names = names_of(past);
    let tickets = past.told.iter().map(|&(tenant, told)| (tenant, told));
    let ledgers = past.ledgers.iter().map(|&(tenant, ledger)| (tenant, ledger.records.as_slice()));
    for (tenant, all) in ledgers.chain(tickets) {
        for record in all.iter().filter(|record| is_shown(record)) {
            // The folder may once have named another customer's id by mistake; that customer's
            // lines are not this one's.
            if Some(tenant) != tenant_id && !names.contains(record.name.as_str()) {
                continue;
            }
            let Some(token) = &record.token else { continue };
            let line = lines.of_token(token);
            records.resize_with(lines.all.len().max(records.len()), Vec::new);
            if let Some(of) = records.get_mut(line) {
                of.push((tenant, record));
            }
        }
    }
    if past.ledgers.len() > 1 || !past.told.is_empty() {
        records.iter_mut().for_each(|of| of.sort_by_key(|(_, record)| record.at));
    }
    records
}

/// Every token's timeline: those that Git names now first, each kind by itself, push first.
pub fn tokens_of(past: &TenantPast<'_>, period: Period, now: Timestamp) -> Vec<TokenHistory> {
    let mut lines = Lines::of(&past.versions);
    let named_by_git = lines.all.len();
    let tenant_id = known_id(past);
    let records = records_of(past, tenant_id, &mut lines);
    let newest = past.versions.iter().find(|version| version.via.is_none());
    let head = newest.and_then(|version| version.after.as_deref()).and_then(Desired::valid);
    // An invalid folder still has the tokens that it had while it was right.
    let is_broken = newest.and_then(|version| version.after.as_deref());
    let is_broken = is_broken.is_some_and(|desired| desired.valid().is_none());
    let head_lines = newest
        .and_then(|newest| past.versions.iter().position(|one| std::ptr::eq(one, newest)))
        .and_then(|index| lines.of_versions.get(index));
    let display_name = past
        .versions
        .iter()
        .flat_map(|version| [&version.after, &version.before])
        .find_map(|side| side.as_deref()?.valid()?.display_name.clone());
    let mut tokens = Vec::new();
    for (index, line) in lines.all.iter().enumerate() {
        let in_git = is_broken
            || (head.is_some() && head_lines.is_some_and(|[after, _]| after.contains(&index)));
        let steps = steps(past, &lines, index);
        let records = records.get(index).map(Vec::as_slice).unwrap_or_default();
        let ordered = Past { steps: &steps, records, problem: past.ledger_problem.as_deref() };
        let in_force = in_force(&ordered, period.at.unwrap_or(now));
        let mut entries = merged(steps, records);
        let all = entries.len();
        entries.retain(|entry| period.touches(entry));
        tokens.push(TokenHistory {
            tenant: past.name.clone(),
            tenant_id,
            display_name: display_name.clone(),
            kind: line.kind(),
            name: line.name().map(str::to_owned),
            id: line.id().map(str::to_owned),
            in_git: in_git && index < named_by_git,
            ledger_problem: past.ledger_problem.clone(),
            in_force,
            left_out: all - entries.len(),
            live: None,
            entries,
        });
    }
    tokens.sort_by_key(|token| (!token.in_git, token.kind));
    tokens
}

/// Every name that the folder had.
fn names_of<'a>(past: &'a TenantPast<'_>) -> BTreeSet<&'a str> {
    let folders = past.versions.iter().map(|version| version.folder.as_str());
    folders.chain([past.name.as_str()]).collect()
}

/// The tenant id that the newest readable version has.
fn known_id(past: &TenantPast<'_>) -> Option<TenantId> {
    past.versions
        .iter()
        .flat_map(|version| [&version.after, &version.before])
        .find_map(|side| side.as_deref()?.tenant_id())
        .or_else(|| past.ledgers.first().map(|(tenant, _)| *tenant))
}

/// One side of a version, as far as one token is concerned.
enum Side<'a> {
    /// There is no such token.
    Absent,
    /// The folder has a mistake.
    Unreadable,
    Here(&'a Tenant, &'a Token),
}

impl<'a> Side<'a> {
    fn pairs(&self) -> Pairs {
        match self {
            Self::Here(tenant, token) => of_token(tenant, token),
            _ => Pairs::new(),
        }
    }

    fn state(&self) -> State<'a> {
        match *self {
            Self::Absent => State::Absent,
            Self::Unreadable => State::Unreadable,
            Self::Here(_, token) => State::Here(
                self.pairs(),
                token.file.as_ref().map(|file| (file.sha256, file.blob.as_str())),
            ),
        }
    }

    fn sha256(&self) -> Option<Sha256> {
        match self {
            Self::Here(_, token) => token.file.as_ref().map(|file| file.sha256),
            _ => None,
        }
    }
}

/// What a commit left, for telling two that left the same.
#[derive(PartialEq, Eq)]
enum State<'a> {
    Absent,
    Unreadable,
    Here(Pairs, Option<(Sha256, &'a str)>),
}

impl Side<'_> {
    fn tracked(&self) -> Option<Facts> {
        match self {
            Self::Here(_, token) if token.file.is_none() => Some(token.facts.clone()),
            _ => None,
        }
    }
}

fn side<'a>(desired: Option<&'a Arc<Desired>>, found: &[usize], line: usize) -> Side<'a> {
    match desired.map(|desired| (&**desired, desired.valid())) {
        None => Side::Absent,
        Some((_, None)) => Side::Unreadable,
        Some((_, Some(tenant))) => {
            let place = found.iter().position(|&of| of == line);
            place
                .and_then(|place| tenant.tokens().nth(place))
                .map_or(Side::Absent, |token| Side::Here(tenant, token))
        }
    }
}

/// What every commit did to one token, oldest first; commits that left it alone are left out.
fn steps(past: &TenantPast<'_>, lines: &Lines, line: usize) -> Vec<GitStep> {
    let mut steps = Vec::new();
    // The token as the mainline had it when it could last be read.
    let mut readable: Option<Pairs> = None;
    for (group, of_versions) in groups(&past.versions, &lines.of_versions) {
        // What it was before the commits that the group's merge brought, and what they left.
        let mut brought: Option<[State<'_>; 2]> = None;
        // Behind a merge stand the commits that it brought, newest first; they were made before it.
        for (version, [after_lines, before_lines]) in group.iter().zip(of_versions).rev() {
            let after = side(version.after.as_ref(), after_lines, line);
            let before = side(version.before.as_ref(), before_lines, line);
            let mainline = version.via.is_none();
            let happened = happened([&before, &after], version, readable.as_ref());
            let Some((event, changes)) = happened else { continue };
            if mainline && matches!(after, Side::Here(..)) {
                readable = Some(after.pairs());
            }
            let (sha256, was) = (after.sha256(), before.sha256());
            let states = [before.state(), after.state()];
            let told = mainline && brought.as_ref() == Some(&states);
            let [from, to] = states;
            brought = Some([brought.map_or(from, |[first, _]| first), to]);
            steps.push(GitStep {
                sha256,
                before: was,
                tracked: after.tracked(),
                mainline,
                told,
                entry: TimelineEntry {
                    at: version.commit.committed,
                    origin: Origin::Git,
                    event: event.into(),
                    sha256: sha256.or(was.filter(|_| event == GitEvent::Removed)),
                    changes,
                    commit: Some(CommitEntry::from(&version.commit)),
                    merge: version.via.as_ref().map(CommitEntry::from),
                    review: version
                        .via
                        .as_ref()
                        .and_then(Review::of)
                        .or_else(|| Review::of(&version.commit)),
                    reviewers: reviewers(version.via.iter().chain([&version.commit])),
                    record: None,
                },
            });
        }
    }
    steps
}

/// What a commit did to a token, and which facts it changed; `None` where it left it alone.
/// `readable` is the token as the mainline had it when it could last be read.
fn happened(
    [before, after]: [&Side<'_>; 2],
    version: &Version,
    readable: Option<&Pairs>,
) -> Option<(GitEvent, Vec<FactChange>)> {
    let (old, new) = (before.pairs(), after.pairs());
    let mut changes = between(&old, &new);
    let event = match (before, after) {
        (Side::Absent, Side::Absent) => return None,
        (Side::Unreadable, Side::Unreadable | Side::Absent)
            if readable.is_none() && version.via.is_none() =>
        {
            return None;
        }
        (_, Side::Unreadable) => {
            changes.clear();
            GitEvent::Unreadable
        }
        (Side::Unreadable, Side::Here(..)) => {
            changes = readable.map_or(changes, |last| between(last, &new));
            GitEvent::Readable
        }
        (Side::Absent, Side::Here(..)) => {
            // It says nothing that its place does not say.
            changes.retain(|change| change.fact != "folder");
            if version.cut_off { GitEvent::CutOff } else { GitEvent::Added }
        }
        (_, Side::Absent) if version.renamed_to.is_some() => GitEvent::FolderRenamed,
        (_, Side::Absent) => {
            changes.clear();
            GitEvent::Removed
        }
        (Side::Here(_, old), Side::Here(_, new)) => edited(old, new, version, !changes.is_empty())?,
    };
    if event == GitEvent::FolderRenamed
        && let Some(to) = &version.renamed_to
    {
        changes.retain(|change| change.fact == "folder");
        changes.iter_mut().for_each(|change| change.to = Some(to.clone()));
    }
    Some((event, changes))
}

/// Each commit of the mainline with those that it brought, oldest first.
fn groups<'a>(
    versions: &'a [Version],
    lines: &'a [[Vec<usize>; 2]],
) -> impl Iterator<Item = (&'a [Version], &'a [[Vec<usize>; 2]])> {
    let mut bounds: Vec<usize> = versions
        .iter()
        .enumerate()
        .filter(|(_, version)| version.via.is_none())
        .map(|(index, _)| index)
        .collect();
    if bounds.first() != Some(&0) {
        bounds.insert(0, 0);
    }
    bounds.push(versions.len());
    let ranges: Vec<_> =
        bounds.windows(2).filter_map(|pair| Some(*pair.first()?..*pair.get(1)?)).collect();
    ranges
        .into_iter()
        .rev()
        .filter_map(|range| Some((versions.get(range.clone())?, lines.get(range)?)))
}

fn edited(old: &Token, new: &Token, version: &Version, differs: bool) -> Option<GitEvent> {
    let event = match (&old.file, &new.file) {
        (Some(old), Some(new)) if old.sha256 != new.sha256 => GitEvent::FileReplaced,
        (None, Some(_)) => GitEvent::FileAdded,
        (Some(_), None) => GitEvent::FileRemoved,
        _ if version.renamed_from.is_some() => GitEvent::FolderRenamed,
        (Some(old), Some(new)) if !differs && old.blob != new.blob => GitEvent::Resealed,
        _ if differs => GitEvent::Edited,
        _ => return None,
    };
    Some(event)
}

/// Both records, oldest first.
fn merged(steps: Vec<GitStep>, records: &[(TenantId, &Record)]) -> Vec<TimelineEntry> {
    let mut commits = steps.into_iter().filter(|step| !step.told).map(|step| step.entry).peekable();
    let mut lines = records.iter().map(|&(tenant, record)| entry_of(tenant, record)).peekable();
    let mut all = Vec::new();
    loop {
        let commit_first = match (commits.peek(), lines.peek()) {
            (None, None) => return all,
            (Some(commit), Some(line)) => commit.at <= line.at,
            (commit, _) => commit.is_some(),
        };
        all.extend(if commit_first { commits.next() } else { lines.next() });
    }
}

fn entry_of(tenant: TenantId, record: &Record) -> TimelineEntry {
    let changes = match record.event() {
        Event::Acknowledged | Event::Downloaded => Vec::new(),
        _ => of_record(record.before.as_ref(), record.after.as_ref()),
    };
    TimelineEntry {
        at: record.at,
        origin: Origin::Ledger,
        event: record.event().into(),
        sha256: record.sha256(),
        changes,
        commit: None,
        merge: None,
        review: None,
        reviewers: Vec::new(),
        record: Some(RecordEntry::of(tenant, record)),
    }
}
