//! What a client sends to prove who it is, read from an Authorization or Proxy-Authorization header.

use std::fmt;

use subtle::ConstantTimeEq;

use super::algorithm::Subject;
use super::parameters::Parameters;
use super::{Algorithm, Ha1};

/// The quality of protection a client chose. `auth-int` is not offered and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop {
    /// The method and the URI are protected, and the count of the nonce's uses.
    Auth,
}

/// The credentials of one request. Only [`Credentials::parse`] makes them, so with `qop` there is always a client nonce and
/// a count, and without it neither.
#[derive(Clone)]
pub struct Credentials {
    /// Who the client says it is, unescaped; to be looked up, not trusted.
    pub username: String,
    /// The realm the client answers for, which may be empty; compare it with one's own.
    pub realm: String,
    /// The nonce; [`super::Nonces::check`] says what it is worth.
    pub nonce: String,
    /// The digest-uri. Phones write it in several ways, so it need not be the Request-URI letter by letter.
    pub uri: String,
    /// In lower-case hexadecimal, of the length the algorithm has.
    pub response: String,
    /// MD5 where none is named.
    pub algorithm: Algorithm,
    /// The client's nonce.
    pub cnonce: Option<String>,
    /// How many times the client has used this nonce, this time included.
    pub nc: Option<u32>,
    /// Nothing from a client of RFC 2069's time.
    pub qop: Option<Qop>,
    /// The server's own text, given back.
    pub opaque: Option<String>,
    /// The count as it was written: that text is what was hashed.
    nc_text: String,
}

/// The nonce credentials show, found without reading them; none where they are written in an unusual way.
pub fn nonce_shown(header_value: &str) -> Option<&str> {
    const NAME: &str = "nonce=\"";
    let is_whole_name = |at: &usize| header_value.get(..*at).is_some_and(|before| before.ends_with([' ', ',']));
    let at = header_value.match_indices(NAME).map(|(at, _)| at).find(is_whole_name)?;
    header_value.get(at + NAME.len()..)?.split('"').next()
}

impl Credentials {
    /// Reads a header value. Nothing where the scheme is not Digest, the algorithm or the quality of protection is not one
    /// we speak, a needed parameter is missing or malformed, or the value is longer than 4096 octets.
    pub fn parse(header_value: &str) -> Option<Self> {
        let parameters = Parameters::parse(header_value)?;
        let text = |name: &str| parameters.get_filled(name).map(str::to_owned);
        if parameters.get("userhash").is_some_and(|flag| flag.eq_ignore_ascii_case("true")) {
            return None;
        }
        let algorithm = match parameters.get_filled("algorithm") {
            Some(token) => token.parse().ok()?,
            None => Algorithm::Md5,
        };
        let response = text("response")?.to_ascii_lowercase();
        if response.len() != algorithm.response_len() || !response.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return None;
        }
        let (qop, cnonce, nc_text) = match parameters.get_filled("qop") {
            None => (None, None, String::new()),
            Some(qop) if qop.trim().eq_ignore_ascii_case("auth") => {
                (Some(Qop::Auth), Some(text("cnonce")?), text("nc")?)
            }
            Some(_) => return None,
        };
        let nc = match qop {
            Some(Qop::Auth) => Some(count(&nc_text)?),
            None => None,
        };
        Some(Self {
            username: text("username")?,
            realm: parameters.get("realm")?.to_owned(),
            nonce: text("nonce")?,
            uri: text("uri")?,
            response,
            algorithm,
            cnonce,
            nc,
            qop,
            opaque: text("opaque"),
            nc_text,
        })
    }

    /// Whether whoever wrote this knew the password behind `ha1` (made with this `algorithm` and realm), for a request of
    /// this `method`. Compared in constant time. The nonce is not looked at.
    pub fn matches(&self, ha1: &Ha1, method: &str) -> bool {
        let counted = self.cnonce.as_deref().map(|cnonce| (self.nc_text.as_str(), cnonce));
        let subject = Subject { algorithm: self.algorithm, nonce: &self.nonce, uri: &self.uri, counted };
        subject.response(ha1, method).as_bytes().ct_eq(self.response.as_bytes()).into()
    }
}

/// A nonce count: up to eight hexadecimal digits.
fn count(text: &str) -> Option<u32> {
    // `from_str_radix` would take a sign.
    (text.len() <= 8 && text.bytes().all(|octet| octet.is_ascii_hexdigit())).then_some(())?;
    u32::from_str_radix(text, 16).ok()
}

