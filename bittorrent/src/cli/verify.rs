//! `bittorrent verify`.

use std::path::PathBuf;

use anyhow::bail;
use bittorrent::metainfo::Info;
use common::cli::{counted, print, printable};
use common::store::{Volume, VolumeError};

use super::{content, join};

#[derive(clap::Args)]
pub struct Args {
    /// The .torrent.
    file: PathBuf,
    /// The file or the folder, or the folder that it is in.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let torrent = join::read_torrent(&args.file)?;
    let info = &torrent.info;
    let path = content::locate(&args.data, info);
    let (volume, faults) = Volume::survey(&path, &content::plan(&torrent))?;
    let right = content::check(&volume, info);
    let (count, all) = (content::count(&right), info.pieces.len());
    let path = path.display();
    if count == all && faults.is_empty() {
        return print(format_args!("{path}: complete, {} right", counted(all, "piece")));
    }
    let incomplete = tell_incomplete(&volume, info, &right, &faults)?;
    let of_files = format!("{} of {} not complete", incomplete, counted(info.files.len(), "file"));
    bail!("{path}: {of_files}; {count} of {} right, {} wrong", counted(all, "piece"), all - count);
}

/// One line for each file that is not as the torrent has it; how many there are.
fn tell_incomplete(
    volume: &Volume,
    info: &Info,
    right: &[bool],
    faults: &[(usize, VolumeError)],
) -> anyhow::Result<usize> {
    let (mut start, mut incomplete) = (0, 0);
    let mut faults = faults.iter().peekable();
    for (at, (path, length)) in volume.files().enumerate() {
        let pieces = pieces_of(start, length, info.piece_length);
        start += length;
        let of_it = &right[pieces];
        let wrong = of_it.len() - content::count(of_it);
        let fault = faults.next_if(|(number, _)| *number == at);
        if wrong == 0 && fault.is_none() {
            continue;
        }
        incomplete += 1;
        match fault {
            Some((_, fault)) => print(printable(&fault.to_string()))?,
            None => {
                let path = printable(&path.display().to_string());
                print(format_args!("{path}: {wrong} of its {} wrong", counted(of_it.len(), "piece")))?;
            }
        }
    }
    Ok(incomplete)
}

/// The pieces that a file has bytes in.
fn pieces_of(start: u64, length: u64, piece_length: u32) -> std::ops::Range<usize> {
    let piece_length = u64::from(piece_length);
    let first = start / piece_length;
    let end = if length == 0 { first } else { (start + length).div_ceil(piece_length) };
    first as usize..end as usize
}

#[cfg(test)]
mod tests {
    use super::pieces_of;

    #[test]
    fn a_file_has_bytes_in_the_pieces_that_it_touches() {
        let cases = [
            ((0, 10), 0..1),
            ((0, 11), 0..2),
            ((9, 2), 0..2),
            ((10, 10), 1..2),
            ((25, 0), 2..2),
            ((30, 0), 3..3),
        ];
        for ((start, length), pieces) in cases {
            assert_eq!(pieces_of(start, length, 10), pieces, "{length} bytes from {start} on");
        }
    }
}
