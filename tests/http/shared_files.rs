//! The files phones share: each make's own round of requests finds what it asks for, and nothing secret is in it.

use std::net::SocketAddr;

use crate::handset::{OPEN, REAL, enrol};
use crate::house::{House, agent, mac, parameter};
use crate::raw::{Raw, ask};
use crate::support::http;

const T46S: &str = "Yealink SIP-T46S 66.86.0.15 80:5e:c0:20:00:01";
const T46S_MAC: &str = "805ec0200001";

fn get(door: SocketAddr, path: &str, user_agent: &str) -> String {
    let answer = http::get(&format!("http://{door}{path}"), &[("User-Agent", user_agent)]).unwrap();
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain"), "{path}");
    answer.body
}

fn raw(door: SocketAddr, path: &str, user_agent: &str) -> Raw {
    ask(door, &format!("GET {path}"), user_agent)
}

/// The files a boot file names.
fn included(boot: &str) -> Vec<String> {
    boot.lines()
        .filter_map(|line| line.strip_prefix("include:config \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factory_new_yealink_finds_every_file_of_its_round() {
    let house = House::open(OPEN).await;
    let door = house.running.handset;
    // Firmware from 81 on: a boot file, and what it names.
    let boot = get(door, &format!("/{T46S_MAC}.boot"), T46S);
    assert!(boot.starts_with("#!version:1.0.0.1\n") && boot.contains("overwrite_mode = 0"), "{boot}");
    let files = included(&boot);
    assert_eq!(files, ["y000000000066.cfg".to_owned(), format!("{T46S_MAC}.cfg")]);
    let [common, own] = [0, 1].map(|at| get(door, &format!("/{}", files[at]), T46S));
    assert!(common.starts_with("#!version:1.0.0.1\n") && common.contains("sip.notify_reboot_enable = 0"), "{common}");
    assert!(!common.contains("account.") && !common.contains("password") && !common.contains("http://"), "{common}");
    assert!(own.contains("account.1.password = ") && own.contains("/c/"), "{own}");
    // Everybody's boot file is the same for this phone; one that doesn't say which phone it is gets none.
    assert_eq!(get(door, "/y000000000000.boot", T46S), boot);
    assert_eq!(raw(door, "/y000000000000.boot", "Yealink SIP-T46S 66.86.0.15").status, 404);
    // A family of phones nobody has heard of yet.
    assert_eq!(get(door, "/y000000000999.cfg", "Yealink SIP-T99X 999.1.0.1 80:5e:c0:20:00:02"), common);
    // Only the own file made a phone.
    assert_eq!(house.phones().await.len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factory_new_audiocodes_finds_its_models_file_and_its_own() {
    let house = House::open(OPEN).await;
    let door = house.running.handset;
    let common = get(door, "/420HD.cfg", &agent(&mac(1)));
    let own = get(door, &format!("/{}.cfg", mac(1).to_uppercase()), &agent(&mac(1)));
    assert!(!common.contains("voip/line") && !common.contains("password") && !common.contains("http://"), "{common}");
    // Whichever is read last, the phone is the same.
    for line in common.lines() {
        let (name, value) = line.split_once('=').unwrap();
        assert_eq!(parameter(&own, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(raw(door, "/420HD.img", &agent(&mac(1))).status, 404);
    assert_eq!(raw(door, "/421HD.cfg", &agent(&mac(1))).status, 404);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_files_tell_nobody_whose_phone_is_enrolled() {
    let house = House::open(OPEN).await;
    let enrolled = enrol(&house).await;
    let door = house.running.handset;
    let paths = |number| [format!("/{}.boot", mac(number)), "/420HD.cfg".to_owned(), "/y000000000066.cfg".to_owned()];
    for (real, stranger) in paths(REAL).into_iter().zip(paths(9)) {
        let [real, stranger] =
            [(REAL, real), (9, stranger)].map(|(number, path)| raw(door, &path, &agent(&mac(number))));
        assert_eq!(real.but_date.replace(&mac(REAL), "MAC"), stranger.but_date.replace(&mac(9), "MAC"));
        assert!(!enrolled.is_in(&real.but_date));
    }
    let path = |file: &str| format!("/c/{}/{file}", enrolled.tokens()[1]);
    house.shut().await;
    let door = house.running.handset;
    let nothing = raw(door, "/nothing.cfg", &agent(&mac(9)));
    for plain in paths(REAL) {
        assert_eq!(raw(door, &plain, &agent(&mac(REAL))), nothing, "{plain}");
    }
    // A phone that is somebody's still gets them at its private URL; there is nothing of other phones there.
    for file in [format!("{}.boot", mac(REAL)), "y000000000000.boot".to_owned(), "420HD.cfg".to_owned()] {
        assert_eq!(raw(door, &path(&file), &agent(&mac(REAL))).status, 200, "{file}");
    }
    assert_eq!(raw(door, &path(&format!("{}.boot", mac(9))), &agent(&mac(9))), nothing);
    assert_eq!(raw(door, &format!("/c/{}/420HD.cfg", "0".repeat(32)), &agent(&mac(REAL))), nothing);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_somebody_made_up_do_not_wait_for_those_who_write() {
    let house = House::open(OPEN).await;
    let door = house.running.handset;
    let writing = house.running.directory.db().write().await.unwrap();
    for file in [format!("{}.cfg", mac(1)), "420HD.cfg".to_owned()] {
        assert_eq!(raw(door, &format!("/c/{}/{file}", "0".repeat(32)), &agent(&mac(1))).status, 404);
    }
    drop(writing);
    house.close().await;
}
