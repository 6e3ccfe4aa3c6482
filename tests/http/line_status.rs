//! Why a line is down, as administrators and programs are told: driven by requests written out by hand over real sockets.

use std::time::Duration;

use serde_json::{Value, json};
use tsunagu::vocab::UnixMillis;

use crate::house::{agent, mac, parameter};
use crate::registrant::{Registrant, status};
use crate::support::follower::Follower;
use crate::support::http::{self, Answer};
use crate::support::server::{Server, USERS};
use crate::support::wait_for;

/// How long what is written behind the registrar may take.
const SOON: Duration = Duration::from_secs(60);
/// Phones that may be registered for a second.
const BRIEF: &str = "registrar.shortest_seconds = 1\nregistrar.usual_seconds = 1\nregistrar.quarantine_seconds = 1\n";

/// A managed phone that has become a user's: what it authenticates with is known to the test.
pub struct Desk {
    /// What names its line.
    pub line: String,
    /// What it authenticates as.
    pub auth_name: String,
    password: String,
    /// The user part of its address-of-record.
    pub number: String,
}

impl Desk {
    /// The phone with these last octets of its hardware address becomes this user's.
    pub fn of(server: &Server, number: u16, user: usize) -> Self {
        let (mac, user) = (mac(number), USERS[user]);
        let first = server.handset_get(&format!("/{mac}.cfg"), &agent(&mac)).body;
        let auth_name = parameter(&first, "voip/line/0/auth_name").unwrap();
        let started = server.api_post("/enrolments", &json!({ "phone": mac, "user": user.user_id }));
        assert_eq!(started.status, 201, "{started:?}");
        let url = parameter(&first, "provisioning/configuration/url").unwrap();
        let second = http::get(&url, &[("User-Agent", &agent(&mac))]).unwrap().body;
        let password = parameter(&second, "voip/line/0/auth_password").unwrap();
        let lines = server.api_get("/lines");
        let line = lines.as_array().unwrap().iter().find(|line| line["number"] == user.extension).unwrap();
        let (line, number) = (line["id"].as_str().unwrap().to_owned(), user.extension.to_owned());
        Self { line, auth_name, password, number }
    }

    /// This phone at 127.0.0.`host`, as it says it is.
    pub fn at(&self, server: &Server, host: u8) -> Registrant {
        self.with(server, host, &self.auth_name, &self.password)
    }

    /// Somebody who asks for its number with these credentials.
    pub fn with(&self, server: &Server, host: u8, name: &str, password: &str) -> Registrant {
        let mut phone = Registrant::new(server.sip, host, name, password).with_number(&self.number);
        phone.headers = "User-Agent: Test/1.0\r\n".to_owned();
        phone
    }
}

fn ask(server: &Server, path: &str, language: &str) -> Answer {
    let bearer = format!("Bearer {}", server.token);
    let headers = [("Authorization", bearer.as_str()), ("Accept-Language", language)];
    http::get(&format!("http://{}/api/v1{path}", server.admin), &headers).unwrap()
}

fn shown(server: &Server, line: &str) -> Value {
    let answer = ask(server, &format!("/lines/{line}/status?time_zone=Asia/Tokyo"), "ja");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// What a line went through, the oldest first.
pub fn history(server: &Server, line: &str) -> Vec<Value> {
    server.admin_get(&format!("/api/v1/lines/{line}/history?sort=first_at")).json()["items"].as_array().unwrap().clone()
}

/// The same in a word each.
pub fn codes(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["code"].as_str().unwrap()).collect()
}

fn unregister(phone: &mut Registrant) {
    let headers = phone.headers.clone();
    phone.headers.push_str("Expires: 0\r\n");
    assert_eq!(status(&phone.register()), 200);
    phone.headers = headers;
}

