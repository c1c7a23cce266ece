//! Lines over epochs, or over other things in a row, as shapes of an SVG.

/// The area in which lines are drawn. This and all lengths below are in units of the SVG.
pub(super) const WIDTH: f64 = 300.0;
pub(super) const HEIGHT: f64 = 170.0;
/// Points up to which each has a dot.
const DOTS: usize = 40;
/// Steps of the axis, at most.
const STEPS: f64 = 5.0;

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// What the training itself measures.
    Fitted,
    /// What clips measure that were held back.
    Judged,
}

impl Style {
    /// The class in the page.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Fitted => "fitted",
            Self::Judged => "judged",
        }
    }
}

/// Where an axis begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Floor {
    /// At the smallest value.
    Smallest,
    /// At 0.
    Zero,
}

/// A value at each place, where there is one.
pub(super) struct Series {
    pub name: &'static str,
    pub style: Style,
    pub values: Vec<Option<f64>>,
}

/// What is to be drawn.
pub(super) struct Plan {
    pub name: &'static str,
    pub x_name: &'static str,
    /// What is written below each place.
    pub labels: Vec<Option<String>>,
    /// What is said of each place.
    pub words: Vec<String>,
    pub series: Vec<Series>,
    /// The place to be marked, on the last of the series that has a value there.
    pub best: Option<usize>,
    pub floor: Floor,
    /// Whether values are shares, 0 to 1, and written in percent.
    pub is_share: bool,
}

/// A chart, in units of the SVG from the upper left corner of its area.
pub(super) struct Chart {
    pub name: &'static str,
    pub x_name: &'static str,
    pub lines: Vec<Line>,
    pub rows: Vec<Tick>,
    pub columns: Vec<Tick>,
    pub best: Option<(f64, f64)>,
    pub targets: Vec<Target>,
}

pub(super) struct Line {
    pub name: &'static str,
    pub style: Style,
    /// A path of straight lines.
    pub path: String,
    pub dots: Vec<(f64, f64)>,
}

/// A mark at an axis.
pub(super) struct Tick {
    pub at: f64,
    pub text: String,
}

/// The area of a place, which says what is there.
pub(super) struct Target {
    pub left: f64,
    pub width: f64,
    pub words: String,
}

impl Chart {
    /// Draws the plan; `None` where there is nothing to be drawn.
    pub(super) fn new(plan: Plan) -> Option<Self> {
        let places = plan.labels.len();
        let is_number = |value: &f64| value.is_finite();
        let values = plan.series.iter().flat_map(|series| &series.values);
        let values: Vec<f64> = values.flatten().copied().filter(is_number).collect();
        if values.is_empty() {
            return None;
        }
        let axis = Axis::new(&values, plan.floor);
        let x = |place: usize| match places {
            1 => WIDTH / 2.0,
            _ => WIDTH * place as f64 / (places - 1) as f64,
        };
        let point = |values: &[Option<f64>], place: usize| {
            let value = values.get(place).copied().flatten().filter(is_number);
            value.map(|value| (x(place), axis.y(value)))
        };
        let line = |series: &Series| {
            let points = (0..places).filter_map(|place| point(&series.values, place));
            let points: Vec<(f64, f64)> = points.collect();
            Line {
                name: series.name,
                style: series.style,
                path: path(&points),
                dots: if places <= DOTS { points } else { Vec::new() },
            }
        };
        let width = WIDTH / (places.max(2) - 1) as f64;
        Some(Self {
            name: plan.name,
            x_name: plan.x_name,
            lines: plan.series.iter().map(line).collect(),
            rows: axis.ticks(plan.is_share),
            columns: (plan.labels.into_iter().enumerate())
                .filter_map(|(place, text)| Some((x(place), text?)))
                .map(|(at, text)| Tick { at, text })
                .collect(),
            best: plan.best.and_then(|place| {
                let series = plan.series.iter().rev();
                series
                    .filter_map(|series| point(&series.values, place))
                    .next()
            }),
            targets: (plan.words.into_iter().enumerate())
                .map(|(place, words)| Target {
                    left: x(place) - width / 2.0,
                    width,
                    words,
                })
                .collect(),
        })
    }
}

/// `M0.0 5.0L10.0 7.5`.
fn path(points: &[(f64, f64)]) -> String {
    let point = |(place, (x, y)): (usize, &(f64, f64))| {
        let command = if place == 0 { 'M' } else { 'L' };
        format!("{command}{x:.1} {y:.1}")
    };
    points.iter().enumerate().map(point).collect()
}

