//! What a browser is given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::plan::Expiry;
use crate::report::status::tests::{equal, held, many};
use crate::report::{Status, without_commands};

fn file(status: &Status) -> String {
    status_html(status, &PageView::File)
}

/// What stands between two marks.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(from).unwrap();
    rest.split_once(to).unwrap().0
}

/// The names of a page's tags, in order.
fn tags(page: &str) -> Vec<&str> {
    page.split('<')
        .skip(1)
        .map(|tag| tag.split(|c: char| c.is_whitespace() || c == '>').next().unwrap())
        .collect()
}

#[test]
fn a_small_page() {
    let page = file(&many(held(), 2, |number, tenant| {
        tenant.display_name = Some(format!("Customer {number} & Sons"));
        tenant.labels = [("ring".to_owned(), "pilot".to_owned())].into();
        if number == 1 {
            tenant.tokens[0].state.expiry = Expiry::Expired;
        }
    }));
    // As a person reads it: each element on a line.
    let body = between(&page, "<body", "</html>").replace("><", ">\n<");
    insta::assert_snapshot!(format!("<body{body}"));
}

#[test]
fn a_page_runs_its_own_script_and_no_other() {
    let page = file(&equal());
    let digest = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let (style, script) =
        (between(&page, "<style>", "</style>"), between(&page, "<script>", "</script>"));
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\">");
    for (kind, text) in [("style-src", style), ("script-src", script)] {
        assert!(policy.contains(&format!("{kind} {}", digest(text))), "{policy}");
        assert!(page_policy().contains(&format!("{kind} {}", digest(text))));
        // What a pipeline's runner would obey is changed on its way out, and the digest with it.
        assert_eq!(without_commands(text), text);
    }
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!policy.contains("connect-src"), "a file asks nobody: {policy}");
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains(" style=") && !page.contains(" onclick="));
}

