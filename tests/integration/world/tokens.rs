//! Tenants with enrollment and VPP tokens, in Intune and in Git.

use applecart_core::model::{Kind, Sha256, Timestamp};
use applecart_io::vault::{Secret, seal};
use applecart_simulator::{
    Enrollment, EnrollmentRequest, StateError, Switches, Tenant, Via, Vpp, VppRequest,
};
use chrono::{DateTime, Duration, Utc};

use super::{World, pushed, tenant_id};

/// What Git is to say of one tenant, entry by entry.
pub(crate) struct Tokens<'w> {
    world: &'w World,
    name: &'w str,
    head: String,
    push: String,
    enrollment: String,
    vpp: String,
}

/// A VPP token file and when it lapses.
pub(crate) struct VppFile {
    pub(crate) text: String,
    pub(crate) expires: DateTime<Utc>,
}

/// A time as Intune and the files have it.
pub(crate) fn in_days(days: i64) -> DateTime<Utc> {
    let at = Utc::now() + Duration::days(days);
    DateTime::from_timestamp(at.timestamp(), 0).unwrap()
}

impl World {
    /// Starts a tenant file.
    pub(crate) fn tokens<'w>(&'w self, name: &'w str) -> Tokens<'w> {
        Tokens {
            world: self,
            name,
            head: String::new(),
            push: String::new(),
            enrollment: String::new(),
            vpp: String::new(),
        }
    }

    /// A tenant in Intune whose push certificate, enrollment token `dep-<name>` and VPP token
    /// `vpp-<name>` (London) lapse in 20 days.
    pub(crate) fn live_of_all_kinds(&self, name: &str) {
        let mut tenant = Tenant::new(tenant_id(name));
        let push = self.issue(None, 20);
        tenant.apple_push_notification_certificate = Some(pushed(name, &push));
        tenant.dep_onboarding_settings =
            vec![Enrollment { id: format!("dep-{name}"), ..Enrollment::new("ABM", in_days(20)) }];
        tenant.vpp_tokens = vec![self.live_vpp(&format!("vpp-{name}"), "London", 20)];
        self.state().add_tenant(tenant).unwrap();
    }

    pub(crate) fn live_vpp(&self, id: &str, location: &str, days: i64) -> Vpp {
        Vpp {
            id: id.to_owned(),
            apple_id: "vpp@contoso.example".to_owned(),
            ..Vpp::new(location, "Contoso Ltd", in_days(days))
        }
    }

    /// A VPP token file as Apple hands it out.
    pub(crate) fn vpp_file(&self, location: &str, days: i64) -> VppFile {
        let expires = in_days(days);
        let text = self.simulator().apple().vpp_token(&VppRequest {
            organization: "Contoso Ltd".to_owned(),
            location: location.to_owned(),
            expires,
        });
        VppFile { text, expires }
    }

    /// Presses "Download Token" at Apple, which ends the token in use.
    pub(crate) fn enrollment_file(&self, name: &str) -> String {
        let (id, apple) = (format!("dep-{name}"), self.simulator().apple());
        let request = EnrollmentRequest::default();
        self.state().download_enrollment(apple, tenant_id(name), &id, &request).unwrap().file
    }

    pub(crate) fn switch(&self, name: &str, change: impl FnOnce(&mut Switches)) {
        self.change(name, |tenant| change(&mut tenant.switches));
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Tenant)) {
        self.state()
            .change(tenant_id(name), |tenant| {
                change(tenant);
                Ok::<_, StateError>(())
            })
            .unwrap();
    }

    /// How many files of a kind reached the tenant through Graph.
    pub(crate) fn uploads_of(&self, name: &str, kind: Kind) -> usize {
        self.state()
            .uploads(tenant_id(name))
            .iter()
            .filter(|upload| {
                upload.kind.to_string() == kind.to_string() && upload.via == Via::Graph
            })
            .count()
    }

    /// The SHA-256 of every file that reached any tenant through Graph.
    pub(crate) fn uploaded_digests(&self) -> Vec<String> {
        let state = self.state();
        let uploads = state.tenants().into_iter().flat_map(|id| state.uploads(id));
        uploads
            .filter(|upload| upload.via == Via::Graph)
            .map(|upload| upload.file_sha256.unwrap_or(upload.sha256))
            .collect()
    }

    /// When the live token of this kind lapses.
    pub(crate) fn live_until(&self, name: &str, kind: Kind) -> Option<DateTime<Utc>> {
        let tenant = self.state().tenant(tenant_id(name))?;
        match kind {
            Kind::Push => {
                tenant.apple_push_notification_certificate.map(|push| push.expiration_date_time)
            }
            Kind::Enrollment => tenant
                .dep_onboarding_settings
                .first()
                .map(|setting| setting.token_expiration_date_time),
            Kind::Vpp => tenant.vpp_tokens.first().map(|vpp| vpp.expiration_date_time),
        }
    }

    /// contoso, with a renewal of this kind due in Git.
    pub(crate) fn renewal_of(&self, name: &str, kind: Kind) {
        self.live_of_all_kinds(name);
        self.renew(name, kind);
    }

    /// Commits a renewal of this kind for a tenant of [`World::live_of_all_kinds`].
    pub(crate) fn renew(&self, name: &str, kind: Kind) {
        let tokens = self.tokens(name);
        let tokens = match kind {
            Kind::Push => {
                let live = self.state().tenant(tenant_id(name)).unwrap();
                let live = live.apple_push_notification_certificate.unwrap();
                tokens.push(&self.issue(Some(&live.topic_identifier), 364))
            }
            Kind::Enrollment => tokens.enrollment(&self.enrollment_file(name), ""),
            Kind::Vpp => tokens.vpp(
                "London",
                Some(&format!("vpp-{name}")),
                &self.vpp_file("London", 364),
                "",
            ),
        };
        tokens.commit();
    }
}

