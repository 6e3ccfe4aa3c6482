//! What offers are answered with.

use super::*;

fn local() -> LocalMedia {
    LocalMedia {
        addr: "198.51.100.7:20000".parse().unwrap(),
        codecs: vec![Codec::G722, Codec::Pcmu, Codec::Pcma, Codec::L16],
        order: CodecOrder::Ours,
        session_id: 4711,
        version: 1,
        previous: None,
    }
}

fn offer(rest: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{rest}")
}

fn agreed(rest: &str) -> Result<Answer, SdpError> {
    answer(offer(rest).as_bytes(), &local())
}

#[test]
fn a_usual_offer_is_answered_with_one_codec_and_events() {
    let answer = agreed(
        "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:30\r\n",
    )
    .unwrap();
    assert_eq!(
        answer.body,
        "v=0\r\no=- 4711 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    let expected = Negotiated {
        codec: Codec::Pcmu,
        payload_type: 0,
        remote: "192.0.2.1:4000".parse().unwrap(),
        event_payload_type: Some(101),
        direction: Direction::SendRecv,
        ptime: 30,
    };
    assert_eq!(answer.negotiated, expected);
    assert!(!expected.on_hold());
}

#[test]
fn either_sides_order_can_decide() {
    let body = offer("m=audio 4000 RTP/AVP 8 0 9\r\n");
    let codec = |order| answer(body.as_bytes(), &LocalMedia { order, ..local() }).unwrap().negotiated.codec;
    assert_eq!((codec(CodecOrder::Ours), codec(CodecOrder::Theirs)), (Codec::G722, Codec::Pcma));
}

#[test]
fn events_are_taken_at_the_clock_of_the_codec_and_as_any_payload_type() {
    let events = "a=rtpmap:97 TELEPHONE-EVENT/8000\r\na=rtpmap:99 telephone-event/16000\r\n";
    let narrow = agreed(&format!("m=audio 4000 RTP/AVP 0 99 97\r\n{events}")).unwrap().negotiated;
    assert_eq!((narrow.codec, narrow.event_payload_type), (Codec::Pcmu, Some(97)));
    let wide = agreed(&format!("m=audio 4000 RTP/AVP 96 97 99\r\na=rtpmap:96 L16/16000/1\r\n{events}")).unwrap();
    assert_eq!((wide.negotiated.codec, wide.negotiated.payload_type), (Codec::L16, 96));
    assert_eq!(wide.negotiated.event_payload_type, Some(99));
    assert!(wide.body.contains("m=audio 20000 RTP/AVP 96 99\r\na=rtpmap:96 L16/16000\r\n"));
    let unlisted = agreed("m=audio 4000 RTP/AVP 0\r\na=rtpmap:101 telephone-event/8000\r\n").unwrap().negotiated;
    assert_eq!(unlisted.event_payload_type, None);
}

#[test]
fn the_g722_clock_is_taken_right_and_wrong_and_other_rates_are_not_ours() {
    for rate in [8000, 16_000] {
        let answer = agreed(&format!("m=audio 4000 RTP/AVP 9\r\na=rtpmap:9 G722/{rate}\r\n")).unwrap();
        assert_eq!(answer.negotiated.codec, Codec::G722);
        assert!(answer.body.contains("a=rtpmap:9 G722/8000\r\n"));
    }
    for map in ["PCMU/16000", "L16/44100", "L16/16000/2", "opus/48000/2", "G729/8000"] {
        let refused = agreed(&format!("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 {map}\r\n"));
        assert_eq!(refused, Err(SdpError::NoCommonCodec), "{map}");
    }
}

#[test]
fn every_other_media_line_is_refused_in_its_place() {
    let answer = agreed(
        "m=video 5000 RTP/AVP 31 34\r\nm=audio 4002 RTP/SAVP 0\r\nm=audio 4000 RTP/AVPF 0\r\nm=audio 4004 RTP/AVP 8\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    )
    .unwrap();
    let lines: Vec<&str> = answer.body.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 31 34",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 20000 RTP/AVPF 0",
            "m=audio 0 RTP/AVP 8",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"
        ]
    );
    assert_eq!(answer.negotiated.remote.port(), 4000);
}

