use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::error::CliError;
use super::global::{Context, Format};
use super::output::Output;
use crate::app::Reach;
use crate::app::session;
use crate::app::trust;
use applecart_core::ledger::{Filter, Verdict};
use applecart_core::model::{LedgerEntry, Outcome, TenantId};
use applecart_core::report::json;
use applecart_io::git::{Repo, Signers};
use applecart_io::store;
use applecart_io::store::{Ledger, LedgerError, MustBeSigned};

/// Show the record of what was sent and seen, verify that it is whole, or add to it
///
/// Where the repository has a remote, the ledger is the remote's: it is fetched first.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart ledger show contoso
  applecart ledger verify
  applecart ledger append applecart-unpushed-….json")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every entry, oldest first
    #[command(after_help = "Examples:
  applecart ledger show
  applecart ledger show contoso --format json
  applecart ledger show --offline")]
    Show {
        /// Only this tenant: its name or its id
        tenant: Option<String>,
        /// Contact nothing: show what this clone has seen and recorded
        #[arg(long)]
        offline: bool,
        /// How to show it
        #[arg(long, value_enum, default_value = "human")]
        format: Format,
    },
    /// Check every chain, and that no commit changed what was written before
    ///
    /// Where the policy asks for a signed ledger, also that every commit is signed by somebody who
    /// may. Ends with 7 if the record was edited, was taken away from where it was seen before, or
    /// has a commit that nobody signed who may.
    #[command(after_help = "Examples:
  applecart ledger verify
  applecart ledger verify --offline --format json")]
    Verify {
        /// Contact nothing: check what this clone has
        #[arg(long)]
        offline: bool,
        /// How to show it
        #[arg(long, value_enum, default_value = "human")]
        format: Format,
    },
    /// Record entries that a run saved in a file because it could not push them
    ///
    /// Entries that the ledger already has are left out, so a file can be appended twice. Once the
    /// entries are pushed, the file is not needed any more.
    #[command(
        arg_required_else_help = true,
        after_help = "Examples:
  applecart ledger append applecart-unpushed-….json
  applecart ledger append --publish"
    )]
    Append {
        /// The file that the run named
        #[arg(value_name = "FILE", required_unless_present = "publish")]
        file: Option<PathBuf>,
        /// First push a ledger that only this clone has, because it is older than the remote
        #[arg(long)]
        publish: bool,
    },
}

impl Args {
    /// Whether it only looks at the record.
    pub(super) fn is_read_only(&self) -> bool {
        !matches!(self.command, Command::Append { .. })
    }
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    // Only writing needs to know where the ledger is by the base's word.
    let reach = match args.command {
        Command::Show { .. } | Command::Verify { .. } => Reach::Clone,
        Command::Append { .. } => Reach::Remote,
    };
    let repo = Repo::discover(&context.repo)?;
    let (policy, policy_rev) = session::ledger_policy(&repo, context, reach)?;
    let open = |offline: bool| {
        let open = if offline { Ledger::open_offline } else { Ledger::open_shared };
        open(&context.repo, &policy.ledger_branch)
    };
    match &args.command {
        Command::Show { tenant, offline, format } => {
            let ledger = open(*offline)?;
            let view = ledger.read()?;
            let filter = Filter { tenant: tenant.clone() };
            let report = applecart_core::ledger::show(&view, &filter, ledger.asked_remote());
            output.result(&match format {
                Format::Human => applecart_core::ledger::show_text(&report),
                Format::Json => json(&report)?,
            })?;
            Ok(if report.broken.is_empty() { Outcome::Done } else { Outcome::Partial })
        }
        Command::Verify { offline, format } => {
            let ledger = open(*offline)?;
            let report = if policy.ledger_signing.required {
                let signers = Signers::of(&repo, Some(&policy_rev), &policy.ledger_signers())?;
                let unsigned_until = policy.ledger_signing.unsigned_until.as_deref();
                let signed = MustBeSigned { signers: &signers, repo: &repo, unsigned_until };
                store::verify_signed(&ledger, signed)?
            } else {
                store::verify(&ledger)?
            };
            output.result(&match format {
                Format::Human => applecart_core::ledger::verify_text(&report),
                Format::Json => json(&report)?,
            })?;
            Ok(match report.verdict {
                Verdict::Ok => Outcome::Done,
                Verdict::Broken => Outcome::Untrusted,
            })
        }
        Command::Append { file, publish } => {
            let mut ledger = open(false)?;
            let key = trust::ledger_key(context, &repo, &policy, Some(&policy_rev))?;
            if let Some(key) = key {
                ledger.sign_with(key);
            }
            if *publish {
                output.result(&match ledger.publish()? {
                    Some(tip) => format!("The ledger is published (at {tip}).\n"),
                    None => "There is no ledger yet, so there is nothing to publish.\n".to_owned(),
                })?;
            }
            match file {
                Some(file) => append(&mut ledger, file, output),
                None => Ok(Outcome::Done),
            }
        }
    }
}

/// Hands a file's entries over, and says so only once they are where they belong.
fn append(ledger: &mut Ledger, file: &Path, output: &Output) -> Result<Outcome, CliError> {
    let entries = store::read_saved(file)?;
    let where_to = match ledger.asked_remote() {
        Some(remote) => format!("at {remote}"),
        None => "in this clone".to_owned(),
    };
    let (delivered, refused) = deliver(ledger, &entries)?;
    let mut text = format!(
        "{} of {} entries recorded, {} were there already; the ledger {where_to} has them all{}.\n",
        delivered.recorded,
        entries.len(),
        delivered.known,
        if refused.is_empty() { "" } else { " but those below" },
    );
    for error in &refused {
        text.push_str(&format!(
            "not recorded: {}\n",
            applecart_core::report::escape(&error.sentence())
        ));
    }
    if refused.is_empty() {
        text.push_str(&format!("You can delete {}.\n", file.display()));
    } else {
        text.push_str(&format!(
            "Keep {}; once that is mended, run this again: applecart ledger append {}\n",
            file.display(),
            file.display()
        ));
    }
    output.result(&text)?;
    Ok(if refused.is_empty() { Outcome::Done } else { Outcome::Partial })
}

/// All together; where one tenant's entries cannot be recorded, each tenant's by themselves.
fn deliver(
    ledger: &mut Ledger,
    entries: &[(TenantId, LedgerEntry)],
) -> Result<(store::Delivered, Vec<LedgerError>), CliError> {
    match ledger.deliver(entries) {
        Err(error) if error.is_of_one_tenant() => {}
        delivered => return Ok((delivered?, Vec::new())),
    }
    let mut tenants: Vec<TenantId> = entries.iter().map(|(tenant, _)| *tenant).collect();
    tenants.sort();
    tenants.dedup();
    let mut total = store::Delivered { recorded: 0, known: 0, head: None };
    let mut refused = Vec::new();
    for tenant in tenants {
        let own: Vec<_> = entries.iter().filter(|(of, _)| *of == tenant).cloned().collect();
        match ledger.deliver(&own) {
            Ok(delivered) => {
                total.recorded += delivered.recorded;
                total.known += delivered.known;
                total.head = delivered.head;
            }
            Err(error) if error.is_of_one_tenant() => refused.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((total, refused))
}
