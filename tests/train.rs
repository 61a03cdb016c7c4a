//! Fine-tuning from a recipe to a folder that an engine opens, on a model of random weights and a few sentences.
#![cfg(feature = "train")]

mod common;

use std::fs;
use std::path::Path;

use common::folder::Folder;
use common::tiny_model::TinyModel;
use plaint::Engine;
use plaint::train::{Corpus, Event, Recipe, SentimentLabels, TeacherSpec, TrainError, cross_validate, train};

/// What the tiny model can learn: a complaint holds certain words.
fn rows(split: &str, seed: usize) -> String {
    let complaints =
        ["Kein Netz, seit Tagen!", "Die Rechnung ist falsch.", "Niemand ruft zurück.", "Das Paket fehlt immer noch."];
    let others =
        ["Danke, alles gut.", "Heute ist schönes Wetter.", "Wann öffnet der Laden?", "Ein neuer Tarif ist da."];
    let mut rows = String::new();
    for index in 0..24 {
        let pick = |texts: [&str; 4]| texts[(index + seed) % 4].to_owned();
        for (text, complaint, sentiment, level) in
            [(pick(complaints), 1, "negative", "high"), (pick(others), 0, "positive", "none")]
        {
            rows += &format!(
                "{{\"id\":\"{split}-{index}-{complaint}\",\"text\":\"{text} {split} {index}\",\"lang\":\"de\",\"split\":\"{split}\",\
                 \"complaint\":{complaint},\"sentiment\":\"{sentiment}\",\"urgency_level\":\"{level}\"}}\n"
            );
        }
    }
    rows
}

fn recipe(folder: &Folder, data: &Path, extra: &str) -> Recipe {
    let path = |name: &str| folder.file(name).display().to_string();
    let text = format!(
        r#"
        output = "{output}"
        work = "{work}"
        seed = 5
        cleaning = "social-v1"
        {extra}
        [model]
        name = "tiny"
        version = "1"
        description = "A test."
        languages = ["de"]
        licence = "none"
        date = "2026-01-01"
        [base]
        folder = "{base}"
        description = "random numbers"
        [windows]
        tokens = 32
        overlap = 4
        max_bytes = 4096
        [optimizer]
        learning_rate = 2e-3
        head_learning_rate = 2e-2
        layer_decay = 0.9
        warmup = 0.1
        weight_decay = 0.01
        clip_norm = 1.0
        batch_tokens = 256
        label_smoothing = 0.0
        token_dropout = 0.0
        bf16 = false
        evaluate_every = 240
        patience = 9
        [[train]]
        files = ["{data}"]
        split = "train"
        passes = 20
        compose = true
        [[dev]]
        files = ["{data}"]
        split = "dev"
        [[test]]
        files = ["{data}"]
        split = "dev"
        "#,
        output = path("out"),
        work = path("work"),
        base = path("base"),
        data = data.display(),
    );
    let file = folder.file("recipe.toml");
    fs::write(&file, text).unwrap();
    Recipe::read(&file).unwrap()
}

/// A folder with a base model in `base` and labelled rows in `data.jsonl`.
fn set_up() -> Folder {
    let folder = Folder::empty();
    let base = Folder::with(&TinyModel::default().files());
    fs::rename(base.path(), folder.file("base")).unwrap();
    fs::write(folder.file("data.jsonl"), rows("train", 0) + &rows("dev", 1)).unwrap();
    folder
}

fn losses(recipe: &Recipe) -> Vec<f32> {
    let mut losses = Vec::new();
    let corpus = Corpus::read(recipe).unwrap();
    train(recipe, &corpus, |event| {
        if let Event::Watched { scores, .. } = event {
            losses.push(scores.loss());
        }
    })
    .unwrap();
    losses
}

