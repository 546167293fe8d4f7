//! Plots hold what they are given: well-formed, nothing outside their field, ticks in order, whatever the data.

use bench::measure::Unit;
use bench::plot::{Axis, Bar, Plot, Series, Span};
use proptest::prelude::*;
use roxmltree::{Document, Node};

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {name} in {node:?}"))
}

fn has_class(node: Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|classes| classes.split(' ').any(|word| word == class))
}

/// All places that a path goes through, if it is one of those that plots are made of.
fn places(path: &str) -> Vec<(f64, f64)> {
    let mut places: Vec<(f64, f64)> = Vec::new();
    let starts = path.match_indices(|c: char| c.is_ascii_alphabetic()).map(|(at, _)| at);
    let ends = starts.clone().skip(1).chain([path.len()]);
    for (start, end) in starts.zip(ends) {
        let numbers: Vec<f64> =
            path[start + 1..end].split_whitespace().map(|text| text.parse().unwrap()).collect();
        let last = places.last().copied();
        let place = match (&path[start..=start], &numbers[..]) {
            ("M" | "L", [x, y]) => (*x, *y),
            ("H", [x]) => (*x, last.unwrap().1),
            ("V", [y]) => (last.unwrap().0, *y),
            ("h", [0.0]) | ("Z", []) => last.unwrap(),
            other => panic!("{other:?} in {path}"),
        };
        places.push(place);
    }
    places
}

/// Reads a picture and holds it to what every picture promises. Returns how many marks it has.
fn checked(plot: &Plot) -> usize {
    let svg = plot.to_svg();
    let document = Document::parse(&svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
    let root = document.root_element();
    assert!(root.tag_name().name() == "svg" && has_class(root, "plot"));
    let page: Vec<f64> =
        root.attribute("viewBox").unwrap().split(' ').map(|side| side.parse().unwrap()).collect();
    let field = document.descendants().find(|node| has_class(*node, "field")).unwrap();
    let (left, top) = (number(field, "x"), number(field, "y"));
    let (right, bottom) = (left + number(field, "width"), top + number(field, "height"));
    assert!(left >= 0.0 && top >= 0.0 && right <= page[2] && bottom <= page[3] && right - left > 300.0);
    // To the tenth that is written.
    let is_inside = |(x, y): (f64, f64)| {
        let inside = x >= left - 0.11 && x <= right + 0.11 && y >= top - 0.11 && y <= bottom + 0.11;
        assert!(inside, "({x}, {y}) is outside {left} {top} {right} {bottom}");
    };
    let mut marks = 0;
    let group = document.descendants().find(|node| has_class(*node, "marks")).unwrap();
    for mark in group.descendants().filter(Node::is_element) {
        match mark.tag_name().name() {
            "path" => places(mark.attribute("d").unwrap()).into_iter().for_each(is_inside),
            "circle" => is_inside((number(mark, "cx"), number(mark, "cy"))),
            "rect" => {
                let (x, y) = (number(mark, "x"), number(mark, "y"));
                is_inside((x, y));
                is_inside((x + number(mark, "width"), y + number(mark, "height")));
            }
            _ => continue,
        }
        marks += 1;
    }
    assert_eq!(marks == 0, plot.is_empty(), "{svg}");
    let ticks = |end: &'static str| {
        document.descendants().filter(move |node| has_class(*node, "tick") && has_class(*node, end))
    };
    let up: Vec<(f64, &str)> = ticks("end").map(|tick| (number(tick, "y"), tick.text().unwrap())).collect();
    assert!(up.is_sorted_by(|a, b| a.0 > b.0 && a.1 != b.1), "ticks from below: {up:?}");
    let along: Vec<f64> = ticks("middle").map(|tick| number(tick, "x")).collect();
    assert!(along.is_sorted_by(|a, b| a < b), "ticks from the left: {along:?}");
    assert!((2..=24).contains(&up.len()) && (2..=41).contains(&along.len()), "{up:?} {along:?}");
    marks
}

fn axes() -> (Axis, Axis) {
    (Axis::new("since the start", Unit::Seconds), Axis::new("clients", Unit::Count))
}

