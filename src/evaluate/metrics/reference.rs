//! The same numbers as scikit-learn's. `tests/fixtures/metrics.py` made them.

use serde::Deserialize;

use super::{Confusion, Ranking, mean};

#[derive(Deserialize)]
struct Cases {
    decisions: Vec<Decisions>,
    scores: Vec<Scores>,
}

#[derive(Deserialize)]
struct Decisions {
    classes: usize,
    gold: Vec<usize>,
    predicted: Vec<usize>,
    confusion: Vec<Vec<u64>>,
    macro_f1: f64,
    micro_f1: f64,
    macro_recall: f64,
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    quadratic_kappa: f64,
}

#[derive(Deserialize)]
struct Scores {
    gold: Vec<bool>,
    score: Vec<f64>,
    roc_auc: f64,
    average_precision: f64,
    #[serde(rename = "recall_at_precision_0.7")]
    recall_at_precision: f64,
    brier: f64,
}

fn cases() -> Cases {
    let fixture = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/metrics.json"));
    serde_json::from_str(fixture).unwrap()
}

#[track_caller]
fn assert_near(ours: Option<f64>, theirs: f64) {
    assert!((ours.unwrap() - theirs).abs() < 1e-12, "{ours:?} {theirs}");
}

#[test]
fn decisions_are_measured_as_by_scikit_learn() {
    for case in cases().decisions {
        let ours = Confusion::new(case.classes, case.gold.into_iter().zip(case.predicted));
        assert_eq!(serde_json::to_value(&ours).unwrap(), serde_json::to_value(&case.confusion).unwrap());
        assert_near(ours.macro_f1(), case.macro_f1);
        assert_near(ours.accuracy(), case.micro_f1);
        assert_near(ours.macro_recall(), case.macro_recall);
        assert_near(ours.quadratic_kappa(), case.quadratic_kappa);
        for class in 0..case.classes {
            assert_near(ours.precision(class), case.precision[class]);
            assert_near(ours.recall(class), case.recall[class]);
            assert_near(ours.f1(class), case.f1[class]);
        }
    }
}

#[test]
fn scores_are_measured_as_by_scikit_learn() {
    for case in cases().scores {
        let pairs = || case.score.iter().copied().zip(case.gold.iter().copied());
        let ranking = Ranking::new(pairs());
        assert_near(ranking.roc_auc(), case.roc_auc);
        assert_near(ranking.average_precision(), case.average_precision);
        assert_near(ranking.recall_at_precision(0.7), case.recall_at_precision);
        assert_near(mean(pairs().map(|(score, gold)| (score - f64::from(u8::from(gold))).powi(2))), case.brier);
    }
}
