//! Digest access authentication from the client's side (RFC 7616; RFC 8760 for SIP): a challenge in, an answer out.
//!
//! Pure: the client nonce and its count are passed in.

use md5::Md5;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::fields::{split_outside, unquote};
use crate::vocab::Secret;

/// The hash of one challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5, also where none is named.
    Md5,
    /// SHA-256 (RFC 8760).
    Sha256,
}

impl Algorithm {
    fn of(token: &str) -> Option<Self> {
        match token.to_ascii_uppercase().as_str() {
            "MD5" => Some(Self::Md5),
            "SHA-256" => Some(Self::Sha256),
            _ => None,
        }
    }

    fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text.as_bytes())),
            Self::Sha256 => hex::encode(Sha256::digest(text.as_bytes())),
        }
    }
}

/// One WWW-Authenticate or Proxy-Authenticate header this phone can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The protection space.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// The hash asked for.
    pub algorithm: Algorithm,
    /// Whether `qop=auth` is on offer; without it the answer is RFC 2069's.
    pub qop_auth: bool,
    /// To be given back as it is.
    pub opaque: Option<String>,
    /// The nonce was too old, the password right.
    pub stale: bool,
}

impl Challenge {
    /// Reads a challenge; nothing where the scheme, the algorithm or every quality of protection is unknown.
    pub fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let pairs: Vec<(String, String)> = split_outside(rest, ',')
            .into_iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.trim().to_ascii_lowercase(), unquote(value.trim())))
            .collect();
        let field = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let qop_auth = match field("qop") {
            None => false,
            Some(list) if list.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
        };
        Some(Self {
            realm: field("realm")?.to_owned(),
            nonce: field("nonce")?.to_owned(),
            algorithm: Algorithm::of(field("algorithm").unwrap_or("MD5"))?,
            qop_auth,
            opaque: field("opaque").map(str::to_owned),
            stale: field("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The first of several challenges that can be answered: servers list the one they like best first (RFC 8760 section 2.4).
    pub fn first<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        values.filter_map(Self::parse).next()
    }
}

/// What a request is signed with.
pub struct Signature<'a> {
    /// The authentication name.
    pub username: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// The request's method.
    pub method: &'a str,
    /// The request's URI.
    pub uri: &'a str,
    /// The client's nonce.
    pub cnonce: &'a str,
    /// How many requests used the server's nonce, this one included.
    pub nonce_count: u32,
}

impl Challenge {
    /// The value of a WWW-Authenticate header.
    pub fn write(&self) -> String {
        let (realm, nonce) = (quote(&self.realm), quote(&self.nonce));
        format!("Digest realm={realm}, nonce={nonce}, algorithm={}, qop=\"auth\"", self.algorithm.token())
    }

    /// Whether an Authorization value answers this challenge as `signature` would with that value's own client nonce.
    pub fn is_answered(&self, value: &str, signature: Signature<'_>) -> bool {
        let is_ours = Self::parse(value).is_some_and(|read| {
            (&read.realm, &read.nonce, read.algorithm) == (&self.realm, &self.nonce, self.algorithm)
        });
        let (Some(cnonce), Some(count)) = (field(value, "cnonce"), field(value, "nc")) else { return false };
        let Ok(nonce_count) = u32::from_str_radix(&count, 16) else { return false };
        let expected = self.answer(&Signature { cnonce: &cnonce, nonce_count, ..signature });
        let same = |name| field(value, name).is_some_and(|it| Some(it) == field(&expected, name));
        is_ours && ["username", "uri", "response", "qop"].into_iter().all(same)
    }

    /// The value of the Authorization or Proxy-Authorization header.
    pub fn answer(&self, signature: &Signature<'_>) -> String {
        let Signature { username, password, method, uri, cnonce, nonce_count } = signature;
        let hash = |text: String| self.algorithm.hash(&text);
        let secret = hash(format!("{username}:{}:{}", self.realm, password.expose_secret()));
        let subject = hash(format!("{method}:{uri}"));
        let nc = format!("{nonce_count:08x}");
        let response = match self.qop_auth {
            true => hash(format!("{secret}:{}:{nc}:{cnonce}:auth:{subject}", self.nonce)),
            false => hash(format!("{secret}:{}:{subject}", self.nonce)),
        };
        let (realm, nonce) = (quote(&self.realm), quote(&self.nonce));
        let mut value = format!(
            "Digest username={}, realm={realm}, nonce={nonce}, uri={}, response=\"{response}\", algorithm={}",
            quote(username),
            quote(uri),
            self.algorithm.token()
        );
        if self.qop_auth {
            value.push_str(&format!(", qop=auth, nc={nc}, cnonce={}", quote(cnonce)));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque={}", quote(opaque)));
        }
        value
    }
}

