//! SIP over TLS: with which versions and certificates, and how certificates are renewed.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::authority::{Authority, Issued};
use crate::link::Link;
use crate::registrant::{Registrant, header, status};
use crate::support::programs::{self, Program};
use crate::support::wait_for;
use crate::{PATIENCE, Place};

const OPTIONS: &str = "OPTIONS sip:tsunagu SIP/2.0\r\nVia: SIP/2.0/TLS client.example.com;branch=z9hG4bKopenssl;rport\r\n\
    From: <sip:probe@tsunagu>;tag=1\r\nTo: <sip:tsunagu>\r\nCall-ID: openssl\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\
    Content-Length: 0\r\n\r\n";

/// What OpenSSL's client, with these arguments besides, hears when it asks for OPTIONS.
fn openssl(place: &Place, arguments: &[&str]) -> String {
    programs::need("openssl", "openssl");
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &place.tls.to_string(), "-CAfile"]).arg(place.files().join("authority.pem"));
    command.args(["-verify_return_error", "-verify_ip", "127.0.0.1", "-quiet", "-no_ign_eof"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program::start(&mut command);
    let mut told = program.child().stdin.take().unwrap();
    let mut heard = program.child().stdout.take().unwrap();
    let _ = told.write_all(OPTIONS.as_bytes());
    let _ = told.flush();
    let mut text = Vec::new();
    let mut octet = [0];
    // The connection stays up: the answer ends with its headers.
    while !text.ends_with(b"\r\n\r\n") && matches!(heard.read(&mut octet), Ok(1)) {
        text.push(octet[0]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn is_registered_over(place: &Place, transport: &str) -> bool {
    let phones = place.server.api_get("/phones");
    let phones = phones.as_array().unwrap().iter();
    phones.flat_map(|phone| phone["registrations"].as_array().unwrap()).any(|it| it["transport"] == transport)
}

#[test]
fn openssl_is_answered_within_tls_1_2_and_1_3_and_within_nothing_older() {
    let place = Place::start("", "");
    for version in ["-tls1_2", "-tls1_3"] {
        let answer = openssl(&place, &[version]);
        assert_eq!(status(&answer), 200, "{version}: {answer}");
        assert!(header(&answer, "Via").unwrap().contains("SIP/2.0/TLS"), "{answer}");
    }
    assert_eq!(openssl(&place, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]), "");
}

#[test]
fn a_phone_registers_within_tls_and_is_reached_over_its_own_connection() {
    let place = Place::start("", "");
    let mut phone = Registrant::new(Link::tls(place.tls, &place.authority, None).unwrap(), "secure-phone");
    let answer = phone.register("");
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(is_registered_over(&place, "TLS"));
    let phones = place.server.api_get("/phones");
    let user = serde_json::json!({ "phone": phones[0]["id"], "user": "sato" });
    assert_eq!(place.server.api_post("/enrolments", &user).status, 201);
    // Nobody else could have it: it comes over the connection the phone opened.
    let request = phone.serve();
    assert!(request.starts_with(&format!("OPTIONS {} ", phone.contact.trim_matches(['<', '>']))), "{request}");
    assert!(header(&request, "Via").unwrap().starts_with(&format!("SIP/2.0/TLS {}", place.tls)), "{request}");
    assert!(header(&request, "Contact").unwrap().contains(&format!("{};transport=tls", place.tls)), "{request}");
}

#[test]
fn a_renewed_certificate_is_seen_by_who_connects_and_connections_go_on() {
    let place = Place::start("", "");
    let mut phone = Registrant::new(Link::tls(place.tls, &place.authority, None).unwrap(), "steady");
    assert_eq!(status(&phone.register("")), 200);
    let other = Authority::new("the next");
    other.issue("server").write(place.files());
    // Nobody tells the server: it looks itself.
    wait_for("a handshake with the new certificate", PATIENCE, || Link::tls(place.tls, &other, None).ok());
    assert!(Link::tls(place.tls, &place.authority, None).is_err(), "the old one is shown no more");
    assert_eq!(status(&phone.ask("OPTIONS", "")), 200, "the connection of before goes on");

    std::fs::write(place.files().join("server.pem"), "nothing").unwrap();
    place.server.signal("HUP");
    wait_for("a word about it in the log", PATIENCE, || place.server.log().contains("can't be used").then_some(()));
    assert!(place.server.log().contains("server.pem: there is no certificate in it"), "{}", place.server.log());
    let mut late = Registrant::new(Link::tls(place.tls, &other, None).unwrap(), "late");
    assert_eq!(status(&late.register("")), 200, "the one before stays in force");

    // A key of another certificate is no better.
    place.authority.issue("server").write_as(place.files(), "other");
    std::fs::copy(place.files().join("other.pem"), place.files().join("server.pem")).unwrap();
    place.server.signal("HUP");
    wait_for("a word about the key", PATIENCE, || {
        (place.server.log().matches("can't be used").count() >= 2).then_some(())
    });
    assert!(Link::tls(place.tls, &other, None).is_ok());
    place.authority.issue("server").write(place.files());
    place.server.signal("HUP");
    wait_for("the certificate of before", PATIENCE, || Link::tls(place.tls, &place.authority, None).ok());
}

#[test]
fn a_certificate_of_the_phone_is_asked_for_as_it_is_set() {
    let strangers = Authority::new("strangers");
    let ask = |place: &Place, own: Option<&Issued>| {
        // TLS 1.3 tells a client it is refused only when it reads.
        let link = Link::tls(place.tls, &place.authority, own).ok();
        let mut phone = Registrant::new(link?, "somebody");
        let heard = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| phone.ask("OPTIONS", "")));
        heard.ok().map(|answer| status(&answer))
    };
    for (setting, without) in [("required", None), ("optional", Some(200))] {
        let place = Place::start("", &format!("client_certificates = \"{setting}\""));
        let (good, bad) = (place.authority.issue("phone"), strangers.issue("phone"));
        let expired = place.authority.issue_expired("phone");
        assert_eq!(ask(&place, Some(&good)), Some(200), "{setting}");
        assert_eq!(ask(&place, Some(&bad)), None, "{setting}");
        assert_eq!(ask(&place, Some(&expired)), None, "{setting}");
        assert_eq!(ask(&place, None), without, "{setting}");
        for why in ["UnknownIssuer", "certificate expired"] {
            let is_told = |line: &str| line.contains("no TLS with a peer") && line.contains(why);
            wait_for(why, PATIENCE, || place.server.log().lines().any(is_told).then_some(()));
        }
    }
}

#[test]
fn a_server_that_is_to_speak_tls_without_a_certificate_says_so_and_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let start = |config: &str| {
        std::fs::write(folder.path().join("tsunagu.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tsunagu"));
        command.args(["serve", "--config"]).arg(folder.path().join("tsunagu.toml"));
        let output = command.arg("--data-dir").arg(folder.path().join("data")).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = start("listen.sip_tls = [\"127.0.0.1:0\"]\n");
    assert!(said.contains("tls.certificate"), "{said}");
    let said = start("listen.sip_wss = [\"127.0.0.1:0\"]\ntls.certificate = \"/nowhere.pem\"\n");
    assert!(said.contains("/nowhere.pem"), "{said}");
}
