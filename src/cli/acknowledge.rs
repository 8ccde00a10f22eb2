use super::complete;
use super::error::CliError;
use super::output::Output;
use crate::app::Context;
use crate::app::acknowledge::{self, ConfirmedUpload};
use applecart_core::model::{Outcome, shell_word};
use applecart_core::report::escape;

/// Record that the customer confirmed a renewal: a device enrolled, apps arrived
///
/// The last step of a renewal. It is recorded in the notes for each named token that has an upload
/// without a confirmation, and pushed like every other entry; `status` shows the uploads that wait
/// for it. Ends with 4, and records nothing, when no upload waits.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart acknowledge contoso
  applecart acknowledge contoso/push --by 'Dana, IT' --note 'iPad enrolled, three apps arrived'")]
pub(super) struct Args {
    /// The tenant, or one of its tokens: `push`, a token's name or id, or a kind
    #[arg(value_name = "TENANT[/TOKEN]", add = complete::token())]
    target: String,
    /// Who of the customer confirmed it
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    /// What the customer said, for who reads the record later
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let (tenant, token) = match args.target.split_once('/') {
        None => (args.target, None),
        Some((name, token)) => (name.to_owned(), Some(token.to_owned())),
    };
    let by = args.by.as_ref().map(|by| format!(" ({})", escape(by))).unwrap_or_default();
    let options = acknowledge::Options { tenant, token, by: args.by, note: args.note };
    let done = acknowledge::run(context, &options)?;
    let mut text = String::new();
    for ConfirmedUpload { token, at, seen } in &done.uploads {
        let (tenant, token) = (&done.tenant, escape(&token.to_string()));
        let seen = match seen {
            Some(seen) => format!("A run last saw it in Intune on {seen}."),
            None => "No run has seen it in Intune.".to_owned(),
        };
        text.push_str(&format!(
            "{tenant} {token}: the upload of {at} is confirmed by the customer{by}. {seen}\n"
        ));
    }
    let tenant = shell_word(done.tenant.as_str());
    text.push_str(&format!(
        "Intune was not read. To see whether it still has what was confirmed:\napplecart status --select {tenant}\n"
    ));
    if let Some(head) = done.head {
        text.push_str(&format!("notes {head}\n"));
    }
    output.result(&text)?;
    Ok(Outcome::Done)
}
