//! `plaint train`: what it says of a recipe that cannot be used. `tests/train.rs` trains.

use crate::{Files, run};

const RECIPE: &str = include_str!("../../recipes/plaint-base.toml");

#[test]
fn a_recipe_that_is_missing_or_wrong_is_refused_in_one_line() {
    run(&["train", "no/such.toml"]).assert_refused(&["no/such.toml", "No such file"]);
    let cases = [
        (
            RECIPE.replace("layer_decay = 0.9", "layer_decay = 9"),
            "field `optimizer.layer_decay`: found 9, expected 0.01 to 1",
        ),
        (RECIPE.replace("seed = 7", "sead = 7"), "unknown field `sead`"),
        (RECIPE.replace("seed = 7\n", ""), "missing field `seed`"),
        (RECIPE.replace("batch_tokens = 3072", "batch_tokens = 8"), "expected at least a window's 256 tokens"),
        (RECIPE.replace("../shared/", "no/such/"), "no data file matches `no/such/data/own/preotiuc_x.*.jsonl.gz`"),
    ];
    for (recipe, message) in cases {
        let files = Files::new(&[("recipe.toml", recipe.as_bytes())]);
        run(&["train", &files.path("recipe.toml")]).assert_refused(&[message]);
    }
}

#[test]
fn the_recipes_of_the_repository_are_sound() {
    for recipe in ["plaint-base", "plaint-mini"] {
        let path = format!("{}/recipes/{recipe}.toml", env!("CARGO_MANIFEST_DIR"));
        plaint::train::Recipe::read(path.as_ref()).unwrap();
    }
}
