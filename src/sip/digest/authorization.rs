//! The client's side: a challenge in, the value of the Authorization header out.

use super::algorithm::{Subject, ha1};
use super::parameters::{Parameters, Quoted};
use super::{Algorithm, Ha1};
use crate::vocab::Secret;

/// One challenge that can be answered.
struct Offer {
    realm: String,
    nonce: String,
    algorithm: Algorithm,
    opaque: Option<String>,
    /// Whether `qop=auth` is on offer; without it the answer is RFC 2069's.
    counted: bool,
}

impl Offer {
    fn parse(value: &str) -> Option<Self> {
        let parameters = Parameters::parse(value)?;
        let algorithm = match parameters.get_filled("algorithm") {
            Some(token) => token.parse().ok()?,
            None => Algorithm::Md5,
        };
        let counted = match parameters.get_filled("qop") {
            None => false,
            Some(list) if list.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
        };
        Some(Self {
            realm: parameters.get("realm")?.to_owned(),
            nonce: parameters.get_filled("nonce")?.to_owned(),
            algorithm,
            opaque: parameters.get("opaque").map(str::to_owned),
            counted,
        })
    }

    fn answer(&self, ha1: &Ha1, method: &str, uri: &str, user: &str, cnonce: &str, nc: u32) -> String {
        let nc = format!("{nc:08x}");
        let counted = self.counted.then_some((nc.as_str(), cnonce));
        let subject = Subject { algorithm: self.algorithm, nonce: &self.nonce, uri, counted };
        let response = subject.response(ha1, method);
        let mut text = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\", algorithm={}",
            Quoted(user),
            Quoted(&self.realm),
            Quoted(&self.nonce),
            Quoted(uri),
            self.algorithm,
        );
        if let Some(opaque) = &self.opaque {
            text.push_str(&format!(", opaque={}", Quoted(opaque)));
        }
        if self.counted {
            text.push_str(&format!(", qop=auth, cnonce={}, nc={nc}", Quoted(cnonce)));
        }
        text
    }
}

/// The value of an Authorization (or Proxy-Authorization) header that answers the strongest of `challenges` (each the value
/// of one WWW- or Proxy-Authenticate header); of two as strong, the first (RFC 8760, section 2.4). Nothing if none can be
/// answered. `cnonce` must be random; `nc` counts the uses of this nonce from 1.
pub fn authorize(
    challenges: &[&str],
    method: &str,
    uri: &str,
    user: &str,
    password: &Secret,
    cnonce: &str,
    nc: u32,
) -> Option<String> {
    let offers = challenges.iter().filter_map(|value| Offer::parse(value));
    let best = offers.reduce(|best, next| if next.algorithm > best.algorithm { next } else { best })?;
    let ha1 = ha1(user, &best.realm, password, best.algorithm);
    Some(best.answer(&ha1, method, uri, user, cnonce, nc))
}

#[cfg(test)]
mod tests {
    use super::super::{Challenge, Credentials};
    use super::*;
    use proptest::prelude::*;

    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    fn challenge(algorithm: &str) -> String {
        format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"{NONCE}\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    }

    fn answer(challenges: &[&str]) -> Option<String> {
        let password = Secret::from("Circle of Life".to_owned());
        authorize(challenges, "GET", "/dir/index.html", "Mufasa", &password, CNONCE, 1)
    }

    #[test]
    fn the_examples_of_rfc_7616_are_answered_as_it_shows() {
        let md5 = answer(&[&challenge("MD5")]).unwrap();
        assert!(md5.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{md5}");
        assert!(md5.contains("nc=00000001") && md5.contains("opaque=\"FQhe/"), "{md5}");
        let sha = answer(&[&challenge("SHA-256")]).unwrap();
        assert!(sha.contains("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"), "{sha}");
    }

    #[test]
    fn the_strongest_known_algorithm_is_answered_wherever_it_stands() {
        let (md5, sha, odd) = (challenge("MD5"), challenge("SHA-256"), challenge("SHA-512-256"));
        for order in [[&odd, &md5, &sha], [&sha, &odd, &md5]] {
            let answered = answer(&order.map(String::as_str)).unwrap();
            assert!(answered.contains("algorithm=SHA-256"), "{answered}");
        }
        assert_eq!(answer(&[&odd, "Basic realm=\"x\"", "Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\""]), None);
        assert_eq!(answer(&[]), None);
    }

    #[test]
    fn an_empty_realm_is_a_realm() {
        assert!(Credentials::parse(&answer(&["Digest realm=\"\", nonce=\"n\""]).unwrap()).is_some());
    }

    #[test]
    fn without_qop_the_answer_is_rfc_2069s() {
        let answered = answer(&["Digest realm=\"r\", nonce=\"n\""]).unwrap();
        assert!(!answered.contains("qop") && !answered.contains("nc="), "{answered}");
    }

    proptest! {
        #[test]
        fn what_the_client_writes_the_server_takes(
            user in "[a-z0-9\"\\\\,= あ]{1,20}", realm in "[a-z \"\\\\]{1,20}", password in "\\PC{0,20}",
            nc in 1_u32.., sha in any::<bool>(), method in "[A-Z]{1,12}",
        ) {
            let algorithm = if sha { Algorithm::Sha256 } else { Algorithm::Md5 };
            let password = Secret::from(password);
            let asked = Challenge { realm: realm.clone(), nonce: "n".to_owned(), algorithm, stale: false };
            let header =
                authorize(&[&asked.to_string()], &method, "sip:example.org", &user, &password, "c", nc).unwrap();
            let read = Credentials::parse(&header).unwrap();
            prop_assert_eq!((&read.username, &read.realm, read.nc), (&user, &realm, Some(nc)));
            prop_assert!(read.matches(&ha1(&user, &realm, &password, algorithm), &method));
            prop_assert!(!read.matches(&ha1(&user, &realm, &password, algorithm), "X-OTHER"));
        }
    }
}
