//! What is written can be read back, and what an independent parser (rsip) reads in an ordinary message, ours reads too.

use bytes::Bytes;
use proptest::prelude::*;
use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};
use tsunagu::sip::message::{
    Message, Method, Request, RequestUri, Response, StreamDecoder, StreamItem, parse_datagram,
};

const TOKEN: &str = "[A-Za-z0-9.!%*_+`'~-]{1,20}";

prop_compose! {
    /// An ordinary request: everything a request needs, and some headers nobody knows.
    fn requests()(
        method in prop_oneof![
            Just(Method::Register), Just(Method::Invite), Just(Method::Options), Just(Method::Bye), Just(Method::Message),
        ],
        user in "[a-z0-9][a-z0-9.]{0,10}",
        host in "[a-z]{1,8}\\.example|192\\.0\\.2\\.[1-9]",
        port in proptest::option::of(1_u16..),
        branch in "[a-zA-Z0-9]{1,20}",
        tag in "[a-zA-Z0-9]{1,20}",
        display in "[a-zA-Z ]{0,12}",
        call_id in "[a-zA-Z0-9]{1,20}(@[a-z]{1,8})?",
        number in 0_u32..1 << 31,
        max_forwards in 0_u8..,
        others in proptest::collection::vec(("X-[A-Za-z]{1,10}", "([!-~あ-ん]{1,10}( [!-~]{1,10})?)?"), 0..6),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) -> Request {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let mut request = Request::new(method, format!("sip:{user}@{host}{port}").parse().unwrap());
        let headers = &mut request.headers;
        headers.push("Via", &format!("SIP/2.0/UDP {host}{port};branch=z9hG4bK{branch}"));
        headers.push("Max-Forwards", &max_forwards.to_string());
        headers.push("From", &format!("\"{display}\" <sip:{user}@{host}>;tag={tag}"));
        headers.push("To", &format!("<sip:{user}@{host}>"));
        headers.push("Call-ID", &call_id);
        headers.push("CSeq", &format!("{number} {}", request.method));
        for (name, value) in others {
            headers.push(&name, &value);
        }
        request.body = Bytes::from(body);
        request
    }
}

/// A message without its Content-Length, which the writer adds.
fn without_length(message: Message) -> Message {
    match message {
        Message::Request(mut request) => {
            request.headers.remove("Content-Length");
            Message::Request(request)
        }
        Message::Response(mut response) => {
            response.headers.remove("Content-Length");
            Message::Response(response)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_comes_back_as_it_went(request in requests(), method in TOKEN, cut in 1_usize..400) {
        let mut request = request;
        if method.len() > 10 {
            request.headers.set("CSeq", &format!("7 {method}"));
            request.method = method.as_str().into();
        }
        let octets = request.encode();
        let sent = Message::Request(request);
        prop_assert_eq!(without_length(parse_datagram(&octets).unwrap()), sent.clone());

        let mut decoder = StreamDecoder::new();
        let mut read = Vec::new();
        for piece in [&octets[..], &octets[..]].concat().chunks(cut) {
            decoder.push(piece);
            while let Some(item) = decoder.next() {
                match item {
                    Ok(StreamItem::Message(message)) => read.push(without_length(message)),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
        prop_assert_eq!(read, vec![sent.clone(), sent]);
    }

    #[test]
    fn a_response_comes_back_as_it_went(request in requests(), status in 100_u16..700, reason in "[!-~あ-ん]{0,10}( [!-~]{1,9})?") {
        let response = request.respond(status).with_reason(&reason).with_to_tag("abc").with_body("text/plain", request.body);
        let sent = Message::Response(response.clone());
        prop_assert_eq!(without_length(parse_datagram(&response.encode()).unwrap()), sent);
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_datagram(&octets);
        let mut decoder = StreamDecoder::new();
        decoder.push(&octets);
        let mut items = 0;
        while let Some(Ok(_)) = decoder.next() {
            items += 1;
            prop_assert!(items <= octets.len());
        }
    }

    #[test]
    fn a_uri_comes_back_as_it_went(text in "(sips?|tel|x):[a-zA-Z0-9;=@:%?&.\\[\\]+-]{0,40}") {
        if let Ok(uri) = text.parse::<RequestUri>() {
            prop_assert_eq!(uri.to_string().parse::<RequestUri>().unwrap(), uri);
        }
    }

    #[test]
    fn an_independent_parser_reads_the_same(request in requests(), body in "\\PC{0,60}") {
        // rsip takes text only.
        let octets = Request { body: Bytes::from(body), ..request }.encode();
        let theirs = rsip::Request::try_from(&octets[..]).unwrap();
        let Ok(Message::Request(ours)) = parse_datagram(&octets) else { panic!() };
        prop_assert_eq!(theirs.method.to_string(), ours.method.as_str());
        prop_assert_eq!(theirs.uri.to_string(), ours.uri.to_string());
        prop_assert_eq!(theirs.call_id_header().unwrap().value(), ours.headers.call_id().unwrap());
        let cseq = theirs.cseq_header().unwrap().typed().unwrap();
        prop_assert_eq!(cseq.seq, ours.headers.cseq().unwrap().number);
        let via = theirs.via_header().unwrap().typed().unwrap();
        prop_assert_eq!(via.branch().map(|branch| branch.value().to_owned()), ours.headers.top_via().unwrap().branch().map(str::to_owned));
        let from = theirs.from_header().unwrap().typed().unwrap();
        prop_assert_eq!(from.tag().map(|tag| tag.value().to_owned()), ours.headers.from().unwrap().tag().map(str::to_owned));
        prop_assert_eq!(from.uri.to_string(), ours.headers.from().unwrap().uri.to_string());
        prop_assert_eq!(theirs.headers.iter().count(), ours.headers.len());
        prop_assert_eq!(&theirs.body[..], &ours.body[..]);
    }
}

/// The other way round: answers of ours, read by rsip.
#[test]
fn an_independent_parser_reads_our_answers() {
    let request: &[u8] = b"OPTIONS sip:a@b.example SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nf: <sip:a@b.example>;tag=1\r\n\
        t: <sip:c@d.example>\r\ni: 1@x\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let Ok(Message::Request(request)) = parse_datagram(request) else { panic!() };
    let response: Response = request.respond(486).with_to_tag("xyz").with_header("Warning", "399 tsunagu \"busy\"");
    let theirs = rsip::Response::try_from(&response.encode()[..]).unwrap();
    assert_eq!(u16::from(theirs.status_code.clone()), 486);
    assert_eq!(theirs.to_header().unwrap().typed().unwrap().tag().unwrap().value(), "xyz");
    assert_eq!(theirs.cseq_header().unwrap().typed().unwrap().seq, 1);
}
