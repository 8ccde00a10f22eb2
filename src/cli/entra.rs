use super::ci::HostName;
use super::error::CliError;
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
  applecart entra app --print --host gitlab > register.sh")]
    App {
        /// Print the commands; nothing else is done
        #[arg(long, required = true)]
        print: bool,
        /// Where the pipelines run that sign in without a secret; by the remote where it is left out
        #[arg(long, value_name = "HOST")]
        host: Option<HostName>,
        /// For which shell
        #[arg(long, value_name = "SHELL", default_value = if cfg!(windows) { "powershell" } else { "posix" })]
        shell: ShellName,
    },
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
    let Command::App { print: _, host, shell } = &args.command;
    let options = Options { host: host.map(Forge::from) };
    let applications = entra::applications(context, options)?;
    output.result(&applications.commands((*shell).into()))?;
    Ok(Outcome::Done)
}