#[test]
fn a_trained_folder_opens_and_knows_what_it_was_taught() {
    let folder = set_up();
    let recipe = recipe(&folder, &folder.file("data.jsonl"), "");
    let losses = losses(&recipe);
    assert!(losses.last() < losses.first(), "{losses:?}");

    let engine = Engine::builder().open(&recipe.output).unwrap();
    assert_eq!(engine.manifest().name, "tiny");
    let complaint = engine.score("Die Rechnung ist falsch.").unwrap();
    let thanks = engine.score("Danke, alles gut.").unwrap();
    assert!(complaint.complaint > thanks.complaint, "{complaint:?} {thanks:?}");
    assert!(complaint.is_complaint && !thanks.is_complaint);
    assert!(complaint.urgency.score > thanks.urgency.score);
    assert!(complaint.sentiment.negative > thanks.sentiment.negative);
    let card = fs::read_to_string(recipe.output.join("CARD.md")).unwrap();
    assert!(card.contains("| complaint | texts | macro-F1") && card.contains("Seed 5"), "{card}");

    // Done is done: the same command again takes up the last checkpoint and trains no more.
    assert!(self::losses(&recipe).is_empty());
}

#[test]
fn two_ideas_of_sentiment_are_mixed_as_the_recipe_says() {
    let folder = set_up();
    // The same texts again, by somebody who calls complaints neutral: nothing else in them is new.
    fs::write(folder.file("guide.jsonl"), rows("train", 0).replace("\"negative\"", "\"neutral\"")).unwrap();
    let mut recipe = recipe(&folder, &folder.file("data.jsonl"), "guide_share = 0.0");
    let mut guide = recipe.train[0].clone();
    guide.files = vec![folder.file("guide.jsonl").display().to_string()];
    guide.sentiment = SentimentLabels::Guide;
    recipe.train.push(guide);
    assert_eq!(Corpus::read(&recipe).unwrap().dropped, 0);
    losses(&recipe);
    let neutral = |recipe: &Recipe| {
        let engine = Engine::builder().open(&recipe.output).unwrap();
        engine.score("Die Rechnung ist falsch.").unwrap().sentiment.neutral.get()
    };
    let by_public = neutral(&recipe);

    recipe.guide_share = 1.0;
    assert!(losses(&recipe).is_empty(), "the share is no reason to train again");
    let by_guide = neutral(&recipe);
    assert!(by_guide > by_public + 0.2, "{by_guide} {by_public}");
    recipe.guide_share = 0.5;
    losses(&recipe);
    let mixed = neutral(&recipe);
    assert!(by_public < mixed && mixed < by_guide, "{by_public} {mixed} {by_guide}");
}

#[test]
fn the_card_reports_on_the_rows_that_were_asked_for() {
    let folder = set_up();
    let row = |text: &str, split: &str, extra: &str| {
        format!("{{\"text\":\"{text}\",\"split\":\"{split}\",\"complaint\":1,\"urgency_level\":\"high\"{extra}}}\n")
    };
    let more = row("Dieser Satz steht auch in der Prüfung.", "train", "")
        + &row("Und dieser in einer anderen Prüfung.", "dev", ",\"in_test_of\":[\"x.test\"]")
        + &row("dieser satz steht auch in der prüfung", "test", "")
        + "{\"text\":\"Ohne Urteil.\",\"split\":\"test\"}\n";
    fs::write(folder.file("data.jsonl"), rows("train", 0) + &rows("dev", 1) + &more).unwrap();
    let mut recipe = recipe(&folder, &folder.file("data.jsonl"), "");
    recipe.train[0].passes = 1.0;
    recipe.dev[0].limit = Some(40);
    recipe.test[0].split = Some("test".into());
    recipe.test[0].heads = vec![plaint::evaluate::Head::Complaint];
    let corpus = Corpus::read(&recipe).unwrap();
    assert_eq!(corpus.dropped, 1, "the text recurs in test data");
    let mut scored = Vec::new();
    train(&recipe, &corpus, |event| {
        if let Event::Scored { done, total } = event {
            scored.push((done, total));
        }
    })
    .unwrap();
    let count = scored.len();
    assert!((1..=41).contains(&count) && scored == Vec::from_iter((1..=count).map(|done| (done, count))), "{scored:?}");
    let card = fs::read_to_string(recipe.output.join("CARD.md")).unwrap();
    let (test, dev) = card.split_once("### On development data").unwrap();
    assert!(test.contains("| all | 1 |") && !test.contains("| urgency | texts"), "{card}");
    assert_eq!(dev.matches(&format!("| all | {} |", count - 1)).count(), 3, "{card}");
}

