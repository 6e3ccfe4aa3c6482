//! Whom the server keeps out, as operators see it: in one list with the reason in words, in the log, on the feed of events, in
//! figures; and letting them in again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::neighbours::{ATTACKER, managed};
use crate::registrant::{Registrant, header, status};
use crate::support::http;
use crate::support::server::Server;
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);
/// Where files are fetched from.
const HOME: u8 = 1;
const PASSWORD: &str = "a good long password";

/// The events of these types, the oldest first.
fn events(server: &Server, kinds: &str) -> Vec<Value> {
    let mut found = server.admin_get(&format!("/api/v1/events?type={kinds}&sort=sequence")).json()["items"].take();
    found.as_array_mut().unwrap().drain(..).collect()
}

fn event(server: &Server, kind: &str, reason: &str) -> Value {
    wait_for(kind, PATIENCE, || {
        events(server, kind).into_iter().map(|mut event| event["data"].take()).find(|data| data["reason"] == reason)
    })
}

fn log_in(server: &Server, login: &str, password: &str) -> u16 {
    let url = format!("http://{}/api/v1/portal/login", server.admin);
    http::post(&url, &[], &json!({ "login": login, "password": password })).unwrap().status
}

fn add_account(server: &Server, login: &str) {
    let draft = json!({ "login": login, "password": PASSWORD });
    let made = server.api_post("/portal-accounts", &draft);
    assert_eq!(made.status, 201, "{made:?}");
}

#[test]
fn who_is_shut_out_is_told_of_when_it_begins_and_when_it_is_lifted() {
    let server = Server::start("registrar.wrong_passwords.per_name_and_address = 2");
    let guess = || Registrant::new(server.sip, ATTACKER, "p0123456789abcdef", "wrong").register();
    while header(&guess(), "Retry-After").is_none() {}
    let begun = event(&server, "shut-out.begun", "wrong-passwords");
    assert_eq!((&begun["name"], &begun["address"]), (&json!("p0123456789abcdef"), &json!("127.0.0.2")), "{begun:#}");
    assert!(begun["until"].as_str().is_some_and(|until| until.starts_with("20")), "{begun:#}");
    let id = begun["shut_out"].as_str().unwrap();
    let log = wait_for("the log", PATIENCE, || {
        let log = server.log();
        log.lines().find(|line| line.contains("too many wrong SIP names or passwords")).map(str::to_owned)
    });
    for field in
        ["WARN", "address=\"127.0.0.2\"", "name=\"p0123456789abcdef\"", "reason=\"wrong-passwords\"", "until=20"]
    {
        assert!(log.contains(field), "{field}: {log}");
    }
    // In the reader's words.
    let url = format!("http://{}/api/v1/shut-outs/{id}", server.admin);
    let bearer = format!("Bearer {}", server.token);
    let shown = |language| {
        http::get(&url, &[("Authorization", &bearer), ("Accept-Language", language)]).unwrap().json()["remedy"].take()
    };
    assert!(shown("ja").as_str().unwrap().contains("解除") && shown("en").as_str().unwrap().contains("lift it"));
    let figures = server.admin_get("/metrics").body;
    for figure in [
        "shut_outs_total{reason=\"wrong-passwords\"} 1",
        "shut_outs{reason=\"wrong-passwords\"} 1",
        "sip_shut_total{scope=\"name-and-address\"} 1",
        "sip_unjudged_total 1",
        "limits{setting=\"registrar.wrong_passwords.per_name_and_address\"} 2",
        "limits{setting=\"flood.per_address\"} 2000",
        "limits{setting=\"auto-registration.per_address_per_minute\"} 600",
        "limits{setting=\"auto-registration.numbers_per_address\"} 1000",
        "limits{setting=\"self-provisioning.ports\"} 100",
    ] {
        assert!(figures.contains(figure), "{figure}: {figures}");
    }
    assert_eq!(server.api_delete(&format!("/shut-outs/{id}")).status, 204);
    let ended = event(&server, "shut-out.ended", "wrong-passwords");
    assert_eq!((&ended["shut_out"], &ended["ending"]), (&json!(id), &json!("lifted")), "{ended:#}");
    assert_eq!(header(&guess(), "Retry-After"), None);
    let wrong = server.admin_get("/api/v1/shut-outs?reason=bad-luck");
    assert_eq!(wrong.status, 400, "{wrong:?}");
}

