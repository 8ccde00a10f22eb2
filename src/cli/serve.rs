use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::args::{Keys, Selected, duration};
use super::error::CliError;
use super::interrupt;
use super::output::Output;
use super::progress;
use crate::app::serve::{self, Access, Listen, Mode, Proxy, Stop, Tls, WebhookSecret};
use crate::app::{Context, Environment};
use applecart_core::model::Outcome;

/// Run again and again, and show the fleet on a page
///
/// A controller: it reads the fleet at its interval, more often near an expiry, and soon after a push
/// that a webhook tells of. With --mode apply it also uploads what is due, as `apply` does. Each run
/// works on the remote's default branch (or --policy-rev) as the remote has it then, so nobody has to
/// pull. Several may run beside each other: the ledger decides who uploads.
///
/// It serves a page, its data as JSON (`/api/v1/status`, `/api/v1/attention`,
/// `/api/v1/history?target=TENANT`), `/metrics`, `/livez` and `/readyz`. Nothing can be changed over
/// HTTP. It listens on this machine only; on another address it needs a token
/// (APPLECART_SERVE_TOKEN) or a proxy that signs people in, and TLS or --plain-http. Webhooks of
/// GitHub, GitLab and Azure DevOps (`/hooks/github`, `/hooks/gitlab`, `/hooks/azure`) need
/// APPLECART_WEBHOOK_SECRET. Stops on Ctrl-C or SIGTERM, after the upload under way.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart serve
  applecart serve --interval 15m --select ring=prod
  applecart serve --mode apply --log-format json -v
  APPLECART_SERVE_TOKEN=… applecart serve --listen 0.0.0.0:8443 --host status.msp.example --tls-cert tls.crt --tls-key tls.key")]
pub(super) struct Args {
    /// Whether to upload what is due, or only to read and tell
    #[arg(long, value_enum, default_value = "observe")]
    mode: ModeName,
    /// How long to wait between runs, give or take a tenth. Every 10 minutes at least while a token
    /// expires within a day, or an upload is under way or urgent
    #[arg(long, value_name = "TIME", default_value = "1h")]
    interval: String,
    /// A run that takes longer is asked to end. One that does not ends the controller with 1, for
    /// whatever started it to start it again
    #[arg(long, value_name = "TIME", default_value = "2h")]
    limit: String,
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    keys: Keys,
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// A name under which it may be asked, besides localhost and addresses; repeat to add more
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// The certificate chain to answer with, as PEM; read again after every run
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Answer without TLS on an address that other machines reach: a proxy before it does TLS
    #[arg(long, conflicts_with = "tls_cert")]
    plain_http: bool,
    /// Admit whom a proxy has signed in, by this header that it sets (and replaces), such as
    /// X-Forwarded-User
    #[arg(long, value_name = "HEADER", requires = "trusted_proxy")]
    trusted_proxy_auth: Option<String>,
    /// The address of that proxy, or its network (10.0.3.7, 10.0.0.0/8); from others the header counts
    /// for nothing. Repeat to add more
    #[arg(long, value_name = "ADDRESS", requires = "trusted_proxy_auth")]
    trusted_proxy: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// Read and tell; nothing is sent to Intune
    Observe,
    /// Upload what is due as well
    Apply,
}

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    progress::switch_off();
    // Nobody sits here when the next run begins, and it belongs to no pull request.
    let environment =
        context.environment.clone().asking(|_| None).signing_in(None).outside_pipelines();
    let context = Context { environment, ..context.clone() };
    let mode = match args.mode {
        ModeName::Observe => Mode::Observe,
        ModeName::Apply => Mode::Apply,
    };
    let options = serve::Options {
        mode,
        selection: args.selected.selection()?,
        interval: time("--interval", &args.interval)?,
        limit: time("--limit", &args.limit)?,
        listen: listen(&args, &context.environment)?,
        identities: args.keys.identity,
    };
    let scheme = if options.listen.tls.is_some() { "https" } else { "http" };
    let stop = Stop::default();
    let (asked, told) = (stop.clone(), output.clone());
    let under_way = match mode {
        Mode::Observe => "a message",
        Mode::Apply => "an upload or a message",
    };
    interrupt::ask_then_end(move || {
        told.note(&format!("Stopping: {under_way} that is under way is being finished and recorded. Once more ends at once."));
        asked.ask();
    });
    let does = match mode {
        Mode::Observe => "reads and tells, and uploads nothing",
        Mode::Apply => "uploads what is due",
    };
    serve::run(&context, options, &stop, |address| {
        output.note(&format!("the controller {does}; its page is at {scheme}://{address}"));
    })
}

fn listen(args: &Args, environment: &Environment) -> Result<Listen, CliError> {
    let proxy = match &args.trusted_proxy_auth {
        Some(header) => {
            let peers = args.trusted_proxy.iter().map(|peer| peer.parse());
            Some(Proxy::new(header, peers.collect::<Result<_, _>>()?)?)
        }
        None => None,
    };
    Ok(Listen {
        address: args.listen,
        access: Access::of(environment, proxy, args.host.clone())?,
        tls: args
            .tls_cert
            .clone()
            .zip(args.tls_key.clone())
            .map(|(certificate, key)| Tls { certificate, key }),
        plain_http: args.plain_http,
        webhooks: WebhookSecret::of(environment)?,
    })
}

fn time(option: &'static str, text: &str) -> Result<Duration, CliError> {
    let wrong = |_| CliError::Duration { option, text: text.to_owned() };
    duration(option, text)?.to_std().map_err(wrong)
}
