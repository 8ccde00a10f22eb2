//! The commands that register a fleet's applications in Entra, for the person who runs them.

use super::onboard::Shell;
use crate::fleet::Cloud;
use crate::onboard::Stage;
use crate::rules::entra::{Duty, GRAPH};

/// Where the fleet's pipelines run, and what Entra is to trust of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// GitHub Actions of this repository (`owner/name`) on this server.
    Github { server: String, repository: String, branch: String },
    /// GitLab's pipelines of this project on this server.
    Gitlab { server: String, project: String, branch: String },
    /// Azure Pipelines: the service connection's page shows issuer and subject.
    Azure,
}

/// A fleet's applications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applications {
    pub cloud: Cloud,
    /// The application that uploads; `None` where none is registered yet.
    pub writer: Option<String>,
    /// The application that only reads.
    pub reader: Option<String>,
    /// `None` where no pipeline signs in.
    pub trusted: Option<Trusted>,
    /// What they are registered for: to watch, one that reads is enough.
    pub stage: Stage,
    /// Whether the settings name one application alone, which is taken for the one that reads.
    pub is_taken_for_reader: bool,
}

/// A federated credential: whom Entra trusts, and of them whom exactly.
struct Federated {
    name: String,
    issuer: String,
    subject: Subject,
}

enum Subject {
    Exactly(String),
    /// As a pattern, which Entra takes as a flexible credential only.
    Matching(String),
}

impl Trusted {
    /// Whether the issuer follows from the name that the Git remote gives the server, which may not be
    /// the one that its pipelines sign in by.
    fn is_own_server(&self) -> bool {
        match self {
            Self::Github { server, .. } => server != "github.com",
            Self::Gitlab { server, .. } => server != "gitlab.com",
            Self::Azure => false,
        }
    }

    /// The repository, where GitHub may know it by ids that were not given. A server of one's own knows
    /// names alone.
    fn only_names(&self) -> Option<&str> {
        match self {
            Self::Github { server, repository, .. }
                if (server == "github.com" || server.ends_with(".ghe.com"))
                    && !repository.contains('@') =>
            {
                Some(repository)
            }
            _ => None,
        }
    }

    /// What pipelines present that may only read, or that upload.
    fn federated(&self, duty: Duty) -> Vec<Federated> {
        let one = |name: &str, issuer: &str, subject| Federated {
            name: format!("applecart-{name}"),
            issuer: issuer.to_owned(),
            subject,
        };
        match (self, duty) {
            (Self::Github { server, repository, branch }, duty) => {
                let issuer = github_issuer(server);
                let exactly = |name, what: String| {
                    one(name, &issuer, Subject::Exactly(format!("repo:{repository}:{what}")))
                };
                match duty {
                    Duty::Reader => vec![
                        exactly("plan", "pull_request".to_owned()),
                        exactly("schedule", format!("ref:refs/heads/{branch}")),
                    ],
                    Duty::Writer => vec![exactly("apply", "environment:production".to_owned())],
                }
            }
            (Self::Gitlab { server, project, branch }, duty) => {
                let issuer = format!("https://{server}");
                let of =
                    |branch: &str| format!("project_path:{project}:ref_type:branch:ref:{branch}");
                match duty {
                    // A merge request's pipeline runs on its source branch, whatever its name.
                    Duty::Reader => vec![one("plan", &issuer, Subject::Matching(of("*")))],
                    Duty::Writer => vec![one("apply", &issuer, Subject::Exactly(of(branch)))],
                }
            }
            (Self::Azure, duty) => {
                let name = match duty {
                    Duty::Reader => "reader",
                    Duty::Writer => "writer",
                };
                let subject = Subject::Exactly("SUBJECT-OF-THE-SERVICE-CONNECTION".to_owned());
                vec![one(name, "ISSUER-OF-THE-SERVICE-CONNECTION", subject)]
            }
        }
    }
}

/// Who signs what GitHub Actions present: <https://docs.github.com/en/actions/reference/security/oidc>,
/// and for a server of one's own the same page of GitHub Enterprise Server.
fn github_issuer(server: &str) -> String {
    match server.strip_suffix(".ghe.com") {
        Some(enterprise) => format!("https://token.actions.{enterprise}.ghe.com"),
        None if server == "github.com" => "https://token.actions.githubusercontent.com".to_owned(),
        None => format!("https://{server}/_services/token"),
    }
}

