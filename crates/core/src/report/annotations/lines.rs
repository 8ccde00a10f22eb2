//! The forms that are lines in a job's log.

use std::fmt::Write as _;

use std::collections::BTreeMap;

use super::{Annotation, Level};

/// As many remarks of one code are written: hosts show ten, and a log of megabytes is read by nobody.
const MAX_OF_A_CODE: usize = 50;

/// The first remarks of each code, with a last one that counts the rest.
pub(super) fn first(annotations: &[Annotation]) -> Vec<Annotation> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut shown: Vec<Annotation> = Vec::new();
    for one in annotations {
        let count = counts.entry(&one.code).or_default();
        *count += 1;
        if *count <= MAX_OF_A_CODE {
            shown.push(one.clone());
        }
    }
    for (code, count) in counts.into_iter().filter(|(_, count)| *count > MAX_OF_A_CODE) {
        let Some(last) = annotations.iter().rfind(|one| one.code == code) else { continue };
        let more = count - MAX_OF_A_CODE;
        shown.push(Annotation {
            message: format!("{more} more of {code}; --format json shows all"),
            columns: None,
            ..last.clone()
        });
    }
    shown
}

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
            Level::Note => "notice",
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
            // Azure Pipelines has no quieter remark: it is a line of the log.
            Level::Note => {
                let message = one.message.replace('\n', " ");
                let _ = writeln!(out, "{}:{}: {}: {message}", one.file, one.line, one.code);
                continue;
            }
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
