//! What a service manager is told, and that a data folder has one server.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::called::run;
use crate::support::server::Server;

/// How long a message may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a message with this line; gives what came on the way to it, and it.
fn until(socket: &UnixDatagram, wanted: &str) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut came = Vec::new();
    let mut buffer = [0; 4096];
    while Instant::now() < deadline {
        if let Ok(read) = socket.recv(&mut buffer) {
            came.push(String::from_utf8_lossy(&buffer[..read]).into_owned());
            if came.last().is_some_and(|message| message.lines().any(|line| line == wanted)) {
                return came;
            }
        }
    }
    panic!("{wanted} did not come: {came:?}");
}

#[test]
fn a_service_manager_is_told_of_readiness_life_reloading_and_stopping() {
    let mut server = Server::start_empty("");
    let place = server.folder().join("notify");
    let socket = UnixDatagram::bind(&place).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    server.restart_with(&[("NOTIFY_SOCKET", &place), ("WATCHDOG_USEC", Path::new("3000000"))]);
    let came = until(&socket, "READY=1");
    assert!(came.len() == 1, "nothing before it takes phones: {came:?}");
    until(&socket, "WATCHDOG=1");
    until(&socket, "WATCHDOG=1");
    server.signal("HUP");
    let reloading = until(&socket, "RELOADING=1");
    assert!(reloading.last().unwrap().contains("MONOTONIC_USEC="), "{reloading:?}");
    until(&socket, "READY=1");
    // A process that stands still is not alive.
    server.signal("STOP");
    while socket.recv(&mut [0; 4096]).is_ok() {}
    socket.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
    assert!(socket.recv(&mut [0; 4096]).is_err());
    server.signal("CONT");
    until(&socket, "WATCHDOG=1");
    assert!(server.stop().success());
    let stopping = until(&socket, "STOPPING=1");
    assert!(stopping.last().unwrap().contains("EXTEND_TIMEOUT_USEC="), "{stopping:?}");
}

#[test]
fn a_data_folder_has_one_server() {
    let mut server = Server::start_empty("");
    let config = server.folder().join("tsunagu.toml");
    let (config, data) = (config.display().to_string(), server.data_dir().display().to_string());
    let second = ["serve", "--config", &config, "--data-dir", &data];
    let refused = run(&mut crate::called::command_of(&server, &second), "");
    assert!(refused.status == 1 && refused.err.contains("another server"), "{refused:?}");
    // A server that was killed leaves no lock behind.
    server.restart();
}

#[test]
fn the_first_token_goes_to_a_file_of_its_owners_where_that_is_wanted() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start_empty("");
    let folder = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(server.folder().join("tsunagu.toml")).unwrap();
    let (settings, token) = (folder.path().join("c.toml"), folder.path().join("token"));
    let moved = ["sip_udp", "sip_tcp"].iter().fold(config.parse::<toml::Table>().unwrap(), |mut config, name| {
        config["listen"][name] = toml::Value::Array(vec![server.ports.one().to_string().into()]);
        config
    });
    let mut moved = moved;
    moved["listen"]["handset"] = server.ports.one().to_string().into();
    let admin = server.ports.one();
    moved["listen"]["admin"] = admin.to_string().into();
    let rtp = i64::from(server.ports.some(10));
    moved["calls"]["rtp_first_port"] = rtp.into();
    moved["calls"]["rtp_last_port"] = (rtp + 9).into();
    std::fs::write(&settings, moved.to_string()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tsunagu"));
    command.args(["serve", "--config"]).arg(&settings).arg("--data-dir").arg(folder.path().join("data"));
    command
        .arg("--first-token-file")
        .arg(&token)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let mut second = crate::support::programs::Program::start(&mut command);
    let told = crate::support::wait_for("the token", PATIENCE, || {
        std::fs::read_to_string(&token).ok().filter(|told| told.ends_with('\n'))
    });
    assert_eq!(std::fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    let place = format!("http://{admin}");
    run(&mut crate::called::command(&place, told.trim(), &["admin", "users", "list"]), "").done();
    second.child().kill().unwrap();
    let mut out = String::new();
    std::io::Read::read_to_string(second.child().stdout.as_mut().unwrap(), &mut out).unwrap();
    assert_eq!(out, "", "it is shown nowhere else");
}
