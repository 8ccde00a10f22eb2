//! The attention list for people: matters of one code together, with what to do once.

use anstyle::Style;

use super::markdown::cell;
use super::text::{BAD, HEAD, LOOK, command, names, period, plural, prose, wrap};
use crate::attention::{Attention, Cause, Code, Matter, Severity};

/// As many names as one line of a group has.
pub(super) const MAX_NAMES: usize = 5;
/// As many matters of a group are told one by one.
const MAX_TOLD: usize = 3;
/// As many critical matters stand above a plan one by one.
const MAX_CRITICAL: usize = 10;
const MAX_GROUPS: usize = 12;

/// The matters of one code.
struct Group<'a> {
    code: Code,
    severity: Severity,
    matters: Vec<&'a Matter>,
}

fn groups<'a>(matters: impl IntoIterator<Item = &'a Matter>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for matter in matters {
        match groups.iter_mut().find(|group| group.code == matter.code) {
            Some(group) => group.matters.push(matter),
            None => groups.push(Group {
                code: matter.code,
                severity: matter.severity,
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
            let subject = name(&matter.subject());
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
        format!("{}, {}: {who}", self.code, plural(subjects.len(), noun))
    }

    fn style(&self) -> Style {
        style(self.severity)
    }

    /// One command for all of them, where several ask for the same thing.
    fn for_all(&self) -> Option<&Matter> {
        let mut able = self.matters.iter().filter(|matter| matter.command_for_all.is_some());
        let first = able.next()?;
        able.next().map(|_| *first)
    }
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
        let Some(first) = group.matters.first() else { continue };
        let alike = group.matters.iter().all(|one| one.message == first.message);
        for matter in group.matters.iter().take(if alike { 1 } else { MAX_TOLD }) {
            let whose = if alike { String::new() } else { format!("{}: ", matter.subject()) };
            out.push_str(&wrap(&super::escape(&format!("{whose}{}", matter.message)), 2, width));
        }
        let mut told: Vec<(&str, Option<&str>)> = Vec::new();
        for matter in group.matters.iter().take(MAX_TOLD) {
            let command = match group.for_all() {
                Some(one) if matter.command_for_all.is_some() => one.command_for_all.as_deref(),
                _ => matter.command.as_deref(),
            };
            if !told.contains(&(&matter.next, command)) {
                if told.last().is_none_or(|(next, _)| *next != matter.next) {
                    out.push_str(&wrap(&super::escape(&matter.next), 2, width));
                }
                out.extend(command.map(|text| self::command(text, 4)));
                told.push((&matter.next, command));
            }
        }
    }
    out
}

/// What stands above a plan, which itself tells what is due and held in full: who is concerned,
/// and the commands that help many at once.
pub(super) fn brief(attention: &Attention, width: usize) -> String {
    let mut out = String::new();
    for group in groups(beside_plan(attention)) {
        if out.is_empty() {
            out.push_str("Needs attention:\n");
        }
        out.push_str(&prose(group.style(), &group.title(), 2, width));
        out.extend(
            group
                .for_all()
                .and_then(|one| one.command_for_all.as_deref())
                .map(|text| command(text, 4)),
        );
    }
    out
}

/// That an upload is due is what a plan says by itself.
fn beside_plan(attention: &Attention) -> impl Iterator<Item = &Matter> {
    let due = Cause::OutOfSync.code();
    attention.matters.iter().filter(move |one| one.code != due)
}

/// The same above a plan in a pull request: what is critical one by one, the rest by code.
pub(super) fn brief_markdown(attention: &Attention) -> String {
    let mut out = String::new();
    let is_critical = |one: &&Matter| one.severity == Severity::Critical;
    let critical: Vec<&Matter> = beside_plan(attention).filter(is_critical).collect();
    for matter in critical.iter().take(MAX_CRITICAL) {
        let (subject, message) = (cell(&matter.subject()), cell(&matter.message));
        out.push_str(&format!("> 🚨 **{}: {subject}**: {message}\n\n", matter.code));
    }
    if critical.len() > MAX_CRITICAL {
        let rest = groups(critical.iter().skip(MAX_CRITICAL).copied());
        out.push_str(&format!("> 🚨 **Also critical: {}**\n\n", numbers(&rest)));
    }
    let rest = groups(beside_plan(attention).filter(|one| !is_critical(one)));
    for group in rest.iter().take(MAX_GROUPS) {
        out.push_str(&format!("- {}\n", group.titled(cell)));
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
        let sign = match group.severity {
            Severity::Critical => "🚨",
            Severity::Urgent => "⚠️",
            Severity::Notice => "ℹ️",
        };
        out.push_str(&format!("- {sign} {}\n", group.titled(cell)));
        let Some(first) = group.matters.first() else { continue };
        let what = match group.matters.len() {
            1 => format!("{} {}", first.message, first.next),
            _ => group.for_all().unwrap_or(first).next.clone(),
        };
        out.push_str(&format!("  {}\n", cell(&what)));
        let all = group.for_all().and_then(|one| one.command_for_all.as_ref());
        let one = first.command.as_ref().filter(|_| group.matters.len() == 1);
        if let Some(command) = all.or(one) {
            let command = super::escape(command).replace("```", "'''");
            out.push_str(&format!("\n  ```sh\n  {command}\n  ```\n\n"));
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// What follows the counts of a plan: `1 token expired`, `4 tokens expire within 14 days`.
pub(super) fn counted(attention: &Attention) -> Vec<String> {
    let count = |cause: Cause| {
        attention.matters.iter().filter(|matter| matter.code == cause.code()).count()
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
            .find_map(|matter| matter.command_for_all.as_deref().filter(|_| matter.code == *code))
    };
    causes.iter().find_map(able)
}
