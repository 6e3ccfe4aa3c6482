//! Two nodes on one database are one house: what is set, set up or stopped on one holds on the other.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tsunagu::phone::{Make, SipTransport};

use crate::caller::{Handset, SOON, account, factory_new, generic};
use crate::line_status::Desk;
use crate::link::Link;
use crate::phone::{Phone, QUIET, all_call_each_other, connects, phones_over};
use crate::records::{ended_enrolment_of, phone_of_mac, steps};
use crate::registrant::status;
use crate::support::follower::Follower;
use crate::support::postgres::Postgres;
use crate::support::server::{Server, USERS, WHOLE_WAY};
use crate::support::wait_for;
use crate::{place, server};

/// How long the other node may take to follow: far longer than it does, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same where nobody tells it: a look every half minute, and a second one.
const NOBODY_TELLS: Duration = Duration::from_secs(120);
/// How long a caller may wait for an answer nobody has to be waited for.
const AT_ONCE: Duration = Duration::from_secs(5);
const SPEAKS_ENGLISH: &str = "dialogue.languages = [\"en\"]\n";
/// Phones may be registered for a second.
const BRIEF: &str = "registrar.shortest_seconds = 1\n";
/// What a caller hears of a phone that is registered and not reached, and of one that is not registered.
const NOT_REACHED: &str = "SIP/2.0 480 Temporarily Unavailable";
const NOBODY: &str = "SIP/2.0 480 Nobody is registered on this number";

fn nodes() -> (Server, Server) {
    nodes_with("")
}

/// Two with these settings on top.
fn nodes_with(settings: &str) -> (Server, Server) {
    let one = server(settings);
    let other = one.neighbour(&format!("{SPEAKS_ENGLISH}{settings}"));
    (one, other)
}

fn is_on_duty(server: &Server) -> bool {
    server.log().contains("this node is on duty")
}

