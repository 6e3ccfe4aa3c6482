//! Phones that came over different transports call each other.

use crate::authority::Authority;
use crate::link::Link;
use crate::phone::{Phone, QUIET, header, headers};
use crate::support::server::{Server, USERS};

#[test]
fn whatever_a_phone_came_over_it_calls_and_is_called_by_all_others() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("calls");
    authority.issue("server").write(files.path());
    let shown = files.path().display();
    let server = Server::start(&format!(
        "{QUIET}listen = {{ sip_tls = [\"127.0.0.1:0\"], sip_ws = [\"127.0.0.1:0\"], sip_wss = [\"127.0.0.1:0\"] }}\n\
         tls = {{ certificate = \"{shown}/server.pem\", key = \"{shown}/server.key\" }}"
    ));
    let at = |transport: &str| {
        let log = server.log();
        let line = log.lines().find(|line| line.contains(&format!("SIP transport={transport} address="))).unwrap();
        line.split("address=").nth(1).unwrap().trim().parse().unwrap()
    };
    let links = [
        Link::udp(server.sip),
        Link::tcp(server.sip),
        Link::tls(at("TLS"), &authority, None).unwrap(),
        Link::ws(at("WS"), Some("sip"), None).unwrap(),
        Link::wss(at("WSS"), &authority),
    ];
    let mut phones: Vec<Phone> = Vec::new();
    for (index, link) in links.into_iter().enumerate() {
        let name = format!("phone-{}", link.transport.to_ascii_lowercase());
        let mut phone = Phone::new(link, &name);
        if phone.link.transport.starts_with("WS") {
            // A browser doesn't know where it is (RFC 7118 section 5).
            phone.contact = format!("<sip:{name}@{name}.invalid;transport=ws>");
        }
        assert!(phone.registers("").starts_with("SIP/2.0 200"));
        let user = match USERS.get(index) {
            Some(user) => user.user_id.to_owned(),
            None => {
                let user = serde_json::json!({
                    "user_id": name, "name": name, "pin": "730952", "primary_extension": format!("11{index:02}"),
                });
                assert_eq!(server.api_post("/users", &user).status, 201);
                name
            }
        };
        phone.is_given_to(&server, &user);
        phones.push(phone);
    }
    let number = |index: usize| USERS.get(index).map_or(format!("11{index:02}"), |user| user.extension.to_owned());
    for from in 0..phones.len() {
        for to in (0..phones.len()).filter(|to| *to != from) {
            let mut calling = phones[from].calls(&number(to), "");
            let invite = phones[to].rings();
            let via = header(&invite, "Via").unwrap();
            assert!(via.starts_with(&format!("SIP/2.0/{} ", phones[to].link.transport)), "{via}");
            let mut called = phones[to].takes(&invite);
            phones[from].is_answered(&mut calling);
            phones[to].next("ACK ");
            // Either hangs up in its turn.
            let (ends, hears, call) = if from < to { (from, to, &mut calling) } else { (to, from, &mut called) };
            phones[ends].within(call, "BYE", "");
            let bye = phones[hears].next("BYE ");
            assert_eq!(headers(&bye, "Route").len(), 0);
            phones[hears].answers(&bye, "200 OK", "", "");
            phones[ends].next("SIP/2.0 200");
        }
    }
}
