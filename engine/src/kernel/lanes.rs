//! Several floats in one register, and the dot products everything on the CPU is made of.

/// A register of floats.
pub trait Lanes: Copy {
    /// How many.
    const COUNT: usize;
    /// All zero.
    fn zero() -> Self;
    /// Reads `COUNT` floats.
    ///
    /// # Safety
    /// `from` must be valid for reading `COUNT` floats.
    unsafe fn load(from: *const f32) -> Self;
    /// `self + a · b`
    fn add_product(self, a: Self, b: Self) -> Self;
    /// Sum over the lanes.
    fn sum(self) -> f32;
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod native {
    use std::arch::wasm32::{f32x4_add, f32x4_extract_lane, f32x4_mul, f32x4_splat, v128, v128_load};

    /// Four floats of WebAssembly SIMD.
    #[derive(Clone, Copy)]
    pub struct Four(v128);

    impl super::Lanes for Four {
        const COUNT: usize = 4;
        #[inline(always)]
        fn zero() -> Self {
            Self(f32x4_splat(0.0))
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller vouches for four floats; the instruction needs no alignment.
            Self(unsafe { v128_load(from.cast()) })
        }
        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            Self(f32x4_add(self.0, f32x4_mul(a.0, b.0)))
        }
        #[inline(always)]
        fn sum(self) -> f32 {
            (f32x4_extract_lane::<0>(self.0) + f32x4_extract_lane::<1>(self.0))
                + (f32x4_extract_lane::<2>(self.0) + f32x4_extract_lane::<3>(self.0))
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod native {
    use std::arch::x86_64::{__m128, _mm_add_ps, _mm_loadu_ps, _mm_mul_ps, _mm_setzero_ps, _mm_storeu_ps};

    /// Four floats of SSE, which every x86-64 has.
    #[derive(Clone, Copy)]
    pub struct Four(__m128);

    impl super::Lanes for Four {
        const COUNT: usize = 4;
        #[inline(always)]
        fn zero() -> Self {
            // SAFETY: SSE is part of x86-64.
            Self(unsafe { _mm_setzero_ps() })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller vouches for four floats; the instruction needs no alignment.
            Self(unsafe { _mm_loadu_ps(from) })
        }
        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: SSE is part of x86-64.
            Self(unsafe { _mm_add_ps(self.0, _mm_mul_ps(a.0, b.0)) })
        }
        #[inline(always)]
        fn sum(self) -> f32 {
            let mut lanes = [0.0_f32; 4];
            // SAFETY: the array has four floats.
            unsafe { _mm_storeu_ps(lanes.as_mut_ptr(), self.0) };
            (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{
        __m256, _mm_add_ps, _mm_storeu_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_setzero_ps,
    };

    /// Eight floats of AVX2 with fused multiply-add. To be used where [`available`] says so only.
    #[derive(Clone, Copy)]
    pub struct Eight(__m256);

    /// Whether this processor has the instructions.
    pub fn available() -> bool {
        std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
    }

    impl super::Lanes for Eight {
        const COUNT: usize = 8;
        #[inline(always)]
        fn zero() -> Self {
            // SAFETY: the type is used where its instructions are available.
            Self(unsafe { _mm256_setzero_ps() })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller vouches for eight floats; the instruction needs no alignment.
            Self(unsafe { _mm256_loadu_ps(from) })
        }
        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: the type is used where its instructions are available.
            Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        fn sum(self) -> f32 {
            let mut lanes = [0.0_f32; 4];
            // SAFETY: the type is used where its instructions are available; the array has four floats.
            unsafe {
                let halves = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
                _mm_storeu_ps(lanes.as_mut_ptr(), halves);
            }
            (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub use wide::{Eight, available};

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
mod native {
    /// Four floats, left to the compiler to vectorise.
    #[derive(Clone, Copy)]
    pub struct Four([f32; 4]);

    impl super::Lanes for Four {
        const COUNT: usize = 4;
        #[inline(always)]
        fn zero() -> Self {
            Self([0.0; 4])
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller vouches for four floats; an array of them has the alignment of one.
            Self(unsafe { *from.cast() })
        }
        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            Self(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
        }
        #[inline(always)]
        fn sum(self) -> f32 {
            (self.0[0] + self.0[1]) + (self.0[2] + self.0[3])
        }
    }
}

pub use native::Four;

/// Dot products of every row in `a` with every row in `b` over their first `length` values.
#[inline(always)]
pub fn dots<L: Lanes, const M: usize, const N: usize>(a: [&[f32]; M], b: [&[f32]; N], length: usize) -> [[f32; N]; M] {
    assert!(a.iter().chain(&b).all(|row| row.len() >= length));
    let mut sums = [[L::zero(); N]; M];
    let whole = length - length % L::COUNT;
    for k in (0..whole).step_by(L::COUNT) {
        // SAFETY: k + COUNT <= length, and every row is at least that long.
        let (a, b) = unsafe { (a.map(|row| L::load(row.as_ptr().add(k))), b.map(|row| L::load(row.as_ptr().add(k)))) };
        for (sums, a) in sums.iter_mut().zip(a) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = sum.add_product(a, b);
            }
        }
    }
    std::array::from_fn(|m| {
        std::array::from_fn(|n| {
            let rest = (whole..length).map(|k| a[m][k] * b[n][k]).sum::<f32>();
            sums[m][n].sum() + rest
        })
    })
}
