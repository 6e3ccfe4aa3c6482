//! What phones are answered when they register (RFC 3261 section 10.3), over every transport; and what a line says of a REGISTER that
//! nothing came of.

use crate::link::Link;
use crate::refused::{enrol, error};
use crate::registrant::{Registrant, header, headers, status};
use crate::support::wait_for;
use crate::{PATIENCE, Place};

/// The contacts of an answer, each with the seconds it is good for.
fn bindings(answer: &str) -> Vec<(&str, u32)> {
    let mut all: Vec<(&str, u32)> = headers(answer, "Contact")
        .into_iter()
        .map(|contact| {
            let (uri, left) = contact.split_once(";expires=").unwrap();
            (uri, left.split(';').next().unwrap().parse().unwrap())
        })
        .collect();
    all.sort_unstable();
    all
}

/// The contacts alone.
fn contacts(answer: &str) -> Vec<&str> {
    bindings(answer).into_iter().map(|(contact, _)| contact).collect()
}

#[test]
fn a_register_is_answered_as_the_rfc_has_it_over_every_transport() {
    let place = Place::start("", "");
    let links = [Link::udp(place.server.sip)].into_iter().chain(place.connections());
    for (turn, link) in links.enumerate() {
        let transport = link.transport;
        let mut phone = Registrant::new(link, &format!("register-{turn}"));
        let own = phone.contact.clone();
        let query = |phone: &mut Registrant| {
            let contact = std::mem::take(&mut phone.contact);
            let answer = phone.register("");
            phone.contact = contact;
            assert_eq!(status(&answer), 200, "{transport}");
            answer
        };
        // Too brief: it is told what would do, and nothing has changed.
        let brief = phone.register("Expires: 59\r\n");
        assert_eq!((status(&brief), header(&brief, "Min-Expires")), (423, Some("60")), "{transport}");
        assert!(contacts(&query(&mut phone)).is_empty(), "{transport}");
        // Several contacts, each for its own time; who asks for too much gets what there is.
        phone.contact = format!("{own};expires=90, <sip:other@192.0.2.7>;expires=4000");
        let both = phone.register("Expires: 120\r\n");
        let granted = bindings(&both);
        let [(other, long), (first, short)] = granted[..] else { panic!("two contacts: {both}") };
        assert_eq!((other, first), ("<sip:other@192.0.2.7>", &*own), "{transport}");
        assert!((60..=90).contains(&short) && (200..=300).contains(&long), "{transport}: {granted:?}");
        // What is asked with the address alone changes nothing and says what there is.
        assert_eq!(contacts(&query(&mut phone)), contacts(&both), "{transport}");
        // One of two is too brief: neither is changed.
        phone.contact = format!("{own};expires=0, <sip:other@192.0.2.7>;expires=5");
        assert_eq!(status(&phone.register("")), 423, "{transport}");
        assert_eq!(contacts(&query(&mut phone)), contacts(&both), "{transport}");
        // One goes, the other stays.
        phone.contact = "<sip:other@192.0.2.7>;expires=0".to_owned();
        assert_eq!(contacts(&phone.register("")), [&own], "{transport}");
        // What is older than what is known is refused, and what is known stays.
        phone.contact = own.clone();
        let newest = phone.cseq;
        (phone.cseq, phone.tag) = (0, 2);
        assert_eq!(status(&phone.register("Expires: 0\r\n")), 500, "{transport}");
        assert_eq!(contacts(&query(&mut phone)), [&own], "{transport}");
        phone.cseq = newest;
        // All of them go by a star that says so, and by no other.
        phone.contact = "*".to_owned();
        assert_eq!(status(&phone.register("")), 400, "{transport}");
        assert_eq!(status(&phone.register("Expires: 60\r\n")), 400, "{transport}");
        assert_eq!(contacts(&query(&mut phone)), [&own], "{transport}");
        let gone = phone.register("Expires: 0\r\n");
        assert_eq!((status(&gone), contacts(&gone).len()), (200, 0), "{transport}");
        assert!(contacts(&query(&mut phone)).is_empty(), "{transport}");
    }
}

#[test]
fn a_register_that_nothing_came_of_is_the_error_of_its_line() {
    let place = Place::start("", "");
    let mut phone = Registrant::new(Link::udp(place.server.sip), "desk");
    enrol(&place, &mut phone);
    // An order that has begun anew under the same Call-ID, as of a phone that was restarted.
    let newest = std::mem::take(&mut phone.cseq);
    phone.tag = 2;
    assert_eq!(status(&phone.register("")), 500);
    assert_eq!(error(&place, "1001", "out-of-order")["count"], 1);
    phone.cseq = newest;
    let star = std::mem::replace(&mut phone.contact, "*".to_owned());
    assert_eq!(status(&phone.register("Expires: 0\r\n")), 200);
    // Who only asks has answered its challenge; so has who was told to ask for more time, and doesn't.
    phone.contact.clear();
    assert_eq!(status(&phone.register("")), 200);
    phone.contact = star;
    assert_eq!(status(&phone.register("Expires: 30\r\n")), 423);
    let code = |code: &str| (place.server.api_get("/lines/1001/status")["code"] == code).then_some(());
    wait_for("the wrong interval to be told of", 2 * PATIENCE, || code("interval-too-brief"));
    let history = place.server.api_get("/lines/1001/history?code=challenge-unanswered");
    assert_eq!(history.as_array().map(Vec::len), Some(0), "{history:#}");
    // An extension nobody has: it is refused before it is asked for a password.
    let refused = phone.register("Require: teleportation\r\n");
    assert_eq!((status(&refused), header(&refused, "Unsupported")), (420, Some("teleportation")));
    assert!(error(&place, "1001", "unsupported-extension")["remedy"].as_str().is_some_and(|it| !it.is_empty()));
    code("unsupported-extension").unwrap();
}
