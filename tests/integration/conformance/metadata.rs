//! Microsoft's metadata of the three resources, and what does not agree with it.

use serde_json::{Map, Value};

/// Names the metadata's file where it does not lie beside the repository.
const VARIABLE: &str = "APPLECART_GRAPH_METADATA";

/// The one role that is asked for to do everything.
const ROLE: &str = "DeviceManagementServiceConfig.ReadWrite.All";

/// One exchange.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) method: String,
    /// With the API version, without the query.
    pub(super) path: String,
    pub(super) sent: Option<Value>,
    pub(super) status: u16,
    pub(super) answered: Option<Value>,
}

impl Said {
    /// This exchange, or the parts of a `$batch` in its place.
    pub(super) fn with_parts(&self) -> Vec<Self> {
        if self.path != "/beta/$batch" {
            return vec![self.clone()];
        }
        let (sent, answered) = (self.sent.as_ref().unwrap(), self.answered.as_ref().unwrap());
        let parts = sent["requests"].as_array().unwrap().iter();
        parts
            .map(|part| {
                let all = answered["responses"].as_array().unwrap();
                let answer = all.iter().find(|answer| answer["id"] == part["id"]).unwrap();
                Self {
                    method: part["method"].as_str().unwrap().to_owned(),
                    path: format!("/beta{}", part["url"].as_str().unwrap()),
                    sent: part.get("body").cloned(),
                    status: u16::try_from(answer["status"].as_u64().unwrap()).unwrap(),
                    answered: answer.get("body").cloned(),
                }
            })
            .collect()
    }

    /// Method and path as the metadata writes them.
    pub(super) fn template(&self) -> String {
        let path = self.path.strip_prefix("/beta").unwrap_or("another version");
        let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        if let [_, _, collection, id, ..] = segments.as_mut_slice() {
            match collection.as_str() {
                "vppTokens" => *id = "{vppToken-id}".to_owned(),
                "depOnboardingSettings" => *id = "{depOnboardingSetting-id}".to_owned(),
                "dataSharingConsents" => *id = "{dataSharingConsent-id}".to_owned(),
                _ => {}
            }
        }
        // A function; Graph takes it with and without the parentheses.
        if let Some(last) = segments.last_mut().filter(|last| *last == "getEncryptionPublicKey") {
            last.push_str("()");
        }
        format!("{} {}", self.method, segments.join("/"))
    }
}

/// Microsoft's metadata.
pub(super) struct Metadata(Value);

