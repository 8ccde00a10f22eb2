//! PEM blocks out of whatever browsers, mail programs and editors make of a file.
//!
//! PEM readers stop at the first oddity; admins' files have text around the armour, several
//! blocks, and blocks glued together. This module finds the blocks and leaves judging them to its
//! callers.

use zeroize::Zeroizing;

use super::radix64;

/// What opens a block.
pub(super) const BEGIN: &str = "-----BEGIN ";
/// RFC 7468 knows no label over 30 letters; anything longer is prose that happens to hold dashes.
const MAX_LABEL: usize = 64;
/// A bundle of all of Apple's intermediates has 25.
const MAX_BLOCKS: usize = 1000;

pub(super) struct Block {
    /// What stands behind `BEGIN`, such as `CERTIFICATE` or `RSA PRIVATE KEY`.
    pub(super) label: String,
    /// The content; `None` where the block has no end or is not base64.
    pub(super) content: Option<Zeroizing<Vec<u8>>>,
}

/// The blocks of a text, and whether anything else stands in it.
pub(super) struct Blocks {
    pub(super) blocks: Vec<Block>,
    pub(super) text_around: bool,
}

/// Finds the PEM blocks in a text. Linear in its length.
pub(super) fn blocks(text: &str) -> Blocks {
    let mut found = Blocks { blocks: Vec::new(), text_around: false };
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once(BEGIN) {
        found.text_around |= !before.trim().is_empty();
        if found.blocks.len() == MAX_BLOCKS {
            rest = "";
            break;
        }
        let Some((label, body)) = tail.split_once("-----") else {
            found.blocks.push(Block { label: String::new(), content: None });
            rest = "";
            break;
        };
        if label.len() > MAX_LABEL || label.contains('\n') {
            found.text_around = true;
            rest = tail;
            continue;
        }
        let (content, after) = match body.split_once(&format!("-----END {label}-----")) {
            Some((content, after)) => {
                (radix64::decode(content).map(|decoded| decoded.bytes), after)
            }
            None => (None, ""),
        };
        found.blocks.push(Block { label: label.trim().to_owned(), content });
        rest = after;
    }
    found.text_around |= !rest.trim().is_empty();
    found
}

/// Writes DER as one PEM block: 64 columns, LF, as Apple makes it.
pub(super) fn armour(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", radix64::wrapped(der, 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_may_be_glued_and_surrounded() {
        let text = "note\n-----BEGIN A-----\nAAAA\n-----END A----------BEGIN B C-----\nBBBB-----END B C-----";
        let found = blocks(text);
        let labels: Vec<&str> = found.blocks.iter().map(|block| block.label.as_str()).collect();
        assert_eq!(labels, ["A", "B C"]);
        assert!(found.text_around && found.blocks.iter().all(|block| block.content.is_some()));
    }

    #[test]
    fn a_block_without_an_end_has_no_content() {
        for text in
            ["-----BEGIN A-----\nAAAA", "-----BEGIN A", "-----BEGIN A-----\nAA!A\n-----END A-----"]
        {
            assert!(blocks(text).blocks.iter().all(|block| block.content.is_none()), "{text}");
        }
    }
}
