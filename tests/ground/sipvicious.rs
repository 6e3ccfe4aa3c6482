//! SIPVicious, the tools attackers use first: they find no password and no extension, and phones notice nothing.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::flood::is_judged;
use crate::neighbours::{ELSEWHERE, Served, managed};
use crate::registrant::{Registrant, status};
use crate::support::programs::{self, Program};
use crate::support::server::Server;
use crate::support::wait_for;

/// Longest time one of them may take.
const PATIENCE: Duration = Duration::from_secs(90);
const WRONG: usize = 200;
/// The address the tools come from: they choose none of their own.
const ATTACKER: u8 = 1;

/// Runs one of the tools, and gives what it printed and how long it took.
fn attack(server: &Server, tool: &str, arguments: &[&str]) -> (String, Duration) {
    programs::need(tool, "sipvicious");
    let printed = server.folder().join(format!("{tool}.txt"));
    let file = || Stdio::from(File::options().create(true).append(true).open(&printed).unwrap());
    std::fs::write(&printed, "").unwrap();
    // None hears what another was answered.
    let port = server.ports.some(1).to_string();
    let began = Instant::now();
    let mut process = Program::start(
        Command::new(tool)
            .args(["-P", &port])
            .args(arguments)
            // It keeps sessions at home.
            .env("HOME", server.folder())
            .stdin(Stdio::null())
            .stdout(file())
            .stderr(file()),
    );
    wait_for(tool, PATIENCE, || process.ended());
    (std::fs::read_to_string(&printed).unwrap(), began.elapsed())
}

/// Runs an attack while a phone at the attacker's address and one elsewhere register again and again.
fn beside_phones<T: Send>(server: &Server, attack: impl FnOnce() -> T + Send) -> T {
    let phones = [managed(server, 101, ATTACKER), managed(server, 102, ELSEWHERE)];
    for phone in &phones {
        assert_eq!(status(&phone.register()), 200);
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let beside: Vec<_> =
            phones.iter().map(|phone| scope.spawn(|| Served::while_attacked(phone, &is_over))).collect();
        let result = attack();
        is_over.store(true, Ordering::Relaxed);
        for (phone, whose) in beside.into_iter().zip(["at the attacker's address", "elsewhere"]) {
            let served = phone.join().unwrap();
            println!("{whose}: {served}");
            assert!(!is_judged() || served.p99() < Duration::from_millis(500), "{whose}: {served}");
        }
        result
    })
}

#[test]
fn svcrack_gets_ten_verdicts_a_minute_and_no_password() {
    let server = Server::start("flood.trusted = []");
    let victim = managed(&server, 1, ELSEWHERE);
    assert_eq!(status(&victim.register()), 200);
    let password = "the-right-one-is-not-in-the-list";
    let dictionary = server.folder().join("dictionary");
    let mut file = File::create(&dictionary).unwrap();
    (0..WRONG).for_each(|turn| writeln!(file, "{password}-{turn}").unwrap());
    drop(file);
    let target = format!("udp://{}", server.sip);
    let list = dictionary.display().to_string();
    let arguments = ["-u", &victim.name, "-d", &list, "--maximumtime", "5", &target];
    let (printed, took) = beside_phones(&server, || attack(&server, "svcrack", &arguments));
    println!("svcrack, {took:?}:\n{printed}");
    assert!(!printed.contains(password), "{printed}");
    let verdicts = server.figure("sip_wrong_password_total");
    let minutes = took.as_secs() / 60 + 1;
    assert!((1.0..=10.0 * minutes as f64).contains(&verdicts), "{verdicts} in {took:?}");
    // The victim, at home elsewhere, is none the worse.
    assert_eq!(status(&victim.register()), 200);
    let listed = server.api_get("/shut-outs?reason=wrong-passwords");
    let named = listed.as_array().unwrap().iter().find(|it| it["name"] == victim.name.as_str());
    let address = named.unwrap_or_else(|| panic!("{listed:#}"))["address"].as_str().unwrap();
    assert_eq!(address, format!("127.0.0.{ATTACKER}"));
}