impl Metadata {
    /// Reads it; without it, says where it is looked for.
    pub(super) fn find() -> Option<Self> {
        let beside = crate::world::project().join("../shared/graph-openapi-subset.json");
        let path = std::env::var_os(VARIABLE).map_or(beside, Into::into);
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Self(serde_json::from_str(&text).unwrap())),
            Err(error) => {
                println!(
                    "skipped: Microsoft's metadata is not at {} ({error}); {VARIABLE} names another file",
                    path.display()
                );
                None
            }
        }
    }

    /// Everything that does not agree with the metadata.
    pub(super) fn complaints(&self, said: &Said) -> Vec<String> {
        let template = said.template();
        let (method, path) = template.split_once(' ').unwrap();
        let sdk = &self.0["beta"]["sdk"];
        let mut wrong = Vec::new();
        let known = sdk["paths"][path]
            .as_array()
            .is_some_and(|methods| methods.iter().any(|known| known == &method.to_lowercase()));
        if !known {
            wrong.push(format!("{template} does not exist"));
        }
        if !self.permits(method, path) {
            wrong.push(format!("{ROLE} does not cover it"));
        }

        let (object, rest) = entity(path);
        match (rest, &said.sent) {
            (Some("uploadDepToken"), Some(Value::Object(body))) => {
                let names = sdk["actionBodies"]["upload_dep_token"].as_array().unwrap();
                for name in names.iter().filter_map(Value::as_str) {
                    if !body.get(name).is_some_and(Value::is_string) {
                        wrong.push(format!("the action's parameter {name} is not sent"));
                    }
                }
                if body.len() != names.len() {
                    wrong.push("the action has no such parameters".to_owned());
                }
            }
            (None, Some(Value::Object(body))) => {
                wrong.extend(
                    self.object(object, body).into_iter().map(|text| format!("sent {text}")),
                );
            }
            (_, None) => {}
            (_, Some(body)) => wrong.push(format!("sent {body}, which nobody takes")),
        }

        let success = (200..300).contains(&said.status);
        match (rest, &said.answered) {
            _ if !success => {}
            (Some("getEncryptionPublicKey()"), Some(answer)) if answer["value"].is_string() => {}
            (Some("uploadDepToken" | "syncWithAppleDeviceEnrollmentProgram"), None) => {}
            (Some("consentToDataSharing"), None | Some(_)) => {}
            (None, Some(Value::Object(answer))) if answer.contains_key("value") => {
                for item in answer["value"].as_array().unwrap() {
                    wrong.extend(self.object(object, item.as_object().unwrap()));
                    wrong.extend(self.whole(object, item));
                }
            }
            (None | Some("syncLicenses"), Some(Value::Object(answer))) => {
                wrong.extend(self.object(object, answer));
                wrong.extend(self.whole(object, &Value::Object(answer.clone())));
            }
            (_, answer) => wrong.push(format!("answered {answer:?}, which is another type")),
        }
        wrong
    }

    /// Whether the one role that is asked for covers a call.
    fn permits(&self, method: &str, path: &str) -> bool {
        let mut key = path.to_lowercase();
        for name in ["vpptoken", "deponboardingsetting", "datasharingconsent"] {
            key = key.replace(&format!("{{{name}-id}}"), "{id}");
        }
        let key = key.trim_end_matches("()");
        let permissions = self.0["permissions"].as_object().unwrap();
        let named = permissions.iter().find(|(name, _)| name.trim_end_matches("()") == key);
        named.is_some_and(|(_, all)| {
            all.as_array().unwrap().iter().any(|one| {
                one["permission"] == ROLE
                    && one["methods"].as_array().unwrap().iter().any(|known| known == method)
                    && one["schemes"].as_array().unwrap().iter().any(|known| known == "Application")
            })
        })
    }

    /// What is wrong with the members of an object.
    fn object(&self, entity: &str, object: &Map<String, Value>) -> Vec<String> {
        let properties = &self.0["beta"]["sdk"]["entities"][entity];
        let mut wrong = Vec::new();
        for (name, value) in object {
            match name.as_str() {
                "@odata.type" if *value == format!("#microsoft.graph.{entity}") => continue,
                "@odata.context" if value.is_string() => continue,
                "id" if value.is_string() => continue,
                _ => {}
            }
            let Some(kind) = properties[name].as_str() else {
                wrong.push(format!("{entity}.{name}, which does not exist"));
                continue;
            };
            let nullable = !self.required(entity, name);
            if !(self.fits(kind, value) || nullable && value.is_null()) {
                wrong.push(format!("{entity}.{name} as {value}, but it is {kind}"));
            }
        }
        wrong
    }

    /// What an answer lacks that is never null.
    fn whole(&self, entity: &str, object: &Value) -> Vec<String> {
        let properties = self.0["beta"]["sdk"]["entities"][entity].as_object().unwrap();
        properties
            .keys()
            .filter(|name| self.required(entity, name) && object.get(name.as_str()).is_none())
            .map(|name| format!("{entity} without {name}"))
            .collect()
    }

    /// Whether a property is never null.
    fn required(&self, entity: &str, name: &str) -> bool {
        let types = [&self.0["beta"]["csdl"]["EntityType"], &self.0["v1.0"]["types"]["EntityType"]];
        types
            .into_iter()
            .flat_map(|all| all.as_array().unwrap())
            .filter(|one| one["Name"] == entity)
            .flat_map(|one| one["properties"].as_array().unwrap())
            .any(|property| property["Name"] == name && property["Nullable"] == "false")
    }

    fn fits(&self, kind: &str, value: &Value) -> bool {
        match kind.split_once(':') {
            None => match kind {
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "int32" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
                "dateTimeOffset" => value
                    .as_str()
                    .is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
                other => panic!("a type that this test does not know: {other}"),
            },
            Some(("enum", name)) => {
                let name = name[..1].to_lowercase() + &name[1..];
                let words = self.0["beta"]["sdk"]["enums"][&name].as_array();
                words.unwrap_or_else(|| panic!("no enum {name}")).contains(value)
            }
            Some(("collection", item)) => value.as_array().is_some_and(|all| {
                all.iter().all(|one| if item == "str" { one.is_string() } else { one.is_object() })
            }),
            Some((_, _)) => value.is_object(),
        }
    }
}

/// The type at a path, and what is called on it.
fn entity(path: &str) -> (&'static str, Option<&str>) {
    let mut segments = path.split('/').skip(2);
    let entity = match segments.next() {
        Some("vppTokens") => "vppToken",
        Some("depOnboardingSettings") => "depOnboardingSetting",
        Some("dataSharingConsents") => "dataSharingConsent",
        _ => "applePushNotificationCertificate",
    };
    (entity, segments.nth(if entity.starts_with("apple") { 0 } else { 1 }))
}
