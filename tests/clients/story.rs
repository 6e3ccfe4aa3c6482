//! What the server tells of phones, enrolments and calls, as these tests ask it.

use std::time::Duration;

use serde_json::Value;

use crate::support::server::{Server, User};
use crate::support::wait_for;

/// Longest time for something that takes the server a moment.
const PATIENCE: Duration = Duration::from_secs(40);

/// The keys that claim a phone: who, yes, and the proof.
pub fn claim_keys(user: &User) -> String {
    format!("{}##{}#", user.extension, user.pin)
}

/// Waits for an enrolment that has ended, and gives it.
pub fn ended_enrolment(server: &Server) -> Value {
    wait_for("an enrolment that has ended", PATIENCE, || {
        let enrolments = server.api_get("/enrolments");
        enrolments.as_array()?.iter().find(|enrolment| enrolment["ending"].is_string()).cloned()
    })
}

/// The steps of an enrolment, by name.
pub fn steps(enrolment: &Value) -> Vec<&str> {
    let steps = enrolment["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["step"].as_str().expect("a step")).collect()
}

/// Waits for an ended enrolment and checks that by it the phone became the user's, in `language`.
pub fn assert_enrolled(server: &Server, user: &User, language: &str) -> Value {
    let enrolment = ended_enrolment(server);
    assert_eq!(enrolment["ending"], "complete", "{enrolment:#}");
    assert_eq!(enrolment["language"], language, "{enrolment:#}");
    let users = server.api_get("/users");
    let known = users.as_array().unwrap().iter().find(|known| known["user_id"] == user.user_id).unwrap();
    let phone = server.api_get(&format!("/phones/{}", enrolment["phone"].as_str().unwrap()));
    assert_eq!(phone["state"], "enrolled", "{phone:#}");
    assert_eq!(phone["user"], known["id"], "{phone:#}");
    assert_eq!(phone["lines"][0]["number"], user.extension, "{phone:#}");
    assert_eq!(phone["temporary_number"], Value::Null, "{phone:#}");
    enrolment
}

/// Waits for the newest call to end, and gives how.
pub fn call_ending(server: &Server) -> String {
    wait_for("the end of the call", PATIENCE, || server.api_get("/calls")[0]["ending"].as_str().map(str::to_owned))
}
