//! The events: followed, resumed, filtered, and listed.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tsunagu::directory::Happening;

use crate::house::House;
use crate::support::follower::{Follower, Item};
use crate::support::http::post_file;
use crate::support::server::Server;
use crate::support::wait_for;

fn follow(server: &Server, query: &str, behind: Option<&str>) -> Result<Follower, String> {
    Follower::follow(server.admin, &server.token, query, behind)
}

/// Adds a user, which is one event.
fn add(server: &Server, user_id: &str) {
    assert_eq!(server.api_post("/users", &json!({ "user_id": user_id })).status, 201);
}

fn ids(items: &[Item]) -> Vec<i64> {
    items.iter().map(|item| item.id).collect()
}

fn newest(server: &Server) -> i64 {
    server.admin_get("/api/v1/events?limit=1").json()["items"][0]["id"].as_str().unwrap().parse().unwrap()
}

/// A token with this role.
fn token(server: &Server, role: &str) -> String {
    let made = server.api_post("/tokens", &json!({ "name": role, "role": role }));
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_subscriber_resumes_without_loss_or_repetition_after_a_disconnection_and_after_a_restart() {
    let mut server = Server::start("");
    let before = newest(&server);
    let mut live = follow(&server, "", None).unwrap();
    add(&server, "one");
    let [first] = &live.take(1)[..] else { panic!() };
    assert_eq!((first.id, first.kind.as_str()), (before + 1, "directory.changed"));
    let data = &first.data["data"];
    assert_eq!((&data["kind"], &data["name"], &data["action"]), (&json!("user"), &json!("one"), &json!("create")));
    assert_eq!((&data["version"], &data["actor"]), (&json!(1), &json!("first administrator")));
    assert_eq!(first.data["id"], first.id.to_string());
    drop(live);
    for user in ["two", "three", "four"] {
        add(&server, user);
    }
    // The header is preferred to what a reconnecting browser repeats in its query.
    let mut again = follow(&server, "?after=0", Some(&first.id.to_string())).unwrap();
    let missed = again.take(3);
    assert_eq!(ids(&missed), [first.id + 1, first.id + 2, first.id + 3]);
    assert_eq!(missed[2].data["data"]["name"], "four");
    drop(again);
    let last = missed[2].id;
    server.restart();
    add(&server, "five");
    let mut later = follow(&server, &format!("?after={last}"), None).unwrap();
    let across = later.until(|item| item.data["data"]["name"] == "five");
    assert_eq!(ids(&across), (last + 1..=last + i64::try_from(across.len()).unwrap()).collect::<Vec<_>>());
    assert!(across.iter().any(|item| item.kind == "server.started"), "{across:#?}");
    // From the very first one on, none is missing either.
    let all = follow(&server, "?after=0", None).unwrap().until(|item| item.data["data"]["name"] == "five");
    assert_eq!(ids(&all), (1..=across.last().unwrap().id).collect::<Vec<_>>());
}

#[test]
fn what_is_no_longer_kept_is_told_once_and_the_stream_goes_on_behind_it() {
    let server = Server::start("limits.events_kept = 5");
    for number in 0..12 {
        add(&server, &format!("user{number}"));
    }
    let oldest = || {
        let kept = server.api_get("/events");
        let ids = kept.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().parse::<i64>().unwrap());
        ids.min().unwrap()
    };
    let newest = newest(&server);
    wait_for("old events to go", std::time::Duration::from_secs(40), || (oldest() == newest - 4).then_some(()));
    let items = follow(&server, "?after=2", None).unwrap().take(6);
    assert_eq!(items[0].kind, "feed.gap");
    assert_eq!(items[0].data["data"], json!({ "from": "3", "to": (newest - 5).to_string() }));
    assert_eq!(ids(&items[1..]), (newest - 4..=newest).collect::<Vec<_>>());
    // Who saw that and resumes behind it is told nothing twice.
    let resumed = follow(&server, "", Some(&items[0].id.to_string())).unwrap().take(5);
    assert_eq!(resumed[..], items[1..]);
    // An id this database never gave: it is not what the subscriber knew.
    let mut strange = follow(&server, "", Some("1000000")).unwrap();
    assert_eq!(strange.take(1)[0].kind, "feed.gap");
    add(&server, "afterwards");
    assert_eq!(strange.take(1)[0].data["data"]["name"], "afterwards");
}

