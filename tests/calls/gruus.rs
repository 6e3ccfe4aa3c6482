//! Calls to one phone of those on a number, by the URI that leads to it and to no other (RFC 5627).

use crate::link::Link;
use crate::phone::{Phone, QUIET, connects, header, headers, status, within};
use crate::support::server::Server;

const INSTANCE: &str = "<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";

/// What a parameter of the phone's contact is in the answer to a REGISTER.
fn gruu(answer: &str, name: &str) -> String {
    let contact = headers(answer, "Contact").into_iter().find(|contact| contact.contains(INSTANCE));
    let value = contact.and_then(|contact| contact.split(&format!(";{name}=\"")).nth(1)?.split('"').next());
    value.unwrap_or_else(|| panic!("{name}: {answer}")).to_owned()
}

#[test]
fn a_call_to_the_uri_of_one_phone_rings_there_and_on_no_other_of_its_number() {
    let server = Server::start(QUIET);
    let link = || Link::udp(server.sip);
    let mut caller = Phone::of_user(&server, link(), "one", "sato");
    let mut other = Phone::of_user(&server, link(), "two", "smith");
    let mut meant = Phone::of_user(&server, link(), "three", "smith");
    meant.contact = format!("{};+sip.instance=\"{INSTANCE}\"", meant.contact);
    let answer = meant.registers("Supported: gruu\r\n");
    assert_eq!(status(&answer), 200, "{answer}");
    let (public, temporary) = (gruu(&answer, "pub-gruu"), gruu(&answer, "temp-gruu"));

    for uri in [&public, &temporary] {
        let mut calling = caller.calls_at(uri, "");
        let (invite, _) = connects(&mut caller, &mut calling, &mut meant);
        assert_eq!(header(&invite, "Call-ID"), Some(&*calling.call_id));
        within(&mut caller, &mut calling, &mut meant, "BYE");
    }
    // The first call that comes to the other is one to their number.
    let mut calling = caller.calls("1002", "");
    for phone in [&mut other, &mut meant] {
        let invite = phone.next("INVITE ");
        assert_eq!(header(&invite, "Call-ID"), Some(&*calling.call_id), "{invite}");
        phone.answers(&invite, "486 Busy Here", "", "");
        phone.next("ACK ");
    }
    assert_eq!(status(&caller.hears(&mut calling)), 486);

    assert_eq!(status(&meant.registers("Expires: 0\r\n")), 200);
    for (uri, expected) in [(&public, 480), (&temporary, 404), (&public.replace("e128", "ffff"), 480)] {
        let mut calling = caller.calls_at(uri, "");
        assert_eq!(status(&caller.hears(&mut calling)), expected, "{uri}");
    }
}
