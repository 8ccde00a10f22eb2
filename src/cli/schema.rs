#![expect(clippy::disallowed_methods, reason = "cli writes the schemas where it is told to")]

use std::path::PathBuf;

use super::error::CliError;
use super::output::Output;
use applecart_core::model::Outcome;
use applecart_core::report;

/// Print the JSON Schemas of every file and every machine output
///
/// Without a name the list; with a name that schema; with --out all of them as files.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart schema
  applecart schema tenant > tenant.schema.json
  applecart schema --out ./schema")]
pub(super) struct Args {
    /// Which schema, such as `tenant`
    name: Option<String>,
    /// Write every schema into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Outcome, CliError> {
    let schemas = crate::schemas::all();
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).map_err(CliError::file(folder, "write"))?;
        for (name, schema) in &schemas {
            let path = folder.join(name);
            std::fs::write(&path, report::json(schema)?).map_err(CliError::file(&path, "write"))?;
        }
        return Ok(Outcome::Done);
    }
    match &args.name {
        None => {
            let list: String = schemas
                .iter()
                .map(|(name, _)| format!("{}\n", name.trim_end_matches(".schema.json")))
                .collect();
            output.result(&list)?;
            Ok(Outcome::Done)
        }
        Some(wanted) => match schemas
            .iter()
            .find(|(name, _)| name.trim_end_matches(".schema.json") == wanted)
        {
            Some((_, schema)) => {
                output.result(&report::json(schema)?)?;
                Ok(Outcome::Done)
            }
            None => {
                output.note(&format!("no schema is named {wanted}; `applecart schema` lists them"));
                Ok(Outcome::Usage)
            }
        },
    }
}
