//! `tsunagu doctor`

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::authority::Authority;
use crate::called::{call, command_of, run};
use crate::support::server::Server;
use crate::support::wait_for;

fn arguments(server: &Server) -> Vec<String> {
    let (config, data) = (server.folder().join("tsunagu.toml"), server.data_dir());
    ["doctor", "--json", "--config"]
        .map(str::to_owned)
        .into_iter()
        .chain([config.display().to_string(), "--data-dir".to_owned(), data.display().to_string()])
        .collect()
}

fn doctor(server: &Server) -> Command {
    let arguments = arguments(server);
    command_of(server, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What is to be mended, but for what depends on the machine the test runs on.
fn to_mend(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let to_mend = findings.filter(|finding| finding["state"] == "mend").map(|one| one["check"].as_str().unwrap());
    to_mend.filter(|check| !["clock-not-kept", "disk-full"].contains(check)).map(str::to_owned).collect()
}

/// What an administrator sees that is somebody's.
fn belongings(server: &Server) -> Value {
    let names = |path: &str, name: &str| {
        let records = server.api_get(path);
        records.as_array().unwrap().iter().map(|record| record[name].clone()).collect::<Vec<_>>()
    };
    let phones = server.api_get("/phones");
    let phones = phones.as_array().unwrap().iter().filter(|phone| phone["state"] != "released").count();
    json!([names("/users", "user_id"), names("/directory-numbers", "number"), phones])
}

#[test]
fn a_sound_installation_is_found_well_and_left_as_it_was() {
    let server = Server::start("dialogue.languages = [\"en\", \"ja\"]");
    let before = belongings(&server);
    let report = run(&mut doctor(&server), "");
    assert_eq!(to_mend(&report.json()), Vec::<String>::new(), "{report:?}");
    for check in ["server", "database", "ports", "settings", "prompts", "ready", "pool", "enrolment"] {
        let is_well = |finding: &Value| finding["check"] == check && finding["state"] == "well";
        assert!(report.json()["findings"].as_array().unwrap().iter().any(is_well), "{check} in {report:?}");
    }
    assert_eq!(belongings(&server), before);
    // The record of what happened stays, and is nobody's.
    let enrolments = server.api_get("/enrolments");
    assert_eq!((&enrolments[0]["ending"], &enrolments[0]["user"]), (&json!("complete"), &Value::Null));
}

#[test]
fn a_certificate_is_judged_as_phones_will() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("doctor");
    authority.issue("server").write(files.path());
    let shown = files.path().display();
    let server = Server::start(&format!(
        "listen.sip_tls = [\"127.0.0.1:0\"]\n\
         tls = {{ certificate = \"{shown}/server.pem\", key = \"{shown}/server.key\" }}"
    ));
    let found = || {
        let report = run(doctor(&server).arg("--no-enrolment"), "").json();
        let findings = report["findings"].as_array().unwrap().iter();
        let mut of_it = findings.filter(|finding| finding["check"].as_str().unwrap().starts_with("certificate"));
        of_it.next().unwrap().clone()
    };
    let well = found();
    assert_eq!((&well["check"], &well["state"]), (&json!("certificate"), &json!("well")), "{well:#}");
    assert!(well["text"].as_str().unwrap().contains("server, localhost, 127.0.0.1, ::1"), "{well:#}");
    let of_year = |from: i32, until: i32| {
        authority.issue_with("server", |params| {
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(until, 1, 1);
        })
    };
    for (issued, check) in [(of_year(2020, 2021), "certificate-expired"), (of_year(3000, 3001), "certificate-early")] {
        issued.write(files.path());
        let found = found();
        assert_eq!((&found["check"], &found["state"]), (&json!(check), &json!("mend")), "{found:#}");
    }
    std::fs::write(files.path().join("server.key"), "nothing").unwrap();
    assert_eq!(found()["check"], "certificate-unusable");
}

#[test]
fn interrupted_in_the_middle_it_leaves_nothing_behind() {
    let server = Server::start("dialogue.languages = [\"en\"]");
    let before = belongings(&server);
    let child = doctor(&server).spawn().unwrap();
    wait_for("the virtual phone's call", Duration::from_secs(60), || {
        let calls = server.api_get("/calls");
        calls.as_array().unwrap().iter().any(|call| call["ended_at"].is_null()).then_some(())
    });
    assert_ne!(belongings(&server), before);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(to_mend(&report), ["interrupted"], "{report:#}");
    assert_eq!(belongings(&server), before);
}

#[test]
fn what_is_to_be_mended_is_said_with_what_to_do() {
    let mut server = Server::start("");
    call(&server, &["service", "deactivate"]).done();
    let off = call(&server, &["doctor", "--lang", "ja"]);
    assert!(off.status == 1 && off.out.contains("tsunagu service activate"), "{off:?}");
    call(&server, &["service", "activate"]).done();
    // A profile that lets nobody set up phones.
    assert_eq!(server.api_patch("/user-profiles/Everybody", &json!({ "allow_provisioning": false })).status, 200);
    let before = belongings(&server);
    let report = run(&mut doctor(&server), "");
    assert_eq!((report.status, to_mend(&report.json())), (1, vec!["profile-unfit".to_owned()]), "{report:?}");
    // A conversation that is refused half-way.
    assert_eq!(server.api_patch("/user-profiles/Everybody", &json!({ "allow_provisioning": true })).status, 200);
    let settings = json!({ "authentication": "administrators-only", "authentication_code": "918273" });
    assert_eq!(server.api_patch("/self-provisioning?apply=restart-now", &settings).status, 200);
    let code = server.folder().join("code");
    std::fs::write(&code, "918274\n").unwrap();
    let report = run(doctor(&server).arg("--code-file").arg(&code), "");
    assert_eq!((report.status, to_mend(&report.json())), (1, vec!["enrolment-failed".to_owned()]), "{report:?}");
    assert!(report.out.contains("wrong-credentials"), "{report:?}");
    assert_eq!(belongings(&server), before);
    server.kill9();
    let gone = run(&mut doctor(&server), "").json();
    assert_eq!(to_mend(&gone), ["unreachable", "ports-silent"], "{gone:#}");
}

#[test]
fn the_ports_of_tls_and_web_sockets_are_looked_at_and_so_is_the_certificate_they_show() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("doctor");
    authority.issue("server").write(files.path());
    std::fs::write(files.path().join("authority.pem"), authority.pem()).unwrap();
    let shown = files.path().display();
    let ports = crate::support::ports::Ports::take();
    let (tls, ws, wss) = (ports.one(), ports.one(), ports.one());
    for asked in ["off", "required"] {
        let mut server = Server::start(&format!(
            "listen = {{ sip_tls = [\"{tls}\"], sip_ws = [\"{ws}\"], sip_wss = [\"{wss}\"] }}\n\
             tls = {{ certificate = \"{shown}/server.pem\", key = \"{shown}/server.key\", \
             client_certificates = \"{asked}\", client_authorities = \"{shown}/authority.pem\" }}"
        ));
        let report = run(doctor(&server).arg("--no-enrolment"), "").json();
        let found = |report: &Value, check: &str| {
            let findings = report["findings"].as_array().unwrap().iter();
            findings.filter(|finding| finding["check"] == check).map(|one| one["text"].to_string()).collect::<String>()
        };
        let well = found(&report, "transports");
        let named = [format!("SIP/TLS {tls}"), format!("SIP/WS {ws}"), format!("SIP/WSS {wss}")];
        assert!(named.iter().all(|name| well.contains(name)), "{asked}: {report:#}");
        // The file of another certificate than the one the server has in force.
        let other = files.path().join("other");
        std::fs::create_dir_all(&other).unwrap();
        authority.issue("server").write(&other);
        let config = server.folder().join("tsunagu.toml");
        let changed = std::fs::read_to_string(&config).unwrap().replace("/server.", "/other/server.");
        std::fs::write(&config, changed).unwrap();
        let report = run(doctor(&server).arg("--no-enrolment"), "").json();
        let differs = found(&report, "transports-other-certificate");
        assert!(
            differs.contains(&named[0]) && differs.contains(&named[2]) && !differs.contains(&named[1]),
            "{report:#}"
        );
        server.kill9();
        let report = run(doctor(&server).arg("--no-enrolment"), "").json();
        assert!(named.iter().all(|name| found(&report, "ports-silent").contains(name)), "{report:#}");
    }
}