#[test]
fn a_line_says_why_it_is_down_and_what_to_do_in_the_readers_words_and_time() {
    let server = Server::start("");
    let desk = Desk::of(&server, 1, 0);
    // Nothing ever came.
    let never = shown(&server, &desk.line);
    assert_eq!((&never["state"], &never["code"]), (&json!("not-registered"), &json!("never-received")));
    let message = never["message"].as_str().unwrap();
    assert!(
        message.contains("レジストされていません") && message.contains("REGISTERメッセージが受信されていません"),
        "{message}"
    );
    let remedy = never["remedy"].as_str().unwrap();
    assert!(remedy.contains("インターネットに接続") && remedy.contains("ログインサーバー名"), "{remedy}");
    assert_eq!((&never["last_register"], &never["latest_error"]), (&Value::Null, &Value::Null));

    // Wrong passwords, twice.
    let wrong = desk.with(&server, 9, &desk.auth_name, "wrong");
    let before = UnixMillis::now();
    assert_eq!((status(&wrong.register()), status(&wrong.register())), (403, 403));
    let down = shown(&server, &desk.line);
    assert_eq!((&down["state"], &down["code"]), (&json!("not-registered"), &json!("wrong-password")));
    let error = &down["latest_error"];
    assert_eq!(
        (&error["code"], &error["count"], &error["method"]),
        (&json!("wrong-password"), &json!(2), &json!("REGISTER"))
    );
    assert!(error["text"].as_str().unwrap().contains("認証パスワードが間違っているため"), "{error:#}");
    assert!(error["remedy"].as_str().unwrap().contains("上書き"), "{error:#}");
    assert!(error["from"]["source"].as_str().unwrap().starts_with("127.0.0.9:"), "{error:#}");
    assert_eq!((&error["from"]["transport"], &error["from"]["user_agent"]), (&json!("udp"), &json!("Test/1.0")));
    let at: UnixMillis = error["at"].as_str().unwrap().parse().unwrap();
    assert!(at >= before && at <= UnixMillis::now());
    let nine_hours_on = at.after(Duration::from_secs(9 * 3600)).to_string();
    assert_eq!(error["clock"].as_str().unwrap(), format!("{} JST", nine_hours_on[..19].replace('T', " ")));
    // The REGISTER that named it is shown, and that nobody has shown to be its phone.
    assert_eq!(down["last_register"]["is_proven"], false);
    let english = ask(&server, &format!("/lines/{}/status", desk.number), "en").json();
    assert!(
        english["message"].as_str().unwrap().contains("The password in a REGISTER or INVITE was wrong"),
        "{english:#}"
    );
    assert!(english["latest_error"]["clock"].as_str().unwrap().ends_with(" UTC"));

    // The extension typed in as the authentication name: nobody's, and it named the line.
    let mistaken = desk.with(&server, 9, &desk.number, "whatever");
    assert_eq!(status(&mistaken.register()), 403);
    assert_eq!(shown(&server, &desk.line)["code"], "unknown-user");

    // The phone itself.
    let mut phone = desk.at(&server, 1);
    assert_eq!(status(&phone.register()), 200);
    let up = shown(&server, &desk.line);
    assert_eq!((&up["state"], &up["code"], &up["remedy"]), (&json!("registered"), &json!("registered"), &Value::Null));
    assert_eq!(up["message"], "回線はレジストされています。");
    assert!(up["last_register"]["source"].as_str().unwrap().starts_with("127.0.0.1:"), "{up:#}");
    assert_eq!(
        (&up["last_register"]["is_proven"], &up["last_register"]["user_agent"]),
        (&json!(true), &json!("Test/1.0"))
    );
    assert!(up["registered_until"]["at"].as_str().unwrap() > up["since"]["at"].as_str().unwrap());
    // A refresh changes nothing but when it was heard last.
    let first_heard = up["last_register"]["at"].as_str().unwrap().to_owned();
    let refreshed = UnixMillis::now();
    assert_eq!(status(&phone.register()), 200);
    let heard: UnixMillis = shown(&server, &desk.line)["last_register"]["at"].as_str().unwrap().parse().unwrap();
    assert!(
        heard.after(Duration::from_millis(1)) >= refreshed,
        "{heard} after {first_heard}, refreshed at {refreshed}"
    );
    // A call with a wrong password counts too, and takes nothing away.
    assert_eq!(status(&wrong.try_once("INVITE")), 403);
    let still = shown(&server, &desk.line);
    assert_eq!((&still["state"], &still["latest_error"]["method"]), (&json!("registered"), &json!("INVITE")));
    assert!(still["last_register"]["source"].as_str().unwrap().starts_with("127.0.0.1:"), "{still:#}");
    // It goes by itself.
    unregister(&mut phone);
    assert_eq!(shown(&server, &desk.line)["code"], "unregistered");

    let entries = history(&server, &desk.line);
    let expected = ["wrong-password", "unknown-user", "registered", "wrong-password", "unregistered"];
    assert_eq!(codes(&entries), expected, "{entries:#?}");
    assert_eq!((&entries[0]["kind"], &entries[0]["count"]), (&json!("error"), &json!(2)));
    assert_eq!(entries[3]["method"], "INVITE");
    // Page after page, and as text on the reader's clocks.
    let path = format!("/lines/{}/history?limit=2&kind=error&time_zone=Asia/Tokyo", desk.line);
    let page = ask(&server, &path, "ja").json();
    assert_eq!((&page["total"], page["items"].as_array().unwrap().len()), (&json!(3), 2));
    assert!(page["items"][0]["clock"].as_str().unwrap().ends_with(" JST") && page["next"].is_string(), "{page:#}");
    assert!(page["items"][0]["text"].as_str().unwrap().contains("認証パスワード"), "{page:#}");

    // A zone nobody knows, and a parameter.
    for path in
        [format!("/lines/{}/status?time_zone=Asia/Edo", desk.line), format!("/lines/{}/history?time_zone=X", desk.line)]
    {
        let refusal = ask(&server, &path, "ja");
        assert_eq!((refusal.status, &refusal.json()["field"]), (400, &json!("time_zone")), "{refusal:?}");
        assert!(refusal.json()["detail"].as_str().unwrap().contains("タイムゾーン"), "{refusal:?}");
    }
    assert_eq!(ask(&server, &format!("/lines/{}/status?zone=UTC", desk.line), "en").json()["field"], "zone");
    assert_eq!(ask(&server, "/lines/nobody/status", "en").status, 404);
}

