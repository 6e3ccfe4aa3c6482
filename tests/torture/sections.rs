//! What becomes of each message by its form alone: through the datagram parser, the stream decoder and the form's check.

use tsunagu::sip::digest::Credentials;
use tsunagu::sip::message::{
    Contacts, Message, Method, NameAddr, Request, RequestUri, StreamDecoder, StreamItem, Understood, check_request,
    parse_datagram,
};

use super::table::{Case, Expectation, cases};

const UNDERSTOOD: Understood<'_> = Understood {
    methods: &[
        Method::Register,
        Method::Invite,
        Method::Ack,
        Method::Bye,
        Method::Cancel,
        Method::Options,
        Method::Info,
        Method::Prack,
        Method::Update,
    ],
    extensions: &["100rel", "timer"],
    session_bodies: &["application/sdp"],
};

/// What became of a message.
#[derive(Debug)]
enum Outcome {
    Served,
    Refused(u16),
    Response,
    Dropped,
}

fn outcome(item: StreamItem) -> Outcome {
    match item {
        StreamItem::Message(Message::Request(request)) => match check_request(&request, &UNDERSTOOD) {
            Ok(()) => Outcome::Served,
            Err(response) => Outcome::Refused(response.status),
        },
        StreamItem::Message(Message::Response(_)) => Outcome::Response,
        StreamItem::Malformed(malformed) => {
            malformed.answer.map_or(Outcome::Dropped, |answer| Outcome::Refused(answer.status))
        }
        keep_alive => panic!("no message: {keep_alive:?}"),
    }
}

fn is_due(expectation: Expectation, outcome: &Outcome) -> bool {
    use Expectation as E;
    match (expectation, outcome) {
        (E::Served(_) | E::Either(_), Outcome::Served) => true,
        (E::Refused(with) | E::Either(with) | E::RefusedAndClosed(with), Outcome::Refused(status)) => {
            with.contains(status)
        }
        (E::Unasked, Outcome::Response) | (E::Dropped, Outcome::Dropped) => true,
        _ => false,
    }
}

fn case(name: &str) -> Case {
    cases(5060).into_iter().find(|case| case.name == name).unwrap()
}

