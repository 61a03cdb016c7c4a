//! A soup: the average of what several seeds lead to (Wortsman et al., *Model soups: averaging weights of multiple fine-tuned
//! models improves accuracy without increasing inference time*, 2022). All runs start from the same weights, without which
//! an average means nothing.

use super::checkpoint::{Checkpoint, Files, Progress};
use super::error::TrainError;
use super::fit::{Course, Event, Run};
use super::recipe::Recipe;

impl Recipe {
    /// The recipe of one run of the soup.
    fn ingredient(&self, seed: u64) -> Self {
        let work = self.work.join(format!("seed-{seed}"));
        Self { seed, work, soup: Vec::new(), ..self.clone() }
    }
}

/// Runs each seed of `recipe`, or takes up where its checkpoint ends, and averages what they are at their best. The average
/// is kept in the recipe's `work` folder, where a later stage finds it.
pub(super) fn run(course: &Course<'_>, recipe: &Recipe, tell: &mut dyn FnMut(Event)) -> Result<Run, TrainError> {
    let mut soup = course.run(&recipe.ingredient(recipe.seed), tell)?;
    for (&seed, runs) in recipe.soup.iter().zip(2_u16..) {
        let Run { network, progress, .. } = course.run(&recipe.ingredient(seed), tell)?;
        soup.network.mix(&network, 1.0 / f32::from(runs));
        let Progress { steps, drawn, .. } = progress;
        soup.progress = Progress { steps: soup.progress.steps + steps, drawn: soup.progress.drawn + drawn, ..progress };
        soup.seen = None;
    }
    Checkpoint::write_weights(&Files::of(&recipe.work).best, &soup.network, &recipe.fingerprint())?;
    Ok(soup)
}
