#![expect(clippy::disallowed_types, reason = "cli reads the file that is inspected")]

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::Duration;
use clap::ValueEnum;
use zeroize::Zeroizing;

use super::error::CliError;
use super::global::Context;
use super::output::Output;
use applecart_core::apple::{self, Verdict};
use applecart_core::model::{Kind, LiveTenant, Outcome};
use applecart_core::report;
use applecart_io::intune;
use applecart_io::vault::{self, OpenError, Secret};

/// No more than this is ever read of a file; one that is longer is refused.
pub(super) const MAX_READ: u64 = 2 * 1024 * 1024;
/// A snapshot of a tenant with hundreds of tokens has a few hundred kilobytes.
const MAX_SNAPSHOT: u64 = 16 * 1024 * 1024;
/// What a fleet has unless it says otherwise.
const RENEW_BEFORE: Duration = Duration::days(45);

/// Tell what a token file is and whether it may be used
///
/// Takes what an admin downloaded from Apple, in whatever shape browsers, mail and editors left
/// it, or a sealed file if an identity is at hand (SOPS_AGE_KEY_FILE, SOPS_AGE_KEY, --identity).
/// Contacts nobody, changes nothing and shows nothing secret. Exit code 4 means: do not use it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart inspect MDM_*_Certificate.pem
  applecart inspect --kind push --live contoso.json push.pem
  applecart inspect tenants/contoso/london.vpptoken.age --format json

`applecart explain CODE` says what a finding means and what to do.")]
pub(super) struct Args {
    /// The file; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Refuse any other kind
    #[arg(long, value_name = "KIND", value_enum)]
    kind: Option<KindName>,
    /// Compare with this snapshot of the tenant's live state
    #[arg(long, value_name = "SNAPSHOT")]
    live: Option<PathBuf>,
    /// A file of age identities that may open it; repeat to add more
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// How to show the result
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum KindName {
    Push,
    Enrollment,
    Vpp,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Push => Self::Push,
            KindName::Enrollment => Self::Enrollment,
            KindName::Vpp => Self::Vpp,
        }
    }
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let live = args.live.as_deref().map(snapshot).transpose()?;
    let content = opened(args, context)?;
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let inspection = apple::inspect(&apple::Request {
        bytes: content.expose(),
        file_name: name.as_deref(),
        kind: args.kind.map(Kind::from),
        live: live.as_ref(),
        now: context.now(),
        renew_before: RENEW_BEFORE,
    });
    output.result(&match args.format {
        Format::Human => {
            report::inspection_human(&inspection, &args.file.display().to_string(), output.width())
        }
        Format::Json => report::inspection_json(&inspection)?,
    })?;
    Ok(match inspection.verdict {
        Verdict::Accept | Verdict::Warn => Outcome::Done,
        Verdict::Refuse => Outcome::Refused,
    })
}

/// The file's content; a sealed one is opened.
fn opened(args: &Args, context: &Context) -> Result<Secret, CliError> {
    let mut bytes = read(&args.file, MAX_READ)?;
    if !is_sealed(&bytes) {
        return Ok(Secret::new(std::mem::take(&mut *bytes)));
    }
    // Read only now: keys that cannot be read are no reason not to look at a plain file.
    let identities = context.environment.identities(&args.identity)?;
    match vault::open(&bytes, &identities) {
        Ok(content) => Ok(content),
        // Sealed in a way that this build does not open: the verdict says so.
        Err(OpenError::NotSealed) => Ok(Secret::new(std::mem::take(&mut *bytes))),
        Err(source) => Err(CliError::Sealed { path: args.file.clone(), source }),
    }
}

/// Whether a file shows the marks of age or SOPS. The vault decides; this only keeps identities
/// unread where they are not needed.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    start.starts_with(b"age-encryption.org/")
        || start.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
        || (start.starts_with(b"{") && bytes.windows(6).any(|window| window == b"\"sops\""))
}

/// A file's bytes, at most one more than the limit.
pub(super) fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let failed = |source| CliError::File { path: path.to_owned(), doing: "read", source };
    let mut bytes = Zeroizing::new(Vec::new());
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = File::open(path).map_err(failed)?;
        file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    Ok(bytes)
}

pub(super) fn snapshot(path: &Path) -> Result<LiveTenant, CliError> {
    let bytes = read(path, MAX_SNAPSHOT)?;
    intune::parse_snapshot(&bytes)
        .map_err(|source| CliError::Snapshot { path: path.to_owned(), source })
}
