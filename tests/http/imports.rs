//! Records as CSV: what is imported, what is refused and where it stood, what survives a power cut, and what goes out.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tsunagu::enrolment::{ClaimVerdict, NewPinReason};
use tsunagu::vocab::UnixMillis;

use crate::house::House;
use crate::support::http::{Answer, get, post_file};
use crate::support::server::Server;
use crate::support::wait_for;

/// How long a job of a few rows may take on a machine that has much else to do.
const SOON: Duration = Duration::from_secs(60);

/// Where files are sent.
struct Desk {
    api: String,
    bearer: String,
}

impl Desk {
    fn of(server: &Server) -> Self {
        Self { api: format!("http://{}/api/v1", server.admin), bearer: format!("Bearer {}", server.token) }
    }

    fn headers(&self) -> [(&str, &str); 2] {
        [("Authorization", &self.bearer), ("Accept-Language", "en")]
    }

    fn send(&self, path: &str, kind: &str, octets: &[u8]) -> Answer {
        post_file(&format!("{}{path}", self.api), &self.headers(), kind, octets).unwrap()
    }

    fn get(&self, path: &str) -> Answer {
        let answer = get(&format!("{}{path}", self.api), &self.headers()).unwrap();
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer
    }

    /// Sends a file and gives the job as it ended.
    fn import(&self, path: &str, octets: &[u8]) -> Value {
        self.ended(&self.begin(path, octets))
    }

    fn begin(&self, path: &str, octets: &[u8]) -> String {
        let answer = self.send(path, "text/csv", octets);
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    fn ended(&self, id: &str) -> Value {
        wait_for("the end of a job", SOON, || {
            let job = self.get(&format!("/jobs/{id}")).json();
            job["ended_at"].is_string().then_some(job)
        })
    }

    fn users(&self) -> u64 {
        self.get("/users?limit=1").json()["total"].as_u64().unwrap()
    }

    fn user(&self, name: &str) -> Option<Value> {
        let page = self.get(&format!("/users?user_id={name}")).json();
        page["items"].get(0).cloned()
    }
}

/// What is to be known of a job.
fn counts(job: &Value) -> (&str, [u64; 6]) {
    let counts =
        ["done", "added", "changed", "unchanged", "skipped", "refused"].map(|name| job[name].as_u64().unwrap());
    (job["state"].as_str().unwrap(), counts)
}

/// Line, column, field and code of each fault.
fn faults<'a>(job: &'a Value) -> Vec<(u64, Option<u64>, &'a str, &'a str)> {
    let errors = job["errors"].as_array().unwrap();
    assert!(errors.iter().all(|error| !error["detail"].as_str().unwrap().is_empty()), "{job:#}");
    let fault = |error: &'a Value| {
        let (field, code) = (error["field"].as_str().unwrap_or_default(), error["code"].as_str().unwrap());
        (error["line"].as_u64().unwrap(), error["column"].as_u64(), field, code)
    };
    errors.iter().map(fault).collect()
}

const WRONG: &str = "user_id,primary_extension,pin,profile,pin_must_change,name\n\
    mori,1501,284613,Everybody,yes,森 明\n\
    abe,1502,1234,,,\n\
    ito,15x3,,,,\n\
    kato,1504,,Nowhere,,\n\
    \"ueda\",1505,,,perhaps,\"two\nlines\"\n\
    mori,1506,,,,\n\
    sato,1507,,,,\n\
    ono,1501,,,,\n\
    ,1508,,,,\n\
    endo,1509\n\
    hara,1510,,,,,more\n\
    oka,1511,917364,,,\n";

