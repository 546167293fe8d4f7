//! The look of plots: on a light and on a dark screen, and on paper.
//!
//! The colours of data are those of Okabe and Ito (2008), which people with any of the common colour deficiencies can tell
//! apart, each page with those that stand out from it. On paper, lines are also dashed each in its own way, for printers without
//! colours. All rules hold only below the class `plot`, so that a page which contains such a picture keeps its own look; programs
//! that know no media queries show the light page.

use std::fmt::Write as _;

/// How many series have a colour of their own; further ones begin anew, dashed.
pub(crate) const COLOURS: usize = 6;
/// How many ways there are to dash a line, solid among them.
pub const DASHES: usize = 4;

/// What a page looks like.
struct Page {
    paper: &'static str,
    ink: &'static str,
    /// What is to be read second.
    soft: &'static str,
    grid: &'static str,
    series: [&'static str; COLOURS],
}

const LIGHT: Page = Page {
    paper: "#ffffff",
    ink: "#1b1f24",
    soft: "#57606a",
    grid: "#dfe3e8",
    // Blue, vermilion, bluish green, reddish purple, orange, sky blue.
    series: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"],
};

const DARK: Page = Page {
    paper: "#14181d",
    ink: "#eef1f4",
    soft: "#a3adb8",
    grid: "#2e353d",
    // The same: whoever has the printed page before him finds each thing again on the dark one.
    series: LIGHT.series,
};

/// How lines are dashed that are to differ from others of their colour.
const OF_ONE_COLOUR: [&str; DASHES] = ["none", "9 6", "2 6", "14 5 2 5"];
/// How lines are dashed on paper, by their colours.
const ON_PAPER: [&str; COLOURS] = ["none", "10 5", "2 5", "14 5 2 5", "6 3", "14 5 2 5 2 5"];

/// The sizes of letters, by class. Legible from the last row where the picture is as wide as the wall.
pub(super) const TITLE: f64 = 24.0;
pub(super) const TEXT: f64 = 17.0;

/// The style sheet of a picture.
pub(super) fn style() -> String {
    let mut css = format!(
        ".plot text{{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-size:{TEXT}px}}\n\
         .plot .title{{font-size:{TITLE}px;font-weight:650}}\n\
         .plot .end{{text-anchor:end}}.plot .middle{{text-anchor:middle}}\n\
         .plot .line{{fill:none;stroke:currentColor;stroke-width:2.6;stroke-linejoin:round;stroke-linecap:round}}\n\
         .plot .fill{{fill:currentColor}}.plot .dot{{fill:currentColor;fill-opacity:.72}}\n\
         .plot .band{{fill:currentColor;fill-opacity:.2}}.plot .d1.fill,.plot .d2.fill,.plot .d3.fill{{fill-opacity:.6}}\n\
         .plot .rod{{stroke-width:1.8}}.plot .grid{{stroke-width:1}}.plot .axis{{stroke-width:1.4}}\n\
         .plot .guide{{fill:none;stroke-width:1.6;stroke-dasharray:5 5}}\n\
         .plot .halo{{paint-order:stroke;stroke-width:5;stroke-linejoin:round}}\n\
         .plot .field{{fill:none}}\n"
    );
    css.push_str(&rules(&LIGHT));
    css.push_str(&dashes());
    // A String takes everything.
    let _ = writeln!(css, "@media (prefers-color-scheme:dark){{\n{}}}", rules(&DARK));
    let _ = writeln!(css, "@media print{{\n{}", rules(&LIGHT));
    for (number, dashes) in ON_PAPER.iter().enumerate() {
        let _ = writeln!(css, ".plot .s{number}.line{{stroke-dasharray:{dashes}}}");
    }
    // Said once more, since the last word counts.
    css.push_str(&dashes());
    css.push_str("}\n");
    css
}

fn dashes() -> String {
    let dashed = OF_ONE_COLOUR.iter().enumerate().skip(1);
    let mut css: String = dashed
        .map(|(number, dashes)| format!(".plot .d{number}.line{{stroke-dasharray:{dashes}}}"))
        .collect();
    css.push('\n');
    css
}

/// The colours as variables of a page around the pictures: `--paper`, `--ink`, `--soft`, `--grid`, and `--s0` and so on for data.
pub(crate) fn palette() -> String {
    let variables = |page: &Page| {
        let Page { paper, ink, soft, grid, series } = page;
        let mut css = format!(":root{{--paper:{paper};--ink:{ink};--soft:{soft};--grid:{grid}");
        for (number, colour) in series.iter().enumerate() {
            // A String takes everything.
            let _ = write!(css, ";--s{number}:{colour}");
        }
        css + "}\n"
    };
    let (light, dark) = (variables(&LIGHT), variables(&DARK));
    format!("{light}@media (prefers-color-scheme:dark){{\n{dark}}}\n@media print{{\n{light}}}\n")
}

fn rules(page: &Page) -> String {
    let Page { paper, ink, soft, grid, series } = page;
    let mut css = format!(
        ".plot .paper{{fill:{paper}}}.plot text{{fill:{ink}}}.plot .soft{{fill:{soft}}}.plot .halo{{stroke:{paper}}}\n\
         .plot .grid{{stroke:{grid}}}.plot .axis,.plot .rod{{stroke:{ink}}}.plot .guide{{stroke:{soft}}}\n"
    );
    for (number, colour) in series.iter().enumerate() {
        let _ = write!(css, ".plot .s{number}{{color:{colour}}}");
    }
    css.push('\n');
    css
}
