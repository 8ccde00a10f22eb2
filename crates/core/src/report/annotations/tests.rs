//! The exact lines and files that pipelines read.

use insta::assert_snapshot;
use serde_json::Value;

use super::*;
use crate::attention::tests::attention_of;
use crate::fleet::token_lines;
use crate::model::{Problem, ProblemCode, Reading, Resource};
use crate::plan::world::{OTHER_TOPIC, World};

fn hostile() -> Vec<Annotation> {
    let first = Annotation {
        level: Level::Error,
        file: "tenants/a b,c:d;e]f/tenant.yaml".into(),
        line: 7,
        columns: Some((3, 9)),
        code: "unknown-field".into(),
        message: "100 % wrong\r\n::add-mask::x\n##vso[task.setvariable variable=a]b\u{202e}".into(),
        identity: "a".into(),
    };
    let second = Annotation {
        level: Level::Warning,
        columns: None,
        line: 1,
        message: "quiet".into(),
        identity: "b".into(),
        ..first.clone()
    };
    vec![first, second]
}

fn text(format: AnnotationFormat) -> String {
    annotate(format, &hostile(), "1 error").unwrap()
}

#[test]
fn for_github_nothing_ends_a_remark_early() {
    assert_snapshot!(text(AnnotationFormat::Github), @r"
    ::error file=tenants/a b%2Cc%3Ad;e]f/tenant.yaml,line=7,col=3,endColumn=9,title=applecart unknown-field::100 %25 wrong%0A:\u{3a}add-mask::x%0A#\u{23}vso[task.setvariable variable=a]b\u{202e}
    ::warning file=tenants/a b%2Cc%3Ad;e]f/tenant.yaml,line=1,title=applecart unknown-field::quiet
    1 error
    ");
}

#[test]
fn for_azure_nothing_ends_a_remark_early() {
    assert_snapshot!(text(AnnotationFormat::Azure), @r"
    ##vso[task.logissue type=error;sourcepath=tenants/a b,c:d%3Be%5Df/tenant.yaml;linenumber=7;columnnumber=3;code=unknown-field]100 %AZP25 wrong%0A:\u{3a}add-mask::x%0A#\u{23}vso[task.setvariable variable=a]b\u{202e}
    ##vso[task.logissue type=warning;sourcepath=tenants/a b,c:d%3Be%5Df/tenant.yaml;linenumber=1;code=unknown-field]quiet
    1 error
    ");
}

#[test]
fn a_log_is_not_flooded_by_one_code() {
    let one = hostile().remove(1);
    let all: Vec<Annotation> = (0..10_000).map(|_| one.clone()).collect();
    for format in [AnnotationFormat::Github, AnnotationFormat::Azure] {
        let text = annotate(format, &all, "").unwrap();
        assert!(text.lines().count() < 60, "{}", text.len());
        assert!(text.contains("9950 more of unknown-field; --format json shows all"), "{text}");
    }
}

#[test]
fn gitlab_gets_every_field_that_it_asks_for() {
    let report: Value = serde_json::from_str(&text(AnnotationFormat::Gitlab)).unwrap();
    let all = report.as_array().unwrap();
    assert_eq!(all.len(), 2);
    for one in all {
        assert!(one["description"].is_string() && one["check_name"].is_string(), "{one}");
        assert!(
            ["info", "minor", "major", "critical", "blocker"]
                .contains(&one["severity"].as_str().unwrap())
        );
        assert!(one["location"]["lines"]["begin"].as_u64().unwrap() > 0);
    }
    assert_ne!(all[0]["fingerprint"], all[1]["fingerprint"]);
}

#[test]
fn a_fingerprint_outlives_a_moved_line_and_is_unique() {
    let prints = |all: &[Annotation]| -> Vec<String> {
        let report: Value =
            serde_json::from_str(&annotate(AnnotationFormat::Gitlab, all, "").unwrap()).unwrap();
        let print = |one: &Value| one["fingerprint"].as_str().unwrap().to_owned();
        report.as_array().unwrap().iter().map(print).collect()
    };
    let mut moved = hostile();
    moved[0].line += 40;
    moved[1].message = "the same in better words".into();
    assert_eq!(prints(&hostile()), prints(&moved));
    let twice = vec![hostile().remove(0), hostile().remove(0)];
    let both = prints(&twice);
    assert_ne!(both[0], both[1]);
}

/// What this program uses of the SARIF 2.1.0 schema, with the same words, types and limits.
fn sarif_schema() -> Value {
    serde_json::from_str(SARIF).unwrap()
}

/// Of the schema at <https://json.schemastore.org/sarif-2.1.0.json>.
const SARIF: &str = r##"{
 "type": "object",
 "required": [
  "version",
  "runs"
 ],
 "additionalProperties": false,
 "properties": {
  "$schema": {
   "type": "string",
   "format": "uri"
  },
  "version": {
   "enum": [
    "2.1.0"
   ]
  },
  "runs": {
   "type": "array",
   "items": {
    "type": "object",
    "required": [
     "tool"
    ],
    "additionalProperties": false,
    "properties": {
     "columnKind": {
      "enum": [
       "utf16CodeUnits",
       "unicodeCodePoints"
      ]
     },
     "tool": {
      "type": "object",
      "required": [
       "driver"
      ],
      "properties": {
       "driver": {
        "type": "object",
        "required": [
         "name"
        ],
        "properties": {
         "name": {
          "type": "string"
         },
         "semanticVersion": {
          "type": "string"
         },
         "informationUri": {
          "type": "string",
          "format": "uri"
         },
         "rules": {
          "type": "array",
          "uniqueItems": true,
          "items": {
           "type": "object",
           "required": [
            "id"
           ]
          }
         }
        },
        "additionalProperties": false
       }
      }
     },
     "results": {
      "type": "array",
      "items": {
       "type": "object",
       "required": [
        "message"
       ],
       "additionalProperties": false,
       "properties": {
        "ruleId": {
         "type": "string"
        },
        "ruleIndex": {
         "type": "integer",
         "minimum": -1
        },
        "level": {
         "enum": [
          "none",
          "note",
          "warning",
          "error"
         ]
        },
        "message": {
         "type": "object",
         "required": [
          "text"
         ]
        },
        "partialFingerprints": {
         "type": "object",
         "additionalProperties": {
          "type": "string"
         }
        },
        "locations": {
         "type": "array",
         "items": {
          "type": "object",
          "properties": {
           "physicalLocation": {
            "type": "object",
            "properties": {
             "artifactLocation": {
              "type": "object",
              "properties": {
               "uri": {
                "type": "string",
                "format": "uri-reference",
                "pattern": "^[A-Za-z0-9._~/%-]*$"
               },
               "uriBaseId": {
                "type": "string"
               }
              }
             },
             "region": {
              "type": "object",
              "properties": {
               "startLine": {
                "type": "integer",
                "minimum": 1
               },
               "startColumn": {
                "type": "integer",
                "minimum": 1
               },
               "endColumn": {
                "type": "integer",
                "minimum": 1
               }
              }
             }
            }
           }
          }
         }
        }
       }
      }
     }
    }
   }
  }
 }
}"##;

