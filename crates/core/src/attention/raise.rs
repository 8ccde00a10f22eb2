//! What raises each cause, with its sentences.

mod device_sync;
mod freshness;
mod outdated;
mod owners;
mod recorded;
mod remembered;
mod renewal;
mod replaced;
mod sign_in;
mod tenant;
mod token;
mod topic;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Cause, CloneState, Input, Matter, Severity};
use crate::fleet::{Desired, Tenant, silences};
use crate::model::{Problem, ProblemCode, Telling, TenantId, Timestamp, safe_text, shell_word};
use crate::outlets::memory::{self, Refused};
use crate::plan::{Plan, clock_told};
use crate::report::{names_in_line, plural, revision};
pub(super) use sign_in::key as sign_in_key;
use tenant::OneTenant;
use token::OneToken;
pub(super) use words::key;
use words::{Scope, Words, of_fleet, of_problem, of_table};

/// So many tenants are named in one sentence.
const NAMED: usize = 10;

pub(super) fn all(input: &Input<'_>) -> Vec<Matter> {
    let mut matters = of_clone(input.clone);
    matters.extend(of_merge(input.plan));
    if input.ledger.is_none() {
        matters.extend(ledger_unknown(input));
    }
    matters.extend(revocation_unknown(input));
    matters.extend(notes_unknown(input));
    matters.extend(notes_broken(input));
    matters.extend(deserted(input));
    matters.extend(sinks_failing(input));
    matters.extend(told_nobody(input));
    matters.extend(owners::shared(input));
    let in_git: HashMap<&str, &Tenant> = input
        .fleet
        .iter()
        .filter_map(Desired::valid)
        .map(|tenant| (tenant.name.as_str(), tenant))
        .collect();
    let sign_ins = sign_in::SignIns::of(input);
    matters.extend(sign_ins.matters());
    let scope = Scope::of(input);
    let told = remembered::told(input);
    for tenant in &input.plan.tenants {
        let one = OneTenant {
            input,
            scope: &scope,
            sign_ins: &sign_ins,
            tenant,
            desired: in_git.get(tenant.name.as_str()).copied(),
            past: input
                .ledger
                .zip(tenant.tenant_id)
                .and_then(|(ledger, id)| ledger.tenants.get(&id)),
        };
        matters.extend(one.own());
        let told = tenant.tenant_id.and_then(|id| told.get(&id)).map_or(&[][..], Vec::as_slice);
        for token in &tenant.tokens {
            let token = OneToken::new(&one, token);
            let before = matters.len();
            token.raise(&mut matters);
            let kept = token.kept(told, matters.get(before..).unwrap_or_default());
            matters.extend(kept);
        }
        matters.extend(one.kept(told));
        matters.extend(one.parked());
    }
    matters.extend(recorded::of_strangers(input));
    matters
}

pub(super) fn of_clone(clone: &CloneState) -> Vec<Matter> {
    let mut matters: Vec<Matter> = clone.clock_off.map(clock_off).into_iter().collect();
    if clone.behind > 0 {
        let message = format!(
            "The remote has {} that this clone does not have, so what is shown may be outdated.",
            plural(clone.behind, "commit")
        );
        let words = Words::new(message, "Bring the clone up to date:").run("git pull --ff-only");
        matters.push(of_fleet(Cause::CloneBehind, words));
    }
    if clone.unpushed > 0 {
        let commits = plural(clone.unpushed, "commit");
        let (message, next) = if clone.is_lost_there {
            let message = format!(
                "The remote lacks {commits} of the fleet's branch that it had before: it is a replica that lags, was restored from a backup, or had its branch forced back. `apply` takes only what is there."
            );
            (message, "Wait until it has caught up. If it was restored, push them again:")
        } else {
            let message = format!(
                "This clone has {commits} on the fleet's branch that the remote does not have. `apply` takes only what is there."
            );
            (message, "If they are reviewed and merged, push them:")
        };
        matters.push(of_fleet(Cause::CloneAhead, Words::new(message, next).run("git push")));
    }
    if let Some(first) = clone.dirty.first() {
        let more = if clone.dirty.len() > 1 { ", …" } else { "" };
        let message = format!(
            "{} not committed ({first}{more}). Only commits are planned and applied.",
            match clone.dirty.len() {
                1 => "1 file of the fleet is".to_owned(),
                count => format!("{count} files of the fleet are"),
            },
        );
        let next = "What is not committed is not seen here. Check these files, and commit them or take them back:";
        let words = Words::new(message, next).run("git status");
        matters.push(of_fleet(Cause::CloneDirty, words));
    }
    if !clone.moved.is_empty() {
        let message = format!("applecart.yaml: {}.", clone.moved.join("; "));
        matters.push(of_change(Cause::LedgerMoved, message));
    }
    matters
}

