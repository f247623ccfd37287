//! The GPU forms' buffers, parameters and grids.

use crate::{
    device::{Buffer, gpu::Capability},
    error::{Error, Result},
    graph::{
        Flash, Stored,
        pass::{FEW_QUERIES, TILES},
    },
    kernel::{
        gpu::{Dispatch, GRID_LIMIT, Operand, groups, number, whole, words},
        grouped::Place,
        shader::{
            Kernel,
            flash::{FlashKernel, Form, LANES, MOST_PARTS, ROWS},
        },
    },
};

/// The dispatch of attention.
pub fn dispatch<'a>(
    flash: &Flash,
    operands: &[Operand<'a>],
    out: &'a Buffer,
    capability: Capability,
) -> Result<Dispatch<'a>> {
    let parts = flash.parts(operands).ok_or_else(|| Error::internal("attention with other operands"))?;
    let (query, key) = (parts.query, parts.key);
    let place = Place::new(key.shape, flash.kv_heads).ok_or_else(|| Error::internal("no keys or values"))?;
    let width = query.shape[2] / flash.heads;
    let [batch, length] = [query.shape[0], query.shape[1]];
    let form = choose(flash, [length, width], capability)?;

    let (biased, limit) = match parts.bias.map(|bias| bias.shape) {
        None => (0, 0),
        Some(&[distances, _]) => (1, distances / 2),
        Some(shape) => (shape[0] + 1, 0),
    };
    let span = flash.window.map_or([0, 0], |span| [span.keys, span.sinks]);
    let mut params = words(&[length, place.rows, flash.heads, flash.heads / place.heads, width])?;
    params.extend(words(&place.strides)?);
    params.push(flash.scale.to_bits());
    params.extend(words(&[biased, limit, span[0], span[1], flash.blocks.unwrap_or(0)])?);
    let splits = flash.splits.unwrap_or(1);
    params.extend(words(&[splits, usize::from(flash.splits.is_some()), batch * length * flash.heads])?);

    params.push(number(parts.mask.map_or(0, Operand::width))?);
    let ring = flash.ring.map_or([0; 3], |ring| [ring.from, ring.fixed, ring.rows]);
    params.extend(words(&ring)?);
    params.push(u32::from(flash.placed));

    let grid = match form {
        Form::Tile { side, .. } => [length.div_ceil(4 * side as usize), flash.heads, batch],
        Form::Few { rows, .. } | Form::Team { rows, .. } => {
            let rows = (length * (flash.heads / place.heads)).div_ceil(rows as usize);
            [splits, place.heads, batch * rows]
        }
        Form::Direct { queries, .. } => [(length.div_ceil(queries as usize) * splits).div_ceil(64), flash.heads, batch],
    };
    let grid = [number(grid[0])?, number(grid[1])?, number(grid[2])?];
    if grid.iter().any(|&count| count > GRID_LIMIT) {
        return Err(Error::unsupported("too many sequences for one dispatch")
            .expected(format!("at most {GRID_LIMIT}"))
            .found(format!("{grid:?}"))
            .hint("use a smaller batch"));
    }
    let query = query.plain()?;
    let optional = |operand: Option<&Operand<'a>>| operand.map_or(Ok(query), Operand::plain);
    let buffers = whole([
        query,
        key.plain()?,
        parts.value.plain()?,
        optional(parts.mask)?,
        optional(parts.past)?,
        optional(parts.bias)?,
        optional(parts.blocks.or(parts.places))?,
        out,
    ]);
    let vectors = width.is_multiple_of(4) && matches!(flash.stored, Stored::F32 | Stored::F16);
    let plain = parts.bias.is_none() && flash.window.is_none() && flash.ring.is_none() && flash.blocks.is_none();
    let kernel = FlashKernel {
        form,
        vectors,
        stored: flash.stored,
        plain,
        causal: flash.causal,
        masked: flash.masked,
        cached: flash.cached,
    };
    Ok(Dispatch { kernel: Kernel::Flash(kernel), buffers, params, grid })
}

/// The dispatch that makes one result of parts.
pub fn join<'a>(partial: &Operand<'a>, width: usize, out: &'a Buffer) -> Result<Dispatch<'a>> {
    let (splits, heads, parts) = (partial.shape[0], partial.shape[3], width.div_ceil(4));
    let rows = partial.rows() / splits;
    let (columns, vectors) = (number(parts.next_power_of_two().max(8))?, width.is_multiple_of(4));
    let grid = groups(rows)?;
    Ok(Dispatch {
        kernel: Kernel::Join { columns, vectors, packs: false },
        buffers: whole([partial.plain()?, out]),
        params: words(&[rows, parts, width, splits, heads, grid[0] as usize])?,
        grid,
    })
}

/// The form for so many queries of this width: the largest tile that was asked for or that the device's workgroups have memory for.
fn choose(flash: &Flash, [length, width]: [usize; 2], capability: Capability) -> Result<Form> {
    let parts = number(width.div_ceil(4))?;
    if parts > MOST_PARTS {
        return Err(Error::unsupported("heads too wide for flash attention")
            .expected(format!("at most {}", 4 * MOST_PARTS))
            .found(width.to_string()));
    }
    if capability.software {
        let queries = if length <= FEW_QUERIES || flash.stored != Stored::F32 { 1 } else { 4 };
        return Ok(Form::Direct { queries, parts: parts.next_power_of_two().max(8) });
    }
    if length <= FEW_QUERIES || flash.splits.is_some() || flash.stored != Stored::F32 || flash.ring.is_some() {
        let needed = number((length * (flash.heads / flash.kv_heads)).next_power_of_two())?;
        let columns = parts.next_power_of_two().max(8);
        let suits = |form: &Form| match *form {
            Form::Few { rows, .. } | Form::Team { rows, .. } => {
                rows <= needed && form.workgroup_bytes() <= capability.workgroup_bytes
            }
            _ => false,
        };
        let lanes = LANES.into_iter().find(|&lanes| lanes <= columns.min(capability.subgroup));
        let teams = lanes.into_iter().flat_map(|lanes| Form::teams(columns, lanes));
        return teams
            .chain(ROWS.map(|rows| Form::Few { rows, columns }))
            .find(suits)
            .ok_or_else(|| Error::unsupported("workgroups of this GPU have too little memory"));
    }
    let fits = |&tile: &u32| {
        let columns = parts.div_ceil(tile / 4).next_power_of_two();
        let form = Form::Tile { side: tile / 4, columns, halves: flash.halves && capability.halves };
        let block = flash.blocks.is_none_or(|block| block.is_multiple_of(tile as usize));
        let asked = flash.tile.is_none_or(|asked| asked == tile);
        (block && asked && form.workgroup_bytes() <= capability.workgroup_bytes).then_some(form)
    };
    TILES.iter().find_map(fits).ok_or_else(|| {
        let asked = flash.tile.map_or("automatic".to_owned(), |tile| tile.to_string());
        Error::unsupported("no tile of attention fits this GPU's workgroups")
            .expected(format!("block_size {TILES:?}, within {} bytes", capability.workgroup_bytes))
            .found(asked)
            .hint("leave block_size to be chosen")
    })
}
