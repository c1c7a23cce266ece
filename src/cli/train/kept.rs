//! What comes before the last stage, kept on disk while the rest is fitted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::anyhow;

use super::args::Args;
use super::look::cache_directory;
use crate::cli::exit::Failure;
use crate::cli::say::say;
use crate::engine::{Device, EngineKind};
use crate::file::free_space;
use crate::network::Network;
use crate::text::number::file_size;
use crate::train::descent::{Examples, Loading};
use crate::train::network::Middle;
use crate::train::{Kept, Recipe, Tuned, ViewCache, Views};

/// Everything that can change a value.
pub(super) fn settings(
    loading: &Loading,
    weights_sha256: &str,
    (engine, device): (EngineKind, Device),
    recipe: &Recipe,
) -> BTreeMap<String, String> {
    let options = &loading.options;
    let mut settings = BTreeMap::from([
        ("weights".to_owned(), weights_sha256.to_owned()),
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("engine".to_owned(), format!("{engine} on {device}")),
        ("precision".to_owned(), recipe.precision.to_string()),
        ("segments".to_owned(), options.segments.to_string()),
        ("sampling".to_owned(), options.sampling.to_string()),
        ("preprocessing".to_owned(), options.preprocess.to_string()),
    ]);
    if let Some(frames) = &options.open.frames {
        settings.insert("frames".to_owned(), frames.to_string());
    }
    settings
}

/// Views that are looked at again and again, if nothing before the last stage is trained.
pub(super) fn views(recipe: &Recipe, examples: &Examples) -> Option<usize> {
    match (recipe.tune, recipe.views) {
        (Tuned::Last, Views::Kept(views)) => {
            Some(examples.fitted.len() * (views + 1) + examples.judged.len())
        }
        _ => None,
    }
}

/// Opens the file for so many views, if the disk has room for it: at most half of what is free.
///
/// # Errors
/// A directory that was named and cannot be used.
pub(super) fn open(
    args: &Args,
    settings: &BTreeMap<String, String>,
    network: &Network,
    views: usize,
) -> Result<Option<ViewCache>, Failure> {
    let quiet = args.speech.quiet;
    let Some(directory) = cache_directory(args) else {
        return Ok(None);
    };
    let values = Middle::len_per_clip(network);
    let wanted = views as u64 * ViewCache::bytes_per_view(values);
    let _ = fs::create_dir_all(&directory);
    if let Some(free) = free_space(&directory)
        && free / 2 < wanted
    {
        if !quiet {
            say(format_args!(
                "eco: maps are not kept: {} of {} free in {} would be taken; every epoch looks at all frames",
                file_size(wanted),
                file_size(free),
                directory.display()
            ));
        }
        return Ok(None);
    }
    match ViewCache::open(&directory, Kept::Maps, settings, values) {
        Ok(cache) => {
            if !quiet {
                say(format_args!(
                    "eco: maps of {views} views, {}, are kept in {}",
                    file_size(wanted),
                    cache.path().display()
                ));
            }
            Ok(Some(cache))
        }
        Err(error) if args.cache.is_none() => {
            if !quiet {
                say(format_args!("eco: maps are not kept: {:#}", anyhow!(error)));
            }
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says that maps stay after a training that came to no end: another one may begin with them.
pub(super) fn say_what_stays(args: &Args, maps: &Path) {
    if let (Ok(file), false) = (fs::metadata(maps), args.speech.quiet) {
        say(format_args!(
            "eco: the maps stay for another run, {} in {}: remove the file if there is none",
            file_size(file.len()),
            maps.display()
        ));
    }
}

/// Removes what a finished training does not need: the state that it could go on from, and maps, unless their place was named.
pub(super) fn tidy(args: &Args, maps: Option<ViewCache>, checkpoint: &Path) {
    // Both cost space alone.
    let _ = fs::remove_file(checkpoint);
    if let (Some(maps), None) = (maps, &args.cache) {
        maps.remove();
    }
}
