use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::error::CliError;
use super::output::Output;
use applecart_core::model::{Outcome, Timestamp};
use applecart_simulator::{Options, SimulateOptions, run as simulate};

/// Run a local Intune and Entra ID that speak Graph over HTTP
///
/// Strict about requests, with state on disk and injectable faults; on this machine only. Prints
/// the two variables that point Applecart (or any other Graph client) to it, and runs until
/// Ctrl-C. Control routes stand under `/_simulator/`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart simulate --fleet 20 --listen 127.0.0.1:8090
  applecart simulate --state ./simulator --faults faults.json")]
pub(super) struct Args {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Keep the state in this folder; in memory without it
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// A JSON file with tenants to begin with
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// A JSON file with faults to inject
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Make up this many tenants: 1 push certificate, 1 enrollment and 2 VPP tokens each
    #[arg(long, value_name = "N", default_value_t = 0)]
    fleet: usize,
    /// Let every request wait this long, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
    /// Freeze the simulator's clock
    #[arg(long = "at", value_name = "TIME")]
    at: Option<Timestamp>,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Outcome, CliError> {
    let options = SimulateOptions {
        server: Options {
            listen: args.listen,
            state: args.state.clone(),
            now: args.at.map(Timestamp::date_time),
            latency: Duration::from_millis(args.latency),
        },
        seed: args.seed.clone(),
        faults: args.faults.clone(),
        fleet: args.fleet,
    };
    let shutdown = async {
        // Where signals cannot be had, the simulator runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let mut printed = Ok(());
    crate::app::block_on(simulate(options, shutdown, |running| {
        let url = running.url();
        printed = output.result(&format!(
            "export APPLECART_GRAPH_URL={url}\nexport APPLECART_LOGIN_URL={url}\nexport APPLECART_APPLE_URL={url}/apple\n"
        ));
        output.note("the simulator runs until Ctrl-C");
    }))??;
    printed?;
    Ok(Outcome::Done)
}
