use super::args::{Keys, Selected};
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::Context;
use crate::app::check;
use applecart_core::model::Outcome;
use applecart_core::report::{self, AppleCheck};

/// Ask Apple about every sealed VPP token: does it work, and whose location is it
///
/// A token ends with the password of the Apple Account that downloaded it, when it is revoked, or when
/// another MDM takes the location, whatever its expiry date says. This opens the sealed VPP tokens of
/// the commit and asks Apple about each, ten a second at most; nothing is written, and Intune is not
/// contacted. Run it as a job of its own, for it needs the key. Ends with 4 when a token is dead or is
/// another location's, else with 3 when one could not be opened or Apple gave no answer, else with 0.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart check --apple
  applecart check --apple --select contoso --all
  applecart check --apple --format json")]
pub(super) struct Args {
    /// Ask Apple; nothing else is checked by this command
    #[arg(long, required = true)]
    apple: bool,
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    keys: Keys,
    /// Show every token, not only those that need a person
    #[arg(long)]
    all: bool,
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Shown>,
}

struct Shown {
    check: AppleCheck,
    all: bool,
}

const FORMATS: Formats<Shown> = Formats(&[
    (Format::Human, |shown, output| {
        output.result(&report::apple_check_human(&shown.check, shown.all))
    }),
    (Format::Json, |shown, output| output.json(&shown.check)),
]);

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let options = check::Options {
        selection: args.selected.selection()?,
        identities: args.keys.identity.clone(),
    };
    let check = check::run(context, &options)?;
    let outcome = check.outcome();
    args.format.write(&Shown { check, all: args.all }, output)?;
    Ok(outcome)
}