fn changed(server: &Server, path: &str, body: &Value) {
    let answer = server.api_patch(path, body);
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// What a node that is asked again and again says at last.
fn comes_to_say(server: &Server, path: &str, field: &str, value: &Value) {
    wait_for(&format!("{field} of {path} to be {value}"), PATIENCE, || {
        (server.api_get(path)[field] == *value).then_some(())
    });
}

#[test]
fn a_setting_changed_on_one_node_is_in_force_on_the_other() {
    let (one, other) = nodes();
    let agent = "AUDC-IPPhone/2.2.8.61 (420HD; 00908F200001)";
    changed(&one, "/auto-registration", &json!({ "first": "8000", "last": "8009", "networks": ["10.0.0.0/8"] }));
    wait_for("a phone of a network that may no longer come to be refused", PATIENCE, || {
        (other.handset_get("/00908f200001.cfg", agent).status == 404).then_some(())
    });
    changed(&other, "/auto-registration", &json!({ "networks": ["127.0.0.0/8"] }));
    wait_for("a phone to be let in again", PATIENCE, || {
        (one.handset_get("/00908f200001.cfg", agent).status == 200).then_some(())
    });
    assert_eq!(other.api_get("/phones")[0]["temporary_number"], "8000");
    changed(&one, "/sites", &json!({ "peer_name": "Osaka", "peer_address": "192.0.2.20" }));
    wait_for("the peer site to be known", PATIENCE, || {
        let peer = other.admin_get("/api/v1/sites/peer");
        (peer.status == 200 && peer.json()["name"] == "Osaka").then_some(())
    });
    // What waits for a restart waits on both, and comes into force on both.
    let status = "/self-provisioning/status";
    changed(&one, "/self-provisioning?apply=later", &json!({ "ports": 7 }));
    assert_eq!(other.api_get(status)["generation"], 1);
    changed(&one, "/self-provisioning?apply=restart-now", &json!({ "authentication": "none" }));
    comes_to_say(&other, status, "generation", &json!(2));
    assert_eq!(other.api_post("/self-provisioning/deactivate", &json!({})).status, 200);
    comes_to_say(&one, status, "generation", &json!(3));
    assert_eq!((&one.api_get(status)["service"], &other.api_get(status)["service"]), (&json!(false), &json!(false)));
    // A second at most, as it mostly is: the machine has much else to do.
    let mut times: Vec<Duration> = (4..9)
        .map(|generation| {
            let since = Instant::now();
            changed(&one, "/self-provisioning?apply=restart-now", &json!({ "ports": generation }));
            comes_to_say(&other, status, "generation", &json!(generation));
            since.elapsed()
        })
        .collect();
    times.sort_unstable();
    eprintln!("a setting is in force on the other node after {times:?}");
    assert!(times[2] < Duration::from_secs(1), "{times:?}");
    // A node that comes later runs what the others run.
    let third = one.neighbour(SPEAKS_ENGLISH);
    assert_eq!((&third.api_get(status)["generation"], &third.api_get(status)["service"]), (&json!(8), &json!(false)));
}

#[test]
fn events_come_in_one_order_on_every_node() {
    let (one, other) = nodes();
    let mut here = Follower::follow(one.admin, &one.token, "?type=directory.*", None).unwrap();
    let mut there = Follower::follow(other.admin, &one.token, "?type=directory.*", None).unwrap();
    for number in 0..10 {
        let on = if number % 2 == 0 { &one } else { &other };
        assert_eq!(on.api_post("/directory-numbers", &json!({ "number": format!("70{number}") })).status, 201);
    }
    let (here, there) = (here.take(10), there.take(10));
    assert_eq!(here, there);
    assert!(here.windows(2).all(|pair| pair[0].id < pair[1].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_set_up_on_one_node_is_known_at_the_other() {
    let (one, other) = nodes();
    let options = factory_new(&place(&one), Make::AudioCodes, 1);
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    assert_eq!(handset.claim(USERS[0].extension, USERS[0].pin).await.as_deref(), Ok(USERS[0].extension));
    handset.phone.wait_registered(SOON, |number| number == USERS[0].extension).await.unwrap();
    let phone = phone_of_mac(&other, &mac);
    let enrolment = ended_enrolment_of(&other, &phone).await;
    assert_eq!((&enrolment["ending"], steps(&enrolment)), (&json!("complete"), WHOLE_WAY.map(str::to_owned).to_vec()));
    let given = handset.phone.account().expect("an account");
    // With what it was given there, it is let in here; without, it is not.
    let options = |password: &str| {
        let mut options = generic(&place(&other), "other", SipTransport::Udp);
        options.account = Some(account(&place(&other), &given.number, &given.auth_name, password));
        options
    };
    let secret = given.password.as_ref().unwrap().expose_secret().to_owned();
    let moved = Handset::plug_in(options(&secret)).await.unwrap();
    assert_eq!(moved.phone.registered_as().as_deref(), Some(USERS[0].extension));
    assert!(Handset::plug_in(options("wrong")).await.is_err());
    // Taken from its user on one node, it is nobody on the other.
    let id = phone["id"].as_str().unwrap();
    assert!(one.api_post(&format!("/phones/{id}/release"), &json!({})).status < 300);
    let deadline = Instant::now() + PATIENCE;
    while Handset::plug_in(options(&secret)).await.is_ok() {
        assert!(Instant::now() < deadline, "the phone is still let in");
    }
}

#[test]
fn one_node_does_what_only_one_may_and_another_takes_over() {
    let (mut one, other) = nodes();
    wait_for("the first node to be on duty", PATIENCE, || is_on_duty(&one).then_some(()));
    assert!(!is_on_duty(&other));
    one.kill9();
    wait_for("the second node to be on duty", PATIENCE, || is_on_duty(&other).then_some(()));
    // It does what the first did: a user's new number comes to be the user's.
    assert_eq!(other.api_get("/users").as_array().unwrap().len(), USERS.len());
}

#[test]
fn what_the_node_on_duty_had_not_written_of_lines_when_it_was_killed_is_looked_up_by_the_next() {
    let (one, other) = nodes();
    wait_for("a node to be on duty", PATIENCE, || is_on_duty(&one).then_some(()));
    is_looked_up_after(one, &other);
}

#[test]
fn what_any_other_node_had_not_written_of_lines_when_it_was_killed_is_looked_up_by_the_one_on_duty() {
    let (one, other) = nodes();
    wait_for("a node to be on duty", PATIENCE, || is_on_duty(&one).then_some(()));
    is_looked_up_after(other, &one);
}

fn is_looked_up_after(mut one: Server, other: &Server) {
    let desks = [Desk::of(&one, 0x71, 0), Desk::of(&one, 0x72, 1)];
    let mut phones = [desks[0].at(&one, 71), desks[1].at(&one, 72)];
    phones.iter().for_each(|phone| assert_eq!(status(&phone.register()), 200));
    phones[1].headers = "Expires: 0\r\n".to_owned();
    assert_eq!(status(&phones[1].register()), 200);
    let are_right = || {
        let (there, gone) = ("/lines?state=registered", "/lines?state=not-registered");
        let [there, gone] = [there, gone].map(|list| other.api_get(list));
        (there[0]["id"] == desks[0].line && gone[0]["id"] == desks[1].line).then_some(())
    };
    wait_for("how both lines stand", PATIENCE, are_right);
    one.kill9();
    // As if neither had been written.
    let unwritten = "UPDATE line_status SET state = CASE state WHEN 'registered' THEN 'not-registered' ELSE 'registered' END, \
        registered_until = CASE state WHEN 'registered' THEN NULL ELSE since + 3600000 END";
    Postgres::shared().ask(one.database(), unwritten);
    assert!(are_right().is_none());
    wait_for("how both lines stand, again", NOBODY_TELLS, are_right);
}

#[test]
fn a_phone_that_is_back_after_its_registration_lapsed_is_known_everywhere() {
    let (one, other) = nodes_with(BRIEF);
    let desk = Desk::of(&one, 0x70, 0);
    let mut phone = desk.at(&one, 70);
    let is_known = |wanted: bool| {
        wait_for(&format!("the phone's being known at the other node to be {wanted}"), PATIENCE, || {
            let known = other.api_get(&format!("/phones?auth_name={}", desk.auth_name));
            (known[0]["registrations"].as_array().is_some_and(|all| !all.is_empty()) == wanted).then_some(())
        });
    };
    phone.headers = "Expires: 4\r\n".to_owned();
    assert_eq!(status(&phone.register()), 200);
    is_known(true);
    is_known(false);
    // Its row is still there: what it does is no more than a refresh.
    assert_eq!(Postgres::shared().ask(one.database(), "SELECT count(*) FROM location").trim(), "1");
    phone.headers = "Expires: 600\r\n".to_owned();
    assert_eq!(status(&phone.register()), 200);
    is_known(true);
}

/// Two nodes, phones on connections to the first, 1001's and 1002's, and one at the second, which has learned of those.
fn on_connections() -> (Server, Server, Vec<(Phone, String)>, Phone) {
    let settings = format!("{QUIET}{BRIEF}listen = {{ sip_ws = [\"127.0.0.1:0\"] }}\n");
    let (one, other) = nodes_with(&settings);
    let links = [Link::tcp(one.sip), Link::ws(one.sip_at("WS"), Some("sip"), None).unwrap()];
    let phones = phones_over(&one, links);
    let mut caller = Phone::of_user(&other, Link::udp(other.sip), "caller", USERS[2].user_id);
    phones.iter().for_each(|(_, number)| comes_to_hear(&mut caller, number, NOT_REACHED));
    (one, other, phones, caller)
}

/// What a call to a number is answered, and that at once.
fn hears(caller: &mut Phone, number: &str) -> String {
    let began = Instant::now();
    let mut calling = caller.calls(number, "");
    let answer = caller.hears(&mut calling);
    assert!(began.elapsed() < AT_ONCE, "after {:?}: {answer}", began.elapsed());
    answer.lines().next().unwrap().to_owned()
}

fn comes_to_hear(caller: &mut Phone, number: &str, wanted: &str) {
    wait_for(&format!("a call to {number} to be answered {wanted}"), PATIENCE, || {
        (hears(caller, number) == wanted).then_some(())
    });
}

#[test]
fn a_phone_on_a_connection_is_called_at_its_node_and_who_calls_it_at_another_hears_at_once_that_it_is_not_reached() {
    let (_one, other, mut phones, mut caller) = on_connections();
    for (_, number) in &phones {
        assert_eq!(hears(&mut caller, number), NOT_REACHED);
    }
    assert!(!other.log().contains("deadline has elapsed"), "{}", other.log());
    all_call_each_other(&mut phones);
}

#[test]
fn a_phone_on_a_connection_is_told_by_its_node_what_the_one_on_duty_has_for_it() {
    let (one, other) = nodes();
    wait_for("a node to be on duty", PATIENCE, || is_on_duty(&one).then_some(()));
    let mut phone = Phone::register(Link::tcp(other.sip), "connected");
    // It is asked whether it is there, and answers.
    phone.is_given_to(&one, USERS[0].user_id);
    let steps = wait_for("the end of its enrolment", PATIENCE, || {
        let enrolment = one.api_get("/enrolments")[0].take();
        (enrolment["ending"] == "complete").then(|| steps(&enrolment))
    });
    // That it registered may be noted late.
    let steps: Vec<_> = steps.into_iter().filter(|step| step != "registered").collect();
    assert_eq!(steps, ["bound", "not-notified", "answered", "complete"]);
}

#[test]
fn a_phone_whose_node_was_killed_is_registered_until_its_time_is_over_and_called_where_it_comes_back() {
    let (mut one, other, mut phones, mut caller) = on_connections();
    let state = |number: &str| other.api_get(&format!("/lines/{number}/status"))["state"].take();
    let (comes_back, stays_away) = (USERS[0].extension, USERS[1].extension);
    assert_eq!(status(&phones[1].0.registers("Expires: 4\r\n")), 200);
    one.kill9();
    // Nobody has seen it go.
    let former = &phones[0].0;
    assert_eq!(state(comes_back), "registered");
    let shown = other.api_get("/phones").to_string();
    assert!(shown.contains(&former.link.local.to_string()), "{shown}");
    assert_eq!(hears(&mut caller, comes_back), NOT_REACHED);
    // What it has left behind is in nobody's way.
    let mut back = Phone::register(Link::tcp(other.sip), &former.name);
    let mut calling = caller.calls(comes_back, "");
    connects(&mut caller, &mut calling, &mut back);
    wait_for("the line of the other phone to be down", NOBODY_TELLS, || {
        (state(stays_away) == "not-registered").then_some(())
    });
    comes_to_hear(&mut caller, stays_away, NOBODY);
}

#[test]
fn nodes_that_start_together_make_one_first_token_and_one_set_of_settings() {
    let database = Postgres::shared().database();
    let one = Server::start_at(&database, SPEAKS_ENGLISH);
    let other = one.neighbour(SPEAKS_ENGLISH);
    assert!(!other.output().contains("administrator token"));
    assert_eq!(other.api_get("/tokens").as_array().unwrap().len(), 1);
    assert_eq!(other.api_get("/route-points").as_array().unwrap().len(), 1);
}