#[test]
fn sarif_is_of_its_shape_and_points_into_its_rules() {
    let report: Value = serde_json::from_str(&text(AnnotationFormat::Sarif)).unwrap();
    jsonschema::validate(&sarif_schema(), &report).unwrap();
    let run = &report["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
    assert_eq!(
        run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "tenants/a%20b%2Cc%3Ad%3Be%5Df/tenant.yaml"
    );
    assert_eq!(run["results"][0]["locations"][0]["physicalLocation"]["region"]["endColumn"], 10);
}

#[test]
fn a_matter_is_remarked_where_the_token_stands() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let yaml = b"apiVersion: applecart/v1\nkind: Tenant\nname: contoso\nwatch: [push]\npush:\n  topic: x\n";
    let lines = [("contoso".to_owned(), token_lines("tenants/contoso/tenant.yaml", yaml))].into();
    let remarks = |world: &World| {
        let plan = world.plan();
        of_attention(&attention_of(world, &plan).matters, &lines)
    };
    let all = remarks(&world);
    let held = all.iter().find(|one| one.code == "topic-change").unwrap();
    assert_eq!((held.level, held.line), (Level::Error, 5));
    assert!(held.message.contains("cut off every enrolled device"), "{}", held.message);
    assert!(held.message.contains("press Renew on the old certificate"), "{}", held.message);

    world.live.push =
        Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer").on(Resource::Push));
    let all = remarks(&world);
    let unobserved = all.iter().find(|one| one.code == "timeout").unwrap();
    assert_eq!((unobserved.level, unobserved.line), (Level::Warning, 5));

    assert!(remarks(&World::equal()).is_empty());
}

#[test]
fn a_matter_of_the_whole_fleet_stands_at_its_settings() {
    let mut world = World::renewal();
    world.ledger = Err("ledger-unknown: the remote did not answer".into());
    let plan = world.plan();
    let all = of_attention(&attention_of(&world, &plan).matters, &BTreeMap::new());
    let unknown = all.iter().find(|one| one.code == "ledger-unknown").unwrap();
    assert_eq!((unknown.file.as_str(), unknown.line), ("applecart.yaml", 1));
}
