//! Plots as SVG, in colours that the page decides.
//!
//! Plotters knows fixed colours only, so each meaning has a code, which is replaced by a variable of the style sheet.

use std::error::Error;
use std::fmt::Write;

use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::evaluate::metrics::{Cut, Reliability};

/// Codes of colours.
const INK: RGBColor = RGBColor(2, 0, 0);
const GRID: RGBColor = RGBColor(3, 0, 0);
const PAPER: RGBColor = RGBColor(4, 0, 0);
/// Contestants are told apart by so many colours, then they recur.
const SERIES: usize = 8;
/// Pixels of a plot; a page scales it.
const SIZE: (u32, u32) = (460, 340);
const FONT: (&str, i32) = ("sans-serif", 14);
/// A bin of a calibration curve with fewer texts says little.
const LEAST_TEXTS: u64 = 5;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A contestant in a scatter plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Its number in the legend, from 1.
    pub number: usize,
    pub x: f64,
    pub y: f64,
    /// 95 % interval of `y`.
    pub interval: Option<[f64; 2]>,
    pub on_front: bool,
}

fn series(number: usize) -> RGBColor {
    RGBColor(1, 0, ((number - 1) % SERIES) as u8)
}

/// Points with their numbers; those on the Pareto front are filled and joined. `None` without a point.
pub fn scatter(places: &[Place], x_name: &str, y_name: &str) -> Option<String> {
    let (left, right) = range(places.iter().map(|place| place.x))?;
    let ends =
        places.iter().flat_map(|place| [Some(place.y), place.interval.map(|i| i[0]), place.interval.map(|i| i[1])]);
    let (low, high) = range(ends.flatten())?;
    // Whole decades, so that both ends have a label; and room enough for labels of two digits to differ.
    let x_range = 10_f64.powf((left * 0.8).log10().floor())..10_f64.powf((right * 1.25).log10().ceil());
    let margin = ((high - low) * 0.08).max((0.1 - (high - low)) / 2.0);
    let y_range = (low - margin)..(high + margin);
    svg(|root| {
        let mut chart = frame(root).build_cartesian_2d(x_range.clone().log_scale(), y_range.clone())?;
        in_ink(&mut chart.configure_mesh())
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|x| format!("{x}"))
            .y_label_formatter(&|y| format!("{y:.2}"))
            .x_desc(x_name)
            .y_desc(y_name)
            .draw()?;
        let mut front: Vec<(f64, f64)> =
            places.iter().filter(|place| place.on_front).map(|place| (place.x, place.y)).collect();
        front.sort_by(|a, b| a.0.total_cmp(&b.0));
        chart.draw_series(DashedLineSeries::new(front, 5, 4, INK.stroke_width(1)))?;
        for place in places {
            let color = series(place.number);
            if let Some([low, high]) = place.interval {
                chart.draw_series([PathElement::new(vec![(place.x, low), (place.x, high)], color.stroke_width(2))])?;
            }
            let inside = if place.on_front { color } else { PAPER };
            chart.draw_series([Circle::new((place.x, place.y), 7, inside.filled())])?;
            chart.draw_series([Circle::new((place.x, place.y), 7, color.stroke_width(2))])?;
            let style = FONT.into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Bottom));
            let label = EmptyElement::at((place.x, place.y)) + Text::new(place.number.to_string(), (9, -5), style);
            chart.draw_series([label])?;
        }
        Ok(())
    })
}

/// Mean forecast against mean outcome, one line a contestant (its number first). `None` without a line.
pub fn calibration(lines: &[(usize, &Reliability)]) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    svg(|root| {
        let mut chart = frame(root).build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        in_ink(&mut chart.configure_mesh()).x_labels(5).y_labels(5).x_desc("forecast").y_desc("outcome").draw()?;
        chart.draw_series(DashedLineSeries::new([(0.0, 0.0), (1.0, 1.0)], 4, 4, INK.stroke_width(1)))?;
        for &(number, reliability) in lines {
            let bins = reliability.bins.iter().filter(|bin| bin.texts >= LEAST_TEXTS);
            let points: Vec<(f64, f64)> = bins.map(|bin| (bin.forecast, bin.outcome)).collect();
            let color = series(number);
            chart.draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?;
            chart.draw_series(points.into_iter().map(|point| Circle::new(point, 3, color.filled())))?;
        }
        Ok(())
    })
}

