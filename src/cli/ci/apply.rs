//! Applying in a pipeline.

use std::path::{Path, PathBuf};

use super::super::args::duration;
use super::super::error::CliError;
use super::super::interrupt;
use super::super::output::Output;
use super::super::step;
use super::{Kept, remove, summarise, write};
use crate::app::Context;
use crate::app::ci::CiError;
use applecart_core::model::Outcome;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    kept: Kept,
    /// How long to wait where all that is due is in progress elsewhere, before it is asked once more:
    /// a little longer than a run may claim it
    #[arg(long, value_name = "TIME", default_value = "16m")]
    again_after: String,
    /// Options of `applecart apply`
    #[arg(last = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let option = "--again-after";
    let pause = duration(option, &args.again_after)?.to_std();
    let pause = pause.map_err(|_| CliError::Duration { option, text: args.again_after.clone() })?;
    args.kept.begin(&context.repo, &["apply.txt", "apply.md"])?;
    unpushed(&context.repo)?;
    let file = args.kept.file("apply.txt");
    let output = output.with_copy(&file)?;
    let words: Vec<&str> =
        std::iter::once("apply").chain(args.options.iter().map(String::as_str)).collect();
    let outcome = insist(
        || step(&words, context, &output),
        || {
            output.note("Another run is uploading what is due: it is asked once more when that one's time is over.");
            interrupt::wait(pause)
        },
    );
    // A machine that is thrown away would take them along.
    for from in unpushed(&context.repo)? {
        let name = from.file_name().unwrap_or_default();
        let to = args.kept.out.join(name);
        remove(&to)?;
        std::fs::copy(&from, &to).map_err(CliError::file(&to, "write"))?;
    }
    let shown = args.kept.file("apply.md");
    let text = std::fs::read_to_string(&file).map_err(CliError::file(&file, "read"))?;
    write(&shown, &format!("```text\n{}\n```\n", text.trim_end().replace("```", "'''")))?;
    summarise(context, &[shown], &output)?;
    Ok(outcome)
}

/// Where everything that is due is in progress elsewhere, this run has nothing to add, and whoever
/// looks tomorrow would not know that nothing came of it. So it is asked once more, and then the
/// outcome is what it is. `wait` tells whether nobody ended it.
fn insist(mut apply: impl FnMut() -> Outcome, wait: impl FnOnce() -> bool) -> Outcome {
    match apply() {
        Outcome::Elsewhere if wait() => apply(),
        Outcome::Elsewhere => Outcome::Interrupted,
        outcome => outcome,
    }
}

/// The files of records that could not be pushed, in the repository.
///
/// They are kept as what this program wrote. A link of that name is the commit's, and would take what it
/// leads to along: a key, or another job's file.
fn unpushed(repo: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(repo).map_err(CliError::file(repo, "read"))? {
        let entry = entry.map_err(CliError::file(repo, "read"))?;
        let name = entry.file_name();
        let is_left = name
            .to_str()
            .is_some_and(|name| name.starts_with("applecart-unpushed-") && name.ends_with(".json"));
        if !is_left {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(CliError::file(&path, "read"))?;
        if !kind.is_file() {
            return Err(CiError::NotAFile { path: path.display().to_string() }.into());
        }
        found.push(path);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_in_progress_elsewhere_does_not_end_a_pipeline_as_done() {
        use Outcome::{Done, Elsewhere, Interrupted, Refused};
        for (runs, wait, end) in [
            (vec![Elsewhere, Elsewhere], true, Elsewhere),
            (vec![Elsewhere, Done], true, Done),
            (vec![Elsewhere, Refused], true, Refused),
            (vec![Elsewhere], false, Interrupted),
            (vec![Done], true, Done),
            (vec![Refused], true, Refused),
        ] {
            let mut left = runs.clone().into_iter();
            assert_eq!(insist(|| left.next().unwrap(), || wait), end, "{runs:?}");
            assert_eq!(left.next(), None, "{runs:?}");
        }
    }
}
