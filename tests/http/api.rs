//! The administrators' door.

use serde_json::json;

use crate::support::http::{Answer, get, post};
use crate::support::server::{Server, USERS};

/// Paths of the API that can be read.
const PATHS: [&str; 24] = [
    "/users",
    "/user-profiles",
    "/device-templates",
    "/line-templates",
    "/feature-group-templates",
    "/directory-numbers",
    "/number-pools",
    "/line-groups",
    "/strangers",
    "/route-points",
    "/application-users",
    "/tokens",
    "/audit",
    "/phones",
    "/lines",
    "/lockouts",
    "/shut-outs",
    "/auto-registration",
    "/credential-policy",
    "/sites",
    "/enrolments",
    "/calls",
    "/events",
    "/users/sato",
];

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// An RFC 9457 problem with this status; gives the field it names.
fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!((answer.status, header(answer, "Content-Type")), (status, "application/problem+json"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["status"], status);
    for member in ["type", "title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {body}");
    }
    body["field"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn health_readiness_and_figures_need_no_token() {
    let server = Server::start("");
    let open = |path: &str| get(&format!("http://{}{path}", server.admin), &[]).unwrap();
    assert_eq!((open("/healthz").status, open("/healthz").body.as_str()), (200, "ok\n"));
    let ready = open("/readyz");
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &json!(true)));
    let figures = open("/metrics");
    assert_eq!(figures.status, 200);
    assert!(header(&figures, "Content-Type").starts_with("text/plain"));
    for name in ["registered_contacts", "calls_now", "rtp_packets_sent_total"] {
        let is_there = figures.body.lines().any(|line| line.starts_with(&format!("{name} ")));
        assert!(is_there, "{name} in {}", figures.body);
    }
}

#[test]
fn the_api_opens_to_a_token_and_to_nothing_else() {
    let server = Server::start("");
    let url = |path: &str| format!("http://{}/api/v1{path}", server.admin);
    let token = &server.token;
    let credentials = [
        String::new(),
        "Bearer ".to_owned(),
        "Bearer wrong".to_owned(),
        format!("Basic {token}"),
        format!("Bearer {token}x"),
        format!("Bearer {}", &token[..token.len() - 1]),
        format!("Bearer {token} {token}"),
        token.clone(),
    ];
    // What isn't there looks to strangers as what is.
    for path in ["/users", "/phones/0", "/audit", "/nothing", "/users/", "/", ""] {
        for credential in &credentials {
            let answer = get(&url(path), &[("Authorization", credential)]).unwrap();
            problem(&answer, 401);
            assert_eq!(header(&answer, "WWW-Authenticate"), "Bearer");
        }
        problem(&get(&url(path), &[]).unwrap(), 401);
    }
    problem(&server.admin_get("/api/v1/nowhere"), 404);
    let user = json!({ "user_id": "intruder", "primary_extension": "1999" });
    problem(&post(&url("/users"), &[], &user).unwrap(), 401);
    for path in PATHS {
        assert_eq!(server.admin_get(&format!("/api/v1{path}")).status, 200);
    }
    assert!(!server.admin_get("/api/v1/users").body.contains("intruder"));
    // Who goes on without a good token has to wait, and nobody else does.
    let refused = (0..1000).find(|_| get(&url("/users"), &[]).unwrap().status == 429);
    assert!(refused.is_some());
    assert_eq!(server.admin_get("/api/v1/users").status, 200);
    // The token is kept as a hash, and shown once.
    let database = server.stored_octets();
    assert!(!database.windows(token.len()).any(|window| window == token.as_bytes()));
    assert_eq!(server.output().matches(token.as_str()).count(), 1);
}

#[test]
fn a_role_reaches_as_far_as_it_says() {
    let server = Server::start("");
    let bearer = |role: &str| {
        let made = server.api_post("/tokens", &json!({ "name": role, "role": role }));
        assert_eq!(made.status, 201, "{made:?}");
        format!("Bearer {}", made.json()["token"].as_str().unwrap())
    };
    let user = json!({ "user_id": "intruder", "primary_extension": "1999" });
    let url = |path: &str| format!("http://{}/api/v1{path}", server.admin);
    // Role, and the answers to looking, to running the service and to changing the directory.
    for (role, looks, runs, changes) in
        [("view", 200, 403, 403), ("operate", 200, 404, 403), ("administer", 200, 404, 422), ("cti", 403, 403, 403)]
    {
        let bearer = bearer(role);
        let header = [("Authorization", bearer.as_str())];
        for path in PATHS {
            assert_eq!(get(&url(path), &header).unwrap().status, looks, "{role} {path}");
        }
        let pushed = post(&url("/phones/0/push"), &header, &json!({})).unwrap();
        assert_eq!(pushed.status, runs, "{role}: {pushed:?}");
        let unnamed = json!({ "primary_extension": "1999" });
        assert_eq!(post(&url("/users"), &header, &unnamed).unwrap().status, changes, "{role}");
        if changes == 403 {
            problem(&post(&url("/users"), &header, &user).unwrap(), 403);
        }
    }
    assert!(!server.admin_get("/api/v1/users").body.contains("intruder"));
}

