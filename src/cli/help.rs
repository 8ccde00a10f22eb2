//! How help is laid out: commands in groups, the global options once.

use clap::builder::StyledStr;

/// Every command that help lists, in the order in which an administrator meets them.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Start", &["init", "entra", "onboard", "import", "tenants", "doctor", "completions"]),
    (
        "Every day",
        &[
            "status",
            "plan",
            "apply",
            "renew",
            "acknowledge",
            "notify",
            "ticket",
            "serve",
            "validate",
            "explain",
        ],
    ),
    ("Look back", &["history", "audit", "check", "ledger"]),
    ("Files", &["inspect", "seal", "reseal", "schema", "version"]),
    ("Pipelines", &["ci"]),
    ("Try", &["demo", "simulate"]),
];

/// The column at which descriptions begin, and the one before which they end.
const INDENT: usize = 15;
const WIDTH: usize = 100;

/// Lists the commands in groups.
pub(super) fn grouped(command: clap::Command) -> clap::Command {
    let listed = groups(&command);
    let header = *command.get_styles().get_header();
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{listed}\n{header}Options of every command:{header:#}\n{{options}}{{after-help}}"
    ))
}

/// The same for a reference, in which the global options stand once. Only for reading: clap does not
/// parse with a command that was changed after it was built.
pub(super) fn reference(command: clap::Command) -> clap::Command {
    let mut command = grouped(command);
    // Only a built command knows which options its commands inherit.
    command.build();
    command.mut_subcommands(hide_globals)
}

fn hide_globals(command: clap::Command) -> clap::Command {
    let globals: Vec<_> = command
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .map(|arg| arg.get_id().clone())
        .collect();
    let command =
        globals.into_iter().fold(command, |command, id| command.mut_arg(id, |arg| arg.hide(true)));
    command.mut_subcommands(hide_globals)
}

fn groups(command: &clap::Command) -> String {
    let header = command.get_styles().get_header();
    let literal = command.get_styles().get_literal();
    let mut text = String::new();
    for (title, names) in GROUPS {
        let known: Vec<_> =
            names.iter().filter_map(|name| Some((name, command.find_subcommand(name)?))).collect();
        if known.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{header}{title}:{header:#}\n"));
        for (name, sub) in known {
            let about = sub.get_about().map(StyledStr::to_string).unwrap_or_default();
            text.push_str(&format!("  {literal}{name:<13}{literal:#}{}\n", wrapped(&about)));
        }
    }
    text
}

/// The text, broken at words; every line but the first is indented.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = INDENT;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > INDENT && column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(INDENT));
            column = INDENT;
        } else if column > INDENT {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::GROUPS;

    #[test]
    fn every_command_is_in_one_group() {
        let command = crate::cli::command();
        let visible = command.get_subcommands().filter(|sub| !sub.is_hide_set());
        for name in visible.map(clap::Command::get_name).filter(|name| *name != "help") {
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&name)).count();
            assert_eq!(groups, 1, "{name}");
        }
    }
}