#[test]
fn a_filter_takes_what_there_is_and_whoever_may_see_may_follow() {
    let server = Server::start("");
    for (query, field) in [("?type=enrolments.*", "type"), ("?after=new", "after"), ("?limit=5", "limit")] {
        let refusal = follow(&server, query, None).unwrap_err();
        assert!(refusal.contains(" 400 ") && refusal.contains(&format!("\"field\":\"{field}\"")), "{refusal}");
    }
    assert!(follow(&server, "", Some("x")).unwrap_err().contains("Last-Event-ID"));
    assert!(Follower::follow(server.admin, "tsu_nobody", "", None).unwrap_err().contains(" 401 "));
    assert!(Follower::follow(server.admin, &token(&server, "cti"), "", None).unwrap_err().contains(" 403 "));
    let viewer = token(&server, "view");
    let mut restarts = Follower::follow(server.admin, &viewer, "?type=service.*", None).unwrap();
    add(&server, "nobody-asked");
    let saved = server.api_patch("/self-provisioning?apply=restart-now", &json!({ "ports": 7 }));
    assert_eq!(saved.status, 200);
    let told = restarts.take(2);
    assert_eq!(
        (told[0].kind.as_str(), &told[0].data["data"]["fields"]),
        ("service.settings-changed", &json!(["ports"]))
    );
    assert_eq!((told[1].kind.as_str(), &told[1].data["data"]["generation"]), ("service.restarted", &json!(2)));
    assert_eq!(server.api_post("/self-provisioning/deactivate", &json!({})).status, 200);
    assert_eq!(server.api_post("/self-provisioning/activate", &json!({ "mode": "now" })).status, 200);
    let kinds: Vec<String> = restarts.take(4).into_iter().map(|item| item.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "service.settings-changed").count(), 2, "{kinds:?}");
    assert!(kinds.contains(&"service.deactivated".to_owned()) && kinds.contains(&"service.activated".to_owned()));
    // The list is filtered alike.
    let listed = server.admin_get("/api/v1/events?type=service.*&sort=sequence").json();
    assert_eq!((&listed["total"], &listed["items"][1]["type"]), (&json!(6), &json!("service.restarted")));
}

#[test]
fn who_follows_a_job_hears_how_far_it_is_and_how_it_ended() {
    let server = Server::start("");
    let mut follower = follow(&server, "?type=job.*", None).unwrap();
    let (url, bearer) = (format!("http://{}/api/v1/users/import", server.admin), format!("Bearer {}", server.token));
    let sent = post_file(&url, &[("Authorization", &bearer)], "text/csv", b"user_id\none\ntwo\n").unwrap();
    assert_eq!(sent.status, 202, "{sent:?}");
    let told = follower.until(|item| item.data["data"]["state"] == "done");
    assert!(told.iter().all(|item| item.data["subject"] == sent.json()["id"]), "{told:#?}");
    assert_eq!(told[0].data["data"]["state"], "waiting");
    let end = &told.last().unwrap().data["data"];
    assert_eq!((&end["kind"], &end["done"], &end["total"]), (&json!("import"), &json!(2), &json!(2)));
}

#[test]
fn as_many_follow_as_there_are_places_and_the_next_one_is_told_so() {
    let server = Server::start("limits.event_subscribers = 10");
    let mut all: Vec<Follower> = (0..10).map(|_| follow(&server, "", None).unwrap()).collect();
    let refusal = follow(&server, "", None).unwrap_err();
    assert!(refusal.contains(" 429 ") && refusal.contains("too-many-subscribers"), "{refusal}");
    assert!(refusal.to_ascii_lowercase().contains("retry-after: "), "{refusal}");
    add(&server, "heard-by-all");
    for follower in &mut all {
        assert_eq!(follower.take(1)[0].data["data"]["name"], "heard-by-all");
    }
    let figures = server.admin_get("/metrics").body;
    for figure in ["event_subscribers 10\n", "event_subscribers_refused_total 1\n", "limits.event_subscribers\"} 10\n"]
    {
        assert!(figures.contains(figure), "{figure}: {figures}");
    }
    all.truncate(9);
    wait_for("the place given up", std::time::Duration::from_secs(20), || follow(&server, "", None).ok());
}