impl Federated {
    fn command(&self, id: &str, audience: &str, shell: Shell) -> String {
        let Self { name, issuer, subject } = self;
        let mut body =
            serde_json::json!({ "name": name, "issuer": issuer, "audiences": [audience] });
        let command = match subject {
            Subject::Exactly(subject) => {
                body["subject"] = subject.as_str().into();
                format!("az ad app federated-credential create --id {id} --parameters")
            }
            Subject::Matching(pattern) => {
                let value = format!("claims['sub'] matches '{pattern}'");
                body["claimsMatchingExpression"] =
                    serde_json::json!({ "value": value, "languageVersion": 1 });
                let app = id.trim_matches('"');
                format!(
                    "az rest --method POST --url \"https://graph.microsoft.com/beta/applications(appId='{app}')/federatedIdentityCredentials\" --body"
                )
            }
        };
        // In a file, for both shells take quotation marks out of some arguments.
        match shell {
            Shell::Posix => {
                format!("cat > {name}.json <<'END'\n{body}\nEND\n{command} @{name}.json\n")
            }
            Shell::PowerShell => format!(
                "Set-Content -Path {name}.json -Value {}\n{command} '@{name}.json'\n",
                powershell_text(&body.to_string())
            ),
        }
    }
}

/// A text of PowerShell's that is taken as it stands. To PowerShell, the typographic quotation marks end
/// it as the straight one does; each of them, twice, stands for itself.
fn powershell_text(text: &str) -> String {
    let mut out = "'".to_owned();
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

fn cloud_of(cloud: Cloud) -> (&'static str, &'static str, &'static str) {
    match cloud {
        Cloud::Public => {
            ("AzureCloud", "https://login.microsoftonline.com", "api://AzureADTokenExchange")
        }
        Cloud::Usgov | Cloud::Dod => (
            "AzureUSGovernment",
            "https://login.microsoftonline.us",
            "api://AzureADTokenExchangeUSGov",
        ),
        Cloud::China => {
            ("AzureChinaCloud", "https://login.chinacloudapi.cn", "api://AzureADTokenExchangeChina")
        }
    }
}

impl Applications {
    /// The commands, in the order in which they are run. Each line stands for itself.
    pub fn commands(&self, shell: Shell) -> String {
        let (cloud, ..) = cloud_of(self.cloud);
        let mut out = format!(
            "# Run these as an administrator (Application Administrator) of the tenant that owns the applications.\naz cloud set --name {cloud}\naz login --allow-no-subscriptions\n"
        );
        if let Some(names) = self.trusted.as_ref().and_then(Trusted::only_names) {
            out.push_str(&format!(
                "# GitHub's tokens name the repository with its ids where it was made, renamed or transferred after 2026-07-15, or somebody chose that (https://docs.github.com/en/actions/reference/security/oidc). Entra refuses them where it knows the names alone. Run the lines that this prints instead of these:\n#   applecart entra app --print --github-ids \"$(gh api repos/{names} --jq '\"\\(.owner.id)/\\(.id)\"')\"\n"
            ));
        }
        if self.is_taken_for_reader && self.stage == Stage::Apply {
            out.push_str("# applecart.yaml names one application. It is taken for the one that reads, so that your customers' consent to it stays as it is, and the one that uploads is made. Where it is the one that uploads, take these lines instead:\n#   applecart entra app --print --uploads\n");
        }
        out.push_str(&self.application(Duty::Reader, self.reader.as_deref(), shell));
        let line = |name, duty| shown(shell, &format!("  {name}: {}", variable(shell, duty)));
        out.push_str(&match self.stage {
            Stage::Watch => format!(
                "\n# Write its id into applecart.yaml, and have that merged:\n{}{}",
                shown(shell, "auth:"),
                line("clientId", Duty::Reader)
            ),
            Stage::Apply => format!(
                "{}\n# Write both ids into applecart.yaml, and have that merged:\n{}{}{}",
                self.application(Duty::Writer, self.writer.as_deref(), shell),
                shown(shell, "auth:"),
                line("clientId", Duty::Writer),
                line("readerClientId", Duty::Reader)
            ),
        });
        let credential = match &self.trusted {
            Some(Trusted::Github { .. }) => Some("github"),
            Some(Trusted::Gitlab { .. }) => Some("workload-identity"),
            Some(Trusted::Azure) => Some("azure-pipelines"),
            None => None,
        };
        if let Some(credential) = credential {
            out.push_str(&shown(shell, &format!("  credential: {credential}")));
        }
        out.push_str("\n# Then ask every customer to consent, and see who has:\napplecart onboard --customers FILE\n");
        out
    }

    fn application(&self, duty: Duty, known: Option<&str>, shell: Shell) -> String {
        let (_, login, audience) = cloud_of(self.cloud);
        let (what, name) = match duty {
            Duty::Reader => ("reads: plan, status and pull requests", "Applecart (read)"),
            Duty::Writer => ("uploads: apply", "Applecart (upload)"),
        };
        let set = |value: &str| match shell {
            Shell::Posix => format!("{}={value}\n", name_of(duty)),
            Shell::PowerShell => format!("{} = {value}\n", variable(shell, duty)),
        };
        let id = quoted(&variable(shell, duty));
        let mut out = format!("\n# The application that {what}.\n");
        out.push_str(&match (known, shell) {
            (Some(known), _) => set(&format!("'{known}'")),
            (None, Shell::Posix) => set(&format!(
                "$(az ad app create --display-name '{name}' --sign-in-audience AzureADMultipleOrgs --query appId --output tsv)"
            )),
            (None, Shell::PowerShell) => set(&format!(
                "az ad app create --display-name '{name}' --sign-in-audience AzureADMultipleOrgs --query appId --output tsv"
            )),
        });
        // Both exist for pipelines (Role) and for people who sign in with it (Scope).
        for permission in duty.permissions() {
            out.push_str(&format!(
                "# {}, by itself and for people who sign in\naz ad app permission add --id {id} --api {GRAPH} --api-permissions {}=Role {}=Scope\n",
                permission.name, permission.role, permission.scope
            ));
        }
        out.push_str(&format!(
            "# For people (APPLECART_CREDENTIAL=device-code or browser), and to come back from consents\naz ad app update --id {id} --is-fallback-public-client true --public-client-redirect-uris http://localhost {login}/common/oauth2/nativeclient\n"
        ));
        if self.trusted.is_none() {
            out.push_str("# No host of pipelines follows from the Git remote and `auth.credential`, so no federated credential is made. For one, name the host: applecart entra app --print --host HOST\n");
        }
        if let Some(trusted) = &self.trusted {
            if trusted.is_own_server() {
                out.push_str("# The issuer follows from the server's name in the Git remote. Compare it with what the server says, and correct it where that has another name or a port: Entra has to reach it, at ISSUER/.well-known/openid-configuration\n");
            }
            if *trusted == Trusted::Azure {
                out.push_str("# Azure DevOps shows issuer and subject when the service connection (workload identity, manual) is made\n");
            }
            for federated in trusted.federated(duty) {
                out.push_str(&federated.command(&id, audience, shell));
            }
        }
        out.push_str(&format!(
            "# In your own tenant: the application, and your consent\naz ad sp create --id {id}\naz ad app permission admin-consent --id {id}\n"
        ));
        out
    }
}

fn name_of(duty: Duty) -> &'static str {
    match duty {
        Duty::Reader => "READER",
        Duty::Writer => "WRITER",
    }
}

