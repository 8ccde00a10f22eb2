//! The blocks for PowerShell: PowerShell's grammar takes them, and beside a block of the shell stands one
//! that runs the same commands.

use std::path::Path;

use super::pages::{self, Block};
use super::words::commands;
use crate::formats::{fed, python};
use crate::world::World;

/// Prints each place that the grammar does not take.
const PARSE: &str = "
import sys
import tree_sitter_powershell
from tree_sitter import Language, Parser
def look(node):
    if node.type == 'ERROR' or node.is_missing:
        print(node.start_point, node.text.decode())
    for child in node.children:
        look(child)
look(Parser(Language(tree_sitter_powershell.language())).parse(sys.stdin.buffer.read()).root_node)
";

/// What PowerShell's grammar has against a text.
pub(crate) fn complaints(python: &Path, text: &str) -> String {
    let (ended_well, said) = fed(python, &["-c", PARSE], text);
    assert!(ended_well, "{said}");
    said
}

#[test]
fn powershell_takes_every_block_that_is_for_it() {
    let Some(python) = python("tree_sitter_powershell") else { return };
    let complaints = |text: &str| complaints(&python, text);
    let mut seen = 0;
    for page in pages::all() {
        for block in page.blocks().iter().filter(|block| block.language == "powershell") {
            seen += 1;
            let said = complaints(&block.text);
            assert!(said.is_empty(), "{}: {said}\n{}", page.path, block.text);
        }
    }
    assert!(seen > 10, "{seen}");
    assert!(!complaints("if ($x { 'a' }\n").is_empty(), "a mistake is found");
}

#[test]
fn powershell_takes_what_the_program_writes_for_it() {
    let Some(python) = python("tree_sitter_powershell") else { return };
    let world = World::new();
    world.commit("Begin");
    let takes = |arguments: &[&str]| {
        let text = world.run(arguments).ends_with(0).stdout;
        let said = complaints(&python, &text);
        assert!(!text.is_empty() && said.is_empty(), "{arguments:?}: {said}\n{text}");
    };
    takes(&["completions", "powershell"]);
    for (host, remote) in [
        ("github", "git@github.com:octo/fleet.git"),
        ("gitlab", "https://gitlab.msp.example/octo/deep/fleet.git"),
        ("azure", "https://dev.azure.com/msp/project/_git/fleet"),
    ] {
        world.git(&["config", "remote.origin.url", remote]);
        takes(&["entra", "app", "--print", "--host", host, "--shell", "powershell"]);
    }
}

#[test]
fn both_shells_of_the_tutorial_run_the_same_commands() {
    let pages = pages::book();
    let tutorial = pages.iter().find(|page| page.path == "docs/tutorial.md").unwrap();
    let blocks = tutorial.blocks();
    let of = |language: &str| -> Vec<&Block<'_>> {
        blocks.iter().filter(|block| block.language == language).collect()
    };
    let (shell, powershell) = (of("sh"), of("powershell"));
    assert_eq!(shell.len(), powershell.len(), "each step has a block for both");
    let mut seen = 0;
    for (one, other) in shell.into_iter().zip(powershell) {
        // PowerShell starts the simulator beside itself in another way.
        let own = |block| {
            let mut all: Vec<Vec<String>> = commands(block);
            all.retain(|words| words.get(1).is_some_and(|word| word != "simulate"));
            all
        };
        assert_eq!(own(one), own(other));
        seen += own(one).len();
    }
    assert!(seen > 15, "{seen}");
}
