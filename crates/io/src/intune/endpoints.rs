//! Where Graph and the sign-in are: a closed list of clouds, and what the environment overrides.
//!
//! A host decides who gets to see a credential. It comes from this list or from the person who
//! starts the program, never from the repository.

use url::{Host, Url};

use applecart_core::fleet::Cloud;
use applecart_core::model::TenantId;

/// Why an address in `APPLECART_GRAPH_URL`, `APPLECART_LOGIN_URL` or `APPLECART_APPLE_URL` is not used.
///
/// The address itself is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("{variable} is not a URL; write an origin such as https://graph.example.com")]
    NotAUrl { variable: &'static str },
    #[error(
        "{variable} must start with https://; http:// is allowed to 127.0.0.1, [::1] and localhost only"
    )]
    NotHttps { variable: &'static str },
    #[error(
        "{variable} must be on this machine (127.0.0.1, [::1] or localhost): no other host than Apple's own gets to see a token"
    )]
    NotLoopback { variable: &'static str },
    #[error(
        "{variable} names a simulator, and Graph is not on this machine: it would say what is so at Apple for real tenants. Unset it, or set APPLECART_GRAPH_URL to the simulator as well"
    )]
    GraphIsReal { variable: &'static str },
    #[error("{variable} must not hold a user name or password; remove everything up to the @")]
    UserInfo { variable: &'static str },
    #[error("{variable} must not hold a query or fragment; remove everything from the ? or # on")]
    QueryOrFragment { variable: &'static str },
    #[error("{variable} must not end with /{version}; it is appended to every request")]
    Version {
        variable: &'static str,
        /// The version found at the end of the path.
        version: String,
    },
}

/// An origin with an optional path prefix; neither ends with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    origin: String,
    prefix: String,
    loopback: bool,
}

impl Base {
    /// One that is on this machine.
    pub(crate) fn loopback(variable: &'static str, text: &str) -> Result<Self, EndpointError> {
        let base = Self::parse(variable, text)?;
        if base.loopback { Ok(base) } else { Err(EndpointError::NotLoopback { variable }) }
    }

    fn parse(variable: &'static str, text: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(text.trim()).map_err(|_| EndpointError::NotAUrl { variable })?;
        let loopback = is_loopback(&url);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(EndpointError::NotHttps { variable }),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::UserInfo { variable });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::QueryOrFragment { variable });
        }
        let prefix = url.path().trim_end_matches('/').to_owned();
        if let Some((_, version @ ("beta" | "v1.0" | "v2.0"))) = prefix.rsplit_once('/') {
            return Err(EndpointError::Version { variable, version: version.to_owned() });
        }
        Ok(Self { origin: url.origin().ascii_serialization(), prefix, loopback })
    }

    fn of_cloud(origin: &str) -> Self {
        Self { origin: origin.to_owned(), prefix: String::new(), loopback: false }
    }

    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.prefix)
    }
}

/// Whether the address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Addresses that replace the cloud's own, for simulators and proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    graph: Option<Base>,
    login: Option<Base>,
}

impl Overrides {
    /// Checks the values of `APPLECART_GRAPH_URL` and `APPLECART_LOGIN_URL`; an empty one counts
    /// as not set.
    ///
    /// # Errors
    ///
    /// When one is not an https origin (or http to loopback), with an optional path prefix.
    pub fn parse(graph: Option<&str>, login: Option<&str>) -> Result<Self, EndpointError> {
        let base = |variable, text: Option<&str>| {
            text.filter(|text| !text.trim().is_empty())
                .map(|text| Base::parse(variable, text))
                .transpose()
        };
        Ok(Self {
            graph: base("APPLECART_GRAPH_URL", graph)?,
            login: base("APPLECART_LOGIN_URL", login)?,
        })
    }

    /// Whether Graph is on this machine, so that a frozen clock can do no harm.
    pub fn graph_is_loopback(&self) -> bool {
        self.graph.as_ref().is_some_and(|base| base.loopback)
    }

