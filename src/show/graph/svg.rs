//! The drawing as a self-contained picture.

use std::fmt::Write;

use super::drawing::{Drawing, Edge, Flow, Group, Part, Unit};
use super::layout::{Layout, Point, Rect, layout};
use crate::text::number::scaled;

const STYLE: &str = "\
text{font-family:'DejaVu Sans',Verdana,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1b2733}\
.h{font-size:17px;font-weight:bold}.s{font-size:11px;fill:#5a6878}\
.t{font-size:10.5px;font-weight:bold}.w,.c{font-size:8.5px}.c{fill:#22344a}\
.hot .t,.hot .w,.hot .c{fill:#fff}\
.g{fill:none;stroke:#9fb0c3;stroke-width:1.2}.g0{fill:#f3f6fa}.g1{fill:#fff}\
.gt{font-size:11px;font-weight:bold;fill:#33475e}.gc{font-size:9px;fill:#5a6878}\
.b{stroke:#51677f;stroke-width:1}\
.e{fill:none;stroke:#66788b;stroke-width:1.4;marker-end:url(#a)}\
.e.r{stroke:#d1650c;stroke-width:2.2;marker-end:url(#r)}\
.l{font-size:8px;fill:#3c4f63;stroke:#fff;stroke-width:2.5px;paint-order:stroke}";

/// Height of a line of text, and the padding of a box.
const LINE: f64 = 12.5;
const INSIDE: f64 = 8.0;
/// Average width of a character as a fraction of the font size, rounded up.
const CHARACTER: f64 = 0.62;
const TITLE_SIZE: f64 = 10.5;
const TEXT_SIZE: f64 = 8.5;

const LEGEND: f64 = 230.0;

/// The picture.
pub(super) fn svg(drawing: &Drawing) -> String {
    let sizes: Vec<(f64, f64)> = drawing.units.iter().map(size).collect();
    let frame = drawing.groups.iter().map(frame_width).fold(0.0, f64::max);
    let title = drawing.title.len().max(drawing.subtitle.len()) as f64 * TITLE_SIZE * CHARACTER;
    let layout = layout(drawing, &sizes, frame, title + LEGEND);
    let mut out = Picture(String::new());
    out.open(&layout, &drawing.title);
    out.title(drawing);
    for (group, frame) in drawing.groups.iter().zip(&layout.frames) {
        out.frame(group, frame);
    }
    // The main path lies on top where both leave the same box.
    for flow in [Flow::Shortcut, Flow::Main] {
        let edges = drawing.edges.iter().zip(&layout.routes);
        for (edge, route) in edges.filter(|(edge, _)| edge.flow == flow) {
            out.edge(edge, route, &layout);
        }
    }
    for (unit, place) in drawing.units.iter().zip(&layout.boxes) {
        out.unit(unit, place, drawing.heat(unit));
    }
    out.shapes(drawing, &layout);
    out.legend(drawing, &layout);
    out.0 += "</svg>\n";
    out.0
}

