use std::collections::VecDeque;
use std::sync::Mutex;

use applecart_core::apple::location::{Answer as Told, Death, Silence};
use reqwest::Method;
use reqwest::header::HeaderMap;

use super::*;
use crate::intune::{Answer, EndpointError, NoAnswer, Request};
use crate::seams::testing::VirtualClock;

const TOKEN: &str = "TUFSS0VSLVRPS0VO";

/// Answers in turn; the last one stays.
struct Script {
    answers: Mutex<VecDeque<Scripted>>,
    asked: Mutex<Vec<(Method, String, HeaderMap, Duration)>>,
    clock: VirtualClock,
}

#[derive(Clone)]
enum Scripted {
    Body(u16, &'static str),
    Header(u16, &'static str, &'static str),
    None(NoAnswer),
}

#[async_trait::async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        let at = self.clock.elapsed();
        let asked = (request.method, request.url, request.headers, at);
        self.asked.lock().unwrap().push(asked);
        let mut answers = self.answers.lock().unwrap();
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let mut headers = HeaderMap::new();
        let (status, body) = match next.unwrap() {
            Scripted::Body(status, body) => (status, body),
            Scripted::Header(status, name, value) => {
                headers.insert(name, value.parse().unwrap());
                (status, "")
            }
            Scripted::None(no_answer) => return Err(no_answer),
        };
        let received = self.clock.now();
        Ok(Answer { status, headers, body: body.as_bytes().to_vec(), received })
    }
}