fn request(name: &str) -> Request {
    match parse_datagram(&case(name).octets) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

fn contacts(request: &Request) -> Vec<NameAddr> {
    match request.headers.contacts() {
        Ok(Contacts::List(contacts)) => contacts,
        other => panic!("{other:?}"),
    }
}

fn user(uri: &RequestUri) -> &str {
    uri.sip().unwrap().user.as_deref().unwrap()
}

#[test]
fn every_datagram_gets_what_its_section_asks() {
    let mut wrong = Vec::new();
    for case in cases(5060) {
        let outcome = outcome(match parse_datagram(&case.octets) {
            Ok(message) => StreamItem::Message(message),
            Err(malformed) => StreamItem::Malformed(malformed),
        });
        if !is_due(case.over_udp, &outcome) {
            wrong.push(format!("{} {}: {outcome:?}, not {:?}", case.section, case.name, case.over_udp));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_stream_gets_what_its_section_asks() {
    let mut wrong = Vec::new();
    for case in cases(5060) {
        let mut decoder = StreamDecoder::new();
        decoder.push(&case.octets);
        let first = decoder.next();
        let is_right = match (case.over_tcp, first) {
            (Expectation::Awaited, first) => first.is_none() && !decoder.is_between_messages(),
            (Expectation::RefusedAndClosed(_), Some(Ok(item))) => {
                is_due(case.over_tcp, &outcome(item)) && matches!(decoder.next(), Some(Err(_)))
            }
            (expectation, Some(Ok(item))) => is_due(expectation, &outcome(item)),
            (_, None | Some(Err(_))) => false,
        };
        if !is_right {
            wrong.push(format!("{} {}: not {:?}", case.section, case.name, case.over_tcp));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn white_space_folding_and_compact_forms_do_not_change_what_is_said() {
    let request = request("wsinv");
    let headers = &request.headers;
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    assert_eq!(headers.from().unwrap().display.as_deref(), Some("T Suzuki \\\""));
    assert_eq!(headers.from().unwrap().tag(), Some("98asjd8"));
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    let cseq = headers.cseq().unwrap();
    assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
    let vias = headers.vias().unwrap();
    let branches: Vec<_> = vias.iter().map(|via| via.branch().unwrap()).collect();
    assert_eq!(branches, ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]);
    assert_eq!(headers.get("Subject"), Some(""));
    assert_eq!(headers.get("NewFangledHeader"), Some("newfangled value continued newfangled value"));
    let contact = contacts(&request).remove(0);
    assert_eq!((contact.param("q"), contact.param("newparam")), (Some("0.33"), Some("newvalue")));
    assert!(contact.params.contains("secondparam"));
}

#[test]
fn every_character_a_method_may_have_is_kept() {
    let request = request("intmeth");
    assert_eq!(request.method.as_str(), "!odd-Method0123456789_*+`.%indeed'~");
    assert_eq!(request.headers.call_id().unwrap(), "intmeth.5060.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
    assert_eq!(request.headers.from().unwrap().tag(), Some("_token~1'+`*%!-."));
    assert_eq!(request.headers.to().unwrap().display.as_deref(), Some("BEL:\u{7} NUL:\0 DEL:\u{7f}"));
}

#[test]
fn escapes_are_undone_once_and_only_in_uris() {
    assert_eq!(request("esc01").uri.user().as_deref(), Some("sips:taro@example.com"));
    assert_eq!(request("esc01").headers.to().unwrap().uri.user().as_deref(), Some("taro"));
    let register = request("escnull");
    assert_eq!(user(&register.headers.to().unwrap().uri), "null-%00-null");
    let contacts_of_null = contacts(&register);
    assert_eq!(contacts_of_null.len(), 2);
    assert_ne!(contacts_of_null[0].uri, contacts_of_null[1].uri);
    let other = request("esc02");
    assert_eq!(other.method, Method::Other("RE%47IST%45R".to_owned()));
    assert_eq!(contacts(&other).len(), 2, "C%6Fntact is no Contact");
}

#[test]
fn nothing_long_is_cut_short() {
    let case = case("longreq");
    assert!(case.octets.len() > 3_500, "{}", case.octets.len());
    let request = request("longreq");
    assert_eq!(request.headers.vias().unwrap().len(), 34);
    assert!(request.headers.from().unwrap().tag().unwrap().ends_with("982424"));
    assert!(request.headers.call_id().unwrap().ends_with("longcallid"));
}

#[test]
fn a_datagram_ends_where_its_length_says_and_a_stream_goes_on() {
    let case = case("dblreq");
    let Ok(Message::Request(first)) = parse_datagram(&case.octets) else { panic!() };
    assert_eq!((first.method, first.body.len()), (Method::Register, 0));
    let mut decoder = StreamDecoder::new();
    decoder.push(&case.octets);
    let mut methods = Vec::new();
    while let Some(item) = decoder.next() {
        if let StreamItem::Message(Message::Request(request)) = item.unwrap() {
            methods.push(request.method);
        }
    }
    assert_eq!(methods, [Method::Register, Method::Invite]);
    assert!(decoder.is_between_messages());
}

#[test]
fn names_are_read_where_they_stand() {
    let from = request("lwsdisp").headers.from().unwrap();
    assert_eq!((from.display.as_deref(), user(&from.uri)), (Some("caller"), "caller"));
    assert_eq!(user(&request("semiuri").uri), "taro;par=u%40example.net");
    let in_header = contacts(&request("cparam01")).remove(0);
    assert!(in_header.params.contains("unknownparam"));
    assert!(!in_header.uri.sip().unwrap().params.contains("unknownparam"));
    let in_uri = contacts(&request("cparam02")).remove(0);
    assert!(!in_uri.params.contains("unknownparam"));
    assert!(in_uri.uri.sip().unwrap().params.contains("unknownparam"));
    assert_eq!(request("transports").headers.vias().unwrap().len(), 5);
}

#[test]
fn a_header_inside_a_uri_never_becomes_a_header() {
    let register = request("regescrt");
    assert!(!register.headers.contains("Route"));
    assert_eq!(contacts(&register)[0].uri.sip().unwrap().headers, "Route=%3Csip:sip.example.com%3E");
    if let Ok(Message::Request(invite)) = parse_datagram(&case("escruri").octets) {
        assert!(!invite.headers.contains("Route"));
    }
}

#[test]
fn a_refusal_says_what_would_do() {
    let refusal = |name| check_request(&request(name), &UNDERSTOOD).unwrap_err();
    let unsupported = refusal("bext01").headers.list("Unsupported").join(" ");
    for tag in
        ["nothingSupportsThis", "nothingSupportsThisEither", "noProxiesSupportThis", "norDoAnyProxiesSupportThis"]
    {
        assert!(unsupported.split(' ').any(|listed| listed == tag), "{tag} in {unsupported}");
    }
    assert_eq!(refusal("invut").headers.list("Accept"), ["application/sdp"]);
    assert!(refusal("intmeth").headers.contains("Allow"));
}

#[test]
fn an_unknown_authentication_scheme_is_no_credentials() {
    let register = request("regaut01");
    assert!(Credentials::parse(register.headers.get("Authorization").unwrap()).is_none());
}

#[test]
fn a_body_is_octets() {
    let message = request("mpart01");
    assert!(message.body.contains(&0) && std::str::from_utf8(&message.body).is_err());
    assert!(message.body.ends_with(b"--7a9cbec02ceef655--\r\n"));
}