fn field(value: &str, name: &str) -> Option<String> {
    let (_, rest) = value.trim().split_once(' ')?;
    split_outside(rest, ',').into_iter().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| unquote(value.trim()))
    })
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REALM: &str = "http-auth@example.org";
    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const OPAQUE: &str = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS";
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    fn answer(algorithm: &str) -> String {
        let header = format!(
            "Digest realm=\"{REALM}\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"{NONCE}\", opaque=\"{OPAQUE}\""
        );
        let password = Secret::from("Circle of Life".to_owned());
        let signature = Signature {
            username: "Mufasa",
            password: &password,
            method: "GET",
            uri: "/dir/index.html",
            cnonce: CNONCE,
            nonce_count: 1,
        };
        Challenge::parse(&header).unwrap().answer(&signature)
    }

    #[test]
    fn the_examples_of_rfc_7616_section_3_9_1_come_out() {
        assert!(answer("MD5").contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""));
        let sha256 = answer("SHA-256");
        assert!(sha256.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""));
        assert!(sha256.contains("algorithm=SHA-256, qop=auth, nc=00000001") && sha256.contains(OPAQUE));
    }

    #[test]
    fn only_the_right_answer_to_this_very_challenge_is_taken() {
        let challenge =
            Challenge::parse(&format!("Digest realm=\"{REALM}\", nonce=\"{NONCE}\", qop=\"auth\"")).unwrap();
        let signature = |password, method| Signature {
            username: "Mufasa",
            password,
            method,
            uri: "/dir/index.html",
            cnonce: "",
            nonce_count: 0,
        };
        let (right, wrong) = (Secret::from("Circle of Life".to_owned()), Secret::from("x".to_owned()));
        let value = answer("MD5");
        assert!(challenge.is_answered(&value, signature(&right, "GET")));
        assert!(!challenge.is_answered(&value, signature(&wrong, "GET")));
        assert!(!challenge.is_answered(&value, signature(&right, "PUT")));
        for (from, to) in [("nc=00000001", "nc=00000002"), (NONCE, "another"), ("Mufasa", "Scar"), ("response=", "x=")]
        {
            assert!(!challenge.is_answered(&value.replacen(from, to, 1), signature(&right, "GET")), "{from}");
        }
        assert_eq!(Challenge::parse(&challenge.write()), Some(challenge));
    }

    #[test]
    fn without_a_quality_of_protection_the_old_form_is_used() {
        // RFC 2069 with its erratum: the sample of RFC 2617's ancestor, MD5 without qop.
        let challenge =
            Challenge::parse("Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"")
                .unwrap();
        let password = Secret::from("CircleOfLife".to_owned());
        let value = challenge.answer(&Signature {
            username: "Mufasa",
            password: &password,
            method: "GET",
            uri: "/dir/index.html",
            cnonce: "unused",
            nonce_count: 1,
        });
        assert!(value.contains("response=\"1949323746fe6a43ef61f9606e7febea\""), "{value}");
        assert!(!value.contains("cnonce"));
    }

    #[test]
    fn the_first_challenge_understood_is_answered() {
        let list = [
            "Digest realm=\"r\", nonce=\"1\", algorithm=SHA-512-256",
            "Basic realm=\"r\"",
            "Digest realm=\"r\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\", stale=TRUE",
            "Digest realm=\"r\", nonce=\"3\"",
        ];
        let chosen = Challenge::first(list.into_iter()).unwrap();
        assert_eq!((chosen.nonce.as_str(), chosen.algorithm, chosen.stale), ("2", Algorithm::Sha256, true));
    }
}