/// Nobody is told while it is so, and every date that this machine shows is judged by it.
fn clock_off(seconds: i64) -> Matter {
    let (_, next) = of_table(Cause::ClockOff);
    let message = format!(
        "No sink is told anything from here: {}. Times in the record would be wrong, and everybody would be told again.",
        clock_told(seconds)
    );
    of_fleet(Cause::ClockOff, Words::new(message, next))
}

pub(super) fn base_unknown(why: &str) -> Matter {
    let problem = Problem::new(ProblemCode::BaseUnknown, why);
    of_fleet(Cause::Unobserved(problem.code), of_problem(&problem, "TENANT"))
}

/// What the merge of the planned revision would do to the fleet as a whole.
fn of_merge(plan: &Plan) -> impl Iterator<Item = Matter> {
    let record = plan.record_changed.as_ref().map(revision::record_changed);
    let invalid = plan.settings_invalid.as_deref().map(revision::settings_invalid);
    let quieter = revision::quieter(&plan.quieter_then, &plan.told_less_then);
    let found = [
        (Cause::RecordChanges, record),
        (Cause::SettingsInvalid, invalid),
        (Cause::AlarmsEnd, quieter),
    ];
    found.into_iter().filter_map(|(cause, message)| Some(of_change(cause, message?)))
}

/// A change of the settings, with what the table says to do about it.
fn of_change(cause: Cause, message: String) -> Matter {
    let (_, next) = of_table(cause);
    of_fleet(cause, Words::of_code(message, next, "TENANT", "TENANT"))
}

/// The ledger of the whole fleet is unknown: that is one matter, not one for each tenant.
fn ledger_unknown(input: &Input<'_>) -> Option<Matter> {
    let problems = input.plan.tenants.iter().flat_map(|tenant| &tenant.problems);
    let problem = problems.into_iter().find(|one| is_of_fleet(one.code))?;
    Some(of_fleet(Cause::Unobserved(problem.code), of_problem(problem, "TENANT")))
}

/// Apple's list is one for the whole fleet.
fn revocation_unknown(input: &Input<'_>) -> Option<Matter> {
    let why = input.plan.revocation_unknown.as_ref()?;
    let (meaning, next) = of_table(Cause::RevocationUnknown);
    let message = format!("{why}. {meaning}");
    let words = Words::of_code(message, next, "TENANT", "TENANT");
    Some(of_fleet(Cause::RevocationUnknown, words))
}

/// Nobody knows what people recorded, or what of the fleet as a whole was told: that is one matter as well.
fn notes_unknown(input: &Input<'_>) -> Option<Matter> {
    let ledger = input.ledger?;
    let of_fleet_itself = ledger.broken_notes.get(&TenantId::FLEET);
    let why = ledger.lost_notes.as_ref().or(of_fleet_itself)?;
    let problem = Problem::new(ProblemCode::NotesUnknown, why);
    Some(of_fleet(Cause::Unobserved(problem.code), of_problem(&problem, "TENANT")))
}

/// The tenants whose notes are broken. Nothing can be recorded of them, so nobody is told of them; this is
/// therefore a matter of the fleet, which is told.
fn notes_broken(input: &Input<'_>) -> Vec<Matter> {
    let Some(ledger) = input.ledger else { return Vec::new() };
    let name = |id: TenantId| {
        let planned = input.plan.tenants.iter().find(|one| one.tenant_id == Some(id));
        let is_stranger = || !input.fleet.iter().any(|one| one.tenant_id() == Some(id));
        let planned = planned.map(|one| one.name.clone());
        planned.or_else(|| is_stranger().then(|| id.to_string()))
    };
    let broken = ledger.broken_notes.iter().filter(|(id, _)| **id != TenantId::FLEET);
    let raised = broken.filter_map(|(&id, why)| {
        let (name, cause) = (name(id)?, Cause::Unobserved(ProblemCode::NotesUnknown));
        let problem = Problem::new(ProblemCode::NotesUnknown, why);
        let words = of_problem(&problem, &shell_word(&name));
        let message = format!(
            "{name}: {}. Until that is corrected no sink is told anything of {name}, and no push certificate of it is uploaded.",
            words.message.trim_end_matches('.')
        );
        let key = format!("fleet/-/{id}/{}/-", cause.code());
        Some(words::matter(key, cause, Words { message, ..words }))
    });
    raised.collect()
}