#[test]
fn whatever_keeps_a_line_down_is_named_with_its_remedy_in_either_language() {
    let server = Server::start("registrar.contacts = 1\n[registrar.wrong_passwords]\nper_name_and_address = 2\n");
    let desk = Desk::of(&server, 0x20, 0);
    let mut follower = Follower::follow(server.admin, &server.token, "?type=line.failed", None).unwrap();
    let is_told = |code: &str, from: u8| {
        for language in ["ja", "en"] {
            let shown = ask(&server, &format!("/lines/{}/status", desk.line), language).json();
            let error = &shown["latest_error"];
            assert_eq!(error["code"], code, "{shown:#}");
            assert!(error["from"]["source"].as_str().unwrap().starts_with(&format!("127.0.0.{from}:")), "{shown:#}");
            let says = |field: &str| error[field].as_str().is_some_and(|text| !text.is_empty() && !text.contains(code));
            assert!(says("text") && says("remedy"), "{shown:#}");
        }
    };
    // It came, and has shown nothing yet.
    let phone = desk.at(&server, 1);
    let challenged = phone.knock("REGISTER");
    assert_eq!(shown(&server, &desk.line)["code"], "never-registered");
    // With a nonce that is none of ours, again and again.
    let credentials = phone.credentials("REGISTER", &challenged);
    let nonce = credentials.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let old = nonce.chars().rev().collect::<String>();
    for _ in 0..3 {
        let refused = phone.replay("REGISTER", &credentials.replace(nonce, &old));
        assert!(status(&refused) == 401 && refused.contains("stale=true"), "{refused}");
    }
    is_told("stale-nonce", 1);
    // For a number that is another's.
    let other = desk.at(&server, 2).with_number(USERS[1].extension);
    assert_eq!(status(&other.register()), 403);
    is_told("wrong-number", 2);
    let mut odd = desk.at(&server, 3);
    odd.contact_params = format!(";+sip.instance=\"<{}>\"", "a".repeat(300));
    assert_eq!(status(&odd.register()), 400);
    is_told("malformed", 3);
    // At more places than one number may be.
    odd.contact_params = ", <sip:elsewhere@127.0.0.99>".to_owned();
    assert_eq!(status(&odd.register()), 403);
    is_told("too-many-contacts", 3);
    // A new phone, from where as many are as may be.
    assert_eq!(server.api_patch("/auto-registration", &json!({ "numbers_per_address": 1 })).status, 200);
    assert_eq!(status(&Registrant::new(server.sip, 7, "the-first", "any").register()), 200);
    let refused = desk.with(&server, 7, "one-more", "any").register();
    assert!(status(&refused) == 403 && refused.contains("\r\nWarning: 399 "), "{refused}");
    is_told("not-admitted", 7);
    let stranger = server.admin_get("/api/v1/strangers?name=one-more").json()["items"][0].take();
    assert_eq!((&stranger["reason"], &stranger["count"]), (&json!("not-admitted"), &json!(1)), "{stranger:#}");
    // Nobody's name, from where no phone may come in.
    let networks = json!({ "networks": ["10.0.0.0/8"] });
    assert_eq!(server.api_patch("/auto-registration", &networks).status, 200);
    assert_eq!(status(&desk.with(&server, 4, "a-new-phone", "any").register()), 403);
    is_told("wrong-network", 4);
    let told = follower.until(|item| item.data["data"]["reason"] == "wrong-network");
    let reasons: Vec<&Value> = told.iter().map(|item| &item.data["data"]["reason"]).collect();
    assert_eq!(
        reasons,
        ["stale-nonce", "wrong-number", "malformed", "too-many-contacts", "not-admitted", "wrong-network"]
    );
    assert!(told.iter().all(|item| item.data["subject"] == desk.line.as_str()), "{told:#?}");
    // After too many wrong passwords.
    for _ in 0..3 {
        assert_eq!(status(&desk.with(&server, 5, &desk.auth_name, "wrong").register()), 403);
    }
    is_told("shut-out", 5);
    // The phone itself, and then the same contact from another port: the translation before it has changed.
    let mut phone = desk.at(&server, 6);
    phone.reached_at = Some(phone.place());
    assert_eq!(status(&phone.register()), 200);
    let mut moved = desk.at(&server, 6).going_on_from(phone.turn());
    moved.reached_at = phone.reached_at;
    assert_eq!(status(&moved.register()), 200);
    is_told("nat-mapping-changed", 6);
    assert_eq!(shown(&server, &desk.line)["state"], "registered");
}

