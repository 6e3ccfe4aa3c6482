//! Temporary numbers given back, and records of what is long past.

use std::time::Duration;

use tsunagu::directory::{Actor, Happening, PhoneState, Severity};
use tsunagu::directory::{Listed, Listing};
use tsunagu::enrolment::EnrolmentRows;
use tsunagu::vocab::{PhoneId, UnixMillis};

use crate::house::{House, PIN, mac, parameter};
use crate::registrant::{Registrant, header, status};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn number_of(house: &House, phone: PhoneId) -> String {
    house.running.directory.phone(phone).await.unwrap().unwrap().temporary_number.unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_a_released_phone_cools_before_another_gets_it() {
    let house = House::open("[auto_registration]\nenabled = true\nfirst = \"9000\"\nlast = \"9001\"\n").await;
    let first = house.new_phone(1).await;
    assert_eq!(number_of(&house, first).await, "9000");
    house.running.enrolments.release(first, &Actor::system("test"), UnixMillis::now()).await.unwrap();
    let second = house.new_phone(2).await;
    assert_eq!(number_of(&house, second).await, "9001");
    // The other is still warm: there is none for a third.
    assert_eq!(house.ask_door(&mac(3)).status, 503);
    let refusal = Registrant::new(house.running.sip[0].1, 1, "third", "").register();
    assert!(refusal.starts_with("SIP/2.0 403 No temporary number is free\r\n"), "{refusal}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_asks_again_before_it_registered_keeps_its_number() {
    let house = House::open("[auto_registration]\nenabled = true\nfirst = \"9000\"\nlast = \"9001\"\n").await;
    let passwords = [1, 2, 3, 4].map(|_| parameter(&house.first_file(1), "voip/line/0/auth_password").unwrap());
    assert!(passwords.windows(2).all(|pair| pair[0] != pair[1]), "each file is of its own");
    let phones = house.phones().await;
    let quarantined: Vec<_> = phones.iter().filter(|phone| phone.state == PhoneState::Quarantine).collect();
    let numbers: Vec<_> = quarantined.iter().map(|phone| phone.temporary_number.as_ref().unwrap().as_str()).collect();
    assert_eq!(numbers, ["9000"]);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_gets_as_many_numbers_as_it_may_and_leaves_the_rest_to_others() {
    let house = House::open("[auto_registration]\nenabled = true\nnumbers_per_address = 3\n").await;
    let server = house.running.sip[0].1;
    let plug_in = |host: u8, name: &str| Registrant::new(server, host, name, "").register();
    let phone = house.new_phone(1).await;
    for name in ["one", "two"] {
        assert_eq!(status(&plug_in(1, name)), 200);
    }
    for name in ["three", "four"] {
        let refusal = plug_in(1, name);
        let words = "Too many phones from this address wait to be assigned";
        assert!(refusal.starts_with(&format!("SIP/2.0 403 {words}\r\n")), "{refusal}");
        assert!(header(&refusal, "Warning").unwrap().ends_with(&format!("\"{words}\"")), "{refusal}");
    }
    assert_eq!(house.ask_door(&mac(2)).status, 503);
    assert_eq!(status(&plug_in(2, "five")), 200, "another address");
    let events = house.events().await;
    let alarms: Vec<_> =
        events.iter().filter(|event| matches!(event.happening, Happening::PoolAddressFull { .. })).collect();
    assert_eq!(alarms.len(), 1, "{events:?}");
    let full = Happening::PoolAddressFull { source: "127.0.0.1".to_owned(), most: 3 };
    assert_eq!((alarms[0].severity, &alarms[0].happening), (Severity::Alarm, &full));
    // Giving back buys nothing: the number still cools. Being assigned does.
    house
        .running
        .enrolments
        .release(house.phone_named("one").await, &Actor::system("test"), UnixMillis::now())
        .await
        .unwrap();
    assert_eq!(status(&plug_in(1, "six")), 403);
    house.claim(phone, "1001", PIN, UnixMillis::now()).await;
    assert_eq!(status(&plug_in(1, "six")), 200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_what_is_long_past_are_forgotten_and_no_others() {
    let house = House::open("[auto_registration]\nenabled = true\n").await;
    let enrolments = &house.running.enrolments;
    let (released, kept, bound) = (house.new_phone(1).await, house.new_phone(2).await, house.new_phone(3).await);
    let now = UnixMillis::now();
    house.claim(bound, "1001", PIN, now).await;
    enrolments.release(released, &Actor::system("test"), now).await.unwrap();
    let left = || async {
        let phones = house.phones().await;
        let enrolments = house.running.enrolments.list(&Listing::all(EnrolmentRows::TABLE)).await.unwrap();
        let mut phones: Vec<_> = phones.iter().map(|phone| phone.id).collect();
        let mut enrolled: Vec<_> = enrolments.items.iter().map(|enrolment| enrolment.phone).collect();
        phones.sort();
        enrolled.sort();
        (phones, enrolled)
    };
    let sorted = |mut phones: Vec<PhoneId>| {
        phones.sort();
        phones
    };
    enrolments.purge(now.after(DAY * 89)).await.unwrap();
    let all = sorted(vec![released, kept, bound]);
    assert_eq!(left().await, (all.clone(), all));
    enrolments.purge(now.after(DAY * 91)).await.unwrap();
    let living = sorted(vec![kept, bound]);
    assert_eq!(left().await, (living.clone(), living), "what is open stays, however old");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_forgotten_a_batch_at_a_time() {
    let house = House::open("[auto_registration]\nenabled = true\n").await;
    let now = UnixMillis::now();
    let mut transaction = house.running.directory.db().write().await.unwrap();
    for turn in 0..1200_u32 {
        let statement = "INSERT INTO phones (id, state, vendor, auth_name, source, created_at, seen_at, released_at) \
                         VALUES ($1, 'released', 'generic', $1, '127.0.0.1', $2, $2, $2)";
        let id = PhoneId::new(now, std::array::from_fn(|at| turn.to_be_bytes().get(at).copied().unwrap_or(0)));
        sqlx::query(statement).bind(id.to_string()).bind(now.get()).execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let mut counts = Vec::new();
    for _ in 0..4 {
        counts.push(house.phones().await.len());
        house.running.enrolments.purge(now.after(DAY * 91)).await.unwrap();
    }
    assert_eq!(counts, [1200, 700, 200, 0]);
    house.close().await;
}