    /// The endpoint of a cloud, with these addresses in place of its own.
    pub fn endpoint(&self, cloud: Cloud) -> Endpoint {
        let (graph, login) = hosts(cloud);
        let pick = |own, over: &Option<Base>| over.clone().unwrap_or_else(|| Base::of_cloud(own));
        Endpoint {
            graph: pick(graph, &self.graph),
            login: pick(login, &self.login),
            scope: format!("{graph}/.default"),
            portal: login,
        }
    }
}

/// Graph and sign-in of each cloud. `public` includes GCC.
/// <https://learn.microsoft.com/en-us/graph/deployments>
fn hosts(cloud: Cloud) -> (&'static str, &'static str) {
    match cloud {
        Cloud::Public => ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
        Cloud::Usgov => ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
        Cloud::Dod => ("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
        Cloud::China => {
            ("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn")
        }
    }
}

/// Graph and sign-in of one cloud, as requests address them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    graph: Base,
    login: Base,
    scope: String,
    portal: &'static str,
}

impl Endpoint {
    /// The scope of a token: the cloud's own Graph, whatever the overrides say.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The address of a beta resource; `path` starts with a slash.
    pub fn beta(&self, path: &str) -> String {
        self.graph.join(&format!("/beta{path}"))
    }

    /// The address of a v1.0 resource; `path` starts with a slash.
    pub fn v1(&self, path: &str) -> String {
        self.graph.join(&format!("/v1.0{path}"))
    }

    /// The address that issues tokens for `tenant`.
    pub fn token(&self, tenant: TenantId) -> String {
        self.login.join(&format!("/{tenant}/oauth2/v2.0/token"))
    }

    /// The address that gives a person a token; without a tenant, for their own directory.
    pub(super) fn token_of(&self, tenant: Option<TenantId>) -> String {
        self.of_person(tenant, "token")
    }

    /// The address that gives a code for a person to enter.
    pub(super) fn device_code(&self, tenant: Option<TenantId>) -> String {
        self.of_person(tenant, "devicecode")
    }

    /// The page on which a person signs in.
    pub(super) fn authorize(&self, tenant: Option<TenantId>) -> String {
        self.of_person(tenant, "authorize")
    }

    /// The document that tells everybody the id of a domain's tenant.
    pub(super) fn discovery(&self, domain: &str) -> String {
        self.login.join(&format!("/{domain}/v2.0/.well-known/openid-configuration"))
    }

    /// The same page, from which the browser comes back to `redirect` with `state`. A simulator on this
    /// machine shows its own.
    pub fn admin_consent_of(
        &self,
        tenant: TenantId,
        client_id: &str,
        state: &str,
        redirect: &str,
    ) -> String {
        let path = format!("/{tenant}/adminconsent");
        let page = match self.login.loopback {
            true => self.login.join(&path),
            false => format!("{}{path}", self.portal),
        };
        let query = [("client_id", client_id), ("state", state), ("redirect_uri", redirect)];
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        format!("{page}?{}", pairs.extend_pairs(query).finish())
    }

    /// Where a browser comes to rest that has nowhere to go back to: a blank page of Entra's.
    pub fn blank_page(&self) -> String {
        format!("{}/common/oauth2/nativeclient", self.portal)
    }

    fn of_person(&self, tenant: Option<TenantId>, what: &str) -> String {
        let directory = tenant.map_or("organizations".to_owned(), |tenant| tenant.to_string());
        self.login.join(&format!("/{directory}/oauth2/v2.0/{what}"))
    }

    /// What a signed assertion for `tenant` names as its audience: the cloud's own token address,
    /// whatever the overrides say, so that a proxy's assertion is good at Entra.
    pub(super) fn audience(&self, tenant: TenantId) -> String {
        format!("{}/{tenant}/oauth2/v2.0/token", self.portal)
    }

    /// The page on which an administrator of `tenant` consents to the application.
    pub fn admin_consent(&self, tenant: TenantId, client_id: &str) -> String {
        format!("{}/{tenant}/adminconsent?client_id={client_id}", self.portal)
    }

