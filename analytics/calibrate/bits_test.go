package calibrate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/waybill-dev/waybill/analytics/canon"
)

// TestTheBitsAreThoseOfEveryMachine holds digests that amd64 and arm64 gave alike. The statistics come of
// integers alone, so that no generator's arithmetic is in them.
func TestTheBitsAreThoseOfEveryMachine(t *testing.T) {
	state := uint64(1)
	next := func(n uint64) int64 {
		state = state*6364136223846793005 + 1442695040888963407
		return int64((state >> 33) % n)
	}
	draw := func() []Stat {
		a, b := next(1_000), next(1_000)
		return []Stat{{"a", a * a * a / 1_000}, {"b", a * b}, {"c", max(0, b-900) * 10_000}}
	}
	all := make([][]Stat, 1_200)
	for i := range all {
		all[i] = draw()
		if i%12 == 0 {
			all[i][1].Value = 90_000_000
		}
	}
	table, err := Fit(all, Config{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	c := canon.Writer(text)
	streams := make([]*Stream, 0, 4)
	for _, m := range methods() {
		streams = append(streams, stream(t, m, 100_000))
	}
	for i := range 2_000 {
		s := draw()
		if i%20 == 0 {
			s[0].Value += next(50_000_000)
		}
		r := table.P(s)
		canon.Int(c, &r.P)
		canon.Int(c, &r.Score)
		for _, v := range streams {
			d := v.Next(r.P)
			canon.Int(c, &d.Level)
		}
	}
	for _, v := range streams {
		v.Code(c)
	}
	const want = "89df55512dc9a47c9de3e8a2ed14bff075ed41716b8065db5cdbce0e1b868eaf"
	sum := sha256.Sum256(c.Bytes())
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("%s, want %s; %d trimmed", got, want, table.Trimmed)
	}
}
