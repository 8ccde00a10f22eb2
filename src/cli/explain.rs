use super::error::CliError;
use super::format::{Chosen, Format, Formats};
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
    /// The code, such as topic-change; without one, all are listed
    code: Option<String>,
    /// How to show the result
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Asked>,
}

/// The code to explain; without one, all of them.
struct Asked(Option<&'static Explanation>);

const FORMATS: Formats<Asked> = Formats(&[
    (Format::Human, |asked, output| {
        output.result(&match asked.0 {
            Some(one) => report::explained(one, output.width()),
            None => report::codes_listed(output.width()),
        })
    }),
    (Format::Json, |asked, output| {
        output.json(&match asked.0 {
            Some(one) => Explanations::of([one]),
            None => Explanations::of(codes::all()),
        })
    }),
]);

pub(super) fn run(args: Args, output: &Output) -> Result<Outcome, CliError> {
    let wanted = match args.code {
        None => None,
        Some(code) => Some(codes::explain(&code).ok_or(CliError::UnknownCode { code })?),
    };
    args.format.write(&Asked(wanted), output)?;
    Ok(Outcome::Done)
}
