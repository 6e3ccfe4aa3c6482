//! URIs that lead to one phone of those on a number (RFC 5627).

use crate::link::Link;
use crate::registrant::{Registrant, header, headers, status};
use crate::support::server::Server;

const UNDERSTANDS: &str = "Supported: gruu\r\n";

fn phone(server: &Server, instance: &str) -> Registrant {
    let mut phone = Registrant::new(Link::udp(server.sip), "several");
    phone.contact = format!("{};+sip.instance=\"<urn:uuid:{instance}>\"", phone.contact);
    phone
}

/// A parameter of the contact that has this instance.
fn of(answer: &str, instance: &str, name: &str) -> Option<String> {
    let contact = headers(answer, "Contact").into_iter().find(|contact| contact.contains(instance))?;
    Some(contact.split(&format!(";{name}=\"")).nth(1)?.split('"').next()?.to_owned())
}

#[test]
fn a_phone_is_given_uris_of_its_own_and_requests_to_them_reach_it_and_no_other() {
    let mut server = Server::start("");
    let (one, two) = ("00000000-0000-1000-8000-000A95A0E128", "11111111-0000-1000-8000-000A95A0E128");
    let (mut first, mut second) = (phone(&server, one), phone(&server, two));
    assert_eq!(of(&first.register(""), one, "pub-gruu"), None, "it doesn't say that it understands them");
    assert_eq!(status(&second.register("")), 200);
    let answer = first.register(UNDERSTANDS);
    let public = of(&answer, one, "pub-gruu").unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(public, format!("sip:several@tsunagu;gr=urn:uuid:{one}"));
    let temporary = of(&answer, one, "temp-gruu").unwrap_or_else(|| panic!("{answer}"));
    assert!(temporary.starts_with("sip:tgruu.") && temporary.ends_with("@tsunagu;gr"), "{temporary}");
    assert!(!temporary.contains("several"), "{temporary}");
    assert_ne!(of(&first.register(UNDERSTANDS), one, "temp-gruu"), Some(temporary.clone()), "another each time");

    // They outlive the server: nothing is kept of them.
    server.restart();
    let registered = first.contact.split([';', '>']).next().unwrap().trim_start_matches('<').to_owned();
    for gruu in [&public, &temporary] {
        // What is told goes to where the phone is registered.
        let own = std::mem::replace(&mut second.contact, format!("<{gruu}>"));
        assert_eq!(status(&second.subscribe("several", "Event: message-summary\r\n")), 200);
        second.contact = own;
        let told = first.serve();
        assert!(told.starts_with(&format!("NOTIFY {registered};")), "{told}");
    }
    // Who follows the number is told of it.
    assert_eq!(status(&second.subscribe("several", "Event: reg\r\n")), 200);
    let told = second.serve();
    assert!(told.contains(&format!("<gr:pub-gruu uri=\"{public}\"/>")), "{told}");
    // Who asks of it asks of its number.
    let user = temporary.trim_start_matches("sip:").split('@').next().unwrap().to_owned();
    let uri_of_it = format!("{user}@tsunagu;gr");
    let answer = second.subscribe_at(&format!("sip:{uri_of_it}"), "Event: message-summary\r\n");
    assert_eq!(status(&answer), 200, "{answer}");

    // Another registration of the phone takes the temporary ones of before away.
    let mut anew = phone(&server, one);
    assert_eq!(status(&first.register("Expires: 0\r\n")), 200);
    assert_eq!(status(&anew.register(UNDERSTANDS)), 200);
    let answer = second.subscribe_at(&format!("sip:{uri_of_it}"), "Event: message-summary\r\n");
    assert_eq!(status(&answer), 403, "{answer}");
}

#[test]
fn a_number_is_not_registered_at_itself() {
    let server = Server::start("");
    let mut phone = phone(&server, "00000000-0000-1000-8000-000A95A0E128");
    let answer = phone.register(UNDERSTANDS);
    assert_eq!((status(&answer), header(&answer, "Supported")), (200, Some("path, outbound, gruu")), "{answer}");
    for name in ["pub-gruu", "temp-gruu"] {
        let own = std::mem::replace(&mut phone.contact, format!("<{}>", of(&answer, "urn:uuid", name).unwrap()));
        let refused = phone.register("");
        assert_eq!(status(&refused), 403, "{name}: {refused}");
        phone.contact = own;
    }
    assert_eq!(headers(&phone.register(""), "Contact").len(), 1);
}
