//! The main job, lived by each make over each transport and both families of addresses.

use serde_json::json;
use tsunagu::phone::{ConfigurationUrl, KeyPresses, Make, PhoneEvent, PhoneOptions, SipTransport};

use crate::caller::{Handset, Place, SOON, factory_new, generic, key_in};
use crate::records::{detail, ended_call_of, ended_enrolment_of, phone_named, phone_of_mac, steps};
use crate::support::server::{Server, USERS, User, WHOLE_WAY};
use crate::{place, server, server_on_ipv6};

/// From the box to the user: fetched, registered, called, bound, told, fetched again, registered again, rung back.
async fn whole_job(server: &Server, options: PhoneOptions, user: &User) {
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    let temporary = handset.phone.registered_as().unwrap();
    assert!(temporary.starts_with("90"), "{temporary}");
    assert_eq!(handset.claim(user.extension, user.pin).await.as_deref(), Ok(user.extension));
    let back = handset.phone.wait_registered(SOON, |number| number != temporary).await.unwrap();
    assert_eq!(back, user.extension);
    handset.tells("the call back", ring_back).await;

    let phone = phone_of_mac(server, &mac);
    assert_eq!((&phone["state"], &phone["lines"][0]["number"]), (&json!("enrolled"), &json!(user.extension)));
    assert!(!phone["user"].is_null() && phone["temporary_number"].is_null(), "{phone:#}");
    let call = ended_call_of(server, &phone).await;
    assert_eq!(call["number"], "2000");
    let enrolment = ended_enrolment_of(server, &phone).await;
    assert_eq!(enrolment["ending"], "complete");
    assert_eq!(steps(&enrolment), WHOLE_WAY);
    // The hash on record is of the bytes the phone got.
    let fetched = |kind| {
        move |event: &PhoneEvent| match event {
            PhoneEvent::Fetched { url_kind, sha256, .. } if *url_kind == kind => Some(sha256.clone()),
            _ => None,
        }
    };
    assert_eq!(detail(&enrolment, "fetched"), handset.tells("a fetch", fetched(ConfigurationUrl::Factory)).await);
    assert_eq!(
        detail(&enrolment, "fetched-again"),
        handset.tells("another fetch", fetched(ConfigurationUrl::Provisioned)).await
    );
}

fn ring_back(event: &PhoneEvent) -> Option<()> {
    match event {
        PhoneEvent::Heard { prompts, .. } => prompts.iter().any(|prompt| prompt == "ring-back-lead").then_some(()),
        _ => None,
    }
}

/// A phone that takes no configuration: bound, found to be there, rung back.
async fn whole_job_of_a_generic_phone(server: &Server, place: &Place, name: &str, over: SipTransport, user: &User) {
    let handset = Handset::plug_in(generic(place, name, over)).await.unwrap();
    assert_eq!(handset.claim(user.extension, user.pin).await.as_deref(), Ok(user.extension));
    handset.tells("the call back", ring_back).await;
    let phone = phone_named(server, name);
    assert_eq!((&phone["vendor"], &phone["state"]), (&json!("generic"), &json!("enrolled")));
    assert_eq!(phone["lines"][0]["number"], user.extension);
    let enrolment = ended_enrolment_of(server, &phone).await;
    assert_eq!(enrolment["ending"], "complete");
    assert_eq!(
        steps(&enrolment),
        ["registered", "called", "identified", "authenticated", "bound", "answered", "complete"]
    );
}

/// A device template that moves phones to TCP.
fn use_tcp(server: &Server) {
    let refused = server.api_post("/device-templates", &json!({ "name": "x", "phone_name": "x", "transport": "tin" }));
    assert!((400..=422).contains(&refused.status) && refused.body.contains("tcp"), "{refused:?}");
    let template = json!({ "name": "Over TCP", "phone_name": "{model}", "transport": "tcp" });
    assert_eq!(server.api_post("/device-templates", &template).status, 201);
    let profile = json!({ "name": "Over TCP", "desk_template": "Over TCP", "allow_provisioning": true });
    assert_eq!(server.api_post("/user-profiles", &profile).status, 201);
    for user in [USER_OF_AUDIOCODES, USER_OF_YEALINK] {
        let new = json!({
            "user_id": user.user_id, "pin": user.pin, "primary_extension": user.extension, "profile": "Over TCP",
        });
        assert_eq!(server.api_post("/users", &new).status, 201);
    }
}

const USER_OF_AUDIOCODES: User = User { user_id: "ito", name: "ito", extension: "1101", pin: "550172" };
const USER_OF_YEALINK: User = User { user_id: "kato", name: "kato", extension: "1102", pin: "902846" };

/// What the phone registered over.
fn transport_of(phone: &serde_json::Value) -> String {
    phone["registrations"][0]["transport"].as_str().unwrap_or_default().to_ascii_uppercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_of_every_kind_become_their_users_over_udp_and_over_tcp() {
    let server = server("");
    use_tcp(&server);
    let place = place(&server);
    let phones = [Make::AudioCodes, Make::Yealink, Make::AudioCodes, Make::Yealink];
    let [one, two, three, four] = [0, 1, 2, 3].map(|at| factory_new(&place, phones[at], u16::try_from(at).unwrap()));
    let macs = [&one, &two, &three, &four].map(|options| options.mac.to_string());
    tokio::join!(
        whole_job(&server, one, &USERS[0]),
        whole_job(&server, two, &USERS[1]),
        whole_job(&server, three, &USER_OF_AUDIOCODES),
        whole_job(&server, four, &USER_OF_YEALINK),
        whole_job_of_a_generic_phone(&server, &place, "over-udp", SipTransport::Udp, &USERS[2]),
        whole_job_of_a_generic_phone(&server, &place, "over-tcp", SipTransport::Tcp, &USERS[2]),
    );
    let records = macs.map(|mac| phone_of_mac(&server, &mac));
    assert_eq!(records.each_ref().map(|phone| phone["transport"].as_str().unwrap()), ["udp", "udp", "tcp", "tcp"]);
    assert_eq!(records.map(|phone| transport_of(&phone)), ["UDP", "UDP", "TCP", "TCP"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_of_every_kind_become_their_users_over_ipv6() {
    let (server, place) = server_on_ipv6();
    tokio::join!(
        whole_job(&server, factory_new(&place, Make::AudioCodes, 1), &USERS[0]),
        whole_job(&server, factory_new(&place, Make::Yealink, 2), &USERS[1]),
        whole_job_of_a_generic_phone(&server, &place, "on-ipv6", SipTransport::Tcp, &USERS[2]),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_may_come_as_sip_info() {
    let server = server("");
    let handset = Handset::plug_in(generic(&place(&server), "by-info", SipTransport::Udp)).await.unwrap();
    let mut call = handset.call_in().await;
    let said = key_in(&mut call, USERS[0].extension, USERS[0].pin, KeyPresses::Info).await;
    assert_eq!(said.as_deref(), Ok(USERS[0].extension));
    let infos = handset.events().iter().filter(|event| matches!(event, PhoneEvent::Pressed { .. })).count();
    assert_eq!(infos, 3);
}
