//! What raises each cause, with its sentences.

mod recorded;

use std::collections::HashMap;

use chrono::{Days, NaiveTime};

use super::advice;
use super::{
    Cause, CloneState, InGit, Input, Matter, MatterTenant, OpenRenewal, Severity, setting,
};
use crate::apple::enrollment;
use crate::fleet::{Desired, Suspension, Tenant, Token, TokenFile};
use crate::ledger::{LedgerView, TenantLedger};
use crate::model::{
    Event, Facts, Kind, Problem, ProblemCode, Record, Timestamp, TokenRef, shell_word,
};
use crate::plan::{
    Action, CANNOT_LAND, Expiry, HealthReason, Known, Limits, PlannedTenant, PlannedToken, Reason,
    Sync, Warning, Withdrawal, Withdrawn,
};
use crate::report::plural;
use crate::rules::codes::explain;
use crate::rules::requests;
use crate::rules::topics::KnownTopic;
use recorded::Recorded;

pub(super) fn all(input: &Input<'_>) -> Vec<Matter> {
    let mut matters = of_clone(input.clone);
    if input.ledger.is_none() {
        matters.extend(ledger_unknown(input));
    }
    matters.extend(notes_unknown(input));
    let in_git: HashMap<&str, &Tenant> = input
        .fleet
        .iter()
        .filter_map(Desired::valid)
        .map(|tenant| (tenant.name.as_str(), tenant))
        .collect();
    let scope = Scope::of(input);
    for tenant in &input.plan.tenants {
        let one = OneTenant {
            input,
            scope: &scope,
            tenant,
            desired: in_git.get(tenant.name.as_str()).copied(),
            past: input
                .ledger
                .zip(tenant.tenant_id)
                .and_then(|(ledger, id)| ledger.tenants.get(&id)),
        };
        matters.extend(one.matters());
    }
    matters.extend(recorded::of_strangers(input));
    matters
}

/// What the commands for many tokens at once may say: they reach what this run looked at and no
/// more.
struct Scope {
    /// The options that select it again; `None` where no option does.
    select: Option<String>,
    /// Whether `apply` would take all of it at once.
    within_limits: bool,
}

impl Scope {
    fn of(input: &Input<'_>) -> Self {
        let selection = &input.plan.selection;
        let options =
            || selection.select.iter().map(|one| format!(" --select {}", shell_word(one)));
        let known = input.ledger.map_or(
            Known::Unknown(ProblemCode::LedgerUnknown, "the ledger is unknown"),
            Known::Read,
        );
        let limits = Limits::of(input.policy, input.fleet.len());
        Self {
            select: selection.touched.is_none().then(|| options().collect()),
            within_limits: limits.check(input.plan, known).is_none(),
        }
    }

    fn run(&self, command: &str) -> Option<String> {
        self.select.as_ref().map(|select| format!("{command}{select}"))
    }

    fn apply(&self) -> Option<String> {
        self.run("applecart apply").filter(|_| self.within_limits)
    }
}

/// What happened and what to do about it, in sentences.
struct Words {
    message: String,
    next: String,
    command: Option<String>,
    command_for_all: Option<String>,
    in_git: InGit,
}

impl Words {
    fn new(message: impl Into<String>, next: impl Into<String>) -> Self {
        let (message, next) = (message.into(), next.into());
        Self { message, next, command: None, command_for_all: None, in_git: InGit::No }
    }

    /// What a code says to do, with the real names, and its closing command alone.
    fn of_code(message: impl Into<String>, next: &str, tenant: &str, target: &str) -> Self {
        let next = next.replace("TENANT/TOKEN", target).replace("TENANT", tenant);
        let last = next.strip_suffix("`.").and_then(|text| text.rsplit_once('`'));
        match last {
            Some((text, command)) if text.to_lowercase().ends_with("run ") => {
                let text = format!("{}:", text.trim_end());
                Self::new(message, text).run(command)
            }
            _ => Self::new(message, next),
        }
    }

    fn run(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }
}

/// The identity of a matter; see [`super`].
fn key(tenant: &str, token: Option<&TokenRef>, cause: Cause, period: Option<Timestamp>) -> String {
    let kind = token.map_or("-", |token| token.kind.as_str());
    let which = match token.map(|token| (&token.id, &token.name)) {
        Some((Some(id), _)) => part(&id.to_lowercase()),
        Some((None, Some(name))) => part(name),
        Some((None, None)) | None => "-".to_owned(),
    };
    let period = period.map_or_else(|| "-".to_owned(), advice::day);
    format!("{tenant}/{kind}/{which}/{}/{period}", cause.code())
}

fn matter(key: String, cause: Cause, words: Words) -> Matter {
    Matter {
        key,
        code: cause.code(),
        severity: cause.severity(),
        tenant: None,
        token: None,
        since: None,
        due: None,
        message: words.message,
        next: words.next,
        command: words.command,
        as_of: None,
        suspended: false,
        command_for_all: words.command_for_all,
        in_git: words.in_git,
    }
}

fn of_fleet(cause: Cause, words: Words) -> Matter {
    matter(format!("fleet/-/-/{}/-", cause.code()), cause, words)
}

/// Why a cause matters and what to do, as the table of codes says. Every cause has its row there, or
/// the program does not compile.
fn of_table(cause: Cause) -> (&'static str, &'static str) {
    explain(cause.code().as_str()).map_or_else(Default::default, |told| (told.why, told.next))
}

