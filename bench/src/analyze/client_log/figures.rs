//! The figures of a client's log.

use super::super::study::{Figure, Figures};
use super::super::{kbps, seconds, share};
use super::About;
use super::diary::{Diary, While};
use crate::measure::Unit;
use crate::plot::{concentration, share_of_top};
use crate::report::number::Scale;

/// The part of the peers whose part of the file the lecture names.
pub(super) const TOP: f64 = 0.25;

pub(super) fn title(about: &About) -> String {
    let torrent =
        about.torrent.map_or_else(|| "a torrent without a name".to_owned(), |hash| format!("torrent {hash}"));
    let span = Scale::of(Unit::Seconds, seconds(about.first_ms, about.last_ms));
    let span = span.text(seconds(about.first_ms, about.last_ms));
    let runs = if about.runs > 1 { format!(", {} runs", about.runs) } else { String::new() };
    let lines = Scale::of(Unit::Count, about.lines as f64).text(about.lines as f64);
    format!("Client log of {torrent}: {lines} lines in {span}{runs}")
}

pub(super) fn figures(diary: &Diary) -> Vec<Figure> {
    let mut figures = Figures::default();
    the_download(&mut figures, diary);
    stalls(&mut figures, diary);
    given(&mut figures, diary);
    who_gave(&mut figures, diary);
    others(&mut figures, diary);
    waste(&mut figures, diary);
    figures.done()
}

fn the_download(figures: &mut Figures, diary: &Diary) {
    let Diary { leeching, seeding, firsts, volumes, .. } = diary;
    figures.group("the download");
    figures
        .add("length", "bytes of the torrent", Unit::Bytes, diary.length as f64)
        .lecture(1.77e9, "RedHat 9");
    figures.add("had", "... there at the start", Unit::Bytes, diary.had as f64);
    figures.count("runs", "runs", diary.runs);
    figures.add("leeching_time", "time as a leecher", Unit::Seconds, leeching.all_s);
    figures.add("seeding_time", "time as a seed", Unit::Seconds, seeding.all_s);
    figures.add("first_unchoke", "until somebody served it", Unit::Seconds, firsts.unchoke);
    figures.add("first_block", "until the first block", Unit::Seconds, firsts.block);
    figures.add("first_piece", "until the first whole piece", Unit::Seconds, firsts.piece);
    figures.add("complete", "until all was there", Unit::Seconds, firsts.complete);
    let rate = |bytes: f64, time: &While| (time.all_s > 0.0).then(|| kbps(bytes, time.all_s));
    figures.add("down_kbps", "received as a leecher", Unit::Kbps, rate(volumes.received(), leeching));
    figures.add("up_leeching_kbps", "sent as a leecher", Unit::Kbps, rate(volumes.given_leeching, leeching));
    figures.add("up_seeding_kbps", "sent as a seed", Unit::Kbps, rate(volumes.given_seeding, seeding));
}

fn stalls(figures: &mut Figures, diary: &Diary) {
    let Diary { trading, seeding, .. } = diary;
    figures.group("from the first piece to the last: share of the time in which");
    let of = |part: f64| share(part, trading.all_s);
    figures
        .add("wanted", "somebody had what it lacked", Unit::Share, of(trading.wanted_s))
        .lecture(1.0, "always, never stalled");
    figures.add("serving", "... and served it", Unit::Share, of(trading.serving_s));
    figures.add(
        "serving_of_wanted",
        "the second, of the first",
        Unit::Share,
        share(trading.serving_s, trading.wanted_s),
    );
    figures
        .add("wanting", "somebody lacked what it had", Unit::Share, of(trading.wanting_s))
        .lecture(1.0, "always, never stalled");
    figures.add("served", "... and was served", Unit::Share, of(trading.served_s));
    figures.add(
        "both",
        "there was somebody to fetch from and somebody to serve",
        Unit::Share,
        of(trading.both_s),
    );
    figures.group("as a seed: share of the time in which");
    figures.add(
        "seed_wanting",
        "somebody lacked something",
        Unit::Share,
        share(seeding.wanting_s, seeding.all_s),
    );
    figures.add("seed_served", "... and was served", Unit::Share, share(seeding.served_s, seeding.all_s));
}

