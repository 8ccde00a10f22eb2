//! The forms that are lines in a job's log.

use std::fmt::Write as _;

use super::{Annotation, Level};

/// GitHub's workflow commands: `::error file=…,line=…,col=…,endColumn=…,title=…::message`.
///
/// <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>; escaping as
/// in actions/toolkit, `packages/core/src/command.ts`.
pub(super) fn github(annotations: &[Annotation], summary: &str) -> String {
    let mut out = String::new();
    for one in annotations {
        let level = match one.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let _ = write!(out, "::{level} file={},line={}", github_property(&one.file), one.line);
        if let Some((first, last)) = one.columns {
            let _ = write!(out, ",col={first},endColumn={last}");
        }
        let _ = writeln!(
            out,
            ",title={}::{}",
            github_property(&format!("applecart {}", one.code)),
            github_data(&one.message)
        );
    }
    let _ = writeln!(out, "{summary}");
    out
}

fn github_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Azure Pipelines' logging commands: `##vso[task.logissue type=error;sourcepath=…]message`.
///
/// <https://learn.microsoft.com/en-us/azure/devops/pipelines/scripts/logging-commands>; escaping
/// as in azure-pipelines-task-lib, `taskcommand.ts`, with its own sign for a percent sign.
pub(super) fn azure(annotations: &[Annotation], summary: &str) -> String {
    let mut out = String::new();
    for one in annotations {
        let level = match one.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let _ = write!(
            out,
            "##vso[task.logissue type={level};sourcepath={};linenumber={}",
            azure_property(&one.file),
            one.line
        );
        if let Some((first, _)) = one.columns {
            let _ = write!(out, ";columnnumber={first}");
        }
        let _ = writeln!(out, ";code={}]{}", azure_property(&one.code), azure_data(&one.message));
    }
    let _ = writeln!(out, "{summary}");
    out
}

fn azure_data(text: &str) -> String {
    text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A")
}

fn azure_property(text: &str) -> String {
    azure_data(text).replace(']', "%5D").replace(';', "%3B")
}
