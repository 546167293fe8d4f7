//! Noise over any stream: the handshake as three messages, then records. No socket and no clock; the driver moves the bytes.

use std::fmt;
use std::sync::{Arc, LazyLock};

use bytes::{BufMut, BytesMut};
use snow::params::{DHChoice, NoiseParams};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::{Builder, HandshakeState, StatelessTransportState};

use super::{
    HANDSHAKE_BYTES, LENGTH_BYTES, PROLOGUE, PublicKey, RECORD_BYTES_MAX, RECORD_OVERHEAD_BYTES, Seal,
    TAG_BYTES, sealing_bytes,
};

/// AES-GCM, since it is the faster one wherever the processor has instructions for it.
static PARAMS: LazyLock<NoiseParams> =
    LazyLock::new(|| "Noise_XX_25519_AESGCM_SHA256".parse().expect("the name of a Noise protocol"));

/// A node's static key pair: who it is to those it has sealed connections with.
#[derive(Clone)]
pub struct Identity {
    secret: [u8; 32],
    public: PublicKey,
}

impl Identity {
    /// A new one, from the system's secure random source.
    ///
    /// # Panics
    /// If the system has none: no secret would be one.
    pub fn generate() -> Self {
        let pair = Builder::new(PARAMS.clone()).generate_keypair().expect("a secure random source");
        Identity::from_secret(pair.private.try_into().expect("a secret key has 32 bytes"))
    }

    /// The one that belongs to a secret key, as a file may keep it.
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let mut curve = DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("the curve is compiled in");
        curve.set(&secret);
        let public = PublicKey(curve.pubkey().try_into().expect("a public key has 32 bytes"));
        Identity { secret, public }
    }

    /// The secret key; whoever has it can be taken for this node.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret stays out of logs.
        write!(f, "Identity({})", self.public)
    }
}

/// Why a connection cannot be sealed, or a record cannot be opened. The connection ends for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// A message that does not belong to this handshake: of another length, under another prologue, with a key that its
    /// sender does not own, or changed on its way.
    #[error("the handshake does not add up")]
    Handshake,
    /// A record shorter than its tag.
    #[error("a record of {0} bytes is shorter than its tag")]
    Short(usize),
    /// A record that was changed, left out, repeated or moved.
    #[error("a record's tag is wrong")]
    Tag,
}

/// One side of a handshake under way.
///
/// | state | what comes | what follows |
/// |---|---|---|
/// | dialler, new | [`Handshake::start`] gives `e` | awaits `e, ee, s, es` |
/// | dialler, awaits `e, ee, s, es` | that message | `s, se` is to be sent, and it is through |
/// | acceptor, awaits `e` | that message | `e, ee, s, es` is to be sent; awaits `s, se` |
/// | acceptor, awaits `s, se` | that message | it is through |
/// | any | anything else | [`SealError`]: the connection ends |
pub struct Handshake {
    state: HandshakeState,
    /// Index in [`HANDSHAKE_BYTES`] of the message that is awaited.
    awaited: usize,
}

/// Where a handshake stands after a message of the far side.
pub enum Progress {
    /// One more message is awaited.
    Awaits(Handshake),
    /// It is through.
    Through(Through),
}

/// What a handshake leaves.
pub struct Through {
    /// Seals what is sent from here on.
    pub sealer: Sealer,
    /// Opens what comes from here on.
    pub opener: Opener,
    /// The far side's key: it has proved that it owns it.
    pub key: PublicKey,
}

impl Handshake {
    /// A side of a handshake.
    pub fn new(side: Seal, identity: &Identity) -> Self {
        Self::with_prologue(side, identity, PROLOGUE)
    }

    /// The same with another prologue, as a foreign program might have it; with [`PROLOGUE`] at the far side it fails.
    pub fn with_prologue(side: Seal, identity: &Identity, prologue: &[u8]) -> Self {
        let builder = Builder::new(PARAMS.clone())
            .local_private_key(&identity.secret)
            .and_then(|builder| builder.prologue(prologue))
            .expect("each is set once");
        let (state, awaited) = match side {
            Seal::Dialler => (builder.build_initiator(), 1),
            Seal::Acceptor => (builder.build_responder(), 0),
        };
        Handshake { state: state.expect("the pattern needs nothing but our own key"), awaited }
    }

    /// What is to be sent before anything comes; nothing by the side that answers.
    pub fn start(&mut self) -> Vec<u8> {
        match self.state.is_my_turn() {
            true => self.write(0),
            false => Vec::new(),
        }
    }

    /// How many bytes the next message of the far side has, its length included.
    pub fn awaits(&self) -> usize {
        HANDSHAKE_BYTES[self.awaited] as usize
    }

