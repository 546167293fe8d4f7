//! Frames of the control channel: four bytes of length, then serde's data in bincode's form.
//!
//! bincode is no longer developed; it stands behind these two functions alone, always with a limit.

use std::io::{Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes a frame may have: the records of a busy tenth of a second of a thousand nodes, with much room.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The far side is gone.
    #[error("the control channel closed")]
    Closed,
    /// The channel failed.
    #[error("the control channel failed: {0}")]
    Channel(std::io::Error),
    /// The length, and the most that is allowed here.
    #[error("a frame of {0} bytes, at most {1} are allowed")]
    TooLong(usize, usize),
    /// The content is not what it should be.
    #[error("a frame that makes no sense: {0}")]
    Malformed(String),
}

impl From<std::io::Error> for FrameError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::BrokenPipe => FrameError::Closed,
            _ => FrameError::Channel(error),
        }
    }
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<FRAME_BYTES_MAX>()
}

/// Writes one frame.
///
/// # Errors
/// If it is too long or the channel fails.
pub fn write_frame(channel: &mut impl Write, value: &impl Serialize) -> Result<(), FrameError> {
    let bytes =
        bincode::serde::encode_to_vec(value, config()).map_err(|e| FrameError::Malformed(e.to_string()))?;
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(bytes.len(), FRAME_BYTES_MAX));
    }
    channel.write_all(&(bytes.len() as u32).to_le_bytes())?;
    channel.write_all(&bytes)?;
    Ok(channel.flush()?)
}

/// Reads one frame. Memory is taken as bytes come, not as the length promises.
///
/// # Errors
/// If the channel closes, or what comes is no frame of this type.
pub fn read_frame<T: DeserializeOwned>(channel: &mut impl Read) -> Result<T, FrameError> {
    read_frame_within(channel, FRAME_BYTES_MAX)
}

/// [`read_frame`] for a frame that is shorter than most.
pub(super) fn read_frame_within<T: DeserializeOwned>(
    channel: &mut impl Read,
    bytes_max: usize,
) -> Result<T, FrameError> {
    let mut len = [0; 4];
    channel.read_exact(&mut len)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > bytes_max {
        return Err(FrameError::TooLong(len, bytes_max));
    }
    let mut bytes = Vec::new();
    channel.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(FrameError::Closed);
    }
    match bincode::serde::decode_from_slice(&bytes, config()) {
        Ok((value, used)) if used == len => Ok(value),
        Ok(_) => Err(FrameError::Malformed("bytes are left over".to_owned())),
        Err(error) => Err(FrameError::Malformed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cluster::{Order, Report};

    proptest! {
        #[test]
        fn arbitrary_frames_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_frame::<Report>(&mut &bytes[..]);
            let mut framed = (bytes.len() as u32).to_le_bytes().to_vec();
            framed.extend(&bytes);
            let _ = read_frame::<Report>(&mut &framed[..]);
            let _ = read_frame::<Order>(&mut &framed[..]);
        }

        /// Taking memory for what a length promises would fail here: few of these lengths exist on any machine.
        #[test]
        fn lengths_inside_a_frame_are_not_believed(kind in 0u8..5, len: u64, rest in prop::collection::vec(any::<u8>(), 0..20)) {
            // A number of eight bytes, as bincode marks it.
            let content = [&[kind, 253][..], &len.to_le_bytes(), &rest].concat();
            let framed = [&(content.len() as u32).to_le_bytes()[..], &content].concat();
            let read = read_frame::<Report>(&mut &framed[..]);
            prop_assert!(len <= rest.len() as u64 || read.is_err(), "{:?}", read);
        }

        #[test]
        fn nothing_is_read_behind_a_length_beyond_the_limit(len in FRAME_BYTES_MAX as u32 + 1..) {
            let framed = [&len.to_le_bytes()[..], &[0; 16]].concat();
            let mut channel = &framed[..];
            prop_assert!(matches!(read_frame::<Report>(&mut channel), Err(FrameError::TooLong(..))));
            prop_assert_eq!(channel.len(), 16);
        }
    }

    /// Frames of the committed corpus: in each line what reading it as a report gives, its bytes, and what it is.
    #[test]
    fn the_corpus_is_read_as_it_says() {
        let lines = include_str!("../../tests/corpus/frames.txt").lines();
        let mut count = 0;
        for line in lines.filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let mut words = line.split_whitespace();
            let (expected, hex) = (words.next().unwrap(), words.next().unwrap());
            let digits = (0..hex.len()).step_by(2);
            let bytes: Vec<u8> = digits.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
            let seen = match read_frame::<Report>(&mut &bytes[..]) {
                Ok(_) => "report",
                Err(FrameError::Closed | FrameError::Channel(_)) => "cut",
                Err(FrameError::TooLong(..)) => "long",
                Err(FrameError::Malformed(_)) => "malformed",
            };
            assert_eq!(seen, expected, "{line}");
            count += 1;
        }
        assert!(count >= 20, "only {count} frames");
    }

    #[test]
    fn a_frame_comes_back_and_a_long_one_is_refused_before_it_is_read() {
        let mut wire = Vec::new();
        write_frame(&mut wire, &Report::Died("for a test".to_owned())).unwrap();
        let Report::Died(why) = read_frame(&mut &wire[..]).unwrap() else {
            panic!("another report came back")
        };
        assert_eq!(why, "for a test");
        assert!(matches!(read_frame::<Order>(&mut &[255; 4][..]), Err(FrameError::TooLong(..))));
        wire.pop();
        assert!(matches!(read_frame::<Report>(&mut &wire[..]), Err(FrameError::Closed)));
    }
}
