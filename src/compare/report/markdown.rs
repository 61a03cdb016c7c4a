//! A document as Markdown.

use super::document::{Block, Cell, Document, Section, Table};
use super::escape::{code, markdown as escape};

pub fn render(document: &Document) -> String {
    let mut text = format!("# {}\n\n{}\n", escape(&document.title), escape(&document.subtitle));
    for Section { title, is_brief, blocks } in &document.sections {
        let blocks: String = blocks.iter().map(block).collect();
        let title = escape(title);
        text += &if *is_brief {
            format!("\n## {title}\n{blocks}")
        } else {
            format!("\n<details><summary>{title}</summary>\n{blocks}\n</details>\n")
        };
    }
    text
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(text) => format!("\n### {}\n", escape(text)),
        Block::Paragraph(text) => format!("\n{}\n", escape(text)),
        Block::Alert(text) => format!("\n> **{}**\n", escape(text)),
        Block::Table(table) => table_text(table),
        Block::Tables(tables) => tables.iter().map(table_text).collect(),
        // A pull request shows no SVG; the tables say the same.
        Block::Plots(_) => String::new(),
        Block::Command { what, command } => format!("\n{}: `{}`\n", escape(what), code(command)),
    }
}

fn table_text(table: &Table) -> String {
    let mut text = String::from("\n");
    if !table.caption.is_empty() {
        text += &format!("{}\n\n", escape(&table.caption));
    }
    let header: Vec<String> = table.header.iter().map(|cell| escape(cell)).collect();
    text += &format!("| {} |\n", header.join(" | "));
    let columns = header.iter().enumerate().map(|(column, _)| if column == 0 { "---" } else { "---:" });
    text += &format!("| {} |\n", columns.collect::<Vec<_>>().join(" | "));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

fn cell(cell: &Cell) -> String {
    let mut text = escape(&cell.text);
    if cell.is_strong && !text.is_empty() {
        text = format!("**{text}**");
    }
    if !cell.note.is_empty() {
        text += &format!(" {}", escape(&cell.note));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_its_columns_whatever_its_cells_hold() {
        let mut table = Table::new("figures", ["a|b", "x"]);
        table.row([Cell::new("<i>"), Cell::with_note("1", "(0 to 2)").strong(true)]);
        let document = Document {
            title: "t".into(),
            subtitle: "s".into(),
            legend: Vec::new(),
            sections: vec![Section { title: "one".into(), is_brief: true, blocks: vec![Block::Table(table)] }],
        };
        let expected =
            "# t\n\ns\n\n## one\n\nfigures\n\n| a\\|b | x |\n| --- | ---: |\n| &lt;i&gt; | **1** (0 to 2) |\n";
        assert_eq!(render(&document), expected);
    }
}