pub(super) fn of_clone(clone: &CloneState) -> Vec<Matter> {
    let mut matters = Vec::new();
    if clone.behind > 0 {
        let message = format!(
            "The remote has {} that this clone lacks, so what is shown may be outdated.",
            plural(clone.behind, "commit")
        );
        let words = Words::new(message, "Bring the clone up to date:").run("git pull --ff-only");
        matters.push(of_fleet(Cause::CloneBehind, words));
    }
    if clone.unpushed > 0 {
        let message = format!(
            "This clone has {} on the fleet's branch that the remote lacks. `apply` takes only what is there.",
            plural(clone.unpushed, "commit")
        );
        let next = "If they are reviewed and merged, push them:";
        matters.push(of_fleet(Cause::CloneAhead, Words::new(message, next).run("git push")));
    }
    if let Some(first) = clone.dirty.first() {
        let more = if clone.dirty.len() > 1 { ", …" } else { "" };
        let message = format!(
            "{} of the fleet not committed ({first}{more}). Only commits are planned and applied.",
            match clone.dirty.len() {
                1 => "1 file is".to_owned(),
                count => format!("{count} files are"),
            },
        );
        let next = "What is not committed is not seen here. Check these files and commit them, or drop them:";
        let words = Words::new(message, next).run("git status");
        matters.push(of_fleet(Cause::CloneDirty, words));
    }
    matters
}

/// The ledger of the whole fleet is unknown: that is one matter, not one for each tenant.
fn ledger_unknown(input: &Input<'_>) -> Option<Matter> {
    let problems = input.plan.tenants.iter().flat_map(|tenant| &tenant.problems);
    let problem = problems.into_iter().find(|one| is_of_fleet(one.code))?;
    Some(of_fleet(Cause::Unobserved(problem.code), of_problem(problem, "TENANT")))
}

/// Nobody knows what people recorded: that is one matter as well.
fn notes_unknown(input: &Input<'_>) -> Option<Matter> {
    let why = input.ledger?.lost_notes.as_deref()?;
    let problem = Problem::new(ProblemCode::NotesUnknown, why);
    Some(of_fleet(Cause::Unobserved(problem.code), of_problem(&problem, "TENANT")))
}

/// Whether it is the fleet's past that is unknown, where no ledger was read.
fn is_of_fleet(code: ProblemCode) -> bool {
    matches!(code, ProblemCode::LedgerUnknown | ProblemCode::BaseUnknown)
}

fn of_problem(problem: &Problem, tenant: &str) -> Words {
    let message = problem.detail.clone().unwrap_or_else(|| "It could not be read.".to_owned());
    Words::of_code(message, &advice::of_problem(problem), tenant, tenant)
}

/// How many words two sentences have in common that advise the same.
const ALIKE: usize = 3;

/// A plan's sentence about a hold ends with the way out, and so does the code's explanation: the
/// two are told apart, and the way out is told once. The plan's has the names, the code's has every
/// way there is.
fn told_once(detail: &str, next: &str) -> (String, String) {
    let start = |text: &str| -> Vec<String> {
        text.split_whitespace().take(ALIKE).map(str::to_lowercase).collect()
    };
    let sentences: Vec<&str> = detail.split(". ").collect();
    let advice: Vec<&str> = next.split(". ").collect();
    let same = sentences.iter().enumerate().find_map(|(place, sentence)| {
        let index = advice.iter().position(|one| start(one) == start(sentence))?;
        Some((place, index, sentence.trim_end_matches('.')))
    });
    let Some((place @ 1.., index, sentence)) = same else {
        return (detail.to_owned(), next.to_owned());
    };
    let message = sentences.get(..place).unwrap_or_default().join(". ");
    let mut advice = advice;
    // A command in the middle of a sentence cannot be copied.
    if let Some(one) = advice.get_mut(index).filter(|_| !sentence.contains('`')) {
        *one = sentence;
    }
    let next = advice.join(". ");
    (format!("{message}."), format!("{}.", next.trim_end_matches('.')))
}

/// The parts of a key are separated by slashes, which a name may hold.
fn part(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F")
}

struct OneTenant<'a> {
    input: &'a Input<'a>,
    scope: &'a Scope,
    tenant: &'a PlannedTenant,
    desired: Option<&'a Tenant>,
    past: Option<&'a TenantLedger>,
}

