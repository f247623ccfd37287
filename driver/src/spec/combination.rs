//! Which optimizations are measured together.

use matrix_engine::catalog::Family;
use matrix_engine::protocol::Platform;

use super::node::{Fault, Node};
use super::optimization;
use super::tree::Tree;
use super::word::{Word, word};

/// A rule that makes sets of optimizations from those a matrix names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Each on its own.
    Each,
    /// Each on its own, and every two together.
    Pairs,
    /// Every set that is not empty.
    All,
    /// Those that suit the model's family, each on its own.
    Suited,
    /// Those that suit the model's family, each on its own and all together.
    Recommended,
    /// All together.
    Together,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 6] = [Self::Each, Self::Pairs, Self::All, Self::Suited, Self::Recommended, Self::Together];

    /// The word in matrix files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Pairs => "pairs",
            Self::All => "all",
            Self::Suited => "suited",
            Self::Recommended => "recommended",
            Self::Together => "together",
        }
    }
}

word! { Rule => "combination rule", }

/// What suits which families.
const RECOMMENDED: &[(&[Family], &[&str])] = &[
    (&[Family::Bert, Family::Roberta, Family::T5], &["int4", "int8", "shader_precompile"]),
    (&[Family::Llama, Family::Qwen2, Family::Gpt2], &["int4", "int8", "flash_attention", "progressive_loading"]),
    (&[Family::Vit, Family::Resnet, Family::Convnext], &["shader_precompile"]),
    (&[Family::Whisper, Family::Wav2vec2], &["compute_shaders", "shader_precompile"]),
    (
        &[Family::Clip, Family::Llava, Family::LlavaNext, Family::Xclip],
        &["parallel_loading", "progressive_loading", "shader_precompile"],
    ),
];

/// Most optimizations of which every set is formed.
pub const MAX_ALL: usize = 10;

/// The sets of a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Combinations {
    /// Made by a rule.
    By(Rule),
    /// Written one by one.
    Listed(Vec<Vec<&'static str>>),
}