/// Leaves out the response: with it and a list of passwords one can guess at leisure.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("nonce", &self.nonce)
            .field("uri", &self.uri)
            .field("algorithm", &self.algorithm)
            .field("nc", &self.nc)
            .field("qop", &self.qop)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ha1;
    use super::*;
    use crate::vocab::Secret;

    /// RFC 7616, section 3.9.1, MD5.
    const MD5: &str = r#"Digest username="Mufasa",
        realm="http-auth@example.org",
        uri="/dir/index.html",
        algorithm=MD5,
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        nc=00000001,
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        qop=auth,
        response="8ca523f5e9506fed4657c9700eebdbec",
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
    const SHA256_RESPONSE: &str = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    const MD5_RESPONSE: &str = "8ca523f5e9506fed4657c9700eebdbec";

    fn sha256() -> String {
        MD5.replace("algorithm=MD5", "algorithm=SHA-256").replace(MD5_RESPONSE, SHA256_RESPONSE)
    }

    fn mufasa(algorithm: Algorithm) -> Ha1 {
        ha1("Mufasa", "http-auth@example.org", &Secret::from("Circle of Life".to_owned()), algorithm)
    }

    #[test]
    fn the_examples_of_rfc_7616_match_and_nothing_near_them() {
        for (text, algorithm) in [(MD5.to_owned(), Algorithm::Md5), (sha256(), Algorithm::Sha256)] {
            let credentials = Credentials::parse(&text).unwrap();
            assert_eq!(credentials.algorithm, algorithm);
            assert_eq!((credentials.nc, credentials.qop), (Some(1), Some(Qop::Auth)));
            assert!(credentials.matches(&mufasa(algorithm), "GET"));
            assert!(!credentials.matches(&mufasa(algorithm), "POST"));
            let wrong = ha1("Mufasa", "http-auth@example.org", &Secret::from("circle of life".to_owned()), algorithm);
            assert!(!credentials.matches(&wrong, "GET"));
            for (from, to) in [("00000001", "00000002"), ("index", "other"), ("7ypf", "8ypf"), ("f2/w", "f3/w")] {
                assert!(!Credentials::parse(&text.replace(from, to)).unwrap().matches(&mufasa(algorithm), "GET"));
            }
        }
    }

    #[test]
    fn the_nonce_is_found_where_others_end_like_it() {
        assert_eq!(nonce_shown(MD5), Some("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"));
        assert_eq!(nonce_shown("Digest cnonce=\"a\",nonce=\"b\""), Some("b"));
        assert_eq!((nonce_shown("Digest nonce=b"), nonce_shown("Digest cnonce=\"a\"")), (None, None));
    }

    #[test]
    fn the_example_of_rfc_2617_matches() {
        let text = r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
            uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b",
            response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        let credentials = Credentials::parse(text).unwrap();
        let ha1 = ha1("Mufasa", "testrealm@host.com", &Secret::from("Circle Of Life".to_owned()), Algorithm::Md5);
        assert!(credentials.matches(&ha1, "GET"));
        assert_eq!(credentials.opaque.as_deref(), Some("5ccc069c403ebaf9f0171e9517f40e41"));
    }

    /// RFC 2617's example without qop; the response was computed with `md5sum`.
    #[test]
    fn a_client_without_qop_matches() {
        let text = r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
            uri="/dir/index.html", response="670fd8c2df070c60b045671b8b24ff02""#;
        let credentials = Credentials::parse(text).unwrap();
        let ha1 = ha1("Mufasa", "testrealm@host.com", &Secret::from("Circle Of Life".to_owned()), Algorithm::Md5);
        assert!(credentials.matches(&ha1, "GET"));
        assert_eq!((credentials.qop, credentials.nc), (None, None));
    }

    #[test]
    fn quoting_case_and_spacing_do_not_matter() {
        let odd = MD5
            .replace("Digest", "dIgEsT ")
            .replace("algorithm=MD5", "ALGORITHM=\"md5\"")
            .replace("qop=auth", "Qop=\"auth\"")
            .replace("nc=00000001", "NC = \"00000001\"")
            .replace(MD5_RESPONSE, &MD5_RESPONSE.to_uppercase());
        assert!(Credentials::parse(&odd).unwrap().matches(&mufasa(Algorithm::Md5), "GET"));
        let escaped = MD5.replace("\"Mufasa\"", "\"Mu\\\"fasa\"");
        assert_eq!(Credentials::parse(&escaped).unwrap().username, "Mu\"fasa");
    }

    #[test]
    fn what_cannot_be_checked_is_not_read() {
        for (from, to) in [
            ("Digest ", "Basic "),
            ("username=", "username*="),
            ("realm=", "x="),
            ("nonce=\"7", "x=\"7"),
            ("uri=", "x="),
            ("response=", "x="),
            ("cnonce=", "x="),
            ("nc=00000001", "x=1"),
            ("nc=00000001", "nc=+1"),
            ("nc=00000001", "nc=000000001"),
            ("nc=00000001", "nc=zz"),
            ("qop=auth", "qop=auth-int"),
            ("algorithm=MD5", "algorithm=MD5-sess"),
            ("algorithm=MD5", "algorithm=SHA-256"),
            ("algorithm=MD5", "userhash=true"),
            (MD5_RESPONSE, "8ca523f5"),
            (MD5_RESPONSE, "zca523f5e9506fed4657c9700eebdbec"),
        ] {
            assert!(MD5.contains(from), "{from}");
            assert!(Credentials::parse(&MD5.replacen(from, to, 1)).is_none(), "{from} -> {to}");
        }
        assert!(Credentials::parse(&MD5.replace("Mufasa", &"x".repeat(4096))).is_none());
    }

    #[test]
    fn debug_leaves_out_the_response() {
        assert!(!format!("{:?}", Credentials::parse(MD5).unwrap()).contains("8ca523"));
    }
}
