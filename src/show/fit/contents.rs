//! What a page is made of.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::show::evaluation::{ClipList, MistakeFrames, NoFrames, Summary};
use crate::show::report::About;
use crate::train::EpochRecord;
use crate::train::head::Tried;
use crate::weights::Training;

/// What a page says about a training.
#[derive(Debug)]
pub struct FitPage<'a> {
    /// This program, the weights that it started from, and how clips were looked at.
    pub about: &'a About,
    /// What the written weights say about it.
    pub training: &'a Training,
    /// The epochs; none for a head alone.
    pub epochs: &'a [EpochRecord],
    /// The penalties of the head that were tried; none where the network was fitted, or where the penalty was given.
    pub tried: &'a [Tried],
    /// What the recipe is compared with.
    pub preset: Option<ComparedWith<'a>>,
    /// The answers on the clips that were held back.
    pub judged: Option<JudgedClips<'a>>,
    /// Clips that were left out, with their errors.
    pub left_out: &'a [(String, String)],
    /// The parts of the work with their seconds, such as `features`.
    pub stages: &'a [(&'a str, f64)],
    /// Why the training is not complete, in words, where it is not.
    pub incomplete: Option<&'a str>,
}

/// The preset that a recipe began with.
#[derive(Debug, Clone, Copy)]
pub struct ComparedWith<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its values, under the names that they have in [`Training::recipe`].
    pub values: &'a BTreeMap<String, Value>,
}

/// Clips that were held back, with their answers.
#[derive(Debug)]
pub struct JudgedClips<'a> {
    /// The measures.
    pub summary: &'a Summary<'a>,
    /// The answers.
    pub clips: &'a ClipList,
    /// The frames of the worst mistakes, in the order of [`ClipList::worst`], or why there are none. An empty list shows none
    /// and says nothing.
    pub frames: Result<Vec<MistakeFrames>, NoFrames>,
}
