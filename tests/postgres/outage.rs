//! A database that goes away and comes back.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::kamailio::is_registered;
use crate::line_status::{Desk, codes, history};
use crate::registrant::{Registrant, answers_next, header, status};
use crate::support::postgres::Postgres;
use crate::support::server::{Server, USERS};
use crate::support::{http, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);
/// How long the database is away.
const OUTAGE: Duration = Duration::from_secs(60);

#[test]
fn while_the_database_is_away_the_api_says_when_to_come_back_and_afterwards_all_goes_on() {
    let cluster = Postgres::start();
    let one = Server::start_at(&cluster.database(), "");
    let other = one.neighbour("");
    cluster.stop();
    let answer = one.admin_get("/api/v1/users");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.headers.contains_key("Retry-After"), "{answer:?}");
    assert_eq!(http::get(&format!("http://{}/readyz", one.admin), &[]).unwrap().status, 503);
    assert_eq!(http::get(&format!("http://{}/healthz", one.admin), &[]).unwrap().status, 200);
    cluster.launch();
    for server in [&one, &other] {
        wait_for("the node to be ready again", PATIENCE, || {
            let ready = http::get(&format!("http://{}/readyz", server.admin), &[]).unwrap();
            (ready.status == 200).then_some(())
        });
    }
    // What is changed now is heard by the other again.
    assert_eq!(one.api_patch("/auto-registration", &json!({ "enabled": false })).status, 200);
    wait_for("the other node to have heard", PATIENCE, || {
        (other.api_get("/self-provisioning/status")["auto_registration"] == false).then_some(())
    });
    assert_eq!(one.api_post("/directory-numbers", &json!({ "number": "7000" })).status, 201);
    assert!(!one.log().contains("panicked") && !other.log().contains("panicked"));
    assert_eq!(USERS.len(), 3);
}

#[test]
fn while_the_database_is_away_phones_are_registered_and_what_was_not_written_lands_afterwards() {
    phones_go_on(OUTAGE, Postgres::stop, Postgres::launch);
}

#[test]
fn a_database_that_takes_connections_and_says_nothing_is_away_too() {
    phones_go_on(OUTAGE / 3, Postgres::freeze, Postgres::thaw);
}

