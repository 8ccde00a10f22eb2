//! What a morning needs to know.

use std::path::Path;

use super::super::error::CliError;
use super::super::output::Output;
use super::super::step;
use super::{Kept, make, summarise, write};
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
const SHOWN: [&str; 4] = ["status.md", "renewals.md", "plan.md", "audit.txt"];
const SUMMARY: [&str; 3] = ["status.md", "renewals.md", "plan.md"];

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let kept = &args.kept;
    make(&kept.out)?;
    for name in SHOWN.iter().chain(&["renewals.json"]) {
        // Where a step fails, what it left yesterday must not be told today.
        write(&kept.file(name), "")?;
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
    for name in SHOWN {
        let file = kept.file(name);
        let text = std::fs::read_to_string(&file).map_err(CliError::file(&file, "read"))?;
        output.result(&text)?;
    }
    summarise(context, &SUMMARY.map(|name| kept.file(name)), output)?;
    Ok([renewals, drift, audit].into_iter().fold(status, Outcome::and))
}

/// The sheets as one text; `None` where there are none because the step failed.
fn markdown(file: &Path) -> Result<Option<String>, CliError> {
    let text = std::fs::read(file).map_err(CliError::file(file, "read"))?;
    if text.is_empty() {
        return Ok(None);
    }
    let sheets: Sheets = serde_json::from_slice(&text)?;
    Ok(Some(sheets_markdown(&sheets)))
}
