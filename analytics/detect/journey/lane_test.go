package journey

import (
	"math"
	"math/rand/v2"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const minute = 60_000

// fault is what is planted in a simulated journey, with its size in degrees or as said.
type fault struct {
	name string
	size float64
}

// lane simulates a temperature channel: a level of the journey's own, the lane's profile (a warm
// transfer in the middle), a compressor's cycle, the day, doors that open now and then, noise, and
// a logger's resolution. It is made up, and its figures are of no real lane.
func lane(seed uint64, readings int, step ledger.Millis, f fault) Readings {
	r := rand.New(rand.NewPCG(seed, 17))
	between := func(a, b float64) float64 { return a + (b-a)*r.Float64() }
	var out Readings
	level := 5 + 0.25*r.NormFloat64()
	swing, swingAt := between(0.05, 0.2), r.Float64()
	period, phase := between(18, 36), r.Float64()
	cycle := between(0.3, 0.5)
	door, open, next := 0.0, 0.0, between(40, 170)
	resolution := []float64{0.01, 0.05, 0.1}[r.IntN(3)]
	scale := float64(step) / minute
	begins := int(float64(readings) * between(0.3, 0.6))
	failed, ar := 0.0, 0.0
	seldom := max(1, float64(readings)*scale/720)
	for i := range readings {
		for left := scale; left > 0; left-- {
			m := min(left, 1)
			phase += m / period
			if phase >= 1 {
				phase--
				period = between(18, 36)
			}
			if next -= m; next <= 0 {
				open, next = between(2, 7), seldom*between(70, 260)
			}
			if open > 0 {
				open -= m
				door += (3 - door) * m / 4
			} else {
				door -= door * m / 8
			}
		}
		share := float64(i) / float64(readings)
		v := level + cycle*(4*math.Abs(phase-0.5)-1) + swing*math.Sin(2*math.Pi*(swingAt+float64(i)*scale/1440)) + door +
			0.6*math.Exp(-(share-0.55)*(share-0.55)/0.0025)
		ar = 0.7*ar + 0.05*r.NormFloat64()
		v += ar + 0.04*r.NormFloat64()
		since := float64(i-begins) * scale // minutes
		switch f.name {
		case "excursion": // two hours of a failed unit
			target := 0.0
			if since >= 0 && since < 120 {
				target = 1
			}
			failed += (target - failed) * min(1, scale/40)
			v += f.size * failed
		case "creep": // to its size at the end
			v += f.size * max(0, since) / (float64(readings-begins) * scale)
		case "step":
			if since >= 0 {
				v += f.size
			}
		case "doors": // left open for size minutes
			if since >= 0 && since < f.size {
				failed += (5 - failed) * min(1, scale/10)
			} else {
				failed -= failed * min(1, scale/10)
			}
			v += failed
		case "defrost": // the cycle stops: the level stays, the swing grows
			if since >= 0 && since < 180 {
				v += f.size * math.Sin(2*math.Pi*since/60)
			}
		case "whole": // the whole journey at another level
			v += f.size
		case "spikes":
			if since >= 0 && since < 60 && r.Float64() < 0.2 {
				v += f.size
			}
		}
		out.Times = append(out.Times, ledger.Millis(i)*step)
		out.Values = append(out.Values, int32(math.Round(math.Round(v/resolution)*resolution*1000)))
	}
	return out
}
