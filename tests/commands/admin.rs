//! `tsunagu admin`

use crate::called::{call, command, command_of, run};
use crate::support::server::Server;

#[test]
fn a_record_is_added_listed_shown_changed_and_deleted() {
    let server = Server::start("");
    let new = ["admin", "users", "add", "user_id=ito", "name=伊東 優", "primary_extension=1010", "pin=@-"];
    let added = run(&mut command_of(&server, &new), "730418\n").done();
    assert!(added.out.contains("伊東 優") && !added.out.contains("730418"), "{added:?}");
    // The PIN that came on standard input is the one that counts.
    let user = server.api_get("/users/ito");
    assert!(user["pin_set_at"].is_string(), "{user}");

    let listed =
        call(&server, &["admin", "users", "list", "user_id=*", "--sort", "-user_id", "--columns", "user_id,name"])
            .done();
    let lines: Vec<&str> = listed.out.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["user_id", "name"]);
    assert!(lines[2].contains("tanaka") && lines.len() == 6, "{}", listed.out);

    let changed = call(&server, &["admin", "users", "change", "ito", "mail=ito@example.com", "pin_must_change=true"]);
    assert!(changed.done().out.contains("ito@example.com"));
    let shown = call(&server, &["admin", "users", "show", "ito", "--json"]).done().json();
    assert_eq!((&shown["version"], &shown["pin_must_change"]), (&2.into(), &true.into()));
    call(&server, &["admin", "users", "change", "ito", "mail=", "locale:=null"]).done();

    call(&server, &["admin", "users", "delete", "ito"]).done();
    let gone = call(&server, &["admin", "users", "show", "ito"]);
    assert_eq!(gone.status, 1, "{gone:?}");
}

#[test]
fn a_long_list_comes_whole_if_it_is_wanted_whole() {
    let server = Server::start("");
    let some = call(&server, &["admin", "users", "list", "--limit", "2", "--json"]).done().json();
    assert_eq!((some["items"].as_array().unwrap().len(), &some["total"]), (2, &3.into()));
    let told = call(&server, &["admin", "users", "list", "--limit", "2"]).done();
    assert!(told.err.contains("2 of 3"), "{told:?}");
    let all = call(&server, &["admin", "users", "list", "--all", "--json"]).done().json();
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    let found = call(&server, &["admin", "users", "list", "--search", "Alex", "--json"]).done().json();
    assert_eq!(found["items"][0]["user_id"], "smith");
}

#[test]
fn an_exit_status_and_words_say_what_kind_of_fault_it_is() {
    let server = Server::start("");
    // Refused by the server, which says where and what to do, in the caller's language.
    let bad = ["admin", "users", "add", "user_id=x", "primary_extension=10a", "--lang", "ja"];
    let refused = call(&server, &bad);
    assert_eq!(refused.status, 1);
    assert!(refused.err.contains("項目: primary_extension") && refused.err.contains("電話番号は"), "{}", refused.err);
    // Mistakes that need no server.
    for (mistake, meant) in [
        (["admin", "usres", "list", ""], "did you mean users?"),
        (["admin", "users", "add", "usr_id=x"], "did you mean user_id?"),
        (["admin", "users", "list", "profil=x"], "did you mean profile?"),
        (["admin", "users", "list", "--sort=nme"], "did you mean name?"),
        (["admin", "self-provisioning", "do", "restrat"], "did you mean restart?"),
        (["admin", "audit", "delete", "x"], "what can: list, show"),
        (["admin", "users", "show", ""], "Say which one"),
        (["admin", "users", "add", "user_id:={"], "not JSON"),
    ] {
        let arguments: Vec<&str> = mistake.into_iter().filter(|argument| !argument.is_empty()).collect();
        let called = call(&server, &arguments);
        assert!(called.status == 2 && called.err.contains(meant), "{arguments:?}: {called:?}");
    }
    // Nobody there, and nobody known.
    let nobody = format!("http://{}", server.ports.one());
    assert_eq!(run(&mut command(&nobody, &server.token, &["admin", "users", "list"]), "").status, 3);
    let place = format!("http://{}", server.admin);
    let stranger = run(&mut command(&place, "tsu_wrong", &["admin", "users", "list", "--json"]), "");
    assert_eq!((stranger.status, stranger.out.as_str()), (4, ""));
    let problem: serde_json::Value = serde_json::from_str(&stranger.err).unwrap();
    assert_eq!(problem["status"], 401);
    let token = ["admin", "tokens", "add", "name=watch", "role=view", "--json"];
    let token = call(&server, &token).done().json()["token"].as_str().unwrap().to_owned();
    assert_eq!(run(&mut command(&place, &token, &["admin", "users", "list"]), "").status, 0);
    assert_eq!(run(&mut command(&place, &token, &["admin", "users", "delete", "sato"]), "").status, 4);
}

