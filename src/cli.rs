//! The command line: one file a command, and one place that turns errors into exit codes.
//!
//! This is the outermost room. It alone reads arguments, the environment, the clock and key
//! files, and it builds the adapters that the rest works with. A command's doc comments *are* its
//! help.

mod acknowledge;
mod apply;
mod args;
mod ask;
mod audit;
mod check;
mod ci;
mod complete;
mod completions;
#[cfg(feature = "simulator")]
mod demo;
mod doctor;
mod entra;
mod error;
mod explain;
mod format;
mod global;
mod help;
mod history;
mod import;
mod init;
mod inspect;
mod interrupt;
mod leave;
mod ledger;
mod man;
mod notify;
mod onboard;
mod output;
mod plan;
mod progress;
mod renew;
mod reseal;
mod schema;
mod seal;
#[cfg(feature = "controller")]
mod serve;
#[cfg(feature = "simulator")]
mod simulate;
mod status;
mod tenants;
mod ticket;
mod validate;
mod version;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::app::Context;
use applecart_core::model::{Outcome, sentence, shell_word, without_secrets};
use applecart_core::report::without_commands;
use applecart_io::git::StandIn;
use error::{CliError, Explain as _};
use global::Global;
use output::Output;

/// Keeps the Apple credentials of many Microsoft Intune tenants equal to what a Git repository
/// says.
///
/// A Git repository holds a YAML file per tenant, with encrypted token files beside it. `validate`
/// checks it, `plan` compares it with Intune, `apply` uploads what is due and records it in a
/// ledger, `status` shows what expires when.
#[derive(Debug, Parser)]
#[command(name = "applecart", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done · 2 changes (with --detailed-exitcode) · 3 some tenants failed or unknown ·
4 refused · 5 stale plan · 6 in progress elsewhere · 7 untrusted source · 8 sign-in failed for all ·
9 inside --fail-within or --fail-on · 64 usage · 78 invalid fleet · 130 interrupted · 1 any other error

Examples:
  applecart demo
  applecart validate && applecart plan
  applecart status --within 45d
  applecart help apply";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Import(import::Args),
    Onboard(Box<onboard::Args>),
    Validate(validate::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Status(status::Args),
    History(history::Args),
    Audit(audit::Args),
    Check(check::Args),
    Acknowledge(acknowledge::Args),
    Inspect(inspect::Args),
    Seal(seal::Args),
    Renew(renew::Args),
    Reseal(reseal::Args),
    Notify(notify::Args),
    Ticket(ticket::Args),
    Doctor(doctor::Args),
    Entra(entra::Args),
    Explain(explain::Args),
    Ledger(ledger::Args),
    Ci(ci::Args),
    #[cfg(feature = "controller")]
    Serve(serve::Args),
    #[cfg(feature = "simulator")]
    Demo(demo::Args),
    #[cfg(feature = "simulator")]
    Simulate(simulate::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Tenants(tenants::Args),
    Version(version::Args),
    #[command(hide = true)]
    Man(man::Args),
}

impl Command {
    /// Whether it may be left at any moment, because it sends nothing and records nothing.
    fn is_read_only(&self) -> bool {
        match self {
            Self::Validate(_)
            | Self::Plan(_)
            | Self::Status(_)
            | Self::Inspect(_)
            | Self::History(_)
            | Self::Audit(_)
            | Self::Check(_)
            | Self::Doctor(_)
            | Self::Entra(_)
            | Self::Explain(_)
            | Self::Schema(_)
            | Self::Completions(_)
            | Self::Tenants(_)
            | Self::Version(_)
            | Self::Man(_) => true,
            Self::Ledger(args) => args.is_read_only(),
            Self::Ci(args) => args.is_read_only(),
            Self::Init(_)
            | Self::Import(_)
            | Self::Onboard(_)
            | Self::Apply(_)
            | Self::Acknowledge(_)
            | Self::Seal(_)
            | Self::Renew(_)
            | Self::Reseal(_)
            | Self::Notify(_)
            | Self::Ticket(_) => false,
            #[cfg(feature = "controller")]
            Self::Serve(_) => false,
            #[cfg(feature = "simulator")]
            Self::Demo(_) | Self::Simulate(_) => false,
        }
    }
}

impl Command {
    /// Whether it reads a clone and writes nothing to it, so that it works in one that cannot be
    /// written to.
    fn reads_a_clone(&self) -> bool {
        let asks_no_clone = matches!(
            self,
            Self::Explain(_)
                | Self::Schema(_)
                | Self::Completions(_)
                | Self::Version(_)
                | Self::Man(_)
                | Self::Ci(_)
        );
        self.is_read_only() && !asks_no_clone
    }
}

/// Runs the program with this process's arguments and environment.
pub fn main() -> ExitCode {
    leave_no_core();
    match complete::answered() {
        Ok(false) => {}
        Ok(true) => return ExitCode::from(Outcome::Done.code()),
        Err(error) => return usage(&error),
    }
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = Output::new(&cli.global);
    cli.global.start_logging();
    let outcome = match run(cli, &output) {
        Ok(outcome) => outcome,
        Err(error) => {
            output.error(&error);
            error.outcome()
        }
    };
    tracing::info!(code = outcome.code(), "ended");
    ExitCode::from(outcome.code())
}

/// What the system saves of a program that it ends would hold the client secret and opened tokens.
#[cfg(unix)]
fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Nothing is lost where the system does not take it: then its own setting counts, as before.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // A program that collects core dumps gets one whatever the limit says.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(not(unix))]
fn leave_no_core() {}

/// clap ends with 2 on a wrong command line, which here means "changes".
fn usage(error: &clap::Error) -> ExitCode {
    output::usage(error);
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = words.collect();
    if let Some(command) = meant(error, &words) {
        let tip = format!("  tip: a tenant is named with --select:\n    {command}");
        let tip = without_secrets(&tip);
        // Nothing can be done where even the message cannot be written.
        let _ = writeln!(std::io::stderr(), "{}", without_commands(&tip));
    }
    ExitCode::from(if error.use_stderr() { Outcome::Usage.code() } else { Outcome::Done.code() })
}

/// The command that was probably meant, where tenants are named in a way that it does not take.
fn meant(error: &clap::Error, words: &[String]) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let command = ["plan", "status", "doctor", "renew"];
    let name = words.iter().find(|word| command.contains(&word.as_str()))?;
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word)))
            if name != "renew" && !word.starts_with('-') =>
        {
            Some(format!("applecart {name} --select {}", shell_word(word)))
        }
        (ErrorKind::MissingRequiredArgument, _) if name == "renew" => {
            let at = words.iter().position(|word| word == "--select")?;
            let wanted = shell_word(words.get(at + 1)?);
            Some(format!("applecart renew --due 60d --select {wanted}"))
        }
        _ => None,
    }
}

