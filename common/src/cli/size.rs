//! Sizes, rates and times as users write them.

use std::time::Duration;

/// Bytes, as in `16384`, `256KiB`, `1.5 MB`: units of 1,000 without the `i`, of 1,024 with it.
///
/// # Errors
/// What should be written instead.
pub fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (text[..end].parse::<f64>(), text[end..].trim());
    let factor: f64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("`{unit}` is no unit; write for example 256KiB or 1MB")),
    };
    match number {
        Ok(number) if number * factor < 1e18 => Ok((number * factor).round() as u64),
        _ => Err("write a number and a unit, for example 256KiB or 1MB".to_owned()),
    }
}

/// Bytes per second, as in `500kB/s`.
///
/// # Errors
/// What should be written instead.
pub fn rate(text: &str) -> Result<u64, String> {
    let rate = bytes(text.trim().strip_suffix("/s").unwrap_or(text))?;
    if rate == 0 { Err("a rate of nothing would never end".to_owned()) } else { Ok(rate) }
}

/// Bits per second, as lines are sold: `10Mbit`, `800 kbit/s`.
///
/// # Errors
/// What should be written instead.
pub fn line(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let bits = text.strip_suffix("/s").unwrap_or(text).trim_end().strip_suffix("bit").map(str::trim_end);
    match bits.map(bytes) {
        Some(Ok(bits)) if bits > 0 => Ok(bits),
        _ => Err("write a number and a unit, for example 10Mbit".to_owned()),
    }
}

/// A time, as in `90s`, `30m`, `2h`; without a unit in seconds.
///
/// # Errors
/// What should be written instead.
pub fn time(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let factor = match text[end..].trim() {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        unit => return Err(format!("`{unit}` is no unit of time; write for example 90s, 30m or 2h")),
    };
    match text[..end].parse::<f64>() {
        Ok(number) if number * factor < 1e9 => Ok(Duration::from_secs_f64(number * factor)),
        _ => Err("write a number and a unit, for example 90s, 30m or 2h".to_owned()),
    }
}

/// Bytes for the eye: `1.5 MiB`.
pub fn shown(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut number, mut unit) = (bytes as f64, 0);
    while number >= 1024.0 && unit + 1 < UNITS.len() {
        number /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{number:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_write_is_understood() {
        assert_eq!(bytes("256KiB"), Ok(262_144));
        assert_eq!(bytes(" 1.5 MB "), Ok(1_500_000));
        assert_eq!(bytes("16384"), Ok(16_384));
        assert_eq!(rate("500kB/s"), Ok(500_000));
        assert_eq!((line("10Mbit"), line("800 kbit/s"), line("5bit")), (Ok(10_000_000), Ok(800_000), Ok(5)));
        assert_eq!(time("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(time("7"), Ok(Duration::from_secs(7)));
        for wrong in ["", "x", "5 parsecs", "-1", "1e30GB", "..", "1.2.3"] {
            assert!(bytes(wrong).is_err() && time(wrong).is_err() && rate(wrong).is_err(), "{wrong}");
        }
        assert!(rate("0").is_err());
        for wrong in ["10M", "bit", "10MB", "0bit", "10Mibps"] {
            assert!(line(wrong).is_err(), "{wrong}");
        }
        assert_eq!((shown(512), shown(1_572_864)), ("512 B".to_owned(), "1.5 MiB".to_owned()));
    }
}
