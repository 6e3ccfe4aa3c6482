//! Trying names: whoever doesn't know a password is told the same of a name that is somebody's and of one that is nobody's.

use std::collections::BTreeSet;

use serde_json::json;
use tsunagu::directory::{Actor, DeviceTemplates, UserProfiles, Users, read_draft};
use tsunagu::enrolment::ClaimVerdict;
use tsunagu::vocab::UnixMillis;

use crate::house::{House, PIN, agent, mac, parameter};
use crate::registrant::{Registrant, challenges, header, status};
use crate::support::http;

const OPEN: &str = "[auto_registration]\nenabled = true\nper_address_per_minute = 600\n\
                    [registrar.wrong_passwords]\nper_address_per_minute = 1000\n";
const AUTH_NAME: &str = "voip/line/0/auth_name";
const PASSWORD: &str = "voip/line/0/auth_password";
const URL: &str = "provisioning/configuration/url";
/// Where phones are, and where somebody is who has none.
const HOME: u8 = 1;
const ELSEWHERE: u8 = 9;

/// A phone of user 1021, whose device template says SHA-256.
struct Strong {
    name: String,
    password: String,
}

async fn strong(house: &House) -> Strong {
    let directory = &house.running.directory;
    let settings = json!({ "digest_algorithms": ["SHA-256", "MD5"] });
    let (actor, now) = (Actor::system("test"), UnixMillis::now());
    let template = json!({ "name": "Strong", "phone_name": "{model}", "settings": settings });
    directory.create::<DeviceTemplates>(read_draft(template).unwrap(), &actor, now).await.unwrap();
    let profile = json!({ "name": "Strong", "desk_template": "Strong", "allow_provisioning": true, "device_limit": 1 });
    directory.create::<UserProfiles>(read_draft(profile).unwrap(), &actor, now).await.unwrap();
    let user = json!({ "user_id": "strong", "pin": PIN, "primary_extension": "1021", "profile": "Strong" });
    directory.create::<Users>(read_draft(user).unwrap(), &actor, now).await.unwrap();
    let first = house.first_file(1);
    let name = parameter(&first, AUTH_NAME).unwrap();
    let phone = house.phone_named(&name).await;
    let verdict = house.claim(phone, "1021", PIN, UnixMillis::now()).await;
    assert!(matches!(verdict, ClaimVerdict::Bound { .. }), "{verdict:?}");
    let second = http::get(&parameter(&first, URL).unwrap(), &[("User-Agent", &agent(&mac(1)))]).unwrap().body;
    Strong { name, password: parameter(&second, PASSWORD).unwrap() }
}

