//! A calibration set as a user names it → what goes into a model, a forward pass each.

use std::path::{Path, PathBuf};

use super::sources::{Medium, Sources, read_bounded};
use crate::error::Error;
use crate::plan::Scenario;

/// Bytes of a file of sentences.
const TEXT_LIMIT: u64 = 4 << 20;
/// What the names of files end in; everything else is a sentence.
const KINDS: [(&str, Medium); 6] = [
    ("txt", Medium::Text),
    ("png", Medium::Image),
    ("jpg", Medium::Image),
    ("jpeg", Medium::Image),
    ("wav", Medium::Audio),
    ("flac", Medium::Audio),
];

/// Sentences and files by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalibrationSet {
    /// Sentences, those of files among them.
    pub texts: Vec<String>,
    /// PNG or JPEG files.
    pub images: Vec<PathBuf>,
    /// WAV or FLAC files.
    pub sounds: Vec<PathBuf>,
}

impl CalibrationSet {
    /// Reads entries: a sentence, an image, a sound, or a text file with a sentence in every line.
    ///
    /// # Errors
    /// When a file is not there, or has no sentences.
    pub fn read(entries: &[String]) -> Result<Self, Error> {
        let mut set = Self::default();
        for entry in entries {
            let path = Path::new(entry);
            let kind = path.extension().map(|kind| kind.to_string_lossy().to_lowercase());
            match KINDS.iter().find(|(known, _)| kind.as_deref() == Some(*known)).map(|(_, medium)| medium) {
                Some(Medium::Text) => set.texts.extend(sentences(path)?),
                Some(medium) => {
                    if !path.is_file() {
                        return Err(Error::usage(format!("the calibration set names {entry}, which is no file"))
                            .hint("paths are relative to the folder that `matrix` runs in"));
                    }
                    if *medium == Medium::Image { &mut set.images } else { &mut set.sounds }.push(path.to_owned());
                }
                None => set.texts.push(entry.clone()),
            }
        }
        Ok(set)
    }

    /// What goes into a model of type `model_type`, which takes `media`, pass by pass: every sentence and every file at
    /// least once. What the set has none of comes from the scenario.
    ///
    /// # Errors
    /// When the model takes something that neither has, or doesn't take a file of the set.
    pub fn passes(&self, model_type: &str, media: &[Medium], scenario: &Scenario) -> Result<Vec<Sources>, Error> {
        let usual = Sources::from(scenario).only(media);
        let has = |medium: &Medium| match medium {
            // Sentences that a model is judged by are no set; beside an image they are only its company.
            Medium::Text => !self.texts.is_empty() || media.len() > 1,
            Medium::Image => !self.images.is_empty() || usual.image.is_some(),
            Medium::Audio => !self.sounds.is_empty() || usual.audio.is_some(),
            Medium::Video => usual.video.is_some(),
        };
        if let Some(missing) = media.iter().find(|medium| !has(medium)) {
            let hint = match missing {
                Medium::Text => "name some in `calibration_set`, or a .txt file with one in every line",
                Medium::Image | Medium::Audio => "name one in `calibration_set`, or in the scenario",
                Medium::Video => "name one in the scenario",
            };
            let what = format!("a {model_type} model can't be calibrated without {}", missing.described());
            return Err(Error::usage(what).hint(hint));
        }
        let given = if self.texts.is_empty() { &usual.texts } else { &self.texts };
        let texts = if media.contains(&Medium::Text) { given.as_slice() } else { &[] };
        let count = texts.len().max(self.images.len()).max(self.sounds.len()).max(1);
        let passes = (0..count).map(|index| {
            let turn = |files: &[PathBuf]| files.get(index % files.len().max(1)).cloned();
            Sources {
                // One at a time: in rows of several, padding would be looked at too.
                texts: texts.get(index % texts.len().max(1)).cloned().into_iter().collect(),
                image: turn(&self.images).or_else(|| usual.image.clone()),
                audio: turn(&self.sounds).or_else(|| usual.audio.clone()),
                ..usual.clone()
            }
        });
        let mut passes: Vec<Sources> = passes.collect();
        passes.dedup();
        passes.iter().try_for_each(|sources| sources.check(model_type, media))?;
        Ok(passes)
    }
}

fn sentences(file: &Path) -> Result<Vec<String>, Error> {
    let bytes = read_bounded(file, TEXT_LIMIT)?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|error| Error::usage(format!("{} is no UTF-8 text", file.display())).because(error))?;
    let sentences: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect();
    if sentences.is_empty() {
        return Err(Error::usage(format!("{} has no sentences", file.display())));
    }
    Ok(sentences)
}

#[cfg(test)]
mod tests {
    use matrix_engine::protocol::Sampling;

    use super::*;

    fn scenario(image: Option<&str>) -> Scenario {
        let (audio, seconds, video, network) = (None, None, None, None);
        let (texts, choice) = (vec!["Judged.".into(), "By these.".into()], Sampling::Greedy);
        Scenario {
            texts,
            tokens: 8,
            decode: 4,
            choice,
            image: image.map(Into::into),
            audio,
            seconds,
            video,
            network,
            lengths: Vec::new(),
        }
    }

    fn entries(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|&entry| entry.to_owned()).collect()
    }

    #[test]
    fn every_sentence_and_every_file_has_its_pass() {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = folder.path().join("lines.txt");
        std::fs::write(&lines, "One.\n\n  Two.  \n").expect("written");
        let image = folder.path().join("cat.PNG");
        std::fs::write(&image, "").expect("written");
        let (lines, image) = (lines.display().to_string(), image.display().to_string());
        let set = CalibrationSet::read(&entries(&[&lines, "Three, say.", &image])).expect("there");
        assert_eq!(set.texts, ["One.", "Two.", "Three, say."]);
        let pair = set.passes("clip", &[Medium::Text, Medium::Image], &scenario(None)).expect("suffices");
        let seen = |pass: &Sources| (pass.texts.clone(), pass.image.clone());
        let want = ["One.", "Two.", "Three, say."].map(|text| (vec![text.to_owned()], Some(PathBuf::from(&image))));
        assert_eq!(pair.iter().map(seen).collect::<Vec<_>>(), want);
        let texts = CalibrationSet::read(&entries(&["A.", "B."])).expect("there");
        let images = texts.passes("vit", &[Medium::Image], &scenario(Some("dog.png"))).expect("the scenario has one");
        assert_eq!(images.len(), 1, "sentences say nothing to it");
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = folder.path().join("empty.txt");
        std::fs::write(&empty, " \n \n").expect("written");
        let at = |error: Error| error.render(false).replace(&folder.path().display().to_string(), "…");
        let read = |entry: &str| CalibrationSet::read(&entries(&[entry])).map(drop).expect_err("refused");
        let missing = folder.path().join("cat.png").display().to_string();
        let lost = folder.path().join("lost.txt").display().to_string();
        let set = CalibrationSet::read(&entries(&["A."])).expect("sentences");
        let image = CalibrationSet { images: vec!["cat.png".into()], ..CalibrationSet::default() };
        let passes = |set: &CalibrationSet, model_type: &str, media: &[Medium]| {
            set.passes(model_type, media, &scenario(None)).map(drop).expect_err("refused")
        };
        let told = [
            read(&missing),
            read(&lost),
            read(&empty.display().to_string()),
            passes(&set, "vit", &[Medium::Image]),
            passes(&image, "bert", &[Medium::Text]),
            passes(&CalibrationSet { texts: set.texts.clone(), ..image }, "bert", &[Medium::Text]),
        ];
        insta::assert_snapshot!(told.map(at).join("\n"));
    }
}
