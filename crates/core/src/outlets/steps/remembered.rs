//! What the notes remember of a sink: which of their lines can be true, how far each matter has come, and
//! what stands open.

use std::collections::BTreeMap;

use chrono::Duration;

use super::later_stages;
use crate::attention::{Code, InGit, Matter, MatterTenant, Severity};
use crate::fleet::SinkPolicy;
use crate::model::{Notice, Phase, Record, Sha256, Telling, TenantId, Timestamp};
use crate::outlets::memory::{self, Asker, Standing, Thread, Threads};
use crate::outlets::message::Step;
use crate::rules::codes::explain;

/// Which steps of one matter at one sink a run can have come to. Whoever may push notes writes what they
/// like, and what is on record as told is not told again: the reminders of ten years would be written in
/// a minute.
pub(super) struct Course {
    remind: Duration,
    /// A run under `--now` judges by another day than the one on which it writes.
    is_today: bool,
    time: u32,
    is_over: bool,
    first: Option<Timestamp>,
    /// Whether the beginning was dropped, so that it may be told anew.
    was_dropped: bool,
}

impl Course {
    pub(super) fn new(remind: Duration, is_today: bool) -> Self {
        Self { remind, is_today, time: 0, is_over: true, first: None, was_dropped: false }
    }

    /// Whether the line says what may be; `known` is how far other lines have brought the step.
    pub(super) fn admits(
        &mut self,
        record: &Record,
        notice: &Notice,
        known: Option<Standing>,
    ) -> bool {
        let Ok(step) = notice.step.parse::<Step>() else { return false };
        let is_ahead = self.is_today && notice.on > record.at.plus(memory::AHEAD);
        if is_ahead || self.is_early(step, notice.on) {
            return false;
        }
        if matches!(notice.phase, Phase::Dropped { .. }) {
            let is_open = known.is_some_and(|standing| standing != Standing::Sent);
            if is_open && step.time() == self.time {
                self.is_over &= !step.is_last();
                self.was_dropped |= matches!(step, Step::Raised(_));
            }
            return is_open;
        }
        if known.is_some() {
            return true;
        }
        match step {
            Step::Raised(time) if self.was_dropped && time == self.time => {
                (self.first, self.was_dropped) = (Some(notice.on), false);
                true
            }
            Step::Raised(next) if self.is_over && self.time.checked_add(1) == Some(next) => {
                (self.time, self.first, self.is_over) = (next, Some(notice.on), false);
                true
            }
            Step::Raised(_) => false,
            _ if self.is_over || step.time() != self.time => false,
            _ => {
                self.is_over = step.is_last();
                true
            }
        }
    }

    /// Whether a reminder was not due yet.
    fn is_early(&self, step: Step, on: Timestamp) -> bool {
        let (Step::Again(count, _), Some(first)) = (step, self.first) else { return false };
        !memory::is_reminder_due(count, first, on, self.remind)
    }
}

