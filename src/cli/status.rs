use std::path::PathBuf;

use super::args::{Selected, duration};
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::{self, Context};
use applecart_core::attention::FailOn;
use applecart_core::model::Outcome;
use applecart_core::outlets;
use applecart_core::report::{self, Status, StatusView};
use applecart_io::outlets::calendar;

/// Show what expires when, what works, and what differs from Git, most urgent first
///
/// Counts come first, then what needs attention and what to do about it, then the tokens that it
/// concerns; --all shows every token, -v also who uploaded each. JSON and CSV always hold all of
/// them, and HTML is one page that needs no other file, with a calendar, a search and filters. With --offline only Git and this clone's ledger are read: the expiry date is the one last
/// seen in Intune, else the one in Git; the settings are then the revision's own, unless
/// --policy-rev names others. A schedule should use --fail-on urgent: it ends with 9 when something
/// is expired, critical, held, missing, failing or could not be read.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart status
  applecart status --within 30d --all
  applecart status --select contoso --verbose
  applecart status --format html --output status.html
  applecart status --format csv-excel --output tokens.csv
  applecart status --format ics --output renewals.ics
  applecart status --format prometheus --output /var/lib/node_exporter/applecart.prom
  applecart status --fail-on urgent
  applecart status --fail-within 14d --format json")]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    /// Contact nothing: show what Git and this clone's ledger know
    #[arg(long)]
    offline: bool,
    /// Show only tokens that expire within this time, such as 30d, or whose expiry is unknown
    #[arg(long, value_name = "TIME")]
    within: Option<String>,
    /// End with 9 when a selected token expires within this time, such as 14d
    #[arg(long, value_name = "TIME")]
    fail_within: Option<String>,
    /// End with 9 when something of these needs attention: `urgent`, or codes such as `expired`
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    /// Show every token, not only those that need attention
    #[arg(long)]
    all: bool,
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Shown>,
    /// Write it to this file, which is replaced as a whole: whoever reads it never sees a part
    #[arg(short = 'O', long, value_name = "FILE", visible_alias = "out")]
    output: Option<PathBuf>,
}

/// A status as it is shown.
struct Shown {
    status: Status,
    all: bool,
}

const FORMATS: Formats<Shown> = Formats(&[
    (Format::Human, |shown, output| {
        output.result(&report::status_human(&shown.status, shown.view(output)))
    }),
    (Format::Json, |shown, output| output.json(&shown.status)),
    (Format::Csv, |shown, output| output.result(&report::status_csv(&shown.status))),
    (Format::CsvExcel, |shown, output| {
        output.result(&report::for_excel(&report::status_csv(&shown.status)))
    }),
    (Format::Markdown, |shown, output| {
        output.result(&report::status_markdown(&shown.status, shown.view(output)))
    }),
    (Format::Html, |shown, output| {
        output.result(&report::status_html(&shown.status, &report::PageView::File))
    }),
    (Format::Ics, |shown, output| {
        let now = shown.status.generated_at;
        output.result(&calendar::ics(&outlets::calendar::entries(&shown.status), now))
    }),
    (Format::Prometheus, |shown, output| {
        let text = outlets::metrics::text(&outlets::metrics::registry(&shown.status));
        output.result(&text.map_err(|error| CliError::Output(std::io::Error::other(error)))?)
    }),
]);

impl Shown {
    fn view(&self, output: &Output) -> StatusView {
        StatusView {
            all: self.all,
            verbose: output.verbose,
            width: output.width(),
            is_terminal: output.is_terminal(),
        }
    }
}

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let within = match args.within {
        Some(text) => Some((duration("--within", &text)?, text)),
        None => None,
    };
    let options = app::status::Options {
        selection: args.selected.selection()?,
        offline: args.offline,
        in_force: false,
        within,
        fail_on: args.fail_on,
        fail_within: args
            .fail_within
            .as_deref()
            .map(|text| duration("--fail-within", text))
            .transpose()?,
    };
    let surveyed = app::status::run(context, &options)?;
    let output = output.with_file(args.output);
    args.format.write(&Shown { status: surveyed.status, all: args.all }, &output)?;
    Ok(surveyed.outcome)
}
