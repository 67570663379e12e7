//! Values and statistics as plain text, for terminals.

use std::fmt::Write;

use asciify::{BandLabel, BandStatistics, escape_controls};
use common::pipeline::BandValue;

/// Columns of the longest bar of a histogram.
const BAR: u64 = 40;

/// The values of a pixel, one on each line.
pub(crate) fn pixel(values: &[BandValue]) -> String {
    let rows = values.iter().map(|(label, value)| {
        let value = value.map_or_else(|| "no data".to_owned(), number);
        [label.name.clone(), value, described(label)]
    });
    table(&rows.collect::<Vec<_>>())
}

/// A histogram of each band, and what is known of its values.
pub(crate) fn statistics(bands: &[BandStatistics], percentiles: &[f64]) -> String {
    let mut text = String::new();
    for band in bands {
        let separator = if text.is_empty() { "" } else { "\n" };
        let name = [band.label.name.clone(), described(&band.label)].join(" ");
        line(&mut text, format_args!("{separator}{}", name.trim_end()));
        if band.valid_pixels == 0 {
            line(&mut text, format_args!("  no data"));
            continue;
        }
        let most = band.histogram.counts.iter().copied().max().unwrap_or(0).max(1);
        let rows = band.histogram.counts.iter().zip(band.histogram.edges.windows(2));
        let rows = rows.map(|(count, edges)| {
            // a bin with a value has a bar
            let bar = "#".repeat((count * BAR).div_ceil(most) as usize);
            let range = format!("  {} to {}", number(edges[0]), number(edges[1]));
            [range, count.to_string(), bar]
        });
        text.push_str(&table(&rows.collect::<Vec<_>>()));
        let (min, max) = (number(band.min), number(band.max));
        let (mean, std) = (number(band.mean), number(band.std));
        line(&mut text, format_args!("  {min} to {max}, mean {mean}, standard deviation {std}"));
        let named = percentiles.iter().zip(&band.percentiles);
        let named = named.map(|(percent, value)| format!("{percent} %: {}", number(*value)));
        let named: Vec<String> = named.collect();
        let median = number(band.median);
        line(&mut text, format_args!("  percentiles {}; median {median}", named.join(", ")));
        let pixels = band.valid_pixels + band.masked_pixels;
        let valid = band.valid_pixels as f64 / pixels as f64 * 100.0;
        let is_partial = if band.masked_pixels > 0 { " have data" } else { "" };
        line(&mut text, format_args!("  {} pixels{is_partial} ({valid:.2} %)", band.valid_pixels));
    }
    text
}

/// The name of a band in the file, if it has one.
fn described(label: &BandLabel) -> String {
    match label.description == label.name {
        true => String::new(),
        false => escape_controls(&label.description).into_owned(),
    }
}

/// A number with at most six digits behind the point, or in scientific notation.
fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e9).contains(&size) {
        let text = format!("{value:.6}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    format!("{value:.6e}")
}

/// Rows of three cells: the second is aligned to the right.
fn table(rows: &[[String; 3]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let (first, second) = (width(0), width(1));
    let mut text = String::new();
    for [name, value, rest] in rows {
        let row = format!("{name:first$}  {value:>second$}  {rest}");
        line(&mut text, format_args!("{}", row.trim_end()));
    }
    text
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(text, "{words}").expect("writing to a String cannot fail");
}
