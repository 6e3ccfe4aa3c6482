//! Many phones claimed at the same moment by one user.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsunagu::directory::PhoneState;
use tsunagu::enrolment::{ClaimVerdict, Refusal};
use tsunagu::phone::SipTransport;
use tsunagu::vocab::UnixMillis;

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
    // An attempt counts as wrong until it is shown to be right, so some of so many at once may meet a lockout …
    let is_refusal =
        |verdict: &&ClaimVerdict| matches!(verdict, ClaimVerdict::Refused(Refusal::DeviceLimit | Refusal::LockedOut));
    let refused = verdicts.iter().filter(is_refusal).count();
    assert_eq!((bound, refused), (LIMIT, usize::from(PHONES) - LIMIT), "{verdicts:?}");
    // … but nobody is left in one who was right each time.
    let phone = house.new_phone(PHONES).await;
    let verdict = house.claim(phone, "1001", PIN, now).await;
    assert_eq!(verdict, ClaimVerdict::Refused(Refusal::DeviceLimit));
    let enrolled = house.running.directory.phones().await.unwrap();
    let enrolled = enrolled.iter().filter(|phone| phone.state == PhoneState::Enrolled);
    assert_eq!(enrolled.filter(|phone| phone.lines[0].number.as_str() == "1001").count(), LIMIT);
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
            refusal.is_some_and(|refusal| refusal["detail"] == "device-limit" || refusal["detail"] == "locked-out")
        });
        let counts = BTreeMap::from([("enrolled", enrolled), ("refused", refused.count())]);
        (counts.values().sum::<usize>() == usize::from(PHONES)).then_some(counts)
    })
    .await;
    assert_eq!(decided, BTreeMap::from([("enrolled", LIMIT), ("refused", usize::from(PHONES) - LIMIT)]));
    drop((calls, handsets));
}