#[test]
fn each_mark_is_where_its_value_is() {
    let (x, y) = axes();
    let plot =
        Plot::new("Three points", x, y).with(Series::line("a", [(0.0, 0.0), (50.0, 5.0), (100.0, 10.0)]));
    let svg = plot.to_svg();
    checked(&plot);
    let document = Document::parse(&svg).unwrap();
    let field = document.descendants().find(|node| has_class(*node, "field")).unwrap();
    let line = document.descendants().find(|node| has_class(*node, "line")).unwrap();
    let (left, top) = (number(field, "x"), number(field, "y"));
    let (width, height) = (number(field, "width"), number(field, "height"));
    let expected = [(left, top + height), (left + width / 2.0, top + height / 2.0), (left + width, top)];
    for (place, expected) in places(line.attribute("d").unwrap()).into_iter().zip(expected) {
        assert!(
            (place.0 - expected.0).abs() < 0.11 && (place.1 - expected.1).abs() < 0.11,
            "{place:?} {expected:?}"
        );
    }
    let ticks: Vec<&str> = document
        .descendants()
        .filter(|node| has_class(*node, "end"))
        .filter_map(|node| node.text())
        .collect();
    assert_eq!(ticks, ["0", "2", "4", "6", "8", "10"]);
}

#[test]
fn text_is_no_markup_and_long_text_stays_on_the_page() {
    let (x, _) = axes();
    let y = Axis::new("<b>&\"'\u{0}\u{1b}[31m]]>", Unit::Bytes);
    let names = ["<script>alert(1)</script>".to_owned(), "long ".repeat(100), "後".repeat(200)];
    let plot = names
        .iter()
        .fold(Plot::new("a < b & c".repeat(30), x, y).note("--><!--".repeat(50)), |plot, name| {
            plot.with(Series::line(name, [(0.0, 1.0), (1.0, 2.0)]))
        });
    checked(&plot);
    let svg = plot.to_svg();
    let document = Document::parse(&svg).unwrap();
    assert!(document.descendants().all(|node| node.tag_name().name() != "script"));
    let longest =
        document.descendants().filter(|node| node.tag_name().name() == "text").filter_map(|node| node.text());
    assert!(longest.map(|text| text.chars().count()).max() < Some(160));
}

#[test]
fn what_an_axis_cannot_show_is_a_gap_and_no_harm() {
    for values in [
        &[][..],
        &[(0.0, 0.0)],
        &[(5.0, 5.0)],
        &[(f64::NAN, 1.0), (1.0, f64::NAN)],
        &[(f64::INFINITY, 1.0), (1.0, f64::NEG_INFINITY), (2.0, 2.0)],
        &[(f64::MAX, f64::MIN), (1e100, -1e100), (0.0, 1e-300)],
        &[(f64::MIN_POSITIVE, f64::MIN_POSITIVE), (0.0, 5e-324)],
        &[(1e15, 1e15), (1e15 + 1.0, 1e15 + 1.0)],
        &[(3.0, 1.0), (1.0, 2.0), (2.0, 3.0)],
    ] {
        for unit in [Unit::Count, Unit::Bytes, Unit::Seconds, Unit::Share, Unit::Kbps] {
            for log in [false, true] {
                let axis = || if log { Axis::new("a", unit).log() } else { Axis::new("a", unit) };
                let list = || values.iter().copied();
                let bars = list().map(|(x, value)| Bar { from: x, to: x + 1.0, value });
                let band = list().map(|(x, y)| Span { x, low: y - 1.0, high: y + 1.0 });
                let plot = Plot::new("weird", axis(), axis())
                    .with(Series::line("line", list()).band(band))
                    .with(Series::steps("steps", list()))
                    .with(Series::dots("dots", list()))
                    .level(1.0, "level")
                    .moment(f64::NAN, "never")
                    .diagonal("same");
                checked(&plot);
                checked(&plot.with(Series::bars("bars", bars)));
            }
        }
    }
}

#[test]
fn a_bar_that_begins_where_no_axis_has_a_place_is_not_shown() {
    let bar = Bar { from: 0.0, to: 60.0, value: 5.0 };
    let plot = |x: Axis| Plot::new("bins", x, axes().1).with(Series::bars("clients", [bar]));
    assert_eq!((checked(&plot(axes().0)), checked(&plot(axes().0.log()))), (1, 0));
}

#[test]
fn bars_of_several_series_stand_side_by_side_in_each_interval() {
    let overlays = Axis::categories("overlay", ["napster", "gnutella"]);
    let plot = Plot::new("Messages", overlays, Axis::new("messages", Unit::Count))
        .with(Series::columns("real", [2.0, 600.0]))
        .with(Series::columns("simulated", [2.0, 610.0]));
    assert_eq!(checked(&plot), 4);
    let svg = plot.to_svg();
    let document = Document::parse(&svg).unwrap();
    let marks = document.descendants().find(|node| has_class(*node, "marks")).unwrap();
    let mut spans: Vec<(f64, f64)> = marks
        .descendants()
        .filter(|node| node.tag_name().name() == "rect")
        .map(|bar| (number(bar, "x"), number(bar, "x") + number(bar, "width")))
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0 + 0.11), "{spans:?}");
    assert_eq!(plot.to_csv().lines().nth(2), Some("real,gnutella,,600"));
}

