use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use applecart_core::model::Outcome;
use applecart_core::onboard::Standing;
use applecart_core::report;
use applecart_core::rules::codes::{self, Explanation, Explanations};

/// Say what a code means, why it is raised and what to do
///
/// Codes are the short names in plans, status, findings and errors, such as `topic-change`. Without
/// a code it lists all of them. It also knows how far tenants are in the table of `onboard`. Contacts nothing and needs no repository; docs/codes.md has the
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
    let Some(code) = args.code else {
        args.format.write(&Asked(None), output)?;
        return Ok(Outcome::Done);
    };
    let mut standings = Standing::ALL.iter();
    let standing = standings.find(|one| one.as_str() == code).map(|one| of_a_campaign(*one));
    match (codes::explain(&code), standing) {
        (Some(found), standing) => {
            args.format.write(&Asked(Some(found)), output)?;
            // Some word is both, and whoever asks may mean either.
            standing.iter().for_each(|text| output.note(text));
        }
        (None, Some(text)) if args.format.format == Format::Human => {
            output.result(&format!("{text}\n"))?;
        }
        (None, _) => return Err(CliError::UnknownCode { code }),
    }
    Ok(Outcome::Done)
}

/// How far a tenant of a campaign is, which is no code.
fn of_a_campaign(standing: Standing) -> String {
    let words = standing.words();
    format!("In the table of `applecart onboard`, {standing} is how far a tenant is: {words}")
}
