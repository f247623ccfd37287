// Sums by exchanging registers. While a thread has sums of several columns, it gives those of half of them to a
// neighbour for those of the other half: so few exchanges are needed.

// Whether LANES are a subgroup, so that all of it may be asked for its sum at once.
override WHOLE: bool = false;

fn total(sums: Sums, thread: u32) -> Totals {
    var result = Totals();
    for (var r = 0u; r < ROWS; r++) {
        var own = sums[r * COLUMNS];
        if COLUMNS == 2u {
            own = halved(own, sums[r * COLUMNS + 1u], LANES / 2u, thread);
        } else if COLUMNS == 4u {
            let even = halved(own, sums[r * COLUMNS + 2u], LANES / 2u, thread);
            let odd = halved(sums[r * COLUMNS + 1u], sums[r * COLUMNS + 3u], LANES / 2u, thread);
            own = halved(even, odd, LANES / 4u, thread);
        }
        if WHOLE && COLUMNS == 1u {
            result[r] = subgroupAdd(own);
        } else {
            result[r] = over_neighbours(own, LANES / COLUMNS);
        }
    }
    return result;
}