#[test]
fn a_stream_ends_with_the_server_and_says_where_to_resume() {
    let mut server = Server::start("");
    let mut follower = follow(&server, "", None).unwrap();
    let reader = std::thread::spawn(move || {
        let items = follower.until(|item| item.kind == "feed.end");
        (items, follower.next())
    });
    assert!(server.stop().success());
    let (items, after) = reader.join().unwrap();
    assert_eq!(after, None);
    let [.., stopping, end] = &items[..] else { panic!("{items:?}") };
    assert_eq!(stopping.kind, "server.stopping");
    assert_eq!(end.data["data"], json!({ "resume_after": stopping.id.to_string(), "reason": "stopping" }));
    server.restart();
    let next = follow(&server, "", Some(&stopping.id.to_string())).unwrap().take(1);
    assert_eq!((next[0].id, next[0].kind.as_str()), (stopping.id + 1, "server.started"));
}

/// More than any socket's buffers hold, in the server's process, so that it takes moments.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_makes_nobody_wait_and_loses_nothing() {
    const EVENTS: usize = 60_000;
    let house = House::open("").await;
    let token = house.token();
    let admin = house.running.admin;
    let mut deaf = TcpStream::connect(admin).unwrap();
    let request = format!(
        "GET /api/v1/events?type=server.*&after=0 HTTP/1.0\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
    );
    deaf.write_all(request.as_bytes()).unwrap();
    for block in 0..EVENTS / 10_000 {
        for calls in 0..10_000 {
            house.running.directory.feed().tell(Happening::ServerStopping { calls: block * 10_000 + calls });
        }
        house.running.directory.feed().settle().await;
    }
    // Another one reads it all, in order, while the first does not.
    let read = move || {
        let mut reader = Follower::follow(admin, &token, "?type=server.stopping&after=0", None).unwrap();
        reader.take(EVENTS)
    };
    let items = tokio::task::spawn_blocking(read).await.unwrap();
    let calls: Vec<u64> = items.iter().map(|item| item.data["data"]["calls"].as_u64().unwrap()).collect();
    assert!(calls.iter().copied().eq(0..EVENTS as u64));
    // Now the first reads: either all of it, or up to where it is told to resume.
    let heard = tokio::task::spawn_blocking(move || {
        let (mut text, mut part) = (String::new(), [0; 65_536]);
        deaf.set_read_timeout(Some(std::time::Duration::from_secs(40))).unwrap();
        let is_done =
            |text: &str| text.contains(&format!("\"calls\":{}}}", EVENTS - 1)) || text.contains("feed.cut-off");
        while let Ok(length @ 1..) = deaf.read(&mut part) {
            text.push_str(&String::from_utf8_lossy(&part[..length]));
            if is_done(&text[text.len().saturating_sub(70_000)..]) {
                break;
            }
        }
        text
    });
    let heard = heard.await.unwrap();
    let calls = heard.lines().filter_map(|line| line.strip_prefix("data: ")?.parse::<Value>().ok());
    let calls: Vec<u64> = calls.filter_map(|data| data["data"]["calls"].as_u64()).collect();
    assert!(!calls.is_empty() && calls.iter().copied().eq(0..calls.len() as u64));
    house.close().await;
}

#[test]
fn the_document_says_every_type_of_event_and_of_notice() {
    let server = Server::start_empty("");
    let document = server.admin_get("/api/v1/openapi.json").json();
    let operation = &document["paths"]["/api/v1/events"]["get"];
    let answers = &operation["responses"]["200"]["content"];
    assert!(answers["application/json"].is_object() && answers["text/event-stream"]["schema"].is_object());
    let names: Vec<&str> =
        operation["parameters"].as_array().unwrap().iter().filter_map(|parameter| parameter["name"].as_str()).collect();
    for name in ["after", "type", "subject", "severity", "limit", "cursor", "Last-Event-ID"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let text = document.to_string();
    for kind in Happening::TYPES.iter().chain(&["feed.gap", "feed.cut-off", "feed.end"]) {
        assert!(text.contains(&format!("\"const\":\"{kind}\"")), "{kind}");
    }
}
