//! SIPp in the corners of SIP: what a call can ask for besides being answered, and what it is refused for.

use super::sipp::Phone;
use super::story::{assert_enrolled, call_ending, claim_keys, steps};
use crate::support::server::{Server, USERS};

/// A server, and a phone it has let in.
pub fn admitted(settings: &str) -> (Server, Phone) {
    let server = Server::start(settings);
    let phone = Phone::new(&server, "desk");
    assert_eq!(phone.register().received("SIP/2.0 200").len(), 1);
    (server, phone)
}

#[test]
fn a_provisional_answer_is_reliable_for_who_wants_it() {
    let (server, phone) = admitted("");
    phone.play("reliable", &[]).finish();
    assert_eq!(call_ending(&server), "hung-up");
}

#[test]
fn a_cancelled_call_is_over_with_487() {
    let (server, phone) = admitted("");
    phone.play("cancel", &[]).finish();
    assert_eq!(call_ending(&server), "cancelled");
}

#[test]
fn a_session_interval_too_small_gets_422_and_the_least_one_is_kept_up() {
    let (server, phone) = admitted("");
    phone.play("session-timer", &[]).finish();
    assert_eq!(call_ending(&server), "hung-up");
}

#[test]
fn a_call_without_an_offer_gets_one_and_claims_its_phone() {
    let (server, phone) = admitted("");
    let mut call = phone.play_keying("late-offer", &claim_keys(&USERS[0]));
    call.await_word("answered CSeq: 1 OPTIONS");
    assert_enrolled(&server, &USERS[0], "ja");
}

#[test]
fn keys_sent_as_info_claim_a_phone() {
    let (server, phone) = admitted("");
    let keys = format!("{}.", claim_keys(&USERS[0]));
    let mut call = phone.play("info", &[("keys", &keys)]);
    call.await_word("answered CSeq: 1 OPTIONS");
    assert_enrolled(&server, &USERS[0], "ja");
}

#[test]
fn a_phone_on_tcp_is_claimed_and_rung_back_on_its_connection() {
    let server = Server::start("");
    let mut phone = Phone::new(&server, "desk");
    phone.transport = "t1";
    phone.codec = 8;
    // One process, one connection: it registers first and calls then.
    let mut call = phone.play_keying("register-and-claim", &claim_keys(&USERS[0]));
    call.await_word("answered CSeq: 1 OPTIONS");
    let enrolment = assert_enrolled(&server, &USERS[0], "ja");
    let phone = server.api_get(&format!("/phones/{}", enrolment["phone"].as_str().unwrap()));
    assert_eq!(phone["registrations"][0]["transport"], "TCP", "{phone:#}");
    call.await_word("rung back");
}

#[test]
fn a_call_over_the_limit_is_busy_with_a_reason_and_the_next_one_is_not() {
    let (server, phone) = admitted("route_point = { ports = 1 }");
    let other = Phone::new(&server, "other");
    assert_eq!(other.register().received("SIP/2.0 200").len(), 1);
    let mut call = phone.play("stay", &[]);
    call.await_word("answered");
    let busy = other.play("refused", &[]).finish().received("SIP/2.0 486");
    assert!(busy[0].contains("Warning: 399") && busy[0].contains("Retry-After:"), "{busy:?}");
    call.finish();
    assert_eq!(call_ending(&server), "hung-up");
    other.play("stay", &[]).await_word("answered");
}

#[test]
fn a_phone_in_quarantine_reaches_the_route_point_and_nothing_else() {
    let (server, phone) = admitted("");
    let other = Phone::new(&server, "other");
    assert_eq!(other.register().received("SIP/2.0 200").len(), 1);
    // Nobody's number, a user's, another phone's temporary one, and the emergency number of elsewhere.
    for number in ["5555", USERS[0].extension, "9001", "911"] {
        let refused = phone.play("refused", &[("number", number)]).finish();
        assert_eq!(refused.received("SIP/2.0 403").len(), 1, "{number}");
    }
    assert_eq!(server.api_get("/calls").as_array().map(Vec::len), Some(0));
}

#[test]
fn three_wrong_pins_end_the_call_and_change_nothing() {
    // The verdict comes without a word before it, so that the next try finds the question asked.
    let (server, phone) = admitted("dialogue = { say_checking_after = \"10s\" }");
    let wrong = format!("{}##000000#", USERS[0].extension);
    let mut call = phone.play_keying("claim", &[wrong.as_str(); 3].join(","));
    call.await_word("released");
    assert_eq!(call_ending(&server), "too-many-tries");
    let enrolment = &server.api_get("/enrolments")[0];
    assert_eq!(enrolment["ending"], serde_json::Value::Null, "{enrolment:#}");
    let refusals = steps(enrolment).into_iter().filter(|step| *step == "refused").count();
    assert_eq!((refusals, &enrolment["user"]), (3, &serde_json::Value::Null), "{enrolment:#}");
    assert!(!server.log().contains("000000"), "the log holds what was keyed in");
}

#[test]
fn where_no_temporary_number_is_free_a_new_phone_gets_403_with_a_warning() {
    let (server, _first) = admitted("auto_registration = { first = \"9000\", last = \"9000\" }");
    let second = Phone::new(&server, "second");
    let refused = second.register().received("SIP/2.0 403");
    assert!(refused[0].starts_with("SIP/2.0 403 No temporary number is free"), "{refused:?}");
    assert!(refused[0].contains("Warning: 399") && refused[0].contains("No temporary number is free"), "{refused:?}");
    assert_eq!(server.api_get("/auto-registration")["free"], 0);
    let figures = server.admin_get("/metrics").body;
    assert!(figures.contains("temporary_numbers_alarm 1\n"), "{figures}");
}
