//! A letter as an issue of a forge, in Markdown or, for Azure Boards, in HTML.

use super::letter::Letter;
use crate::report::markdown_text;

/// Forges cut or refuse longer texts: GitHub 65,536 characters, GitLab and Azure more.
const MAX_BODY: usize = 60_000;

/// The letter as Markdown: nobody is mentioned, nothing is referred to, no tag is opened.
pub fn markdown(letter: &Letter) -> String {
    let mut parts: Vec<String> = letter.leads().iter().map(|text| markdown_text(text)).collect();
    for item in letter.items() {
        let mut part = format!("**{}**", markdown_text(item.heading()));
        for text in item.paragraphs() {
            part.push_str(&format!("\n\n{}", markdown_text(text)));
        }
        if !item.steps().is_empty() {
            part.push('\n');
        }
        for step in item.steps() {
            part.push_str(&format!("\n- [ ] {}", markdown_text(&step.text)));
            if let Some(command) = &step.command {
                let command = command.replace("```", "'''");
                part.push_str(&format!("\n\n  ```sh\n  {command}\n  ```\n"));
            }
        }
        if let Some(command) = item.to_run() {
            part.push_str(&format!("\n\n```sh\n{}\n```", command.replace("```", "'''")));
        }
        parts.push(part);
    }
    parts.extend(letter.rest());
    parts.extend(letter.closes().iter().map(|text| markdown_text(text)));
    let mut out = String::new();
    let mut parts = parts.into_iter();
    for part in parts.by_ref() {
        if out.len() + part.len() > MAX_BODY {
            out.push_str("The rest is left out here. `applecart status` shows all of it.\n\n");
            break;
        }
        out.push_str(&part);
        out.push_str("\n\n");
    }
    format!("{}\n", out.trim_end())
}

/// The letter as HTML for Azure Boards, with the key by which a second sending is known.
pub fn html(letter: &Letter, key: &str) -> String {
    maud::html! { pre { (letter.text()) } p { "applecart " (key) } }.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlets::letter::Item;

    #[test]
    fn nobody_is_mentioned_and_no_issue_is_referred_to() {
        let name = "@everyone GH-12 org/repo#7 !3 <b> https://evil.example";
        let item = Item::new(name).says(name).step(name).command(Some("run '```'"));
        let text = markdown(&Letter::new("t").item(item));
        for obeyed in ["@everyone", "GH-12", "#7", " !3", "<b>", "https://evil"] {
            assert!(!text.contains(obeyed), "{obeyed}: {text}");
        }
        assert!(text.contains("```sh\nrun '''''\n```"), "{text}");
    }
}
