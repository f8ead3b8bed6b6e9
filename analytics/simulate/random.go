package simulate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// source gives a shipment its own stream of randomness, so that one shipment does not depend on
// how many others there are.
func source(seed uint64, parts ...string) *rand.Rand {
	sum := digest(seed, parts...)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16]))) //nolint:gosec // a simulation wants repeatable randomness
}

func digest(seed uint64, parts ...string) ledger.Digest {
	b := binary.BigEndian.AppendUint64(nil, seed)
	for _, p := range parts {
		b = strconv.AppendInt(b, int64(len(p)), 10)
		b = append(b, p...)
	}
	return sha256.Sum256(b)
}

// normal is nearly normal, mean 0 and deviation 1, by the sum of twelve uniform numbers of 16 bits:
// unlike rand's own it needs no function that rounds differently on other machines.
func normal(r *rand.Rand) float64 {
	sum := uint64(0)
	for range 3 {
		v := r.Uint64()
		sum += v>>48 + v>>32&0xffff + v>>16&0xffff + v&0xffff
	}
	return float64(sum+6)/(1<<16) - 6
}

// exponential has mean 1.
func exponential(r *rand.Rand) float64 {
	return -coldchain.Ln(float64(r.IntN(1<<30)+1) / (1 << 30))
}

// between is uniform, to the millionth of the interval.
func between(r *rand.Rand, low, high float64) float64 {
	return low + float64((high-low)*float64(r.IntN(1_000_001)))/1_000_000
}

// duration is uniform between two durations, to the second.
func duration(r *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low.Truncate(time.Second)
	}
	return (low + time.Duration(r.Int64N(int64(high-low)+1))).Truncate(time.Second)
}

// uuid is a version 4 UUID. The stream alone would give the same ones at every time: the run's
// digest tells them apart and leaves what the stream gives next, the readings, as it is.
func uuid(r *rand.Rand, run ledger.Digest) string {
	a := r.Uint64() ^ binary.BigEndian.Uint64(run[16:24])
	b := r.Uint64() ^ binary.BigEndian.Uint64(run[24:])
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	hex := func(v uint64, digits int) string {
		s := strconv.FormatUint(v, 16)
		for len(s) < digits {
			s = "0" + s
		}
		return s
	}
	h, l := hex(a, 16), hex(b, 16)
	return "urn:uuid:" + h[:8] + "-" + h[8:12] + "-" + h[12:] + "-" + l[:4] + "-" + l[4:]
}

// sscc is the URN of a run's n-th pallet. A run numbers its pallets from a place among the company's
// ten thousand million (an extension digit, nine digits of serial reference) that its digest decides.
func sscc(run ledger.Digest, n int) string {
	const all = 10_000_000_000
	serial := (binary.BigEndian.Uint64(run[8:16])%all + uint64(n)) % all //nolint:gosec // a pallet's number is not negative
	return fmt.Sprintf("urn:epc:id:sscc:%s.%010d", producerPrefix, serial)
}
