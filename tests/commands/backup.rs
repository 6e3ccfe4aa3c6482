//! `tsunagu backup` and `tsunagu restore`

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tsunagu::phone::{Make, SipTransport};

use crate::called::{Called, call};
use crate::caller::{Handset, Place, SOON, factory_new, generic};
use crate::support::http;
use crate::support::server::{Server, USERS};

fn save(server: &Server, file: &Path) -> Called {
    let (data, file) = (server.data_dir().display().to_string(), file.display().to_string());
    call(server, &["backup", "--data-dir", &data, &file])
}

fn restore(server: &Server, file: &Path, folder: &Path) -> Called {
    call(server, &["restore", &file.display().to_string(), "--data-dir", &folder.display().to_string()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_restored_from_a_backup_taken_under_load_knows_its_phones_and_people() {
    let mut server = Server::start("dialogue.languages = [\"en\"]");
    let place = Place { sip: server.sip, handset: server.handset };
    let phone = Handset::plug_in(factory_new(&place, Make::AudioCodes, 1)).await.unwrap();
    let [user, other, ..] = USERS;
    assert_eq!(phone.claim(user.extension, user.pin).await.as_deref(), Ok(user.extension));
    phone.phone.wait_registered(SOON, |number| number == user.extension).await.unwrap();

    // Registrations, additions and a conversation go on while the backup is taken.
    let is_enough = Arc::new(AtomicBool::new(false));
    let (enough, bearer) = (is_enough.clone(), format!("Bearer {}", server.token));
    let users = format!("http://{}/api/v1/users", server.admin);
    let adding = std::thread::spawn(move || {
        let mut added = 0;
        while !enough.load(Ordering::SeqCst) {
            let new = json!({ "user_id": format!("new-{added}") });
            assert_eq!(http::post(&users, &[("Authorization", &bearer)], &new).unwrap().status, 201);
            added += 1;
        }
        added
    });
    let talking = Handset::plug_in(generic(&place, "talker", SipTransport::Udp)).await.unwrap();
    let mut conversation = talking.call_in().await;
    conversation.wait_prompt(&["welcome"], SOON).await.unwrap();
    let file = server.folder().join("monday.tar");
    for _ in 0..20 {
        phone.phone.register().await.unwrap();
    }
    save(&server, &file).done();
    phone.phone.register().await.unwrap();
    is_enough.store(true, Ordering::SeqCst);
    assert!(adding.join().unwrap() > 0);
    conversation.hang_up().await;

    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let whole = std::fs::read(&file).unwrap();
    assert_eq!(save(&server, &file).status, 1, "nothing is overwritten");
    assert_eq!(std::fs::read(&file).unwrap(), whole);
    let leftovers = std::fs::read_dir(server.folder())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("partial"));
    assert_eq!(leftovers.count(), 0);

    let in_use = restore(&server, &file, &server.data_dir());
    assert!(in_use.status == 1 && in_use.err.contains("server is working"), "{in_use:?}");
    assert!(server.stop().success());
    let occupied = restore(&server, &file, &server.data_dir());
    assert!(occupied.status == 1 && occupied.err.contains("not empty"), "{occupied:?}");
    std::fs::rename(server.data_dir(), server.folder().join("lost")).unwrap();
    restore(&server, &file, &server.data_dir()).done();
    server.restart();

    // The phone's password, its private URL and its number are what they were; so are people's PINs.
    phone.phone.fetch_configuration().await.unwrap();
    phone.phone.register().await.unwrap();
    assert_eq!(phone.phone.registered_as().as_deref(), Some(user.extension));
    let next = Handset::plug_in(factory_new(&place, Make::Yealink, 2)).await.unwrap();
    assert_eq!(next.claim(other.extension, other.pin).await.as_deref(), Ok(other.extension));
    next.phone.wait_registered(SOON, |number| number == other.extension).await.unwrap();
}

#[test]
fn a_backup_that_is_not_whole_is_not_restored_and_leaves_nothing() {
    let server = Server::start_empty("");
    let (file, bad, folder) =
        (server.folder().join("good.tar"), server.folder().join("bad.tar"), server.folder().join("new"));
    let pack = server.data_dir().join("languages/fr");
    std::fs::create_dir_all(&pack).unwrap();
    std::fs::write(pack.join("spoken.ftl"), "# nothing yet\n").unwrap();
    save(&server, &file).done();
    let octets = std::fs::read(&file).unwrap();
    let mut changed = octets.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for octets in [changed.as_slice(), &octets[..octets.len() / 2], b"no backup"] {
        std::fs::write(&bad, octets).unwrap();
        let refused = restore(&server, &bad, &folder);
        assert!(refused.status == 1 && !folder.exists(), "{refused:?}");
    }
    restore(&server, &file, &folder).done();
    assert_eq!(std::fs::read_to_string(folder.join("languages/fr/spoken.ftl")).unwrap(), "# nothing yet\n");
    for (path, mode) in [("", 0o700), ("tsunagu.db", 0o600), ("secret.key", 0o600)] {
        assert_eq!(std::fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o777, mode, "{path}");
    }
}
