//! What a shell offers behind TAB: commands and options, and in a fleet's folder its tenants and tokens.
//!
//! The shell's script, which `completions` prints, calls this program again with [`VARIABLE`] set. Only the
//! clone is read then, and nothing is contacted; what cannot be read is not offered.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap::builder::StyledStr;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use super::Cli;
use super::global;
use crate::app::tenants;
use applecart_core::fleet::{Desired, Tenant, Token};
use applecart_core::model::Kind;

/// Names the shell that asks for completions.
pub(super) const VARIABLE: &str = "APPLECART_COMPLETE";

/// The command that scripts call, as it stands on the search path.
const PROGRAM: &str = "applecart";

/// Answers a shell that asks what may follow; `false` where none does.
#[expect(clippy::disallowed_methods, reason = "a shell asks about the folder that it is in")]
pub(super) fn answered() -> Result<bool, clap::Error> {
    let folder = std::env::current_dir().ok();
    CompleteEnv::with_factory(Cli::command)
        .var(VARIABLE)
        .bin(PROGRAM)
        .completer(PROGRAM)
        .try_complete(std::env::args_os(), folder.as_deref())
}

/// The script that makes a shell ask.
pub(super) fn script(shell: Shell) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let name = shell.to_string();
    let shells = Shells::builtins();
    let Some(adapter) = shells.completer(&name) else {
        return Err(std::io::Error::other(format!("no completions for {name}")));
    };
    adapter.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut text)?;
    text.flush()?;
    Ok(text)
}

/// Completes TENANT and TENANT/TOKEN.
pub(super) fn token() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| offer(current, tokens))
}

/// Completes the name of a tenant.
pub(super) fn tenant() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| offer(current, names))
}

/// Completes an expression that selects tenants.
pub(super) fn selection() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| offer(current, selections))
}

/// What may be written, and what it is.
type Offer = (String, Option<String>);

fn offer(current: &OsStr, of: fn(&[Desired], &str) -> Vec<Offer>) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let context = global::context_of(named_folder(std::env::args_os()));
    // Nobody could be told why nothing is offered: the shell shows the answer only.
    let Ok(fleet) = tenants::offered(&context) else { return Vec::new() };
    let offers = of(&fleet, current).into_iter();
    offers
        .filter(|(text, _)| text.starts_with(current) && is_plain(text))
        .map(|(text, help)| CompletionCandidate::new(text).help(help.map(StyledStr::from)))
        .collect()
}

/// Whether a shell takes it for one word of a command as it stands. It puts an offer there without
/// quotes: a folder of a checked-out branch could be named like a command, which Enter would run.
fn is_plain(text: &str) -> bool {
    let is_plain = |one: char| one.is_alphanumeric() || "-_./,=:".contains(one);
    !text.starts_with('-') && text.chars().all(is_plain)
}

/// The folder that the words typed so far name with `-C` or `--repo`.
fn named_folder(words: impl Iterator<Item = OsString>) -> PathBuf {
    let mut words = words.skip_while(|word| word != "--").skip(1);
    let mut folder = PathBuf::from(".");
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if let Some(named) = text.strip_prefix("--repo=") {
            folder = PathBuf::from(named);
        } else if text == "-C" || text == "--repo" {
            folder = words.next().map_or(folder, PathBuf::from);
        }
    }
    folder
}

fn names(fleet: &[Desired], _: &str) -> Vec<Offer> {
    let help = |desired: &Desired| desired.valid().and_then(|tenant| tenant.display_name.clone());
    fleet.iter().map(|desired| (desired.name().to_owned(), help(desired))).collect()
}

/// Tenants; once only one is left, its tokens, too.
fn tokens(fleet: &[Desired], current: &str) -> Vec<Offer> {
    let tenant = current.split_once('/').map(|(tenant, _)| tenant);
    let is_meant = |desired: &&Desired| match tenant {
        Some(tenant) => desired.name() == tenant,
        None => desired.name().starts_with(current),
    };
    let meant: Vec<&Desired> = fleet.iter().filter(is_meant).collect();
    let mut offers = names(fleet, current);
    if let [only] = meant[..] {
        offers.extend(only.valid().into_iter().flat_map(tokens_of));
    }
    offers
}

fn tokens_of(tenant: &Tenant) -> Vec<Offer> {
    let offers = tenant.tokens().filter_map(|token| {
        let name = typed(tenant, token)?;
        let kind = token.token.kind;
        let help = token.token.name.as_ref().map(|name| format!("{kind} {name}"));
        Some((format!("{}/{name}", tenant.name), help.or(Some(kind.to_string()))))
    });
    offers.collect()
}

/// How a token is written on a command line without quotes: its name, else its kind where that is its
/// own, else its id.
fn typed(tenant: &Tenant, token: &Token) -> Option<String> {
    let kind = token.token.kind;
    if kind == Kind::Push {
        return Some(kind.to_string());
    }
    let name = token.token.name.as_ref().filter(|name| is_plain(name) && !name.contains('/'));
    let alone = || tenant.tokens().filter(|other| other.token.kind == kind).count() == 1;
    name.cloned().or_else(|| alone().then(|| kind.to_string())).or_else(|| token.token.id.clone())
}

/// Names and labels behind the last comma.
fn selections(fleet: &[Desired], current: &str) -> Vec<Offer> {
    let before = current.rfind(',').map_or("", |comma| &current[..=comma]);
    let valid = fleet.iter().filter_map(Desired::valid);
    let labels = valid.flat_map(|tenant| {
        tenant.labels.iter().map(|(key, value)| (format!("{key}={value}"), None))
    });
    let mut offers: Vec<Offer> = labels.chain(names(fleet, current)).collect();
    offers.sort();
    offers.dedup();
    offers.into_iter().map(|(text, help)| (format!("{before}{text}"), help)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_one_that_is_being_typed() {
        let of = |words: &[&str]| named_folder(words.iter().map(|word| OsString::from(*word)));
        assert_eq!(of(&["applecart", "--", "applecart", "plan"]), PathBuf::from("."));
        assert_eq!(of(&["applecart", "--", "applecart", "-C", "x", "plan"]), PathBuf::from("x"));
        assert_eq!(of(&["applecart", "--", "applecart", "plan", "--repo=y"]), PathBuf::from("y"));
        assert_eq!(of(&["applecart", "-C", "x", "--", "applecart"]), PathBuf::from("."));
    }
}
