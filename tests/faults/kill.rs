//! kill -9 at random moments of registrations and binds: nothing acknowledged is lost, nothing is half.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use sqlx::Row;
use tsunagu::phone::{Make, SipTransport};

use crate::bare_call::BareCall;
use crate::caller::{Handset, Place, factory_new, generic};
use crate::records::phone_named;
use crate::registrant::{Registrant, status};
use crate::support::server::{Server, USERS};
use crate::support::wait_for;

/// How often the server is killed, where [`KILLS`] doesn't say otherwise.
const USUAL: usize = 40;
/// Names the variable that says how often.
const KILLS: &str = "TSUNAGU_KILLS";
/// Phones that are at it when the server is killed.
const PHONES: usize = 3;
/// The longest the server may take to be ready again. It takes less than five seconds; a busy machine may take more.
const READY_AGAIN: Duration = Duration::from_secs(20);
const PIN: &str = "284613";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_survives_kill_9_and_no_bind_is_half() {
    let kills = std::env::var(KILLS).ok().and_then(|text| text.parse().ok()).unwrap_or(USUAL);
    let mut server = Server::start(
        "dialogue.languages = [\"en\"]\ncalls.ring_back = false\nregistrar.quarantine_seconds = 3600\n\
         auto_registration.first = \"90000\"\nauto_registration.last = \"99999\"\n\
         auto_registration.per_address_per_minute = 100000\nself_provisioning.completion.seconds = 3600",
    );
    // Two phones that live through it all, one of them with a password and so with nonces from before each death.
    let place = Place { sip: server.sip, handset: server.handset };
    let steady = [
        Handset::plug_in(generic(&place, "steady", SipTransport::Udp)).await.unwrap(),
        Handset::plug_in(factory_new(&place, Make::AudioCodes, 1)).await.unwrap(),
    ];
    let mut random = StdRng::seed_from_u64(0x7375_6e61_6775);
    let mut acknowledged = BTreeSet::new();
    let (mut slowest, mut binds) = (Duration::ZERO, 0);
    for round in 0..kills {
        add_user(&server, round);
        let names: Vec<_> = (0..PHONES).map(|phone| format!("phone{round}-{phone}")).collect();
        let before_death = Duration::from_millis(random.random_range(0..250));
        acknowledged.extend(lives_until_killed(&mut server, names, &extension(round), before_death).await);
        let bound = bound_by(&server.log());
        let started = Instant::now();
        server.restart();
        slowest = slowest.max(started.elapsed());
        let state = State::of(&server).await;
        state.has_nothing_half();
        state.has(&acknowledged);
        state.has_bound(&bound);
        for handset in &steady {
            handset.phone.register().await.unwrap_or_else(|error| panic!("{error}: {:#?}", handset.events()));
        }
        binds = bound.len();
    }
    assert!(binds >= kills / 4, "only {binds} binds in {kills} rounds: the kills come too early to show anything");
    assert!(slowest < READY_AGAIN, "ready again only after {slowest:?}");
    println!(
        "{kills} kills, {} registrations, {binds} binds; ready again after {slowest:?} at the most",
        acknowledged.len()
    );
}

fn extension(round: usize) -> String {
    (20_000 + round).to_string()
}

