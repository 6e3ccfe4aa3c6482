//! Guessing SIP passwords: soon nobody is told any more whether one is right, and phones that are registered notice nothing.

use crate::house::{House, parameter};
use crate::registrant::{Registrant, header, status};

const LIMITS: &str = "[registrar.wrong_passwords]\nper_name_and_address = 3\nper_name = 6\nper_address = 9\n\
                      [auto_registration]\nenabled = true\nper_address_per_minute = 600\n";

/// A phone with a password of the server's, in quarantine.
fn managed(house: &House, number: u16, host: u8) -> (String, Registrant) {
    let file = house.first_file(number);
    let value = |name: &str| parameter(&file, name).unwrap();
    let (name, password) = (value("voip/line/0/auth_name"), value("voip/line/0/auth_password"));
    let phone = Registrant::new(house.running.sip[0].1, host, &name, &password).with_number(&value("voip/line/0/id"));
    (password, phone)
}

/// Guesses until nothing is judged any more; gives how many guesses were.
fn judged(house: &House, host: u8, names: &mut dyn Iterator<Item = String>) -> usize {
    for (count, name) in names.enumerate() {
        let refusal = Registrant::new(house.running.sip[0].1, host, &name, "wrong").register();
        assert!(refusal.starts_with("SIP/2.0 403 Forbidden\r\n"), "{refusal}");
        if let Some(after) = header(&refusal, "Retry-After") {
            assert!((1..=3600).contains(&after.parse::<u32>().unwrap()), "{refusal}");
            return count;
        }
    }
    panic!("every guess was judged")
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_at_one_name_is_shut_out_alone_known_or_not() {
    let house = House::open(LIMITS).await;
    let (password, phone) = managed(&house, 1, 1);
    let shut = house.figure("sip_shut_total");
    for name in [phone.name.clone(), "p0123456789abcdef".to_owned()] {
        assert_eq!(judged(&house, 9, &mut std::iter::repeat(name.clone())), 3, "{name}");
    }
    assert!(house.figure("sip_shut_total") >= shut + 2.0);
    // The right password is not looked at there any more …
    let guess = Registrant::new(house.running.sip[0].1, 9, &phone.name, &password).with_number(&phone.number);
    let unjudged = guess.register();
    assert!(status(&unjudged) == 403 && header(&unjudged, "Retry-After").is_some(), "{unjudged}");
    // … but is elsewhere; and another phone at the guesser's address gets in.
    assert_eq!(status(&phone.register()), 200);
    assert_eq!(status(&managed(&house, 2, 9).1.register()), 200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_is_registered_stays_so_whatever_others_guess() {
    let house = House::open(LIMITS).await;
    let (password, phone) = managed(&house, 1, 1);
    assert_eq!(status(&phone.register()), 200);
    // From everywhere at its name, then from its own address at name after name.
    let mut judgements = 0;
    for host in 20..30 {
        judgements += judged(&house, host, &mut std::iter::repeat(phone.name.clone()));
    }
    assert_eq!(judgements, 6);
    let others = (0_u32..).map(|turn| format!("p{turn:016x}"));
    assert_eq!(judged(&house, 1, &mut others.into_iter()), 9);
    assert_eq!(status(&phone.register()), 200);
    // It has restarted and comes from another port: known at its address, whatever was guessed elsewhere or at other names.
    let restarted = Registrant::new(house.running.sip[0].1, 1, &phone.name, &password).with_number(&phone.number);
    assert_eq!(status(&restarted.register()), 200);
    // At its own name from its own address: what it is registered over is still its own.
    assert_eq!(judged(&house, 1, &mut std::iter::repeat(phone.name.clone())), 3);
    for phone in [&phone, &restarted] {
        assert_eq!(status(&phone.register()), 200);
    }
    house.close().await;
}