/// What was told at these sinks by then and is not over there, as the notes remember it: each matter once,
/// as it was told last.
///
/// Only the steps count, and not whether they arrived: it was a reading by which they were judged.
pub fn open<'t>(
    told: &'t BTreeMap<TenantId, Vec<Record>>,
    sinks: &[SinkPolicy],
    now: Timestamp,
) -> BTreeMap<TenantId, Vec<Matter>> {
    let mut open: BTreeMap<(TenantId, String), Matter> = BTreeMap::new();
    for sink in sinks {
        let mut courses: BTreeMap<(TenantId, &'t str), Course> = BTreeMap::new();
        let is_possible = |file: TenantId, record: &'t Record, notice: &'t Notice, known| {
            let course = courses.entry((file, notice.key.as_str()));
            let course = course.or_insert_with(|| Course::new(sink.remind, false));
            notice.on <= now && course.admits(record, notice, known)
        };
        let is_of = |event| event == Telling::Notified;
        let threads = memory::threads(told, &sink.name, (is_of, is_possible), Asker::onlooker(now));
        for ((file, key), thread) in &threads {
            let (time, is_over) = last_time(thread);
            let last = thread.iter().max_by_key(|one| one.on).filter(|_| time > 0 && !is_over);
            let Some(matter) = last.and_then(|last| matter_of(*file, last.record)) else {
                continue;
            };
            let is_told = |later| threads.contains_key(&(*file, later));
            if later_stages(&matter).any(is_told) {
                continue;
            }
            let known = open.entry((*file, key.clone())).or_insert_with(|| matter.clone());
            if known.as_of < matter.as_of {
                *known = matter;
            }
        }
    }
    let mut by_file: BTreeMap<TenantId, Vec<Matter>> = BTreeMap::new();
    for ((file, _), matter) in open {
        by_file.entry(file).or_default().push(matter);
    }
    by_file
}

pub(super) fn steps_of(thread: &[memory::Remembered<'_>]) -> impl Iterator<Item = Step> {
    thread.iter().filter_map(|one| one.step.parse().ok())
}

/// Which time it is that a matter was told last, from 1, and whether that is over.
pub(super) fn last_time(thread: &[memory::Remembered<'_>]) -> (u32, bool) {
    let time = steps_of(thread).map(|step| step.time()).max().unwrap_or(0);
    (time, steps_of(thread).any(|step| step.is_last() && step.time() == time))
}

/// The steps that were claimed and have not arrived.
pub(super) fn again<'t>(
    thread: &'t [memory::Remembered<'_>],
) -> impl Iterator<Item = (Step, Option<Sha256>)> + 't {
    let due = thread.iter().filter(|one| one.standing == Standing::Due);
    due.filter_map(|one| Some((one.step.parse().ok()?, Some(one.delivery))))
}

/// The key that a matter of the list is remembered under. A token that could not be read may be known by
/// its name alone, and by its id once it is: it is one matter all the same.
pub(super) fn known_key(threads: &Threads<'_>, file: TenantId, matter: &Matter) -> String {
    let own_key = || matter.key.clone();
    let Some(token) = matter.token.as_ref().filter(|_| !threads.contains_key(&(file, own_key())))
    else {
        return own_key();
    };
    let ends = |key: &str| {
        let mut parts = key.rsplitn(3, '/');
        (parts.next().map(str::to_owned), parts.next().map(str::to_owned))
    };
    let own = ends(&matter.key);
    let same = of_file(threads, file).find(|(key, thread)| {
        ends(key) == own && thread.last().is_some_and(|one| one.record.is_of(token))
    });
    same.map_or_else(own_key, |(key, _)| key.to_owned())
}

pub(super) fn of_file<'t, 'a>(
    threads: &'t Threads<'a>,
    file: TenantId,
) -> impl Iterator<Item = (&'t str, &'t Thread<'a>)> {
    let from = threads.range((file, String::new())..);
    from.take_while(move |((of, _), _)| *of == file)
        .map(|((_, key), thread)| (key.as_str(), thread))
}

pub(super) fn severity_of(record: &Record) -> Option<Severity> {
    let noticed = record.notice()?.1.matter.as_ref()?;
    Severity::ALL.iter().copied().find(|one| one.as_str() == noticed.severity)
}

/// A matter as the notes remember it; `None` where a newer version wrote a code that this one does not
/// know.
pub fn matter_of(file: TenantId, record: &Record) -> Option<Matter> {
    let (_, notice) = record.notice()?;
    let noticed = notice.matter.as_ref()?;
    let code: Code = noticed.code.parse().ok()?;
    let told = explain(code.as_str())?;
    let is_of_fleet = file == TenantId::FLEET && notice.key.starts_with("fleet/");
    let tenant = (!is_of_fleet).then(|| MatterTenant {
        name: record.name.to_string(),
        tenant_id: (file != TenantId::FLEET).then_some(file),
    });
    Some(Matter {
        key: notice.key.clone(),
        code,
        severity: severity_of(record)?,
        tenant,
        token: record.token.clone(),
        since: noticed.since,
        due: noticed.due,
        message: told.why.to_owned(),
        next: String::new(),
        command: None,
        as_of: Some(notice.on),
        suspended: false,
        command_for_all: None,
        in_git: InGit::No,
        devices: None,
        is_remembered: true,
        window: None,
    })
}
