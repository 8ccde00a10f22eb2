//! Comma-separated values, for spreadsheets and scripts.
//!
//! RFC 4180: a header, CRLF at every line's end, cells with commas, quotes or line breaks in
//! quotes, quotes doubled. Spreadsheets run a cell that begins with `=`, `+`, `-` or `@` as a
//! formula, quoted or not, and names come from Intune and Git: such a text gets an apostrophe in
//! front, which spreadsheets take as "this is text". Scripts that need names letter by letter read
//! JSON. Numbers and times are this program's own and stay as they are.

use super::text::escape;

/// Text from elsewhere: on one line, and no formula.
pub(super) fn text(text: &str) -> String {
    let text = escape(text);
    // Spreadsheets drop blanks before a formula; wide forms count as the signs they look like.
    let first = text.trim_start().chars().next();
    if first.is_some_and(is_sign) {
        return format!("'{text}");
    }
    // A machine whose lists are apart by semicolons splits there, quotes or not, and has a cell more.
    let mut safe = String::new();
    for (number, part) in text.split(';').enumerate() {
        if number > 0 {
            safe.push(';');
            if part.trim_start_matches([' ', '"']).starts_with(is_sign) {
                safe.push('\'');
            }
        }
        safe.push_str(part);
    }
    safe
}

/// Whether a spreadsheet takes what begins with this for a formula.
fn is_sign(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

/// The same table for Excel, which takes a file without this mark for one in the code page of its
/// machine, and shows `Müller` as `MÃ¼ller`.
pub fn for_excel(csv: &str) -> String {
    format!("\u{feff}{csv}")
}

/// A table of cells, which are text already. Each has its column's name beside it, so that none can
/// stand under another's; `head` is a row of which only the names are used.
pub(super) fn table<const N: usize>(
    head: [(&str, String); N],
    rows: impl Iterator<Item = [(&'static str, String); N]>,
) -> String {
    let mut out = String::new();
    line(&mut out, &head.map(|(name, _)| name.to_owned()));
    for row in rows {
        line(&mut out, &row.map(|(_, cell)| cell));
    }
    out
}

fn line<const N: usize>(out: &mut String, cells: &[String; N]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ') {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}

/// What is unknown is an empty cell.
pub(super) fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Text from elsewhere, or an empty cell.
pub(super) fn optional(value: Option<&str>) -> String {
    value.map(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_from_elsewhere_is_a_formula() {
        for hostile in ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "＝1", "=cmd|' /C calc'!A0"] {
            assert_eq!(text(hostile), format!("'{hostile}"));
        }
        // A tab or line feed is spelt out, so that it hides nothing.
        assert_eq!(text("\t=1"), "\\u{9}=1");
        assert_eq!(text("a=b"), "a=b");
        assert_eq!(text("x;=cmd|'/C calc'!A0;y; \"＝1"), "x;'=cmd|'/C calc'!A0;y;' \"＝1");
        assert_eq!(text("a; b-c"), "a; b-c");
        assert_eq!(text(""), "");
    }

    #[test]
    fn quotes_commas_and_blanks_are_kept() {
        let mut out = String::new();
        line(&mut out, &["plain", "a,b", "say \"hi\"", "two\r\nlines", " "].map(str::to_owned));
        assert_eq!(out, "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\",\" \"\r\n");
    }
}