#[test]
fn every_mistake_is_named_with_line_and_column_and_nothing_is_half_imported() {
    let server = Server::start("");
    let desk = Desk::of(&server);
    let expected = vec![
        (3, Some(3), "pin", "pin-trivial"),
        (4, Some(2), "primary_extension", "form"),
        (5, Some(4), "profile", "unknown-record"),
        (6, Some(5), "pin_must_change", "cell-flag"),
        (8, Some(1), "user_id", "row-twice"),
        (9, Some(1), "user_id", "taken"),
        (10, None, "self_service_id", "row-twice"),
        (11, Some(1), "user_id", "cell-empty"),
        (12, None, "", "row-short"),
        (13, Some(7), "", "cell-unnamed"),
    ];
    // All or nothing, as a try and in earnest: the same faults, and nothing is written.
    for query in ["?dry_run=true", ""] {
        let job = desk.import(&format!("/users/import{query}"), WRONG.as_bytes());
        assert_eq!(faults(&job), expected, "{job:#}");
        assert_eq!(counts(&job), ("refused", [12, 2, 0, 0, 0, 10]), "{job:#}");
        assert_eq!((desk.users(), desk.user("mori")), (3, None));
    }
    let trail = desk.get("/audit?kind=user&action=create").json();
    assert_eq!(trail["total"], 3, "{trail:#}");
    // Best effort: a try writes nothing, the rest is written in earnest.
    let path = "/users/import?mode=best-effort";
    let job = desk.import(&format!("{path}&dry_run=true"), WRONG.as_bytes());
    assert_eq!((counts(&job), desk.users()), (("done", [12, 2, 0, 0, 0, 10]), 3), "{job:#}");
    let job = desk.import(path, WRONG.as_bytes());
    assert_eq!((counts(&job), faults(&job)), (("done", [12, 2, 0, 0, 0, 10]), expected), "{job:#}");
    let mori = desk.user("mori").unwrap();
    assert_eq!((&mori["name"], &mori["profile"]), (&json!("森 明"), &json!("Everybody")));
    assert_eq!((&mori["self_service_id"], &mori["pin_must_change"]), (&json!("1501"), &json!(true)));
    assert_eq!((desk.users(), desk.get("/directory-numbers/1511").status), (5, 200));
    // Who did it stands in the audit, and no PIN stands anywhere.
    let trail = desk.get("/audit?kind=user&name=mori").json();
    assert_eq!((&trail["total"], &trail["items"][0]["actor"]), (&json!(1), &json!("first administrator")));
    let audit = desk.get("/audit?limit=1000").body;
    assert!(!audit.contains("284613") && !audit.contains("argon2"), "{audit}");
    let octets = server.stored_octets();
    assert!(!octets.windows(6).any(|window| window == b"284613" || window == b"917364"));
    // The reader's language.
    let url = format!("{}/jobs/{}", desk.api, job["id"].as_str().unwrap());
    let japanese = get(&url, &[("Authorization", &desk.bearer), ("Accept-Language", "ja")]).unwrap().json();
    assert!(japanese["errors"][0]["detail"].as_str().unwrap().contains("連続する数字"), "{japanese:#}");
    assert_ne!(japanese["state_text"], job["state_text"]);
}

#[test]
fn what_is_no_such_file_is_refused_before_any_row() {
    let server = Server::start("");
    let desk = Desk::of(&server);
    let refused = |octets: &[u8], expected: &[(u64, Option<u64>, &str, &str)]| {
        let job = desk.import("/users/import?mode=best-effort", octets);
        assert_eq!((job["state"].as_str(), faults(&job)), (Some("refused"), expected.to_vec()), "{job:#}");
    };
    refused(b"", &[(1, None, "user_id", "column-missing")]);
    refused(
        b"user_id,colour,user id\nx,red,y\n",
        &[(1, Some(2), "colour", "column-unknown"), (1, Some(3), "user_id", "column-twice")],
    );
    refused(b"name\nx\n", &[(1, None, "user_id", "column-missing")]);
    refused(b"PK\x03\x04....", &[(1, None, "", "file-workbook")]);
    refused(b"user_id\nx\n\xff\xff\n", &[(3, None, "", "file-encoding")]);
    assert_eq!(desk.users(), 3);
    for (path, kind, status) in [
        ("/users/import", "application/json", 415),
        ("/users/import?mode=some", "text/csv", 400),
        ("/users/import?colour=red", "text/csv", 400),
        ("/tokens/import", "text/csv", 405),
    ] {
        assert_eq!(desk.send(path, kind, b"user_id\nx\n").status, status, "{path} {kind}");
    }
    let unread = post_file(&format!("{}/users/import", desk.api), &[], "text/csv", b"user_id\nx\n").unwrap();
    assert_eq!((unread.status, desk.users()), (401, 3));
}