impl Combinations {
    /// Reads a rule or a list of lists.
    ///
    /// # Errors
    /// When it is neither, or names an optimization that does not exist.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        match node.tree {
            Tree::List(_) => {
                let sets = node.list("a list of combinations")?;
                sets.iter().map(read_set).collect::<Result<_, _>>().map(Self::Listed)
            }
            Tree::Text(_) => node.word().map(Self::By),
            _ => {
                Err(node
                    .expected("a rule (each, pairs, all, suited, recommended, together) or a list such as `[[int4]]`"))
            }
        }
    }

    /// The sets for a model, from the optimizations named, in a stable order. Rules leave out sets with
    /// optimizations that exclude each other, or that are not for such a model or a platform without a GPU.
    #[must_use]
    pub fn sets(&self, named: &[&'static str], family: Option<Family>, platform: Platform) -> Vec<Vec<&'static str>> {
        let suits = |word: &&&str| {
            let row = optimization::find(word);
            row.map_or(true, |row| row.suits(family) && (platform.is_gpu() || !row.is_for_gpus()))
        };
        let named: Vec<&'static str> = named.iter().filter(suits).copied().collect();
        let mut sets = self.formed(&named, family);
        sets.retain(|set| optimization::conflict(set).is_none());
        sets
    }

    fn formed(&self, named: &[&'static str], family: Option<Family>) -> Vec<Vec<&'static str>> {
        let each = |words: &[&'static str]| words.iter().map(|word| vec![*word]).collect::<Vec<_>>();
        match self {
            Self::Listed(sets) => sets.clone(),
            Self::By(Rule::Each) => each(named),
            Self::By(Rule::Pairs) => {
                let pairs = named.iter().enumerate().flat_map(|(i, a)| named[i + 1..].iter().map(|b| vec![*a, *b]));
                each(named).into_iter().chain(pairs).collect()
            }
            Self::By(Rule::All) => {
                let words = &named[..named.len().min(MAX_ALL)];
                let mut sets: Vec<Vec<&str>> = (1_u32..1 << words.len())
                    .map(|bits| {
                        words.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, word)| *word).collect()
                    })
                    .collect();
                sets.sort_by_key(Vec::len);
                sets
            }
            Self::By(Rule::Suited) => each(&suited(named, family)),
            Self::By(Rule::Recommended) => {
                let words = suited(named, family);
                let mut sets = each(&words);
                let together = together(&words);
                if together.len() > 1 {
                    sets.push(together);
                }
                sets
            }
            Self::By(Rule::Together) => {
                let words = together(named);
                if words.is_empty() { Vec::new() } else { vec![words] }
            }
        }
    }
}

/// Those of `words` that suit a family.
fn suited(words: &[&'static str], family: Option<Family>) -> Vec<&'static str> {
    let row = RECOMMENDED.iter().find(|(families, _)| family.is_some_and(|family| families.contains(&family)));
    words.iter().copied().filter(|word| row.is_none_or(|(_, suited)| suited.contains(word))).collect()
}

/// All of `words`; of those that exclude each other the first.
fn together(words: &[&'static str]) -> Vec<&'static str> {
    words.iter().fold(Vec::new(), |mut together, word| {
        let with = [together.as_slice(), &[*word]].concat();
        if optimization::conflict(&with).is_none() {
            together = with;
        }
        together
    })
}

fn read_set(node: &Node<'_>) -> Result<Vec<&'static str>, Fault> {
    let words = node.list("a list of optimizations, such as `[int4]`")?;
    let words: Vec<_> =
        words.iter().map(|word| Ok(optimization::read_word(word)?.word)).collect::<Result<_, Fault>>()?;
    match optimization::conflict(&words) {
        Some([a, b]) => Err(node
            .fault(format!("`{a}` and `{b}` exclude each other: both change how the same part is stored"))
            .hint(format!("compare them in two sets: `[[{a}], [{b}]]`"))),
        None => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_make_the_sets_they_say() {
        let named = ["a", "b", "c"];
        let sets = |rule| Combinations::By(rule).sets(&named, None, Platform::Wasm);
        assert_eq!(sets(Rule::Each), [["a"], ["b"], ["c"]]);
        assert_eq!(sets(Rule::Pairs)[3..], [["a", "b"], ["a", "c"], ["b", "c"]]);
        assert_eq!(sets(Rule::All).len(), 7);
        assert_eq!(sets(Rule::Recommended).last(), Some(&vec!["a", "b", "c"]));
    }

    #[test]
    fn what_excludes_each_other_is_never_together() {
        let sets = Combinations::By(Rule::All).sets(&["int4", "int8", "other"], None, Platform::Wasm);
        assert_eq!(sets, [vec!["int4"], vec!["int8"], vec!["other"], vec!["int4", "other"], vec!["int8", "other"]]);
    }

    #[test]
    fn a_family_gets_what_suits_it() {
        let sets = |named: &[&'static str], family, platform| {
            Combinations::By(Rule::Recommended).sets(named, Some(family), platform)
        };
        assert_eq!(sets(&["int4", "other"], Family::Bert, Platform::Wasm), [["int4"]]);
        let named = ["int4", "int8", "compute_shaders", "shader_precompile"];
        let [bert, clap] = [Family::Bert, Family::Clap].map(|family| sets(&named, family, Platform::Webgpu));
        assert_eq!(bert.last(), Some(&vec!["int4", "shader_precompile"]), "of two kinds of weights the first");
        let suited = Combinations::By(Rule::Suited).sets(&named, Some(Family::Bert), Platform::Webgpu);
        assert_eq!(suited, bert[..bert.len() - 1], "each on its own only");
        assert_eq!(clap.last(), Some(&vec!["int4", "compute_shaders", "shader_precompile"]));
        assert_eq!(sets(&named, Family::Clap, Platform::Wasm), [["int4"], ["int8"]], "a CPU has no shaders");
        let together = Combinations::By(Rule::Together).sets(&named, Some(Family::Bert), Platform::Webgpu);
        assert_eq!(together, [["int4", "shader_precompile"]]);
    }
}