fn phones_go_on(outage: Duration, goes_away: fn(&Postgres), comes_back: fn(&Postgres)) {
    let cluster = Postgres::start();
    let server = Server::start_at(&cluster.database(), "");
    server.fill();
    let other = server.neighbour("");
    let [stays, comes, goes] = [0, 1, 2].map(|user| Desk::of(&server, 0x60 + user as u16, user));
    let (phone, new, mut gone) = (stays.at(&server, 21), comes.at(&server, 22), goes.at(&server, 23));
    assert_eq!((status(&phone.register()), status(&gone.register())), (200, 200));
    let stranger = Registrant::new(server.sip, 24, "new-to-all", "any");
    let guesser = stays.with(&server, 25, &stays.auth_name, "wrong");
    let stored = |desk: &Desk| {
        let asked = format!("SELECT cseq FROM location WHERE username = '{}'", desk.number);
        cluster.ask(server.database(), &asked).trim().to_owned()
    };
    assert_eq!((stored(&stays), stored(&comes), stored(&goes)), ("2".to_owned(), String::new(), "2".to_owned()));
    goes_away(&cluster);
    let (since, mut longest) = (Instant::now(), Duration::ZERO);
    while since.elapsed() < outage {
        // One refreshes, one comes, and one goes.
        for phone in [&phone, &new] {
            let asked = Instant::now();
            let answer = phone.register();
            longest = longest.max(asked.elapsed());
            assert_eq!(status(&answer), 200, "{answer}");
            assert!(answer.contains(&format!("@{}>", phone.place())), "{answer}");
        }
        if !gone.headers.contains("Expires") {
            // One nobody knows can be given no number, and is told when to come back.
            let refused = stranger.register();
            assert_eq!((status(&refused), header(&refused, "Retry-After").is_some()), (503, true), "{refused}");
            gone.headers.push_str("Expires: 0\r\n");
            assert_eq!(status(&gone.register()), 200);
            // And somebody tries a password.
            assert_eq!(status(&guesser.register()), 403);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    eprintln!("a registration took {longest:?} at most");
    assert!(server.figure("registrar_unwritten_bindings") >= 3.0);
    comes_back(&cluster);
    wait_for("the newest registrations to be written", PATIENCE, || {
        (server.figure("registrar_unwritten_bindings") == 0.0).then_some(())
    });
    let newest = |phone: &Registrant| phone.turn().to_string();
    assert_eq!((stored(&stays), stored(&comes), stored(&goes)), (newest(&phone), newest(&new), String::new()));
    assert_eq!(status(&stranger.register()), 200);
    // What became of the lines meanwhile is in their history, and was told, once.
    for (desk, entries, events) in [
        (&stays, "registered wrong-password", "line.registered line.failed"),
        (&comes, "registered", "line.registered"),
        (&goes, "registered unregistered", "line.registered line.lost"),
    ] {
        wait_for(&format!("a line's history to be {entries}"), PATIENCE, || {
            (codes(&history(&server, &desk.line)).join(" ") == entries).then_some(())
        });
        let told = server.api_get(&format!("/events?type=line.*&subject={}&sort=sequence", desk.line));
        let told: Vec<&str> = told.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(told.join(" "), events);
    }
    // So was what is told beside them.
    for (desk, kind) in [(&comes, "phone.registered"), (&goes, "phone.lost")] {
        wait_for(kind, PATIENCE, || {
            let told = server.api_get(&format!("/events?type={kind}"));
            told.as_array().unwrap().iter().any(|event| event["data"]["aor"] == desk.number.as_str()).then_some(())
        });
    }
    assert_eq!(server.figure("events_lost_total"), 0.0);
    // The other node, which heard of nothing meanwhile, learns of it.
    for (desk, wanted) in [(&stays, true), (&comes, true), (&goes, false)] {
        is_registered(&other, &desk.line, wanted);
    }
    assert!(!server.log().contains("panicked"));
}

#[test]
fn who_is_refreshed_at_one_node_is_called_by_way_of_another_while_the_database_is_away() {
    const BRIEF: &str = "registrar.shortest_seconds = 1";
    let cluster = Postgres::start();
    // It is the one on duty: it judges what lapsed.
    let server = Server::start_at(&cluster.database(), BRIEF);
    server.fill();
    let other = server.neighbour(BRIEF);
    let [calls, called] = [0, 1].map(|user| Desk::of(&server, 0x68 + user as u16, user));
    let (mut caller, mut callee) = (calls.at(&server, 24), called.at(&other, 25));
    callee.headers = "Expires: 10\r\n".to_owned();
    assert_eq!((status(&caller.register()), status(&callee.register())), (200, 200));
    is_registered(&server, &called.line, true);
    // Somebody else writes of the caller what is newer than what it says from now on.
    let stored =
        || cluster.ask(server.database(), "SELECT user_agent FROM location WHERE username = '1001'").trim().to_owned();
    cluster.ask(
        server.database(),
        "UPDATE location SET last_modified = last_modified + interval '1 hour', user_agent = 'Else/1.0' WHERE username = '1001'",
    );
    cluster.stop();
    assert_eq!(status(&caller.register()), 200);
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(20) {
        assert_eq!(status(&callee.register()), 200);
        std::thread::sleep(Duration::from_secs(4));
    }
    // As far as the other has heard, it lapsed some time ago.
    assert_eq!(status(&callee.register()), 200);
    let socket = callee.into_socket();
    let rings = std::thread::spawn(move || answers_next(&socket, "INVITE ", "486 Busy Here"));
    caller.dials.clone_from(&called.number);
    let answer = caller.try_once("INVITE");
    assert_eq!(status(&answer), 486, "{answer}");
    rings.join().unwrap();
    assert_eq!(status(&called.at(&other, 25).register()), 200);
    cluster.launch();
    for node in [&server, &other] {
        wait_for("what waited to be written", PATIENCE, || {
            (node.figure("registrar_unwritten_bindings") == 0.0).then_some(())
        });
    }
    // What waited gives way; what does not wait never does.
    assert_eq!(stored(), "Else/1.0");
    assert_eq!(status(&caller.register()), 200);
    assert_eq!(stored(), "Test/1.0");
    // Nobody takes it for lost before that was read, nor afterwards.
    std::thread::sleep(Duration::from_secs(8));
    is_registered(&server, &called.line, true);
    let lost = "SELECT count(*) FROM events WHERE type IN ('line.lost', 'phone.lost')";
    assert_eq!(cluster.ask(server.database(), lost).trim(), "0");
    for node in [&server, &other] {
        assert_eq!(node.log().matches("the database takes registrations again").count(), 1, "{}", node.log());
    }
}

/// A phone that answers the call it gets so.
#[test]
fn whatever_was_acknowledged_is_in_the_database_when_the_node_is_killed() {
    let cluster = Postgres::shared();
    let mut server = crate::server("");
    let phones: Vec<Registrant> =
        (0..64).map(|turn| Registrant::new(server.sip, 50 + turn % 8, &format!("phone-{turn:02}"), "any")).collect();
    std::thread::scope(|scope| {
        for eight in phones.chunks(8) {
            scope.spawn(|| eight.iter().for_each(|phone| assert_eq!(status(&phone.register()), 200)));
        }
    });
    // No moment after the last answer.
    server.kill9();
    let stored = cluster.ask(server.database(), "SELECT string_agg(username, ' ' ORDER BY username) FROM location");
    let all: Vec<&str> = phones.iter().map(|phone| phone.name.as_str()).collect();
    assert_eq!(stored, all.join(" "));
}

#[test]
fn what_the_database_will_never_take_keeps_nothing_else_back() {
    let cluster = Postgres::shared();
    let server = crate::server("");
    cluster.ask(server.database(), "ALTER TABLE location ADD CONSTRAINT no_such_phone CHECK (user_agent <> 'Bad/1.0')");
    let stored = || cluster.ask(server.database(), "SELECT string_agg(username, ' ' ORDER BY username) FROM location");
    let phones: Vec<Registrant> =
        (0..8).map(|turn| Registrant::new(server.sip, 30 + turn, &format!("phone-{turn}"), "any")).collect();
    let mut bad = Registrant::new(server.sip, 40, "phone-bad", "any");
    bad.headers = "User-Agent: Bad/1.0\r\n".to_owned();
    // In one group with others, as far as it can be had. It is told that nothing came of it, and nothing did.
    std::thread::scope(|scope| {
        for phone in &phones {
            scope.spawn(|| assert_eq!(status(&phone.register()), 200));
        }
        scope.spawn(|| assert_eq!(status(&bad.register()), 500));
    });
    wait_for("what is there instead to be read again", PATIENCE, || {
        let listed = server.api_get("/phones?auth_name=phone-bad");
        listed[0]["registrations"].as_array().is_none_or(Vec::is_empty).then_some(())
    });
    let all: Vec<String> = (0..8).map(|turn| format!("phone-{turn}")).collect();
    assert_eq!(stored().trim(), all.join(" "));
    assert_eq!(server.figure("registrar_unwritten_bindings"), 0.0);
    // And what no database could hold is refused to whoever sends it.
    let mut odd = Registrant::new(server.sip, 41, "phone-odd", "any");
    odd.headers = "Path: <sip:192.0.2.1;lr>;name=\"\0\"\r\n".to_owned();
    assert_eq!(status(&odd.register()), 400);
    (odd.headers, odd.contact_params) = (String::new(), ";+sip.instance=\"<urn:uuid:\0>\"".to_owned());
    assert_eq!(status(&odd.register()), 400);
    odd.contact_params = String::new();
    assert_eq!(status(&odd.register()), 200);
}

#[test]
fn a_node_with_another_key_is_refused() {
    let cluster = Postgres::shared();
    let database = cluster.database();
    let one = Server::start_at(&database, "");
    let folder = tempfile::tempdir().unwrap();
    let started = std::process::Command::new(env!("CARGO_BIN_EXE_tsunagu"))
        .args(["serve", "--data-dir"])
        .arg(folder.path())
        .env("TSUNAGU_DATABASE_URL", one.database())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(!started.status.success() && said.contains("secret.key"), "{said}");
    assert!(!folder.path().join("secret.key").exists(), "the key that belongs there is to be put there");
}
