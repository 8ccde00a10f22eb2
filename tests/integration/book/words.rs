//! Commands, options, codes and files that the pages name are there.

use std::collections::BTreeSet;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::pages::{self, Block};
use crate::world::project;

/// Tokens that end a command of a shell.
const ENDS: [&str; 12] = ["|", "||", "&&", ";", "&", ">", ">>", "2>&1", "2>", "<", "}", "|&"];

#[test]
fn every_command_in_a_block_is_one_that_the_program_takes() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for page in pages::all() {
        for words in page.blocks().iter().flat_map(commands) {
            seen += 1;
            if let Err(error) = parse(&words)
                && error.use_stderr()
            {
                wrong.push(format!("{}: {words:?}: {error}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 20, "{seen}");
}

#[test]
fn every_command_between_words_is_one_that_the_program_takes() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for page in pages::all() {
        for span in page.spans().iter().filter(|span| span.starts_with("applecart ")) {
            seen += 1;
            let Some(words) = shlex::split(span) else {
                wrong.push(format!("{}: {span}", page.path));
                continue;
            };
            if let Err(error) = parse(&words)
                && error.use_stderr()
                && !is_unfinished(&error)
            {
                wrong.push(format!("{}: {span}: {error}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 40, "{seen}");
}

/// Whether a command is only left unfinished, as a sentence does: it lacks something, or has a word in
/// capitals for what the reader puts there.
fn is_unfinished(error: &clap::Error) -> bool {
    match (error.kind(), error.get(ContextKind::InvalidValue)) {
        (ErrorKind::ValueValidation, Some(ContextValue::String(value))) => {
            value.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        }
        (ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, _)
        | (ErrorKind::MissingRequiredArgument, _)
        | (ErrorKind::MissingSubcommand, _) => true,
        _ => false,
    }
}

#[test]
fn a_command_that_is_not_there_is_found() {
    let block = |text: &str| Block { language: "sh", text: text.to_owned() };
    let one = "$ KEY=1 applecart plan --detailed-exitcode |\n  jq . # applecart gone\n";
    let found = commands(&block(one));
    assert_eq!(found, [["applecart", "plan", "--detailed-exitcode"]]);
    assert!(parse(&found[0]).is_ok());
    let two = "if applecart paln; then x=$(applecart plan \\\n  --gone); fi\n";
    let found = commands(&block(two));
    assert_eq!(found, [vec!["applecart", "paln"], vec!["applecart", "plan", "--gone"]]);
    assert!(found.iter().all(|words| parse(words).is_err()));
}

#[test]
fn every_option_between_words_is_one_of_some_command() {
    let mut options = BTreeSet::new();
    collect(&applecart::cli::command(), &mut options);
    // Options of git, podman and kubectl that the pages speak of.
    let others = [
        "--depth",
        "--filter",
        "--mirror",
        "--no-checkout",
        "--no-default-features",
        "--features",
        "--user",
        "--help",
        "--version",
    ];
    let mut wrong = Vec::new();
    for page in pages::all() {
        for span in page.spans() {
            let first = span.split([' ', '=']).next().unwrap();
            let is_option =
                first.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic));
            if is_option && !options.contains(first) && !others.contains(&first) {
                wrong.push(format!("{}: `{span}`", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_between_words_is_in_the_repository() {
    let folders = ["docs/", "examples/", "schema/", "crates/", "src/", "tests/", ".ci/"];
    for page in pages::all() {
        for span in page.spans() {
            if folders.iter().any(|folder| span.starts_with(folder)) && !span.contains(' ') {
                assert!(project().join(&span).exists(), "{}: `{span}`", page.path);
            }
        }
    }
}

fn parse(words: &[String]) -> Result<clap::ArgMatches, clap::Error> {
    applecart::cli::command().try_get_matches_from(words)
}

fn collect(command: &clap::Command, options: &mut BTreeSet<String>) {
    for argument in command.get_arguments() {
        options.extend(argument.get_long().map(|long| format!("--{long}")));
    }
    for sub in command.get_subcommands() {
        collect(sub, options);
    }
}

/// The commands of the program in a block of a shell.
fn commands(block: &Block<'_>) -> Vec<Vec<String>> {
    if !["", "sh", "console", "powershell"].contains(&block.language) {
        return Vec::new();
    }
    let whole = block.text.replace("\\\n", " ").replace("`\n", " ").replace("$(", "; ");
    let mut found = Vec::new();
    for line in whole.lines() {
        let line = line.trim_start().trim_start_matches("$ ").trim_start_matches("PS> ");
        let line = line.split(" # ").next().unwrap();
        if line.starts_with('#') || !line.contains("applecart ") {
            continue;
        }
        let line = line.replace(';', " ; ").replace(')', " ; ");
        let Some(words) = shlex::split(&line) else { continue };
        let mut rest = words.as_slice();
        while let Some(at) = rest.iter().position(|word| word == "applecart") {
            let begins = at == 0 || is_before_a_command(&rest[at - 1]);
            rest = &rest[at..];
            let end = rest.iter().position(|word| ENDS.contains(&word.as_str()));
            let (command, after) = rest.split_at(end.unwrap_or(rest.len()));
            if begins {
                let redirected = |word: &String| word.starts_with('>') || word.starts_with("2>");
                found.push(command.iter().filter(|word| !redirected(word)).cloned().collect());
                rest = after;
            } else {
                rest = &rest[1..];
            }
        }
    }
    found
}

/// Whether a command of a shell may begin behind this word.
fn is_before_a_command(word: &str) -> bool {
    let assignment = word
        .split_once('=')
        .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || "_".contains(c)));
    assignment || ENDS.contains(&word) || ["if", "then", "do", "!", "--", "else"].contains(&word)
}
