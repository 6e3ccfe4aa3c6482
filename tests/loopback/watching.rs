//! What an operator sees of a phone's whole way: one id in the log and in the events, and the figures that the dashboard and
//! the alert rules are made of.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tsunagu::phone::Make;

use crate::caller::{Handset, SOON, factory_new};
use crate::records::{ended_enrolment_of, eventually, phone_of_mac};
use crate::support::follower::Follower;
use crate::support::server::{Server, WHOLE_WAY};
use crate::{place, server};

const DASHBOARD: &str = include_str!("../../src/deployment/dashboard.json");
const ALERTS: &str = include_str!("../../src/deployment/alerts.yaml");

/// Keyed in at the phone, and nowhere else to be seen.
const ID: &str = "86420975";
const PIN: &str = "3719084652";
const EXTENSION: &str = "1301";

/// A managed phone's whole way. Gives its record and its enrolment.
async fn whole_way(server: &Server) -> (Value, Value) {
    let user = json!({ "user_id": "mori", "self_service_id": ID, "pin": PIN, "primary_extension": EXTENSION });
    assert_eq!(server.api_post("/users", &user).status, 201);
    let options = factory_new(&place(server), Make::AudioCodes, 7);
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    assert_eq!(handset.claim(ID, PIN).await.as_deref(), Ok(EXTENSION));
    handset.phone.wait_registered(SOON, |number| number == EXTENSION).await.unwrap();
    let phone = phone_of_mac(server, &mac);
    let enrolment = ended_enrolment_of(server, &phone).await;
    assert_eq!(enrolment["ending"], "complete");
    (phone, enrolment)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_leads_through_the_log_and_the_events_of_an_enrolment_and_no_digit_is_in_them() {
    let server = server("log.format = \"json\"");
    let (phone, enrolment) = whole_way(&server).await;
    let (phone, enrolment) = (text(&phone, "id"), text(&enrolment, "id"));
    let is_of = |line: &Value| text(line, "enrolment") == enrolment;
    let lines = eventually("the log to the end of the way", || {
        let log = server.log();
        // The last line may not be written to its end yet.
        let whole = &log[..=log.rfind('\n')?];
        let lines: Vec<Value> =
            whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
        lines.iter().any(|line| is_of(line) && text(line, "step") == "complete").then_some(lines)
    })
    .await;
    let steps: Vec<&str> = lines.iter().filter(|line| is_of(line)).map(|line| text(line, "step")).collect();
    for step in WHOLE_WAY {
        assert!(steps.contains(&step), "{step} in {steps:?}");
    }
    for message in ["a phone registered", "a call came in", "a call ended"] {
        assert!(lines.iter().any(|line| is_of(line) && text(line, "message") == message), "{message}");
    }
    let calls: BTreeSet<&str> = lines
        .iter()
        .filter(|line| is_of(line))
        .map(|line| text(line, "call"))
        .filter(|call| !call.is_empty())
        .collect();
    assert_eq!(calls.len(), 1, "{calls:?}");
    // From the first fetch to completion, whatever is logged of the phone carries the id.
    let end = lines.iter().position(|line| is_of(line) && text(line, "step") == "complete").unwrap();
    let unnamed: Vec<&Value> =
        lines[..end].iter().filter(|line| text(line, "phone") == phone && !is_of(line)).collect();
    assert!(unnamed.is_empty(), "{unnamed:#?}");

    let mut follower =
        Follower::follow(server.admin, &server.token, "?after=0&type=enrolment.*,call.*,phone.*", None).unwrap();
    let events = follower.until(|item| item.kind == "enrolment.ended");
    let of_way = |item: &&crate::support::follower::Item| item.data["data"]["enrolment"] == enrolment;
    let mut told: Vec<&str> = events
        .iter()
        .filter(of_way)
        .map(|item| text(&item.data["data"], "step"))
        .filter(|step| !step.is_empty())
        .collect();
    told.sort_by_key(|step| WHOLE_WAY.iter().position(|known| known == step));
    assert_eq!(told, WHOLE_WAY);
    let kinds: BTreeSet<&str> = events.iter().map(|item| item.kind.as_str()).collect();
    for kind in ["enrolment.begun", "enrolment.ended", "phone.registered", "call.begun", "call.ended"] {
        assert!(kinds.contains(kind), "{kind} in {kinds:?}");
    }
    let events: Vec<String> = events.iter().map(|item| item.data.to_string()).collect();
    for (place, shown) in [("log", server.log()), ("events", events.join("\n"))] {
        for secret in [ID, PIN, &server.token] {
            assert!(!shown.contains(secret), "a secret is in the {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_shows_every_figure_of_the_dashboard_and_of_the_alert_rules_and_says_what_each_is() {
    let server = server("");
    whole_way(&server).await;
    let shown = server.admin_get("/metrics").body;
    let names: BTreeSet<&str> = shown
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let expressions = dashboard().into_iter().chain(rules());
    let missing: Vec<(String, String)> = expressions
        .flat_map(|expression| names_in(&expression).into_iter().map(move |name| (name, expression.clone())))
        // Prometheus itself says whether it can ask.
        .filter(|(name, _)| name != "up" && !names.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:#?} are not in {names:#?}");
    let about = |what: &str| -> BTreeSet<&str> {
        shown.lines().filter_map(|line| line.strip_prefix(what)?.split(' ').next()).collect()
    };
    assert_eq!(about("# HELP "), about("# TYPE "));
    assert!(about("# HELP ").len() > 40, "{names:?}");
    for (name, at_least) in [
        ("enrolments_ended_total{ending=\"complete\",language=\"en\"}", 1.0),
        ("enrolment_duration_seconds_count{language=\"en\"}", 1.0),
        ("ivr_questions_total{question=\"id\",language=\"en\",why=\"first\"}", 1.0),
        ("ivr_first_digit_seconds_count{question=\"credential\",language=\"en\"}", 1.0),
        ("ivr_between_digits_seconds_count{question=\"credential\",language=\"en\"}", 9.0),
        ("call_duration_seconds_count", 1.0),
        ("rtp_send_lateness_seconds_count", 100.0),
    ] {
        let value = shown.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        assert!(value.is_some_and(|value| value >= at_least), "{name} is {value:?}");
    }
}

/// The expressions of the dashboard's panels and of its annotations.
fn dashboard() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(DASHBOARD).unwrap(), &mut found);
    assert!(found.len() > 40, "{}", found.len());
    found
}

/// The expressions of the rules: each on a line of its own.
fn rules() -> Vec<String> {
    let of = |key: &str| {
        ALERTS.lines().filter_map(|line| line.trim().strip_prefix(key).map(str::to_owned)).collect::<Vec<_>>()
    };
    let found = of("expr: ");
    assert!(!found.is_empty() && found.len() == of("- alert: ").len());
    found
}

/// The names of figures in an expression: words that are no function, no label and no keyword.
fn names_in(expression: &str) -> BTreeSet<String> {
    let mut outside = String::new();
    let mut depth = 0_u32;
    let mut rest = expression;
    while let Some(next) = rest.chars().next() {
        // Labels of a grouping are in parentheses behind "by".
        if depth == 0 && (rest.starts_with("by (") || rest.starts_with("without (")) {
            rest = rest.split_once(')').map_or("", |(_, rest)| rest);
            continue;
        }
        match next {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ if depth == 0 => outside.push(next),
            _ => {}
        }
        rest = &rest[next.len_utf8()..];
    }
    let mut names = BTreeSet::new();
    let mut word = String::new();
    for next in outside.chars().chain([' ']) {
        if next.is_ascii_alphanumeric() || next == '_' {
            word.push(next);
            continue;
        }
        let is_name = word.starts_with(|first: char| first.is_ascii_lowercase());
        // A function and an aggregation are followed by a parenthesis, or "by".
        let is_keyword = ["and", "or", "unless", "sum", "min", "max"].contains(&word.as_str()) || next == '(';
        if is_name && !is_keyword {
            names.insert(word.clone());
        }
        word.clear();
    }
    names
}

#[test]
fn the_names_in_an_expression_are_found() {
    let expression = "histogram_quantile(0.9, sum by (le, question) (rate(a_seconds_bucket{job=~\"$job\"}[5m]))) / max_over_time(b[1h]) > 0 and c_total == 1";
    let names: Vec<String> = names_in(expression).into_iter().collect();
    assert_eq!(names, ["a_seconds_bucket", "b", "c_total"]);
}
