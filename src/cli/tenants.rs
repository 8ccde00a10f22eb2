use super::args::Selected;
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::{self, Context};
use applecart_core::model::Outcome;
use applecart_core::report;
use applecart_core::report::tenants::{TenantList, tenants_csv, tenants_human};

/// List the fleet's tenants and their tokens, as Git has them
///
/// Contacts nothing and needs no key: what is listed is what the tenant files of the revision say.
/// What Intune has, and what expires when, is told by `applecart status`. Ends with 3 when some
/// tenant files have mistakes; they are listed without their tokens.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart tenants
  applecart tenants --select ring=pilot
  applecart tenants --format csv-excel > tenants.csv
  applecart tenants --format json")]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<TenantList>,
}

const FORMATS: Formats<TenantList> = Formats(&[
    (Format::Human, |list, output| {
        output.result(&tenants_human(list, output.is_terminal().then(|| output.width())))
    }),
    (Format::Json, |list, output| output.json(list)),
    (Format::Csv, |list, output| output.result(&tenants_csv(list))),
    (Format::CsvExcel, |list, output| output.result(&report::for_excel(&tenants_csv(list)))),
]);

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let list = app::tenants::list(context, &args.selected.selection()?)?;
    args.format.write(&list, output)?;
    Ok(if list.is_whole() { Outcome::Done } else { Outcome::Partial })
}
