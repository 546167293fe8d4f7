//! Plots: from data to an SVG that stands alone, with the same data as CSV beside it.
//!
//! ```
//! use bench::measure::Unit;
//! use bench::plot::{Axis, Plot, Series};
//!
//! let since = Axis::new("since the first report", Unit::Seconds);
//! let plot = Plot::new("Who is there", since, Axis::new("clients", Unit::Count))
//!     .with(Series::steps("leechers", [(0.0, 0.0), (600.0, 40.0), (1_800.0, 12.0)]))
//!     .with(Series::steps("seeds", [(0.0, 1.0), (900.0, 8.0), (1_800.0, 21.0)]))
//!     .level(30.0, "as published");
//! assert!(plot.to_svg().starts_with("<svg"));
//! assert!(plot.to_csv().starts_with("series,since_the_first_report_s,clients\nleechers,0,0\n"));
//! ```
//!
//! | part | file |
//! |---|---|
//! | what is drawn: lines, steps, dots, bars, bands, guides | `mod.rs` |
//! | ranges, ticks, and what values look like on an axis | `axis.rs` |
//! | where title, legend, axes and marks go | `page.rs` |
//! | lines with no more points than can be seen | `path.rs` |
//! | colours of the light and the dark page and of paper | `look.rs` |
//! | elements and text of an SVG | `svg.rs` |
//! | the CSV | `sheet.rs` |
//! | who has how much of all | `shares.rs` |
//!
//! A plot is a value and drawing it a pure function: the same data give the same bytes on every machine.
//!
//! What no axis can show leaves a gap and breaks no plot: NaN, infinities, more than [`MAGNITUDE_MAX`], and on a logarithmic axis
//! what is not positive. An axis always reaches all that it can show; nothing is cut off. The CSV has all of it, in basic units:
//! seconds, bytes, kilobits per second, parts of one.

mod axis;
mod look;
mod page;
mod path;
mod shares;
mod sheet;
mod svg;

pub use axis::{Axis, MAGNITUDE_MAX};
pub use look::DASHES;
pub(crate) use look::{COLOURS, palette};
pub use shares::{concentration, share_of_top};
pub(crate) use svg::Escaped;

/// A picture of some series over one pair of axes.
#[derive(Clone, Debug)]
pub struct Plot {
    title: String,
    note: String,
    about: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    guides: Vec<Guide>,
}

/// Values that belong together, under one name and in one colour.
#[derive(Clone, Debug)]
pub struct Series {
    name: String,
    data: Data,
    band: Vec<Span>,
    colour: Option<usize>,
    dash: usize,
}

/// How values are drawn.
#[derive(Clone, Debug)]
enum Data {
    /// Points joined by straight lines.
    Line(Vec<(f64, f64)>),
    /// Each value holds until the next.
    Steps(Vec<(f64, f64)>),
    /// Points alone.
    Dots(Vec<(f64, f64)>),
    /// From zero up.
    Bars(Vec<Bar>),
}

/// A bar over an interval of the horizontal axis. Series of bars in one plot share each interval between them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bar {
    /// Where the interval begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How high the bar is.
    pub value: f64,
}

/// Where a value lies with some confidence.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Span {
    /// The place on the horizontal axis.
    pub x: f64,
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

/// A line to compare with, and what it is.
#[derive(Clone, Debug)]
struct Guide {
    place: Place,
    label: String,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// A value of the vertical axis.
    Level(f64),
    /// One of the horizontal.
    Moment(f64),
    /// Where both are the same.
    Diagonal,
}

