//! The wall clock jumps: a year ahead, an hour back. No registration, lease, nonce or enrolment ends early.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tsunagu::phone::SipTransport;

use crate::bare_call::BareCall;
use crate::caller::{Handset, Place, generic};
use crate::house::{agent, mac, parameter};
use crate::records::{enrolment_of, eventually, phone_named, phone_of_mac, steps};
use crate::registrant::{Registrant, status};
use crate::support::server::{Server, USERS};

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;
/// Seconds of every registration, and how many may be gone when it is looked at.
const GRANTED: i64 = 3600;
const GONE: i64 = 600;
/// What waits for an enrolment looks every two seconds.
const LOOKED_AFTER: Duration = Duration::from_secs(5);

/// A server whose wall clock a test can set.
struct Jumping {
    server: Server,
    jump: PathBuf,
}

impl Jumping {
    fn start(settings: &str) -> Self {
        let mut server = Server::start(settings);
        let (library, jump) = (server.folder().join("clock.so"), server.folder().join("jump"));
        build(&library);
        std::fs::write(&jump, 0_i64.to_ne_bytes()).unwrap();
        server.restart_with(&[("LD_PRELOAD", &library), ("CLOCK_JUMP", &jump)]);
        Self { server, jump }
    }

    /// Sets the clock so many seconds off what is right, and waits until the server has looked at its leases since. The file
    /// stays the same one: the server has it mapped.
    async fn set(&self, seconds: i64) {
        use std::os::unix::fs::FileExt;
        let noticed = || self.server.log().matches("the clock was set").count();
        let before = noticed();
        let file = std::fs::File::options().write(true).open(&self.jump).unwrap();
        file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
        eventually("word of the clock", || (noticed() > before).then_some(())).await;
        tokio::time::sleep(LOOKED_AFTER).await;
    }
}

fn build(library: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(library).arg(source).status().unwrap();
    assert!(built.success(), "the C compiler that built the server's libraries could not build the clock");
}

fn is_registered(phone: &Value) -> bool {
    let registrations = phone["registrations"].as_array().unwrap();
    let left = registrations.iter().map(|registration| registration["seconds_left"].as_i64().unwrap());
    left.min().is_some_and(|left| (GRANTED - GONE..=GRANTED).contains(&left))
}

/// A phone is bound to its user and gone before it could be told.
async fn bound_and_gone(server: &Server, place: &Place) {
    drop(Handset::plug_in(generic(place, "leaver", SipTransport::Udp)).await.unwrap());
    let call = BareCall::place(server.sip, "leaver").unwrap();
    call.press(&format!("{}##{}#", USERS[0].extension, USERS[0].pin)).unwrap();
    eventually("the bind", || (phone_named(server, "leaver")["state"] == "enrolled").then_some(())).await;
    call.hang_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ends_no_registration_lease_nonce_or_enrolment() {
    let jumping = Jumping::start(
        "dialogue.languages = [\"en\"]\ncalls.ring_back = false\nregistrar.quarantine_seconds = 3600\n\
         auto_registration.lease_seconds = 3000",
    );
    let server = &jumping.server;
    let place = Place { sip: server.sip, handset: server.handset };
    bound_and_gone(server, &place).await;
    // One that is registered, one that was and is not, one that has fetched its configuration and never registered, and one
    // that goes on with the nonce it has.
    let steady = Handset::plug_in(generic(&place, "steady", SipTransport::Udp)).await.unwrap();
    let away = Handset::plug_in(generic(&place, "away", SipTransport::Udp)).await.unwrap();
    away.phone.unregister().await.unwrap();
    let fetch = |number: u16| server.handset_get(&format!("/{}.cfg", mac(number)), &agent(&mac(number))).body;
    fetch(1);
    let file = fetch(2);
    let value = |name: &str| parameter(&file, name).unwrap();
    let counting = Registrant::new(server.sip, 1, &value("voip/line/0/auth_name"), &value("voip/line/0/auth_password"));
    let mut challenge = counting.knock("REGISTER");
    assert_eq!(status(&counting.answer("REGISTER", &challenge, Some(1))), 200);

    let held = || ["steady", "away"].map(|name| phone_named(server, name)["temporary_number"].clone());
    let fetched = || phone_of_mac(server, &mac(1))["temporary_number"].clone();
    let before = (held(), fetched());
    assert!(before.0.iter().chain([&before.1]).all(|number| number.is_string()), "{before:?}");
    for jump in [YEAR, -HOUR] {
        // The nonce is as old as a nonce may be asked of, whatever the clock says.
        challenge = counting.knock("REGISTER");
        assert_eq!(status(&counting.answer("REGISTER", &challenge, Some(1))), 200);
        jumping.set(jump).await;
        assert_eq!(status(&counting.answer("REGISTER", &challenge, Some(2))), 200, "{jump} s: the nonce");
        let phone = phone_named(server, "steady");
        assert!(is_registered(&phone), "{jump} s: {phone:#}");
        assert_eq!((held(), fetched()), before, "{jump} s");
        let enrolment = enrolment_of(server, &phone_named(server, "leaver"));
        assert!(enrolment["ending"].is_null(), "{jump} s: {enrolment:#}");
        // It refreshes as if nothing had happened.
        steady.phone.register().await.unwrap_or_else(|error| panic!("{jump} s: {error}: {:#?}", steady.events()));
    }
    // The phone whose enrolment is open comes back, and it completes.
    let _back = Handset::plug_in(generic(&place, "leaver", SipTransport::Udp)).await.unwrap();
    let enrolment = eventually("completion", || {
        let enrolment = enrolment_of(server, &phone_named(server, "leaver"));
        (!enrolment["ending"].is_null()).then_some(enrolment)
    })
    .await;
    // The timeline is told by the wall clock, so what happened in the year ahead stands last in it.
    assert_eq!(enrolment["ending"], "complete");
    assert!(steps(&enrolment).iter().any(|step| step == "complete"), "{enrolment:#}");
}
