//! Where everything goes on the page.
//!
//! ```text
//!  title
//!  note
//!  ── leechers   ── seeds            legend, of more than one series
//!  clients                           what the vertical axis shows
//!  ┌────────────────────────┐
//!  │ field                  │
//!  └────────────────────────┘
//!  0      1      2      3
//!            since the start (days)
//! ```
//!
//! For pages and programs that look into a picture: the field has the class `field`, all that is data lies in a group `marks`, and
//! the numbers on both axes are of class `tick`.

use super::axis::Ruler;
use super::look::{COLOURS, TEXT, TITLE, style};
use super::path::{Places, path};
use super::svg::{Escaped, Length, Svg, fitted, width};
use super::{Bar, Data, Guide, Place, Plot, Series, Span};

/// The width of the page; all lengths are in its units, and a reader makes of it what there is room for.
const WIDTH: f64 = 960.0;
/// The height of the field in which data lie.
const FIELD_HEIGHT: f64 = 380.0;
const MARGIN: f64 = 24.0;
/// From one line of text to the next.
const LINE: f64 = 26.0;
/// The sample of a series in the legend, with the gap behind it.
const SAMPLE: f64 = 38.0;
/// Half the size of a dot.
const RADIUS: f64 = 3.6;

/// A plot with its rulers and the field that they span.
struct Page<'a> {
    plot: &'a Plot,
    x: Ruler,
    y: Ruler,
    /// The field's left, top and right.
    left: f64,
    top: f64,
    right: f64,
}

/// The whole picture.
pub(super) fn draw(plot: &Plot) -> String {
    let mut head = Svg::default();
    let top = header(plot, &mut head);
    let page = Page::of(plot, top);
    let height = top + FIELD_HEIGHT + 2.0 * LINE + 22.0;
    let mut svg = Svg::default();
    let (title, view) = (Escaped(&plot.title), Length(height));
    svg.raw(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {view}\" class=\"plot\" role=\"img\">\n\
         <title>{title}</title>\n<desc>{}</desc>\n<style>\n{}</style>\n",
        Escaped(&description(plot)),
        style()
    ));
    svg.rect((0.0, 0.0), (WIDTH, height), "paper");
    svg.raw(format_args!("{}", head.0));
    page.axes(&mut svg);
    svg.raw(format_args!("<g class=\"marks\">\n"));
    plot.series.iter().enumerate().for_each(|(number, series)| page.band(&mut svg, number, series));
    plot.series.iter().enumerate().for_each(|(number, series)| page.marks(&mut svg, number, series));
    svg.raw(format_args!("</g>\n"));
    plot.guides.iter().for_each(|guide| page.guide(&mut svg, guide));
    if plot.is_empty() {
        let middle = ((page.left + page.right) / 2.0, page.top + FIELD_HEIGHT / 2.0);
        svg.text(middle, "soft middle", "nothing to show");
    }
    svg.raw(format_args!("</svg>\n"));
    svg.0
}

/// What there is to be seen, for those who do not see it.
fn description(plot: &Plot) -> String {
    let names: Vec<&str> = plot.series.iter().map(|series| series.name.as_str()).collect();
    let parts = [plot.note.clone(), names.join(", "), plot.about.clone()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". ")
}

/// Title, note and legend; returns where the field begins.
fn header(plot: &Plot, svg: &mut Svg) -> f64 {
    let room = WIDTH - 2.0 * MARGIN;
    let mut y = MARGIN + TITLE * 0.75;
    svg.text((MARGIN, y), "title", &fitted(&plot.title, TITLE, room));
    if !plot.note.is_empty() {
        y += LINE;
        svg.text((MARGIN, y), "soft", &fitted(&plot.note, TEXT, room));
    }
    y = legend(plot, svg, y + LINE + 6.0);
    // The caption of the vertical axis stands above it.
    y + 22.0
}

/// A sample and the name of each series, in as many lines as that takes.
fn legend(plot: &Plot, svg: &mut Svg, mut y: f64) -> f64 {
    if plot.series.len() < 2 {
        return y;
    }
    let mut x = MARGIN;
    let has_band = plot.series.iter().any(|series| !series.band.is_empty());
    for (number, series) in plot.series.iter().enumerate() {
        let name = fitted(&series.name, TEXT, WIDTH - 2.0 * MARGIN - SAMPLE);
        let wide = SAMPLE + width(&name, TEXT) + 28.0;
        if x > MARGIN && x + wide > WIDTH - MARGIN + 28.0 {
            (x, y) = (MARGIN, y + LINE);
        }
        sample(svg, number, series, (x, y - TEXT * 0.33));
        svg.text((x + SAMPLE, y), "", &name);
        x += wide;
    }
    if has_band {
        let of_bars = plot.series.iter().all(|series| matches!(series.data, Data::Bars(_)));
        let words = if of_bars { "rods: 95 % intervals" } else { "shaded: 95 % interval" };
        if x + width(words, TEXT) > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + LINE);
        }
        svg.text((x, y), "soft", words);
    }
    y + LINE + 4.0
}

