//! All phones of a house come back at once after a restart: behind two addresses, none of them known to the one who holds floods
//! back.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tsunagu::db::{Db, Place};
use tsunagu::directory::Sealer;
use tsunagu::vocab::{PhoneId, Secret, UnixMillis};

use crate::neighbours::{ATTACKER, ELSEWHERE};
use crate::support::programs::{self, Program};
use crate::support::server::Server;
use crate::support::wait_for;

const PHONES: u32 = 10_000;
/// Within which all are to be registered.
const LIMIT: Duration = Duration::from_secs(60);
/// The number of the first.
const FIRST_NUMBER: u32 = 2_000_000;

/// What a phone authenticates as, and its password.
fn name(phone: u32) -> String {
    format!("p{phone:05}")
}

/// Writes phones with accounts into a server's database: nobody makes so many by hand.
async fn fill(server: &Server) {
    let place = match server.database() {
        "" => Place::File(server.data_dir().join("tsunagu.db")),
        url => Place::Server(url.to_owned().try_into().unwrap()),
    };
    let sealer = Sealer::from_file(&server.data_dir().join("secret.key"), rand::random()).unwrap();
    let (db, now) = (Db::open_at(&place).await.unwrap(), UnixMillis::now());
    let row = |phone| {
        let sealed = sealer.seal(&Secret::from(name(phone)), rand::random()).unwrap();
        serde_json::json!([PhoneId::new(now, rand::random()), name(phone), sealed, (FIRST_NUMBER + phone).to_string()])
    };
    let rows = serde_json::Value::Array((0..PHONES).map(row).collect()).to_string();
    let mut writing = db.write().await.unwrap();
    sqlx::query(
        "INSERT INTO phones (id, state, vendor, name, auth_name, sealed_secret, source, created_at, seen_at) \
         SELECT value ->> 0, 'enrolled', 'generic', value ->> 1, value ->> 1, value ->> 2, '127.0.0.1', $2, $2 \
         FROM json_each($1)",
    )
    .bind(&rows)
    .bind(now.get())
    .execute(&mut *writing)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO lines (phone, position, number, label, display) \
         SELECT value ->> 0, 1, value ->> 3, value ->> 1, value ->> 1 FROM json_each($1)",
    )
    .bind(&rows)
    .execute(&mut *writing)
    .await
    .unwrap();
    writing.commit().await.unwrap();
    db.close().await;
}

/// Half of them register, all at once, each from a port of its own of one address, by UDP (`un`) or TCP (`tn`).
fn half_comes(server: &Server, way: &str, host: u8, phones: Range<u32>) -> Program {
    let accounts = server.folder().join(format!("accounts-{host}.csv"));
    let (mut lines, count) = ("SEQUENTIAL\n".to_owned(), phones.len().to_string());
    for phone in phones {
        let (number, name) = (FIRST_NUMBER + phone, name(phone));
        writeln!(lines, "{number};[authentication username={name} password={name}];").unwrap();
    }
    std::fs::write(&accounts, lines).unwrap();
    let mut command = Command::new("sipp");
    command
        .current_dir(server.folder())
        .arg(server.sip.to_string())
        .arg("-sf")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp/comes-back.xml"))
        .arg("-inf")
        .arg(&accounts)
        .args(["-t", way, "-i", &format!("127.0.0.{host}"), "-max_socket", "15000"])
        .args(["-m", &count, "-l", &count, "-r", &count, "-nostdin", "-timeout", "120", "-timeout_error"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Program::start(&mut command)
}

/// All of them register at once. Gives how long it took until the last was.
fn all_come(server: &Server, way: &str) -> Duration {
    let began = Instant::now();
    let halves = [(ATTACKER, 0..PHONES / 2), (ELSEWHERE, PHONES / 2..PHONES)];
    let halves = halves.map(|(host, phones)| half_comes(server, way, host, phones));
    for mut half in halves {
        let ended = wait_for("the end of SIPp", LIMIT * 2, || half.ended());
        // It is content if no registration failed.
        assert!(ended.success(), "{ended}");
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_phones_that_come_back_at_once_are_registered_within_a_minute_and_none_is_shut_out() {
    programs::need("sipp", "sip-tester");
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let mut server = Server::start_empty("flood.trusted = []");
    server.stop();
    fill(&server).await;
    server.restart();
    let took = all_come(&server, "un");
    println!("{PHONES} phones registered in {took:?}");
    for way in ["un", "tn"] {
        server.restart();
        assert!(server.figure("registered_contacts") >= f64::from(PHONES), "they are known as they were");
        let took = all_come(&server, way);
        println!("{PHONES} phones came back in {took:?} ({way})");
        assert!(took < LIMIT, "{took:?}");
        assert_eq!(server.figure("registrations_total{status=\"200\"}"), f64::from(PHONES));
        assert_eq!(server.figure("sip_connections_refused_total"), 0.0);
        assert_eq!(server.api_get("/shut-outs"), serde_json::json!([]));
        for scope in ["peer", "address"] {
            assert_eq!(server.figure(&format!("sip_flood_refused_total{{scope=\"{scope}\"}}")), 0.0, "{scope}");
        }
    }
}