#[test]
fn svwar_finds_no_extension_by_any_method() {
    let server = Server::start("flood.trusted = []");
    let phone = managed(&server, 1, ELSEWHERE);
    assert_eq!(status(&phone.register()), 200);
    let target = format!("udp://{}", server.sip);
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        // The first, which the others are compared with, is nobody's. Then users' extensions, the route point, temporary
        // numbers that are taken and that are not.
        let range = "7770-7772,1000-1005,2000,9000-9005";
        let arguments = ["-e", range, "-m", method, "--maximumtime", "3", "--force", &target];
        let (printed, took) = beside_phones(&server, || attack(&server, "svwar", &arguments));
        println!("svwar {method}, {took:?}:\n{printed}");
        let found = printed.lines().filter_map(|line| line.strip_prefix("| ")?.split_whitespace().next());
        let taken =
            found.filter(|found| ["10", "20", "90"].iter().any(|start| found.len() == 4 && found.starts_with(start)));
        assert_eq!(taken.collect::<Vec<_>>(), [""; 0], "{method}: {printed}");
    }
}

#[test]
fn svmap_learns_that_sip_is_spoken_and_no_more() {
    let server = Server::start("flood.trusted = []");
    let port = server.sip.port();
    for method in ["OPTIONS", "REGISTER", "INVITE"] {
        let ports = format!("{}-{}", port - 1, port + 1);
        let arguments = ["-p", &ports, "-m", method, "127.0.0.1"];
        let (printed, took) = beside_phones(&server, || attack(&server, "svmap", &arguments));
        println!("svmap {method}, {took:?}:\n{printed}");
        assert!(!printed.to_lowercase().contains("tsunagu/"), "{printed}");
    }
}

/// Median times of answers to a name that is a phone's and one that is nobody's, asked in turns.
fn medians(server: SocketAddr, names: [&str; 2], ask: impl Fn(&Registrant) -> String) -> [Duration; 2] {
    let rounds = if is_judged() { 4000 } else { 400 };
    let askers = names.map(|name| Registrant::new(server, ATTACKER, name, "wrong"));
    let mut took = [Vec::new(), Vec::new()];
    let mut replies = [String::new(), String::new()];
    for round in 0..rounds * 2 {
        // Which of them comes first changes, so that neither profits from the other.
        let which = (round + round / 2) % 2;
        let began = Instant::now();
        let reply = ask(&askers[which]);
        took[which].push(began.elapsed());
        replies[which] = askers[which].masked(&reply);
    }
    assert_eq!(replies[0], replies[1]);
    took.map(|mut took| {
        took.sort();
        took[took.len() / 2]
    })
}

#[test]
fn answers_to_names_that_are_somebodys_and_nobodys_are_alike_and_their_times_are_measured() {
    let server = Server::start(
        "registrar.wrong_passwords = { per_name_and_address = 1000000, per_name = 1000000, per_address = 1000000, \
         per_address_per_minute = 1000000 }",
    );
    let phone = managed(&server, 1, ELSEWHERE);
    assert_eq!(status(&phone.register()), 200);
    let names = [phone.name.as_str(), "p0123456789abcdef"];
    type Ask = fn(&Registrant) -> String;
    let asks: [(&str, Ask); 3] = [
        ("a bare REGISTER", |asker| asker.knock("REGISTER")),
        ("a wrong password", |asker| asker.try_once("REGISTER")),
        ("a wrong password of a call", |asker| asker.try_once("INVITE")),
    ];
    for (what, ask) in asks {
        let [known, unknown] = medians(server.sip, names, ask);
        let difference = (known.as_secs_f64() / unknown.as_secs_f64() - 1.0) * 100.0;
        println!("{what}: {known:?} for a phone's name, {unknown:?} for nobody's: {difference:+.1} %");
        assert!(!is_judged() || difference.abs() < 5.0, "{what}: {difference:+.1} %");
    }
}