fn sample(svg: &mut Svg, number: usize, series: &Series, (x, y): (f64, f64)) {
    match series.data {
        Data::Line(_) | Data::Steps(_) => {
            let (x, y) = (Length(x), Length(y));
            svg.raw(format_args!(
                "<path d=\"M{x} {y}h28\" class=\"{}\"/>\n",
                classes(series, number, "line")
            ));
        }
        Data::Dots(_) => dot(svg, (x + 14.0, y), 5.0, &classes(series, number, "dot")),
        Data::Bars(_) => svg.rect((x + 6.0, y - 8.0), (16.0, 16.0), &classes(series, number, "fill")),
    }
}

fn dot(svg: &mut Svg, (x, y): (f64, f64), radius: f64, classes: &str) {
    let [x, y, radius] = [x, y, radius].map(Length);
    svg.raw(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" class=\"{classes}\"/>\n"));
}

/// The colour of a series, what it colours, and how its line is dashed.
fn classes(series: &Series, number: usize, what: &str) -> String {
    let colour = series.colour.unwrap_or(number);
    // Where the colours begin anew, so that a line differs from the first one that has the same.
    let dash = if colour >= COLOURS { series.dash.max(1) } else { series.dash };
    let colour = colour % COLOURS;
    if dash == 0 { format!("s{colour} {what}") } else { format!("s{colour} {what} d{dash}") }
}

