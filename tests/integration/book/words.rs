//! Commands, options, codes and files that the pages name are there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use applecart_core::rules::codes;
use applecart_io::variables;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use serde_json::Value;

use super::pages::{self, Block};
use crate::world::project;

/// Names of other programs, and values of options.
const OTHER_WORDS: [&str; 4] = ["age-keygen", "persist-credentials", "ssh-ed25519", "ssh-rsa"];

/// Variables that the build, the installer and the tests read, and examples.
const OTHER_VARIABLES: [&str; 12] = [
    "APPLECART_COMMIT",
    "APPLECART_HOSTILE",
    "APPLECART_INSTALL_DIR",
    "APPLECART_LONG_KILLS",
    "APPLECART_LONG_PROGRAM",
    "APPLECART_LONG_SEED",
    "APPLECART_SINKHOLE",
    "APPLECART_TEST_LEDGER_VICTIM",
    "APPLECART_TEST_TELLS_BY_NOW",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "SOPS_AGE_RECIPIENTS",
];

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
        // An option without its value.
        (ErrorKind::InvalidValue, Some(ContextValue::String(value))) => value.is_empty(),
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
fn every_code_between_words_is_one_of_the_programs_words() {
    let mut known: BTreeSet<String> = codes::all().map(|code| code.code.to_owned()).collect();
    for (name, schema) in applecart::schemas::all() {
        known.insert(name.trim_end_matches(".schema.json").to_owned());
        constants(&schema, &mut known);
    }
    // What an audit finds stands in the code that looks for it.
    for file in sources() {
        let text = std::fs::read_to_string(file).unwrap();
        known.extend(text.split('"').filter(|literal| is_kebab(literal)).map(str::to_owned));
    }
    names(&applecart::cli::command(), &mut known);
    let pipelines = text_below(&project().join("examples/pipelines"));
    let mut wrong = BTreeSet::new();
    for page in pages::all() {
        for span in page.spans().into_iter().filter(|span| is_kebab(span)) {
            if !known.contains(&span)
                && !pipelines.contains(&span)
                && !OTHER_WORDS.contains(&span.as_str())
            {
                wrong.insert(format!("{}: `{span}`", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_variable_that_the_pages_or_the_code_name_is_in_the_table() {
    let ours = ["APPLECART_", "AZURE_", "SOPS_AGE_", "ACTIONS_", "IDENTITY_", "IMDS_", "MSI_"];
    let is_ours = |name: &str| ours.iter().any(|beginning| name.starts_with(beginning));
    let is_listed = |name: &str| variables::ALL.iter().any(|one| one.is_named(name));
    let pipelines = text_below(&project().join("examples/pipelines"));
    let mut wrong = BTreeSet::new();
    let mut look = |place: &str, text: &str| {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for name in
            words.filter(|name| is_ours(name) && name.chars().all(|c| !c.is_ascii_lowercase()))
        {
            let name = name.trim_end_matches('_');
            if !is_listed(name) && !pipelines.contains(name) && !OTHER_VARIABLES.contains(&name) {
                wrong.insert(format!("{place}: {name}"));
            }
        }
    };
    for page in pages::all() {
        look(&page.path, &page.text);
    }
    for file in sources() {
        look(&file.display().to_string(), &std::fs::read_to_string(&file).unwrap());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The names of a command's commands.
fn names(command: &clap::Command, known: &mut BTreeSet<String>) {
    for sub in command.get_subcommands() {
        known.insert(sub.get_name().to_owned());
        names(sub, known);
    }
}

/// Everything that the pipelines say: what they set themselves is not the program's.
fn text_below(folder: &Path) -> String {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = paths.map(|path| match path.is_dir() {
        true => text_below(&path),
        false => std::fs::read_to_string(&path).unwrap_or_default(),
    });
    texts.collect()
}

/// The program's own files of Rust, without tests.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["src", "crates/core/src", "crates/io/src"] {
        below(&project().join(folder), &mut files);
    }
    files
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|name| name == "tests" || name == "testing");
        if path.is_dir() && !is_test {
            below(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") && !is_test {
            files.push(path);
        }
    }
}

/// Whether it is written as codes are.
fn is_kebab(word: &str) -> bool {
    let parts = word.split('-').collect::<Vec<_>>();
    let is_word = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    parts.len() > 1 && parts.iter().all(is_word)
}

/// Every constant of a schema.
fn constants(schema: &Value, known: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            known.extend(fields.get("const").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| constants(field, known));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| constants(entry, known)),
        Value::String(word) if is_kebab(word) => known.extend([word.clone()]),
        _ => {}
    }
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
pub(super) fn commands(block: &Block<'_>) -> Vec<Vec<String>> {
    if !["", "sh", "console", "powershell"].contains(&block.language) {
        return Vec::new();
    }
    let whole = block
        .text
        .replace("\\\n", " ")
        .replace("`\n", " ")
        .replace("$(", "; ")
        .replace("= (", "= ; ");
    let mut found = Vec::new();
    for line in whole.lines() {
        let line = line.trim_start().trim_start_matches("$ ").trim_start_matches("PS> ");
        let line = line.split(" # ").next().unwrap();
        if line.starts_with('#') || !line.contains("applecart ") {
            continue;
        }
        let line = line.replace([';', ')'], " ; ");
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
