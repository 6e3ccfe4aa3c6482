//! G.729: the recordings go out as they were encoded, and digits come without being heard.

use std::path::Path;

use serde_json::json;
use tsunagu::phone::SipTransport;

use crate::bare_call::BareCall;
use crate::caller::{Handset, generic};
use crate::records::{eventually, phone_named};
use crate::support::server::USERS;
use crate::{place, server};

/// Octets of an RTP header without extras, and of two frames.
const HEADER: usize = 12;
const PACKET: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_speaks_g729_only_hears_the_recordings_and_is_given_to_its_user() {
    let server = server("calls.ring_back = false");
    let _registered = Handset::plug_in(generic(&place(&server), "narrow", SipTransport::Udp)).await.unwrap();
    let sip = server.sip;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/en/welcome.g729");
    let welcome = std::fs::read(file).unwrap();
    tokio::task::spawn_blocking(move || {
        let (call, answer) = BareCall::place_in(sip, "narrow", "18", "a=fmtp:18 annexb=yes\r\n").unwrap();
        assert!(answer.contains("RTP/AVP 18\r\n") && answer.contains("a=fmtp:18 annexb=no\r\n"), "{answer}");
        let mut heard = Vec::new();
        let mut packets = 0;
        while !heard.windows(welcome.len()).any(|part| part == welcome) {
            let packet = call.next_rtp();
            assert_eq!((packet[1] & 0x7f, packet.len()), (18, HEADER + PACKET));
            heard.extend_from_slice(&packet[HEADER..]);
            packets += 1;
            assert!(packets < 1500, "the welcome was not heard in 30 s");
        }
        call.press(&format!("{}##{}#", USERS[0].extension, USERS[0].pin)).unwrap();
        call.hang_up();
    })
    .await
    .unwrap();
    eventually("the bind", || {
        (phone_named(&server, "narrow")["lines"][0]["number"] == USERS[0].extension).then_some(())
    })
    .await;
}

#[test]
fn a_language_without_g729_is_spoken_in_the_other_codecs_and_an_administrator_is_told() {
    let server = server("");
    let folder = server.data_dir().join("languages/ja");
    std::fs::create_dir_all(&folder).unwrap();
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(house.join("locales/ja/spoken.ftl"), folder.join("spoken.ftl")).unwrap();
    for file in std::fs::read_dir(house.join("prompts/ja")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "flac") {
            std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    assert_eq!(server.api_post("/self-provisioning/restart", &json!({})).status, 200);
    let told = |body| {
        let answer = server.api_patch("/self-provisioning?apply=restart-now", &body).json();
        let warnings = answer["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].clone());
        warnings.collect::<Vec<_>>()
    };
    assert!(told(json!({ "dialogue": { "languages": ["en"] } })).is_empty());
    assert_eq!(told(json!({ "dialogue": { "languages": ["en", "ja"] } })), ["codec-left-out"]);
}