#[test]
fn a_phone_that_answers_by_an_algorithm_it_was_not_offered_is_told_of() {
    let server = Server::start("");
    let template = server.api_get("/device-templates")[0]["id"].as_str().unwrap().to_owned();
    let strong = json!({ "settings": { "digest_algorithms": ["SHA-256"] } });
    assert_eq!(server.api_patch(&format!("/device-templates/{template}"), &strong).status, 200);
    let desk = Desk::of(&server, 0x22, 0);
    let phone = desk.at(&server, 1);
    // Everybody is asked in the usual way first, and this phone in its own once it has shown its password.
    let asked = phone.answer("REGISTER", &phone.knock("REGISTER"), Some(1));
    assert!(status(&asked) == 401 && asked.contains("algorithm=SHA-256"), "{asked}");
    let refused = phone.answer("REGISTER", &asked.replace("algorithm=SHA-256", "algorithm=MD5"), Some(1));
    assert_eq!(status(&refused), 403, "{refused}");
    let down = shown(&server, &desk.line);
    assert_eq!(down["latest_error"]["code"], "wrong-algorithm", "{down:#}");
    assert!(
        ["text", "remedy"].iter().all(|field| down["latest_error"][*field].as_str().is_some_and(|it| !it.is_empty()))
    );
    assert_eq!(status(&phone.answer("REGISTER", &asked, Some(2))), 200);
}

#[test]
fn what_a_line_went_through_is_there_after_a_power_cut_and_what_lapsed_meanwhile_is_seen() {
    let mut server = Server::start(BRIEF);
    let desk = Desk::of(&server, 1, 0);
    let wrong = desk.with(&server, 9, &desk.auth_name, "wrong");
    assert_eq!(status(&wrong.register()), 403);
    let mut phone = desk.at(&server, 1);
    phone.headers.push_str("Expires: 3\r\n");
    assert_eq!(status(&phone.register()), 200);
    assert_eq!(shown(&server, &desk.line)["state"], "registered");
    server.restart();
    // Nobody told that it lapsed: the server was down, or had just begun. Where nodes share a database, each gives the others time.
    wait_for("the end of the registration", 3 * SOON, || {
        (server.api_get(&format!("/lines/{}", desk.line))["code"] == "expired").then_some(())
    });
    let down = shown(&server, &desk.line);
    assert_eq!(
        (&down["latest_error"]["code"], &down["last_register"]["user_agent"]),
        (&json!("expired"), &json!("Test/1.0"))
    );
    assert_eq!(codes(&history(&server, &desk.line)), ["wrong-password", "registered", "expired"]);
    // The other way to lapse: while the server looks on.
    let phone = desk.at(&server, 1);
    assert_eq!(status(&phone.register()), 200);
    wait_for("the end of the registration", SOON, || {
        (codes(&history(&server, &desk.line)) == ["wrong-password", "registered", "expired", "registered", "expired"])
            .then_some(())
    });
}

