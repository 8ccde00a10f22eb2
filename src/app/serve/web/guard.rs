//! Who may ask, and how a browser has to treat the answer.
//!
//! A browser that shows somebody's page can reach loopback, and a name can be made to lead here. So a
//! request has to name this server as its `Host`, which a rebound name does not, and where a browser
//! says that another site asks, it is refused, except for following a link to the page.

use std::net::{IpAddr, SocketAddr};

use age::secrecy::{ExposeSecret as _, SecretString};
use axum::extract::{ConnectInfo, Request};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use subtle::ConstantTimeEq as _;

use super::ServeError;
use crate::app::Environment;

/// Fewer can be tried one after the other.
const LEAST: usize = 16;
/// The widest networks that one operator has: 10.0.0.0/8 and fc00::/7.
const WIDEST: (u32, u32) = (8, 7);
const TOKEN: &str = "APPLECART_SERVE_TOKEN";

/// Who may ask.
#[derive(Clone, Default)]
pub struct Access {
    token: Option<SecretString>,
    proxy: Option<Proxy>,
    hosts: Vec<String>,
}

/// A proxy that has signed people in, and says whom in a header.
#[derive(Clone, Debug)]
pub struct Proxy {
    header: HeaderName,
    peers: Vec<Network>,
}

impl Proxy {
    /// A proxy at one of these addresses that names people in this header.
    pub fn new(header: &str, peers: Vec<Network>) -> Result<Self, ServeError> {
        let parsed = header.parse();
        let header: HeaderName =
            parsed.map_err(|_| ServeError::Header { name: header.to_owned() })?;
        if is_everybodys(&header) {
            return Err(ServeError::EveryRequest { name: header.to_string() });
        }
        Ok(Self { header, peers })
    }

    /// Whether it was the proxy that asks, for somebody. What others write into the header counts for
    /// nothing, and neither does a header that stands there twice: the proxy has not replaced it.
    fn vouches(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let mut users = headers.get_all(&self.header).iter();
        let user = users.next().is_some_and(|user| !user.is_empty());
        user && users.next().is_none() && self.peers.iter().any(|peers| peers.has(peer))
    }
}

/// Whether requests have it of which nobody was signed in: browsers and other clients write it
/// themselves, or every proxy does.
fn is_everybodys(header: &HeaderName) -> bool {
    const EVERYBODYS: [&str; 22] = [
        "authorization",
        "cache-control",
        "connection",
        "cookie",
        "date",
        "dnt",
        "expect",
        "forwarded",
        "from",
        "host",
        "keep-alive",
        "origin",
        "pragma",
        "priority",
        "range",
        "referer",
        "te",
        "traceparent",
        "user-agent",
        "via",
        "x-real-ip",
        "x-request-id",
    ];
    const KINDS: [&str; 6] = ["accept", "content-", "if-", "sec-", "transfer-", "upgrade"];
    const BY_EVERY_PROXY: [&str; 7] = [
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-forwarded-scheme",
        "x-forwarded-server",
    ];
    let name = header.as_str();
    EVERYBODYS.contains(&name)
        || BY_EVERY_PROXY.contains(&name)
        || KINDS.iter().any(|kind| name.starts_with(kind))
}

/// Whether a request can name it as its host, without a port.
fn is_host(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c))
    };
    name.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(plain))
}

/// An address, or all that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl std::str::FromStr for Network {
    type Err = ServeError;

    fn from_str(text: &str) -> Result<Self, ServeError> {
        let wrong = || ServeError::Network { text: text.to_owned() };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        let least = if address.is_ipv4() { WIDEST.0 } else { WIDEST.1 };
        match bits {
            bits if bits > most => Err(wrong()),
            bits if bits < least => Err(ServeError::Wide { text: text.to_owned() }),
            bits => Ok(Self { address, bits }),
        }
    }
}