#[test]
fn files_of_spreadsheet_programs_are_read_in_their_encodings() {
    let server = Server::start("");
    let desk = Desk::of(&server);
    let text = |id: &str| format!("user_id,family_name\r\n{id},佐藤\r\n");
    let utf16: Vec<u8> =
        "\u{feff}user_id\tfamily_name\nu16\t佐藤\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut shift_jis = b"user_id,family_name\r\nsjis,".to_vec();
    shift_jis.extend_from_slice(b"\x8d\xb2\x93\xa1\r\n");
    let mut named = b"user_id;family_name\nnamed;".to_vec();
    named.extend_from_slice(b"\x8d\xb2\x93\xa1\n");
    let files = [text("plain").into_bytes(), format!("\u{feff}{}", text("marked")).into_bytes(), utf16, shift_jis];
    for (file, name) in files.iter().zip(["plain", "marked", "u16", "sjis"]) {
        assert_eq!(desk.import("/users/import", file)["added"], 1);
        assert_eq!(desk.user(name).unwrap()["family_name"], "佐藤", "{name}");
    }
    let answer = desk.send("/users/import", "text/csv; charset=\"Shift_JIS\"", &named);
    assert_eq!(desk.ended(answer.json()["id"].as_str().unwrap())["added"], 1);
    assert_eq!(desk.user("named").unwrap()["family_name"], "佐藤");
}

#[test]
fn what_goes_out_is_no_formula_and_comes_back_as_it_was() {
    let server = Server::start("");
    let desk = Desk::of(&server);
    for (id, name) in
        [("f1", "=HYPERLINK(\"http://x\")"), ("f2", "+1"), ("f3", "'quoted"), ("f4", "＝1"), ("@f5", "-x, \"y\"")]
    {
        let added = server.api_post("/users", &json!({ "user_id": id, "name": name, "mail": "@home" }));
        assert_eq!(added.status, 201, "{added:?}");
    }
    let before = server.api_get("/users");
    let answer = desk.get("/users/export");
    assert!(answer.headers["Content-Type"].to_str().unwrap().starts_with("text/csv; charset=utf-8"));
    assert!(answer.body.starts_with("\u{feff}user_id,self_service_id,"), "{}", answer.body);
    let formulas = ['=', '+', '-', '@', '＝'];
    let cells = answer.body.lines().flat_map(|line| line.split(',')).map(|cell| cell.trim_start_matches('"'));
    assert!(cells.clone().count() > 50 && !cells.clone().any(|cell| cell.starts_with(formulas)), "{}", answer.body);
    for secret in ["argon2", "pin,", "hash", "sealed"] {
        assert!(!answer.body.contains(secret), "{secret}: {}", answer.body);
    }
    assert_eq!(desk.get("/users/export?user_id=f*").body.lines().count(), 5);
    // The same file again changes nothing, and makes the same users where there are none.
    let job = desk.import("/users/import?on_existing=update", answer.body.as_bytes());
    assert_eq!(counts(&job), ("done", [8, 0, 0, 8, 0, 0]), "{job:#}");
    assert_eq!(server.api_get("/users"), before);
    let other = Server::start("");
    let desk = Desk::of(&other);
    let job = desk.import("/users/import?on_existing=skip", answer.body.as_bytes());
    assert_eq!(counts(&job), ("done", [8, 5, 0, 0, 3, 0]), "{job:#}");
    let shown = |users: Value| -> Vec<Value> {
        let shown = users
            .as_array()
            .unwrap()
            .iter()
            .map(|user| json!([user["user_id"], user["name"], user["mail"], user["self_service_id"]]));
        shown.collect()
    };
    assert_eq!(shown(other.api_get("/users")), shown(before));
}

