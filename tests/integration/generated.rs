//! Generated files in the repository are what the types and the command line generate.

mod fields;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use applecart_core::fleet::CredentialKind;
use applecart_core::rules::at_apple::Remark;
use applecart_core::rules::codes::{self, Appearance};
use applecart_io::variables;

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
fn generated_codes() {
    same("docs/codes.md", &applecart_core::rules::codes::reference());
}

#[test]
fn generated_exit_codes() {
    same("docs/exit-codes.md", &applecart_core::model::Outcome::reference());
}

#[test]
fn generated_fields_of_the_settings() {
    let schemas: BTreeMap<_, _> = applecart::schemas::all().into_iter().collect();
    let mut text = String::from(
        "# Fields of the settings\n\nGenerated from the types, as the schemas of `applecart schema` are. A field in **bold** is needed.\n`[]` stands for each entry of a list, `*` for a name of your own.\n",
    );
    for (file, schema) in [("applecart.yaml", "fleet"), ("tenant.yaml", "tenant")] {
        let schema = &schemas[format!("{schema}.schema.json").as_str()];
        write!(text, "\n## {file}\n\n{}", fields::table(schema, usize::MAX)).unwrap();
    }
    same("docs/fields.md", &text);
}

#[test]
fn generated_fields_of_the_outputs() {
    let mut text = String::from(
        "# JSON\n\nGenerated from the types. What scripts read: the outputs of `--format json` and the forms of other files, with\ntheir first two levels of fields. `applecart schema NAME` prints a whole schema, which also lists every value of a\ncode. A field that is added does not change `formatVersion`; one that is renamed or taken away does.\n",
    );
    for (name, schema) in applecart::schemas::all() {
        let name = name.trim_end_matches(".schema.json");
        if !["fleet", "tenant"].contains(&name) {
            write!(text, "\n## {name}\n\n").unwrap();
            if let Some(about) = schema["description"].as_str() {
                write!(text, "{about}\n\n").unwrap();
            }
            text.push_str(&fields::table(&schema, 2));
        }
    }
    same("docs/json.md", &text);
}

#[test]
fn generated_environment() {
    let mut text = String::from(
        "# Environment\n\nGenerated from the program's own table. A variable that is set to nothing counts as unset. The last column\nsays which ones programs that Applecart starts (`git`, `az`, their helpers, `ssh`) do not get.\n",
    );
    for purpose in variables::Purpose::ALL {
        write!(
            text,
            "\n## {}\n\n| variable | what it is | kept back |\n|---|---|---|\n",
            purpose.title()
        )
        .unwrap();
        for one in variables::ALL.iter().filter(|one| one.purpose == purpose) {
            let kept = if one.is_secret { "yes" } else { "" };
            let suffix = one.suffix.unwrap_or_default();
            writeln!(text, "| `{}{suffix}` | {} | {kept} |", one.name, one.meaning).unwrap();
        }
    }
    same("docs/environment.md", &text);
}

#[test]
fn every_way_to_sign_in_is_listed_and_explained() {
    let schema = schemars::schema_for!(CredentialKind);
    let offered: Vec<_> = schema.as_value()["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["const"].as_str().unwrap())
        .collect();
    assert_eq!(offered, CredentialKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
    let page = fs::read_to_string(project().join("docs/entra.md")).unwrap();
    for kind in offered {
        assert!(page.contains(&format!("\n| `{kind}` | ")), "{kind}");
    }
}

#[test]
fn every_code_is_in_the_table_the_docs_and_the_schemas() {
    let docs = codes::reference();
    let schemas: BTreeMap<_, _> = applecart::schemas::all()
        .into_iter()
        .map(|(name, schema)| (name, schema.to_string()))
        .collect();
    for code in codes::all() {
        assert!(docs.contains(&format!("\n### {}\n", code.code)), "{}", code.code);
        assert!(docs.contains(code.next), "{}", code.code);
        for appearance in code.appears {
            let schema = match appearance {
                Appearance::Hold
                | Appearance::Health
                | Appearance::Problem
                | Appearance::Sync
                | Appearance::Expiry
                | Appearance::Attention => "plan",
                // Of what Apple answers, no plan tells.
                Appearance::Warning if Remark::of(code.code).is_some() => "apple-check",
                Appearance::Warning => "plan",
                Appearance::Refusal | Appearance::Remark => "inspect",
                Appearance::Failure => "ledger-line",
                Appearance::Result => "apply",
                Appearance::Diagnostic => "diagnostics",
                // Sentences, and a text that other versions may add to.
                Appearance::Renewal | Appearance::Ledger => continue,
            };
            let schema = &schemas[format!("{schema}.schema.json").as_str()];
            let value = format!("\"const\":\"{}\"", code.code);
            assert!(schema.contains(&value), "{} {appearance:?}", code.code);
        }
    }
}

#[test]
fn generated_command_line_reference() {
    let mut text = String::from(
        "# Command line\n\nGenerated from the program; see CONTRIBUTING.md. The global options below go with every\ncommand.\n",
    );
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
