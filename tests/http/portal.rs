//! The portal: who looks after groups of lines sees those and no others, and overwrites their passwords.

use serde_json::{Value, json};

use crate::line_status::Desk;
use crate::registrant::status;
use crate::support::http::{self, Answer};
use crate::support::server::Server;

const PASSWORD: &str = "correct horse battery";

/// Somebody at the portal.
#[derive(Debug)]
struct Visitor<'a> {
    server: &'a Server,
    token: String,
}

impl<'a> Visitor<'a> {
    fn log_in(server: &'a Server, login: &str, password: &str) -> Result<Self, (u16, String)> {
        let url = format!("http://{}/api/v1/portal/login", server.admin);
        let answer = http::post(&url, &[], &json!({ "login": login, "password": password })).unwrap();
        match answer.status {
            200 => Ok(Self { server, token: answer.json()["token"].as_str().unwrap().to_owned() }),
            status => Err((status, answer.body)),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1/portal{path}", self.server.admin)
    }

    fn get(&self, path: &str) -> Answer {
        http::get(&self.url(path), &[("Authorization", &format!("Bearer {}", self.token))]).unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        http::post(&self.url(path), &[("Authorization", &format!("Bearer {}", self.token))], body).unwrap()
    }
}

/// Two accounts with a group each; 1001 is the first's and 1002 the second's.
fn open(server: &Server) -> [Desk; 3] {
    let desks = [0, 1, 2].map(|user| Desk::of(server, u16::try_from(user).unwrap() + 1, user));
    let add = |path: &str, body: Value| assert_eq!(server.api_post(path, &body).status, 201, "{path} {body}");
    for (login, group, number) in [("osaka", "Osaka", "1001"), ("kobe", "Kobe", "1002")] {
        let account = json!({ "login": login, "password": PASSWORD, "locale": "ja", "time_zone": "Asia/Tokyo" });
        add("/portal-accounts", account);
        add("/line-groups", json!({ "name": group, "account": login }));
        let path = format!("/directory-numbers/{number}");
        assert_eq!(server.api_patch(&path, &json!({ "line_group": group })).status, 200);
    }
    desks
}

#[test]
fn an_account_sees_its_own_groups_lines_and_no_others() {
    let server = Server::start("");
    let [own, others, nobodys] = open(&server);
    assert_eq!(status(&own.at(&server, 1).register()), 200);
    let visitor = Visitor::log_in(&server, "osaka", PASSWORD).unwrap();
    let listed = visitor.get("/lines").json();
    assert_eq!((&listed["total"], &listed["items"][0]["number"]), (&json!(1), &json!("1001")), "{listed:#}");
    assert_eq!(listed["items"][0]["message"], "回線はレジストされています。");
    assert_eq!(visitor.get("/lines?account=kobe").json()["total"], 0);
    assert_eq!(visitor.get("/groups").json()["items"][0]["name"], "Osaka");
    assert_eq!(visitor.get("/account").json(), json!({ "login": "osaka", "locale": "ja", "time_zone": "Asia/Tokyo" }));
    // Its own line, in its own language and on its own clocks.
    for name in ["1001", &own.line] {
        let shown = visitor.get(&format!("/lines/{name}/status"));
        assert_eq!(shown.status, 200, "{shown:?}");
        assert_eq!(shown.json()["message"], "回線はレジストされています。");
        assert!(shown.json()["since"]["clock"].as_str().unwrap().ends_with(" JST"), "{shown:?}");
        assert_eq!(visitor.get(&format!("/lines/{name}/history")).json()["items"][0]["code"], "registered");
    }
    // Others are not there, and neither is anything of an administrator's.
    for name in ["1002", "1003", &others.line, &nobodys.line] {
        for what in ["status", "history"] {
            assert_eq!(visitor.get(&format!("/lines/{name}/{what}")).status, 404, "{name}");
        }
        assert_eq!(visitor.post(&format!("/lines/{name}/password"), &json!({})).status, 404, "{name}");
    }
    let bearer = format!("Bearer {}", visitor.token);
    for path in ["/lines", "/users", "/strangers", "/portal-accounts"] {
        let url = format!("http://{}/api/v1{path}", server.admin);
        assert_eq!(http::get(&url, &[("Authorization", &bearer)]).unwrap().status, 401, "{path}");
    }
    // An administrator's token opens nothing at the portal.
    let administrator = Visitor { server: &server, token: server.token.clone() };
    assert_eq!(administrator.get("/lines").status, 401);
    // A second group of the same account is seen beside the first, and apart from it.
    assert_eq!(server.api_post("/line-groups", &json!({ "name": "Nara", "account": "osaka" })).status, 201);
    assert_eq!(server.api_patch("/directory-numbers/1003", &json!({ "line_group": "Nara" })).status, 200);
    for (query, numbers) in [("", vec!["1001", "1003"]), ("&line_group=Nara", vec!["1003"])] {
        let listed = visitor.get(&format!("/lines?sort=number{query}")).json();
        let found: Vec<&str> =
            listed["items"].as_array().unwrap().iter().map(|line| line["number"].as_str().unwrap()).collect();
        assert_eq!(found, numbers, "{listed:#}");
    }
    assert_eq!(visitor.get(&format!("/lines/{}/status", nobodys.line)).status, 200);
    // The session ends with the password, and by itself.
    assert_eq!(visitor.post("/logout", &json!({})).status, 204);
    assert_eq!(visitor.get("/lines").status, 401);
    let visitor = Visitor::log_in(&server, "osaka", PASSWORD).unwrap();
    let change = json!({ "password": "another good password" });
    assert_eq!(server.api_patch("/portal-accounts/osaka", &change).status, 200);
    assert_eq!(visitor.get("/lines").status, 401);
    assert!(Visitor::log_in(&server, "osaka", PASSWORD).is_err());
    let visitor = Visitor::log_in(&server, "osaka", "another good password").unwrap();
    assert_eq!(server.api_patch("/portal-accounts/osaka", &json!({ "status": "inactive" })).status, 200);
    assert_eq!(visitor.get("/lines").status, 401);
}

#[test]
fn an_account_sees_how_its_own_line_stands_at_each_of_two_sites() {
    let (tokyo, mut nagoya) = (Server::start(""), Server::start(""));
    tokyo.knows_peer("Tokyo", ("Nagoya", nagoya.sip, &nagoya), "oos", "udp");
    let ([here, ..], there) = (open(&tokyo), Desk::of(&nagoya, 1, 0));
    let visitor = Visitor::log_in(&tokyo, "osaka", PASSWORD).unwrap();
    let is = |wanted: [&str; 2]| {
        let shown = visitor.get("/lines/1001/status");
        assert_eq!(shown.status, 200, "{shown:?}");
        let sites = shown.json()["sites"].take();
        assert_eq!([&sites[0]["state"], &sites[1]["state"]], wanted, "{sites:#}");
        sites
    };
    is(["not-registered", "not-registered"]);
    assert_eq!(status(&there.at(&nagoya, 2).register()), 200);
    let sites = is(["not-registered", "registered"]);
    assert_eq!([&sites[0]["name"], &sites[1]["name"]], ["Tokyo", "Nagoya"]);
    assert_eq!([&sites[0]["state_text"], &sites[1]["state_text"]], ["未登録", "登録済み"]);
    assert!(sites[1]["registered_from"][0].as_str().unwrap().starts_with("127.0.0.2:"), "{sites:#}");
    assert_eq!(status(&here.at(&tokyo, 1).register()), 200);
    is(["registered", "registered"]);
    // A site that is gone is not known, and why.
    nagoya.kill9();
    let sites = is(["registered", "unknown"]);
    assert_eq!(sites[1]["fault_text"], "相手拠点の API から応答がありません。");
    // Of lines that are not its own it is told nothing, of either site.
    assert_eq!(visitor.get("/lines/1002/status").status, 404);
}

#[test]
fn a_login_nobody_has_is_refused_as_a_wrong_password_is_and_soon_none_is_looked_at() {
    let server =
        Server::start("registrar.wrong_passwords.per_name_and_address = 3\nlimits.api_requests_of_strangers = 1000");
    open(&server);
    let refused = |login: &str, password: &str| Visitor::log_in(&server, login, password).err().unwrap();
    for login in ["osaka", "nobody"] {
        let tries: Vec<_> = (0..4).map(|_| refused(login, "wrong")).collect();
        assert_eq!(tries.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [401, 401, 401, 429], "{login}");
        assert_eq!(tries[0], tries[2]);
    }
    assert_eq!(refused("osaka", "wrong").0, refused("nobody", "wrong").0);
    // The right password is not looked at either now; another account's is.
    assert_eq!(refused("osaka", PASSWORD).0, 429);
    assert!(Visitor::log_in(&server, "kobe", PASSWORD).is_ok());
}

#[test]
fn an_account_overwrites_a_lines_password_and_the_audit_says_who() {
    let server = Server::start("");
    let [own, ..] = open(&server);
    let phone = own.at(&server, 1);
    assert_eq!(status(&phone.register()), 200);
    let visitor = Visitor::log_in(&server, "osaka", PASSWORD).unwrap();
    let made = visitor.post("/lines/1001/password", &json!({}));
    assert_eq!((made.status, &made.json()["auth_name"]), (200, &json!(own.auth_name)), "{made:?}");
    let password = made.json()["password"].as_str().unwrap().to_owned();
    // From now on it is the only one.
    assert_eq!(status(&own.at(&server, 1).register()), 403);
    assert_eq!(visitor.get("/lines/1001/status").json()["latest_error"]["code"], "wrong-password");
    assert_eq!(status(&own.with(&server, 1, &own.auth_name, &password).register()), 200);
    // One of its own choice, that phones take.
    let chosen = json!({ "password": "correct-horse~9" });
    assert_eq!(visitor.post("/lines/1001/password", &chosen).json()["password"], "correct-horse~9");
    assert_eq!(status(&own.with(&server, 1, &own.auth_name, "correct-horse~9").register()), 200);
    for (password, code) in [("short", "password-length"), ("two words and more", "sip-password-form")] {
        let refusal = visitor.post("/lines/1001/password", &json!({ "password": password }));
        assert_eq!((refusal.status, &refusal.json()["field"]), (422, &json!("password")), "{refusal:?}");
        assert!(refusal.json()["type"].as_str().unwrap().ends_with(code), "{refusal:?}");
    }
    let phone = own.line.rsplit_once('-').unwrap().0;
    let trail = server.admin_get(&format!("/api/v1/audit?record={phone}&actor_kind=portal-account")).json();
    assert_eq!(trail["total"], 2, "{trail:#}");
    assert_eq!(
        (&trail["items"][0]["actor"], &trail["items"][0]["after"]),
        (&json!("osaka"), &json!("overwrite password"))
    );
    assert!(!trail.to_string().contains("correct-horse") && !server.log().contains("correct-horse"));
    // Administrators do it too.
    let theirs = server.api_post("/lines/1001/password", &json!({}));
    assert_eq!(theirs.status, 200, "{theirs:?}");
    assert_eq!(
        status(&own.with(&server, 1, &own.auth_name, theirs.json()["password"].as_str().unwrap()).register()),
        200
    );
}
