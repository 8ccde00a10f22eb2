use super::*;
use applecart_core::fleet::Token;
use applecart_core::model::TokenRef;
use applecart_core::plan::world;

#[test]
fn a_question_takes_a_number_and_anything_else_is_no_answer() {
    let tenant = world::World::equal().tenant;
    let candidate = |name: &str| Candidate {
        tenant: &tenant,
        token: Token::watched(TokenRef { kind: Kind::Vpp, id: None, name: Some(name.to_owned()) }),
    };
    let all = [candidate("London"), candidate("Leeds\u{1b}[2J")];
    let answer = |text: &str| {
        let mut asked = Vec::new();
        let answer = ask("sToken.vpptoken", &all, &mut text.as_bytes(), &mut asked);
        (answer.and_then(|one| one.token.token.name), String::from_utf8(asked).unwrap())
    };
    let (first, asked) = answer("1\n");
    assert_eq!(first.as_deref(), Some("London"));
    assert!(asked.contains("1  contoso/London") && !asked.contains('\u{1b}'), "{asked}");
    assert!(answer(" 2 \n").0.is_some());
    for nothing in ["", "\n", "0\n", "3\n", "-1\n", "London\n"] {
        assert_eq!(answer(nothing).0, None, "{nothing:?}");
    }
}

#[test]
fn a_failed_sign_in_counts_for_all_only_where_all_failed() {
    use Outcome as O;
    for (all, is) in [
        (&[][..], O::Done),
        (&[O::Done, O::Done], O::Done),
        (&[O::SignIn, O::SignIn], O::SignIn),
        (&[O::SignIn, O::Done], O::Partial),
        (&[O::Partial, O::Refused, O::Done], O::Refused),
    ] {
        assert_eq!(together(all), is, "{all:?}");
    }
}
