use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use applecart_core::model::Outcome;
use applecart_core::report::version::{Version, version_human};

/// Show what this program is: version, commit, target, optional parts, and the forms it reads
///
/// A report of a problem should begin with it. Contacts nothing and needs no repository.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart version
  applecart version --format json")]
pub(super) struct Args {
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Version>,
}

const FORMATS: Formats<Version> = Formats(&[
    (Format::Human, |version, output| output.result(&version_human(version))),
    (Format::Json, |version, output| output.json(version)),
]);

/// The optional parts, and whether this build has them.
const FEATURES: [(&str, bool); 3] = [
    ("simulator", cfg!(feature = "simulator")),
    ("controller", cfg!(feature = "controller")),
    ("ssh-identities", cfg!(feature = "ssh-identities")),
];

/// The C library, on systems that have several.
const LIBRARY: Option<&str> = if cfg!(target_env = "gnu") {
    Some("gnu")
} else if cfg!(target_env = "musl") {
    Some("musl")
} else if cfg!(target_env = "msvc") {
    Some("msvc")
} else {
    None
};

pub(super) fn run(args: &Args, output: &Output) -> Result<Outcome, CliError> {
    let features: Vec<&str> =
        FEATURES.iter().filter(|(_, is_here)| *is_here).map(|(name, _)| *name).collect();
    let parts = [Some(std::env::consts::ARCH), Some(std::env::consts::OS), LIBRARY];
    let target = parts.into_iter().flatten().collect::<Vec<_>>().join("-");
    // A release names its commit; a build from a folder of sources has none to name.
    let commit = option_env!("APPLECART_COMMIT");
    args.format
        .write(&Version::new(env!("CARGO_PKG_VERSION"), commit, target, &features), output)?;
    Ok(Outcome::Done)
}
