//! The API as its own document describes it, tried by a tester that knows nothing else: Schemathesis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::process::Command;

use support::server::Server;

/// Where `tests/run` puts the tester.
fn tester() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let tester = target.join("tools/schemathesis/bin/schemathesis");
    assert!(tester.is_file(), "Schemathesis is not installed at {}; run tests/run once", tester.display());
    tester
}

#[test]
fn a_tester_led_by_the_document_finds_no_failure_of_the_server_and_no_answer_the_document_lacks() {
    // The tester asks without a token as often as with one.
    let server = Server::start("limits.api_requests_per_token = 10000\nlimits.api_requests_of_strangers = 10000");
    let report = Command::new(tester())
        .arg("run")
        .arg(format!("http://{}/api/v1/openapi.json", server.admin))
        .args(["--header", &format!("Authorization: Bearer {}", server.token)])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
             response_schema_conformance",
        ])
        .args(["--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--max-examples", "15", "--seed", "7", "--rate-limit", "80/s", "--continue-on-failure", "--no-color"])
        // It would take its own token away.
        .args(["--exclude-operation-id", "revoke_a_token", "--exclude-operation-id", "change_a_token"])
        // It would leave a folder of examples behind.
        .args(["--generation-database", "none"])
        .current_dir(server.folder())
        .env("HYPOTHESIS_STORAGE_DIRECTORY", server.folder())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&report.stdout);
    assert!(report.status.success(), "{told}\n{}", String::from_utf8_lossy(&report.stderr));
    let tested = told.lines().find(|line| line.contains("Tested:")).unwrap_or_default();
    println!("{}", tested.trim());
    let answer = server.admin_get("/api/v1/self-provisioning/status");
    assert_eq!(answer.status, 200, "the server is well afterwards: {answer:?}");
}
