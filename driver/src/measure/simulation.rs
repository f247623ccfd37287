//! What the statistics promise, put to the test: many simulated cells and matrices whose truth is known.
//!
//! The bounds of 93 to 97 % leave room for chance: 2000 trials know a share of 95 % to within 1 %.

use super::effect::{Effect, Verdict};
use super::interval::Interval;
use super::metric::Metric;
use super::multiple::adjust;
use super::random::Random;

/// How the times of one cell vary.
#[derive(Clone, Copy, Debug)]
enum Noise {
    /// Each time on its own, with a long tail.
    Skewed,
    /// One time in ten is up to seven times too long.
    Outliers,
    /// Both arms get slower all the while, the second of a block more so.
    Drifting,
    /// Both arms share a load that comes and goes.
    Shared,
    /// Each block is like the one before, by this much.
    Following(f64),
}

/// Logarithms of the ratio treatment / baseline of a cell; the truth is a ratio of 1.
fn log_ratios(noise: Noise, blocks: usize, random: &mut Random) -> Vec<f64> {
    let mut load = random.normal();
    let follow = |value: f64, by: f64, random: &mut Random| by * value + (1.0 - by * by).sqrt() * random.normal();
    let mut ratio = |block: usize| -> f64 {
        match noise {
            Noise::Skewed => 0.2 * (-random.unit().ln() - std::f64::consts::LN_2),
            Noise::Outliers => {
                let hit = |random: &mut Random| if random.unit() < 0.1 { 2.0 * random.unit() } else { 0.0 };
                0.05 * random.normal() + hit(random) - hit(random)
            }
            Noise::Drifting => {
                let time = |step: usize| (1.0 + 0.025 * f64::from(u32::try_from(step).expect("few steps"))).ln();
                let later = time(2 * block + 1) - time(2 * block);
                (if block.is_multiple_of(2) { later } else { -later }) + 0.1 * (random.normal() - random.normal())
            }
            Noise::Shared => {
                let first = follow(load, 0.8, random);
                load = follow(first, 0.8, random);
                let later = load - first;
                0.1 * (if block.is_multiple_of(2) { later } else { -later })
                    + 0.05 * (random.normal() - random.normal())
            }
            Noise::Following(by) => {
                load = follow(load, by, random);
                0.1 * load
            }
        }
    };
    (0..blocks).map(&mut ratio).collect()
}

fn pairs(noise: Noise, blocks: usize, truth: f64, random: &mut Random) -> Vec<(f64, f64)> {
    log_ratios(noise, blocks, random).into_iter().map(|ratio| (10.0, 10.0 * truth * ratio.exp())).collect()
}

/// How often the interval of the logarithm of the ratio holds the truth, 0.
fn coverage(noise: Noise, blocks: usize) -> f64 {
    let (trials, mut random) = (2000, Random(7));
    let held = (0..trials).filter(|_| {
        let interval = Interval::of_median(&log_ratios(noise, blocks, &mut random));
        interval.expect("enough samples").contains(0.0)
    });
    held.count() as f64 / f64::from(trials)
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let independent = [Noise::Skewed, Noise::Outliers, Noise::Drifting, Noise::Shared].map(|noise| (noise, 20));
    for (noise, least) in independent.into_iter().chain([(Noise::Following(0.3), 25)]) {
        for blocks in [least, 60] {
            let covered = coverage(noise, blocks);
            assert!((0.93..=0.97).contains(&covered), "{noise:?}, {blocks} blocks: {covered}");
        }
    }
}

/// With few blocks or much dependence nobody can know; the interval must not be far off all the same.
#[test]
fn intervals_of_few_blocks_or_much_dependence_are_almost_as_good() {
    let following = [(Noise::Following(0.3), 10), (Noise::Following(0.5), 40), (Noise::Following(0.5), 60)];
    for (noise, blocks) in [(Noise::Skewed, 10), (Noise::Drifting, 10)].into_iter().chain(following) {
        let covered = coverage(noise, blocks);
        assert!((0.92..=0.98).contains(&covered), "{noise:?}, {blocks} blocks: {covered}");
    }
}

/// Whether any of twelve cells, with three metrics that move together, seems to have an effect.
fn is_alarmed(noise: Noise, blocks: usize, random: &mut Random) -> bool {
    let metric = Metric::named("infer_time");
    let effects = (0..12).flat_map(|_| {
        let whole = pairs(noise, blocks, 1.0, random);
        let part = |share: f64, random: &mut Random| -> Vec<(f64, f64)> {
            let own = pairs(noise, blocks, 1.0, random);
            whole.iter().zip(own).map(|(a, b)| (share * a.0 + b.0, share * a.1 + b.1)).collect()
        };
        let all = [part(1.0, random), part(3.0, random), whole];
        all.map(|pairs| Effect::of(&metric, &pairs).expect("pairs"))
    });
    let effects: Vec<Effect> = effects.collect();
    let adjusted = adjust(&effects.iter().map(|effect| effect.p.expect("enough samples")).collect::<Vec<_>>());
    let judged = effects.iter().zip(adjusted).map(|(effect, p)| effect.among_many(&metric, p).verdict);
    judged.into_iter().any(|verdict| matches!(verdict, Verdict::Better | Verdict::Worse))
}

#[test]
fn a_matrix_without_effects_stays_silent() {
    // Pairs that follow each other leave fewer signs than there are: more alarms, but not many.
    let noises =
        [(Noise::Skewed, 10, 3), (Noise::Drifting, 12, 3), (Noise::Shared, 20, 3), (Noise::Following(0.3), 40, 8)];
    let few =
        [Noise::Outliers, Noise::Drifting, Noise::Shared].into_iter().flat_map(|noise| [(noise, 5, 3), (noise, 8, 3)]);
    for (noise, blocks, percent) in noises.into_iter().chain(few) {
        let (runs, mut random) = (200, Random(23));
        let alarmed = (0..runs).filter(|_| is_alarmed(noise, blocks, &mut random)).count();
        assert!(alarmed * 100 <= runs * percent, "{noise:?}: {alarmed} of {runs} runs");
    }
}

#[test]
fn a_matrix_with_effects_speaks() {
    // The fewer blocks, the larger an effect has to be.
    for (blocks, truth, least) in [(12, 0.7, 36), (5, 0.4, 28)] {
        let (metric, mut random) = (Metric::named("infer_time"), Random(5));
        let mut effect = || Effect::of(&metric, &pairs(Noise::Drifting, blocks, truth, &mut random)).expect("pairs");
        let effects: Vec<Effect> = (0..40).map(|_| effect()).collect();
        let adjusted = adjust(&effects.iter().map(|effect| effect.p.expect("enough samples")).collect::<Vec<_>>());
        let judged = effects.iter().zip(adjusted).map(|(effect, p)| effect.among_many(&metric, p).verdict);
        let found = judged.filter(|verdict| *verdict == Verdict::Better).count();
        assert!(found >= least, "{blocks} blocks: {found} of 40");
    }
}

#[test]
fn intervals_narrow_as_blocks_are_added() {
    let width = |blocks| {
        let gains = log_ratios(Noise::Drifting, blocks, &mut Random(2));
        Interval::of_median(&gains).expect("enough").half_width()
    };
    assert!(width(200) < width(20) / 2.0);
}
