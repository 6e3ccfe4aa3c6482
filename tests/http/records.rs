//! Records of the directory as administrators keep them over the API: the same five operations for every kind.

use serde_json::{Value, json};

use crate::support::http::{Answer, delete, get, patch, post};
use crate::support::server::Server;

/// A server and somebody who administers it.
struct Office {
    server: Server,
    bearer: String,
}

impl Office {
    fn open() -> Self {
        let server = Server::start("");
        let bearer = format!("Bearer {}", server.token);
        Self { server, bearer }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.server.admin)
    }

    fn headers<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [("Authorization", self.bearer.as_str())].into_iter().chain(more.iter().copied()).collect()
    }

    fn get(&self, path: &str) -> Answer {
        get(&self.url(path), &self.headers(&[])).unwrap()
    }

    fn post(&self, path: &str, body: &Value, more: &[(&str, &str)]) -> Answer {
        post(&self.url(path), &self.headers(more), body).unwrap()
    }

    fn patch(&self, path: &str, body: &Value, more: &[(&str, &str)]) -> Answer {
        patch(&self.url(path), &self.headers(more), body).unwrap()
    }

    fn delete(&self, path: &str, more: &[(&str, &str)]) -> Answer {
        delete(&self.url(path), &self.headers(more)).unwrap()
    }

    fn names(&self, query: &str) -> (Vec<String>, Value) {
        let answer = self.get(query);
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let names = body["items"].as_array().unwrap().iter().map(|user| user["user_id"].as_str().unwrap().to_owned());
        (names.collect(), body)
    }
}

#[test]
fn every_kind_is_added_shown_changed_and_deleted_alike() {
    let office = Office::open();
    // A kind, one of it, the name it is known by, and a change.
    let kinds = [
        ("users", json!({ "user_id": "mori", "primary_extension": "1501" }), "mori", json!({ "name": "森 明" })),
        ("user-profiles", json!({ "name": "Sales", "device_limit": 3 }), "Sales", json!({ "device_limit": 20 })),
        ("device-templates", json!({ "name": "D", "phone_name": "{mac}" }), "D", json!({ "phone_name": "{model}" })),
        ("line-templates", json!({ "name": "L", "label": "a", "display": "b" }), "L", json!({ "label": "c" })),
        ("feature-group-templates", json!({ "name": "F", "profile": "Everybody" }), "F", json!({ "locale": "en" })),
        ("directory-numbers", json!({ "number": "1777" }), "1777", json!({ "description": "Lobby" })),
        ("number-pools", json!({ "name": "P", "first": "1600", "last": "1699" }), "P", json!({ "last": "1649" })),
        ("line-groups", json!({ "name": "G", "site": "Osaka" }), "G", json!({ "site": "Kobe" })),
        (
            "portal-accounts",
            json!({ "login": "osaka", "time_zone": "Asia/Tokyo" }),
            "osaka",
            json!({ "mail": "osaka@example.com", "password": "correct horse" }),
        ),
        ("route-points", json!({ "name": "R", "numbers": ["2999"] }), "R", json!({ "numbers": ["2998", "2997"] })),
        ("application-users", json!({ "name": "A", "cti_enabled": true }), "A", json!({ "password": "correct horse" })),
    ];
    for (kind, one, name, change) in kinds {
        let added = office.post(&format!("/{kind}"), &one, &[]);
        assert_eq!((added.status, added.headers["ETag"].to_str().unwrap()), (201, "\"1\""), "{kind}: {added:?}");
        let path = format!("/{kind}/{name}");
        let by_identifier = format!("/{kind}/{}", added.json()["id"].as_str().unwrap());
        assert_eq!(office.get(&path).json(), added.json());
        assert_eq!(office.get(&by_identifier).json(), added.json());
        let twice = office.post(&format!("/{kind}"), &one, &[]);
        assert!(matches!(twice.status, 409 | 422), "{kind}: {twice:?}");

        // A change is made to the version it was meant for, and to no other.
        assert_eq!(office.patch(&path, &change, &[("If-Match", "\"9\"")]).status, 412);
        let changed = office.patch(&path, &change, &[("If-Match", "\"1\"")]);
        assert_eq!((changed.status, changed.headers["ETag"].to_str().unwrap()), (200, "\"2\""), "{kind}: {changed:?}");
        for (field, value) in change.as_object().unwrap() {
            assert!(field == "password" || changed.json()[field] == *value, "{kind}: {changed:?}");
        }
        assert_eq!(office.patch(&path, &json!({ "colour": "red" }), &[]).json()["field"], "colour", "{kind}");

        // Who did it, and what it was before.
        let trail =
            office.get(&format!("/audit?record={}&sort=created_at", added.json()["id"].as_str().unwrap())).json();
        let actions: Vec<&str> =
            trail["items"].as_array().unwrap().iter().filter_map(|entry| entry["action"].as_str()).collect();
        assert_eq!(actions, ["create", "change"], "{trail:#}");
        assert_eq!(trail["items"][1]["actor"], "first administrator");
        assert_eq!(
            (&trail["items"][1]["before"]["version"], &trail["items"][1]["after"]["version"]),
            (&json!(1), &json!(2))
        );
        assert!(!trail.to_string().contains("argon2") && !trail.to_string().contains("correct horse"), "{trail:#}");

        assert_eq!(office.delete(&path, &[("If-Match", "\"1\"")]).status, 412);
        assert_eq!(office.delete(&path, &[("If-Match", "\"2\"")]).status, 204);
        assert_eq!((office.get(&path).status, office.delete(&path, &[]).status), (404, 404));
    }
}

