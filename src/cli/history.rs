use super::args::Selected;
use super::complete;
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::Context;
use crate::app::history::{self, HistoryOptions};
use applecart_core::model::{Outcome, Timestamp};
use applecart_core::report::{self, History, Period};

/// Show every change of a token: commits, pull requests, uploads, changes outside Git, and by whom
///
/// One timeline per token, oldest first, joined from the fleet's Git history (also from when the
/// folder had another name) and from the ledger; above it, what is in force and how it got there.
/// With --at, what was in force then; a change outside Git before the next run looked makes that
/// uncertain, and the answer says so. Nothing is contacted: the ledger is what this clone last saw of
/// it, unless --fetch brings it up to date, and Intune is asked only with --live. Names, request
/// numbers, reviewers and signatures are what commits say; none of it is verified. Ends with 3 when
/// the ledger is unknown or broken; the rest is still shown.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart history contoso
  applecart history contoso/push --at 2027-03-03
  applecart history contoso/London --since 2026-01-01 --format html > london.html
  applecart history --select ring=pilot --format csv > fleet.csv")]
pub(super) struct Args {
    /// The tenant, or one of its tokens: `push`, a token's name or id, or a kind
    #[arg(value_name = "TENANT[/TOKEN]", add = complete::token(), conflicts_with = "select")]
    target: Option<String>,
    #[command(flatten)]
    selected: Selected,
    /// Say what was in force at this instant; a day means its end, in UTC
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Show only what happened from this day or instant on
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show only what happened until this day (included) or instant
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Fetch the ledger from the remote first
    #[arg(long)]
    fetch: bool,
    /// Also read what Intune has now, and compare it with what the records say
    #[arg(long, conflicts_with = "at")]
    live: bool,
    /// Show whole timelines, of however many tokens
    #[arg(long)]
    all: bool,
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Shown>,
}

/// A history as it is shown.
struct Shown {
    history: History,
    /// Whole timelines, of however many tokens.
    all: bool,
}

const FORMATS: Formats<Shown> = Formats(&[
    (Format::Human, |shown, output| {
        output.result(&report::history_human(&shown.history, shown.all, output.width()))
    }),
    (Format::Json, |shown, output| output.json(&shown.history)),
    (Format::Csv, |shown, output| output.result(&report::history_csv(&shown.history))),
    (Format::CsvExcel, |shown, output| {
        output.result(&report::for_excel(&report::history_csv(&shown.history)))
    }),
    (Format::Markdown, |shown, output| output.result(&report::history_markdown(&shown.history))),
    (Format::Html, |shown, output| output.result(&report::history_html(&shown.history))),
]);

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let time =
        |text: &Option<String>, end| text.as_deref().map(|one| instant(one, end)).transpose();
    let period = Period {
        at: time(&args.at, true)?,
        since: time(&args.since, false)?,
        until: time(&args.until, true)?,
    };
    if let (Some(since), Some(until)) = (period.since, period.until)
        && since > until
    {
        return Err(CliError::Period { since, until });
    }
    let options = HistoryOptions {
        target: args.target.clone(),
        selection: args.selected.selection()?,
        period,
        fetch: args.fetch,
        live: args.live,
    };
    let told = history::history(options, context)?;
    if let Some(why) = &told.blind {
        output.note(&report::escape(&why.to_string()));
    }
    let outcome = if told.is_partial() { Outcome::Partial } else { Outcome::Done };
    args.format.write(&Shown { history: told.history, all: args.all }, output)?;
    Ok(outcome)
}

/// An instant; of a day its first or its last second, in UTC.
fn instant(text: &str, end: bool) -> Result<Timestamp, CliError> {
    let whole = format!("{text}T{}Z", if end { "23:59:59" } else { "00:00:00" });
    let parsed = text.parse().or_else(|_| whole.parse());
    parsed.map_err(|_| CliError::Instant(text.to_owned()))
}
