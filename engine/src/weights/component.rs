//! Parts of a model that depend on each other only when it computes: towers, the projector between them, encoder and
//! decoder. They are told by the names of their tensors.

use super::Declared;

/// What a segment of a name says of the component its tensor belongs to; the first match counts.
const WORDS: &[(&str, &[&str])] = &[
    ("projector", &["multi_modal_projector", "visual_projection", "text_projection", "audio_projection", "projector"]),
    ("vision", &["vision_tower", "vision_model", "visual", "image_newline"]),
    ("audio", &["audio_model", "audio_encoder", "audio_tower"]),
    ("text", &["language_model", "text_model", "text_encoder", "lm_head"]),
    ("mixer", &["mit", "prompts_generator", "prompts_visual_layernorm", "prompts_visual_projection"]),
    ("decoder", &["decoder"]),
    ("encoder", &["encoder"]),
];
/// What has no component of its own.
const REST: &str = "rest";

/// The components of a model in the order of their first tensors, each with the numbers of its tensors.
#[must_use]
pub fn components(declared: &[Declared]) -> Vec<(&'static str, Vec<usize>)> {
    let mut components: Vec<(&'static str, Vec<usize>)> = Vec::new();
    for (number, weight) in declared.iter().enumerate() {
        let name = of(&weight.name);
        match components.iter_mut().find(|(known, _)| *known == name) {
            Some((_, numbers)) => numbers.push(number),
            None => components.push((name, vec![number])),
        }
    }
    components
}

/// The component that a tensor belongs to.
#[must_use]
pub fn of(name: &str) -> &'static str {
    // A tower has an encoder too: what stands first in a name counts.
    let of_segment = |segment: &str| WORDS.iter().find(|(_, words)| words.contains(&segment)).map(|(name, _)| *name);
    name.split('.').find_map(of_segment).unwrap_or(REST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{Family, Size},
        load::{Origin, Synthetic, preset},
        model,
    };

    #[test]
    fn towers_are_told_by_their_names() {
        let of = |family| {
            let built = model::build(&preset::config(family, Size::Tiny), &Origin::Synthetic(Synthetic::new(1)));
            let declared = built.expect("builds").declared;
            let components = components(&declared);
            assert_eq!(components.iter().map(|(_, numbers)| numbers.len()).sum::<usize>(), declared.len());
            let mut names: Vec<_> = components.into_iter().map(|(name, _)| name).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(of(Family::Llava), ["projector", "text", "vision"]);
        assert_eq!(of(Family::LlavaNext), ["projector", "text", "vision"]);
        assert_eq!(of(Family::Clip), ["projector", "rest", "text", "vision"]);
        assert_eq!(of(Family::Clap), ["audio", "projector", "rest", "text"]);
        assert_eq!(of(Family::Whisper), ["decoder", "encoder"]);
        assert_eq!(of(Family::Llama), ["rest"]);
    }
}
