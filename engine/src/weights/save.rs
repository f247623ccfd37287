//! Made-up weights as a Hugging Face folder, for what has to come over a wire or from a disk.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use serde_json::{Map, json};

use super::{
    Declared,
    rows::{distribution, transpose},
};
use crate::{
    error::{Error, Result},
    load::{Config, Synthetic},
};

/// Values that are made at a time.
const PIECE: usize = 1 << 20;

/// Writes `config.json` and `model.safetensors` (32-bit floats, sorted by name) into `folder`, which exists. No
/// more than a piece of one tensor is in memory, or one whose axes files exchange.
pub fn save(synthetic: &Synthetic, config: &Config, declared: &[Declared], folder: &Path) -> Result<()> {
    let failed =
        |error: io::Error| Error::model(format!("cannot be written: {error}")).of(folder.display().to_string());
    fs::write(folder.join("config.json"), config.value().to_string()).map_err(failed)?;
    let mut weights: Vec<&Declared> = declared.iter().collect();
    weights.sort_by(|a, b| a.name.cmp(&b.name));
    weights.dedup_by(|a, b| a.name == b.name);
    write(synthetic, &weights, &folder.join("model.safetensors")).map_err(failed)
}

fn write(synthetic: &Synthetic, weights: &[&Declared], file: &Path) -> io::Result<()> {
    let mut header = Map::new();
    let mut offset = 0;
    for weight in weights {
        let end = offset + 4 * weight.elements() as u64;
        let mut shape = weight.shape.clone();
        if weight.transposed {
            shape.reverse();
        }
        header.insert(weight.name.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}));
        offset = end;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    let mut values = Vec::new();
    for weight in weights {
        let piece = if weight.transposed { weight.elements() } else { PIECE };
        for first in (0..weight.elements()).step_by(piece.max(1)) {
            values.resize(piece.min(weight.elements() - first), 0.0);
            synthetic.fill(&weight.name, distribution(weight), first as u64, &mut values);
            if weight.transposed {
                // Made by rows of the matrix, written by its columns.
                let mut shape = weight.shape.clone();
                shape.reverse();
                values = transpose(&values, &shape);
            }
            out.write_all(bytemuck::cast_slice(&values))?;
        }
    }
    out.into_inner()?.sync_all()
}
