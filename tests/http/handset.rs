//! The phones' door: a hardware address unlocks nothing, and a private URL unlocks its own phone's secrets once a push.

use std::collections::BTreeSet;

use tsunagu::directory::{Actor, DeviceTemplates, Listed, Listing, read_draft};
use tsunagu::enrolment::EnrolmentRows;
use tsunagu::phone::SipTransport;
use tsunagu::vocab::UnixMillis;

use crate::caller::{Handset, Place, account, generic};
use crate::house::{House, PIN, agent, mac, parameter};
use crate::raw::{Raw, ask};
use crate::support::http;
use crate::support::server::Server;

pub const OPEN: &str = "[auto_registration]\nenabled = true\nper_address_per_minute = 30\n";
pub const PASSWORD: &str = "voip/line/0/auth_password";
const URL: &str = "provisioning/configuration/url";
const ADMIN_PASSWORD: &str = "system/password";

/// The phone the scan is after, in the middle of the scan.
pub const REAL: u16 = 0x0800;
/// How many hardware addresses are tried.
const SCANNED: u16 = 4096;

/// A phone that was enrolled for user 1001 and came back, and every secret it ever had.
pub struct Enrolled {
    pub passwords: [String; 3],
    pub urls: [String; 2],
    last_file: String,
}

/// Lives a phone's whole way but for the call.
pub async fn enrol(house: &House) -> Enrolled {
    let first = house.first_file(REAL);
    let secret = |file: &str, name: &str| parameter(file, name).unwrap_or_else(|| panic!("no {name}"));
    let (auth_name, quarantine_password) = (secret(&first, "voip/line/0/auth_name"), secret(&first, PASSWORD));
    let phone = house.phone_named(&auth_name).await;
    house.claim(phone, "1001", PIN, UnixMillis::now()).await;
    let url = secret(&first, URL);
    let last_file = get(&url, &mac(REAL)).body;
    let password = secret(&last_file, PASSWORD);
    let place = Place { sip: house.running.sip[0].1, handset: house.running.handset };
    let mut options = generic(&place, "1001", SipTransport::Udp);
    options.account = Some(account(&place, "1001", &auth_name, &password));
    let handset = Handset::switch_on(options).await;
    handset.phone.register().await.unwrap();
    // What the registrar knows reaches the enrolment a moment later.
    for _ in 0..100 {
        let enrolments = house.running.enrolments.list(&Listing::all(EnrolmentRows::TABLE)).await.unwrap();
        if enrolments.items[0].ending.as_deref() == Some("complete") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (next_url, admin_password) = (secret(&last_file, URL), secret(&last_file, ADMIN_PASSWORD));
    Enrolled { passwords: [quarantine_password, password, admin_password], urls: [url, next_url], last_file }
}

impl Enrolled {
    pub fn tokens(&self) -> [&str; 2] {
        [0, 1].map(|at| self.urls[at].split('/').rev().nth(1).unwrap())
    }

    pub fn is_in(&self, text: &str) -> bool {
        self.passwords.iter().any(|password| text.contains(password))
            || self.tokens().iter().any(|it| text.contains(it))
    }
}

fn get(url: &str, mac: &str) -> http::Answer {
    http::get(url, &[("User-Agent", &agent(mac))]).unwrap()
}

/// Asks for the configuration of every hardware address around the real one.
fn scan(house: &House) -> Vec<(u16, Raw)> {
    let door = house.running.handset;
    let asked = (0..SCANNED).map(|number| {
        let mac = mac(number);
        (number, ask(door, &format!("GET /{}.cfg", mac.to_uppercase()), &agent(&mac)))
    });
    asked.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_hardware_addresses_is_slowed_and_noticed_and_finds_no_secret() {
    let house = House::open(OPEN).await;
    let enrolled = enrol(&house).await;
    let slowed = house.figure("auto_registration_slowed_total");
    let answers = scan(&house);
    assert!(answers.iter().all(|(_, answer)| !enrolled.is_in(&answer.but_date)));
    assert!(answers.iter().all(|(_, answer)| [200, 404, 503].contains(&answer.status)));
    assert_ne!(answers[usize::from(REAL)].1.status, 200);
    // Once it is slowed, the enrolled phone's address is answered like any other.
    let slow_down = &answers.last().unwrap().1;
    assert_eq!(slow_down.status, 503);
    assert_eq!(&answers[usize::from(REAL)].1, slow_down);
    // A busy machine may take more than a minute for it.
    let let_in = answers.iter().filter(|(_, answer)| answer.status == 200).count();
    assert!((1..=90).contains(&let_in), "{let_in}");
    let noticed = house.figure("auto_registration_slowed_total") - slowed;
    assert!(noticed >= f64::from(SCANNED) - 90.0, "{noticed}");
    // What strangers get is a line of their own each.
    let files = answers.iter().filter(|(_, answer)| answer.status == 200);
    let secrets: BTreeSet<_> = files.map(|(_, answer)| parameter(&answer.but_date, PASSWORD).unwrap()).collect();
    assert_eq!(secrets.len(), let_in);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_phone_is_let_in_an_enrolled_ones_404_is_a_strangers_to_the_byte() {
    let house = House::open(OPEN).await;
    let enrolled = enrol(&house).await;
    house.shut().await;
    let missed = house.figure("handset_misses_total");
    let answers = scan(&house);
    let stranger = &answers[0].1;
    assert_eq!(stranger.status, 404);
    for (number, answer) in &answers {
        assert_eq!(answer, stranger, "{}", mac(*number));
    }
    assert!(!enrolled.is_in(&stranger.but_date));
    let noticed = house.figure("handset_misses_total") - missed;
    assert!(noticed >= f64::from(SCANNED), "{noticed}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_url_gives_its_secrets_once_and_is_worth_nothing_after_the_next() {
    let house = House::open(OPEN).await;
    let first = house.first_file(1);
    let (first_password, first_url) = (parameter(&first, PASSWORD).unwrap(), parameter(&first, URL).unwrap());
    let token = first_url.split('/').rev().nth(1).unwrap().to_owned();
    assert!(token.len() >= 32, "{token}");
    // Still in quarantine: its own file, but nothing secret a second time.
    let again = get(&first_url, &mac(1));
    assert_eq!(again.status, 200);
    assert!(!again.body.contains(&first_password) && parameter(&again.body, PASSWORD).is_none());
    // Nobody's phone is left with an administrator's password that nobody knows.
    assert!([&first, &again.body].iter().all(|file| parameter(file, ADMIN_PASSWORD).is_none()));
    assert!(!again.body.contains(&token));

    let enrolled = enrol(&house).await;
    let [old, new] = &enrolled.urls;
    assert_ne!(old, new);
    assert!(enrolled.last_file.contains(&enrolled.passwords[1]) && enrolled.passwords[0] != enrolled.passwords[1]);
    assert_eq!(enrolled.passwords[2].len(), 16);
    assert_eq!(parameter(&enrolled.last_file, "voip/line/0/id").as_deref(), Some("1001"));
    // It is back, so what it had before is worth nothing, and its new secrets are given no second time.
    let stranger = ask(house.running.handset, &format!("GET /c/{}/{}.cfg", "0".repeat(32), mac(9)), &agent(&mac(9)));
    assert_eq!(stranger.status, 404);
    let path = |url: &str| url.splitn(4, '/').nth(3).unwrap().to_owned();
    assert_eq!(ask(house.running.handset, &format!("GET /{}", path(old)), &agent(&mac(REAL))), stranger);
    for _ in 0..2 {
        let file = get(new, &mac(REAL));
        assert_eq!(file.status, 200);
        assert!(!enrolled.is_in(&file.body), "secrets were given twice");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_phones_own_file_is_behind_its_private_url() {
    let house = House::open(OPEN).await;
    let enrolled = enrol(&house).await;
    let door = house.running.handset;
    let token = enrolled.tokens()[1];
    let stranger = ask(door, &format!("GET /c/{}/{}.cfg", "0".repeat(32), mac(9)), &agent(&mac(9)));
    let own = format!("/c/{token}/{}.cfg", mac(REAL));
    assert_eq!(ask(door, &format!("GET {own}"), &agent(&mac(REAL))).status, 200);

    // Another phone's file under this phone's token, and the other way round.
    let other = format!("/c/{token}/{}.cfg", mac(7));
    assert_eq!(ask(door, &format!("GET {other}"), &agent(&mac(7))), stranger);
    // Other methods.
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        assert_eq!(ask(door, &format!("{method} {own}"), &agent(&mac(REAL))), stranger, "{method}");
    }
    let head = ask(door, &format!("HEAD {own}"), &agent(&mac(REAL)));
    let stranger_head = ask(door, &format!("HEAD /c/{}/x.cfg", "0".repeat(32)), &agent(&mac(REAL)));
    assert_eq!((head.status, &head), (404, &stranger_head));
    // Ways out of the folder, and shapes of path nobody should send.
    let key = std::fs::read_to_string(house.folder().join("secret.key")).unwrap_or_default();
    let long = format!("/c/{token}/{}", "a".repeat(60_000));
    for path in [
        "/../../../../etc/passwd",
        "/../secret.key",
        "/tsunagu.db",
        "/secret.key",
        "/%2e%2e/%2e%2e/secret.key",
        "/..%2f..%2fsecret.key",
        "/..\\..\\secret.key",
        &format!("/c/{token}/../../secret.key"),
        &format!("/c/{token}/..%2f..%2fsecret.key"),
        &format!("/c/{token}/"),
        &format!("/c/{token}"),
        &format!("/c/{token}/%00"),
        &format!("/c/{token}//{}.cfg", mac(7)),
        &format!("/c/../c/{token}/{}.cfg", mac(7)),
        "/c//x.cfg",
        "/c/%00/x.cfg",
        "/",
        "//",
        "*",
        &long,
    ] {
        let answer = ask(door, &format!("GET {path}"), &agent(&mac(7)));
        assert!([0, 400, 404, 414, 431].contains(&answer.status), "{path}: {answer:?}");
        assert!(!answer.but_date.contains("root:") && !enrolled.is_in(&answer.but_date), "{path}");
        assert!(key.trim().is_empty() || !answer.but_date.contains(key.trim()), "{path}");
    }
    assert_eq!(ask(door, &format!("GET {own}"), &agent(&mac(REAL))).status, 200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_phone_is_told_the_transport_of_its_template_and_never_one_that_nobody_listens_on() {
    const TRANSPORT: &str = "voip/signalling/sip/transport_protocol";
    let server = Server::start("");
    let template = serde_json::json!({ "name": "Over TCP", "phone_name": "x", "transport": "tcp" });
    assert_eq!(server.api_post("/device-templates", &template).status, 201);
    let named = serde_json::json!({ "device_template": "Over TCP" });
    assert_eq!(server.api_patch("/auto-registration", &named).status, 200);
    let file = server.handset_get(&format!("/{}.cfg", mac(1)), &agent(&mac(1))).body;
    assert_eq!(parameter(&file, TRANSPORT).as_deref(), Some("TCP"));
    assert_eq!(parameter(&file, "voip/signalling/sip/proxy_port"), Some(server.sip.port().to_string()));
    assert_eq!(server.api_get("/phones")[0]["transport"], "tcp");
    // This one takes no SIP over TCP.
    let house = House::open("[auto_registration]\nenabled = true\n").await;
    let (template, actor, now) = (read_draft(template).unwrap(), Actor::system("test"), UnixMillis::now());
    house.running.directory.create::<DeviceTemplates>(template, &actor, now).await.unwrap();
    house.running.registrar.auto_registration().change(&named, None, &actor, now).await.unwrap();
    assert_eq!(parameter(&house.first_file(1), TRANSPORT).as_deref(), Some("UDP"));
    house.close().await;
}
