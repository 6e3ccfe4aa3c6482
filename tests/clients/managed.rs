//! SIPp as the SIP half of an AudioCodes 420HD; the test is its other half, which fetches configurations over HTTP.

use std::collections::HashMap;

use super::sipp::Phone;
use super::story::{assert_enrolled, claim_keys, steps};
use crate::support::server::{Server, USERS, WHOLE_WAY};

const MAC_FILE: &str = "/00908f420d01.cfg";
const AGENT: &str = "AUDC-IPPhone/2.2.16.138 (420HD-Rev0; 00908F420D01)";

/// A configuration as the phone reads it.
struct Configuration(HashMap<String, String>);

impl Configuration {
    /// Fetches it; `None` for 404.
    fn fetch(server: &Server, path: &str) -> Option<Self> {
        let answer = server.handset_get(path, AGENT);
        if answer.status == 404 {
            return None;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        let lines = answer.body.lines().filter_map(|line| line.split_once('='));
        Some(Self(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Sets the phone up for its first line.
    fn apply_to(&self, phone: &mut Phone) {
        let of_line = |name| self.value(&format!("voip/line/0/{name}")).unwrap().to_owned();
        phone.user = of_line("id");
        phone.credentials = (of_line("auth_name"), of_line("auth_password"));
        phone.agent = AGENT.to_owned();
    }

    /// The path of the phone's private URL at the phones' door.
    fn private_path(&self, server: &Server) -> Option<String> {
        let url = self.value("provisioning/configuration/url")?;
        let path = url.strip_prefix(&format!("http://{}", server.handset)).expect("a URL at the phones' door");
        Some(path.to_owned())
    }
}

#[test]
fn a_420hd_goes_from_its_box_to_its_user_and_its_secrets_go_out_once() {
    let server = Server::start("dialogue = { languages = [\"ja\", \"en\"] }");
    let quarantine = Configuration::fetch(&server, MAC_FILE).expect("a configuration for a new phone");
    let private = quarantine.private_path(&server).expect("a private URL");
    let mut phone = Phone::new(&server, "420hd");
    quarantine.apply_to(&mut phone);
    assert_eq!(phone.user, "9000");
    assert_eq!(phone.register().received("SIP/2.0 200").len(), 1);

    let mut call = phone.play_keying("claim", &format!("1{}", claim_keys(&USERS[1])));
    let notified = call.await_word("answered CSeq: 1 NOTIFY");
    assert_eq!(notified.received("SIP/2.0 401").len(), 1, "a call of a phone with a password is challenged");
    let notify = &notified.received("NOTIFY")[0];
    assert!(notify.contains("Event: check-sync") && notify.contains("Subscription-State: terminated"), "{notify}");
    drop(call);

    let own = Configuration::fetch(&server, &private).expect("the phone's own configuration");
    let next = own.private_path(&server).expect("a new private URL");
    let first_password = phone.credentials.1.clone();
    own.apply_to(&mut phone);
    assert_eq!(phone.user, USERS[1].extension);
    assert_ne!(phone.credentials.1, first_password, "the quarantine password is worth nothing any more");
    assert_eq!(phone.register().received("SIP/2.0 200").len(), 1);

    let enrolment = assert_enrolled(&server, &USERS[1], "ja");
    assert_eq!(steps(&enrolment), WHOLE_WAY);
    let hash = enrolment["steps"][7]["detail"].as_str().unwrap();
    assert!(hash.len() == 64 && hash.bytes().all(|octet| octet.is_ascii_hexdigit()), "{hash}");

    let again = Configuration::fetch(&server, &next).expect("the configuration without its secrets");
    assert_eq!(again.value("voip/line/0/id"), Some(USERS[1].extension));
    assert_eq!(again.value("voip/line/0/auth_password"), None, "secrets go out once a push");
    assert!(Configuration::fetch(&server, &private).is_none(), "the private URL of quarantine is gone");
    let (its, stranger) = (server.handset_get(MAC_FILE, AGENT), server.handset_get("/nothing/at/all.cfg", AGENT));
    assert_eq!((its.status, &its.body), (404, &stranger.body));
    assert_eq!(its.status, stranger.status);
    let without_date = |answer: &crate::support::http::Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("date");
        headers
    };
    assert_eq!(without_date(&its), without_date(&stranger), "an enrolled phone's MAC looks like nobody's");
    assert!(!server.log().contains(&phone.credentials.1), "the log holds the phone's password");
}
