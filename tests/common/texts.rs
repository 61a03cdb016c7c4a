//! One table of texts, for every test that reads texts.

/// Name and text. All can be scored; the longest take several windows of a tiny model.
pub fn table() -> Vec<(&'static str, String)> {
    let sentence = "Seit drei Wochen kein Internet, und niemand ruft zurück! ";
    vec![
        ("one token", "a".into()),
        ("one letter without a piece", "Ж".into()),
        ("short", "Wo bleibt mein Paket?".into()),
        ("short, other word", "Wo bleibt mein Hund?".into()),
        ("short, other order", "Paket bleibt mein wo?".into()),
        ("thanks", "danke, the help is not no".into()),
        ("French", "Toujours pas de réponse après trois courriers recommandés…".into()),
        ("Polish", "Od tygodnia nie działa internet, proszę o pomoc".into()),
        ("Russian", "Третий день нет связи, сколько можно ждать?".into()),
        ("emoji", "😡😡😡 👩‍👩‍👧‍👦 🇩🇪".into()),
        ("mixed scripts", "Das ist 很糟糕 и ужасно, عاجل! 지금 help".into()),
        ("digits", "Vertrag 0123456789, seit 2019-03-04, 49,99 €".into()),
        ("white space inside", "kein\tInternet\r\n\r\n\u{a0}seit  Wochen".into()),
        ("fills a window", "die ".repeat(62)),
        ("one token over a window", "kein ".repeat(63)),
        ("two windows", sentence.repeat(2)),
        ("many windows", sentence.repeat(40)),
        ("one long word", "kein".repeat(100)),
        ("many emoji", "😡".repeat(120)),
    ]
}

/// The texts of the table without their names.
pub fn all() -> Vec<String> {
    table().into_iter().map(|(_, text)| text).collect()
}