impl OneTenant<'_> {
    fn matters(&self) -> Vec<Matter> {
        let mut matters = Vec::new();
        for problem in &self.tenant.problems {
            let is_lost = |ledger: &LedgerView| ledger.lost_notes.is_some();
            let of_fleet = match self.input.ledger {
                None => is_of_fleet(problem.code),
                Some(ledger) => problem.code == ProblemCode::NotesUnknown && is_lost(ledger),
            };
            if of_fleet {
                continue;
            }
            let kinds = [Kind::Push, Kind::Enrollment, Kind::Vpp];
            let kind = kinds.into_iter().find(|kind| problem.resource == Some((*kind).into()));
            let token = kind.map(|kind| TokenRef { kind, id: None, name: None });
            let cause = Cause::Unobserved(problem.code);
            let words = of_problem(problem, &shell_word(&self.tenant.name));
            matters.push(self.matter(cause, token.as_ref(), None, words));
        }
        matters.extend(self.ledger_line_broken());
        matters.extend(self.tenant.withdrawn.iter().map(|one| self.withdrawn(one)));
        for token in &self.tenant.tokens {
            OneToken::new(self, token).raise(&mut matters);
        }
        if let Some(suspension) = self.desired.and_then(|tenant| tenant.suspend.as_ref()) {
            matters.extend(self.suspension(suspension, None));
        }
        matters
    }

    /// Its lines of the ledger, as they are judged beside what Intune has.
    fn recorded(&self) -> Option<Recorded<'_>> {
        let show = format!("applecart ledger show {}", shell_word(&self.tenant.name));
        Some(Recorded { input: self.input, id: self.tenant.tenant_id?, show })
    }

    fn ledger_line_broken(&self) -> Option<Matter> {
        let words = self.recorded()?.line_broken()?;
        Some(self.matter(Cause::LedgerLineBroken, None, None, words))
    }

    fn withdrawn(&self, withdrawn: &Withdrawn) -> Matter {
        let kind = withdrawn.token.kind;
        let (cause, what) = match withdrawn.what {
            Withdrawal::Kind => {
                let all = format!("takes {kind} out of `watch`");
                (Cause::NoLongerWatched, format!("{all}: none of that kind is watched any more."))
            }
            Withdrawal::Entry => (Cause::NoLongerWatched, "removes the token's entry.".to_owned()),
            Withdrawal::File => (Cause::FileWithdrawn, "takes the token's file out.".to_owned()),
        };
        let (why, next) = of_table(cause);
        let message = format!("This revision {what} {why}");
        self.matter(cause, Some(&withdrawn.token), None, Words::new(message, next))
    }

    fn matter(
        &self,
        cause: Cause,
        token: Option<&TokenRef>,
        period: Option<Timestamp>,
        words: Words,
    ) -> Matter {
        let tenant = match self.tenant.tenant_id {
            Some(id) => id.to_string(),
            None => format!("folder:{}", part(&self.tenant.name)),
        };
        let key = key(&tenant, token, cause, period);
        Matter {
            tenant: Some(MatterTenant {
                name: self.tenant.name.clone(),
                tenant_id: self.tenant.tenant_id,
            }),
            token: token.cloned(),
            suspended: self.is_suspended(token.and_then(|token| self.entry(token))),
            ..matter(key, cause, words)
        }
    }

    fn today(&self) -> chrono::NaiveDate {
        self.input.plan.generated_at.date_time().date_naive()
    }

    /// Whether the tenant, or this token of it, is parked today.
    fn is_suspended(&self, token: Option<&Token>) -> bool {
        let today = self.today();
        let suspension = self.desired.and_then(|tenant| tenant.suspension_of(token, today));
        suspension.is_some_and(|suspension| !suspension.is_over(today))
    }

    fn entry(&self, token: &TokenRef) -> Option<&Token> {
        let mut planned = self.tenant.tokens.iter();
        planned.find(|one| one.state.token() == *token)?.state.entry_in(self.desired?)
    }

    /// What is suspended is shown every time, also while no write of it is due. `token` is the one
    /// that is parked, or `None` for the whole tenant.
    fn suspension(&self, suspension: &Suspension, token: Option<&TokenRef>) -> Option<Matter> {
        let held = |reason| {
            let mut its = self
                .tenant
                .tokens
                .iter()
                .filter(|one| token.is_none_or(|token| one.state.token().same_token(token)));
            its.any(|one| one.state.reasons.contains(&reason))
        };
        let (cause, words) = if !suspension.is_over(self.today()) {
            if held(Reason::Suspended) {
                return None;
            }
            let message = format!(
                "Suspended until {}: {}. Nothing is uploaded.",
                suspension.until, suspension.reason
            );
            let next = "Remove the `suspend` line from the tenant file once the reason is gone.";
            (Cause::Suspended, Words::new(message, next))
        } else {
            if held(Reason::SuspensionEnded) {
                return None;
            }
            let message = format!(
                "The suspension ({}) ended on {}, and its line is still there.",
                suspension.reason, suspension.until
            );
            let next = "Remove the `suspend` line from the tenant file, or move its date.";
            (Cause::SuspensionOver, Words::new(message, next))
        };
        // A suspension ends with its last day.
        let ended = suspension.until.checked_add_days(Days::new(1));
        let ended = ended.map(|day| Timestamp::new(day.and_time(NaiveTime::MIN).and_utc()));
        let mut matter = self.matter(cause, token, None, words);
        match cause {
            Cause::Suspended => matter.due = ended,
            _ => matter.since = ended,
        }
        Some(matter)
    }
}

/// Holds of a file while Intune does not have the topic that devices know.
const OF_TOPIC: [Reason; 4] =
    [Reason::TopicChange, Reason::RenewedOutsideGit, Reason::ChangedOutsideGit, Reason::Vanished];

struct OneToken<'a> {
    of: &'a OneTenant<'a>,
    planned: &'a PlannedToken,
    token: TokenRef,
    entry: Option<&'a Token>,
    /// The newest facts of Intune that the ledger holds, and when they were recorded.
    last_seen: Option<(Facts, Timestamp)>,
}

impl<'a> OneToken<'a> {
    fn new(of: &'a OneTenant<'a>, planned: &'a PlannedToken) -> Self {
        let token = planned.state.token();
        let entry = of.desired.and_then(|tenant| planned.state.entry_in(tenant));
        let last_seen = of
            .past
            .and_then(|past| past.last_live_facts(&token))
            .map(|(facts, at)| (facts.clone(), at));
        Self { of, planned, token, entry, last_seen }
    }

