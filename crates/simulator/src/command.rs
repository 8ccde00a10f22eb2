//! The whole of the `simulate` command but for its flags and its words on the screen.
#![expect(clippy::disallowed_methods, reason = "seeds and faults come from files")]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::de::DeserializeOwned;

use super::fault::FaultRule;
use super::seed::{Seed, seed_fleet};
use super::server::{Options, Running, Simulator, SimulatorError};
use super::state::{State, StateError};

/// What `simulate` can be told.
#[derive(Clone, Debug, Default)]
pub struct SimulateOptions {
    /// Address, state folder, clock and latency.
    pub server: Options,
    /// A file with a [`Seed`].
    pub seed: Option<PathBuf>,
    /// A file with an array of [`FaultRule`]s.
    pub faults: Option<PathBuf>,
    /// As many made-up tenants.
    pub fleet: usize,
}

/// `simulate` could not do as told.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not valid", path.display())]
    Content {
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    #[error("cannot seed the simulator")]
    State(#[from] StateError),
}

/// Runs a simulator until `shutdown` resolves; `ready` is called once it answers.
///
/// Tenants that the state folder already has are left as they are, so the same command line goes
/// on where it stopped.
pub async fn run(
    options: SimulateOptions,
    shutdown: impl Future<Output = ()>,
    ready: impl FnOnce(&Running),
) -> Result<(), SimulateError> {
    // Read first: a mistake in a file should not leave a new state folder behind.
    let mut seed: Seed = options.seed.as_deref().map(read).transpose()?.unwrap_or_default();
    if let Some(path) = options.faults.as_deref() {
        seed.faults.extend(read::<Vec<FaultRule>>(path)?);
    }
    seed.fleet = seed.fleet.max(options.fleet);

    let running = Simulator::start(options.server).await?;
    plant(running.state(), seed)?;
    ready(&running);
    shutdown.await;
    running.stop().await;
    Ok(())
}

fn plant(state: &State, seed: Seed) -> Result<(), StateError> {
    let made_up = seed_fleet(seed.fleet, state.now());
    for tenant in seed.tenants.into_iter().chain(made_up) {
        if state.look(tenant.tenant_id, |_| ()).is_none() {
            state.add_tenant(tenant)?;
        }
    }
    for rule in seed.faults {
        state.add_fault(rule);
    }
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, SimulateError> {
    let text = fs::read_to_string(path)
        .map_err(|source| SimulateError::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text)
        .map_err(|source| SimulateError::Content { path: path.to_owned(), source })
}