#[test]
fn layers_may_be_left_out() {
    let folder = set_up();
    let mut recipe = recipe(&folder, &folder.file("data.jsonl"), "");
    recipe.train[0].passes = 1.0;
    recipe.base.layers = Some(vec![1]);
    losses(&recipe);
    let config = fs::read_to_string(recipe.output.join("config.json")).unwrap();
    assert!(config.contains("\"num_hidden_layers\": 1"), "{config}");
    Engine::builder().open(&recipe.output).unwrap();

    recipe.base.layers = Some(vec![0, 7]);
    let error = train(&recipe, &Corpus::read(&recipe).unwrap(), |_| ()).unwrap_err();
    assert!(error.to_string().contains("found 7"), "{error}");
}

#[test]
fn a_student_learns_from_a_teacher_without_labels() {
    let folder = set_up();
    let mut recipe = recipe(&folder, &folder.file("data.jsonl"), "");
    losses(&recipe);
    let teacher = Engine::builder().open(&recipe.output).unwrap();

    let unlabelled = folder.file("unlabelled.jsonl");
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{}\n", serde_json::json!({ "text": row["text"], "split": "train" }))
    };
    fs::write(&unlabelled, rows("train", 0).lines().map(row).collect::<String>()).unwrap();
    recipe.train[0].files = vec![unlabelled.display().to_string()];
    assert!(matches!(Corpus::read(&recipe), Err(TrainError::NoRows { what: "training" })));
    recipe.base.folder = Some(recipe.output.clone());
    recipe.base.layers = Some(vec![1]);
    recipe.teacher = Some(TeacherSpec { folder: recipe.output.clone(), share: 1.0, vectors: 0.01, states: 0.01 });
    recipe.output = folder.file("student");
    recipe.work = folder.file("student-work");
    let mut losses = Vec::new();
    train(&recipe, &Corpus::read(&recipe).unwrap(), |event| match event {
        Event::Watched { scores, .. } => losses.push(scores.loss()),
        Event::Step { seconds, teacher_seconds, .. } => assert!(0.0 < teacher_seconds && teacher_seconds < seconds),
        _ => {}
    })
    .unwrap();
    assert!(losses.last() < losses.first(), "{losses:?}");
    let student = Engine::builder().open(&recipe.output).unwrap();
    for text in ["Die Rechnung ist falsch.", "Danke, alles gut."] {
        let [taught, learned] = [&teacher, &student].map(|engine| engine.score(text).unwrap());
        assert_eq!(taught.is_complaint, learned.is_complaint, "{text}: {taught:?} {learned:?}");
    }

    // Labels that no head shall learn from are no hindrance.
    recipe.train[0].files = vec![folder.file("data.jsonl").display().to_string()];
    recipe.train[0].heads = Vec::new();
    assert_eq!(Corpus::read(&recipe).unwrap().sources(), [("data".to_owned(), 48)]);

    let small = Folder::with(&TinyModel { hidden: 16, ..TinyModel::default() }.files());
    recipe.teacher = Some(TeacherSpec { folder: small.path().into(), share: 1.0, vectors: 0.01, states: 0.0 });
    recipe.work = folder.file("other-work");
    let error = train(&recipe, &Corpus::read(&recipe).unwrap(), |_| ()).unwrap_err();
    assert!(error.to_string().contains("teacher.folder"), "{error}");
}

