//! Many phones claimed at the same moment by one user.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsunagu::directory::{Actor, PhoneState, Users};
use tsunagu::enrolment::{ClaimVerdict, Refusal};
use tsunagu::phone::SipTransport;
use tsunagu::vocab::{PhoneId, UnixMillis};

use crate::bare_call::BareCall;
use crate::caller::{Handset, Place, generic};
use crate::house::{House, PIN};
use crate::records::eventually;
use crate::support::server::{Server, USERS};

const PHONES: u16 = 10;
const LIMIT: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn ten_phones_claimed_at_once_by_a_user_with_a_limit_of_three_end_with_three() {
    let house = Arc::new(House::open("[auto_registration]\nenabled = true\n").await);
    // Phones in quarantine, and all claims at one instant.
    let mut phones = Vec::new();
    for number in 0..PHONES {
        phones.push(house.new_phone(number).await);
    }
    let now = UnixMillis::now();
    let claims = phones.iter().map(|phone| {
        let (house, phone) = (house.clone(), *phone);
        tokio::spawn(async move { house.claim(phone, "1001", PIN, now).await })
    });
    let mut verdicts = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        verdicts.push(claim.await.unwrap());
    }
    let bound = verdicts.iter().filter(|verdict| matches!(verdict, ClaimVerdict::Bound { .. })).count();
    let refused = verdicts.iter().filter(|verdict| **verdict == ClaimVerdict::Refused(Refusal::DeviceLimit)).count();
    assert_eq!((bound, refused), (LIMIT, usize::from(PHONES) - LIMIT), "{verdicts:?}");
    let phone = house.new_phone(PHONES).await;
    let verdict = house.claim(phone, "1001", PIN, now).await;
    assert_eq!(verdict, ClaimVerdict::Refused(Refusal::DeviceLimit));
    let enrolled = house.phones().await;
    let enrolled = enrolled.iter().filter(|phone| phone.state == PhoneState::Enrolled);
    assert_eq!(enrolled.filter(|phone| phone.lines[0].number.as_str() == "1001").count(), LIMIT);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_inactive_is_nobody_at_the_phone() {
    let house = House::open("[auto_registration]\nenabled = true\n").await;
    let (phone, now) = (house.new_phone(0).await, UnixMillis::now());
    let set = async |status: &str| {
        let (directory, actor) = (&house.running.directory, Actor::system("test"));
        let patch = serde_json::json!({ "status": status });
        directory.change::<Users>("user1001", &patch, None, |_| Ok(()), &actor, now).await.unwrap();
    };
    set("inactive").await;
    assert_eq!(house.claim(phone, "1001", PIN, now).await, ClaimVerdict::WrongCredentials);
    set("active").await;
    assert!(matches!(house.claim(phone, "1001", PIN, now).await, ClaimVerdict::Bound { .. }));
}

/// Claims at one instant: for each of these users by each of these phones in turn. Gives the verdicts, and the kinds of
/// events there are then.
async fn all_at_once(house: &Arc<House>, phones: &[PhoneId], users: &[&str]) -> (Vec<ClaimVerdict>, Vec<String>) {
    let now = UnixMillis::now();
    let claims = phones.iter().zip(users.iter().cycle()).map(|(phone, user)| {
        let (house, phone, user) = (house.clone(), *phone, (*user).to_owned());
        tokio::spawn(async move { house.claim(phone, &user, PIN, now).await })
    });
    let mut verdicts = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        verdicts.push(claim.await.unwrap());
    }
    (verdicts, house.event_types().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn right_pins_at_once_lock_nobody_out_and_raise_no_alarm() {
    // The strictest lockouts there can be for many who are all right.
    let house = Arc::new(
        House::open(
            "[auto_registration]\nenabled = true\nper_address_per_minute = 600\n\
             [self_provisioning.lockout]\nattempts = 1\nattempts_over_all = 3\n",
        )
        .await,
    );
    let mut phones = Vec::new();
    for number in 0..40 {
        phones.push(house.new_phone(number).await);
    }
    let (one_user, everybody) = phones.split_at(20);
    let is_right = |verdict: &ClaimVerdict| {
        matches!(verdict, ClaimVerdict::Bound { .. } | ClaimVerdict::Refused(Refusal::DeviceLimit))
    };
    let (verdicts, events) = all_at_once(&house, one_user, &["1001"]).await;
    assert!(verdicts.iter().all(is_right), "{verdicts:?}");
    assert_eq!(verdicts.iter().filter(|it| matches!(it, ClaimVerdict::Bound { .. })).count(), LIMIT);
    assert!(!events.iter().any(|kind| kind == "lockout.begun"), "{events:?}");
    let (verdicts, events) = all_at_once(&house, everybody, &["1002", "1003", "1004", "1005", "1006"]).await;
    assert!(verdicts.iter().all(is_right), "{verdicts:?}");
    assert_eq!(verdicts.iter().filter(|it| matches!(it, ClaimVerdict::Bound { .. })).count(), 5 * LIMIT);
    assert!(!events.iter().any(|kind| kind == "lockout.begun"), "{events:?}");
    // One who is wrong is locked out at once, and operators hear of it.
    let phone = house.new_phone(41).await;
    assert_eq!(house.claim(phone, "1007", "000000", UnixMillis::now()).await, ClaimVerdict::WrongCredentials);
    let events = house.event_types().await;
    assert_eq!(events.iter().filter(|kind| *kind == "lockout.begun").count(), 2, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_calls_at_once_end_with_three_phones_and_seven_refusals() {
    let server = Server::start("dialogue.languages = [\"en\"]\ncalls.ring_back = false");
    let profile = serde_json::json!({
        "name": "Three", "desk_template": "Desk phone", "allow_provisioning": true, "device_limit": LIMIT,
    });
    assert_eq!(server.api_post("/user-profiles", &profile).status, 201);
    let user = serde_json::json!({
        "user_id": "mori", "primary_extension": "1201", "profile": "Three", "pin": USERS[0].pin,
    });
    assert_eq!(server.api_post("/users", &user).status, 201);
    let place = Place { sip: server.sip, handset: server.handset };
    let mut handsets = Vec::new();
    for number in 0..PHONES {
        let options = generic(&place, &format!("phone{number}"), SipTransport::Udp);
        handsets.push(Handset::plug_in(options).await.unwrap());
    }
    let sip = server.sip;
    let calls: Vec<_> = (0..PHONES)
        .map(|number| {
            std::thread::spawn(move || {
                let call = BareCall::place(sip, &format!("phone{number}")).unwrap();
                call.press(&format!("1201##{}#", USERS[0].pin)).unwrap();
                call
            })
        })
        .collect();
    let calls: Vec<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
    let decided = eventually("ten verdicts", || {
        let (phones, enrolments) = (server.api_get("/phones"), server.api_get("/enrolments"));
        let enrolled = phones.as_array()?.iter().filter(|phone| phone["state"] == "enrolled").count();
        let refused = enrolments.as_array()?.iter().filter(|enrolment| {
            let refusal = enrolment["steps"].as_array().unwrap().iter().find(|step| step["step"] == "refused");
            refusal.is_some_and(|refusal| refusal["detail"] == "device-limit")
        });
        let counts = BTreeMap::from([("enrolled", enrolled), ("refused", refused.count())]);
        (counts.values().sum::<usize>() == usize::from(PHONES)).then_some(counts)
    })
    .await;
    assert_eq!(decided, BTreeMap::from([("enrolled", LIMIT), ("refused", usize::from(PHONES) - LIMIT)]));
    drop((calls, handsets));
}
