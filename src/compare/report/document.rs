//! What a report is made of, whatever it looks like.

#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub title: String,
    pub subtitle: String,
    /// Names of the contestants, for the legend of plots; their numbers are their places, from 1.
    pub legend: Vec<String>,
    pub sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    pub title: String,
    /// Whether it is part of the summary.
    pub is_brief: bool,
    pub blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    Heading(String),
    Paragraph(String),
    /// What went wrong, or got worse: to be seen.
    Alert(String),
    Table(Table),
    /// Small ones, beside each other where there is room.
    Tables(Vec<Table>),
    Plots(Vec<Plot>),
    /// A command that reproduces what stands above, and for whom or what.
    Command {
        what: String,
        command: String,
    },
}

/// The first column names the rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    pub caption: String,
    pub header: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    pub text: String,
    /// In smaller letters below: an interval or a spread.
    pub note: String,
    pub is_strong: bool,
    /// Words rather than a figure: it may break into lines.
    pub is_prose: bool,
    /// 0 to 1: how dark its ground is.
    pub heat: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub title: String,
    /// Made by `plots`, and safe to put into a page.
    pub svg: String,
    pub caption: String,
    /// Whether its colours are those of the legend.
    pub has_legend: bool,
}

impl Cell {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn with_note(text: impl Into<String>, note: impl Into<String>) -> Self {
        Self { text: text.into(), note: note.into(), ..Self::default() }
    }

    pub fn strong(mut self, is_strong: bool) -> Self {
        self.is_strong = is_strong;
        self
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl Table {
    pub fn new(caption: impl Into<String>, header: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let header = header.into_iter().map(Into::into).collect();
        Self { caption: caption.into(), header, rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}