const ALIVE: Scripted = Scripted::Body(200, r#"{"uId": "77", "locationName": "London"}"#);
const BUSY: Scripted = Scripted::Body(200, r#"{"errorNumber": 9646}"#);

fn at(place: &Place, answers: &[Scripted]) -> (VirtualClock, Arc<Script>, Apple) {
    let clock = VirtualClock::new("2026-11-20T10:00:00Z".parse().unwrap());
    let script = Arc::new(Script {
        answers: Mutex::new(answers.iter().cloned().collect()),
        asked: Mutex::default(),
        clock: clock.clone(),
    });
    let transport = Arc::clone(&script) as Arc<dyn Transport>;
    let apple = Apple::over(transport, place.clone(), Arc::new(clock.clone()));
    (clock, script, apple)
}

fn real() -> Place {
    Place::parse(None, false).unwrap()
}

#[test]
fn the_host_is_apples_own_or_on_this_machine() {
    for (place, url) in [
        (real(), "https://vpp.itunes.apple.com/mdm/v2/client/config"),
        (
            Place::parse(Some("http://127.0.0.1:8080/apple/"), true).unwrap(),
            "http://127.0.0.1:8080/apple/mdm/v2/client/config",
        ),
    ] {
        let (clock, script, apple) = at(&place, &[ALIVE]);
        assert!(matches!(clock.run(apple.location(TOKEN)), Told::Alive(_)));
        let asked = script.asked.lock().unwrap();
        let (method, asked, headers, _) = &asked[0];
        assert_eq!((method, asked.as_str()), (&Method::GET, url));
        assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
        assert!(headers["authorization"].is_sensitive());
    }
    for elsewhere in ["https://apple.example", "https://vpp.itunes.apple.com", "http://10.0.0.1"] {
        assert!(Place::parse(Some(elsewhere), true).is_err(), "{elsewhere}");
    }
    // Left over from a tutorial, beside the real Graph.
    assert_eq!(
        Place::parse(Some("http://127.0.0.1:8080/apple"), false),
        Err(EndpointError::GraphIsReal { variable: "APPLECART_APPLE_URL" })
    );
}

#[test]
fn a_simulators_token_is_not_shown_to_apple() {
    let place = Place::parse(Some(" "), true).unwrap();
    let (clock, script, apple) = at(&place, &[ALIVE]);
    assert_eq!(clock.run(apple.location(TOKEN)), Told::Unknown(Silence::NotAsked));
    assert!(script.asked.lock().unwrap().is_empty());
}

#[test]
fn a_redirect_is_not_followed() {
    let to = Scripted::Header(302, "location", "https://elsewhere.example/");
    let (clock, script, apple) = at(&real(), &[to]);
    assert_eq!(clock.run(apple.location(TOKEN)), Told::Unknown(Silence::Redirected));
    assert_eq!(script.asked.lock().unwrap().len(), 1);
}

#[test]
fn one_token_is_asked_about_once_in_ten_minutes() {
    let (clock, script, apple) = at(&real(), &[ALIVE]);
    clock.run(async {
        futures::join!(apple.location(TOKEN), apple.location(TOKEN));
        apple.location(TOKEN).await;
        clock.sleep(Duration::from_secs(601)).await;
        apple.location(TOKEN).await;
    });
    assert_eq!(script.asked.lock().unwrap().len(), 2);
    assert_eq!(apple.requests(), 2);
}

#[test]
fn no_second_has_more_than_ten_requests() {
    let (clock, script, apple) = at(&real(), &[ALIVE]);
    let tokens: Vec<String> = (0..100).map(|number| format!("token{number}")).collect();
    clock.run(futures::future::join_all(tokens.iter().map(|token| apple.location(token))));
    let asked: Vec<_> = script.asked.lock().unwrap().iter().map(|asked| asked.3).collect();
    assert_eq!(asked.len(), 100);
    for (index, from) in asked.iter().enumerate() {
        let within = asked[index..].iter().filter(|at| **at - *from < Duration::from_secs(1));
        assert!(within.count() <= 10, "{from:?}");
    }
}

#[test]
fn apple_is_asked_again_when_it_is_busy_and_not_for_ever() {
    let (clock, script, apple) = at(&real(), &[BUSY, BUSY, ALIVE]);
    assert!(matches!(clock.run(apple.location(TOKEN)), Told::Alive(_)));
    assert_eq!(script.asked.lock().unwrap().len(), 3);
    assert!(clock.elapsed() >= Duration::from_secs(3), "{:?}", clock.elapsed());

    let (clock, script, apple) = at(&real(), &[BUSY]);
    let busy = Told::Unknown(Silence::Error { number: 9646 });
    assert_eq!(clock.run(apple.location(TOKEN)), busy);
    assert_eq!(script.asked.lock().unwrap().len(), 3);

    let (clock, _, apple) = at(&real(), &[Scripted::Header(503, "retry-after", "7"), ALIVE]);
    assert!(matches!(clock.run(apple.location(TOKEN)), Told::Alive(_)));
    assert!(clock.elapsed() >= Duration::from_secs(7));

    let long = Scripted::Header(503, "retry-after", "3600");
    let (clock, _, apple) = at(&real(), &[long]);
    let unknown = Told::Unknown(Silence::Status { status: 503 });
    assert_eq!(clock.run(apple.location(TOKEN)), unknown);
    assert!(clock.elapsed() < Duration::from_secs(30), "nobody waits an hour");
}

#[test]
fn what_is_dead_is_not_asked_about_again() {
    let revoked = Scripted::Body(401, r#"{"errorNumber": 9625}"#);
    let (clock, script, apple) = at(&real(), &[revoked]);
    assert_eq!(clock.run(apple.location(TOKEN)), Told::Dead(Death::Revoked));
    assert_eq!(script.asked.lock().unwrap().len(), 1);
}

#[test]
fn a_silent_apple_is_left_alone_for_the_rest_of_the_run() {
    let (clock, script, apple) = at(&real(), &[Scripted::None(NoAnswer::TimedOut)]);
    let answers: Vec<Told> = clock.run(async {
        let mut answers = Vec::new();
        for number in 0..1000 {
            answers.push(apple.location(&format!("token{number}")).await);
        }
        answers
    });
    assert_eq!(script.asked.lock().unwrap().len(), 3);
    assert_eq!(answers[2], Told::Unknown(Silence::TimedOut));
    assert_eq!(answers[999], Told::Unknown(Silence::GivenUp));
}

#[test]
fn one_answer_ends_a_silence() {
    let silent = Scripted::None(NoAnswer::NoConnection { cause: "refused".to_owned() });
    let (clock, script, apple) = at(&real(), &[silent.clone(), silent, ALIVE]);
    clock.run(async {
        for number in 0..20 {
            apple.location(&format!("token{number}")).await;
        }
    });
    assert_eq!(script.asked.lock().unwrap().len(), 20);
}

#[test]
fn the_list_of_revoked_certificates_comes_from_apple_and_its_authority_is_pinned() {
    let (clock, script, apple) = at(&real(), &[Scripted::Body(200, "list")]);
    assert_eq!(clock.run(apple.revocation_list()), Ok(b"list".to_vec()));
    assert!(clock.run(apple.authority()).is_ok());
    {
        let asked = script.asked.lock().unwrap();
        let [(method, url, headers, _)] = asked.as_slice() else { panic!("one request") };
        assert_eq!((method, url.as_str()), (&Method::GET, "https://crl.apple.com/aai2ca.crl"));
        assert!(!headers.contains_key("authorization"));
    }
    for (answer, silence) in [
        (Scripted::Body(404, ""), Silence::Status { status: 404 }),
        (Scripted::Header(301, "location", "https://elsewhere.example/"), Silence::Redirected),
        (Scripted::None(NoAnswer::TimedOut), Silence::TimedOut),
    ] {
        let (clock, _, apple) = at(&real(), &[answer]);
        assert_eq!(clock.run(apple.revocation_list()), Err(silence));
    }
    // Only who stands in for Apple brings an authority of its own, and no nonsense.
    let place = Place::parse(Some("http://127.0.0.1:8080/apple"), true).unwrap();
    let (clock, script, apple) = at(&place, &[Scripted::Body(200, "nonsense")]);
    assert_eq!(clock.run(apple.authority()).err(), Some(Silence::Unreadable));
    let url = "http://127.0.0.1:8080/apple/certificateauthority/AppleAAI2CA.cer";
    assert_eq!(script.asked.lock().unwrap()[0].1, url);
    let nobody = Place::parse(None, true).unwrap();
    let (clock, _, apple) = at(&nobody, &[Scripted::Body(200, "list")]);
    assert_eq!(clock.run(apple.revocation_list()), Err(Silence::NotAsked));
}
