use std::sync::Arc;

use super::args::Selected;
use super::complete;
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::{self, Context};
use applecart_core::model::{Outcome, shell_word};
use applecart_core::report::ticket::{TicketList, TicketReport};
use applecart_core::report::{self, escape};

/// Open, follow and close one ticket for each renewal
///
/// Reads Intune as `status` does. A renewal that is due opens a ticket through the sink that
/// applecart.yaml names under `tickets`, with the renewal sheet; it is noted when the new file is
/// pushed, merged, held or uploaded, closed when Intune is read to have a credential that expires
/// later, and opened again when that does not hold. Each of these is told once: what was told stands
/// in the notes. What could not be read closes nothing. A tenant without the number that the settings
/// ask for gets no ticket, and is named; so is one whose number changed while its ticket is open. Ends
/// with 3 then, when a message was not delivered, and when something could not be read.
#[derive(clap::Args, Debug)]
#[command(
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  applecart ticket
  applecart ticket --dry-run --select contoso
  applecart ticket list
  applecart ticket link contoso/push 'T20261127.0042'"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    selected: Selected,
    /// Send and record nothing: show the messages as they would be sent
    #[arg(long)]
    dry_run: bool,
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<TicketReport>,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Show every ticket that the notes know, and how far it is
    #[command(after_help = "Examples:
  applecart ticket list
  applecart ticket list --select contoso --format json")]
    List {
        #[command(flatten)]
        selected: Selected,
        /// How to show it
        #[arg(short = 'o', long, value_parser = LIST_FORMATS, default_value = "human")]
        format: Chosen<TicketList>,
    },
    /// Record the number that a renewal's ticket has in its own system
    ///
    /// `history` and `status --verbose` show it, and later messages of the ticket have it in their
    /// subject, so that a mailbox that goes by numbers keeps them together.
    #[command(after_help = "Examples:
  applecart ticket link contoso/push 'T20261127.0042'
  applecart ticket link contoso/London 4711")]
    Link {
        /// The token: `push`, its name, its id or its kind
        #[arg(value_name = "TENANT/TOKEN", add = complete::token())]
        target: String,
        /// The number, as the ticket system writes it in subjects
        #[arg(value_name = "NUMBER")]
        number: String,
    },
}

const FORMATS: Formats<TicketReport> = Formats(&[
    (Format::Human, |report, output| output.result(&report::ticket::ticket_human(report))),
    (Format::Json, |report, output| output.json(report)),
]);

const LIST_FORMATS: Formats<TicketList> = Formats(&[
    (Format::Human, |list, output| {
        output.result(&report::ticket::tickets_human(
            list,
            output.is_terminal().then(|| output.width()),
        ))
    }),
    (Format::Json, |list, output| output.json(list)),
]);

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    match args.command {
        None => {
            let selection = args.selected.selection()?;
            let options =
                app::ticket::Options { selection, dry_run: args.dry_run, stop: Arc::default() };
            let ticketed = app::ticket::run(context, &options)?;
            args.format.write(&ticketed.report, output)?;
            Ok(ticketed.outcome)
        }
        Some(Command::List { selected, format }) => {
            format.write(&app::ticket::list(context, &selected.selection()?)?, output)?;
            Ok(Outcome::Done)
        }
        Some(Command::Link { target, number }) => {
            let linked = app::ticket::link(context, &target, &number)?;
            let (tenant, token) = (&linked.tenant, escape(&linked.token.to_string()));
            let mut text = format!(
                "{tenant} {token}: the ticket of the renewal by {} has the number {}. Its history shows it:\napplecart history {}\n",
                linked.period,
                escape(&linked.number),
                shell_word(tenant.as_str())
            );
            if let Some(head) = linked.head {
                text.push_str(&format!("notes {head}\n"));
            }
            output.result(&text)?;
            Ok(Outcome::Done)
        }
    }
}
