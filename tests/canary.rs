//! Secrets stay where they belong: the whole main job with the log wide open, and then a search of everything that was
//! written for every secret that was used.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "loopback/caller.rs"]
mod caller;
#[path = "loopback/records.rs"]
mod records;
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tsunagu::phone::{KeyPresses, Make, PhoneEvent, SipTransport};

use caller::{Handset, Place, SOON, account, factory_new, generic, key_in};
use records::{ended_enrolment_of, eventually, phone_of_mac};
use support::http;
use support::programs::Program;
use support::server::Server;
use support::wait_for;

const PIN: &str = "9021035748";
const CODE: &str = "7351902846";
const WRONG_PIN: &str = "6633991172";
/// Somebody keys in a number where the ID is asked for: it may be their PIN.
const WRONG_ID: &str = "5558203714";
/// A password somebody typed into a phone that takes no configuration.
const TYPED: &str = "canary-typed-password";

/// The server once more, on the data it has, with everything logged.
fn listen_in(server: &mut Server) -> Program {
    server.kill9();
    let file = |name: &str| Stdio::from(std::fs::File::create(server.folder().join(name)).unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsunagu"));
    command
        .args(["serve", "--config"])
        .arg(server.folder().join("tsunagu.toml"))
        .arg("--data-dir")
        .arg(server.data_dir())
        .env("RUST_LOG", "trace")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(file("canary-output"))
        .stderr(file("canary-log"));
    let process = Program::start(&mut command);
    let ready = format!("http://{}/readyz", server.admin);
    wait_for("readiness", Duration::from_secs(60), || http::get(&ready, &[]).ok().filter(|it| it.status == 200));
    process
}

fn parameter(file: &str, name: &str) -> String {
    let value = file.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
}

/// The token in a private URL.
fn token_of(url: &str) -> String {
    url.rsplit('/').nth(1).unwrap().to_owned()
}

/// An AudioCodes phone's whole way, its files fetched by hand so that the test knows what is in them. Gives its secrets.
async fn managed(server: &Server, place: &Place) -> Vec<(&'static str, String)> {
    let mut options = factory_new(place, Make::AudioCodes, 1);
    let (mac, agent) = (options.mac.to_string(), options.user_agent.clone());
    let get = |url: &str| http::get(url, &[("User-Agent", &agent)]).unwrap().body;
    let first = get(&format!("http://{}/{mac}.cfg", place.handset));
    let value = |name: &str| parameter(&first, name);
    let (auth_name, password) = (value("voip/line/0/auth_name"), value("voip/line/0/auth_password"));
    let url = value("provisioning/configuration/url");
    options.handset_url = None;
    options.account = Some(account(place, &value("voip/line/0/id"), &auth_name, &password));
    let handset = Handset::plug_in(options.clone()).await.unwrap();
    let mut call = handset.call_in().await;
    for (id, pin) in [(WRONG_ID, WRONG_PIN), ("1201", WRONG_PIN)] {
        assert_eq!(key_in(&mut call, id, pin, KeyPresses::Events).await, Err("wrong-credentials".to_owned()));
    }
    assert_eq!(key_in(&mut call, "1201", PIN, KeyPresses::Events).await.as_deref(), Ok("1201"));
    call.hang_up().await;
    handset.tells("the request to fetch", |event| matches!(event, PhoneEvent::Resync { .. }).then_some(())).await;
    let second = get(&url);
    let new_password = parameter(&second, "voip/line/0/auth_password");
    let next_url = parameter(&second, "provisioning/configuration/url");
    assert_eq!(parameter(&second, "system/user_name"), "admin");
    let admin_password = parameter(&second, "system/password");
    options.account = Some(account(place, "1201", &auth_name, &new_password));
    let back = Handset::plug_in(options).await.unwrap();
    let enrolment = ended_enrolment_of(server, &phone_of_mac(server, &mac)).await;
    assert_eq!(enrolment["ending"], "complete");
    back.phone.unregister().await.unwrap();
    get(&next_url);
    vec![
        ("the password in quarantine", password),
        ("the password of the enrolled phone", new_password),
        ("the password of the phone's administrator", admin_password),
        ("the first token", token_of(&url)),
        ("the next token", token_of(&next_url)),
    ]
}

/// A generic phone, bound by the administrators' code, keyed in as SIP INFO.
async fn by_code(place: &Place) -> Handset {
    let mut options = generic(place, "softphone", SipTransport::Tcp);
    options.account = Some(account(place, "softphone", "softphone", TYPED));
    let handset = Handset::plug_in(options).await.unwrap();
    let mut call = handset.call_in().await;
    assert_eq!(key_in(&mut call, "1202", CODE, KeyPresses::Info).await.as_deref(), Ok("1202"));
    call.hang_up().await;
    call.wait_ended(SOON).await.unwrap();
    handset
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_the_database_the_figures_or_the_api() {
    let mut server = Server::start(&format!(
        "dialogue.languages = [\"en\"]\nself_provisioning.authentication = \"users-and-administrators\"\n\
         self_provisioning.authentication_code = \"{CODE}\""
    ));
    let process = listen_in(&mut server);
    let mut shown = Vec::new();
    for (user, extension) in [("ito", "1201"), ("kato", "1202")] {
        let answer = server.api_post("/users", &json!({ "user_id": user, "primary_extension": extension, "pin": PIN }));
        assert_eq!(answer.status, 201);
        shown.push((format!("the answer to POST /users of {user}"), answer.body.into_bytes()));
    }
    // Refusals must not repeat what they refuse.
    for body in [json!({ "user_id": "x", "pin": format!("{PIN}x") }), json!({ "user_id": "x", "pin": PIN, "y": 1 })] {
        let answer = server.api_post("/users", &body);
        assert!(answer.status >= 400);
        shown.push(("a refusal".to_owned(), answer.body.into_bytes()));
    }
    let place = Place { sip: server.sip, handset: server.handset };
    let (mut secrets, _softphone) = tokio::join!(managed(&server, &place), by_code(&place));
    secrets.extend([
        ("the PIN", PIN.to_owned()),
        ("the authentication code", CODE.to_owned()),
        ("a wrong PIN", WRONG_PIN.to_owned()),
        ("a wrong ID", WRONG_ID.to_owned()),
        ("a typed password", TYPED.to_owned()),
        ("the administrator's token", server.token.clone()),
    ]);
    eventually("both enrolments' ends", || {
        let enrolments = server.api_get("/enrolments");
        enrolments.as_array()?.iter().all(|enrolment| enrolment["ending"] == "complete").then_some(())
    })
    .await;

    for path in everything(&server) {
        let answer = server.admin_get(&path);
        assert_eq!(answer.status, 200, "{path}");
        shown.push((format!("GET {path}"), answer.body.into_bytes()));
    }
    // While it runs, so that what is in the write-ahead log is looked at too.
    for file in std::fs::read_dir(server.data_dir()).unwrap().map(|entry| entry.unwrap().path()) {
        shown.push((file.display().to_string(), std::fs::read(&file).unwrap()));
    }
    drop(process);
    for name in ["canary-log", "canary-output"] {
        shown.push((name.to_owned(), std::fs::read(server.folder().join(name)).unwrap()));
    }
    is_worth_searching(&shown, &server.folder().join("canary-log"));
    let hits: Vec<String> = shown.iter().flat_map(|(place, text)| hits(place, text, &secrets)).collect();
    assert!(hits.is_empty(), "{hits:#?}");
}

/// Every address that can be read.
fn everything(server: &Server) -> Vec<String> {
    let mut paths: Vec<String> =
        ["/users", "/user-profiles", "/phones", "/auto-registration", "/enrolments", "/calls", "/events"]
            .map(|path| format!("/api/v1{path}"))
            .into();
    for list in ["/phones", "/enrolments"] {
        let ids = server.api_get(list);
        let ids = ids.as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned());
        paths.extend(ids.map(|id| format!("/api/v1{list}/{id}")));
    }
    paths.extend(["/metrics", "/healthz", "/readyz"].map(str::to_owned));
    paths
}

/// A search that could not find anything would show nothing.
fn is_worth_searching(shown: &[(String, Vec<u8>)], log: &Path) {
    let names = shown.iter().map(|(place, _)| place.as_str());
    assert!(names.clone().any(|name| name.ends_with("tsunagu.db")) && names.clone().any(|name| name.ends_with("-wal")));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("TRACE") && log.contains("a phone was bound to its user"));
}

/// Where a secret stands, as it is, in hexadecimal, or in Base64.
fn hits(place: &str, text: &[u8], secrets: &[(&'static str, String)]) -> Vec<String> {
    use base64::Engine;
    let mut hits = Vec::new();
    for (what, secret) in secrets {
        let shapes = [secret.clone(), hex::encode(secret), base64::engine::general_purpose::STANDARD.encode(secret)];
        for shape in shapes {
            let shape = shape.trim_end_matches('=').as_bytes();
            if let Some(at) = text.windows(shape.len()).position(|window| window == shape) {
                let around = &text[at.saturating_sub(120)..(at + 60).min(text.len())];
                hits.push(format!("{what} in {place}: …{}…", String::from_utf8_lossy(around)));
            }
        }
    }
    hits
}
