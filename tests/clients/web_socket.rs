//! A WebSocket nobody here wrote, Python's `websockets`: it registers a phone as a browser would.

use std::path::Path;
use std::process::Command;

use crate::authority::Authority;
use crate::support::server::Server;

/// Where `tests/run` puts Python with the library.
fn python() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("tools/websockets/bin/python");
    assert!(python.is_file(), "websockets is not installed at {}; run tests/run once", python.display());
    python
}

#[test]
fn a_phone_on_pythons_websockets_registers_and_is_pinged_and_its_page_must_be_named() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("pages");
    authority.issue("server").write(files.path());
    let trusted = files.path().join("authority.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    let shown = files.path().display();
    let server = Server::start(&format!(
        "listen = {{ sip_ws = [\"127.0.0.1:0\"], sip_wss = [\"127.0.0.1:0\"], \
         sip_ws_origins = [\"https://phone.example.com\"] }}\n\
         tls = {{ certificate = \"{shown}/server.pem\", key = \"{shown}/server.key\" }}"
    ));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/web_socket.py");
    for (transport, scheme) in [("WS", "ws"), ("WSS", "wss")] {
        let url = format!("{scheme}://{}/", server.sip_at(transport));
        let play = |origin: &str| {
            let mut python = Command::new(python());
            python.arg(&script).args([&url, origin]);
            if transport == "WSS" {
                python.arg(&trusted);
            }
            let output = python.output().unwrap();
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned(), output)
        };
        let (is_well, told, output) = play("https://phone.example.com");
        assert!(is_well && told.contains("registered over sip"), "{output:?}");
        let phones = server.api_get("/phones");
        assert_eq!(phones[0]["registrations"][0]["transport"], transport, "{phones:#}");
        let (is_well, told, output) = play("https://elsewhere.example.com");
        assert!(is_well && told.contains("refused with 403"), "{output:?}");
    }
}
