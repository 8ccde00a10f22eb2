use std::path::PathBuf;

use super::entra::ShellName;
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::interrupt::Signals;
use super::output::Output;
use crate::app::onboard::{self, Brought, OnboardError, Options, Source, Work};
use crate::app::{AppError, Context};
use applecart_core::model::{Outcome, shell_word};
use applecart_core::onboard::Stage;
use applecart_core::report::onboard::{
    NO_TENANT, Onboarding, onboard_commands, onboard_human, onboard_links, onboard_mail,
};
use applecart_core::report::{escape, import_human, plural};

/// Bring many new tenants: see what each lacks, collect the consents, and import those that are ready
///
/// A campaign, kept in this clone: name a list once, then run `applecart onboard` again whenever you
/// want to know how far it is. Each tenant is signed in to, what its token permits is compared with
/// what the applications need, and Intune is read: application-missing, consent-missing, roles-missing,
/// replicating, no-intune or ready. A consent takes Entra up to ten minutes to carry everywhere.
///
/// The list is CSV as Partner Center exports it and Excel saves it: columns apart by comma, semicolon
/// or tab, with the tenant's id (Microsoft ID, Tenant ID, Customer ID) or a domain, and a name; other
/// columns do not matter. Folders are named after the customers.
///
/// Which permissions a tenant needs follows from the stage: --for watch needs those that read, --for
/// apply also the one that uploads. Without either it is what the settings have: with one
/// application watching, with a reader beside it (auth.readerClientId) uploading. The campaign
/// remembers it. Tenants of the fleet are looked at, too, where they are named: before the first
/// upload, --fleet --for apply says who has to consent again.
///
/// Needs read-only Graph permissions and no key. Ends with 3 as long as a tenant was not looked at yet
/// or could not be looked at, also with --status, --links, --mail and --commands.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart onboard --customers customers.csv
  applecart onboard --status
  applecart onboard --links > links.tsv
  applecart onboard --mail ./letters
  applecart onboard --listen
  applecart onboard --wait
  applecart onboard --import --push
  applecart onboard --tenant contoso.onmicrosoft.com
  applecart onboard --fleet --for apply
  applecart onboard --remove contoso")]
#[command(group = clap::ArgGroup::new("way").args(["status", "links", "mail", "commands", "listen", "import", "remove"]))]
pub(super) struct Args {
    /// Add the customers of this list
    #[arg(long, value_name = "FILE", conflicts_with = "tenant")]
    customers: Option<PathBuf>,
    /// The list's encoding, such as utf-8 or windows-1252, where its bytes do not tell
    #[arg(long, value_name = "NAME", requires = "customers")]
    encoding: Option<String>,
    /// Add one tenant, by its id or one of its domains
    #[arg(long, value_name = "ID|DOMAIN")]
    tenant: Option<String>,
    /// Add the tenants of the fleet: what they lack is told as of others
    #[arg(long, conflicts_with_all = ["customers", "tenant"])]
    fleet: bool,
    /// Take a tenant out of the campaign; nothing else is changed, and nothing is looked at
    #[arg(long, value_name = "NAME|ID|DOMAIN", conflicts_with_all = ["customers", "tenant", "fleet"])]
    remove: Vec<String>,
    /// What the tenants are to be ready for
    #[arg(long = "for", value_name = "STAGE")]
    stage: Option<StageName>,
    /// The sign-in profile of the campaign's tenants, where it is not the fleet's default
    #[arg(long, value_name = "PROFILE")]
    auth: Option<String>,
    /// Show what was seen last; nothing is looked at
    #[arg(long)]
    status: bool,
    /// Print the consent links: name, tenant, standing and link, apart by tabs; nothing is looked at
    #[arg(long)]
    links: bool,
    /// Write a letter to each customer who has to consent into this folder; nothing is looked at
    #[arg(long, value_name = "DIR")]
    mail: Option<PathBuf>,
    /// Print the lines with which a customer's own administrator consents; nothing is looked at
    #[arg(long, value_name = "SHELL", num_args = 0..=1, default_missing_value = if cfg!(windows) { "powershell" } else { "posix" })]
    commands: Option<ShellName>,
    /// Show a page on this machine with the links, to which browsers come back and which ticks
    /// customers off
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    listen: Option<u16>,
    /// Bring every tenant that is ready as one branch
    #[arg(long)]
    import: bool,
    /// Push that branch
    #[arg(long, requires = "import")]
    push: bool,
    /// Wait until fresh consents are carried everywhere, at most twelve minutes
    #[arg(long, conflicts_with_all = ["status", "links", "mail", "commands", "remove"])]
    wait: bool,
    /// How to show the tenants
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Onboarding>,
}

