package ledger

import "math/bits"

const (
	// earthRadius is the mean radius of the Earth, metres (IUGG, R1 = 6,371,008.8 m).
	earthRadius = 6_371_009
	// fraction is the number of binary digits after the point of the fixed-point numbers below.
	fraction = 60
	one      = uint64(1) << fraction
	// pi in fixed point: π × 2^60, rounded.
	pi = 3_622_009_729_038_561_421
	// halfMeridian is half the Earth's circumference, metres: no two points are further apart.
	halfMeridian = 20_015_115

	quarterTurn = 90_000_000 // millionths of a degree
	fullTurn    = 360_000_000
)

// Distance gives the great-circle distance of two positions on a sphere of the Earth's mean radius, in
// whole metres, rounded down. It is the haversine formula (R. W. Sinnott, Sky and Telescope 68, 1984)
// in integers, so that every machine gives the same; the Earth's flattening makes it differ from the
// geodesic by up to 0.6 %.
func Distance(a, b LatLon) int64 {
	dLat := absolute(int64(a.Lat) - int64(b.Lat))
	dLon := absolute(int64(a.Lon) - int64(b.Lon))
	if dLon > fullTurn/2 {
		dLon = fullTurn - dLon
	}
	lat, lon := sinOf(dLat, 2), sinOf(dLon, 2)
	cosines := times(sinOf(quarterTurn-absolute(int64(a.Lat)), 1), sinOf(quarterTurn-absolute(int64(b.Lat)), 1))
	h := times(lat, lat) + times(cosines, times(lon, lon))
	// The inverse: the longest distance whose haversine is not above h.
	low, high := int64(0), int64(halfMeridian)
	for low < high {
		middle := (low + high + 1) / 2
		s := sin(quotient(uint64(middle), one, 2*earthRadius))
		if times(s, s) <= h {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

func absolute(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

// sinOf gives the sine of micro/parts millionths of a degree, from 0 to 90 degrees.
func sinOf(micro uint64, parts uint64) uint64 {
	return sin(quotient(micro, pi, 180_000_000*parts))
}

// quotient gives a × b ÷ c, rounded down; the result must fit.
func quotient(a, b, c uint64) uint64 {
	high, low := bits.Mul64(a, b)
	q, _ := bits.Div64(high, low, c)
	return q
}

// times multiplies fixed-point numbers.
func times(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high<<(64-fraction) | low>>fraction
}

// sin gives the sine of an angle from 0 to π/2, both in fixed point: Taylor's series to the 25th power,
// whose remainder is below 2^-60 there.
func sin(x uint64) uint64 {
	const last = 24
	square := times(x, x)
	r := one
	for k := uint64(last); k >= 2; k -= 2 {
		r = one - times(square/(k*(k+1)), r)
	}
	return min(times(x, r), one)
}
