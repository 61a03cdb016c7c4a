//! Manifests.

use super::*;

#[test]
fn manifests() {
    let head = |field| Field(MANIFEST_FILE, field);
    run(&[
        ("format 2", |p| p.manifest["format"] = json!(2), head("format"), &["found 2", "expected 1"]),
        (
            "format 2 with other fields",
            |p| p.manifest = json!({ "format": 2, "all": "different" }),
            head("format"),
            &["found 2"],
        ),
        ("format of text", |p| p.manifest["format"] = json!("1"), head("format"), &["string", "u32"]),
        ("unknown field", |p| p.manifest["surprise"] = json!(1), head("surprise"), &["unknown field"]),
        (
            "unknown field of a head",
            |p| p.manifest["heads"]["urgency"]["surprise"] = json!(1),
            head("heads.urgency.surprise"),
            &["unknown field"],
        ),
        (
            "no complaint head",
            |p| remove(&mut p.manifest["heads"], "complaint"),
            head("heads.complaint"),
            &["found nothing"],
        ),
        ("no urgency head", |p| remove(&mut p.manifest["heads"], "urgency"), head("heads.urgency"), &["found nothing"]),
        (
            "a fourth head",
            |p| p.manifest["heads"]["irony"] = p.manifest["heads"]["complaint"].clone(),
            head("heads.irony"),
            &["unknown field"],
        ),
        (
            "wrong kind",
            |p| p.manifest["heads"]["complaint"]["kind"] = json!("ordinal"),
            head("heads.complaint.kind"),
            &["found ordinal", "expected binary"],
        ),
        (
            "unknown kind",
            |p| p.manifest["heads"]["complaint"]["kind"] = json!("quantum"),
            head("heads.complaint.kind"),
            &["quantum", "binary"],
        ),
        (
            "labels in another order",
            |p| p.manifest["heads"]["sentiment"]["labels"] = json!(["positive", "neutral", "negative"]),
            head("heads.sentiment.labels"),
            &["found positive, neutral, negative", "expected negative, neutral, positive"],
        ),
        (
            "no threshold",
            |p| p.manifest["heads"]["complaint"]["thresholds"] = json!([]),
            head("heads.complaint.thresholds"),
            &["found []", "expected 1 "],
        ),
        (
            "a threshold for sentiment",
            |p| p.manifest["heads"]["sentiment"]["thresholds"] = json!([0.5]),
            head("heads.sentiment.thresholds"),
            &["found [0.5]", "expected 0 "],
        ),
        (
            "thresholds unsorted",
            |p| p.manifest["heads"]["urgency"]["thresholds"] = json!([0.2, 0.6, 0.4, 0.8]),
            head("heads.urgency.thresholds"),
            &["[0.2, 0.6, 0.4, 0.8]", "4 ascending"],
        ),
        (
            "thresholds equal",
            |p| p.manifest["heads"]["urgency"]["thresholds"] = json!([0.2, 0.4, 0.4, 0.8]),
            head("heads.urgency.thresholds"),
            &["4 ascending"],
        ),
        (
            "thresholds out of range",
            |p| p.manifest["heads"]["urgency"]["thresholds"] = json!([0.2, 0.4, 0.6, 1.5]),
            head("heads.urgency.thresholds"),
            &["1.5", "[0, 1]"],
        ),
        (
            "a threshold of text",
            |p| p.manifest["heads"]["urgency"]["thresholds"][2] = json!("high"),
            head("heads.urgency.thresholds[2]"),
            &["string \"high\"", "f32"],
        ),
        (
            "temperature 0",
            |p| p.manifest["heads"]["sentiment"]["calibration"]["temperature"] = json!(0.0),
            head("heads.sentiment.calibration.temperature"),
            &["found 0", "a positive number"],
        ),
        (
            "temperature beyond f32",
            |p| p.manifest["heads"]["sentiment"]["calibration"]["temperature"] = json!(1e300),
            head("heads.sentiment.calibration.temperature"),
            &["found inf", "a positive number"],
        ),
        (
            "scale that turns the order around",
            |p| p.manifest["heads"]["complaint"]["calibration"]["scale"] = json!(-1.0),
            head("heads.complaint.calibration.scale"),
            &["found -1", "a positive number"],
        ),
        (
            "offset beyond f32",
            |p| p.manifest["heads"]["complaint"]["calibration"]["offset"] = json!(-1e300),
            head("heads.complaint.calibration.offset"),
            &["found -inf", "a finite number"],
        ),
        (
            "cubic term that turns the order around",
            |p| p.manifest["heads"]["complaint"]["calibration"]["cubic"] = json!(-0.1),
            head("heads.complaint.calibration.cubic"),
            &["found -0.1", "zero or a positive number"],
        ),
        (
            "cubic term beyond f32",
            |p| p.manifest["heads"]["complaint"]["calibration"]["cubic"] = json!(1e300),
            head("heads.complaint.calibration.cubic"),
            &["found inf", "zero or a positive number"],
        ),
        (
            "platt for three classes",
            |p| {
                let platt = p.manifest["heads"]["complaint"]["calibration"].clone();
                p.manifest["heads"]["sentiment"]["calibration"] = platt;
            },
            head("heads.sentiment.calibration.kind"),
            &["found platt", "temperature or none"],
        ),
        (
            "unknown calibration",
            |p| p.manifest["heads"]["urgency"]["calibration"]["kind"] = json!("isotonic"),
            head("heads.urgency.calibration.kind"),
            &["isotonic", "temperature"],
        ),
        (
            "overlap too large",
            |p| p.manifest["windows"]["overlap"] = json!(32),
            head("windows.overlap"),
            &["found 32", "at most 31"],
        ),
        (
            "negative overlap",
            |p| p.manifest["windows"]["overlap"] = json!(-1),
            head("windows.overlap"),
            &["-1", "usize"],
        ),
        (
            "window of special tokens alone",
            |p| p.manifest["windows"]["tokens"] = json!(2),
            head("windows.tokens"),
            &["found 2", "more than its 2"],
        ),
        (
            "window larger than the positions",
            |p| p.manifest["windows"]["tokens"] = json!(129),
            head("windows.tokens"),
            &["found 129", "at most the 128 positions"],
        ),
        (
            "endless window",
            |p| p.manifest["windows"]["tokens"] = json!(u64::MAX),
            head("windows.tokens"),
            &["at most the 128"],
        ),
        (
            "nothing may be read",
            |p| p.manifest["windows"]["max_bytes"] = json!(0),
            head("windows.max_bytes"),
            &["found 0", "1 to "],
        ),
        (
            "everything may be read",
            |p| p.manifest["windows"]["max_bytes"] = json!(u64::MAX),
            head("windows.max_bytes"),
            &["1 to "],
        ),
        ("unknown recipe", |p| p.manifest["cleaning"] = json!("social-v9"), head("cleaning"), &["social-v9"]),
        ("unknown pooling", |p| p.manifest["pooling"] = json!("max"), head("pooling"), &["`max`", "mean"]),
        ("not an object", |p| p.manifest = json!({ "format": 1 }), head("name"), &["found nothing"]),
    ]);
}