#[test]
fn one_label_column_trains_one_head() {
    let folder = set_up();
    let one = folder.file("one.jsonl");
    let mut text = String::from("{\"text\":\"no label\",\"split\":\"train\"}\nnot json\n");
    for (index, split) in ["train", "dev"].iter().cycle().take(40).enumerate() {
        text +=
            &format!("{{\"text\":\"Satz Nummer {index}\",\"split\":\"{split}\",\"complaint\":{}}}\n", index / 2 % 2);
    }
    fs::write(&one, text).unwrap();
    let recipe = recipe(&folder, &one, "");
    let corpus = Corpus::read(&recipe).unwrap();
    let errors: Vec<String> = corpus.errors.iter().map(ToString::to_string).collect();
    assert!(errors.iter().all(|error| error.contains("one.jsonl:2: ")), "{errors:?}");
    assert_eq!(corpus.sources(), [("one".to_owned(), 20)]);
    train(&recipe, &corpus, |_| ()).unwrap();
    Engine::builder().open(&recipe.output).unwrap();
}

#[test]
fn a_run_that_was_cut_off_goes_on() {
    struct CutOff;
    let folder = set_up();
    let recipe = recipe(&folder, &folder.file("data.jsonl"), "");
    let corpus = Corpus::read(&recipe).unwrap();
    let mut looks = 0;
    let cut = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        train(&recipe, &corpus, |event| {
            looks += usize::from(matches!(event, Event::Watched { .. }));
            if looks == 3 {
                std::panic::panic_any(CutOff);
            }
        })
    }));
    assert!(cut.unwrap_err().is::<CutOff>());
    let mut start = None;
    train(&recipe, &corpus, |event| {
        if let Event::Started { done, .. } = event {
            start = Some(done);
        }
    })
    .unwrap();
    assert_eq!(start, Some(480), "the third look was not yet saved");
}

#[test]
fn a_soup_is_the_average_of_its_seeds_and_a_base_for_the_next_stage() {
    let folder = set_up();
    let soup = recipe(&folder, &folder.file("data.jsonl"), "soup = [6, 7]");
    let corpus = Corpus::read(&soup).unwrap();
    let seeds = || {
        let mut seeds = Vec::new();
        train(&soup, &corpus, |event| {
            if let Event::Started { seed, done, .. } = event {
                seeds.push((seed, done > 0));
            }
        })
        .unwrap();
        seeds
    };
    assert_eq!(seeds(), [(5, false), (6, false), (7, false)]);
    assert_eq!(seeds(), [(5, true), (6, true), (7, true)], "a finished run is not repeated");

    let weights = |path: &str| {
        let bytes = fs::read(soup.work.join(path)).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let data = tensors.tensor("heads.sentiment.weight").unwrap().data();
        data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect::<Vec<_>>()
    };
    let all = [5, 6, 7].map(|seed| weights(&format!("seed-{seed}/best.safetensors")));
    assert!(all[0] != all[1] && all[1] != all[2]);
    for (index, found) in weights("best.safetensors").into_iter().enumerate() {
        let mean = all.iter().map(|weights| weights[index]).sum::<f32>() / 3.0;
        assert!((found - mean).abs() < 1e-6, "{found} {mean}");
    }
    let card = fs::read_to_string(soup.output.join("CARD.md")).unwrap();
    assert!(card.contains("seeds [5, 6, 7]"), "{card}");

    let next = next_stage(&folder);
    assert_eq!(next.base.weights(), soup.work.join("best.safetensors"));
    train(&next, &Corpus::read(&next).unwrap(), |_| ()).unwrap();
}

/// A second recipe beside `recipe.toml`, which starts from that one's model and trains no more.
fn next_stage(folder: &Folder) -> Recipe {
    let text = fs::read_to_string(folder.file("recipe.toml")).unwrap();
    let base = format!("folder = \"{}\"", folder.file("base").display());
    let next = text
        .replace(&base, &format!("recipe = \"{}\"", folder.file("recipe.toml").display()))
        .replace("out\"", "next-out\"")
        .replace("work\"", "next-work\"")
        .replace("passes = 20", "passes = 0");
    assert!(next.contains("recipe.toml"));
    let file = folder.file("next.toml");
    fs::write(&file, next).unwrap();
    Recipe::read(&file).unwrap()
}

