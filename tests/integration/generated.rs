//! Generated files in the repository are what the types and the command line generate.

use std::fmt::Write as _;
use std::fs;

use crate::world::project;

/// Compares, or with `UPDATE_GENERATED` set writes.
#[track_caller]
fn same(path: &str, text: &str) {
    let file = project().join(path);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "{path} is not what is generated; run: UPDATE_GENERATED=1 cargo test --test integration generated"
    );
}

#[test]
fn generated_schemas() {
    for (name, schema) in applecart::schemas::all() {
        same(&format!("schema/{name}"), &applecart_core::report::json(&schema).unwrap());
    }
}

#[test]
fn generated_findings() {
    same("docs/findings.md", &applecart_core::apple::reference());
}

#[test]
fn generated_command_line_reference() {
    let mut text =
        String::from("# Command line\n\nGenerated from the program; see CONTRIBUTING.md.\n");
    let mut command = applecart::cli::command().term_width(100);
    command.build();
    section(&mut text, &mut command, "applecart");
    same("docs/cli.md", &text);
}

fn section(text: &mut String, command: &mut clap::Command, name: &str) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    writeln!(text, "\n## {name}\n\n```text\n{}\n```", lines.join("\n").trim_end()).unwrap();
    for sub in command.get_subcommands_mut() {
        let path = format!("{name} {}", sub.get_name());
        if sub.get_name() != "help" {
            section(text, sub, &path);
        }
    }
}