#[test]
fn rows_change_what_they_give_and_leave_the_rest() {
    let server = Server::start("");
    let desk = Desk::of(&server);
    let file = b"user_id,mail,name\nsato,sato@example.com,\nsmith,,\nnew,new@example.com,New\n";
    let job = desk.import("/users/import", file);
    assert_eq!(faults(&job), [(2, Some(1), "user_id", "taken"), (3, Some(1), "user_id", "taken")]);
    let job = desk.import("/users/import?on_existing=update", file);
    assert_eq!(counts(&job), ("done", [3, 1, 1, 1, 0, 0]), "{job:#}");
    let sato = desk.user("sato").unwrap();
    assert_eq!(
        (&sato["mail"], &sato["name"], &sato["version"]),
        (&json!("sato@example.com"), &json!("佐藤 花子"), &json!(2))
    );
    // Other kinds come and go alike.
    let job = desk.import("/number-pools/import", b"name,first,last\nP,1600,1699\n");
    assert_eq!(job["added"], 1, "{job:#}");
    let job = desk.import("/directory-numbers/import", b"number,pool,description\n1777,P,Lobby\n+8150,,\n");
    assert_eq!(job["added"], 2, "{job:#}");
    let job = desk.import(
        "/device-templates/import",
        b"name,phone_name,settings\nT,{mac},\"{\"\"talk_event\"\":true}\"\nU,x,\"{\"\"colour\"\":1}\"\n",
    );
    assert_eq!(faults(&job), [(3, Some(3), "settings", "phone-setting")], "{job:#}");
    for path in [
        "/device-templates",
        "/line-templates",
        "/user-profiles",
        "/directory-numbers",
        "/number-pools",
        "/route-points",
    ] {
        let file = desk.get(&format!("{path}/export")).body;
        let job = desk.import(&format!("{path}/import?on_existing=update"), file.as_bytes());
        assert!(job["state"] == "done" && job["changed"] == 0 && job["unchanged"] == job["total"], "{path}: {job:#}");
    }
}

fn many(users: u32) -> String {
    let mut file = "user_id,family_name,given_name,primary_extension,profile\n".to_owned();
    for number in 0..users {
        file.push_str(&format!("many{number},家族,名{number},{},Everybody\n", 100_000 + number));
    }
    file
}