fn given(figures: &mut Figures, diary: &Diary) {
    let volumes = &diary.volumes;
    figures.group("received and given");
    figures.add("received", "received", Unit::Bytes, volumes.received());
    figures.add("given_leeching", "given as a leecher", Unit::Bytes, volumes.given_leeching);
    figures.add("given_seeding", "given as a seed", Unit::Bytes, volumes.given_seeding);
    let ratio = |received: f64| share(received, volumes.given_leeching);
    figures
        .add(
            "received_ratio",
            "received for each byte given as a leecher",
            Unit::Ratio,
            ratio(volumes.received()),
        )
        .lecture(1.0, "received more than it gave");
    figures
        .add(
            "received_ratio_leechers",
            "... not counting what seeds gave",
            Unit::Ratio,
            ratio(volumes.from_leechers),
        )
        .lecture(1.0, "even without the seeds");
}

fn who_gave(figures: &mut Figures, diary: &Diary) {
    let volumes = &diary.volumes;
    let received = volumes.received();
    figures.group("who gave the file");
    figures
        .add("from_seeds", "seeds", Unit::Share, share(volumes.from_seeds, received))
        .lecture(0.4, "from seeders");
    figures
        .add("from_leechers", "leechers", Unit::Share, share(volumes.from_leechers, received))
        .lecture(0.6, "from leechers");
    figures
        .add(
            "from_top",
            "the quarter of the peers that gave most",
            Unit::Share,
            share_of_top(&curve(diary), TOP),
        )
        .lecture(0.85, "by only 25% peers");
    let givers = concentration(diary.others.iter().map(|other| other.gave).filter(|gave| *gave > 0.0));
    figures.add(
        "from_top_givers",
        "... of those that gave anything",
        Unit::Share,
        share_of_top(&givers, TOP),
    );
    figures
        .add("from_diallers", "those who dialled it", Unit::Share, share(volumes.from_diallers, received))
        .lecture_range(0.5, 1.0, "most of the file");
    figures.add("from_dialled", "those whom it dialled", Unit::Share, share(volumes.from_dialled, received));
}

fn others(figures: &mut Figures, diary: &Diary) {
    let others = || diary.others.iter();
    figures.group("the others");
    figures.count("peers", "peers met", others().count() as u64);
    figures.count(
        "givers",
        "... that gave something",
        others().filter(|other| other.gave > 0.0).count() as u64,
    );
    figures.count(
        "takers",
        "... that took something while it leeched",
        others().filter(|other| other.took > 0.0).count() as u64,
    );
    let mut ratios: Vec<f64> = others()
        .filter(|other| other.gave_as_leecher > 0.0 && other.took > 0.0)
        .map(|other| other.gave_as_leecher / other.took)
        .collect();
    ratios.sort_by(f64::total_cmp);
    figures.count("traders", "leechers that gave and took", ratios.len() as u64);
    let at = |part: usize| ratios.get(ratios.len() * part / 4).copied();
    figures.add("trade_low", "given for each byte taken, lower quartile", Unit::Ratio, at(1));
    figures
        .add("trade_median", "... median", Unit::Ratio, at(2))
        .lecture(1.0, "balanced, though never perfectly");
    figures.add("trade_high", "... upper quartile", Unit::Ratio, at(3));
}

fn waste(figures: &mut Figures, diary: &Diary) {
    let wasted = diary.volumes.wasted;
    figures.group("in vain");
    figures.add("wasted", "blocks that came and were not wanted", Unit::Bytes, wasted);
    let all = wasted + diary.volumes.received();
    figures.add("wasted_share", "... of all that came", Unit::Share, share(wasted, all));
    figures.count("wrong_pieces", "pieces that were wrong", diary.wrong_pieces);
    figures.count("out_of_order", "lines earlier than one before", diary.out_of_order);
    figures.count(
        "unlisted",
        "lines and peers for which there was no room",
        diary.links.unlisted + diary.others.unlisted,
    );
}

/// Which part of the peers gave which part of the file.
pub(super) fn curve(diary: &Diary) -> Vec<(f64, f64)> {
    concentration(diary.others.iter().map(|other| other.gave))
}