    /// Takes the next message of the far side, of [`Handshake::awaits`] bytes. Returns what is to be sent for it, if anything,
    /// and where the handshake then stands.
    ///
    /// # Errors
    /// If it is not the message that belongs here.
    pub fn take(mut self, message: &[u8]) -> Result<(Vec<u8>, Progress), SealError> {
        let (length, noise) = message.split_at_checked(LENGTH_BYTES).ok_or(SealError::Handshake)?;
        if usize::from(u16::from_be_bytes([length[0], length[1]])) != noise.len()
            || message.len() != self.awaits()
        {
            return Err(SealError::Handshake);
        }
        // Neither side sends a payload, so there is nothing to keep.
        let mut payload = [0; HANDSHAKE_BYTES[1] as usize];
        self.state.read_message(noise, &mut payload).map_err(|_| SealError::Handshake)?;
        let reply = match self.state.is_handshake_finished() {
            true => Vec::new(),
            false => self.write(self.awaited + 1),
        };
        if self.state.is_handshake_finished() {
            return Ok((reply, Progress::Through(self.through())));
        }
        self.awaited += 2;
        Ok((reply, Progress::Awaits(self)))
    }

    fn write(&mut self, index: usize) -> Vec<u8> {
        let mut message = vec![0; HANDSHAKE_BYTES[index] as usize];
        let len = self
            .state
            .write_message(&[], &mut message[LENGTH_BYTES..])
            .expect("it is our turn, and the pattern's messages have these lengths");
        debug_assert_eq!(LENGTH_BYTES + len, message.len(), "Noise's own arithmetic");
        put_length(&mut message, len);
        message
    }

    fn through(self) -> Through {
        let key = self.state.get_remote_static().expect("the pattern brings the far side's key");
        let key = PublicKey(key.try_into().expect("a public key has 32 bytes"));
        let state = self.state.into_stateless_transport_mode().expect("the handshake is finished");
        let state = Arc::new(state);
        let (sealer, opener) =
            (Sealer { state: Arc::clone(&state), records: 0 }, Opener { state, records: 0 });
        Through { sealer, opener, key }
    }
}

/// Seals one direction of a connection.
pub struct Sealer {
    state: Arc<StatelessTransportState>,
    /// Records sealed so far: the number of the next one.
    records: u64,
}

impl Sealer {
    /// Seals `bytes` into as few records as hold them, from the start of `out` on, which grows if it must (and never shrinks, so that
    /// one buffer serves a whole transfer). Returns how much of it the records take.
    pub fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let wire_len = bytes.len() + sealing_bytes(bytes.len());
        if out.len() < wire_len {
            out.resize(wire_len, 0);
        }
        let mut at = 0;
        for part in bytes.chunks(RECORD_BYTES_MAX) {
            at += self.seal_one(part, &mut out[at..]);
        }
        at
    }

    /// The empty record that ends a stream in good order.
    pub fn good_bye(&mut self) -> [u8; RECORD_OVERHEAD_BYTES] {
        let mut record = [0; RECORD_OVERHEAD_BYTES];
        self.seal_one(&[], &mut record);
        record
    }

    fn seal_one(&mut self, bytes: &[u8], out: &mut [u8]) -> usize {
        let len = self
            .state
            .write_message(self.records, bytes, &mut out[LENGTH_BYTES..])
            .expect("a record fits, and nobody sends 2^64 of them");
        self.records += 1;
        put_length(out, len);
        LENGTH_BYTES + len
    }
}

/// Opens one direction of a connection.
pub struct Opener {
    state: Arc<StatelessTransportState>,
    /// Records opened so far: the number of the next one.
    records: u64,
}

impl Opener {
    /// How many bytes the record that begins `bytes` takes on the wire; `None` while its length is not there.
    pub fn record_len(bytes: &[u8]) -> Option<usize> {
        let length = bytes.first_chunk::<LENGTH_BYTES>()?;
        Some(LENGTH_BYTES + usize::from(u16::from_be_bytes(*length)))
    }

    /// Opens the next record, given whole, behind what `out` holds. Returns how many bytes it held; none are the good-bye.
    ///
    /// # Errors
    /// If it is not the far side's next record, unchanged.
    pub fn open(&mut self, record: &[u8], out: &mut BytesMut) -> Result<usize, SealError> {
        let sealed = record.get(LENGTH_BYTES..).unwrap_or_default();
        if sealed.len() < TAG_BYTES {
            return Err(SealError::Short(sealed.len()));
        }
        let before = out.len();
        // Room for the tag too: the cipher works in place, and would else do so in a buffer of its own.
        out.put_bytes(0, sealed.len());
        let opened = self.state.read_message(self.records, sealed, &mut out[before..]);
        out.truncate(before + opened.as_ref().copied().unwrap_or(0));
        self.records += 1;
        opened.map_err(|_| SealError::Tag)
    }
}

fn put_length(out: &mut [u8], len: usize) {
    let len = u16::try_from(len).expect("Noise knows no longer message");
    out[..LENGTH_BYTES].copy_from_slice(&len.to_be_bytes());
}
