//! A database that goes away and comes back.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::records::figure;
use crate::registrant::{Registrant, status};
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
    let cluster = Postgres::start();
    let server = Server::start_at(&cluster.database(), "");
    let phone = Registrant::new(server.sip, 21, "a-phone", "any");
    assert_eq!(status(&phone.register()), 200);
    let stored = || cluster.ask(server.database(), "SELECT cseq FROM location").trim().to_owned();
    let before = stored();
    cluster.stop();
    let (since, mut longest) = (Instant::now(), Duration::ZERO);
    while since.elapsed() < OUTAGE {
        let asked = Instant::now();
        let answer = phone.register();
        longest = longest.max(asked.elapsed());
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(answer.contains("Contact: <sip:a-phone@127.0.0.21"), "{answer}");
        std::thread::sleep(Duration::from_secs(1));
    }
    eprintln!("a registration took {longest:?} at most");
    assert!(figure(&server, "registrar_unwritten_bindings") > 0.0);
    cluster.launch();
    wait_for("the newest registration to be written", PATIENCE, || {
        (figure(&server, "registrar_unwritten_bindings") == 0.0).then_some(())
    });
    assert!(stored().parse::<u32>().unwrap() > before.parse::<u32>().unwrap() + 4, "{before} {}", stored());
    assert!(!server.log().contains("panicked"));
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
