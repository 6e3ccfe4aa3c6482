//! What a server has on record of a phone, as the API shows it.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::time::Duration;

use serde_json::Value;

use crate::caller::SOON;
use crate::support::server::Server;

/// The phone's record for which this holds. The newest, if there are several.
pub fn phone_where(server: &Server, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let phones = server.api_get("/phones");
    let found = phones.as_array().unwrap().iter().find(|phone| wanted(phone));
    found.unwrap_or_else(|| panic!("no phone with {what}: {phones:#}")).clone()
}

/// The record of the phone with this hardware address.
pub fn phone_of_mac(server: &Server, mac: &str) -> Value {
    phone_where(server, mac, |phone| phone["mac"] == mac && phone["state"] != "released")
}

/// The record of the phone that authenticates as this.
pub fn phone_named(server: &Server, auth_name: &str) -> Value {
    phone_where(server, auth_name, |phone| phone["auth_name"] == auth_name)
}

/// The phone's newest enrolment.
pub fn enrolment_of(server: &Server, phone: &Value) -> Value {
    let enrolments = server.api_get("/enrolments");
    let found = enrolments.as_array().unwrap().iter().find(|enrolment| enrolment["phone"] == phone["id"]);
    found.unwrap_or_else(|| panic!("no enrolment of {phone:#}: {enrolments:#}")).clone()
}

/// The phone's newest call, once it has ended.
pub async fn ended_call_of(server: &Server, phone: &Value) -> Value {
    eventually("the record of the call's end", || {
        let calls = server.api_get("/calls");
        let call = calls.as_array()?.iter().find(|call| call["phone"] == phone["id"])?;
        (!call["ending"].is_null()).then(|| call.clone())
    })
    .await
}

/// The phone's newest enrolment, once it has ended.
pub async fn ended_enrolment_of(server: &Server, phone: &Value) -> Value {
    eventually("the enrolment's end", || {
        let enrolment = enrolment_of(server, phone);
        (!enrolment["ending"].is_null()).then_some(enrolment)
    })
    .await
}

/// The steps of an enrolment by name, in order.
pub fn steps(enrolment: &Value) -> Vec<String> {
    let steps = enrolment["steps"].as_array().unwrap();
    steps.iter().map(|step| step["step"].as_str().unwrap().to_owned()).collect()
}

/// What was noted beside this step, the last time it happened.
pub fn detail(enrolment: &Value, step: &str) -> String {
    let steps = enrolment["steps"].as_array().unwrap();
    let found = steps.iter().rev().find(|noted| noted["step"] == step);
    let found = found.unwrap_or_else(|| panic!("no {step}: {enrolment:#}"));
    found["detail"].as_str().unwrap_or_default().to_owned()
}

/// Looks again and again until there is something.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + 2 * SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {:?}", 2 * SOON);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
