//! A document as one HTML file.

use super::document::{Block, Cell, Document, Plot, Section, Table};
use super::escape::html as escape;

const STYLE: &str = include_str!("style.css");

pub fn render(document: &Document) -> String {
    let title = escape(&document.title);
    let sections: String =
        document.sections.iter().enumerate().map(|(index, found)| section(index, found, document)).collect();
    let links = document.sections.iter().enumerate();
    let links: String =
        links.map(|(index, section)| format!("<a href=\"#s{index}\">{}</a>\n", escape(&section.title))).collect();
    // The policy lets the page load nothing and run nothing.
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<h1>{title}</h1>\n<p>{subtitle}</p>\n<nav>\n{links}</nav>\n</header>\n<main>\n{sections}</main>\n\
         </body>\n</html>\n",
        subtitle = escape(&document.subtitle),
    )
}

fn section(index: usize, section: &Section, document: &Document) -> String {
    let blocks: String = section.blocks.iter().map(|found| block(found, document)).collect();
    format!("<section id=\"s{index}\">\n<h2>{}</h2>\n{blocks}</section>\n", escape(&section.title))
}

fn block(block: &Block, document: &Document) -> String {
    match block {
        Block::Heading(text) => format!("<h3>{}</h3>\n", escape(text)),
        Block::Paragraph(text) => format!("<p>{}</p>\n", escape(text)),
        Block::Alert(text) => format!("<p class=\"alert\" role=\"alert\">{}</p>\n", escape(text)),
        Block::Table(found) => table(found),
        Block::Tables(found) => {
            format!("<div class=\"tables\">\n{}</div>\n", found.iter().map(table).collect::<String>())
        }
        Block::Plots(plots) => {
            let legend =
                if plots.iter().any(|plot| plot.has_legend) { legend(&document.legend) } else { String::new() };
            let plots: String = plots.iter().map(plot).collect();
            format!("{legend}<div class=\"plots\">\n{plots}</div>\n")
        }
        Block::Command { what, command } => {
            format!("<p class=\"command\">{}: <code>{}</code></p>\n", escape(what), escape(command))
        }
    }
}

fn legend(names: &[String]) -> String {
    let item = |(index, name): (usize, &String)| {
        format!("<li><i style=\"--c:var(--s{})\"></i>{} {}</li>", index % 8 + 1, index + 1, escape(name))
    };
    format!("<ul class=\"legend\">{}</ul>\n", names.iter().enumerate().map(item).collect::<String>())
}

fn plot(plot: &Plot) -> String {
    let (title, caption) = (escape(&plot.title), escape(&plot.caption));
    format!("<figure>\n<h4>{title}</h4>\n{}<figcaption>{caption}</figcaption>\n</figure>\n", plot.svg)
}

fn table(table: &Table) -> String {
    let header: String = table.header.iter().map(|cell| format!("<th scope=\"col\">{}</th>", escape(cell))).collect();
    let rows: String = table.rows.iter().map(|cells| row(cells)).collect();
    let caption = escape(&table.caption);
    let named = if caption.is_empty() { String::new() } else { format!("<caption>{caption}</caption>") };
    // A wide table scrolls in a box of its own; the keyboard reaches it.
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">\n<table>{named}\n<thead><tr>{header}</tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n",
        if caption.is_empty() { "table" } else { &caption },
    )
}

fn row(cells: &[Cell]) -> String {
    let mut cells = cells.iter();
    let first = cells.next().map(|cell| format!("<th scope=\"row\">{}</th>", content(cell))).unwrap_or_default();
    let rest: String = cells
        .map(|cell| match cell.heat {
            Some(heat) => format!("<td class=\"heat\" style=\"--heat:{:.0}%\">{}</td>", heat * 100.0, content(cell)),
            None if cell.is_prose => format!("<td class=\"prose\">{}</td>", content(cell)),
            None => format!("<td>{}</td>", content(cell)),
        })
        .collect();
    format!("<tr>{first}{rest}</tr>\n")
}

fn content(cell: &Cell) -> String {
    let text = escape(&cell.text);
    let text = if cell.is_strong { format!("<strong>{text}</strong>") } else { text };
    if cell.note.is_empty() { text } else { format!("{text} <small>{}</small>", escape(&cell.note)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_wherever_they_stand() {
        let evil = "<b onclick='x'>\"&";
        let mut table = Table::new(evil, [evil]);
        table.row([Cell::with_note(evil, evil), Cell { heat: Some(0.5), ..Cell::new(evil) }]);
        let plot = Plot { title: evil.into(), svg: String::new(), caption: evil.into(), has_legend: true };
        let blocks = vec![
            Block::Heading(evil.into()),
            Block::Paragraph(evil.into()),
            Block::Alert(evil.into()),
            Block::Table(table),
            Block::Plots(vec![plot]),
            Block::Command { what: evil.into(), command: evil.into() },
        ];
        let section = Section { title: evil.into(), is_brief: true, blocks };
        let page = render(&Document {
            title: evil.into(),
            subtitle: evil.into(),
            legend: vec![evil.into()],
            sections: vec![section],
        });
        assert!(!page.contains("<b") || !page.contains("<b o"), "{page}");
        assert!(!page.contains("onclick='"), "{page}");
        assert_eq!(page.matches("&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;").count(), 19);
    }
}
