//! `bittorrent info`.

use std::path::PathBuf;

use common::cli::{counted, print, printable};

use super::{create, join, size};

/// Files that are listed unless all are asked for.
const LISTED_MAX: usize = 20;

#[derive(clap::Args)]
pub struct Args {
    /// The .torrent.
    file: PathBuf,
    /// List all files, however many there are.
    #[arg(long)]
    all: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let torrent = join::read_torrent(&args.file)?;
    let info = &torrent.info;
    print(format_args!("name       {}", printable(&info.name)))?;
    print(format_args!("info hash  {}", torrent.info_hash))?;
    print(format_args!("size       {} ({} bytes)", size::shown(info.length), info.length))?;
    print(format_args!(
        "pieces     {} of {}",
        info.piece_count(),
        size::shown(u64::from(info.piece_length))
    ))?;
    for (at, tier) in torrent.trackers.iter().enumerate() {
        let urls: Vec<String> = tier.iter().map(|url| printable(url)).collect();
        print(format_args!("{} {}", if at == 0 { "trackers  " } else { "     then " }, urls.join(", ")))?;
    }
    if info.is_private {
        print(format_args!("private    peers come from its trackers only"))?;
    }
    let texts = [("comment", &torrent.comment), ("made by", &torrent.created_by)];
    for (what, text) in texts {
        if let Some(text) = text {
            print(format_args!("{what:<10} {}", printable(text)))?;
        }
    }
    if let Some(date) = torrent.creation_date_s {
        print(format_args!("made at    {}", date_of(date)))?;
    }
    if !info.files[0].path.is_empty() {
        print(format_args!("{}:", counted(info.files.len(), "file")))?;
        let shown = if args.all { info.files.len() } else { LISTED_MAX };
        for file in info.files.iter().take(shown) {
            print(format_args!("  {:>10}  {}", size::shown(file.length), printable(&file.path.join("/"))))?;
        }
        if let Some(more) = info.files.len().checked_sub(shown).filter(|more| *more > 0) {
            print(format_args!("  and {more} more (--all lists them)"))?;
        }
    }
    print(create::magnet(&torrent))
}

/// Seconds of the Unix epoch for the eye; what is beyond all calendars stays a number.
fn date_of(epoch_s: u64) -> String {
    /// The last second of the year 9999.
    const LAST_S: u64 = 253_402_300_799;
    if epoch_s > LAST_S {
        return format!("second {epoch_s}");
    }
    let (mut days, second) = (epoch_s / 86_400, epoch_s % 86_400);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", days + 1)
}

#[cfg(test)]
mod tests {
    use super::date_of;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (second, date) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_735_689_599, "2024-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (u64::MAX, "second 18446744073709551615"),
        ] {
            assert_eq!(date_of(second), date);
        }
    }
}
