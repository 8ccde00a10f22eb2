//! What the notes remember of telling: which step of what was claimed, sent or failed, at which sink.
//!
//! Two phases, as with uploads: a run *claims* a step before it sends, and records the *outcome*
//! afterwards. A run that died between leaves a claim, which ends after [`LEASE`]; the next one sends the
//! same message with the same idempotency key. A run that is asked to stop hands back what it claimed and
//! did not begin: it claims it until now.

use std::collections::BTreeMap;

use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ledger::{LEASE, tells};
use crate::model::{Notice, Phase, Record, Sha256, Telling, TenantId, Timestamp};

/// How far a step has come at a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The sink has it.
    Sent,
    /// Another run may be sending it.
    Busy,
    /// It was claimed, and did not arrive, or nobody knows: the same message is due again.
    Due,
}

/// One step at one sink, as the lines have it.
#[derive(Clone, Debug)]
pub struct Remembered<'a> {
    pub step: &'a str,
    /// The instant by which it was first judged.
    pub on: Timestamp,
    /// The message that told of it, or is to.
    pub delivery: Sha256,
    pub standing: Standing,
    /// The newest line about it.
    pub record: &'a Record,
    pub notice: &'a Notice,
    /// How often it was claimed in a row without a record of what came of it.
    unanswered: u32,
}

/// Who asks: what a claim is worth depends on it.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    pub real_now: Timestamp,
    /// The run itself, whose own claims bind nobody but others.
    pub run: &'a str,
    /// Holding this clone's lock proves that no other run of it is sending.
    pub clone: &'a str,
}

impl Asker<'static> {
    /// One who only looks: nothing that was claimed is theirs.
    pub fn onlooker(real_now: Timestamp) -> Self {
        Self { real_now, run: "", clone: "" }
    }
}

/// The steps of one matter or ticket at one sink, in the order in which they were first claimed.
pub type Thread<'a> = Vec<Remembered<'a>>;

/// What is remembered of one sink, by the file that it stands in and the matter or ticket.
pub type Threads<'a> = BTreeMap<(TenantId, String), Thread<'a>>;

/// What is remembered of these events at a sink. `is_possible` is asked of each line, with how far its step
/// is known to have come: what no run can have written is not remembered.
pub fn threads<'a>(
    told: &'a BTreeMap<TenantId, Vec<Record>>,
    sink: &str,
    (is_of, mut is_possible): (
        impl Fn(Telling) -> bool,
        impl FnMut(TenantId, &'a Record, &'a Notice, Option<Standing>) -> bool,
    ),
    asker: Asker<'_>,
) -> Threads<'a> {
    let mut threads = Threads::new();
    for (&tenant, records) in told {
        for record in records {
            let is_wanted =
                |(event, notice): &(Telling, &Notice)| is_of(*event) && notice.sink == sink;
            let Some((_, notice)) = record.notice().filter(is_wanted) else { continue };
            let thread = threads.entry((tenant, notice.key.clone())).or_default();
            let known = thread.iter().find(|known| known.step == notice.step);
            if is_possible(tenant, record, notice, known.map(|known| known.standing)) {
                add(thread, record, notice, asker);
            }
        }
    }
    threads.retain(|_, thread| !thread.is_empty());
    threads
}

fn add<'a>(thread: &mut Thread<'a>, record: &'a Record, notice: &'a Notice, asker: Asker<'_>) {
    if matches!(notice.phase, Phase::Dropped { .. }) {
        // What arrived once has arrived.
        let is_it = |known: &Remembered<'_>| known.step == notice.step;
        thread.retain(|known| !is_it(known) || known.standing == Standing::Sent);
        return;
    }
    let standing = standing(record, notice, asker);
    match thread.iter_mut().find(|known| known.step == notice.step) {
        None => thread.push(Remembered {
            step: &notice.step,
            on: notice.on,
            delivery: notice.delivery,
            standing,
            record,
            notice,
            unanswered: u32::from(is_claim(notice)),
        }),
        // What arrived once has arrived, and an earlier claim that still stands goes before a later one.
        Some(known) if known.standing == Standing::Sent => {}
        Some(known) if is_claim(notice) && was_bound(known, record, asker) => {}
        Some(known) => {
            let is_repeated = is_left(known, record);
            known.unanswered =
                match (is_claim(notice) && !is_handed_back(record, notice), is_repeated) {
                    (true, true) => known.unanswered.saturating_add(1),
                    (is_claim, _) => u32::from(is_claim),
                };
            let is_loop = known.unanswered > CLAIMS;
            known.standing = if is_loop { Standing::Due } else { standing };
            known.delivery = notice.delivery;
            (known.record, known.notice) = (record, notice);
        }
    }
}

fn is_claim(notice: &Notice) -> bool {
    matches!(notice.phase, Phase::Claimed { .. })
}

/// Whether a run ends its own claim by this line: nothing was sent by it.
fn is_handed_back(record: &Record, notice: &Notice) -> bool {
    matches!(notice.phase, Phase::Claimed { until } if until <= record.at)
}