    fn raise(&self, matters: &mut Vec<Matter>) {
        let state = &self.planned.state;
        if let Some(suspension) = self.entry.and_then(|entry| entry.suspend.as_ref()) {
            matters.extend(self.of.suspension(suspension, Some(&self.token)));
        }
        matters.extend(self.lost_topic());
        matters.extend(self.replaced());
        matters.extend(self.other_account());
        matters.extend(self.expiry());
        matters.extend(self.disputed_request());
        for (reason, message) in self.holds() {
            let words = match state.devices_know.as_deref() {
                // Whatever else holds it: the topic is what has to be put right.
                Some(known) if OF_TOPIC.contains(&reason) => {
                    self.restore(format!("Held: {message}"), known)
                }
                _ => {
                    let (message, next) = told_once(&message, reason.explained().next);
                    self.advised(format!("Held: {message}"), &next)
                }
            };
            matters.push(self.matter(Cause::Held(reason), words));
        }
        matters.extend(self.planned.allows.iter().map(|reason| self.released(*reason)));
        if self.planned.urgent {
            let mut down = self.matter(Cause::DeviceSyncDown, self.device_sync_down());
            down.since = self.downloaded();
            matters.push(down);
        } else if self.is_new_token_on_its_way() {
            let mut down = self.matter(Cause::DeviceSyncDown, self.device_sync_on_its_way());
            down.since = self.downloaded();
            // Nothing is left to do but to look again, for as long as Intune may take. After that it
            // is down like any other, whoever recorded an upload.
            let settle = self.of.input.policy.settle_of(Kind::Enrollment);
            if down.since.is_some_and(|since| since.plus(settle) > self.of.input.plan.generated_at)
            {
                down.severity = Severity::Notice;
            }
            matters.push(down);
        }
        matters.extend(self.cannot_land());
        matters.extend(self.without_outcome());
        if state.warnings.contains(&Warning::CanaryFailed) {
            let next = "Correct `wire` in applecart.yaml, or the file that was refused:";
            let failed = "The first upload of this kind failed, so no other is sent.";
            let message = format!("{failed} {}", state.details.join(" "));
            let words = Words::new(message.trim_end(), next);
            matters.push(self.matter(Cause::CanaryFailed, words.run(self.history())));
        }
        let is_gone = state.sync == Sync::OutOfSync && self.is_gone();
        if is_gone {
            matters.push(self.matter(Cause::Missing, self.gone()));
        }
        if state.sync == Sync::Missing && state.devices_know.is_none() {
            let missing = self.matter(Cause::Missing, self.missing());
            let severity = if self.was_there() { missing.severity } else { Severity::Urgent };
            matters.push(Matter { severity, ..missing });
        }
        let is_told = |reason: &&HealthReason| {
            **reason != HealthReason::TopicChanged || state.devices_know.is_none()
        };
        for reason in state.health_reasons.iter().filter(is_told) {
            let told = reason.explained();
            let message = format!("{} {}", told.meaning, told.why);
            let words = match reason {
                HealthReason::TokenInvalid => self.renewal(message, None),
                _ => self.advised(message, told.next),
            };
            matters.push(self.matter(Cause::Failing(*reason), words));
        }
        if state.sync == Sync::OutOfSync && !is_gone {
            matters.push(self.matter(Cause::OutOfSync, self.out_of_sync()));
        }
        if state.sync == Sync::Unverified {
            matters.push(self.matter(Cause::Unverified, self.unverified()));
        }
        if state.warnings.contains(&Warning::Ambiguous) {
            let words = Words::new(
                "More than one token in Intune fits this entry, or two entries fit one.",
                "Add Intune's `id` to the entry. The ids are in:",
            );
            let command = format!("applecart status --format json --select {}", self.tenant());
            matters.push(self.matter(Cause::Ambiguous, words.run(command)));
        }
        if state.sync == Sync::Unobserved {
            matters.extend(self.last_known());
        }
        if let Some(upload) = self.of.past.and_then(|past| past.unacknowledged(&self.token)) {
            let message = format!(
                "Uploaded on {} and not yet confirmed by the customer.",
                advice::day(upload.at)
            );
            let next = "Ask whether a device enrols and apps arrive, then record the answer:";
            let words =
                Words::new(message, next).run(format!("applecart acknowledge {}", self.target()));
            let since = Some(upload.at);
            let waiting = self.matter(Cause::AwaitingConfirmation, words);
            // It does not become more pressing as the certificate nears its end.
            matters.push(Matter { since, due: None, ..waiting });
        }
        matters.extend(self.open().map(|open| self.renewal_open(open)));
    }

    /// That the record does not tell which request for Apple Intune made.
    fn disputed_request(&self) -> Option<Matter> {
        let past = self.of.past.filter(|_| self.token.kind == Kind::Push)?;
        let open = past.requests_open(&self.token, self.planned.state.live.as_ref());
        let shared = || {
            let view = self.of.input.ledger?;
            open.iter().find_map(|record| requests::shared(view, record))
        };
        let message = requests::disputed(past, &open).or_else(shared)?;
        let (_, next) = of_table(Cause::RequestDisputed);
        Some(self.matter(Cause::RequestDisputed, self.advised(format!("{message}."), next)))
    }

    /// The credential's expiry in Intune, else the last known one: what names the renewal period.
    fn period(&self) -> Option<Timestamp> {
        let recorded = || self.last_seen.as_ref().and_then(|(facts, _)| facts.expires);
        self.planned.state.expires.or_else(recorded)
    }

    fn matter(&self, cause: Cause, words: Words) -> Matter {
        let expires = self.planned.state.expires;
        Matter { due: expires, ..self.of.matter(cause, Some(&self.token), self.period(), words) }
    }

    fn tenant(&self) -> String {
        shell_word(&self.of.tenant.name)
    }

    /// The token as the command line names it.
    fn target(&self) -> String {
        let which = self.token.name.as_deref().or(self.token.id.as_deref());
        let which = which.unwrap_or_else(|| self.token.kind.as_str());
        shell_word(&format!("{}/{which}", self.of.tenant.name))
    }

    fn advised(&self, message: String, next: &str) -> Words {
        Words::of_code(message, next, &self.tenant(), &self.target())
    }

    fn history(&self) -> String {
        format!("applecart history {}", self.target())
    }

    /// The branch that its renewal waits on.
    fn open(&self) -> Option<&OpenRenewal> {
        let branches = &self.of.input.clone.open_renewals;
        branches
            .iter()
            .find(|open| open.tenant == self.of.tenant.name && open.token.same_token(&self.token))
    }

    fn renewal_open(&self, open: &OpenRenewal) -> Matter {
        let (message, severity) = match self.token.kind {
            Kind::Enrollment => (
                format!(
                    "{} Apple ended the token in use with the download, so device sync is down until this file is merged and uploaded.",
                    open.told()
                ),
                Severity::Critical,
            ),
            Kind::Push | Kind::Vpp => {
                (format!("{} It is uploaded once it is merged.", open.told()), Severity::Notice)
            }
        };
        let (next, command) = open.next();
        let words = Words::new(message, next).run(command);
        let matter = self.matter(Cause::RenewalOpen, words);
        Matter { severity, since: open.at, ..matter }
    }

