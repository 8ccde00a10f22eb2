//! `applecart import`: live state → tenant files.

mod fresh;
mod list;
mod names;
mod run;
mod target;
mod update;
mod write;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use super::error::CliError;
use super::global::{Context, Format};
use super::output::Output;
use crate::app::ImportError;
use applecart_core::model::{Outcome, TenantId};
use applecart_core::report;

/// Write tenant files from live Intune: watched tokens with their Apple IDs, topics and expiries
///
/// Needs read-only Graph permissions and no key. A folder that is there already is left alone;
/// with --update its facts become those of live Intune, and comments, order, quotes and line ends
/// stay. Entries are added, never removed. A token whose live credential is not its `file` (renewed
/// or changed by hand) is adopted: it is watched from then on, and the hold is gone. Changes of
/// existing files are shown first, and asked about on a terminal. What could not be read is said
/// and left out, never taken for absent. A VPP or enrollment setting of a token with a file is a
/// wish and stays.
///
/// Exit code 3 means that some tenants, or some credentials of one, could not be read; 4 that a
/// folder is in the way or a file would be invalid; 8 that no sign-in succeeded; 64, without a
/// terminal and --yes, that existing files would change. Folders that a list or a partner's
/// customers have already are skipped, which is no failure.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart import contoso --tenant-id 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11
  applecart import --from customers.csv
  applecart import --customers 0f3e6c1d-… --dry-run
  applecart import --update contoso
  applecart import --update --yes --format json

The list is CSV: a first line `name,tenantId`, with `displayName` and `auth` where wanted.")]
pub(super) struct Args {
    /// The new tenant's folder; with --update, the tenants to update (all without a name)
    #[arg(value_name = "TENANT")]
    tenants: Vec<String>,
    /// The new tenant's directory (tenant) id
    #[arg(long, value_name = "GUID", conflicts_with_all = ["from", "customers"])]
    tenant_id: Option<TenantId>,
    /// What people call the new tenant
    #[arg(long, value_name = "NAME", requires = "tenant_id")]
    display_name: Option<String>,
    /// The sign-in profile of new tenants, and of the partner, where it is not the fleet's default
    #[arg(long, value_name = "PROFILE", conflicts_with = "from")]
    auth: Option<String>,
    /// Import the tenants of this CSV list
    #[arg(long, value_name = "FILE", conflicts_with_all = ["customers", "tenants"])]
    from: Option<PathBuf>,
    /// Import the customers of this partner tenant (Microsoft Graph's /contracts; needs
    /// Directory.Read.All there). Those without any Apple credential are left out
    #[arg(long, value_name = "GUID", conflicts_with = "tenants")]
    customers: Option<TenantId>,
    /// Also bring existing tenant files up to live Intune
    #[arg(long)]
    update: bool,
    /// Also delete the sealed files of adopted tokens; Git's history keeps them
    #[arg(long, requires = "update")]
    remove_files: bool,
    /// Change existing files without asking
    #[arg(short, long)]
    yes: bool,
    /// Show what would be written, and write nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Also write what was read of each tenant as a snapshot in this folder, for `plan --live`
    #[arg(long, value_name = "DIR")]
    live_out: Option<PathBuf>,
    /// How to show it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let mut work = run::prepare(args, context)?;
    let changes = work.updates();
    let show = |report: &report::ImportReport| match args.format {
        Format::Human => output.result(&report::import_human(report, output.width())),
        Format::Json => output.json(report),
    };
    let ask = changes > 0 && !args.yes && !args.dry_run;
    if args.dry_run {
        show(&work.report(false))?;
        return Ok(work.outcome());
    }
    if ask {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if !terminal {
            show(&work.report(false))?;
            return Err(ImportError::NobodyToAsk { files: changes }.into());
        }
        output.note(&report::import_human(&work.report(false), output.width()));
        if !confirmed(changes) {
            output.note("nothing was written");
            return Ok(work.outcome());
        }
    }
    work.write(args.remove_files);
    show(&work.report(true))?;
    if args.format == Format::Human && work.wrote() {
        output.note("next: look at `git diff`, commit, and open a pull request");
    }
    Ok(work.outcome())
}

fn confirmed(files: usize) -> bool {
    let mut err = std::io::stderr();
    // Where the question cannot be seen, the answer is no.
    if write!(err, "change {}? [y/N] ", report::plural(files, "existing tenant file"))
        .and_then(|()| err.flush())
        .is_err()
    {
        return false;
    }
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
