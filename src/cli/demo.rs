use std::path::PathBuf;

use super::error::CliError;
use super::output::Output;
use crate::app::Context;
use crate::app::demo::{self, Narrator};
use applecart_core::model::Outcome;

/// Build a sample fleet of 12 tenants and walk through the whole story
///
/// Makes a Git repository with freshly made certificates, starts a simulated Intune on this
/// machine, and runs status, plan, apply and a second plan, a renewal from its sheet to the customer's
/// confirmation, one made in the portal, a certificate with the wrong topic, history and audit. Each step
/// prints its command, so that it can be run again by hand. Contacts nothing outside this machine.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart demo
  applecart demo ./sample")]
pub(super) struct Args {
    /// Where to build it; must be new or empty [default: a new folder for temporary files]
    dir: Option<PathBuf>,
}

impl Narrator for Output {
    fn say(&self, text: &str) -> Result<(), CliError> {
        self.result(text)
    }

    fn step(&self, number: u32, says: &str, command: &str) -> Result<(), CliError> {
        let bold = anstyle::Style::new().bold();
        self.result(&format!("\n{bold}{number}. {says}{bold:#}\n$ applecart {command}\n\n"))
    }
}

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    demo::run(context, args.dir, output)?;
    Ok(Outcome::Done)
}
