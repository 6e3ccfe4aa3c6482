//! A certificate authority of the tests.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate it gave, and its key.
pub struct Issued {
    /// PEM.
    pub certificate: String,
    /// PEM.
    pub key: String,
    name: String,
}

impl Authority {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, format!("{name} authority"));
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its own certificate, for those who trust it.
    pub fn root(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()
    }

    /// The client's side of TLS, for who trusts it and shows nothing.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.client_showing(None)
    }

    /// The same for who shows a certificate.
    pub fn client_showing(&self, own: Option<&Issued>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots);
        Arc::new(match own.map(Issued::identity) {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).unwrap(),
            None => config.with_no_client_auth(),
        })
    }

    /// A certificate for `name`, localhost and the addresses of loopback.
    pub fn issue(&self, name: &str) -> Issued {
        self.issue_with(name, |_| {})
    }

    /// The same that is good no more.
    pub fn issue_expired(&self, name: &str) -> Issued {
        self.issue_with(name, |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1))
    }

    /// The same, with something else about it.
    pub fn issue_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = CertificateParams::new(vec![name.to_owned(), "localhost".to_owned()]).unwrap();
        params.subject_alt_names.extend(["127.0.0.1", "::1"].map(|ip| SanType::IpAddress(ip.parse().unwrap())));
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued { certificate, key: key.serialize_pem(), name: name.to_owned() }
    }
}

impl Issued {
    /// Writes `<name>.pem` and `<name>.key`.
    pub fn write(&self, folder: &Path) {
        self.write_as(folder, &self.name);
    }

    /// Writes them under another name.
    pub fn write_as(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(format!("{name}.pem")), &self.certificate).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), &self.key).unwrap();
    }

    /// For a client of ours to show.
    pub fn identity(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (
            vec![CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap(),
        )
    }
}
