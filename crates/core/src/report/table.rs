//! Tables for a terminal, and for a file, which has no edge.

use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, presets::NOTHING};

use super::text::{escape, styled};

/// A column, by what may happen to it on a narrow screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// Stays, and is cut only where leaving out others was not enough.
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

/// The gap that stands between two columns.
const GAP: usize = 2;

/// One line a row, each in its style. Without a `width` nothing is left out or cut.
pub(super) fn table(
    columns: &[Column],
    rows: &[(Option<anstyle::Style>, Vec<String>)],
    width: Option<usize>,
) -> String {
    let shown = shown(columns, rows, width);
    let cells = |row: &[String]| -> Vec<String> {
        // A table cuts a name that is too long; at a blank it would show the first word only.
        let cell = |index: &usize| row.get(*index).map(|cell| escape(cell).replace(' ', "\u{a0}"));
        shown.iter().filter_map(cell).collect()
    };
    let mut table = Table::new();
    table.load_style(NOTHING);
    match width {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table.set_truncation_indicator("…");
    let titles: Vec<String> = columns.iter().map(|column| column.title().to_owned()).collect();
    table.set_header(Row::from(cells(&titles)));
    for (_, row) in rows {
        let mut line = Row::from(cells(row));
        line.max_height(1);
        table.add_row(line);
    }
    for (place, index) in shown.iter().enumerate() {
        let fixed = !matches!(columns.get(*index), Some(Column::Name(_)));
        if let Some(column) = table.column_mut(place).filter(|_| fixed) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let styles = std::iter::once(None).chain(rows.iter().map(|(style, _)| *style));
    table
        .lines()
        .zip(styles)
        .map(|(line, style)| {
            let line = line.replace('\u{a0}', " ");
            let line = line.trim_end();
            style.map_or_else(|| format!("{line}\n"), |style| format!("{}\n", styled(style, line)))
        })
        .collect()
}

/// The columns for which there is room, by their places.
fn shown(
    columns: &[Column],
    rows: &[(Option<anstyle::Style>, Vec<String>)],
    width: Option<usize>,
) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let Some(width) = width else { return shown };
    let widest = |index: usize| {
        let title = columns.get(index).map_or(0, |column| column.title().len());
        let cells = rows.iter().filter_map(|(_, row)| row.get(index));
        cells.map(|cell| escape(cell).chars().count()).fold(title, usize::max)
    };
    let widths: Vec<usize> = (0..columns.len()).map(widest).collect();
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
