//! Any datagram: read or refused; and what was read, written and read again, is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsunagu::sip::message::{Message, Method, Understood, check_request, parse_datagram};

const UNDERSTOOD: Understood<'_> = Understood {
    methods: &[Method::Register, Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Options],
    extensions: &["100rel", "timer"],
    session_bodies: &["application/sdp"],
};

fuzz_target!(|octets: &[u8]| {
    match parse_datagram(octets) {
        Ok(Message::Request(request)) => {
            let refusal = check_request(&request, &UNDERSTOOD);
            if let Err(refusal) = refusal {
                assert!(refusal.status >= 400);
            }
            let Ok(Message::Request(again)) = parse_datagram(&request.encode()) else { panic!("not read again") };
            assert_eq!((&again.method, &again.uri, &again.body), (&request.method, &request.uri, &request.body));
            assert_eq!(again.headers.cseq(), request.headers.cseq());
            assert_eq!(again.headers.vias(), request.headers.vias());
            assert_eq!(again.headers.contacts(), request.headers.contacts());
        }
        Ok(Message::Response(response)) => {
            assert!((100..700).contains(&response.status));
            assert!(parse_datagram(&response.encode()).is_ok());
        }
        Err(malformed) => {
            if let Some(answer) = malformed.answer {
                assert!((400..700).contains(&answer.status));
                let _ = answer.encode();
            }
        }
    }
});
