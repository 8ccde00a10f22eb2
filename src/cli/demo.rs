#![expect(
    clippy::disallowed_methods,
    reason = "the demo writes its folder and starts this program and git"
)]

//! The story, on a made-up fleet: every step runs the real program, and is checked.

mod chapters;
mod fleet;
mod story;

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::global::Context;
use super::output::Output;
use applecart_core::model::Outcome;
use applecart_simulator::{Options, Simulator};

/// Build a sample fleet of 12 tenants and walk through the whole story
///
/// Makes a Git repository with freshly made certificates, starts a simulated Intune on this
/// machine, and runs status, plan, apply and a second plan, a renewal from its sheet to the customer's
/// word, one made in the portal, a certificate with the wrong topic, history and audit. Each step
/// prints its command, so that it can be run again by hand. Contacts nothing outside this machine.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart demo
  applecart demo ./sample")]
pub(super) struct Args {
    /// Where to build it; must be new or empty [default: a new folder for temporary files]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => {
            std::env::temp_dir().join(format!("applecart-demo-{}", uuid::Uuid::new_v4().simple()))
        }
    };
    make_dir(&dir)?;
    let dir = dir.canonicalize().map_err(|source| file(&dir, "find", source))?;
    crate::app::block_on(async {
        let options = Options { state: Some(dir.join("simulator")), ..Options::default() };
        let simulator = Simulator::start(options).await?;
        let fleet = fleet::build(&dir, &simulator, context.now())?;
        let result =
            tokio::task::block_in_place(|| chapters::tell(&dir, &fleet, &simulator, output));
        simulator.stop().await;
        result
    })?
}

/// A folder that is new or empty: nothing of anybody's is ever overwritten.
fn make_dir(dir: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(dir).map_err(|source| file(dir, "make", source))?;
    let mut entries = std::fs::read_dir(dir).map_err(|source| file(dir, "read", source))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(CliError::Demo(format!(
            "{} is not empty; name a new folder, or leave the name out",
            dir.display()
        ))),
    }
}

fn file(path: &Path, doing: &'static str, source: std::io::Error) -> CliError {
    CliError::File { path: path.to_owned(), doing, source }
}