impl<'a> Page<'a> {
    fn of(plot: &'a Plot, top: f64) -> Page<'a> {
        let spans = || plot.series.iter().flat_map(|series| series.band.iter());
        let y = plot.y.ruler(
            plot.shown().map(|point| point.1).chain(spans().flat_map(|s| [s.low, s.high])),
            true,
            6,
        );
        let x = plot.x.ruler(plot.shown().map(|point| point.0).chain(spans().map(|span| span.x)), false, 9);
        let widest = y.ticks.iter().map(|tick| width(&tick.label, TEXT)).fold(0.0, f64::max);
        // The last label of the horizontal axis may stand half beyond the field.
        let beyond = x.ticks.last().map_or(0.0, |tick| width(&tick.label, TEXT) / 2.0);
        let right = WIDTH - MARGIN.max(if x.is_named { 0.0 } else { beyond + 4.0 });
        Page { plot, x, y, left: MARGIN + widest.min(WIDTH / 4.0) + 12.0, top, right }
    }

    fn x(&self, place: f64) -> f64 {
        self.left + place * (self.right - self.left)
    }

    fn y(&self, place: f64) -> f64 {
        self.top + FIELD_HEIGHT - place * FIELD_HEIGHT
    }

    /// Where a point is; `None` if the axes have no place for it.
    fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.x(self.x.at(x)?), self.y(self.y.at(y)?)))
    }

    fn axes(&self, svg: &mut Svg) {
        let (bottom, room) = (self.top + FIELD_HEIGHT, self.right - self.left);
        svg.rect((self.left, self.top), (room, FIELD_HEIGHT), "field");
        for tick in &self.y.ticks {
            let y = self.y(tick.at);
            svg.line((self.left, y), (self.right, y), "grid");
            svg.text((self.left - 10.0, y + TEXT * 0.34), "tick soft end", &tick.label);
        }
        let slot = room / self.x.ticks.len().max(1) as f64;
        for tick in &self.x.ticks {
            let x = self.x(tick.at);
            if !self.x.is_named {
                svg.line((x, bottom), (x, bottom + 6.0), "axis");
            }
            let label = if self.x.is_named { fitted(&tick.label, TEXT, slot) } else { tick.label.clone() };
            svg.text((x, bottom + 10.0 + TEXT), "tick soft middle", &label);
        }
        let base = self.y(self.y.base());
        svg.line((self.left, base), (self.right, base), "axis");
        let caption = |text: &str| fitted(text, TEXT, WIDTH - 2.0 * MARGIN);
        svg.text((MARGIN, self.top - 20.0), "", &caption(&self.y.caption));
        svg.text(
            ((self.left + self.right) / 2.0, bottom + 16.0 + 2.0 * TEXT + 4.0),
            "middle",
            &caption(&self.x.caption),
        );
    }

    fn band(&self, svg: &mut Svg, number: usize, series: &Series) {
        let band = &series.band;
        if matches!(series.data, Data::Bars(_)) {
            // They have rods, which stand before them.
            return;
        }
        let edge = |of: fn(&Span) -> f64| {
            let place = move |span: &Span| self.place((span.x, of(span)));
            band.iter().map(place).collect::<Places>()
        };
        let (low, high) = (edge(|span| span.low), edge(|span| span.high));
        let both = low.iter().zip(&high).filter_map(|(low, high)| low.zip(*high));
        let (low, mut high): (Places, Places) = both.map(|(low, high)| (Some(low), Some(high))).unzip();
        if low.is_empty() {
            return;
        }
        high.reverse();
        let there = path(&low, false);
        let back = path(&high, false).replacen('M', "L", 1);
        svg.raw(format_args!("<path d=\"{there}{back}Z\" class=\"{}\"/>\n", classes(series, number, "band")));
    }

    fn marks(&self, svg: &mut Svg, number: usize, series: &Series) {
        let places = |list: &[(f64, f64)]| list.iter().map(|point| self.place(*point)).collect::<Places>();
        let name = Escaped(&series.name);
        svg.raw(format_args!("<g><title>{name}</title>\n"));
        match &series.data {
            Data::Line(list) => line(svg, &classes(series, number, "line"), &path(&places(list), false)),
            Data::Steps(list) => line(svg, &classes(series, number, "line"), &path(&places(list), true)),
            Data::Dots(list) => {
                let classes = classes(series, number, "dot");
                places(list).into_iter().flatten().for_each(|place| dot(svg, place, RADIUS, &classes));
            }
            Data::Bars(list) => list.iter().for_each(|bar| self.bar(svg, number, bar)),
        }
        svg.raw(format_args!("</g>\n"));
    }

    /// A bar, with a rod for each span that belongs to it.
    fn bar(&self, svg: &mut Svg, number: usize, bar: &Bar) {
        let Some((left, wide)) = self.side(number, bar) else { return };
        let Some(value) = self.y.at(bar.value) else { return };
        let series = &self.plot.series[number];
        let (base, end) = (self.y(self.y.base()), self.y(value));
        svg.rect((left, base.min(end)), (wide, (base - end).abs()), &classes(series, number, "fill"));
        for span in series.band.iter().filter(|span| bar.from <= span.x && span.x < bar.to) {
            let (Some(low), Some(high)) = (self.y.at(span.low), self.y.at(span.high)) else { continue };
            let (x, low, high) = (left + wide / 2.0, self.y(low), self.y(high));
            svg.line((x, low), (x, high), "rod");
            for end in [low, high] {
                svg.line((x - 4.0, end), (x + 4.0, end), "rod");
            }
        }
    }

    /// Where a bar begins, beside those of the other series, and how wide it is.
    fn side(&self, number: usize, bar: &Bar) -> Option<(f64, f64)> {
        let (from, to) = (self.x.at(bar.from)?, self.x.at(bar.to)?);
        let of_bars = |series: &Series| matches!(series.data, Data::Bars(_));
        let beside = self.plot.series.iter().filter(|series| of_bars(series)).count();
        let before = self.plot.series[..number].iter().filter(|series| of_bars(series)).count();
        let (from, to) = (self.x(from.min(to)), self.x(from.max(to)));
        // Names stand for things apart; bins of a histogram touch but for a hair.
        let gap = if self.x.is_named { (to - from) * 0.14 } else { ((to - from) * 0.1).min(1.0) };
        let each = (to - from - 2.0 * gap) / beside as f64;
        let apart = if beside > 1 && each > 8.0 { 2.0 } else { 0.0 };
        Some((from + gap + each * before as f64, each - apart))
    }

    fn guide(&self, svg: &mut Svg, guide: &Guide) {
        let (top, bottom) = (self.top, self.top + FIELD_HEIGHT);
        let label = |svg: &mut Svg, (x, y): (f64, f64), class: &str| {
            svg.text(
                (x, y),
                &format!("soft halo {class}"),
                &fitted(&guide.label, TEXT, self.right - self.left),
            );
        };
        match guide.place {
            Place::Level(value) => {
                let Some(y) = self.y.at(value).map(|place| self.y(place)) else { return };
                svg.line((self.left, y), (self.right, y), "guide");
                label(
                    svg,
                    (self.right - 4.0, if y > top + LINE { y - 8.0 } else { y + 8.0 + TEXT * 0.7 }),
                    "end",
                );
            }
            Place::Moment(at) => {
                let Some(place) = self.x.at(at) else { return };
                let x = self.x(place);
                svg.line((x, top), (x, bottom), "guide");
                let (x, class) = if place > 0.6 { (x - 8.0, "end") } else { (x + 8.0, "") };
                label(svg, (x, top + TEXT), class);
            }
            Place::Diagonal => {
                let ((x_low, x_high), (y_low, y_high)) = (self.x.ends(), self.y.ends());
                let ends = [x_low.max(y_low), x_high.min(y_high)].map(|value| self.place((value, value)));
                let [Some(from), Some(to)] = ends else { return };
                svg.line(from, to, "guide");
                // On the side where no curve of shares ever is.
                let at = |from: f64, to: f64| from + 0.7 * (to - from);
                label(svg, (at(from.0, to.0) - 12.0, at(from.1, to.1)), "end");
            }
        }
    }
}

fn line(svg: &mut Svg, classes: &str, path: &str) {
    if !path.is_empty() {
        svg.raw(format_args!("<path d=\"{path}\" class=\"{classes}\"/>\n"));
    }
}
