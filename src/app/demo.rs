//! The story, on a made-up fleet: every step runs the real program, and is checked.
#![expect(
    clippy::disallowed_methods,
    reason = "the demo writes its folder and starts this program and git"
)]

mod again;
mod chapters;
mod fleet;
mod story;

use std::path::{Path, PathBuf};

use super::{AppError, Context, block_on};
use applecart_simulator::{Options, Simulator};

/// Tells the story to whoever watches.
pub trait Narrator {
    fn say(&self, text: &str) -> Result<(), AppError>;
    /// Announces a step, whose command then writes to standard output itself.
    fn step(&self, number: u32, says: &str, command: &str) -> Result<(), AppError>;
}

/// Why the demo did not end as told.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    #[error("`applecart {command}` ended with {}, not {expected}", code.map_or_else(|| "a signal".to_owned(), |code| code.to_string()))]
    Step { command: String, code: Option<i32>, expected: u8 },
    #[error("expected 2, 1, 1, 1, 1 and 0 uploads, saw {found:?}")]
    Uploads { found: Vec<usize> },
    #[error("the plan has no digest")]
    NoDigest,
    #[error("{tenant} has no certificate in Intune")]
    NoCertificate { tenant: String },
    #[error("{tenant} has no VPP token in Intune")]
    NoToken { tenant: String },
    #[error("a made-up enrollment token names no recipient")]
    NoRecipient,
    #[error("git {0} failed")]
    Git(String),
    #[error("the sample fleet could not be made")]
    Made(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DemoError {
    fn made(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> AppError {
        Self::Made(error.into()).into()
    }
}

/// Builds the fleet in a new or empty folder (by default a temporary one) and tells the story.
pub fn run(
    context: &Context,
    dir: Option<PathBuf>,
    narrator: &dyn Narrator,
) -> Result<(), AppError> {
    let dir = dir.unwrap_or_else(|| {
        std::env::temp_dir().join(format!("applecart-demo-{}", context.ids.uuid().simple()))
    });
    make_dir(&dir)?;
    let dir = dunce::canonicalize(&dir).map_err(AppError::file(&dir, "find"))?;
    block_on(async {
        let options = Options { state: Some(dir.join("simulator")), ..Options::default() };
        let simulator = Simulator::start(options).await?;
        let fleet = fleet::build(&dir, &simulator, context.now())?;
        let result =
            tokio::task::block_in_place(|| chapters::tell(&dir, &fleet, &simulator, narrator));
        simulator.stop().await;
        result
    })?
}

/// A folder that is new or empty: nothing that exists is ever overwritten.
fn make_dir(dir: &Path) -> Result<(), AppError> {
    std::fs::create_dir_all(dir).map_err(AppError::file(dir, "make"))?;
    let mut entries = std::fs::read_dir(dir).map_err(AppError::file(dir, "read"))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(DemoError::NotEmpty(dir.to_owned()).into()),
    }
}
