//! Parts of a tensor: some columns of every row, one row of every sequence, windows of rows.

/// x `[R, width]` → out `[R, count]`
pub fn columns(x: &[f32], width: usize, first: usize, count: usize, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(count)) {
        out.copy_from_slice(&x[first..first + count]);
    }
}

/// x `[B, S, width]`, rows `[B]` → out `[B, width]`. A row outside the sequence gives zeros; inputs are
/// checked long before.
pub fn take_row(x: &[f32], rows: &[i32], length: usize, width: usize, out: &mut [f32]) {
    for ((x, row), out) in x.chunks_exact(length * width).zip(rows).zip(out.chunks_exact_mut(width)) {
        let row = usize::try_from(*row).ok().filter(|&row| row < length);
        match row {
            Some(row) => out.copy_from_slice(&x[row * width..][..width]),
            None => out.fill(0.0),
        }
    }
}

/// x `[B, T, C]` → out `[B, steps, C · size]`: window `i` holds rows `i · stride - padding` and on, channel by channel.
pub fn windows(x: &[f32], shape: [usize; 3], size: usize, stride: usize, padding: usize, out: &mut [f32]) {
    let [batch, length, width] = shape;
    let steps = out.len() / (batch * width * size);
    for (index, out) in out.chunks_exact_mut(width * size).enumerate() {
        let (step, batch) = (index % steps, index / steps);
        for (position, out) in out.iter_mut().enumerate() {
            let (channel, offset) = (position / size, position % size);
            let row = (step * stride + offset).checked_sub(padding).filter(|&row| row < length);
            *out = row.map_or(0.0, |row| x[(batch * length + row) * width + channel]);
        }
    }
}