fn run(cli: Cli, output: &Output) -> Result<Outcome, CliError> {
    // A panic's message could hold anything; its place is what a report needs.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        tracing::error!(place = place.unwrap_or_default(), "internal error; please report this");
    }));
    // One TLS provider for the whole program; a second call only means that it is already set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut context = Context { say: output.saying(), ..cli.global.context() };
    let stand_in = cli.command.reads_a_clone().then(|| stand_in(&mut context)).flatten();
    if cli.command.is_read_only() {
        interrupt::end_at_once(stand_in.as_ref().map(|one| one.path().to_owned()));
    }
    dispatch(cli.command, &context, output)
}

fn dispatch(command: Command, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    match command {
        Command::Init(args) => init::run(args, context, output),
        Command::Import(args) => import::run(&args, context, output),
        Command::Onboard(args) => onboard::run(&args, context, output),
        Command::Validate(args) => validate::run(&args, context, output),
        Command::Plan(args) => plan::run(args, context, output),
        Command::Apply(args) => apply::run(args, context, output),
        Command::Status(args) => status::run(args, context, output),
        Command::History(args) => history::run(&args, context, output),
        Command::Audit(args) => audit::run(&args, context, output),
        Command::Check(args) => check::run(&args, context, output),
        Command::Acknowledge(args) => acknowledge::run(args, context, output),
        Command::Inspect(args) => inspect::run(args, context, output),
        Command::Seal(args) => seal::run(&args, context, output),
        Command::Renew(args) => renew::run(&args, context, output),
        Command::Reseal(args) => reseal::run(&args, context, output),
        Command::Notify(args) => notify::run(args, context, output),
        Command::Ticket(args) => ticket::run(args, context, output),
        Command::Doctor(args) => doctor::run(args, context, output),
        Command::Entra(args) => entra::run(&args, context, output),
        Command::Explain(args) => explain::run(args, output),
        Command::Ledger(args) => ledger::run(args, context, output),
        Command::Ci(args) => ci::run(args, context, output),
        #[cfg(feature = "controller")]
        Command::Serve(args) => serve::run(args, context, output),
        #[cfg(feature = "simulator")]
        Command::Demo(args) => demo::run(args, context, output),
        #[cfg(feature = "simulator")]
        Command::Simulate(args) => simulate::run(&args, output),
        Command::Schema(args) => schema::run(&args, output),
        Command::Completions(args) => completions::run(&args, output),
        Command::Tenants(args) => tenants::run(&args, context, output),
        Command::Version(args) => version::run(&args, output),
        Command::Man(args) => man::run(&args, output),
    }
}

/// Runs another command of this program as somebody would type it, and tells how it ended: what a
/// pipeline does is made of them. An error is told, and is an outcome like any other.
fn step(words: &[&str], context: &Context, output: &Output) -> Outcome {
    let command =
        match Cli::try_parse_from(std::iter::once("applecart").chain(words.iter().copied())) {
            Ok(cli) => cli.command,
            Err(error) => {
                output.usage(&error);
                return Outcome::Usage;
            }
        };
    dispatch(command, context, output).unwrap_or_else(|error| {
        output.error(&error);
        error.outcome()
    })
}

/// Lets a command that only reads work in a clone that cannot be written to.
fn stand_in(context: &mut Context) -> Option<StandIn> {
    let stand_in = match StandIn::of(&context.repo) {
        Ok(stand_in) => stand_in?,
        Err(error) => {
            tracing::warn!(
                "nothing can be fetched into this clone, and not into a temporary folder either: {}. Name another one in TMPDIR",
                sentence(&error)
            );
            return None;
        }
    };
    tracing::warn!(
        "{}. What this command fetches, and what it has seen of the remote, is forgotten at its end",
        stand_in.reason()
    );
    context.clone = Some(std::mem::replace(&mut context.repo, stand_in.path().to_owned()));
    Some(stand_in)
}

/// The command line as data, for the reference in `docs/cli.md`.
pub fn command() -> clap::Command {
    help::reference(Cli::command())
}

fn parse() -> Result<Cli, clap::Error> {
    let mut matches = help::grouped(Cli::command()).try_get_matches()?;
    Cli::from_arg_matches_mut(&mut matches)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_command_has_an_example() {
        fn look(command: &clap::Command) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                let after = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("Examples:\n  applecart "), "{}", sub.get_name());
                look(sub);
            }
        }
        let mut command = super::command();
        command.build();
        look(&command);
        command.debug_assert();
    }
}
