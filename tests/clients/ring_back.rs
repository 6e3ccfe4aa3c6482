//! SIPp as a phone that is called back, and does something else than to listen.

use super::signalling::admitted;
use super::story::{assert_enrolled, claim_keys};
use crate::support::server::USERS;
use crate::support::wait_for;

/// A phone is claimed and called back; it does as `waiting` says, until it says `word`. The call back then has that `ending`.
fn called_back(settings: &str, waiting: &'static str, word: &str, ending: &str) {
    let (server, mut sipp) = admitted(settings);
    sipp.waiting = waiting;
    let mut call = sipp.play_keying("claim", &claim_keys(&USERS[0]));
    call.await_word("answered CSeq: 1 OPTIONS");
    assert_enrolled(&server, &USERS[0], "ja");
    call.await_word(word);
    let phone = format!("phone={}", server.api_get("/enrolments")[0]["phone"].as_str().unwrap());
    let tells = |line: &&str| line.contains("a phone was rung back") && line.contains(&phone);
    let line = wait_for("the end of the call back", super::sipp::PATIENCE, || {
        server.log().lines().find(tells).map(str::to_owned)
    });
    assert!(line.ends_with(&format!("ending=\"{ending}\"")), "{line}");
}

#[test]
fn a_phone_may_hang_up_on_its_call_back_and_each_of_its_2xx_is_acknowledged() {
    called_back("", "waiting-hangs-up", "hung up", "hung-up");
}

#[test]
fn a_call_back_nobody_takes_is_cancelled() {
    called_back("calls = { ring_back_seconds = 1 }", "waiting-unanswered", "called off", "not-answered");
}

#[test]
fn a_call_back_taken_while_it_is_cancelled_is_acknowledged_and_hung_up() {
    called_back("calls = { ring_back_seconds = 1 }", "waiting-too-late", "hung up on", "not-answered");
}