#[test]
fn a_list_is_filtered_sorted_and_paged() {
    let office = Office::open();
    for number in 1..=25 {
        let user = json!({ "user_id": format!("u{number:02}"), "primary_extension": format!("15{number:02}"),
                           "family_name": if number % 2 == 0 { "Even" } else { "Odd" }, "given_name": number.to_string() });
        assert_eq!(office.post("/users", &user, &[]).status, 201);
    }
    // Every page once, in order, nobody twice.
    let (mut seen, mut query) = (Vec::new(), "/users?limit=7&sort=-user_id&user_id=u*".to_owned());
    loop {
        let (names, page) = office.names(&query);
        assert_eq!(page["total"], 25);
        seen.extend(names);
        let Some(cursor) = page["next"].as_str() else { break };
        query = format!("/users?limit=7&sort=-user_id&user_id=u*&cursor={cursor}");
    }
    let expected: Vec<String> = (1..=25).rev().map(|number| format!("u{number:02}")).collect();
    assert_eq!(seen, expected);

    assert_eq!(office.names("/users?family_name=Even").0.len(), 12);
    assert_eq!(office.names("/users?q=odd%2013").0, ["u13"]);
    assert_eq!(office.names("/users?q=1513").0, ["u13"]);
    assert_eq!(office.names("/users?q=%25").0, Vec::<String>::new());
    assert_eq!(office.names("/users?profile=&limit=1").1["total"], 28);
    for (query, names) in
        [("limit=0", "limit"), ("sort=pin_hash", "sort"), ("colour=red", "colour"), ("cursor=x", "cursor")]
    {
        let answer = office.get(&format!("/users?{query}"));
        assert_eq!((answer.status, answer.json()["field"].as_str()), (400, Some(names)), "{answer:?}");
    }
}

#[test]
fn a_repeated_request_is_carried_out_once() {
    let office = Office::open();
    let draft = json!({ "name": "robot", "role": "view" });
    let key = [("Idempotency-Key", "a-1")];
    let first = office.post("/tokens", &draft, &key);
    let again = office.post("/tokens", &draft, &key);
    assert_eq!((first.status, again.status), (201, 201), "{again:?}");
    assert_eq!((again.json(), &again.headers["ETag"]), (first.json(), &first.headers["ETag"]));
    assert_eq!(again.headers["Idempotency-Replayed"], "true");
    // The same key with another request is a mistake.
    let other = office.post("/tokens", &json!({ "name": "other", "role": "view" }), &key);
    assert_eq!((other.status, other.json()["field"].as_str()), (409, Some("Idempotency-Key")));
    // A refusal may be mended under the same key.
    let key = [("Idempotency-Key", "a-2")];
    assert_eq!(office.post("/tokens", &json!({ "name": "", "role": "view" }), &key).status, 422);
    assert_eq!(office.post("/tokens", &json!({ "name": "mended", "role": "view" }), &key).status, 201);
    // The answer holds a token, and is not to be read from the disk.
    let token = first.json()["token"].as_str().unwrap().to_owned();
    let octets = office.server.stored_octets();
    assert!(!octets.windows(token.len()).any(|window| window == token.as_bytes()));
}

