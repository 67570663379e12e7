//! What is decoded at most.

use std::time::Duration;

use asciify::Limits;

use crate::env::Env;

const MIB: u64 = 1 << 20;

/// The settings of decoding.
pub struct Decoding {
    /// `MAX_SIDE_PX`, `MAX_PIXELS`, `MAX_FRAMES`, `MAX_DECODED_BYTES`: what is decoded at most.
    pub limits: Limits,
    /// `RENDER_MEMORY_MIB`: memory for all renders of a process together, in MiB.
    pub render_memory_mib: u32,
    /// `RENDER_LIMIT_S`: how long one render may take.
    pub render_limit: Duration,
}

impl Decoding {
    /// Reads the settings.
    pub fn read(env: &mut Env) -> Self {
        let limits = Limits::default();
        let render_memory_mib = env.number(
            "RENDER_MEMORY_MIB",
            1536,
            1..=1 << 20,
            "memory for all renders of one process together, in MiB",
        );
        let render_limit =
            env.period("RENDER_LIMIT_S", "120", "most time for one render, in seconds");
        let limits = Limits {
            max_side_px: env.number(
                "MAX_SIDE_PX",
                limits.max_side_px.into(),
                1..=u32::MAX.into(),
                "longest side of an image that is decoded, in pixels",
            ) as u32,
            max_pixels: env.number(
                "MAX_PIXELS",
                limits.max_pixels,
                1..=u64::MAX,
                "most pixels of an image that are decoded",
            ),
            max_frames: env.number(
                "MAX_FRAMES",
                limits.max_frames.into(),
                1..=u32::MAX.into(),
                "most frames or pages of one file",
            ) as u32,
            max_decoded_bytes: env
                .number(
                    "MAX_DECODED_BYTES",
                    limits.max_decoded_bytes,
                    1..=u64::MAX,
                    "most memory for decoding one image, in bytes; at most two thirds of \
                     RENDER_MEMORY_MIB",
                )
                .min(render_memory_mib * MIB / 3 * 2),
            max_decoder_cpu_s: render_limit.as_secs_f64().ceil() as u64,
        };
        Decoding { limits, render_memory_mib: render_memory_mib as u32, render_limit }
    }
}
