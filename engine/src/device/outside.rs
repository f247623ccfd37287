//! Bytes beside the device that take nothing from the module's heap: in a browser an `ArrayBuffer`, natively
//! plain memory.

use crate::error::{Error, Result};

#[cfg(target_arch = "wasm32")]
pub use web::{Outside, free};

#[cfg(not(target_arch = "wasm32"))]
pub use native::Outside;

fn ran_out(bytes: u64) -> Error {
    Error::out_of_memory("memory beside the device ran out").expected(format!("{bytes} more bytes"))
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::cell::RefCell;

    use super::{Result, ran_out};

    /// Plain memory.
    pub struct Outside(RefCell<Vec<u32>>);

    impl Outside {
        /// So many bytes, a multiple of four, zero at first.
        pub fn new(bytes: u64) -> Result<Self> {
            let mut words: Vec<u32> = Vec::new();
            let count = usize::try_from(bytes.div_ceil(4)).unwrap_or(usize::MAX);
            words.try_reserve_exact(count).map_err(|_| ran_out(bytes))?;
            words.resize(count, 0);
            Ok(Self(RefCell::new(words)))
        }

        /// Writes bytes that fit.
        pub fn write(&self, offset: usize, data: &[u8]) {
            bytemuck::cast_slice_mut(&mut self.0.borrow_mut())[offset..offset + data.len()].copy_from_slice(data);
        }

        /// Shows all bytes.
        pub fn look<T>(&self, with: impl FnOnce(&[u8]) -> T) -> T {
            with(bytemuck::cast_slice(&self.0.borrow()))
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod web {
    use js_sys::{ArrayBuffer, Reflect, Uint8Array};
    use wasm_bindgen::{JsCast, JsValue};

    use super::{Result, ran_out};

    /// An `ArrayBuffer`. Dropped, it is gone at once and not when the garbage collector comes by.
    pub struct Outside(Uint8Array);

    impl Outside {
        /// So many bytes, zero at first.
        pub fn new(bytes: u64) -> Result<Self> {
            let length = u32::try_from(bytes).map_err(|_| ran_out(bytes))?;
            // The constructor throws where memory runs out; called by reflection, it tells.
            let array = Reflect::get(&js_sys::global(), &"Uint8Array".into()).map_err(|_| ran_out(bytes))?;
            let arguments = js_sys::Array::of1(&JsValue::from(length));
            let made = Reflect::construct(array.unchecked_ref::<js_sys::Function>(), &arguments)
                .map_err(|_| ran_out(bytes))?;
            Ok(Self(made.unchecked_into()))
        }

        /// Writes bytes that fit.
        pub fn write(&self, offset: usize, data: &[u8]) {
            self.part(offset, data.len()).copy_from(data);
        }

        /// A part of the bytes, where they are.
        #[expect(clippy::cast_possible_truncation, reason = "usize has 32 bits on this target")]
        pub fn part(&self, offset: usize, length: usize) -> Uint8Array {
            self.0.subarray(offset as u32, (offset + length) as u32)
        }
    }

    impl Drop for Outside {
        fn drop(&mut self) {
            free(&self.0.buffer());
        }
    }

    /// Gives the memory of a buffer back, where the browser can; nothing may read it afterwards.
    pub fn free(buffer: &ArrayBuffer) {
        let transfer =
            Reflect::get(buffer, &"transfer".into()).ok().and_then(|f| f.dyn_into::<js_sys::Function>().ok());
        if let Some(transfer) = transfer {
            // A browser that refuses frees it later.
            let _ = transfer.call1(buffer, &JsValue::from(0));
        }
    }
}
