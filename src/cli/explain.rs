use clap::ValueEnum;

use super::error::CliError;
use super::output::Output;
use applecart_core::model::Outcome;
use applecart_core::report;
use applecart_core::rules::codes::{self, Explanation, Explanations};

/// Say what a code means, why it is raised and what to do
///
/// Codes are the short names in plans, status, findings and errors, such as `topic-change`. Without
/// a code it lists all of them. Contacts nothing and needs no repository; docs/codes.md has the
/// same text.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart explain topic-change
  applecart explain
  applecart explain topic-change --format json")]
pub(super) struct Args {
    /// The code
    code: Option<String>,
    /// How to show the result
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Outcome, CliError> {
    let wanted: Option<&Explanation> = match &args.code {
        None => None,
        Some(code) => {
            Some(codes::explain(code).ok_or_else(|| CliError::UnknownCode { code: code.clone() })?)
        }
    };
    output.result(&match (args.format, wanted) {
        (Format::Json, Some(one)) => report::json(&Explanations::of([one]))?,
        (Format::Json, None) => report::json(&Explanations::of(codes::all()))?,
        (Format::Human, Some(one)) => report::explained(one, output.width()),
        (Format::Human, None) => report::codes_listed(output.width()),
    })?;
    Ok(Outcome::Done)
}