impl Network {
    fn has(&self, other: IpAddr) -> bool {
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                let differ = u32::from(one) ^ u32::from(other);
                differ.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                let differ = u128::from(one) ^ u128::from(other);
                differ.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl Access {
    /// Who may ask by the environment's token and by a proxy, under these names besides loopback and
    /// addresses.
    pub fn of(
        environment: &Environment,
        proxy: Option<Proxy>,
        hosts: Vec<String>,
    ) -> Result<Self, ServeError> {
        let token = strong(environment, TOKEN)?;
        let is_sent = |token: &SecretString| {
            token.expose_secret().bytes().all(|sign| sign.is_ascii_graphic())
        };
        if !token.as_ref().is_none_or(is_sent) {
            return Err(ServeError::Unsendable { variable: TOKEN });
        }
        if let Some(name) = hosts.iter().find(|name| !is_host(name)) {
            return Err(ServeError::Host { name: name.clone() });
        }
        Ok(Self { token, proxy, hosts })
    }

    /// Whether everybody may ask.
    pub(super) fn is_open(&self) -> bool {
        self.token.is_none() && self.proxy.is_none()
    }

    fn admits(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.is_open() || self.proxy.as_ref().is_some_and(|proxy| proxy.vouches(peer, headers)) {
            return Ok(());
        }
        match (&self.token, bearer(headers)) {
            (Some(token), Some(given)) if is_same(token.expose_secret(), given) => Ok(()),
            (_, Some(_)) => Err(Refusal::WrongToken),
            (_, None) => Err(Refusal::NoToken),
        }
    }

    /// Whether a request was meant for this server. An address cannot be made to lead elsewhere, as a
    /// name can.
    fn is_ours(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok()
            || self.hosts.iter().any(|ours| host.eq_ignore_ascii_case(ours))
    }
}

/// A secret of the environment, which whoever reaches the server can try to guess.
pub(super) fn strong(
    environment: &Environment,
    variable: &'static str,
) -> Result<Option<SecretString>, ServeError> {
    if environment.is_blank(variable) {
        return Err(ServeError::Blank { variable });
    }
    let secret = environment.secret(variable).map(SecretString::from);
    match &secret {
        Some(text) if text.expose_secret().len() < LEAST => {
            Err(ServeError::Weak { variable, least: LEAST })
        }
        _ => Ok(secret),
    }
}

/// The token of the one header that holds it.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (scheme, token) = all.next()?.to_str().ok()?.split_once(' ')?;
    (all.next().is_none() && scheme.eq_ignore_ascii_case("bearer")).then_some(token.trim())
}

/// Compares a secret in a time that tells nothing of where they differ.
pub(super) fn is_same(secret: &str, given: &str) -> bool {
    secret.as_bytes().ct_eq(given.as_bytes()).into()
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Host,
    Origin,
    Method,
    NoToken,
    WrongToken,
}

impl Refusal {
    pub(super) fn into_response(self) -> Response {
        let (status, line) = match self {
            Self::Host => (
                StatusCode::FORBIDDEN,
                "this server is not called so; --host NAME names it, where it should be",
            ),
            Self::Origin => (StatusCode::FORBIDDEN, "this server answers no other web pages"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "this server only tells"),
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "a token is needed: `Authorization: Bearer …`, as APPLECART_SERVE_TOKEN has it",
            ),
            Self::WrongToken => (StatusCode::UNAUTHORIZED, "this is not the token"),
        };
        let mut response = super::text(status, line);
        if status == StatusCode::UNAUTHORIZED {
            let realm = HeaderValue::from_static("Bearer realm=\"applecart\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        response
    }
}

/// Whether a request is answered at all.
pub(super) fn check(access: &Access, request: &Request) -> Result<(), Refusal> {
    let (headers, path) = (request.headers(), request.uri().path());
    let is_hook = path.starts_with("/hooks/");
    match *request.method() {
        Method::GET | Method::HEAD => {}
        Method::POST if is_hook => {}
        _ => return Err(Refusal::Method),
    }
    let named = headers.get_all(header::HOST).iter();
    let in_line = request.uri().authority().map(Authority::as_str);
    let mut hosts = named.map(|host| host.to_str().unwrap_or_default()).chain(in_line);
    if !hosts.all(|host| access.is_ours(host)) {
        return Err(Refusal::Host);
    }
    is_no_other_site(request)?;
    // Probes are told no more than whether it works, and hooks bring a proof of their own.
    if is_hook || matches!(path, "/livez" | "/readyz") {
        return Ok(());
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let Some(ConnectInfo(peer)) = peer else { return Err(Refusal::NoToken) };
    access.admits(peer.ip(), headers)
}

/// Refuses what a browser says another site asks for. A link to the page, in a chat or a ticket, may be
/// followed: the answer is shown to the person, and to nobody's script.
fn is_no_other_site(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let of = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = of("host").unwrap_or_default();
    let is_own = |origin: &str| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    if headers.get_all(header::ORIGIN).iter().any(|origin| !origin.to_str().is_ok_and(is_own)) {
        return Err(Refusal::Origin);
    }
    let is_link = *request.method() == Method::GET
        && of("sec-fetch-mode") == Some("navigate")
        && of("sec-fetch-dest") == Some("document");
    match of("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) if is_link => Ok(()),
        Some(_) => Err(Refusal::Origin),
    }
}

/// What browsers and caches have to do with every answer. A page brings its own content policy.
pub(super) fn harden(headers: &mut HeaderMap) {
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let closed = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(closed));
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    const PEER: [u8; 4] = [10, 0, 3, 7];

    fn access(token: Option<&'static str>) -> Access {
        let environment = Environment::new(move |_| token.map(str::to_owned));
        Access::of(&environment, None, vec!["status.msp.example".into()]).unwrap()
    }

    fn asked(
        access: &Access,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<(), Refusal> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((PEER, 4711))));
        check(access, &request)
    }