    /// `link`, when it leads to this Graph and nowhere else: a bearer token travels with it.
    pub(crate) fn own_link(&self, link: &str) -> Option<String> {
        let mut url = Url::parse(link).ok()?;
        let inside = url.origin().ascii_serialization() == self.graph.origin
            && url.path().starts_with(&format!("{}/", self.graph.prefix))
            && url.username().is_empty()
            && url.password().is_none();
        url.set_fragment(None);
        inside.then(|| url.into())
    }

    /// Whether `address` is on this machine, where no proxy is asked.
    pub(super) fn is_loopback(&self, address: &str) -> bool {
        [&self.graph, &self.login]
            .into_iter()
            .any(|base| base.loopback && address.starts_with(&format!("{}/", base.origin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";

    fn graph(address: &str) -> Result<Endpoint, EndpointError> {
        Overrides::parse(Some(address), None).map(|overrides| overrides.endpoint(Cloud::Public))
    }

    #[test]
    fn every_cloud_has_its_own_hosts_and_scope() {
        let tenant = TENANT.parse().unwrap();
        for (cloud, graph, login) in [
            (Cloud::Public, "graph.microsoft.com", "login.microsoftonline.com"),
            (Cloud::Usgov, "graph.microsoft.us", "login.microsoftonline.us"),
            (Cloud::Dod, "dod-graph.microsoft.us", "login.microsoftonline.us"),
            (Cloud::China, "microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn"),
        ] {
            let endpoint = Overrides::default().endpoint(cloud);
            assert_eq!(endpoint.scope(), format!("https://{graph}/.default"));
            assert_eq!(endpoint.beta("/$batch"), format!("https://{graph}/beta/$batch"));
            let token = format!("https://{login}/{TENANT}/oauth2/v2.0/token");
            assert_eq!(endpoint.token(tenant), token);
        }
    }

    #[test]
    fn an_override_keeps_its_prefix_and_the_clouds_scope() {
        for address in ["http://127.0.0.1:8080/graph/", "http://127.0.0.1:8080/graph"] {
            let endpoint = graph(address).unwrap();
            assert_eq!(endpoint.beta("/x"), "http://127.0.0.1:8080/graph/beta/x");
            assert_eq!(endpoint.scope(), "https://graph.microsoft.com/.default");
        }
    }

    #[test]
    fn clear_text_leaves_this_machine_in_no_spelling() {
        for bad in [
            "http://graph.example.com",
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://[::ffff:10.0.0.1]",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
        ] {
            let variable = "APPLECART_GRAPH_URL";
            assert_eq!(graph(bad), Err(EndpointError::NotHttps { variable }), "{bad}");
        }
        for good in ["http://127.0.0.1:1", "http://127.8.9.1", "http://[::1]:1", "http://localhost"]
        {
            assert!(graph(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_refused_override_is_not_repeated() {
        for bad in [
            "https://user:MARKER-SECRET@graph.example.com",
            "https://graph.example.com?key=MARKER-SECRET",
            "https://graph.example.com/#MARKER-SECRET",
            "MARKER-SECRET",
            "https://graph.example.com/beta",
            "https://graph.example.com/v1.0/",
        ] {
            let error = graph(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("MARKER"), "{error}");
        }
    }

    #[test]
    fn an_empty_override_counts_as_not_set() {
        assert_eq!(Overrides::parse(Some(""), Some(" ")), Ok(Overrides::default()));
    }

    #[test]
    fn a_link_is_followed_only_inside_the_configured_graph() {
        let endpoint = graph("https://proxy.example.com/graph").unwrap();
        let inside = "https://proxy.example.com/graph/beta/x?$skiptoken=a%20b";
        assert_eq!(endpoint.own_link(inside).as_deref(), Some(inside));
        for outside in [
            "https://proxy.example.com.evil.example/graph/beta/x",
            "https://proxy.example.com:8443/graph/beta/x",
            "http://proxy.example.com/graph/beta/x",
            "https://a@proxy.example.com/graph/beta/x",
            "https://proxy.example.com/graphite/beta/x",
            "https://proxy.example.com/graph/../other/x",
            "//proxy.example.com/graph/x",
            "/beta/x",
        ] {
            assert_eq!(endpoint.own_link(outside), None, "{outside}");
        }
    }
}
