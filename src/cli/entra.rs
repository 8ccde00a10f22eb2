use super::ci::HostName;
use super::error::CliError;
use super::onboard::StageName;
use super::output::Output;
use crate::app::Context;
use crate::app::entra::{self, Options};
use applecart_core::fleet::Forge;
use applecart_core::model::Outcome;
use applecart_core::report::onboard::Shell;
use clap::ValueEnum;

/// Register the fleet's applications in Entra ID
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart entra app --print
  applecart entra app --print --host github --shell powershell")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Print the commands that register the two applications, one that reads and one that uploads
    ///
    /// The commands are the Azure CLI's, for this fleet: an application that applecart.yaml names is
    /// not made again, and the repository is that of the Git remote. Each permission stands with its
    /// id and its name. Nothing is run and nothing is contacted: an administrator reads the lines, and
    /// runs them. `applecart doctor` compares what a token permits with what its application is for.
    #[command(after_help = "Examples:
  applecart entra app --print
  applecart entra app --print --for watch
  applecart entra app --print --host gitlab > register.sh
  applecart entra app --print --github-ids 123456/456789")]
    App {
        /// Print the commands; nothing else is done
        #[arg(long, required = true)]
        print: bool,
        /// Where the pipelines run that sign in without a secret; by the remote where it is left out
        #[arg(long, value_name = "HOST")]
        host: Option<HostName>,
        /// The numbers by which GitHub knows the repository's owner and the repository, where its tokens
        /// name them
        #[arg(long, value_name = "OWNER-ID/ID", value_parser = ids)]
        github_ids: Option<(u64, u64)>,
        /// What the applications are for: to watch, the one that reads is enough
        #[arg(long = "for", value_name = "STAGE", default_value = "apply")]
        stage: StageName,
        /// The one application that applecart.yaml names is the one that uploads; without this it is
        /// taken for the one that reads
        #[arg(long)]
        uploads: bool,
        /// For which shell
        #[arg(long, value_name = "SHELL", default_value = if cfg!(windows) { "powershell" } else { "posix" })]
        shell: ShellName,
    },
}

fn ids(text: &str) -> Result<(u64, u64), String> {
    let ids =
        text.split_once('/').and_then(|(owner, id)| Some((owner.parse().ok()?, id.parse().ok()?)));
    ids.ok_or_else(|| "write both numbers, apart by a slash, such as 123456/456789".to_owned())
}

/// The shell that printed commands are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ShellName {
    Posix,
    Powershell,
}

impl From<ShellName> for Shell {
    fn from(name: ShellName) -> Self {
        match name {
            ShellName::Posix => Self::Posix,
            ShellName::Powershell => Self::PowerShell,
        }
    }
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let Command::App { print: _, host, github_ids, stage, uploads, shell } = &args.command;
    let options = Options {
        host: host.map(Forge::from),
        github_ids: *github_ids,
        stage: (*stage).into(),
        uploads: *uploads,
    };
    let applications = entra::applications(context, options)?;
    output.result(&applications.commands((*shell).into()))?;
    Ok(Outcome::Done)
}
