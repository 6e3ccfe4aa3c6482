//! Any credentials and any challenge: read or refused, and neither matches what it should not nor breaks out of its header.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tsunagu::sip::digest::{Credentials, NonceState, Nonces, authorize, ha1};
use tsunagu::vocab::Secret;

fuzz_target!(|text: &str| {
    let password = Secret::from("fuzz".to_owned());
    if let Some(credentials) = Credentials::parse(text) {
        assert_eq!(credentials.qop.is_some(), credentials.nc.is_some());
        assert_eq!(credentials.qop.is_some(), credentials.cnonce.is_some());
        let hash = ha1(&credentials.username, &credentials.realm, &password, credentials.algorithm);
        let _ = credentials.matches(&hash, "REGISTER");
        let now = Instant::now();
        let mut nonces = Nonces::new([1; 32], Duration::from_secs(60), now);
        let state = nonces.check(&credentials.nonce, credentials.nc, now);
        assert_eq!(state, NonceState::Forged);
    }
    if let Some(header) = authorize(&[text], "REGISTER", "sip:example.org", "user", &password, "cnonce", 1) {
        assert!(!header.contains(['\r', '\n']));
        let credentials = Credentials::parse(&header).expect("what we write we read");
        let hash = ha1("user", &credentials.realm, &password, credentials.algorithm);
        assert!(credentials.matches(&hash, "REGISTER"));
    }
});
