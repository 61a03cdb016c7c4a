//! `plaint compare`: models and other programs side by side.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Ran, model, run};

/// A program that answers by what stands in a text, or misbehaves by what its argument says. Labels never reach it.
const RUNNER: &str = r#"
import json, sys, time
mode = sys.argv[1]
lines = sys.stdin if mode != "slurp" else sys.stdin.readlines()
for number, line in enumerate(lines, 1):
    row = json.loads(line)
    assert set(row) <= {"id", "text", "lang"}, row
    wrong = mode == "wrong" or (mode == "weak" and number % 3 == 0)
    bad = ("GEHEIM" in row["text"]) != wrong
    answer = {"id": row["id"], "complaint": 0.9 if bad else 0.1}
    if mode != "complaint-only":
        answer["sentiment"] = {"label": "negative" if bad else "positive"}
    if number == 3:
        if mode == "crash":
            sys.exit("cannot read " + row["text"])
        if mode == "hang":
            time.sleep(60)
        if mode == "few":
            sys.exit(0)
        if mode == "garbage":
            print(row["text"], flush=True)
            continue
        if mode == "range":
            answer["complaint"] = 1.5
        if mode == "swap":
            answer["id"] = 4
        if mode == "heads":
            del answer["sentiment"]
        if mode == "error":
            answer = {"line": number, "error": row["text"]}
    print(json.dumps(answer), flush=mode != "slurp")
if mode == "many":
    print("{}")
"#;

/// Texts with a word that no report may hold.
fn data(rows: usize) -> String {
    let row = |id: usize| {
        let (bad, lang) = (id.is_multiple_of(2), ["de", "en"][id / 2 % 2]);
        let text = if bad { "GEHEIM kaputt" } else { "alles gut, Schatzsuche" };
        let sentiment = if bad { "negative" } else { "positive" };
        json!({"id": id.to_string(), "text": text, "lang": lang, "split": "test", "complaint": u8::from(bad), "sentiment": sentiment})
    };
    (0..rows).map(|id| format!("{}\n", row(id))).collect()
}

/// A folder with data, a runner, and a suite of whatever `contestants` says.
struct Suite(TempDir);

impl Suite {
    fn new(rows: &str, contestants: &str) -> Self {
        let suite = Self(TempDir::new().unwrap());
        fs::write(suite.path("data.jsonl"), rows).unwrap();
        fs::write(suite.path("runner.py"), RUNNER).unwrap();
        suite.write(contestants);
        suite
    }

