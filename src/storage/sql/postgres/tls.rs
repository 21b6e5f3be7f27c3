//! Encryption of what is said to PostgreSQL.

use crate::storage::sql::connection::SqlError;
use crate::storage::sql::server::{Server, Tls, wrong};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) fn connector(server: &Server) -> Result<MakeRustlsConnect, SqlError> {
    let failed = |err: Error| wrong(format!("postgres: TLS: {err}"));
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let mut config = builder
        .with_root_certificates(roots(server)?)
        .with_no_client_auth();
    if server.tls == Tls::Require {
        let anyone = Arc::new(Anyone(provider));
        config.dangerous().set_certificate_verifier(anyone);
    }
    Ok(MakeRustlsConnect::new(config))
}

/// Who may vouch for the server.
fn roots(server: &Server) -> Result<RootCertStore, SqlError> {
    let Some(pem) = server.read_ca()? else {
        let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        return Ok(RootCertStore { roots });
    };
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    if roots.add_parsable_certificates(read).0 == 0 {
        let of = server.tls_ca.iter().map(|path| path.display().to_string());
        let file: String = of.collect();
        return Err(wrong(format!("postgres: {file} holds no certificate")));
    }
    Ok(roots)
}

/// Believes any certificate; what is signed with it must still be right.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