/// Whether a claim still stood when another clone claimed the same: then the later one was lost, and whoever
/// wrote it has sent nothing.
fn was_bound(known: &Remembered<'_>, later: &Record, asker: Asker<'_>) -> bool {
    let Phase::Claimed { until } = known.notice.phase else { return false };
    let first = known.record;
    // A clone claims again what it knows that its own dead run will not send.
    let is_others = first.run != later.run && first.clone != later.clone;
    is_others && known.unanswered <= CLAIMS && until > later.at && is_bound(first, until, asker)
}

/// Whether a line comes after a claim whose run is dead: its clone goes on, or its time was over. Runs that
/// each work in a fresh clone have no other name in common than the step.
fn is_left(known: &Remembered<'_>, later: &Record) -> bool {
    let Phase::Claimed { until } = known.notice.phase else { return false };
    known.record.clone == later.clone || until <= later.at
}

/// A claim that asks for longer than a run may have, or from the future, binds nobody.
fn is_bound(record: &Record, until: Timestamp, asker: Asker<'_>) -> bool {
    until <= record.at.plus(LEASE) && record.at <= asker.real_now.plus(AHEAD)
}

fn standing(record: &Record, notice: &Notice, asker: Asker<'_>) -> Standing {
    match &notice.phase {
        Phase::Sent => Standing::Sent,
        Phase::Failed { .. } | Phase::Refused { .. } | Phase::Dropped { .. } => Standing::Due,
        Phase::Claimed { until } => {
            let is_own = record.run == asker.run || record.clone == asker.clone;
            let is_over = *until <= asker.real_now || !is_bound(record, *until, asker);
            if is_own || is_over { Standing::Due } else { Standing::Busy }
        }
    }
}

/// So many claims in a row that end in nothing keep others waiting. Runs that die again and again, of one
/// clone or of a fresh one each, would silence everybody.
const CLAIMS: u32 = 2;

/// How far two right clocks may be apart.
pub(super) const AHEAD: Duration = Duration::minutes(10);

/// Whether a claim that has landed is this run's to send: nobody's landed before it, and nobody has sent
/// it meanwhile. `chain` is its file as it was directly after landing, and `judged` what the run knew of it
/// when it found the step due: that decides no more.
pub fn is_won(
    file: TenantId,
    (chain, judged): (&[Record], &[Record]),
    claim: &Record,
    asker: Asker<'_>,
) -> bool {
    let Some((event, own)) = claim.notice() else { return false };
    let mut thread = Thread::new();
    // What has no effect was not judged either.
    let is_bound = |record: &&Record| tells(file, record, asker.real_now);
    let telling = chain.iter().filter(|record| record.event().is_telling()).filter(is_bound);
    let known = telling.clone().zip(judged).take_while(|(landed, known)| landed == known).count();
    for record in telling.skip(known).take_while(|record| record.seq < claim.seq) {
        let same = |(other, notice): &(Telling, &Notice)| {
            *other == event
                && (&notice.key, &notice.sink, &notice.step) == (&own.key, &own.sink, &own.step)
        };
        if let Some((_, notice)) = record.notice().filter(same) {
            add(&mut thread, record, notice, asker);
        }
    }
    thread.first().is_none_or(|known| known.standing == Standing::Due)
}

/// Messages that another run claimed and may be sending; if it is dead, nobody is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claimed {
    pub messages: usize,
    /// When the first of them was claimed.
    pub since: Timestamp,
    /// When all of the claims are over; the first run after that sends what did not arrive.
    pub until: Timestamp,
}

/// What of these events other runs hold at these sinks; `None` where nothing is.
pub fn claimed<'s>(
    told: &BTreeMap<TenantId, Vec<Record>>,
    sinks: impl Iterator<Item = &'s str>,
    is_of: impl Fn(Telling) -> bool,
    asker: Asker<'_>,
) -> Option<Claimed> {
    let mut claims: BTreeMap<Sha256, (Timestamp, Timestamp)> = BTreeMap::new();
    for sink in sinks {
        let threads = threads(told, sink, (&is_of, |_, _, _, _| true), asker);
        for one in threads.values().flatten().filter(|one| one.standing == Standing::Busy) {
            if let Phase::Claimed { until } = one.notice.phase {
                claims.insert(one.delivery, (one.record.at, until));
            }
        }
    }
    let since = claims.values().map(|(since, _)| *since).min()?;
    let until = claims.values().map(|(_, until)| *until).max()?;
    Some(Claimed { messages: claims.len(), since, until })
}

/// A matter or ticket at a sink: its file, its key, and the sink.
pub type Place<'a> = (TenantId, &'a str, &'a str);

/// How often something of each did not arrive. Its steps count as one, or they would change their order.
pub fn failures(told: &BTreeMap<TenantId, Vec<Record>>) -> BTreeMap<Place<'_>, usize> {
    let mut failures = BTreeMap::new();
    for (&file, records) in told {
        for (_, notice) in records.iter().filter_map(|record| record.notice()) {
            if matches!(notice.phase, Phase::Failed { .. } | Phase::Refused { .. }) {
                let place: Place<'_> = (file, &notice.key, &notice.sink);
                *failures.entry(place).or_default() += 1;
            }
        }
    }
    failures
}

