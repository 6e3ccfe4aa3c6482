//! A language pack: a folder an operator adds, spoken from after a restart of the service and without a build.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tsunagu::phone::SipTransport;

use crate::caller::{Handset, generic};
use crate::support::server::{Server, USERS};
use crate::{place, server};

/// A pack in French that sounds English, so that the ear knows its recordings.
fn add_pack(server: &Server) -> PathBuf {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = server.data_dir().join("languages/fr");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(house.join("locales/en/spoken.ftl"), folder.join("spoken.ftl")).unwrap();
    std::fs::write(folder.join("problems.ftl"), "problem-not-found = Introuvable\n").unwrap();
    for file in std::fs::read_dir(house.join("prompts/en")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "flac") {
            std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

fn speak_french(server: &Server) -> Value {
    let french = json!({ "dialogue": { "languages": ["fr"] } });
    let answer = server.api_patch("/self-provisioning?apply=restart-now", &french);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn check(folder: &Path) -> (bool, String) {
    let told = Command::new(env!("CARGO_BIN_EXE_tsunagu")).args(["prompts", "check"]).arg(folder).output().unwrap();
    (told.status.success(), String::from_utf8(told.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_pack_is_spoken_from_after_a_restart_of_the_service() {
    let server = server("calls.ring_back = false");
    let saved = speak_french(&server);
    assert_eq!(saved["restarted"], false, "{saved}");
    assert!(saved["message"].as_str().unwrap().contains("fr"), "{saved}");

    let folder = add_pack(&server);
    assert_eq!(check(&folder), (true, String::new()));
    assert_eq!(server.api_post("/self-provisioning/restart", &json!({})).status, 200);
    let languages = server.api_get("/languages");
    assert!(languages["spoken"].as_array().unwrap().contains(&json!("fr")), "{languages}");
    assert_eq!(languages["packs"], json!([{ "folder": "fr", "language": "fr", "used": true, "faults": [] }]));
    let handset = Handset::plug_in(generic(&place(&server), "french", SipTransport::Udp)).await.unwrap();
    assert_eq!(handset.claim(USERS[0].extension, USERS[0].pin).await.as_deref(), Ok(USERS[0].extension));

    // A pack that has lost a recording is not spoken from; the service that runs keeps its own.
    std::fs::remove_file(folder.join("ask-pin.flac")).unwrap();
    let (is_usable, faults) = check(&folder);
    assert!(!is_usable && faults.contains("ask-pin is not recorded"), "{faults}");
    let refused = server.api_post("/self-provisioning/restart", &json!({}));
    assert_eq!(refused.status, 409, "{refused:?}");
    let handset = Handset::plug_in(generic(&place(&server), "still-french", SipTransport::Udp)).await.unwrap();
    assert_eq!(handset.claim(USERS[1].extension, USERS[1].pin).await.as_deref(), Ok(USERS[1].extension));
}

#[test]
fn a_folder_that_is_no_pack_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let packs: [(&str, &str, &str); 3] = [
        ("not a language", "", "not a language tag"),
        ("fr", "welcome = { -welcome }\n-welcome = Bienvenue\n", "welcome is not recorded"),
        ("de", "welcome = Willkommen\n", "spoken.ftl line 1"),
    ];
    for (name, spoken, fault) in packs {
        let pack = folder.path().join(name);
        std::fs::create_dir(&pack).unwrap();
        std::fs::write(pack.join("spoken.ftl"), spoken).unwrap();
        let (is_usable, faults) = check(&pack);
        assert!(!is_usable && faults.contains(fault), "{name}: {faults}");
    }
    assert!(!check(&folder.path().join("nowhere")).0);
}