#[test]
fn a_stage_starts_from_the_weights_of_the_stage_before_as_they_were_before_rounding() {
    let folder = set_up();
    let first = recipe(&folder, &folder.file("data.jsonl"), "");
    let next = next_stage(&folder);
    assert!(!first.is_finished() && next.base.folder() == first.output);
    let error = train(&next, &Corpus::read(&next).unwrap(), |_| ()).unwrap_err();
    assert!(matches!(error, TrainError::Model { .. }), "{error}");
    losses(&first);
    assert!(first.is_finished());

    // What the folder holds in int8 no longer matters, as long as the weights themselves are there.
    let weights = |recipe: &Recipe| fs::read(recipe.output.join("model.safetensors")).unwrap();
    let trained = weights(&first);
    fs::copy(folder.file("base/model.safetensors"), first.output.join("model.safetensors")).unwrap();
    assert_eq!(next.base.weights(), first.work.join("best.safetensors"));
    losses(&next);
    assert_eq!(weights(&next), trained);

    fs::remove_file(first.work.join("best.safetensors")).unwrap();
    assert_eq!(next.base.weights(), first.output.join("model.safetensors"));
    losses(&next);
    assert_ne!(weights(&next), trained);
}

#[test]
fn weights_of_another_recipe_than_the_named_one_are_no_base() {
    let folder = set_up();
    let mut first = recipe(&folder, &folder.file("data.jsonl"), "");
    first.train[0].passes = 1.0;
    losses(&first);
    let next = next_stage(&folder);
    let error = train(&next, &Corpus::read(&next).unwrap(), |_| ()).unwrap_err();
    assert!(matches!(&error, TrainError::Checkpoint { path, .. } if *path == next.base.weights()), "{error}");
}

/// A recipe of three folds on rows of which each third is of a fold, and a translation of each.
fn folds(folder: &Folder) -> Recipe {
    let mut text = String::new();
    for (index, line) in rows("any", 0).lines().enumerate() {
        let (fold, subset) = (index % 3, ["service", "everyday"][index / 2 % 2]);
        let row = line.trim_end_matches('}');
        text += &format!("{row},\"fold\":{fold},\"subset\":\"{subset}\",\"in_test_of\":[\"x.test\"]}}\n");
    }
    let translated = text.replace("any", "anders").replace("\"lang\":\"de\"", "\"lang\":\"nl\"");
    let recurring = "{\"text\":\"kein netz, seit tagen any 0\",\"complaint\":0,\"fold\":2}\n";
    fs::write(folder.file("data.jsonl"), &text).unwrap();
    fs::write(folder.file("translated.jsonl"), translated + recurring).unwrap();
    let mut recipe = recipe(folder, &folder.file("data.jsonl"), "cross_validation = { folds = 3 }");
    recipe.train[0].files.push(folder.file("translated.jsonl").display().to_string());
    for spec in recipe.train.iter_mut().chain(&mut recipe.dev).chain(&mut recipe.test) {
        spec.split = None;
    }
    recipe.train[0].passes = 12.0;
    recipe
}

#[test]
fn a_fold_is_trained_on_no_row_that_it_is_tested_or_decided_on() {
    let folder = set_up();
    let recipe = folds(&folder);
    let spec = recipe.cross_validation.unwrap();
    let first = recipe.fold(0, spec);
    assert_eq!(
        (&first.train[0].exclude_folds, &first.dev[0].folds, &first.test[0].folds),
        (&vec![0, 1], &Some(vec![1]), &Some(vec![0]))
    );
    assert_eq!(recipe.fold(2, spec).dev[0].folds, Some(vec![0]));
    // Of 48 rows and their translations a third; one row of another fold says what a tested one says.
    let corpus = Corpus::read(&first).unwrap();
    assert_eq!(corpus.sources(), [("data".to_owned(), 16), ("translated".to_owned(), 16)]);
    assert_eq!(corpus.dropped, 1);
}

