//! Subscriptions of phones: where their number is registered (RFC 3680), whether messages wait (RFC 3842).

use crate::PATIENCE;
use crate::Place;
use crate::link::Link;
use crate::registrant::{Registrant, header, status};
use crate::support::server::Server;
use crate::support::wait_for;

/// Longer than the first registration of a phone that refreshes, and until that was looked at.
const REFRESHED: std::time::Duration = std::time::Duration::from_millis(2500);

/// What is told, and the headers it is told with.
fn told(phone: &mut Registrant) -> (String, String) {
    let text = phone.serve();
    assert!(text.starts_with("NOTIFY "), "{text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn a_phone_follows_where_its_own_number_is_registered() {
    let place = Place::start("registrar.shortest_seconds = 1", "");
    let mut phone = Registrant::new(Link::tls(place.tls, &place.authority, None).unwrap(), "follower");
    let phones = |phone: &mut Registrant| {
        assert_eq!(status(&phone.register("")), 200);
        place.server.api_get("/phones")[0]["registrations"][0]["number"].as_str().unwrap().to_owned()
    };
    let number = phones(&mut phone);
    let answer = phone.subscribe(&number, "Event: reg;id=5\r\nExpires: 300\r\n");
    assert_eq!((status(&answer), header(&answer, "Expires")), (200, Some("300")), "{answer}");
    let (head, body) = told(&mut phone);
    assert_eq!(header(&head, "Event"), Some("reg;id=5"), "{head}");
    assert!(header(&head, "Subscription-State").unwrap().starts_with("active;expires="), "{head}");
    assert_eq!(header(&head, "Content-Type"), Some("application/reginfo+xml"));
    assert!(
        body.contains("version=\"0\" state=\"full\"") && body.contains(&format!("<registration aor=\"sip:{number}@")),
        "{body}"
    );
    let contact = phone.contact.trim_matches(['<', '>']).to_owned();
    assert!(body.contains(&format!("<uri>{contact}</uri>")) && body.contains("event=\"registered\""), "{body}");

    // Another contact of the number comes, and the first one goes.
    let mut other = Registrant::new(Link::udp(place.server.sip), "follower");
    assert_eq!(status(&other.register("Expires: 1\r\n")), 200);
    // It refreshes before it goes: it has not expired.
    assert_eq!(status(&other.register("")), 200);
    let (_, body) = told(&mut phone);
    assert!(body.contains("version=\"1\"") && body.matches("state=\"active\" event").count() == 2, "{body}");
    std::thread::sleep(REFRESHED);
    assert_eq!(status(&other.register("Expires: 0\r\n")), 200);
    let (_, body) = told(&mut phone);
    assert!(body.contains("state=\"terminated\" event=\"unregistered\""), "{body}");

    let answer = phone.refresh("Event: reg;id=5\r\nExpires: 0\r\n");
    assert_eq!(status(&answer), 200, "{answer}");
    let (head, _) = told(&mut phone);
    assert_eq!(header(&head, "Subscription-State"), Some("terminated;reason=timeout"), "{head}");
    assert_eq!(status(&phone.refresh("Event: reg;id=5\r\nExpires: 300\r\n")), 481, "it is over");
}

#[test]
fn a_phone_is_told_that_no_message_waits_and_only_of_its_own_number() {
    let server = Server::start("");
    let mut phone = Registrant::new(Link::udp(server.sip), "messages");
    assert_eq!(status(&phone.register("")), 200);
    let answer =
        phone.subscribe("messages", "Event: message-summary\r\nAccept: application/simple-message-summary\r\n");
    assert_eq!(status(&answer), 200, "{answer}");
    let (head, body) = told(&mut phone);
    assert_eq!(header(&head, "Content-Type"), Some("application/simple-message-summary"));
    assert!(body.starts_with("Messages-Waiting: no\r\nMessage-Account: sip:messages@"), "{body}");
    for number in ["1001", "9999", "root"] {
        assert_eq!(status(&phone.subscribe(number, "Event: reg\r\n")), 403, "{number}");
    }
    let refused = phone.subscribe("messages", "Event: presence\r\n");
    assert_eq!((status(&refused), header(&refused, "Allow-Events")), (489, Some("reg, message-summary")), "{refused}");
}

#[test]
fn there_are_as_many_subscriptions_as_may_be_and_no_more() {
    let server = Server::start("limits.subscriptions = 1");
    let [mut first, mut second] = ["first", "second"].map(|name| Registrant::new(Link::tcp(server.sip), name));
    for phone in [&mut first, &mut second] {
        assert_eq!(status(&phone.register("")), 200);
    }
    assert_eq!(status(&first.subscribe("first", "Event: reg\r\n")), 200);
    told(&mut first);
    let refused = second.subscribe("second", "Event: reg\r\n");
    assert_eq!((status(&refused), header(&refused, "Retry-After")), (503, Some("60")), "{refused}");
    let figures = server.admin_get("/metrics").body;
    assert!(figures.contains("sip_subscriptions_refused_total 1\n"), "{figures}");
    assert_eq!(status(&first.refresh("Event: reg\r\nExpires: 0\r\n")), 200);
    told(&mut first);
    wait_for("the place", PATIENCE, || (status(&second.subscribe("second", "Event: reg\r\n")) == 200).then_some(()));
}

#[test]
fn who_does_not_take_what_is_told_is_told_no_more_and_one_phone_has_only_so_many() {
    let server = Server::start("");
    let mut phone = Registrant::new(Link::tcp(server.sip), "many");
    assert_eq!(status(&phone.register("")), 200);
    let figure = || server.figure("sip_subscriptions") as usize;
    for _ in 0..8 {
        let answer = phone.subscribe("many", "Event: reg\r\n");
        assert_eq!(status(&answer), 200, "{answer}");
        told(&mut phone);
    }
    // A phone that has restarted doesn't know of those it had: one makes way, and is told so.
    assert_eq!(status(&phone.subscribe("many", "Event: reg\r\n")), 200);
    let both = [told(&mut phone), told(&mut phone)];
    let ended = both.iter().filter(|(head, _)| head.contains("Subscription-State: terminated;reason=deactivated"));
    assert_eq!(ended.count(), 1, "{both:#?}");
    wait_for("all of them in the figures", PATIENCE, || (figure() == 8).then_some(()));
    // The phone is gone with its connection: what is told next reaches nobody.
    drop(phone);
    let mut other = Registrant::new(Link::udp(server.sip), "many");
    assert_eq!(status(&other.register("")), 200);
    wait_for("none of them left", PATIENCE, || (figure() == 0).then_some(()));
}
