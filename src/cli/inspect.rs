use std::path::PathBuf;

use super::args::{Keys, KindName};
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::{self, Context};
use applecart_core::apple::{Inspection, Verdict};
use applecart_core::model::{Kind, Outcome};
use applecart_core::report;

/// Show what a token file is and whether it may be used
///
/// Takes what an administrator downloaded from Apple, in whatever shape browsers, mail and editors
/// left it, or a sealed file if an identity is available (SOPS_AGE_KEY_FILE, SOPS_AGE_KEY,
/// --identity). Contacts nothing, changes nothing and shows nothing secret. Exit code 4 means: do
/// not use it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart inspect MDM_*_Certificate.pem
  applecart inspect --kind push --snapshot contoso.json push.pem
  applecart inspect tenants/contoso/london.vpptoken.age --format json

`applecart explain CODE` says what a finding means and what to do.")]
pub(super) struct Args {
    /// The file; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Refuse any other kind
    #[arg(long, value_name = "KIND", value_enum)]
    kind: Option<KindName>,
    /// Compare with this snapshot of the tenant in Intune
    #[arg(long, alias = "live", value_name = "FILE")]
    snapshot: Option<PathBuf>,
    #[command(flatten)]
    keys: Keys,
    /// How to show the result
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Shown>,
}

/// An inspection as it is shown.
struct Shown {
    inspection: Inspection,
    file: String,
}

const FORMATS: Formats<Shown> = Formats(&[
    (Format::Human, |shown, output| {
        let width = output.width();
        output.result(&report::inspection_human(&shown.inspection, &shown.file, width))
    }),
    (Format::Json, |shown, output| output.result(&report::inspection_json(&shown.inspection)?)),
]);

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let file = args.file.display().to_string();
    let options = app::inspect::Options {
        file: args.file,
        kind: args.kind.map(Kind::from),
        snapshot: args.snapshot,
        identities: args.keys.identity,
    };
    let shown = Shown { inspection: app::inspect::run(context, &options)?, file };
    args.format.write(&shown, output)?;
    Ok(match shown.inspection.verdict {
        Verdict::Accept | Verdict::Warn => Outcome::Done,
        Verdict::Refuse => Outcome::Refused,
    })
}
