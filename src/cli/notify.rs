use std::sync::Arc;

use super::args::Selected;
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::{self, Context};
use applecart_core::model::Outcome;
use applecart_core::report::{self, NotifyReport};

/// Tell those whom applecart.yaml names what needs a person, each of them once
///
/// Reads Intune as `status` does, and tells each sink under `notify` what was raised, got worse, lasts
/// or is over since it was told last. What was told stands in the notes, so that any clone can go on:
/// it is claimed there before anything is sent, and what cannot be recorded is not sent. A sink that
/// does not answer loses nothing: the next run sends the same again. Nothing is told as resolved
/// because it could not be read. Needs Graph read, the right to push the notes, and the sinks' secrets
/// in the environment. Ends with 3 when a message was not delivered or something could not be read, with 6
/// when another run holds messages and has not recorded that it sent them.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart notify
  applecart notify --dry-run
  applecart notify --sink noc-mail --select ring=prod
  applecart notify --test noc-mail")]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    /// Send and record nothing: show the messages as they would be sent
    #[arg(long)]
    dry_run: bool,
    /// Tell only this sink; may be repeated
    #[arg(long, value_name = "NAME")]
    sink: Vec<String>,
    /// Send this sink a message that says that it is a test, and nothing else
    #[arg(long, value_name = "NAME", conflicts_with_all = ["dry_run", "sink", "select"])]
    test: Option<String>,
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<NotifyReport>,
}

const FORMATS: Formats<NotifyReport> = Formats(&[
    (Format::Human, |report, output| output.result(&report::notify_human(report))),
    (Format::Json, |report, output| output.json(report)),
]);

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    if let Some(sink) = &args.test {
        let tested = app::notify::test(context, sink)?;
        let instead = tested.instead.map(|address| {
            format!(" It went to {}, for no customer is sent a test.", report::escape(&address))
        });
        let instead = instead.unwrap_or_default();
        output.result(&format!("The sink {sink} took the test message.{instead}\n"))?;
        return Ok(Outcome::Done);
    }
    let selection = args.selected.selection()?;
    let options = app::notify::Options {
        selection,
        dry_run: args.dry_run,
        sinks: args.sink,
        stop: Arc::default(),
    };
    let notified = app::notify::run(context, &options)?;
    args.format.write(&notified.report, output)?;
    Ok(notified.outcome)
}