/// The stage of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum StageName {
    Watch,
    Apply,
}

impl From<StageName> for Stage {
    fn from(name: StageName) -> Self {
        match name {
            StageName::Watch => Self::Watch,
            StageName::Apply => Self::Apply,
        }
    }
}

const FORMATS: Formats<Onboarding> = Formats(&[
    (Format::Human, |report, output| {
        output.result(&onboard_human(report, output.is_terminal().then(|| output.width())))
    }),
    (Format::Json, |report, output| output.json(report)),
]);

impl Args {
    /// Whether it only shows what was seen last.
    fn is_offline(&self) -> bool {
        let shown = self.status || self.links || self.mail.is_some() || self.commands.is_some();
        shown || !self.remove.is_empty()
    }

    fn asks_for_consent(&self) -> bool {
        let shown = self.links || self.mail.is_some() || self.commands.is_some();
        shown || self.listen.is_some()
    }

    fn source(&self) -> Source {
        match (&self.customers, &self.tenant) {
            (Some(path), _) => {
                Source::Customers { path: path.clone(), encoding: self.encoding.clone() }
            }
            (None, Some(tenant)) => Source::Tenant(tenant.clone()),
            (None, None) if self.fleet => Source::Fleet,
            (None, None) => Source::Resume,
        }
    }
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    // What was seen is written down as it goes, so it may be left at any moment.
    let _signals = Signals::watch();
    let options = Options {
        source: args.source(),
        auth: args.auth.clone(),
        stage: args.stage.map(Stage::from),
        remove: args.remove.clone(),
        offline: args.is_offline(),
        asks_for_consent: args.asks_for_consent(),
    };
    let mut work = Work::open(context, &options)?;
    for note in work.notes.iter().chain(&work.added.notes) {
        output.note(&format!("note: {}", escape(note)));
    }
    for branch in work.unpushed.keys().filter(|_| !args.push) {
        output.note(&format!("The branch {branch} of an import is in this clone alone, so nobody can merge it. Push it:\n  applecart onboard --import --push"));
    }
    for (profile, tenants) in &work.elsewhere {
        output.note(&elsewhere(profile.as_deref(), *tenants, args.stage));
    }
    if work.added.added + work.added.known > 0 {
        let (added, known) = (work.added.added, work.added.known);
        let added = plural(added, "tenant");
        let renamed = match work.added.renamed {
            0 => String::new(),
            renamed => format!(", of which {renamed} have the name of this list now"),
        };
        output.note(&format!("{added} added to the campaign, {known} were in it already{renamed}"));
    }
    if !args.is_offline() {
        work.look(context)?;
    }
    if let Some(port) = args.listen {
        let announce =
            |text: &str| output.note(&text.lines().map(escape).collect::<Vec<_>>().join("\n"));
        onboard::listen(&mut work, context, port, &announce)?;
    }
    if args.wait {
        output.note("Waiting until Entra has carried the consents everywhere, which takes up to ten minutes");
        work.wait(context)?;
    }
    if args.import {
        let earlier = if args.push { work.push_earlier()? } else { Vec::new() };
        for branch in &earlier {
            output.note(&format!(
                "The branch {branch} of an earlier import is pushed. Open a pull request of it"
            ));
        }
        let outcome = match work.import(context, args.push) {
            Err(AppError::Onboard(OnboardError::NothingReady)) if !earlier.is_empty() => {
                Outcome::Done
            }
            brought => shown(&brought?, args, output)?,
        };
        return Ok(match not_known(&work.report(context)?, output) {
            0 => outcome,
            _ => Outcome::Partial,
        });
    }
    let report = work.report(context)?;
    way_out(args, &report, (context, output))?;
    Ok(match not_known(&report, output) {
        0 => Outcome::Done,
        _ => Outcome::Partial,
    })
}

