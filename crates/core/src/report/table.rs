//! Tables for a terminal, and for a file, which has no edge.

use super::text::{columns_of, escape, styled};

/// A column, by what may happen to it on a narrow screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// Stays, and takes more lines where leaving out others was not enough.
    Name(&'static str),
    /// Stays whole: it is what is looked for, and what `grep` finds.
    Fixed(&'static str),
    /// Is left out so that names fit, the last one first.
    Spare(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Name(title) | Self::Fixed(title) | Self::Spare(title) => title,
        }
    }
}

/// A row with its style.
type Row = (Option<anstyle::Style>, Vec<String>);

/// The gap that stands between two columns.
const GAP: usize = 2;

/// The rows, each in its style. Without a `width` nothing is left out or wrapped.
pub(super) fn table(columns: &[Column], rows: &[Row], width: Option<usize>) -> String {
    let shown = shown(columns, rows, width);
    let widths = fitted(columns, rows, &shown, width);
    let titles: Vec<String> = columns.iter().map(|column| column.title().to_owned()).collect();
    let head = (None, titles);
    let mut out = String::new();
    for (style, row) in std::iter::once(&head).chain(rows) {
        let cells: Vec<Vec<String>> = shown
            .iter()
            .zip(&widths)
            .map(|(index, width)| broken(&escape(row.get(*index).map_or("", |cell| cell)), *width))
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or_default();
        for number in 0..height {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                let text = cell.get(number).map_or("", |text| text.as_str());
                let pad = width.saturating_sub(columns_of(text));
                line.push_str(&format!(" {text}{:pad$} ", ""));
            }
            let line = line.trim_end();
            out.push_str(&style.map_or_else(|| line.to_owned(), |style| styled(style, line)));
            out.push('\n');
        }
    }
    out
}

/// A cell in lines of at most `width` columns: broken between words; a word that is longer, after a
/// hyphen, else anywhere.
fn broken(cell: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in cell.split(' ') {
        let mut push = |text: &str, glue: bool| {
            let Some(line) = lines.last_mut() else { return };
            let gap = usize::from(glue && !line.is_empty());
            if line.is_empty() || columns_of(line) + gap + columns_of(text) <= width {
                line.extend(std::iter::repeat_n(' ', gap));
                line.push_str(text);
            } else {
                lines.push(text.to_owned());
            }
        };
        if columns_of(word) <= width {
            push(word, true);
            continue;
        }
        let mut is_first = true;
        for part in word.split_inclusive('-') {
            if columns_of(part) <= width {
                push(part, is_first);
            } else {
                for (place, character) in part.char_indices() {
                    push(character.encode_utf8(&mut [0; 4]), is_first && place == 0);
                }
            }
            is_first = false;
        }
    }
    lines
}

/// How wide each shown column is: as wide as its widest cell, and where that is too much, the names
/// share what the others leave.
fn fitted(columns: &[Column], rows: &[Row], shown: &[usize], width: Option<usize>) -> Vec<usize> {
    let mut widths: Vec<usize> = shown.iter().map(|index| widest(columns, rows, *index)).collect();
    let Some(width) = width else { return widths };
    let is_name = |index: &usize| matches!(columns.get(*index), Some(Column::Name(_)));
    loop {
        let room = widths.iter().sum::<usize>() + GAP * widths.len();
        let names = shown.iter().zip(&mut widths).filter(|(index, _)| is_name(index));
        // First those that a blank can break, then those that only a cut can.
        let loose = |(index, width): &(&usize, &mut usize)| {
            (**width > longest_word(columns, rows, **index), **width)
        };
        match names.max_by_key(loose) {
            Some((_, longest)) if room > width && *longest > MIN_NAME => *longest -= 1,
            _ => return widths,
        }
    }
}

/// Narrower than this a name cannot be read.
const MIN_NAME: usize = 6;

/// How wide the longest word of a column is.
fn longest_word(columns: &[Column], rows: &[Row], index: usize) -> usize {
    let words = |cell: &str| cell.split(' ').map(|word| columns_of(&escape(word))).max();
    widest_by(columns, rows, index, |cell| words(cell).unwrap_or_default())
}

/// How wide a column's widest cell is.
fn widest(columns: &[Column], rows: &[Row], index: usize) -> usize {
    widest_by(columns, rows, index, |cell| columns_of(&escape(cell)))
}

/// The largest width of a column's cells, and at least its title's.
fn widest_by(
    columns: &[Column],
    rows: &[Row],
    index: usize,
    width: impl Fn(&str) -> usize,
) -> usize {
    let title = columns.get(index).map_or(0, |column| column.title().len());
    rows.iter()
        .filter_map(|(_, row)| row.get(index))
        .map(|cell| width(cell))
        .fold(title, usize::max)
}

/// The columns for which there is room, by their places.
fn shown(columns: &[Column], rows: &[Row], width: Option<usize>) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let Some(width) = width else { return shown };
    let widths: Vec<usize> = (0..columns.len()).map(|index| widest(columns, rows, index)).collect();
    loop {
        let room: usize = shown.iter().filter_map(|index| widths.get(*index)).sum();
        let spare =
            shown.iter().rposition(|index| matches!(columns.get(*index), Some(Column::Spare(_))));
        match spare {
            Some(last) if room + GAP * shown.len() > width => shown.remove(last),
            _ => return shown,
        };
    }
}
