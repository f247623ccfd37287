//! A buffer on some device. Its bytes are counted from its creation until it is dropped.

use std::{
    cell::{Ref, RefCell, RefMut},
    rc::Rc,
};

#[cfg(feature = "gpu")]
use super::gpu::Gpu;
use super::{Category, Ledger, outside::Outside};
use crate::{
    error::{Error, Result},
    load::Chunk,
};

/// Bytes on a device: a multiple of four, zero at first.
pub struct Buffer {
    bytes: u64,
    category: Category,
    ledger: Rc<Ledger>,
    storage: Storage,
}

enum Storage {
    Cpu(RefCell<Vec<u32>>),
    #[cfg(feature = "gpu")]
    Gpu(wgpu::Buffer, Rc<Gpu>),
    Outside(Outside),
    /// Nowhere: what would be in it is of no interest.
    #[cfg(feature = "gpu")]
    Imagined,
}

/// Bytes that are copied to a device at a time.
const COPIED: usize = 8 << 20;

impl Buffer {
    fn new(ledger: &Rc<Ledger>, category: Category, bytes: u64, storage: Storage) -> Self {
        ledger.add(category, bytes);
        Self { bytes, category, ledger: ledger.clone(), storage }
    }

    pub(super) fn on_cpu(ledger: &Rc<Ledger>, category: Category, bytes: u64) -> Result<Self> {
        let mut words: Vec<u32> = Vec::new();
        let count = usize::try_from(bytes.div_ceil(4)).unwrap_or(usize::MAX);
        words.try_reserve_exact(count).map_err(|_| {
            Error::out_of_memory("memory ran out").expected(format!("{bytes} more bytes of {}", category.name()))
        })?;
        words.resize(count, 0);
        Ok(Self::new(ledger, category, bytes, Storage::Cpu(RefCell::new(words))))
    }

    #[cfg(feature = "gpu")]
    pub(super) fn on_gpu(ledger: &Rc<Ledger>, category: Category, bytes: u64, gpu: &Rc<Gpu>) -> Result<Self> {
        let buffer = gpu.create_buffer(category, bytes)?;
        Ok(Self::new(ledger, category, bytes, Storage::Gpu(buffer, gpu.clone())))
    }

    #[cfg(feature = "gpu")]
    pub(super) fn imagined(ledger: &Rc<Ledger>, category: Category, bytes: u64) -> Self {
        Self::new(ledger, category, bytes, Storage::Imagined)
    }