#[test]
fn what_has_a_colour_keeps_it_and_bars_have_rods() {
    let overlays = Axis::categories("overlay", ["one", "two"]);
    let rods = [Span { x: 0.5, low: 1.0, high: 3.0 }, Span { x: 1.5, low: 5.0, high: f64::NAN }];
    let plot = Plot::new("Messages", overlays, Axis::new("messages", Unit::Count))
        .with(Series::columns("b", [2.0, 6.0]).band(rods).colour(4))
        .with(Series::columns("a", [1.0, 2.0]));
    assert_eq!(checked(&plot), 4);
    let svg = plot.to_svg();
    let document = Document::parse(&svg).unwrap();
    let of_class = |class: &str| document.descendants().filter(|node| has_class(*node, class)).count();
    // Each with a sample in the legend.
    assert_eq!((of_class("s4"), of_class("s0"), of_class("s1")), (3, 0, 3));
    let rod: Vec<Node<'_, '_>> = document.descendants().filter(|node| has_class(*node, "rod")).collect();
    assert_eq!(rod.len(), 3, "one rod with two ends; the other has no upper end");
    let bar = rod[0].parent().unwrap().descendants().find(|node| node.tag_name().name() == "rect").unwrap();
    let middle = number(bar, "x") + number(bar, "width") / 2.0;
    assert!((number(rod[0], "x1") - middle).abs() < 0.11);
    let (x, y) = axes();
    let lines = (0..9).fold(Plot::new("many", x, y), |plot, number| {
        plot.with(Series::line(format!("{number}"), [(0.0, 0.0), (1.0, 1.0)]).colour(2).dash(number))
    });
    let svg = lines.to_svg();
    assert!(svg.contains("class=\"s2 line d3\"") && svg.contains("class=\"s2 line\""));
    assert!(!svg.contains("class=\"s2 line d4\"") && svg.contains("<desc>0, 1, 2"));
}

#[test]
fn a_guide_far_away_squeezes_no_data() {
    let plot = |level| {
        let (x, y) = axes();
        Plot::new("few", x, y)
            .with(Series::line("a", [(0.0, 0.0), (1.0, 10.0)]))
            .level(level, "published")
            .to_svg()
    };
    assert!(plot(5.0).contains("published") && !plot(180_000.0).contains("published"));
    assert_eq!(plot(1e6), plot(2e6));
}

#[test]
fn the_data_stand_beside_the_picture() {
    let (x, y) = axes();
    let plot = Plot::new("t", x, y)
        .with(Series::bars("a, b", [Bar { from: 0.0, to: 60.0, value: 2.5 }]))
        .with(Series::line("mean", [(0.0, 1.0)]).band([Span { x: 0.0, low: 0.5, high: f64::NAN }]));
    let expected = "series,since_the_start_s,since_the_start_s_to,clients,clients_low,clients_high\n\
                    \"a, b\",0,60,2.5,,\n\
                    mean,0,,1,,\n\
                    mean,0,,,0.5,NaN\n";
    assert_eq!(plot.to_csv(), expected);
}

fn a_value() -> impl Strategy<Value = f64> {
    prop_oneof![6 => -1e6..1e6f64, 2 => any::<f64>(), 1 => Just(0.0), 1 => 0.0..1e-6f64]
}

fn points() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((a_value(), a_value()), 0..60)
}

fn an_axis() -> impl Strategy<Value = Axis> {
    const UNITS: [Unit; 6] = [Unit::Count, Unit::Bytes, Unit::Seconds, Unit::Share, Unit::Ratio, Unit::Kbps];
    ("\\PC{0,20}", prop::sample::select(&UNITS[..]), any::<bool>(), prop::option::of(a_value())).prop_map(
        |(label, unit, log, reach)| {
            let axis = Axis::new(label, unit);
            let axis = reach.into_iter().fold(axis, Axis::reaching);
            if log { axis.log() } else { axis }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_the_data_a_plot_holds_them(
        (x, y) in (an_axis(), an_axis()),
        all in prop::collection::vec((points(), 0u8..4, "\\PC{0,40}"), 0..9),
        guide in a_value(),
    ) {
        let mut plot = Plot::new("any", x, y).level(guide, "level").moment(guide, "moment");
        for (points, kind, name) in all {
            plot = plot.with(match kind {
                0 => Series::line(name, points.clone()).band(points.iter().map(|(x, y)| Span { x: *x, low: *y, high: y + 1.0 })),
                1 => Series::steps(name, points),
                2 => Series::dots(name, points),
                _ => Series::bars(name, points.iter().map(|(x, y)| Bar { from: *x, to: x + y, value: *y })),
            });
        }
        checked(&plot);
        prop_assert_eq!(plot.to_svg(), plot.to_svg());
        plot.to_csv();
    }
}
