//! The pages, read as Markdown: blocks of code, and code between words.

use std::fs;
use std::path::{Path, PathBuf};

use crate::world::project;

/// A page of the book, or one that stands beside the code.
pub(super) struct Page {
    /// Its path in the repository.
    pub(super) path: String,
    pub(super) text: String,
}

/// A block of code.
pub(super) struct Block<'a> {
    pub(super) language: &'a str,
    pub(super) text: String,
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(project()).unwrap().to_str().unwrap().replace('\\', "/");
        Self { path, text }
    }

    /// The fenced blocks, in order.
    pub(super) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut inside = false;
        for line in self.text.lines() {
            match line.trim_start().strip_prefix("```") {
                Some(_) if inside => inside = false,
                Some(language) => {
                    inside = true;
                    blocks.push(Block { language: language.trim(), text: String::new() });
                }
                None if inside => {
                    let block = blocks.last_mut().unwrap();
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                None => {}
            }
        }
        assert!(!inside, "{}: a block that does not end", self.path);
        blocks
    }

    /// The text without its blocks.
    pub(super) fn prose(&self) -> String {
        let mut prose = String::new();
        let mut inside = false;
        for line in self.text.lines() {
            let fence = line.trim_start().starts_with("```");
            if !fence && !inside {
                prose.push_str(line);
            }
            inside ^= fence;
            prose.push('\n');
        }
        prose
    }

    /// What stands between backquotes in the text, on one line or two.
    pub(super) fn spans(&self) -> Vec<String> {
        let prose = self.prose();
        let paragraphs = prose.split("\n\n");
        let spans = paragraphs.flat_map(|paragraph| {
            let parts = paragraph.split('`').enumerate();
            parts.filter(|(index, _)| index % 2 == 1).map(|(_, span)| span)
        });
        spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}

/// The pages of the book.
pub(super) fn book() -> Vec<Page> {
    let mut pages = markdown(&project().join("docs"));
    pages.retain(|page| page.path != "docs/SUMMARY.md");
    assert!(pages.len() > 20, "{}", pages.len());
    pages
}

/// The pages of the book, and those beside the code that are for the same readers.
pub(super) fn all() -> Vec<Page> {
    let mut pages = book();
    pages.push(Page::read(&project().join("README.md")));
    let examples = fs::read_dir(project().join("examples")).unwrap();
    let readmes = examples.map(|folder| folder.unwrap().path().join("README.md"));
    pages.extend(readmes.filter(|path| path.is_file()).map(|path| Page::read(&path)));
    pages
}

fn markdown(folder: &Path) -> Vec<Page> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let pages = paths.iter().filter(|path| path.extension().is_some_and(|end| end == "md"));
    pages.map(|path| Page::read(path)).collect()
}
