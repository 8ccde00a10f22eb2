use std::path::PathBuf;

use super::args::{Keys, Selected, duration};
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::interrupt;
use super::output::Output;
use crate::app::Context;
use crate::app::apply::{self, What};
use applecart_core::model::Outcome;
use applecart_core::report::{self, ApplyReport};

/// Upload what is due, verify it, and record it in the ledger
///
/// Makes the plan again (and does only what a plan file holds, where one is given), opens the due
/// files, announces every write in the ledger, reads Intune again directly before it, uploads, reads
/// back and records. Needs the Graph write role and an identity that opens the files. Where the
/// repository has a remote, only a commit that was merged into its default branch is applied (or
/// into the pipeline's target branch, or --policy-rev). Where the policy asks for signed commits,
/// one of the signers that it names must have signed it. Commits of the ledger are signed with the
/// SSH key that APPLECART_LEDGER_SIGNING_KEY names.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart apply --select contoso
  applecart plan --out plan.json && applecart apply plan.json
  SOPS_AGE_KEY_FILE=~/fleet.agekey applecart apply")]
pub(super) struct Args {
    /// A plan that `plan --out` wrote: only what it holds is done, and it is refused when a tenant
    /// in it, Intune or the policy changed, or after 24 hours
    #[arg(conflicts_with = "select")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    selected: Selected,
    /// Permit a plan over the safety limits: the digest that was reviewed
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,
    /// How long to wait until Intune has an upload [default: 1m; for the first upload of a kind,
    /// which goes alone, the fleet's `ledger.settle`]
    #[arg(long, value_name = "TIME")]
    wait: Option<String>,
    #[command(flatten)]
    keys: Keys,
    /// Read and record in this clone only, although the repository has a remote
    #[arg(long)]
    local_ledger: bool,
    /// How to show the result
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<ApplyReport>,
}

const FORMATS: Formats<ApplyReport> = Formats(&[
    (Format::Human, |report, output| output.result(&report::apply_human(report, output.width()))),
    (Format::Json, |report, output| output.json(report)),
]);

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let wait = match &args.wait {
        Some(text) => {
            let wait = duration("--wait", text)?.to_std();
            Some(wait.map_err(|_| CliError::Duration { option: "--wait", text: text.clone() })?)
        }
        None => None,
    };
    let what = match args.plan {
        Some(path) => What::Reviewed(path),
        None => What::Due(args.selected.selection()?),
    };
    let options = apply::Options {
        what,
        approve: args.approve,
        wait,
        identities: args.keys.identity,
        local_ledger: args.local_ledger,
        stop: interrupt::flag,
    };
    let applied = apply::run(context, options, |plan, attention| {
        if args.format.format == Format::Human {
            let (all, width) = (output.verbose, output.width());
            output.note(&report::plan_human(plan, attention, all, width));
        }
    })?;
    args.format.write(&applied.report, output)?;
    Ok(applied.outcome())
}
