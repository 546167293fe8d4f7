//! What an MP3 file says of itself, as far as search filters ask for it.

use crate::store::Storage;
use crate::user::Media;

/// Bytes from the start (behind a tag) in which a first frame is looked for: encoders put it there at once, and a file that
/// is no MP3 must not be read as a whole.
const SEARCHED_BYTES: u64 = 64 * 1024;

/// Kilobits per second of layer III by the header's four bits, MPEG 1 and MPEG 2/2.5 (ISO 11172-3, ISO 13818-3). Zero is
/// "free format" or forbidden.
const BITRATES_KBPS: [[u32; 16]; 2] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0],
];
/// Samples per second of MPEG 1 by the header's two bits; MPEG 2 has half, MPEG 2.5 a quarter.
const FREQUENCIES_HZ: [u32; 4] = [44_100, 48_000, 32_000, 0];

/// Bit rate, sampling rate and length of an MP3 file, from its first frame and its size as the programs of 2000 took them
/// (right for constant bit rates); all zero if it is none.
pub fn media_of(file: &dyn Storage) -> Media {
    let size = file.size();
    let start = tag_bytes(file, size).min(size);
    let mut bytes = vec![0; (size - start).min(SEARCHED_BYTES) as usize];
    if file.read_at(start, &mut bytes).is_err() {
        return Media::default();
    }
    let frame = (0..bytes.len()).find_map(|at| {
        let frame = Frame::parse(&bytes[at..])?;
        // A second frame where the first ends: two sync words by chance at that distance are rare.
        let next = bytes.get(at + frame.bytes..);
        next.is_some_and(|next| Frame::parse(next).is_some()).then_some((at, frame))
    });
    let Some((at, Frame { bitrate_kbps, frequency_hz, .. })) = frame else { return Media::default() };
    let audio = size - start - at as u64;
    let duration_s = u32::try_from(audio / (u64::from(bitrate_kbps) * 125)).unwrap_or(u32::MAX);
    Media { bitrate_kbps, frequency_hz, duration_s }
}

/// The length of an ID3v2 tag at the start: ten bytes and what four bytes of seven bits each say.
fn tag_bytes(file: &dyn Storage, size: u64) -> u64 {
    let mut head = [0; 10];
    if size < 10 || file.read_at(0, &mut head).is_err() || &head[..3] != b"ID3" {
        return 0;
    }
    10 + head[6..].iter().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f))
}

/// The header of a frame of layer III.
struct Frame {
    bitrate_kbps: u32,
    frequency_hz: u32,
    bytes: usize,
}

impl Frame {
    fn parse(bytes: &[u8]) -> Option<Frame> {
        let header = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
        let version = header >> 19 & 3;
        // Eleven bits of sync, a version that exists, layer III.
        if header >> 21 != 0x7ff || version == 1 || header >> 17 & 3 != 1 {
            return None;
        }
        let is_first = version == 3;
        let bitrate_kbps = BITRATES_KBPS[usize::from(!is_first)][(header >> 12 & 15) as usize];
        let halvings = match version {
            3 => 0,
            2 => 1,
            _ => 2,
        };
        let frequency_hz = FREQUENCIES_HZ[(header >> 10 & 3) as usize] >> halvings;
        if bitrate_kbps == 0 || frequency_hz == 0 {
            return None;
        }
        let samples = if is_first { 1152 } else { 576 };
        let padding = header >> 9 & 1;
        let bytes = (samples / 8 * 1000 * bitrate_kbps / frequency_hz + padding) as usize;
        Some(Frame { bitrate_kbps, frequency_hz, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Faulty, Memory, Synthetic};

    /// Frames of 128 kbps at 44,100 Hz: 417 bytes each.
    fn frames(count: usize) -> Vec<u8> {
        let mut frame = vec![0; 417];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        frame.repeat(count)
    }

    #[test]
    fn the_first_frame_tells() {
        let expected = Media { bitrate_kbps: 128, frequency_hz: 44_100, duration_s: 26 };
        assert_eq!(media_of(&Memory::from(frames(1000))), expected);
        let mut tagged = b"ID3\x03\x00\x00\x00\x00\x02\x01".to_vec();
        tagged.extend([0xff; 257]);
        tagged.extend(frames(1000));
        assert_eq!(media_of(&Memory::from(tagged)), expected);
        let mut late = vec![0xff; 5_000];
        late.extend(frames(1000));
        assert_eq!(media_of(&Memory::from(late)), expected);
    }

    #[test]
    fn lower_rates_are_other_versions() {
        // MPEG 2, 64 kbps, 22,050 Hz, no padding: 72 * 64,000 / 22,050 = 208 bytes.
        let mut frame = vec![0; 208];
        frame[..4].copy_from_slice(&[0xff, 0xf3, 0x80, 0x00]);
        let media = media_of(&Memory::from(frame.repeat(1000)));
        assert_eq!((media.bitrate_kbps, media.frequency_hz, media.duration_s), (64, 22_050, 26));
    }

    #[test]
    fn what_is_no_mp3_says_nothing() {
        for bytes in
            [vec![], vec![0xff], vec![0xff; 70_000], b"ID3\x03\0\0\x7f\x7f\x7f\x7f".to_vec(), frames(1)]
        {
            assert_eq!(media_of(&Memory::from(bytes)), Media::default());
        }
        assert_eq!(media_of(&Synthetic::new(1, 1 << 40)), Media::default());
        assert_eq!(media_of(&Faulty::new(Memory::from(frames(9))).failing_call(2)), Media::default());
    }
}