#[test]
fn what_cannot_be_agreed_on_says_why() {
    assert_eq!(agreed("m=video 5000 RTP/AVP 31\r\n"), Err(SdpError::NoAudio));
    assert_eq!(agreed("m=audio 0 RTP/AVP 0\r\n"), Err(SdpError::NoAudio));
    assert_eq!(agreed(""), Err(SdpError::NoAudio));
    assert_eq!(agreed("m=audio 4000 RTP/SAVP 0\r\n"), Err(SdpError::Profile("RTP/SAVP".to_owned())));
    assert_eq!(agreed("m=audio 4000 RTP/AVP 18\r\n"), Err(SdpError::NoCommonCodec));
    for address in ["IN IP4 phone.example.com", "IN IP4 224.1.1.1/127", "IN IP6 2001:db8::1"] {
        assert_eq!(agreed(&format!("m=audio 4000 RTP/AVP 0\r\nc={address}\r\n")), Err(SdpError::Address), "{address}");
    }
    assert_eq!(answer(b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n", &local()), Err(SdpError::Address));
}

#[test]
fn hold_is_seen_in_all_its_forms_and_answered() {
    let held = |rest: &str| {
        let answer = agreed(&format!("m=audio 4000 RTP/AVP 0\r\n{rest}")).unwrap();
        let said = answer.body.lines().last().unwrap().to_owned();
        (answer.negotiated.on_hold(), answer.negotiated.direction, said)
    };
    assert_eq!(held("a=sendonly\r\n"), (true, Direction::SendOnly, "a=recvonly".to_owned()));
    assert_eq!(held("a=inactive\r\n"), (true, Direction::Inactive, "a=inactive".to_owned()));
    assert_eq!(held("c=IN IP4 0.0.0.0\r\n"), (true, Direction::SendOnly, "a=recvonly".to_owned()));
    assert_eq!(held("a=recvonly\r\n"), (false, Direction::RecvOnly, "a=sendonly".to_owned()));
    let session_level = "v=0\r\nc=IN IP4 192.0.2.1\r\na=sendonly\r\nm=audio 4000 RTP/AVP 0\r\n";
    assert!(answer(session_level.as_bytes(), &local()).unwrap().negotiated.on_hold());
}

#[test]
fn ipv6_works_the_same() {
    let local = LocalMedia { addr: "[2001:db8::7]:20000".parse().unwrap(), ..local() };
    let answer = answer(b"v=0\r\nc=IN IP6 2001:db8::1\r\nm=audio 4000 RTP/AVP 0\r\n", &local).unwrap();
    assert_eq!(answer.negotiated.remote, "[2001:db8::1]:4000".parse().unwrap());
    assert!(
        answer.body.contains("o=- 4711 1 IN IP6 2001:db8::7\r\n") && answer.body.contains("c=IN IP6 2001:db8::7\r\n")
    );
}

#[test]
fn the_version_grows_only_when_the_body_changes() {
    let first = agreed("m=audio 4000 RTP/AVP 0\r\n").unwrap().body;
    let again = LocalMedia { previous: Some(first.clone()), ..local() };
    assert_eq!(answer(offer("m=audio 4000 RTP/AVP 0\r\n").as_bytes(), &again).unwrap().body, first);
    let held = answer(offer("m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n").as_bytes(), &again).unwrap().body;
    assert!(held.contains("o=- 4711 2 IN"), "{held}");
    let back = LocalMedia { previous: Some(held), ..local() };
    let back = answer(offer("m=audio 4000 RTP/AVP 0\r\n").as_bytes(), &back).unwrap().body;
    assert!(back.contains("o=- 4711 3 IN"), "{back}");
}

#[test]
fn our_offer_and_their_answer_agree() {
    let ours = make_offer(&local()).unwrap();
    assert!(ours.contains("m=audio 20000 RTP/AVP 9 0 8 118 101 102\r\n"), "{ours}");
    // Another instance of ourselves answers it.
    let peer = LocalMedia { addr: "192.0.2.9:30000".parse().unwrap(), codecs: vec![Codec::L16], ..local() };
    let theirs = answer(ours.as_bytes(), &peer).unwrap();
    assert_eq!(theirs.negotiated.event_payload_type, Some(102));
    let negotiated = accept_answer(ours.as_bytes(), theirs.body.as_bytes()).unwrap();
    assert_eq!(negotiated, Negotiated { remote: "192.0.2.9:30000".parse().unwrap(), ..theirs.negotiated });
}

#[test]
fn an_answer_that_refuses_or_strays_is_no_agreement() {
    let ours = make_offer(&LocalMedia { codecs: vec![Codec::Pcmu], ..local() }).unwrap();
    let accept = |rest: &str| accept_answer(ours.as_bytes(), offer(rest).as_bytes());
    assert_eq!(accept("m=audio 0 RTP/AVP 0\r\n"), Err(SdpError::NoAudio));
    assert_eq!(accept(""), Err(SdpError::NoAudio));
    assert_eq!(accept("m=audio 4000 RTP/AVP 8\r\n"), Err(SdpError::NoCommonCodec));
    let renumbered = accept("m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n").unwrap();
    assert_eq!(renumbered.event_payload_type, Some(101), "events come as the type we offered");
    assert_eq!(accept("m=audio 4000 RTP/AVP 0\r\n").unwrap().event_payload_type, None);
}

proptest::proptest! {
    #[test]
    fn whatever_is_answered_has_the_offers_media_lines(
        media in proptest::collection::vec(("(audio|video|text)", 0u16..3, "(RTP/AVP|RTP/SAVP)", "[0-9]{1,3}( [0-9]{1,3}){0,4}"), 0..6)
    ) {
        let lines: String = media.iter().map(|(m, port, proto, fmt)| format!("m={m} {port} {proto} {fmt}\r\n")).collect();
        if let Ok(answer) = agreed(&lines) {
            let answered = Description::parse(answer.body.as_bytes()).unwrap();
            let kinds: Vec<&str> = answered.media.iter().map(|m| &*m.media).collect();
            proptest::prop_assert_eq!(kinds, media.iter().map(|(m, ..)| &**m).collect::<Vec<_>>());
            proptest::prop_assert_eq!(answered.media.iter().filter(|m| m.port != 0).count(), 1);
        }
    }
}

#[test]
fn a_new_offer_keeps_places_and_payload_types_and_has_every_codec() {
    let first = agreed(
        "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\nm=audio 4000 RTP/AVP 8 118\r\na=rtpmap:118 telephone-event/8000\r\n",
    )
    .unwrap();
    assert_eq!(first.negotiated.codec, Codec::Pcma);
    let again = LocalMedia { previous: Some(first.body), ..local() };
    let offer = renew_offer(&again, &first.negotiated).unwrap();
    assert!(offer.contains("o=- 4711 2 IN"), "{offer}");
    assert!(offer.contains("m=video 0 "), "{offer}");
    assert!(offer.contains("m=audio 20000 RTP/AVP 8 9 0 96 118 102\r\n"), "118 means events here: {offer}");
    assert!(offer.contains("a=rtpmap:96 L16/16000\r\n") && offer.contains("a=rtpmap:118 telephone-event/8000\r\n"));
    let answer = self::offer("m=video 0 RTP/AVP 96\r\nm=audio 6000 RTP/AVP 0\r\na=sendonly\r\n");
    let agreed = accept_answer(offer.as_bytes(), answer.as_bytes()).unwrap();
    assert_eq!((agreed.codec, agreed.remote.port(), agreed.on_hold()), (Codec::Pcmu, 6000, true));
}
