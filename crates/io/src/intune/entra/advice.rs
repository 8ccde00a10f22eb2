//! What Entra's error numbers mean here, and what a person does next.
//!
//! Microsoft documents most of them at
//! <https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes>, those of
//! assertions at
//! <https://learn.microsoft.com/en-us/troubleshoot/entra/entra-id/app-integration/troubleshoot-application-authentication-errors>.

use super::{Application, Claims};
use applecart_core::fleet::CredentialKind;
use applecart_core::model::ProblemCode;
use applecart_core::rules::entra::lack;

/// Where the list of a registration's secrets, certificates and federated credentials is.
const REGISTRATION: &str = "App registrations > Certificates & secrets";

impl Application {
    /// What an error number means, and what to do next; no text for a number that is not listed.
    pub(super) fn advice(
        &self,
        number: u64,
        presented: Option<&Claims>,
    ) -> (ProblemCode, Option<String>) {
        if let Some((_, why)) = lack(number) {
            return (ProblemCode::NoConsent, Some(self.consent(why)));
        }
        let code = match number {
            90002 | 900_021 | 900_023 => ProblemCode::TenantNotFound,
            _ => ProblemCode::SignInFailed,
        };
        (code, self.of_tenant(number).or_else(|| self.of_application(number, presented)))
    }

    /// What stands in the way in the tenant.
    fn of_tenant(&self, number: u64) -> Option<String> {
        let Self { tenant, client_id, .. } = self;
        Some(match number {
            90002 | 900_021 | 900_023 => format!(
                "Entra does not know tenant {tenant}; check tenantId and the cloud of its sign-in"
            ),
            5_000_224 | 5_000_225 => format!(
                "Microsoft has blocked tenant {tenant}; its owner asks Microsoft's support to restore it"
            ),
            500_014 => format!(
                "the service principal of Microsoft Graph is disabled in tenant {tenant}, because a subscription ended or an administrator switched it off. An administrator of the tenant renews the subscription, or opens Enterprise applications > Microsoft Graph > Properties and switches on `Enabled for users to sign-in`"
            ),
            50105 | 501_051 => format!(
                "tenant {tenant} lets only what is assigned use application {client_id}. An administrator of the tenant opens Enterprise applications > the application > Properties and sets `Assignment required?` to No, or assigns it"
            ),
            50020 | 90072 if self.credential.is_person() => format!(
                "the account that signed in does not exist in tenant {tenant} and has no delegation (GDAP) to it; sign in with one that has, or leave the tenant out with --select"
            ),
            50020 | 90072 => format!(
                "the account that signs in does not exist in tenant {tenant}; check tenantId and the cloud of its sign-in"
            ),
            900_382 | 900_439 => format!(
                "tenant {tenant} or application {client_id} is in another cloud than {}; choose a profile in applecart.yaml with the tenant's own cloud and an application registered there",
                self.cloud
            ),
            _ if is_conditional_access(number) => {
                "a Conditional Access policy of the tenant blocks the application; its administrator finds which one in the sign-in log of service principals and excludes the application or allows this network"
                    .to_owned()
            }
            _ => return None,
        })
    }

