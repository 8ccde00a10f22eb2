use clap_complete::Shell;

use super::complete;
use super::error::CliError;
use super::output::Output;
use applecart_core::model::Outcome;

/// Print completions for a shell
///
/// The shell then completes commands, flags and their values, and in a fleet's folder its tenants
/// (`contoso`), tokens (`contoso/push`) and labels, as HEAD has them. Nothing is contacted for that.
/// Write the script again after an upgrade. Manual pages are written by `applecart man DIR`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart completions bash > ~/.local/share/bash-completion/completions/applecart
  applecart completions zsh > \"${fpath[1]}/_applecart\"
  applecart completions fish > ~/.config/fish/completions/applecart.fish
  applecart completions powershell >> $PROFILE")]
pub(super) struct Args {
    /// The shell that the script is for
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Outcome, CliError> {
    let text = complete::script(args.shell).map_err(CliError::Output)?;
    output.result(&String::from_utf8_lossy(&text))?;
    Ok(Outcome::Done)
}
