//! The data of a plot for spreadsheets and other programs.

use super::{Data, Plot};

/// The columns that every plot has, and those that only bars and bands need.
struct Sheet<'a> {
    plot: &'a Plot,
    has_bars: bool,
    has_bands: bool,
}

/// A row. What is not given stays empty.
#[derive(Default)]
struct Row {
    x: f64,
    to: Option<f64>,
    y: Option<f64>,
    band: Option<(f64, f64)>,
}

/// A header and a row for each value.
pub(super) fn write(plot: &Plot) -> String {
    let has_bars = plot.series.iter().any(|series| matches!(series.data, Data::Bars(_)));
    let has_bands = plot.series.iter().any(|series| !series.band.is_empty());
    let sheet = Sheet { plot, has_bars, has_bands };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut add = |row: Vec<String>| csv.write_record(row).expect("rows of one length, into memory");
    add(sheet.header());
    for series in &plot.series {
        let values: Vec<Row> = match &series.data {
            Data::Bars(bars) => bars
                .iter()
                .map(|bar| Row { x: bar.from, to: Some(bar.to), y: Some(bar.value), band: None })
                .collect(),
            Data::Line(points) | Data::Steps(points) | Data::Dots(points) => {
                points.iter().map(|(x, y)| Row { x: *x, y: Some(*y), ..Row::default() }).collect()
            }
        };
        let band = series.band.iter().map(|span| Row {
            x: span.x,
            band: Some((span.low, span.high)),
            ..Row::default()
        });
        values.into_iter().chain(band).for_each(|row| add(sheet.row(&series.name, &row)));
    }
    let bytes = csv.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("all that was written is text")
}

impl Sheet<'_> {
    fn header(&self) -> Vec<String> {
        let (x, y) = (self.plot.x.column(), self.plot.y.column());
        let mut header = vec!["series".to_owned(), x.clone()];
        header.extend(self.has_bars.then(|| format!("{x}_to")));
        header.push(y.clone());
        header
            .extend(self.has_bands.then(|| [format!("{y}_low"), format!("{y}_high")]).into_iter().flatten());
        header
    }

    fn row(&self, series: &str, row: &Row) -> Vec<String> {
        let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let name = row.to.and_then(|_| self.plot.x.name(row.x));
        let mut cells = vec![series.to_owned(), name.map_or_else(|| row.x.to_string(), str::to_owned)];
        // The end of a category says nothing.
        cells.extend(self.has_bars.then(|| text(row.to.filter(|_| name.is_none()))));
        cells.push(text(row.y));
        let (low, high) = row.band.unzip();
        cells.extend(self.has_bands.then(|| [text(low), text(high)]).into_iter().flatten());
        cells
    }
}
