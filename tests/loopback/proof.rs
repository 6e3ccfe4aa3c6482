//! What a caller must prove, by the authentication mode.

use tsunagu::phone::{KeyPresses, SipTransport};

use crate::caller::{Handset, SOON, generic, key_in};
use crate::records::{detail, enrolment_of, phone_named};
use crate::support::server::USERS;
use crate::{place, server};

const CODE: &str = "90817263";

async fn where_both_are_taken_an_administrators_code_does_as_well_as_the_pin() {
    let server = server(&format!(
        "self_provisioning.authentication = \"users-and-administrators\"\n\
         self_provisioning.authentication_code = \"{CODE}\"\ncalls.ring_back = false"
    ));
    let place = place(&server);
    let claim = async |name: &str, user: usize, credential: &str| {
        let handset = Handset::plug_in(generic(&place, name, SipTransport::Udp)).await.unwrap();
        let mut call = handset.call_in().await;
        let verdict = key_in(&mut call, USERS[user].extension, credential, KeyPresses::Events).await;
        assert!(call.heard().iter().any(|prompt| prompt.id.as_str() == "ask-pin-or-code"));
        assert_eq!(verdict.as_deref(), Ok(USERS[user].extension));
        detail(&enrolment_of(&server, &phone_named(&server, name)), "authenticated")
    };
    let (by_code, by_pin) = tokio::join!(claim("by-code", 0, CODE), claim("by-pin", 1, USERS[1].pin));
    assert_eq!((by_code.as_str(), by_pin.as_str()), ("authentication code", "PIN"));
}

async fn where_only_administrators_may_the_pin_is_worth_nothing() {
    let server = server(&format!(
        "self_provisioning.authentication = \"administrators-only\"\n\
         self_provisioning.authentication_code = \"{CODE}\"\ncalls.ring_back = false"
    ));
    let handset = Handset::plug_in(generic(&place(&server), "secure", SipTransport::Udp)).await.unwrap();
    let mut call = handset.call_in().await;
    let verdict = key_in(&mut call, USERS[0].extension, USERS[0].pin, KeyPresses::Events).await;
    assert_eq!(verdict, Err("wrong-credentials".to_owned()));
    assert!(call.heard().iter().any(|prompt| prompt.id.as_str() == "ask-code"));
    let verdict = key_in(&mut call, USERS[0].extension, CODE, KeyPresses::Events).await;
    assert_eq!(verdict.as_deref(), Ok(USERS[0].extension));
}

async fn where_nothing_has_to_be_proven_only_the_id_is_asked_for() {
    let server = server("self_provisioning.authentication = \"none\"\ncalls.ring_back = false");
    let handset = Handset::plug_in(generic(&place(&server), "trusting", SipTransport::Udp)).await.unwrap();
    let mut call = handset.call_in().await;
    let verdict = key_in(&mut call, USERS[0].extension, "", KeyPresses::Events).await;
    assert_eq!(verdict.as_deref(), Ok(USERS[0].extension));
    assert!(!call.heard().iter().any(|prompt| prompt.id.as_str().starts_with("ask-pin")));
    call.hang_up().await;
    call.wait_ended(SOON).await.unwrap();
    let enrolment = enrolment_of(&server, &phone_named(&server, "trusting"));
    assert_eq!(detail(&enrolment, "authenticated"), "not required");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_authentication_takes_its_own_proof() {
    tokio::join!(
        where_both_are_taken_an_administrators_code_does_as_well_as_the_pin(),
        where_only_administrators_may_the_pin_is_worth_nothing(),
        where_nothing_has_to_be_proven_only_the_id_is_asked_for(),
    );
}