    fn without_outcome(&self) -> Option<Matter> {
        let (words, since) = self.of.recorded()?.without_outcome(&self.token)?;
        let one = self.matter(Cause::IntentWithoutOutcome, words);
        Some(Matter { since: Some(since), ..one })
    }

    /// A file that failed again and again, whatever is tried.
    fn cannot_land(&self) -> Option<Matter> {
        let state = &self.planned.state;
        let (past, sha256) = (self.of.past?, state.sha256?);
        if state.sync != Sync::OutOfSync {
            return None;
        }
        let failures: Vec<_> = past.failures_in_a_row(&self.token, sha256).collect();
        let newest = failures.first().filter(|_| failures.len() >= CANNOT_LAND)?;
        let why = newest.cause().and_then(|cause| cause.detail.as_deref());
        let message = format!(
            "The last {} uploads of this file did not arrive; the newest, on {}: {}. Intune still has the earlier one.",
            failures.len(),
            newest.at,
            why.unwrap_or("the run ended before Graph had answered").trim_end_matches('.')
        );
        let words = Words::new(message, "Correct that cause, then try at once:")
            .run(format!("applecart apply --retry --select {}", self.tenant()));
        let since = failures.last().map(|oldest| oldest.at);
        Some(Matter { since, ..self.matter(Cause::CannotLand, words) })
    }

    /// Devices know a topic that Intune does not have: they do not answer until it is back.
    /// A line that a reviewer may take for a formality, told with what it lets happen.
    fn released(&self, reason: Reason) -> Matter {
        let line = self.entry.and_then(|entry| entry.allow.iter().find(|line| line.hold == reason));
        let why = line.map(|line| format!(" The line's reason: {:?}.", line.reason));
        let why = why.unwrap_or_default();
        let state = &self.planned.state;
        let topic = |facts: Option<&Facts>| facts.and_then(|facts| facts.topic.clone());
        let in_intune = || topic(state.live.as_ref());
        let known = state.devices_know.as_ref().map(|known| known.topic.clone()).or_else(in_intune);
        let to = topic(self.planned.after.as_deref());
        match known.zip(to) {
            Some((known, to)) if reason == Reason::TopicChange && known != to => {
                let message = format!(
                    "An `allow` line releases the upload of a certificate with the topic {to}. The enrolled devices know {known}: once it is uploaded, none of them answers, and every one has to enrol again.{why}"
                );
                let words = self.advised(message, of_table(Cause::DevicesCutOff).1);
                self.matter(Cause::DevicesCutOff, words)
            }
            _ => {
                let meaning = reason.explained().meaning;
                let message = format!("An `allow` line releases {reason}: {meaning}{why}");
                let words = self.advised(message, of_table(Cause::HoldReleased).1);
                self.matter(Cause::HoldReleased, words)
            }
        }
    }

    fn lost_topic(&self) -> Option<Matter> {
        let known = self.planned.state.devices_know.as_deref()?;
        let (cause, message) = match &self.planned.state.live {
            live if !known.is_sure() => {
                let unsure = known.unsure().unwrap_or_default();
                match live.as_ref().and_then(|live| live.topic.as_ref()) {
                    Some(topic) => (
                        Cause::TopicChanged,
                        format!("Intune has a push certificate with the topic {topic}. {unsure}."),
                    ),
                    None => (
                        Cause::PushGone,
                        format!("Intune has no push certificate any more. {unsure}."),
                    ),
                }
            }
            Some(live) => {
                let live = live.topic.as_ref().map(ToString::to_string).unwrap_or_default();
                let message = format!(
                    "Intune has a push certificate with the topic {live}{}. The enrolled devices know the topic {}{} ({}), and no longer answer.",
                    self.of_account(self.planned.state.live.as_ref()?.apple_id.as_deref()),
                    known.topic,
                    self.of_account(known.apple_id.as_deref()),
                    known.shown_by()
                );
                (Cause::TopicChanged, message)
            }
            None => {
                let message = format!(
                    "Intune has no push certificate any more. The enrolled devices know the topic {}{} ({}), and no longer answer.",
                    known.topic,
                    self.of_account(known.apple_id.as_deref()),
                    known.shown_by()
                );
                (Cause::PushGone, message)
            }
        };
        Some(self.matter(cause, self.restore(message, known)))
    }

    /// Intune has another token than the one that Git watches, or than a run confirmed before. A
    /// later one of the same organisation is an ordinary renewal by hand.
    fn replaced(&self) -> Option<Matter> {
        let state = &self.planned.state;
        let live = state.live.as_ref()?;
        let mut differ = Vec::new();
        if state.sync == Sync::Watched {
            let git = &self.entry?.facts;
            let mut compare = |what: &str, git: &Option<String>, live: &Option<String>| {
                if let (Some(git), Some(live)) = (git, live)
                    && git.trim() != live.trim()
                {
                    differ.push(format!("{what} {live:?} instead of {git:?}"));
                }
            };
            compare("organisation", &git.organization, &live.organization);
            compare("location", &git.location, &live.location);
        }
        let before = match state.sync {
            Sync::Watched => self.entry?.facts.expires,
            Sync::InSync => self.confirmed_until(),
            _ => None,
        };
        if let (Some(before), Some(now)) = (before, live.expires)
            && now < before
        {
            differ.push(format!("it expires on {now} instead of {before}"));
        }
        if differ.is_empty() {
            return None;
        }
        let message = format!(
            "Intune has another token than before: {}. A token that somebody else put there may be another customer's, or one that Apple has ended.",
            differ.join(", ")
        );
        let next = format!(
            "Find out who replaced it, and have this customer's newest token put back. Only if the new one is right, `applecart import --update {}` takes it over. What was recorded of it:",
            self.tenant()
        );
        Some(self.matter(Cause::Replaced, Words::new(message, next).run(self.history())))
    }