/// The lines in a box, with the class that styles each.
fn lines(unit: &Unit) -> Vec<(&'static str, String)> {
    let lines = [
        ("t", unit.title.clone()),
        ("w", unit.work.clone()),
        ("c", unit.cost()),
    ];
    lines
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

fn size(unit: &Unit) -> (f64, f64) {
    let lines = lines(unit);
    let width = |(class, text): &(&str, String)| {
        let size = if *class == "t" { TITLE_SIZE } else { TEXT_SIZE };
        text.chars().count() as f64 * size * CHARACTER
    };
    let width = lines.iter().map(width).fold(60.0, f64::max) + 2.0 * INSIDE;
    (width, lines.len() as f64 * LINE + INSIDE)
}

/// Name on the left, cost on the right, and room for an edge between them.
fn frame_width(group: &Group) -> f64 {
    let characters = (group.name.len() + group.type_name.len()).max(group.cost.len()) as f64;
    2.0 * (characters * 11.0 * CHARACTER + 24.0)
}

/// `text` with `&`, `<` and `>` escaped for XML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// White to deep blue, for a heat from 0 to 1, as `#rrggbb`.
pub(super) fn color(heat: f64) -> String {
    let mix = |cold: f64, hot: f64| (cold + (hot - cold) * heat).round() as u8;
    format!(
        "#{:02x}{:02x}{:02x}",
        mix(237.0, 20.0),
        mix(244.0, 82.0),
        mix(252.0, 160.0)
    )
}

/// Fill of a box.
pub(super) fn fill(unit: &Unit, heat: f64) -> String {
    match unit.part {
        Part::Convolution | Part::Dense | Part::Block => color(heat),
        Part::Pool => "#e3f1e4".to_owned(),
        Part::Join => "#ffe9c7".to_owned(),
        Part::Pointwise => "#f4f4f6".to_owned(),
        Part::Terminal | Part::Reshape => "#ffffff".to_owned(),
    }
}

/// Above this heat, text is white.
pub(super) const HOT: f64 = 0.68;

struct Picture(String);

impl Picture {
    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ = self.0.write_fmt(text);
        self.0.push('\n');
    }

    fn open(&mut self, layout: &Layout, title: &str) {
        let (width, height) = (layout.width.ceil(), layout.height.ceil());
        self.add(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">",
            escape(title)
        ));
        self.add(format_args!("<style>{STYLE}</style>"));
        self.add(format_args!(
            "<defs>{}{}{}</defs>",
            arrow("a", "#66788b"),
            arrow("r", "#d1650c"),
            gradient()
        ));
        self.add(format_args!(
            "<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#fff\"/>"
        ));
    }

    fn text(&mut self, class: &str, anchor: &str, x: f64, y: f64, text: &str) {
        self.add(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        ));
    }

    fn title(&mut self, drawing: &Drawing) {
        self.text("h", "start", 20.0, 30.0, &drawing.title);
        self.text("s", "start", 20.0, 47.0, &drawing.subtitle);
    }

    fn frame(&mut self, group: &Group, frame: &Rect) {
        let Rect {
            x,
            y,
            width,
            height,
        } = *frame;
        let shade = group.depth % 2;
        self.add(format_args!(
            "<rect class=\"g g{shade}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"7\"/>"
        ));
        let base = y + 16.0;
        self.add(format_args!(
            "<text class=\"gt\" x=\"{:.1}\" y=\"{base:.1}\">{} <tspan class=\"gc\" font-weight=\"normal\">{}</tspan></text>",
            x + 9.0,
            escape(&group.name),
            escape(group.type_name)
        ));
        self.text("gc", "end", frame.right() - 9.0, base, &group.cost);
    }

    fn edge(&mut self, edge: &Edge, route: &[Point], layout: &Layout) {
        let (from, to) = (&layout.boxes[edge.from], &layout.boxes[edge.to]);
        let start = Point {
            x: from.center(),
            y: from.bottom(),
        };
        // The arrow's tip touches the box.
        let end = Point {
            x: to.center(),
            y: to.y - 1.0,
        };
        let mut points = vec![start];
        points.extend_from_slice(route);
        points.push(end);
        let mut path = format!("M{:.1} {:.1}", start.x, start.y);
        for pair in points.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            if (a.x - b.x).abs() < 0.5 || (a.y - b.y).abs() < 0.5 {
                let _ = write!(path, "L{:.1} {:.1}", b.x, b.y);
            } else {
                let middle = f64::midpoint(a.y, b.y);
                let _ = write!(
                    path,
                    "C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {:.1}",
                    a.x, b.x, b.x, b.y
                );
            }
        }
        let class = if edge.flow == Flow::Shortcut {
            "e r"
        } else {
            "e"
        };
        self.add(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    fn unit(&mut self, unit: &Unit, place: &Rect, heat: f64) {
        let Rect {
            x,
            y,
            width,
            height,
        } = *place;
        let hot = if heat > HOT { " class=\"hot\"" } else { "" };
        self.add(format_args!(
            "<g{hot}><title>{}</title>",
            escape(&unit.details.join("\n"))
        ));
        let radius = match unit.part {
            Part::Join | Part::Terminal | Part::Reshape => height / 2.0,
            _ => 4.0,
        };
        let dash = if unit.part == Part::Reshape {
            " stroke-dasharray=\"3 2\""
        } else {
            ""
        };
        self.add(format_args!(
            "<rect class=\"b\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius:.1}\" fill=\"{}\"{dash}/>",
            fill(unit, heat)
        ));
        for (index, (class, text)) in lines(unit).iter().enumerate() {
            let base = y + INSIDE / 2.0 + LINE * (index as f64 + 0.75);
            self.text(class, "middle", place.center(), base, text);
        }
        self.add(format_args!("</g>"));
    }

    /// The shape of each value, beside the start of its edges.
    fn shapes(&mut self, drawing: &Drawing, layout: &Layout) {
        for (index, unit) in drawing.units.iter().enumerate() {
            if drawing.edges.iter().any(|edge| edge.from == index) {
                let place = &layout.boxes[index];
                let (x, y) = (place.center() + 5.0, place.bottom() + 10.5);
                self.text("l", "start", x, y, &unit.shape_text());
            }
        }
    }

    fn legend(&mut self, drawing: &Drawing, layout: &Layout) {
        let (x, y) = (layout.width - 20.0 - LEGEND, 24.0);
        let (unit, most) = scaled(drawing.most_macs());
        self.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"90\" height=\"9\" fill=\"url(#heat)\" stroke=\"#51677f\" stroke-width=\".6\"/>"
        ));
        let text = format!("multiply-adds, 0 to {most} {unit}");
        self.text("gc", "start", x + 96.0, y + 8.0, &text);
        if drawing.edges.iter().any(|edge| edge.flow == Flow::Shortcut) {
            let (left, right, line) = (x, x + 86.0, y + 22.0);
            self.add(format_args!(
                "<path class=\"e r\" d=\"M{left:.1} {line:.1}H{right:.1}\"/>"
            ));
            self.text("gc", "start", x + 96.0, y + 25.0, "residual shortcut");
        }
    }
}

fn arrow(id: &str, color: &str) -> String {
    format!(
        "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0.5L8 4L0 7.5z\" fill=\"{color}\"/></marker>"
    )
}

/// The scale of the legend, with the colours of the boxes.
fn gradient() -> String {
    let stops = (0..=4).map(|step| {
        let share = f64::from(step) / 4.0;
        // The boxes are coloured by the root of their cost.
        format!(
            "<stop offset=\"{share}\" stop-color=\"{}\"/>",
            color(share.sqrt())
        )
    });
    format!(
        "<linearGradient id=\"heat\">{}</linearGradient>",
        stops.collect::<String>()
    )
}
