//! `tsunagu service`

use crate::called::{call, command, run};
use crate::support::server::Server;

#[test]
fn the_service_is_operated_from_the_command_line_and_its_exit_status_says_how_it_stands() {
    let server = Server::start("self_provisioning.active = false");
    let off = call(&server, &["service", "status"]);
    assert!(off.status == 1 && off.out.starts_with("Off: Self-Provisioning IVR service"), "{off:?}");
    assert!(call(&server, &["service", "activate"]).done().out.starts_with("Ready"));
    call(&server, &["service", "status"]).done();
    let before = server.api_get("/self-provisioning/status")["generation"].as_u64().unwrap();
    call(&server, &["service", "restart", "--mode", "now"]).done();
    assert_eq!(server.api_get("/self-provisioning/status")["generation"], before + 1);
    // A restart that can't work is refused, says why, and leaves the service as it was.
    assert_eq!(server.api_patch("/route-points/self-provisioning", &serde_json::json!({ "numbers": [] })).status, 200);
    let refused = call(&server, &["service", "restart", "--lang", "ja"]);
    assert!(refused.status == 1 && refused.err.contains("(409)"), "{refused:?}");
    assert_eq!(server.api_get("/self-provisioning/status")["generation"], before + 1);
    call(&server, &["service", "deactivate", "--json"]).done();
    assert_eq!(call(&server, &["service", "restart", "--mode", "soon"]).status, 2);
}

#[test]
fn health_needs_no_token_and_a_server_that_is_gone_is_not_healthy() {
    let mut server = Server::start_empty("");
    let place = format!("http://{}", server.admin);
    run(&mut command(&place, "", &["service", "health"]), "").done();
    server.kill9();
    assert_eq!(run(&mut command(&place, "", &["service", "health"]), "").status, 3);
}
