//! The use cases: what the program does, without a command line.
//!
//! A use case takes a [`Context`] and plain options, and returns a typed result or an
//! [`AppError`]. Nothing here prints, parses arguments, reads the clock or the environment: `cli`
//! hands all of it in, shows the result, and turns errors into exit codes.

pub mod acknowledge;
pub mod apply;
pub mod audit;
mod base;
pub mod check;
pub mod ci;
#[cfg(feature = "simulator")]
pub mod demo;
pub mod doctor;
pub mod download;
pub mod entra;
mod environment;
mod error;
pub mod files;
pub mod history;
pub mod import;
mod in_force;
pub mod init;
pub mod inspect;
mod keys;
pub mod ledger;
pub mod notify;
pub mod onboard;
pub mod plan;
pub mod renew;
pub mod replace;
pub mod reseal;
pub mod seal;
#[cfg(feature = "controller")]
pub mod serve;
pub mod session;
pub mod status;
pub mod telling;
pub mod tenants;
pub mod ticket;
pub mod validate;

use std::path::PathBuf;
use std::sync::Arc;

pub use base::{Other, Reach, find as find_base};
pub use environment::{Environment, TARGET_BRANCH};
pub use error::AppError;
pub use files::PlanFileError;

use applecart_core::model::{Author, Timestamp};
use applecart_io::apply::Progress;
use applecart_io::git::Repo;
use applecart_io::seams::{Clock, Ids};
use applecart_io::store::CloneId;

/// Where the fleet is, and the world around the program: everything that a use case takes from
/// outside comes through here.
#[derive(Clone)]
pub struct Context {
    /// A folder of the fleet repository.
    pub repo: PathBuf,
    /// The clone that `repo` stands in for, where that one cannot be written to or opened.
    pub clone: Option<PathBuf>,
    pub rev: String,
    /// The revision of the policy, where the user names one.
    pub policy_rev: Option<String>,
    /// How many tenants are worked on at once.
    pub parallelism: usize,
    /// The instant that stands for now (`--now`).
    pub frozen: Option<Timestamp>,
    /// The machine's clock. Graph's clock is compared with it even where `frozen` is set.
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub environment: Environment,
    /// Makes the display of one long task, by its title.
    pub progress: fn(&'static str) -> Box<dyn Progress>,
    /// Tells a person something before the result: each thing once.
    pub say: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Context {
    /// The same where the user names the base that a pull request is compared with: it goes before
    /// the target branch that the pipeline's environment names, which whoever opens one chooses.
    #[must_use]
    pub fn based_on(mut self, base: Option<&str>) -> Self {
        if self.policy_rev.is_none() && self.environment.target_branch().is_some() {
            self.policy_rev = base.map(str::to_owned);
        }
        self
    }

    /// What time it is, or is said to be.
    pub fn now(&self) -> Timestamp {
        self.frozen.unwrap_or_else(|| self.clock.now())
    }

    /// What time it really is. `--now` asks about another day; it dates no line of the record, and
    /// what other runs may do meanwhile is judged by the time that they live in.
    pub fn real_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Who writes what this process records.
    fn author(&self, repo: &Repo) -> Result<Author, AppError> {
        Ok(Author {
            run: self.ids.uuid().to_string(),
            clone: CloneId::of(&repo.path_common_dir())?.to_string(),
            actor: self.environment.actor(),
        })
    }
}

/// Runs a future to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T, AppError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(AppError::Runtime)?;
    Ok(runtime.block_on(future))
}
