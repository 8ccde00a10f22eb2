//! The `applecart` program: parses, runs, gives the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    applecart::cli::main()
}