#[test]
fn a_power_cut_leaves_nothing_of_all_or_nothing_and_of_best_effort_what_the_job_says() {
    let mut server = Server::start("");
    let file = many(60_000);
    for (mode, state) in [("all-or-nothing", "checking"), ("best-effort", "writing")] {
        let desk = Desk::of(&server);
        let id = desk.begin(&format!("/users/import?mode={mode}"), file.as_bytes());
        wait_for("the middle of the import", SOON, || {
            let job = desk.get(&format!("/jobs/{id}")).json();
            assert!(job["ended_at"].is_null(), "{job:#}");
            (job["state"] == state && job["done"].as_u64() > Some(0)).then_some(())
        });
        server.restart();
        let job = desk.get(&format!("/jobs/{id}")).json();
        assert!(job["state"] == "interrupted" && job["ended_at"].is_string(), "{job:#}");
        let expected = if mode == "best-effort" { job["added"].as_u64().unwrap() } else { 0 };
        assert_eq!(desk.users(), 3 + expected, "{mode}: {job:#}");
        assert!(expected < 60_000);
    }
    // Once more, over what is there: the rest comes in.
    let desk = Desk::of(&server);
    let before = desk.users() - 3;
    let id = desk.begin("/users/import?mode=best-effort&on_existing=skip", file.as_bytes());
    // Another waits behind it, and is called off before it has begun.
    let other = desk.begin("/users/import", b"user_id\nnever\n");
    assert_eq!(server.api_post(&format!("/jobs/{other}/cancel"), &json!({})).status, 202);
    assert_eq!(server.api_post(&format!("/jobs/{id}/cancel"), &json!({})).status, 202);
    let (job, other) = (desk.ended(&id), desk.ended(&other));
    assert_eq!((&job["state"], &other["state"]), (&json!("cancelled"), &json!("cancelled")), "{job:#} {other:#}");
    assert_eq!(desk.users() - 3, before + job["added"].as_u64().unwrap());
    assert_eq!(desk.user("never"), None);
    assert_eq!(server.api_post(&format!("/jobs/{}/cancel", job["id"].as_str().unwrap()), &json!({})).status, 409);
    assert_eq!(desk.get("/jobs?state=interrupted").json()["total"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_pin_is_good_at_once_and_when_it_is_hashed() {
    let house = House::open("[auto_registration]\nenabled = true\n").await;
    let desk = Desk {
        api: format!("http://{}/api/v1", house.running.admin),
        bearer: format!("Bearer {}", house.running.token.as_ref().unwrap().expose_secret()),
    };
    let (first, second, now) = (house.new_phone(1).await, house.new_phone(2).await, UnixMillis::now());
    let mut file = "user_id,primary_extension,pin,password,pin_must_change\n".to_owned();
    for number in 0..400 {
        file.push_str(&format!("h{number},{},{},correct horse {number},true\n", 3000 + number, pin_of(3000 + number)));
    }
    let job = tokio::task::block_in_place(|| desk.import("/users/import", file.as_bytes()));
    assert_eq!((&job["added"], &job["state"]), (&json!(400), &json!("done")), "{job:#}");
    // The one whose turn to be hashed comes last is claimed while it is sealed.
    let directory = &house.running.directory;
    let sealed = async |name: &str| -> bool {
        let statement = "SELECT count(*) FROM users WHERE user_id = $1 AND sealed_pin IS NOT NULL AND pin_hash IS NULL";
        let found: i64 = sqlx::query_scalar(statement).bind(name).fetch_one(directory.db().reader()).await.unwrap();
        found == 1
    };
    let last: (String, String) = sqlx::query_as(
        "SELECT user_id, primary_extension FROM users WHERE sealed_pin IS NOT NULL ORDER BY id DESC LIMIT 1",
    )
    .fetch_one(directory.db().reader())
    .await
    .unwrap();
    let pin = pin_of(last.1.parse().unwrap());
    assert_eq!(house.claim(first, &last.1, "284614", now).await, ClaimVerdict::WrongCredentials);
    assert_eq!(house.claim(first, &last.1, &pin, now).await, ClaimVerdict::NewPin(NewPinReason::Due));
    assert!(sealed(&last.0).await);
    let id = job["id"].as_str().unwrap();
    let shown = tokio::task::block_in_place(|| desk.get(&format!("/jobs/{id}"))).json();
    assert!(shown["to_hash"].as_u64() > Some(0), "{shown:#}");
    // A PIN chosen at the phone takes the place of the one that waits.
    let chosen = Some("918273");
    assert!(matches!(house.claim_choosing(first, &last.1, &pin, chosen, now).await, ClaimVerdict::Bound { .. }));
    assert!(!sealed(&last.0).await);
    assert_eq!(house.claim(second, &last.1, &pin, now).await, ClaimVerdict::WrongCredentials);
    assert!(matches!(house.claim(second, &last.1, "918273", now).await, ClaimVerdict::Bound { .. }));
    // So does one that an administrator sets.
    let last: (String, String) = sqlx::query_as(
        "SELECT user_id, primary_extension FROM users WHERE sealed_pin IS NOT NULL ORDER BY id DESC LIMIT 1",
    )
    .fetch_one(directory.db().reader())
    .await
    .unwrap();
    let (pin, third) = (pin_of(last.1.parse().unwrap()), house.new_phone(3).await);
    let patch = json!({ "pin": "730952", "pin_must_change": false });
    let actor = tsunagu::directory::Actor::system("test");
    directory.change::<tsunagu::directory::Users>(&last.0, &patch, None, |_| Ok(()), &actor, now).await.unwrap();
    assert!(!sealed(&last.0).await);
    assert_eq!(house.claim(third, &last.1, &pin, now).await, ClaimVerdict::WrongCredentials);
    assert!(matches!(house.claim(third, &last.1, "730952", now).await, ClaimVerdict::Bound { .. }));
    // A few are hashed, and are as good as before.
    let statement = "SELECT primary_extension FROM users WHERE pin_hash IS NOT NULL AND user_id LIKE 'h%' AND pin_must_change = 1 AND user_id <> $1 LIMIT 1";
    let other: String = loop {
        directory.hash_sealed(2).await.unwrap();
        if let Some(found) =
            sqlx::query_scalar(statement).bind(&last.0).fetch_optional(directory.db().reader()).await.unwrap()
        {
            break found;
        }
    };
    let (fourth, pin) = (house.new_phone(4).await, pin_of(other.parse().unwrap()));
    assert!(matches!(house.claim_choosing(fourth, &other, &pin, chosen, now).await, ClaimVerdict::Bound { .. }));
    house.close().await;
}

fn pin_of(extension: u32) -> String {
    (291_357 + extension * 7).to_string()
}
