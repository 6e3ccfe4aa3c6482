//! Lockouts and shut-outs: listed without what must not be seen, and lifted.

use serde_json::{Value, json};
use tsunagu::phone::SipTransport;

use crate::bare_call::BareCall;
use crate::caller::{Handset, Place, generic};
use crate::records::{enrolment_of, eventually, phone_named};
use crate::registrant::{Registrant, header};
use crate::support::http;
use crate::support::server::{Server, USERS};

/// Nobody's self-service ID.
const NOBODY: &str = "7777";

fn listed(server: &Server, path: &str) -> Vec<Value> {
    server.api_get(path).as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lockout_names_the_user_or_the_phone_and_is_lifted_at_once() {
    let server = Server::start(
        "dialogue.languages = [\"en\"]\ncalls.ring_back = false\nself_provisioning.lockout.attempts = 1\n\
         self_provisioning.lockout.attempts_over_all = 2",
    );
    let place = Place { sip: server.sip, handset: server.handset };
    let steps = |name: &str, step: &str| {
        let enrolment = enrolment_of(&server, &phone_named(&server, name));
        enrolment["steps"].as_array().unwrap().iter().filter(|it| it["step"] == step).count()
    };
    let mut phones = Vec::new();
    for (name, id) in [("one", USERS[0].extension), ("two", NOBODY)] {
        phones.push(Handset::plug_in(generic(&place, name, SipTransport::Udp)).await.unwrap());
        let call = BareCall::place(server.sip, name).unwrap();
        call.press(&format!("{id}##000000#")).unwrap();
        eventually("a verdict", || (steps(name, "refused") == 1).then_some(())).await;
        call.hang_up();
    }
    let lockouts = listed(&server, "/lockouts");
    let whom: Vec<(&str, &Value)> = lockouts.iter().map(|it| (it["scope"].as_str().unwrap(), &it["user"])).collect();
    assert_eq!(whom.iter().filter(|(scope, _)| *scope == "phone").count(), 2, "{lockouts:#?}");
    assert!(whom.contains(&("user", &json!(USERS[0].user_id))) && whom.contains(&("user", &Value::Null)));
    assert!(whom.contains(&("all", &Value::Null)));
    // Neither what was keyed in nor the whole mark of it.
    assert!(!json!(lockouts).to_string().contains(NOBODY));
    assert!(lockouts.iter().all(|it| it.get("subject").is_none() && it["locked_until"].is_string()), "{lockouts:#?}");
    assert_eq!(listed(&server, "/lockouts?scope=user").len(), 2);
    // The log and the events say as much.
    let log = server.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("locked out after wrong credentials")).collect();
    assert_eq!(told.len(), lockouts.len(), "{log}");
    assert!(told.iter().all(|line| line.contains("WARN") && line.contains("device=\"127.0.0.1 ")), "{told:#?}");
    assert!(told.iter().all(|line| line.contains("until=20") && !line.contains(NOBODY)), "{told:#?}");
    let named = format!("user=\"{}\"", USERS[0].user_id);
    let of = |scope: &str| told.iter().filter(|line| line.contains(&format!("scope=\"{scope}\""))).collect::<Vec<_>>();
    assert_eq!(of("user").iter().filter(|line| line.contains(&named)).count(), 1, "{told:#?}");
    assert!(of("phone").len() == 2 && of("all").len() == 1 && !of("all")[0].contains("user="), "{told:#?}");
    let begun = server.admin_get("/api/v1/events?type=lockout.begun").json();
    let users = begun["items"].as_array().unwrap().iter().filter(|it| it["data"]["user"] == USERS[0].user_id);
    assert_eq!(users.count(), 1, "{begun:#}");

    // Among everybody who is kept out, too, by the same names.
    let names = |list: &[Value]| {
        let name = |it: &Value| ["id", "scope", "user", "phone"].map(|field| it[field].to_string());
        list.iter().map(name).collect::<std::collections::BTreeSet<_>>()
    };
    let shut_out = listed(&server, "/shut-outs?reason=wrong-pins");
    assert_eq!(names(&shut_out), names(&lockouts));
    assert!(!json!(shut_out).to_string().contains(NOBODY));
    let figure = format!("shut_outs{{reason=\"wrong-pins\"}} {}", lockouts.len());
    eventually("the figure", || server.admin_get("/metrics").body.contains(&figure).then_some(())).await;

    // A viewer sees them, an operator lifts them, by either list.
    let bearer = |role: &str| {
        let made = server.api_post("/tokens", &json!({ "name": role, "role": role }));
        format!("Bearer {}", made.json()["token"].as_str().unwrap())
    };
    let (viewer, operator) = (bearer("view"), bearer("operate"));
    for (lockout, list) in lockouts.iter().zip(["lockouts", "shut-outs"].iter().cycle()) {
        let url = format!("http://{}/api/v1/{list}/{}", server.admin, lockout["id"].as_str().unwrap());
        assert_eq!(http::get(&url, &[("Authorization", &viewer)]).unwrap().json()["scope"], lockout["scope"]);
        assert_eq!(http::delete(&url, &[("Authorization", &viewer)]).unwrap().status, 403);
        assert_eq!(http::delete(&url, &[("Authorization", &operator)]).unwrap().status, 204);
        assert_eq!(http::delete(&url, &[("Authorization", &operator)]).unwrap().status, 404);
    }
    assert_eq!(listed(&server, "/lockouts"), Vec::<Value>::new());
    let trail = server.admin_get("/api/v1/audit?kind=lockout").json();
    assert_eq!((&trail["total"], &trail["items"][0]["actor"]), (&json!(lockouts.len()), &json!("operate")));
    assert!(!trail.to_string().contains(NOBODY), "{trail:#}");
    let ended = || server.admin_get("/api/v1/events?type=lockout.ended").json()["items"].take();
    let ended = eventually("their ends", || Some(ended()).filter(|it| it.as_array().unwrap().len() == lockouts.len()));
    let ended = ended.await;
    assert!(ended.as_array().unwrap().iter().all(|it| it["data"]["ending"] == "lifted"), "{ended:#}");
    // The right PIN is right at once.
    let call = BareCall::place(server.sip, "one").unwrap();
    call.press(&format!("{}##{}#", USERS[0].extension, USERS[0].pin)).unwrap();
    eventually("the bind", || (steps("one", "bound") == 1).then_some(())).await;
    call.hang_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guesser_of_sip_passwords_is_listed_and_let_in_again() {
    let server = Server::start("registrar.wrong_passwords.per_name_and_address = 2");
    let guess = || Registrant::new(server.sip, 9, "1001", "wrong").register();
    while header(&guess(), "Retry-After").is_none() {}
    let shut = listed(&server, "/shut-outs");
    assert_eq!(shut.len(), 1, "{shut:#?}");
    let one = &shut[0];
    assert_eq!((&one["name"], &one["address"]), (&json!("1001"), &json!("127.0.0.9")));
    assert_eq!((&one["scope"], &one["reason"]), (&json!("name-and-address"), &json!("wrong-passwords")));
    let path = format!("/shut-outs/{}", one["id"].as_str().unwrap());
    assert_eq!(server.api_delete(&path).status, 204);
    assert_eq!((server.api_delete(&path).status, server.api_delete("/shut-outs/x").status), (404, 404));
    assert_eq!(listed(&server, "/shut-outs"), Vec::<Value>::new());
    assert_eq!(header(&guess(), "Retry-After"), None);
    assert_eq!(server.admin_get("/api/v1/audit?kind=shut-out").json()["items"][0]["name"], "1001");
}