/// An axis from below the smallest to above the largest value, both multiples of a round step.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    fn new(values: &[f64], floor: Floor) -> Self {
        let low = match floor {
            Floor::Smallest => values.iter().copied().fold(f64::INFINITY, f64::min),
            Floor::Zero => 0.0,
        };
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Values that are all the same get an axis around them.
        let range = match high - low {
            range if range > low.abs() * 1e-9 => range,
            _ if low == 0.0 => 1.0,
            _ => low.abs() * 0.2,
        };
        let step = round_step(range / STEPS);
        // Quotients are rounded: a multiple of the step stays one.
        let low = (low / step + 1e-9).floor() * step;
        let high = ((high / step - 1e-9).ceil() * step).max(low + step);
        Self { low, high, step }
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT * (self.high - value) / (self.high - self.low)
    }

    fn ticks(&self, is_share: bool) -> Vec<Tick> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let first = (self.low / self.step).round();
        (0..=count)
            .map(|tick| {
                let value = (first + tick as f64) * self.step;
                Tick {
                    at: self.y(value),
                    text: match is_share {
                        true => format!("{}%", written(value * 100.0, self.step * 100.0)),
                        false => written(value, self.step),
                    },
                }
            })
            .collect()
    }
}

/// The smallest of 1, 2 and 5 times a power of 10 that is not below `least`.
fn round_step(least: f64) -> f64 {
    let ten = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|digit| digit * ten);
    let step = steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9));
    step.unwrap_or(10.0 * ten)
}

/// A multiple of `step`, with the digits that it needs.
fn written(value: f64, step: f64) -> String {
    let digits = -(step * (1.0 + 1e-9)).log10().floor();
    match digits {
        _ if value.abs() < step / 2.0 => "0".to_owned(),
        5.0.. => {
            let digit = (value / step).round() * step;
            format!("{:.0}e-{digits}", digit * 10_f64.powf(digits))
        }
        0.0.. => format!("{value:.*}", digits as usize),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(values: &[Option<f64>]) -> Plan {
        Plan {
            name: "loss",
            x_name: "epoch",
            labels: values.iter().map(|_| None).collect(),
            words: values.iter().map(|_| String::new()).collect(),
            series: vec![Series {
                name: "training",
                style: Style::Fitted,
                values: values.to_vec(),
            }],
            best: None,
            floor: Floor::Smallest,
            is_share: false,
        }
    }

    fn ticks(values: &[f64], floor: Floor, is_share: bool) -> Vec<String> {
        let ticks = Axis::new(values, floor).ticks(is_share).into_iter();
        ticks.map(|tick| tick.text).collect()
    }

    #[test]
    fn axes_have_round_numbers_around_all_values() {
        let smallest = Floor::Smallest;
        assert_eq!(
            ticks(&[0.31, 1.94], smallest, false),
            ["0.0", "0.5", "1.0", "1.5", "2.0"].map(|text| text.replace("0.0", "0"))
        );
        assert_eq!(
            ticks(&[0.0, 1e-3], Floor::Zero, false),
            ["0", "0.0002", "0.0004", "0.0006", "0.0008", "0.0010"]
        );
        assert_eq!(
            ticks(&[3e-5, 1e-5], Floor::Zero, false),
            ["0", "1e-5", "2e-5", "3e-5"]
        );
        assert_eq!(
            ticks(&[0.925, 0.981], smallest, true),
            ["92%", "94%", "96%", "98%", "100%"]
        );
        assert_eq!(ticks(&[120.0, 7.0], smallest, false).last().unwrap(), "150");
    }

    #[test]
    fn equal_values_have_an_axis_too() {
        assert_eq!(ticks(&[0.0], Floor::Smallest, false).len(), 2);
        for value in [2.0, 0.001, -3.0] {
            let axis = Axis::new(&[value, value], Floor::Smallest);
            assert!(
                axis.y(value).is_finite() && axis.low <= value && value <= axis.high,
                "{value}"
            );
        }
    }

    #[test]
    fn a_line_goes_on_where_values_are_missing_or_no_numbers() {
        let chart = Chart::new(plan(&[
            Some(2.0),
            None,
            Some(f64::NAN),
            Some(1.0),
            Some(f64::INFINITY),
        ]));
        let chart = chart.unwrap();
        assert_eq!(chart.lines[0].path, "M0.0 0.0L225.0 170.0");
        assert_eq!(chart.lines[0].dots.len(), 2);
        assert!(Chart::new(plan(&[None, Some(f64::NAN)])).is_none());
        assert!(Chart::new(plan(&[])).is_none());
    }

    #[test]
    fn one_place_is_in_the_middle_and_many_have_no_dots() {
        let one = Chart::new(plan(&[Some(1.0)])).unwrap();
        assert_eq!(one.lines[0].dots[0].0, WIDTH / 2.0);
        assert_eq!((one.targets[0].left, one.targets[0].width), (0.0, WIDTH));
        let many = Chart::new(plan(&vec![Some(1.0); 41])).unwrap();
        assert!(many.lines[0].dots.is_empty());
    }

    #[test]
    fn the_best_place_is_marked_on_the_last_line_that_has_it() {
        let mut plan = plan(&[Some(2.0), Some(1.0)]);
        plan.series.push(Series {
            name: "judged",
            style: Style::Judged,
            values: vec![None, Some(2.0)],
        });
        plan.best = Some(1);
        assert_eq!(Chart::new(plan).unwrap().best, Some((WIDTH, 0.0)));
    }
}