impl Plot {
    /// An empty plot.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Plot {
        let (title, note, about) = (title.into(), String::new(), String::new());
        Plot { title, note, about, x, y, series: Vec::new(), guides: Vec::new() }
    }

    /// Says below the title what the data are, or how they are to be read.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Plot {
        self.note = note.into();
        self
    }

    /// Says in the picture's description, which is read out to those who do not see it, what else is to be known of it.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Plot {
        self.about = about.into();
        self
    }

    /// Adds a series.
    #[must_use]
    pub fn with(mut self, series: Series) -> Plot {
        self.series.push(series);
        self
    }

    /// Adds a horizontal line, drawn where the data reach it: a far-off number to compare with squeezes no data.
    #[must_use]
    pub fn level(self, value: f64, label: impl Into<String>) -> Plot {
        self.guide(Place::Level(value), label.into())
    }

    /// Adds a vertical line, likewise.
    #[must_use]
    pub fn moment(self, at: f64, label: impl Into<String>) -> Plot {
        self.guide(Place::Moment(at), label.into())
    }

    /// Adds the line where both axes have the same value.
    #[must_use]
    pub fn diagonal(self, label: impl Into<String>) -> Plot {
        self.guide(Place::Diagonal, label.into())
    }

    fn guide(mut self, place: Place, label: String) -> Plot {
        self.guides.push(Guide { place, label });
        self
    }

    /// Whether there is nothing to be seen.
    pub fn is_empty(&self) -> bool {
        self.shown().next().is_none()
    }

    /// The points of all marks that both axes have places for: a bar counts whole or not at all.
    fn shown(&self) -> impl Iterator<Item = (f64, f64)> {
        let shows = |(x, y): &(f64, f64)| self.x.shows(*x) && self.y.shows(*y);
        let marks = self.series.iter().flat_map(|series| series.data.marks());
        marks.filter(move |mark| mark.iter().all(shows)).flatten()
    }

    /// The picture, for a browser, a slide or a printed page: light, dark or on paper as its reader is.
    pub fn to_svg(&self) -> String {
        page::draw(self)
    }

    /// The data: a row for each value, with the name of its series.
    pub fn to_csv(&self) -> String {
        sheet::write(self)
    }
}

impl Series {
    fn new(name: impl Into<String>, data: Data) -> Series {
        Series { name: name.into(), data, band: Vec::new(), colour: None, dash: 0 }
    }

    /// Points joined by straight lines, in their order.
    pub fn line(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
        Series::new(name, Data::Line(points.into_iter().collect()))
    }

    /// Values that hold until the next one; the last is where the line ends.
    pub fn steps(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
        Series::new(name, Data::Steps(points.into_iter().collect()))
    }

    /// Points alone.
    pub fn dots(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
        Series::new(name, Data::Dots(points.into_iter().collect()))
    }

    /// Bars over intervals: a histogram.
    pub fn bars(name: impl Into<String>, bars: impl IntoIterator<Item = Bar>) -> Series {
        Series::new(name, Data::Bars(bars.into_iter().collect()))
    }

    /// A bar for each category of [`Axis::categories`], in their order.
    pub fn columns(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Series {
        let bar = |(at, value): (usize, f64)| Bar { from: at as f64, to: at as f64 + 1.0, value };
        Series::bars(name, values.into_iter().enumerate().map(bar))
    }

    /// Adds where its values lie with 95 % confidence: an area along a line, and on each bar a rod at the place of its span.
    #[must_use]
    pub fn band(mut self, spans: impl IntoIterator<Item = Span>) -> Series {
        self.band = spans.into_iter().collect();
        self
    }

    /// Gives it this colour of the palette, wherever it stands in the plot: what is the same thing in several plots looks the
    /// same in all of them.
    #[must_use]
    pub fn colour(mut self, number: usize) -> Series {
        self.colour = Some(number);
        self
    }

    /// Dashes its line in the way of this number: zero is solid, and after [`DASHES`] they begin anew.
    #[must_use]
    pub fn dash(mut self, number: usize) -> Series {
        self.dash = number % DASHES;
        self
    }
}

impl Data {
    /// The ends of each mark: all that axes have to reach for it to be seen. A dot has one end, twice.
    fn marks(&self) -> Box<dyn Iterator<Item = [(f64, f64); 2]> + '_> {
        match self {
            Data::Line(list) | Data::Steps(list) | Data::Dots(list) => {
                Box::new(list.iter().map(|point| [*point; 2]))
            }
            Data::Bars(list) => Box::new(list.iter().map(|bar| [(bar.from, bar.value), (bar.to, bar.value)])),
        }
    }
}