#[test]
fn all_folds_are_measured_together_and_a_run_that_was_cut_off_goes_on_at_the_next_fold() {
    struct CutOff;
    let folder = set_up();
    let recipe = folds(&folder);
    let spec = recipe.cross_validation.unwrap();
    let (mut tested, mut started) = (Vec::new(), 0);
    let cut = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        cross_validate(&recipe, spec, |event| match event {
            Event::Tested { fold, texts, .. } => tested.push((fold, texts)),
            Event::Started { .. } if tested.len() == 1 => std::panic::panic_any(CutOff),
            _ => {}
        })
    }));
    assert!(cut.unwrap_err().is::<CutOff>());
    assert_eq!(tested, [(0, 16)]);
    tested.clear();
    let report = cross_validate(&recipe, spec, |event| match event {
        Event::Tested { fold, texts, .. } => tested.push((fold, texts)),
        Event::Started { .. } => started += 1,
        _ => {}
    })
    .unwrap();
    assert_eq!((tested.as_slice(), started), ([(0, 16), (1, 16), (2, 16)].as_slice(), 2));
    let complaint = report.overall(plaint::evaluate::Head::Complaint).unwrap();
    assert_eq!((complaint.texts, complaint.clusters), (48, 48));
    let f1 = complaint.measures[&plaint::evaluate::Measure::MacroF1];
    assert!(f1.value > 0.8 && f1.interval.is_some(), "{f1:?}");
    let table = fs::read_to_string(recipe.output.join("REPORT.md")).unwrap();
    assert!(table.contains("| everyday | 24 |") && table.contains("| 2 | 16 |"), "{table}");
    assert!(fs::read_to_string(recipe.output.join("report.json")).unwrap().contains("\"macro_f1\""));
    assert!(!recipe.work.join("fold-0").exists());

    let other = Recipe { seed: 6, ..recipe };
    let error = cross_validate(&other, spec, |_| ()).unwrap_err();
    assert!(matches!(error, TrainError::Checkpoint { .. }) && error.to_string().contains("fold-0.json"), "{error}");
}

#[test]
fn stages_in_a_circle_are_refused() {
    let folder = set_up();
    recipe(&folder, &folder.file("data.jsonl"), "");
    next_stage(&folder);
    let file = folder.file("recipe.toml");
    let circle = fs::read_to_string(folder.file("next.toml")).unwrap().replace("recipe.toml", "next.toml");
    fs::write(&file, circle).unwrap();
    let error = Recipe::read(&file).unwrap_err().to_string();
    assert!(error.contains("next.toml: field `base.recipe`: found") && error.contains("earlier stage"), "{error}");
}

#[test]
fn a_checkpoint_of_another_recipe_is_refused() {
    let folder = set_up();
    let mut recipe = recipe(&folder, &folder.file("data.jsonl"), "");
    recipe.train[0].passes = 1.0;
    losses(&recipe);
    recipe.seed = 6;
    let error = train(&recipe, &Corpus::read(&recipe).unwrap(), |_| ()).unwrap_err();
    assert!(matches!(error, TrainError::Checkpoint { .. }) && error.to_string().contains("remove the file"), "{error}");
}

#[test]
fn what_is_wrong_with_a_recipe_is_told() {
    let folder = Folder::empty();
    let file = folder.file("recipe.toml");
    fs::write(&file, "seed = 'x'").unwrap();
    let error = Recipe::read(&file).unwrap_err().to_string();
    assert!(error.contains("recipe.toml") && error.contains("seed"), "{error}");
    assert!(matches!(Recipe::read(Path::new("no/such.toml")), Err(TrainError::Io { .. })));

    let folder = set_up();
    let mut recipe = recipe(&folder, &folder.file("data.jsonl"), "");
    recipe.train[0].files = vec!["no/such/*.jsonl".into()];
    assert!(matches!(Corpus::read(&recipe), Err(TrainError::NoFile { .. })));
    recipe.train[0].files = vec![folder.file("data.jsonl").display().to_string()];
    recipe.train[0].split = Some("nothing".into());
    assert!(matches!(Corpus::read(&recipe), Err(TrainError::NoRows { what: "training" })));
}