#[test]
fn what_can_not_be_taken_is_refused_by_name_and_changes_nothing() {
    let server = Server::start("");
    let before = server.api_get("/users");
    let refused = |path: &str, body: &serde_json::Value, statuses: &[u16], names: &str| {
        let answer = server.api_post(path, body);
        assert!(statuses.contains(&answer.status), "{body}: {answer:?}");
        let field = problem(&answer, answer.status);
        assert!(field == names || answer.body.contains(names), "{names}: {answer:?}");
    };
    let user = |more: serde_json::Value| {
        let mut user = json!({ "user_id": "mori", "primary_extension": "1201" });
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    // Unknown and missing fields, and values of the wrong kind.
    refused("/users", &user(json!({ "colour": "red" })), &[400, 422], "colour");
    refused("/users", &json!({ "primary_extension": "1201" }), &[400, 422], "user_id");
    refused("/users", &user(json!({ "primary_extension": "12a" })), &[400, 422], "directory number");
    refused("/users", &user(json!({ "locale": "not a language" })), &[400, 422], "language");
    refused("/users", &user(json!({ "profile": "Nowhere" })), &[422], "profile");
    refused("/users", &user(json!({ "user_id": "" })), &[422], "user_id");
    refused("/users", &user(json!({ "user_id": "x".repeat(129) })), &[422], "user_id");
    refused("/users", &user(json!({ "name": "a\nb" })), &[422], "name");
    refused("/user-profiles", &json!({ "name": "x", "device_limit": 21 }), &[422], "device_limit");
    refused("/user-profiles", &json!({ "name": "x", "limit": 1 }), &[400, 422], "limit");
    refused("/user-profiles", &json!({ "name": "x", "desk_template": "Nowhere" }), &[422], "desk_template");
    refused("/device-templates", &json!({ "name": "x", "phone_name": "y", "z": 1 }), &[400, 422], "z");
    refused("/line-templates", &json!({ "name": "x", "label": "y" }), &[400, 422], "display");
    // What is there already.
    refused("/users", &user(json!({ "user_id": USERS[0].user_id })), &[409], "user_id");
    refused("/users", &user(json!({ "self_service_id": USERS[0].extension })), &[409], "self_service_id");
    refused("/user-profiles", &json!({ "name": "Everybody" }), &[409], "name");
    refused("/device-templates", &json!({ "name": "Desk phone", "phone_name": "x" }), &[409], "name");
    refused("/line-templates", &json!({ "name": "Line", "label": "x", "display": "x" }), &[409], "name");
    assert_eq!(server.api_get("/users"), before);
    // Nothing at that address.
    let unknown = "/enrolments/01a201b9c6d67b5a8a2f3f2f6a1f8b2c";
    for path in ["/phones/0", unknown, "/nothing", "/users/", "/", "", "/phones/0/nothing"] {
        problem(&server.admin_get(&format!("/api/v1{path}")), 404);
    }
}

#[test]
fn a_pin_is_four_to_twenty_digits_and_is_never_shown_again() {
    let server = Server::start("");
    let user =
        |id: u16, pin: &str| json!({ "user_id": format!("user{id}"), "primary_extension": id.to_string(), "pin": pin });
    for pin in ["", "123", "123456789012345678901", "12 4", "12a4", "１２３４", "-123", "+1234", "12#4"] {
        let answer = server.api_post("/users", &user(1300, pin));
        assert_eq!(problem(&answer, 422), "pin", "{pin}");
        assert!(pin.is_empty() || !answer.body.contains(pin), "{answer:?}");
    }
    for (id, pin) in [(1301, "7391"), (1302, "73915284607391528460")] {
        let answer = server.api_post("/users", &user(id, pin));
        assert_eq!(answer.status, 201);
        assert!(!answer.body.contains(pin) && !answer.body.contains("pin_hash"), "{answer:?}");
    }
    assert!(!server.admin_get("/api/v1/users").body.contains("argon2"));
}

#[test]
fn bodies_that_are_no_json_or_too_large_are_refused() {
    let server = Server::start("");
    let url = format!("http://{}/api/v1/users", server.admin);
    let bearer = format!("Bearer {}", server.token);
    let large = json!({ "user_id": "x".repeat(8 * 1024 * 1024) });
    // The server may hang up on somebody who goes on sending.
    if let Ok(answer) = post(&url, &[("Authorization", &bearer)], &large) {
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    }
    for body in [json!([]), json!("x"), json!(null), json!({ "user_id": { "a": [] } })] {
        let answer = post(&url, &[("Authorization", &bearer)], &body).unwrap();
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    assert_eq!(server.admin_get("/healthz").status, 200);
}
