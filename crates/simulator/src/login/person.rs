//! People: sign-in with a device code, with a browser (authorization code with PKCE), from then on
//! with a refresh token that is good in every tenant where the person may act; and the page on which
//! an administrator consents.
//!
//! Nobody types anything here. Whoever opens the page of a browser is the user that `login_hint`
//! names, else the tenant's first; a device code is answered by a control route.

use std::collections::HashMap;

use axum::http::{Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use sha2::Digest as _;
use uuid::Uuid;

use super::{CLOUDS, Issued, LIFETIME, Refusal, app_of, field, form, pairs, tenant_of};
use crate::message::{Call, Content, Reply};
use crate::state::{AppRegistration, Claims, Permissions, State, StateError, Tenant};
use crate::words::TenantId;

pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The page that Entra sends people to.
const PAGE: &str = "https://microsoft.com/devicelogin";
/// Entra's own figures: a device code lives for a quarter of an hour, an authorization code for ten
/// minutes, and a device asks every five seconds.
const DEVICE_SECONDS: i64 = 900;
const CODE_SECONDS: i64 = 600;
const INTERVAL: i64 = 5;

/// Sign-ins of people that have begun, and what they go on with.
#[derive(Debug, Default)]
pub(crate) struct SignIns {
    devices: HashMap<String, Device>,
    codes: HashMap<String, Code>,
    refresh: HashMap<String, Refresh>,
}

/// Who asked for what.
#[derive(Clone, Debug)]
struct Asked {
    /// The tenant whose page it was; `None` for the person's own, whichever that is.
    tenant: Option<TenantId>,
    client: String,
    scope: String,
}

#[derive(Debug)]
struct Device {
    asked: Asked,
    user_code: String,
    ends: DateTime<Utc>,
    polled: Option<DateTime<Utc>>,
    answer: Option<DeviceAnswer>,
}

#[derive(Clone, Debug)]
enum DeviceAnswer {
    SignedIn(String),
    Declined,
}

#[derive(Debug)]
struct Code {
    asked: Asked,
    user: String,
    redirect: String,
    challenge: String,
    ends: DateTime<Utc>,
    redeemed: bool,
}

#[derive(Clone, Debug)]
struct Refresh {
    client: String,
    user: String,
}

/// A random word.
fn word(prefix: &str) -> String {
    format!("{prefix}-{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// Graph's host, where the scope asks for its permissions and nothing else besides.
fn graph_of(scope: &str) -> Result<&'static str, Refusal> {
    let others = ["openid", "profile", "email", "offline_access"];
    let mut wanted = scope.split(' ').filter(|one| !one.is_empty() && !others.contains(one));
    let known = wanted.next().zip(Some(wanted.count())).and_then(|(first, more)| {
        let is_of = |graph: &&str| first.starts_with(&format!("https://{graph}/"));
        CLOUDS.iter().map(|(graph, _)| *graph).find(is_of).filter(|_| more == 0)
    });
    known.ok_or_else(|| {
        let text = format!("The provided value for scope {scope} is not valid.");
        Refusal::bad("invalid_scope", 70_011, text)
    })
}

/// The tenant that a path names; `None` for the directory of whoever signs in.
fn authority(state: &State, directory: &str) -> Result<Option<TenantId>, Refusal> {
    match directory {
        "organizations" | "common" => Ok(None),
        _ => tenant_of(state, directory).map(Some),
    }
}

/// The home of a user: the first tenant that knows them.
fn home(state: &State, user: &str) -> Result<TenantId, Refusal> {
    let knows = |id: &TenantId| {
        state.look(*id, |tenant| tenant.users.iter().any(|one| one == user)).unwrap_or_default()
    };
    state.tenants().into_iter().find(knows).ok_or_else(|| {
        let text = format!(
            "The user account {user} does not exist in the organizations directory. To sign into \
             this application, the account must be added to the directory."
        );
        Refusal::bad("invalid_grant", 50_034, text)
    })
}

/// `POST /devicecode`.
pub(super) fn device_code(state: &State, call: &Call, directory: &str) -> Result<Reply, Refusal> {
    let form = form(call)?;
    let (client, scope) = (field(&form, "client_id")?, field(&form, "scope")?);
    let tenant = authority(state, directory)?;
    graph_of(scope)?;
    if let Some(tenant) = tenant {
        installed(state, tenant, client, |_| Ok(()))?;
    }
    let (code, user_code) = (word("device"), user_code());
    let asked = Asked { tenant, client: client.to_owned(), scope: scope.to_owned() };
    let ends = state.now() + Duration::seconds(DEVICE_SECONDS);
    let device = Device { asked, user_code: user_code.clone(), ends, polled: None, answer: None };
    state.sign_ins(|all| all.devices.insert(code.clone(), device));
    Ok(Reply::json(
        StatusCode::OK,
        json!({
            "user_code": user_code,
            "device_code": code,
            "verification_uri": PAGE,
            "expires_in": DEVICE_SECONDS,
            "interval": INTERVAL,
            "message": format!(
                "To sign in, use a web browser to open the page {PAGE} and enter the code \
                 {user_code} to authenticate."
            ),
        }),
    ))
}

fn user_code() -> String {
    let letters = b"BCDFGHJKLMNPQRSTVWXZ";
    let bytes = *Uuid::new_v4().as_bytes();
    let letter = |byte: &u8| letters.get(usize::from(*byte) % letters.len()).copied();
    bytes.iter().take(9).filter_map(letter).map(char::from).collect()
}

/// `GET /authorize`: what a browser opens.
pub(super) fn authorize(state: &State, call: &Call, directory: &str) -> Result<Reply, Refusal> {
    let form = page(call)?;
    let (client, scope) = (field(&form, "client_id")?, field(&form, "scope")?);
    let tenant = authority(state, directory)?;
    let redirect = field(&form, "redirect_uri")?;
    let everybody = || state.tenants().into_iter();
    // The application's own tenant says where a browser may be sent back to.
    let at = tenant.into_iter().chain(everybody().filter(|_| tenant.is_none()));
    let checked = at.map(|id| installed(state, id, client, |app| is_registered(app, redirect)));
    checked.reduce(|one, other| if one.is_ok() { one } else { other }).unwrap_or(Ok(()))?;
    let back = |pairs: &[(&str, &str)]| back(redirect, form.get("state"), pairs);
    if field(&form, "response_type")? != "code" {
        let text = "AADSTS700054: response_type is not enabled for the application.";
        let error = [("error", "unsupported_response_type"), ("error_description", text)];
        return Ok(back(&error));
    }
    graph_of(scope)?;
    let challenge = match form.get("code_challenge_method").map(String::as_str) {
        Some("S256") => field(&form, "code_challenge")?.to_owned(),
        _ => {
            let text = "AADSTS9002325: Proof Key for Code Exchange is required for cross-origin authorization code redemption.";
            let error = [("error", "invalid_request"), ("error_description", text)];
            return Ok(back(&error));
        }
    };
    let user = match form.get("login_hint").filter(|hint| !hint.is_empty()) {
        Some(hint) => Some(hint.clone()),
        None => tenant
            .into_iter()
            .chain(everybody().filter(|_| tenant.is_none()))
            .find_map(|id| state.look(id, |tenant| tenant.users.first().cloned()).flatten()),
    };
    let Some(user) = user.filter(|user| user != "nobody") else {
        let text = "AADSTS65004: User declined to consent to access the app.";
        return Ok(back(&[("error", "access_denied"), ("error_description", text)]));
    };
    let code = word("code");
    let asked = Asked { tenant, client: client.to_owned(), scope: scope.to_owned() };
    let ends = state.now() + Duration::seconds(CODE_SECONDS);
    let redirect = redirect.to_owned();
    let made = Code { asked, user, redirect, challenge, ends, redeemed: false };
    state.sign_ins(|all| all.codes.insert(code.clone(), made));
    Ok(back(&[("code", &code), ("session_state", &Uuid::new_v4().to_string())]))
}

/// `GET /adminconsent`: an administrator opens it, and accepts.
pub(super) fn admin_consent(state: &State, call: &Call, directory: &str) -> Result<Reply, Refusal> {
    let form = page(call)?;
    let client = field(&form, "client_id")?;
    let tenant = tenant_of(state, directory)?;
    let redirect = form.get("redirect_uri").map(String::as_str);
    let now = state.now();
    let given = state.change(tenant, |tenant: &mut Tenant| {
        consent(tenant, client, redirect, now).map_err(Refused::Entra)
    });
    match given {
        Ok(()) => {}
        Err(Refused::Entra(refusal)) => return Err(refusal),
        Err(Refused::State(error)) => {
            return Err(Refusal::bad("server_error", 90_033, error.to_string()));
        }
    }
    Ok(match redirect {
        Some(redirect) => {
            let tenant = tenant.to_string();
            back(redirect, form.get("state"), &[("admin_consent", "True"), ("tenant", &tenant)])
        }
        None => {
            let text = "The application has been approved.".to_owned();
            Reply::new(StatusCode::OK, Content::Text { media_type: "text/plain", text })
        }
    })
}

enum Refused {
    Entra(Refusal),
    State(StateError),
}

impl From<StateError> for Refused {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

fn consent(
    tenant: &mut Tenant,
    client: &str,
    redirect: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let is_it = |app: &AppRegistration| app.client_id.eq_ignore_ascii_case(client);
    if let Some(at) = tenant.available_apps.iter().position(is_it) {
        let brought = tenant.available_apps.remove(at);
        tenant.apps.retain(|app| !is_it(app));
        tenant.apps.push(brought);
    }
    let lag = Duration::seconds(i64::from(tenant.switches.consent_lag_seconds));
    let Some(app) = tenant.apps.iter_mut().find(|app| is_it(app)) else {
        let text = format!("Application with identifier '{client}' was not found.");
        return Err(Refusal::bad("unauthorized_client", 700_016, text));
    };
    if let Some(redirect) = redirect {
        is_registered(app, redirect)?;
    }
    app.unconsented = false;
    app.replicates_until = (!lag.is_zero()).then(|| now + lag);
    Ok(())
}

/// The query of a page; what else a browser sends does not count.
fn page(call: &Call) -> Result<HashMap<String, String>, Refusal> {
    if call.method != Method::GET {
        let text = "Endpoint only accepts GET requests.";
        return Err(Refusal::bad("invalid_request", 900_561, text));
    }
    pairs(call.query.as_deref().unwrap_or_default().as_bytes())
}

fn installed<T>(
    state: &State,
    tenant: TenantId,
    client: &str,
    view: impl FnOnce(&AppRegistration) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let seen = state.look(tenant, |tenant| view(app_of(state, tenant, client)?));
    seen.unwrap_or_else(|| Err(Refusal::bad("invalid_request", 90_002, "Tenant not found.")))
}

/// Whether a browser may be sent there. Of an address on this machine the port does not count.
fn is_registered(app: &AppRegistration, redirect: &str) -> Result<(), Refusal> {
    let plain = |text: &str| {
        let mut url = url::Url::parse(text).ok()?;
        if url.scheme() == "http" && matches!(url.host_str(), Some("localhost" | "127.0.0.1")) {
            url.set_port(None).ok()?;
        }
        Some(url)
    };
    let wanted = plain(redirect);
    let known = app.redirect_uris.iter().any(|one| wanted.is_some() && plain(one) == wanted);
    if known {
        return Ok(());
    }
    let text = format!(
        "The redirect URI '{redirect}' specified in the request does not match the redirect URIs \
         configured for the application '{}'.",
        app.client_id
    );
    Err(Refusal::bad("invalid_client", 50_011, text))
}

/// Sends the browser back.
fn back(redirect: &str, state: Option<&String>, pairs: &[(&str, &str)]) -> Reply {
    let state = state.map(|state| ("state", state.as_str()));
    let pairs = pairs.iter().copied().chain(state);
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let separator = if redirect.contains('?') { '&' } else { '?' };
    Reply::empty(StatusCode::FOUND).with(header::LOCATION, &format!("{redirect}{separator}{query}"))
}

/// `POST /token` with one of the grants of people.
pub(super) fn token(
    state: &State,
    form: &HashMap<String, String>,
    directory: &str,
) -> Result<Issued, Refusal> {
    let client = field(form, "client_id")?;
    let authority = authority(state, directory)?;
    if ["client_secret", "client_assertion"].iter().any(|name| form.contains_key(*name)) {
        let text = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
        return Err(Refusal::client(700_025, text));
    }
    let (user, scope) = match field(form, "grant_type")? {
        DEVICE_CODE => {
            let code = field(form, "device_code")?;
            state.sign_ins(|all| all.device(code, client, authority, state.now()))?
        }
        "authorization_code" => state.sign_ins(|all| all.code(form, authority, state.now()))?,
        _ => {
            let tenant = tenant_of(state, directory)?;
            let refresh = field(form, "refresh_token")?;
            let user = state.sign_ins(|all| all.refreshed(refresh, client))?;
            let asked = state.look(tenant, |tenant| tenant.switches.interaction_required);
            if let Some(number) = asked.flatten() {
                let text = "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access.";
                return Err(Refusal::bad("interaction_required", number, text));
            }
            (user, field(form, "scope")?.to_owned())
        }
    };
    let device = form.contains_key("device_code");
    let tenant = match authority {
        Some(tenant) => tenant,
        None => home(state, &user)?,
    };
    let scopes = state.look(tenant, |seen| {
        let app = app_of(state, seen, client)?;
        if device && !app.public_client {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            return Err(Refusal::client(7_000_218, text));
        }
        if !seen.users.contains(&user) {
            let text = format!(
                "User account '{user}' from identity provider does not exist in tenant '{tenant}' \
                 and cannot access the application '{client}' in that tenant."
            );
            return Err(Refusal::bad("invalid_grant", 50_020, text));
        }
        if app.delegated.is_empty() {
            let text = format!(
                "The user or administrator has not consented to use the application with ID \
                 '{client}'. Send an interactive authorization request for this user and resource."
            );
            return Err(Refusal::bad("invalid_grant", 65_001, text));
        }
        Ok(app.delegated.clone())
    });
    let scopes = scopes.unwrap_or_else(|| Err(Refusal::missing("tenant")))?;
    let graph = graph_of(&scope)?;
    let permissions = Permissions::Delegated { user: &user, scopes: &scopes };
    let access = state.grant(&Claims { graph, client, tenant, permissions }, LIFETIME);
    let refresh = scope.split(' ').any(|one| one == "offline_access").then(|| {
        let refresh = word("simulated-refresh-token");
        let known = Refresh { client: client.to_owned(), user: user.clone() };
        state.sign_ins(|all| all.refresh.insert(refresh.clone(), known));
        refresh
    });
    Ok(Issued { access, refresh })
}

impl SignIns {
    /// Who signed in with a device code, and for what.
    fn device(
        &mut self,
        code: &str,
        client: &str,
        tenant: Option<TenantId>,
        now: DateTime<Utc>,
    ) -> Result<(String, String), Refusal> {
        let unknown = || {
            let text = "The verification code is not valid.";
            Refusal::bad("bad_verification_code", 70_018, text)
        };
        let device = self.devices.get_mut(code).ok_or_else(unknown)?;
        if device.asked.client != client || device.asked.tenant != tenant {
            return Err(unknown());
        }
        if device.ends <= now {
            return Err(Refusal::bad("expired_token", 70_019, "Verification code expired."));
        }
        let early = device.polled.is_some_and(|at| now - at < Duration::seconds(INTERVAL));
        device.polled = Some(now);
        if early {
            return Err(Refusal::bad("slow_down", 70_016, "You are polling too often."));
        }
        match device.answer.clone() {
            None => {
                let text =
                    "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
                Err(Refusal::bad("authorization_pending", 70_016, text))
            }
            Some(DeviceAnswer::Declined) => {
                let text = "The user declined the authorization request.";
                Err(Refusal::bad("access_denied", 65_004, text))
            }
            Some(DeviceAnswer::SignedIn(user)) => {
                let scope = device.asked.scope.clone();
                self.devices.remove(code);
                Ok((user, scope))
            }
        }
    }

    /// Who signed in with a browser, and for what.
    fn code(
        &mut self,
        form: &HashMap<String, String>,
        tenant: Option<TenantId>,
        now: DateTime<Utc>,
    ) -> Result<(String, String), Refusal> {
        let refused = |number, text: &str| Refusal::bad("invalid_grant", number, text);
        let code = self.codes.get_mut(field(form, "code")?);
        let code = code.ok_or_else(|| refused(9_002_313, "The code is malformed."))?;
        if code.asked.client != field(form, "client_id")? || code.asked.tenant != tenant {
            return Err(refused(700_005, "The code was issued to another application or tenant."));
        }
        if std::mem::replace(&mut code.redeemed, true) {
            return Err(refused(54_005, "OAuth2 Authorization code was already redeemed."));
        }
        if code.ends <= now {
            return Err(refused(70_008, "The provided authorization code has expired."));
        }
        if code.redirect != field(form, "redirect_uri")? {
            let text = "The reply address does not match the one of the authorization request.";
            return Err(refused(500_112, text));
        }
        let digest = sha2::Sha256::digest(field(form, "code_verifier")?);
        if URL_SAFE_NO_PAD.encode(digest) != code.challenge {
            let text = "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
            return Err(refused(501_481, text));
        }
        Ok((code.user.clone(), code.asked.scope.clone()))
    }

    fn refreshed(&self, token: &str, client: &str) -> Result<String, Refusal> {
        let known = self.refresh.get(token).filter(|known| known.client == client);
        let known = known.ok_or_else(|| {
            let text = "The refresh token is malformed or was issued to another application.";
            Refusal::bad("invalid_grant", 9_002_313, text)
        })?;
        Ok(known.user.clone())
    }
}

impl State {
    fn sign_ins<T>(&self, act: impl FnOnce(&mut SignIns) -> T) -> T {
        act(&mut self.sign_ins.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A person enters the code that a device shows, and signs in as `user`, or declines where there
    /// is none. Says whether the code is known.
    pub fn enter_device_code(&self, user_code: &str, user: Option<&str>) -> bool {
        self.sign_ins(|all| {
            let device = all.devices.values_mut().find(|one| one.user_code == user_code);
            let answer = match user {
                Some(user) => DeviceAnswer::SignedIn(user.to_owned()),
                None => DeviceAnswer::Declined,
            };
            device.map(|device| device.answer = Some(answer)).is_some()
        })
    }

    /// The codes that devices show and nobody has entered yet.
    pub fn shown_device_codes(&self) -> Vec<String> {
        let now = self.now();
        self.sign_ins(|all| {
            let open = |one: &&Device| one.answer.is_none() && now < one.ends;
            all.devices.values().filter(open).map(|one| one.user_code.clone()).collect()
        })
    }

    /// Every refresh token of people ends, as after a changed password.
    pub fn end_sign_ins(&self) {
        self.sign_ins(|all| all.refresh.clear());
    }
}
