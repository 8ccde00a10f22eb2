//! The sentences of a matter, and what they may say of many tokens at once.

use std::collections::BTreeMap;

use crate::attention::{Cause, InGit, Input, Matter, advice};
use crate::model::{Problem, ProblemCode, TenantId, Timestamp, TokenRef, shell_word};
use crate::outlets::memory::Asker;
use crate::outlets::ticket::{self, Ticket};
use crate::plan::{Known, Limits};
use crate::rules::bindings::Bindings;
use crate::rules::codes::explain;

/// What the commands for many tokens at once may say: they reach what this run looked at and no
/// more.
pub(super) struct Scope {
    /// The options that select it again; `None` where no option does.
    select: Option<String>,
    /// Whether `apply` would take all of it at once.
    within_limits: bool,
    /// Whether the planned revision is what is in force, so that what is in it is reviewed and merged.
    pub(super) is_merged: bool,
    /// What stands where in the whole fleet.
    pub(super) bindings: Bindings<'static>,
    /// Every ticket that is known.
    pub(super) tickets: BTreeMap<TenantId, Vec<Ticket>>,
}

impl Scope {
    pub(super) fn of(input: &Input<'_>) -> Self {
        let selection = &input.plan.selection;
        let options =
            || selection.select.iter().map(|one| format!(" --select {}", shell_word(one)));
        let known = input.ledger.map_or(
            Known::Unknown(ProblemCode::LedgerUnknown, "the ledger is unknown"),
            Known::Read,
        );
        let limits = Limits::of(input.policy, input.fleet.len());
        let now = input.plan.generated_at;
        let carried = input.ledger.zip(input.policy.tickets.as_ref());
        let tickets = carried.map(|(ledger, policy)| {
            ticket::tickets(&ledger.told, policy, now, Asker::onlooker(now))
        });
        Self {
            select: selection.touched.is_none().then(|| options().collect()),
            within_limits: limits.check(input.plan, known).is_none(),
            is_merged: input.plan.rev.is_some() && input.plan.rev == input.plan.policy_rev,
            bindings: Bindings::of_recorded_fleet(input.fleet, input.ledger),
            tickets: tickets.unwrap_or_default(),
        }
    }

    pub(super) fn run(&self, command: &str) -> Option<String> {
        self.select.as_ref().map(|select| format!("{command}{select}"))
    }

    pub(super) fn apply(&self) -> Option<String> {
        self.run("applecart apply").filter(|_| self.within_limits)
    }
}

/// What happened and what to do about it, in sentences.
pub(super) struct Words {
    pub(super) message: String,
    pub(super) next: String,
    pub(super) command: Option<String>,
    pub(super) command_for_all: Option<String>,
    pub(super) in_git: InGit,
}

impl Words {
    pub(super) fn new(message: impl Into<String>, next: impl Into<String>) -> Self {
        let (message, next) = (message.into(), next.into());
        Self { message, next, command: None, command_for_all: None, in_git: InGit::No }
    }

    /// What a code says to do, with the real names, and its closing command alone.
    pub(super) fn of_code(
        message: impl Into<String>,
        next: &str,
        tenant: &str,
        target: &str,
    ) -> Self {
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

    pub(super) fn run(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }
}

/// The identity of a matter; see [`attention`](crate::attention).
pub(in crate::attention) fn key(
    tenant: Option<TenantId>,
    folder: &str,
    token: Option<&TokenRef>,
    cause: Cause,
    period: Option<Timestamp>,
) -> String {
    let tenant = tenant.map_or_else(|| format!("folder:{}", part(folder)), |id| id.to_string());
    let kind = token.map_or("-", |token| token.kind.as_str());
    let which = match token.map(|token| (&token.id, &token.name)) {
        Some((Some(id), _)) => part(&id.to_lowercase()),
        Some((None, Some(name))) => part(name),
        Some((None, None)) | None => "-".to_owned(),
    };
    let period = period.map_or_else(|| "-".to_owned(), advice::day);
    format!("{tenant}/{kind}/{which}/{}/{period}", cause.code())
}

pub(super) fn matter(key: String, cause: Cause, words: Words) -> Matter {
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
        devices: None,
        in_git: words.in_git,
        is_remembered: false,
        window: None,
    }
}

pub(super) fn of_fleet(cause: Cause, words: Words) -> Matter {
    matter(format!("fleet/-/-/{}/-", cause.code()), cause, words)
}

/// Why a cause matters and what to do, as the table of codes says. Every cause has its row there, or
/// the program does not compile.
pub(super) fn of_table(cause: Cause) -> (&'static str, &'static str) {
    explain(cause.code().as_str()).map_or_else(Default::default, |told| (told.why, told.next))
}

pub(super) fn of_problem(problem: &Problem, tenant: &str) -> Words {
    let message = problem.detail.clone().unwrap_or_else(|| "It could not be read.".to_owned());
    Words::of_code(message, &advice::of_problem(problem), tenant, tenant)
}

/// How many words two sentences have in common that advise the same.
const ALIKE: usize = 3;

/// A plan's sentence about a hold ends with the way out, and so does the code's explanation: the
/// two are told apart, and the way out is told once. The plan's has the names, the code's has every
/// way there is.
pub(super) fn told_once(detail: &str, next: &str) -> (String, String) {
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
pub(super) fn part(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F")
}
