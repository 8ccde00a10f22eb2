//! Mistakes and plans as remarks beside the lines of a pull request, in the forms that GitHub,
//! Azure Pipelines, GitLab and code scanners (SARIF) read.
//!
//! Names in Git and Intune are other people's words. In the line-based forms every character that
//! could end a remark or begin another command of the pipeline is escaped as that pipeline asks.

mod lines;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::text::label;
use crate::fleet::{Diagnostic, Severity, TokenLines};
use crate::model::{Kind, TokenRef};
use crate::plan::{Action, Plan, Sync};

/// Who reads the remarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationFormat {
    /// Workflow commands of GitHub Actions, for the log of a job.
    Github,
    /// Logging commands of Azure Pipelines, for the log of a job.
    Azure,
    /// GitLab's Code Quality report, a JSON file.
    Gitlab,
    /// SARIF 2.1.0, a JSON file for code scanning.
    Sarif,
}

/// How loud a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A person has to act.
    Error,
    /// A person should look.
    Warning,
}

/// A remark about a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    pub level: Level,
    /// The file, from the repository's root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The first and last column in characters, from 1; `None` for the whole line.
    pub columns: Option<(usize, usize)>,
    /// The stable name of what is remarked.
    pub code: String,
    /// What a person reads.
    pub message: String,
}

/// The remarks as text; `summary` is one more sentence where the form has room for one.
///
/// # Errors
/// Never for these types; `serde_json` cannot know that.
pub fn annotate(
    format: AnnotationFormat,
    annotations: &[Annotation],
    summary: &str,
) -> Result<String, serde_json::Error> {
    match format {
        AnnotationFormat::Github => Ok(lines::github(annotations, summary)),
        AnnotationFormat::Azure => Ok(lines::azure(annotations, summary)),
        AnnotationFormat::Gitlab => super::json(&scan::gitlab(annotations)),
        AnnotationFormat::Sarif => super::json(&scan::sarif(annotations)),
    }
}

/// The mistakes of a fleet.
pub fn of_diagnostics(diagnostics: &[Diagnostic]) -> Vec<Annotation> {
    diagnostics
        .iter()
        .map(|one| Annotation {
            level: match one.severity {
                Severity::Error => Level::Error,
                Severity::Warning => Level::Warning,
            },
            file: one.file.clone(),
            line: one.line,
            columns: (one.length > 0).then(|| (one.column, one.column + one.length - 1)),
            code: one.code.to_string(),
            message: match &one.help {
                None => one.message.clone(),
                Some(help) => format!("{}\nhelp: {help}", one.message),
            },
        })
        .collect()
}

/// What of a plan a person should see: urgent uploads, holds, and what could not be observed,
/// each at its token in the tenant's file. Tenants without lines are remarked on their first line.
pub fn of_plan(plan: &Plan, lines: &BTreeMap<String, TokenLines>) -> Vec<Annotation> {
    let mut all = Vec::new();
    for tenant in &plan.tenants {
        let file = format!("tenants/{}/tenant.yaml", super::escape(&tenant.name));
        let line = |token: &TokenRef| lines.get(&tenant.name).map_or(1, |lines| lines.of(token));
        let mut remark = |level, line, code: &str, message: String| {
            all.push(Annotation {
                level,
                file: file.clone(),
                line,
                columns: None,
                code: code.to_owned(),
                message: super::escape(&message),
            });
        };
        for problem in &tenant.problems {
            let about = [Kind::Push, Kind::Enrollment, Kind::Vpp]
                .into_iter()
                .find(|kind| problem.resource == Some((*kind).into()));
            let line = about
                .map_or(1, |kind| lines.get(&tenant.name).map_or(1, |lines| lines.of_kind(kind)));
            let detail = problem.detail.as_deref().unwrap_or_default();
            let message = format!("{}: not observed: {detail}", tenant.name);
            remark(Level::Warning, line, problem.code.as_str(), message);
        }
        for token in &tenant.tokens {
            let state = &token.state;
            let held = token.action == Action::Hold || state.sync == Sync::Held;
            if !held && !token.urgent {
                continue;
            }
            let name = label(state.kind, state.name.as_deref());
            let level = if token.urgent { Level::Error } else { Level::Warning };
            let code = match state.reasons.first() {
                Some(reason) => reason.as_str(),
                None if held => "held",
                None => "urgent",
            };
            let word = if held { "held" } else { "urgent" };
            let details = state.details.join(" ");
            let message = format!("{}: {name} {word}: {details}", tenant.name);
            remark(level, line(&state.token()), code, message);
        }
    }
    all
}
