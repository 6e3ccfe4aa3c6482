//! Two phones of one number, each a line of its own.

use serde_json::Value;

use crate::line_status::Desk;
use crate::registrant::{Registrant, status};
use crate::support::server::Server;
use crate::support::wait_for;

/// How long what is written behind the registrar may take.
const SOON: std::time::Duration = std::time::Duration::from_secs(30);

/// What stands of both lines, in the order they were made.
fn codes(server: &Server) -> Vec<String> {
    let lines = server.api_get("/lines?number=1001&sort=mac");
    lines.as_array().unwrap().iter().map(|line| line["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_phone_that_gives_the_address_another_gave_takes_its_place_and_the_other_is_told_of() {
    let server = Server::start("");
    let [home, office] = [1, 2].map(|number| Desk::of(&server, number, 0));
    // As behind two routers that give out the same addresses.
    let at = |desk: &Desk, host: u8| -> Registrant {
        let mut phone = desk.at(&server, host);
        phone.reached_at = Some("192.0.2.20:5060".parse().unwrap());
        phone
    };
    let (home, office) = (at(&home, 31), at(&office, 32));
    assert_eq!(status(&home.register()), 200);
    wait_for("the one at home", SOON, || (codes(&server) == ["registered", "never-received"]).then_some(()));
    assert_eq!(status(&office.register()), 200);
    wait_for("the one at the office in its place", SOON, || {
        (codes(&server) == ["displaced", "registered"]).then_some(())
    });
    let told = server.api_get("/events?type=phone.lost");
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told:#}");
    let lost: Vec<Value> = server.api_get("/events?type=line.lost").as_array().unwrap().clone();
    assert_eq!((lost.len(), &lost[0]["data"]["reason"]), (1, &Value::from("displaced")), "{lost:?}");
    assert_eq!(status(&home.register()), 200);
    wait_for("the one at home again", SOON, || (codes(&server) == ["registered", "displaced"]).then_some(()));
}