    /// The latest expiry of another file of this token that a run confirmed, since the token was
    /// last taken over.
    fn confirmed_until(&self) -> Option<Timestamp> {
        let past = self.of.past?;
        let is_adopted = |record: &&Record| record.event() == Event::Adopted;
        let since = past.of(&self.token).rfind(is_adopted).map_or(0, |record| record.seq);
        past.of(&self.token)
            .filter(|record| record.seq > since && record.event() == Event::Confirmed)
            .filter(|record| record.sha256() != self.planned.state.sha256)
            .filter_map(|record| record.after.as_ref()?.expires)
            .max()
    }

    fn other_account(&self) -> Option<Matter> {
        if !self.planned.state.warnings.contains(&Warning::AppleIdDiffers) {
            return None;
        }
        let shown = |id: Option<&String>| id.cloned().unwrap_or_else(|| "no account".to_owned());
        let git = shown(self.entry.and_then(|entry| entry.facts.apple_id.as_ref()));
        let live = self.planned.state.live.as_ref();
        let live = shown(live.and_then(|live| live.apple_id.as_ref()));
        let message = format!(
            "Git names the Apple Account {git}, Intune {live}. The next renewal needs the one that has the credential at Apple."
        );
        let next = "Find out which of the two is right, and correct `appleId` in the tenant file if it is Intune's. What was recorded of it:";
        Some(self.matter(Cause::AppleIdDiffers, Words::new(message, next).run(self.history())))
    }

    fn of_account(&self, apple_id: Option<&str>) -> String {
        let apple_id = apple_id.filter(|id| !id.trim().is_empty());
        apple_id.map(|id| format!(" (Apple Account {id})")).unwrap_or_default()
    }

    /// How the topic that devices know comes back, from where that stands.
    fn restore(&self, message: String, known: &KnownTopic) -> Words {
        let (tenant, target) = (self.tenant(), self.target());
        let live = self.planned.state.live.as_ref();
        let is_accepted = live
            .and_then(|live| live.topic.as_ref())
            .zip(self.entry)
            .is_some_and(|(topic, entry)| known.is_given_up_for(topic, entry));
        if is_accepted {
            let next = "The new topic is accepted in Git. Once that is merged, record it:";
            return Words::new(message, next).run(format!("applecart apply --select {tenant}"));
        }
        if !known.is_sure() {
            let next = "Once a device has told its topic, open the renewal of that row; until then renew nothing:";
            return Words::new(message, next).run(format!("applecart renew {target} --restore"));
        }
        let brings_back = self
            .entry
            .is_some_and(|entry| entry.file.is_some() && entry.topic() == Some(&known.topic));
        match self.in_git() {
            InGit::Due if brings_back => {
                let next = "The certificate that brings it back is in Git. Once it is reviewed and merged, upload it:";
                return Words::new(message, next).run(format!("applecart apply --select {tenant}"));
            }
            InGit::Held if brings_back && self.waits_for_line() => {
                let next = "The certificate that brings it back is in Git, and waits for a reviewed `allow` line. To see the line:";
                return Words::new(message, next).run(format!("applecart plan --select {tenant}"));
            }
            _ => {}
        }
        let opened = self.of.past.and_then(|past| past.renewal_opened(&self.token, live));
        if let Some(open) = self.open() {
            let (next, command) = open.next();
            return Words::new(message, next).run(command);
        }
        match opened {
            Some(opened) => {
                let next = format!(
                    "A renewal was opened on {}. Press Renew on {}, never Create. Once Apple's file is downloaded:",
                    advice::day(opened.at),
                    known.row()
                );
                Words::new(message, next)
                    .run(format!("applecart renew {target} --restore --file FILE"))
            }
            None => {
                let next = format!(
                    "Bring it back with a fresh certificate: at Apple press Renew on {}, never Create. To open that renewal:",
                    known.row()
                );
                Words::new(message, next).run(format!("applecart renew {target} --restore"))
            }
        }
    }

    /// Whether nothing but the topic holds the file in Git.
    fn waits_for_line(&self) -> bool {
        self.planned.state.reasons.iter().all(|reason| *reason == Reason::TopicChange)
    }

    fn expiry(&self) -> Option<Matter> {
        let state = &self.planned.state;
        let policy = self.of.input.policy;
        let unexplained = state.sync == Sync::Unobserved && self.of.tenant.problems.is_empty();
        let (cause, window) = match state.expiry {
            Expiry::Expired => (Cause::Expired, policy.critical),
            Expiry::Critical => (Cause::Critical, policy.critical),
            Expiry::RenewalDue => (Cause::RenewalDue, policy.renew_before),
            Expiry::Unknown if state.live.is_some() => return Some(self.no_expiry_in_intune()),
            Expiry::Unknown if unexplained => {
                let words = Words::new(
                    "Neither Git nor the ledger tells when it expires.",
                    "Read it from Intune:",
                );
                let words = Words {
                    command_for_all: self.of.scope.run("applecart status"),
                    ..words.run(format!("applecart status --select {}", self.tenant()))
                };
                return Some(self.matter(Cause::ExpiryUnknown, words));
            }
            Expiry::Unknown | Expiry::Valid => return None,
        };
        let expires = state.expires?;
        let source = match (state.sync, &self.last_seen) {
            (Sync::Unobserved, Some((_, at))) => format!(", as last seen on {}", advice::day(*at)),
            (Sync::Unobserved, None) => ", as the tenant file says".to_owned(),
            _ => String::new(),
        };
        let day = advice::day(expires);
        let stops = advice::what_stops(state.kind);
        let (message, since) = match cause {
            Cause::Expired => (format!("Expired on {day}{source}: {stops}."), expires),
            _ => {
                let message = format!("Expires on {day}{source}: after that, {stops}.");
                (message, expires.plus(-window))
            }
        };
        let words = self.renewal(message, Some(&setting(window)));
        let as_of = match state.sync {
            Sync::Unobserved => self.last_seen.as_ref().map(|(_, at)| *at),
            _ => None,
        };
        Some(Matter { since: Some(since), as_of, ..self.matter(cause, words) })
    }