#[test]
fn whatever_a_page_shows_it_loads_nothing() {
    let page = file(&held());
    for outside in ["src=", "url(", "@import", "<link", "<iframe", "<img"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn the_script_finds_every_token_on_a_line_of_its_own() {
    let status = many(equal(), 50, |number, tenant| {
        if number == 7 {
            tenant.display_name = Some("two\nlines\r\n<tr>".to_owned());
        }
    });
    let page = file(&status);
    let lines: Vec<&str> = between(&page, "<noscript", "</noscript>").lines().collect();
    let starting = |text: &str| lines.iter().filter(|line| line.starts_with(text)).count();
    assert_eq!(starting("<tr"), status.summary.tokens);
    assert_eq!(starting("<details"), 50);
    assert!(
        lines.iter().filter(|line| line.starts_with("<tr")).all(|line| line.ends_with("</tr>"))
    );
}

#[test]
fn of_ten_thousand_matters_the_page_tells_a_few_and_the_table_all() {
    let status = many(equal(), 10_000, |number, tenant| {
        tenant.tokens[0].state.expiry =
            if number % 2 == 0 { Expiry::Critical } else { Expiry::Expired };
    });
    let page = file(&status);
    let (above, table) = page.split_once("<noscript").unwrap();
    assert!(above.len() < 200_000, "{}", above.len());
    assert!(above.contains("… and ") && above.contains("data-code=\"critical\""));
    assert!(above.contains("<h3>expires soon <span class=\"severity\">critical</span>"));
    assert_eq!(table.matches("data-p=").count(), 10_000);
}

#[test]
fn calm_is_said_only_of_what_was_read() {
    let calm = "Nothing needs attention.";
    assert!(file(&equal()).contains(calm));
    let mut offline = equal();
    offline.offline = true;
    assert!(!file(&offline).contains(calm));
    let mut unread = equal();
    unread.summary.unobserved = 1;
    assert!(!file(&unread).contains(calm));
}

#[test]
fn a_week_begins_on_monday_and_what_has_expired_is_in_none() {
    let at = |text: &str| text.parse().unwrap();
    let now = equal().generated_at;
    let page = file(&many(equal(), 6, |number, tenant| {
        tenant.tokens[0].state.expires = match number {
            // A Monday, the Sunday after it, and the Monday after that.
            0 => Some(at("2027-02-01T00:00:00Z")),
            1 => Some(at("2027-02-07T23:59:59Z")),
            2 => Some(at("2027-02-08T00:00:00Z")),
            3 => Some(now.plus(chrono::Duration::days(-1))),
            4 => Some(at("2029-01-01T00:00:00Z")),
            _ => None,
        };
    }));
    let calendar = between(&page, "<h2 id=\"calendar\"", "</section>");
    assert!(calendar.contains("The fullest week begins on 2027-02-01: 2 tokens expire in it. 1 token expired before. 1 token expires later. 1 token expires at an unknown time."), "{calendar}");
    assert!(
        calendar.contains("aria-label=\"2 tokens from 2027-02-01 to 2027-02-07\""),
        "{calendar}"
    );
    assert!(
        calendar.contains("aria-label=\"1 token from 2027-02-08 to 2027-02-14\""),
        "{calendar}"
    );
    assert_eq!(calendar.matches("<a href").count(), 2, "{calendar}");
}

#[test]
fn a_served_page_links_to_its_tokens_and_a_file_to_nothing() {
    let served = Served { etag: "\"1\"", every: 60, notices: &["Intune is away.".to_owned()] };
    let page = status_html(&held(), &PageView::Served(served));
    assert!(page.contains("href=\"/t/contoso/push\""), "{page}");
    assert!(page.contains("data-etag=\"&quot;1&quot;\"") && page.contains("data-every=\"60\""));
    assert!(page.contains("Intune is away.") && page.contains("connect-src 'self'"));
    let file = file(&held());
    assert!(!file.contains("href=\"/") && !file.contains("data-every"));
}

#[test]
fn of_a_group_a_few_matters_are_open_and_the_rest_is_folded() {
    let critical = |count| {
        file(&many(equal(), count, |_, tenant| tenant.tokens[0].state.expiry = Expiry::Critical))
    };
    let eight = critical(8);
    assert!(!eight.contains("<details class=\"more\">") && !eight.contains("… and "));
    let nine = critical(9);
    assert!(nine.contains("<details class=\"more\"><summary>1 more</summary>"), "{nine}");
    assert!(critical(26).contains("… and 1 more. "));
}

#[test]
fn no_name_leads_to_another_page() {
    let token = |name: &str, id: Option<&str>| TokenRef {
        kind: Kind::Vpp,
        id: id.map(str::to_owned),
        name: Some(name.to_owned()),
    };
    for (token, path) in [
        (token("London", None), "/t/contoso/vpp/London"),
        (token("../../x?y#z", None), "/t/contoso/vpp/..%2F..%2Fx%3Fy%23z"),
        (token("..", Some("1c")), "/t/contoso/vpp/1c"),
        (token(".", None), "/t/contoso/vpp"),
        (token("Büro\r\nX: y", None), "/t/contoso/vpp/B%C3%BCro%0D%0AX%3A%20y"),
    ] {
        assert_eq!(token_path("contoso", &token), path);
    }
    assert_eq!(token_path("//evil.example", &TokenRef::push()), "/t/%2F%2Fevil.example/push");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_from_elsewhere_becomes_markup(
        text in "[<>&\"'`/=a-z \u{202e}\u{5d0}\r\n:#\\[!-]{1,40}|</script><script>alert\\(1\\)</script>|--></noscript>|\"><img src=x>",
    ) {
        let told = |text: &str| {
            let mut status = many(held(), 1, |_, tenant| {
                tenant.name = text.to_owned();
                tenant.display_name = Some(format!("{text}."));
                tenant.labels = [(text.to_owned(), text.to_owned())].into();
                tenant.tokens[0].apple_id = Some(text.to_owned());
                tenant.tokens[0].state.name = Some(text.to_owned());
            });
            for matter in &mut status.attention {
                // Backticks of a message are markup by intent.
                matter.message = text.replace('`', "");
                matter.next = text.replace('`', "");
                matter.command = Some(text.to_owned());
            }
            file(&status)
        };
        let (page, plain) = (told(&text), told("name"));
        prop_assert_eq!(tags(&page), tags(&plain));
        let noscript = between(&page, "<noscript", "</noscript>");
        let hostile = ['\u{202e}', '\r'];
        prop_assert!(!noscript.contains(hostile));
    }
}
