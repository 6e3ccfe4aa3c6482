//! What operators call, where the database is not in the data folder.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::server::Server;

fn called(server: &Server, arguments: &[&str], folder: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsunagu"));
    command.args(arguments).env("TSUNAGU_TOKEN", &server.token).env("LANG", "en_GB.UTF-8").env_remove("LC_ALL");
    command.env("TSUNAGU_DATABASE_URL", server.database());
    if let Some(folder) = folder {
        command.arg("--data-dir").arg(folder);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_backup_holds_the_key_and_says_who_saves_the_database() {
    let server = Server::start("");
    let file = server.folder().join("backup.tar");
    let saved = called(&server, &["backup", file.to_str().unwrap()], Some(&server.data_dir()));
    assert!(saved.status.success() && said(&saved).contains("pg_dump"), "{}", said(&saved));
    let fresh = server.folder().join("fresh");
    let restored = called(&server, &["restore", file.to_str().unwrap()], Some(&fresh));
    assert!(restored.status.success() && said(&restored).contains("pg_restore"), "{}", said(&restored));
    let key = |folder: &Path| std::fs::read(folder.join("secret.key")).unwrap();
    assert_eq!(key(&fresh), key(&server.data_dir()));
    assert!(!fresh.join("tsunagu.db").exists());
}

#[test]
fn the_doctor_looks_at_the_database_and_says_when_it_is_away() {
    let server = Server::start("");
    let url = format!("http://{}", server.admin);
    let arguments = ["doctor", "--server", &url, "--no-enrolment", "--json"];
    let found = |output: &Output, check: &str| {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)));
        let findings = report["findings"].as_array().unwrap().clone();
        findings.iter().find(|finding| finding["check"] == check).map(|finding| finding["state"].clone())
    };
    let examined = called(&server, &arguments, None);
    assert_eq!(found(&examined, "postgres"), Some(json!("well")), "{}", said(&examined));
    let nowhere = ["--database-url", "postgres://tsunagu@127.0.0.1:1/house"];
    let examined = called(&server, &[&arguments[..], &nowhere[..]].concat(), None);
    assert_eq!(found(&examined, "postgres-away"), Some(json!("mend")), "{}", said(&examined));
}