    pub(super) fn outside(ledger: &Rc<Ledger>, bytes: u64) -> Result<Self> {
        Ok(Self::new(ledger, Category::Offloaded, bytes, Storage::Outside(Outside::new(bytes)?)))
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes `data`, a multiple of four bytes, at `offset`, a multiple of four.
    pub fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.check(offset, data.len())?;
        match &self.storage {
            Storage::Cpu(words) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                bytemuck::cast_slice_mut(&mut words.borrow_mut())[start..start + data.len()].copy_from_slice(data);
            }
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer, gpu) => gpu.write(buffer, offset, data),
            #[cfg(feature = "gpu")]
            Storage::Imagined => {}
            Storage::Outside(bytes) => bytes.write(usize::try_from(offset).unwrap_or(usize::MAX), data),
        }
        Ok(())
    }

    /// Fills this buffer with what a buffer of the same size beside the device holds.
    pub fn copy_from(&self, other: &Self) -> Result<()> {
        let Storage::Outside(source) = &other.storage else {
            return Err(Error::internal("only what is beside a device is copied to it"));
        };
        let length = usize::try_from(other.bytes).unwrap_or(usize::MAX);
        self.check(0, length)?;
        let pieces = (0..length).step_by(COPIED).map(|from| (from, COPIED.min(length - from)));
        #[cfg(not(target_arch = "wasm32"))]
        return source.look(|bytes| {
            pieces.into_iter().try_for_each(|(from, piece)| self.write(from as u64, &bytes[from..from + piece]))
        });
        #[cfg(target_arch = "wasm32")]
        for (from, piece) in pieces {
            self.write_view(from as u64, &source.part(from, piece))?;
        }
        #[cfg(target_arch = "wasm32")]
        Ok(())
    }

    /// Writes what is in JavaScript memory, past the module's heap where the device is a GPU.
    #[cfg(target_arch = "wasm32")]
    fn write_view(&self, offset: u64, view: &js_sys::Uint8Array) -> Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let length = view.length() as usize;
        match &self.storage {
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer, gpu) => gpu.write_view(buffer, offset, view)?,
            Storage::Cpu(words) => {
                let mut words = words.borrow_mut();
                view.copy_to(&mut bytemuck::cast_slice_mut(&mut words)[start..start + length]);
            }
            #[cfg(feature = "gpu")]
            Storage::Imagined => {}
            Storage::Outside(bytes) => bytes.part(start, length).set(view, 0),
        }
        Ok(())
    }

    /// Writes `length` bytes of `chunk` from `from` on; in a browser they go to the GPU without a copy
    /// in the module's heap.
    pub fn write_chunk(&self, offset: u64, chunk: &Chunk, from: usize, length: usize) -> Result<()> {
        self.check(offset, length)?;
        #[cfg(target_arch = "wasm32")]
        return self.write_view(offset, &chunk.view(from, length));
        #[cfg(not(target_arch = "wasm32"))]
        self.write(offset, &chunk.part(from, length))
    }

    fn check(&self, offset: u64, length: usize) -> Result<()> {
        if offset.checked_add(length as u64).is_none_or(|end| end > self.bytes)
            || !length.is_multiple_of(4)
            || !offset.is_multiple_of(4)
        {
            return Err(Error::internal("write outside a buffer")
                .expected(format!("within {} bytes", self.bytes))
                .found(format!("{length} bytes at {offset}")));
        }
        Ok(())
    }

    /// The words of a buffer on the CPU.
    pub fn words(&self) -> Result<Ref<'_, [u32]>> {
        match &self.storage {
            Storage::Cpu(words) => {
                let words = words.try_borrow().map_err(|_| Error::internal("a buffer is read while it is written"))?;
                Ok(Ref::map(words, Vec::as_slice))
            }
            #[cfg(feature = "gpu")]
            Storage::Gpu(..) | Storage::Imagined => Err(Error::internal("a GPU buffer where the CPU computes")),
            Storage::Outside(_) => Err(Error::internal("a buffer beside the device where the CPU computes")),
        }
    }

    /// The words of a buffer on the CPU, to be written.
    pub fn words_mut(&self) -> Result<RefMut<'_, [u32]>> {
        match &self.storage {
            Storage::Cpu(words) => {
                let words =
                    words.try_borrow_mut().map_err(|_| Error::internal("a buffer is written while it is read"))?;
                Ok(RefMut::map(words, Vec::as_mut_slice))
            }
            #[cfg(feature = "gpu")]
            Storage::Gpu(..) | Storage::Imagined => Err(Error::internal("a GPU buffer where the CPU computes")),
            Storage::Outside(_) => Err(Error::internal("a buffer beside the device where the CPU computes")),
        }
    }

    /// The raw buffer on a GPU.
    #[cfg(feature = "gpu")]
    pub fn raw(&self) -> Result<&wgpu::Buffer> {
        match &self.storage {
            Storage::Gpu(buffer, _) => Ok(buffer),
            Storage::Cpu(_) | Storage::Outside(_) | Storage::Imagined => {
                Err(Error::internal("no GPU buffer where the GPU computes"))
            }
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // On the web a dropped buffer keeps its memory until the garbage collector comes by.
        #[cfg(feature = "gpu")]
        if let Storage::Gpu(buffer, _) = &self.storage {
            buffer.destroy();
        }
        self.ledger.remove(self.category, self.bytes);
    }
}
