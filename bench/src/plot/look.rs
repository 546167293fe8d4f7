//! The look of plots: on a light and on a dark screen, and on paper.
//!
//! The colours of data are those of Okabe and Ito (2008), which people with any of the common colour deficiencies can tell
//! apart, each page with those that stand out from it. On paper, lines are also dashed each in its own way, for printers without
//! colours. All rules hold only below the class `plot`, so that a page which contains such a picture keeps its own look; programs
//! that know no media queries show the light page.

use std::fmt::Write as _;

/// How many series have a colour of their own; further ones begin anew, dashed.
pub(super) const COLOURS: usize = 6;

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
    // Sky blue, orange, bluish green, reddish purple, yellow, vermilion.
    series: ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00"],
};

/// How lines are dashed on paper.
const DASHES: [&str; COLOURS] = ["none", "10 5", "2 5", "14 5 2 5", "6 3", "14 5 2 5 2 5"];

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
         .plot .again{{stroke-dasharray:9 6}}\n\
         .plot .fill{{fill:currentColor}}.plot .dot{{fill:currentColor;fill-opacity:.72}}\n\
         .plot .band{{fill:currentColor;fill-opacity:.2}}\n\
         .plot .grid{{stroke-width:1}}.plot .axis{{stroke-width:1.4}}\n\
         .plot .guide{{fill:none;stroke-width:1.6;stroke-dasharray:5 5}}\n\
         .plot .halo{{paint-order:stroke;stroke-width:5;stroke-linejoin:round}}\n\
         .plot .field{{fill:none}}\n"
    );
    css.push_str(&rules(&LIGHT));
    // A String takes everything.
    let _ = writeln!(css, "@media (prefers-color-scheme:dark){{\n{}}}", rules(&DARK));
    let _ = writeln!(css, "@media print{{\n{}", rules(&LIGHT));
    for (number, dashes) in DASHES.iter().enumerate() {
        let _ = writeln!(css, ".plot .s{number}.line{{stroke-dasharray:{dashes}}}");
    }
    css.push_str("}\n");
    css
}

fn rules(page: &Page) -> String {
    let Page { paper, ink, soft, grid, series } = page;
    let mut css = format!(
        ".plot .paper{{fill:{paper}}}.plot text{{fill:{ink}}}.plot .soft{{fill:{soft}}}.plot .halo{{stroke:{paper}}}\n\
         .plot .grid{{stroke:{grid}}}.plot .axis{{stroke:{ink}}}.plot .guide{{stroke:{soft}}}\n"
    );
    for (number, colour) in series.iter().enumerate() {
        let _ = write!(css, ".plot .s{number}{{color:{colour}}}");
    }
    css.push('\n');
    css
}
