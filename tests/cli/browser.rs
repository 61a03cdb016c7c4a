//! The fixture suite's report, in a real browser. Skipped, with a reason, only where no Chromium can be installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::run;

/// Puts the report into a frame of some width and writes what it measures into its own title.
const WRAPPER: &str = r#"<!doctype html><meta charset="utf-8"><title>waiting</title><body><script>
const frame = document.createElement("iframe");
frame.style.cssText = "border:0;width:WIDTHpx;height:900px";
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement;
  const box = element => element.getBoundingClientRect();
  const plots = [...page.querySelectorAll("figure svg")];
  const outside = plots.flatMap(plot => [...plot.querySelectorAll("text")].filter(text => {
    const [inner, outer] = [box(text), box(plot)];
    return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
  }));
  const wide = [...page.querySelectorAll("body *")].filter(element => !element.closest(".scroll, svg") && box(element).right > WIDTH + 1);
  document.title = "measured " + JSON.stringify({
    overflow: root.scrollWidth - root.clientWidth,
    sections: page.querySelectorAll("section").length,
    plots: plots.length,
    narrowest_plot: Math.min(...plots.map(plot => box(plot).width)),
    flat_plots: plots.filter(plot => box(plot).height < 100).length,
    labels_outside: outside.length,
    too_wide: wide.map(element => element.tagName + "." + element.className),
    small_print: Math.min(...plots.flatMap(plot => [...plot.querySelectorAll("text")].map(text => box(text).height))),
  });
};
frame.srcdoc = PAGE;
document.body.append(frame);
</script>"#;

/// A Chromium, installed if need be; `None`, with a reason printed, where none can be.
fn chromium() -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/chromium.sh");
    let output = Command::new("bash").arg(script).output().unwrap();
    let say = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        eprintln!("skipped: no Chromium here: {}", say(&output.stderr));
        return None;
    }
    Some(say(&output.stdout))
}

fn measure(chromium: &str, page: &str, width: u32) -> Value {
    let folder = TempDir::new().unwrap();
    let page = serde_json::to_string(page).unwrap().replace("</", "<\\/");
    let wrapper = folder.path().join("wrapper.html");
    fs::write(&wrapper, WRAPPER.replace("WIDTH", &width.to_string()).replace("PAGE", &page)).unwrap();
    let output = Command::new(chromium)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg("--window-size=1500,1000")
        .arg(format!("file://{}", wrapper.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let measured = dom.split_once("<title>measured ").and_then(|(_, rest)| rest.split_once("</title>"));
    let (measured, _) = measured.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(measured).unwrap()
}

#[test]
fn the_report_of_the_fixture_suite_fits_a_phone_and_a_desk() {
    let Some(chromium) = chromium() else { return };
    let folder = TempDir::new().unwrap();
    let output = folder.path().to_str().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(std::env::current_dir().unwrap(), root, "paths of a suite are relative to the current folder");
    // The lexicon needs an `npm ci` first; here is nothing but Python.
    let only = ["--only", "plaint-base int8", "--only", "plaint-base f32", "--only", "majority class"];
    let ran = run(&[&["compare", "benches/suites/fixture.toml", "--output", output], &only[..]].concat());
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();

    for width in [400, 1400] {
        let found = measure(&chromium, &page, width);
        assert_eq!(found["overflow"], 0, "{found}");
        assert_eq!((&found["labels_outside"], &found["flat_plots"]), (&0.into(), &0.into()), "{found}");
        assert_eq!(found["too_wide"], serde_json::json!([]), "{found}");
        // Three scatter plots, three calibrations, and the thresholds of three contestants for two heads.
        assert_eq!((&found["plots"], &found["sections"]), (&12.into(), &9.into()), "{found}");
        assert!(found["narrowest_plot"].as_f64() > Some(280.0) && found["small_print"].as_f64() > Some(8.0), "{found}");
    }
}
