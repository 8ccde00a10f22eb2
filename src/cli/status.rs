use clap::ValueEnum;

use super::error::CliError;
use super::global::Context;
use super::output::Output;
use super::plan::Selected;
use crate::app::session::{self, Intune, Loaded, Made, Tree, Wanted, Which};
use crate::app::{Reach, block_on};
use applecart_core::attention::FailOn;
use applecart_core::fleet::parse_duration;
use applecart_core::model::{LiveTenant, Outcome, Problem, ProblemCode, Reading};
use applecart_core::plan::Source;
use applecart_core::report::{self, StatusView};

/// Show what expires when, what works, and what differs from Git, most urgent first
///
/// Counts come first, then what needs attention and what to do about it, then the tokens that it
/// concerns; --all shows every token, -v also who uploaded each. JSON and CSV always hold all of
/// them. With --offline only Git and the ledger are read: expiry as last seen in Intune, else as Git
/// says; the settings are then the revision's own, unless --policy-rev names others. A schedule
/// should use --fail-on urgent: it ends with 9 when something is expired, critical, held, missing,
/// failing or unobserved.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart status
  applecart status --within 30d --all
  applecart status --select contoso --verbose
  applecart status --offline --format csv > tokens.csv
  applecart status --fail-on urgent
  applecart status --fail-within 14d --format json")]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    /// Contact nothing
    #[arg(long)]
    offline: bool,
    /// Show only tokens that expire within this time, such as 30d, or at an unknown time
    #[arg(long, value_name = "TIME")]
    within: Option<String>,
    /// End with 9 when a selected token expires within this time, such as 14d
    #[arg(long, value_name = "TIME")]
    fail_within: Option<String>,
    /// End with 9 when something of these needs attention: `urgent`, or codes such as `expired`
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    /// Show every token
    #[arg(long)]
    all: bool,
    /// How to show it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Csv,
    Markdown,
}

fn duration(text: &str) -> Result<chrono::Duration, CliError> {
    parse_duration(text).ok_or_else(|| CliError::Duration(text.to_owned()))
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let fail_within = args.fail_within.as_deref().map(duration).transpose()?;
    let within = args.within.as_deref().map(duration).transpose()?;
    let selection = args.selected.selection()?;
    let wanted = Wanted {
        tree: Tree::Commit,
        reach: if args.offline { Reach::Revision } else { Reach::Remote },
        which: if args.offline { Which::Offline } else { Which::Shared },
        reading: true,
    };
    let intune = |loaded: &Loaded| {
        if args.offline {
            let tenants = session::selected(&loaded.fleet, &selection);
            let live = tenants.map(|tenant| (tenant.name.clone(), not_looked())).collect();
            return Ok(Intune::Read(live, Source::Live));
        }
        let connector = session::connector(context)?;
        let read = session::read_live(context, &connector, loaded, &selection);
        Ok(Intune::Read(block_on(read)?, Source::Live))
    };
    let mut made = session::plan(context, &selection, &wanted, intune)?;
    if args.offline {
        // Intune was not asked, so nothing went wrong; a ledger that cannot be read still did.
        for tenant in &mut made.planned.plan.tenants {
            tenant.problems.retain(|problem| problem.code != ProblemCode::Unreachable);
        }
    }
    let attention = made.attention().matters;
    let Made { loaded, known, planned } = made;
    let failing = args.fail_on.iter().any(|on| attention.iter().any(|matter| on.fails(matter)));
    let ledger = known.as_ref().ok();
    let mut status =
        report::status_of(&planned.plan, &loaded.fleet, ledger, attention, args.offline);
    // Judged before anything is left out: what is shown decides nothing.
    let expiring = failing || fail_within.is_some_and(|within| status.expires_within(within));
    if let (Some(within), Some(text)) = (within, &args.within) {
        status.keep_within(within, text);
    }
    let view = StatusView {
        all: args.all,
        verbose: output.verbose,
        width: output.width(),
        is_terminal: output.is_terminal(),
    };
    output.result(&match args.format {
        Format::Human => report::status_human(&status, view),
        Format::Json => report::json(&status)?,
        Format::Csv => report::status_csv(&status),
        Format::Markdown => report::status_markdown(&status, view),
    })?;
    let observed = if args.offline { Outcome::Done } else { session::observed(&planned.plan) };
    Ok(observed.and(if expiring { Outcome::Expiring } else { Outcome::Done }))
}

/// Offline, nothing is known of Intune.
fn not_looked() -> LiveTenant {
    let unasked = || Problem::new(ProblemCode::Unreachable, "offline");
    LiveTenant {
        push: Reading::Unknown(unasked()),
        enrollment: Reading::Unknown(unasked()),
        vpp: Reading::Unknown(unasked()),
        consent: Reading::NotAsked,
        push_signing_request: None,
        clock_skew: None,
    }
}