/// What the names get that are to be alike: they must not be told apart by anything but the name.
fn alike(house: &House, names: &[&str], ask: impl Fn(&Registrant) -> String) -> String {
    let server = house.running.sip[0].1;
    let answers = names.iter().map(|name| {
        let somebody = Registrant::new(server, ELSEWHERE, name, "not the password");
        somebody.masked(&ask(&somebody))
    });
    let answers: BTreeSet<String> = answers.collect();
    assert_eq!(answers.len(), 1, "{names:?} are told apart: {answers:#?}");
    answers.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_name_nobody_has_are_answered_alike() {
    let house = House::open(OPEN).await;
    let strong = strong(&house).await;
    let server = house.running.sip[0].1;
    let registered = Registrant::new(server, HOME, "desk-7", "").register();
    assert_eq!(status(&registered), 200, "{registered}");
    let number = header(&registered, "P-Associated-URI").unwrap();
    assert!(number.contains("sip:9001@"), "{number}");
    // A phone's own name and one like it; extensions, temporary numbers, and numbers nobody has.
    let names =
        [strong.name.as_str(), "p0123456789abcdef", "1001", "1021", "9001", "9000", "7777", "+81312345678", "desk-7"];
    let typed = ["desk-7", "desk-8"];
    let stale = |somebody: &Registrant| {
        somebody.answer(
            "REGISTER",
            &format!("SIP/2.0 401 x\nWWW-Authenticate: Digest realm=\"tsunagu\", nonce=\"{:064}\"", 0),
            None,
        )
    };
    for names in [&names[..], &typed] {
        assert!(alike(&house, names, |somebody| somebody.knock("REGISTER")).starts_with("SIP/2.0 401"));
        assert!(alike(&house, names, |somebody| somebody.knock("INVITE")).starts_with("SIP/2.0 401"));
        assert!(alike(&house, names, stale).starts_with("SIP/2.0 401"));
        assert!(alike(&house, names, |somebody| somebody.try_once("INVITE")).starts_with("SIP/2.0 403 Forbidden\n"));
    }
    assert!(alike(&house, &names, Registrant::register).starts_with("SIP/2.0 403 Forbidden\n"));
    // What auto-registration is for, and all it gives away: a typed-in name that is free gets in. One that isn't unlocks
    // nothing, it is believed at its own address only, and each that is tried costs a number of those one address may have.
    let newcomer = Registrant::new(server, ELSEWHERE, "desk-9", "not the password").register();
    assert_eq!(status(&newcomer), 200, "{newcomer}");

    let house = house.reopen(OPEN).await;
    house.shut().await;
    for names in [&names[..], &typed] {
        assert!(alike(&house, names, |somebody| somebody.knock("REGISTER")).starts_with("SIP/2.0 401"));
        assert!(alike(&house, names, Registrant::register).starts_with("SIP/2.0 403 Forbidden\n"));
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_let_in_for_now_a_taken_name_is_told_so_too() {
    for settings in ["first = \"9000\"\nlast = \"9000\"", "numbers_per_address = 1", "per_address_per_minute = 1"] {
        let house = House::open(&format!("[auto_registration]\nenabled = true\n{settings}\n")).await;
        let server = house.running.sip[0].1;
        assert_eq!(status(&Registrant::new(server, HOME, "desk-7", "").register()), 200);
        if !settings.starts_with("first") {
            assert_eq!(status(&Registrant::new(server, ELSEWHERE, "desk-1", "").register()), 200);
        }
        let refusal = alike(&house, &["desk-7", "desk-8"], Registrant::register);
        let worded = refusal.starts_with("SIP/2.0 403 ") && !refusal.starts_with("SIP/2.0 403 Forbidden");
        assert!(worded && refusal.contains("\nWarning: 399 "), "{settings}: {refusal}");
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_offered_its_own_algorithms_once_it_has_shown_its_password() {
    let house = House::open(OPEN).await;
    let strong = strong(&house).await;
    let phone = Registrant::new(house.running.sip[0].1, HOME, &strong.name, &strong.password).with_number("1021");
    let algorithms = |answer: &str| -> Vec<String> {
        let of =
            |challenge: &String| challenge.split("algorithm=").nth(1).unwrap().split(',').next().unwrap().to_owned();
        challenges(answer).iter().map(of).collect()
    };
    let first = phone.knock("REGISTER");
    assert_eq!(algorithms(&first), ["MD5"]);
    let second = phone.answer("REGISTER", &first, Some(1));
    assert_eq!((status(&second), algorithms(&second)), (401, vec!["SHA-256".to_owned(), "MD5".to_owned()]), "{second}");
    assert!(challenges(&second).iter().all(|challenge| challenge.contains("stale=true")), "{second}");
    let third = phone.answer("REGISTER", &second, Some(1));
    assert_eq!(status(&third), 200, "{third}");
    // The challenge is good for what comes next, too.
    assert_eq!(status(&phone.answer("REGISTER", &second, Some(2))), 200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_under_a_number() {
    let house = House::open(OPEN).await;
    let server = house.running.sip[0].1;
    for name in ["1001", "9000", "9001", "5555", "*21", "+81312345678"] {
        let refusal = Registrant::new(server, HOME, name, "").register();
        assert!(refusal.starts_with("SIP/2.0 403 Forbidden\r\n"), "{name}: {refusal}");
    }
    assert!(house.phones().await.is_empty());
    house.close().await;
}
