use std::io::{BufRead, Write};
use std::path::PathBuf;

use super::args::{Keys, Selected, duration};
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::global;
use super::interrupt::Signals;
use super::output::Output;
use crate::app::Context;
use crate::app::apply::{self, What};
use applecart_core::model::Outcome;
use applecart_core::plan::Plan;
use applecart_core::report::{self, ApplyReport};

/// Upload what is due, verify it, and record it in the ledger
///
/// Makes the plan again (and does only what a plan file holds, where one is given), opens the due
/// files, announces every write in the ledger, reads Intune again directly before it, uploads, reads
/// back and records. On a terminal it shows what is due and asks first; nobody is asked where
/// standard input is no terminal or CI is set, nor with --yes. Needs the Graph write role and an identity that opens the files. Where the
/// repository has a remote, only a commit that was merged into its default branch is applied (or into
/// --policy-rev; what a pipeline names as the target of a pull request counts for nothing). Where the policy asks for signed commits,
/// one of the signers that it names must have signed it. Commits of the ledger are signed with the
/// SSH key that APPLECART_LEDGER_SIGNING_KEY names.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart apply --select contoso
  applecart plan --out plan.json && applecart apply plan.json
  applecart apply --retry --select contoso
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
    /// Do not ask before the first upload
    #[arg(short, long)]
    yes: bool,
    /// Try files again at once that failed before, instead of after the time that the plan names
    #[arg(long)]
    retry: bool,
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
    (Format::Human, |report, output| {
        output.result(&report::apply_human(report, output.verbose, output.width()))
    }),
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
    let (signals, told) = (Signals::watch(), output.clone());
    let asks = !args.yes && global::may_ask();
    let options = apply::Options {
        what,
        approve: args.approve,
        wait,
        identities: args.keys.identity,
        local_ledger: args.local_ledger,
        retry: args.retry,
        confirm: Box::new(move |plan| {
            !asks || ask(plan, &mut std::io::stdin().lock(), &mut std::io::stderr())
        }),
        stop: Box::new(move || {
            signals.writes_begin(move || {
            told.note("Stopping: the write under way is being finished and recorded. No other one is started.");
        })
        }),
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

/// The plan stands above; only a clear yes goes on.
fn ask(plan: &Plan, input: &mut impl BufRead, out: &mut impl Write) -> bool {
    let summary = &plan.summary;
    let writes = summary.uploads + summary.creates + summary.configures;
    let question =
        format!("Write {} to Intune now? [y/N] ", report::plural(writes, "planned change"));
    let mut answer = String::new();
    let asked = out.write_all(question.as_bytes()).and_then(|()| out.flush());
    asked.is_ok()
        && input.read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use applecart_core::plan::world::World;

    #[test]
    fn only_a_clear_yes_uploads_and_the_question_says_how_much() {
        let plan = World::renewal().plan();
        for (answer, goes_on) in [
            ("y\n", true),
            (" YES \n", true),
            ("\n", false),
            ("", false),
            ("n\n", false),
            ("yy\n", false),
        ] {
            let mut shown = Vec::new();
            assert_eq!(ask(&plan, &mut answer.as_bytes(), &mut shown), goes_on, "{answer:?}");
            assert_eq!(shown, b"Write 1 planned change to Intune now? [y/N] ");
        }
    }
}
