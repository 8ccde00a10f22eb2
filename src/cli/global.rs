//! Options of every command.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use age::secrecy::SecretString;
use clap::{Args, ValueEnum};

use super::progress::Bar;
use crate::app::{Context, Environment};
use applecart_core::model::{TenantId, Timestamp};
use applecart_core::report::{escape, without_commands};
use applecart_io::intune::Asked;
use applecart_io::seams::{MachineClock, RandomIds};
use applecart_io::vault::KeySource;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// Options of every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// The folder of the fleet repository
    #[arg(
        short = 'C',
        long,
        global = true,
        hide_short_help = true,
        value_name = "DIR",
        default_value = "."
    )]
    repo: PathBuf,
    /// The fleet revision to read
    #[arg(long, global = true, hide_short_help = true, value_name = "REV", default_value = "HEAD")]
    rev: String,
    /// The revision to read applecart.yaml from. Without it: the target branch that the pipeline
    /// names, else the remote's default branch, else (without a remote) --rev
    #[arg(long, global = true, hide_short_help = true, value_name = "REV")]
    policy_rev: Option<String>,
    /// Take this instant (RFC 3339) as now, to ask about next month
    #[arg(long, global = true, hide_short_help = true, value_name = "TIME")]
    now: Option<Timestamp>,
    /// How many tenants to work on at once
    #[arg(long, global = true, hide_short_help = true, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    parallelism: u16,
    /// How messages and log lines on standard error look: json is one object a line
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "FORMAT",
        default_value = "text"
    )]
    log_format: LogFormat,
    /// Write no colours, as with NO_COLOR set; CLICOLOR_FORCE=1 writes them into pipes, too
    #[arg(long, global = true, hide_short_help = true)]
    pub(super) no_color: bool,
    /// Tell more: once for what is done, twice for every request
    #[arg(short, long, global = true, hide_short_help = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Write only results and errors: no notes, no warnings, no progress
    #[arg(short, long, global = true, hide_short_help = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
}

impl Global {
    /// Whether standard error holds JSON lines and nothing else.
    pub(super) fn json_log(&self) -> bool {
        self.log_format == LogFormat::Json
    }

    /// Logs go to standard error and never hold bodies, tokens or query strings.
    pub(super) fn start_logging(&self) {
        let level = match self.verbose {
            0 if self.quiet => "applecart=error",
            0 => "applecart=warn",
            1 => "applecart=info",
            _ => "applecart=debug",
        };
        if self.verbose > 0 || self.quiet || self.json_log() {
            // Log lines and a bar would write through each other.
            super::progress::switch_off();
        }
        let json = self.json_log();
        let builder = tracing_subscriber::fmt()
            .with_writer(move || LogLines { json })
            .with_ansi(false)
            // It would tell of lines that cannot be written on the same standard error, and panic.
            .log_internal_errors(false)
            .with_env_filter(tracing_subscriber::EnvFilter::new(level));
        // A second start only happens in tests, where the first one serves.
        let _ = match self.log_format {
            LogFormat::Text => builder.without_time().try_init(),
            LogFormat::Json => builder.json().try_init(),
        };
    }

    /// Whether more is told than by default.
    pub(super) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// What every use case is given.
    pub(super) fn context(&self) -> Context {
        Context {
            rev: self.rev.clone(),
            policy_rev: self.policy_rev.clone(),
            parallelism: usize::from(self.parallelism),
            frozen: self.now,
            ..context_of(self.repo.clone())
        }
    }
}

/// What a use case is given for this folder where no option says more.
pub(super) fn context_of(repo: PathBuf) -> Context {
    Context {
        repo,
        clone: None,
        rev: "HEAD".to_owned(),
        policy_rev: None,
        parallelism: 16,
        frozen: None,
        clock: Arc::new(MachineClock),
        ids: Arc::new(RandomIds),
        environment: environment().signing_in(may_ask().then(|| Arc::new(sign_in) as _)),
        progress: |title| Box::new(Bar::new(title)),
        say: Arc::new(|text| tracing::warn!("{text}")),
    }
}

/// Standard error as log lines use it: what a pipeline's runner would obey is written out. A line that
/// cannot be written is lost, for no upload may end because the reader of the log went away.
struct LogLines {
    json: bool,
}

impl std::io::Write for LogLines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let safe = match self.json {
            // A reader of JSON undoes this one.
            true => text.replace("##", "#\\u0023"),
            false => without_commands(&text).into_owned(),
        };
        let _ = std::io::stderr().write_all(safe.as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let _ = std::io::stderr().flush();
        Ok(())
    }
}

/// The environment variables of this process, read here alone so that tests can give others.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn environment() -> Environment {
    Environment::new(|name| std::env::var(name).ok()).asking(passphrase)
}

/// Whether somebody sits at the terminal. In a pipeline nobody does, whatever its runner gives it for
/// standard input.
pub(super) fn may_ask() -> bool {
    let is_ci = environment()
        .variable("CI")
        .is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    !is_ci && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Shows where to sign in, on standard error: the result may go into a file.
fn sign_in(asked: &Asked<'_>) {
    let of = |tenant: Option<TenantId>| match tenant {
        Some(tenant) => format!(" to tenant {tenant}, which asks for more than the first sign-in"),
        None => String::new(),
    };
    let text = match *asked {
        Asked::DeviceCode { tenant, page, code, limit } => format!(
            "To sign in{}, open this page in any browser within {} minutes:\n    {}\nand enter the code:\n    {}",
            of(tenant),
            limit.as_secs() / 60,
            escape(page),
            escape(code)
        ),
        Asked::Browser { tenant, page, limit } => format!(
            "To sign in{}, open this link in a browser on this machine within {} minutes:\n    {}",
            of(tenant),
            limit.as_secs() / 60,
            escape(page)
        ),
    };
    super::progress::aside(|| {
        // Without it nobody can sign in, and the sign-in ends by its own limit.
        let _ = console::Term::stderr().write_line(&text);
    });
}

/// Asks for the passphrase of a key file, and shows nothing of what is typed.
fn passphrase(source: &KeySource) -> Option<SecretString> {
    if !may_ask() {
        return None;
    }
    let terminal = console::Term::stderr();
    terminal.write_str(&format!("Passphrase of {}: ", escape(&source.to_string()))).ok()?;
    let typed = terminal.read_secure_line().ok()?;
    (!typed.is_empty()).then(|| typed.into())
}
