//! How the page looks: on a light and on a dark screen, on a wall, on paper.

use std::fmt::Write as _;

use crate::plot::{COLOURS, palette};

/// What does not depend on the colours. Sizes grow with the window, so that a page on a wall can be read from the last row.
const RULES: &str = "\
*{box-sizing:border-box}
html{font-size:clamp(16px,.5vw + 10px,24px);color-scheme:light dark}
body{margin:0 auto;max-width:1900px;padding:1.5rem 2.5vw 4rem;background:var(--paper);color:var(--ink);\
font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;line-height:1.5}
h1{font-size:2rem;line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.4rem;margin:3rem 0 .6rem;padding-top:.6rem;border-top:2px solid var(--grid)}
h3{font-size:1.1rem;margin:2rem 0 .4rem}
p,ul,dl{max-width:75ch}
a{color:inherit}
nav a{margin-right:1.2rem}
.lead{font-size:1.15rem}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding-bottom:.4rem}
th,td{padding:.35rem .9rem .35rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}
thead th{vertical-align:bottom;border-bottom:2px solid var(--ink)}
tbody th{font-weight:400}
tr.group th{font-weight:650;padding-top:1rem}
caption::first-letter,tr.group th::first-letter{text-transform:uppercase}
.number,th.number{text-align:right;white-space:nowrap;padding:.35rem .4rem .35rem 1.2rem}
.best{font-weight:700;text-align:right;white-space:nowrap;padding:.35rem .4rem .35rem 1.2rem}
small{display:block;font-weight:400;color:var(--soft);font-size:.8rem}
.summary{font-size:1.1rem}
.overlay{white-space:nowrap;font-weight:650}
.overlay::before{content:'';display:inline-block;width:.75em;height:.75em;margin-right:.4em;border-radius:2px;\
background:currentColor;color:var(--key);vertical-align:-.03em;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,38rem),1fr));gap:1.6rem}
figure{margin:0;border:1px solid var(--grid);border-radius:6px;padding:.6rem;break-inside:avoid}
figure svg{display:block;width:100%;height:auto}
figcaption{color:var(--soft);font-size:.9rem;padding:.4rem .6rem 0}
.holds::before{content:'\u{2713} '}.fails::before{content:'\u{2717} '}.open::before{content:'? '}
.holds,.fails,.open{white-space:nowrap;font-weight:650}
code{overflow-wrap:anywhere}
dt{font-weight:650;margin-top:.5rem}dd{margin:0}
@media print{
html{font-size:10pt}body{padding:0;max-width:none}nav{display:none}
.wide{overflow:visible}.plots{display:block}figure{margin:0 0 1rem}
h2,h3,caption{break-after:avoid}tr{break-inside:avoid}th,td{padding-right:.5rem}.number,.best{padding-left:.5rem}
}
";

/// The style sheet of the page.
pub(super) fn style() -> String {
    let mut css = palette();
    css.push_str(RULES);
    for number in 0..COLOURS {
        // A String takes everything.
        let _ = write!(css, ".c{number}{{--key:var(--s{number})}}");
    }
    css.push('\n');
    css
}