    #[test]
    fn a_name_that_is_not_this_servers_is_refused_and_an_address_is_not() {
        let open = access(None);
        let host = |host| asked(&open, "GET", "/", &[("host", host)]);
        for fine in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "10.1.2.3",
            "status.msp.example",
        ] {
            assert_eq!(host(fine), Ok(()), "{fine}");
        }
        for bad in [
            "evil.example",
            "status.msp.example.evil.example",
            "localhost.evil.example",
            "",
            "a b",
            "127.0.0.1.nip.io",
        ] {
            assert_eq!(host(bad), Err(Refusal::Host), "{bad:?}");
        }
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(asked(&open, "GET", "/", &two), Err(Refusal::Host));
        assert_eq!(
            asked(&open, "GET", "http://evil.example/", &[("host", "localhost")]),
            Err(Refusal::Host)
        );
        assert_eq!(asked(&open, "GET", "/livez", &[("host", "evil.example")]), Err(Refusal::Host));
    }

    #[test]
    fn another_site_may_link_here_and_nothing_else() {
        let open = access(None);
        let from = |headers: &[(&str, &str)]| {
            let all = [&[("host", "localhost:8080")], headers].concat();
            asked(&open, "GET", "/api/v1/status", &all)
        };
        assert_eq!(from(&[("origin", "http://localhost:8080")]), Ok(()));
        assert_eq!(from(&[("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(from(&[("sec-fetch-site", "none")]), Ok(()));
        let link = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(from(&link), Ok(()));
        for bad in [
            &[("origin", "http://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://localhost:9090")],
            &[("origin", "http://localhost:8080"), ("origin", "http://evil.example")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ],
        ] {
            assert_eq!(from(bad), Err(Refusal::Origin), "{bad:?}");
        }
    }

    #[test]
    fn a_header_that_every_request_has_vouches_for_nobody() {
        for name in ["Host", "USER-AGENT", "Accept", "Connection", "Cookie", "Authorization"] {
            let refused = Proxy::new(name, Vec::new());
            assert!(matches!(refused, Err(ServeError::EveryRequest { .. })), "{name}");
        }
        for name in ["Accept-Language", "Sec-Fetch-Site", "X-Forwarded-For", "Content-Type"] {
            assert!(Proxy::new(name, Vec::new()).is_err(), "{name}");
        }
        for name in [
            "X-Forwarded-User",
            "Remote-User",
            "X-Auth-Request-Email",
            "X-MS-CLIENT-PRINCIPAL-NAME",
        ] {
            assert!(Proxy::new(name, Vec::new()).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_host_is_a_name_that_a_request_can_have() {
        for name in ["status.msp.example", "status", "10.0.3.7", "::1"] {
            assert!(is_host(name), "{name}");
        }
        for name in ["", "*", "*.example", "a b", "evil.example/x", "http://x", "x:8080", "x..y"] {
            assert!(!is_host(name), "{name}");
        }
    }

    #[test]
    fn without_the_token_only_probes_and_hooks_are_answered() {
        let closed = access(Some("0123456789abcdef"));
        let ask = |path, token: &str| {
            let headers = [("host", "localhost"), ("authorization", token)];
            asked(&closed, "GET", path, if token.is_empty() { &headers[..1] } else { &headers })
        };
        assert_eq!(ask("/", "Bearer 0123456789abcdef"), Ok(()));
        assert_eq!(ask("/", "bearer  0123456789abcdef"), Ok(()));
        for path in
            ["/", "/metrics", "/api/v1/status", "/t/contoso/push", "/nothing", "/livez/", "//livez"]
        {
            assert_eq!(ask(path, ""), Err(Refusal::NoToken), "{path}");
        }
        for wrong in [
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcde",
            "Bearer ",
            "Bearer 0123456789abcdef0",
        ] {
            assert_eq!(ask("/", wrong), Err(Refusal::WrongToken), "{wrong}");
        }
        for other in ["Basic 0123456789abcdef", "0123456789abcdef"] {
            assert_eq!(ask("/", other), Err(Refusal::NoToken), "{other}");
        }
        assert_eq!(ask("/livez", ""), Ok(()));
        assert_eq!(ask("/readyz", ""), Ok(()));
        let twice = [
            ("host", "localhost"),
            ("authorization", "Bearer x"),
            ("authorization", "Bearer 0123456789abcdef"),
        ];
        assert_eq!(asked(&closed, "GET", "/", &twice), Err(Refusal::NoToken));
    }

    #[test]
    fn only_hooks_take_a_post_and_no_header_makes_one_of_a_get() {
        let open = access(None);
        let host = [("host", "localhost"), ("x-http-method-override", "POST")];
        assert_eq!(asked(&open, "POST", "/hooks/github", &host), Ok(()));
        assert_eq!(asked(&open, "GET", "/", &host), Ok(()));
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"] {
            assert_eq!(
                asked(&open, method, "/api/v1/status", &host),
                Err(Refusal::Method),
                "{method}"
            );
        }
    }

    #[test]
    fn a_proxy_is_believed_from_its_own_address_and_for_one_user() {
        let peers = vec!["10.0.0.0/8".parse().unwrap()];
        let proxy = Proxy::new("X-Forwarded-User", peers).unwrap();
        let of = |user: &[&str]| {
            let mut headers = HeaderMap::new();
            for one in user {
                headers.append("x-forwarded-user", one.parse().unwrap());
            }
            headers
        };
        let (inside, outside) = (IpAddr::from(PEER), IpAddr::from([11, 0, 0, 1]));
        assert!(proxy.vouches(inside, &of(&["dana"])));
        assert!(!proxy.vouches(outside, &of(&["dana"])));
        assert!(!proxy.vouches(inside, &of(&[])));
        assert!(!proxy.vouches(inside, &of(&[""])));
        assert!(!proxy.vouches(inside, &of(&["dana", "root"])));
        assert!(Proxy::new("not a header", Vec::new()).is_err());
    }

    #[test]
    fn networks_are_addresses_with_how_much_of_them_counts() {
        let has = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().has(address.parse().unwrap())
        };
        assert!(has("10.0.3.7", "10.0.3.7") && !has("10.0.3.7", "10.0.3.8"));
        assert!(has("10.0.3.7", "::ffff:10.0.3.7"), "an IPv4 peer of an IPv6 socket");
        assert!(has("10.0.0.0/8", "10.9.9.9") && !has("10.0.0.0/8", "11.0.0.0"));
        assert!(has("2001:db8::/32", "2001:db8:1::1") && !has("2001:db8::/32", "2001:db9::1"));
        for bad in
            ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/", "evil.example", "::1/129"]
        {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
        // Two halves of everybody are everybody.
        for wide in ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "2000::/3"] {
            let refused = wide.parse::<Network>();
            assert!(matches!(refused, Err(ServeError::Wide { .. })), "{wide}");
        }
        assert!(has("fc00::/7", "fd12::1"));
    }

    #[test]
    fn a_secret_that_can_be_guessed_or_is_none_is_refused() {
        let refused = |secret: &'static str| {
            let environment = Environment::new(move |_| Some(secret.into()));
            let hooks = super::super::WebhookSecret::of(&environment).map(|_| ());
            [Access::of(&environment, None, Vec::new()).map(|_| ()), hooks]
        };
        for of in refused("0123456789abcde") {
            assert!(matches!(of, Err(ServeError::Weak { .. })), "{of:?}");
        }
        for empty in ["", " \n"] {
            for of in refused(empty) {
                assert!(matches!(of, Err(ServeError::Blank { .. })), "{of:?}");
            }
        }
        assert!(refused("0123456789abcdef\n").iter().all(Result::is_ok));
    }
}