    fn write(&self, contestants: &str) {
        let head = format!(
            "name = \"t\"\nresamples = 50\ndata = {{ files = [{:?}], splits = [\"test\"] }}\n",
            self.path("data.jsonl")
        );
        fs::write(self.path("suite.toml"), format!("{head}{contestants}")).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn runner(&self, mode: &str) -> String {
        let (name, program) = (format!("the {mode} one"), self.path("runner.py"));
        format!("[[runner]]\nname = {name:?}\ncommand = [\"python3\", {program:?}, {mode:?}]\ntimeout_s = 20\n")
    }

    fn compare(&self, arguments: &[&str]) -> Ran {
        let (suite, output) = (self.path("suite.toml"), self.path("report"));
        run(&[&["compare", &suite, "--output", &output], arguments].concat())
    }

    fn report(&self) -> Value {
        serde_json::from_str(&self.page("report.json")).unwrap()
    }

    fn page(&self, name: &str) -> String {
        fs::read_to_string(Path::new(&self.path("report")).join(name)).unwrap()
    }
}

#[test]
fn figures_are_those_of_evaluate_and_come_again() {
    let rows = "{\"text\":\"Seit drei Wochen kein Internet, und niemand ruft zurück!\",\"lang\":\"de\",\"split\":\"test\",\"complaint\":1,\"sentiment\":\"negative\",\"urgency_level\":\"normal\"}\n\
                {\"text\":\"Merci beaucoup !\",\"lang\":\"fr\",\"split\":\"test\",\"complaint\":0,\"sentiment\":\"positive\",\"urgency_level\":\"none\"}\n\
                {\"text\":\"Wann haben Sie geöffnet?\",\"lang\":\"de\",\"split\":\"test\",\"complaint\":0,\"sentiment\":\"neutral\",\"urgency_level\":\"low\"}\n\
                {\"text\":\"not of this split\",\"split\":\"dev\",\"complaint\":0}\n";
    let model = model();
    let model = model.to_str().unwrap();
    let suite = Suite::new(rows, &format!("[[model]]\nname = \"base\"\nfolder = {model:?}\nprecision = \"f32\"\n"));
    let ran = suite.compare(&[]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let first = suite.report();
    let found = &first["contestants"][0]["quality"]["report"];

    let data = suite.path("data.jsonl");
    let options =
        ["--split", "test", "--by", "lang,source,channel,length", "--resamples", "50", "--seed", "1", "--json"];
    let evaluated = run(&[&["evaluate", &data, "--model", model, "--precision", "f32"], &options[..]].concat());
    assert_eq!(found, &evaluated.lines()[0]["report"]);
    assert_eq!(found["texts"], 3);
    // The command in the report is that one, but for `--json`.
    let command = first["contestants"][0]["quality_command"].as_str().unwrap();
    for part in ["plaint evaluate ", "--split test", "--seed 1", "--resamples 50", "--precision f32", &data] {
        assert!(command.contains(part), "{command}");
    }
    suite.compare(&[]);
    assert_eq!(suite.report()["contestants"], first["contestants"]);
}

#[test]
fn a_program_that_misbehaves_has_an_error_in_its_row_and_no_text_is_told() {
    let suite = Suite::new(&data(8), "");
    let errors = [
        ("crash", "ended with exit status: 1: found 2 of 8 answers"),
        ("hang", "timed out: found 2 of 8 answers"),
        ("few", "found 2 answers, expected 8: one a text"),
        ("many", "found a line after the last answer, expected 8"),
        ("garbage", "answer 3: found a line of 13 bytes that is no JSON object"),
        ("range", "answer 3: field `complaint`: found something else, expected a probability"),
        ("swap", "answer 3: field `id`: found 4"),
        ("heads", "answer 3: found the heads complaint after complaint, sentiment"),
    ];
    let mut contestants: String = errors.map(|(mode, _)| suite.runner(mode)).concat();
    contestants = contestants.replace("\"hang\"]\ntimeout_s = 20", "\"hang\"]\ntimeout_s = 5");
    contestants += &suite.runner("good");
    contestants += "[[runner]]\nname = \"none\"\ncommand = [\"/no/such/program\"]\n";
    contestants += "[[model]]\nname = \"no model\"\nfolder = \"/no/such/folder\"\n";
    contestants += "[speed]\nscenarios = [\"single\"]\nrepeats = 1\nseconds = 0.05\n";
    suite.write(&contestants);
    let ran = suite.compare(&[]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);

    let report = suite.report();
    let row = |name: &str| {
        let rows = report["contestants"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}"))
    };
    for (mode, expected) in errors {
        let row = row(&format!("the {mode} one"));
        let found = row["errors"][0].as_str().unwrap();
        assert!(found.contains(expected), "{mode}: {found}");
        assert_eq!((&row["quality"], &row["speed"]), (&json!(null), &json!(null)));
        assert!(suite.page("report.md").contains(&format!("the {mode} one: ")), "{mode}");
    }
    assert!(row("none")["errors"][0].as_str().unwrap().starts_with("/no/such/program: cannot start: "));
    assert!(row("no model")["errors"][0].as_str().unwrap().starts_with("/no/such/folder/manifest.json: cannot read: "));
    let good = row("the good one");
    assert_eq!(good["errors"], json!([]));
    assert_eq!(good["quality"]["report"]["heads"][0]["measures"]["macro_f1"]["value"], 1.0);
    assert!(good["speed"]["single"]["p50_ms"]["median"].as_f64() > Some(0.0));

    // Two of them print texts. People at the terminal see what a program wrote before it died, reports do not.
    assert!(ran.stderr.contains("the crash one wrote: cannot read GEHEIM kaputt"), "{}", ran.stderr);
    for page in ["report.html", "report.md", "report.json"].map(|name| suite.page(name)).iter().chain([&ran.stdout]) {
        assert!(!page.contains("GEHEIM") && !page.contains("Schatzsuche"), "{page}");
    }
}

#[test]
fn heads_that_a_program_lacks_stay_empty_and_texts_that_it_cannot_score_are_counted() {
    let suite = Suite::new(&data(8), "");
    suite.write(&(suite.runner("complaint-only") + &suite.runner("error")));
    let ran = suite.compare(&[]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let report = suite.report();
    let heads = |index: usize| {
        let heads = report["contestants"][index]["quality"]["report"]["heads"].as_array().unwrap();
        heads.iter().filter(|head| head["slice"] == json!({})).map(|head| head["head"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((heads(0), heads(1)), (vec![json!("complaint")], vec![json!("complaint"), json!("sentiment")]));
    assert_eq!(report["contestants"][1]["quality"]["failed"], 1);
    let compared = &report["comparisons"][0]["heads"];
    assert_eq!((compared.as_array().unwrap().len(), &compared[0]["texts"]), (1, &json!(7)));
    assert!(!suite.page("report.json").contains("GEHEIM"));
}

#[test]
fn all_scenarios_are_measured_of_any_program() {
    let suite = Suite::new(&data(4), "");
    let slurp = suite.runner("slurp") + "streams = false\n";
    let speed = "[speed]\nrepeats = 2\nseconds = 0.1\ntexts = 20\np99_ms = 2000\n";
    suite.write(&(suite.runner("good") + &slurp + speed));
    let ran = suite.compare(&[]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let report = suite.report();
    let speed = |index: usize, path: &str| report["contestants"][index]["speed"].pointer(path).and_then(Value::as_f64);
    for path in ["/start_s/least", "/single/p50_ms/median", "/single/p99_ms/greatest", "/offline/texts_per_s/least"] {
        assert!(speed(0, path) > Some(0.0), "{path}");
    }
    assert!(speed(0, "/server/rate") > Some(1.0));
    assert_eq!(speed(0, "/server/p99_ms/runs"), Some(2.0));
    if cfg!(target_os = "linux") {
        assert!(speed(0, "/peak_memory/least") > Some(1e6));
    }
    assert_eq!((speed(1, "/single/p50_ms/median"), speed(1, "/offline/texts")), (None, Some(20.0)));
    assert_eq!(report["contestants"][1]["speed"]["offline"]["includes_start"], true);
    for part in ["Single stream", "Server", "Offline", "Pareto"] {
        assert!(suite.page("report.html").contains(part), "{part}");
    }
    suite.compare(&["--no-speed", "--only", "the good one"]);
    let report = suite.report();
    assert_eq!(
        (report["contestants"].as_array().unwrap().len(), &report["contestants"][0]["speed"]),
        (1, &json!(null))
    );
}

#[test]
fn what_became_worse_is_told_and_ends_with_1() {
    let suite = Suite::new(&data(40), "");
    let named = |mode: &str| suite.runner(mode).replacen(&format!("the {mode} one"), "it", 1);
    suite.write(&named("good"));
    let records = suite.path("records");
    assert_eq!(suite.compare(&["--record", &records]).status, 0);
    let kept: Vec<_> = fs::read_dir(&records).unwrap().map(|entry| entry.unwrap().path()).collect();
    let kept = kept[0].to_str().unwrap();
    assert!(kept.ends_with("Z-t.json"), "{kept}");

    let same = suite.compare(&["--against", kept]);
    assert_eq!((same.status, same.stdout.contains("No figure differs beyond noise")), (0, true), "{}", same.stdout);
    suite.write(&named("weak"));
    let worse = suite.compare(&["--against", kept]);
    assert_eq!(worse.status, 1);
    assert!(
        worse.stdout.contains("worse beyond noise") && worse.stdout.contains("complaint macro-F1"),
        "{}",
        worse.stdout
    );
    assert!(suite.page("report.html").contains("worse beyond noise"));

    fs::write(suite.path("data.jsonl"), data(42)).unwrap();
    let other = suite.compare(&["--against", kept]);
    assert_eq!((other.status, other.stdout.contains("quality is not compared")), (0, true), "{}", other.stdout);
    suite.compare(&["--against", &suite.path("data.jsonl")]).assert_refused(&["data.jsonl", "field"]);
}

#[test]
fn names_are_escaped_in_every_report() {
    let suite = Suite::new(&data(4), "");
    let evil = "<img src=x onerror=y> & |`*[a](b)";
    suite.write(&suite.runner("good").replacen("the good one", evil, 1));
    assert_eq!(suite.compare(&[]).status, 0);
    let (html, markdown) = (suite.page("report.html"), suite.page("report.md"));
    assert!(!html.contains("<img") && html.contains("&lt;img src=x onerror=y&gt; &amp; |`*[a](b)"), "{html}");
    // Commands stand between back-ticks, where Markdown obeys nothing.
    assert!(markdown.lines().all(|line| !line.contains("<img") || line.contains(": `plaint compare ")), "{markdown}");
    // Nothing is loaded and nothing runs.
    for part in ["<script", "http://", "https://", "url(", "@import", " src=\"", "<link"] {
        assert!(!html.replace("http://www.w3.org/2000/svg", "").contains(part), "{part}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn a_suite_that_cannot_be_used_is_refused() {
    let suite = Suite::new(&data(4), "[[runner]]\nname = \"a\"\ncommand = [\"a\"]\ntime_out = 3\n");
    suite.compare(&[]).assert_refused(&["suite.toml", "runner[0].time_out", "unknown field", "timeout_s"]);
    suite.write("");
    suite.compare(&[]).assert_refused(&["field `model`", "neither a model nor a runner"]);
    suite.write(&suite.runner("good"));
    suite.compare(&["--only", "b"]).assert_refused(&["--only", "found `b`", "the good one"]);
    run(&["compare", "/no/such.toml"]).assert_refused(&["/no/such.toml", "cannot read"]);
    fs::write(suite.path("data.jsonl"), data(4).replace("\"test\"", "\"dev\"")).unwrap();
    suite.compare(&[]).assert_refused(&["data", "found no text of split test, expected at least one"]);
    fs::remove_file(suite.path("data.jsonl")).unwrap();
    suite.compare(&[]).assert_refused(&["data.jsonl", "cannot read"]);
}