/// Which command looks at the tenants of another sign-in profile.
fn elsewhere(profile: Option<&str>, tenants: usize, stage: Option<StageName>) -> String {
    let (name, option) = match profile {
        Some(profile) => {
            (format!("the profile {}", escape(profile)), format!(" --auth {}", shell_word(profile)))
        }
        None => ("the fleet's default profile".to_owned(), String::new()),
    };
    let stage = stage.map(|stage| format!(" --for {}", Stage::from(stage))).unwrap_or_default();
    let (sign, are) = if tenants == 1 { ("signs", "is") } else { ("sign", "are") };
    format!(
        "{} {sign} in with {name} and {are} not looked at here, for a campaign has one profile. Look at them in another clone of the fleet:\n  applecart onboard --fleet{option}{stage}",
        plural(tenants, "tenant")
    )
}

/// Says of how many tenants nothing is known, so that nobody takes the rest for all.
fn not_known(report: &Onboarding, output: &Output) -> usize {
    let unknown = report.unknown();
    if unknown > 0 {
        let count = plural(unknown, "tenant");
        output.note(&format!(
            "{count} not looked at yet, or not to be looked at: whether an administrator there has to consent is not known. This looks again, and its table says why:\n  applecart onboard"
        ));
    }
    unknown
}

/// The result, in the way that was asked for.
fn way_out(
    args: &Args,
    report: &Onboarding,
    (context, output): (&Context, &Output),
) -> Result<(), CliError> {
    let waiting = || report.tenants.iter().filter(|one| !one.links.is_empty());
    let is_for_customers = args.links || args.mail.is_some() || args.commands.is_some();
    if is_for_customers && report.tenants.is_empty() {
        output.note(NO_TENANT.trim_end());
        return Ok(());
    }
    if args.links {
        return output.result(&onboard_links(report));
    }
    if let Some(shell) = args.commands {
        let all = waiting().map(|one| onboard_commands(one, shell.into()));
        return output.result(&all.collect::<Vec<_>>().join("\n"));
    }
    if let Some(folder) = &args.mail {
        let letters = waiting().map(|one| (format!("{}.txt", one.name), onboard_mail(one)));
        let written = onboard::write_letters(folder, &context.repo, letters)?;
        let count = plural(written, "letter");
        return output
            .result(&format!("{count} written to {}\n", escape(&folder.display().to_string())));
    }
    args.format.write(report, output)
}

fn shown(brought: &Brought, args: &Args, output: &Output) -> Result<Outcome, CliError> {
    let Brought { branch, base, tenants, remote, .. } = brought;
    let count = plural(*tenants, "tenant");
    let width = output.width();
    if args.format.format == Format::Json {
        output.json(&brought.import)?;
    } else {
        output.result(&import_human(&brought.import, width))?;
        output.result(&format!(
            "{count} on the branch {branch}, from {base}. Its plan has nothing to do: every token is watched.\n"
        ))?;
    }
    let next = match (&brought.pushed, remote) {
        (Some(_), _) => "Open a pull request of it".to_owned(),
        (None, Some(remote)) => {
            format!(
                "Push it, and open a pull request:\n  git push {} {}",
                shell_word(remote),
                shell_word(branch)
            )
        }
        (None, None) => format!("Merge it:\n  git merge {}", shell_word(branch)),
    };
    output.note(&next);
    let failed = brought.import.summary.failed + brought.import.summary.refused;
    Ok(if failed > 0 { Outcome::Partial } else { Outcome::Done })
}