#[test]
fn ten_wrong_names_in_a_minute_shut_strangers_out_and_no_phone_that_is_at_home_there() {
    let server = Server::start("");
    let guess = |host, turn: u32| {
        let refusal = Registrant::new(server.sip, host, &format!("p{turn:016x}"), "wrong").register();
        assert_eq!(status(&refusal), 403, "{refusal}");
        header(&refusal, "Retry-After").is_some()
    };
    let began = Instant::now();
    let judged = (0..30).take_while(|turn| !guess(HOME, *turn)).count();
    // The first of them may be a minute old by now on a machine that has much else to do.
    assert!(judged >= 10 && (judged == 10 || began.elapsed() > Duration::from_secs(60)), "{judged}");
    let listed = server.api_get("/shut-outs?reason=wrong-passwords");
    assert_eq!((&listed[0]["scope"], &listed[0]["address"]), (&json!("address"), &json!("127.0.0.1")), "{listed:#}");
    // Fetched there a moment ago, and new.
    assert_eq!(status(&managed(&server, 1, HOME).register()), 200);
    assert!(!guess(ATTACKER, 100), "elsewhere");
}

#[test]
fn who_guesses_at_the_portal_is_listed_and_let_in_again() {
    let server =
        Server::start("registrar.wrong_passwords.per_name_and_address = 3\nlimits.api_requests_of_strangers = 1000");
    add_account(&server, "osaka");
    while log_in(&server, "osaka", "wrong") != 429 {}
    assert_eq!(log_in(&server, "osaka", PASSWORD), 429);
    let listed = server.api_get("/shut-outs?reason=wrong-logins&name=osaka&address=127.0.0.1");
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed:#}");
    assert_eq!(event(&server, "shut-out.begun", "wrong-logins")["name"], "osaka");
    let log = server.log();
    let told = log.lines().find(|line| line.contains("too many wrong logins at the portal")).unwrap();
    for field in ["WARN", "address=\"127.0.0.1\"", "name=\"osaka\"", "reason=\"wrong-logins\"", "until=20"] {
        assert!(told.contains(field), "{field}: {told}");
    }
    assert_eq!(server.api_delete(&format!("/shut-outs/{}", listed[0]["id"].as_str().unwrap())).status, 204);
    assert_eq!(server.admin_get("/api/v1/audit?kind=shut-out").json()["items"][0]["name"], "osaka");
    assert_eq!(log_in(&server, "osaka", PASSWORD), 200);
}

#[test]
fn logins_side_by_side_slip_past_no_limit_and_those_of_others_get_in() {
    let server =
        Server::start("registrar.wrong_passwords.per_name_and_address = 3\nlimits.api_requests_of_strangers = 1000");
    let others = ["kobe", "kyoto", "nara", "sakai"];
    add_account(&server, "osaka");
    others.iter().for_each(|login| add_account(&server, login));
    std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..12).map(|_| scope.spawn(|| log_in(&server, "osaka", "wrong"))).collect();
        let right: Vec<_> = others.iter().map(|login| scope.spawn(|| log_in(&server, login, PASSWORD))).collect();
        let guesses: Vec<u16> = guesses.into_iter().map(|guess| guess.join().unwrap()).collect();
        assert_eq!(guesses.iter().filter(|status| **status == 401).count(), 3, "{guesses:?}");
        assert_eq!(guesses.iter().filter(|status| **status == 429).count(), 9, "{guesses:?}");
        for login in right {
            assert_eq!(login.join().unwrap(), 200);
        }
    });
}