/// The sinks at which nothing has arrived for a day, or which have refused some message for as long.
fn sinks_failing(input: &Input<'_>) -> Vec<Matter> {
    let Some(ledger) = input.ledger else { return Vec::new() };
    // The ticket of whoever left the fleet is told nothing more; all else is told as long as it was claimed.
    let fleet: BTreeSet<TenantId> = input.fleet.iter().filter_map(Desired::tenant_id).collect();
    let is_awaited = |file: TenantId, event| event == Telling::Notified || fleet.contains(&file);
    let lasts = |since| input.plan.generated_at.since(since) >= memory::PATIENCE;
    let failing = input.policy.notify.iter().filter_map(|sink| {
        let name = sink.name.as_str();
        let silent = memory::failing_since(&ledger.told, name, is_awaited);
        let silent = silent.filter(|(since, _)| lasts(*since));
        if let Some((since, why)) = silent {
            return Some((name, since, nothing_arrives(name, since, why)));
        }
        let refused = memory::refused(&ledger.told, name, is_awaited);
        let lasting = || refused.values().filter(|one| lasts(one.since));
        let first = lasting().min_by_key(|one| one.since)?;
        Some((name, first.since, some_are_refused(name, lasting().count(), first)))
    });
    let matter = |(name, since, (message, next)): (&str, Timestamp, (String, &str))| {
        let told = Words::new(message, next).run(format!("applecart notify --test {name}"));
        // Each sink is a matter of its own.
        let key = format!("fleet/-/{name}/{}/-", Cause::SinkFailing.code());
        Matter { since: Some(since), ..words::matter(key, Cause::SinkFailing, told) }
    };
    failing.map(matter).collect()
}

fn nothing_arrives(name: &str, since: Timestamp, why: &str) -> (String, &'static str) {
    let message = format!(
        "Nothing that was sent to the sink {name} has arrived since {since}: {}. All of it is kept, and sent once the sink takes it.",
        safe_text(why)
    );
    let next = "Check its address in applecart.yaml and its secrets in the environment. Then send it a test message:";
    (message, next)
}

fn some_are_refused(name: &str, count: usize, first: &Refused<'_>) -> (String, &'static str) {
    let message = format!(
        "The sink {name} refuses {} and takes others; the first since {}: {}. Nobody there has been told what they say. They are kept, and tried again once a day.",
        plural(count, "message"),
        first.since,
        safe_text(first.why)
    );
    let next = "Look into the receiver's own log for why it refuses them. Whether it takes anything shows a test message:";
    (message, next)
}

/// The sinks that hear of nobody, or not of everybody whom they are for, and the tenants of which no
/// sink hears.
fn told_nobody(input: &Input<'_>) -> Vec<Matter> {
    let mut of_sink: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for silence in silences(&input.policy.notify, input.fleet) {
        let sink = silence.sink().map(str::to_owned);
        of_sink.entry(sink).or_default().push(silence.told());
    }
    let matter = |(sink, said): (Option<String>, Vec<String>)| {
        let (_, next) = of_table(Cause::ToldNobody);
        let said = said.join(" ");
        let message = match &sink {
            Some(sink) => format!("The sink {sink}: {said}"),
            None => said,
        };
        let told = Words::of_code(message, next, "TENANT", "TENANT");
        let which = sink.as_deref().unwrap_or("-");
        let key = format!("fleet/-/{which}/{}/-", Cause::ToldNobody.code());
        words::matter(key, Cause::ToldNobody, told)
    };
    of_sink.into_iter().map(matter).collect()
}

/// That the fleet has no tenant at all while the ledger knows some: whoever renamed their folder, or
/// took it away, ended every watch, and a plan without tenants looks calm.
fn deserted(input: &Input<'_>) -> Option<Matter> {
    let is_empty = input.fleet.is_empty() && input.plan.tenants.is_empty();
    let ledger = input.ledger.filter(|ledger| is_empty && !ledger.tenants.is_empty())?;
    let names: Vec<&str> =
        ledger.tenants.values().filter_map(|past| Some(past.name()?.as_str())).collect();
    let (why, _) = of_table(Cause::NoLongerWatched);
    let message = format!(
        "The planned revision has no tenant file, and the ledger knows {}: {}. {why}",
        plural(ledger.tenants.len(), "tenant"),
        names_in_line(&names, NAMED)
    );
    let next = "Find the commit that took them away, and have it reverted if it was not meant:";
    let words = Words::new(message, next).run("git log --stat -- tenants");
    let matter = of_fleet(Cause::NoLongerWatched, words);
    Some(Matter { severity: Severity::Critical, ..matter })
}

/// Whether it is the fleet's past that is unknown, where no ledger was read.
fn is_of_fleet(code: ProblemCode) -> bool {
    matches!(code, ProblemCode::LedgerUnknown | ProblemCode::BaseUnknown)
}