#[test]
fn who_tries_names_nobody_has_is_seen_apart_and_never_as_a_line_it_did_not_name() {
    let mut server = Server::start("registrar.line_status.strangers = 5\nauto_registration.enabled = false");
    let desk = Desk::of_open(&server);
    for _ in 0..2 {
        assert_eq!(status(&Registrant::new(server.sip, 9, "1234", "guess").register()), 403);
    }
    // Without an answer to the challenge it is nobody at all.
    Registrant::new(server.sip, 9, "1235", "").knock("REGISTER");
    let found = server.api_get("/strangers");
    let [one] = &found.as_array().unwrap()[..] else { panic!("{found:#}") };
    assert_eq!((&one["name"], &one["count"], &one["reason"]), (&json!("1234"), &json!(2), &json!("unknown-user")));
    assert!(one["source"].as_str().unwrap().starts_with("127.0.0.9:"), "{one:#}");
    let line = shown(&server, &desk.line);
    assert_eq!((&line["code"], &line["latest_error"]), (&json!("never-received"), &Value::Null));
    assert!(history(&server, &desk.line).is_empty());
    // As many as may be remembered: those tried last. They are still there after a restart.
    let names = |server: &Server| -> Vec<String> {
        let all = server.admin_get("/api/v1/strangers?sort=name").json();
        all["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let try_them = |turns: std::ops::Range<u8>| {
        for turn in turns {
            Registrant::new(server.sip, 9, &format!("77{turn}"), "guess").register();
        }
    };
    try_them(0..3);
    assert_eq!(names(&server).len(), 4);
    try_them(3..8);
    let last: Vec<String> = (3..8).map(|turn| format!("77{turn}")).collect();
    assert_eq!(names(&server), last);
    server.restart();
    assert_eq!(names(&server), last);
}

impl Desk {
    /// The same where nobody is let in any more afterwards.
    fn of_open(server: &Server) -> Self {
        let open = |enabled: bool| {
            let answer = server.api_patch("/auto-registration", &json!({ "enabled": enabled }));
            assert_eq!(answer.status, 200, "{answer:?}");
        };
        open(true);
        let desk = Self::of(server, 1, 0);
        open(false);
        desk
    }
}

#[test]
fn a_phone_that_does_not_answer_its_challenge_is_told_of() {
    let server = Server::start("");
    let desk = Desk::of(&server, 0x21, 0);
    desk.at(&server, 1).knock("REGISTER");
    let down = wait_for("the challenge to count as unanswered", 3 * SOON, || {
        let down = shown(&server, &desk.line);
        (down["code"] == "challenge-unanswered").then_some(down)
    });
    assert!(down["latest_error"]["from"]["source"].as_str().unwrap().starts_with("127.0.0.1:"), "{down:#}");
    assert!(down["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{down:#}");
}

#[test]
fn a_line_that_comes_and_goes_is_shown_as_flapping_in_lists_events_and_figures() {
    let server =
        Server::start("registrar.line_status.flapping_changes = 4\nregistrar.line_status.flapping_seconds = 15");
    let desk = Desk::of(&server, 1, 0);
    let mut follower = Follower::follow(server.admin, &server.token, "?type=line.*", None).unwrap();
    let mut phone = desk.at(&server, 1);
    for _ in 0..5 {
        assert_eq!(status(&phone.register()), 200);
        unregister(&mut phone);
    }
    let down = shown(&server, &desk.line);
    assert_eq!((&down["is_flapping"], &down["changes"]), (&json!(true), &json!(4)), "{down:#}");
    assert!(down["message"].as_str().unwrap().contains("繰り返しています"), "{down:#}");
    let listed = server.admin_get("/api/v1/lines?is_flapping=true").json();
    assert_eq!(listed["items"][0]["id"], json!(desk.line));
    // Its history doesn't grow with it.
    let entries = history(&server, &desk.line);
    assert_eq!(codes(&entries), ["registered", "unregistered", "registered", "unregistered", "registered", "flapping"]);
    assert_eq!(entries[5]["count"], 6);
    // It comes to rest.
    let told = follower.until(|item| item.kind == "line.steady");
    let kinds: Vec<&str> = told.iter().map(|item| item.kind.as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "line.registered").count(), 5, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "line.lost").count(), 5, "{kinds:?}");
    let flapping = told.iter().find(|item| item.kind == "line.flapping").unwrap();
    assert_eq!((&flapping.data["subject"], &flapping.data["severity"]), (&json!(desk.line), &json!("warning")));
    assert_eq!((&flapping.data["data"]["changes"], &flapping.data["data"]["number"]), (&json!(4), &json!(desk.number)));
    assert_eq!(shown(&server, &desk.line)["is_flapping"], false);
    assert_eq!(codes(&history(&server, &desk.line)).last(), Some(&"steady"));
}