fn variable(shell: Shell, duty: Duty) -> String {
    match shell {
        Shell::Posix => format!("${}", name_of(duty)),
        Shell::PowerShell => format!("${}", name_of(duty).to_lowercase()),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A line that the shell prints.
fn shown(shell: Shell, text: &str) -> String {
    match shell {
        Shell::Posix => format!("echo {}\n", quoted(text)),
        Shell::PowerShell => format!("Write-Output {}\n", quoted(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applications(trusted: Option<Trusted>) -> Applications {
        let cloud = Cloud::Public;
        let (stage, reader) = (Stage::Apply, Some("77aa".to_owned()));
        Applications { cloud, writer: None, reader, trusted, stage, is_taken_for_reader: false }
    }

    #[test]
    fn every_permission_stands_with_its_id_and_its_name_and_a_known_application_is_not_made_again()
    {
        for shell in [Shell::Posix, Shell::PowerShell] {
            let text = applications(None).commands(shell);
            for permission in Duty::Reader.permissions().iter().chain(Duty::Writer.permissions()) {
                assert!(text.contains(permission.name), "{text}");
                let ids = format!("{}=Role {}=Scope", permission.role, permission.scope);
                assert!(text.contains(&ids), "{text}");
            }
            assert_eq!(text.matches("az ad app create").count(), 1, "the reader is there: {text}");
            assert!(text.contains("'77aa'"), "{text}");
            assert!(!text.contains("federated-credential"), "{text}");
        }
    }

    #[test]
    fn to_watch_one_application_that_reads_is_registered_and_nothing_that_writes() {
        for shell in [Shell::Posix, Shell::PowerShell] {
            let watch = Applications { stage: Stage::Watch, ..applications(None) };
            let text = watch.commands(shell);
            assert!(!text.contains("ReadWrite") && !text.contains("readerClientId"), "{text}");
            assert!(text.contains(&format!("  clientId: {}", variable(shell, Duty::Reader))));
        }
    }

    #[test]
    fn a_server_of_ones_own_is_its_own_issuer() {
        let text = |server: &str| {
            let (repository, branch) = ("octo/fleet".to_owned(), "main".to_owned());
            let github = Trusted::Github { server: server.to_owned(), repository, branch };
            applications(Some(github)).commands(Shell::Posix)
        };
        let has = |server, issuer: &str, is_told| {
            let text = text(server);
            assert!(text.contains(&format!("\"issuer\":\"{issuer}\"")), "{text}");
            assert_eq!(text.contains("Compare it with what the server says"), is_told, "{text}");
        };
        has("github.com", "https://token.actions.githubusercontent.com", false);
        has("ghe.msp.example", "https://ghe.msp.example/_services/token", true);
        has("msp.ghe.com", "https://token.actions.msp.ghe.com", true);
    }

    #[test]
    fn no_quotation_mark_of_a_branch_ends_a_text_of_powershells() {
        let branch = "m\u{2019};touch pwn;\u{2018}'\u{201a}\u{201b}".to_owned();
        let (server, project) = ("gitlab.com".to_owned(), "msp/fleet".to_owned());
        let gitlab = Trusted::Gitlab { server, project, branch };
        let text = applications(Some(gitlab)).commands(Shell::PowerShell);
        let line = text.lines().find(|line| line.contains("touch pwn")).unwrap();
        let doubled =
            "m\u{2019}\u{2019};touch pwn;\u{2018}\u{2018}\'\'\u{201a}\u{201a}\u{201b}\u{201b}";
        assert!(line.contains(doubled), "{line}");
    }

    #[test]
    fn a_pull_request_may_read_and_only_the_protected_place_may_upload() {
        let (repository, branch) = ("octo/fleet".to_owned(), "main".to_owned());
        let github = Trusted::Github { server: "github.com".to_owned(), repository, branch };
        let text = applications(Some(github)).commands(Shell::Posix);
        assert!(text.contains("repo:octo/fleet:pull_request"), "{text}");
        assert!(text.contains("repo:octo/fleet:environment:production"), "{text}");
        let gitlab = Trusted::Gitlab {
            server: "gitlab.example".to_owned(),
            project: "msp/fleet".to_owned(),
            branch: "main".to_owned(),
        };
        let text = applications(Some(gitlab)).commands(Shell::PowerShell);
        assert!(text.contains("project_path:msp/fleet:ref_type:branch:ref:main\""), "{text}");
        assert!(
            text.contains("matches ''project_path:msp/fleet:ref_type:branch:ref:*''"),
            "{text}"
        );
        assert!(text.contains("--parameters '@applecart-apply.json'"), "{text}");
    }
}
