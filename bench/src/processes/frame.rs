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
    /// The channel failed or closed.
    #[error("the control channel closed ({0})")]
    Channel(#[from] std::io::Error),
    /// The length is beyond [`FRAME_BYTES_MAX`].
    #[error("a frame of {0} bytes, at most {FRAME_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// The content is not what it should be.
    #[error("a frame that makes no sense: {0}")]
    Malformed(String),
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
        return Err(FrameError::TooLong(bytes.len()));
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
    let mut len = [0; 4];
    channel.read_exact(&mut len)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(len));
    }
    let mut bytes = Vec::new();
    channel.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
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
    }

    #[test]
    fn a_frame_comes_back_and_a_long_one_is_refused_before_it_is_read() {
        let mut wire = Vec::new();
        write_frame(&mut wire, &Report::Died("for a test".to_owned())).unwrap();
        let Report::Died(why) = read_frame(&mut &wire[..]).unwrap() else {
            panic!("another report came back")
        };
        assert_eq!(why, "for a test");
        assert!(matches!(read_frame::<Order>(&mut &[255; 4][..]), Err(FrameError::TooLong(_))));
        wire.pop();
        assert!(matches!(read_frame::<Report>(&mut &wire[..]), Err(FrameError::Channel(_))));
    }
}
