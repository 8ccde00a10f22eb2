//! The attention list for people: matters of one code together, with what to do once.

use anstyle::Style;

use super::cell::cell;
use super::text::{BAD, DIM, HEAD, LOOK, command, names, period, plural, prose, wrap};
use crate::attention::{Attention, Cause, Code, InGit, Matter, Severity};

/// As many names as one line of a group has.
pub(super) const MAX_NAMES: usize = 5;
/// As many matters of a group are told one by one.
const MAX_TOLD: usize = 3;
/// As many critical matters stand above a plan one by one.
const MAX_CRITICAL: usize = 10;
const MAX_GROUPS: usize = 12;

/// The matters of one code. A token whose new file is in Git is another group than one that is to
/// be renewed: what helps the one harms the other.
pub(super) struct Group<'a> {
    pub(super) code: Code,
    severity: Severity,
    in_git: InGit,
    /// A reviewed `suspend` covers them.
    parked: bool,
    pub(super) matters: Vec<&'a Matter>,
}

pub(super) fn groups<'a>(matters: impl IntoIterator<Item = &'a Matter>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for matter in matters {
        let parked = matter.is_parked();
        let is_its = |group: &&mut Group<'_>| {
            (group.code, group.severity, group.in_git, group.parked)
                == (matter.code, matter.severity, matter.in_git, parked)
        };
        match groups.iter_mut().find(is_its) {
            Some(group) => group.matters.push(matter),
            None => groups.push(Group {
                code: matter.code,
                severity: matter.severity,
                in_git: matter.in_git,
                parked,
                matters: vec![matter],
            }),
        }
    }
    groups
}

impl Group<'_> {
    /// `expired, 2 tokens: contoso push, fabrikam vpp London`.
    fn title(&self) -> String {
        self.titled(|name| name.to_owned())
    }

    fn titled(&self, name: impl Fn(&str) -> String) -> String {
        let mut subjects: Vec<String> = Vec::new();
        for matter in &self.matters {
            let mut subject = name(&matter.subject());
            if let Some(count) = matter.devices.and_then(|count| usize::try_from(count).ok()) {
                subject = format!("{subject} ({})", plural(count, "device"));
            }
            if subjects.last() != Some(&subject) && !subject.is_empty() {
                subjects.push(subject);
            }
        }
        let tokens = self.matters.iter().all(|matter| {
            matter.token.as_ref().is_some_and(|token| !matter.is_about_all(token.kind))
        });
        let noun = if tokens { "token" } else { "tenant" };
        if subjects.is_empty() {
            return format!("{}, the whole fleet", self.code);
        }
        let who = names(&subjects, MAX_NAMES);
        let of = self.particular();
        format!("{}, {}{of}: {who}", self.code, plural(subjects.len(), noun))
    }

    /// What tells it from other groups of its code.
    pub(super) fn particular(&self) -> String {
        let whose = match self.in_git {
            InGit::No => "",
            InGit::Due => " with the new file in Git",
            InGit::Held => " with the new file in Git, held",
            InGit::Sent => " with the new file in Git, not seen in Intune yet",
        };
        let parked = match self.parked && self.code != Cause::Suspended.code() {
            true => ", suspended",
            false => "",
        };
        format!("{whose}{parked}")
    }

    fn style(&self) -> Style {
        style(self.loudness())
    }

    /// What a reviewer parked is no alarm.
    pub(super) fn loudness(&self) -> Severity {
        if self.parked { Severity::Notice } else { self.severity }
    }

    /// One command for all of them, where several ask for the same thing.
    pub(super) fn for_all(&self) -> Option<&Matter> {
        let mut able = self.matters.iter().filter(|matter| matter.command_for_all.is_some());
        let first = able.next()?;
        able.next().map(|_| *first)
    }

    /// What to do, each sentence once with its commands, and how many matters that leaves out.
    fn steps(&self) -> (Vec<Step<'_>>, usize) {
        let mut steps: Vec<Step<'_>> = Vec::new();
        let (mut commands, mut left_out) = (0, 0);
        for matter in &self.matters {
            let command = match self.for_all() {
                Some(one) if matter.command_for_all.is_some() => one.command_for_all.as_deref(),
                _ => matter.command.as_deref(),
            };
            let known = steps.iter().position(|step| step.next == matter.next);
            let has = |index: usize| {
                command.is_none_or(|text| {
                    steps.get(index).is_some_and(|step| step.commands.contains(&text))
                })
            };
            if known.is_some_and(has) {
                continue;
            }
            if commands == MAX_TOLD || (known.is_none() && steps.len() == MAX_TOLD) {
                left_out += 1;
                continue;
            }
            commands += usize::from(command.is_some());
            match known.and_then(|index| steps.get_mut(index)) {
                Some(step) => step.commands.extend(command),
                None => {
                    steps.push(Step { next: &matter.next, commands: command.into_iter().collect() })
                }
            }
        }
        (steps, left_out)
    }

    /// What happened, once where it is the same for all, and how many matters that leaves out.
    fn messages(&self) -> (Vec<String>, usize) {
        match self.matters.as_slice() {
            [first, rest @ ..] if rest.iter().all(|one| one.message == first.message) => {
                (vec![first.message.clone()], 0)
            }
            all => {
                let told = |one: &&Matter| format!("{}: {}", one.subject(), one.message);
                let messages = all.iter().take(MAX_TOLD).map(told).collect();
                (messages, all.len().saturating_sub(MAX_TOLD))
            }
        }
    }

    /// Whether a plan does not say what happened: it tells what it holds and what it could not read.
    fn is_beside_plan(&self) -> bool {
        let is_it = |cause: &Cause| {
            matches!(cause, Cause::Failing(_) | Cause::TopicChanged | Cause::Missing)
        };
        self.loudness() != Severity::Notice
            && Cause::all().iter().any(|cause| is_it(cause) && cause.code() == self.code)
    }

    /// What happened, inside the item of a list.
    fn messages_markdown(&self) -> String {
        let (messages, untold) = self.messages();
        let mut out: String = messages.iter().map(|text| format!("  {}\n", cell(text))).collect();
        if untold > 0 {
            out.push_str(&format!("  … and {untold} more (`-o json` shows all)\n"));
        }
        out
    }

    /// What to do, inside the item of a list.
    fn steps_markdown(&self) -> String {
        let (steps, left_out) = self.steps();
        let mut out: String = steps.iter().map(|step| step.markdown("", "  ")).collect();
        if left_out > 0 {
            out.push_str(&format!("  … and {left_out} more (`-o json` shows all)\n"));
        }
        out
    }
}

