//! What a morning needs to know.

use std::path::Path;

use super::super::error::CliError;
use super::super::output::Output;
use super::super::step;
use super::{Kept, summarise, write};
use crate::app::Context;
use applecart_core::model::Outcome;
use applecart_core::report::{Sheets, sheets_markdown};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Tell renewals that are due within this time
    #[arg(long, value_name = "TIME", default_value = "60d")]
    due: String,
    /// End with 9 when a token expires within this time
    #[arg(long, value_name = "TIME", default_value = "14d")]
    fail_within: String,
    #[command(flatten)]
    kept: Kept,
}

/// What is shown, in order; of these, what the host's summary shows.
const SHOWN: [(&str, &str); 4] = [
    ("status.md", "status"),
    ("renewals.md", "renewals"),
    ("plan.md", "plan"),
    ("audit.txt", "audit"),
];
const SUMMARY: [&str; 3] = ["status.md", "renewals.md", "plan.md"];

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let kept = &args.kept;
    // Where a step fails, what it left yesterday must not be told today, and an empty page would read
    // as if there were nothing to tell.
    let shown = SHOWN.map(|(name, _)| name);
    kept.begin(&context.repo, &[&shown[..], &["renewals.json", "plan.json"]].concat())?;
    for (name, what) in SHOWN {
        write(&kept.file(name), &unknown(what))?;
    }
    let into = |name: &str| output.with_file(Some(kept.file(name)));
    let (due, within) = (args.due.as_str(), args.fail_within.as_str());
    let status = ["status", "--within", due, "--fail-within", within, "--format", "markdown"];
    let status = step(&status, context, &into("status.md"));
    let renewals = ["renew", "--due", due, "--no-csr", "--format", "json"];
    let renewals = step(&renewals, context, &into("renewals.json"));
    if let Some(text) = markdown(&kept.file("renewals.json"))? {
        write(&kept.file("renewals.md"), &text)?;
    }
    let plan = kept.text("plan.json");
    let drift = ["plan", "--detailed-exitcode", "--format", "markdown", "--out", &plan];
    let drift = step(&drift, context, &into("plan.md"));
    // Whether the record is whole, and nothing secret is readable in the repository.
    let audit = step(&["audit"], context, &into("audit.txt"));
    for (name, _) in SHOWN {
        let file = kept.file(name);
        let text = std::fs::read_to_string(&file).map_err(CliError::file(&file, "read"))?;
        output.result(&text)?;
    }
    summarise(context, &SUMMARY.map(|name| kept.file(name)), output)?;
    Ok([renewals, drift, audit].into_iter().fold(status, Outcome::and))
}

/// What stands where a command of the step leaves nothing, because it failed.
fn unknown(what: &str) -> String {
    format!(
        "### No Applecart {what}\n\nNothing could be read that would say how things are: the log of this pipeline says why.\n\n"
    )
}

/// The sheets as one text; `None` where there are none because the step failed.
fn markdown(file: &Path) -> Result<Option<String>, CliError> {
    let text = match std::fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(CliError::file(file, "read"))?,
    };
    let sheets: Sheets = serde_json::from_slice(&text)?;
    Ok(Some(sheets_markdown(&sheets)))
}
