//! `plaint train`: what it says of a recipe that cannot be used. `tests/train.rs` trains.

use std::fs;

use plaint::model::{CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE};

use crate::tiny_model::TinyModel;
use crate::{Files, run};

const RECIPE: &str = include_str!("../../recipes/plaint-messages.toml");

#[test]
fn a_recipe_that_is_missing_or_wrong_is_refused_in_one_line() {
    run(&["train", "no/such.toml"]).assert_refused(&["no/such.toml", "No such file"]);
    let changed = |from: &str, to: &str| {
        assert!(RECIPE.contains(from), "else a sound recipe would be run: {from}");
        RECIPE.replace(from, to)
    };
    let cases = [
        (changed("layer_decay = 0.9", "layer_decay = 9"), "field `optimizer.layer_decay`: found 9, expected 0.01 to 1"),
        (changed("seed = ", "sead = "), "unknown field `sead`"),
        (changed("seed = 23\n", ""), "missing field `seed`"),
        (changed("batch_tokens = 3072", "batch_tokens = 8"), "expected at least a window's 256 tokens"),
        (changed("[base]\n", "[base]\nfolder = 'a'\n"), "field `base`: found `folder` and `recipe`, expected one"),
        (
            changed("recipe = \"recipes/plaint-general.toml\"", "folder = 'a'").replace("../shared/", "no/such/"),
            "no data file matches `no/such/data/own/preotiuc_x.*.jsonl.gz`",
        ),
    ];
    for (recipe, message) in cases {
        let files = Files::new(&[("recipe.toml", recipe.as_bytes())]);
        run(&["train", &files.path("recipe.toml")]).assert_refused(&[message]);
    }
}

#[test]
fn stages_that_are_not_finished_are_run_first() {
    let rows = |split: &str| {
        let row = |index| {
            let complaint = index % 2;
            format!("{{\"text\":\"{split} Nummer {index}\",\"split\":\"{split}\",\"complaint\":{complaint}}}\n")
        };
        (0..8).map(row).collect::<String>()
    };
    let data = rows("train") + &rows("dev");
    let tiny = TinyModel::default().files();
    let files = Files::new(&[
        ("data.jsonl", data.as_bytes()),
        (CONFIG_FILE, tiny.config.as_ref()),
        (TOKENIZER_FILE, tiny.tokenizer.as_ref()),
        (WEIGHTS_FILE, tiny.weights.as_ref()),
    ]);
    let settings = &RECIPE[RECIPE.find("[windows]").unwrap()..RECIPE.find("[augmentation]").unwrap()];
    let settings = settings.replace("tokens = 256", "tokens = 32").replace("bf16 = true", "bf16 = false");
    let settings = settings.replace("overlap = 32", "overlap = 4").replace("batch_tokens = 3072", "batch_tokens = 256");
    for (stage, base) in [
        ("first", format!("folder = {:?}", files.path(""))),
        ("second", format!("recipe = {:?}", files.path("first.toml"))),
    ] {
        let [output, work, data] =
            [stage.to_owned(), format!("{stage}-work"), "data.jsonl".into()].map(|name| files.path(&name));
        let recipe = format!(
            "output = {output:?}\nwork = {work:?}\nseed = 1\ncleaning = \"social-v1\"\n\
             model = {{ name = {stage:?}, version = \"1\", description = \"\", languages = [], licence = \"\", date = \"\" }}\n\
             [base]\n{base}\ndescription = \"\"\n{settings}\n\
             [[train]]\nfiles = [{data:?}]\nsplit = \"train\"\n[[dev]]\nfiles = [{data:?}]\nsplit = \"dev\"\n"
        );
        fs::write(files.path(&format!("{stage}.toml")), recipe).unwrap();
    }
    let train = |status| {
        let ran = run(&["train", &files.path("second.toml")]);
        assert_eq!(ran.status, status, "{}", ran.stderr);
        ran.stderr
    };
    let both = train(0);
    assert!(both.contains(&format!("first starts from {}", files.path(WEIGHTS_FILE))), "{both}");
    assert!(both.contains(&format!("second starts from {}", files.path("first-work/best.safetensors"))), "{both}");
    let second = train(0);
    assert!(second.contains("first.toml is not run: ") && !second.contains("first starts"), "{second}");
    assert!(second.contains("8 texts to draw, 8 done before"), "{second}");
}

#[test]
fn the_recipes_of_the_repository_are_sound() {
    let recipes = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/recipes")).unwrap();
    let read = recipes.map(|recipe| plaint::train::Recipe::read(&recipe.unwrap().path()).unwrap());
    assert!(read.count() > 0);
}
