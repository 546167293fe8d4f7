//! TLS, by rustls: whom a node believes, what it shows, and the bytes of a connection under it.
//!
//! TLS is below everything else: a connection's reader and writer, and what they seal and shape, know nothing of it. It is a stage of its own
//! beside them, like a shaped line, so that connections without it do not pass through it.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::socket;
use crate::peer::CloseReason;

/// The first byte of a client's TLS (a record of its handshake). None of the protocols here begins with it.
const FIRST_BYTE: u8 = 22;

/// What a node does about TLS.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    shown: Option<Arc<ServerConfig>>,
    trusted: Option<Arc<ClientConfig>>,
}

/// Why certificates cannot be used: one line that says which.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not in PEM.
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, #[source] PemError),
    /// A file has none.
    #[error("there is no certificate in {0}")]
    NoCertificate(PathBuf),
    /// What it has is none, or not of that key.
    #[error("cannot use {0}: {1}")]
    Unusable(PathBuf, #[source] rustls::Error),
}

impl Tls {
    /// Shows this certificate (in PEM, with those that lead to its authority) to whoever dials and begins with TLS. Others are spoken to in the
    /// plain, at the same address.
    ///
    /// # Errors
    /// If the files are not what they should be.
    pub fn show(self, certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
        let unreadable = |error| TlsError::Unreadable(key.to_owned(), error);
        let (chain, secret) =
            (certificates(certificate)?, PrivateKeyDer::from_pem_file(key).map_err(unreadable)?);
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
        let config = config.map_err(|error| TlsError::Unusable(certificate.to_owned(), error))?;
        Ok(Tls { shown: Some(Arc::new(config)), ..self })
    }

    /// Believes the authorities that the system believes, and those of these files (in PEM).
    ///
    /// # Errors
    /// If a file is not what it should be. What of the system's own cannot be read is only logged.
    pub fn trust(self, authorities: &[PathBuf]) -> Result<Tls, TlsError> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::debug!(%error, "an authority of the system's cannot be read");
        }
        roots.add_parsable_certificates(system.certs);
        for path in authorities {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| TlsError::Unusable(path.clone(), error))?;
            }
        }
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has what both versions of TLS need")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Tls { trusted: Some(Arc::new(config)), ..self })
    }

    /// How an accepted connection is taken, if not in the plain.
    pub(super) fn acceptor(&self) -> Option<Side> {
        self.shown.clone().map(Side::Accept)
    }

    /// How whoever is called `name` is dialled; `None` if nobody is believed, or that is no name.
    pub(super) fn dialler(&self, name: &str) -> Option<Side> {
        let name = ServerName::try_from(name.to_owned()).ok()?;
        Some(Side::Dial(self.trusted.clone()?, name))
    }
}

/// One of the two sides of a connection under TLS.
pub(super) enum Side {
    Dial(Arc<ClientConfig>, ServerName<'static>),
    Accept(Arc<ServerConfig>),
}

type Secured = TlsStream<SharedSocket>;

impl Side {
    /// Runs the handshake. Whoever has dialled and speaks plainly is spoken to in the plain.
    pub(super) async fn shake(self, stream: &Arc<TcpStream>) -> Result<(Inlet, Outlet), CloseReason> {
        let socket = SharedSocket(Arc::clone(stream));
        let shaken = match self {
            Side::Dial(config, name) => {
                TlsConnector::from(config).connect(name, socket).await.map(TlsStream::from)
            }
            Side::Accept(config) => {
                let mut first = [0];
                match stream.peek(&mut first).await {
                    Ok(1) if first[0] == FIRST_BYTE => {}
                    // An end, an error: the reader will see it too.
                    _ => return Ok(plain(stream)),
                }
                TlsAcceptor::from(config).accept(socket).await.map(TlsStream::from)
            }
        };
        let secured = shaken.map_err(|error| {
            tracing::debug!(%error, "no TLS");
            failure(&error)
        })?;
        let (read, write) = tokio::io::split(secured);
        Ok((Inlet::Tls(read), Outlet::Tls(write)))
    }
}

/// What it means that a handshake has failed.
fn failure(error: &io::Error) -> CloseReason {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => CloseReason::Untrusted,
        Some(_) => CloseReason::Protocol,
        None => CloseReason::Reset,
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |error| TlsError::Unreadable(path.to_owned(), error);
    let found: Vec<CertificateDer> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(found)
}

/// Where the bytes of a connection come from that pass a stage before its reader.
pub(super) enum Inlet {
    Socket(Arc<TcpStream>),
    Tls(ReadHalf<Secured>),
}

/// Where those go that have passed one behind its writer.
pub(super) enum Outlet {
    Socket(Arc<TcpStream>),
    Tls(WriteHalf<Secured>),
}

/// Both, of a connection in the plain.
pub(super) fn plain(stream: &Arc<TcpStream>) -> (Inlet, Outlet) {
    (Inlet::Socket(Arc::clone(stream)), Outlet::Socket(Arc::clone(stream)))
}

impl Inlet {
    /// Reads what is there into `buffer`, waiting if nothing is; says also whether it had to wait.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> (io::Result<usize>, bool) {
        match self {
            Inlet::Socket(stream) => socket::read(stream, buffer).await,
            Inlet::Tls(read) => (read.read(buffer).await, true),
        }
    }
}

impl Outlet {
    /// Writes as much of `bytes` as is taken, at least one.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Outlet::Socket(stream) => socket::write(stream, bytes).await,
            Outlet::Tls(write) => {
                let len = write.write(bytes).await?;
                write.flush().await?;
                if len == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(len) }
            }
        }
    }

    /// Says that nothing more comes, where there is a word for it.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        match self {
            Outlet::Socket(_) => Ok(()),
            Outlet::Tls(write) => write.shutdown().await,
        }
    }
}

/// A connection's socket, which its task holds too.
pub(super) struct SharedSocket(Arc<TcpStream>);

impl AsyncRead for SharedSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buf.initialize_unfilled()) {
                Ok(len) => {
                    buf.advance(len);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for SharedSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The task that holds the socket ends it.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
