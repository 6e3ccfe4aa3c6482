//! Softphones people use, two of baresip: they call each other, and their voices pass between them.

use std::time::Duration;

use crate::baresip::Baresip;
use crate::phone::QUIET;
use crate::support::server::Server;

/// A baresip that is this user's phone.
fn baresip(server: &Server, name: &str, user: &str) -> Baresip {
    // A tone of 400 Hz, so that what is heard tells who it came from.
    let tone = |at: u32| if (at / 10).is_multiple_of(2) { 8000 } else { -8000 };
    let phone = Baresip::start_playing(server, &server.sip.to_string(), name, "PCMU", tone);
    let phones = server.api_get("/phones");
    let mut phones = phones.as_array().unwrap().iter();
    let own = phones.find(|shown| shown["registrations"][0]["number"] == name).unwrap();
    let bind = serde_json::json!({ "phone": own["id"], "user": user });
    assert_eq!(server.api_post("/enrolments", &bind).status, 201);
    phone
}

#[test]
fn two_softphones_talk_and_either_hangs_up() {
    let server = Server::start(QUIET);
    let mut one = baresip(&server, "soft-one", "sato");
    let mut two = baresip(&server, "soft-two", "smith");
    for (turn, is_caller) in [(1, true), (2, false)] {
        one.tell("dial", &format!("sip:1002@{}", server.sip));
        let incoming = two.await_event("CALL_INCOMING", turn);
        assert!(incoming["peeruri"].as_str().unwrap().starts_with("sip:soft-one@"), "{incoming:#}");
        two.tell("accept", "");
        one.await_event("CALL_ESTABLISHED", turn);
        two.await_event("CALL_ESTABLISHED", turn);
        std::thread::sleep(Duration::from_secs(2));
        let hangs_up = if is_caller { &mut one } else { &mut two };
        hangs_up.tell("hangup", "");
        one.await_event("CALL_CLOSED", turn);
        two.await_event("CALL_CLOSED", turn);
    }
    // Each heard the other's voice for as long as they talked.
    for heard in [one.heard(), two.heard()] {
        assert!(heard.len() == 2 && heard.iter().all(|call| call.is_speech(1.0)), "{heard:?}");
    }
}