    /// What is wrong with the application, or with what it presented.
    fn of_application(&self, number: u64, presented: Option<&Claims>) -> Option<String> {
        let client_id = &self.client_id;
        Some(match number {
            7_000_215 => format!(
                "the client secret of application {client_id} is wrong; take the secret's value, not its id, or make a new one"
            ),
            7_000_222 => {
                format!("the client secret of application {client_id} has expired; make a new one")
            }
            7_000_218 if self.credential.is_person() => format!(
                "application {client_id} takes no sign-in of people. Whoever owns it opens App registrations > Authentication, adds the platform `Mobile and desktop applications` with the redirect URI http://localhost, and switches on `Allow public client flows`"
            ),
            50011 if self.credential.is_person() => format!(
                "application {client_id} does not know the address http://localhost, to which the browser comes back. Whoever owns it adds it under App registrations > Authentication > Mobile and desktop applications"
            ),
            7_000_216 | 7_000_218 => self.nothing_presented().to_owned(),
            65004 => "the sign-in was declined in the browser; nothing was read".to_owned(),
            70019 => "nobody entered the code in time; run the command again".to_owned(),
            700_025 => format!(
                "application {client_id} is registered as a public client; switch off `Allow public client flows`"
            ),
            70021 | 700_211 | 700_212 | 700_213 | 7_002_137 | 7_002_138 => {
                self.no_federated_credential(number, presented)
            }
            700_222 | 700_226 | 700_236 => format!(
                "Entra takes no such token of its own as a federated credential of application {client_id}; the managed identity must be in the application's home tenant, and registered there by its object (principal) id"
            ),
            700_024 | 700_027 | 700_030 | 7_000_214 | 50027 | 700_021 | 700_023 | 50013 => {
                self.assertion_refused(number)
            }
            50194 => format!(
                "application {client_id} is single-tenant; allow accounts in any organisation"
            ),
            _ => return None,
        })
    }

    fn consent(&self, why: &str) -> String {
        format!(
            "{why}. If clientId in applecart.yaml is right, an administrator of the tenant consents at this link: {}",
            self.admin_consent
        )
    }

    fn nothing_presented(&self) -> &'static str {
        match self.credential {
            CredentialKind::ClientSecret => {
                "Entra got no client secret it could read; set AZURE_CLIENT_SECRET"
            }
            _ => {
                "Entra got no assertion it could read; check the proxy or firewall between here and Entra"
            }
        }
    }

    /// No federated credential of the application fits what was presented.
    fn no_federated_credential(&self, number: u64, presented: Option<&Claims>) -> String {
        let what = match number {
            700_211 => "the issuer",
            700_212 => "the audience",
            700_213 | 7_002_137 | 7_002_138 => "the subject",
            _ => "issuer, subject and audience",
        };
        let shown = |claim: Option<&String>| match claim {
            Some(claim) => format!("`{claim}`"),
            None => "(none)".to_owned(),
        };
        let presented = presented.map(|claims| {
            format!(
                "; presented were issuer {}, subject {}, audience {}",
                shown(claims.issuer.as_ref()),
                shown(claims.subject.as_ref()),
                shown(claims.audience.as_ref())
            )
        });
        let mut text = format!(
            "no federated credential of application {} matches {what} of the token{}; add one with exactly these, letter for letter, under {REGISTRATION} > Federated credentials",
            self.client_id,
            presented.unwrap_or_default()
        );
        if self.credential == CredentialKind::Github {
            text.push_str(
                " (GitHub repositories created or renamed since mid-2026 have numbers in the subject: repo:<owner>@<owner-id>/<repo>@<repo-id>:…)",
            );
        }
        text
    }

    /// The application's own certificate, or the form of what it signed.
    fn assertion_refused(&self, number: u64) -> String {
        let client_id = &self.client_id;
        let own = self.credential == CredentialKind::ClientCertificate;
        match number {
            700_024 => "Entra finds the assertion not valid at this time; check this machine's clock, and that the token it presents is fresh".to_owned(),
            7_000_214 => format!(
                "the certificate of application {client_id} is revoked; make a new one and add it under {REGISTRATION}"
            ),
            700_027 | 700_030 if own => format!(
                "the certificate is not registered for application {client_id}, or has expired; add its public part under {REGISTRATION} > Certificates"
            ),
            50013 | 50027 | 700_027 => format!(
                "Entra cannot verify the assertion of application {client_id}; check that its issuer publishes its keys to the internet, and that {}",
                if own { "the key belongs to the registered certificate" } else { "the token is whole" }
            ),
            _ => format!(
                "the assertion is for another application or another address than Entra expects; check clientId ({client_id}) and APPLECART_LOGIN_URL"
            ),
        }
    }
}

/// 53000 to 53099 and 530000 to 530999.
fn is_conditional_access(number: u64) -> bool {
    matches!(number, 53000..=53099 | 530_000..=530_999)
}
