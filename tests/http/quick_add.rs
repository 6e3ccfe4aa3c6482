//! A user and a phone in one step, the phone that waits for them, and what templates make of a user.

use serde_json::{Value, json};
use tsunagu::directory::{Actor, PhoneReservations, read_draft};
use tsunagu::enrolment::{ClaimVerdict, Refusal};
use tsunagu::vocab::UnixMillis;

use crate::house::{House, PIN, mac};
use crate::support::server::Server;

fn office() -> Server {
    let server = Server::start("");
    let add = |path: &str, body: Value| assert_eq!(server.api_post(path, &body).status, 201, "{path} {body}");
    add("/feature-group-templates", json!({ "name": "Sales", "profile": "Everybody", "locale": "en" }));
    add("/user-profiles", json!({ "name": "Barred" }));
    add("/feature-group-templates", json!({ "name": "Guests", "profile": "Barred" }));
    add("/number-pools", json!({ "name": "Office", "first": "1001", "last": "1006" }));
    add("/directory-numbers", json!({ "number": "1004", "description": "Lobby" }));
    server
}

#[test]
fn a_user_and_a_phone_are_added_in_one_step() {
    let server = office();
    let given = json!({
        "user_id": "mori", "family_name": "森", "given_name": "明", "feature_group_template": "Sales",
        "number_pool": "Office", "pin": "284613", "mac": "00:90:8F:11:22:33",
    });
    let made = server.api_post("/quick-add", &given);
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    // 1001 to 1003 are people's, 1004 is the lobby's.
    let user = &made["user"];
    assert_eq!((&user["primary_extension"], &user["self_service_id"]), (&json!("1005"), &json!("1005")), "{made:#}");
    assert_eq!(
        (&user["profile"], &user["locale"], &user["name"]),
        (&json!("Everybody"), &json!("en"), &json!("森 明"))
    );
    assert_eq!((&made["reservation"]["mac"], &made["reservation"]["user"]), (&json!("00908f112233"), &json!("mori")));
    assert_eq!(made["obstacle"], Value::Null);
    assert_eq!(server.api_get("/directory-numbers/1005")["pool"], "Office");
    assert_eq!(server.api_get("/phone-reservations/00908f112233")["user"], "mori");
    let trail = server.api_get("/audit");
    for (kind, name) in [("user", "mori"), ("phone reservation", "00908f112233")] {
        let noted = trail.as_array().unwrap().iter().any(|entry| entry["kind"] == kind && entry["name"] == name);
        assert!(noted, "{kind}: {trail:#}");
    }
    // Once more is a mistake, and so is whatever else can't be; nothing of it is kept.
    let before =
        (server.api_get("/users"), server.api_get("/directory-numbers"), server.api_get("/phone-reservations"));
    let with = |more: Value| {
        let mut other = json!({ "user_id": "abe", "feature_group_template": "Sales", "number_pool": "Office" });
        other.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        other
    };
    for (body, status, field) in [
        (given, 409, "user_id"),
        (with(json!({ "mac": "00908f112233" })), 409, "mac"),
        (with(json!({ "mac": "00908f" })), 422, "mac"),
        (with(json!({ "pin": "1234" })), 422, "pin"),
        (with(json!({ "feature_group_template": "None" })), 422, "feature_group_template"),
        (with(json!({ "number_pool": "None" })), 422, "number_pool"),
        (with(json!({ "extension": "1500" })), 422, "extension"),
        (json!({ "user_id": "abe", "feature_group_template": "Sales" }), 422, "extension"),
        (json!({ "user_id": "abe", "feature_group_template": "Sales", "extension": "2000" }), 422, "extension"),
        (json!({ "user_id": "abe", "extension": "1500" }), 422, "feature_group_template"),
    ] {
        let answer = server.api_post("/quick-add", &body);
        assert_eq!((answer.status, answer.json()["field"].as_str()), (status, Some(field)), "{body}: {answer:?}");
    }
    let after = (server.api_get("/users"), server.api_get("/directory-numbers"), server.api_get("/phone-reservations"));
    assert_eq!(before, after);
    // Who can't set up a phone yet is told why; an empty pool is named.
    let guest = json!({ "user_id": "guest", "feature_group_template": "Guests", "number_pool": "Office" });
    let made = server.api_post("/quick-add", &guest).json();
    assert_eq!(
        (&made["obstacle"]["code"], &made["user"]["primary_extension"]),
        (&json!("not-enabled"), &json!("1006"))
    );
    assert!(made["obstacle"]["text"].as_str().unwrap().len() > 20, "{made:#}");
    let answer = server.api_post("/quick-add", &with(json!({})));
    assert_eq!((answer.status, answer.json()["field"].as_str()), (422, Some("number_pool")), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reserved_phone_is_claimed_by_its_user_only_and_then_no_longer_reserved() {
    let house = House::open("[auto_registration]\nenabled = true\n").await;
    let (phone, now) = (house.new_phone(1).await, UnixMillis::now());
    let (directory, actor) = (&house.running.directory, Actor::system("test"));
    let reservation = json!({ "mac": mac(1), "user": "user1002" });
    directory.create::<PhoneReservations>(read_draft(reservation.clone()).unwrap(), &actor, now).await.unwrap();
    assert_eq!(house.claim(phone, "1001", PIN, now).await, ClaimVerdict::Refused(Refusal::Reserved));
    assert!(matches!(house.claim(phone, "1002", PIN, now).await, ClaimVerdict::Bound { .. }));
    assert!(directory.find::<PhoneReservations>(&mac(1)).await.unwrap().is_none());
    // It is somebody's now.
    let again = directory.create::<PhoneReservations>(read_draft(reservation).unwrap(), &actor, now).await;
    assert!(again.unwrap_err().to_string().contains("user1002"));
    house.close().await;
}

#[test]
fn a_template_is_shown_as_it_would_become_before_it_is_kept() {
    let server = Server::start("");
    let subject = json!({ "user": "sato", "make": "audiocodes", "model": "420HD", "mac": "00908f112233" });
    let shown = server.api_post("/device-templates/Desk%20phone/preview", &subject);
    assert_eq!(shown.status, 200, "{shown:?}");
    let shown = shown.json();
    assert_eq!(shown["phone_name"], "420HD 佐藤 花子");
    assert_eq!(shown["line"], json!({ "number": "1001", "label": "1001 佐藤 花子", "display": "佐藤 花子" }));
    let file = shown["file"].as_str().unwrap();
    assert!(file.contains("voip/line/0/id=1001") && file.contains("********"), "{file}");
    let template =
        json!({ "name": "New", "phone_name": "{mac} {user_id} {colour}", "settings": { "voicemail": "1999" } });
    let shown =
        server.api_post("/device-templates/preview", &json!({ "template": template, "subject": subject })).json();
    assert_eq!(shown["phone_name"], "00908f112233 sato {colour}");
    assert!(shown["file"].as_str().unwrap().contains("1999"), "{shown:#}");
    let yealink = json!({ "user": "smith", "make": "yealink", "model": "T46S" });
    let shown = server.api_post("/device-templates/Desk%20phone/preview", &yealink).json();
    assert!(shown["file"].as_str().unwrap().contains("account.1.user_name"), "{shown:#}");
    let unknown = server.api_post("/device-templates/Desk%20phone/preview", &json!({ "user": "smith" })).json();
    assert_eq!((&unknown["file"], &unknown["phone_name"]), (&Value::Null, &json!("unknown Alex Smith")), "{unknown:#}");
    let line = json!({ "name": "L", "label": "{extension}!", "display": "{user_id}" });
    let shown =
        server.api_post("/line-templates/preview", &json!({ "template": line, "subject": { "user": "smith" } }));
    assert_eq!(shown.json(), json!({ "number": "1002", "label": "1002!", "display": "smith" }));
    assert_eq!(
        server.api_post("/line-templates/Line/preview", &json!({ "user": "smith" })).json()["label"],
        "1002 Alex Smith"
    );
    // Nothing of it is kept, and mistakes are named.
    let kept = server.api_get("/device-templates");
    assert!(kept.as_array().unwrap().iter().all(|template| template["name"] != "New"), "{kept:#}");
    assert_eq!(server.api_post("/device-templates/Nothing/preview", &subject).status, 404);
    for (subject, field) in [(json!({ "user": "nobody" }), "user"), (json!({ "user": "sato", "make": "snom" }), "make")]
    {
        let answer = server.api_post("/device-templates/Desk%20phone/preview", &subject);
        assert_eq!((answer.status, answer.json()["field"].as_str()), (422, Some(field)), "{answer:?}");
    }
    let wrong =
        json!({ "template": { "name": "x", "phone_name": "x", "settings": { "colour": 1 } }, "subject": subject });
    assert_eq!(server.api_post("/device-templates/preview", &wrong).json()["field"], "settings");
}