impl Tokens<'_> {
    pub(crate) fn head(mut self, lines: &str) -> Self {
        self.head.push_str(lines);
        self
    }

    fn seal(&self, file: &str, bytes: &[u8]) -> Sha256 {
        let recipients = std::slice::from_ref(&self.world.recipient);
        let (path, sha256) = (format!("tenants/{}/{file}", self.name), Sha256::of(bytes));
        if self.world.sealed.lock().unwrap().insert(path.clone(), sha256) != Some(sha256) {
            let sealed = seal(&Secret::new(bytes.to_vec()), recipients).unwrap();
            self.world.write_bytes(&path, &sealed);
        }
        sha256
    }

    pub(crate) fn push(mut self, certificate: &applecart_simulator::Issued) -> Self {
        let sha256 = self.seal("push.pem.age", certificate.pem.as_bytes());
        self.push = format!(
            "push:\n  appleId: mdm@{}.example\n  topic: {}\n  serial: '{}'\n  expires: {}\n  file: push.pem.age\n  sha256: {sha256}\n",
            self.name,
            certificate.topic,
            certificate.serial,
            Timestamp::new(certificate.not_after),
        );
        self
    }

    /// The token `dep-<name>` with this file, downloaded now.
    pub(crate) fn enrollment(mut self, file: &str, more: &str) -> Self {
        let sha256 = self.seal("abm.p7m.age", file.as_bytes());
        self.enrollment = format!(
            "enrollment:\n  - name: ABM\n    id: dep-{}\n    appleId: abm@contoso.example\n    downloaded: {}\n    file: abm.p7m.age\n    sha256: {sha256}\n{more}",
            self.name,
            Timestamp::new(Utc::now()),
        );
        self
    }

    pub(crate) fn vpp(
        mut self,
        location: &str,
        id: Option<&str>,
        file: &VppFile,
        more: &str,
    ) -> Self {
        let name = format!("{location}.vpptoken.age");
        let sha256 = self.seal(&name, file.text.as_bytes());
        if self.vpp.is_empty() {
            self.vpp.push_str("vpp:\n");
        }
        let id = id.map(|id| format!("    id: {id}\n")).unwrap_or_default();
        self.vpp.push_str(&format!(
            "  - name: {location}\n{id}    appleId: vpp@contoso.example\n    organization: Contoso Ltd\n    location: {location}\n    expires: {}\n    file: {name}\n    sha256: {sha256}\n{more}",
            Timestamp::new(file.expires),
        ));
        self
    }

    /// Writes the tenant file, watching what it names, and commits it.
    pub(crate) fn commit(self) {
        let Self { world, name, head, push, enrollment, vpp } = self;
        let watched: Vec<&str> = [("push", &push), ("enrollment", &enrollment), ("vpp", &vpp)]
            .into_iter()
            .filter(|(_, entry)| !entry.is_empty())
            .map(|(kind, _)| kind)
            .collect();
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {}\nwatch: [{}]\n{head}{push}{enrollment}{vpp}",
            tenant_id(name),
            watched.join(", ")
        );
        world.write(&format!("tenants/{name}/tenant.yaml"), &text);
        world.commit(&format!("Change {name}"));
    }
}