#[test]
fn what_is_in_use_stays_and_its_users_are_named() {
    let office = Office::open();
    let profile = json!({ "name": "Sales", "desk_template": "Desk phone" });
    assert_eq!(office.post("/user-profiles", &profile, &[]).status, 201);
    let user = json!({ "user_id": "mori", "primary_extension": "1501", "profile": "Sales" });
    assert_eq!(office.post("/users", &user, &[]).status, 201);
    for (path, by) in [
        ("/user-profiles/Sales", "mori"),
        ("/device-templates/Desk%20phone", "Sales"),
        ("/directory-numbers/1501", "mori"),
    ] {
        let answer = office.delete(path, &[]);
        assert!(answer.status == 409 && answer.json()["detail"].as_str().unwrap().contains(by), "{path}: {answer:?}");
    }
    // A number rings one thing: an extension reaches no route point, and the other way round.
    assert_eq!(
        office.post("/route-points", &json!({ "name": "R", "numbers": ["1501"] }), &[]).json()["field"],
        "numbers"
    );
    assert_eq!(office.post("/route-points", &json!({ "name": "R", "numbers": ["1888"] }), &[]).status, 201);
    let user = json!({ "user_id": "abe", "primary_extension": "1888" });
    assert_eq!(office.post("/users", &user, &[]).json()["field"], "primary_extension");
    // One profile is the default, and a new one takes its place.
    assert_eq!(office.patch("/user-profiles/Sales", &json!({ "is_default": true }), &[]).status, 200);
    assert_eq!(office.get("/user-profiles/Everybody").json()["is_default"], false);
}

#[test]
fn an_error_speaks_the_language_of_the_reader() {
    let office = Office::open();
    let user = json!({ "user_id": "mori", "primary_extension": "12a" });
    let said = |language: &str| {
        let answer = office.post("/users", &user, &[("Accept-Language", language)]);
        let body = answer.json();
        assert_eq!((answer.status, &body["field"]), (422, &json!("primary_extension")));
        (answer.headers["Content-Language"].to_str().unwrap().to_owned(), body["detail"].as_str().unwrap().to_owned())
    };
    let (tag, japanese) = said("ja-JP,en;q=0.5");
    assert!(tag.starts_with("ja") && japanese.contains("電話番号は"), "{tag} {japanese}");
    let (tag, english) = said("en");
    assert!(tag == "en" && english.contains("a directory number is 1 to 24"), "{tag} {english}");
    assert_eq!(said("xx").1, english);
}

#[test]
fn the_document_says_what_every_path_takes_and_gives() {
    let office = Office::open();
    let document = get(&office.url("/openapi.json"), &[]).unwrap().json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, operation)| operation.is_object()) {
            operations.push(operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path}")).to_owned());
            assert!(operation["responses"]["401"].is_object() && operation["summary"].is_string(), "{method} {path}");
            assert!(
                operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2')),
                "{method} {path}"
            );
        }
    }
    let count = operations.len();
    operations.sort();
    operations.dedup();
    assert_eq!(operations.len(), count, "an operationId is there twice");
    for path in ["/users", "/users/{name}", "/tokens", "/audit", "/enrolments/{name}", "/phones/{name}/push"] {
        assert!(paths.contains_key(&format!("/api/v1{path}")), "{path} in {:?}", paths.keys());
    }
    let page = get(&office.url("/docs"), &[]).unwrap();
    assert!(page.status == 200 && page.body.contains("openapi.json"));
}