#[test]
fn settings_are_shown_and_changed_and_say_themselves_what_came_of_it() {
    let server = Server::start("");
    let change = ["admin", "self-provisioning", "change", "dialogue.languages=en,ja", "ports=7", "apply==restart-now"];
    let changed = call(&server, &change).done();
    assert!(changed.out.starts_with("Save successful. Self-Provisioning IVR service restarted"), "{changed:?}");
    let shown = call(&server, &["admin", "self-provisioning", "show", "--json"]).done().json();
    assert_eq!((&shown["ports"], &shown["dialogue"]["languages"]), (&7.into(), &serde_json::json!(["en", "ja"])));
    let dry = call(&server, &["admin", "self-provisioning", "change", "ports=8", "apply==dry-run", "--json"]);
    assert_eq!(dry.done().json()["saved"], false);
}

#[test]
fn what_there_is_comes_from_the_server_and_needs_no_token_to_be_told() {
    let server = Server::start("");
    let place = format!("http://{}", server.admin);
    let told = run(&mut command(&place, "", &["admin", "--json"]), "").done().json();
    let names: Vec<&str> = told.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    let document = server.admin_get("/api/v1/openapi.json").json();
    for path in document["paths"].as_object().unwrap().keys() {
        let name = path.strip_prefix("/api/v1/").unwrap().split('/').next().unwrap();
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let about = run(&mut command(&place, "", &["admin", "users"]), "").done();
    assert!(about.out.contains("user_id*") && about.out.contains("active|inactive"), "{}", about.out);
    // There is no way to give a token or a secret where other people of the machine see it.
    let called = run(&mut command(&place, "", &["admin", "--token", "tsu_x", "users", "list"]), "");
    assert_eq!(called.status, 2, "{called:?}");
}

#[test]
fn a_line_says_on_the_command_line_why_it_is_down() {
    let server = Server::start("");
    let mac = "00908f200001";
    let file = server.handset_get(&format!("/{mac}.cfg"), "AUDC-IPPhone/2.2.8.61 (420HD; 00908F200001)");
    assert_eq!(file.status, 200, "{file:?}");
    let order = serde_json::json!({ "phone": mac, "user": "sato" });
    assert_eq!(server.api_post("/enrolments", &order).status, 201);
    let listed = call(&server, &["admin", "lines", "list", "state=not-registered"]).done();
    let lines: Vec<Vec<&str>> = listed.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..5], ["number", "user", "state", "code", "type"], "{}", listed.out);
    assert_eq!(lines[2][..5], ["1001", "sato", "not-registered", "never-received", "desk-phone"], "{}", listed.out);
    let asked = ["admin", "lines", "do", "1001", "status", "time_zone==Asia/Tokyo", "--lang", "ja"];
    let told = call(&server, &asked).done();
    assert!(told.out.starts_with("回線はレジストされていません！"), "{}", told.out);
    assert!(told.out.contains("ログインサーバー名") && told.out.contains("Asia/Tokyo"), "{}", told.out);
    let refused = call(&server, &["admin", "lines", "do", "1001", "status", "time_zone==Asia/Edo", "--lang", "ja"]);
    assert!(refused.status == 1 && refused.err.contains("time_zone"), "{refused:?}");
    let past = call(&server, &["admin", "lines", "do", "1001", "history", "--json"]).done().json();
    assert_eq!(past["total"], 0);
    call(&server, &["admin", "strangers", "list"]).done();
}