    /// What was read has no date: a schedule that waits for one would wait for ever.
    fn no_expiry_in_intune(&self) -> Matter {
        let words = Words::new(
            "Intune does not say when it expires, so no warning comes before it does.",
            "Start a sync of the token in the Intune portal, and look at its date there. Then read it again:",
        );
        let words = Words {
            command_for_all: self.of.scope.run("applecart status"),
            ..words.run(format!("applecart status --select {}", self.tenant()))
        };
        Matter { severity: Severity::Urgent, ..self.matter(Cause::ExpiryUnknown, words) }
    }

    /// Whether a new file is in Git, so that a renewal must not be opened once more.
    fn in_git(&self) -> InGit {
        let state = &self.planned.state;
        // These say that the file in Git is no better than what Intune has.
        let outdated = [Reason::Expired, Reason::OlderThanLive, Reason::RenewedOutsideGit];
        match (self.planned.action, state.sync) {
            (Action::Upload | Action::Create, _) => InGit::Due,
            (Action::Hold, _) if state.reasons.iter().any(|one| outdated.contains(one)) => {
                InGit::No
            }
            // A hold of settings says nothing about the file.
            (Action::Hold, _) if state.sha256.is_some() => InGit::Held,
            (_, Sync::OutOfSync) if state.warnings.contains(&Warning::RetryAfter) => InGit::Due,
            (_, Sync::Progressing) => InGit::Sent,
            (_, Sync::Unobserved) if self.has_unseen_file() => InGit::Sent,
            _ => InGit::No,
        }
    }

    /// Whether Git has a later file than the one that is known to be in Intune.
    fn has_unseen_file(&self) -> bool {
        let Some(entry) = self.entry else { return false };
        let Some(file) = &entry.file else { return false };
        let confirmed = |past: &TenantLedger| past.proof(&self.token, file.sha256).is_some();
        if self.of.past.is_some_and(confirmed) {
            return false;
        }
        match self.token.kind {
            // Its file does not say when it expires.
            Kind::Enrollment => true,
            Kind::Push | Kind::Vpp => entry.facts.expires > self.planned.state.expires,
        }
    }

    /// How to go on with a renewal, from where it stands. The `window` is the one in which every
    /// such token is renewed with one command.
    fn renewal(&self, message: String, window: Option<&str>) -> Words {
        let live = self.planned.state.live.as_ref();
        let opened = self.of.past.and_then(|past| past.renewal_opened(&self.token, live));
        let (tenant, target) = (self.tenant(), self.target());
        let in_git = self.in_git();
        let words = match in_git {
            InGit::Due if self.planned.state.warnings.contains(&Warning::RetryAfter) => {
                let next = "The new file is in Git, and its last upload did not arrive. Correct the cause, then try at once:";
                Words::new(message, next).run(format!("applecart apply --retry --select {tenant}"))
            }
            InGit::Due => {
                let next = "The new file is in Git, not uploaded yet. Once it is reviewed and merged, upload it:";
                Words {
                    command_for_all: self.of.scope.apply(),
                    ..Words::new(message, next).run(format!("applecart apply --select {tenant}"))
                }
            }
            InGit::Held => {
                let reasons: Vec<&str> =
                    self.planned.state.reasons.iter().map(|one| one.as_str()).collect();
                let next = format!(
                    "The new file is in Git, but it is held ({}). See why:",
                    reasons.join(", ")
                );
                Words::new(message, next).run(format!("applecart plan --select {tenant}"))
            }
            InGit::Sent => Words::new(
                message,
                "The new file is in Git, and it is unknown whether Intune has it. Compare with Intune:",
            )
            .run(format!("applecart plan --select {tenant}")),
            InGit::No => {
                if let Some(open) = self.open() {
                    let (next, command) = open.next();
                    Words::new(format!("{message} {}", open.told()), next).run(command)
                } else if let Some(opened) = opened {
                    let next = format!(
                        "Its renewal was opened on {}. Once Apple's file is downloaded:",
                        advice::day(opened.at)
                    );
                    Words::new(message, next).run(format!("applecart renew {target} --file FILE"))
                } else if self.planned.state.sync == Sync::Unmanaged {
                    Words::new(message, "It is not in Git. Bring it there, then renew it:")
                        .run(format!("applecart import --update {tenant}"))
                } else {
                    let for_all = |window| {
                        self.of.scope.run(&format!("applecart renew --due {window}"))
                    };
                    Words {
                        command_for_all: window.and_then(for_all),
                        ..Words::new(message, "Open the renewal:")
                            .run(format!("applecart renew {target}"))
                    }
                }
            }
        };
        Words { in_git, ..words }
    }

    /// Every hold with its sentence. The plan has one a reason, with remarks between them; where they
    /// cannot be told apart, the most dangerous reason has all.
    fn holds(&self) -> Vec<(Reason, String)> {
        let state = &self.planned.state;
        let details = state.details.get(usize::from(self.planned.urgent)..).unwrap_or_default();
        if details.len() == state.reasons.len() {
            return state.reasons.iter().copied().zip(details.iter().cloned()).collect();
        }
        let also = "It is also held for this reason.";
        let first = details.join(" ");
        let sentences = std::iter::once(first).chain(std::iter::repeat(also.to_owned()));
        state.reasons.iter().copied().zip(sentences).collect()
    }

