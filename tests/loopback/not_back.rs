//! A phone that doesn't come back: its enrolment says where it stopped.

use tsunagu::phone::{KeyPresses, Make, PhoneEvent, PhoneOptions};

use crate::caller::{Handset, Place, account, factory_new, key_in};
use crate::records::{ended_enrolment_of, phone_of_mac, steps};
use crate::support::http;
use crate::support::server::{Server, USERS};
use crate::{place, server};

/// An enrolment that is not complete so soon after the bind has failed; hearing out the farewell takes half of it.
const IMPATIENT: &str = "self_provisioning.completion.seconds = 15\ncalls.ring_back = false";

/// A phone whose owner typed in what the first configuration says; it can't fetch another. Gives its private URL too.
fn configured_by_hand(place: &Place, number: u16) -> (PhoneOptions, String) {
    let mut options = factory_new(place, Make::AudioCodes, number);
    let url = format!("http://{}/{}.cfg", place.handset, options.mac);
    let file = http::get(&url, &[("User-Agent", &options.user_agent)]).unwrap().body;
    let value = |name: &str| {
        let line = file.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name} in the configuration")).trim().to_owned()
    };
    let (number, password) = (value("voip/line/0/id"), value("voip/line/0/auth_password"));
    options.handset_url = None;
    options.account = Some(account(place, &number, &value("voip/line/0/auth_name"), &password));
    (options, value("provisioning/configuration/url"))
}

async fn ending(server: &Server, mac: &str) -> (String, Vec<String>) {
    let enrolment = ended_enrolment_of(server, &phone_of_mac(server, mac)).await;
    (enrolment["ending"].as_str().unwrap().to_owned(), steps(&enrolment))
}

async fn a_phone_that_is_told_but_does_not_fetch_ends_so(server: &Server) {
    let (options, _) = configured_by_hand(&place(server), 1);
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    assert_eq!(handset.claim(USERS[0].extension, USERS[0].pin).await.as_deref(), Ok(USERS[0].extension));
    handset.tells("the request to fetch", |event| matches!(event, PhoneEvent::Resync { .. }).then_some(())).await;
    let (ending, steps) = ending(server, &mac).await;
    assert_eq!(ending, "did-not-fetch");
    assert!(steps.contains(&"notified".to_owned()) && steps.last().is_some_and(|last| last == "ended"), "{steps:?}");
}

async fn a_phone_that_fetches_but_does_not_register_ends_so(server: &Server) {
    let (options, private_url) = configured_by_hand(&place(server), 2);
    let (mac, agent) = (options.mac.to_string(), options.user_agent.clone());
    let handset = Handset::plug_in(options).await.unwrap();
    assert_eq!(handset.claim(USERS[1].extension, USERS[1].pin).await.as_deref(), Ok(USERS[1].extension));
    handset.tells("the request to fetch", |event| matches!(event, PhoneEvent::Resync { .. }).then_some(())).await;
    assert_eq!(http::get(&private_url, &[("User-Agent", &agent)]).unwrap().status, 200);
    let (ending, steps) = ending(server, &mac).await;
    assert_eq!(ending, "did-not-register");
    assert!(steps.contains(&"fetched-again".to_owned()), "{steps:?}");
}

async fn a_phone_that_is_unplugged_during_the_call_ends_as_not_reachable(server: &Server) {
    let options = factory_new(&place(server), Make::AudioCodes, 3);
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    let mut call = handset.call_in().await;
    let keyed_in = key_in(&mut call, USERS[2].extension, USERS[2].pin, KeyPresses::Events).await;
    assert_eq!(keyed_in.as_deref(), Ok(USERS[2].extension));
    // No BYE: what is off says nothing more.
    drop((handset, call));
    let (ending, steps) = ending(server, &mac).await;
    assert_eq!(ending, "not-reachable");
    assert!(!steps.contains(&"notified".to_owned()), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_does_not_come_back_ends_with_where_it_stopped() {
    let server = server(IMPATIENT);
    tokio::join!(
        a_phone_that_is_told_but_does_not_fetch_ends_so(&server),
        a_phone_that_fetches_but_does_not_register_ends_so(&server),
        a_phone_that_is_unplugged_during_the_call_ends_as_not_reachable(&server),
    );
}
