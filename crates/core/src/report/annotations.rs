//! Mistakes and what needs a person as remarks beside the lines of a pull request, in the forms that GitHub,
//! Azure Pipelines, GitLab and code scanners (SARIF) read.
//!
//! Names in Git and Intune are other people's words. In the line-based forms every character that
//! could end a remark or begin another command of the pipeline is escaped as that pipeline asks.

mod lines;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::text::escape;
use crate::attention::{Matter, Severity};
use crate::fleet::{self, Diagnostic, TokenLines};

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
    /// A review tool shows it without failing the check.
    Note,
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
    /// What it is about, whatever the words are: scanners keep a remark that was dismissed by it.
    pub identity: String,
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
    let (all, summary) = (safe(annotations), escape(summary));
    match format {
        AnnotationFormat::Github => Ok(lines::github(&lines::first(&all), &summary)),
        AnnotationFormat::Azure => Ok(lines::azure(&lines::first(&all), &summary)),
        AnnotationFormat::Gitlab => super::json(&scan::gitlab(&all)),
        AnnotationFormat::Sarif => super::json(&scan::sarif(&all)),
    }
}

/// The remarks with nothing in them that a runner or a terminal obeys, line by line: whatever raised
/// them, this is the one place that they pass.
fn safe(annotations: &[Annotation]) -> Vec<Annotation> {
    let lines = |text: &str| text.lines().map(escape).collect::<Vec<_>>().join("\n");
    annotations
        .iter()
        .map(|one| Annotation {
            file: escape(&one.file),
            message: lines(&one.message),
            ..one.clone()
        })
        .collect()
}

/// The mistakes of a fleet.
pub fn of_diagnostics(diagnostics: &[Diagnostic]) -> Vec<Annotation> {
    diagnostics
        .iter()
        .map(|one| Annotation {
            level: match one.severity {
                fleet::Severity::Error => Level::Error,
                fleet::Severity::Warning => Level::Warning,
            },
            file: one.file.clone(),
            line: one.line,
            columns: (one.length > 0).then(|| (one.column, one.column + one.length - 1)),
            code: one.code.to_string(),
            message: match &one.help {
                None => one.message.clone(),
                Some(help) => format!("{}\nhelp: {help}", one.message),
            },
            identity: {
                let snippet = one.snippet.as_deref().unwrap_or_default();
                format!("{}\0{}\0{snippet}", one.file, one.code)
            },
        })
        .collect()
}

/// What needs a person, each matter at its token in the tenant's file, most urgent first: hosts show
/// only the first few. Tenants without lines are remarked on their first line, and what concerns the
/// whole fleet on that of its settings.
pub fn of_attention(matters: &[Matter], lines: &BTreeMap<String, TokenLines>) -> Vec<Annotation> {
    matters.iter().map(|matter| of_matter(matter, lines)).collect()
}

fn of_matter(matter: &Matter, lines: &BTreeMap<String, TokenLines>) -> Annotation {
    let (file, line) = match &matter.tenant {
        None => ("applecart.yaml".to_owned(), 1),
        Some(tenant) => {
            let line = |lines: &TokenLines| match &matter.token {
                None => 1,
                Some(token) if matter.is_about_all(token.kind) => lines.of_kind(token.kind),
                Some(token) => lines.of(token),
            };
            let file = format!("tenants/{}/tenant.yaml", tenant.name);
            (file, lines.get(&tenant.name).map_or(1, line))
        }
    };
    let subject = matter.subject();
    let whose = if subject.is_empty() { subject } else { format!("{subject}: ") };
    let run = matter.command.as_ref().map(|command| format!("\n{command}")).unwrap_or_default();
    Annotation {
        level: match matter.severity {
            Severity::Notice => Level::Note,
            _ if matter.is_parked() => Level::Note,
            Severity::Critical => Level::Error,
            Severity::Urgent => Level::Warning,
        },
        file,
        line,
        columns: None,
        code: matter.code.to_string(),
        message: format!("{whose}{} {}{run}", matter.message, matter.next),
        identity: matter.key.clone(),
    }
}
