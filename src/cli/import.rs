use std::path::PathBuf;

use super::complete;
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::Context;
use crate::app::import::{self, ImportError, ImportOptions, ImportSource};
use applecart_core::import::Accept;
use applecart_core::model::{Outcome, TenantId, Topic};
use applecart_core::report::{self, ImportReport, escape};

/// Write tenant files of what Intune has: watched tokens with Apple Accounts, topics and expiries
///
/// Needs read-only Graph permissions and no key. A folder that is there already is left alone; with
/// --update its facts become those of Intune, and comments, order, quotes and line ends stay. Entries
/// are added, never removed. A token of which Intune has another credential than its `file` (renewed
/// or changed by hand) is adopted: it is watched from then on, and nothing is held. Changes of
/// existing files are shown; --dry-run only shows them. What could not be read is said and left out,
/// never taken for absent. A VPP or enrollment setting of a token with a file is what the fleet wants,
/// and stays.
///
/// Exit code 3 means that some tenants, or some credentials of one, could not be read; 4 that a
/// folder is in the way or a file would be invalid; 8 that no sign-in succeeded. Folders that a list
/// or a partner's customers have already are skipped, which is no failure.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart import contoso --tenant-id 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11
  applecart import --from customers.csv
  applecart import --customers 0f3e6c1d-… --dry-run
  applecart import --update contoso
  applecart import --update contoso --accept-topic TOPIC --reason 'all enrolled again'
  applecart import --update --format json

The list is CSV: a first line `name,tenantId`, with `displayName` and `auth` where wanted.")]
pub(super) struct Args {
    /// The new tenant's folder; with --update, the tenants to update (all without a name)
    #[arg(value_name = "TENANT", add = complete::tenant())]
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
    /// The list's encoding, such as utf-8 or windows-1252, where its bytes do not tell
    #[arg(long, value_name = "NAME", requires = "from")]
    encoding: Option<String>,
    /// Import the customers of this partner tenant (Microsoft Graph's /contracts; needs
    /// Directory.Read.All there). Those without any Apple credential are left out
    #[arg(long, value_name = "GUID", conflicts_with = "tenants")]
    customers: Option<TenantId>,
    /// Also bring existing tenant files up to date with Intune
    #[arg(long)]
    update: bool,
    /// Accept this topic, which Intune has in place of the one that devices know: the tenant file says
    /// so, and once that is merged and applied, it is no longer reported. Every device that is enrolled
    /// under the earlier topic has to enrol again
    #[arg(long, value_name = "TOPIC", requires_all = ["update", "reason"])]
    accept_topic: Option<Topic>,
    /// Why the topic is accepted
    #[arg(long, value_name = "TEXT", requires = "accept_topic")]
    reason: Option<String>,
    /// Also delete the sealed files of adopted tokens; Git's history keeps them
    #[arg(long, requires = "update")]
    remove_files: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Also write what was read of each tenant as a snapshot in this folder, for `plan --snapshot`
    #[arg(long, value_name = "DIR")]
    live_out: Option<PathBuf>,
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<ImportReport>,
}

const FORMATS: Formats<ImportReport> = Formats(&[
    (Format::Human, |report, output| output.result(&report::import_human(report, output.width()))),
    (Format::Json, |report, output| output.json(report)),
]);

impl Args {
    fn source(&self) -> Result<ImportSource, ImportError> {
        let source = match (self.tenant_id, &self.from, self.customers) {
            (Some(tenant_id), ..) => {
                let [name] = self.tenants.as_slice() else { return Err(ImportError::OneName) };
                let display_name = self.display_name.clone();
                ImportSource::One { name: name.clone(), tenant_id, display_name }
            }
            (_, Some(list), _) => {
                ImportSource::List { path: list.clone(), encoding: self.encoding.clone() }
            }
            (.., Some(partner)) => ImportSource::Customers(partner),
            _ if self.update => ImportSource::Fleet(self.tenants.clone()),
            _ if self.tenants.is_empty() => return Err(ImportError::Nothing),
            _ => return Err(ImportError::NoId),
        };
        Ok(source)
    }
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let options = ImportOptions {
        source: args.source()?,
        auth: args.auth.clone(),
        update: args.update,
        accept: args
            .accept_topic
            .clone()
            .zip(args.reason.clone())
            .map(|(topic, reason)| Accept { topic, reason }),
        live_out: args.live_out.clone(),
    };
    let mut import = import::prepare(&options, context)?;
    if let Some(guessed) = &import.guessed {
        output.note(&format!("note: {}", escape(guessed)));
    }
    if !args.dry_run {
        import.write(args.remove_files);
    }
    args.format.write(&import.report(!args.dry_run), output)?;
    output.clone_notes(&import.clone);
    if args.format.format == Format::Human && import.wrote() {
        output.note("next: check the files, commit them, and open a pull request:\n  applecart validate --worktree\n  git add tenants\n  git commit -m 'Import tenants'");
    }
    Ok(import.outcome())
}
