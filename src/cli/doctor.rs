use super::args::{Keys, Selected};
use super::error::{CliError, Explain as _};
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::Context;
use crate::app::doctor::{self, Finding};
use applecart_core::model::{Outcome, sentence};
use applecart_core::report::{self, Check, CheckState, Doctor};

/// Check the machine, the repository, the keys and every tenant's sign-in, and say what to do
///
/// Looks at Git and its remote, required signatures, the ledger, the available identities (each one
/// is tried, and one sealed file of the fleet is opened without showing anything of it), the clock,
/// and each selected tenant: sign-in, permissions, licence, the consent to share data with Apple.
/// Writes nothing anywhere, and gets no CSR and no key from Intune. Ends with 0 when all is well, 3
/// when something is not, 8 when no tenant could be signed in to, 1 when the fleet cannot be read.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart doctor
  applecart doctor --select contoso
  SOPS_AGE_KEY_FILE=~/fleet.agekey applecart doctor --format json")]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    keys: Keys,
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Doctor>,
}

const FORMATS: Formats<Doctor> = Formats(&[
    (Format::Human, |doctor, output| output.result(&report::doctor_human(doctor, output.width()))),
    (Format::Json, |doctor, output| output.json(doctor)),
]);

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let options =
        doctor::Options { selection: args.selected.selection()?, identities: args.keys.identity };
    let examined = doctor::run(context, &options)?;
    let checks = examined.checks.into_iter().map(check).collect();
    let doctor = Doctor::new(context.now(), checks, examined.tenants);
    args.format.write(&doctor, output)?;
    let summary = &doctor.summary;
    Ok(if !examined.fleet_read {
        Outcome::Error
    } else if summary.tenants > 0 && summary.sign_in_failed == summary.tenants {
        Outcome::SignIn
    } else if summary.failed > 0 {
        Outcome::Partial
    } else {
        Outcome::Done
    })
}

/// A finding as it is shown: an error with what happened, why, and what to do.
fn check(finding: Finding) -> Check {
    match finding {
        Finding::Checked(check) => check,
        Finding::Failed { area, error, next } => {
            let check = Check::new(area, CheckState::Failed, sentence(&error));
            let hints = error.hints().into_iter().map(|hint| hint.to_string());
            hints.chain(next).fold(check, Check::with_next)
        }
        Finding::NotMade { area, text, error } => {
            let check = Check::new(area, CheckState::NotChecked, text);
            let hints = error.hints().into_iter().map(|hint| hint.to_string());
            hints.fold(check, Check::with_next)
        }
    }
}