#[test]
fn lines_are_found_by_state_type_site_and_group() {
    let server = Server::start("");
    let desks: Vec<Desk> = (0..3).map(|user| Desk::of(&server, u16::try_from(user).unwrap() + 1, user)).collect();
    assert_eq!(status(&desks[0].at(&server, 1).register()), 200);
    let add = |path: &str, body: Value| assert_eq!(server.api_post(path, &body).status, 201, "{path} {body}");
    let change = |path: &str, body: Value| {
        let answer = server.api_patch(path, &body);
        assert_eq!(answer.status, 200, "{path} {body}: {answer:?}");
    };
    add("/line-groups", json!({ "name": "Sales", "site": "Osaka" }));
    for number in ["1001", "1002"] {
        change(&format!("/directory-numbers/{number}"), json!({ "line_group": "Sales" }));
    }
    let numbers = |query: &str| -> Vec<String> {
        let page = server.admin_get(&format!("/api/v1/lines?{query}"));
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        page["items"].as_array().unwrap().iter().map(|line| line["number"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(numbers("state=registered"), ["1001"]);
    assert_eq!(numbers("state=not-registered"), ["1002", "1003"]);
    assert_eq!(numbers("site=Osaka&state=not-registered"), ["1002"]);
    assert_eq!(numbers("line_group=Sales"), ["1001", "1002"]);
    assert_eq!(numbers("line_group="), ["1003"]);
    assert_eq!(numbers("code=never-received&sort=-number"), ["1003", "1002"]);
    assert_eq!(numbers("type=desk-phone&limit=1&sort=-state_since"), ["1001"]);
    // Lines of a type that doesn't register say so.
    add("/device-templates", json!({ "name": "Rooms", "phone_name": "{user_name}", "device_type": "virtual" }));
    add("/user-profiles", json!({ "name": "Rooms", "desk_template": "Rooms", "allow_provisioning": true }));
    change("/users/tanaka", json!({ "profile": "Rooms" }));
    assert_eq!(
        (numbers("type=virtual"), numbers("state=not-supported")),
        (vec!["1003".to_owned()], vec!["1003".to_owned()])
    );
    let room = shown(&server, "1003");
    assert_eq!((&room["state"], &room["code"]), (&json!("not-supported"), &json!("not-supported")));
    assert!(room["message"].as_str().unwrap().contains("状態表示に対応していません"), "{room:#}");
    let listed = ask(&server, "/lines?state=not-supported", "ja").json();
    assert_eq!(listed["items"][0]["message"], room["message"]);
    let listed = ask(&server, "/lines?code=never-received&number=1002", "en").json();
    let message = "The line is not registered! Last REGISTER received: none was ever received.";
    assert_eq!(listed["items"][0]["message"], message);
    // What a group is used by keeps it.
    assert_eq!(server.api_delete("/line-groups/Sales").status, 409);
    // Figures.
    let figures = wait_for("the figures of lines", SOON, || {
        let text = server.admin_get("/metrics").body;
        text.contains("lines{state=\"not-supported\"} 1").then_some(text)
    });
    for line in ["lines{state=\"registered\"} 1", "lines{state=\"not-registered\"} 1"] {
        assert!(figures.contains(line), "{line} in {figures}");
    }
}

#[test]
fn a_line_whose_user_is_inactive_or_whose_number_is_another_says_so() {
    let server = Server::start("");
    let desk = Desk::of(&server, 1, 0);
    let phone = desk.at(&server, 1);
    assert_eq!(status(&phone.register()), 200);
    let change = |body: Value| assert_eq!(server.api_patch("/users/sato", &body).status, 200);
    change(json!({ "status": "inactive" }));
    let down = shown(&server, &desk.line);
    assert_eq!((&down["state"], &down["code"]), (&json!("not-registered"), &json!("suspended")));
    assert_eq!(status(&phone.register()), 403);
    assert_eq!(shown(&server, &desk.line)["latest_error"]["count"], 2);
    change(json!({ "status": "active" }));
    assert_eq!(status(&phone.register()), 200);
    assert_eq!(shown(&server, &desk.line)["state"], "registered");
    change(json!({ "primary_extension": "1050" }));
    let down = shown(&server, &desk.line);
    assert_eq!((&down["number"], &down["code"]), (&json!("1050"), &json!("renumbered")));
    // It goes on being the same line.
    assert_eq!(
        codes(&history(&server, &desk.line)),
        ["registered", "suspended", "suspended", "registered", "renumbered"]
    );
    // Its phone has fetched the new number.
    assert_eq!(status(&desk.at(&server, 1).with_number("1050").register()), 200);
    assert_eq!(shown(&server, "1050")["state"], "registered");
    // Released, and somebody else's: no past.
    let phone_id = desk.line.rsplit_once('-').unwrap().0;
    assert_eq!(server.api_post(&format!("/phones/{phone_id}/release"), &json!({})).status, 204);
    assert_eq!(ask(&server, &format!("/lines/{}/status", desk.line), "en").status, 404);
}

#[test]
fn a_phone_that_takes_no_configuration_is_registered_on_its_line_by_its_own_name_and_at_its_own_address() {
    let server = Server::start("");
    let phone = Registrant::new(server.sip, 1, "desk-7", "anything");
    assert_eq!(status(&phone.register()), 200);
    let number = server.api_get("/phones")[0]["temporary_number"].as_str().unwrap().to_owned();
    assert_eq!(server.api_post("/enrolments", &json!({ "phone": number, "user": "smith" })).status, 201);
    // It was registered before it was anybody's, and has sent nothing since.
    let up = shown(&server, "1002");
    assert_eq!(up["state"], "registered");
    assert!(up["last_register"]["source"].as_str().unwrap().starts_with("127.0.0.1:"), "{up:#}");
    assert_eq!(status(&phone.register()), 200);
    assert!(shown(&server, "1002")["last_register"]["source"].as_str().unwrap().starts_with("127.0.0.1:"));
    // The same name from elsewhere is not that phone.
    assert_eq!(status(&Registrant::new(server.sip, 5, "desk-7", "anything").register()), 403);
    let error = shown(&server, "1002");
    assert_eq!((&error["state"], &error["latest_error"]["code"]), (&json!("registered"), &json!("other-address")));
    // Two phones of one number: which is meant has to be said.
    let second = Registrant::new(server.sip, 1, "desk-8", "anything");
    assert_eq!(status(&second.register()), 200);
    let waiting = server.api_get("/phones");
    let waiting = waiting.as_array().unwrap().iter().find(|phone| phone["auth_name"] == "desk-8").unwrap();
    let order = json!({ "phone": waiting["temporary_number"], "user": "smith" });
    assert_eq!(server.api_post("/enrolments", &order).status, 201);
    let refusal = ask(&server, "/lines/1002/status", "en");
    assert_eq!(refusal.status, 409, "{refusal:?}");
    for line in server.api_get("/lines").as_array().unwrap() {
        let id = line["id"].as_str().unwrap();
        assert!(refusal.json()["detail"].as_str().unwrap().contains(id), "{refusal:?}");
        assert_eq!(shown(&server, id)["state"], "registered");
    }
}
