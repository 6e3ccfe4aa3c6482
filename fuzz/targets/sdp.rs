//! Any offer and any answer: taken or refused, and every answer of ours can be read by the one who made the offer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsunagu::media::negotiation::{accept_answer, answer, make_offer};
use tsunagu::media::{Codec, CodecOrder, LocalMedia};

fuzz_target!(|body: &[u8]| {
    let local = LocalMedia {
        addr: ([127, 0, 0, 1], 40_000).into(),
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        order: CodecOrder::Ours,
        session_id: 1,
        version: 1,
        previous: None,
    };
    if let Ok(answered) = answer(body, &local) {
        assert!(local.codecs.contains(&answered.negotiated.codec));
        assert!(answered.negotiated.payload_type < 128);
        assert!(answered.body.starts_with("v=0\r\n"));
    }
    if let Ok(offer) = make_offer(&local) {
        let _ = accept_answer(offer.as_bytes(), body);
    }
});
