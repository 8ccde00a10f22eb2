//! Questions to a person at a terminal.

use std::io::{BufRead, IsTerminal as _, Write};

use applecart_core::report::escape;

/// Whether somebody is there to answer.
pub(super) fn is_answered() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// The question who downloaded a file, where it may be asked and somebody is there.
pub(super) fn account_if(may_ask: bool) -> impl FnMut(&str, Option<&str>) -> Option<String> {
    move |token, stated| {
        let ask = || account(token, stated, &mut std::io::stdin().lock(), &mut std::io::stderr());
        (may_ask && is_answered()).then(ask).flatten()
    }
}

/// Asks with which Apple Account the file of a token was downloaded. Nothing but Enter is the one that
/// Git has.
fn account(
    token: &str,
    stated: Option<&str>,
    answers: &mut dyn BufRead,
    questions: &mut dyn Write,
) -> Option<String> {
    let known = stated.map(|account| format!(" [{}]", escape(account))).unwrap_or_default();
    let text =
        format!("With which Apple Account was the file of {} downloaded?{known} ", escape(token));
    let line = answer(&text, answers, questions)?;
    match line.trim() {
        "" => stated.map(str::to_owned),
        account => Some(account.to_owned()),
    }
}

fn answer(question: &str, answers: &mut dyn BufRead, questions: &mut dyn Write) -> Option<String> {
    questions.write_all(question.as_bytes()).ok()?;
    questions.flush().ok()?;
    let mut line = String::new();
    let read = answers.read_line(&mut line).ok()?;
    // The end of the input is no answer, which Enter is.
    (read > 0).then_some(line)
}

/// Asks which of several tokens a file is for; no answer is none of them.
pub(super) fn which(
    file: &str,
    names: &[String],
    answers: &mut dyn BufRead,
    questions: &mut dyn Write,
) -> Option<usize> {
    let mut text = format!("{} may be for:\n", escape(file));
    for (number, name) in names.iter().enumerate() {
        text.push_str(&format!("  {}  {}\n", number + 1, escape(name)));
    }
    text.push_str("Which one? (number, or nothing to leave it) ");
    let number: usize = answer(&text, answers, questions)?.trim().parse().ok()?;
    number.checked_sub(1).filter(|place| *place < names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_takes_a_number_and_anything_else_is_no_answer() {
        let all = ["contoso/London".to_owned(), "contoso/Leeds\u{1b}[2J".to_owned()];
        let answer = |text: &str| {
            let mut asked = Vec::new();
            let answer = which("sToken.vpptoken", &all, &mut text.as_bytes(), &mut asked);
            (answer, String::from_utf8(asked).unwrap())
        };
        let (first, asked) = answer("1\n");
        assert_eq!(first, Some(0));
        assert!(asked.contains("1  contoso/London") && !asked.contains('\u{1b}'), "{asked}");
        assert_eq!(answer(" 2 \n").0, Some(1));
        for nothing in ["", "\n", "0\n", "3\n", "-1\n", "London\n"] {
            assert_eq!(answer(nothing).0, None, "{nothing:?}");
        }
    }

    #[test]
    fn enter_takes_the_account_that_git_has_and_the_end_of_the_input_takes_none() {
        let told = |text: &str, stated: Option<&str>| {
            let mut asked = Vec::new();
            let told = account("contoso/London", stated, &mut text.as_bytes(), &mut asked);
            (told, String::from_utf8(asked).unwrap())
        };
        let (taken, asked) = told("\n", Some("vpp@contoso.example"));
        assert_eq!(taken.as_deref(), Some("vpp@contoso.example"));
        assert!(asked.contains("contoso/London") && asked.contains("[vpp@contoso.example]"));
        let other = told(" new@contoso.example\n", Some("vpp@contoso.example")).0;
        assert_eq!(other.as_deref(), Some("new@contoso.example"));
        assert_eq!(told("\n", None).0, None);
        assert_eq!(told("", Some("vpp@contoso.example")).0, None);
    }
}