fn add_user(server: &Server, round: usize) {
    let user = json!({ "user_id": format!("user{round}"), "primary_extension": extension(round), "pin": PIN });
    let answer = server.api_post("/users", &user);
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Phones register and are claimed as fast as they can, until the server dies under them. Gives whose registration was acknowledged.
async fn lives_until_killed(
    server: &mut Server,
    names: Vec<String>,
    extension: &str,
    before_death: Duration,
) -> BTreeSet<String> {
    let place = Place { sip: server.sip, handset: server.handset };
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let lives = names.into_iter().map(|name| {
        let (place, acknowledged, is_over) = (place.clone(), acknowledged.clone(), is_over.clone());
        let keys = format!("{extension}##{PIN}#");
        tokio::spawn(async move {
            let handset = Handset::switch_on(generic(&place, &name, SipTransport::Udp)).await;
            let registered = handset.phone.register().await;
            // An answer that came back to a dead server's port is from before its death.
            if registered.is_ok() && !is_over.load(Ordering::SeqCst) {
                acknowledged.lock().unwrap().insert(name.clone());
            }
            let claim = tokio::task::spawn_blocking(move || BareCall::place(place.sip, &name)?.press(&keys));
            let _ = claim.await;
        })
    });
    let lives: Vec<_> = lives.collect();
    tokio::time::sleep(before_death).await;
    is_over.store(true, Ordering::SeqCst);
    let so_far = acknowledged.lock().unwrap().clone();
    server.kill9();
    lives.iter().for_each(|life| life.abort());
    so_far
}

/// The phones the server said, after the commit, to have bound.
fn bound_by(log: &str) -> BTreeSet<String> {
    let lines = log.lines().filter(|line| line.contains("a phone was bound to its user"));
    let id = |line: &str| Some(line.split_once("phone=")?.1.chars().take_while(char::is_ascii_hexdigit).collect());
    lines.filter_map(id).collect()
}

/// What is there after a restart: by the API and in the database.
struct State {
    phones: Vec<Value>,
    users: BTreeMap<String, String>,
    /// Number of each lease by phone, and whether it cools.
    leases: BTreeMap<String, bool>,
    enrolments: BTreeMap<String, (bool, bool)>,
}

impl State {
    async fn of(server: &Server) -> Self {
        let users = server.api_get("/users");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let users = users.as_array().unwrap().iter().map(|user| (text(&user["id"]), text(&user["primary_extension"])));
        let file = format!("sqlite://{}?mode=ro", server.data_dir().join("tsunagu.db").display());
        let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
        let leases = sqlx::query("SELECT phone, cooling_until IS NOT NULL FROM leases").fetch_all(&pool).await.unwrap();
        let enrolments =
            sqlx::query("SELECT phone, user IS NOT NULL, bound_at IS NOT NULL FROM enrolments").fetch_all(&pool).await;
        pool.close().await;
        Self {
            phones: server.api_get("/phones").as_array().unwrap().clone(),
            users: users.collect(),
            leases: leases.iter().map(|row| (row.get(0), row.get(1))).collect(),
            enrolments: enrolments.unwrap().iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect(),
        }
    }

    /// Every phone is wholly its user's, or wholly in quarantine.
    fn has_nothing_half(&self) {
        for phone in &self.phones {
            let id = phone["id"].as_str().unwrap();
            let lines = phone["lines"].as_array().unwrap();
            let cools = self.leases.get(id).copied();
            match phone["state"].as_str().unwrap() {
                "enrolled" => {
                    let extension = &self.users[phone["user"].as_str().unwrap_or_else(|| panic!("no user: {phone:#}"))];
                    assert_eq!((lines.len(), &lines[0]["number"]), (1, &json!(extension)), "{phone:#}");
                    assert!(phone["temporary_number"].is_null() && phone["name"] != "", "{phone:#}");
                    assert_eq!(cools, Some(true), "the temporary number does not cool: {phone:#}");
                    assert_eq!(self.enrolments.get(id), Some(&(true, true)), "{phone:#}");
                }
                "quarantine" => {
                    assert!(lines.is_empty() && phone["user"].is_null() && phone["name"] == "", "{phone:#}");
                    assert!(!phone["temporary_number"].is_null(), "{phone:#}");
                    assert_eq!(cools, Some(false), "{phone:#}");
                    assert!(self.enrolments.get(id).is_none_or(|is| *is == (false, false)), "{phone:#}");
                }
                other => panic!("{other}: {phone:#}"),
            }
        }
    }

    /// Every registration that was acknowledged is there.
    fn has(&self, acknowledged: &BTreeSet<String>) {
        let phones: BTreeMap<_, _> =
            self.phones.iter().map(|phone| (phone["auth_name"].as_str().unwrap(), phone)).collect();
        for name in acknowledged {
            let phone = phones.get(name.as_str()).unwrap_or_else(|| panic!("{name} was registered, and is gone"));
            let is_there = phone["registrations"].as_array().unwrap().iter().any(|at| at["number"] == name.as_str());
            assert!(is_there, "a registration was acknowledged and is lost: {phone:#}");
        }
    }

    /// Every bind that was committed is there.
    fn has_bound(&self, bound: &BTreeSet<String>) {
        let is_enrolled = |phone: &&Value| phone["state"] == "enrolled";
        let enrolled: BTreeSet<_> =
            self.phones.iter().filter(is_enrolled).map(|phone| phone["id"].as_str().unwrap().to_owned()).collect();
        assert!(bound.is_subset(&enrolled), "binds were lost: {:?}", bound.difference(&enrolled));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_line_stands_that_was_not_written_before_the_server_was_killed_is_looked_up_after_it() {
    let mut server = Server::start("calls.ring_back = false");
    let registered = |server: &Server| server.api_get("/lines?state=registered").as_array().unwrap().len();
    add_user(&server, 0);
    let users = USERS.map(|user| user.user_id);
    let mut phones = ["one", "two", "three"].map(|name| Registrant::new(server.sip, 1, name, "any"));
    for (phone, user) in phones.iter_mut().zip([users[0], users[1], "user0"]) {
        assert_eq!(status(&phone.register()), 200);
        let begun = json!({ "phone": phone_named(&server, &phone.name)["id"], "user": user });
        assert_eq!(server.api_post("/enrolments", &begun).status, 201);
    }
    wait_for("all lines", READY_AGAIN, || (registered(&server) == 3).then_some(()));
    phones[2].headers = "Expires: 0\r\n".to_owned();
    assert_eq!(status(&phones[2].register()), 200);
    wait_for("the third to be gone", READY_AGAIN, || (registered(&server) == 2).then_some(()));
    server.kill9();
    // As if neither the second's coming nor the third's going had been written.
    let file = format!("sqlite://{}", server.data_dir().join("tsunagu.db").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    for unwritten in [
        "UPDATE line_status SET state = 'registered', registered_until = since + 3600000 WHERE state <> 'registered'",
        "DELETE FROM line_status WHERE phone = (SELECT id FROM phones WHERE auth_name = 'two')",
    ] {
        assert_eq!(sqlx::query(unwritten).execute(&pool).await.unwrap().rows_affected(), 1, "{unwritten}");
    }
    pool.close().await;
    server.restart();
    let numbers = |server: &Server, state: &str| {
        let lines = server.api_get(&format!("/lines?state={state}"));
        let numbers = lines.as_array().unwrap().iter().map(|line| line["number"].as_str().unwrap().to_owned());
        numbers.collect::<BTreeSet<_>>()
    };
    wait_for("the second to be there, and the third not", READY_AGAIN, || {
        let is_it = numbers(&server, "registered") == [USERS[0], USERS[1]].map(|user| user.extension.to_owned()).into();
        (is_it && numbers(&server, "not-registered") == [extension(0)].into()).then_some(())
    });
    let third = server.api_get("/lines?state=not-registered");
    assert_eq!(third[0]["code"], "unregistered", "{third:#}");
}
