//! Guessing PINs: the counters hold whoever guesses, however many at once, and over a kill -9.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use tsunagu::enrolment::{ClaimVerdict, Refusal};
use tsunagu::phone::SipTransport;
use tsunagu::vocab::UnixMillis;

use crate::bare_call::BareCall;
use crate::caller::{Handset, Place, generic};
use crate::house::{House, PIN};
use crate::records::{detail, enrolment_of, eventually, phone_named};
use crate::support::server::{Server, USERS};

const OPEN: &str = "[auto_registration]\nenabled = true\nper_address_per_minute = 600\n";
const WRONG: &str = "000000";
const LOCKED_OUT: ClaimVerdict = ClaimVerdict::Refused(Refusal::LockedOut);
/// The most verdicts one device, or one user, may get in an hour.
const MOST: usize = 10;

/// Every counter as it stands.
async fn counters(house: &House) -> Vec<(String, String, i64, Option<i64>)> {
    let rows = sqlx::query("SELECT scope, subject, failures, locked_until FROM lockouts ORDER BY scope, subject")
        .fetch_all(house.running.directory.db().reader())
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_gets_at_most_ten_verdicts_an_hour_whomever_it_guesses_at() {
    let house = House::open(OPEN).await;
    let phone = house.new_phone(1).await;
    let start = UnixMillis::now();
    let mut verdicts = 0;
    // Each user in turn, so that only the device's own counter can stop it.
    for second in (0..3600).step_by(6) {
        let (id, now) = ((1001 + second / 6 % 20).to_string(), start.after(Duration::from_secs(second)));
        match house.claim(phone, &id, WRONG, now).await {
            ClaimVerdict::WrongCredentials => verdicts += 1,
            verdict => assert_eq!(verdict, LOCKED_OUT),
        }
    }
    assert!((1..=MOST).contains(&verdicts), "{verdicts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_guessed_at_most_ten_times_an_hour_by_however_many_devices() {
    let house = House::open(OPEN).await;
    let mut phones = Vec::new();
    for number in 0..40 {
        phones.push(house.new_phone(number).await);
    }
    let start = UnixMillis::now();
    let mut verdicts = 0;
    for second in (0..3600_u64).step_by(12) {
        let phone = phones[usize::try_from(second / 12).unwrap() % phones.len()];
        match house.claim(phone, "1001", WRONG, start.after(Duration::from_secs(second))).await {
            ClaimVerdict::WrongCredentials => verdicts += 1,
            verdict => assert_eq!(verdict, LOCKED_OUT),
        }
    }
    assert!((1..=MOST).contains(&verdicts), "{verdicts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_side_by_side_slip_past_no_counter() {
    let house = Arc::new(House::open(OPEN).await);
    let phone = house.new_phone(1).await;
    let now = UnixMillis::now();
    let guess = |id: String| {
        let house = house.clone();
        tokio::spawn(async move { house.claim(phone, &id, WRONG, now).await })
    };
    let guesses: Vec<_> = (0..60).map(|turn| guess((1001 + turn % 20).to_string())).collect();
    let mut verdicts = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            ClaimVerdict::WrongCredentials => verdicts += 1,
            verdict => assert_eq!(verdict, LOCKED_OUT),
        }
    }
    assert!((1..=5).contains(&verdicts), "{verdicts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_during_a_lockout_get_the_same_answer_right_or_wrong_and_are_not_counted() {
    let house = House::open(OPEN).await;
    let phone = house.new_phone(1).await;
    let now = UnixMillis::now();
    for _ in 0..5 {
        assert_eq!(house.claim(phone, "1001", WRONG, now).await, ClaimVerdict::WrongCredentials);
    }
    let locked = counters(&house).await;
    assert!(locked.iter().any(|(scope, _, _, until)| scope == "phone" && until.is_some()), "{locked:?}");
    for (id, pin) in [("1001", WRONG), ("1001", PIN), ("1002", PIN), ("7777", WRONG)] {
        let a_moment_later = now.after(Duration::from_secs(60));
        assert_eq!(house.claim(phone, id, pin, a_moment_later).await, LOCKED_OUT, "{id}");
    }
    assert_eq!(counters(&house).await, locked);
    // When it is over, the right PIN is right.
    let over = now.after(Duration::from_secs(301));
    assert!(matches!(house.claim(phone, "1001", PIN, over).await, ClaimVerdict::Bound { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lockout_survives_kill_9() {
    let mut server =
        Server::start("dialogue.languages = [\"en\"]\ncalls.ring_back = false\nself_provisioning.lockout.attempts = 2");
    let place = Place { sip: server.sip, handset: server.handset };
    let _handset = Handset::plug_in(generic(&place, "guesser", SipTransport::Udp)).await.unwrap();
    let id = USERS[0].extension;
    let guess = |server: &Server, pin: &str| {
        let call = BareCall::place(server.sip, "guesser").unwrap();
        call.press(&format!("{id}##{pin}#")).unwrap();
        call
    };
    let refusals = |server: &Server| {
        let enrolment = enrolment_of(server, &phone_named(server, "guesser"));
        enrolment["steps"].as_array().unwrap().iter().filter(|step| step["step"] == "refused").count()
    };
    for turn in 1..=2 {
        let call = guess(&server, WRONG);
        eventually("a verdict", || (refusals(&server) == turn).then_some(())).await;
        call.hang_up();
    }
    server.restart();
    let _call = guess(&server, USERS[0].pin);
    eventually("a verdict", || (refusals(&server) == 3).then_some(())).await;
    let phone = phone_named(&server, "guesser");
    assert_eq!(phone["state"], "quarantine");
    assert_eq!(detail(&enrolment_of(&server, &phone), "refused"), "locked-out");
}
