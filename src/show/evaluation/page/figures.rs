//! The numbers that say most.

use crate::recognise::evaluation::Share;
use crate::show::evaluation::Summary;
use crate::text::number::thousands;

/// A number with its name and what it is a share of.
pub(in crate::show) struct Figure {
    pub name: String,
    pub value: String,
    pub words: String,
    /// Share and interval in percent, to be drawn.
    pub scale: Option<Scale>,
}

/// A share and where it lies with 95 % confidence, in percent.
pub(in crate::show) struct Scale {
    pub share: f64,
    pub low: f64,
    pub width: f64,
}

pub(in crate::show) fn of(summary: &Summary) -> Vec<Figure> {
    let evaluation = summary.evaluation;
    let mut figures: Vec<Figure> = summary
        .telling_ks()
        .into_iter()
        .map(|k| of_share(format!("Top-{k}"), &evaluation.top(k), "answered clips"))
        .collect();
    let (mean, classes) = evaluation.mean_class_accuracy();
    let without = match evaluation.classes() - classes {
        0 => String::new(),
        1 => "; 1 has none".to_owned(),
        count => format!("; {} have none", thousands(count)),
    };
    figures.push(Figure {
        name: "Mean class accuracy".into(),
        value: percent(mean),
        words: match classes {
            1 => format!("of the 1 class that has clips{without}"),
            _ => format!(
                "over the {} classes that have clips{without}",
                thousands(classes)
            ),
        },
        scale: None,
    });
    if let (Some([coverage, accuracy]), Some(least)) = (evaluation.confident(), summary.min_score) {
        let least = format!("{}%", least * 100.0);
        let name = format!("Score at least {least}");
        figures.push(of_share(name, &coverage, "answered clips"));
        figures.push(of_share(
            "Right among these".into(),
            &accuracy,
            "confident answers",
        ));
    }
    let ece = evaluation.calibration().ece;
    figures.push(Figure {
        name: "Calibration error".into(),
        value: ece.map_or("–".to_owned(), |ece| format!("{ece:.4}")),
        words: "expected gap between score and accuracy; 0 is best".into(),
        scale: None,
    });
    if let Some((clips, seconds)) = summary.speed {
        figures.push(Figure {
            name: "Speed".into(),
            value: format!("{:.2} clips/s", clips as f64 / seconds.max(1e-9)),
            words: format!("{} in {seconds:.1} s", thousands(clips)),
            scale: None,
        });
    }
    figures
}

fn of_share(name: String, share: &Share, what: &str) -> Figure {
    let (count, of) = (
        thousands(share.count as usize),
        thousands(share.of as usize),
    );
    let mut words = format!("{count} of {of} {what}");
    let scale = share.share.zip(share.interval).map(|(share, interval)| {
        let [share, low, high] = [share, interval.low, interval.high].map(|end| end * 100.0);
        words += &format!("; 95% interval {low:.2} to {high:.2}%");
        Scale {
            share,
            low,
            width: high - low,
        }
    });
    Figure {
        name,
        value: percent(share.share),
        words,
        scale,
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.2}%", share * 100.0))
}
