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
    state: Box<HandshakeState>,
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
        let state = Box::new(state.expect("the pattern needs nothing but our own key"));
        Handshake { state, awaited }
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
        let wire_len = HANDSHAKE_BYTES[index] as usize;
        // The library asks for room for a tag even where none comes.
        let mut message = vec![0; wire_len + TAG_BYTES];
        let len = self
            .state
            .write_message(&[], &mut message[LENGTH_BYTES..])
            .expect("it is our turn, and the pattern's messages have these lengths");
        debug_assert_eq!(LENGTH_BYTES + len, wire_len, "Noise's own arithmetic");
        message.truncate(wire_len);
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
        let len = opened.map_err(|_| SealError::Tag);
        out.truncate(before + len.unwrap_or(0));
        self.records += u64::from(len.is_ok());
        len
    }
}

fn put_length(out: &mut [u8], len: usize) {
    let len = u16::try_from(len).expect("Noise knows no longer message");
    out[..LENGTH_BYTES].copy_from_slice(&len.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(progress: Progress) -> Through {
        let Progress::Through(through) = progress else { panic!("no further message belongs to it") };
        through
    }

    fn awaiting(progress: Progress) -> Handshake {
        let Progress::Awaits(handshake) = progress else { panic!("it ended too early") };
        handshake
    }

    /// Both ends of a sealed stream.
    fn pair(dialler: &Identity, acceptor: &Identity) -> (Through, Through) {
        let mut dials = Handshake::new(Seal::Dialler, dialler);
        let accepts = Handshake::new(Seal::Acceptor, acceptor);
        assert_eq!((dials.awaits(), accepts.awaits()), (98, 34));
        let (answer, accepts) = accepts.take(&dials.start()).unwrap();
        let (last, dials) = dials.take(&answer).unwrap();
        let (nothing, accepts) = awaiting(accepts).take(&last).unwrap();
        assert_eq!([answer.len(), last.len(), nothing.len()], [98, 66, 0]);
        (through(dials), through(accepts))
    }

    fn new_pair() -> (Through, Through) {
        pair(&Identity::generate(), &Identity::generate())
    }

    fn sealed(sealer: &mut Sealer, bytes: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        let len = sealer.seal(bytes, &mut records);
        records.truncate(len);
        records
    }

    #[test]
    fn each_side_learns_the_others_key_and_both_directions_work() {
        let (one, other) = (Identity::generate(), Identity::generate());
        let (mut dialler, mut acceptor) = pair(&one, &other);
        assert_eq!((dialler.key, acceptor.key), (other.public(), one.public()));
        for (sealer, opener) in
            [(&mut dialler.sealer, &mut acceptor.opener), (&mut acceptor.sealer, &mut dialler.opener)]
        {
            let record = sealed(sealer, b"some bytes");
            assert_eq!(Opener::record_len(&record), Some(record.len()));
            let mut out = BytesMut::from(&b"behind: "[..]);
            assert_eq!(opener.open(&record, &mut out), Ok(10));
            assert_eq!(out, b"behind: some bytes"[..]);
            assert_eq!(opener.open(&sealer.good_bye(), &mut out), Ok(0));
        }
    }

    #[test]
    fn an_identity_is_its_secret() {
        let identity = Identity::generate();
        assert_eq!(Identity::from_secret(*identity.secret()).public(), identity.public());
        // Alice's pair in RFC 7748, section 6.1.
        let bytes = |hex: &str| -> [u8; 32] {
            std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        };
        let secret = bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let alice = Identity::from_secret(secret);
        let public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
        assert_eq!(alice.public().to_string(), public);
        assert_eq!(format!("{alice:?}"), format!("Identity({public})"), "the secret stays out of logs");
    }

    #[test]
    fn another_prologue_gets_nowhere() {
        let identity = Identity::generate();
        let mut ours = Handshake::new(Seal::Dialler, &identity);
        let theirs = Handshake::with_prologue(Seal::Acceptor, &identity, b"another");
        let (answer, _) = theirs.take(&ours.start()).unwrap();
        assert_eq!(ours.take(&answer).err(), Some(SealError::Handshake));
    }

    #[test]
    fn a_handshake_message_of_another_length_is_none() {
        let identity = Identity::generate();
        let good = Handshake::new(Seal::Dialler, &identity).start();
        for bytes in
            [&[][..], &[0], &good[..33], &[&good[..], &[0]].concat(), &[&[0, 33], &good[2..]].concat()]
        {
            let refused = Handshake::new(Seal::Acceptor, &identity).take(bytes).err();
            assert_eq!(refused, Some(SealError::Handshake));
        }
    }

    #[test]
    fn records_cost_what_the_formula_says() {
        let (mut one, mut other) = new_pair();
        for len in
            [0, 1, RECORD_BYTES_MAX - 1, RECORD_BYTES_MAX, RECORD_BYTES_MAX + 1, 3 * RECORD_BYTES_MAX + 5]
        {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let records = sealed(&mut one.sealer, &bytes);
            assert_eq!(records.len(), len + sealing_bytes(len));
            let (mut rest, mut out) = (&records[..], BytesMut::new());
            while let Some(record_len) = Opener::record_len(rest) {
                other.opener.open(&rest[..record_len], &mut out).unwrap();
                rest = &rest[record_len..];
            }
            assert!(out == bytes, "{len} bytes came out changed");
        }
    }

    #[test]
    fn a_record_opens_once_in_its_place_and_unchanged() {
        let (mut one, mut other) = new_pair();
        let [first, second] = [0, 1].map(|n| sealed(&mut one.sealer, &[n; 20]));
        let mut out = BytesMut::new();
        assert_eq!(other.opener.open(&first, &mut out), Ok(20));
        assert_eq!(other.opener.open(&first, &mut out), Err(SealError::Tag));
        assert_eq!(out.len(), 20, "nothing of a bad record comes out");
        for record in [&[][..], &[0], &[0, 0], &[0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            let short = record.len().saturating_sub(LENGTH_BYTES);
            assert_eq!(other.opener.open(record, &mut out), Err(SealError::Short(short)));
        }
        out.clear();
        assert_eq!(other.opener.open(&second, &mut out), Ok(20));
        assert_eq!(out, [1; 20][..]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_flipped_bit_is_found(bytes in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index, bit in 0..8) {
            let (mut one, mut other) = new_pair();
            let mut record = sealed(&mut one.sealer, &[&[1], &bytes[..]].concat());
            let at = LENGTH_BYTES + at.index(record.len() - LENGTH_BYTES);
            record[at] ^= 1_u8 << bit;
            prop_assert_eq!(other.opener.open(&record, &mut BytesMut::new()), Err(SealError::Tag));
        }
    }
}
