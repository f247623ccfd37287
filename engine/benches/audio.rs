//! Times log-mel features natively: `cargo bench -p matrix-engine --bench audio`.
//! Prints the best of a few runs in milliseconds, on one core.

use std::time::Instant;

use matrix_engine::audio::{Extractor, Settings};

const RUNS: usize = 15;

fn main() {
    println!("{:<28} {:>8} {:>8} {:>8}", "ms for", "1 s", "10 s", "30 s");
    let clap = r#"{"truncation": "rand_trunc", "frequency_min": 50, "max_length_s": SECONDS}"#;
    row("whisper, 80 bands", "whisper", r#"{"chunk_length": SECONDS}"#);
    row("whisper, 128 bands", "whisper", r#"{"chunk_length": SECONDS, "feature_size": 128}"#);
    row("clap, 64 bands of 48 kHz", "clap", clap);
    row("wav2vec2", "wav2vec2", "{}");
}

fn row(name: &str, model_type: &str, settings: &str) {
    let best = |seconds: u32| {
        let settings = Settings::parse(settings.replace("SECONDS", &seconds.to_string()).as_bytes()).expect("JSON");
        let extractor = Extractor::new(model_type, &settings).expect("supported");
        let samples = extractor.sampling_rate() * seconds;
        let clip: Vec<f32> = (0..samples).map(|i| (i as f32 * 0.05).sin() * ((i % 1709) as f32 / 3000.0)).collect();
        let times = (0..RUNS).map(|_| {
            let start = Instant::now();
            std::hint::black_box(extractor.extract(&[&clip], &mut |_| 0).expect("features"));
            start.elapsed().as_secs_f64() * 1e3
        });
        times.fold(f64::INFINITY, f64::min)
    };
    println!("{name:<28} {:8.2} {:8.2} {:8.2}", best(1), best(10), best(30));
}
