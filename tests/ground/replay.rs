//! Credentials that were overheard: they are good for nobody, from wherever they come, and the phone they are of goes on.

use crate::neighbours::{ATTACKER, ELSEWHERE, managed};
use crate::registrant::{Registrant, challenges, status};
use crate::support::server::Server;

#[test]
fn credentials_that_were_overheard_are_answered_401_stale_from_anywhere() {
    let server = Server::start("flood.trusted = []");
    let phone = managed(&server, 1, ATTACKER);
    let challenged = phone.knock("REGISTER");
    let overheard = phone.credentials("REGISTER", &challenged);
    assert_eq!(status(&phone.replay("REGISTER", &overheard)), 200);
    for host in [ATTACKER, ELSEWHERE] {
        let thief = Registrant::new(server.sip, host, &phone.name, "not known").with_number(&phone.number);
        let answer = thief.replay("REGISTER", &overheard);
        assert_eq!(status(&answer), 401, "{answer}");
        let challenges = challenges(&answer);
        assert!(!challenges.is_empty() && challenges.iter().all(|it| it.contains("stale=true")), "{answer}");
    }
    assert_eq!(status(&phone.register()), 200);
    // None of that counts as guessing.
    assert_eq!(server.api_get("/shut-outs"), serde_json::json!([]));
}
