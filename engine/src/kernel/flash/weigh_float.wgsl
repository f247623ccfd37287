            // Staged values by the shares of their keys.
            for (var k = 0u; k < DEEP; k++) {
                let shares = staged[(deep + k) * (SIDE + 1u) + local.y];
                for (var c = 0u; c < COLUMNS; c++) {
                    let v = staged_values[k * ACROSS + local.x + SIDE * c];
                    weighed[c] += shares.x * v;
                    weighed[COLUMNS + c] += shares.y * v;
                    weighed[2u * COLUMNS + c] += shares.z * v;
                    weighed[3u * COLUMNS + c] += shares.w * v;
                }
            }
