//! Any URI and any address: read or refused; written and read again they are the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsunagu::sip::message::{NameAddr, RequestUri, Via};

fuzz_target!(|text: &str| {
    if let Ok(uri) = text.parse::<RequestUri>() {
        assert_eq!(uri.to_string().parse::<RequestUri>().as_ref(), Ok(&uri));
        let _ = uri.user();
        if let Some(uri) = uri.sip() {
            assert!(uri.is_equivalent(uri));
        }
    }
    if let Ok(address) = text.parse::<NameAddr>() {
        assert_eq!(address.to_string().parse::<NameAddr>().map(|again| again.uri), Ok(address.uri));
    }
    if let Ok(via) = text.parse::<Via>() {
        assert_eq!(via.to_string().parse::<Via>(), Ok(via));
    }
});