/// Precision (the first colour) and recall (the second) against the threshold.
pub fn thresholds(grid: &[Cut]) -> Option<String> {
    svg(|root| {
        let mut chart = frame(root).build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        in_ink(&mut chart.configure_mesh()).x_labels(5).y_labels(5).x_desc("threshold").draw()?;
        let precision = grid.iter().filter_map(|cut| Some((cut.threshold, cut.precision()?)));
        chart.draw_series(LineSeries::new(precision, series(1).stroke_width(2)))?;
        let recall = grid.iter().filter_map(|cut| Some((cut.threshold, cut.recall()?)));
        chart.draw_series(LineSeries::new(recall, series(2).stroke_width(2)))?;
        Ok(())
    })
}

/// A chart with room for the names of both axes, and for the end of the last label.
fn frame<'a, 'b, D: DrawingBackend>(root: &'a DrawingArea<D, Shift>) -> ChartBuilder<'a, 'b, D> {
    let mut chart = ChartBuilder::on(root);
    chart.margin(10).margin_right(32).x_label_area_size(44).y_label_area_size(54);
    chart
}

/// Axes, grid and labels in the colours of the page.
fn in_ink<'m, 'a, 'b, X, Y, D>(mesh: &'m mut MeshStyle<'a, 'b, X, Y, D>) -> &'m mut MeshStyle<'a, 'b, X, Y, D>
where
    X: Ranged + ValueFormatter<X::ValueType>,
    Y: Ranged + ValueFormatter<Y::ValueType>,
    D: DrawingBackend,
{
    mesh.axis_style(INK).bold_line_style(GRID).light_line_style(TRANSPARENT).label_style(FONT.into_font().color(&INK))
}

/// Least and greatest; `None` of nothing.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range: Option<(f64, f64)>, value| {
        Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    })
}

/// Draws, and puts the page's colours in. `None` if plotters refuses.
fn svg(draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<()>) -> Option<String> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(&root).ok()?;
        root.present().ok()?;
    }
    Some(themed(&text))
}

fn themed(svg: &str) -> String {
    let hex = |RGBColor(r, g, b): RGBColor| format!("\"#{r:02X}{g:02X}{b:02X}\"");
    let mut codes =
        vec![(INK, "currentColor".to_owned()), (GRID, "var(--grid)".into()), (PAPER, "var(--paper)".into())];
    codes.extend((1..=SERIES).map(|number| (series(number), format!("var(--s{number})"))));
    let mut text = svg.to_owned();
    for (code, variable) in codes {
        text = text.replace(&hex(code), &format!("\"{variable}\""));
    }
    // The page sets the size, and reads the caption out.
    let mut size = String::new();
    let _ = write!(size, "width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    text.replacen(&size, "aria-hidden=\"true\"", 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::metrics::{Ranking, Sweep};

    /// Whether every element is closed, and no colour is fixed.
    fn assert_sound(svg: &str) {
        assert!(svg.trim_start().starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("\"#") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 460 340\"") && !svg.contains("width=\"460\""), "{svg}");
        let opened = svg.matches('<').count() - svg.matches("</").count();
        assert_eq!(opened, svg.matches("</").count() + svg.matches("/>").count(), "{svg}");
    }

    #[test]
    fn plots_are_sound_and_take_their_colours_from_the_page() {
        let place = |number, x, y, on_front| Place { number, x, y, interval: Some([y - 0.02, y + 0.02]), on_front };
        let plot = scatter(&[place(1, 12.0, 0.8, true), place(10, 3000.0, 0.5, false)], "a<b", "c & d").unwrap();
        assert_sound(&plot);
        assert!(plot.contains("a&lt;b") && plot.contains("c &amp; d"), "{plot}");
        assert!(plot.contains("var(--s1)") && plot.contains("var(--s2)") && plot.contains("currentColor"), "{plot}");
        assert_sound(&scatter(&[place(1, 1.0, 1.0, true)], "x", "y").unwrap());
        assert_eq!(scatter(&[], "x", "y"), None);

        let reliability = Reliability::new(15, (0..100).map(|i| (f64::from(i) / 100.0, f64::from(i % 2))));
        assert_sound(&calibration(&[(1, &reliability), (3, &Reliability::new(15, []))]).unwrap());
        let sweep = Sweep::new(Ranking::new([(0.9, true), (0.2, false)]));
        assert_sound(&thresholds(&sweep.grid(50)).unwrap());
        assert_sound(&thresholds(&[]).unwrap());
    }
}