    /// Whether an enrollment token was sent, and nothing shows yet that Intune has it.
    fn is_new_token_on_its_way(&self) -> bool {
        let state = &self.planned.state;
        let file = self.entry.and_then(|entry| entry.file.as_ref());
        let known = |file: &TokenFile| {
            self.of.past.is_some_and(|past| past.proof(&self.token, file.sha256).is_some())
        };
        state.kind == Kind::Enrollment
            && state.sync == Sync::Progressing
            && file.is_some_and(|file| !known(file))
    }

    fn device_sync_on_its_way(&self) -> Words {
        let words = Words::new(
            format!(
                "{} The upload of the new one was announced or made, and Intune does not show it yet.",
                self.device_sync_since()
            ),
            "Compare again in half an hour:",
        );
        Words {
            in_git: InGit::Sent,
            ..words.run(format!("applecart plan --select {}", self.tenant()))
        }
    }

    /// When the file in Git was downloaded, where that is no date of the future.
    fn downloaded(&self) -> Option<Timestamp> {
        let now = self.of.input.plan.generated_at;
        self.entry?.downloaded.filter(|at| !enrollment::is_to_come(*at, now))
    }

    fn device_sync_since(&self) -> String {
        let since = match self.downloaded() {
            Some(at) => format!("Device sync is down since {at}"),
            None => "Device sync is down since this token was downloaded at Apple".to_owned(),
        };
        format!("{since}: the download ended the token in use.")
    }

    fn device_sync_down(&self) -> Words {
        let message = self.device_sync_since();
        let see = |next: &str| {
            Words::new(message.as_str(), next)
                .run(format!("applecart plan --select {}", self.tenant()))
        };
        if self.planned.action == Action::Hold {
            return see("Its upload is held. See why:");
        }
        if self.planned.state.warnings.contains(&Warning::RetryAfter) {
            return Words::new(message.as_str(), "Its last upload did not arrive. Try at once:")
                .run(format!("applecart apply --retry --select {}", self.tenant()));
        }
        Words::new(message, "Upload it at once:")
            .run(format!("applecart apply --select {}", self.tenant()))
    }

    /// Whether Git or the ledger knows it from Intune; else it may be one that is still to come.
    fn was_there(&self) -> bool {
        let known = |entry: &Token| {
            entry.token.id.is_some() || entry.topic().is_some() || entry.facts.expires.is_some()
        };
        self.last_seen.is_some() || self.entry.is_some_and(known)
    }

    /// Whether Intune had it and has none now, while the file in Git is to be uploaded again. Of a
    /// push certificate the topic that devices know tells.
    fn is_gone(&self) -> bool {
        let state = &self.planned.state;
        let is_named = || self.entry.is_some_and(|entry| entry.token.id.is_some());
        let was_seen = || self.of.past.is_some_and(|past| past.was_seen(&self.token));
        state.live.is_none() && state.devices_know.is_none() && (is_named() || was_seen())
    }

    fn gone(&self) -> Words {
        let out_of_sync = self.out_of_sync();
        let message =
            "Intune had it before and has none now. The file in Git is to be uploaded again.";
        Words { message: message.to_owned(), ..out_of_sync }
    }

    fn missing(&self) -> Words {
        match self.entry {
            Some(_) => Words::new(
                "Git names it, and Intune has no such token.",
                "Create it in Intune, or remove it from the tenant file. What was recorded of it:",
            )
            .run(self.history()),
            None => Words::new(
                "It is watched, and Intune has none: no Apple device can be managed here.",
                "Open the first request, or take the kind out of `watch` in the tenant file:",
            )
            .run(format!("applecart renew {}", self.target())),
        }
    }

    fn out_of_sync(&self) -> Words {
        if self.planned.state.warnings.contains(&Warning::RetryAfter) {
            let message = self.planned.state.details.join(". ");
            return Words::new(format!("{message}."), "Correct that cause, then try at once:")
                .run(format!("applecart apply --retry --select {}", self.tenant()));
        }
        let message = match self.planned.action {
            Action::Configure => "Its settings in Intune differ from Git.",
            _ => "The file in Git is not the one that Intune has.",
        };
        Words {
            command: Some(format!("applecart apply --select {}", self.tenant())),
            command_for_all: self.of.scope.apply(),
            ..Words::new(message, "Once it is reviewed and merged, upload it:")
        }
    }

    fn unverified(&self) -> Words {
        Words {
            command: Some(format!("applecart apply --select {}", self.tenant())),
            command_for_all: self.of.scope.apply(),
            ..Words::new(
                "Intune has what Git states of the file, and no run has opened the file to compare. If only the facts are old, the new file was never uploaded.",
                "Once it is merged, open and compare it, which uploads nothing:",
            )
        }
    }

    /// What the ledger tells of a token that could not be read: it stays until a reading disproves it.
    fn last_known(&self) -> Vec<Matter> {
        let (Some(past), Some(file)) =
            (self.of.past, self.entry.and_then(|entry| entry.file.as_ref()))
        else {
            return Vec::new();
        };
        let rejected = past.definite_failure(&self.token, file.sha256).map(|failure| {
            let why = failure.cause().and_then(|cause| cause.detail.as_deref());
            let why = why.unwrap_or("Intune gave no reason");
            let message = format!("This file was refused on {}: {why}.", advice::day(failure.at));
            (Reason::Rejected, failure.at, message)
        });
        let changed = past
            .changed_outside_git_recorded(&self.token)
            .filter(|_| past.proof(&self.token, file.sha256).is_some())
            .map(|change| {
                let day = advice::day(change.at);
                let message =
                    format!("On {day} Intune had another credential than the one in Git.");
                (Reason::ChangedOutsideGit, change.at, message)
            });
        [rejected, changed]
            .into_iter()
            .flatten()
            .map(|(reason, at, message)| {
                let words = Words::new(message, "It could not be read since. What was recorded:");
                let matter = self.matter(Cause::Held(reason), words.run(self.history()));
                Matter { since: Some(at), as_of: Some(at), ..matter }
            })
            .collect()
    }
}