/// What to do, and the commands that do it.
struct Step<'a> {
    next: &'a str,
    commands: Vec<&'a str>,
}

impl Step<'_> {
    fn human(&self, indent: usize, width: usize) -> String {
        let mut out = wrap(&super::escape(self.next), indent, width);
        out.extend(self.commands.iter().map(|text| command(text, indent + 2)));
        out
    }

    /// Behind `before`, each line begins with `margin`.
    fn markdown(&self, before: &str, margin: &str) -> String {
        let mut out = format!("{before}{margin}{}\n", cell(self.next));
        if self.commands.is_empty() {
            return out;
        }
        out.push_str(&format!("{}\n{margin}```sh\n", margin.trim_end()));
        for command in &self.commands {
            out.push_str(&format!("{margin}{}\n", in_fence(command)));
        }
        out.push_str(&format!("{margin}```\n\n"));
        out
    }
}

/// A command for a block of code, which nothing in it ends.
pub(super) fn in_fence(command: &str) -> String {
    super::escape(command).replace("```", "'''")
}

/// That a list goes on, and how to see it.
fn more(count: usize, indent: usize, width: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let text = format!("… and {count} more (-o json shows all, --select narrows)");
    prose(DIM, &text, indent, width)
}

/// How loud a severity is on a terminal.
pub(super) fn style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => BAD,
        Severity::Urgent => LOOK,
        Severity::Notice => HEAD,
    }
}

/// Everything that needs a person: what happened, why it matters, and what to do.
pub(super) fn human(matters: &[Matter], width: usize) -> String {
    let mut out = String::new();
    for group in groups(matters) {
        out.push('\n');
        out.push_str(&prose(group.style(), &group.title(), 0, width));
        let (messages, untold) = group.messages();
        out.extend(messages.iter().map(|text| wrap(&super::escape(text), 2, width)));
        let (steps, left_out) = group.steps();
        out.extend(steps.iter().map(|step| step.human(2, width)));
        out.push_str(&more(untold.max(left_out), 2, width));
    }
    out
}

/// What stands above a plan, which itself tells what is due and held in full: who is concerned,
/// and the commands that help.
pub(super) fn brief(attention: &Attention, width: usize) -> String {
    let mut out = String::new();
    for group in groups(beside_plan(attention)) {
        if out.is_empty() {
            out.push_str("Needs attention:\n");
        }
        out.push_str(&prose(group.style(), &group.title(), 2, width));
        // The plan below says why.
        if group.in_git == InGit::Held {
            continue;
        }
        if group.is_beside_plan() {
            let (messages, _) = group.messages();
            out.extend(messages.iter().map(|text| wrap(&super::escape(text), 4, width)));
        }
        let (steps, left_out) = group.steps();
        // What is urgent says what to do in any case.
        let is_loud = group.loudness() != Severity::Notice;
        let able: Vec<_> =
            steps.iter().filter(|step| is_loud || !step.commands.is_empty()).collect();
        out.extend(able.iter().map(|step| step.human(4, width)));
        if !able.is_empty() {
            out.push_str(&more(left_out, 4, width));
        }
    }
    out
}

