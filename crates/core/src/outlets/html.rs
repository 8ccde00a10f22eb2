//! A letter as HTML for mail: no picture, no script, no link, every style inline, and all text
//! escaped by type.

use maud::{DOCTYPE, Markup, html};

use super::letter::{Item, Letter};
use crate::attention::Severity;

const BODY: &str = "margin:0;padding:24px 16px;background:#ffffff;color:#1f2328;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.5";
const COLUMN: &str = "max-width:640px;margin:0 auto";
const TITLE: &str = "margin:0 0 16px;font-size:18px;line-height:1.35;font-weight:600";
const PARAGRAPH: &str = "margin:0 0 8px";
const HEADING: &str = "margin:0 0 4px;font-size:15px;font-weight:600";
const COMMAND: &str = "margin:8px 0 0;padding:8px 10px;background:#f3f4f6;border-radius:4px;font-family:ui-monospace,SFMono-Regular,Consolas,monospace;font-size:13px;white-space:pre-wrap;overflow-wrap:anywhere";
const CLOSE: &str = "margin:0 0 8px;color:#59636e;font-size:13px";

/// The colour of an item's edge; what it means is said in words as well.
fn edge(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Critical) => "#b42318",
        Some(Severity::Urgent) => "#b54708",
        Some(Severity::Notice) => "#57606a",
        None => "#1a7f37",
    }
}

pub fn html(letter: &Letter) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (letter.title()) }
            }
            body style=(BODY) {
                div style=(COLUMN) {
                    h1 style=(TITLE) { (letter.title()) }
                    @for text in letter.leads() { p style=(PARAGRAPH) { (text) } }
                    @for one in letter.items() { (item(one)) }
                    @if let Some(text) = letter.rest() { p style=(PARAGRAPH) { (text) } }
                    @for text in letter.closes() { p style=(CLOSE) { (text) } }
                }
            }
        }
    };
    page.into_string()
}

fn item(item: &Item) -> Markup {
    let style = format!(
        "margin:16px 0;padding:2px 0 2px 12px;border-left:4px solid {}",
        edge(item.how_soon())
    );
    html! {
        div style=(style) {
            h2 style=(HEADING) { (item.heading()) }
            @for text in item.paragraphs() { p style=(PARAGRAPH) { (text) } }
            @if !item.steps().is_empty() {
                ol style="margin:0 0 8px;padding-left:22px" {
                    @for step in item.steps() {
                        li style="margin:0 0 4px" {
                            (step.text)
                            @if let Some(command) = &step.command { pre style=(COMMAND) { (command) } }
                        }
                    }
                }
            }
            @if let Some(command) = item.to_run() { pre style=(COMMAND) { (command) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_opens_a_tag_and_nothing_is_fetched() {
        let item =
            Item::new("<img src=x onerror=alert(1)>").says("a & b").command(Some("run \"x\""));
        let page = html(&Letter::new("</title><script>").item(item.severity(Severity::Critical)));
        assert!(page.contains("&lt;/title&gt;&lt;script&gt;"));
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
        for fetched in ["<img", "<script", "<link", "href=", "src=\"", "url("] {
            assert!(!page.contains(fetched), "{fetched}: {page}");
        }
    }
}
