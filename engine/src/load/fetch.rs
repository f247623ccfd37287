//! Which ranges to read for which tensors, and in which order. Neighbours in a file share a request, and no
//! request is larger than asked for, so that memory in flight is bounded whatever the file looks like.

use std::ops::Range;

use super::header::Entry;

/// Bytes between two tensors that are cheaper to read than a request of their own.
const GAP: u64 = 64 << 10;

/// One read.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// File number.
    pub file: usize,
    /// First byte.
    pub start: u64,
    /// Number of bytes.
    pub length: u64,
    /// What the bytes are.
    pub parts: Vec<Part>,
}

/// Whole rows of a tensor inside a [`Request`].
#[derive(Debug, PartialEq)]
pub struct Part {
    /// The caller's number for the tensor.
    pub tensor: usize,
    /// Which rows; a row is the last axis.
    pub rows: Range<usize>,
    /// First byte in the request.
    pub offset: usize,
    /// Number of bytes.
    pub length: usize,
}

/// A tensor to read.
pub struct Wanted<'a> {
    /// The caller's number for it.
    pub tensor: usize,
    /// File number.
    pub file: usize,
    /// Where it lies.
    pub entry: &'a Entry,
}

/// How large things may get. A single row may be larger.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request.
    pub request: u64,
    /// Bytes of a part.
    pub part: u64,
    /// Bytes between two tensors that are read with them.
    pub gap: u64,
}

impl Limits {
    /// Requests of at most `bytes`, in parts of at most `part`.
    #[must_use]
    pub fn chunks(bytes: u64, part: u64) -> Self {
        Self { request: bytes, part: part.min(bytes), gap: GAP }
    }

    /// Files as a whole; very long ones in sections of `section` bytes.
    #[must_use]
    pub fn whole(section: u64, part: u64) -> Self {
        Self { request: section, part, gap: u64::MAX }
    }
}

/// Requests in the order of the files.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "bounded by the limits, or by a row that memory must hold")]
pub fn plan(mut wanted: Vec<Wanted<'_>>, limits: Limits) -> Vec<Request> {
    wanted.sort_by_key(|w| (w.file, w.entry.start));
    let mut requests: Vec<Request> = Vec::new();
    for Wanted { tensor, file, entry } in wanted {
        let columns = entry.shape.last().copied().unwrap_or(1).max(1);
        let rows = entry.shape.iter().product::<usize>() / columns;
        if rows == 0 {
            continue;
        }
        let row_bytes = entry.length / rows as u64;
        let step = (limits.part / row_bytes.max(1)).max(1) as usize;
        for first in (0..rows).step_by(step) {
            let part_rows = first..rows.min(first + step);
            let start = entry.start + first as u64 * row_bytes;
            let length = part_rows.len() as u64 * row_bytes;
            let end = start + length;
            let joins = requests.last().is_some_and(|last| {
                last.file == file
                    && start >= last.start + last.length
                    && start - (last.start + last.length) <= limits.gap
                    && end - last.start <= limits.request
            });
            if !joins {
                requests.push(Request { file, start, length: 0, parts: Vec::new() });
            }
            if let Some(request) = requests.last_mut() {
                let offset = (start - request.start) as usize;
                request.length = end - request.start;
                request.parts.push(Part { tensor, rows: part_rows, offset, length: length as usize });
            }
        }
    }
    requests
}

/// Requests in the order in which tensors are wanted: as many at a time as a request may hold are read together,
/// neighbours among them at once.
#[must_use]
pub fn plan_in_order(wanted: Vec<Wanted<'_>>, limits: Limits) -> Vec<Request> {
    let mut requests = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for tensor in wanted {
        let length = tensor.entry.length;
        if bytes > 0 && bytes + length > limits.request {
            requests.extend(plan(std::mem::take(&mut batch), limits));
            bytes = 0;
        }
        bytes += length;
        batch.push(tensor);
    }
    requests.extend(plan(batch, limits));
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(start: u64, shape: &[usize]) -> Entry {
        let length = 4 * shape.iter().product::<usize>() as u64;
        Entry { dtype: "F32".into(), shape: shape.to_vec(), start, length }
    }

    #[test]
    fn neighbours_share_a_request_and_large_tensors_are_split_at_rows() {
        let (small, large) = (entry(100, &[5]), entry(120, &[10, 8]));
        let wanted = [(1, &large), (0, &small)].map(|(tensor, entry)| Wanted { tensor, file: 0, entry });
        let requests = plan(wanted.into(), Limits::chunks(150, 150));
        assert_eq!(
            requests.iter().map(|r| (r.start, r.length)).collect::<Vec<_>>(),
            [(100, 148), (248, 128), (376, 64)]
        );
        assert_eq!(requests[0].parts[1], Part { tensor: 1, rows: 0..4, offset: 20, length: 128 });
        assert_eq!(requests[2].parts[0].rows, 8..10);
    }

    #[test]
    fn a_whole_file_is_one_request_in_small_parts() {
        let (first, second) = (entry(8, &[100]), entry(9_000_000, &[10, 8]));
        let wanted = [(0, &first), (1, &second)].map(|(tensor, entry)| Wanted { tensor, file: 0, entry });
        let requests = plan(wanted.into(), Limits::whole(1 << 30, 64));
        assert_eq!(requests.iter().map(|r| (r.start, r.length)).collect::<Vec<_>>(), [(8, 9_000_312)]);
        assert_eq!(requests[0].parts.len(), 1 + 5, "a row may be longer than a part");
    }

    #[test]
    fn what_is_wanted_first_is_read_first() {
        // As files have them: sorted by name, so that layer 10 stands before layer 2.
        let entries: Vec<Entry> = (0..12).map(|place| entry(place * 400, &[10, 10])).collect();
        let order = [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3];
        let wanted =
            order.iter().enumerate().map(|(tensor, &place)| Wanted { tensor, file: 0, entry: &entries[place] });
        let requests = plan_in_order(wanted.collect(), Limits::chunks(900, 900));
        let tensors: Vec<usize> = requests.iter().flat_map(|request| request.parts.iter().map(|p| p.tensor)).collect();
        assert_eq!(tensors, (0..12).collect::<Vec<_>>());
        assert_eq!(requests.len(), 6, "two neighbours in each");
    }
}