/// That an upload is due is what a plan says by itself.
fn beside_plan(attention: &Attention) -> impl Iterator<Item = &Matter> {
    let due = Cause::OutOfSync.code();
    attention.matters.iter().filter(move |one| one.code != due)
}

/// The same above a plan in a pull request: what is critical one by one, the rest by code. Whatever
/// is urgent has its next step.
pub(super) fn brief_markdown(attention: &Attention) -> String {
    let mut out = String::new();
    let is_critical = |one: &&Matter| one.severity == Severity::Critical && !one.is_parked();
    let critical: Vec<&Matter> = beside_plan(attention).filter(is_critical).collect();
    for matter in critical.iter().take(MAX_CRITICAL) {
        let in_git = match matter.in_git {
            InGit::No => "",
            InGit::Due => " The new file is in Git.",
            InGit::Held => " The new file is in Git, but it is held.",
            InGit::Sent => " The new file is in Git; Intune does not show it yet.",
        };
        let message = cell(&format!("{}{in_git}", matter.message));
        let subject = match matter.subject() {
            whole if whole.is_empty() => "the whole fleet".to_owned(),
            subject => cell(&subject),
        };
        out.push_str(&format!("> 🚨 **{}: {subject}**: {message}\n", matter.code));
        let step =
            Step { next: &matter.next, commands: matter.command.as_deref().into_iter().collect() };
        let step = step.markdown(">\n", "> ");
        out.push_str(&format!("{}\n\n", step.trim_end()));
    }
    if critical.len() > MAX_CRITICAL {
        let rest = groups(critical.iter().skip(MAX_CRITICAL).copied());
        out.push_str(&format!("> 🚨 **Also critical: {}**\n", numbers(&rest)));
        let step =
            Step { next: "This shows each of them:", commands: vec!["applecart status --all"] };
        out.push_str(&format!("{}\n\n", step.markdown(">\n", "> ").trim_end()));
    }
    let rest = groups(beside_plan(attention).filter(|one| !is_critical(one)));
    for group in rest.iter().take(MAX_GROUPS) {
        out.push_str(&format!("- {}\n", group.titled(cell)));
        if group.is_beside_plan() {
            out.push_str(&group.messages_markdown());
        }
        if group.loudness() == Severity::Urgent {
            out.push_str(&group.steps_markdown());
        }
    }
    if let Some(more @ [_, ..]) = rest.get(MAX_GROUPS..) {
        out.push_str(&format!("- also {}\n", numbers(more)));
    }
    if !rest.is_empty() {
        out.push('\n');
    }
    out
}

/// `missing (2), timeout (1)`.
fn numbers(groups: &[Group<'_>]) -> String {
    let number = |group: &Group<'_>| format!("{} ({})", group.code, group.matters.len());
    groups.iter().map(number).collect::<Vec<_>>().join(", ")
}

/// The list as Markdown, each code with what to do.
pub(super) fn markdown(matters: &[Matter]) -> String {
    let mut out = String::new();
    for group in groups(matters) {
        let sign = match group.loudness() {
            Severity::Critical => "🚨",
            Severity::Urgent => "⚠️",
            Severity::Notice => "ℹ️",
        };
        out.push_str(&format!("- {sign} {}\n", group.titled(cell)));
        out.push_str(&group.messages_markdown());
        out.push_str(&group.steps_markdown());
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// What follows the counts of a plan: `1 token expired`, `4 tokens expire within 14 days`. Those
/// whose new file is in Git are counted as what the plan does with it.
pub(super) fn counted(attention: &Attention) -> Vec<String> {
    let count = |cause: Cause| {
        let is_it = |one: &&Matter| one.code == cause.code() && one.in_git == InGit::No;
        attention.matters.iter().filter(is_it).count()
    };
    let expire = |count: usize| if count == 1 { "expires" } else { "expire" };
    let mut parts = Vec::new();
    let (expired, critical) = (count(Cause::Expired), count(Cause::Critical));
    if expired > 0 {
        parts.push(format!("{} expired", plural(expired, "token")));
    }
    for (count, within) in
        [(critical, attention.critical), (count(Cause::RenewalDue), attention.renew_before)]
    {
        if count > 0 {
            let tokens = plural(count, "token");
            parts.push(format!("{tokens} {} within {}", expire(count), period(within)));
        }
    }
    parts
}

/// The command that opens every renewal that is due, where there is one to open.
pub(super) fn renewals(attention: &Attention) -> Option<&str> {
    let causes = [Cause::RenewalDue, Cause::Critical, Cause::Expired].map(Cause::code);
    let able = |code: &Code| {
        attention
            .matters
            .iter()
            .filter(|matter| matter.code == *code && matter.in_git == InGit::No)
            .find_map(|matter| matter.command_for_all.as_deref())
    };
    causes.iter().find_map(able)
}