/// Since when nothing has arrived at a sink, though something was to; `None` where the last that was
/// tried did. `is_awaited` says of which files and events something can still arrive.
pub fn failing_since<'a>(
    told: &'a BTreeMap<TenantId, Vec<Record>>,
    sink: &str,
    is_awaited: impl Fn(TenantId, Telling) -> bool,
) -> Option<(Timestamp, &'a str)> {
    let mut sent: Option<Timestamp> = None;
    let mut all: Vec<(&'a Notice, &'a str)> = Vec::new();
    for (&file, records) in told {
        let from = all.len();
        let notices = records.iter().filter_map(|record| record.notice());
        for (event, notice) in notices.filter(|(_, notice)| notice.sink == sink) {
            match &notice.phase {
                Phase::Sent => sent = sent.max(Some(notice.on)),
                Phase::Failed { why } | Phase::Refused { why } if is_awaited(file, event) => {
                    all.push((notice, why));
                }
                Phase::Dropped { .. } => {
                    let own = all.split_off(from);
                    let is_other = |(known, _): &(&Notice, &str)| {
                        (&known.key, &known.step) != (&notice.key, &notice.step)
                    };
                    all.extend(own.into_iter().filter(is_other));
                }
                Phase::Failed { .. } | Phase::Refused { .. } | Phase::Claimed { .. } => {}
            }
        }
    }
    let failed = all.into_iter().map(|(notice, why)| (notice.on, why));
    let failed = failed.filter(|(on, _)| Some(*on) > sent);
    let (first, last) = failed.fold((None, None), |(first, last), one: (Timestamp, &str)| {
        let first: Option<(Timestamp, &str)> = first;
        let last: Option<(Timestamp, &str)> = last;
        (
            first.filter(|known| known.0 <= one.0).or(Some(one)),
            last.filter(|known| known.0 > one.0).or(Some(one)),
        )
    });
    first.zip(last).map(|((since, _), (_, why))| (since, why))
}

/// A message that a sink refused and has not taken since, though it may take others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    pub since: Timestamp,
    pub last: Timestamp,
    pub why: &'a str,
}

impl Refused<'_> {
    /// Whether it is tried again: in every run of the first hour, in which somebody may be mending the
    /// receiver; then each time after as long as it has lasted, and at least once a day.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let lasted = self.last.since(self.since);
        let pause = lasted.min(DAILY);
        // A line from the future would put it off for as long as it pleases.
        lasted < Duration::hours(1) || now < self.last || now.since(self.last) >= pause
    }
}

/// A daily schedule does not start at the same second every day.
const DAILY: Duration = Duration::hours(22);

/// The messages that a sink refused, by their idempotency key. `is_awaited` says of which files and events
/// something can still arrive.
pub fn refused<'a>(
    told: &'a BTreeMap<TenantId, Vec<Record>>,
    sink: &str,
    is_awaited: impl Fn(TenantId, Telling) -> bool,
) -> BTreeMap<Sha256, Refused<'a>> {
    let mut all: BTreeMap<Sha256, Refused<'a>> = BTreeMap::new();
    for (&file, records) in told {
        let mut refused: BTreeMap<Sha256, (Refused<'a>, &'a Notice)> = BTreeMap::new();
        let notices = records.iter().filter_map(|record| record.notice());
        for (event, notice) in notices.filter(|(_, notice)| notice.sink == sink) {
            let on = notice.on;
            match &notice.phase {
                Phase::Refused { why } if is_awaited(file, event) => {
                    let first = Refused { since: on, last: on, why };
                    let (known, _) = refused.entry(notice.delivery).or_insert((first, notice));
                    (known.last, known.why) = (on, why);
                }
                // With a corrected number the same step is another message; and a ticket that has come
                // further is not told what it was refused before.
                Phase::Sent | Phase::Dropped { .. } => refused.retain(|delivery, (_, known)| {
                    let is_behind = event != Telling::Notified || known.step == notice.step;
                    *delivery != notice.delivery && !(known.key == notice.key && is_behind)
                }),
                Phase::Refused { .. } | Phase::Claimed { .. } | Phase::Failed { .. } => {}
            }
        }
        all.extend(refused.into_iter().map(|(delivery, (refused, _))| (delivery, refused)));
    }
    all
}

/// A daily schedule does not start at the same second every day.
pub(super) const SLACK: i32 = 12;

/// How many reminders of what was first told at an instant are due by now.
pub(super) fn reminders(first: Timestamp, now: Timestamp, remind: Duration) -> u32 {
    let elapsed = now.since(first) + remind / SLACK;
    let count = elapsed.num_seconds().checked_div(remind.num_seconds().max(1));
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

/// Whether the reminder of this number was due at an instant.
pub(super) fn is_reminder_due(
    count: u32,
    first: Timestamp,
    on: Timestamp,
    remind: Duration,
) -> bool {
    let after = i32::try_from(count).ok().and_then(|count| remind.checked_mul(count));
    after.is_some_and(|after| on >= first.plus(after - remind / SLACK))
}

/// So long a sink may fail before somebody is told elsewhere.
pub const PATIENCE: Duration = Duration::hours(24);
