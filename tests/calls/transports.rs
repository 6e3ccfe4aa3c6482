//! Phones that came over different transports call each other.

use crate::authority::Authority;
use crate::link::Link;
use crate::phone::{QUIET, all_call_each_other, phones_over};
use crate::support::server::Server;

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
    let links = [
        Link::udp(server.sip),
        Link::tcp(server.sip),
        Link::tls(server.sip_at("TLS"), &authority, None).unwrap(),
        Link::ws(server.sip_at("WS"), Some("sip"), None).unwrap(),
        Link::wss(server.sip_at("WSS"), &authority),
    ];
    let mut phones = phones_over(&server, links);
    // Each line says over what its phone registered last.
    for (phone, number) in &phones {
        let seen = server.api_get(&format!("/lines/{number}/status"))["last_register"].take();
        let said = [&seen["transport"], &seen["source"]].map(|it| it.as_str().unwrap_or_default().to_ascii_uppercase());
        assert_eq!(said, [phone.link.transport.to_owned(), phone.link.local.to_string()], "{seen:#}");
    }
    all_call_each_other(&mut phones);
}
